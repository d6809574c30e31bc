//! Everything that moves between the log and the outside: sources, the actor host, the projector, the publisher.
//! Nothing here decides.

pub mod intake;
pub mod kafka;
#[cfg(feature = "test-support")]
pub mod test_support;
