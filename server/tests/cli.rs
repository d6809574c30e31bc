//! The binary as its users see it: standard output, standard error, exit codes.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]

// Each file of tests uses a part of the support.
#[allow(dead_code)]
mod support;

use std::{fs, net::TcpListener};

use serde_json::Value;
use support::{Home, losing_trades};

#[test]
fn a_wrong_configuration_is_told_whole_and_exits_with_2() {
    let home = Home::new();
    let file = home.file("t.toml", "[strategy_guard]\nmax_daily_los_pct = 5\nmin_win_rate_pct = 130\n");
    let checked = home.run(&["config", "check", "--config", &file]);
    assert_eq!(checked.code, 2, "{checked:?}");
    assert!(checked.out.is_empty());
    let told = &checked.err;
    assert!(
        told.contains("2 faults") && told.contains("nearest one is strategy_guard.max_daily_loss_pct"),
        "{told}"
    );
    assert!(told.contains(&format!("{file}: strategy_guard.min_win_rate_pct = 130: wanted is")), "{told}");
    // Every command refuses it, not only the check.
    assert_eq!(home.run(&["decisions", "--config", &file]).code, 2);
    let missing = home.run(&["config", "check", "--config", "nowhere.toml"]);
    assert!(missing.code == 2 && missing.err.contains("nowhere.toml: cannot be read"), "{missing:?}");
}

#[test]
fn the_default_configuration_is_printed_and_good() {
    let home = Home::new();
    let default = home.run(&["config", "default"]);
    assert_eq!(default.code, 0);
    let file = home.file("default.toml", &default.out);
    let checked = home.run(&["config", "check", "--config", &file]);
    assert_eq!((checked.code, checked.out.as_str()), (0, "good\n"), "{checked:?}");
}

#[test]
fn missing_folders_and_files_are_told_with_what_to_do() {
    let home = Home::new();
    let nothing = home.run(&["strategies"]);
    assert_eq!(nothing.code, 1);
    assert!(
        nothing.err.contains("there is no event log in") && nothing.err.contains("tradewarden run"),
        "{nothing:?}"
    );
    assert!(!home.data().exists(), "a question made a folder");
    let missing = home.run(&["rehearse", "nowhere.csv"]);
    assert_eq!(missing.code, 2);
    assert!(missing.err.contains("nowhere.csv"), "{missing:?}");
    let alone = home.run(&["publish", &home.file("t.jsonl", &losing_trades(1))]);
    assert_eq!(alone.code, 1);
    assert!(alone.err.contains("no server runs on") && alone.err.contains("tradewarden run"), "{alone:?}");
}

#[test]
fn a_port_in_use_and_a_folder_in_use_are_told() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = home.run(&["run", "--set", &format!("server.listen={address}")]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains(&address) && refused.err.contains("another process listens there"),
        "{refused:?}"
    );
    assert!(refused.err.contains("--set server.listen=127.0.0.1:0"), "{refused:?}");
    let server = home.serve();
    let second = home.run(&["run", "--set", "server.listen=127.0.0.1:0"]);
    assert_eq!(second.code, 1);
    assert!(second.err.contains(&format!("is in use by process {}", server.pid())), "{second:?}");
}

