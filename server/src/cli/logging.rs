//! The log of `run` for operators, on standard error: lines of text, or with `--json` one object a line.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::{
    calls::Sources,
    config::{self, Config},
};

use super::{context::Context, shown::shown};

/// What is told unless RUST_LOG says otherwise. The banner tells where the server listens and what the endpoint cannot
/// do; whoever sends what is no HTTP fills no disk with lines.
const USUAL: &str = "info,actix_server=warn,actix_http=off,kafka::endpoint=error";
const QUIET: &str = "warn,actix_server=error,actix_http=off,kafka::endpoint=error";

/// Messages of the parts go to standard error; RUST_LOG chooses which.
pub(super) fn start(context: &Context) {
    let usual = if context.out.is_quiet() { QUIET } else { USUAL };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    // A second subscriber in the same process is refused; the first one goes on.
    let _ = if context.out.is_json() {
        lines.json().flatten_event(true).with_writer(io::stderr).try_init()
    } else {
        lines.with_writer(|| Plain).try_init()
    };
}

/// Standard error without what a terminal would act on: messages hold names and reasons of elsewhere. Each line comes in
/// one piece.
struct Plain;

impl io::Write for Plain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = shown(text.trim_end_matches('\n')) + "\n";
        io::stderr().write_all(line.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Tells every setting in force that is not the default, where it came from, and what is hardly meant.
pub(super) fn settings(config: &Config) {
    for (given, default) in config::not_default(config) {
        let default = default.map_or(String::new(), |default| format!("; the default is {default}"));
        tracing::info!("{} = {} ({}{default})", given.key, given.value, given.origin);
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
}

/// Tells of sections for strategies that no trade is known of, once the view of the strategies has caught up.
pub(super) fn sections_without_trade(config: &Config, sources: &Sources) {
    let Some(views) = sources.log.views.clone().filter(|_| !config.named_strategies().is_empty()) else {
        return;
    };
    let config = config.clone();
    let told = move || {
        let Ok(strategies) = views.strategies() else { return };
        let seen = strategies.iter().map(|strategy| strategy.strategy.as_str());
        for warning in config.sections_without_trade(seen) {
            tracing::warn!("{warning}");
        }
    };
    // Only a warning: where no thread can be had it is left out.
    let _ = std::thread::Builder::new().name("settings".to_owned()).spawn(told);
}
