//! What is no file of trades is told as what it is, with what to give instead.

use super::*;

#[test]
fn what_freqtrade_writes_beside_a_result_is_told_by_name() {
    for (content, what, instead) in [
        (r#"{"latest_backtest":"backtest-1.zip"}"#, "pointer", "/backtest-1.zip"),
        (r#"{"A": {"run_id": "x", "backtest_start_time": 1}}"#, ".meta.json", "backtest-result-"),
        (
            r#"{"max_open_trades": 3, "stake_currency": "USDT", "exchange": {"name": "x"}}"#,
            "configuration",
            "result",
        ),
        (r#"{"strategy_name": "A", "params": {"buy": {}}}"#, "parameters", "result"),
        (r#"[["BTC/USDT",0.0,1504459800.0,34,"roi"]]"#, "old form", "run the backtest again"),
        ("[[1504459800000, 1.0, 2.0, 0.5, 1.5, 100]]", "numbers", "closed trades"),
    ] {
        let fault = fault(content, &[]);
        assert!(fault.contains(what) && fault.contains(instead), "{fault}");
        assert!(!fault.contains("--format"), "a format that would not read it either: {fault}");
    }
}

#[test]
fn another_table_is_told_as_what_it_is_unless_its_columns_are_mapped() {
    let orders = "id,ft_trade_id,ft_order_side,ft_pair,order_id,symbol,side,price,amount,status\n1,1,buy,A/B,x,A/B,buy,1,1,closed\n";
    assert!(fault(orders, &[]).contains("a table of orders"));
    assert!(fault("timestamp,open,high,low,close,volume\n", &[]).contains("candles"));
    assert!(fault("symbol,side,quantity,fill_id,price\n", &[]).contains("fills"));
    assert!(fault("date,equity\n", &[]).contains("equity curve"));
    let mapped = fault(orders, &["trade_id=nowhere"]);
    assert!(mapped.contains("has no column nowhere") && mapped.contains("ft_trade_id"), "{mapped}");
    // With columns of orders, but a trade all the same.
    let more = OURS.replace("closed_at\n", "closed_at,order_id,status\n").replace("Z\n", "Z,x,closed\n");
    assert!(rows(more)[0].decoded.is_ok());
}

#[test]
fn encodings_and_packings_that_are_not_read_are_told() {
    let utf16: Vec<u8> = FREQTRADE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_mark = [b"\xFF\xFE".as_slice(), &utf16].concat();
    for (content, what) in [
        (utf16.as_slice(), "UTF-16"),
        (&with_mark, "UTF-16"),
        (b"strat\xE9gie,symbol,side\n", "Latin-1"),
        (b"SQLite format 3\0", "SQLite"),
        (b"PAR1xxxxxxxxxxxx", "Parquet"),
        (b"<html></html>", "web page"),
        (b"\x28\xB5\x2F\xFDxxxxxxxxxxxx", "zstd -dc"),
    ] {
        let fault = open(content, &[]).unwrap_err().to_string();
        assert!(fault.contains(what), "{what}: {fault}");
    }
}

#[test]
fn a_folder_of_results_names_the_latest() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".last_result.json"), r#"{"latest_backtest": "r-2.zip"}"#).unwrap();
    let fault = TradeFile::open(folder.path(), None, &format(&[]), Timestamp::default()).err().unwrap();
    assert!(fault.to_string().ends_with("/r-2.zip"), "{fault}");
}

#[test]
fn an_empty_file_is_told_and_one_without_rows_has_none() {
    for content in ["", " \n\r\n", "\u{FEFF}"] {
        assert!(open(content, &[]).unwrap_err().to_string().ends_with("is empty; give a file with trades"));
    }
    for content in [FREQTRADE, OURS] {
        assert_eq!(rows(content.lines().next().unwrap()), []);
    }
}
