//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use quant::backtest::{Direction, Execution};
use quant::optimise::{Method, Objective};
use quant::strategies::Kind;
use std::path::PathBuf;

/// Backtests and parameter searches over candles in a file (ts_ms,open,high,low,close,volume; CSV or Parquet).
#[derive(Parser)]
#[command(name = "backtest", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Tests one strategy and prints its figures.
    Run(Run),
    /// Searches a strategy's parameters and says how far the winner can be believed.
    Optimise(Optimise),
}

#[derive(Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub market: Market,
    #[command(flatten)]
    pub costs: Costs,
    /// A parameter of the strategy, as name=value; may be given several times.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = setting)]
    pub settings: Vec<(String, f64)>,
    /// Writes the closed trades.
    #[arg(long, value_name = "OUT.csv")]
    pub trades: Option<PathBuf>,
    /// Writes the equity: the starting capital, then the close of each bar.
    #[arg(long, value_name = "OUT.csv")]
    pub equity: Option<PathBuf>,
    /// Writes the indicators with their usual periods.
    #[arg(long, value_name = "OUT.csv")]
    pub indicators: Option<PathBuf>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Args)]
pub(crate) struct Optimise {
    #[command(flatten)]
    pub market: Market,
    #[command(flatten)]
    pub costs: Costs,
    /// How points are chosen.
    #[arg(long, default_value = "grid")]
    pub method: MethodName,
    /// How many points to try at most.
    #[arg(long, default_value_t = 50)]
    pub variations: usize,
    /// Windows to search and then trade on what follows; 0 holds nothing back [default: 5, fewer on few candles].
    #[arg(long, value_name = "K")]
    pub walk_forward: Option<usize>,
    /// Searches each window from the first candle on.
    #[arg(long)]
    pub anchored: bool,
    /// What is to be large.
    #[arg(long, default_value = "sharpe")]
    pub objective: ObjectiveName,
    /// Runs with fewer trades come last.
    #[arg(long, default_value_t = 10)]
    pub min_trades: u64,
    /// Seed of the genetic search.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many of the best to show.
    #[arg(long, default_value_t = 10)]
    pub top: usize,
    /// Threads [default: all cores]; changes no result.
    #[arg(long)]
    pub threads: Option<usize>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Args)]
pub(crate) struct Market {
    /// Candles, oldest first.
    pub file: PathBuf,
    /// rsi, macd, bollinger or volume.
    #[arg(long, value_parser = str::parse::<Kind>)]
    pub strategy: Kind,
    /// First moment to trade, as 2024-01-31 or RFC 3339; earlier candles are only seen by the indicators.
    #[arg(long)]
    pub since: Option<String>,
    /// First moment not to trade any more.
    #[arg(long)]
    pub until: Option<String>,
    /// Joins the candles to longer ones first, such as 4h or 1d.
    #[arg(long)]
    pub timeframe: Option<String>,
}

#[derive(Args)]
pub(crate) struct Costs {
    /// Fee as a fraction of the notional, on each side.
    #[arg(long, default_value_t = Execution::default().fee_rate)]
    fee: f64,
    /// Slippage in basis points, on each side.
    #[arg(long, default_value_t = Execution::default().slippage_bps)]
    slippage_bps: f64,
    /// Milliseconds from the opening of the next bar to the fill.
    #[arg(long, default_value_t = 0)]
    latency_ms: i64,
    /// Starting capital.
    #[arg(long, default_value_t = Execution::default().cash)]
    cash: f64,
    /// Which positions signals may open.
    #[arg(long, default_value = "long")]
    direction: DirectionName,
}

impl Costs {
    pub(crate) fn execution(&self) -> Execution {
        Execution {
            cash: self.cash,
            fee_rate: self.fee,
            slippage_bps: self.slippage_bps,
            latency_ms: self.latency_ms,
            direction: match self.direction {
                DirectionName::Long => Direction::Long,
                DirectionName::Short => Direction::Short,
                DirectionName::Both => Direction::Both,
            },
        }
    }
}

#[derive(Args)]
pub(crate) struct Output {
    /// Prints one JSON object instead of tables.
    #[arg(long)]
    pub json: bool,
    /// Draws a picture.
    #[arg(long, value_name = "OUT.png")]
    pub chart: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum DirectionName {
    Long,
    Short,
    Both,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum MethodName {
    Grid,
    Genetic,
}

impl From<MethodName> for Method {
    fn from(name: MethodName) -> Self {
        match name {
            MethodName::Grid => Self::Grid,
            MethodName::Genetic => Self::Genetic,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ObjectiveName {
    Sharpe,
    Sortino,
    Return,
    ProfitFactor,
}

impl From<ObjectiveName> for Objective {
    fn from(name: ObjectiveName) -> Self {
        match name {
            ObjectiveName::Sharpe => Self::Sharpe,
            ObjectiveName::Sortino => Self::Sortino,
            ObjectiveName::Return => Self::Return,
            ObjectiveName::ProfitFactor => Self::ProfitFactor,
        }
    }
}

fn setting(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    let value = value.trim().parse().map_err(|_| format!("{value:?} is no number"))?;
    Ok((name.trim().to_owned(), value))
}
