//! `rehearse`: what would have been decided on the trades of files. Nothing is sent anywhere.

use std::{
    collections::BTreeSet,
    env, fs, io,
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::ProgressBar;
use intake::{
    TradeFormat,
    files::{self, FileError, Passed, TradeFile},
};
use runtime::rehearse::{Conflict, Place, RehearseError, Row, Rows, Summary, rehearse};
use store::EventLog;

use crate::{
    calls::raw,
    config::Config,
    folder::{DataFolder, Hold, own_log},
    problem::Problem,
};

use super::{
    context::Context,
    output::{Column, Table, left, right},
    progress,
    row_notes::RowNotes,
    trade_files::TradeFiles,
    words,
};

/// What to rehearse.
#[derive(Debug, Args)]
pub(super) struct Rehearse {
    #[command(flatten)]
    files: TradeFiles,
    /// Starts anew in the folder of an earlier rehearsal
    #[arg(long)]
    force: bool,
}

/// How far ahead of our clock a close may lie: time zones, not years.
const AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

const HALTS: [Column; 5] = [
    left("HALTED", |halt| words::text(&halt["decision"]["strategy"])),
    left("AT", |halt| words::moment(&halt["at"])),
    right("POSITION", |halt| words::text(&halt["position"])),
    left("ID", |halt| words::text(&halt["event_id"])),
    left("EVIDENCE", |halt| {
        let rules = halt["decision"]["rules"].as_array().into_iter().flatten();
        rules.map(words::rule).collect::<Vec<_>>().join("; ")
    }),
];

const REDUCTIONS: [Column; 5] = [
    left("REDUCED", |reduction| words::text(&reduction["strategy"])),
    left("FIRST AT", |reduction| words::moment(&reduction["at"])),
    right("TIMES", |reduction| words::text(&reduction["times"])),
    left("ID", |reduction| words::text(&reduction["event_id"])),
    left("WHY", words::causes),
];

impl Rehearse {
    /// Rehearses.
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
        let config = context.config()?;
        let trades = TradeFormat { future_tolerance: Some(AHEAD), ..config.trades.clone() };
        let files = self.files.open(&trades)?;
        let folder = context.globals.data.as_ref().map(DataFolder::new);
        let _hold = folder.as_ref().map(|folder| prepare(folder, self.force)).transpose()?;
        let log: Option<Arc<dyn EventLog>> = match &folder {
            Some(folder) => Some(own_log::open(folder, config.log_options(), false)?),
            None => None,
        };
        let mut notes = RowNotes::new(&context.out);
        let mut rows =
            Rows::new(folder.as_ref().map_or_else(env::temp_dir, |folder| folder.path().to_owned()));
        let seen = read(context, files, &mut rows, &mut notes)?;
        notes.finish();
        let warnings = config.sections_without_trade(seen.iter().map(String::as_str));
        for warning in config.warnings.iter().chain(&warnings) {
            context.out.note(&format!("warning: {warning}"));
        }
        let begun = Instant::now();
        let summary = play(context, &config, log.as_ref(), rows)?;
        let conflicts = summary.conflicts.iter().map(|Conflict { place, detail }| (place, detail.as_str()));
        notes.tell_conflicts(conflicts, summary.conflicting - summary.conflicts.len() as u64);
        print(context, &summary, begun.elapsed(), folder.as_ref())?;
        Ok(u8::from(summary.rejected > 0))
    }
}

/// The mark of a folder that holds a rehearsal.
const MARK: &str = "rehearsal";

/// Whether a folder holds a rehearsal rather than what really happened.
pub(super) fn is_rehearsal(folder: &DataFolder) -> bool {
    folder.path().join(MARK).exists()
}

