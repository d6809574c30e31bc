//! What is said where a list is empty: what was looked for, and how far the log goes.

use events::Timestamp;
use serde_json::Value;

use crate::{
    access::Access,
    calls::{EventTail, Limit},
    problem::Problem,
};

use super::{output::Output, words};

/// What was looked for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Types or reasons.
    pub types: Vec<String>,
    /// The strategy.
    pub strategy: Option<String>,
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// From this position on.
    pub from: Option<u64>,
}

impl Asked {
    /// Says that there is no `what`; `appears` tells a newcomer what would appear and how.
    ///
    /// # Errors
    /// When the log cannot be asked.
    pub(super) fn note_nothing(
        &self,
        access: &Access,
        out: &Output,
        what: &str,
        appears: &str,
    ) -> Result<(), Problem> {
        let newest = access.call(&EventTail { lines: Limit::up_to(1) })?.items.pop();
        let newest = newest.and_then(|newest| serde_json::from_str::<Value>(newest.get()).ok());
        out.note(&self.nothing(what, newest.as_ref(), appears));
        Ok(())
    }

    fn nothing(&self, what: &str, newest: Option<&Value>, appears: &str) -> String {
        let sought = self.in_words();
        let Some(newest) = newest.filter(|_| !sought.is_empty()) else {
            return format!("no {what} yet. {appears}");
        };
        let known = if self.strategy.is_some() { "; tradewarden strategies shows the names" } else { "" };
        format!(
            "no {what}{sought}; the newest event of the log is of {}, at position {}{known}",
            words::moment(&newest["occurred_at"]),
            newest["position"]
        )
    }

    fn in_words(&self) -> String {
        let mut words = String::new();
        if !self.types.is_empty() {
            words += &format!(" of {}", self.types.join(" or "));
        }
        if let Some(strategy) = &self.strategy {
            words += &format!(" about {strategy:?}");
        }
        words += &match (self.since, self.until) {
            (Some(since), Some(until)) => format!(" between {since} and {until}"),
            (Some(since), None) => format!(" since {since}"),
            (None, Some(until)) => format!(" before {until}"),
            (None, None) => String::new(),
        };
        if let Some(from) = self.from {
            words += &format!(" from position {from} on");
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_looked_for_is_said_and_how_far_the_log_goes() {
        let at = |text: &str| Some(Timestamp::parse(text).unwrap());
        let newest = json!({ "occurred_at": "2025-01-11T01:00:00Z", "position": 12 });
        let asked = Asked {
            since: at("2026-01-01T00:00:00Z"),
            until: at("2026-01-02T00:00:00Z"),
            ..Asked::default()
        };
        assert_eq!(
            asked.nothing("decision", Some(&newest), "-"),
            "no decision between 2026-01-01T00:00:00Z and 2026-01-02T00:00:00Z; the newest event of the log is of \
             2025-01-11T01:00:00Z, at position 12"
        );
        let asked =
            Asked { types: vec!["A".into(), "B".into()], strategy: Some("x".into()), ..Asked::default() };
        assert!(
            asked
                .nothing("event", Some(&newest), "-")
                .starts_with("no event of A or B about \"x\"; the newest")
        );
        assert_eq!(
            Asked::default().nothing("event", Some(&newest), "They come."),
            "no event yet. They come."
        );
        assert_eq!(asked.nothing("event", None, "They come."), "no event yet. They come.");
    }
}
