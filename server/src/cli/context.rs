//! What a command starts from: the global flags, the configuration, the way to the data folder.

use std::{
    io::{self, Write as _},
    path::Path,
};

use crate::{
    access::{Access, Way},
    calls::Call,
    client::Slow,
    config::{Config, Fault},
    folder::DataFolder,
    problem::Problem,
};

use super::{Globals, output::Output, progress, shown::shown, words::counted};

/// A command's surroundings.
pub(super) struct Context {
    /// The global flags.
    pub globals: Globals,
    /// Where results and messages go.
    pub out: Output,
}

impl Context {
    /// The surroundings that the flags ask for.
    pub(super) fn new(globals: Globals) -> Self {
        let out = Output::new(globals.json, globals.quiet);
        Self { globals, out }
    }

    /// The configuration.
    ///
    /// # Errors
    /// All faults in one problem.
    pub(super) fn config(&self) -> Result<Config, Problem> {
        Config::of_process(self.globals.config.as_deref(), &self.globals.set)
            .map_err(|faults| faulty(&faults))
    }

    /// The data folder.
    pub(super) fn folder(&self) -> DataFolder {
        DataFolder::new(self.globals.data.as_deref().unwrap_or(Path::new("./tradewarden-data")))
    }

    /// Asks once.
    ///
    /// # Errors
    /// When there is no way to the data folder, or the call cannot be answered.
    pub(super) fn ask<C: Call>(&self, command: &'static str, call: &C) -> Result<C::Answer, Problem> {
        self.access::<C>(command)?.call(call)
    }

    /// Asks for what takes long; `what` is told while a server does it.
    ///
    /// # Errors
    /// When the call cannot be answered.
    pub(super) fn ask_long<C: Call>(
        &self,
        access: &Access,
        what: &str,
        call: &C,
    ) -> Result<C::Answer, Problem> {
        let spinner = progress::spinner(self.out.shows_progress() && access.is_remote(), what);
        let answer = access.call(call);
        spinner.finish_and_clear();
        answer
    }

    /// The way to the data folder, with what a call is answered from.
    ///
    /// # Errors
    /// When the configuration is wrong, there is no folder, or it is in use.
    pub(super) fn access<C: Call>(&self, command: &'static str) -> Result<Access, Problem> {
        self.access_to::<C>(command, false)
    }

    /// What is told when a server takes long.
    pub(super) fn slow(&self) -> Slow {
        if self.out.is_quiet() { |_| {} } else { tell_slow }
    }

    /// The same; `new_log`: also where the folder's log is gone, or another one.
    ///
    /// # Errors
    /// When the configuration is wrong, there is no folder, or it is in use.
    pub(super) fn access_to<C: Call>(&self, command: &'static str, new_log: bool) -> Result<Access, Problem> {
        let waiting = |holder: &crate::folder::Holder| {
            self.out.note(&format!("waiting for the server (process {}) to start", holder.pid));
        };
        let way = Way {
            folder: &self.folder(),
            config: &self.config()?,
            command,
            new_log,
            progress: progress::of_call(self.out.shows_progress()),
            waiting: &waiting,
            slow: self.slow(),
        };
        Access::find::<C>(&way)
    }
}

fn tell_slow(pid: u32) {
    // Whoever closes standard error wants no messages.
    let _ = writeln!(io::stderr(), "waiting for the server (process {pid}) to answer");
}

/// All faults of a configuration in one problem.
pub(super) fn faulty(faults: &[Fault]) -> Problem {
    let told: Vec<String> = faults.iter().map(|fault| format!("  {}", shown(&fault.to_string()))).collect();
    let count = counted(faults.len(), "fault");
    Problem::new(400, "configuration", format!("the configuration has {count}:\n{}", told.join("\n")))
}