/// Takes an empty folder, or that of an earlier rehearsal, which is emptied when `force` is given.
fn prepare(folder: &DataFolder, force: bool) -> Result<Hold, Problem> {
    let hold = Hold::take(folder, "rehearse", Duration::from_secs(10))?;
    let unusable = |error: io::Error| Problem::new(500, "folder_unusable", format!("{folder}: {error}"));
    if is_rehearsal(folder) {
        if !force {
            let detail = format!("{folder} holds an earlier rehearsal; --force starts anew in it");
            return Err(Problem::new(409, "folder_not_empty", detail));
        }
        for part in [folder.log(), folder.views(), folder.snapshots()] {
            remove(&part).map_err(unusable)?;
        }
        own_log::forget(folder).map_err(unusable)?;
    } else if holds_something(folder.path()).map_err(unusable)? {
        let detail =
            format!("{folder} is neither empty nor an earlier rehearsal; give another folder with --data");
        return Err(Problem::new(409, "folder_not_empty", detail));
    }
    fs::write(folder.path().join(MARK), "What is in this folder never happened: it was rehearsed.\n")
        .map_err(unusable)?;
    Ok(hold)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn holds_something(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        if entry?.file_name() != "LOCK" {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the thread that reads tells: rows of a file, what was passed over in it, or why it cannot be read on.
enum Read {
    Rows(Arc<str>, Vec<files::Row>),
    End(Arc<str>, Passed),
    Broken(FileError),
}

/// Rows that are handed over together.
const ROWS: usize = 1024;

/// Reads all rows of the files on a thread of its own; answers the names of the strategies.
fn read(
    context: &Context,
    files: Vec<TradeFile>,
    rows: &mut Rows,
    notes: &mut RowNotes<'_>,
) -> Result<BTreeSet<String>, Problem> {
    let (sender, read) = mpsc::sync_channel(4);
    let bar = progress::reading(context.out.shows_progress());
    let mut seen = BTreeSet::new();
    let taken = thread::scope(|scope| {
        scope.spawn(move || files.into_iter().try_for_each(|file| read_file(file, &sender)));
        read.into_iter().try_for_each(|read| match read {
            Read::Rows(file, read) => {
                read.into_iter().try_for_each(|row| take(&file, row, rows, notes, &mut seen, &bar))?;
                bar.set_position(rows.len());
                Ok(())
            }
            Read::End(file, passed) => {
                bar.suspend(|| notes.end_of(&file, &passed));
                Ok(())
            }
            Read::Broken(error) => Err(Problem::new(500, "file_unreadable", error.to_string())),
        })
    });
    bar.finish_and_clear();
    taken.map(|()| seen)
}

/// Nothing when nobody takes the rows any more.
fn read_file(mut file: TradeFile, sender: &mpsc::SyncSender<Read>) -> Option<()> {
    let name: Arc<str> = Arc::from(file.name());
    let mut rows = Vec::with_capacity(ROWS);
    for row in &mut file {
        match row {
            Ok(row) => rows.push(row),
            Err(error) => {
                sender.send(Read::Rows(name, rows)).ok()?;
                return sender.send(Read::Broken(error)).ok();
            }
        }
        if rows.len() == ROWS {
            let full = std::mem::replace(&mut rows, Vec::with_capacity(ROWS));
            sender.send(Read::Rows(Arc::clone(&name), full)).ok()?;
        }
    }
    sender.send(Read::Rows(Arc::clone(&name), rows)).ok()?;
    sender.send(Read::End(name, file.passed().clone())).ok()
}

fn take(
    file: &Arc<str>,
    row: files::Row,
    rows: &mut Rows,
    notes: &mut RowNotes<'_>,
    seen: &mut BTreeSet<String>,
    bar: &ProgressBar,
) -> Result<(), Problem> {
    let row = match row.decoded {
        Ok(trade) => {
            notes.look_at_trade(file, row.number, &trade);
            if !seen.contains(&trade.strategy) {
                seen.insert(trade.strategy.clone());
            }
            Row::Trade(Box::new(trade), Place { file: Arc::clone(file), row: row.number })
        }
        Err(rejection) => {
            bar.suspend(|| notes.look_at_rejection(file, row.number, &rejection));
            Row::Rejected(Box::new(rejection.of_row(file, row.number, Some(row.bytes))))
        }
    };
    rows.push(&row).map_err(|error| failed(&error))
}

fn failed(error: &RehearseError) -> Problem {
    Problem::new(500, "rehearsal_failed", error.to_string())
}

fn play(
    context: &Context,
    config: &Config,
    log: Option<&Arc<dyn EventLog>>,
    rows: Rows,
) -> Result<Summary, Problem> {
    let bar = progress::bar(context.out.shows_progress(), rows.len(), "trades");
    let system = config.system_config(None, "rehearse");
    let summary = rehearse(log, rows, &system, &mut |done| bar.set_position(done));
    bar.finish_and_clear();
    summary.map_err(|error| failed(&error))
}

fn print(
    context: &Context,
    summary: &Summary,
    took: Duration,
    folder: Option<&DataFolder>,
) -> Result<(), Problem> {
    if context.out.is_json() {
        return context.out.line(raw(summary)?.get());
    }
    let halts = summary.halts.iter().map(raw).collect::<Result<Vec<_>, _>>()?;
    context.out.items(&halts, &Table::new(&HALTS))?;
    let reductions = summary.reductions.iter().map(raw).collect::<Result<Vec<_>, _>>()?;
    if !halts.is_empty() && !reductions.is_empty() {
        context.out.line("")?;
    }
    context.out.items(&reductions, &Table::new(&REDUCTIONS))?;
    let shown =
        |moment: Option<events::Timestamp>| moment.map_or("-".to_owned(), |moment| moment.to_string());
    let seconds = took.as_secs_f64();
    context.out.line(&format!(
        "\n{} from {} to {}, {}, {}, {}, in {seconds:.1} s",
        words::counted(summary.trades, "trade"),
        shown(summary.first_closed_at),
        shown(summary.last_closed_at),
        words::counted(summary.duplicates, "duplicate"),
        words::counted(summary.rejected, "dead letter"),
        words::counted(summary.events, "event")
    ))?;
    for (kind, count) in &summary.decisions {
        context.out.line(&format!("{count:>8}  {kind}"))?;
    }
    if summary.decisions.is_empty() {
        context.out.note("nothing would have been decided");
    }
    context.out.note(&match folder {
        Some(folder) => format!(
            "ask on: tradewarden why ID --data {folder}, and strategies, performance, decisions, verify likewise"
        ),
        None => "nothing was kept; with --data DIR it is, for why, strategies, performance and verify".to_owned(),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_empty_folders_and_earlier_rehearsals_are_taken() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::new(dir.path().join("new"));
        drop(prepare(&folder, false).unwrap());
        fs::create_dir(folder.log()).unwrap();
        assert_eq!(prepare(&folder, false).unwrap_err().code, "folder_not_empty");
        drop(prepare(&folder, true).unwrap());
        assert!(!folder.log().exists());
        let other = DataFolder::new(dir.path().join("other"));
        fs::create_dir_all(other.log()).unwrap();
        assert_eq!(prepare(&other, true).unwrap_err().code, "folder_not_empty");
        assert!(other.log().exists());
    }

    #[test]
    fn the_halts_are_shown_with_their_evidence() {
        let halt = serde_json::json!({ "decision": { "rules": [
            { "rule": "consecutive_losses", "value": 11.0, "threshold": 10.0, "window": 11, "trades": 11 }
        ] } });
        assert_eq!((HALTS[4].cell)(&halt), "11 losses in a row (limit 10)");
    }
}
