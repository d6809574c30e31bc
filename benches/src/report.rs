//! The table.

/// Measurements by name; each holds one value a run.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

struct Row {
    what: &'static str,
    unit: &'static str,
    goal: &'static str,
    values: Vec<f64>,
}

impl Report {
    /// One more value of a figure.
    pub(crate) fn add(&mut self, what: &'static str, unit: &'static str, goal: &'static str, value: f64) {
        match self.rows.iter_mut().find(|row| row.what == what) {
            Some(row) => row.values.push(value),
            None => self.rows.push(Row { what, unit, goal, values: vec![value] }),
        }
        eprintln!("{what}: {value:.3} {unit}");
    }

    /// Prints minimum, median and maximum of each figure.
    pub(crate) fn print(&self) {
        println!("| figure | unit | goal | min | median | max | runs |\n|---|---|---|---|---|---|---|");
        for Row { what, unit, goal, values } in &self.rows {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
            println!(
                "| {what} | {unit} | {goal} | {min:.3} | {:.3} | {max:.3} | {} |",
                middle(&sorted),
                sorted.len()
            );
        }
    }
}

/// The median of sorted values.
pub(crate) fn middle(sorted: &[f64]) -> f64 {
    percentile(sorted, 0.5)
}

/// A percentile of sorted values, by the nearest rank.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}
