use super::*;
use proptest::prelude::*;
use rust_decimal::Decimal;

const DAY_US: i64 = 86_400_000_000;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn trade(position: u64, closed_at_us: i64, profit: &str, pct: &str) -> LiveTrade {
    LiveTrade { closed_at_us, position, profit: decimal(profit), profit_pct: decimal(pct) }
}

fn figures(trades: &[LiveTrade]) -> LiveFigures {
    let mut figures = LiveFigures::new();
    trades.iter().for_each(|trade| figures.push(trade, "USDT").unwrap());
    figures
}

/// Three trades on day 0, none on day 1, one on day 2: day sums 3, 0, −4.
fn week() -> Vec<LiveTrade> {
    vec![
        trade(1, 10, "100", "5"),
        trade(2, 10, "-60.50", "-2"),
        trade(3, DAY_US - 1, "0", "0.0"),
        trade(9, 2 * DAY_US, "-39.5", "-4"),
    ]
}

#[test]
fn the_figures_of_four_trades_by_hand() {
    let summary = figures(&week()).finish();
    assert_eq!((summary.trades, summary.wins, summary.losses, summary.draws), (4, 1, 2, 1));
    assert_eq!(summary.win_rate_pct, Some(25.0));
    assert_eq!(summary.average_profit_pct, Some(-0.25));
    assert_eq!((summary.profit, summary.return_pct), (ExactSum::ZERO, -1.0));
    assert_eq!((summary.best_trade_pct, summary.worst_trade_pct), (Some(5.0), Some(-4.0)));
    assert_eq!((summary.profit_factor, summary.expectancy), (Some(1.0), Some(Decimal::ZERO)));
    assert_eq!(summary.max_drawdown_pct, 6.0);
    assert_eq!(summary.currencies, ["USDT"]);
    assert_eq!(summary.days, 3);
    // Days 3, 0, −4: mean −1/3, squared deviations 100/9 + 1/9 + 121/9 = 74/3, downside √(16/3).
    let mean = -1.0 / 3.0;
    assert!((summary.sharpe.unwrap() - mean / (37.0f64 / 3.0).sqrt() * 365f64.sqrt()).abs() < 1e-12);
    assert!((summary.sortino.unwrap() - mean / (16.0f64 / 3.0).sqrt() * 365f64.sqrt()).abs() < 1e-12);
}

#[test]
fn no_trades_give_zeros_and_nothing_else() {
    let json = serde_json::to_string(&LiveFigures::new().finish()).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"trades":0,"wins":0,"losses":0,"draws":0,"win_rate_pct":null,"average_profit_pct":null,"#,
            r#""profit":"0","return_pct":0.0,"best_trade_pct":null,"worst_trade_pct":null,"currencies":[],"#,
            r#""profits":{},"profit_factor":null,"expectancy":null,"max_drawdown_pct":0.0,"sharpe":null,"sortino":null,"days":0}"#
        )
    );
}

#[test]
fn one_day_has_no_ratio_and_no_losses_have_no_profit_factor() {
    let summary = figures(&[trade(1, 0, "1", "1"), trade(2, 1, "2", "2")]).finish();
    assert_eq!((summary.days, summary.sharpe, summary.sortino, summary.profit_factor), (1, None, None, None));
    assert_eq!(summary.expectancy, Some(decimal("1.5")));
}

