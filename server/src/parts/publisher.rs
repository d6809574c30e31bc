//! The publisher of decisions, and the endpoint that serves them where no cluster is configured.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use kafka::{Endpoint, KafkaPublisher, PublisherState, PublisherStatus};

use super::{Figures, Part, PartState, Saved};

/// How long a part that talks to others is waited for at the end: what it has to tell is in the log.
const STOP_WITHIN: Duration = Duration::from_secs(3);

impl Part for KafkaPublisher {
    fn states(&self) -> Vec<PartState> {
        let status = self.status();
        let ready = status.state == PublisherState::Running;
        let detail = status.last_error.unwrap_or_else(|| format!("{:?}", status.state).to_lowercase());
        vec![PartState { part: "publisher".to_owned(), ready, detail: (!ready).then_some(detail) }]
    }

    fn figures(&self, out: &mut Figures) {
        figures_of(&self.status(), out);
    }

    fn stop(self: Arc<Self>, saved: &mut Saved) {
        saved.published = self.status().position;
        if let Some(publisher) = Arc::into_inner(self) {
            within(STOP_WITHIN, "the publisher", move || publisher.stop());
        }
    }
}

/// Adds the figures of a publisher.
pub(crate) fn figures_of(status: &PublisherStatus, out: &mut Figures) {
    out.family("publisher_position", "gauge", "Up to where decisions and dead letters are published.")
        .sample(&[], status.position as f64);
    let lag = out.family("publisher_lag_events", "gauge", "Events that the publisher has not looked at yet.");
    if let Some(events) = status.lag_events {
        lag.sample(&[], events as f64);
    }
    let help = "Age of the oldest event that the publisher has not looked at yet.";
    out.family("publisher_lag_seconds", "gauge", help).sample(&[], status.lag_seconds);
    let help = "Records published since the start of the process.";
    let published = out.family("published_total", "counter", help);
    for (kind, count) in [("decision", status.decisions), ("dead_letter", status.dead_letters)] {
        published.sample(&[("kind", kind)], count as f64);
    }
}

impl Part for Endpoint {
    fn stop(self: Arc<Self>, _saved: &mut Saved) {
        drop(self);
    }
}

/// Ends a part; leaves it to itself when that takes too long, as the process ends anyway.
fn within(patience: Duration, part: &str, end: impl FnOnce() + Send + 'static) {
    let (tell, told) = mpsc::sync_channel(1);
    let spawned = thread::Builder::new().spawn(move || {
        end();
        let _ = tell.send(());
    });
    if spawned.is_ok() && told.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
        tracing::warn!("{part} does not end in time; it is left to itself, nothing is lost");
    }
}
