//! Names of strategies, symbols and currencies as small numbers, given out in the order of arrival.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::NAMES;
use crate::{Body, Change, Key, RestoreError, Saved, from_json};

/// The table of names.
#[derive(Default)]
pub(super) struct Names {
    numbers: BTreeMap<String, u32>,
    /// Names that are not saved yet.
    fresh: Vec<Change>,
}

#[derive(Serialize, Deserialize)]
struct Name {
    name: String,
}

impl Names {
    /// The number of a name, given out now when it is new.
    pub(super) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number =
            u32::try_from(self.numbers.len()).expect("invariant: four billion names do not fit in memory");
        let (key, body) = (Key::Number(u64::from(number)), Body::json(&Name { name: name.to_owned() }));
        self.fresh.push(Change::put(NAMES, key, None, body));
        self.numbers.insert(name.to_owned(), number);
        number
    }

    pub(super) const fn has_changes(&self) -> bool {
        !self.fresh.is_empty()
    }

    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.fresh)
    }

    pub(super) fn restore(&mut self, saved: &dyn Saved) -> Result<(), RestoreError> {
        for (number, name) in (0..).zip(read(saved)?) {
            self.numbers.insert(name, number);
        }
        Ok(())
    }
}

/// All names, by number.
pub(super) fn read(saved: &dyn Saved) -> Result<Vec<String>, RestoreError> {
    let read_one = |(number, (key, body)): (u64, (Key, Body))| {
        if key != Key::Number(number) {
            return Err(RestoreError(format!("name {number} is missing")));
        }
        Ok(from_json::<Name>(&key, &body)?.name)
    };
    (0..).zip(saved.all(NAMES)?).map(read_one).collect()
}
