//! The audit collections, newest first.

use events::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use views::AuditQuery;

use super::{Call, Limit, WithViews, asked, path_part};
use crate::problem::Problem;

/// Documents of a collection.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Audit {
    /// The collection.
    #[serde(skip_serializing)]
    pub collection: String,
    /// From this moment on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// `field=value`, all of which have to hold.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
    /// At most so many in one answer.
    #[serde(default)]
    pub limit: Limit,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A part of a collection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Documents {
    /// As they were saved.
    pub items: Vec<Box<RawValue>>,
    /// Where the next page begins; null: that was all.
    pub next: Option<String>,
}

impl Call for Audit {
    type Answer = Documents;
    type Given = WithViews;
    const PATH: &'static str = "/api/audit/{collection}";

    fn path(&self) -> String {
        format!("/api/audit/{}", path_part(&self.collection))
    }

    fn answer(&self, given: &WithViews) -> Result<Documents, Problem> {
        asked::check_span(self.since, self.until)?;
        let query = AuditQuery {
            since: self.since,
            until: self.until,
            filters: self.filters.iter().map(|filter| split(filter)).collect::<Result<_, _>>()?,
            limit: self.limit.get(),
            oldest_first: false,
            after: self.after.clone(),
        };
        let page = given.views.audit(&self.collection, &query)?;
        Ok(Documents { items: page.documents, next: page.next })
    }
}

fn split(filter: &str) -> Result<(String, String), Problem> {
    let (field, value) = filter
        .split_once('=')
        .filter(|(field, _)| !field.is_empty())
        .ok_or_else(|| Problem::usage(format!("the filter {filter:?} is not of the form field=value")))?;
    Ok((field.to_owned(), value.to_owned()))
}
