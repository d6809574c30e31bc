//! The Kafka source.

use std::sync::Arc;

use kafka::KafkaSource;
use store::now;

use super::{Figures, Part, PartState, Saved, figures};

impl Part for KafkaSource {
    fn states(&self) -> Vec<PartState> {
        let status = self.status();
        let detail = if status.ready { status.warning } else { Some(status.text) };
        vec![PartState { part: format!("source:{}", status.topic), ready: status.ready, detail }]
    }

    fn figures(&self, out: &mut Figures) {
        let status = self.status();
        let topic = status.topic.as_str();
        let counts = status.counts;
        figures::records(out, topic, [counts.taken, counts.duplicate, counts.rejected]);
        let help = "Offsets of a partition that are not taken in yet.";
        let lags = out.family("ingest_lag_records", "gauge", help);
        for partition in &status.partitions {
            let labels = [("topic", topic), ("partition", &partition.partition.to_string())];
            lags.sample(&labels, partition.lag as f64);
        }
        let help = "1 while the cluster may delete records of the topic before they are read.";
        out.family("topic_loses_records", "gauge", help).flag(&[("topic", topic)], status.warning.is_some());
        if let Some(last) = status.partitions.iter().filter_map(|partition| partition.last_record_at).max() {
            let age_us = now().micros().saturating_sub(last.micros()).max(0);
            out.family("ingest_last_event_age_seconds", "gauge", "How long ago the last record was written.")
                .sample(&[("topic", topic)], age_us as f64 / 1e6);
        }
    }

    fn stop(self: Arc<Self>, _saved: &mut Saved) {
        if let Some(source) = Arc::into_inner(self) {
            source.stop();
        }
    }
}