#[test]
fn a_summary_survives_json_with_money_as_text() {
    let summary =
        figures(&[trade(1, 0, "0.10", "1"), trade(2, 1, "-0.30", "2"), trade(3, 5, "0.1", "0")]).finish();
    let json = serde_json::to_string(&summary).unwrap();
    assert!(
        json.contains(r#""profit":"-0.1""#)
            && json.contains(r#""expectancy":"-0.0333333333333333333333333333""#)
    );
    assert_eq!(serde_json::from_str::<LiveSummary>(&json).unwrap(), summary);
}

#[test]
fn days_are_utc_days_also_before_1970() {
    let summary = figures(&[trade(1, -1, "1", "1"), trade(2, 0, "1", "2")]).finish();
    assert_eq!(summary.days, 2);
    let ages = figures(&[trade(1, i64::MIN, "1", "1"), trade(2, i64::MAX, "1", "2")]).finish();
    assert_eq!(ages.days, 213_503_984);
}

#[test]
fn each_currency_has_its_own_sum() {
    let mut figures = LiveFigures::new();
    for (at, currency, profit) in
        [(1, "USDT", "1"), (2, "EUR", "-0.5"), (3, "USDT", "2"), (4, UNKNOWN_CURRENCY, "9")]
    {
        figures.push(&trade(at as u64, at, profit, "1"), currency).unwrap();
    }
    let summary = figures.finish();
    assert_eq!(summary.currencies, ["?", "EUR", "USDT"]);
    let profits = serde_json::to_string(&summary.profits).unwrap();
    assert_eq!(profits, r#"{"?":"9","EUR":"-0.5","USDT":"3"}"#);
}

#[test]
fn a_trade_out_of_order_or_twice_is_refused_and_not_counted() {
    let mut figures = figures(&week());
    let before = figures.clone();
    for late in [trade(9, 2 * DAY_US, "1", "1"), trade(8, 2 * DAY_US, "1", "1"), trade(99, 0, "1", "1")] {
        assert_eq!(figures.push(&late, "USDT"), Err(OutOfOrder { position: late.position }));
    }
    assert_eq!(figures, before);
}

#[test]
fn a_sum_of_any_number_of_digits_counts_every_trade() {
    let summary = figures(&[
        trade(1, 0, "79228162514264337593543950335", "-2.01"),
        trade(2, 1, "-0.0000000000000000000000000001", "4"),
        trade(3, 2, "79228162514264337593543950335", "-9.06"),
    ])
    .finish();
    assert_eq!(summary.trades, 3);
    assert_eq!(summary.profit.to_string(), "158456325028528675187087900669.9999999999999999999999999999");
    assert_eq!(summary.expectancy, Some(decimal("52818775009509558395695966890")));
}

#[test]
fn figures_stored_and_read_back_go_on_alike() {
    let trades = week();
    let mut whole = figures(&trades[..2]);
    let stored = serde_json::to_string(&whole).unwrap();
    let mut resumed: LiveFigures = serde_json::from_str(&stored).unwrap();
    for trade in &trades[2..] {
        whole.push(trade, "USDT").unwrap();
        resumed.push(trade, "USDT").unwrap();
    }
    assert_eq!(resumed.finish(), whole.finish());
}

/// The definitions as they are written, over all trades at once.
fn naive(trades: &[LiveTrade]) -> LiveSummary {
    let pcts: Vec<Decimal> = trades.iter().map(|trade| trade.profit_pct).collect();
    let count = |sign: fn(Decimal) -> bool| trades.iter().filter(|trade| sign(trade.profit)).count() as u64;
    let total = |sign: fn(Decimal) -> bool| -> Decimal {
        trades.iter().map(|trade| trade.profit).filter(|&profit| sign(profit)).sum()
    };
    let float = |decimal: Decimal| decimal.to_string().parse::<f64>().unwrap();
    let (won, lost) = (total(|p| p > Decimal::ZERO), total(|p| p < Decimal::ZERO));
    let n = trades.len() as u64;
    let day = |trade: &LiveTrade| trade.closed_at_us.div_euclid(DAY_US);
    let days: Vec<f64> = (day(&trades[0])..=day(&trades[trades.len() - 1]))
        .map(|d| float(trades.iter().filter(|t| day(t) == d).map(|t| t.profit_pct).sum()))
        .collect();
    let mean = days.iter().sum::<f64>() / days.len() as f64;
    let std = (days.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (days.len() as f64 - 1.0)).sqrt();
    let downside = (days.iter().map(|r| r.min(0.0).powi(2)).sum::<f64>() / days.len() as f64).sqrt();
    let (mut sum, mut peak, mut fall) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for pct in &pcts {
        sum += pct;
        peak = peak.max(sum);
        fall = fall.max(peak - sum);
    }
    LiveSummary {
        trades: n,
        wins: count(|p| p > Decimal::ZERO),
        losses: count(|p| p < Decimal::ZERO),
        draws: count(|p| p == Decimal::ZERO),
        win_rate_pct: Some(count(|p| p > Decimal::ZERO) as f64 / n as f64 * 100.0),
        average_profit_pct: Some(float(sum) / n as f64),
        profit: (won + lost).into(),
        profits: [("USDT".to_owned(), (won + lost).into())].into(),
        return_pct: float(sum),
        best_trade_pct: pcts.iter().max().map(|&pct| float(pct)),
        worst_trade_pct: pcts.iter().min().map(|&pct| float(pct)),
        currencies: vec!["USDT".into()],
        profit_factor: (lost != Decimal::ZERO).then(|| float(won) / float(lost).abs()),
        expectancy: Some((won + lost) / Decimal::from(n)),
        max_drawdown_pct: float(fall),
        sharpe: (days.len() > 1 && std > 1e-9).then(|| mean / std * 365f64.sqrt()),
        sortino: (days.len() > 1 && downside > 0.0).then(|| mean / downside * 365f64.sqrt()),
        days: days.len() as u64,
    }
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * b.abs().max(1.0),
        (a, b) => a == b,
    }
}

fn any_trades() -> impl Strategy<Value = Vec<LiveTrade>> {
    let one = (0i64..3 * DAY_US, -99_999i64..99_999, 0u32..5, -9_999i64..9_999, 0u32..4);
    prop::collection::vec(one, 1..60).prop_map(|rows| {
        let mut at = 1_700_000_000_000_000;
        let build = |(position, (gap, profit, scale, pct, pct_scale)): (usize, (i64, i64, u32, i64, u32))| {
            at += if gap % 3 == 0 { 0 } else { gap };
            LiveTrade {
                closed_at_us: at,
                position: position as u64,
                profit: Decimal::new(profit, scale),
                profit_pct: Decimal::new(pct, pct_scale),
            }
        };
        rows.into_iter().enumerate().map(build).collect()
    })
}

proptest! {
    #[test]
    fn the_accumulator_equals_the_definitions(trades in any_trades()) {
        let (got, want) = (figures(&trades).finish(), naive(&trades));
        prop_assert!(close(got.sharpe, want.sharpe), "sharpe {:?} {:?}", got.sharpe, want.sharpe);
        prop_assert!(close(got.sortino, want.sortino), "sortino {:?} {:?}", got.sortino, want.sortino);
        prop_assert!(close(got.average_profit_pct, want.average_profit_pct));
        prop_assert!(close(got.profit_factor, want.profit_factor));
        let floats = |mut summary: LiveSummary| {
            (summary.sharpe, summary.sortino) = (None, None);
            (summary.average_profit_pct, summary.profit_factor) = (None, None);
            summary
        };
        prop_assert_eq!(floats(got), floats(want));
    }
}
