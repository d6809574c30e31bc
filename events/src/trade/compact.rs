//! The compact form of a closed trade, version 1. It is frozen: what was written so is read so for ever.
//!
//! ```text
//! u16      little-endian; bit 0: short, 1: exit price, 2: currency, 3: fee, 4: leverage, 5: exit reason, 6: model,
//!          7: account, 8: the bot's id of the report, 9: rounded fields, 10: ignored fields; bits 11 and 12: unit of the
//!          times (0: microseconds, 1: milliseconds, 2: seconds); bits 13 to 15 are 0
//! text     trade id, strategy, symbol
//! decimal  quantity, entry price, profit, profit in percent
//! signed   closed at, in units since 1970; closed at − opened at, in units
//! decimal  exit price, fee, leverage, each where its bit says so
//! text     currency, exit reason, model, account, the bot's id of the report, each where its bit says so
//! number   of rounded fields, then each as a text, where the bit says so
//! number   of ignored fields, then of each its name and the reason as texts, where the bit says so
//! ```
//!
//! A new optional field takes one of the free bits and stands at the end; a new shape is a new version with a form of its own.

use crate::{
    Decimal, IgnoredField, Side, Timestamp, TradeClosed,
    compact::{Fields, Misfit, put_decimal, put_text},
    varint,
};

const SHORT: u16 = 1;
const EXIT_PRICE: u16 = 1 << 1;
const CURRENCY: u16 = 1 << 2;
const FEE: u16 = 1 << 3;
const LEVERAGE: u16 = 1 << 4;
const EXIT_REASON: u16 = 1 << 5;
const MODEL: u16 = 1 << 6;
const ACCOUNT: u16 = 1 << 7;
const SOURCE_EVENT_ID: u16 = 1 << 8;
const ROUNDED: u16 = 1 << 9;
const IGNORED: u16 = 1 << 10;
const UNIT: u16 = 11;
const KNOWN: u16 = (1 << 13) - 1;

/// Microseconds of each unit of time.
const UNITS: [i64; 3] = [1, 1_000, 1_000_000];

/// The years that have a form as text: what cannot be shown is not stored.
const SHOWN: std::ops::RangeInclusive<i64> = -62_167_219_200_000_000..=253_402_300_799_999_999;

/// The compact form; nothing where a value does not fit it.
pub(super) fn encode(trade: &TradeClosed) -> Option<Vec<u8>> {
    // Every field is named, so that none is forgotten.
    let TradeClosed {
        trade_id,
        strategy,
        symbol,
        side,
        quantity,
        entry_price,
        exit_price,
        profit,
        profit_pct,
        opened_at,
        closed_at,
        currency,
        fee,
        leverage,
        exit_reason,
        model,
        account,
        source_event_id,
        rounded,
        ignored,
    } = trade;
    let (opened, closed) = (opened_at.micros(), closed_at.micros());
    if !SHOWN.contains(&opened) || !SHOWN.contains(&closed) {
        return None;
    }
    let whole = |unit: &i64| opened % unit == 0 && closed % unit == 0;
    let unit = UNITS.iter().rposition(whole)?;
    let texts = [currency, exit_reason, model, account, source_event_id];
    let mut bits = (unit as u16) << UNIT;
    let mut set = |bit: u16, is_there: bool| bits |= if is_there { bit } else { 0 };
    set(SHORT, *side == Side::Short);
    set(ROUNDED, !rounded.is_empty());
    set(IGNORED, !ignored.is_empty());
    for (bit, value) in [EXIT_PRICE, FEE, LEVERAGE].into_iter().zip([exit_price, fee, leverage]) {
        set(bit, value.is_some());
    }
    for (bit, text) in [CURRENCY, EXIT_REASON, MODEL, ACCOUNT, SOURCE_EVENT_ID].into_iter().zip(texts) {
        set(bit, text.is_some());
    }
    let mut out = Vec::with_capacity(USUAL_BYTES);
    out.extend_from_slice(&bits.to_le_bytes());
    [trade_id, strategy, symbol].into_iter().for_each(|text| put_text(&mut out, text));
    for value in [quantity, entry_price, profit, profit_pct] {
        put_decimal(&mut out, value)?;
    }
    varint::put_signed(&mut out, closed / UNITS[unit]);
    varint::put_signed(&mut out, (closed - opened) / UNITS[unit]);
    for value in [exit_price, fee, leverage].into_iter().flatten() {
        put_decimal(&mut out, value)?;
    }
    texts.into_iter().flatten().for_each(|text| put_text(&mut out, text));
    put_lists(&mut out, rounded, ignored);
    Some(out)
}

/// Bytes that most trades fit in.
const USUAL_BYTES: usize = 192;

