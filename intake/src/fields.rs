//! The fields of a closed trade by name, and the values that a record gave for them.

use std::borrow::Cow;

use super::rejection::shortened;

/// A field of a closed trade as users name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Field {
    /// Unique within the strategy.
    TradeId,
    /// Who traded.
    Strategy,
    /// What was traded.
    Symbol,
    /// `long` or `short`.
    Side,
    /// In base units.
    Quantity,
    /// In quote currency.
    EntryPrice,
    /// In quote currency.
    ExitPrice,
    /// Net of fees.
    Profit,
    /// Net, in percent of the capital put in.
    ProfitPct,
    /// The same as a ratio: a hundredth of the percent.
    ProfitRatio,
    /// When it was opened.
    OpenedAt,
    /// When it was closed.
    ClosedAt,
    /// Of profit and fee.
    Currency,
    /// Fees paid.
    Fee,
    /// As reported.
    Leverage,
    /// As reported.
    ExitReason,
    /// The model that predicted it.
    Model,
    /// As reported.
    Account,
    /// The bot's own id of the report.
    EventId,
}

impl Field {
    /// All of them, in the order of [`Field::index`].
    pub const ALL: [Self; 19] = [
        Self::TradeId,
        Self::Strategy,
        Self::Symbol,
        Self::Side,
        Self::Quantity,
        Self::EntryPrice,
        Self::ExitPrice,
        Self::Profit,
        Self::ProfitPct,
        Self::ProfitRatio,
        Self::OpenedAt,
        Self::ClosedAt,
        Self::Currency,
        Self::Fee,
        Self::Leverage,
        Self::ExitReason,
        Self::Model,
        Self::Account,
        Self::EventId,
    ];

    /// The name on the wire and in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TradeId => "trade_id",
            Self::Strategy => "strategy",
            Self::Symbol => "symbol",
            Self::Side => "side",
            Self::Quantity => "quantity",
            Self::EntryPrice => "entry_price",
            Self::ExitPrice => "exit_price",
            Self::Profit => "profit",
            Self::ProfitPct => "profit_pct",
            Self::ProfitRatio => "profit_ratio",
            Self::OpenedAt => "opened_at",
            Self::ClosedAt => "closed_at",
            Self::Currency => "currency",
            Self::Fee => "fee",
            Self::Leverage => "leverage",
            Self::ExitReason => "exit_reason",
            Self::Model => "model",
            Self::Account => "account",
            Self::EventId => "event_id",
        }
    }

    /// The field of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "trade_id" => Self::TradeId,
            "strategy" => Self::Strategy,
            "symbol" => Self::Symbol,
            "side" => Self::Side,
            "quantity" => Self::Quantity,
            "entry_price" => Self::EntryPrice,
            "exit_price" => Self::ExitPrice,
            "profit" => Self::Profit,
            "profit_pct" => Self::ProfitPct,
            "profit_ratio" => Self::ProfitRatio,
            "opened_at" => Self::OpenedAt,
            "closed_at" => Self::ClosedAt,
            "currency" => Self::Currency,
            "fee" => Self::Fee,
            "leverage" => Self::Leverage,
            "exit_reason" => Self::ExitReason,
            "model" => Self::Model,
            "account" => Self::Account,
            "event_id" => Self::EventId,
            _ => return None,
        })
    }

    /// Whether a trade cannot be taken in without it. Of [`Field::ProfitPct`] and [`Field::ProfitRatio`] one is needed, so
    /// neither is required by itself: see [`Field::stands_in_for`].
    #[must_use]
    pub const fn is_required(self) -> bool {
        matches!(
            self,
            Self::TradeId
                | Self::Strategy
                | Self::Symbol
                | Self::Side
                | Self::Quantity
                | Self::EntryPrice
                | Self::Profit
                | Self::OpenedAt
                | Self::ClosedAt
        )
    }

    /// The field that gives the same: one of the two is needed.
    #[must_use]
    pub const fn stands_in_for(self) -> Option<Self> {
        match self {
            Self::ProfitPct => Some(Self::ProfitRatio),
            Self::ProfitRatio => Some(Self::ProfitPct),
            _ => None,
        }
    }

    /// Its place in [`Field::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What a record gave for a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// Nothing: `null` or an empty cell.
    Null,
    /// Text without its quotes.
    Text(Cow<'a, str>),
    /// A number as it was written; never through a float, which would round it.
    Number(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// Something that no field of ours may be.
    Other(&'static str),
}

impl Value<'_> {
    /// The text of a value that can be a part of another.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            Self::Number(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Other(_) => None,
        }
    }

    /// The value as a message shows it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Text(text) => format!("\"{}\"", shortened(text)),
            Self::Number(text) => shortened(text).into_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Other(kind) => (*kind).to_owned(),
        }
    }
}

/// One value a field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots<'a>([Option<Value<'a>>; Field::ALL.len()]);

impl<'a> Slots<'a> {
    /// Keeps the value; answers false when the field had one already.
    pub(crate) fn offer(&mut self, field: Field, value: Value<'a>) -> bool {
        let slot = &mut self.0[field.index()];
        let first = slot.is_none();
        if first {
            *slot = Some(value);
        }
        first
    }

    /// Puts the value in the place of what was there.
    pub(crate) fn set(&mut self, field: Field, value: Value<'a>) {
        self.0[field.index()] = Some(value);
    }

    /// The value of the field, unless it has none.
    pub(crate) fn get(&self, field: Field) -> Option<&Value<'a>> {
        self.0[field.index()].as_ref().filter(|value| **value != Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name_and_place() {
        for (place, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(Field::named(field.name()), Some(field));
            assert_eq!(field.index(), place);
        }
        assert_eq!(Field::named("Profit"), None);
    }

    #[test]
    fn the_first_value_stays_and_null_counts_as_given() {
        let mut slots = Slots::default();
        assert!(slots.offer(Field::Fee, Value::Null));
        assert!(!slots.offer(Field::Fee, Value::Number("1")));
        assert_eq!(slots.get(Field::Fee), None);
    }
}
