//! Our own form of a trade: the fields under our names and in our notation, with what was noted as they were read.
//!
//! `publish` reads a table by the options that it is given and sends the trades in this form. A reader's own names, words
//! and notation are none of it, so it says of itself what it is, and every reader gets the same trade. It is checked
//! like any other record; only how its values are written is known. A row that is no trade is sent in it as well, with
//! the fault that was found and whose row it is: a reader's options would tell neither.

use std::borrow::Cow;

use events::{IgnoredField, RejectReason, TradeClosed};
use serde::{Deserialize, Serialize};

use super::{Field, Rejection, checks::NOTE_MAX, fields::Value, rejection::shortened};

/// The member that says that a record is of our own form, as JSON names the schema that it follows.
pub(crate) const MARK: &str = "$schema";

/// What it says.
pub(crate) const FORM: &str = "tradewarden:trading.trade.closed.v1";

/// Begins the names of all forms of ours, also of those that later versions will have.
const FORMS: &str = "tradewarden:";

/// The fields that can be rounded.
const ROUNDED: [Field; 7] = [
    Field::Quantity,
    Field::EntryPrice,
    Field::ExitPrice,
    Field::Profit,
    Field::ProfitPct,
    Field::Fee,
    Field::Leverage,
];

/// Why a row is no trade.
#[derive(Serialize, Deserialize)]
pub(crate) struct Fault<'a> {
    pub reason: RejectReason,
    #[serde(borrow)]
    pub detail: Cow<'a, str>,
}

/// What only our own form has.
#[derive(Debug, Default)]
pub(crate) struct Marks<'a> {
    form: Option<Value<'a>>,
    rounded: Option<&'a str>,
    ignored: Option<&'a str>,
    fault: Option<&'a str>,
    twice: Option<&'static str>,
}

impl<'a> Marks<'a> {
    /// Keeps a member; whether one came twice only matters if the record is of our own form.
    pub(crate) fn offer(&mut self, name: &str, raw: &'a str, value: impl FnOnce(&'a str) -> Value<'a>) {
        let (was_there, name) = match name {
            MARK => (self.form.replace(value(raw)).is_some(), MARK),
            "rounded" => (self.rounded.replace(raw).is_some(), "rounded"),
            "fault" => (self.fault.replace(raw).is_some(), "fault"),
            "ignored" => (self.ignored.replace(raw).is_some(), "ignored"),
            _ => return,
        };
        self.twice = self.twice.or(was_there.then_some(name));
    }

    /// The form of ours that the record says it has.
    pub(crate) fn form(&self) -> Option<&str> {
        match &self.form {
            Some(Value::Text(form)) if form.starts_with(FORMS) => Some(form),
            _ => None,
        }
    }

    /// Whether the form is one that is understood, and holds a trade.
    pub(crate) fn check(&self, form: &str) -> Result<(), Rejection> {
        if form != FORM {
            let detail = format!(
                "{MARK} is \"{}\", and of our own forms this version reads {FORM}; update what reads it, or publish with \
                 the same version",
                shortened(form)
            );
            return Err(Rejection::new(RejectReason::InvalidField, detail));
        }
        if let Some(name) = self.twice {
            let detail = format!("{name} is given twice; publish every member once");
            return Err(Rejection::new(RejectReason::Malformed, detail));
        }
        let Some(raw) = self.fault else { return Ok(()) };
        Err(match serde_json::from_str(raw) {
            Ok(Fault { reason, detail }) => Rejection::new(reason, detail),
            Err(_) => odd(
                "fault",
                raw,
                "wanted is an object such as {\"reason\": \"invalid_field\", \"detail\": \"…\"}",
            ),
        })
    }

    /// Adds to a trade what was noted when it was read first.
    pub(crate) fn note(&self, trade: &mut TradeClosed) -> Result<(), Rejection> {
        let mut rounded: Vec<String> = listed("rounded", self.rounded, "[\"profit\"]")?;
        let mut ignored: Vec<IgnoredField> =
            listed("ignored", self.ignored, "[{\"field\": \"fee\", \"reason\": \"…\"}]")?;
        for (at, name) in rounded.iter().enumerate() {
            let known = Field::named(name).is_some_and(|field| ROUNDED.contains(&field));
            if !known || rounded[..at].contains(name) {
                return Err(odd("rounded", name, "it lists each field with a decimal at most once"));
            }
        }
        for (at, IgnoredField { field: name, reason }) in ignored.iter().enumerate() {
            let known = Field::named(name).is_some_and(|field| !field.is_required());
            if !known || ignored[..at].iter().any(|other| other.field == *name) {
                return Err(odd("ignored", name, "it lists each optional field at most once"));
            }
            if reason.is_empty() || reason.chars().count() > NOTE_MAX {
                return Err(odd("ignored", reason, "a reason is a text of 1 to 1024 characters"));
            }
        }
        // What is rounded or left out only now comes after.
        for name in std::mem::take(&mut trade.rounded) {
            if !rounded.contains(&name) {
                rounded.push(name);
            }
        }
        for new in std::mem::take(&mut trade.ignored) {
            if !ignored.iter().any(|old| old.field == new.field) {
                ignored.push(new);
            }
        }
        (trade.rounded, trade.ignored) = (rounded, ignored);
        Ok(())
    }
}

/// The list in a member; empty where it is not there.
fn listed<T: serde::de::DeserializeOwned>(
    name: &str,
    raw: Option<&str>,
    wanted: &str,
) -> Result<Vec<T>, Rejection> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    serde_json::from_str(raw).map_err(|_| odd(name, raw, &format!("wanted is a list such as {wanted}")))
}

#[cold]
fn odd(name: &str, value: &str, remedy: &str) -> Rejection {
    let detail = format!("{name} has {}: {remedy}", Value::Text(Cow::Borrowed(value)).shown());
    Rejection::new(RejectReason::InvalidField, detail)
}
