//! The same trades as programs, spreadsheets and people write them down.

use super::*;

/// Rows, and what was passed over.
fn passed(content: impl AsRef<[u8]>, mappings: &[&str]) -> (Vec<Row>, super::super::Passed) {
    let (_folder, path) = file(content);
    let mut rows = TradeFile::open(&path, None, &format(mappings), Timestamp::default()).unwrap();
    let read = (&mut rows).map(|row| row.unwrap()).collect();
    (read, rows.passed().clone())
}

fn ids(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| trade(row).trade_id.as_str()).collect()
}

fn three() -> String {
    let row = OURS.lines().nth(1).unwrap();
    format!("{OURS}{}\n{}\n", row.replace("7,", "8,"), row.replace("7,", "9,"))
}

#[test]
fn rows_end_with_any_line_end_also_by_turns() {
    let lines: Vec<String> = three().lines().map(str::to_owned).collect();
    for ends in
        [["\r"; 4], ["\r\n"; 4], ["\n"; 4], ["\r", "\r\n", "\n", ""], ["\r\r", "\n\r\n", "\r", "\n\n"]]
    {
        let content: String = lines.iter().zip(ends).map(|(line, end)| format!("{line}{end}")).collect();
        let read = rows(&content);
        assert_eq!(ids(&read), ["7", "8", "9"], "{ends:?}");
        assert_eq!(read[2].number, 3);
    }
}

#[test]
fn records_in_lines_that_end_with_a_carriage_return_are_records() {
    let lines: Vec<_> = SampleTrades::new(1, 3).map(|trade| json::to_record(&trade).unwrap()).collect();
    assert_eq!(rows(lines.join(&b'\r')).iter().map(trade).count(), 3);
}

#[test]
fn a_carriage_return_inside_quotes_belongs_to_the_cell() {
    let content = three()
        .replace("closed_at\n", "closed_at,exit_reason\n")
        .replace("2025-01-02T00:00:00Z\n", "2025-01-02T00:00:00Z,\"one\rtwo\r\nthree\"\r");
    let read = rows(content);
    assert_eq!((read.len(), trade(&read[1]).exit_reason.as_deref()), (3, Some("one\rtwo\r\nthree")));
}

#[test]
fn a_spreadsheets_first_line_names_the_delimiter() {
    let semicolons = three().replace(',', ";");
    assert_eq!(ids(&rows(format!("sep=;\r\n{semicolons}"))), ["7", "8", "9"]);
    assert_eq!(ids(&rows(format!("\u{FEFF}sep=\t\n{}", three().replace(',', "\t")))), ["7", "8", "9"]);
    // Two exports one after the other.
    let (read, passed) =
        passed(format!("sep=;\n{semicolons}sep=;\n{}", semicolons.replace("rsi", "macd")), &[]);
    assert_eq!((ids(&read), passed.headers), (vec!["7", "8", "9", "7", "8", "9"], vec![4]));
}

#[test]
fn a_header_in_the_middle_is_passed_over_and_is_no_trade() {
    let (read, passed) = passed(format!("{}{OURS}", three()), &[]);
    assert_eq!((read.len(), &passed.headers, read[3].number), (4, &vec![4], 5));
    assert!(read.iter().all(|row| row.decoded.is_ok()));
}

#[test]
fn what_follows_another_header_is_read_by_it() {
    let turned = |line: &str| line.split(',').rev().collect::<Vec<_>>().join(",");
    let turned: Vec<String> = OURS.replace("7,", "10,").lines().map(turned).collect();
    let (read, passed) = passed(format!("{}{}\n", three(), turned.join("\n")), &[]);
    assert_eq!((ids(&read), passed.headers), (vec!["7", "8", "9", "10"], vec![4]));
    assert_eq!(trade(&read[3]).symbol, "ETH/BTC");
}

#[test]
fn rows_below_a_header_that_cannot_be_used_are_refused_and_not_guessed() {
    let second = OURS.replace("profit_pct", "account").replace("opened_at", "fee");
    let read = rows(format!("{}{second}", three()));
    assert_eq!(read.iter().filter(|row| row.decoded.is_ok()).count(), 3);
    let fault = read[3].decoded.as_ref().unwrap_err();
    assert!(
        fault.detail.contains("another header stands here") && fault.strategy.is_none(),
        "{}",
        fault.detail
    );
    assert!(read[4].decoded.as_ref().is_err_and(|fault| fault.detail.contains("missing")));
}

