//! How far sources, actors and the publisher have come.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Call, Needs, Sources, raw};
use crate::problem::Problem;

/// The pipeline.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {}

impl Call for Pipeline {
    type Answer = Box<RawValue>;
    const PATH: &'static str = "/api/pipeline";
    const NEEDS: Needs = Needs::Views;

    fn answer(&self, sources: &Sources) -> Result<Box<RawValue>, Problem> {
        raw(&sources.views()?.pipeline()?)
    }
}
