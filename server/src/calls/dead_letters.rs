//! What could not be taken in, with its reason and its bytes.

use events::{Event, RecordRejected, Recorded, RejectReason, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use views::DeadLetterQuery;

use super::{Call, Limit, Log, Page, WithViews, events::find, path_part, raw};
use crate::problem::Problem;

/// Dead letters, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeadLetterList {
    /// Of this reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<RejectReason>,
    /// Of this strategy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// Rejected at or after this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// At most so many in one answer.
    #[serde(default)]
    pub limit: Limit,
    /// Older than the one at this position: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

impl Call for DeadLetterList {
    type Answer = Page;
    type Given = WithViews;
    const PATH: &'static str = "/api/dead-letters";

    fn answer(&self, given: &WithViews) -> Result<Page, Problem> {
        let query = DeadLetterQuery {
            reason: self.reason,
            strategy: self.strategy.clone(),
            since: self.since,
            before: self.after,
            limit: self.limit.get(),
        };
        let letters = given.views.dead_letters(&query)?;
        let next = letters.last().filter(|_| letters.len() == query.limit).map(|last| last.position);
        Ok(Page { next, ..Page::whole(&letters)? })
    }
}

/// One dead letter with its bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DeadLetterShow {
    /// Its id or its position.
    #[serde(skip_serializing)]
    pub id: String,
}

/// A dead letter as it is shown: the event, and its bytes as text where they are text.
#[derive(Serialize)]
struct Shown<'a> {
    id: events::Uuid,
    position: u64,
    recorded_at: Timestamp,
    #[serde(flatten)]
    letter: &'a RecordRejected,
    value_text: Option<&'a str>,
}

impl Call for DeadLetterShow {
    type Answer = Box<RawValue>;
    type Given = Log;
    const PATH: &'static str = "/api/dead-letters/{id}";

    fn path(&self) -> String {
        format!("/api/dead-letters/{}", path_part(&self.id))
    }

    fn answer(&self, log: &Log) -> Result<Box<RawValue>, Problem> {
        let event = find(&*log.events, &self.id)?;
        match &event.event {
            Event::RecordRejected(letter) => shown(&event, letter),
            other => Err(Problem::not_found(format!(
                "event {} is a {}, not a dead letter; tradewarden dead-letters list shows them",
                self.id,
                other.event_type()
            ))),
        }
    }
}

fn shown(event: &Recorded, letter: &RecordRejected) -> Result<Box<RawValue>, Problem> {
    let bytes = letter.value.as_ref().map(|value| value.0.as_slice());
    raw(&Shown {
        id: event.event_id,
        position: event.position,
        recorded_at: event.recorded_at,
        letter,
        value_text: bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()),
    })
}
