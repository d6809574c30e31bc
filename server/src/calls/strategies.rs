//! The strategies: state, since when, why, trades since the halt.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Call, Desk, Needs, Page, known, path_part, raw};
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
            None => {
                let (known, otherwise) = (
                    views.strategies()?,
                    "It counts as ACTIVE; tradewarden strategies shows those that are known",
                );
                let names = known.iter().map(|known| known.strategy.as_str());
                Err(Problem::not_found(known::not_known(&self.name, names, otherwise)))
            }
        }
    }
}
