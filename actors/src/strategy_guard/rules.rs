//! What is answered to each input, and the rules that halt.

use std::panic::{AssertUnwindSafe, catch_unwind};

use events::{
    BreachedRule, Decimal, Event, Fact, GuardThresholds, Measure, RuleName, RuleWindow,
    StrategyGuardConfigured, StrategyState, TradeClosed,
};

use super::{
    evidence, halt, outside, reduce, requests,
    state::{State, Strategy},
    unattributed,
};

/// A rule: breached with evidence, kept, or why it could not be checked.
pub(super) type Rule = fn(&Strategy, &TradeClosed, &GuardThresholds) -> Result<Option<BreachedRule>, String>;

/// All rules, in the order in which breaches are told.
pub(super) const RULES: [(RuleName, Rule); 3] = [
    (RuleName::DailyLoss, daily_loss_exceeds_limit),
    (RuleName::ConsecutiveLosses, consecutive_losses_exceed_limit),
    (RuleName::WinRate, win_rate_falls_below_limit),
];

/// Answers a fact that the state has already folded.
pub(super) fn decide(
    state: &State,
    fact: Fact<'_>,
    config: &StrategyGuardConfigured,
    rules: &[(RuleName, Rule)],
) -> Vec<Event> {
    let fresh = Strategy::default();
    let known = |name: &str| state.strategies.get(name).unwrap_or(&fresh);
    match fact.event {
        Event::TradeClosed(trade) => {
            let mut decided = on_trade(state, known(&trade.strategy), trade, config, rules);
            decided.extend(unattributed::end_if_over(state, config, &trade.strategy));
            decided
        }
        Event::HaltMissed(e) => halt::make_up(known(&e.strategy), e),
        Event::StrategyDisableRequested(e) => {
            requests::on_disable(&e.strategy, known(&e.strategy), &e.reason, config.of(&e.strategy))
        }
        Event::StrategyEnableRequested(e) => {
            requests::on_enable(state, known(&e.strategy), e, config.of(&e.strategy))
        }
        Event::RecordRejected(letter) if letter.reason.reduces() => match &letter.strategy {
            Some(name) => reduce::reconcile(state, name, known(name), config, reduce::Check::AsAnnounced),
            None => unattributed::on_letter(state, letter, config),
        },
        Event::RecordsMissing(missing) => vec![outside::records_missing(missing)],
        Event::SourceStalled(_) | Event::SourceCaughtUp(_) => outside::on_source(state, fact.event, config),
        Event::ClockFellBehind(_) | Event::ClockCaughtUp(_) | Event::ClockAcceptRequested(_) => {
            outside::on_clock(state, fact.event, config)
        }
        Event::TimerDue(_) | Event::StrategyGuardConfigured(_) => {
            let mut decided = reduce::reconcile_all(state, config);
            decided.extend(unattributed::alert_over(state));
            decided
        }
        _ => Vec::new(),
    }
}

fn on_trade(
    state: &State,
    strategy: &Strategy,
    trade: &TradeClosed,
    config: &StrategyGuardConfigured,
    rules: &[(RuleName, Rule)],
) -> Vec<Event> {
    let name = &trade.strategy;
    if strategy.state == StrategyState::Halted {
        return halt::after_halt(strategy, trade);
    }
    if strategy.is_too_old(trade.closed_at) {
        let mut decided = reduce::reconcile(state, name, strategy, config, reduce::Check::AsAnnounced);
        decided.extend(halt::too_old(strategy, trade));
        return decided;
    }
    let thresholds = config.of(name);
    let (breached, failed) = check(strategy, trade, thresholds, rules);
    let mut decided = if breached.is_empty() {
        reduce::reconcile(state, name, strategy, config, reduce::Check::Made(failed))
    } else {
        halt::halt(strategy, trade, breached, thresholds)
    };
    decided.extend(halt::clear_too_old(name, strategy));
    decided
}

