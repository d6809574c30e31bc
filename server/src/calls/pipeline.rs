//! How far sources, actors and the publisher have come.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Call, WithViews, raw};
use crate::problem::Problem;

/// The pipeline.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pipeline {}

impl Call for Pipeline {
    type Answer = Box<RawValue>;
    type Given = WithViews;
    const PATH: &'static str = "/api/pipeline";

    fn answer(&self, given: &WithViews) -> Result<Box<RawValue>, Problem> {
        raw(&given.views.pipeline()?)
    }
}
