//! The head of the log, to keep elsewhere.

use serde::{Deserialize, Serialize};

use super::{Call, Log, verify::chained};
use crate::problem::Problem;

/// The seal of the last durable event.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SealShow {}

/// A seal as it is printed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sealed {
    /// Log id, position and hash, with colons between: what `verify --against` takes.
    pub seal: String,
    /// The position of the last event that it holds.
    pub position: u64,
}

impl Call for SealShow {
    type Answer = Sealed;
    type Given = Log;
    const PATH: &'static str = "/api/seal";

    fn answer(&self, log: &Log) -> Result<Sealed, Problem> {
        let seal = chained(log)?.seal();
        Ok(Sealed { seal: seal.to_string(), position: seal.position })
    }
}
