//! `optimise`: the best parameters, and how far to believe them.

use crate::arguments::Optimise;
use crate::input::{self, Input, moment};
use crate::table::{self, number, row, say};
use crate::{Failure, output};
use indicatif::{ProgressBar, ProgressStyle};
use quant::candles::Candles;
use quant::figures::Figures;
use quant::optimise::{self, Control, OptimiseError, Progress, Report, Search, WalkForward};
use quant::strategies::{Kind, Preset};
use serde_json::{Value, json};
use std::ops::Range;
use std::sync::atomic::AtomicBool;

pub(crate) fn optimise(arguments: &Optimise) -> Result<(), Failure> {
    let execution = arguments.costs.execution();
    execution.check()?;
    let Input { candles, range } = input::read(&arguments.market)?;
    let candles = cut(&candles, range)?;
    let search = search(arguments, candles.len());
    search.check(candles.len())?;
    let bar = ProgressBar::new(0).with_style(style());
    let progress = |Progress { done, total }| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    };
    let control = Control { cancelled: &AtomicBool::new(false), progress: &progress };
    let kind = arguments.market.strategy;
    let report = optimise::optimise(&kind, &candles, &execution, &search, control).map_err(failure)?;
    bar.finish_and_clear();
    if let Some(path) = &arguments.output.chart {
        chart(path, kind, &search, &report)?;
    }
    if arguments.output.json {
        say(format_args!("{}", object(kind, &candles, &search, &report)?));
    } else {
        print(kind, &candles, &report);
    }
    Ok(())
}

fn failure(error: OptimiseError) -> Failure {
    match error {
        OptimiseError::Parameter(error) => error.into(),
        other => Failure::Refused(other.to_string()),
    }
}

/// A search sees nothing outside of the time asked for.
fn cut(candles: &Candles, range: Range<usize>) -> Result<Candles, Failure> {
    let refused = |error: quant::candles::CandleError| Failure::Refused(error.to_string());
    let mut part = Candles::new(candles.timeframe_ms()).map_err(refused)?;
    candles.bars(range).try_for_each(|bar| part.push(bar)).map_err(refused)?;
    Ok(part)
}

fn search(arguments: &Optimise, bars: usize) -> Search {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // By default as many windows as there are candles for, up to 5.
    let windows = arguments.walk_forward.unwrap_or_else(|| 5.min((bars / 100).saturating_sub(1)));
    Search {
        method: arguments.method.into(),
        variations: arguments.variations,
        objective: arguments.objective.into(),
        min_trades: arguments.min_trades,
        seed: arguments.seed,
        threads: arguments.threads.unwrap_or_else(cores),
        top: arguments.top,
        walk_forward: (windows > 0).then_some(WalkForward { windows, anchored: arguments.anchored }),
    }
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{bar:40} {pos} of at most {len} runs, {eta} left");
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(feature = "pictures")]
fn chart(path: &std::path::Path, kind: Kind, search: &Search, report: &Report) -> Result<(), Failure> {
    let score = serde_json::to_value(search.objective).ok();
    let score = score.as_ref().and_then(Value::as_str).unwrap_or("score");
    let title = format!("{kind}: {score} by parameter, {} variations", report.variations);
    output::picture(path, quant::pictures::sensitivity(&report.sensitivity, score, &title))
}

#[cfg(not(feature = "pictures"))]
fn chart(_: &std::path::Path, _: Kind, _: &Search, _: &Report) -> Result<(), Failure> {
    Err(output::no_pictures())
}

/// First opening and last close of some bars.
fn span(candles: &Candles, range: &Range<usize>) -> Value {
    let times = &candles.ts_ms()[range.clone()];
    let end = times.last().map(|last| moment(last + candles.timeframe_ms()));
    json!({ "from": times.first().map(|first| moment(*first)), "until": end, "bars": range.len() })
}

/// `{"period": 14, …}`.
fn parameters(kind: Kind, values: &[f64]) -> Option<Preset> {
    Preset::from_values(kind, values).ok()
}

fn object(kind: Kind, candles: &Candles, search: &Search, report: &Report) -> Result<Value, Failure> {
    let top = report.top.iter().enumerate().map(|(place, best)| {
        json!({
            "rank": place + 1,
            "parameters": parameters(kind, &best.values),
            "score": best.score,
            "in_sample": best.in_sample,
            "out_of_sample": best.out_of_sample,
        })
    });
    let top: Vec<Value> = top.collect();
    let walk = report.walk_forward.as_ref().map(|walk| {
        let windows: Vec<Value> = walk
            .windows
            .iter()
            .map(|window| {
                json!({
                    "searched": span(candles, &window.searched),
                    "traded": span(candles, &window.traded),
                    "parameters": parameters(kind, &window.values),
                    "in_sample": window.in_sample,
                    "out_of_sample": window.out_of_sample,
                })
            })
            .collect();
        json!({ "windows": windows, "out_of_sample": walk.out_of_sample })
    });
    Ok(json!({
        "strategy": kind,
        "method": search.method,
        "objective": search.objective,
        "seed": search.seed,
        "min_trades": search.min_trades,
        "variations": report.variations,
        "searched": span(candles, &report.searched),
        "held_back": span(candles, &report.held_back),
        "top": top,
        "deflated_sharpe": report.deflated_sharpe,
        "overfitting": report.overfitting,
        "sensitivity": report.sensitivity,
        "walk_forward": walk,
    }))
}

