//! A schedule fires once for each planned moment, a timer once for each deadline, and each analysis answers one tick.

use std::collections::{BTreeMap, BTreeSet};

use actors::performance_analyst;
use events::{Event, Timestamp};

use super::Evidence;

/// What fired twice, too early, backwards, or was not answered.
pub(super) fn violations<'e>(evidence: &Evidence<'e>) -> Vec<String> {
    let mut violations = Vec::new();
    let (mut last, mut timers) = (BTreeMap::<&str, Timestamp>::new(), BTreeSet::new());
    let (mut ticks, mut answers) = (Vec::new(), Vec::new());
    for event in evidence.events {
        let mut passed = |schedule: &'e str, planned_at: Timestamp| {
            let before = last.insert(schedule, planned_at);
            let again = before.is_some_and(|before| before >= planned_at);
            let early = planned_at > event.recorded_at;
            let problem = || format!("at {}: {schedule} of {planned_at} again or too early", event.position);
            violations.extend((again || early).then(problem));
        };
        match &event.event {
            Event::ScheduleFired(e) => {
                passed(&e.schedule, e.planned_at);
                if e.schedule == performance_analyst::SCHEDULE {
                    ticks.push(e.planned_at);
                }
            }
            Event::ScheduleMissed(e) => {
                // A stretch of one begins where it ends.
                if e.first < e.last {
                    passed(&e.schedule, e.first);
                }
                passed(&e.schedule, e.last);
            }
            Event::TimerDue(e) if !timers.insert((&e.actor, e.due_at)) || e.noticed_at < e.due_at => {
                violations.push(format!("at {}: again or too early: {e:?}", event.position));
            }
            Event::PerformanceAnalyzed(e) => answers.push(e.planned_at),
            Event::PerformanceAnalysisSkipped(e) => answers.push(e.planned_at),
            _ => {}
        }
    }
    if ticks != answers {
        violations.push(format!("the analyses {answers:?} do not answer the ticks {ticks:?}"));
    }
    violations
}
