//! Cron expressions in UTC: five fields, so every planned moment is a whole minute.

use chrono::DateTime;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use events::Timestamp;

/// Reads an expression.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn parse(expression: &str) -> Result<Cron, String> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(expression).map_err(|error| error.to_string())
}

/// The first planned moment after another; nothing when there is none.
pub(super) fn next_after(expression: &str, after: Timestamp) -> Option<Timestamp> {
    let after = DateTime::from_timestamp_micros(after.micros())?;
    let next = parse(expression).ok()?.find_next_occurrence(&after, false).ok()?;
    Some(Timestamp::from_micros(next.timestamp_micros()))
}

/// The last planned moment at or before another; nothing when there is none.
pub(super) fn last_until(expression: &str, until: Timestamp) -> Option<Timestamp> {
    let until = DateTime::from_timestamp_micros(until.micros())?;
    let last = parse(expression).ok()?.find_previous_occurrence(&until, true).ok()?;
    Some(Timestamp::from_micros(last.timestamp_micros()))
}
