//! The section `[performance_analyst]`: when an analysis warns.

use events::{Event, PerformanceAnalystConfigured, PerformanceLimits};

use super::super::reader::Reader;

/// Reads the section.
pub(super) fn read(reader: &mut Reader) -> Event {
    let default = PerformanceAnalystConfigured::default();
    let mut limits = PerformanceLimits::default();
    for (key, limit) in [
        ("win_rate_warning", &mut limits.win_rate_pct.warning),
        ("win_rate_critical", &mut limits.win_rate_pct.critical),
        ("average_profit_warning", &mut limits.average_profit_pct.warning),
        ("average_profit_critical", &mut limits.average_profit_pct.critical),
        ("sharpe_warning", &mut limits.sharpe.warning),
        ("sharpe_critical", &mut limits.sharpe.critical),
        ("advise_drawdown_pct", &mut limits.advise_drawdown_pct),
    ] {
        if let Some(value) = reader.number(&format!("performance_analyst.{key}"), "a number") {
            *limit = value;
        }
    }
    let analyst = PerformanceAnalystConfigured {
        min_trades: reader
            .count("performance_analyst.min_trades", 0..=1_000_000, "trades")
            .unwrap_or(default.min_trades),
        limits,
    };
    reader.actor_faults("performance_analyst", actors::performance_analyst::validate(&analyst));
    for key in ["win_rate_warning", "win_rate_critical", "advise_drawdown_pct"] {
        reader.doubt_ratio(&format!("performance_analyst.{key}"));
    }
    Event::PerformanceAnalystConfigured(analyst)
}
