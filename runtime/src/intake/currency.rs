//! The currency of a trade's profit, where the record does not name it: the quote part of the symbol.

/// Quote currencies that are recognised without a slash: after `-` or `_` (`BTC-USD`, `BTC-USDT-SWAP`), or at the
/// end (`BTCUSDT`). The longest that fits counts.
///
/// What they cannot tell apart (`BNBUSD` is BNB in USD on one exchange, BN in BUSD by its letters) is settled by the
/// `currency` field or a mapping `currency==USD`.
const QUOTES: [&str; 14] =
    ["FDUSD", "USDT", "USDC", "BUSD", "USD", "EUR", "GBP", "JPY", "TRY", "BRL", "AUD", "BTC", "ETH", "BNB"];

/// The quote part of a symbol: `BTC/USDT`, `BTC/USDT:USDT`, `BTC-USD`, `BTC_USD`, `BTCUSDT`.
pub fn quote_of(symbol: &str) -> Option<&str> {
    if let Some((_, quote)) = symbol.split_once('/') {
        let end = quote.find([':', '-', '_']).unwrap_or(quote.len());
        return Some(&quote[..end]).filter(|quote| !quote.is_empty());
    }
    if let Some((_, rest)) = symbol.split_once(['-', '_']) {
        let end = rest.find(['-', '_', ':']).unwrap_or(rest.len());
        return Some(&rest[..end]).filter(|quote| QUOTES.contains(quote));
    }
    let quote = QUOTES.into_iter().find(|quote| symbol.len() > quote.len() + 1 && symbol.ends_with(quote))?;
    symbol.get(symbol.len() - quote.len()..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quote_is_read_from_every_usual_form() {
        for (symbol, quote) in [
            ("BTC/USDT", Some("USDT")),
            ("BTC/USDT:USDT", Some("USDT")),
            ("ETH/BTC", Some("BTC")),
            ("BTC/USD:BTC-250328", Some("USD")),
            ("BTC-USD", Some("USD")),
            ("BTC-USDT-SWAP", Some("USDT")),
            ("BTC_EUR", Some("EUR")),
            ("BTCUSDT", Some("USDT")),
            ("BTCFDUSD", Some("FDUSD")),
            ("1INCHBTC", Some("BTC")),
        ] {
            assert_eq!(quote_of(symbol), quote, "{symbol}");
        }
    }

    #[test]
    fn nothing_is_guessed_where_the_symbol_does_not_say() {
        for symbol in ["AAPL", "USDT", "XUSD", "BTC-PERP", "BTC-28MAR25", "BTC/", "", "é"] {
            assert_eq!(quote_of(symbol), None, "{symbol}");
        }
    }
}
