//! The audit collection of the daily analyses, with the fields and indexes of the source (S2 §5.2.2), and beside it
//! the days on which none could be made: the collection itself holds nothing but analyses, so that its averages are
//! averages, and still nobody has to ask whether the schedule ran.

use events::{
    Event, Family, FamilySet, FigureStatus, FigureStatuses, PerformanceAnalysisSkipped, PerformanceAnalyzed,
    Recorded, SkipReason, Timestamp, Uuid,
};
use serde::Serialize;

use crate::{Body, Change, Collection, Key, Keys, Kind, Projection, RestoreError, Saved};

/// One document an analysis, keyed by position.
pub const PERFORMANCE_METRICS: &str = "performance_metrics";
/// One document a skipped analysis, keyed by position.
pub const PERFORMANCE_SKIPS: &str = "performance_skips";

const COLLECTIONS: &[Collection] = &[
    Collection {
        name: PERFORMANCE_METRICS,
        keys: Keys::Numbers,
        by_time: true,
        indexes: &["date", "trigger_ai_analysis"],
        shown: true,
    },
    Collection {
        name: PERFORMANCE_SKIPS,
        keys: Keys::Numbers,
        by_time: true,
        indexes: &["date"],
        shown: true,
    },
];

#[derive(Serialize)]
struct MetricsDocument<'a> {
    timestamp: Timestamp,
    date: String,
    task_id: Uuid,
    total_trades: u64,
    win_rate: f64,
    avg_profit_per_trade: f64,
    sharpe_ratio: Option<f64>,
    performance_status: StatusDocument<'a>,
    alerts: Vec<String>,
    trigger_ai_analysis: bool,
    full_metrics: &'a PerformanceAnalyzed,
    position: u64,
}

#[derive(Serialize)]
struct StatusDocument<'a> {
    win_rate_status: &'a FigureStatus,
    avg_profit_status: &'a FigureStatus,
    sharpe_status: &'a FigureStatus,
}

#[derive(Serialize)]
struct SkipDocument {
    timestamp: Timestamp,
    date: String,
    task_id: Uuid,
    total_trades: u64,
    min_trades: u64,
    reason: SkipReason,
    window_start: Timestamp,
    window_end: Timestamp,
    position: u64,
}

/// See the head of the module.
#[derive(Default)]
pub struct PerformanceMetrics {
    changes: Vec<Change>,
}

/// One line for each figure below a limit.
fn alerts(analyzed: &PerformanceAnalyzed) -> Vec<String> {
    let FigureStatuses { win_rate, average_profit, sharpe } = analyzed.statuses;
    let limits = &analyzed.limits;
    let figures = [
        (win_rate, "Win rate", Some(analyzed.win_rate_pct), "%", limits.win_rate_pct),
        (average_profit, "Average profit", Some(analyzed.average_profit_pct), "%", limits.average_profit_pct),
        (sharpe, "Sharpe ratio", analyzed.sharpe, "", limits.sharpe),
    ];
    let line = |(status, name, value, unit, limits): (_, &str, Option<f64>, &str, events::Limits)| {
        let (word, limit) = match status {
            FigureStatus::Ok => return None,
            FigureStatus::Warning => ("WARNING", limits.warning),
            FigureStatus::Critical => ("CRITICAL", limits.critical),
        };
        value.map(|value| format!("{word}: {name} {value:.2}{unit} below {limit}{unit} threshold"))
    };
    figures.into_iter().filter_map(line).collect()
}

fn metrics_document<'a>(event: &Recorded, analyzed: &'a PerformanceAnalyzed) -> MetricsDocument<'a> {
    MetricsDocument {
        timestamp: analyzed.planned_at,
        date: analyzed.planned_at.day().to_string(),
        task_id: event.event_id,
        total_trades: analyzed.trades,
        win_rate: analyzed.win_rate_pct,
        avg_profit_per_trade: analyzed.average_profit_pct,
        sharpe_ratio: analyzed.sharpe,
        performance_status: StatusDocument {
            win_rate_status: &analyzed.statuses.win_rate,
            avg_profit_status: &analyzed.statuses.average_profit,
            sharpe_status: &analyzed.statuses.sharpe,
        },
        alerts: alerts(analyzed),
        trigger_ai_analysis: analyzed.trigger_ai_analysis,
        full_metrics: analyzed,
        position: event.position,
    }
}