fn put_lists(out: &mut Vec<u8>, rounded: &[String], ignored: &[IgnoredField]) {
    if !rounded.is_empty() {
        varint::put(out, rounded.len() as u64);
        rounded.iter().for_each(|field| put_text(out, field));
    }
    if !ignored.is_empty() {
        varint::put(out, ignored.len() as u64);
        for IgnoredField { field, reason } in ignored {
            put_text(out, field);
            put_text(out, reason);
        }
    }
}

/// Reads the compact form.
pub(super) fn decode(bytes: &[u8]) -> Result<TradeClosed, Misfit> {
    let Some((bits, rest)) = bytes.split_first_chunk() else {
        return Err(Misfit { field: "", what: "the bytes end before the first field" });
    };
    let bits = u16::from_le_bytes(*bits);
    let unit = UNITS.get(usize::from(bits >> UNIT)).filter(|_| bits & !KNOWN == 0);
    let unit = *unit.ok_or(Misfit { field: "", what: "fields that are not known here" })?;
    let has = |bit| bits & bit != 0;
    let mut fields = Fields::of(rest);
    let (trade_id, strategy, symbol) =
        (fields.text("trade_id")?, fields.text("strategy")?, fields.text("symbol")?);
    let (quantity, entry_price) = (fields.decimal("quantity")?, fields.decimal("entry_price")?);
    let (profit, profit_pct) = (fields.decimal("profit")?, fields.decimal("profit_pct")?);
    let (opened_at, closed_at) = times(&mut fields, unit)?;
    let mut decimal = |bit, name| has(bit).then(|| fields.decimal(name)).transpose();
    let exit_price: Option<Decimal> = decimal(EXIT_PRICE, "exit_price")?;
    let (fee, leverage) = (decimal(FEE, "fee")?, decimal(LEVERAGE, "leverage")?);
    let mut text = |bit, name| has(bit).then(|| fields.text(name)).transpose();
    let (currency, exit_reason) = (text(CURRENCY, "currency")?, text(EXIT_REASON, "exit_reason")?);
    let (model, account) = (text(MODEL, "model")?, text(ACCOUNT, "account")?);
    let source_event_id = text(SOURCE_EVENT_ID, "source_event_id")?;
    let rounded = if has(ROUNDED) { rounded(&mut fields)? } else { Vec::new() };
    let ignored = if has(IGNORED) { ignored(&mut fields)? } else { Vec::new() };
    fields.end()?;
    Ok(TradeClosed {
        trade_id,
        strategy,
        symbol,
        side: if has(SHORT) { Side::Short } else { Side::Long },
        quantity,
        entry_price,
        exit_price,
        profit,
        profit_pct,
        opened_at,
        closed_at,
        currency,
        fee,
        leverage,
        exit_reason,
        model,
        account,
        source_event_id,
        rounded,
        ignored,
    })
}

fn times(fields: &mut Fields<'_>, unit: i64) -> Result<(Timestamp, Timestamp), Misfit> {
    let (closed, lasted) = (fields.signed("closed_at")?, fields.signed("opened_at")?);
    let shown = |units: Option<i64>, field| {
        let micros = units.and_then(|units| units.checked_mul(unit)).filter(|micros| SHOWN.contains(micros));
        micros.map(Timestamp::from_micros).ok_or(Misfit { field, what: "the year is outside 0000-9999" })
    };
    Ok((shown(closed.checked_sub(lasted), "opened_at")?, shown(Some(closed), "closed_at")?))
}

/// As many as there are: the number alone makes no room.
fn rounded(fields: &mut Fields<'_>) -> Result<Vec<String>, Misfit> {
    let count = fields.number("rounded")?;
    (0..count).map(|_| fields.text("rounded")).collect()
}

