//! The projections: position and lag, rebuilding, comparing with the events.

use serde::{Deserialize, Serialize};

use super::{Call, Method, Page, WithViews};
use crate::problem::Problem;

/// All projections.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectionList {}

impl Call for ProjectionList {
    type Answer = Page;
    type Given = WithViews;
    const PATH: &'static str = "/api/projections";

    fn answer(&self, given: &WithViews) -> Result<Page, Problem> {
        Page::whole(given.views.list())
    }
}

/// Builds views anew beside the live ones, and swaps them in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rebuild {
    /// Their names; none: all.
    pub names: Vec<String>,
}

/// A rebuilt view.
#[derive(Serialize)]
struct Rebuilt {
    projection: &'static str,
    position: u64,
}

impl Call for Rebuild {
    type Answer = Page;
    type Given = WithViews;
    const METHOD: Method = Method::Post;
    const TAKES_LONG: bool = true;
    const PATH: &'static str = "/api/projections/rebuild";

    fn answer(&self, given: &WithViews) -> Result<Page, Problem> {
        let views = &given.views;
        known(views, &self.names)?;
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        views.rebuild(&names, &mut |done| (given.log.progress)(done.position, done.head))?;
        let rebuilt = views.list().into_iter().filter(|view| names.is_empty() || names.contains(&view.name));
        Page::whole(rebuilt.map(|view| Rebuilt { projection: view.name, position: view.position }))
    }
}

/// Builds copies of views and compares them with the live ones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyViews {
    /// Their names; none: all.
    pub names: Vec<String>,
}

/// A compared view.
#[derive(Serialize)]
struct Compared {
    projection: &'static str,
    equal: bool,
    difference: Option<views::Difference>,
}

impl Call for VerifyViews {
    type Answer = Page;
    type Given = WithViews;
    const METHOD: Method = Method::Post;
    const TAKES_LONG: bool = true;
    const PATH: &'static str = "/api/projections/verify";

    fn answer(&self, given: &WithViews) -> Result<Page, Problem> {
        let views = &given.views;
        known(views, &self.names)?;
        let wanted = |name: &str| self.names.is_empty() || self.names.iter().any(|wanted| wanted == name);
        let mut compared = Vec::new();
        for view in views.list().into_iter().filter(|view| wanted(view.name)) {
            let difference =
                views.verify(view.name, &mut |done| (given.log.progress)(done.position, done.head))?;
            compared.push(Compared { projection: view.name, equal: difference.is_none(), difference });
        }
        Page::whole(compared)
    }
}

fn known(views: &views::Views, names: &[String]) -> Result<(), Problem> {
    let known: Vec<&str> = views.list().iter().map(|view| view.name).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let detail = format!("there is no projection {name:?}; there are {}", known.join(", "));
            Err(Problem::new(404, "unknown_projection", detail))
        }
    }
}
