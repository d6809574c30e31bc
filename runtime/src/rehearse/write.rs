//! The two threads behind the stage: what was played is encoded and appended while the next is played.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use events::NewEvent;
use store::{Duplicates, EventLog, Expected, Prepared, Request};

use super::RehearseError;

/// Events of one stream that follow each other.
pub(super) struct Run {
    pub stream: Arc<str>,
    pub expected: u64,
    pub first_position: u64,
    pub events: Vec<NewEvent>,
}

/// A thread behind the stage.
pub(super) type Writer = thread::JoinHandle<Result<(), RehearseError>>;

/// Requests, each with the position that its first event will have.
pub(super) type Encoded = Vec<(Request, u64)>;

/// Encodes what the stage has played, in its order.
pub(super) fn encoder(
    batches: mpsc::Receiver<Vec<Run>>,
) -> std::io::Result<(Writer, mpsc::Receiver<Encoded>)> {
    let (sender, encoded) = mpsc::sync_channel(4);
    let encode = move || {
        for batch in batches {
            let requests: Result<Encoded, serde_json::Error> = batch.into_iter().map(request).collect();
            if sender.send(requests?).is_err() {
                break;
            }
        }
        Ok(())
    };
    Ok((thread::Builder::new().name("encoder".into()).spawn(encode)?, encoded))
}

/// Appends what the stage has played, in its order; without a log that it could be appended is all.
pub(super) fn appender(
    log: Option<Arc<dyn EventLog>>,
    batches: mpsc::Receiver<Encoded>,
) -> std::io::Result<Writer> {
    let append = move || {
        for batch in batches {
            let Some(log) = &log else { continue };
            let (requests, first): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            for (appended, position) in log.append_all(requests).into_iter().zip(first) {
                let placed = appended?.placed;
                if placed.first().is_some_and(|placed| placed.position != position) {
                    return Err(RehearseError::Disturbed(position));
                }
            }
        }
        Ok(())
    };
    thread::Builder::new().name("rehearsal".into()).spawn(append)
}

fn request(run: Run) -> Result<(Request, u64), serde_json::Error> {
    let events = run.events.into_iter().map(Prepared::new).collect::<Result<_, _>>()?;
    let (expected, duplicates) = (Expected::Revision(run.expected), Duplicates::Skip);
    Ok((Request { stream: run.stream, expected, duplicates, events }, run.first_position))
}
