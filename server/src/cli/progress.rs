//! Progress on standard error, where a person sees it.

use std::{fmt, sync::Arc, time::Duration};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::calls::Progress;

/// A bar over a known number of things; hidden where nobody would see it.
pub(super) fn bar(shown: bool, total: u64, what: &str) -> ProgressBar {
    let target = if shown { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(total), target);
    let template =
        format!("{what} {{wide_bar}} {{human_pos}} of {{human_len}}, {{whole_per_sec}}, {{eta}} left");
    bar.set_style(style(&template));
    bar
}

/// A sign of life while something of unknown length is done.
pub(super) fn spinner(shown: bool, what: &str) -> ProgressBar {
    unending(shown, "{spinner} {msg}").with_message(what.to_owned())
}

/// A count of rows while files are read whose number of rows nobody knows.
pub(super) fn reading(shown: bool) -> ProgressBar {
    unending(shown, "{spinner} {human_pos} rows read, {whole_per_sec}; they are played when all are sorted")
}

fn unending(shown: bool, template: &str) -> ProgressBar {
    let target = if shown { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target);
    bar.set_style(style(template));
    if shown {
        bar.enable_steady_tick(Duration::from_millis(100));
    }
    bar
}

/// A template in which `whole_per_sec` is a rate without decimals.
fn style(template: &str) -> ProgressStyle {
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = write!(out, "{}/s", HumanCount(state.per_sec() as u64));
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("whole_per_sec", rate)
}

/// Progress of sending: a bar where it is known how many there are, else a count with the bytes that were read.
pub(super) struct Sending {
    bar: ProgressBar,
}

impl Sending {
    /// Nothing sent yet, of `total` trades where that is known.
    pub(super) fn new(shown: bool, total: Option<u64>) -> Self {
        if let Some(total) = total {
            return Self { bar: bar(shown, total, "trades") };
        }
        Self { bar: unending(shown, "{spinner} {human_pos} trades acknowledged, {whole_per_sec}{msg}") }
    }

    /// So many are acknowledged, and so many bytes were read.
    pub(super) fn at(&self, acknowledged: u64, bytes: u64) {
        if self.bar.length().is_none() {
            self.bar.set_message(format!(", {} read", HumanBytes(bytes)));
        }
        self.bar.set_position(acknowledged);
    }

    /// Everything is sent, or nothing more can be.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// What a call tells its progress to; the bar appears with the first news.
pub(super) fn of_call(shown: bool) -> Progress {
    if !shown {
        return Arc::new(|_, _| {});
    }
    let bar = bar(true, 0, "events");
    Arc::new(move |done, total| {
        bar.set_length(total);
        bar.set_position(done);
        if done >= total {
            bar.finish_and_clear();
        }
    })
}
