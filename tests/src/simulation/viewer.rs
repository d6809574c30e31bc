//! A projection in the simulation, with a view in memory: documents and position are saved together.

use std::collections::BTreeMap;

use events::Recorded;
use projections::{Body, Document, Key, Kind, Projection, RestoreError, Saved};
use store::{EventLog, ReadError};

use super::stage::Breakage;

/// What a projection saved.
#[derive(Default)]
pub(super) struct View {
    documents: BTreeMap<(&'static str, Key), Document>,
    folded_to: u64,
}

impl View {
    /// The view of events folded in one go.
    pub(super) fn of<'e>(
        mut projection: Box<dyn Projection>,
        events: impl IntoIterator<Item = &'e Recorded>,
    ) -> Self {
        let (mut view, interests) = (Self::default(), projection.interests());
        for event in events.into_iter().filter(|event| interests.contains(event.event.family())) {
            projection.apply(event);
        }
        view.take(&mut *projection, 0);
        view
    }

    /// Everything in it, to compare.
    pub(super) const fn documents(&self) -> &BTreeMap<(&'static str, Key), Document> {
        &self.documents
    }

    fn take(&mut self, projection: &mut dyn Projection, folded_to: u64) {
        for change in projection.take_changes() {
            let key = (change.collection, change.key);
            match change.document {
                Some(document) => self.documents.insert(key, document),
                None => self.documents.remove(&key),
            };
        }
        self.folded_to = folded_to;
    }
}

impl Saved for View {
    fn get(&self, collection: &'static str, key: &Key) -> Result<Option<Body>, RestoreError> {
        Ok(self.documents.get(&(collection, key.clone())).map(|document| document.body.clone()))
    }

    fn all(&self, collection: &'static str) -> Result<Vec<(Key, Body)>, RestoreError> {
        let own = self.documents.iter().filter(|((name, _), _)| *name == collection);
        Ok(own.map(|((_, key), document)| (key.clone(), document.body.clone())).collect())
    }
}

/// A projection at work.
pub(super) struct Viewer {
    kind: Kind,
    projection: Box<dyn Projection>,
    folded_to: u64,
    view: View,
}

/// Every projection, new, each with an empty view.
pub(super) fn all() -> Vec<Viewer> {
    let new =
        |kind: &Kind| Viewer { kind: *kind, projection: (kind.new)(), folded_to: 0, view: View::default() };
    projections::ALL.iter().map(new).collect()
}

impl Viewer {
    /// Folds on, over `max` events at most.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) fn fold(&mut self, log: &dyn EventLog, max: usize) -> Result<(), ReadError> {
        let batch = log.read_all(self.folded_to, self.projection.interests(), max)?;
        batch.events.iter().for_each(|event| self.projection.apply(event));
        self.folded_to = batch.read_to;
        Ok(())
    }

    /// Saves changes and position in one transaction.
    pub(super) fn save(&mut self) {
        self.view.take(&mut *self.projection, self.folded_to);
    }

    /// Starts again from what was saved; answers why that is not possible, if so.
    pub(super) fn crash(&mut self, breakage: Breakage) -> Option<String> {
        self.projection = self.fresh();
        let forgets = breakage == Breakage::ViewsForgetPosition;
        self.folded_to = if forgets { 0 } else { self.view.folded_to };
        let restored = self.projection.restore(&self.view);
        restored.err().map(|error| format!("{} cannot go on: {error}", self.name()))
    }

    /// The projection's name.
    pub(super) fn name(&self) -> &'static str {
        self.kind.name
    }

    /// The projection, new.
    pub(super) fn fresh(&self) -> Box<dyn Projection> {
        (self.kind.new)()
    }

    /// What it saved.
    pub(super) const fn view(&self) -> &View {
        &self.view
    }
}
