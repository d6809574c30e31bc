//! The floor: the same RSI backtest as one plain loop, without any of the crate's parts.

use quant::backtest::{Book, Execution, Market};
use quant::candles::Candles;
use quant::figures::Figures;
use quant::strategies::{Cache, Kind, Preset};

const CASH: f64 = 100_000.0;
const FEE: f64 = 0.001;
const SLIPPAGE: f64 = 0.0005;

pub(crate) struct Plain {
    pub trades: u64,
    pub wins: u64,
    pub return_pct: f64,
    pub profit_factor: f64,
    pub max_drawdown_pct: f64,
    pub sharpe: f64,
    pub sortino: f64,
    pub sharpe_bar: f64,
}

#[allow(clippy::too_many_lines, clippy::cognitive_complexity, reason = "the plain loop is one loop")]
pub(crate) fn run(candles: &Candles) -> Plain {
    let (open, close, ts) = (candles.open(), candles.close(), candles.ts_ms());
    let (mut gain, mut loss, mut before) = (0.0, 0.0, f64::NAN);
    let (mut cash, mut units, mut cost) = (CASH, 0.0, 0.0);
    let mut order = 0i8;
    let (mut trades, mut wins, mut won, mut lost) = (0, 0, 0.0, 0.0);
    let (mut peak, mut drawdown) = (CASH, 0.0f64);
    let mut equity_before = CASH;
    let mut bar_returns = Vec::with_capacity(close.len());
    let mut day_equity = vec![CASH];
    let mut today = (ts[0] + candles.timeframe_ms() - 1) / 86_400_000;
    for i in 0..close.len() {
        if order == 1 && units == 0.0 {
            let price = open[i] * (1.0 + SLIPPAGE);
            units = cash / (price * (1.0 + FEE));
            cost = cash;
            cash = 0.0;
        } else if order == -1 && units > 0.0 {
            cash = units * open[i] * (1.0 - SLIPPAGE) * (1.0 - FEE);
            units = 0.0;
            let profit = cash - cost;
            trades += 1;
            wins += u64::from(profit > 0.0);
            won += profit.max(0.0);
            lost += profit.min(0.0);
        }
        order = 0;
        let equity = cash + units * close[i];
        bar_returns.push(equity / equity_before - 1.0);
        let day = (ts[i] + candles.timeframe_ms() - 1) / 86_400_000;
        if day > today {
            day_equity.push(equity_before);
            today = day;
        }
        equity_before = equity;
        peak = peak.max(equity);
        drawdown = drawdown.max(1.0 - equity / peak);
        if i > 0 {
            let change = close[i] - close[i - 1];
            let (up, down) = (change.max(0.0), (-change).max(0.0));
            if i <= 14 {
                gain += up / 14.0;
                loss += down / 14.0;
            } else {
                gain = (gain * 13.0 + up) / 14.0;
                loss = (loss * 13.0 + down) / 14.0;
            }
            if i >= 14 {
                let rsi = 100.0 * gain / (gain + loss);
                if before <= 30.0 && rsi > 30.0 {
                    order = 1;
                }
                if before >= 70.0 && rsi < 70.0 {
                    order = -1;
                }
                before = rsi;
            }
        }
    }
    day_equity.push(equity_before);
    let day_returns: Vec<f64> = day_equity.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
    let (sharpe, sortino) = ratios(&day_returns, 365.0);
    let (sharpe_bar, _) = ratios(&bar_returns, candles.bars_per_year());
    Plain {
        trades,
        wins,
        return_pct: (equity_before / CASH - 1.0) * 100.0,
        profit_factor: won / -lost,
        max_drawdown_pct: drawdown * 100.0,
        sharpe,
        sortino,
        sharpe_bar,
    }
}

fn ratios(returns: &[f64], a_year: f64) -> (f64, f64) {
    let n = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / n;
    let variance = returns.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / (n - 1.0);
    let downside = returns.iter().map(|r| r.min(0.0) * r.min(0.0)).sum::<f64>() / n;
    (mean / variance.sqrt() * a_year.sqrt(), mean / downside.sqrt() * a_year.sqrt())
}

/// The two compute the same, or comparing their times means nothing.
pub(crate) fn must_agree(candles: &Candles) {
    let (market, mut book) = (Market::new(candles), Book::default());
    Preset::new(Kind::Rsi).run(&market, &Execution::default(), &mut Cache::default(), &mut book).unwrap();
    let (ours, plain) = (Figures::of(&market, &book).unwrap(), run(candles));
    assert_eq!((ours.trades, ours.wins), (plain.trades, plain.wins));
    let pairs = [
        (ours.return_pct, plain.return_pct),
        (ours.profit_factor.unwrap(), plain.profit_factor),
        (ours.max_drawdown_pct, plain.max_drawdown_pct),
        (ours.sharpe.unwrap(), plain.sharpe),
        (ours.sortino.unwrap(), plain.sortino),
        (ours.sharpe_bar.unwrap(), plain.sharpe_bar),
    ];
    for (ours, plain) in pairs {
        assert!((ours - plain).abs() <= 1e-9 * plain.abs(), "{ours} {plain}");
    }
}
