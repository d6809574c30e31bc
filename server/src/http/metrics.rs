//! Figures for Prometheus, in base units, with few labels.

use std::fmt::Write as _;

use actix_web::{HttpResponse, web};
use events::StrategyState;
use store::{SYNC_BOUNDS_US, now};

use super::{lobby::Lobby, refusal::Refusal, site::Site};

/// `GET /metrics`.
pub async fn metrics(site: web::Data<Site>, lobby: web::Data<Lobby>) -> Result<HttpResponse, Refusal> {
    let text = lobby.blocking(move || Ok(site.metrics())).await?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}

/// The text under construction.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a text does not fail.
        let _ = writeln!(self.0, "# HELP tradewarden_{name} {help}\n# TYPE tradewarden_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> =
            labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "tradewarden_{name}{labels} {value}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl Site {
    fn metrics(&self) -> String {
        let mut out = Exposition::default();
        out.family("build_info", "gauge", "Version of this process.");
        out.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
        self.log_metrics(&mut out);
        self.ingest_metrics(&mut out);
        self.actor_metrics(&mut out);
        self.projection_metrics(&mut out);
        self.view_metrics(&mut out);
        self.publisher_metrics(&mut out);
        out.family("part_ready", "gauge", "Whether a part gets on, as /readyz says.");
        for part in self.parts() {
            out.sample("part_ready", &[("part", &part.part)], f64::from(u8::from(part.ready)));
        }
        out.0
    }

    fn log_metrics(&self, out: &mut Exposition) {
        out.family("events_appended_total", "counter", "Events in the log: the position of the last one.");
        out.sample("events_appended_total", &[], self.desk.log.head() as f64);
        let Some(stats) = self.desk.embedded.as_ref().map(|log| log.stats()) else { return };
        out.family("event_log_bytes", "gauge", "Size of the log's files; archived ones are not in it.");
        out.sample("event_log_bytes", &[], stats.bytes as f64);
        out.family("event_log_archived_bytes", "gauge", "Size of the log's files that moved to the archive.");
        out.sample("event_log_archived_bytes", &[], stats.archived_bytes as f64);
        let failing = self.desk.embedded.as_ref().is_some_and(|log| log.upkeep_fault().is_some());
        out.family(
            "event_log_upkeep_failing",
            "gauge",
            "Whether compressing or moving files failed the last time.",
        );
        out.sample("event_log_upkeep_failing", &[], f64::from(u8::from(failing)));
        let name = "event_log_fsync_duration_seconds";
        out.family(name, "histogram", "How long the fsync of a batch took.");
        for (bound, within) in SYNC_BOUNDS_US.into_iter().zip(stats.syncs_within) {
            let bound = (bound as f64 / 1e6).to_string();
            out.sample(&format!("{name}_bucket"), &[("le", bound.as_str())], within as f64);
        }
        out.sample(&format!("{name}_bucket"), &[("le", "+Inf")], stats.batches as f64);
        out.sample(&format!("{name}_sum"), &[], stats.sync_time.as_secs_f64());
        out.sample(&format!("{name}_count"), &[], stats.batches as f64);
        out.family("event_log_requests_waiting", "gauge", "Appends that wait for the writer.");
        out.sample("event_log_requests_waiting", &[], stats.waiting as f64);
    }

    fn actor_metrics(&self, out: &mut Exposition) {
        let statuses: Vec<_> = self.desk.actors.iter().flat_map(|actors| actors.status()).collect();
        out.family("actor_position", "gauge", "Up to where an actor has decided.");
        for status in &statuses {
            out.sample("actor_position", &[("actor", status.actor)], status.position as f64);
        }
        out.family("actor_restarts_total", "counter", "Failures of an actor since the start of the process.");
        for status in &statuses {
            out.sample("actor_restarts_total", &[("actor", status.actor)], status.failures as f64);
        }
    }

    fn projection_metrics(&self, out: &mut Exposition) {
        let views: Vec<_> = self.desk.views.iter().flat_map(|views| views.list()).collect();
        let moment = now();
        for (name, help) in [
            ("projection_position", "Up to where a projection shows the log."),
            ("projection_lag_events", "Events that a projection does not show yet."),
            ("projection_lag_seconds", "Age of the oldest event that a projection does not show yet."),
            ("projection_last_advance_age_seconds", "How long ago a projection last got on."),
            ("projection_rebuild_progress_ratio", "How much of a rebuild is done; 1 when none is under way."),
        ] {
            out.family(name, "gauge", help);
            for view in &views {
                let value = match name {
                    "projection_position" => Some(view.position as f64),
                    "projection_lag_events" => view.lag_events.map(|lag| lag as f64),
                    "projection_lag_seconds" => Some(view.lag_seconds),
                    "projection_rebuild_progress_ratio" => Some(view.rebuild_progress.unwrap_or(1.0)),
                    _ => Some((moment.micros() - view.last_advance.micros()).max(0) as f64 / 1e6),
                };
                if let Some(value) = value {
                    out.sample(name, &[("projection", view.name)], value);
                }
            }
        }
    }

    /// Figures out of views; a view that is behind leaves its figures out rather than telling old ones.
    fn view_metrics(&self, out: &mut Exposition) {
        let Some(views) = &self.desk.views else { return };
        if let Ok(strategies) = views.strategies() {
            out.family("strategy_state", "gauge", "1 for the state that a strategy is in.");
            for strategy in strategies {
                for state in [StrategyState::Active, StrategyState::Reducing, StrategyState::Halted] {
                    let labels = [("strategy", strategy.strategy.as_str()), ("state", state.word())];
                    out.sample("strategy_state", &labels, f64::from(u8::from(strategy.state == state)));
                }
            }
        }
        if let Ok(counts) = views.dead_letter_counts() {
            out.family("dead_letters", "gauge", "Records that could not be taken in.");
            for count in counts {
                let kind = serde_json::to_value(count.reason).unwrap_or_default();
                out.sample(
                    "dead_letters",
                    &[("kind", kind.as_str().unwrap_or("unknown"))],
                    count.count as f64,
                );
            }
        }
    }

    fn publisher_metrics(&self, out: &mut Exposition) {
        let Some(status) = self.publisher.as_ref().map(|publisher| publisher()) else { return };
        out.family("publisher_position", "gauge", "Up to where decisions and dead letters are published.");
        out.sample("publisher_position", &[], status.position as f64);
        out.family("publisher_lag_events", "gauge", "Events that the publisher has not looked at yet.");
        if let Some(lag) = status.lag_events {
            out.sample("publisher_lag_events", &[], lag as f64);
        }
        let help = "Age of the oldest event that the publisher has not looked at yet.";
        out.family("publisher_lag_seconds", "gauge", help);
        out.sample("publisher_lag_seconds", &[], status.lag_seconds);
        out.family("published_total", "counter", "Records published since the start of the process.");
        for (kind, count) in [("decision", status.decisions), ("dead_letter", status.dead_letters)] {
            out.sample("published_total", &[("kind", kind)], count as f64);
        }
    }

    /// What comes in, from the topic and over HTTP, since the start of the process.
    fn ingest_metrics(&self, out: &mut Exposition) {
        let source = self.desk.source.as_ref().map(|source| source());
        out.family(
            "ingest_records_total",
            "counter",
            "Records by where they came from and what became of them.",
        );
        let http = self.taken_over_http.counts();
        let mut counts = vec![("http", http)];
        if let Some(source) = &source {
            counts.push((source.topic.as_str(), [source.taken, source.duplicate, source.rejected]));
        }
        for (topic, counts) in counts {
            for (result, count) in ["taken", "duplicate", "rejected"].into_iter().zip(counts) {
                out.sample("ingest_records_total", &[("topic", topic), ("result", result)], count as f64);
            }
        }
        let Some(source) = source else { return };
        out.family("ingest_lag_records", "gauge", "Offsets of a partition that are not taken in yet.");
        for partition in &source.partitions {
            let labels = [("topic", source.topic.as_str()), ("partition", &partition.partition.to_string())];
            out.sample("ingest_lag_records", &labels, partition.lag as f64);
        }
        out.family(
            "topic_loses_records",
            "gauge",
            "1 while the cluster may delete records of the topic before they are read.",
        );
        out.sample("topic_loses_records", &[("topic", &source.topic)], f64::from(source.warning.is_some()));
        if let Some(last) = source.partitions.iter().filter_map(|partition| partition.last_record_at).max() {
            out.family("ingest_last_event_age_seconds", "gauge", "How long ago the last record was written.");
            let age_us = now().micros().saturating_sub(last.micros()).max(0);
            out.sample("ingest_last_event_age_seconds", &[("topic", &source.topic)], age_us as f64 / 1e6);
        }
    }
}
