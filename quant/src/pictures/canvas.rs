//! A white canvas in memory, its font and its encoding.

use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};
use std::error::Error;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// There is nothing to draw.
    #[error("there is nothing to draw")]
    Empty,
    /// The drawing failed.
    #[error("the picture could not be drawn: {0}")]
    Drawing(Box<dyn Error + Send + Sync>),
    /// The encoding failed.
    #[error("the picture could not be encoded: {0}")]
    Encoding(#[from] png::EncodingError),
}

/// The only font, which comes with the crate: a server may have none.
pub(super) const FONT: &str = "DejaVu Sans";

const FONT_FILE: &[u8] = include_bytes!("../../assets/DejaVuSans-latin.ttf");

pub(super) const INK: RGBColor = RGBColor(40, 44, 52);
pub(super) const GRID: RGBColor = RGBColor(225, 228, 232);
pub(super) const BLUE: RGBColor = RGBColor(31, 98, 163);
pub(super) const GREEN: RGBColor = RGBColor(26, 127, 75);
pub(super) const RED: RGBColor = RGBColor(190, 45, 45);

/// A part of a canvas to draw on.
pub(super) type Area<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;

/// Draws on a white canvas and encodes it as PNG.
pub(super) fn png(
    (width, height): (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Result<(), PictureError>,
) -> Result<Vec<u8>, PictureError> {
    // Registering the same bytes under the same name again changes nothing.
    register_font(FONT, FontStyle::Normal, FONT_FILE).map_err(|_| drawing("the font is damaged"))?;
    let mut pixels = vec![255; width as usize * height as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        draw(&area)?;
        area.present().map_err(drawing)?;
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(bytes)
}

pub(super) fn drawing(error: impl Into<Box<dyn Error + Send + Sync>>) -> PictureError {
    PictureError::Drawing(error.into())
}

pub(super) fn text(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK)
}

/// Smallest and largest value with a little room, also where all values are the same.
pub(super) fn span(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return 0.0..1.0;
    }
    let room = if high > low { (high - low) * 0.05 } else { high.abs().max(1.0) * 0.05 };
    low - room..high + room
}

/// A number as short as it can be read on an axis.
pub(super) fn label(value: &f64) -> String {
    let size = value.abs();
    let (text, unit) = match size {
        _ if size >= 1e6 => (format!("{:.2}", value / 1e6), "M"),
        _ if size >= 1e4 => (format!("{:.1}", value / 1e3), "k"),
        _ if size >= 1e-3 => (format!("{value:.3}"), ""),
        _ if size == 0.0 => return "0".to_owned(),
        _ => return format!("{value:.1e}"),
    };
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}
