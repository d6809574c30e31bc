//! Old shapes become new ones on reading, one step a version. What is stored is never touched.
//!
//! An optional field keeps the version. A new shape is version + 1 and one step here. A new meaning is a new type.

use serde_json::{Value, json};

/// Turns one version's fields into those of the next.
type Step = fn(Value) -> Value;

/// (type, version it starts from, step).
const STEPS: &[(&str, u16, Step)] = &[
    ("StrategyDisabled", 1, count_lost_trades_in_integers),
    ("SchedulerConfigured", 1, leave_the_moment_to_the_envelope),
    ("SchedulerConfigured", 2, say_which_timing_a_schedule_has),
    ("ScheduleMissed", 1, tell_a_stretch),
];

/// Version 1 wrote the counts of `consecutive_losses` as 11.0 and 10.0.
fn count_lost_trades_in_integers(mut fields: Value) -> Value {
    let rules = fields.get_mut("rules").and_then(Value::as_array_mut);
    for rule in rules.into_iter().flatten().filter(|rule| rule["rule"] == "consecutive_losses") {
        for name in ["value", "threshold"] {
            let count =
                rule[name].as_f64().filter(|count| count.fract() == 0.0 && (0.0..=MOST).contains(count));
            if let Some(count) = count {
                rule[name] = Value::from(count as u32);
            }
        }
    }
    fields
}

/// Version 1 said in `since` again when it happened.
fn leave_the_moment_to_the_envelope(mut fields: Value) -> Value {
    if let Some(fields) = fields.as_object_mut() {
        fields.remove("since");
    }
    fields
}

/// Version 2 knew cron expressions alone.
fn say_which_timing_a_schedule_has(mut fields: Value) -> Value {
    let schedules = fields.get_mut("schedules").and_then(Value::as_object_mut);
    for schedule in schedules.into_iter().flatten().filter_map(|(_, schedule)| schedule.as_object_mut()) {
        if let Some(cron) = schedule.remove("cron") {
            schedule.insert("timing".to_owned(), json!({ "cron": cron }));
        }
    }
    fields
}

/// Version 1 said the last moment and how many, and knew one reason.
fn tell_a_stretch(mut fields: Value) -> Value {
    if let Some(fields) = fields.as_object_mut()
        && let (Some(last), Some(count)) = (fields.remove("planned_at"), fields.remove("missed"))
    {
        fields.insert("reason".to_owned(), Value::from("down"));
        fields.insert("first".to_owned(), last.clone());
        fields.insert("last".to_owned(), last);
        fields.insert("count".to_owned(), count);
    }
    fields
}

const MOST: f64 = u32::MAX as f64;

/// Brings fields from one version to another; nothing where a step is missing.
pub(crate) fn upcast(event_type: &str, from: u16, to: u16, fields: Value) -> Option<Value> {
    upcast_with(STEPS, event_type, from, to, fields)
}

fn upcast_with(
    steps: &[(&str, u16, Step)],
    event_type: &str,
    from: u16,
    to: u16,
    mut fields: Value,
) -> Option<Value> {
    for version in from..to {
        let (_, _, step) = steps.iter().find(|(name, at, _)| *name == event_type && *at == version)?;
        fields = step(fields);
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // A worked example: version 1 had `pnl`, version 2 calls it `profit`, version 3 adds the currency.
    const EXAMPLE: &[(&str, u16, Step)] = &[("Sample", 1, rename_pnl), ("Sample", 2, name_currency)];

    fn rename_pnl(mut fields: Value) -> Value {
        if let Some(fields) = fields.as_object_mut()
            && let Some(pnl) = fields.remove("pnl")
        {
            fields.insert("profit".into(), pnl);
        }
        fields
    }

    fn name_currency(mut fields: Value) -> Value {
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("currency".into(), json!("USDT"));
        }
        fields
    }

    #[test]
    fn each_version_takes_only_the_steps_it_lacks() {
        let newest = json!({"profit": "1.5", "currency": "USDT"});
        let from = |version, fields| upcast_with(EXAMPLE, "Sample", version, 3, fields);
        assert_eq!(from(1, json!({"pnl": "1.5"})), Some(newest.clone()));
        assert_eq!(from(2, json!({"profit": "1.5"})), Some(newest.clone()));
        assert_eq!(from(3, newest.clone()), Some(newest));
    }

    #[test]
    fn the_first_halts_count_lost_trades_in_integers_when_they_are_read() {
        let rule = |rule, value, threshold| json!({"rule": rule, "value": value, "threshold": threshold});
        let old = json!({"strategy": "rsi", "rules": [
            rule("daily_loss", json!(-10.5), json!(10.0)),
            rule("consecutive_losses", json!(11.0), json!(10.0)),
        ]});
        let new = json!({"strategy": "rsi", "rules": [
            rule("daily_loss", json!(-10.5), json!(10.0)),
            rule("consecutive_losses", json!(11), json!(10)),
        ]});
        assert_eq!(upcast("StrategyDisabled", 1, 2, old), Some(new));
    }

    #[test]
    fn the_first_schedules_said_again_when_they_were_configured() {
        let old = json!({"since": "2025-01-31T12:00:00Z", "schedules": {}});
        assert_eq!(upcast("SchedulerConfigured", 1, 2, old), Some(json!({"schedules": {}})));
    }

    #[test]
    fn the_second_schedules_knew_cron_expressions_alone() {
        let schedules = |schedule| json!({"schedules": {"daily": schedule}});
        let old = schedules(json!({"cron": "0 1 * * *", "missed": "skip"}));
        let new = schedules(json!({"timing": {"cron": "0 1 * * *"}, "missed": "skip"}));
        assert_eq!(upcast("SchedulerConfigured", 2, 3, old), Some(new));
    }

    #[test]
    fn the_first_missed_moments_said_the_last_alone() {
        let old = json!({"schedule": "daily", "planned_at": "2025-01-31T01:00:00Z", "missed": 3});
        let at = "2025-01-31T01:00:00Z";
        let new = json!({"schedule": "daily", "reason": "down", "first": at, "last": at, "count": 3});
        assert_eq!(upcast("ScheduleMissed", 1, 2, old), Some(new));
    }

    #[test]
    fn a_missing_step_is_no_guess() {
        assert_eq!(upcast_with(EXAMPLE, "Other", 1, 2, json!({})), None);
        assert_eq!(upcast_with(EXAMPLE, "Sample", 3, 4, json!({})), None);
    }

    proptest! {
        #[test]
        fn unknown_fields_survive_every_step(key in "[a-c]{4,8}", value in any::<i64>()) {
            let old = json!({"pnl": "1", key.clone(): value});
            let new = upcast_with(EXAMPLE, "Sample", 1, 3, old).unwrap();
            prop_assert_eq!(&new[&key], &json!(value));
        }
    }
}
