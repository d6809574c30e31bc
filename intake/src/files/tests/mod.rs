//! Given a file, when it is opened, then these rows or this error.

mod beside;
mod forms;
mod freqtrade;

use std::{fs, path::PathBuf};

use events::{Decimal, RejectReason, Side, Timestamp, TradeClosed, Uuid, decimal};
use proptest::prelude::*;
use store::{EventLog as _, Expected, MemoryLog};
use tempfile::TempDir;

use super::{FileError, FileFormat, Row, TradeFile};
use crate::{
    FieldMapping, TradeFormat,
    admit::{Admission, Counts, Incoming, Place, RawBytes},
    json,
    sample::SampleTrades,
};

const FREQTRADE: &str = "pair,strategy,open_date,close_date,open_rate,close_rate,amount,stake_amount,leverage,is_short,\
    profit_ratio,profit_abs,exit_reason\n\
    BTC/USDT,A,2021-05-03 20:45:00,2021-05-03 22:15:00.5,503.46,512.02,0.19862551,100.0,1.0,0,0.01498501,1.49999999,roi\n";

const OURS: &str = "trade_id,strategy,symbol,side,quantity,entry_price,profit,profit_pct,opened_at,closed_at\n\
    7,rsi,ETH/BTC,short,1,2,-3,-4.5,2025-01-01T00:00:00+01:00,2025-01-02T00:00:00Z\n";

const BACKTEST: &str = r#"{"metadata": {"x": ["{", 1]}, "strategy": {"A": {"total": 2, "trades": [
    {"pair": "BTC/USDT", "open_date": "2021-05-03 20:45:00+00:00", "close_date": "2021-05-03 22:15:00+00:00",
     "open_rate": 503.46, "close_rate": 512.02, "amount": 0.19862551, "profit_ratio": 0.01498501,
     "profit_abs": 1.49999999, "exit_reason": "roi", "is_short": true, "leverage": 1.0, "orders": [{"amount": 9}]},
    {"pair": "BTC/USDT", "open_rate": -1}
    ], "best_pair": {}}, "B": {"trades": []}}, "strategy_comparison": []}"#;

/// A file in a folder that goes with it.
fn file(content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trades.csv");
    fs::write(&path, content).unwrap();
    (folder, path)
}

fn format(mappings: &[&str]) -> TradeFormat {
    let mapping = FieldMapping::parse(mappings).unwrap();
    TradeFormat { mapping, future_tolerance: None, ..TradeFormat::default() }
}

fn open(content: impl AsRef<[u8]>, mappings: &[&str]) -> Result<(FileFormat, Vec<Row>), FileError> {
    let (_folder, path) = file(content);
    let rows = TradeFile::open(&path, None, &format(mappings), Timestamp::default())?;
    Ok((rows.format(), rows.map(|row| row.unwrap()).collect()))
}

fn rows(content: impl AsRef<[u8]>) -> Vec<Row> {
    open(content, &[]).unwrap().1
}

fn trade(row: &Row) -> &TradeClosed {
    row.decoded.as_ref().unwrap()
}

fn fault(content: impl AsRef<[u8]>, mappings: &[&str]) -> String {
    open(content, mappings).unwrap_err().to_string().split_once("trades.csv ").unwrap().1.to_owned()
}

fn dec(text: &str) -> Decimal {
    decimal::parse(text).unwrap()
}

#[test]
fn the_kind_is_recognised_by_content() {
    let jsonl = r#"{"trade_id":1,"strategy":"a"}"#;
    for (content, kind) in [
        (FREQTRADE, FileFormat::FreqtradeCsv),
        (OURS, FileFormat::Csv),
        (BACKTEST, FileFormat::FreqtradeJson),
        (jsonl, FileFormat::JsonLines),
        ("\u{FEFF}{}", FileFormat::JsonLines),
    ] {
        assert_eq!(open(content, &[]).unwrap().0, kind, "{content}");
    }
}

