//! The live figures.

use ::projections::{By, PerformanceQuery};
use events::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Call, Page, WithViews, asked};
use crate::problem::Problem;

/// Figures of closed trades in `[since, until)`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Performance {
    /// `total`, `strategy`, `symbol` or `day`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// From this moment on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Of this strategy only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
}

impl Call for Performance {
    type Answer = Page;
    type Given = WithViews;
    const PATH: &'static str = "/api/performance";

    fn answer(&self, given: &WithViews) -> Result<Page, Problem> {
        asked::check_span(self.since, self.until)?;
        let by = match self.by.as_deref() {
            None | Some("total") => By::Total,
            Some("strategy") => By::Strategy,
            Some("symbol") => By::Symbol,
            Some("day") => By::Day,
            Some(other) => {
                return Err(Problem::usage(format!(
                    "by is {other:?}: wanted is total, strategy, symbol or day"
                )));
            }
        };
        let query =
            PerformanceQuery { by, since: self.since, until: self.until, strategy: self.strategy.clone() };
        Page::whole(given.views.performance(&query)?)
    }
}
