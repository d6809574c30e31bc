//! From the values of a record to a trade: every rule of "Facts that come in", each with its message.

use std::borrow::Cow;

use events::{
    Decimal, IgnoredField, RejectReason, Side, Timestamp, TradeClosed,
    decimal::{self, DecimalError},
};

use super::{
    Field, Rejection,
    currency::quote_of,
    fields::{Slots, Value},
    moment,
    notation::{self, Notation},
};

/// What the rules need to know beside the record.
pub(crate) struct Rules<'r> {
    /// Taken where neither the record nor the symbol names a currency, if the user set one.
    pub default_currency: Option<&'r str>,
    /// How the values are written.
    pub notation: &'r Notation,
    /// No trade may be opened or closed before this moment.
    pub earliest: Timestamp,
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
pub(crate) const NOTE_MAX: usize = 1024;
/// The years 0000 to 9999, the only ones with an RFC 3339 form.
const WRITABLE: std::ops::RangeInclusive<i64> = -62_167_219_200_000_000..=253_402_300_799_999_999;

/// Makes a trade of the values, or says what is wrong with them.
pub(crate) fn trade(slots: &Slots<'_>, rules: &Rules<'_>) -> Result<TradeClosed, Rejection> {
    let translated = rules.notation.translated(slots);
    let slots = translated.as_ref().unwrap_or(slots);
    let mut check = Check { slots, rules, rounded: Vec::new(), ignored: Vec::new() };
    check.trade().map_err(|fault| name_owner(fault, slots))
}

/// Fills in whose record it is, as far as that can be read.
pub(crate) fn name_owner(mut rejection: Rejection, slots: &Slots<'_>) -> Rejection {
    rejection.strategy = match slots.get(Field::Strategy) {
        Some(Value::Text(text)) => sane_name(text).map(str::to_owned),
        _ => None,
    };
    rejection.trade_id = match slots.get(Field::TradeId) {
        Some(Value::Text(text)) => sane_name(text).map(str::to_owned),
        Some(Value::Number(text)) => number_as_id(text).as_deref().and_then(sane_name).map(str::to_owned),
        _ => None,
    };
    rejection
}

/// A name without the blanks around it; nothing where it cannot be one.
pub(crate) fn sane_name(text: &str) -> Option<&str> {
    let name = text.trim();
    (fits(name, NAME_MAX) && !name.contains(char::is_control)).then_some(name)
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
    rounded: Vec<String>,
    ignored: Vec<IgnoredField>,
}

type Checked<T> = Result<T, Rejection>;

