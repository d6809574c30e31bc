//! Trades as objects of JSON, one at a time: freqtrade's results (`{"strategy": {NAME: {"trades": [ … ]}}}`), its
//! answers and exports (`{"trades": [ … ]}`, `[ … ]`), and objects with our names in a list or one after the other.

use std::{
    borrow::Cow,
    io::{self, BufRead},
};

use events::{RejectReason, Timestamp, TradeClosed};

use super::{
    FileFormat, Found, NoTrade, Read,
    columns::{self, Conversions, column_name, names, word_as_bool},
    digest::Digests,
    objects::Objects,
    too_long,
};
use crate::{
    Field, FieldMapping, Rejection, TradeFormat, checks, fields::Value, json::quote_bare_words,
    record::Record,
};

pub(super) struct Backtest<R> {
    objects: Objects<R>,
    place: Place,
    /// A result or an answer, where trades lie deeper than in a list.
    is_result: bool,
    reading: Reading,
}

/// Which object the walk stands in.
enum Place {
    Start,
    /// With whether trades were found.
    File(bool),
    Strategies,
    Strategy(String),
    /// A list of trades: of a strategy, of all of them in an answer, or the whole file.
    Trades(List),
    /// Objects that follow each other without a list.
    Loose,
    Broken,
    End,
}

enum List {
    Of(String),
    Answer,
    File,
}

impl<R: BufRead> Backtest<R> {
    pub(super) fn new(reader: R, format: FileFormat, trades: TradeFormat, now: Timestamp) -> Self {
        let mapping = trades.mapping.clone();
        let reading = Reading { format, mapping, chosen: false, digests: Digests::default(), trades, now };
        let is_result = format == FileFormat::FreqtradeJson;
        Self { objects: Objects::new(reader), place: Place::Start, is_result, reading }
    }

    /// The next trade, of whichever strategy; where the file is broken a last bad row that says so.
    pub(super) fn next(&mut self) -> Read {
        loop {
            if matches!(self.place, Place::Trades(_) | Place::Loose) && self.objects.peek()? == Some(b'{') {
                let (bytes, cut) = self.objects.value(self.reading.trades.max_bytes)?;
                let strategy = if let Place::Trades(List::Of(strategy)) = &self.place {
                    Some(strategy.as_str())
                } else {
                    None
                };
                let found = if cut {
                    Err(too_long(&self.reading.trades).into())
                } else {
                    self.reading.look(&bytes, strategy)
                };
                return Ok(Some((bytes, found)));
            }
            self.place = match std::mem::replace(&mut self.place, Place::End) {
                Place::End => return Ok(None),
                Place::Broken => return Ok(Some((Vec::new(), Err(self.reading.broken().into())))),
                place => self.step(place)?,
            };
        }
    }

    /// Goes to the next member, into it, or out of the object.
    fn step(&mut self, place: Place) -> io::Result<Place> {
        let objects = &mut self.objects;
        Ok(match place {
            Place::Start if objects.take(b'[')? => Place::Trades(List::File),
            Place::Start if objects.peek()? != Some(b'{') => Place::Broken,
            Place::Start if !self.is_result => Place::Loose,
            Place::Start => {
                objects.take(b'{')?;
                Place::File(false)
            }
            Place::File(found) => match objects.name()?.as_deref() {
                Some("strategy") if objects.take(b'{')? => Place::Strategies,
                Some("trades") if objects.take(b'[')? => Place::Trades(List::Answer),
                Some(_) => skipped(objects, Place::File(found))?,
                None if found => left(objects, b'}', Place::End)?,
                None => Place::Broken,
            },
            Place::Strategies => match objects.name()? {
                Some(name) if objects.take(b'{')? => Place::Strategy(name),
                Some(_) => skipped(objects, Place::Strategies)?,
                None => left(objects, b'}', Place::File(true))?,
            },
            Place::Strategy(strategy) => match objects.name()?.as_deref() {
                Some("trades") if objects.take(b'[')? => Place::Trades(List::Of(strategy)),
                Some(_) => skipped(objects, Place::Strategy(strategy))?,
                None => left(objects, b'}', Place::Strategies)?,
            },
            Place::Trades(List::Of(strategy)) => left(objects, b']', Place::Strategy(strategy))?,
            Place::Trades(List::Answer) => left(objects, b']', Place::File(true))?,
            Place::Trades(List::File) => left(objects, b']', Place::End)?,
            Place::Loose if objects.peek()?.is_none() => Place::End,
            Place::Loose | Place::Broken | Place::End => Place::Broken,
        })
    }
}

fn skipped<R: BufRead>(objects: &mut Objects<R>, place: Place) -> io::Result<Place> {
    objects.skip()?;
    Ok(place)
}

/// Out of an object or a list, unless the file breaks off there.
fn left<R: BufRead>(objects: &mut Objects<R>, end: u8, place: Place) -> io::Result<Place> {
    Ok(if objects.take(end)? { place } else { Place::Broken })
}

/// How an object becomes a trade.
struct Reading {
    /// Whose names the objects have.
    format: FileFormat,
    /// The names of the file under the user's mapping: of several that a field can have, the first that is there.
    mapping: FieldMapping,
    chosen: bool,
    digests: Digests,
    trades: TradeFormat,
    now: Timestamp,
}

