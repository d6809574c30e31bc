//! `clock`: what is done with a clock that stands before what is in the log.

use clap::Subcommand;

use crate::{calls::AcceptClock, problem::Problem};

use super::{context::Context, output::Table, strategies::asked};

/// What to do with the clock.
#[derive(Debug, Subcommand)]
pub(super) enum Clock {
    /// Takes the clock as it is: what is later in the log came from a clock that ran ahead. Guards and schedules go on
    /// from here
    Accept {
        /// Why; kept in the log
        #[arg(long)]
        reason: String,
    },
}

impl Clock {
    /// Does it.
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
        let Self::Accept { reason } = self;
        let call = AcceptClock { asked: asked(reason, false) };
        let outcome = context.ask("clock accept", &call)?;
        context.out.items(&outcome.decisions, &Table::new(&super::decisions::COLUMNS))?;
        context.out.note("the clock is taken as it is: guards and schedules go on from here");
        Ok(0)
    }
}
