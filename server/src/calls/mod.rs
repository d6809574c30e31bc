//! Everything that can be asked or requested, with its answer. The command line and HTTP make the same calls: a command
//! makes them to a [`Sources`] of its own or, through [`crate::access`], to that of a running server.

mod asked;
mod audit;
mod clock;
mod dead_letters;
mod decisions;
mod events;
mod known;
mod performance;
mod pipeline;
mod projections;
mod request;
mod scan;
mod schedules;
mod seal;
mod source;
mod sources;
mod strategies;
mod verify;
mod why;

/// Every call, for those who need all of them. Where two paths fit, the first one is taken.
pub(crate) fn each(routes: &mut impl Routes) {
    routes.call::<EventList>();
    routes.call::<EventTail>();
    routes.call::<EventShow>();
    routes.call::<Why>();
    routes.call::<Decisions>();
    routes.call::<StrategyList>();
    routes.call::<StrategyShow>();
    routes.call::<AcceptClock>();
    routes.call::<Disable>();
    routes.call::<Enable>();
    routes.call::<Performance>();
    routes.call::<Audit>();
    routes.call::<Pipeline>();
    routes.call::<SourceShow>();
    routes.call::<ProjectionList>();
    routes.call::<Rebuild>();
    routes.call::<VerifyViews>();
    routes.call::<Verify>();
    routes.call::<SealShow>();
    routes.call::<DeadLetterList>();
    routes.call::<DeadLetterShow>();
    routes.call::<SchedulerStatus>();
    routes.call::<ScheduleList>();
    routes.call::<ScheduleShow>();
    routes.call::<ScheduleCreate>();
    routes.call::<ScheduleSet>();
    routes.call::<ScheduleDelete>();
    routes.call::<SchedulePause>();
    routes.call::<ScheduleResume>();
    routes.call::<ScheduleRun>();
    routes.call::<MaintenanceBegin>();
    routes.call::<MaintenanceEnd>();
}

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::problem::Problem;

pub(crate) use asked::Limit;
pub(crate) use audit::Audit;
pub(crate) use clock::AcceptClock;
pub(crate) use dead_letters::{DeadLetterList, DeadLetterShow};
pub(crate) use decisions::Decisions;
pub(crate) use events::{EventList, EventShow, EventTail};
pub(crate) use performance::Performance;
pub(crate) use pipeline::Pipeline;
pub(crate) use projections::{ProjectionList, Rebuild, VerifyViews};
pub(crate) use request::{Asked, Disable, Enable, Outcome};
pub(crate) use schedules::{
    Definition, MaintenanceBegin, MaintenanceEnd, ScheduleCreate, ScheduleDelete, ScheduleList,
    SchedulePause, ScheduleResume, ScheduleRun, ScheduleSet, ScheduleShow, SchedulerStatus,
};
pub(crate) use seal::SealShow;
pub(crate) use source::{Source, SourceShow};
pub(crate) use sources::{Given, Log, Needs, Progress, Running, Sources, WithViews};
pub(crate) use strategies::{StrategyList, StrategyShow};
pub(crate) use verify::{VIEWS, Verify, fault};
pub(crate) use why::Why;

/// Where calls are to be reached.
pub(crate) trait Routes {
    /// Makes a call known.
    fn call<C: Call>(&mut self);
}

/// How a call goes over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// A question: its fields are parameters of the address.
    Get,
    /// A request: its fields are a JSON object.
    Post,
    /// A request that replaces what is at the path; otherwise the same.
    Put,
    /// A request that removes what is at the path; otherwise the same.
    Delete,
}

/// A question or a request. Its fields are its parameters; those of the path are not serialized.
pub(crate) trait Call: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What it is answered with.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// What it is answered from; where no server runs, that is opened.
    type Given: Given;

    /// How it goes over HTTP.
    const METHOD: Method = Method::Get;

    /// The path on HTTP, parameters in braces.
    const PATH: &'static str;

    /// Whether the answer takes as long as the log is large.
    const TAKES_LONG: bool = false;

    /// The path of this call.
    fn path(&self) -> String {
        Self::PATH.to_owned()
    }

    /// How long it waits for news where there are none yet. The answer itself does not wait: who asks comes again.
    fn wait(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether an answer is empty, so that whoever waits goes on waiting; the next answer then begins after it.
    fn goes_on_after(&mut self, _answer: &Self::Answer) -> bool {
        false
    }

    /// The answer. May block.
    ///
    /// # Errors
    /// When the call cannot be answered; the problem says why.
    fn answer(&self, given: &Self::Given) -> Result<Self::Answer, Problem>;
}

/// A part of a list. Items are kept as they were written, so that nothing is rounded on the way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Page {
    /// The items.
    pub items: Vec<Box<RawValue>>,
    /// Ask again with `after` set to this for more; null: that was all.
    pub next: Option<u64>,
}

impl Page {
    /// A list that is answered whole.
    ///
    /// # Errors
    /// When an item has no JSON form.
    pub(crate) fn whole<T: Serialize>(items: impl IntoIterator<Item = T>) -> Result<Self, Problem> {
        Ok(Self { items: items.into_iter().map(|item| raw(&item)).collect::<Result<_, _>>()?, next: None })
    }
}

/// A value as the JSON that is shown.
///
/// # Errors
/// When the value has no JSON form.
pub(crate) fn raw(value: &impl Serialize) -> Result<Box<RawValue>, Problem> {
    serde_json::value::to_raw_value(value).map_err(|error| Problem::internal(error.to_string()))
}

/// A name as a part of a path: everything but letters, digits and `-_.~` as `%XX`.
pub(crate) fn path_part(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