#[test]
fn words_for_yes_and_no_are_understood_in_any_case() {
    for (word, side) in [
        ("TRUE", Side::Short),
        ("True", Side::Short),
        ("yes", Side::Short),
        ("1", Side::Short),
        ("FALSE", Side::Long),
        ("no", Side::Long),
        ("0.0", Side::Long),
    ] {
        assert_eq!(trade(&rows(FREQTRADE.replace(",0,0.0149", &format!(",{word},0.0149")))[0]).side, side);
    }
    let odd = rows(FREQTRADE.replace(",0,0.0149", ",maybe,0.0149"));
    let fault = odd[0].decoded.as_ref().unwrap_err();
    assert!(fault.detail.contains("column is_short (side) is \"maybe\""), "{}", fault.detail);
}

#[test]
fn delimiters_at_the_end_and_rows_of_nothing_else_are_no_fault() {
    let (header, rest) = OURS.split_once('\n').unwrap();
    let row = rest.trim_end();
    for content in [
        format!("{header}\n{row},\n,,,,,,,,,,\n"),
        format!("{header},\n{row}\n"),
        format!("{header},,\n{row},\n , ,,,,\n"),
    ] {
        assert_eq!(ids(&rows(&content)), ["7"], "{content}");
    }
    let more = rows(format!("{header}\n{row},x\n"));
    assert!(more[0].decoded.as_ref().unwrap_err().detail.contains("has 11 cells, the header has 10"));
}

#[test]
fn positions_that_are_still_open_are_counted_and_no_dead_letters() {
    let (header, row) = OURS.split_once('\n').unwrap();
    let row = row.trim_end();
    let with = |name: &str, cells: [&str; 3]| {
        let rows: Vec<String> = cells.iter().map(|cell| format!("{row},{cell}\n")).collect();
        passed(format!("{header},{name}\n{}", rows.concat()), &[])
    };
    for (name, cells) in [("is_open", ["1", "0", "False"]), ("Status", ["Open", "Closed", "closed"])] {
        let (read, passed) = with(name, cells);
        assert_eq!((read.len(), passed.open_positions, read[0].number), (2, 1, 2), "{name}");
    }
    // Without a word about it: opened, and neither a close nor a profit.
    let unfinished = row.replace(",-3,", ",-,").replace("2025-01-02T00:00:00Z", "-");
    let (read, passed) = passed(format!("{OURS}{unfinished}\n"), &[]);
    assert_eq!((read.len(), passed.open_positions), (1, 1));
    // A close that is only missing may be a loss: that is a fault.
    let lost = rows(format!("{OURS}{}\n", row.replace("2025-01-02T00:00:00Z", "")));
    assert!(lost[1].decoded.as_ref().unwrap_err().detail.contains("missing: column closed_at"));
}

#[test]
fn a_row_in_latin_1_says_so() {
    let mut content = OURS.as_bytes().to_vec();
    content.extend(
        OURS.lines().nth(1).unwrap().replace("rsi", "caf?").bytes().map(|b| if b == b'?' { 0xE9 } else { b }),
    );
    let fault = rows(content)[1].decoded.clone().unwrap_err();
    assert!(
        fault.reason == RejectReason::NotUtf8 && fault.detail.contains("iconv -f WINDOWS-1252"),
        "{fault:?}"
    );
}

#[test]
fn objects_in_a_list_or_over_several_lines_are_trades() {
    let objects: Vec<_> = SampleTrades::new(3, 2).map(|trade| json::to_record(&trade).unwrap()).collect();
    let list = [b"[".as_slice(), &objects.join(&b",\n"[..]), b"]"].concat();
    let pretty: Vec<String> = objects
        .iter()
        .map(|object| serde_json::from_slice::<serde_json::Value>(object).unwrap())
        .map(|object| serde_json::to_string_pretty(&object).unwrap())
        .collect();
    for content in [list, pretty.join("\n").into_bytes()] {
        let (kind, read) = open(&content, &[]).unwrap();
        let trades: Vec<_> = read.iter().map(trade).cloned().collect();
        assert_eq!((kind, trades), (FileFormat::Json, SampleTrades::new(3, 2).collect()));
    }
    assert_eq!(open("[]", &[]).unwrap(), (FileFormat::Json, vec![]));
    assert!(
        open("[{\"trade_id\": 1},", &[]).unwrap().1[1]
            .decoded
            .as_ref()
            .unwrap_err()
            .detail
            .contains("breaks off")
    );
}
