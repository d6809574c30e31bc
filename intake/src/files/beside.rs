//! What people give in place of a file of trades: told by name, with what to give instead.

use super::FileError;

/// What a file is, and what to give instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Beside {
    what: String,
    instead: String,
}

impl Beside {
    pub(super) fn new(what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { what: what.into(), instead: instead.into() }
    }

    pub(super) fn of(self, file: &str) -> FileError {
        FileError::Beside { file: file.to_owned(), what: self.what, instead: self.instead }
    }
}

const RESULT: &str =
    "give the backtest-result-….zip or .json that freqtrade backtesting --export trades writes";
const AS_CSV: &str = "write it as CSV and give that";

/// What starts with these bytes is no text.
const MAGIC: [(&[u8], &str, &str); 17] = [
    (b"PAR1", "a Parquet file", AS_CSV),
    (b"ARROW1", "a Feather file, as freqtrade keeps candles and market changes in", RESULT),
    (b"FEA1", "a Feather file", AS_CSV),
    (b"\x80\x02", "a Python pickle, as freqtrade keeps signals in", RESULT),
    (b"\x80\x03", "a Python pickle, as freqtrade keeps signals in", RESULT),
    (b"\x80\x04", "a Python pickle, as freqtrade keeps signals in", RESULT),
    (b"\x80\x05", "a Python pickle, as freqtrade keeps signals in", RESULT),
    (
        b"SQLite format 3\0",
        "an SQLite database",
        "export its trades: sqlite3 -header -csv FILE 'SELECT * FROM trades' > trades.csv",
    ),
    (b"\xD0\xCF\x11\xE0", "an old Excel workbook", "save the sheet with the trades as CSV UTF-8"),
    (b"\x89HDF\r\n", "an HDF5 file", AS_CSV),
    (b"\x28\xB5\x2F\xFD", "packed with zstd", "unpack it on the way: zstd -dc FILE | tradewarden … -"),
    (b"BZh", "packed with bzip2", "unpack it on the way: bzip2 -dc FILE | tradewarden … -"),
    (b"\xFD7zXZ", "packed with xz", "unpack it on the way: xz -dc FILE | tradewarden … -"),
    (b"7z\xBC\xAF", "a 7z archive", "unpack it and give the file with the trades"),
    (b"Rar!", "a RAR archive", "unpack it and give the file with the trades"),
    (b"%PDF", "a PDF", "give the table of trades as CSV"),
    (b"\x89PNG", "a picture", "give the table of trades as CSV"),
];

/// What the first bytes tell, where they are not those of a text in UTF-8.
pub(super) fn by_bytes(head: &[u8]) -> Option<Beside> {
    if let Some(encoding) = encoding_of(head) {
        return Some(Beside::new(format!("written in {encoding}"), utf8_from(encoding)));
    }
    if let Some((_, what, instead)) = MAGIC.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Some(Beside::new(*what, *instead));
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some(Beside::new("a tar archive", "unpack it and give the file with the trades"));
    }
    let text = head.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(head).trim_ascii_start();
    text.starts_with(b"<").then(|| {
        let instead = "open it in a browser or spreadsheet and save the table of closed trades as CSV UTF-8";
        Beside::new("a web page or XML, as MetaTrader's reports are", instead)
    })
}

fn encoding_of(head: &[u8]) -> Option<&'static str> {
    match *head {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Some("UTF-32"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("UTF-16"),
        [a, 0, 0, 0, b, 0, 0, 0, ..] | [0, 0, 0, a, 0, 0, 0, b, ..] if a > 0 && b > 0 => Some("UTF-32"),
        [a, 0, b, 0, ..] | [0, a, 0, b, ..] if a > 0 && b > 0 => Some("UTF-16"),
        _ => None,
    }
}

fn utf8_from(encoding: &str) -> String {
    format!("save it as UTF-8, or pass it on so: iconv -f {encoding} -t UTF-8 FILE | tradewarden … -")
}

/// A text that is not UTF-8.
pub(super) fn not_utf8() -> Beside {
    Beside::new("not written in UTF-8, but probably in Latin-1 or Windows-1252", utf8_from("WINDOWS-1252"))
}

/// freqtrade's pointer to its latest result.
pub(super) fn pointer(file: &str, latest: &str) -> Beside {
    let folder = file.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
    Beside::new(
        "not a result but freqtrade's pointer to the latest one",
        format!("give the file that it names: {folder}{latest}"),
    )
}

/// A list of lists; `text` says whether the inner ones begin with a text.
pub(super) fn list_of_lists(text: bool) -> Beside {
    if text {
        let instead =
            "run the backtest again with a freqtrade of 2020-07 or later and give the result that it exports";
        return Beside::new(
            "a result in freqtrade's old form (a list of lists, before 2020), which does not say who traded how much",
            instead,
        );
    }
    Beside::new("a list of lists of numbers, as candles are", CLOSED)
}

const CLOSED: &str = "give a table of closed trades, one row from entry to exit, with profit";