#[test]
fn trades_that_are_published_over_http_are_decided_on_and_the_server_stops_cleanly() {
    let home = Home::new();
    let mut server = home.serve();
    let published = home.run(&["publish", "--json", &home.file("t.jsonl", &losing_trades(11))]);
    assert_eq!(published.code, 0, "{published:?}");
    assert_eq!(published.json()[0]["taken"], 11, "{published:?}");
    let halted =
        home.until(&["decisions", "--type", "StrategyDisabled", "--json"], |found| !found.out.is_empty());
    let halted = &halted.json()[0];
    assert_eq!(halted["event"]["rules"][0]["rule"], "consecutive_losses", "{halted}");
    let shown = home.run(&["strategies"]);
    assert!(shown.out.contains("rsi") && shown.out.contains("HALTED"), "{shown:?}");
    assert!(!shown.out.contains('\u{1b}'), "colours without a terminal: {shown:?}");
    let enabled = home.run(&["strategies", "enable", "rsi", "--reason", "looked into", "--json"]);
    assert_eq!(enabled.json()[0]["event"]["to"], "ACTIVE", "{enabled:?}");
    let verified = home.run(&["verify", "--json"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let sealed = home.run(&["seal", "--json"]).json().remove(0);
    let seal = sealed["seal"].as_str().unwrap().to_owned();
    let while_running = home.run(&["performance", "--json"]).out;
    let (code, last_words) = server.terminate();
    assert_eq!(code, Some(0), "{last_words}");
    assert!(last_words.contains("events are saved in"), "{last_words}");
    // The same answers from the folder itself.
    assert_eq!(home.run(&["performance", "--json"]).out, while_running);
    let offline = home.run(&["strategies", "disable", "rsi", "--reason", "by hand", "--json"]);
    assert_eq!(offline.json()[0]["event"]["by"], "operator", "{offline:?}");
    let why = home.run(&["why", halted["event_id"].as_str().unwrap()]);
    assert!(
        why.out.contains("because of TradeClosed rsi") && why.out.contains("rests on 11 trades"),
        "{why:?}"
    );
    let report: Value = home.run(&["verify", "--json"]).json().remove(0);
    assert_eq!((&report["chain"], &report["differences"]), (&"ok".into(), &Value::Array(vec![])), "{report}");
    assert_eq!(report["decisions"], report["reproduced"], "{report}");
    // The log has gone on since it was sealed, and holds to it; not to one that is another's.
    assert_eq!(home.run(&["verify", "--against", &home.file("seals", &format!("{seal}\n"))]).code, 0);
    let (kept, hash) = seal.split_at(seal.len() - 4);
    let forged = format!("{kept}{}", if hash == "0000" { "1111" } else { "0000" });
    let broken = home.run(&["verify", "--against", &seal, "--against", &forged, "--json"]);
    let chain = broken.json()[0]["chain"].clone();
    assert_eq!(broken.code, 1, "{broken:?}");
    assert!(chain["message"].as_str().unwrap().contains("not the one that was sealed"), "{chain}");
    let wrong = home.run(&["verify", "--against", "what"]);
    assert!(wrong.code != 0 && wrong.err.contains("LOG-ID:POSITION:HASH"), "{wrong:?}");
}

#[test]
fn trades_on_the_embedded_endpoint_are_taken_in() {
    let home = Home::new();
    let _server = home.serve();
    let published =
        home.run(&["publish", "--to", "kafka", "--json", &home.file("t.jsonl", &losing_trades(11))]);
    assert_eq!(published.json()[0]["published"], 11, "{published:?}");
    let halted = home.until(&["decisions", "--type", "StrategyDisabled"], |found| !found.out.is_empty());
    assert!(halted.out.contains("losses in a row"), "{halted:?}");
}

#[test]
fn a_rehearsal_shows_what_would_have_been_decided_and_can_be_asked() {
    let home = Home::new();
    let trades = home.file("t.jsonl", &format!("{}not a trade\n", losing_trades(12)));
    let folder = home.path("rehearsed");
    let rehearsed = home.run(&["rehearse", &trades, "--data", &folder]);
    assert_eq!(rehearsed.code, 1, "a bad row: {rehearsed:?}");
    assert!(rehearsed.err.contains("t.jsonl, row 13: "), "{rehearsed:?}");
    assert!(
        rehearsed.out.contains("11 losses in a row") && rehearsed.out.contains("12 trades"),
        "{rehearsed:?}"
    );
    let again = home.run(&["rehearse", &trades, "--data", &folder]);
    assert!(again.code == 1 && again.err.contains("--force"), "{again:?}");
    let anew = home.run(&["rehearse", &trades, "--data", &folder, "--force", "--json"]);
    assert_eq!(anew.json()[0]["halts"][0]["decision"]["strategy"], "rsi", "{anew:?}");
    let strategies = home.run(&["strategies", "--data", &folder, "--json"]);
    assert_eq!(strategies.json()[0]["trades_since_halt"], 1, "{strategies:?}");
    let letters = home.run(&["dead-letters", "list", "--data", &folder, "--json"]);
    assert_eq!(letters.json()[0]["origin"]["row"], 13, "{letters:?}");
    assert_eq!(home.run(&["verify", "--data", &folder]).code, 0);
    let live = home.run(&["run", "--data", &folder]);
    assert!(live.code == 1 && live.err.contains("rehearsal"), "{live:?}");
}

#[test]
fn an_altered_byte_is_found_and_verify_itself_alters_none() {
    let home = Home::new();
    let folder = home.path("rehearsed");
    home.run(&["rehearse", &home.file("t.jsonl", &losing_trades(12)), "--data", &folder]);
    let before = support::bytes_of(&folder);
    assert_eq!(home.run(&["verify", "--data", &folder]).code, 0);
    assert_eq!(support::bytes_of(&folder), before);
    let largest =
        before.iter().filter(|(path, _)| path.contains("/log/")).max_by_key(|(_, bytes)| bytes.len());
    let (path, bytes) = largest.unwrap();
    let mut altered = bytes.clone();
    altered[bytes.len() / 2] ^= 1;
    fs::write(path, altered).unwrap();
    let verified = home.run(&["verify", "--data", &folder, "--json"]);
    assert_eq!(verified.code, 1, "{verified:?}");
    assert!(verified.json()[0]["chain"]["message"].is_string(), "{verified:?}");
}

#[test]
fn old_files_of_the_log_are_compressed_and_moved_and_every_question_is_answered_as_before() {
    let home = Home::new();
    let archive = home.path("archive");
    fs::create_dir(&archive).unwrap();
    let text = format!(
        "[store]\nsegment_size = \"64KiB\"\nuncompressed_segments = 0\narchive_folder = {archive:?}\n\
         archive_after = \"1s\"\n"
    );
    home.file("tradewarden.toml", &text);
    let template: Vec<Value> =
        losing_trades(20).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbered = |n: usize| {
        let mut trade = template[n % 20].clone();
        trade["trade_id"] = n.to_string().into();
        trade.to_string()
    };
    let lines: Vec<_> = (0..2400).map(numbered).collect();
    let moved = || -> Vec<_> {
        let folders = fs::read_dir(&archive).unwrap().map(|folder| folder.unwrap().path());
        folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path()).collect()
    };
    let mut server = home.serve();
    for (n, part) in lines.chunks(600).enumerate() {
        let file = home.file(&format!("{n}.jsonl"), &part.join("\n"));
        let published = home.run(&["publish", &file, "--to", "http"]);
        assert_eq!(published.code, 0, "{published:?}");
        std::thread::sleep(std::time::Duration::from_millis(1100));
    }
    assert!(!moved().is_empty() && moved().iter().all(|file| file.to_string_lossy().ends_with(".log.zst")));
    let ask = |home: &Home| {
        let decisions = home.run(&["decisions", "--json"]);
        let id = decisions.json()[0]["event_id"].as_str().unwrap().to_owned();
        let why = home.run(&["why", &id, "--json"]);
        let performance = home.run(&["performance", "--by", "strategy", "--json"]);
        assert_eq!((decisions.code, why.code, performance.code), (0, 0, 0), "{why:?}");
        (decisions.out, why.out, performance.out)
    };
    let running = ask(&home);
    assert_eq!(server.terminate().0, Some(0));
    assert_eq!(ask(&home), running);
    let verified = home.run(&["verify", "--json"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let hidden = home.path("not-mounted");
    fs::rename(&archive, &hidden).unwrap();
    let refused = home.run(&["strategies"]);
    assert!(refused.code == 1 && refused.err.contains("mount that disk"), "{refused:?}");
    fs::rename(&hidden, &archive).unwrap();
    assert_eq!(ask(&home), running);
}

#[test]
fn empty_lists_say_what_would_appear_and_how() {
    let home = Home::new();
    let _server = home.serve();
    for (arguments, hint) in [
        (vec!["decisions"], "tradewarden publish FILE"),
        (vec!["strategies"], "tradewarden publish FILE"),
        (vec!["performance", "--by", "strategy"], "tradewarden publish FILE"),
        (vec!["dead-letters", "list"], "appear here"),
        (vec!["audit", "performance_metrics"], "daily analysis"),
    ] {
        let empty = home.run(&arguments);
        assert_eq!(empty.code, 0, "{arguments:?}: {empty:?}");
        assert!(empty.out.is_empty() && empty.err.contains(hint), "{arguments:?}: {empty:?}");
        assert!(home.run(&[arguments, vec!["--quiet"]].concat()).err.is_empty());
    }
}

#[test]
fn a_command_waits_for_a_server_that_starts() {
    let home = Home::new();
    let _server = home.start();
    while !home.data().join("LOCK").exists() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let listed = home.run(&["strategies"]);
    assert_eq!(listed.code, 0, "{listed:?}");
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    let home = Home::new();
    let left = home.run_unread(&["config", "default"]);
    assert_eq!((left.code, left.err.as_str()), (0, ""), "{left:?}");
}
