//! The currency of a trade's profit, where the record does not name it: the quote part of the symbol.

/// Fiat money. Not RON, which is a coin's symbol more often.
const FIAT: [&str; 37] = [
    "USD", "EUR", "GBP", "JPY", "KRW", "TRY", "BRL", "AUD", "CAD", "CHF", "CNY", "CNH", "INR", "IDR", "THB",
    "VND", "PHP", "MXN", "ARS", "ZAR", "NGN", "UAH", "PLN", "RUB", "SGD", "HKD", "NZD", "SEK", "NOK", "DKK",
    "CZK", "HUF", "ILS", "AED", "KZT", "TWD", "COP",
];
/// What is made to be worth as much as fiat money.
const STABLE: [&str; 16] = [
    "USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USDP", "DAI", "USDE", "PYUSD", "USDD", "GUSD", "RLUSD", "USDS",
    "EURC", "EURI", "EURT",
];
/// Coins that others are quoted in, the usual one first.
const COINS: [&str; 3] = ["BTC", "ETH", "BNB"];

/// The currency of that name, written as usual, and its rank: of two in a symbol the one that comes first here.
fn known(name: &str) -> Option<(usize, &'static str)> {
    let find =
        |names: &[&'static str]| names.iter().copied().position(|known| known.eq_ignore_ascii_case(name));
    let fiat = find(&FIAT).map(|at| (0, FIAT[at]));
    let stable = || find(&STABLE).map(|at| (1, STABLE[at]));
    let coin = || find(&COINS).map(|at| (2 + at, COINS[at]));
    fiat.or_else(stable).or_else(coin)
}

/// The quote part of a symbol: `BTC/USDT`, `BTC/USDT:USDT`, `BTC-USD`, `KRW-BTC`, `BTC_USD`, `BTCUSDT`.
///
/// What letters cannot tell is settled by the `currency` field or a mapping `currency==USD`.
pub fn quote_of(symbol: &str) -> Option<&str> {
    if let Some((_, quote)) = symbol.split_once('/') {
        let end = quote.find([':', '-', '_']).unwrap_or(quote.len());
        let quote = quote[..end].trim();
        let usual = known(quote).map_or(quote, |(_, usual)| usual);
        return Some(usual).filter(|quote| !quote.is_empty());
    }
    if symbol.contains(['-', '_']) {
        // Of two of one rank the later one: that is where most write the quote.
        let parts = symbol.split(['-', '_', ':']).filter_map(known);
        return parts.rev().min_by_key(|(rank, _)| *rank).map(|(_, quote)| quote);
    }
    at_the_end(symbol)
}

/// A known currency at the end, behind a name of at least two letters.
fn at_the_end(symbol: &str) -> Option<&'static str> {
    let all = STABLE.into_iter().chain(FIAT).chain(COINS);
    let ends = all.filter_map(|quote| {
        let at = symbol.len().checked_sub(quote.len()).filter(|at| *at > 1)?;
        let (base, end) = (symbol.get(..at)?, symbol.get(at..)?);
        end.eq_ignore_ascii_case(quote).then_some((base, quote))
    });
    // BNBUSD is BNB in USD, BTCBUSD is BTC in BUSD; where the rest does not tell, the longest.
    ends.max_by_key(|(base, quote)| (known(base).is_some(), quote.len())).map(|(_, quote)| quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quote_is_read_from_every_usual_form() {
        for (symbol, quote) in [
            ("BTC/USDT", "USDT"),
            ("BTC/USDT:USDT", "USDT"),
            ("eth/btc", "BTC"),
            ("PEPE/WIF", "WIF"),
            ("BTC/USD:BTC-250328", "USD"),
            ("BTC-USD", "USD"),
            ("BTC-USDT-SWAP", "USDT"),
            ("BTC_EUR", "EUR"),
            ("BTCUSDT", "USDT"),
            ("btcusdt", "USDT"),
            ("BTCFDUSD", "FDUSD"),
            ("BTCBUSD", "BUSD"),
            ("BNBUSD", "USD"),
            ("1INCHBTC", "BTC"),
            ("EURUSD", "USD"),
            ("USDJPY", "JPY"),
        ] {
            assert_eq!(quote_of(symbol), Some(quote), "{symbol}");
        }
    }

    #[test]
    fn of_two_known_ones_the_one_that_is_more_like_money_is_the_quote() {
        for (symbol, quote) in [
            ("KRW-BTC", "KRW"),
            ("BTC-KRW", "KRW"),
            ("USDT-BTC", "USDT"),
            ("BTC-ETH", "BTC"),
            ("BNB-ETH", "ETH"),
            ("KRW-USDT", "KRW"),
            ("EUR-USD", "USD"),
            ("USDC-USDT", "USDT"),
            ("WIF-USDC", "USDC"),
        ] {
            assert_eq!(quote_of(symbol), Some(quote), "{symbol}");
        }
    }

    #[test]
    fn nothing_is_guessed_where_the_symbol_does_not_say() {
        for symbol in
            ["AAPL", "AGQ", "USDT", "XUSD", "SOL", "SOL-PERP", "SOL-28MAR25", "BTC/", "", "é", "ééUSDé"]
        {
            assert_eq!(quote_of(symbol), None, "{symbol}");
        }
    }

    #[test]
    fn no_currency_is_listed_twice() {
        let mut all: Vec<_> = FIAT.into_iter().chain(STABLE).chain(COINS).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
