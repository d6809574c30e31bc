//! Real files and small cases, where they are: the folder TRADEWARDEN_SHARED_DATA, else `shared/data` beside the checkout.
//! Each is rehearsed, and played once more with an operator who enables every strategy that was halted.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use actors::{PerformanceAnalyst, StrategyGuard};
use events::{
    Day, Decimal, Event, GuardThresholds, ScheduleFired, StrategyEnableRequested, StrategyGuardConfigured,
    Timestamp,
};
use intake::{
    FieldMapping, TradeFormat,
    files::TradeFile,
    test_support::{columns_of, shared_data},
};
use runtime::rehearse::{Place, Row, Rows, rehearse};
use tests::{
    all, config,
    judge::{self, play::Play},
    memory_log,
};

/// The files of a folder; none, said by name, where it is absent.
fn files(folder: &str) -> Vec<PathBuf> {
    let Some(entries) = shared_data(folder).and_then(|path| std::fs::read_dir(path).ok()) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.is_file());
    files.sort();
    files
}

/// What the intake makes of a file; why it is none of trades, if so.
fn rows(file: &Path) -> Result<Vec<Row>, String> {
    let name: Arc<str> = Arc::from(file.display().to_string());
    let mapping = FieldMapping::parse(columns_of(&name)).map_err(|error| error.to_string())?;
    let format = TradeFormat { mapping, future_tolerance: None, ..TradeFormat::default() };
    let opened = TradeFile::open(file, None, &format, Timestamp::default());
    let rows: Result<Vec<_>, _> = opened.map_err(|error| error.to_string())?.collect();
    let rows = rows.map_err(|error| error.to_string())?;
    let as_row = |row: intake::files::Row| match row.decoded {
        Ok(trade) => Row::Trade(Box::new(trade), Place { file: Arc::clone(&name), row: row.number }),
        Err(rejection) => Row::Rejected(Box::new(rejection.of_row(&name, row.number, None))),
    };
    Ok(rows.into_iter().map(as_row).collect())
}

/// The rehearsal of rows and what the judges say to it.
fn rehearsed(rows: &[Row]) -> Vec<String> {
    let (log, mut kept) = (memory_log(), Rows::new(std::env::temp_dir()));
    rows.iter().try_for_each(|row| kept.push(row)).expect("invariant: a temporary folder takes rows");
    rehearse(Some(&log), kept, &config(), &mut |_| {}).expect("invariant: a log in memory takes rows");
    judge::violations(&all(&*log))
}

/// The same rows in the order of their closes, an analysis a day, and an operator who enables what is halted. Answers how
/// many halts there were, and what the judges say.
fn played(rows: &[Row], guard: StrategyGuardConfigured) -> (usize, Vec<String>) {
    let (mut play, mut halts) = (Play::<StrategyGuard, PerformanceAnalyst>::default(), 0);
    let (mut trades, mut ids) = (Vec::new(), BTreeSet::new());
    play.tell(Timestamp::default(), Event::StrategyGuardConfigured(guard));
    for row in rows {
        match row {
            Row::Trade(trade, _) if ids.insert((&trade.strategy, &trade.trade_id)) => trades.push(trade),
            Row::Trade(..) => {}
            Row::Rejected(letter) => {
                play.tell(Timestamp::default(), Event::RecordRejected((**letter).clone()));
            }
        }
    }
    trades.sort_by_key(|trade| trade.closed_at);
    let mut day = trades.first().map(|trade| trade.closed_at.day().number()).unwrap_or_default();
    for trade in trades {
        // A year without a trade has nothing to analyse.
        day = day.max(trade.closed_at.day().number() - 30);
        while day < trade.closed_at.day().number() {
            day += 1;
            let planned_at = Day::from_number(day).start();
            let schedule = "performance_analysis".to_owned();
            play.tell(planned_at, Event::ScheduleFired(ScheduleFired::planned(&schedule, planned_at)));
        }
        let decided = play.tell(trade.closed_at, Event::TradeClosed((**trade).clone()));
        if decided.iter().any(|decision| matches!(decision.event, Event::StrategyDisabled(_))) {
            halts += 1;
            let (strategy, reason) = (trade.strategy.clone(), "go on".to_owned());
            let enable = StrategyEnableRequested { strategy, reason, reset_counters: false };
            play.tell(trade.closed_at, Event::StrategyEnableRequested(enable));
        }
    }
    (halts, judge::violations(play.history()))
}

/// Limits that are reached often, and a capital for every strategy.
fn sharp(rows: &[Row]) -> StrategyGuardConfigured {
    let thresholds = GuardThresholds {
        max_daily_loss_pct: Decimal::new(35, 1),
        max_consecutive_losses: 4,
        min_win_rate_pct: Decimal::from(45),
        win_rate_window: 10,
        capital: Some(Decimal::from(2000)),
        ..GuardThresholds::default()
    };
    let strategies = rows.iter().filter_map(|row| match row {
        Row::Trade(trade, _) => Some((trade.strategy.clone(), thresholds.clone())),
        Row::Rejected(_) => None,
    });
    StrategyGuardConfigured { default: GuardThresholds::default(), strategies: strategies.collect() }
}

/// Judges every file of a folder; answers how many there were that hold trades, and how often somebody was halted.
fn judge_all(folder: &str) -> (usize, usize) {
    let (mut read, mut halted) = (0, 0);
    for file in files(folder) {
        let rows = match rows(&file) {
            Ok(rows) => rows,
            Err(why) => {
                println!("no trades: {why}");
                continue;
            }
        };
        let name = file.display();
        assert_eq!(rehearsed(&rows), [] as [String; 0], "{name}");
        for guard in [StrategyGuardConfigured::default(), sharp(&rows)] {
            let (halts, violations) = played(&rows, guard);
            println!("{name}: {} rows, {halts} halts", rows.len());
            assert_eq!(violations, [] as [String; 0], "{name}");
            halted += halts;
        }
        read += 1;
    }
    (read, halted)
}

#[test]
fn decisions_on_real_files_are_those_of_the_judges() {
    let (read, halted) = judge_all("trades");
    assert!(read == 0 || halted > 1000, "{halted} halts in {read} files");
}

#[test]
fn decisions_on_the_small_cases_are_those_of_the_judges() {
    let (read, halted) = judge_all("cases");
    assert!(read == 0 || (read > 15 && halted > 0), "{halted} halts in {read} files");
}

#[test]
fn decisions_on_the_golden_trades_are_those_of_the_judges() {
    let (read, halted) = judge_all("golden/hourly_synthetic");
    assert!(read == 0 || (read >= 4 && halted > 0), "{halted} halts in {read} files");
}
