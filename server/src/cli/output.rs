//! Printing: tables for people, JSON lines for programs. A reader that goes away ends the command quietly.

use std::{
    cell::RefCell,
    io::{self, IsTerminal as _, Write as _},
};

use serde_json::{Value, value::RawValue};

use crate::problem::Problem;

/// The code of a problem that is none: nobody reads on.
pub const NOBODY_READS: &str = "broken_pipe";

/// Where results and messages go.
#[derive(Clone, Debug)]
pub struct Output {
    json: bool,
    quiet: bool,
    color: bool,
}

/// How a cell is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// A column of a table: its head, its side, and what it shows of an item.
pub struct Column {
    /// The head.
    pub head: &'static str,
    /// The side.
    pub align: Align,
    /// What it shows.
    pub cell: fn(&Value) -> String,
}

/// A column of texts.
pub const fn left(head: &'static str, cell: fn(&Value) -> String) -> Column {
    Column { head, align: Align::Left, cell }
}

/// A column of numbers.
pub const fn right(head: &'static str, cell: fn(&Value) -> String) -> Column {
    Column { head, align: Align::Right, cell }
}

/// A table that may be printed in parts: columns only ever become wider.
pub struct Table<'c> {
    columns: &'c [Column],
    widths: RefCell<Option<Vec<usize>>>,
}

impl<'c> Table<'c> {
    /// A table of these columns.
    pub const fn new(columns: &'c [Column]) -> Self {
        Self { columns, widths: RefCell::new(None) }
    }

    /// The lines of further items, with the head before the first ones.
    fn lines(&self, items: &[Value]) -> Vec<String> {
        let rows: Vec<Vec<String>> = items
            .iter()
            .map(|item| self.columns.iter().map(|column| (column.cell)(item)).collect())
            .collect();
        let heads: Vec<String> = self.columns.iter().map(|column| column.head.to_owned()).collect();
        let mut known = self.widths.borrow_mut();
        let first = known.is_none();
        let widths = known.get_or_insert_with(|| heads.iter().map(|head| head.chars().count()).collect());
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let heads = first.then_some(&heads);
        heads.into_iter().chain(&rows).map(|row| self.line(row, widths)).collect()
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells =
            row.iter().zip(widths).zip(self.columns).map(|((cell, &width), column)| match column.align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }
}

impl Output {
    /// Printing as the flags say; colours only for a terminal that wants them.
    pub fn new(json: bool, quiet: bool) -> Self {
        let color =
            io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        Self { json, quiet, color }
    }

    /// Whether results are JSON lines.
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a progress bar would be seen.
    pub fn shows_progress(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// A message for people.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            // Whoever closes standard error wants no messages.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// A line of results.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn line(&self, text: &str) -> Result<(), Problem> {
        self.lines(&[text.to_owned()])
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
    pub fn items(&self, items: &[Box<RawValue>], table: &Table<'_>) -> Result<(), Problem> {
        if items.is_empty() {
            return Ok(());
        }
        if self.json {
            let lines: Vec<String> = items.iter().map(|item| item.get().to_owned()).collect();
            return self.lines(&lines);
        }
        let values = items.iter().map(|item| value_of(item)).collect::<Result<Vec<_>, _>>()?;
        self.lines(&table.lines(&values))
    }

    /// One object: a JSON line, or as `words` put it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn object(
        &self,
        object: &RawValue,
        words: impl FnOnce(&Value) -> Vec<String>,
    ) -> Result<(), Problem> {
        if self.json {
            return self.line(object.get());
        }
        self.lines(&words(&value_of(object)?))
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_aligned_and_the_head_comes_once() {
        let columns = [
            left("NAME", |item| item["name"].as_str().unwrap_or("-").into()),
            right("N", |item| item["n"].to_string()),
        ];
        let table = Table::new(&columns);
        let lines = table.lines(&[json!({"name": "rsi", "n": 7}), json!({"name": "grid-long", "n": 1200})]);
        assert_eq!(lines, ["NAME          N", "rsi           7", "grid-long  1200"]);
        assert_eq!(table.lines(&[json!({"name": "x", "n": 1})]), ["x             1"]);
    }
}
