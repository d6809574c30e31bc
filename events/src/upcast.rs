//! Old shapes become new ones on reading, one step a version. What is stored is never touched.
//!
//! An optional field keeps the version. A new shape is version + 1 and one step here. A new meaning is a new type.

use serde_json::Value;

/// Turns one version's fields into those of the next.
type Step = fn(Value) -> Value;

/// (type, version it starts from, step).
const STEPS: &[(&str, u16, Step)] = &[
    ("StrategyDisabled", 1, count_lost_trades_in_integers),
    ("SchedulerConfigured", 1, leave_the_moment_to_the_envelope),
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
    use serde_json::json;

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