impl Check<'_> {
    fn trade(&mut self) -> Checked<TradeClosed> {
        self.all_required()?;
        let symbol = self.name(Field::Symbol)?;
        let (opened_at, closed_at) = self.life()?;
        Ok(TradeClosed {
            trade_id: self.trade_id()?,
            strategy: self.name(Field::Strategy)?,
            side: self.side()?,
            quantity: self.positive(Field::Quantity)?,
            entry_price: self.positive(Field::EntryPrice)?,
            exit_price: self.optional(Field::ExitPrice, Self::not_negative),
            profit: self.decimal(Field::Profit)?,
            profit_pct: self.profit_pct()?,
            opened_at,
            closed_at,
            currency: self.currency(&symbol),
            fee: self.optional(Field::Fee, Self::decimal),
            leverage: self.optional(Field::Leverage, Self::decimal),
            exit_reason: self.optional(Field::ExitReason, Self::note),
            model: self.optional(Field::Model, Self::note),
            account: self.optional(Field::Account, Self::note),
            source_event_id: self.optional(Field::EventId, Self::note),
            rounded: std::mem::take(&mut self.rounded),
            ignored: std::mem::take(&mut self.ignored),
            symbol,
        })
    }

    fn all_required(&self) -> Checked<()> {
        let lacks = |field: Field| self.slots.get(field).is_none();
        let missing = |field: &Field| match field {
            Field::ProfitPct => lacks(Field::ProfitPct) && lacks(Field::ProfitRatio),
            field => field.is_required() && lacks(*field),
        };
        if !Field::ALL.iter().any(missing) {
            return Ok(());
        }
        let missing = Field::ALL.into_iter().filter(missing).map(|field| self.named(field));
        let detail = format!(
            "missing: {}; publish it, or map the name that it has there (ours=theirs, ours==text)",
            missing.collect::<Vec<_>>().join(", ")
        );
        Err(Rejection::new(RejectReason::MissingField, detail))
    }

    /// The name of what is missing, with what would do instead.
    fn named(&self, field: Field) -> String {
        let label = |field| (self.rules.label)(field);
        match field.stands_in_for() {
            None => label(field),
            Some(other) => format!("{} (in percent) or {} (as a ratio)", label(field), label(other)),
        }
    }

    /// The value of a field; only asked for where there is one.
    fn value(&self, field: Field) -> &Value<'_> {
        self.slots.get(field).unwrap_or(&Value::Null)
    }

    /// A field that costs no trade: what is no such value is left out and listed.
    fn optional<T>(&mut self, field: Field, check: impl Fn(&mut Self, Field) -> Checked<T>) -> Option<T> {
        self.slots.get(field)?;
        match check(self, field) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.leave_out(field, fault);
                None
            }
        }
    }

    #[cold]
    fn leave_out(&mut self, field: Field, fault: Rejection) {
        self.rounded.retain(|rounded| rounded != field.name());
        let mut reason = fault.detail;
        // Names of columns can be of any length.
        if let Some((end, _)) = reason.char_indices().nth(NOTE_MAX) {
            reason.truncate(end);
        }
        self.ignored.push(IgnoredField { field: field.name().to_owned(), reason });
    }

    #[cold]
    fn invalid(&self, field: Field, remedy: &str) -> Rejection {
        let detail = format!("{} is {}: {remedy}", (self.rules.label)(field), self.value(field).shown());
        Rejection::new(RejectReason::InvalidField, detail)
    }

    fn name(&mut self, field: Field) -> Checked<String> {
        match self.value(field) {
            Value::Text(text) => match sane_name(text) {
                Some(name) => Ok(name.to_owned()),
                None => Err(self.invalid(field, unsound(text))),
            },
            _ => Err(self.invalid(field, NO_NAME)),
        }
    }

    fn trade_id(&mut self) -> Checked<String> {
        let Value::Number(text) = self.value(Field::TradeId) else { return self.name(Field::TradeId) };
        let id = number_as_id(text).filter(|id| fits(id, NAME_MAX)).map(Cow::into_owned);
        id.ok_or_else(|| self.invalid(Field::TradeId, NO_NAME))
    }

    fn note(&mut self, field: Field) -> Checked<String> {
        match self.value(field) {
            Value::Text(text) if fits(text, NOTE_MAX) => Ok(text.to_string()),
            Value::Number(text) if fits(text, NOTE_MAX) => Ok((*text).to_owned()),
            _ => Err(self.invalid(field, "it must be a text of 1 to 1024 characters")),
        }
    }

    fn side(&self) -> Checked<Side> {
        match self.value(Field::Side) {
            Value::Text(text) if text.eq_ignore_ascii_case("long") => Ok(Side::Long),
            Value::Text(text) if text.eq_ignore_ascii_case("short") => Ok(Side::Short),
            _ => Err(self.invalid(
                Field::Side,
                "it must be long or short; where other words stand for them, say so with --values \
                 side=Buy:long,Sell:short or [intake.values]",
            )),
        }
    }

    fn decimal(&mut self, field: Field) -> Checked<Decimal> {
        self.shifted(field, 0, field)
    }

    /// A decimal times 10 to the power of `shift`; that it was rounded is told under the name of `kept_as`.
    fn shifted(&mut self, field: Field, shift: u8, kept_as: Field) -> Checked<Decimal> {
        let text = match self.value(field) {
            Value::Text(text) => {
                self.rules.notation.plain_number(text).map_err(|odd| self.invalid(field, odd))?
            }
            Value::Number(text) => Cow::Borrowed(*text),
            _ => return Err(self.invalid(field, "it must be a decimal number, as text or as a number")),
        };
        let kept =
            decimal::parse_rounding(&text, shift).map_err(|fault| match notation::odd_number(&text) {
                Some(odd) if fault == DecimalError::Malformed => self.invalid(field, odd),
                _ => self.invalid(field, &fault.to_string()),
            })?;
        if kept.rounded {
            self.rounded.push(kept_as.name().to_owned());
        }
        Ok(kept.value)
    }

    fn positive(&mut self, field: Field) -> Checked<Decimal> {
        let value = self.decimal(field)?;
        if value > Decimal::ZERO { Ok(value) } else { Err(self.invalid(field, "it must be above 0")) }
    }

    fn not_negative(&mut self, field: Field) -> Checked<Decimal> {
        let value = self.decimal(field)?;
        if value >= Decimal::ZERO { Ok(value) } else { Err(self.invalid(field, "it must not be below 0")) }
    }

    /// The percent as it is given, or a hundred times the ratio; of the two, one that is no number costs nothing.
    fn profit_pct(&mut self) -> Checked<Decimal> {
        let (percent, ratio) = (self.slots.get(Field::ProfitPct), self.slots.get(Field::ProfitRatio));
        match (percent.is_some(), ratio.is_some()) {
            (_, false) => return self.decimal(Field::ProfitPct),
            (false, true) => return self.shifted(Field::ProfitRatio, 2, Field::ProfitPct),
            (true, true) => {}
        }
        let percent = self.decimal(Field::ProfitPct);
        let before = self.rounded.len();
        match (percent, self.shifted(Field::ProfitRatio, 2, Field::ProfitPct)) {
            (Ok(percent), Ok(ratio)) => {
                self.rounded.dedup();
                if agree(percent, ratio) { Ok(percent) } else { Err(self.disagree(ratio)) }
            }
            (Ok(percent), Err(fault)) => {
                self.rounded.truncate(before);
                self.leave_out(Field::ProfitRatio, fault);
                Ok(percent)
            }
            (Err(fault), Ok(percent)) => {
                let was_rounded = self.rounded.len() > before;
                self.leave_out(Field::ProfitPct, fault);
                self.rounded.extend(was_rounded.then(|| Field::ProfitPct.name().to_owned()));
                Ok(percent)
            }
            (Err(fault), Err(_)) => Err(fault),
        }
    }

    #[cold]
    fn disagree(&self, ratio: Decimal) -> Rejection {
        let remedy = format!(
            "{} says {} %, and both must say the same; publish one of the two",
            (self.rules.label)(Field::ProfitRatio),
            ratio.normalize()
        );
        self.invalid(Field::ProfitPct, &remedy)
    }

    fn time(&self, field: Field) -> Checked<Timestamp> {
        let (notation, zone_optional) = (self.rules.notation, self.rules.zone_optional);
        let time = match self.value(field) {
            Value::Text(text) => moment::of_text(text, notation, zone_optional),
            Value::Number(text) => moment::of_number(text),
            _ => Err("it must be a text such as 2025-01-31T12:00:00Z, or a number".into()),
        };
        let time = time.map_err(|fault| self.invalid(field, &fault))?;
        if !WRITABLE.contains(&time.micros()) {
            return Err(self.invalid(field, "in UTC its year is outside 0000-9999"));
        }
        if time < self.rules.earliest {
            let remedy = format!(
                "it is {time}, and nothing before {} ([intake] earliest) is taken; check its unit and its form",
                self.rules.earliest
            );
            return Err(self.invalid(field, &remedy));
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

    fn currency(&mut self, symbol: &str) -> Option<String> {
        let given = self.optional(Field::Currency, Self::name);
        given.or_else(|| quote_of(symbol).or(self.rules.default_currency).map(str::to_owned))
    }
}

const NO_NAME: &str = "it must be a text of 1 to 128 characters";

/// What is wrong with a name that is a text.
fn unsound(text: &str) -> &'static str {
    if text.trim().contains(char::is_control) {
        "it holds a control character; publish the name without it"
    } else {
        NO_NAME
    }
}

/// Whether two percents are the same to one part in a million.
fn agree(a: Decimal, b: Decimal) -> bool {
    let larger = a.abs().max(b.abs());
    a.checked_sub(b).is_some_and(|apart| apart.abs() <= larger / Decimal::from(1_000_000))
}
