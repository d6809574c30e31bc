//! Examples for `--help`: a line or two a command, each of which works as it stands.

pub(super) const RUN: &str = "Examples:
  tradewarden run
  KAFKA_BOOTSTRAP_SERVERS=localhost:9092 tradewarden run --data ./live";

pub(super) const PUBLISH: &str = "Examples:
  tradewarden publish trades.jsonl --to http
  tradewarden publish trades.csv --map symbol=pair --map strategy==mine --rate 100";

pub(super) const REHEARSE: &str = "Examples:
  tradewarden rehearse trades.jsonl
  tradewarden rehearse backtest-result.json --data ./rehearsed --set strategy_guard.max_daily_loss_pct=5";

pub(super) const DECISIONS: &str = "Examples:
  tradewarden decisions --since yesterday --type StrategyDisabled
  tradewarden decisions --follow --json";

pub(super) const EVENTS: &str = "Examples:
  tradewarden events tail --follow
  tradewarden events list --strategy rsi --since 7d --limit 20";

pub(super) const WHY: &str = "Examples:
  tradewarden why 9fbc9c6c-ea43-8e08-a600-18eb5458469c
  tradewarden why 460 --state";

pub(super) const STRATEGIES: &str = "Examples:
  tradewarden strategies
  tradewarden strategies show rsi
  tradewarden strategies disable rsi --reason maintenance";

pub(super) const SCHEDULES: &str = "Examples:
  tradewarden schedules list
  tradewarden schedules create hourly --every 1h --job performance_analysis --reason closer-look
  tradewarden schedules pause --all --reason maintenance";

pub(super) const CLOCK: &str = "Examples:
  tradewarden clock accept --reason ntp-was-wrong";

pub(super) const PERFORMANCE: &str = "Examples:
  tradewarden performance --by strategy --since 1w
  tradewarden performance --by day --strategy rsi --json";

pub(super) const AUDIT: &str = "Examples:
  tradewarden audit performance_metrics --since 7d
  tradewarden audit performance_metrics --where trigger_ai_analysis=true --limit 3 --json";

pub(super) const PROJECTIONS: &str = "Examples:
  tradewarden projections list
  tradewarden projections rebuild strategies";

pub(super) const VERIFY: &str = "Examples:
  tradewarden verify
  tradewarden verify --against seals.txt --json";

pub(super) const SEAL: &str = "Examples:
  tradewarden seal";

pub(super) const DEAD_LETTERS: &str = "Examples:
  tradewarden dead-letters list --since today
  tradewarden dead-letters show 7";

pub(super) const CONFIG: &str = "Examples:
  tradewarden config check
  tradewarden config explain strategy_guard.max_daily_loss_pct
  tradewarden config default";