fn skip_document(event: &Recorded, skipped: &PerformanceAnalysisSkipped) -> SkipDocument {
    SkipDocument {
        timestamp: skipped.planned_at,
        date: skipped.planned_at.day().to_string(),
        task_id: event.event_id,
        total_trades: skipped.trades,
        min_trades: skipped.min_trades,
        reason: skipped.reason,
        window_start: skipped.window_start,
        window_end: skipped.window_end,
        position: event.position,
    }
}

impl PerformanceMetrics {
    /// What is known of it without making one.
    pub const KIND: Kind = Kind {
        name: "performance_metrics",
        version: 1,
        collections: COLLECTIONS,
        new: || Box::new(Self::default()),
    };
}

impl Projection for PerformanceMetrics {
    fn interests(&self) -> FamilySet {
        FamilySet::of(&[Family::Performance])
    }

    fn apply(&mut self, event: &Recorded) {
        let (collection, time, body) = match &event.event {
            Event::PerformanceAnalyzed(analyzed) => {
                (PERFORMANCE_METRICS, analyzed.planned_at, Body::json(&metrics_document(event, analyzed)))
            }
            Event::PerformanceAnalysisSkipped(skipped) => {
                (PERFORMANCE_SKIPS, skipped.planned_at, Body::json(&skip_document(event, skipped)))
            }
            _ => return,
        };
        self.changes.push(Change::put(collection, Key::Number(event.position), Some(time), body));
    }

    fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    fn restore(&mut self, _: &dyn Saved) -> Result<(), RestoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{View, analyzed, at, id, moment, skipped};
    use serde_json::json;

    #[test]
    fn given_an_analysis_then_its_document_has_the_fields_of_the_source() {
        let view = View::of(PerformanceMetrics::default, &[at(9, analyzed(52.3, Some(0.87)))]);
        let [document] = &view.json(PERFORMANCE_METRICS)[..] else { panic!("one document") };
        assert_eq!(document["timestamp"], json!(moment(9)));
        assert_eq!(document["date"], "2025-11-22");
        assert_eq!(document["task_id"], json!(id(9)));
        assert_eq!((&document["total_trades"], &document["win_rate"]), (&json!(47), &json!(52.3)));
        assert_eq!(
            (&document["avg_profit_per_trade"], &document["sharpe_ratio"]),
            (&json!(2.0), &json!(0.87))
        );
        assert_eq!(
            document["performance_status"],
            json!({ "win_rate_status": "critical", "avg_profit_status": "warning", "sharpe_status": "critical" })
        );
        assert_eq!(
            document["alerts"],
            json!([
                "CRITICAL: Win rate 52.30% below 55% threshold",
                "WARNING: Average profit 2.00% below 2.6% threshold",
                "CRITICAL: Sharpe ratio 0.87 below 1 threshold",
            ])
        );
        assert_eq!(document["trigger_ai_analysis"], true);
        assert_eq!(document["full_metrics"]["profit"], "12.50");
    }

    #[test]
    fn given_an_undefined_sharpe_then_it_is_null_and_alerts_nobody() {
        let view = View::of(PerformanceMetrics::default, &[at(9, analyzed(80.0, None))]);
        let document = &view.json(PERFORMANCE_METRICS)[0];
        assert_eq!(document["sharpe_ratio"], json!(null));
        assert_eq!(document["alerts"], json!(["WARNING: Average profit 2.00% below 2.6% threshold"]));
    }

    #[test]
    fn given_a_skipped_analysis_then_it_stands_beside_the_collection() {
        let view = View::of(PerformanceMetrics::default, &[at(9, skipped(3))]);
        assert!(view.json(PERFORMANCE_METRICS).is_empty());
        let document = &view.json(PERFORMANCE_SKIPS)[0];
        assert_eq!((&document["total_trades"], &document["min_trades"]), (&json!(3), &json!(10)));
        assert_eq!(document["reason"], "too_few_trades");
    }
}
