//! The planned moments of a schedule, in the order in which they come.

use std::{collections::VecDeque, str::FromStr as _};

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use events::{Schedule, Timestamp, Timing};

type Moment = DateTime<Utc>;

const DAY: i64 = 86_400_000_000;

/// A schedule's timing, ready to be asked.
pub(super) enum Plan {
    /// By the clock of a zone.
    Clock(Box<ZonedCron>),
    /// So many microseconds apart.
    Every(i64),
}

/// What is wrong with a timing: the key, the value, the words.
pub(super) struct Wrong {
    pub(super) key: &'static str,
    pub(super) value: String,
    pub(super) problem: String,
}

impl Plan {
    /// Reads the timing and the zone of a schedule.
    pub(super) fn of(schedule: &Schedule) -> Result<Self, Wrong> {
        let wrong = |key, value: &dyn ToString, problem| Wrong { key, value: value.to_string(), problem };
        match &schedule.timing {
            Timing::EveryS(0) => Err(wrong("every", &"0s", "wanted is a second or more".to_owned())),
            Timing::EveryS(seconds) => {
                let micros = i64::try_from(*seconds).ok().and_then(|seconds| seconds.checked_mul(1_000_000));
                let too_long = || wrong("every", &format!("{seconds}s"), "this is too long".to_owned());
                micros.map(Self::Every).ok_or_else(too_long)
            }
            Timing::Cron(expression) => {
                let zone = Tz::from_str(&schedule.zone).map_err(|_| {
                    let problem =
                        "no such zone; wanted is a name of the IANA data base, such as UTC or Europe/Berlin";
                    wrong("zone", &schedule.zone, problem.to_owned())
                })?;
                ZonedCron::new(expression, zone)
                    .map(|cron| Self::Clock(Box::new(cron)))
                    .map_err(|problem| wrong("cron", expression, problem))
            }
        }
    }

    /// The first planned moment after another; nothing when there is none.
    pub(super) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Clock(cron) => cron.next_after(after),
            Self::Every(step) => next_step(after.micros(), *step).map(Timestamp::from_micros),
        }
    }

    /// The newest planned moments at or before `until` and not before `first`, which is one; at most so many, oldest first.
    pub(super) fn newest_until(&self, first: Timestamp, until: Timestamp, most: usize) -> Vec<Timestamp> {
        let mut window: i64 = 60_000_000;
        loop {
            let from = until.micros().saturating_sub(window).max(first.micros());
            let (mut newest, mut at) = (VecDeque::new(), Timestamp::from_micros(from.saturating_sub(1)));
            while let Some(next) = self.next_after(at).filter(|next| *next <= until) {
                newest.push_back(next);
                if newest.len() > most {
                    newest.pop_front();
                }
                at = next;
            }
            if newest.len() == most || from == first.micros() {
                return newest.into();
            }
            window = window.saturating_mul(8);
        }
    }
}

/// Steps shorter than a day begin anew at each midnight; longer ones are counted from the first of 1970.
fn next_step(after: i64, step: i64) -> Option<i64> {
    let whole = |from: i64, step: i64| {
        (after - from).div_euclid(step).checked_add(1)?.checked_mul(step)?.checked_add(from)
    };
    if step > DAY {
        return whole(0, step);
    }
    let midnight = after.div_euclid(DAY).checked_mul(DAY)?;
    Some(whole(midnight, step)?.min(midnight.checked_add(DAY)?))
}

/// A cron expression by the clock of a zone.
///
/// Where that clock is set forward, a moment with a named hour that is left out comes at the end of what is left out,
/// once. Where it is set back, named hours come in the first pass alone; an hour of `*` or `*/n` comes in both.
pub(super) struct ZonedCron {
    cron: Cron,
    zone: Tz,
    names_hours: bool,
}

