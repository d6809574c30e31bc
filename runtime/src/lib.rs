//! Everything that moves between the log and the outside: sources, the actor host, the projector, the publisher.
//! Nothing here decides.

mod audit;
mod clock;
mod clock_watch;
mod compare;
mod cycle;
mod explained;
pub mod held;
mod host;
pub mod intake;
pub mod kafka;
mod own;
pub mod projector;
mod record;
pub mod rehearse;
mod roster;
mod run;
pub mod simulate;
mod stall;
pub mod status;
mod supervisor;
pub mod system;
#[cfg(feature = "test-support")]
pub mod test_support;
pub mod verify;