/// What an object of JSON is by the names of its members, and by those of the first member that is an object.
pub(super) fn by_members(names: &[String], inner: &[String]) -> Option<Beside> {
    let has = |name: &str| names.iter().any(|known| known == name);
    let within = |name: &str| inner.iter().any(|known| known == name);
    if within("run_id") || within("backtest_start_time") {
        return Some(Beside::new("the description beside a result of freqtrade (.meta.json)", RESULT));
    }
    if has("exchange") && (has("stake_currency") || has("pairlists") || has("max_open_trades")) {
        return Some(Beside::new("a configuration of freqtrade", RESULT));
    }
    if has("strategy_name") && has("params") {
        return Some(Beside::new("the parameters of a strategy of freqtrade", RESULT));
    }
    if has("params_dict") && (has("loss") || has("results_metrics")) {
        return Some(Beside::new("the epochs of a hyperopt of freqtrade", RESULT));
    }
    by_columns(names)
}

/// What a table is by its columns, when it is none of trades.
pub(super) fn by_columns<S: AsRef<str>>(columns: &[S]) -> Option<Beside> {
    let plain = |name: &str| -> String {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let columns: Vec<String> = columns.iter().map(|name| plain(name.as_ref())).collect();
    let has = |name: &str| columns.iter().any(|known| known == name);
    let any = |names: &[&str]| names.iter().any(|name| has(name));
    let told = |what: &str| Some(Beside::new(what, CLOSED));
    if ["open", "high", "low", "close"].iter().all(|name| has(name)) {
        return told("a table of candles");
    }
    let profit = any(&["profit", "pnl", "profitabs", "closeprofit", "profitratio", "profitpct", "netprofit"]);
    if any(&["ftorderside", "ftpair"]) || any(&["orderid", "clientorderid"]) && any(ORDER) && !profit {
        return told("a table of orders, of which a trade has two or more");
    }
    if any(&["fillid", "execid", "executionid", "isbuyer", "ismaker", "takerormaker", "liquidity"]) && !profit
    {
        return told("a table of fills, of which an order has one or more");
    }
    if any(&["profitmean", "profitsum", "profittotal"]) && any(&["wins", "losses", "trades"]) {
        return told("a summary, not the trades themselves");
    }
    if any(&["equity", "balance", "drawdown", "totalbalance", "portfoliovalue", "nav", "equitycurve"])
        && !any(&["symbol", "pair", "ticker", "instrument", "market", "marketname"])
    {
        return told("an equity curve");
    }
    if any(&["enterlong", "exitlong", "entershort", "buysignal"]) {
        return told("a table of signals");
    }
    None
}

/// Columns of orders that trades do not have.
const ORDER: &[&str] = &[
    "status",
    "orderstatus",
    "ordertype",
    "filled",
    "executedqty",
    "remaining",
    "timeinforce",
    "limitprice",
    "type",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn told(beside: Option<Beside>) -> String {
        beside.map(|beside| beside.of("f").to_string()).unwrap_or_default()
    }

    #[test]
    fn encodings_are_told_by_name_with_or_without_a_mark() {
        for (head, encoding) in [
            (&b"\xFF\xFEs\0t\0"[..], "UTF-16"),
            (b"\xFE\xFF\0s\0t", "UTF-16"),
            (b"s\0t\0r\0a\0", "UTF-16"),
            (b"\xFF\xFE\0\0s\0\0\0", "UTF-32"),
            (b"\0\0\xFE\xFF\0\0\0s", "UTF-32"),
        ] {
            let told = told(by_bytes(head));
            assert!(told.contains(&format!("written in {encoding}; save it as UTF-8")), "{told}");
        }
        assert_eq!(by_bytes(b"\xEF\xBB\xBFstrategy,pair"), None);
    }

    #[test]
    fn what_is_no_text_is_told_by_its_first_bytes() {
        for (head, what) in [
            (&b"PAR1\x15\x04"[..], "Parquet"),
            (b"ARROW1\0\0", "Feather"),
            (b"\x80\x04\x95\x10", "pickle"),
            (b"SQLite format 3\0\x10\0", "SELECT * FROM trades"),
            (b"\xEF\xBB\xBF <!DOCTYPE html>", "web page"),
        ] {
            assert!(told(by_bytes(head)).contains(what), "{what}");
        }
    }

    #[test]
    fn other_tables_are_told_by_their_columns_and_tables_of_trades_are_not() {
        for (columns, what) in [
            (&["ts_ms", "Open", "High", "Low", "Close", "Volume"][..], "candles"),
            (&["id", "ft_trade_id", "ft_order_side", "ft_pair", "order_id"], "orders"),
            (&["Order ID", "Symbol", "Side", "Order Type", "Filled", "Price"], "orders"),
            (&["symbol", "orderId", "price", "qty", "commission", "isBuyer"], "fills"),
            (&["date", "equity", "drawdown"], "equity curve"),
            (&["key", "trades", "profit_mean", "wins"], "summary"),
        ] {
            assert!(told(by_columns(columns)).contains(what), "{what}");
        }
        for columns in [
            &["market", "side", "entry_time", "exit_time", "leverage", "pnl", "paper_equity"][..],
            &["order_id", "symbol", "side", "status", "entry_price", "profit"],
        ] {
            assert_eq!(by_columns(columns), None, "{columns:?}");
        }
    }
}
