//! How the score depends on each parameter.

use super::canvas::{Area, BLUE, GRID, PictureError, drawing, label, png, span, text};
use crate::optimise::Sensitivity;
use plotters::prelude::*;

const WIDTH: u32 = 1200;
const HEIGHT_EACH: u32 = 320;
const TITLE_HEIGHT: u32 = 40;

/// For each parameter the mean score at its values (line) between the smallest and the largest (band), as PNG.
///
/// # Errors
/// No parameter with a score.
pub fn sensitivity(parameters: &[Sensitivity], score: &str, title: &str) -> Result<Vec<u8>, PictureError> {
    let drawn: Vec<_> = parameters.iter().filter(|parameter| !parameter.levels.is_empty()).collect();
    if drawn.is_empty() {
        return Err(PictureError::Empty);
    }
    let height = HEIGHT_EACH * drawn.len() as u32 + TITLE_HEIGHT;
    png((WIDTH, height), |canvas| {
        let canvas = canvas.titled(title, text(22)).map_err(drawing)?;
        let parts = canvas.split_evenly((drawn.len(), 1));
        parts.iter().zip(drawn).try_for_each(|(part, parameter)| panel(part, parameter, score))
    })
}

fn panel(area: &Area<'_>, parameter: &Sensitivity, score: &str) -> Result<(), PictureError> {
    let levels = &parameter.levels;
    let scores = span(levels.iter().flat_map(|level| [level.best, level.worst]));
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(44)
        .y_label_area_size(80)
        .build_cartesian_2d(span(levels.iter().map(|level| level.value)), scores)
        .map_err(drawing)?;
    let explained =
        parameter.explained.map_or_else(String::new, |part| format!(" (explains {:.0} %)", part * 100.0));
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(GRID)
        .x_label_formatter(&label)
        .y_label_formatter(&label)
        .x_desc(format!("{}{explained}", parameter.parameter))
        .y_desc(score)
        .label_style(text(15))
        .axis_desc_style(text(16))
        .draw()
        .map_err(drawing)?;
    let best = levels.iter().map(|level| (level.value, level.best));
    let worst = levels.iter().rev().map(|level| (level.value, level.worst));
    let band = Polygon::new(best.chain(worst).collect::<Vec<_>>(), BLUE.mix(0.15));
    chart.draw_series(std::iter::once(band)).map_err(drawing)?;
    let means: Vec<_> = levels.iter().map(|level| (level.value, level.mean)).collect();
    chart.draw_series(LineSeries::new(means.clone(), BLUE.stroke_width(2))).map_err(drawing)?;
    chart.draw_series(means.into_iter().map(|at| Circle::new(at, 3, BLUE.filled()))).map_err(drawing)?;
    Ok(())
}