fn print(kind: Kind, candles: &Candles, report: &Report) {
    let edge =
        |range: &Range<usize>| candles.ts_ms().get(range.start).map_or_else(String::new, |ts| moment(*ts));
    say(format_args!(
        "{kind}: {} variations on {} bars from {}",
        report.variations,
        report.searched.len(),
        edge(&report.searched)
    ));
    if !report.held_back.is_empty() {
        say(format_args!("held back: {} bars from {}", report.held_back.len(), edge(&report.held_back)));
    }
    say(format_args!("\nBest, where searched (in) and on the bars held back (out):"));
    let names: Vec<&str> = kind.parameters().iter().map(|parameter| parameter.name).collect();
    let figures = ["trades in", "return % in", "Sharpe in", "trades out", "return % out", "Sharpe out"];
    let mut rows =
        vec![[&["rank"], names.as_slice(), &figures].concat().into_iter().map(str::to_owned).collect()];
    for (place, best) in report.top.iter().enumerate() {
        let values = best.values.iter().map(f64::to_string);
        let out = best.out_of_sample.map_or_else(|| vec!["-".to_owned(); 3], |figures| three(&figures));
        rows.push(
            std::iter::once((place + 1).to_string())
                .chain(values)
                .chain(three(&best.in_sample))
                .chain(out)
                .collect(),
        );
    }
    table::print(&rows);
    belief(report);
    walk(kind, report);
    sensitivity(report);
}

fn three(figures: &Figures) -> Vec<String> {
    vec![figures.trades.to_string(), number(Some(figures.return_pct), 2), number(figures.sharpe, 3)]
}

fn belief(report: &Report) {
    say(format_args!(""));
    match &report.deflated_sharpe {
        Some(deflated) => say(format_args!(
            "Deflated Sharpe ratio: {:.1} % that the winner is more than luck (Sharpe {:.3}, luck alone gives the best of {} {:.3}; {} days)",
            deflated.probability * 100.0,
            deflated.sharpe,
            deflated.trials,
            deflated.expected_by_luck,
            deflated.days
        )),
        None => say(format_args!("Deflated Sharpe ratio: undefined for the winner")),
    }
    match &report.overfitting {
        Some(over) => say(format_args!(
            "Probability of overfitting: {:.1} % (the best of one half of the time is below the middle in the other; {} halvings)",
            over.probability * 100.0,
            over.combinations
        )),
        None => say(format_args!("Probability of overfitting: too few days or variations")),
    }
}

fn walk(kind: Kind, report: &Report) {
    let Some(walk) = &report.walk_forward else { return };
    say(format_args!("\nWalk forward, each window searched and then traded on what follows:"));
    let mut rows = vec![row([
        "window",
        "winner",
        "return % in",
        "Sharpe in",
        "trades out",
        "return % out",
        "Sharpe out",
    ])];
    for (place, window) in walk.windows.iter().enumerate() {
        let winner = Preset::from_values(kind, &window.values)
            .map_or_else(|_| String::new(), |p| crate::run::described(&p));
        let (inside, outside) = (three(&window.in_sample), three(&window.out_of_sample));
        rows.push([vec![(place + 1).to_string(), winner], inside[1..].to_vec(), outside].concat());
    }
    table::print(&rows);
    let all = &walk.out_of_sample;
    say(format_args!(
        "all of it: {} trades, return {:.2} %, max drawdown {:.2} %, Sharpe {} of {} days",
        all.trades,
        all.return_pct,
        all.max_drawdown_pct,
        number(all.sharpe, 3),
        all.days
    ));
}

fn sensitivity(report: &Report) {
    say(format_args!("\nSensitivity (mean score by value of a parameter):"));
    let mut rows = vec![row(["parameter", "explains %", "best mean", "at", "worst mean", "at"])];
    for parameter in &report.sensitivity {
        let by_mean = |a: &&optimise::Level, b: &&optimise::Level| a.mean.total_cmp(&b.mean);
        let (best, worst) =
            (parameter.levels.iter().max_by(by_mean), parameter.levels.iter().min_by(by_mean));
        let (Some(best), Some(worst)) = (best, worst) else { continue };
        rows.push(vec![
            parameter.parameter.to_owned(),
            number(parameter.explained.map(|part| part * 100.0), 1),
            number(Some(best.mean), 3),
            best.value.to_string(),
            number(Some(worst.mean), 3),
            worst.value.to_string(),
        ]);
    }
    table::print(&rows);
}
