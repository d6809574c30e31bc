//! The tables: what was measured of whom, beside the goals.

/// What is measured.
#[derive(Debug)]
pub(crate) struct Figure {
    /// Its name, the same in every run.
    pub(crate) name: &'static str,
    /// Its unit; empty for a ratio.
    pub(crate) unit: &'static str,
    /// Decimal places that tell something.
    pub(crate) places: usize,
    /// What tradewarden's median has to be.
    pub(crate) goal: Goal,
}

/// What a median has to be; the second number is what would be better still.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// It is told for comparison.
    None,
    /// Not smaller.
    AtLeast(f64, Option<f64>),
    /// Not larger.
    AtMost(f64, Option<f64>),
}

/// The goals are tradewarden's.
pub(crate) const OURS: &str = "tradewarden";

/// All measurements, by part.
#[derive(Default)]
pub(crate) struct Report {
    parts: Vec<Part>,
}

struct Part {
    title: String,
    rows: Vec<Row>,
    who: Vec<&'static str>,
}

struct Row {
    figure: &'static Figure,
    cells: Vec<(&'static str, Vec<f64>)>,
}

impl Report {
    /// Begins a part, with what was measured on.
    pub(crate) fn begin(&mut self, title: String) {
        eprintln!("== {title}");
        self.parts.push(Part { title, rows: Vec::new(), who: Vec::new() });
    }

    /// One more value of a figure.
    pub(crate) fn add(&mut self, figure: &'static Figure, who: &'static str, value: f64) {
        eprintln!("{who}: {}: {} {}", figure.name, number(value, figure.places), figure.unit);
        let Some(part) = self.parts.last_mut() else { return };
        if !part.who.contains(&who) {
            part.who.push(who);
        }
        let index = part.rows.iter().position(|row| row.figure.name == figure.name).unwrap_or_else(|| {
            part.rows.push(Row { figure, cells: Vec::new() });
            part.rows.len() - 1
        });
        let cells = &mut part.rows[index].cells;
        match cells.iter_mut().find(|(of, _)| *of == who) {
            Some((_, values)) => values.push(value),
            None => cells.push((who, vec![value])),
        }
    }

    /// Markdown: a table for each part.
    pub(crate) fn to_markdown(&self) -> String {
        self.parts.iter().map(Part::to_markdown).collect::<Vec<_>>().join("\n")
    }
}

impl Part {
    fn to_markdown(&self) -> String {
        let mut who = self.who.clone();
        who.sort_by_key(|who| *who != OURS);
        let head = who.join(" | ");
        let rule = "---|".repeat(who.len());
        let rows: String = self.rows.iter().map(|row| row.to_markdown(&who)).collect();
        format!("**{}**\n\n| figure | {head} | goal | |\n|---|{rule}---|---|\n{rows}", self.title)
    }
}

impl Row {
    fn values(&self, who: &str) -> Option<&[f64]> {
        self.cells.iter().find(|(of, _)| *of == who).map(|(_, values)| values.as_slice())
    }

    fn to_markdown(&self, who: &[&'static str]) -> String {
        let Figure { name, unit, places, goal } = self.figure;
        let cell = |who: &&str| self.values(who).map_or(String::new(), |values| cell(values, *places));
        let cells = who.iter().map(cell).collect::<Vec<_>>().join(" | ");
        let name = if unit.is_empty() { (*name).to_owned() } else { format!("{name}, {unit}") };
        let reached = self.values(OURS).map_or("", |values| goal.judge(middle(values)));
        format!("| {name} | {cells} | {} | {reached} |\n", goal.words(*places))
    }
}

impl Goal {
    fn words(self, places: usize) -> String {
        let words = |sign: &str, goal: f64, stretch: Option<f64>| {
            let stretch = stretch.map_or(String::new(), |best| format!(", better {}", number(best, places)));
            format!("{sign} {}{stretch}", number(goal, places))
        };
        match self {
            Self::None => String::new(),
            Self::AtLeast(goal, stretch) => words("≥", goal, stretch),
            Self::AtMost(goal, stretch) => words("≤", goal, stretch),
        }
    }

    fn judge(self, median: f64) -> &'static str {
        let (reached, best) = match self {
            Self::None => return "",
            Self::AtLeast(goal, stretch) => (median >= goal, stretch.is_some_and(|best| median >= best)),
            Self::AtMost(goal, stretch) => (median <= goal, stretch.is_some_and(|best| median <= best)),
        };
        match (reached, best) {
            (_, true) => "better",
            (true, _) => "reached",
            _ => "**missed**",
        }
    }
}

/// The median, and in brackets the smallest and the largest when there are several.
fn cell(values: &[f64], places: usize) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (smallest, largest) = (sorted[0], sorted[sorted.len() - 1]);
    let median = number(percentile(&sorted, 0.5), places);
    if sorted.len() == 1 {
        return median;
    }
    format!("{median} ({}–{})", number(smallest, places), number(largest, places))
}

/// With so many decimal places; a large one to the nearest thousand, as no more of it means anything.
fn number(value: f64, places: usize) -> String {
    if value.abs() < 10_000.0 {
        return format!("{value:.places$}");
    }
    let thousands = (value / 1000.0).round() as i64;
    match (thousands / 1000, thousands % 1000) {
        (0, rest) => format!("{rest},000"),
        (millions, rest) => format!("{millions},{rest:03},000"),
    }
}

/// The median of values.
pub(crate) fn middle(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    percentile(&sorted, 0.5)
}

/// A percentile of sorted values, by the nearest rank.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    static RATE: Figure =
        Figure { name: "rate", unit: "trades/s", places: 0, goal: Goal::AtLeast(300_000.0, Some(400_000.0)) };
    static DELAY: Figure = Figure { name: "delay", unit: "ms", places: 1, goal: Goal::AtMost(5.0, None) };

    #[test]
    fn a_part_is_a_table_with_our_column_first_and_the_goals_judged() {
        let mut report = Report::default();
        report.begin("A backlog".to_owned());
        for rate in [412_345.0, 290_000.0, 420_000.0] {
            report.add(&RATE, OURS, rate);
        }
        report.add(&RATE, "another", 1_234_567.0);
        report.add(&DELAY, "another", 4.0);
        report.add(&DELAY, OURS, 5.04);
        let wanted = "**A backlog**\n\n| figure | tradewarden | another | goal | |\n|---|---|---|---|---|\n\
            | rate, trades/s | 412,000 (290,000–420,000) | 1,235,000 | ≥ 300,000, better 400,000 | better |\n\
            | delay, ms | 5.0 | 4.0 | ≤ 5.0 | **missed** |\n";
        assert_eq!(report.to_markdown(), wanted);
    }
}
