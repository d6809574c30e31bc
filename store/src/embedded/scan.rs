//! Reads the frames of a segment one after the other through a buffer.

use super::{
    frame::{self, Bad, Frame},
    segment::Segment,
};
use crate::ReadError;

/// Bytes read at once where many frames follow.
pub(super) const MANY: usize = 256 << 10;
/// Bytes read at once where few frames are wanted.
pub(super) const FEW: usize = 4 << 10;

/// What comes next in a segment.
#[expect(
    clippy::large_enum_variant,
    reason = "one is looked at at a time; a box would cost each frame a visit to the heap"
)]
pub(super) enum Step<'a> {
    /// A frame and where it starts.
    Frame(u64, Frame<'a>),
    /// The file ends where a frame ended.
    End,
    /// Bytes that are no frame, where they start, and why not.
    Bad(u64, &'static str),
}

pub(super) struct Scanner<'a> {
    segment: &'a Segment,
    buffer: Vec<u8>,
    /// Where in the buffer the next frame starts.
    start: usize,
    filled: usize,
    /// Where in the file that is.
    at: u64,
    chunk: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(segment: &'a Segment, at: u64, chunk: usize) -> Self {
        Self { segment, buffer: Vec::new(), start: 0, filled: 0, at, chunk }
    }

    /// Where in the file the next frame starts.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Goes on elsewhere; what is read already serves again where it can.
    pub(super) fn seek(&mut self, at: u64) {
        let buffered = self.at - self.start as u64..=self.at + (self.filled - self.start) as u64;
        if buffered.contains(&at) {
            self.start = (at - buffered.start()) as usize;
        } else {
            (self.start, self.filled) = (0, 0);
        }
        self.at = at;
    }

    pub(super) fn next(&mut self) -> Result<Step<'_>, ReadError> {
        let at = self.at;
        let total = loop {
            let ahead = &self.buffer[self.start..self.filled];
            let wanted = match frame::frame_bytes(ahead) {
                Ok(total) if total <= ahead.len() => break total,
                Ok(total) | Err(Bad::Short(total)) => total,
                Err(Bad::Broken(why)) => return Ok(Step::Bad(at, why)),
            };
            let empty = ahead.is_empty();
            if !self.fill(wanted)? {
                return Ok(if empty { Step::End } else { Step::Bad(at, "the file ends within an event") });
            }
        };
        let bytes = &self.buffer[self.start..self.start + total];
        match frame::parse(bytes, self.segment.salt) {
            Ok(frame) => {
                self.start += total;
                self.at += total as u64;
                Ok(Step::Frame(at, frame))
            }
            Err(Bad::Broken(why)) => Ok(Step::Bad(at, why)),
            Err(Bad::Short(_)) => Ok(Step::Bad(at, "the file ends within an event")),
        }
    }

    /// Reads on until the frame's bytes are there; false at the end of the file.
    fn fill(&mut self, wanted: usize) -> Result<bool, ReadError> {
        self.buffer.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.start = 0;
        if self.buffer.len() < wanted.max(self.chunk) {
            self.buffer.resize(wanted.max(self.chunk), 0);
        }
        let from = self.at + self.filled as u64;
        let read = self.segment.file.read_some(&mut self.buffer[self.filled..], from)?;
        self.filled += read;
        Ok(read > 0)
    }
}
