//! How fast a log grows: whether somebody fills it, or events come in as they happen.

use std::time::{Duration, Instant};

use crate::EventLog;

/// At this pace events are not lived through: somebody catches up.
const FLOOD_PER_S: f64 = 5_000.0;
/// Between two looks there have to be so many events, or so much time, for a pace to be told from them.
const EVENTS: u64 = 128;
const WITHIN: Duration = Duration::from_millis(25);

/// Tells whether the log is being filled, as far as it can be seen from its head alone.
///
/// Whoever follows a log that is being filled does better to gather what comes for a moment than to take it piece by
/// piece: each piece costs a sync or a transaction. Whoever follows one that lives must not wait: there every event
/// may be one that somebody waits for.
#[derive(Debug)]
pub struct Inflow {
    head: u64,
    since: Instant,
    flood: bool,
}

impl Inflow {
    /// Begins to watch a log.
    pub fn new(log: &dyn EventLog) -> Self {
        Self::since(log.head(), Instant::now())
    }

    fn since(head: u64, since: Instant) -> Self {
        Self { head, since, flood: false }
    }

    /// Whether the log was being filled between the last looks.
    pub fn is_flood(&mut self, log: &dyn EventLog) -> bool {
        self.look(log.head(), Instant::now())
    }

    fn look(&mut self, head: u64, now: Instant) -> bool {
        let (grown, took) = (head.saturating_sub(self.head), now.duration_since(self.since));
        if grown >= EVENTS || took >= WITHIN {
            let flood = grown >= EVENTS && grown as f64 >= FLOOD_PER_S * took.as_secs_f64();
            *self = Self { head, since: now, flood };
        }
        self.flood
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said after each look, by head and milliseconds.
    fn said(looks: &[(u64, u64)]) -> Vec<bool> {
        let began = Instant::now();
        let mut inflow = Inflow::since(1000, began);
        looks.iter().map(|(head, ms)| inflow.look(*head, began + Duration::from_millis(*ms))).collect()
    }

    #[test]
    fn what_comes_as_it_happens_is_no_flood() {
        assert_eq!(said(&[(1001, 1), (1020, 20), (1030, 30), (1230, 230), (4000, 3000)]), [false; 5]);
    }

    #[test]
    fn a_burst_after_silence_is_none_either() {
        assert_eq!(said(&[(3000, 1000), (3001, 1030)]), [false; 2]);
    }

    #[test]
    fn many_events_within_a_moment_are_a_flood_until_they_cease() {
        let looks = [(1127, 5), (1128, 6), (1129, 7), (1500, 37), (1550, 50), (1551, 70)];
        assert_eq!(said(&looks), [false, true, true, true, true, false]);
    }
}
