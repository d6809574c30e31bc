//! Lists that are read page by page, and followed while they grow.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::value::RawValue;

use crate::{
    access::Access,
    calls::{Call, Limit, Page},
    folder::Hold,
    problem::Problem,
};

use super::{
    context::Context,
    output::{Output, Table},
};

/// A call for a page of a list.
pub(super) trait Paged: Call<Answer = Page> {
    /// The same for the page after a position of at most so many items, waiting so long for the first.
    fn page(&mut self, after: u64, limit: Limit, wait: Duration);
}

/// Rows of a table when nothing is said; programs, which ask for JSON, get all.
const ROWS: usize = 1000;

/// How long a server holds a question that has no answer yet.
const POLL: Duration = Duration::from_secs(20);

/// A list that is printed page by page up to a limit.
pub(super) struct Rows<'o> {
    out: &'o Output,
    table: &'o Table<'o>,
    limit: Option<usize>,
    printed: usize,
}

impl<'o> Rows<'o> {
    /// A list of at most `limit` items; without one a table has a bound all the same.
    pub(super) fn new(out: &'o Output, table: &'o Table<'o>, limit: Option<usize>) -> Self {
        let limit = limit.or_else(|| (!out.is_json()).then_some(ROWS));
        Self { out, table, limit, printed: 0 }
    }

    /// How many to ask for: one more than is printed tells whether that is all.
    pub(super) fn wanted(&self) -> Limit {
        Limit::up_to(self.room().map_or(Limit::MOST, |room| room + 1))
    }

    fn room(&self) -> Option<usize> {
        self.limit.map(|limit| limit - self.printed)
    }

    /// Prints a page; answers whether another one is wanted, and says when there are more than may be printed.
    ///
    /// # Errors
    /// When it cannot be printed.
    pub(super) fn print(&mut self, mut items: Vec<Box<RawValue>>) -> Result<bool, Problem> {
        let more = self.room().is_some_and(|room| items.len() > room);
        items.truncate(self.room().unwrap_or(usize::MAX));
        self.out.items(&items, self.table)?;
        self.printed += items.len();
        if more {
            self.out.note(&format!("only the first {} are shown; a larger --limit shows more", self.printed));
        }
        Ok(!more)
    }

    /// How many were printed.
    pub(super) const fn printed(&self) -> usize {
        self.printed
    }
}

/// Prints the pages of a list, at most `limit` items; answers how many were printed.
///
/// # Errors
/// When a page cannot be had or printed.
pub(super) fn all<C: Paged>(
    access: &Access,
    out: &Output,
    table: &Table<'_>,
    call: &mut C,
    after: u64,
    limit: Option<usize>,
) -> Result<usize, Problem> {
    let (mut rows, mut after) = (Rows::new(out, table, limit), after);
    loop {
        call.page(after, rows.wanted(), Duration::ZERO);
        let page = access.call(call)?;
        let goes_on = rows.print(page.items)?;
        match page.next.filter(|_| goes_on) {
            Some(next) => after = next,
            None => return Ok(rows.printed()),
        }
    }
}

/// Prints a list and goes on as it grows, whether a server runs, stops or starts. Ends only with a problem.
///
/// # Errors
/// When the folder cannot be read or nobody reads on.
pub(super) fn follow<C: Paged>(
    context: &Context,
    command: &'static str,
    table: &Table<'_>,
    call: &mut C,
    after: u64,
) -> Result<u8, Problem> {
    let mut after = after;
    loop {
        let access = context.access::<C>(command)?;
        let wait = if access.is_remote() { POLL } else { Duration::from_millis(1) };
        loop {
            call.page(after, Limit::up_to(Limit::MOST), wait);
            let page = match access.call(call) {
                Err(problem) if problem.code == "server_unreachable" => break,
                page => page?,
            };
            context.out.items(&page.items, table)?;
            after = page.next.unwrap_or(after);
            if !access.is_remote() && page.items.is_empty() {
                break;
            }
        }
        drop(access);
        await_change(context);
    }
}

/// Without a server the log only grows when somebody takes the folder.
fn await_change(context: &Context) {
    let (folder, begun) = (context.folder(), Instant::now());
    while Hold::holder_of(&folder).is_none() && begun.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(100));
    }
}
