//! The strategies: state, since when, why, trades since the halt.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Call, Desk, Needs, Page, path_part, raw};
use crate::problem::Problem;

/// All strategies, by name.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrategyList {}

impl Call for StrategyList {
    type Answer = Page;
    const PATH: &'static str = "/api/strategies";
    const NEEDS: Needs = Needs::Views;

    fn answer(&self, desk: &Desk) -> Result<Page, Problem> {
        Page::whole(desk.views()?.strategies()?)
    }
}

/// One strategy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StrategyShow {
    /// Its name.
    #[serde(skip_serializing)]
    pub name: String,
}

impl Call for StrategyShow {
    type Answer = Box<RawValue>;
    const PATH: &'static str = "/api/strategies/{name}";
    const NEEDS: Needs = Needs::Views;

    fn path(&self) -> String {
        format!("/api/strategies/{}", path_part(&self.name))
    }

    fn answer(&self, desk: &Desk) -> Result<Box<RawValue>, Problem> {
        let views = desk.views()?;
        match views.strategy(&self.name)? {
            Some(strategy) => raw(&strategy),
            None => Err(unknown(&self.name, views.strategies()?.iter().map(|known| known.strategy.as_str()))),
        }
    }
}

fn unknown<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Problem {
    let near = known.map(|known| (strsim::jaro_winkler(name, known), known));
    let near = near.filter(|(score, _)| *score > 0.75).max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = near.map_or(String::new(), |(_, near)| format!(" Did you mean {near}?"));
    Problem::not_found(format!(
        "no trade and no decision of a strategy {name:?} is known; it counts as ACTIVE.{hint} \
         tradewarden strategies shows those that are"
    ))
}
