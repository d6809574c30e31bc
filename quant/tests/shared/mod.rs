//! The shared data folder, its tables, and comparison with a tolerance.

#![allow(dead_code, reason = "not every test file uses all of it")]

use std::path::{Path, PathBuf};

/// A folder of the shared data, beside the checkout or where `TRADEWARDEN_SHARED_DATA` says; says which test is skipped
/// when it is not there.
pub(crate) fn folder(name: &str, test: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let shared = std::env::var_os("TRADEWARDEN_SHARED_DATA").map_or(beside, PathBuf::from);
    let folder = shared.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {test} needs {}", folder.display());
    None
}

pub(crate) fn json(path: &Path) -> serde_json::Value {
    serde_json::from_reader(std::fs::File::open(path).unwrap()).unwrap()
}

/// `tolerance` is relative.
pub(crate) fn close_to(what: &str, got: f64, wanted: f64, tolerance: f64) {
    assert!((got - wanted).abs() <= tolerance * wanted.abs(), "{what}: {got}, not {wanted}");
}

/// A CSV with a header, whose fields are numbers or empty.
pub(crate) struct Table {
    header: csv::StringRecord,
    records: Vec<csv::StringRecord>,
}

impl Table {
    pub(crate) fn read(path: &Path) -> Self {
        let mut reader = csv::Reader::from_path(path).unwrap();
        Self {
            header: reader.headers().unwrap().clone(),
            records: reader.records().map(Result::unwrap).collect(),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn optional(&self, name: &str) -> Vec<Option<f64>> {
        let place = self.header.iter().position(|column| column == name).unwrap();
        let field = |record: &csv::StringRecord| match &record[place] {
            "" => None,
            number => Some(number.parse().unwrap()),
        };
        self.records.iter().map(field).collect()
    }

    pub(crate) fn numbers(&self, name: &str) -> Vec<f64> {
        self.optional(name).into_iter().map(Option::unwrap).collect()
    }
}
