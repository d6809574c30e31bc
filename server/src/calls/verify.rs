//! The hash chain, and every decision taken again. Changes no byte.

use std::ops::ControlFlow;

use runtime::verify::{Findings, Verifier};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use store::{
    Chained, ReadError,
    embedded::{self, NoSeal, Seal},
};

use super::{Call, Log, Method, raw};
use crate::problem::Problem;

/// Verifies the whole log.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verify {
    /// Seals that were kept elsewhere: the chain has to have their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub against: Vec<String>,
}

/// What was found.
#[derive(Serialize)]
pub(super) struct Report {
    /// `ok`, or the first fault with its file and position.
    pub chain: Value,
    /// The decisions.
    #[serde(flatten)]
    pub findings: Findings,
    /// That nothing is said about the views.
    pub views: &'static str,
}

/// What the views are to `verify`: they are made of the log, and another command compares them.
pub(crate) const VIEWS: &str = "not looked at";

impl Call for Verify {
    type Answer = Box<RawValue>;
    type Given = Log;
    const METHOD: Method = Method::Post;
    const TAKES_LONG: bool = true;
    const PATH: &'static str = "/api/verify";

    fn answer(&self, log: &Log) -> Result<Box<RawValue>, Problem> {
        let seals: Result<Vec<Seal>, NoSeal> = self.against.iter().map(|text| text.parse()).collect();
        let seals = seals.map_err(|error| Problem::usage(error.to_string()))?;
        raw(&verify(chained(log)?, &seals, log)?)
    }
}

/// The chain of the log.
pub(super) fn chained(log: &Log) -> Result<&dyn Chained, Problem> {
    let without = || Problem::new(501, "no_chain", "this log has no hash chain");
    log.chain.as_deref().ok_or_else(without)
}

/// How often progress is told, in events.
const TOLD_EVERY: u64 = 4096;

fn verify(chain: &dyn Chained, seals: &[Seal], log: &Log) -> Result<Report, Problem> {
    let (mut verifier, mut failed) = match Verifier::new(&log.events, log.saved_states().as_ref()) {
        Ok(verifier) => (verifier, None),
        Err(error @ ReadError::Decode { .. }) => (Verifier::of_nothing(), Some(error)),
        Err(error) => return Err(error.into()),
    };
    let head = log.events.head();
    let chain = chain.verify_against(seals, &mut |event| {
        if event.position % TOLD_EVERY == 0 {
            (log.progress)(event.position, head);
        }
        if failed.is_some() {
            return ControlFlow::Continue(());
        }
        match verifier.feed(&event) {
            Ok(()) => ControlFlow::Continue(()),
            // Decisions are read ahead: the chain is looked at all the same.
            Err(error @ ReadError::Decode { .. }) => {
                failed = Some(error);
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    let (chain, findings) = match (chain, failed) {
        (Ok(_), None) => (Value::from("ok"), verifier.finish()?),
        // The chain holds up to the end: an event is not understood here, not altered.
        (Err(embedded::Fault { error: error @ ReadError::Decode { .. }, .. }), _)
        | (Ok(_), Some(error @ ReadError::Decode { .. })) => {
            let mut findings = verifier.so_far();
            findings.notes.push(error.to_string());
            (Value::from("ok"), findings)
        }
        (Err(embedded::Fault { position, error }), _) => (fault(&error, Some(position)), verifier.so_far()),
        (Ok(_), Some(error)) => (fault(&error, None), verifier.so_far()),
    };
    Ok(Report { chain, findings, views: VIEWS })
}

/// A fault of the log's bytes as `verify` shows it.
pub(crate) fn fault(error: &ReadError, position: Option<u64>) -> Value {
    let (file, at) = match error {
        ReadError::Io { file, .. } => (Some(file.to_string()), None),
        ReadError::Damaged { file, at, .. } => (Some(file.to_string()), Some(*at)),
        ReadError::Decode { .. } => (None, None),
    };
    let position = position.or(match error {
        ReadError::Decode { position, .. } => Some(*position),
        _ => None,
    });
    serde_json::json!({ "file": file, "position": position, "byte": at, "message": error.to_string() })
}
