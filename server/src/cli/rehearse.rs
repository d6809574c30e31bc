//! `rehearse`: what would have been decided on the trades of files. Nothing is sent anywhere.

use std::{
    fs, io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use intake::{TradeFormat, files::TradeFile};
use runtime::rehearse::{Conflict, Place, Row, Summary, rehearse};
use store::{EventLog, MemoryLog};

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
        let log: Arc<dyn EventLog> = match &folder {
            Some(folder) => own_log::open(folder, config.log_options(), false)?,
            None => Arc::new(MemoryLog::new()),
        };
        let mut notes = RowNotes::new(&context.out);
        let rows = read(files, &mut notes)?;
        notes.finish();
        let seen = rows.iter().filter_map(|row| match row {
            Row::Trade(trade, _) => Some(trade.strategy.as_str()),
            Row::Rejected(_) => None,
        });
        for warning in config.warnings.iter().chain(&config.sections_without_trade(seen)) {
            context.out.note(&format!("warning: {warning}"));
        }
        let begun = Instant::now();
        let summary = play(context, &config, &log, rows)?;
        notes.tell_conflicts(
            summary.conflicts.iter().map(|Conflict { place, detail }| (place, detail.as_str())),
        );
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

fn read(files: Vec<TradeFile>, notes: &mut RowNotes<'_>) -> Result<Vec<Row>, Problem> {
    let mut rows = Vec::new();
    for mut file in files {
        let name: Arc<str> = Arc::from(file.name());
        for row in &mut file {
            let row = row.map_err(|error| Problem::new(500, "file_unreadable", error.to_string()))?;
            notes.look(&name, &row);
            rows.push(match row.decoded {
                Ok(trade) => Row::Trade(Box::new(trade), Place { file: Arc::clone(&name), row: row.number }),
                Err(rejection) => {
                    Row::Rejected(Box::new(rejection.of_row(&name, row.number, Some(row.bytes))))
                }
            });
        }
        notes.end_of(&name, file.passed());
    }
    Ok(rows)
}

fn play(
    context: &Context,
    config: &Config,
    log: &Arc<dyn EventLog>,
    rows: Vec<Row>,
) -> Result<Summary, Problem> {
    let bar = progress::bar(context.out.shows_progress(), rows.len() as u64, "trades");
    let system = config.system_config(None, "rehearse");
    let summary = rehearse(log, rows, &system, &mut |done| bar.set_position(done));
    bar.finish_and_clear();
    summary.map_err(|error| Problem::new(500, "rehearsal_failed", error.to_string()))
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
