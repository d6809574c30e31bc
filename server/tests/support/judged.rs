//! A file that was rehearsed, and what came of it.

use serde_json::Value;

use super::{Home, Said};

/// What a rehearsal of a file gave.
#[derive(Debug)]
pub(crate) struct Judged {
    pub said: Said,
    /// The figures of `performance --by total`.
    pub figures: Value,
    /// The trades as they were taken in.
    pub trades: Vec<Value>,
    /// The dead letters.
    pub rejected: Vec<Value>,
    /// What was decided on strategies, in order.
    pub decided: Vec<Value>,
    /// How many events there are.
    pub events: usize,
}

impl Judged {
    /// Rehearses a file into a folder of its own; nothing where that was refused before anything was done.
    pub(crate) fn of(home: &Home, file: &str, options: &[&str]) -> Result<Self, Said> {
        let folder = home.path("judged");
        let said = home.run(&[&["rehearse", "--force", "--data", &folder, file], options].concat());
        if said.code == 2 {
            return Err(said);
        }
        let ask = |what: &[&str]| home.run(&[what, &["--json", "--data", &folder]].concat()).json();
        let events = ask(&["events", "list"]);
        let of_type = |wanted: fn(&str) -> bool| {
            let found = events.iter().filter(|event| wanted(event["event_type"].as_str().unwrap()));
            found.cloned().collect::<Vec<_>>()
        };
        let trades =
            of_type(|name| name == "TradeClosed").iter().map(|event| event["event"].clone()).collect();
        Ok(Self {
            said,
            figures: ask(&["performance", "--by", "total"]).remove(0),
            trades,
            rejected: ask(&["dead-letters", "list"]),
            decided: of_type(|name| name.starts_with("Strategy") && name != "StrategyGuardConfigured"),
            events: events.len(),
        })
    }

    /// The decisions by their types.
    pub(crate) fn types(&self) -> Vec<&str> {
        self.decided.iter().map(|event| event["event_type"].as_str().unwrap()).collect()
    }

    /// The strategies' first breach: rule and value, and the trade that it was decided on.
    pub(crate) fn breach(&self) -> (&Value, &Value) {
        let halt = self.decided.iter().find(|event| event["event_type"] == "StrategyDisabled").unwrap();
        (&halt["event"]["rules"][0]["rule"], &halt["event"]["rules"][0]["value"])
    }
}
