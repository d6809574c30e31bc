//! Under which name a log publishes. At first it is the log's own id; a copy that goes on beside the log that it was
//! copied from gets a new one, and the log says so.

use std::sync::Arc;

use events::{Event, NewEvent, PublishIdentityRenewed, Uuid, id};
use store::{EventLog, Expected, ReadError, append, now};

use super::super::fault::KafkaFault;

pub(crate) const STREAM: &str = "publisher-identity";
/// A log is not copied more often.
const MOST: usize = 10_000;

/// A name, and the position up to which everything under it is known to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) id: Uuid,
    pub(crate) after: u64,
}

/// All names that a log has published under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// The present one.
    pub(crate) present: Name,
    /// Those before, the oldest first.
    pub(crate) earlier: Vec<Name>,
}

impl Names {
    /// Names of a log whose last checkpoint for a cluster is at `after`.
    pub(crate) fn of(log: &dyn EventLog, cluster: &str, after: u64) -> Result<Self, ReadError> {
        let mut names = Self { present: Name { id: log.log_id(), after }, earlier: Vec::new() };
        for event in log.read_stream(STREAM, 0, MOST)? {
            let Event::PublishIdentityRenewed(renewed) = &event.event else { continue };
            let after = checkpoint_before(log, cluster, event.position)?;
            let id = std::mem::replace(&mut names.present.id, renewed.identity);
            names.earlier.push(Name { id, after });
        }
        Ok(names)
    }

    /// The oldest of them: what it published lies before what later ones did.
    pub(crate) fn oldest(&self) -> Name {
        self.earlier.first().copied().unwrap_or(self.present)
    }
}

/// The name that a log publishes under now.
pub(crate) fn present(log: &dyn EventLog) -> Result<Uuid, ReadError> {
    let last = log.read_stream_back(STREAM, u64::MAX, 1)?;
    Ok(match last.first().map(|event| &event.event) {
        Some(Event::PublishIdentityRenewed(renewed)) => renewed.identity,
        _ => log.log_id(),
    })
}

/// Gives a log a new name: from now on it goes on as a copy of the log that it was.
///
/// # Errors
/// When the log cannot be read or takes nothing more.
pub fn go_on_as_copy(log: &dyn EventLog, run_id: Uuid) -> Result<Uuid, KafkaFault> {
    let before = present(log)?;
    let (moment, revision) = (now(), log.revision(STREAM)?);
    // Two copies of one folder have to differ, so more goes in than what both know.
    let [pid, nanos] = [u64::from(std::process::id()), nanos()];
    let identity = id::derive(&[
        b"publish.identity",
        before.as_bytes(),
        run_id.as_bytes(),
        &moment.micros().to_le_bytes(),
        &pid.to_le_bytes(),
        &nanos.to_le_bytes(),
    ]);
    let event_id = id::derive(&[b"publish.identity_renewed", identity.as_bytes()]);
    let event = Event::PublishIdentityRenewed(PublishIdentityRenewed { identity, before });
    let event = NewEvent::root(event_id, moment, &Arc::from(super::PRODUCER), run_id, event);
    append(log, STREAM, Expected::Revision(revision), vec![event])?;
    tracing::warn!(%identity, %before, "this log publishes as a copy from now on, under a new identity");
    Ok(identity)
}

fn nanos() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::from(since.subsec_nanos())
}

fn checkpoint_before(log: &dyn EventLog, cluster: &str, position: u64) -> Result<u64, ReadError> {
    let stream = super::checkpoint::stream(cluster);
    let mut before = u64::MAX;
    loop {
        let page = log.read_stream_back(&stream, before, 64)?;
        let Some(oldest) = page.last() else { return Ok(0) };
        before = oldest.stream_revision;
        let found = page.iter().find(|event| event.position < position);
        if let Some(Event::PublishAdvanced(advanced)) = found.map(|event| &event.event) {
            return Ok(advanced.up_to_position);
        }
    }
}

#[cfg(test)]
mod tests {
    use store::MemoryLog;

    use super::*;

    #[test]
    fn a_log_publishes_under_its_own_id_until_it_goes_on_as_a_copy() {
        let log = MemoryLog::new();
        assert_eq!(present(&log).unwrap(), log.log_id());
        let first = go_on_as_copy(&log, Uuid::nil()).unwrap();
        let second = go_on_as_copy(&log, Uuid::nil()).unwrap();
        assert_ne!(first, second);
        let names = Names::of(&log, "c", 7).unwrap();
        assert_eq!(names.present, Name { id: second, after: 7 });
        let earlier: Vec<Uuid> = names.earlier.iter().map(|name| name.id).collect();
        assert_eq!((earlier, names.oldest().id), (vec![log.log_id(), first], log.log_id()));
    }
}
