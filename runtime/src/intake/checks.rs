//! From the values of a record to a trade: every rule of "Facts that come in", each with its message.

use std::borrow::Cow;

use events::{Decimal, RejectReason, Side, Timestamp, TradeClosed, decimal};

use super::{
    Field, Rejection,
    currency::quote_of,
    fields::{Slots, Value},
};

/// What the rules need to know beside the record.
pub(crate) struct Rules<'r> {
    /// Taken where neither the record nor the symbol names a currency.
    pub default_currency: &'r str,
    /// No trade may be closed after this moment; nothing: any.
    pub latest_close: Option<Timestamp>,
    /// Whether a time without a zone is UTC (files) or a fault (records).
    pub zone_optional: bool,
    /// A field's name as its user knows it.
    pub label: &'r dyn Fn(Field) -> String,
}

/// Characters that an id or a name may have.
const NAME_MAX: usize = 128;
/// Characters that a text which nothing depends on may have.
const NOTE_MAX: usize = 1024;
/// The years 0000 to 9999, the only ones with an RFC 3339 form.
const WRITABLE: std::ops::RangeInclusive<i64> = -62_167_219_200_000_000..=253_402_300_799_999_999;

/// Makes a trade of the values, or says what is wrong with them.
pub(crate) fn trade(slots: &Slots<'_>, rules: &Rules<'_>) -> Result<TradeClosed, Rejection> {
    Check { slots, rules }.trade().map_err(|fault| name_owner(fault, slots))
}

/// Fills in whose record it is, as far as that can be read.
pub(crate) fn name_owner(mut rejection: Rejection, slots: &Slots<'_>) -> Rejection {
    let readable = |text: &Cow<'_, str>| fits(text, NAME_MAX).then(|| text.to_string());
    rejection.strategy = match slots.get(Field::Strategy) {
        Some(Value::Text(text)) => readable(text),
        _ => None,
    };
    rejection.trade_id = match slots.get(Field::TradeId) {
        Some(Value::Text(text)) => readable(text),
        Some(Value::Number(text)) => number_as_id(text).as_ref().and_then(readable),
        _ => None,
    };
    rejection
}

fn fits(text: &str, max: usize) -> bool {
    // A byte count within the limit needs no count of characters.
    !text.is_empty() && (text.len() <= max || text.chars().count() <= max)
}

/// An id given as a number: 7, 7.0 and 7e0 are one id; whole numbers may be longer than a decimal.
fn number_as_id(text: &str) -> Option<Cow<'_, str>> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Cow::Borrowed(text));
    }
    decimal::parse(text).ok().map(|value| Cow::Owned(value.normalize().to_string()))
}

struct Check<'c> {
    slots: &'c Slots<'c>,
    rules: &'c Rules<'c>,
}

type Checked<T> = Result<T, Rejection>;

