use super::*;
use proptest::prelude::*;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn position(symbol: &str, quantity: &str, entry: &str, price: &str) -> Position {
    let [quantity, entry_price, price] = [quantity, entry, price].map(decimal);
    Position { symbol: symbol.to_owned(), quantity, entry_price, price }
}

fn of(positions: &[Position]) -> Exposure {
    exposure(positions, decimal("1000"), &Limits::default()).unwrap()
}

#[test]
fn exposure_is_high_above_80_percent_not_at_it() {
    let spread = |last: &str| {
        let four = ["A", "B", "C", "D"].map(|symbol| position(symbol, "2", "100", "100"));
        of(&[&four[..3], &[position("D", "1", last, last)]].concat())
    };
    let (below, at) = (spread("199.99"), spread("200"));
    assert_eq!((below.level, below.exposure_pct), (RiskLevel::Normal, 79.999));
    assert_eq!((at.level, at.exposure_pct, at.largest_position_pct), (RiskLevel::Normal, 80.0, 20.0));
    let above = of(&["A", "B", "C", "D", "E"].map(|symbol| position(symbol, "1.60002", "100", "100")));
    assert_eq!((above.level, above.exceeded), (RiskLevel::High, vec!["exposure".to_owned()]));
}

#[test]
fn an_unrealised_loss_is_high_above_10_percent_not_at_it() {
    let losing = |price: &str| of(&[position("A", "1", "150", price), position("B", "1", "130", "80")]);
    assert_eq!((losing("100").level, losing("100").unrealised_loss_pct), (RiskLevel::Normal, 10.0));
    assert_eq!(losing("99.999999").exceeded, ["unrealised_loss"]);
    assert_eq!(of(&[position("A", "1", "100", "150")]).unrealised_loss_pct, 0.0);
}

#[test]
fn one_position_is_high_above_20_percent_not_at_it() {
    assert_eq!(of(&[position("A", "2", "100", "100")]).level, RiskLevel::Normal);
    assert_eq!(of(&[position("A", "2", "100", "100.000001")]).exceeded, ["position"]);
    let together = of(&[position("A", "1.5", "100", "100"), position("A", "0.6", "100", "100")]);
    assert_eq!((together.exceeded, together.positions), (vec!["position".to_owned()], 1));
}

#[test]
fn a_short_position_counts_by_its_size_and_loses_when_the_price_rises() {
    let short = of(&[position("A", "-1", "100", "190"), position("B", "0", "1", "1")]);
    assert_eq!((short.exposure_pct, short.unrealised_loss_pct, short.positions), (19.0, 9.0, 1));
    let mixed = of(&[position("A", "-1", "100", "100"), position("B", "3", "100", "100")]);
    assert_eq!((mixed.exposure_pct, mixed.largest_symbol.as_deref()), (40.0, Some("B")));
    assert_eq!(mixed.concentration, Some(0.25 * 0.25 + 0.75 * 0.75));
}

#[test]
fn no_positions_are_no_risk_and_no_equity_is_an_error() {
    let none = of(&[]);
    assert_eq!((none.level, none.exposure_pct, none.concentration), (RiskLevel::Normal, 0.0, None));
    for equity in ["0", "-5"] {
        assert!(exposure(&[], decimal(equity), &Limits::default()).is_err());
    }
    let error = exposure(&[position("A", "1", "0", "1")], Decimal::ONE, &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "entry_price of A is 0; it must be above 0");
}

fn some_positions() -> impl Strategy<Value = Vec<Position>> {
    let one = ("[A-D]", -50_000i64..50_000, 1i64..90_000, 1i64..90_000, 0u32..9);
    let build = |(symbol, quantity, entry, price, scale): (String, i64, i64, i64, u32)| Position {
        symbol,
        quantity: Decimal::new(quantity, scale),
        entry_price: Decimal::new(entry, 3),
        price: Decimal::new(price, 3),
    };
    prop::collection::vec(one.prop_map(build), 0..9)
}

fn assets() -> impl Strategy<Value = Vec<Asset>> {
    let lot = prop::sample::select(vec!["0", "0.00001", "0.1", "1"]);
    let one = (0i64..1_000_000, 0u32..100, 1i64..900_000, lot, 0i64..3_000);
    prop::collection::vec(one, 1..8).prop_map(|rows| {
        let weights: u32 = rows.iter().map(|row| row.1).sum::<u32>().max(1);
        let build = |(i, (value, weight, price, lot, least)): (usize, (i64, u32, i64, &str, i64))| Asset {
            symbol: format!("S{i}"),
            value: Decimal::new(value, 2),
            target: (Decimal::from(weight) / Decimal::from(weights)).trunc_with_scale(8),
            price: Decimal::new(price, 2),
            lot: decimal(lot),
            min_order: Decimal::new(least, 2),
        };
        rows.into_iter().enumerate().map(build).collect()
    })
}

