//! Files that the program writes.

use crate::Failure;
use quant::backtest::{Book, Market, Side};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes a file and says where it could not be written.
pub(crate) fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let written = File::create(path).and_then(|file| {
        let mut file = BufWriter::new(file);
        fill(&mut file)?;
        file.flush()
    });
    written.map_err(|error| Failure::Refused(format!("{}: {error}", path.display())))
}

/// Closed trades; the quantity of a short one is below 0, `ret` is a fraction of the capital put in.
pub(crate) fn trades(book: &Book, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "entry_bar_ts,exit_bar_ts,entry_price,exit_price,quantity,fees,pnl,ret")?;
    for trade in book.trades() {
        let quantity = if trade.side == Side::Short { -trade.quantity } else { trade.quantity };
        let (entry, exit) = (trade.entry_bar_ms, trade.exit_bar_ms);
        let (bought, sold) = (trade.entry_price, trade.exit_price);
        let result = trade.profit_pct / 100.0;
        writeln!(to, "{entry},{exit},{bought},{sold},{quantity},{},{},{result}", trade.fees, trade.profit)?;
    }
    Ok(())
}

/// The starting capital at the first opening, then the equity at each close.
pub(crate) fn equity(market: &Market<'_>, book: &Book, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "ts_ms,equity")?;
    let times = &market.candles().ts_ms()[market.range()];
    let closes = times.iter().map(|ts| ts + market.candles().timeframe_ms());
    for (ts, equity) in times.iter().copied().take(1).chain(closes).zip(book.equity()) {
        writeln!(to, "{ts},{equity}")?;
    }
    Ok(())
}

/// Pictures as bytes, or why there are none.
#[cfg(feature = "pictures")]
pub(crate) fn picture(
    path: &Path,
    drawn: Result<Vec<u8>, quant::pictures::PictureError>,
) -> Result<(), Failure> {
    let bytes = drawn.map_err(|error| Failure::Refused(error.to_string()))?;
    write(path, |file| file.write_all(&bytes))
}

/// This build draws nothing.
#[cfg(not(feature = "pictures"))]
pub fn no_pictures() -> Failure {
    Failure::Use("this build draws no pictures; build it with --features pictures".to_owned())
}
