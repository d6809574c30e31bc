//! `run`: one strategy, its figures and files.

use crate::arguments::Run;
use crate::columns::Columns;
use crate::input::{self, Input, moment};
use crate::table::{self, number, row, say};
use crate::{Failure, output};
use quant::backtest::{Book, Execution, Market};
use quant::figures::Figures;
use quant::strategies::{Cache, Preset};

pub(crate) fn run(arguments: &Run) -> Result<(), Failure> {
    let preset = Preset::with(arguments.market.strategy, &arguments.settings)?;
    let execution = arguments.costs.execution();
    execution.check()?;
    let Input { candles, range } = input::read(&arguments.market)?;
    let market = Market::window(&candles, range);
    let mut book = Book::default();
    preset
        .run(&market, &execution, &mut Cache::default(), &mut book)
        .map_err(|error| Failure::Refused(error.to_string()))?;
    let figures = Figures::of(&market, &book).ok_or_else(|| Failure::Refused("no candles".to_owned()))?;
    write_files(arguments, &market, &book, &preset)?;
    if arguments.output.json {
        say(format_args!("{}", json(&preset, &execution, &figures)?));
    } else {
        print(&market, &preset, &book, &figures);
    }
    Ok(())
}

fn write_files(arguments: &Run, market: &Market<'_>, book: &Book, preset: &Preset) -> Result<(), Failure> {
    if let Some(path) = &arguments.trades {
        output::write(path, |file| output::trades(book, file))?;
    }
    if let Some(path) = &arguments.equity {
        output::write(path, |file| output::equity(market, book, file))?;
    }
    if let Some(path) = &arguments.indicators {
        let columns = Columns::of(market.candles())?;
        output::write(path, |file| columns.write(market.candles(), market.range(), file))?;
    }
    match &arguments.output.chart {
        Some(path) => chart(path, market, book, preset),
        None => Ok(()),
    }
}

#[cfg(feature = "pictures")]
fn chart(path: &std::path::Path, market: &Market<'_>, book: &Book, preset: &Preset) -> Result<(), Failure> {
    let title = format!("{}, {} trades", described(preset), book.trades().len());
    output::picture(path, quant::pictures::backtest(market, book, &title))
}

#[cfg(not(feature = "pictures"))]
fn chart(_: &std::path::Path, _: &Market<'_>, _: &Book, _: &Preset) -> Result<(), Failure> {
    Err(output::no_pictures())
}

/// `rsi (period 14, low 30, high 70)`.
pub(crate) fn described(preset: &Preset) -> String {
    let names = preset.kind().parameters().iter().zip(preset.values());
    let settings: Vec<_> = names.map(|(parameter, value)| format!("{} {value}", parameter.name)).collect();
    format!("{} ({})", preset.kind(), settings.join(", "))
}

fn json(preset: &Preset, execution: &Execution, figures: &Figures) -> Result<serde_json::Value, Failure> {
    let failed = |error: serde_json::Error| Failure::Refused(error.to_string());
    let mut object = serde_json::to_value(figures).map_err(failed)?;
    object["strategy"] = preset.kind().name().into();
    object["parameters"] = serde_json::to_value(preset).map_err(failed)?;
    object["fee"] = execution.fee_rate.into();
    object["slippage_bps"] = execution.slippage_bps.into();
    object["latency_ms"] = execution.latency_ms.into();
    object["cash"] = execution.cash.to_string().into();
    Ok(object)
}

fn print(market: &Market<'_>, preset: &Preset, book: &Book, figures: &Figures) {
    let times = &market.candles().ts_ms()[market.range()];
    if let (Some(first), Some(last)) = (times.first(), times.last()) {
        let end = last + market.candles().timeframe_ms();
        say(format_args!(
            "{}, {} bars from {} to {}\n",
            described(preset),
            figures.bars,
            moment(*first),
            moment(end)
        ));
    }
    let of_trades = format!("of {} trades", figures.trades);
    let of_days = format!("of {} days", figures.days);
    let of_bars = format!("of {} bars", figures.bars);
    let line = |name: &str, value: String, basis: &str| row([name, &value, basis]);
    table::print(&[
        line("return %", number(Some(figures.return_pct), 2), &of_bars),
        line("buy and hold %", number(Some(figures.buy_and_hold_pct), 2), &of_bars),
        line("final equity", number(Some(figures.final_equity), 2), ""),
        line("max drawdown %", number(Some(figures.max_drawdown_pct), 2), &of_bars),
        line("Sharpe", number(figures.sharpe, 3), &of_days),
        line("Sortino", number(figures.sortino, 3), &of_days),
        line("Sharpe by bars", number(figures.sharpe_bar, 3), &of_bars),
        line("Sortino by bars", number(figures.sortino_bar, 3), &of_bars),
        line(
            "wins / losses / draws",
            format!("{} / {} / {}", figures.wins, figures.losses, figures.draws),
            &of_trades,
        ),
        line("win rate %", number(figures.win_rate_pct, 2), &of_trades),
        line("average profit %", number(figures.average_profit_pct, 3), &of_trades),
        line("expectancy", number(figures.expectancy, 2), &of_trades),
        line("profit factor", number(figures.profit_factor, 3), &of_trades),
        line("average duration h", number(figures.average_duration_s.map(|s| s / 3600.0), 1), &of_trades),
        line("fees", number(Some(figures.fees), 2), &of_trades),
        line("in the market %", number(Some(figures.exposure_pct), 1), &of_bars),
    ]);
    if book.open().is_some() {
        say(format_args!(
            "\nA position was still open at the end: marked at the last close, no closed trade."
        ));
    }
}