/// Runs every rule. A rule that fails, even by a panic, hides no other one.
fn check(
    strategy: &Strategy,
    trade: &TradeClosed,
    thresholds: &GuardThresholds,
    rules: &[(RuleName, Rule)],
) -> (Vec<BreachedRule>, Vec<String>) {
    let (mut breached, mut failed) = (Vec::new(), Vec::new());
    for (name, rule) in rules {
        match catch_unwind(AssertUnwindSafe(|| rule(strategy, trade, thresholds))) {
            Ok(Ok(breach)) => breached.extend(breach),
            Ok(Err(why)) => failed.push(why),
            Err(_) => failed.push(format!("the rule {name:?} panicked")),
        }
    }
    (breached, failed)
}

/// Of a capital only what was made in its currency is counted. That is enough to halt; it is not enough to say that the
/// limit is kept.
fn daily_loss_exceeds_limit(
    strategy: &Strategy,
    trade: &TradeClosed,
    limit: &GuardThresholds,
) -> Result<Option<BreachedRule>, String> {
    let day = trade.closed_at.day();
    let Some(sum) = strategy.days.get(&day.number()) else {
        return Err(format!("what was made on {day} is no longer known"));
    };
    let result = sum.result(limit, strategy.capital_currency(limit));
    if !result.is_loss_beyond(limit.max_daily_loss_pct) {
        return only_in_the_capitals_currency(strategy, trade, limit).map(|()| None);
    }
    Ok(Some(BreachedRule {
        rule: RuleName::DailyLoss,
        value: evidence::below(result.percent(), -evidence::double(limit.max_daily_loss_pct)),
        threshold: evidence::threshold(limit.max_daily_loss_pct),
        window: RuleWindow::Day(day.to_string()),
        trades: sum.trades,
    }))
}

/// Fails when the trade's day, or the newest one, has trades that cannot be measured against the capital.
fn only_in_the_capitals_currency(
    strategy: &Strategy,
    trade: &TradeClosed,
    limit: &GuardThresholds,
) -> Result<(), String> {
    if limit.capital.is_none() {
        return Ok(());
    }
    let wanted = strategy.capital_currency(limit);
    let of_trade = strategy.days.get_key_value(&trade.closed_at.day().number());
    let days = [of_trade, strategy.days.last_key_value()];
    let foreign = days.into_iter().flatten().find_map(|(day, sum)| Some((day, sum.foreign(wanted)?)));
    let Some((day, currency)) = foreign else { return Ok(()) };
    let currency = if currency.is_empty() { "no known currency" } else { currency };
    Err(format!(
        "trades of {} are in {currency} and cannot be measured against a capital in {}",
        State::day_name(*day),
        wanted.unwrap_or("a currency that is not known; set capital_currency")
    ))
}

fn consecutive_losses_exceed_limit(
    strategy: &Strategy,
    _: &TradeClosed,
    limit: &GuardThresholds,
) -> Result<Option<BreachedRule>, String> {
    let row = strategy.consecutive_losses;
    Ok((row > limit.max_consecutive_losses).then_some(BreachedRule {
        rule: RuleName::ConsecutiveLosses,
        value: Measure::Count(row),
        threshold: Measure::Count(limit.max_consecutive_losses),
        window: RuleWindow::Trades(row),
        trades: row,
    }))
}

fn win_rate_falls_below_limit(
    strategy: &Strategy,
    _: &TradeClosed,
    limit: &GuardThresholds,
) -> Result<Option<BreachedRule>, String> {
    let window = limit.win_rate_window;
    let Some(won) = evidence::won_in_window(strategy, window) else { return Ok(None) };
    let breached = Decimal::from(won) * Decimal::ONE_HUNDRED < limit.min_win_rate_pct * Decimal::from(window);
    Ok(breached.then(|| BreachedRule {
        rule: RuleName::WinRate,
        value: evidence::below(evidence::percent(won, window), evidence::double(limit.min_win_rate_pct)),
        threshold: evidence::threshold(limit.min_win_rate_pct),
        window: RuleWindow::Trades(window),
        trades: window,
    }))
}
