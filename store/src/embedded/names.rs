//! Names that events repeat (types, streams, producers, runs) stand in full once in a segment and are numbers from then on.
//!
//! In a frame each of them is one of these:
//!
//! ```text
//! 0            in full and without a number: length, bytes
//! 2·n + 1      in full, and has the number n from here on, the next one of its segment: length, bytes
//! 2·n + 2      the one with the number n
//! ```
//!
//! Numbers are varints. A run has its 16 bytes and no length. The table is bounded: what it has no room for stands in full.
//! Who reads from the middle has the table from the frames that give the numbers (their offsets are in the sidecar), so that
//! nothing but a frame says what a number means.

use std::{collections::HashMap, sync::Arc};

use events::{Uuid, varint};

use super::frame::{Frame, NameCache};

/// Most names of a segment that have numbers.
pub(super) const MOST_NAMES: usize = 4096;
/// Most bytes that they have together.
const MOST_BYTES: usize = 256 << 10;

/// What has a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Name {
    Text(Arc<str>),
    Run(Uuid),
}

impl Name {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Run(id) => id.as_bytes(),
        }
    }
}

/// A name as it stands in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written<'a> {
    Full(&'a [u8]),
    Defined(u32, &'a [u8]),
    Number(u32),
}

impl<'a> Written<'a> {
    /// Takes a name of this length, or of the length that stands there, from the front.
    pub(super) fn take(rest: &mut &'a [u8], length: Option<usize>) -> Option<Self> {
        let mark = varint::take(rest)?;
        let number = |n: u64| u32::try_from(n).ok();
        if mark != 0 && mark.is_multiple_of(2) {
            return Some(Self::Number(number(mark / 2 - 1)?));
        }
        let length = match length {
            Some(length) => length,
            None => usize::try_from(varint::take(rest)?).ok()?,
        };
        let (bytes, after) = rest.split_at_checked(length)?;
        *rest = after;
        Some(if mark == 0 { Self::Full(bytes) } else { Self::Defined(number(mark / 2)?, bytes) })
    }
}

/// The names of one segment that have numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    list: Vec<Name>,
    numbers: HashMap<Name, u32>,
    /// For each the offset of the frame that gave it.
    given_at: Vec<u32>,
    bytes: usize,
}

/// Why a frame does not fit the names before it.
const UNKNOWN: &str = "the event here uses a number of a name that its segment does not give before";
const MISPLACED: &str = "the event here gives a name another number than the next one";
const TWICE: &str = "the event here gives a number to a name that has one, or to more than there may be";
const NO_NAME: &str = "the event here has a name that is no text";

impl Names {
    /// The offsets of the frames that gave the numbers, in their order.
    pub(super) fn given_at(&self) -> &[u32] {
        &self.given_at
    }

    fn get(&self, number: u32) -> Option<&Name> {
        self.list.get(number as usize)
    }

    /// Gives a name the next number; nothing where it has one or there is no room.
    fn define(&mut self, name: Name, at: u32) -> Option<u32> {
        let bytes = self.bytes + name.bytes().len();
        if self.list.len() == MOST_NAMES || bytes > MOST_BYTES || self.numbers.contains_key(&name) {
            return None;
        }
        let number = self.list.len() as u32;
        self.bytes = bytes;
        self.list.push(name.clone());
        self.numbers.insert(name, number);
        self.given_at.push(at);
        Some(number)
    }

