//! When an actor stands still, and how often it failed at one input.

use std::time::Duration;

/// Failures of one actor at one input, counted together whatever they were: a panic, an error, no progress.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    position: u64,
    count: u32,
}

impl Attempts {
    /// One more at an input; answers how many there are now.
    pub(crate) const fn again(&mut self, position: u64) -> u32 {
        self.count = if self.position == position { self.count + 1 } else { 1 };
        self.position = position;
        self.count
    }

    /// The input is decided: what happens at it later is another matter.
    pub(crate) const fn got_past(&mut self, position: u64) {
        if position >= self.position {
            self.count = 0;
        }
    }
}

/// Where an actor is: the input that it works on, and up to where it has decided.
pub(crate) type Place = (u64, u64);

/// The most that counts of the time between two looks. Longer it is not watched, but the process was held (a paused
/// machine, SIGSTOP) or waited for the disk.
const LONGEST_LOOK: Duration = Duration::from_millis(400);

/// For how long an actor that has something to do was seen at one place.
///
/// Only time that was watched counts: after the process was held nobody is accused of it.
/// Time that an actor is idle does not count either: it begins with the first look that finds it behind.
#[derive(Debug, Default)]
pub(crate) struct Behind {
    place: Option<Place>,
    watched: Duration,
}

impl Behind {
    /// A look at an actor, `passed` after the one before; `place` is nothing when it has nothing to do. Answers for
    /// how long it was seen there.
    pub(crate) fn look(&mut self, place: Option<Place>, passed: Duration) -> Duration {
        let stands = place.is_some() && self.place == place;
        self.watched = if stands { self.watched + passed.min(LONGEST_LOOK) } else { Duration::ZERO };
        self.place = place;
        self.watched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::from_millis(200);

    #[test]
    fn failures_at_one_input_are_counted_together_and_begin_anew_past_it() {
        let mut attempts = Attempts::default();
        assert_eq!(
            [attempts.again(7), attempts.again(7), attempts.again(9), attempts.again(9)],
            [1, 2, 1, 2]
        );
        attempts.got_past(8);
        assert_eq!(attempts.again(9), 3, "8 is not past 9");
        attempts.got_past(9);
        assert_eq!(attempts.again(9), 1);
    }

    #[test]
    fn an_idle_actor_that_gets_work_is_behind_from_then_on_and_not_before() {
        let mut behind = Behind::default();
        for _ in 0..100 {
            assert_eq!(behind.look(None, LOOK), Duration::ZERO);
        }
        assert_eq!(behind.look(Some((7, 0)), LOOK), Duration::ZERO);
        assert_eq!(behind.look(Some((7, 0)), LOOK), LOOK);
    }

    #[test]
    fn any_progress_begins_the_count_anew() {
        let mut behind = Behind::default();
        let places = [(7, 0), (7, 0), (8, 0), (8, 0), (8, 8), (8, 8)];
        let seen = places.map(|place| behind.look(Some(place), LOOK).as_millis());
        assert_eq!(seen, [0, 200, 0, 200, 0, 200]);
    }

    #[test]
    fn a_minute_in_which_the_process_was_held_accuses_nobody() {
        let mut behind = Behind::default();
        behind.look(Some((7, 0)), LOOK);
        assert!(behind.look(Some((7, 0)), Duration::from_secs(60)) < Duration::from_secs(1));
    }
}
