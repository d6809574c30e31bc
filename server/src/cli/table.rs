//! Tables for people: aligned, and on a terminal cut to its width.

use std::cell::RefCell;

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::shown::shown;

/// How a cell is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// A column of a table: its head, its side, and what it shows of an item.
pub(super) struct Column {
    /// The head.
    pub head: &'static str,
    /// The side.
    pub align: Align,
    /// What it shows.
    pub cell: fn(&Value) -> String,
}

/// A column of texts.
pub(super) const fn left(head: &'static str, cell: fn(&Value) -> String) -> Column {
    Column { head, align: Align::Left, cell }
}

/// A column of numbers.
pub(super) const fn right(head: &'static str, cell: fn(&Value) -> String) -> Column {
    Column { head, align: Align::Right, cell }
}

/// A table that may be printed in parts: columns only ever become wider.
pub(super) struct Table<'c> {
    columns: &'c [Column],
    widths: RefCell<Option<Vec<usize>>>,
}

/// What stands between columns.
const GAP: &str = "  ";

/// No column of texts is cut shorter.
const NARROWEST: usize = 8;

/// Ids are never cut: `why` and `events show` take whole ones.
const ID: &str = "ID";

impl<'c> Table<'c> {
    /// A table of these columns.
    pub(super) const fn new(columns: &'c [Column]) -> Self {
        Self { columns, widths: RefCell::new(None) }
    }

    /// The lines of further items, with the head before the first ones; no wider than `most`, if that is known.
    pub(super) fn lines(&self, items: &[Value], most: Option<usize>) -> Vec<String> {
        let cells = |item| self.columns.iter().map(|column| shown(&(column.cell)(item))).collect();
        let rows: Vec<Vec<String>> = items.iter().map(cells).collect();
        let heads: Vec<String> = self.columns.iter().map(|column| column.head.to_owned()).collect();
        let mut known = self.widths.borrow_mut();
        let first = known.is_none();
        let widths = known.get_or_insert_with(|| heads.iter().map(|head| head.width()).collect());
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let widths = most.map_or_else(|| widths.clone(), |most| self.fitted(widths, most));
        let heads = first.then_some(&heads);
        heads.into_iter().chain(&rows).map(|row| self.line(row, &widths)).collect()
    }

    /// Widths that fit, where the texts leave room for it: the widest ones are cut.
    fn fitted(&self, widths: &[usize], most: usize) -> Vec<usize> {
        let mut widths = widths.to_vec();
        let over = |widths: &[usize]| {
            (widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)).saturating_sub(most)
        };
        while over(&widths) > 0 {
            let may_be_cut = |column: &Column| column.align == Align::Left && column.head != ID;
            let texts = self.columns.iter().enumerate().filter(|(_, column)| may_be_cut(column));
            let widest = texts.map(|(at, _)| at).max_by_key(|&at| widths[at]);
            match widest.filter(|&at| widths[at] > NARROWEST) {
                Some(at) => widths[at] -= 1,
                None => break,
            }
        }
        widths
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells = row.iter().zip(widths).zip(self.columns).map(|((cell, &width), column)| {
            let cell = cut(cell, width);
            let blanks = " ".repeat(width.saturating_sub(cell.width()));
            match column.align {
                Align::Left => cell + &blanks,
                Align::Right => blanks + &cell,
            }
        });
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    }
}

/// As much of a text as fits, with a sign that there is more.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let mut kept = String::new();
    for letter in text.chars() {
        kept.push(letter);
        if kept.width() > room {
            kept.pop();
            break;
        }
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const COLUMNS: [Column; 3] = [
        left("NAME", |item| item["name"].as_str().unwrap_or("-").into()),
        right("N", |item| item["n"].to_string()),
        left("ID", |item| item["id"].as_str().unwrap_or("-").into()),
    ];

    #[test]
    fn columns_are_aligned_and_the_head_comes_once() {
        let table = Table::new(&COLUMNS[..2]);
        let lines =
            table.lines(&[json!({"name": "rsi", "n": 7}), json!({"name": "grid-long", "n": 1200})], None);
        assert_eq!(lines, ["NAME          N", "rsi           7", "grid-long  1200"]);
        assert_eq!(table.lines(&[json!({"name": "x", "n": 1})], None), ["x             1"]);
    }

    #[test]
    fn a_row_is_no_wider_than_the_terminal_and_ids_stay_whole() {
        let item = json!({"name": "n".repeat(128), "n": 7, "id": "9fbc9c6c-ea43-8e08-a600-18eb5458469c"});
        let lines = Table::new(&COLUMNS).lines(std::slice::from_ref(&item), Some(80));
        assert!(lines.iter().all(|line| line.width() <= 80), "{lines:?}");
        assert!(lines[1].ends_with("…  7  9fbc9c6c-ea43-8e08-a600-18eb5458469c"), "{lines:?}");
        assert!(Table::new(&COLUMNS).lines(&[item], None)[1].contains("-18eb5458469c"));
    }

    #[test]
    fn a_name_makes_no_row_of_its_own() {
        let item = json!({"name": "x\nscalper  ACTIVE\u{1b}[2J", "n": 7});
        let lines = Table::new(&COLUMNS).lines(&[item], None);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].starts_with("x\\u{a}scalper  ACTIVE\\u{1b}[2J"), "{lines:?}");
    }
}
