//! The indicators with their usual periods, as CSV.

use crate::Failure;
use quant::candles::Candles;
use quant::indicators::{IndicatorError, Line, batch};
use std::io::{self, Write};
use std::ops::Range;

/// Names and lines in the order of the columns.
pub(crate) struct Columns(Vec<(&'static str, Line)>);

impl Columns {
    pub(crate) fn of(candles: &Candles) -> Result<Self, Failure> {
        Self::computed(candles).map_err(|error| Failure::Refused(error.to_string()))
    }

    fn computed(candles: &Candles) -> Result<Self, IndicatorError> {
        let (close, volume) = (candles.close(), candles.volume());
        let macd = batch::macd(close, 12, 26, 9)?;
        let bands = batch::bollinger(close, 20, 2.0)?;
        Ok(Self(vec![
            ("rsi14", batch::rsi(close, 14)?),
            ("macd", macd.macd),
            ("macd_signal", macd.signal),
            ("macd_hist", macd.histogram),
            ("bb_upper", bands.upper),
            ("bb_middle", bands.middle),
            ("bb_lower", bands.lower),
            ("atr14", batch::atr(candles.high(), candles.low(), close, 14)?),
            ("sma20", batch::sma(close, 20)?),
            ("ema20", batch::ema(close, 20)?),
            ("obv", batch::obv(close, volume)?),
            ("vol_sma20", batch::sma(volume, 20)?),
            ("vol_ratio", batch::volume_ratio(volume, 20)?),
        ]))
    }

    /// One row for each bar of the range; a field is empty where there is no value.
    pub(crate) fn write(&self, candles: &Candles, range: Range<usize>, to: &mut dyn Write) -> io::Result<()> {
        let names: Vec<&str> = self.0.iter().map(|(name, _)| *name).collect();
        writeln!(to, "ts_ms,{}", names.join(","))?;
        for bar in range {
            write!(to, "{}", candles.ts_ms()[bar])?;
            for (_, line) in &self.0 {
                match line.at(bar) {
                    Some(value) => write!(to, ",{value}")?,
                    None => write!(to, ",")?,
                }
            }
            writeln!(to)?;
        }
        Ok(())
    }
}
