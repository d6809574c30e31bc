//! Closed trades, as the bot reports them.

mod compact;

use serde::{Deserialize, Serialize};

use crate::{Event, Family, Timestamp, compact::Misfit, decimal, decimal::Decimal, payload::Payload};

/// Which way a trade bet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Gains when the price rises.
    Long,
    /// Gains when the price falls.
    Short,
}

/// How a trade ended. `profit` alone decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Profit above 0.
    Won,
    /// Profit below 0.
    Lost,
    /// Profit exactly 0.
    Drawn,
}

/// A trade was closed. Nothing is cross-checked between profit, percent and prices: bots disagree with themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TradeClosed {
    /// Unique within the strategy.
    pub trade_id: String,
    /// Who traded.
    pub strategy: String,
    /// What was traded, as the bot names it.
    pub symbol: String,
    /// Long or short.
    pub side: Side,
    /// In base units, above 0.
    #[serde(with = "decimal::text")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DecimalText"))]
    pub quantity: Decimal,
    /// In quote currency, above 0.
    #[serde(with = "decimal::text")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DecimalText"))]
    pub entry_price: Decimal,
    /// In quote currency, not below 0: an option or an outcome can end at nothing. Some bots do not know it.
    #[serde(default, with = "decimal::option_text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::DecimalText>"))]
    pub exit_price: Option<Decimal>,
    /// Net of fees, in `currency`.
    #[serde(with = "decimal::text")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DecimalText"))]
    pub profit: Decimal,
    /// Net profit in percent of the capital put in: 2.5 means 2.5 %.
    #[serde(with = "decimal::text")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DecimalText"))]
    pub profit_pct: Decimal,
    /// When the position was opened.
    pub opened_at: Timestamp,
    /// When it was closed; never before `opened_at`.
    pub closed_at: Timestamp,
    /// Of `profit` and `fee`: as reported, else the quote part of the symbol, else the default if one is configured,
    /// else unknown.
    #[serde(default)]
    pub currency: Option<String>,
    /// Fees paid, already taken off `profit`.
    #[serde(default, with = "decimal::option_text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::DecimalText>"))]
    pub fee: Option<Decimal>,
    /// As reported.
    #[serde(default, with = "decimal::option_text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::DecimalText>"))]
    pub leverage: Option<Decimal>,
    /// As reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_reason: Option<String>,
    /// The model that predicted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// As reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The bot's own id of the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_event_id: Option<String>,
    /// The fields whose numbers had more digits than are kept: rounded half to even at 28 significant digits and 28
    /// decimal places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rounded: Vec<String>,
    /// The optional fields that were given and left out, as they held no such value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<IgnoredField>,
}

impl Payload for TradeClosed {
    const TYPE: &str = "TradeClosed";
    const FAMILY: Family = Family::Trade;
    const WRAP: fn(Self) -> Event = Event::TradeClosed;

    fn strategy(&self) -> Option<&str> {
        Some(&self.strategy)
    }

    fn to_compact(&self) -> Option<Vec<u8>> {
        compact::encode(self)
    }

    fn from_compact(fields: &[u8]) -> Result<Self, Misfit> {
        compact::decode(fields)
    }
}

/// An optional field that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IgnoredField {
    /// Its name.
    pub field: String,
    /// What it held, and what it must be.
    pub reason: String,
}

impl TradeClosed {
    /// Won, lost or drawn, by the sign of `profit`.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.profit.cmp(&Decimal::ZERO) {
            std::cmp::Ordering::Greater => Outcome::Won,
            std::cmp::Ordering::Less => Outcome::Lost,
            std::cmp::Ordering::Equal => Outcome::Drawn,
        }
    }

    /// Whether both reports tell the same trade: every required field equal by value.
    #[must_use]
    pub fn same_trade(&self, other: &Self) -> bool {
        self.trade_id == other.trade_id
            && self.strategy == other.strategy
            && self.symbol == other.symbol
            && self.side == other.side
            && self.quantity == other.quantity
            && self.entry_price == other.entry_price
            && self.profit == other.profit
            && self.profit_pct == other.profit_pct
            && self.opened_at == other.opened_at
            && self.closed_at == other.closed_at
    }
}
