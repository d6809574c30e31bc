//! The data folder under faults, as its users meet them: what is missing, foreign, open to others, or no file.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, reason = "not every file of tests needs all of it")]
mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::json;
use support::{Home, Said, losing_trades};

const ANY_PORT: [&str; 4] =
    ["--set", "server.listen=127.0.0.1:0", "--set", "kafka.embedded_listen=127.0.0.1:0"];

/// A data folder in which a strategy was halted, with views and snapshots.
fn used() -> Home {
    let home = Home::new();
    let trades = home.file("t.jsonl", &losing_trades(12));
    let mut server = home.serve();
    assert_eq!(home.run(&["publish", &trades, "--to", "http"]).code, 0);
    home.until(&["strategies"], |said| said.out.contains("HALTED"));
    assert_eq!(server.terminate().0, Some(0));
    home
}

fn refused(said: &Said, code: &str) {
    assert!(said.code == 1 && said.out.is_empty() && said.err.contains(code), "{said:?}");
}

/// Runs a line of the shell in which `$TW` is the binary.
fn shell(home: &Home, line: &str) -> Said {
    let mut command = Command::new("sh");
    command.arg("-c").arg(line).env("TW", env!("CARGO_BIN_EXE_tradewarden")).env("DATA", home.data());
    let output = command.stdin(Stdio::null()).env_remove("KAFKA_BOOTSTRAP_SERVERS").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn no_command_takes_a_log_that_is_gone_for_an_empty_world() {
    let home = used();
    let (log, aside) = (home.data().join("log"), home.path("aside"));
    fs::rename(&log, &aside).unwrap();
    for made in [false, true] {
        if made {
            // As the folder below the mount point of a disk that is not mounted.
            fs::create_dir(&log).unwrap();
        }
        let before = support::bytes_of(home.data().to_str().unwrap());
        for command in
            [&["strategies"][..], &["decisions"], &["performance"], &["verify"], &["events", "tail"]]
        {
            refused(&home.run(command), "log_missing");
        }
        assert!(before == support::bytes_of(home.data().to_str().unwrap()), "reading changed something");
        let run = home.run(&[&["run"], &ANY_PORT[..]].concat());
        refused(&run, "log_missing");
        assert!(run.err.contains("--new-log") && run.err.contains("halt"), "{run:?}");
        refused(&home.run(&["strategies", "disable", "rsi", "--reason", "x"]), "log_missing");
    }
    fs::remove_dir(&log).unwrap();
    fs::rename(&aside, &log).unwrap();
    assert!(home.run(&["strategies"]).out.contains("HALTED"), "nothing was forgotten");
    fs::remove_dir_all(&log).unwrap();
    home.run(&["strategies", "disable", "rsi", "--reason", "x", "--new-log"]);
    let anew = home.run(&["strategies"]);
    assert!(anew.code == 0 && !anew.out.contains("11 lost"), "{anew:?}");
}

#[test]
fn a_log_of_another_folder_is_refused_beside_the_views_of_this_one() {
    let (home, other) = (used(), Home::new());
    drop(other.serve());
    fs::rename(home.data().join("log"), home.path("aside")).unwrap();
    fs::rename(other.data().join("log"), home.data().join("log")).unwrap();
    for tells in ["log-id", "views and snapshots"] {
        refused(&home.run(&["strategies"]), "log_foreign");
        refused(&home.run(&[&["run"], &ANY_PORT[..]].concat()), "log_foreign");
        if tells == "log-id" {
            fs::remove_file(home.data().join("log-id")).unwrap();
        }
    }
}

#[test]
fn what_is_made_is_its_owners_alone_and_a_folder_that_is_not_is_told() {
    let home = used();
    let line = "umask 0; $TW rehearse \"$DATA/../t.jsonl\" --data \"$DATA/../open\" && $TW strategies --data \"$DATA/../open\"";
    let said = shell(&home, line);
    assert_eq!(said.code, 0, "{said:?}");
    for folder in [home.data(), home.path("open").into()] {
        private(&folder);
    }
    fs::set_permissions(home.data(), fs::Permissions::from_mode(0o755)).unwrap();
    let told = shell(
        &home,
        "timeout -s TERM 2 $TW run --data \"$DATA\" --set server.listen=127.0.0.1:0 \
                             --set kafka.embedded_listen=127.0.0.1:0",
    );
    assert!(
        told.err.contains("is open to other users (mode 755)") && told.err.contains("chmod 700"),
        "{told:?}"
    );
}

/// Neither the folder nor anything in it is for others.
fn private(path: &Path) {
    let metadata = fs::symlink_metadata(path).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o077, 0, "{}", path.display());
    if metadata.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| private(&entry.unwrap().path()));
    }
}

