//! Every fact that tradewarden keeps: the envelope, the event families, derived ids, exact decimals, upcasts.
//!
//! This crate reads no clock, no file, no socket and no random number. It does not decide anything and does not
//! know how events are stored.

mod alert;
mod clock;
mod compact;
mod configuration;
pub mod decimal;
mod envelope;
mod event;
mod family;
mod host;
pub mod id;
mod ingest;
mod path;
mod payload;
mod performance;
mod publish;
mod request;
mod schedule;
#[cfg(feature = "schema")]
pub mod schema;
mod strategy;
pub mod stream;
#[cfg(feature = "test-support")]
pub mod test_support;
mod time;
mod timer;
mod trade;
mod upcast;
pub mod varint;

pub use alert::{AlertCleared, AlertKind, AlertRaised, Severity};
pub use clock::{ClockCaughtUp, ClockFellBehind, Moment};
pub use configuration::{
    GuardThresholds, Limits, PerformanceAnalystConfigured, PerformanceLimits, SchedulerConfigured,
    StrategyGuardConfigured,
};
pub use decimal::{Decimal, DecimalSum};
pub use envelope::{Fact, NewEvent, Recorded, RecordedJson};
pub use event::{Codec, DecodeError, Event};
pub use family::{Family, FamilySet};
pub use host::{ActorFailed, ActorQuarantined, ActorRecovered, HaltMissed, RunStarted, SnapshotDiffered};
pub use ingest::{
    Bytes, IngestAdvanced, Origin, PartitionsAdded, RecordRejected, RecordsMissing, RejectReason,
    SourceCaughtUp, SourceStalled, StallReason, TopicSettingsSeen,
};
pub use performance::{
    FigureStatus, FigureStatuses, PerformanceAdvice, PerformanceAnalysisSkipped, PerformanceAnalyzed,
    SkipReason,
};
pub use publish::{
    DeadLetterLeftOut, OtherPublisherGone, OtherPublisherSeen, PublishAdvanced, PublishIdentityRenewed,
    PublishTopicMade,
};
pub use request::{ClockAcceptRequested, StrategyDisableRequested, StrategyEnableRequested};
pub use schedule::{
    MissReason, MissedRuns, Overlap, PERFORMANCE_ANALYSIS, Schedule, ScheduleChanged,
    ScheduleCreateRequested, ScheduleCreated, ScheduleDeleteRequested, ScheduleDeleted, ScheduleFired,
    ScheduleMissed, SchedulePauseRequested, SchedulePaused, ScheduleRefusal, ScheduleRefused,
    ScheduleResumeRequested, ScheduleResumed, ScheduleRunRequested, ScheduleSetRequested, Timing, Trigger,
};
pub use strategy::{
    BreachedRule, DecidedBy, EnableRefusal, Forgotten, GuardMetrics, LossBasis, Measure, ReduceCause,
    ReduceCauseKind, RuleName, RuleWindow, StrategyDisabled, StrategyEnableRefused, StrategyEnabled,
    StrategyKeptHalted, StrategyReduced, StrategyState, TradeAfterHalt,
};
pub use time::{Day, TimeError, Timestamp};
pub use timer::TimerDue;
pub use trade::{IgnoredField, Outcome, Side, TradeClosed};
pub use uuid::Uuid;