impl ZonedCron {
    fn new(expression: &str, zone: Tz) -> Result<Self, String> {
        let fields: Vec<_> = expression.split_whitespace().collect();
        let (5 | 6) = fields.len() else {
            return Err(
                "wanted are five fields, minute hour day month weekday, or six with seconds first, such as \"0 1 * * *\""
                    .to_owned(),
            );
        };
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(expression).map_err(|error| {
            let wanted = "wanted are five fields, minute hour day month weekday, or six with seconds first";
            format!("{error}; {wanted}")
        })?;
        let hour = fields[fields.len() - 4];
        Ok(Self { cron, zone, names_hours: hour != "*" && !hour.starts_with("*/") })
    }

    fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let after = DateTime::from_timestamp_micros(after.micros())?;
        let shown = self.shown_at(DateTime::from_timestamp(after.timestamp(), 0)?)?;
        let ahead = self.first_from(shown, false, after)?;
        let again = if self.names_hours { None } else { self.second_pass(shown, after) };
        let next = again.map_or(ahead, |again| ahead.min(again));
        Some(Timestamp::from_micros(next.timestamp_micros()))
    }

    /// How far the zone's clock is ahead of UTC.
    fn offset(&self, utc: NaiveDateTime) -> TimeDelta {
        TimeDelta::seconds(self.zone.offset_from_utc_datetime(&utc).fix().local_minus_utc().into())
    }

    /// What the zone's clock shows.
    fn shown_at(&self, moment: Moment) -> Option<NaiveDateTime> {
        let utc = moment.naive_utc();
        utc.checked_add_signed(self.offset(utc))
    }

    /// The first moment later than `after` whose clock shows `from` or later.
    fn first_from(&self, from: NaiveDateTime, inclusive: bool, after: Moment) -> Option<Moment> {
        let mut shown = self.cron.find_next_occurrence(&from, inclusive).ok()?;
        loop {
            if let Some(moment) = self.moment(shown, after).filter(|moment| *moment > after) {
                return Some(moment);
            }
            shown = self.cron.find_next_occurrence(&shown, false).ok()?;
        }
    }

    /// When the zone's clock shows this; nothing where it never does.
    fn moment(&self, shown: NaiveDateTime, after: Moment) -> Option<Moment> {
        match self.zone.from_local_datetime(&shown) {
            MappedLocalTime::Single(moment) => Some(moment.to_utc()),
            MappedLocalTime::Ambiguous(first, _) if self.names_hours || first > after => Some(first.to_utc()),
            MappedLocalTime::Ambiguous(_, second) => Some(second.to_utc()),
            MappedLocalTime::None if self.names_hours => self.end_of_gap(shown),
            MappedLocalTime::None => None,
        }
    }

    /// The moment at which the clock was set forward past what it never showed.
    fn end_of_gap(&self, never_shown: NaiveDateTime) -> Option<Moment> {
        // With the offset of before the gap this lies after it, with that of after it before.
        let day = TimeDelta::days(1);
        let before = never_shown.checked_sub_signed(self.offset(never_shown.checked_sub_signed(day)?))?;
        let after = never_shown.checked_sub_signed(self.offset(never_shown.checked_add_signed(day)?))?;
        self.change_between(after.and_utc(), before.and_utc())
    }

    /// The first moment of the second pass where `after` lies in the first pass of what the clock shows twice.
    fn second_pass(&self, shown: NaiveDateTime, after: Moment) -> Option<Moment> {
        let MappedLocalTime::Ambiguous(_, second) = self.zone.from_local_datetime(&shown) else {
            return None;
        };
        if second.to_utc() <= after {
            return None;
        }
        let change = self.change_between(after, second.to_utc())?;
        self.first_from(
            self.shown_at(change)?,
            true,
            change.checked_sub_signed(TimeDelta::microseconds(1))?.max(after),
        )
    }

    /// The moment after `from`, and not after `to`, at which the zone's clock was set.
    fn change_between(&self, from: Moment, to: Moment) -> Option<Moment> {
        let offset = |second: i64| Some(self.offset(DateTime::from_timestamp(second, 0)?.naive_utc()));
        let (mut low, mut high) = (from.timestamp(), to.timestamp());
        let old = offset(low)?;
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if offset(middle)? == old { low = middle } else { high = middle }
        }
        DateTime::from_timestamp(high, 0)
    }
}