impl Check<'_> {
    fn trade(&self) -> Checked<TradeClosed> {
        self.all_required()?;
        let symbol = self.name(Field::Symbol)?;
        let (opened_at, closed_at) = self.life()?;
        Ok(TradeClosed {
            trade_id: self.trade_id()?,
            strategy: self.name(Field::Strategy)?,
            side: self.side()?,
            quantity: self.positive(Field::Quantity)?,
            entry_price: self.positive(Field::EntryPrice)?,
            exit_price: self.given(Field::ExitPrice, Self::positive)?,
            profit: self.decimal(Field::Profit)?,
            profit_pct: self.decimal(Field::ProfitPct)?,
            opened_at,
            closed_at,
            currency: self.currency(&symbol)?,
            fee: self.given(Field::Fee, Self::decimal)?,
            leverage: self.given(Field::Leverage, Self::decimal)?,
            exit_reason: self.note(Field::ExitReason)?,
            model: self.note(Field::Model)?,
            account: self.note(Field::Account)?,
            source_event_id: self.note(Field::EventId)?,
            symbol,
        })
    }

    fn all_required(&self) -> Checked<()> {
        let lacks = |field: &Field| field.is_required() && self.slots.get(*field).is_none();
        if !Field::ALL.iter().any(lacks) {
            return Ok(());
        }
        let labels: Vec<String> =
            Field::ALL.into_iter().filter(lacks).map(|field| (self.rules.label)(field)).collect();
        let detail = format!(
            "missing: {}; publish it, or map the name that it has there (ours=theirs, ours==text)",
            labels.join(", ")
        );
        Err(Rejection::new(RejectReason::MissingField, detail))
    }

    /// The value of a field; only asked for where there is one.
    fn value(&self, field: Field) -> &Value<'_> {
        self.slots.get(field).unwrap_or(&Value::Null)
    }

    fn given<T>(&self, field: Field, check: impl Fn(&Self, Field) -> Checked<T>) -> Checked<Option<T>> {
        self.slots.get(field).map(|_| check(self, field)).transpose()
    }

    #[cold]
    fn invalid(&self, field: Field, remedy: &str) -> Rejection {
        let detail = format!("{} is {}: {remedy}", (self.rules.label)(field), self.value(field).shown());
        Rejection::new(RejectReason::InvalidField, detail)
    }

    fn name(&self, field: Field) -> Checked<String> {
        match self.value(field) {
            Value::Text(text) if fits(text, NAME_MAX) => Ok(text.to_string()),
            _ => Err(self.invalid(field, "it must be a text of 1 to 128 characters")),
        }
    }

    fn trade_id(&self) -> Checked<String> {
        let id = match self.value(Field::TradeId) {
            Value::Text(text) => Some(Cow::Borrowed(text.as_ref())),
            Value::Number(text) => number_as_id(text),
            _ => None,
        };
        id.filter(|id| fits(id, NAME_MAX)).map(Cow::into_owned).ok_or_else(|| {
            self.invalid(Field::TradeId, "it must be a text of 1 to 128 characters or a number")
        })
    }

    /// An optional text; an empty one counts as none.
    fn note(&self, field: Field) -> Checked<Option<String>> {
        match self.value(field) {
            Value::Null => Ok(None),
            Value::Text(text) if text.is_empty() => Ok(None),
            Value::Text(text) if fits(text, NOTE_MAX) => Ok(Some(text.to_string())),
            Value::Number(text) if fits(text, NOTE_MAX) => Ok(Some((*text).to_owned())),
            _ => Err(self.invalid(field, "it must be a text of at most 1024 characters")),
        }
    }

    fn side(&self) -> Checked<Side> {
        match self.value(Field::Side) {
            Value::Text(text) if text.eq_ignore_ascii_case("long") => Ok(Side::Long),
            Value::Text(text) if text.eq_ignore_ascii_case("short") => Ok(Side::Short),
            _ => Err(self.invalid(Field::Side, "it must be long or short")),
        }
    }

    fn decimal(&self, field: Field) -> Checked<Decimal> {
        match self.value(field) {
            Value::Text(text) => self.parsed(field, text),
            Value::Number(text) => self.parsed(field, text),
            _ => Err(self.invalid(field, "it must be a decimal number, as text or as a number")),
        }
    }

    fn parsed(&self, field: Field, text: &str) -> Checked<Decimal> {
        decimal::parse(text).map_err(|fault| self.invalid(field, &fault.to_string()))
    }

    fn positive(&self, field: Field) -> Checked<Decimal> {
        let value = self.decimal(field)?;
        if value > Decimal::ZERO { Ok(value) } else { Err(self.invalid(field, "it must be above 0")) }
    }

    fn time(&self, field: Field) -> Checked<Timestamp> {
        let Value::Text(text) = self.value(field) else {
            return Err(self.invalid(field, "it must be a text such as 2025-01-31T12:00:00Z"));
        };
        let parse = if self.rules.zone_optional { Timestamp::parse_or_utc } else { Timestamp::parse };
        let time = parse(text).map_err(|fault| self.invalid(field, &fault.to_string()))?;
        if !WRITABLE.contains(&time.micros()) {
            return Err(self.invalid(field, "in UTC its year is outside 0000-9999"));
        }
        Ok(time)
    }

    fn life(&self) -> Checked<(Timestamp, Timestamp)> {
        let (opened, closed) = (self.time(Field::OpenedAt)?, self.time(Field::ClosedAt)?);
        if closed < opened {
            let remedy = format!("it is before {}, {opened}", (self.rules.label)(Field::OpenedAt));
            return Err(self.invalid(Field::ClosedAt, &remedy));
        }
        match self.rules.latest_close {
            Some(latest) if closed > latest => Err(self.too_early(latest)),
            _ => Ok((opened, closed)),
        }
    }

    fn too_early(&self, latest: Timestamp) -> Rejection {
        let remedy =
            format!("nothing after {latest} is taken; check the bot's clock, its time zone and ours");
        Rejection { reason: RejectReason::InTheFuture, ..self.invalid(Field::ClosedAt, &remedy) }
    }

    fn currency(&self, symbol: &str) -> Checked<String> {
        if let Some(given) = self.note(Field::Currency)? {
            return if fits(&given, NAME_MAX) {
                Ok(given)
            } else {
                Err(self.invalid(Field::Currency, "it must be a text of at most 128 characters"))
            };
        }
        Ok(quote_of(symbol).unwrap_or(self.rules.default_currency).to_owned())
    }
}
