//! Every key that there is; `*` stands for a name of the user's.

/// The keys, as `config default` shows them.
pub const KEYS: [&str; 44] = [
    "server.listen",
    "kafka.bootstrap_servers",
    "kafka.embedded_listen",
    "kafka.topics.trade_closed",
    "kafka.topics.decisions",
    "kafka.properties.*",
    "intake.default_currency",
    "intake.max_record_size",
    "intake.earliest",
    "intake.trade_types",
    "intake.time_format",
    "intake.time_zone",
    "intake.decimal_comma",
    "intake.fields.*",
    "intake.values.*",
    "store.engine",
    "store.segment_size",
    "store.uncompressed_segments",
    "store.archive_folder",
    "store.archive_after",
    "strategy_guard.max_daily_loss_pct",
    "strategy_guard.max_consecutive_losses",
    "strategy_guard.min_win_rate_pct",
    "strategy_guard.win_rate_window",
    "strategy_guard.max_silence",
    "strategy_guard.stale_after",
    "strategy_guard.strategies.*.max_daily_loss_pct",
    "strategy_guard.strategies.*.max_consecutive_losses",
    "strategy_guard.strategies.*.min_win_rate_pct",
    "strategy_guard.strategies.*.win_rate_window",
    "strategy_guard.strategies.*.capital",
    "strategy_guard.strategies.*.capital_currency",
    "strategy_guard.strategies.*.max_silence",
    "performance_analyst.min_trades",
    "performance_analyst.win_rate_warning",
    "performance_analyst.win_rate_critical",
    "performance_analyst.average_profit_warning",
    "performance_analyst.average_profit_critical",
    "performance_analyst.sharpe_warning",
    "performance_analyst.sharpe_critical",
    "performance_analyst.advise_drawdown_pct",
    "schedules.*.cron",
    "schedules.*.missed",
    "schedules.*.enabled",
];

/// The known key nearest to an unknown one, with the user's own name in it.
pub fn nearest(unknown: &str) -> Option<String> {
    let candidates = KEYS.iter().map(|key| with_name_of(key, unknown));
    let near = candidates.map(|key| (strsim::normalized_damerau_levenshtein(&key, unknown), key));
    near.filter(|(score, _)| *score > 0.6).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, key)| key)
}

/// The pattern with `*` replaced by what the unknown key has in that place.
fn with_name_of(pattern: &str, unknown: &str) -> String {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern.to_owned() };
    let levels = head.matches('.').count();
    let name: Vec<&str> = unknown.split('.').skip(levels).collect();
    let name = if tail.is_empty() { name.as_slice() } else { name.split_last().map_or(&[][..], |(_, n)| n) };
    if name.is_empty() { pattern.replace('*', "NAME") } else { format!("{head}{}{tail}", name.join(".")) }
}
