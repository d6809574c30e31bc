//! A backtest: price with entries and exits, equity, drawdown.

use super::canvas::{Area, BLUE, GREEN, GRID, PictureError, RED, drawing, label, png, span, text};
use crate::backtest::{Book, Market, Trade};
use chrono::DateTime;
use plotters::prelude::*;
use std::ops::Range;

const SIZE: (u32, u32) = (1400, 900);

/// Parts of a line, each drawn from its first, lowest, highest and last value: more than the picture has columns add
/// nothing but time.
const PARTS: usize = 1400;

/// Price with entries (green) and exits (red), equity and drawdown of the run in `book`, as PNG of 1400 × 900.
///
/// # Errors
/// A market without bars, or a book of another market.
pub fn backtest(market: &Market<'_>, book: &Book, title: &str) -> Result<Vec<u8>, PictureError> {
    let range = market.range();
    if range.is_empty() || book.equity().len() != range.len() + 1 {
        return Err(PictureError::Empty);
    }
    let times = &market.candles().ts_ms()[range.clone()];
    let days = times[0]..times[times.len() - 1] + market.candles().timeframe_ms();
    let line = |values: &[f64]| thinned(times, values);
    let price = Panel { name: "price", line: line(&market.candles().close()[range]), filled: false };
    let equity = Panel { name: "equity", line: line(&book.equity()[1..]), filled: false };
    let drawdown = Panel { name: "drawdown, %", line: line(&drawdowns(book.equity())), filled: true };
    png(SIZE, |canvas| {
        let canvas = canvas.titled(title, text(24)).map_err(drawing)?;
        let (upper, lower) = canvas.split_vertically(640);
        let (top, middle) = upper.split_vertically(370);
        price.draw(&top, days.clone(), book.trades())?;
        equity.draw(&middle, days.clone(), &[])?;
        drawdown.draw(&lower, days, &[])
    })
}

/// A line over time with its name.
struct Panel {
    name: &'static str,
    line: Vec<(i64, f64)>,
    /// Whether the area between the line and 0 is filled.
    filled: bool,
}

impl Panel {
    fn draw(&self, area: &Area<'_>, days: Range<i64>, trades: &[Trade]) -> Result<(), PictureError> {
        let values = span(self.line.iter().map(|point| point.1));
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(26)
            .y_label_area_size(80)
            .build_cartesian_2d(days, values)
            .map_err(drawing)?;
        let day = |ts: &i64| {
            DateTime::from_timestamp_millis(*ts)
                .map_or_else(String::new, |at| at.format("%Y-%m-%d").to_string())
        };
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(GRID)
            .x_label_formatter(&day)
            .y_label_formatter(&label)
            .y_desc(self.name)
            .x_labels(8)
            .label_style(text(15))
            .axis_desc_style(text(16))
            .draw()
            .map_err(drawing)?;
        let line = self.line.iter().copied();
        if self.filled {
            let area = AreaSeries::new(line, 0.0, RED.mix(0.3)).border_style(RED);
            chart.draw_series(area).map_err(drawing)?;
        } else {
            chart.draw_series(LineSeries::new(line, &BLUE)).map_err(drawing)?;
        }
        let mark = |at: (i64, f64), colour: RGBColor| Circle::new(at, 3, colour.filled());
        let marks = trades.iter().flat_map(|trade| {
            [mark((trade.entry_ms, trade.entry_price), GREEN), mark((trade.exit_ms, trade.exit_price), RED)]
        });
        chart.draw_series(marks).map_err(drawing)?;
        Ok(())
    }
}

/// E / highest E so far − 1 in percent, without the starting capital's own row.
fn drawdowns(equity: &[f64]) -> Vec<f64> {
    let mut peak = equity[0].max(f64::MIN_POSITIVE);
    let falls = equity[1..].iter().map(|&value| {
        peak = peak.max(value);
        (value / peak - 1.0) * 100.0
    });
    falls.collect()
}

/// The line with the same look: of each part the first, lowest, highest and last point.
pub(super) fn thinned(times: &[i64], values: &[f64]) -> Vec<(i64, f64)> {
    let part = values.len().div_ceil(PARTS).max(1);
    let mut points = Vec::with_capacity(4 * PARTS);
    for (times, values) in times.chunks(part).zip(values.chunks(part)) {
        let by_value = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]);
        let lowest = (0..values.len()).min_by(by_value).unwrap_or_default();
        let highest = (0..values.len()).max_by(by_value).unwrap_or_default();
        let mut kept = [0, lowest, highest, values.len() - 1];
        kept.sort_unstable();
        points.extend(kept.iter().map(|&i| (times[i], values[i])));
    }
    points.dedup();
    points
}