    /// Takes what the next frame of the segment gives; says what of it does not fit.
    pub(super) fn follow(names: &mut Arc<Self>, frame: &Frame<'_>, at: u32) -> Result<(), &'static str> {
        let [texts @ .., run] = frame.names;
        let is_text = |name: Option<&Name>| matches!(name, Some(Name::Text(_)));
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(|text| Name::Text(Arc::from(text)));
        texts.iter().try_for_each(|written| Self::follow_one(names, *written, at, is_text, text))?;
        let is_run = |name: Option<&Name>| matches!(name, Some(Name::Run(_)));
        Self::follow_one(names, run, at, is_run, |bytes| Uuid::from_slice(bytes).ok().map(Name::Run))
    }

    fn follow_one(
        names: &mut Arc<Self>,
        written: Written<'_>,
        at: u32,
        is_known: impl Fn(Option<&Name>) -> bool,
        read: impl Fn(&[u8]) -> Option<Name>,
    ) -> Result<(), &'static str> {
        match written {
            Written::Number(number) if is_known(names.get(number)) => Ok(()),
            Written::Number(_) => Err(UNKNOWN),
            Written::Full(bytes) => read(bytes).map(drop).ok_or(NO_NAME),
            Written::Defined(number, _) if number as usize != names.list.len() => Err(MISPLACED),
            Written::Defined(_, bytes) => {
                let name = read(bytes).ok_or(NO_NAME)?;
                Arc::make_mut(names).define(name, at).map(drop).ok_or(TWICE)
            }
        }
    }

    /// What a text in a frame says.
    pub(super) fn text(&self, written: Written<'_>, cache: &mut NameCache) -> Option<Arc<str>> {
        match written {
            Written::Full(bytes) | Written::Defined(_, bytes) => {
                std::str::from_utf8(bytes).ok().map(|text| cache.get(text))
            }
            Written::Number(number) => match self.get(number)? {
                Name::Text(text) => Some(Arc::clone(text)),
                Name::Run(_) => None,
            },
        }
    }

    /// What a run in a frame says.
    pub(super) fn run(&self, written: Written<'_>) -> Option<Uuid> {
        match written {
            Written::Full(bytes) | Written::Defined(_, bytes) => Uuid::from_slice(bytes).ok(),
            Written::Number(number) => match self.get(number)? {
                Name::Run(id) => Some(*id),
                Name::Text(_) => None,
            },
        }
    }
}

/// The names of a segment as a batch goes on with them: what it adds counts once it is durable.
#[derive(Default)]
pub(super) struct Naming {
    pub(super) names: Arc<Names>,
    /// The numbers that were used last, one for each place in a frame: nearly always the ones that come next.
    last: [u32; 4],
}

impl Naming {
    /// Goes on after what is durable.
    pub(super) fn start(&mut self, names: Arc<Names>) {
        self.names = names;
    }

    /// Appends a text to the frame that starts at an offset; `place` is which of its names it is.
    pub(super) fn put_text(&mut self, out: &mut Vec<u8>, place: usize, text: &str, at: u32) {
        let is_last = matches!(self.names.get(self.last[place]), Some(Name::Text(last)) if **last == *text);
        if is_last {
            put_number(out, self.last[place]);
        } else {
            self.put(out, place, &Name::Text(Arc::from(text)), at);
        }
    }

    /// The same for a run.
    pub(super) fn put_run(&mut self, out: &mut Vec<u8>, place: usize, run: Uuid, at: u32) {
        if self.names.get(self.last[place]) == Some(&Name::Run(run)) {
            put_number(out, self.last[place]);
        } else {
            self.put(out, place, &Name::Run(run), at);
        }
    }

    fn put(&mut self, out: &mut Vec<u8>, place: usize, name: &Name, at: u32) {
        if let Some(number) = self.names.numbers.get(name) {
            self.last[place] = *number;
            return put_number(out, *number);
        }
        let full = self.names.list.len() == MOST_NAMES || self.names.bytes + name.bytes().len() > MOST_BYTES;
        let defined = if full { None } else { Arc::make_mut(&mut self.names).define(name.clone(), at) };
        varint::put(out, defined.map_or(0, |number| 2 * u64::from(number) + 1));
        self.last[place] = defined.unwrap_or(self.last[place]);
        if matches!(name, Name::Text(_)) {
            varint::put(out, name.bytes().len() as u64);
        }
        out.extend_from_slice(name.bytes());
    }
}

fn put_number(out: &mut Vec<u8>, number: u32) {
    varint::put(out, 2 * u64::from(number) + 2);
}
