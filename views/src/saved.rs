//! Documents between the projections, which know no store, and the view store, which knows no projection.

use projections::{Body, Change, Collection, Document, Key, Keys, RestoreError, Saved};

use crate::sqlite::{Query, Table, ViewBody, ViewError, ViewKey, ViewReader, ViewWriter, Write};

pub(super) fn table(collection: &Collection) -> Table<'static> {
    Table {
        name: collection.name,
        number_keys: collection.keys == Keys::Numbers,
        by_time: collection.by_time,
        indexes: collection.indexes,
    }
}

pub(super) fn write(change: Change) -> Write<'static> {
    let document = |document: Document| (document.time.map(events::Timestamp::micros), body(document.body));
    Write {
        collection: change.collection,
        key: view_key(&change.key),
        document: change.document.map(document),
    }
}

fn body(body: Body) -> ViewBody {
    match body {
        Body::Json(text) => ViewBody::Json(text),
        Body::Blob(bytes) => ViewBody::Blob(bytes),
    }
}

fn saved_body(body: ViewBody) -> Body {
    match body {
        ViewBody::Json(text) => Body::Json(text),
        ViewBody::Blob(bytes) => Body::Blob(bytes),
    }
}

fn view_key(key: &Key) -> ViewKey {
    match key {
        Key::Number(number) => ViewKey::Number(*number),
        Key::Text(text) => ViewKey::Text(text.clone()),
    }
}

fn saved_key(key: ViewKey) -> Key {
    match key {
        ViewKey::Number(number) => Key::Number(number),
        ViewKey::Text(text) => Key::Text(text),
    }
}

fn restore_error(error: &ViewError) -> RestoreError {
    RestoreError(error.to_string())
}

/// What the writer saved, for the projection that goes on with it.
pub(super) struct SavedByWriter<'a>(pub(super) &'a ViewWriter);

impl Saved for SavedByWriter<'_> {
    fn get(&self, collection: &'static str, key: &Key) -> Result<Option<Body>, RestoreError> {
        let body = self.0.get(collection, &view_key(key)).map_err(|error| restore_error(&error))?;
        Ok(body.map(saved_body))
    }

    fn all(&self, collection: &'static str) -> Result<Vec<(Key, Body)>, RestoreError> {
        let all = self.0.all(collection).map_err(|error| restore_error(&error))?;
        Ok(all.into_iter().map(|(key, body)| (saved_key(key), saved_body(body))).collect())
    }
}

/// What a reader sees, for a query that the projection itself answers.
pub(super) struct SeenByReader<'a>(pub(super) &'a ViewReader);

impl Saved for SeenByReader<'_> {
    fn get(&self, collection: &'static str, key: &Key) -> Result<Option<Body>, RestoreError> {
        let body = self.0.get(collection, &view_key(key)).map_err(|error| restore_error(&error))?;
        Ok(body.map(saved_body))
    }

    fn all(&self, collection: &'static str) -> Result<Vec<(Key, Body)>, RestoreError> {
        let all = self.0.find(&Query::all_of(collection)).map_err(|error| restore_error(&error))?;
        Ok(all.into_iter().map(|found| (saved_key(found.key), saved_body(found.body))).collect())
    }
}
