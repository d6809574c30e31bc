//! The actors of a rehearsal: the true ones, without threads.

use std::sync::Arc;

use events::{NewEvent, Recorded, Timestamp, Uuid};

use crate::roster::{self, Played};

/// All actors, without threads.
pub(super) struct Cast(Vec<Member>);

struct Member {
    name: &'static str,
    stream: Arc<str>,
    actor: Box<dyn Played>,
}

impl Cast {
    pub(super) fn new(run_id: Uuid) -> Self {
        let member = |kind: &roster::Kind| Member {
            name: kind.name,
            stream: Arc::from(kind.stream()),
            actor: kind.play(run_id),
        };
        Self(roster::ALL.iter().map(member).collect())
    }

    /// What each actor decides on an event, with the stream that it goes to.
    pub(super) fn take(&mut self, event: &Recorded) -> Vec<(Arc<str>, NewEvent)> {
        let mut decided = Vec::new();
        for member in &mut self.0 {
            let decisions = member.actor.take(event).into_iter();
            decided.extend(decisions.map(|decision| (Arc::clone(&member.stream), decision)));
        }
        decided
    }

    pub(super) fn next_deadline(&self) -> Option<(&'static str, Timestamp)> {
        let deadlines = self.0.iter().filter_map(|member| Some((member.name, member.actor.next_deadline()?)));
        deadlines.min_by_key(|(_, due_at)| *due_at)
    }
}
