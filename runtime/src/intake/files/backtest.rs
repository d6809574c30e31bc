//! freqtrade's `backtest-result.json`: `{"strategy": {NAME: {"trades": [ … ]}}}`, read trade by trade.

use std::{
    borrow::Cow,
    io::{self, BufRead},
};

use events::{RejectReason, Timestamp, TradeClosed};

use super::{
    FileFormat, Read,
    columns::{self, Conversions, column_name, names},
    digest::Digests,
    objects::Objects,
    too_long,
};
use crate::intake::{Field, FieldMapping, Rejection, TradeFormat, checks, fields::Value, record::Record};

pub(super) struct Backtest<R> {
    objects: Objects<R>,
    place: Place,
    /// freqtrade's names under the user's mapping.
    mapping: FieldMapping,
    conversions: Conversions,
    digests: Digests,
    trades: TradeFormat,
    now: Timestamp,
}

/// Which object the walk stands in.
enum Place {
    Start,
    /// With whether strategies were found.
    File(bool),
    Strategies,
    Strategy(String),
    Trades(String),
    Broken,
    End,
}

const FORMAT: FileFormat = FileFormat::FreqtradeJson;

impl<R: BufRead> Backtest<R> {
    pub(super) fn new(reader: R, trades: TradeFormat, now: Timestamp) -> Self {
        let mut mapping = trades.mapping.clone();
        for field in Field::ALL.into_iter().filter(|field| trades.mapping.source(*field).is_none()) {
            names(FORMAT, field).iter().for_each(|name| mapping.add_name(field, name));
        }
        let conversions = Conversions { is_short: column_name(FORMAT, &mapping, Field::Side) == "is_short" };
        let (objects, digests) = (Objects::new(reader), Digests::default());
        Self { objects, place: Place::Start, mapping, conversions, digests, trades, now }
    }

    /// The next trade, of whichever strategy; where the file is broken a last bad row that says so.
    pub(super) fn next(&mut self) -> Read {
        loop {
            if let Place::Trades(strategy) = &self.place
                && self.objects.peek()? == Some(b'{')
            {
                let strategy = strategy.clone();
                let (bytes, cut) = self.objects.value(self.trades.max_bytes)?;
                let decoded = if cut { Err(too_long(&self.trades)) } else { self.decode(&bytes, &strategy) };
                return Ok(Some((bytes, decoded)));
            }
            self.place = match std::mem::replace(&mut self.place, Place::End) {
                Place::End => return Ok(None),
                Place::Broken => return Ok(Some((Vec::new(), Err(broken())))),
                place => self.step(place)?,
            };
        }
    }

    /// Goes to the next member, into it, or out of the object.
    fn step(&mut self, place: Place) -> io::Result<Place> {
        let objects = &mut self.objects;
        Ok(match place {
            Place::Start if objects.take(b'{')? => Place::File(false),
            Place::File(found) => match objects.name()?.as_deref() {
                Some("strategy") if objects.take(b'{')? => Place::Strategies,
                Some(_) => skipped(objects, Place::File(found))?,
                None if found => left(objects, Place::End)?,
                None => Place::Broken,
            },
            Place::Strategies => match objects.name()? {
                Some(name) if objects.take(b'{')? => Place::Strategy(name),
                Some(_) => skipped(objects, Place::Strategies)?,
                None => left(objects, Place::File(true))?,
            },
            Place::Strategy(strategy) => match objects.name()?.as_deref() {
                Some("trades") if objects.take(b'[')? => Place::Trades(strategy),
                Some(_) => skipped(objects, Place::Strategy(strategy))?,
                None => left(objects, Place::Strategies)?,
            },
            Place::Trades(strategy) if objects.take(b']')? => Place::Strategy(strategy),
            Place::Start | Place::Trades(_) | Place::Broken | Place::End => Place::Broken,
        })
    }

    fn decode(&mut self, bytes: &[u8], strategy: &str) -> Result<TradeClosed, Rejection> {
        let text = self.trades.text_of(bytes)?;
        let mut record = Record::with_constants(&self.mapping);
        let read = record.read(text);
        let slots = &mut record.slots;
        slots.offer(Field::Strategy, Value::Text(Cow::Borrowed(strategy)));
        slots.offer(Field::Side, Value::Text(Cow::Borrowed("long")));
        read.map_err(|fault| checks::name_owner(fault, slots))?;
        let digested = slots.get(Field::TradeId).is_none();
        if digested {
            slots.set(Field::TradeId, Value::Text(Cow::Borrowed("-")));
        }
        columns::convert(slots, self.conversions);
        let label = |field| columns::label(FORMAT, &self.mapping, field);
        let rules = self.trades.rules(self.now, true, &label);
        let mut trade = checks::trade(slots, &rules)
            .map_err(|fault| Rejection { trade_id: fault.trade_id.filter(|_| !digested), ..fault })?;
        if digested {
            trade.trade_id = self.digests.id_of(&trade);
        }
        Ok(trade)
    }
}

fn skipped<R: BufRead>(objects: &mut Objects<R>, place: Place) -> io::Result<Place> {
    objects.skip()?;
    Ok(place)
}

/// Out of an object, unless the file breaks off there.
fn left<R: BufRead>(objects: &mut Objects<R>, place: Place) -> io::Result<Place> {
    Ok(if objects.take(b'}')? { place } else { Place::Broken })
}

fn broken() -> Rejection {
    let detail = "the file breaks off here, or is no result of a backtest ({\"strategy\": {NAME: {\"trades\": [...]}}}); \
        export it anew";
    Rejection::new(RejectReason::Malformed, detail)
}
