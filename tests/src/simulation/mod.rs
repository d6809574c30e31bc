//! The whole system under seeded simulation: the true actors, clock, admission and projections on one thread, a log
//! in memory, a virtual clock, and crashes between any two steps. A seed repeats everything.
//!
//! Not here: threads, actix, the files of the embedded log, a Kafka broker. Those have tests of their own.

mod bot;
pub mod broken;
mod checks;
mod faulty_log;
mod member;
mod random;
mod source;
mod stage;
mod viewer;
mod world;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use actors::{Decider, StrategyGuard};
use events::Recorded;

pub use faulty_log::VirtualClock;
pub use stage::Breakage;
use world::World;

/// Steps of a run before everything is let come to rest.
const STEPS: usize = 90;

/// What a run came to.
pub struct Run {
    /// Everything in the log.
    pub log: Vec<Arc<Recorded>>,
    /// Promises that were not kept; none when all is well.
    pub violations: Vec<String>,
}

/// A seed that breaks a promise.
#[derive(Debug)]
pub struct Failure {
    seed: u64,
    violations: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} breaks {} promises:", self.seed, self.violations.len())?;
        self.violations.iter().take(20).try_for_each(|violation| writeln!(f, "  {violation}"))?;
        write!(f, "again: TRADEWARDEN_SEED={} cargo test -p tests simulation", self.seed)
    }
}

/// Runs a seed of the true system.
///
/// # Errors
/// When a promise is broken, with the command that repeats it.
pub fn check(seed: u64) -> Result<Run, Failure> {
    let run = run::<StrategyGuard>(seed, Breakage::None);
    if run.violations.is_empty() { Ok(run) } else { Err(Failure { seed, violations: run.violations }) }
}

/// Runs a seed with a guard and a fault of choice. A panic is a broken promise too.
#[must_use]
pub fn run<G: Decider>(seed: u64, breakage: Breakage) -> Run {
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new::<G>(seed, breakage);
        for _ in 0..STEPS {
            world.step();
        }
        world.come_to_rest();
        world.finish()
    }));
    ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Run { log: Vec::new(), violations: vec![format!("a panic: {}", text.unwrap_or_default())] }
    })
}
