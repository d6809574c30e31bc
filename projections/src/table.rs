//! Documents that change with the events: one row a name, held in memory, saved where it changed.

use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Body, Change, Key, RestoreError, Saved, from_json};

/// The rows of a collection by name. There are as many as strategies, streams or actors: never as trades.
pub(crate) struct Table<T> {
    collection: &'static str,
    rows: BTreeMap<String, (T, bool)>,
    changed: bool,
}

impl<T: Serialize + DeserializeOwned> Table<T> {
    pub(crate) const fn new(collection: &'static str) -> Self {
        Self { collection, rows: BTreeMap::new(), changed: false }
    }

    /// The row of a name, made when it is new, to be changed.
    pub(crate) fn row(&mut self, name: &str, new: impl FnOnce(String) -> T) -> &mut T {
        self.changed = true;
        if !self.rows.contains_key(name) {
            self.rows.insert(name.to_owned(), (new(name.to_owned()), true));
        }
        let (row, dirty) = self.rows.get_mut(name).expect("invariant: the row was just looked up or made");
        *dirty = true;
        row
    }

    /// The row of a name that is there, to be changed.
    pub(crate) fn existing(&mut self, name: &str) -> Option<&mut T> {
        let (row, dirty) = self.rows.get_mut(name)?;
        (*dirty, self.changed) = (true, true);
        Some(row)
    }

    /// The names of the rows of which something holds.
    pub(crate) fn keys_where(&self, holds: impl Fn(&T) -> bool) -> Vec<String> {
        self.rows.iter().filter(|(_, (row, _))| holds(row)).map(|(name, _)| name.clone()).collect()
    }

    pub(crate) const fn has_changes(&self) -> bool {
        self.changed
    }

    pub(crate) fn take_changes(&mut self, changes: &mut Vec<Change>) {
        self.changed = false;
        for (name, (row, dirty)) in &mut self.rows {
            if std::mem::take(dirty) {
                changes.push(Change::put(self.collection, Key::Text(name.clone()), None, Body::json(row)));
            }
        }
    }

    pub(crate) fn restore(&mut self, saved: &dyn Saved) -> Result<(), RestoreError> {
        for (key, body) in saved.all(self.collection)? {
            self.rows.insert(key.to_string(), (from_json(&key, &body)?, false));
        }
        Ok(())
    }
}