#[test]
fn nobody_waits_for_a_pipe_in_the_place_of_a_file() {
    let home = used();
    let data = home.data();
    for name in ["log/00000000000000000001.log", "log/HEAD", "log/LOCK", "LOCK", "token", "log-id"] {
        let (path, aside) = (data.join(name), home.path("aside"));
        fs::rename(&path, &aside).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let run = shell(&home, "timeout 20 $TW run --data \"$DATA\" --set server.listen=127.0.0.1:0");
        assert!(run.code == 1 && run.err.contains("a pipe is there"), "{name}: {run:?}");
        let listed = shell(&home, "timeout 20 $TW strategies --data \"$DATA\"");
        let asks_nobody = name == "token";
        assert!(
            asks_nobody || (listed.code == 1 && listed.err.contains("a pipe is there")),
            "{name}: {listed:?}"
        );
        fs::remove_file(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
    }
    assert_eq!(home.run(&["strategies"]).code, 0);
}

#[test]
fn a_limit_of_open_files_that_is_too_low_is_told_in_one_line_at_the_start() {
    let home = Home::new();
    for limit in [32, 64] {
        let line = format!(
            "ulimit -n {limit}; exec timeout 20 $TW run --data \"$DATA\" --set server.listen=127.0.0.1:0"
        );
        let said = shell(&home, &line);
        assert!(said.code == 1 && said.err.lines().count() == 1, "{said:?}");
        assert!(said.err.contains(&format!("is {limit}, at least 112 are needed")), "{said:?}");
    }
    assert!(!home.data().exists());
}

#[test]
fn a_second_server_is_refused_also_when_both_lock_files_were_removed() {
    let home = used();
    let mut server = home.serve();
    fs::remove_file(home.data().join("LOCK")).unwrap();
    fs::remove_file(home.data().join("log/LOCK")).unwrap();
    let second = home.run(&[&["run"], &ANY_PORT[..]].concat());
    assert!(second.code == 1 && second.err.contains("folder_in_use"), "{second:?}");
    assert_eq!(server.terminate().0, Some(0));
    assert_eq!(home.run(&["verify"]).code, 0);
}

#[test]
fn verify_tells_a_damaged_snapshot_as_a_note_and_where_it_could_not_look() {
    let home = used();
    let snapshot = home.data().join("snapshots/strategy_guard.snapshot");
    let mut bytes = fs::read(&snapshot).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&snapshot, bytes).unwrap();
    let said = home.run(&["verify", "--json"]);
    let report = said.json().remove(0);
    assert_eq!((said.code, &report["differences"]), (0, &json!([])), "{report}");
    assert!(report["notes"][0].as_str().unwrap().contains("strategy_guard.snapshot is damaged"), "{report}");
    let words = home.run(&["verify"]).out;
    assert!(words.contains("views         not looked at: tradewarden projections verify"), "{words}");
    let path = home.data().join("log/00000000000000000001.log");
    let mut bytes = fs::read(&path).unwrap();
    // A digit of the last decision's evidence, far before the end.
    let at = bytes.windows(8).rposition(|window| window == b"\"trades\"").unwrap();
    bytes[at + 9] ^= 1;
    fs::write(&path, bytes).unwrap();
    let said = home.run(&["verify", "--json"]);
    let report = said.json().remove(0);
    assert_eq!((said.code, &report["differences"]), (1, &json!([])), "{report}");
    assert!(report["not_looked_at_from"].is_u64() && report["chain"]["file"].is_string(), "{report}");
}

/// Answers while the disk is full; not run where no disk may be mounted.
#[test]
fn with_a_full_disk_every_question_is_answered_and_a_start_says_that_it_is_full() {
    let home = Home::new();
    home.file("t.jsonl", &losing_trades(12));
    fs::create_dir(home.data()).unwrap();
    let script = r#"
        set -e
        mount -t tmpfs -o size=4m none "$DATA" || { echo unmountable; exit 0; }
        $TW rehearse "$DATA/../t.jsonl" --data "$DATA" > /dev/null
        rm "$DATA/rehearsal"; mkdir "$DATA/tmp"
        dd if=/dev/zero of="$DATA/filler" bs=64k 2> /dev/null || dd if=/dev/zero of="$DATA/filler2" bs=1k 2> /dev/null || true
        export TMPDIR="$DATA/tmp"
        timeout 60 $TW strategies --data "$DATA"
        timeout 60 $TW performance --data "$DATA" --json
        timeout 60 $TW run --data "$DATA" --set server.listen=127.0.0.1:0 && exit 9 || echo "run $?"
    "#;
    fs::write(home.path("full.sh"), script).unwrap();
    let said =
        shell(&home, "unshare -m true || { echo unmountable; exit; }; unshare -m sh \"$DATA/../full.sh\"");
    if said.out.contains("unmountable") {
        return;
    }
    assert!(said.out.contains("HALTED") && said.out.contains("\"trades\":12"), "{said:?}");
    assert!(said.out.contains("run 1") && said.err.contains("the disk is full"), "{said:?}");
}
