//! The small inputs in the folder `cases` of the shared data, where it is, against the figures that their list gives.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, reason = "not every file of tests needs all of it")]
mod support;

use std::{collections::BTreeMap, fs};

use intake::test_support::{columns_of, shared_data};
use serde_json::json;
use support::{Home, judged::Judged};

/// A file with its options, and what is to come of it.
struct Case {
    file: &'static str,
    /// Beside what its columns mean.
    options: &'static [&'static str],
    /// Trades, dead letters and the return in percent.
    counts: (usize, usize, f64),
    /// Profit by currency.
    profits: &'static [(&'static str, &'static str)],
    decided: &'static [&'static str],
    told: &'static str,
}

/// A file without options in which nothing happens.
const PLAIN: Case =
    Case { file: "", options: &[], counts: (0, 0, 0.0), profits: &[], decided: &[], told: "" };

const BERLIN: &[&str] = &["--time-format", "%d.%m.%Y %H:%M:%S", "--time-zone", "Europe/Berlin"];
const CAPITAL: &[&str] = &["--set", "strategy_guard.strategies.alpha.capital=1000000"];
const HALT: &[&str] = &["StrategyDisabled"];
const REDUCED: &[&str] = &["StrategyReduced"];

const CASES: &[Case] = &[
    Case {
        file: "01a-sum-tiny-loss.csv",
        counts: (4, 0, -8.07),
        profits: &[("USDT", "49.624999999974214922718038143")],
        ..PLAIN
    },
    Case {
        file: "02a-guard-capital-tiny.csv",
        options: CAPITAL,
        counts: (5, 0, -4.49001),
        profits: &[("USDT", "-404990.500000000025785077281961857")],
        decided: HALT,
        ..PLAIN
    },
    Case {
        file: "03a-vectorbt-return.csv",
        counts: (2, 0, -11.608),
        profits: &[("USDT", "-2321.54")],
        decided: HALT,
        ..PLAIN
    },
    Case {
        file: "03c-freqtrade-2020-percent.json",
        counts: (2, 0, -11.24),
        profits: &[("USDT", "-67.44")],
        decided: HALT,
        ..PLAIN
    },
    Case {
        file: "04a-small-exponent.csv",
        counts: (3, 0, -0.090_000_000_000_001_48),
        profits: &[("USDT", "-2.9999999999995887116106688274")],
        ..PLAIN
    },
    Case {
        file: "04c-float-written-out.jsonl",
        counts: (1, 0, -4.73),
        profits: &[("USDC", "-1.042")],
        ..PLAIN
    },
    Case { file: "05a-cr-only.csv", counts: (3, 0, 1.6), profits: &[("USDT", "10")], ..PLAIN },
    Case {
        file: "06a-exit-at-zero.jsonl",
        counts: (2, 0, 0.445_128),
        profits: &[("?", "0.83244")],
        told: "currency of 2 trades is not known",
        ..PLAIN
    },
    Case {
        file: "06c-optional-not-a-number.csv",
        counts: (3, 0, -11.0),
        profits: &[("USDT", "-66")],
        decided: HALT,
        ..PLAIN
    },
    Case {
        file: "07a-nan-elsewhere.json",
        counts: (2, 0, -10.0),
        profits: &[("USDT", "-60")],
        decided: HALT,
        ..PLAIN
    },
    Case { file: "09a-epoch-ms.csv", counts: (2, 0, 0.28), profits: &[("USDT", "1.6")], ..PLAIN },
    Case { file: "09c-day-first.csv", counts: (0, 1, 0.0), decided: REDUCED, told: "--time-format", ..PLAIN },
    Case {
        file: "09c-day-first.csv",
        options: BERLIN,
        counts: (1, 0, 0.04),
        profits: &[("?", "0.07")],
        ..PLAIN
    },
    Case {
        file: "10a-unicode-minus.csv",
        counts: (1, 1, -1.0),
        profits: &[("USDT", "-100")],
        decided: REDUCED,
        told: "--decimal-comma",
        ..PLAIN
    },
    Case {
        file: "10a-unicode-minus.csv",
        options: &["--decimal-comma"],
        counts: (1, 1, -1.0),
        profits: &[("USDT", "-100")],
        decided: REDUCED,
        told: "it has a point",
    },
    Case { file: "10c-true-false-capitals.csv", counts: (2, 0, 2.0), profits: &[("USDT", "12")], ..PLAIN },
    Case {
        file: "11a-quote-in-front.csv",
        counts: (3, 0, -1.0),
        profits: &[("KRW", "-300000"), ("USDT", "10")],
        told: "several currencies",
        ..PLAIN
    },
    Case {
        file: "12a-year-1970.csv",
        counts: (1, 1, 1.0),
        profits: &[("USDT", "6")],
        decided: REDUCED,
        told: "[intake] earliest",
        ..PLAIN
    },
    Case { file: "13b-last-result.json", told: "pointer", ..PLAIN },
    Case { file: "13d-list-of-lists.json", told: "old form", ..PLAIN },
    Case { file: "13f-sep-line.csv", counts: (1, 0, 1.0), profits: &[("USDT", "6")], ..PLAIN },
    Case {
        file: "14a-bom.json",
        counts: (1, 0, -11.0),
        profits: &[("USDT", "-660")],
        decided: HALT,
        ..PLAIN
    },
    Case { file: "15a-data-twice.json", counts: (0, 1, 0.0), decided: REDUCED, told: "data_base64", ..PLAIN },
    Case {
        file: "16a-same-ids-two-accounts.csv",
        counts: (2, 2, 1.98),
        profits: &[("USDT", "594")],
        decided: REDUCED,
        told: "profit 297, now -500",
        ..PLAIN
    },
    Case {
        file: "20a-side-sign.csv",
        counts: (0, 2, 0.0),
        decided: REDUCED,
        told: "--values side=",
        ..PLAIN
    },
    Case {
        file: "20a-side-sign.csv",
        options: &["--values", "side=1:long,-1:short"],
        counts: (2, 0, 0.75),
        profits: &[("USD", "7.81")],
        ..PLAIN
    },
    Case { file: "25a-header-again.csv", counts: (2, 0, 2.0), profits: &[("USDT", "12")], ..PLAIN },
];