proptest! {
    #[test]
    fn the_order_of_symbols_does_not_matter(positions in some_positions(), turn in 0usize..9) {
        let mut other = positions.clone();
        let turn = turn % positions.len().max(1);
        other.rotate_left(turn);
        other.reverse();
        prop_assert_eq!(of(&positions), of(&other));
    }

    #[test]
    fn parts_add_up_under_all_roundings(
        amount in 0i64..10_000_000, scale in 0u32..6, step in 1i64..5_000, step_scale in 0u32..8,
        weights in prop::collection::vec(0i64..1_000, 1..12)
    ) {
        let (amount, step) = (Decimal::new(amount, scale), Decimal::new(step, step_scale));
        let weights: Vec<_> = weights.into_iter().map(Decimal::from).collect();
        let whole: Decimal = weights.iter().sum();
        prop_assume!(!whole.is_zero());
        let parts = apportion(amount, &weights, step).unwrap();
        let steps = (amount / step).floor();
        prop_assert_eq!(parts.iter().sum::<Decimal>(), steps * step);
        for (part, weight) in parts.iter().zip(&weights) {
            prop_assert!((part % step).is_zero());
            // Quota rule: within one step of the exact share.
            prop_assert!((part - steps * step * weight / whole).abs() < step + decimal("0.0000000001"));
        }
    }

    #[test]
    fn orders_never_need_more_than_there_is(
        assets in assets(), cash in 0i64..500_000, fee in 0i64..20, band in 0i64..200
    ) {
        let (cash, costs) = (Decimal::new(cash, 2), Costs { fee_rate: Decimal::new(fee, 3), band: Decimal::new(band, 3) });
        let equity = assets.iter().map(|asset| asset.value).sum::<Decimal>() + cash;
        prop_assume!(!equity.is_zero());
        let plan = rebalance(&assets, cash, &costs).unwrap();
        prop_assert!(plan.cash >= Decimal::ZERO);
        let mut after: Vec<_> = assets.iter().map(|asset| asset.value).collect();
        for order in &plan.orders {
            let asset = &assets[order.asset];
            prop_assert!(order.notional >= asset.min_order && order.quantity >= Decimal::ZERO);
            prop_assert!(asset.lot.is_zero() || (order.quantity % asset.lot).is_zero());
            let difference = asset.target * equity - asset.value;
            prop_assert!(difference.abs() > costs.band * equity && order.notional <= difference.abs() + decimal("0.000001"));
            match order.side {
                OrderSide::Buy => after[order.asset] += order.notional,
                OrderSide::Sell => after[order.asset] -= order.notional,
            }
        }
        prop_assert!(after.iter().all(|value| *value >= Decimal::ZERO));
        // What was there is still there, but for the fees.
        prop_assert_eq!(after.iter().sum::<Decimal>() + plan.cash + plan.fees, equity);
    }

    #[test]
    fn targets_of_groups_add_up(values in prop::collection::vec(0i64..1_000_000, 2..9), share in 0i64..=1_000) {
        let values: Vec<_> = values.iter().map(|&value| Decimal::new(value, 2)).collect();
        let mains = Group { name: "mains".into(), share: Decimal::new(share, 3), members: vec![0] };
        let alts = Group {
            name: "alts".into(),
            share: Decimal::ONE - mains.share,
            members: (1..values.len()).collect(),
        };
        let targets = targets(&[mains.clone(), alts], &values).unwrap();
        prop_assert_eq!(targets.iter().sum::<Decimal>(), Decimal::ONE);
        prop_assert_eq!(targets[0], mains.share);
    }

    #[test]
    fn no_weights_have_less_variance_than_the_least(
        returns in prop::collection::vec(prop::collection::vec(-0.1f64..0.1, 40), 2..6),
        other in prop::collection::vec(0.01f64..1.0, 6)
    ) {
        let series: Vec<&[f64]> = returns.iter().map(Vec::as_slice).collect();
        let covariance = Covariance::of_returns(&series).unwrap();
        let weights = min_variance(&covariance);
        let sum: f64 = other[..weights.len()].iter().sum();
        let other: Vec<f64> = other[..weights.len()].iter().map(|weight| weight / sum).collect();
        let least = covariance.portfolio_volatility(&weights);
        prop_assert!(least <= covariance.portfolio_volatility(&other) * (1.0 + 1e-12));
        prop_assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12 && weights.iter().all(|w| *w >= 0.0));
        let shares = covariance.risk_shares(&equal_risk_contribution(&covariance));
        prop_assert!(shares.iter().all(|share| (share * shares.len() as f64 - 1.0).abs() < 1e-9), "{:?}", shares);
    }
}

