//! Lists that are read page by page, and followed while they grow.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    access::Access,
    calls::{Call, Page},
    folder::Hold,
    problem::Problem,
};

use super::{
    context::Context,
    output::{Output, Table},
};

/// A call for a page of a list.
pub trait Paged: Call<Answer = Page> {
    /// The same for the page after a position, waiting so long for its first item.
    fn page(&mut self, after: u64, wait: Duration);
}

/// How long a server holds a question that has no answer yet.
const POLL: Duration = Duration::from_secs(20);

/// Prints all pages of a list, at most `limit` items; answers how many were printed.
///
/// # Errors
/// When a page cannot be had or printed.
pub fn all<C: Paged>(
    access: &Access,
    out: &Output,
    table: &Table<'_>,
    call: &mut C,
    after: u64,
    limit: Option<usize>,
) -> Result<usize, Problem> {
    let (mut after, mut printed) = (after, 0);
    loop {
        call.page(after, Duration::ZERO);
        let mut page = access.call(call)?;
        page.items.truncate(limit.unwrap_or(usize::MAX) - printed);
        out.items(&page.items, table)?;
        printed += page.items.len();
        match page.next {
            Some(next) if limit.is_none_or(|limit| printed < limit) => after = next,
            _ => return Ok(printed),
        }
    }
}

/// Prints a list and goes on as it grows, whether a server runs, stops or starts. Ends only with a problem.
///
/// # Errors
/// When the folder cannot be read or nobody reads on.
pub fn follow<C: Paged>(
    context: &Context,
    command: &'static str,
    table: &Table<'_>,
    call: &mut C,
    after: u64,
) -> Result<u8, Problem> {
    let mut after = after;
    loop {
        let access = context.access(command, C::NEEDS)?;
        let wait = if access.is_remote() { POLL } else { Duration::from_millis(1) };
        loop {
            call.page(after, wait);
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
