//! Guards and analysts that are broken on purpose are found out within a few histories.

use std::collections::BTreeSet;

use actors::{Decider, PerformanceAnalyst, StrategyGuard};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};
use tests::judge::{self, play::Play};
use tests::simulation::broken::{Broken, BrokenAnalyst, DROPS_ZEROS, LOSES_DRAWS, ROUNDS, TAKES_THE_MOMENT};

use super::histories::{made, steps};

/// Histories after which a fault must have been found.
const FEW: usize = 150;

/// A few histories, always of the same steps.
fn histories<G: Decider, A: Decider>() -> impl Iterator<Item = Play<G, A>> {
    let mut runner = TestRunner::deterministic();
    let mut next = move || steps().new_tree(&mut runner).expect("invariant: steps reject nothing").current();
    (0..FEW).map(move |_| made(&next()))
}

/// Everything that is found in them.
fn found<G: Decider, A: Decider>() -> String {
    histories::<G, A>().flat_map(|play| judge::violations(play.history())).collect::<Vec<_>>().join("\n")
}

/// What the histories have to hold, as the JSON of an event shows it.
const SEEN: [&str; 28] = [
    "StrategyDisabled",
    "StrategyReduced",
    "StrategyEnabled",
    "StrategyEnableRefused",
    "StrategyKeptHalted",
    "TradeAfterHalt",
    "PerformanceAnalyzed",
    "PerformanceAnalysisSkipped",
    "AlertCleared",
    "\"daily_loss\"",
    "\"consecutive_losses\"",
    "\"win_rate\"",
    "\"capital\"",
    "\"check_failed\"",
    "\"trade_rejected\"",
    "\"source_stale\"",
    "\"silence\"",
    "\"records_unattributed\"",
    "\"clock_behind\"",
    "\"trades_too_old\"",
    "\"strategy_contradicted\"",
    "\"strategy_disabled\"",
    "\"strategy_reduced\"",
    "\"performance_critical\"",
    "\"sharpe\":\"warning\"",
    "\"average_profit\":\"warning\"",
    "\"is_active\"",
    "\"cause_holds\"",
];

#[test]
fn the_true_actors_are_not_found_out_whatever_they_decide() {
    let mut unseen = BTreeSet::from(SEEN);
    for play in histories::<StrategyGuard, PerformanceAnalyst>() {
        assert_eq!(judge::violations(play.history()), [] as [String; 0]);
        for decision in play.history().iter().filter(|event| event.basis_position.is_some()) {
            let json = serde_json::to_string(&decision.json()).unwrap();
            unseen.retain(|words| !json.contains(words));
        }
    }
    assert!(unseen.is_empty(), "never decided: {unseen:?}");
}

#[test]
fn a_guard_that_drops_a_zero_with_decimals_is_found_out() {
    let found = found::<Broken<DROPS_ZEROS>, PerformanceAnalyst>();
    assert!(found.contains("not [Halted") || found.contains("decided [Halted"), "{found}");
}

#[test]
fn a_guard_that_sums_rounded_percents_is_found_out() {
    let found = found::<Broken<ROUNDS>, PerformanceAnalyst>();
    assert!(found.contains("DailyLoss"), "{found}");
}

#[test]
fn an_analyst_that_takes_in_the_planned_moment_is_found_out() {
    let found = found::<StrategyGuard, BrokenAnalyst<TAKES_THE_MOMENT>>();
    assert!(found.contains("trades in the window"), "{found}");
}

#[test]
fn an_analyst_that_takes_draws_for_losses_is_found_out() {
    let found = found::<StrategyGuard, BrokenAnalyst<LOSES_DRAWS>>();
    assert!(found.contains("wins and losses"), "{found}");
}
