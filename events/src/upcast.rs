//! Old shapes become new ones on reading, one step a version. What is stored is never touched.
//!
//! An optional field keeps the version. A new shape is version + 1 and one step here. A new meaning is a new type.

use serde_json::Value;

/// Turns one version's fields into those of the next.
type Step = fn(Value) -> Value;

/// (type, version it starts from, step). Nothing yet has a second shape.
const STEPS: &[(&str, u16, Step)] = &[];

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
