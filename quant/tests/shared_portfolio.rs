//! The shared golden values of risk and allocation; skipped by name where the folder is not there.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests read files and fail by panics")]

mod shared;

use quant::risk::{
    Asset, Costs, Covariance, equal_risk_contribution, inverse_volatility, min_variance,
    normal_value_at_risk, rebalance,
};
use rust_decimal::Decimal;
use serde_json::Value;
use shared::{close_to, folder};

fn golden(test: &str) -> Option<Value> {
    folder("golden", test).map(|folder| shared::json(&folder.join("portfolio_risk.json")))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn covariance(golden: &Value) -> Covariance {
    let rows: Vec<Vec<f64>> = golden["cov"].as_array().unwrap().iter().map(numbers).collect();
    Covariance::of_rows(&rows).unwrap()
}

fn all_close(what: &str, got: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    got.iter().zip(wanted).for_each(|(&got, &wanted)| close_to(what, got, wanted, tolerance));
}

#[test]
fn risk_of_four_assets_is_the_references() {
    let Some(golden) = golden("risk_of_four_assets_is_the_references") else { return };
    let covariance = covariance(&golden);
    for i in 0..4 {
        let row = numbers(&golden["corr"][i]);
        all_close(
            "correlation",
            &(0..4).map(|j| covariance.correlation(i, j)).collect::<Vec<_>>(),
            &row,
            1e-12,
        );
    }
    let a_year: Vec<f64> = (0..4).map(|i| covariance.volatility(i) * 8760f64.sqrt()).collect();
    all_close("volatility", &a_year, &numbers(&golden["vol_annual_8760"]), 1e-12);
    let betas: Vec<f64> = (0..4).map(|i| covariance.beta(i, 0)).collect();
    all_close("beta", &betas, &numbers(&golden["beta_to_BTC"]), 1e-12);
    let equal = &golden["equal_weight"];
    let volatility = covariance.portfolio_volatility(&[0.25; 4]);
    close_to("volatility", volatility, equal["vol"].as_f64().unwrap(), 1e-12);
    let mean = numbers(&golden["mean"]).iter().sum::<f64>() / 4.0;
    let at_risk = normal_value_at_risk(mean, volatility, 0.95).unwrap();
    close_to("value at risk", at_risk, equal["param_var95"].as_f64().unwrap(), 1e-12);
}

#[test]
fn weights_of_four_assets_are_the_references() {
    let Some(golden) = golden("weights_of_four_assets_are_the_references") else { return };
    let covariance = covariance(&golden);
    // The references are iterations themselves: 1e-9 is what they agree to with each other.
    all_close("minimum", &min_variance(&covariance), &numbers(&golden["min_variance_long_only"]), 1e-8);
    let equal_risk = equal_risk_contribution(&covariance);
    all_close("equal risk", &equal_risk, &numbers(&golden["equal_risk_contribution"]), 1e-9);
    all_close("risk shares", &covariance.risk_shares(&equal_risk), &[0.25; 4], 1e-12);
    all_close("inverse", &inverse_volatility(&covariance), &numbers(&golden["inverse_volatility"]), 1e-12);
}

#[test]
fn rebalancing_orders_are_the_references() {
    let Some(golden) = golden("rebalancing_orders_are_the_references") else { return };
    let golden = &golden["rebalance"];
    let exact = |value: f64| Decimal::try_from(value).unwrap();
    let equity = golden["equity"].as_f64().unwrap();
    let pairs = numbers(&golden["weights_now"]).into_iter().zip(numbers(&golden["target"])).enumerate();
    let asset = |(i, (weight, target)): (usize, (f64, f64))| Asset {
        symbol: i.to_string(),
        value: exact(weight * equity),
        target: exact(target),
        price: Decimal::ONE,
        lot: Decimal::ZERO,
        min_order: Decimal::ZERO,
    };
    let costs = Costs {
        fee_rate: exact(golden["fee"].as_f64().unwrap()),
        band: exact(golden["band"].as_f64().unwrap()),
    };
    let plan = rebalance(&pairs.map(asset).collect::<Vec<_>>(), Decimal::ZERO, &costs).unwrap();
    let mut traded = [0.0; 4];
    for order in &plan.orders {
        let sign = if order.side == quant::risk::OrderSide::Buy { 1.0 } else { -1.0 };
        traded[order.asset] = sign * order.notional.to_string().parse::<f64>().unwrap();
    }
    all_close("notional", &traded, &numbers(&golden["trades_notional"]), 1e-12);
    let number = |decimal: Decimal| decimal.to_string().parse::<f64>().unwrap();
    close_to("fees", number(plan.fees), golden["fees"].as_f64().unwrap(), 1e-12);
    close_to("turnover", number(plan.turnover), golden["turnover"].as_f64().unwrap(), 1e-11);
}
