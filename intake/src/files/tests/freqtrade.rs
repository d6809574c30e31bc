//! What freqtrade writes, of any age and packed in any way.

use std::io::Write as _;

use super::*;

const TRADE: &str = r#""pair": "BTC/USDT", "open_date": "2021-05-03 20:45:00+00:00", "close_date": "2021-05-03 22:15:00+00:00",
    "open_rate": 503.46, "close_rate": 512.02, "amount": 0.19862551, "profit_abs": -6.12"#;

fn result(members: &str) -> String {
    format!(
        r#"{{"metadata": {{"A": {{"run_id": "x"}}}}, "strategy": {{"A": {{"trades": [{{{members}}}]}}}}}}"#
    )
}

#[test]
fn a_result_of_2020_says_percent_and_means_a_ratio() {
    let old = rows(result(&format!(r#"{TRADE}, "profit_percent": -0.0612, "sell_reason": "stop_loss""#)));
    let read = trade(&old[0]);
    assert_eq!((read.profit_pct, read.side), (dec("-6.12"), Side::Long));
    assert_eq!(read.exit_reason.as_deref(), Some("stop_loss"));
    let csv = FREQTRADE.replace("profit_ratio", "profit_percent");
    assert_eq!(trade(&rows(csv)[0]).profit_pct, dec("1.498501"));
}

#[test]
fn of_several_names_for_one_field_the_usual_one_counts() {
    let both = format!(
        r#"{TRADE}, "profit_ratio": 0.015, "close_profit": 0.015, "profit_pct": 1.5, "exit_reason": "roi", "sell_reason": "old""#
    );
    let read = rows(result(&both));
    assert_eq!(
        (trade(&read[0]).profit_pct, trade(&read[0]).exit_reason.as_deref()),
        (dec("1.5"), Some("roi"))
    );
    // Objects of one file may have other names than the first.
    let mixed = format!(
        r#"{{{TRADE}, "strategy": "A", "profit_percent": 0.1}}, {{{TRADE}, "strategy": "B", "profit_ratio": 0.2}}"#
    );
    let read = rows(format!("[{mixed}]"));
    assert_eq!((trade(&read[0]).profit_pct, trade(&read[1]).profit_pct), (dec("10"), dec("20")));
}

#[test]
fn nan_in_a_member_that_nobody_needs_refuses_nothing() {
    let read =
        rows(result(&format!(r#"{TRADE}, "profit_ratio": -0.1, "min_rate": NaN, "max_rate": -Infinity"#)));
    assert_eq!(trade(&read[0]).profit_pct, dec("-10"));
    let bad = rows(result(&format!(r#"{TRADE}, "profit_ratio": NaN"#)));
    let fault = bad[0].decoded.as_ref().unwrap_err();
    assert!(fault.strategy.as_deref() == Some("A") && fault.detail.contains("NaN"), "{fault:?}");
}

#[test]
fn lists_and_answers_hold_trades_and_open_positions_are_counted() {
    let closed =
        format!(r#"{{{TRADE}, "trade_id": 7, "strategy": "A", "is_open": false, "profit_ratio": 0.1}}"#);
    let open = closed.replace("false", "true").replace("\"trade_id\": 7", "\"trade_id\": 8");
    for (content, kind) in [
        (format!("[{closed}, {open}]"), FileFormat::Json),
        (
            format!(r#"{{"trades": [{open}, {closed}], "trades_count": 2, "offset": 0}}"#),
            FileFormat::FreqtradeJson,
        ),
        (format!("{closed}\n{open}\n"), FileFormat::Json),
        (format!("[{closed}, {}]", open.replace("true", "1")), FileFormat::Json),
    ] {
        let (_folder, path) = file(&content);
        let mut rows = TradeFile::open(&path, None, &format(&[]), Timestamp::default()).unwrap();
        let read: Vec<Row> = (&mut rows).map(|row| row.unwrap()).collect();
        assert_eq!((read.len(), rows.passed().open_positions), (1, 1), "{content}");
        assert_eq!((rows.format(), trade(&read[0]).trade_id.as_str()), (kind, "7"));
    }
}

#[test]
fn the_table_of_trades_is_read_with_its_own_names() {
    let table = "id,strategy,pair,is_open,open_rate,close_rate,close_profit,close_profit_abs,stake_amount,amount,open_date,\
        close_date,exit_reason,leverage,is_short,stake_currency\n\
        1,A,BTC/USDT,0,100,90,-0.1,-10,100,1,2024-01-01 10:00:00.000000,2024-01-01 11:00:00.000000,stop_loss,1,0,USDT\n\
        2,A,ETH/USDT,1,100,,,,100,1,2024-01-01 12:00:00.000000,,,1,0,USDT\n";
    let (_folder, path) = file(table);
    let mut rows = TradeFile::open(&path, None, &format(&[]), Timestamp::default()).unwrap();
    let read: Vec<Row> = (&mut rows).map(|row| row.unwrap()).collect();
    assert_eq!((read.len(), rows.passed().open_positions), (1, 1));
    let read = trade(&read[0]);
    assert_eq!((read.trade_id.as_str(), read.profit, read.profit_pct), ("1", dec("-10"), dec("-10")));
}

fn zip(members: &[(&str, &str)], method: zip::CompressionMethod) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        zip.start_file(*name, options).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn a_zipped_result_is_read_as_it_lies() {
    let members = [
        ("r-1_config.json", "{\"exchange\": {}, \"stake_currency\": \"USDT\"}"),
        ("r-1.json", BACKTEST),
        ("r-1_A.json", "{\"strategy_name\": \"A\", \"params\": {}}"),
        ("r-1_signals.pkl", "\u{80}"),
    ];
    for method in [zip::CompressionMethod::Deflated, zip::CompressionMethod::Stored] {
        assert_eq!(rows(zip(&members, method)), rows(BACKTEST));
    }
    let told = fault(zip(&[("a.csv", ""), ("b.csv", "")], zip::CompressionMethod::Stored), &[]);
    assert!(told.contains("several files"), "{told}");
}

#[test]
fn packed_files_are_read_and_broken_ones_told() {
    for content in [FREQTRADE, OURS, BACKTEST] {
        assert_eq!(rows(gzip(content.as_bytes())), rows(content));
    }
    let packed = gzip(FREQTRADE.repeat(3000).as_bytes());
    let (_folder, path) = file(&packed[..packed.len() / 2]);
    let broken: Vec<_> = TradeFile::open(&path, None, &format(&[]), Timestamp::default()).unwrap().collect();
    assert!(broken.last().unwrap().as_ref().unwrap_err().to_string().contains("cannot be read on"));
    let (_folder, path) = file(&zip(&[("a.csv", OURS)], zip::CompressionMethod::Deflated)[..40]);
    assert!(TradeFile::open(&path, None, &format(&[]), Timestamp::default()).is_err());
}
