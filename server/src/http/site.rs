//! What the handlers share.

use runtime::intake::{TradeFormat, admit::Admission};

use super::health::Part;
use crate::{calls::Desk, folder::Token};

/// Asks a part of the process how it is.
pub type Probe = Box<dyn Fn() -> Part + Send + Sync>;

/// Everything that the handlers work with.
pub struct Site {
    /// Answers calls.
    pub desk: Desk,
    /// Lets in.
    pub token: Token,
    /// How records of trades are read.
    pub trades: TradeFormat,
    /// Takes facts in.
    pub admission: Admission,
    /// Sources and publisher.
    pub probes: Vec<Probe>,
}
