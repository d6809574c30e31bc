//! Any event of the log.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use events::{FamilySet, Recorded, Timestamp, Uuid};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Batch, EventLog};

use super::{
    Call, Limit, Log, Page, asked, path_part, raw,
    scan::{self, Span},
};
use crate::problem::Problem;

/// Which events.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventList {
    /// After this position.
    #[serde(default)]
    pub after: u64,
    /// Of these types; none: all.
    #[serde(default, rename = "type", skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Of this stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// About this strategy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// Happened at or after this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Happened before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// At most so many in one answer.
    #[serde(default)]
    pub limit: Limit,
    /// How long to wait for the next one when there is none yet, at most half a minute.
    #[serde(default)]
    pub wait_ms: u64,
}

impl Call for EventList {
    type Answer = Page;
    type Given = Log;
    const PATH: &'static str = "/api/events";

    fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms.min(super::decisions::LONGEST_WAIT_MS))
    }

    fn goes_on_after(&mut self, page: &Page) -> bool {
        self.after = page.next.unwrap_or(self.after);
        page.items.is_empty()
    }

    fn answer(&self, log: &Log) -> Result<Page, Problem> {
        asked::check_types(&self.types, false)?;
        asked::check_span(self.since, self.until)?;
        let span = Span {
            after: self.after,
            // Of other families no event is decoded: of a large log a rare type is found in a fraction of the time.
            families: if self.types.is_empty() { FamilySet::ALL } else { FamilySet::of_types(&self.types) },
            limit: self.limit,
            follows: self.wait_ms > 0,
        };
        scan::scan(&*log.events, span, |event| {
            (self.types.is_empty() || self.types.iter().any(|t| t == event.event.event_type()))
                && self.stream.as_deref().is_none_or(|stream| *event.stream == *stream)
                && self.strategy.as_deref().is_none_or(|s| event.event.strategy() == Some(s))
                && self.since.is_none_or(|since| event.occurred_at >= since)
                && self.until.is_none_or(|until| event.occurred_at < until)
        })
    }
}

/// The last events.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventTail {
    /// How many.
    #[serde(default)]
    pub lines: Limit,
}

impl Call for EventTail {
    type Answer = Page;
    type Given = Log;
    const PATH: &'static str = "/api/events/tail";

    fn answer(&self, log: &Log) -> Result<Page, Problem> {
        let newest = newest(&*log.events, self.lines.get())?;
        let items = newest.events.iter().map(|event| raw(&event.json())).collect::<Result<_, _>>()?;
        Ok(Page { items, next: Some(newest.read_to) })
    }
}

/// The newest events. Positions may have gaps: it looks further back until there are enough.
fn newest(log: &dyn EventLog, wanted: usize) -> Result<Batch, Problem> {
    let (head, mut reach) = (log.head(), wanted as u64);
    loop {
        let after = head.saturating_sub(reach);
        let (mut newest, mut read_to) = (VecDeque::new(), after);
        while read_to < head {
            let batch = log.read_all(read_to, FamilySet::ALL, Limit::MOST)?;
            newest.extend(batch.events);
            newest.drain(..newest.len().saturating_sub(wanted));
            read_to = batch.read_to.max(read_to + 1);
        }
        if newest.len() >= wanted || after == 0 {
            return Ok(Batch { events: newest.into(), read_to });
        }
        reach = reach.saturating_mul(2);
    }
}

/// One event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EventShow {
    /// Its id or its position.
    #[serde(skip_serializing)]
    pub id: String,
}

impl Call for EventShow {
    type Answer = Box<RawValue>;
    type Given = Log;
    const PATH: &'static str = "/api/events/{id}";

    fn path(&self) -> String {
        format!("/api/events/{}", path_part(&self.id))
    }

    fn answer(&self, log: &Log) -> Result<Box<RawValue>, Problem> {
        raw(&find(&*log.events, &self.id)?.json())
    }
}

/// The event with an id or at a position.
pub(super) fn find(log: &dyn EventLog, id: &str) -> Result<Arc<Recorded>, Problem> {
    let position = if let Ok(position) = id.parse::<u64>() {
        Some(position)
    } else {
        let id = Uuid::parse_str(id).map_err(|_| {
            Problem::usage(format!("{id:?} is no event id (a UUID) and no position (a number)"))
        })?;
        log.position_of(id)?
    };
    let event = position.map(|position| log.event_at(position)).transpose()?.flatten();
    event.ok_or_else(|| {
        let head = log.head();
        Problem::not_found(format!(
            "there is no event {id}; the newest stands at position {head}, see tradewarden events tail"
        ))
    })
}
