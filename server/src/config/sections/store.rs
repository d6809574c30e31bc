//! The section `[store]`: how the log keeps its files.

use std::{path::PathBuf, time::Duration};

use store::Options;

use super::super::{StoreSection, reader::Reader};

/// Reads the section.
pub(super) fn read(reader: &mut Reader) -> StoreSection {
    let engine = reader.text("store.engine");
    if engine.is_some_and(|engine| engine != "embedded") {
        reader.fault("store.engine", "the only engine for now is \"embedded\"");
    }
    let after = Duration::from_secs(1)..=Duration::from_secs(36_500 * 86_400);
    let after = reader.duration("store.archive_after", after, "180d");
    let archive = reader.text("store.archive_folder").map(PathBuf::from);
    if archive.as_ref().is_some_and(|folder| folder.is_relative()) {
        reader.fault(
            "store.archive_folder",
            "wanted is a path from the root, such as \"/mnt/archive/tradewarden\"",
        );
    }
    let (default, segment_bytes) =
        (Options::default(), reader.bytes("store.segment_size", 64 << 10..=1 << 30, "256MiB"));
    StoreSection {
        segment_bytes: segment_bytes.unwrap_or(default.segment_bytes),
        uncompressed: reader
            .count("store.uncompressed_segments", 0..=1_000_000, "files")
            .map_or(default.uncompressed, |count| count as usize),
        archive: archive.map(|folder| (folder, after.unwrap_or(Duration::from_secs(180 * 86_400)))),
    }
}
