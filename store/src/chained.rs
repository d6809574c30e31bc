//! The second port: a log in which every event is bound to all those before it. A log of another engine may have no
//! chain; nobody needs one but who proves that nothing was altered.

use std::{ops::ControlFlow, sync::Arc};

use events::Recorded;

use crate::embedded::{Fault, Seal, Verified};

/// A log that can prove itself.
pub trait Chained: Send + Sync {
    /// The chain's value after the last durable event: to be kept elsewhere.
    #[must_use]
    fn seal(&self) -> Seal;

    /// Checks everything that is durable, hands out each event in order, and compares the chain with the values that were
    /// kept elsewhere. Ends early, with what was checked so far, when `each` breaks.
    ///
    /// # Errors
    /// The first fault.
    fn verify_against(
        &self,
        seals: &[Seal],
        each: &mut dyn FnMut(Arc<Recorded>) -> ControlFlow<()>,
    ) -> Result<Verified, Fault>;
}
