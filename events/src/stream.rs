//! Names of streams that more than one crate has to know.

/// What the publisher notes, and the alerts that follow from it.
pub const PUBLISHER_NOTES: &str = "publisher-notes";

/// What the source notes of the settings of a trade topic, and the alerts that follow from it: the prefix before the topic.
pub const TOPIC_SETTINGS: &str = "topic-settings-";