impl Reading {
    fn look(&mut self, bytes: &[u8], strategy: Option<&str>) -> Found {
        let text = self.trades.text_of(bytes)?;
        if says_open(text) {
            return Err(NoTrade::OpenPosition);
        }
        if !self.chosen {
            self.choose(text);
        }
        match self.decode(text, strategy) {
            // Objects need not have the same members: those of this one may have other names.
            Err(_) if self.choose(text) => Ok(self.decode(text, strategy)?),
            decoded => Ok(decoded?),
        }
    }

    /// Takes the names that an object has; tells whether they are others than before.
    fn choose(&mut self, text: &str) -> bool {
        self.chosen = true;
        let members: Vec<String> = members_of(text).into_iter().map(|(name, _)| name).collect();
        if columns::is_freqtrade(&members) {
            self.format = FileFormat::FreqtradeJson;
        }
        let has = |name: &&&str| members.iter().any(|member| member == **name);
        let mut mapping = self.trades.mapping.clone();
        let ours = &self.trades.mapping;
        let free = |field: &Field| ours.source(*field).is_none() && !columns::is_replaced(ours, *field);
        for field in Field::ALL.into_iter().filter(free) {
            let names = names(self.format, field);
            if let Some(name) = names.iter().find(has).or(names.first()) {
                mapping.add_name(field, name);
            }
        }
        let others = mapping != self.mapping;
        self.mapping = mapping;
        others
    }

    fn decode(&mut self, text: &str, strategy: Option<&str>) -> Result<TradeClosed, Rejection> {
        match self.trade(text, strategy) {
            // With its NaN quoted the object can be read; it matters where a field of ours has it.
            Err(fault) if fault.reason == RejectReason::Malformed => match quote_bare_words(text) {
                Some(quoted) => self.trade(&quoted, strategy),
                None => Err(fault),
            },
            decoded => decoded,
        }
    }

    fn trade(&mut self, text: &str, strategy: Option<&str>) -> Result<TradeClosed, Rejection> {
        let mut record = Record::with_constants(&self.mapping);
        let read = record.read(text);
        if record.marks.form().is_some() {
            read.map_err(|fault| checks::name_owner(fault, &record.slots))?;
            return self.trades.check(&record, self.now);
        }
        let slots = &mut record.slots;
        if let Some(strategy) = strategy {
            slots.offer(Field::Strategy, Value::Text(Cow::Borrowed(strategy)));
        }
        if self.format.is_freqtrade() {
            // It had no shorts before it had `is_short`.
            slots.offer(Field::Side, Value::Text(Cow::Borrowed("long")));
        }
        read.map_err(|fault| checks::name_owner(fault, slots))?;
        let digested = slots.get(Field::TradeId).is_none();
        if digested {
            slots.set(Field::TradeId, Value::Text(Cow::Borrowed("-")));
        }
        columns::convert(slots, self.conversions());
        let label = |field| columns::label(self.format, &self.mapping, field);
        let rules = self.trades.rules(self.now, true, &label);
        let mut trade = checks::trade(slots, &rules)
            .map_err(|fault| Rejection { trade_id: fault.trade_id.filter(|_| !digested), ..fault })?;
        if digested {
            trade.trade_id = self.digests.id_of(&trade);
        }
        Ok(trade)
    }

    fn conversions(&self) -> Conversions {
        Conversions { is_short: column_name(self.format, &self.mapping, Field::Side) == "is_short" }
    }

    fn broken(&self) -> Rejection {
        let detail = if self.format.is_freqtrade() {
            "the file breaks off here, or is no result of a backtest ({\"strategy\": {NAME: {\"trades\": [...]}}}) and \
             no list of trades; export it anew"
        } else {
            "the file breaks off here, or something else than an object stands here; export it anew"
        };
        Rejection::new(RejectReason::Malformed, detail)
    }
}

/// The members of an object: the name of each, and its value as it is written, where that is short.
fn members_of(text: &str) -> Vec<(String, Vec<u8>)> {
    const SHORT: usize = 16;
    let mut objects = Objects::new(text.as_bytes());
    let mut members = Vec::new();
    // Reading from memory does not fail, and what is no object has no members.
    if objects.take(b'{').unwrap_or_default() {
        while let Ok(Some(name)) = objects.name()
            && let Ok((value, _)) = objects.value(SHORT)
        {
            members.push((name, value));
        }
    }
    members
}

/// Whether an object says of itself that its position is still open: `"is_open": true`.
fn says_open(text: &str) -> bool {
    // A quick look first: nearly none does.
    let value = text.split_once("\"is_open\"").and_then(|(_, rest)| rest.trim_start().strip_prefix(':'));
    let maybe = value.is_some_and(|value| value.trim_start().starts_with(['t', 'T', '1', '"']));
    let is_true = |value: &[u8]| {
        let word = String::from_utf8_lossy(value);
        word_as_bool(word.trim_matches('"')) == Some(true)
    };
    maybe && members_of(text).iter().any(|(name, value)| name == "is_open" && is_true(value))
}
