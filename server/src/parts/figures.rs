//! Figures for Prometheus, in base units, with few labels. Two parts may add to one family.

use std::fmt::Write as _;

/// The figures of the process, family by family.
#[derive(Default)]
pub(crate) struct Figures(Vec<Family>);

/// Samples of one name.
pub(crate) struct Family {
    name: &'static str,
    text: String,
}

impl Figures {
    /// A family, to which samples are added.
    pub(crate) fn family(&mut self, name: &'static str, kind: &str, help: &str) -> &mut Family {
        let at = self.0.iter().position(|family| family.name == name).unwrap_or_else(|| {
            let text = format!("# HELP tradewarden_{name} {help}\n# TYPE tradewarden_{name} {kind}\n");
            self.0.push(Family { name, text });
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    /// The text that Prometheus reads.
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|family| family.text.as_str()).collect()
    }
}

impl Family {
    /// Adds a sample.
    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        self.part("", labels, value);
    }

    /// Adds a sample of a part of a histogram: `_bucket`, `_sum` or `_count`.
    pub(crate) fn part(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> =
            labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        // Writing to a text does not fail.
        let _ = writeln!(self.text, "tradewarden_{}{suffix}{labels} {value}", self.name);
    }

    /// Adds 1 or 0.
    pub(crate) fn flag(&mut self, labels: &[(&str, &str)], on: bool) {
        self.sample(labels, f64::from(on));
    }
}

/// Adds what became of the records of a topic, or of `http`: taken, duplicate, rejected.
pub(crate) fn records(out: &mut Figures, topic: &str, counts: [u64; 3]) {
    let help = "Records by where they came from and what became of them.";
    let family = out.family("ingest_records_total", "counter", help);
    for (result, count) in ["taken", "duplicate", "rejected"].into_iter().zip(counts) {
        family.sample(&[("topic", topic), ("result", result)], count as f64);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_that_two_parts_add_to_is_told_once_and_whole() {
        let mut figures = Figures::default();
        records(&mut figures, "http", [1, 0, 0]);
        figures.family("other", "gauge", "Another.").flag(&[("name", "a\"\n\\")], true);
        records(&mut figures, "trades", [2, 0, 0]);
        let lines: Vec<String> = figures.text().lines().map(str::to_owned).collect();
        assert_eq!(lines.iter().filter(|line| line.starts_with("# TYPE")).count(), 2, "{lines:?}");
        assert!(lines[2..8].iter().all(|line| line.starts_with("tradewarden_ingest_records_total{")));
        assert_eq!(lines.last().map(String::as_str), Some(r#"tradewarden_other{name="a\"\n\\"} 1"#));
    }
}