fn ignored(fields: &mut Fields<'_>) -> Result<Vec<IgnoredField>, Misfit> {
    let count = fields.number("ignored")?;
    let mut next = || Ok(IgnoredField { field: fields.text("ignored")?, reason: fields.text("ignored")? });
    (0..count).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Codec, Event};
    use proptest::prelude::*;

    fn any_decimal() -> impl Strategy<Value = Decimal> {
        (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>(), 0_u32..=28, 0_u8..4).prop_map(
            |(low, mid, high, negative, scale, size)| match size {
                0 => Decimal::from_parts(low % 1000, 0, 0, negative, scale % 4),
                1 => Decimal::from_parts(low, 0, 0, negative, scale),
                2 => Decimal::from_parts(low, mid, 0, negative, scale),
                _ => Decimal::from_parts(low, mid, high, negative, scale),
            },
        )
    }

    fn any_time() -> impl Strategy<Value = Timestamp> {
        let micros = prop_oneof![
            SHOWN,
            (0_i64..2_000_000_000).prop_map(|s| s * 1_000_000),
            (0_i64..2_000_000_000_000).prop_map(|ms| ms * 1_000),
            any::<i64>(),
            Just(*SHOWN.start()),
            Just(*SHOWN.end()),
        ];
        micros.prop_map(Timestamp::from_micros)
    }

    prop_compose! {
        fn any_trade()(
            (trade_id, strategy, symbol) in ("\\PC{0,20}", "\\PC{1,200}", "[A-Z]{3}/[A-Z]{4}"),
            short: bool,
            (quantity, entry_price, profit, profit_pct) in (any_decimal(), any_decimal(), any_decimal(), any_decimal()),
            (opened_at, closed_at) in (any_time(), any_time()),
            exit_price in proptest::option::of(any_decimal()),
            (fee, leverage) in (proptest::option::of(any_decimal()), proptest::option::of(any_decimal())),
            (currency, exit_reason, model, account, source_event_id) in (
                proptest::option::of("\\PC{0,5}"), proptest::option::of("\\PC{0,99}"), proptest::option::of("\\PC{0,9}"),
                proptest::option::of("\\PC{0,9}"),
                proptest::option::of("\\PC{0,9}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
            ),
            rounded in proptest::collection::vec("[a-z_]{0,9}", 0..3),
            ignored in proptest::collection::vec(("[a-z_]{0,9}", "\\PC{0,30}"), 0..3),
        ) -> TradeClosed {
            let ignored = ignored.into_iter().map(|(field, reason)| IgnoredField { field, reason }).collect();
            TradeClosed {
                trade_id, strategy, symbol, side: if short { Side::Short } else { Side::Long }, quantity, entry_price,
                exit_price, profit, profit_pct, opened_at, closed_at, currency, fee, leverage, exit_reason, model, account,
                source_event_id, rounded, ignored,
            }
        }
    }

    fn json(event: &Event) -> String {
        String::from_utf8(event.to_json().unwrap()).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_as_from_json(trade in any_trade()) {
            let event = Event::TradeClosed(trade);
            match (event.to_stored(), event.to_json()) {
                (Err(_), Err(_)) => {}
                (Ok((codec, stored)), Ok(fields)) => {
                    let read = Event::from_stored("TradeClosed", 1, codec, &stored);
                    match Event::from_json("TradeClosed", 1, &fields) {
                        Ok(plain) => {
                            let read = read.unwrap();
                            prop_assert_eq!(json(&read), json(&plain));
                            prop_assert_eq!(read, plain);
                        }
                        // More digits than are read: as before there was this form.
                        Err(_) => prop_assert!(codec == Codec::Json && read.is_err()),
                    }
                }
                (stored, json) => prop_assert!(false, "{stored:?}, {json:?}"),
            }
        }

        #[test]
        fn nearly_all_trades_have_the_form(trade in any_trade()) {
            let long = |value: &Decimal| value.mantissa().unsigned_abs() >= 10_u128.pow(28);
            let decimals = [trade.quantity, trade.entry_price, trade.profit, trade.profit_pct].into_iter()
                .chain([trade.exit_price, trade.fee, trade.leverage].into_iter().flatten());
            let fits = [trade.opened_at, trade.closed_at].iter().all(|time| SHOWN.contains(&time.micros()));
            let fits = fits && !decimals.into_iter().any(|value| long(&value));
            prop_assert_eq!(encode(&trade).is_some(), fits);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(trade) = decode(&bytes) {
                prop_assert!(Event::TradeClosed(trade).to_json().is_ok());
            }
        }

        #[test]
        fn any_change_of_bytes_is_read_or_refused(trade in any_trade(), at: prop::sample::Index, byte: u8, cut: bool) {
            let Some(mut bytes) = encode(&trade) else { return Ok(()) };
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if cut {
                bytes.truncate(at);
                prop_assert!(decode(&bytes).is_err());
            } else if let Ok(trade) = decode(&bytes) {
                // Whatever is read can be shown and stored again.
                let event = Event::TradeClosed(trade);
                prop_assert!(event.to_json().is_ok() && matches!(event.to_stored(), Ok((Codec::Compact, _))));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        let event =
            Event::TradeClosed(crate::test_support::trade("rsi", "1", Decimal::TEN, Timestamp::default()));
        let (codec, stored) = event.to_stored().unwrap();
        assert_eq!(codec, Codec::Compact);
        let told = |version, bytes: &[u8]| {
            Event::from_stored("TradeClosed", version, codec, bytes).unwrap_err().to_string()
        };
        let cut = told(1, &stored[..10]);
        assert!(cut.contains("TradeClosed version 1, field symbol: the bytes end within it"), "{cut}");
        let longer = told(1, &[&stored[..], &[0]].concat());
        assert!(longer.contains("something follows the last field"), "{longer}");
        let unknown = told(1, &[&[0, 0x80], &stored[2..]].concat());
        assert!(unknown.contains("fields that are not known here"), "{unknown}");
        assert!(told(2, &stored).contains("was written by a newer tradewarden"));
        let other = Event::from_stored("IngestAdvanced", 1, codec, &stored).unwrap_err().to_string();
        assert!(other.contains("this type has no compact form"), "{other}");
    }
}
