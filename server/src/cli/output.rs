//! Printing: tables for people, JSON lines for programs. A reader that goes away ends the command quietly. What people see
//! holds no sign that a terminal acts on; JSON stays as it is.

use std::io::{self, IsTerminal as _, Write as _};

use serde_json::{Value, value::RawValue};

use crate::problem::Problem;

use super::shown::{shown, shown_lines};
pub(super) use super::table::{Column, Table, left, right};

/// The code of a problem that is none: nobody reads on.
pub(crate) const NOBODY_READS: &str = "broken_pipe";

/// Where results and messages go.
#[derive(Clone, Debug)]
pub(super) struct Output {
    json: bool,
    quiet: bool,
    color: bool,
    /// Columns of the terminal; nothing when results go elsewhere.
    width: Option<usize>,
}

impl Output {
    /// Printing as the flags say; colours only for a terminal that wants them.
    pub(super) fn new(json: bool, quiet: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let color = terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        let width = terminal.then(terminal_size::terminal_size).flatten();
        Self { json, quiet, color, width: width.map(|(width, _)| usize::from(width.0)) }
    }

    /// Whether results are JSON lines.
    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a progress bar would be seen.
    pub(super) fn shows_progress(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// Whether messages are wanted.
    pub(super) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// A message for people, on one line.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            // Whoever closes standard error wants no messages.
            let _ = writeln!(io::stderr(), "{}", shown(text));
        }
    }

    /// What is allowed and yet hardly meant.
    pub(super) fn warn(&self, text: &str) {
        self.note(&format!("warning: {text}"));
    }

    /// Results as they are: JSON, or lines of our own text.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn line(&self, text: &str) -> Result<(), Problem> {
        let text = if self.json { text.to_owned() } else { shown_lines(text) };
        self.lines(&[text])
    }

    fn lines(&self, lines: &[String]) -> Result<(), Problem> {
        let mut out = io::stdout().lock();
        let written = lines.iter().try_for_each(|line| writeln!(out, "{}", self.colored(line)));
        written.and_then(|()| out.flush()).map_err(|error| problem_of(&error))
    }

    /// Items as JSON lines, or as rows of a table.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn items(&self, items: &[Box<RawValue>], table: &Table<'_>) -> Result<(), Problem> {
        if items.is_empty() {
            return Ok(());
        }
        if self.json {
            let lines: Vec<String> = items.iter().map(|item| item.get().to_owned()).collect();
            return self.lines(&lines);
        }
        let values = items.iter().map(|item| value_of(item)).collect::<Result<Vec<_>, _>>()?;
        self.lines(&table.lines(&values, self.width))
    }

    /// One object: a JSON line, or as `words` put it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn object(
        &self,
        object: &RawValue,
        words: impl FnOnce(&Value) -> Vec<String>,
    ) -> Result<(), Problem> {
        if self.json {
            return self.line(object.get());
        }
        let lines = words(&value_of(object)?);
        self.lines(&lines.iter().map(|line| shown(line)).collect::<Vec<_>>())
    }

    /// States stand out on a terminal.
    fn colored(&self, line: &str) -> String {
        if !self.color {
            return line.to_owned();
        }
        line.replace("HALTED", "\u{1b}[31mHALTED\u{1b}[0m").replace("REDUCING", "\u{1b}[33mREDUCING\u{1b}[0m")
    }
}

fn value_of(item: &RawValue) -> Result<Value, Problem> {
    serde_json::from_str(item.get()).map_err(|error| Problem::internal(error.to_string()))
}

fn problem_of(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Problem::new(500, NOBODY_READS, error.to_string()),
        _ => Problem::new(500, "output", format!("standard output: {error}")),
    }
}
