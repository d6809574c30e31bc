//! Makes the sidecar of a full segment while the writer goes on in the next one.

use std::sync::Arc;

use super::{
    error::OpenError,
    files::path_of,
    head::{HEAD, Head},
    segment::{Segment, sidecar_name},
    shared::Shared,
    sidecar::{self, Sidecar, Summary},
    writer::failure,
};

/// Seals, or stops the log: a disk that cannot take the sidecar will not take the next batches either.
pub(super) fn seal(shared: &Shared, segment: &Segment, summary: &Summary) {
    match try_seal(shared, segment, summary) {
        Ok(()) => shared.wake_keeper(),
        Err(reason) => drop(shared.stop(reason)),
    }
}

fn try_seal(shared: &Shared, segment: &Segment, summary: &Summary) -> Result<(), Arc<str>> {
    let folder = &*shared.folder;
    let written = segment.ask(|_| Ok(Ok(())), |index| sidecar::write(folder, summary, index));
    let path = path_of(folder, &sidecar_name(summary.first_position));
    let written = written.map_err(|error| Arc::from(error.to_string()))?;
    written.map_err(|error| failure("writing", &path, &error))?;
    let sidecar = Sidecar::open(folder, summary.log_id, summary.first_position);
    segment.set_sidecar(sidecar.map_err(|fault| Arc::from(OpenError::from(fault).to_string()))?);
    let head = Head {
        log_id: summary.log_id,
        position: summary.first_position + summary.events - 1,
        batch: summary.last_batch,
        chain: summary.chain,
    };
    head.write(folder).map_err(|error| failure("writing", &path_of(folder, HEAD), &error))
}
