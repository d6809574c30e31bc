//! What a configuration of PerformanceAnalyst may be. The defaults are those of the requirements (P2) and stand with
//! the event, [`events::PerformanceLimits`].

use events::{Limits, PerformanceAnalystConfigured};

use crate::Fault;

/// Every fault of a configuration, none when it is good.
#[must_use]
pub fn validate(config: &PerformanceAnalystConfigured) -> Vec<Fault> {
    let mut faults = Vec::new();
    if config.min_trades == 0 {
        faults.push(Fault::new("min_trades", 0, "at least 1 trade"));
    }
    let limits = &config.limits;
    check(&mut faults, "win_rate", limits.win_rate_pct);
    check(&mut faults, "average_profit", limits.average_profit_pct);
    check(&mut faults, "sharpe", limits.sharpe);
    let drawdown = limits.advise_drawdown_pct;
    if !(drawdown.is_finite() && drawdown > 0.0) {
        faults.push(Fault::new("advise_drawdown_pct", drawdown, "points above 0, such as 15"));
    }
    faults
}

fn check(faults: &mut Vec<Fault>, figure: &str, limits: Limits) {
    for (name, value) in [("warning", limits.warning), ("critical", limits.critical)] {
        if !value.is_finite() {
            faults.push(Fault::new(format!("{figure}_{name}"), value, "a finite number"));
        }
    }
    if limits.critical > limits.warning {
        let problem = format!("critical may not lie above warning ({})", limits.warning);
        faults.push(Fault::new(format!("{figure}_critical"), limits.critical, problem));
    }
}