#[test]
fn freqtrades_csv_is_converted_exactly() {
    let rows = rows(FREQTRADE);
    let read = trade(&rows[0]);
    assert_eq!(
        (read.profit_pct, read.profit, read.quantity),
        (dec("1.498501"), dec("1.49999999"), dec("0.19862551"))
    );
    assert_eq!(
        (read.side, read.exit_price, read.currency.as_deref()),
        (Side::Long, Some(dec("512.02")), Some("USDT"))
    );
    assert_eq!(read.closed_at, Timestamp::parse("2021-05-03T22:15:00.5Z").unwrap());
    assert_eq!((read.trade_id.len(), read.exit_reason.as_deref()), (36, Some("roi")));
    assert_eq!(rows[0].bytes, FREQTRADE.lines().nth(1).unwrap().as_bytes());
}

#[test]
fn freqtrades_result_gives_the_trades_of_every_strategy() {
    let rows = rows(BACKTEST);
    let read = trade(&rows[0]);
    assert_eq!((read.strategy.as_str(), read.side, read.profit_pct), ("A", Side::Short, dec("1.498501")));
    assert_eq!(read.closed_at, Timestamp::parse("2021-05-03T22:15:00Z").unwrap());
    let bad = rows[1].decoded.as_ref().unwrap_err();
    assert_eq!((rows.len(), bad.strategy.as_deref(), bad.trade_id.as_deref()), (2, Some("A"), None));
    assert!(bad.detail.contains("column amount (quantity), column profit_abs (profit)"), "{}", bad.detail);
    assert_eq!(rows[1].bytes, br#"{"pair": "BTC/USDT", "open_rate": -1}"#);
}

#[test]
fn both_files_of_freqtrade_give_the_same_ids() {
    let csv = FREQTRADE.replace(",0,0.0149", ",1,0.0149").replace("22:15:00.5", "22:15:00");
    assert_eq!(trade(&rows(csv)[0]).trade_id, trade(&rows(BACKTEST)[0]).trade_id);
}

#[test]
fn a_csv_with_our_names_has_its_columns_in_any_order_and_ignores_others() {
    let read = rows(OURS);
    assert_eq!((trade(&read[0]).trade_id.as_str(), trade(&read[0]).side), ("7", Side::Short));
    assert_eq!(trade(&read[0]).opened_at, Timestamp::parse("2024-12-31T23:00:00Z").unwrap());
    let turned = |line: &str| line.split(',').rev().chain(["x"]).collect::<Vec<_>>().join(";");
    let turned: Vec<String> = OURS.lines().map(turned).collect();
    assert_eq!(trade(&rows(turned.join("\r\n"))[0]), trade(&read[0]));
}

#[test]
fn json_lines_are_records_as_on_the_topic() {
    let trades: Vec<_> = SampleTrades::new(1, 20).collect();
    let lines: Vec<_> = trades.iter().map(|trade| json::to_record(trade).unwrap()).collect();
    let read = rows(lines.join(&b"\n\n"[..]));
    assert_eq!(read.iter().map(trade).collect::<Vec<_>>(), trades.iter().collect::<Vec<_>>());
    assert_eq!(read[19].number, 20);
}

#[test]
fn a_bad_row_names_column_and_value_and_the_rest_is_read() {
    let good = OURS.lines().nth(1).unwrap();
    let bad = [
        (good.replace("7,rsi", "8,"), "missing: column strategy"),
        (good.replace(",short,1,", ",short,-1,"), "column quantity is \"-1\": it must be above 0"),
        (good.replace(",-3,", ",nan,"), "column profit is \"nan\": not a decimal number"),
        (good.replace(",-3,", ","), "the row has 9 cells, the header has 10"),
        (good.replace("rsi", "\"rsi"), "a quote is opened and not closed"),
    ];
    for (row, told) in bad {
        let read = rows(format!("{OURS}{row}\n{}\n", good.replace("7,", "9,")));
        let fault = read[1].decoded.as_ref().unwrap_err();
        assert!(fault.detail.contains(told), "{}", fault.detail);
        assert_eq!((read.len(), read[1].bytes.as_slice()), (3, row.as_bytes()));
        assert_eq!((trade(&read[2]).trade_id.as_str(), read[2].number), ("9", 3));
    }
}

#[test]
fn a_row_that_is_not_utf_8_or_too_long_costs_only_itself() {
    let good = OURS.lines().nth(1).unwrap();
    let mut content = OURS.as_bytes().to_vec();
    content.extend(b"\xff\xff\n");
    content.extend(vec![b'x'; 2 << 20]);
    content.extend(format!("\n{good}\n").bytes());
    let read = rows(content);
    let reason = |row: &Row| row.decoded.as_ref().map_err(|fault| fault.reason).err();
    let reasons: Vec<_> = read.iter().map(reason).collect();
    assert_eq!(reasons, [None, Some(RejectReason::NotUtf8), Some(RejectReason::TooLarge), None]);
    assert_eq!(read[2].bytes.len(), 1 << 20);
}

#[test]
fn line_ends_inside_quotes_belong_to_the_row() {
    let content = OURS
        .replace("closed_at\n", "closed_at,exit_reason\n")
        .replace("Z\n", "Z,\"two\nlines, \"\"x\"\"\"\n");
    assert_eq!(trade(&rows(content)[0]).exit_reason.as_deref(), Some("two\nlines, \"x\""));
}

#[test]
fn equal_rows_without_ids_are_trades_of_their_own() {
    let row = FREQTRADE.lines().nth(1).unwrap();
    let read = rows(format!("{FREQTRADE}{row}\n"));
    assert_eq!(trade(&read[1]).trade_id, format!("{}#2", trade(&read[0]).trade_id));
}

#[test]
fn the_users_columns_and_constants_stand_for_ours() {
    let content = OURS.replace("symbol", "market").replace("trade_id", "id").replace("strategy,", "bot,");
    let mappings = ["symbol=market", "strategy==mine", "currency==EUR"];
    let (_, read) = open(&content, &mappings).unwrap();
    let read = trade(&read[0]);
    assert_eq!(
        (read.strategy.as_str(), read.symbol.as_str(), read.currency.as_deref()),
        ("mine", "ETH/BTC", Some("EUR"))
    );
    assert_eq!(read.trade_id, "7");
}

#[test]
fn a_column_that_is_missing_is_told_with_the_nearest_one_and_the_remedy() {
    let told = fault(OURS.replace("profit_pct", "profit_percent"), &[]);
    assert!(
        told.starts_with("has neither a column profit_pct nor profit_ratio, the nearest is profit_percent;"),
        "{told}"
    );
    assert!(told.contains("--map profit_pct=COLUMN") && told.contains("--map profit_ratio=COLUMN"), "{told}");
    let told = fault(OURS.replace("quantity", "quantities"), &[]);
    assert!(told.starts_with("has no column quantity, the nearest is quantities;"), "{told}");
    assert!(told.contains("--map quantity=COLUMN or set it with --map quantity==TEXT"), "{told}");
    let told = fault(OURS, &["model=modell"]);
    assert!(told.starts_with("has no column modell"), "{told}");
    let told = fault(OURS.replace("profit_pct", "profit"), &["profit_pct==1"]);
    assert!(told.starts_with("has column profit twice"), "{told}");
}

#[test]
fn a_file_of_no_known_kind_is_told_with_what_would_be_understood() {
    for (content, told) in [
        ("[1]", "a JSON list"),
        ("hello world\n", "it starts with \"hello world\""),
        ("ts,first,last\n1,2,3\n", "it starts with \"ts,first,last\""),
    ] {
        let fault = fault(content, &[]);
        assert!(fault.contains(told) && fault.contains("--format jsonl|csv|json|freqtrade-csv"), "{fault}");
    }
}

#[test]
fn a_missing_file_and_a_folder_are_told_by_name() {
    let (folder, path) = file("");
    for (path, told) in [
        (path.with_extension("nowhere"), "cannot be opened"),
        (folder.path().to_path_buf(), "is a folder; give the files in it"),
    ] {
        let fault =
            TradeFile::open(&path, None, &format(&[]), Timestamp::default()).err().unwrap().to_string();
        assert!(fault.starts_with(&format!("{} {told}", path.display())), "{fault}");
    }
}

#[test]
fn a_format_is_forced_by_its_name() {
    let (_folder, path) = file(OURS);
    let forced = TradeFile::open(&path, Some("jsonl".parse().unwrap()), &format(&[]), Timestamp::default());
    assert!(forced.unwrap().all(|row| row.unwrap().decoded.is_err()));
    let fault = "freqtrade".parse::<FileFormat>().unwrap_err();
    assert!(fault.contains("did you mean freqtrade-csv?"), "{fault}");
}

#[test]
fn every_row_of_a_file_becomes_a_fact_a_duplicate_or_a_dead_letter_and_never_two() {
    let good = OURS.lines().nth(1).unwrap();
    let rows =
        rows(format!("{OURS}{good}\n{}\nbad\n\n{}\n", good.replace("-3", "9"), good.replace("7,", "8,")));
    let log = MemoryLog::new();
    let admission = Admission { stream: "import".into(), producer: "import".into(), run_id: Uuid::nil() };
    let admit = || {
        let candidates = rows.iter().map(|row| {
            let place = Place::File { file: "trades.csv", row: row.number };
            let decoded = row.decoded.clone();
            admission
                .prepare(Incoming { place, raw: RawBytes { key: None, value: &row.bytes }, decoded })
                .unwrap()
        });
        let candidates = candidates.collect();
        admission.admit(&log, Expected::Any, Timestamp::default(), candidates).unwrap().counts()
    };
    assert_eq!(admit(), Counts { taken: 2, duplicate: 1, rejected: 2 });
    assert_eq!(admit(), Counts { taken: 0, duplicate: 5, rejected: 0 });
    assert_eq!(log.head(), 4);
}

proptest! {
    #[test]
    fn every_row_of_any_file_is_accounted_for(
        lines in proptest::collection::vec("[a-z0-9\",;\\[{}é]{0,12}", 0..12),
        header in prop_oneof![Just(FREQTRADE), Just(OURS), Just(BACKTEST), Just("{}\n")],
    ) {
        let content = format!("{header}{}", lines.join("\n"));
        let read = rows(&content);
        prop_assert!(read.iter().zip(1..).all(|(row, number)| row.number == number));
        if header != BACKTEST {
            // Rows are the lines that hold something; those in quotes may be joined, but no byte is lost.
            let skip = usize::from(header != "{}\n");
            let holds = |byte: &&u8| !byte.is_ascii_whitespace() && !matches!(byte, b',' | b'"');
            let filled = |bytes: &[u8]| bytes.iter().filter(holds).count();
            let expected: usize = content.lines().skip(skip).map(|line| filled(line.as_bytes())).sum();
            prop_assert_eq!(read.iter().map(|row| filled(&row.bytes)).sum::<usize>(), expected);
        }
    }

    #[test]
    fn any_bytes_are_rows_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0_usize..5) {
        let (_folder, path) = file(&bytes);
        for forced in [None, Some(FileFormat::ALL[kind])] {
            if let Ok(rows) = TradeFile::open(&path, forced, &format(&[]), Timestamp::default()) {
                // A result that breaks off, be it empty, ends with a bad row that stands for no byte.
                let broken_off =
                    usize::from(matches!(rows.format(), FileFormat::Json | FileFormat::FreqtradeJson));
                prop_assert!(rows.count() <= bytes.len() + broken_off);
            }
        }
    }

    #[test]
    fn a_result_of_freqtrade_that_breaks_off_or_changes_anywhere_is_read_as_far_as_it_goes(
        at in 0_usize..800, byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut bytes = BACKTEST.as_bytes().to_vec();
        let at = at % bytes.len();
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        let (_folder, path) = file(&bytes);
        let rows = TradeFile::open(&path, Some(FileFormat::FreqtradeJson), &format(&[]), Timestamp::default()).unwrap();
        let rows: Vec<_> = rows.map(|row| row.unwrap()).collect();
        prop_assert!(rows.len() <= 4);
        prop_assert!(!cut || rows.last().is_some_and(|row| row.decoded.is_err()), "a cut file has a bad row at its end");
    }
}
