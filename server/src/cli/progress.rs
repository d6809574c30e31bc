//! Progress on standard error, where a person sees it.

use std::{sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::calls::Progress;

/// A bar over a known number of things; hidden where nobody would see it.
pub fn bar(shown: bool, total: u64, what: &str) -> ProgressBar {
    let target = if shown { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(total), target);
    let template = format!("{what} {{wide_bar}} {{human_pos}} of {{human_len}}, {{per_sec}}, {{eta}} left");
    bar.set_style(ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// A sign of life while something of unknown length is done.
pub fn spinner(shown: bool, what: &str) -> ProgressBar {
    let target = if shown { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target).with_message(what.to_owned());
    if shown {
        bar.enable_steady_tick(Duration::from_millis(100));
    }
    bar
}

/// What a call tells its progress to; the bar appears with the first news.
pub fn of_call(shown: bool) -> Progress {
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
