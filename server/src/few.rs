//! Messages that may come by thousands: a few in each minute have a line of their own, the others are counted.

use std::time::{Duration, Instant};

/// So many are told, in each span.
const TOLD: u32 = 10;

/// How long a span is.
pub(crate) const SPAN: Duration = Duration::from_secs(60);

/// Chooses which are told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Few {
    since: Instant,
    seen: u32,
}

impl Few {
    /// The first span begins now.
    pub(crate) const fn new(now: Instant) -> Self {
        Self { since: now, seen: 0 }
    }

    /// Whether the next one has a line of its own.
    pub(crate) fn next_is_told(&mut self) -> bool {
        self.seen = self.seen.saturating_add(1);
        self.seen <= TOLD
    }

    /// When a span is over: how many were not told in it.
    pub(crate) fn turned(&mut self, now: Instant) -> Option<u32> {
        if now.duration_since(self.since) < SPAN {
            return None;
        }
        let untold = self.untold();
        *self = Self::new(now);
        (untold > 0).then_some(untold)
    }

    /// How many were not told in this span so far.
    pub(crate) const fn untold(&self) -> u32 {
        self.seen.saturating_sub(TOLD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_ten_a_minute_are_told_and_the_rest_counted() {
        let begin = Instant::now();
        let mut few = Few::new(begin);
        assert_eq!((0..25).filter(|_| few.next_is_told()).count(), 10);
        assert_eq!(few.turned(begin + SPAN / 2), None);
        assert_eq!((few.untold(), few.turned(begin + SPAN)), (15, Some(15)));
        assert!(few.next_is_told());
        assert_eq!(few.turned(begin + SPAN * 2), None);
    }
}
