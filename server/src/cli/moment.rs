//! Moments on the command line: a time, a day, or how long ago.

use std::time::Duration;

use events::{Day, TimeError, Timestamp};

use store::now;

use crate::config::duration;

/// Reads `2025-01-31T12:00:00Z`, `2025-01-31`, `today` or `yesterday` (a day's first moment, in UTC), `now`, or `7d`, `-7d`
/// and `1w` (so long ago).
///
/// # Errors
/// What would be right.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let (text, now) = (text.trim(), now());
    let today = now.day();
    match text.to_ascii_lowercase().as_str() {
        "now" => return Ok(now),
        "today" => return Ok(today.start()),
        "yesterday" => return Ok(Day::from_number(today.number() - 1).start()),
        _ => {}
    }
    if let Some(ago) = span(text.strip_prefix('-').unwrap_or(text)) {
        return Ok(before(now, ago));
    }
    let day = format!("{text}T00:00:00Z");
    Timestamp::parse(text).or_else(|error| Timestamp::parse(&day).map_err(|_| error)).map_err(|error| {
        if error == TimeError::NoZone {
            return format!("it names no zone: {text}Z is that time in UTC, {text}+02:00 in another zone");
        }
        format!(
            "{error}; wanted is a time (2025-01-31T12:00:00Z), a day (2025-01-31, today, yesterday), or how long ago (7d, \
             12h, 1w)"
        )
    })
}

/// A span as people write it: weeks too, and days and hours in capitals. `M` is no unit: minutes and months look alike.
fn span(text: &str) -> Option<Duration> {
    const WEEK: u32 = 7;
    let small: String =
        text.chars().map(|c| if "DHW".contains(c) { c.to_ascii_lowercase() } else { c }).collect();
    match small.strip_suffix('w') {
        Some(weeks) => duration(&format!("{weeks}d"))?.checked_mul(WEEK),
        None => duration(&small),
    }
}

/// Reads how many items are wanted of a list.
///
/// # Errors
/// When the number is out of range.
pub(super) fn limit(text: &str) -> Result<usize, String> {
    const MOST: usize = 1_000_000;
    let count = text.parse().ok().filter(|count| (1..=MOST).contains(count));
    count.ok_or_else(|| format!("wanted is a number from 1 to {MOST}"))
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
        for wrong in ["", "lately", "2025-13-01", "1M", "-", "w"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
        let refused = moment("2025-01-31T12:00:00").unwrap_err();
        assert!(refused.contains("2025-01-31T12:00:00Z is that time in UTC"), "{refused}");
    }

    #[test]
    fn words_and_spans_as_people_write_them_are_read() {
        let ago = |text: &str| (now().micros() - moment(text).unwrap().micros()) / 1_000_000;
        for (text, seconds) in
            [("7D", 604_800), ("1w", 604_800), ("2W", 1_209_600), ("-5d", 432_000), ("12H", 43_200)]
        {
            assert!((seconds - 1..seconds + 20).contains(&ago(text)), "{text}");
        }
        let day = |text: &str| moment(text).unwrap();
        assert_eq!(day("today").micros() - day("yesterday").micros(), 86_400_000_000);
        assert!(day("Today") <= day("now"));
    }
}
