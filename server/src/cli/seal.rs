//! `seal`: the head of the log, to keep elsewhere.

use clap::Args;

use crate::{
    calls::{self, raw},
    problem::Problem,
};

use super::{context::Context, words};

/// Prints the seal.
#[derive(Debug, Args)]
pub(super) struct Seal {}

impl Seal {
    /// Prints it.
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
        let sealed = raw(&context.ask("seal", &calls::SealShow {})?)?;
        context.out.object(&sealed, |sealed| vec![words::text(&sealed["seal"])])?;
        context.out.note("keep it where whoever can write to the data folder cannot; verify --against SEAL holds the log to it");
        Ok(0)
    }
}
