//! Makes the sidecar of a full segment while the writer goes on in the next one.

use std::thread;

use super::{
    error::{OpenError, OpenFault, PAUSE, Setback},
    files::{Folder, path_of, sidecar_name, told_out_of_descriptors},
    head::{HEAD, Head},
    segment::Segment,
    shared::Shared,
    sidecar::{self, Sidecar, Summary},
};

/// Seals, or stops the log: a disk that cannot take the sidecar will not take the next batches either. While no
/// descriptor is left, it waits.
pub(super) fn seal(shared: &Shared, segment: &Segment, summary: &Summary) {
    loop {
        match try_seal(shared, segment, summary) {
            Ok(()) => {
                shared.set_strain(None);
                return shared.wake_keeper();
            }
            // A segment without a sidecar gets one when the log is opened.
            Err(Setback::NoDescriptor(_)) if shared.is_closing() => return,
            Err(Setback::NoDescriptor(reason)) => {
                shared.set_strain(Some(reason));
                thread::sleep(PAUSE);
            }
            Err(Setback::Fault(reason)) => return drop(shared.stop(reason)),
        }
    }
}

fn try_seal(shared: &Shared, segment: &Segment, summary: &Summary) -> Result<(), Setback> {
    let folder = &*shared.folder;
    let path = path_of(folder, &sidecar_name(summary.first_position));
    if segment.sidecar().is_none() {
        let written = segment.ask(|_| Ok(Ok(())), |index| sidecar::write(folder, summary, index));
        let written = written.map_err(|error| Setback::Fault(error.to_string().into()))?;
        written.map_err(|error| Setback::of("writing", &path, &error))?;
        segment.set_sidecar(open(folder, summary)?);
    }
    let head = Head {
        log_id: summary.log_id,
        position: summary.first_position + summary.events - 1,
        batch: summary.last_batch,
        chain: summary.chain,
    };
    head.write(folder).map_err(|error| Setback::of("writing", &path_of(folder, HEAD), &error))
}

fn open(folder: &dyn Folder, summary: &Summary) -> Result<Sidecar, Setback> {
    Sidecar::open(folder, summary.log_id, summary.first_position).map_err(|fault| match fault {
        OpenFault::Read(error) if told_out_of_descriptors(&error) => {
            Setback::no_descriptor("opening", &path_of(folder, &sidecar_name(summary.first_position)))
        }
        fault => Setback::Fault(OpenError::from(fault).to_string().into()),
    })
}