#[test]
fn every_case_gives_what_its_list_says() {
    let Some(folder) = shared_data("cases") else { return };
    let home = Home::new();
    for case in CASES {
        let file = folder.join(case.file);
        let mappings = columns_of(case.file).iter().flat_map(|mapping| ["--map", mapping]);
        let options: Vec<&str> = mappings.chain(case.options.iter().copied()).collect();
        let judged = match Judged::of(&home, file.to_str().unwrap(), &options) {
            Ok(judged) => judged,
            Err(said) => {
                assert!(case.counts.0 + case.counts.1 == 0 && said.err.contains(case.told), "{said:?}");
                continue;
            }
        };
        let name = (case.file, case.options);
        let (trades, rejected, percent) = case.counts;
        assert_eq!(judged.said.code, i32::from(rejected > 0), "{name:?}: {judged:?}");
        assert_eq!((judged.trades.len(), judged.rejected.len()), (trades, rejected), "{name:?}: {judged:?}");
        assert_eq!(judged.figures["trades"], trades, "{name:?}: none is left out of the figures");
        assert_eq!(judged.figures["return_pct"], percent, "{name:?}");
        let profits: BTreeMap<_, _> = case.profits.iter().copied().collect();
        assert_eq!(judged.figures["profits"], json!(profits), "{name:?}");
        assert_eq!(judged.types(), case.decided, "{name:?}: {judged:?}");
        assert!(judged.said.err.contains(case.told), "{name:?}: {judged:?}");
        assert!(judged.events <= 200, "{name:?}: {} events", judged.events);
    }
}

#[test]
fn every_file_of_the_folder_is_a_case() {
    let Some(folder) = shared_data("cases") else { return };
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let unknown = files.filter(|file| file != "README.md" && !CASES.iter().any(|case| case.file == file));
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<String>::new());
}
