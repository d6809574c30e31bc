//! The strategies: state, since when, why, trades since the halt; of one of them also how near each limit is.

use std::collections::BTreeSet;

use ::projections::{DeadLetter, StrategyView};
use actors::strategy_guard::{Rejected, Standing};
use events::RejectReason;
use runtime::held;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use views::{DeadLetterQuery, Views};

use super::{Call, Log, Page, WithViews, known, path_part, raw, request};
use crate::problem::Problem;

/// All strategies, by name.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StrategyList {}

impl Call for StrategyList {
    type Answer = Page;
    type Given = WithViews;
    const PATH: &'static str = "/api/strategies";

    fn answer(&self, given: &WithViews) -> Result<Page, Problem> {
        Page::whole(given.views.strategies()?)
    }
}

/// One strategy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StrategyShow {
    /// Its name.
    #[serde(skip_serializing)]
    pub name: String,
}

/// A strategy as it stands, as its guard sees it, and who had a hand in it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    view: &'a StrategyView,
    /// Who asked for the decision behind the state; null: nobody did.
    operator: Option<String>,
    /// Who last asked to keep it halted.
    kept_halted_by: Option<String>,
    #[serde(flatten)]
    standing: Standing,
    /// The dead letters of the trades that are missing to the guard, newest first.
    dead_letters: Vec<DeadLetter>,
}

/// What is needed of the decision behind a state.
#[derive(Deserialize)]
struct Behind {
    position: u64,
}

/// Dead letters of the strategy that are looked through.
const LOOKED_THROUGH: usize = 1000;

/// Dead letters that are shown.
const LETTERS_SHOWN: usize = 20;

impl Call for StrategyShow {
    type Answer = Box<RawValue>;
    type Given = WithViews;
    const PATH: &'static str = "/api/strategies/{name}";

    fn path(&self) -> String {
        format!("/api/strategies/{}", path_part(&self.name))
    }

    fn answer(&self, given: &WithViews) -> Result<Box<RawValue>, Problem> {
        let views = &given.views;
        let Some(view) = views.strategy(&self.name)? else { return Err(not_known(views, &self.name)?) };
        let standing = held::standing(&given.log.events, given.log.saved_states().as_ref(), &self.name)?;
        let behind = view.why.as_ref().and_then(|why| serde_json::from_str::<Behind>(why.get()).ok());
        let asked_at = |position: Option<u64>| match position {
            Some(position) => asked_by(&given.log, position),
            None => Ok(None),
        };
        raw(&Shown {
            operator: asked_at(behind.map(|why| why.position))?,
            kept_halted_by: asked_at(view.kept_halted.as_ref().map(|kept| kept.position))?,
            dead_letters: letters(views, &self.name, &standing.rejected)?,
            view: &view,
            standing,
        })
    }
}

fn not_known(views: &Views, name: &str) -> Result<Problem, Problem> {
    let otherwise = "It counts as ACTIVE; tradewarden strategies shows those that are known";
    let known = views.strategies()?;
    let names = known.iter().map(|known| known.strategy.as_str());
    Ok(Problem::not_found(known::not_known(name, names, otherwise)))
}

/// The operator on whose request the event at a position was decided.
fn asked_by(log: &Log, position: u64) -> Result<Option<String>, Problem> {
    let cause = log.events.event_at(position)?.and_then(|decision| decision.causation_id);
    let request = match cause {
        Some(cause) => log.events.position_of(cause)?,
        None => None,
    };
    let request = request.map(|position| log.events.event_at(position)).transpose()?.flatten();
    Ok(request.and_then(|request| request::operator_of(&request.producer).map(str::to_owned)))
}

/// The dead letters that the guard still counts: of each trade that a later report may put right the newest one, and as
/// many of the others as it counts.
fn letters(views: &Views, strategy: &str, rejected: &Rejected) -> Result<Vec<DeadLetter>, Problem> {
    if rejected.is_empty() {
        return Ok(Vec::new());
    }
    let query = DeadLetterQuery {
        strategy: Some(strategy.to_owned()),
        limit: LOOKED_THROUGH,
        ..DeadLetterQuery::default()
    };
    let (mut others, mut told) = (rejected.others, BTreeSet::new());
    let counts = |letter: &DeadLetter| {
        let correctable =
            letter.trade_id.as_ref().filter(|_| letter.reason != RejectReason::ConflictingDuplicate);
        match correctable {
            Some(id) => rejected.ids.contains(id) && told.insert(id.clone()),
            None if letter.reason.reduces() && others > 0 => {
                others -= 1;
                true
            }
            None => false,
        }
    };
    let letters = views.dead_letters(&query)?.into_iter().filter(counts);
    Ok(letters.take(LETTERS_SHOWN).collect())
}