#[test]
fn remainders_go_to_the_parts_that_lost_most() {
    let parts = |amount: &str, weights: &[i64], step: &str| -> Vec<String> {
        let weights: Vec<_> = weights.iter().copied().map(Decimal::from).collect();
        apportion(decimal(amount), &weights, decimal(step)).unwrap().iter().map(ToString::to_string).collect()
    };
    assert_eq!(parts("100", &[1, 1, 1], "1"), ["34", "33", "33"]);
    assert_eq!(parts("1", &[47, 16, 15, 12, 6, 4], "0.1"), ["0.5", "0.2", "0.1", "0.1", "0.1", "0"]);
    assert_eq!(parts("0.95", &[1, 0, 1], "0.1"), ["0.5", "0", "0.4"]);
    for (amount, weights, step) in [("-1", [1], "1"), ("1", [0], "1"), ("1", [-1], "1"), ("1", [1], "0")] {
        assert!(apportion(decimal(amount), &weights.map(Decimal::from), decimal(step)).is_err());
    }
}

#[test]
fn drift_and_targets_of_half_mains_half_alts() {
    let half = decimal("0.5");
    let groups = [
        Group { name: "mains".into(), share: half, members: vec![0, 1] },
        Group { name: "alts".into(), share: half, members: vec![2, 3] },
    ];
    let values = ["600", "200", "0", "0"].map(decimal);
    assert_eq!(targets(&groups, &values).unwrap(), ["0.375", "0.125", "0.25", "0.25"].map(decimal));
    let drift = drift(&groups, &values, decimal("1000")).unwrap();
    assert_eq!((drift[0].current_pct, drift[0].target_pct, drift[0].drift_pct), (80.0, 50.0, 30.0));
    assert_eq!(drift[1].drift_pct, -50.0);
}

#[test]
fn groups_that_cannot_be_are_refused() {
    let group = |share: &str, members: &[usize]| Group {
        name: "g".into(),
        share: decimal(share),
        members: members.to_vec(),
    };
    let values = [Decimal::ONE; 3];
    let bad = [
        vec![group("1.1", &[0])],
        vec![group("-0.1", &[0])],
        vec![group("0.5", &[])],
        vec![group("0.5", &[3])],
        vec![group("0.5", &[0]), group("0.5", &[0])],
        vec![group("0.6", &[0]), group("0.5", &[1])],
    ];
    for groups in bad {
        assert!(targets(&groups, &values).is_err(), "{groups:?}");
    }
}

#[test]
fn the_tail_of_ten_returns() {
    let returns: Vec<f64> = (0..11).map(|i| f64::from(i) / 100.0 - 0.05).collect();
    let tail = historical_tail(&returns, 0.95).unwrap();
    assert!((tail.value_at_risk + 0.045).abs() < 1e-15 && tail.expected_shortfall == -0.05);
    assert_eq!(tail.returns, 11);
    assert!(
        (normal_value_at_risk(0.01, 0.02, 0.95).unwrap() - (0.01 - 0.02 * 1.6448536269514722)).abs() < 1e-12
    );
    assert!(historical_tail(&[], 0.95).is_err() && historical_tail(&[f64::NAN], 0.95).is_err());
    for confidence in [0.0, 1.0, -1.0, f64::NAN] {
        assert!(historical_tail(&returns, confidence).is_err());
        assert!(normal_value_at_risk(0.0, 1.0, confidence).is_err());
    }
}

#[test]
fn matrices_that_belong_to_no_returns_are_refused() {
    let rows =
        |rows: &[&[f64]]| Covariance::of_rows(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>());
    for bad in [&[&[0.0][..]][..], &[&[1.0, 0.5], &[0.4, 1.0]], &[&[f64::NAN]], &[&[1.0], &[1.0]], &[]] {
        assert!(rows(bad).is_err(), "{bad:?}");
    }
    assert!(Covariance::of_returns(&[&[0.1, 0.2], &[0.1]]).is_err());
    assert!(Covariance::of_returns(&[&[0.1]]).is_err());
    // Two assets that are one: any weights will do, and the search for them ends.
    let same = rows(&[&[4.0, 4.0], &[4.0, 4.0]]).unwrap();
    assert!((same.portfolio_volatility(&min_variance(&same)) - 2.0).abs() < 1e-12);
}
