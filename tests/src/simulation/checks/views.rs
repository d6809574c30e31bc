//! A view depends on the events alone, never on how often it was saved and restored in between.

use super::{super::viewer::View, Evidence};

/// Views that differ from one folded in one go.
pub(super) fn violations(evidence: &Evidence<'_>) -> Vec<String> {
    let mut violations = Vec::new();
    for viewer in evidence.viewers {
        let whole = View::of(viewer.fresh(), evidence.events.iter().map(AsRef::as_ref));
        let (ours, wanted) = (viewer.view().documents(), whole.documents());
        if ours == wanted {
            continue;
        }
        let differing = wanted.iter().find(|(key, document)| ours.get(*key) != Some(*document));
        let extra = ours.keys().find(|key| !wanted.contains_key(*key));
        let name = viewer.name();
        violations.push(format!("the view {name} differs at {differing:?}, or has too much: {extra:?}"));
    }
    violations
}
