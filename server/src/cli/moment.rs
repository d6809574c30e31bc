//! Moments on the command line: a time, a day, or how long ago.

use std::time::Duration;

use events::Timestamp;

use crate::{clock::now, config::duration};

/// Reads `2025-01-31T12:00:00Z`, `2025-01-31` (its first moment) or `7d` (so long ago).
///
/// # Errors
/// What would be right.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    if let Some(ago) = duration(text) {
        return Ok(before(now(), ago));
    }
    let day = format!("{text}T00:00:00Z");
    Timestamp::parse(text).or_else(|error| Timestamp::parse(&day).map_err(|_| error)).map_err(|error| {
        format!(
            "{error}; wanted is a time (2025-01-31T12:00:00Z), a day (2025-01-31), or how long ago (7d, 12h)"
        )
    })
}

fn before(moment: Timestamp, ago: Duration) -> Timestamp {
    moment.plus_micros(i64::try_from(ago.as_micros()).unwrap_or(i64::MAX).saturating_neg())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_days_and_spans_are_read() {
        assert_eq!(moment("2025-01-31T12:00:00Z").unwrap().to_string(), "2025-01-31T12:00:00Z");
        assert_eq!(moment("2025-01-31").unwrap().to_string(), "2025-01-31T00:00:00Z");
        let ago = now().micros() - moment("7d").unwrap().micros();
        assert!((604_790_000_000..604_810_000_000).contains(&ago), "{ago}");
        for wrong in ["", "yesterday", "2025-13-01", "2025-01-31T12:00:00"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
