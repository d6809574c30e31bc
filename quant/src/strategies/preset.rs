//! The four strategies with their parameters.

use super::Parameter;
use crate::indicators::{LONGEST_PERIOD, ParameterError};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::fmt;
use std::str::FromStr;

/// Which of the four strategies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Enter when RSI crosses up through `low`, leave when it crosses down through `high`.
    Rsi,
    /// Enter when the MACD histogram turns positive, leave when it turns negative.
    Macd,
    /// Enter when the close returns above the lower band, leave at or above the middle band.
    Bollinger,
    /// Enter when volume > `factor` · average on a rising bar, leave on such a falling bar.
    Volume,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rsi, Self::Macd, Self::Bollinger, Self::Volume];

    /// Its name, as on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rsi => "rsi",
            Self::Macd => "macd",
            Self::Bollinger => "bollinger",
            Self::Volume => "volume",
        }
    }

    /// What can be set and searched.
    #[must_use]
    pub fn parameters(self) -> &'static [Parameter] {
        match self {
            Self::Rsi => &RSI,
            Self::Macd => &MACD,
            Self::Bollinger => &BOLLINGER,
            Self::Volume => &VOLUME,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| format!("no strategy {name:?}; there are rsi, macd, bollinger, volume"))
    }
}

/// One of the four strategies with checked parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    kind: Kind,
    values: [f64; 3],
}

impl Preset {
    /// The strategy with its defaults.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        let mut values = [0.0; 3];
        values.iter_mut().zip(kind.parameters()).for_each(|(value, parameter)| *value = parameter.default);
        Self { kind, values }
    }

    /// The strategy with some parameters set by name, checked together.
    ///
    /// # Errors
    /// An unknown name, a value out of bounds, or two that do not fit together.
    pub fn with(kind: Kind, settings: &[(String, f64)]) -> Result<Self, ParameterError> {
        let mut preset = Self::new(kind);
        for (name, value) in settings {
            let place = kind.parameters().iter().position(|parameter| parameter.name == name);
            let place = place.ok_or_else(|| unknown(kind, name, *value))?;
            preset.values[place] = *value;
        }
        preset.checked()
    }

    /// The strategy with all values in the order of [`Kind::parameters`].
    ///
    /// # Errors
    /// A value out of bounds, two that do not fit together, or not as many values as parameters.
    pub fn from_values(kind: Kind, values: &[f64]) -> Result<Self, ParameterError> {
        let names = kind.parameters();
        if values.len() != names.len() {
            return Err(ParameterError::new(
                "values",
                values.len() as f64,
                format!("must be {}", names.len()),
            ));
        }
        let mut preset = Self::new(kind);
        preset.values[..values.len()].copy_from_slice(values);
        preset.checked()
    }

    /// Which strategy it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its values in the order of [`Kind::parameters`].
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values[..self.kind.parameters().len()]
    }

    /// The value at a place as a period.
    pub(super) fn bars(&self, place: usize) -> usize {
        self.values[place] as usize
    }

    /// The value at a place.
    pub(super) fn value(&self, place: usize) -> f64 {
        self.values[place]
    }

    fn checked(self) -> Result<Self, ParameterError> {
        let parameters = self.kind.parameters();
        parameters.iter().zip(self.values).try_for_each(|(parameter, value)| parameter.check(value))?;
        let (smaller, larger) = match self.kind {
            Kind::Rsi => (1, 2),
            Kind::Macd => (0, 1),
            Kind::Bollinger | Kind::Volume => return Ok(self),
        };
        if self.values[smaller] < self.values[larger] {
            return Ok(self);
        }
        let allowed = format!("must be below {} = {}", parameters[larger].name, self.values[larger]);
        Err(ParameterError::new(parameters[smaller].name, self.values[smaller], allowed))
    }
}

/// As `{"period": 14, …}`.
impl Serialize for Preset {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.values().len()))?;
        for (parameter, value) in self.kind.parameters().iter().zip(self.values) {
            if parameter.whole {
                map.serialize_entry(parameter.name, &(value as u64))?;
            } else {
                map.serialize_entry(parameter.name, &value)?;
            }
        }
        map.end()
    }
}

fn unknown(kind: Kind, name: &str, value: f64) -> ParameterError {
    let names: Vec<_> = kind.parameters().iter().map(|parameter| parameter.name).collect();
    ParameterError::new(name, value, format!("is no parameter of {kind}; there are {}", names.join(", ")))
}

/// A period of at least `least` bars.
const fn bars(
    name: &'static str,
    meaning: &'static str,
    default: f64,
    least: f64,
    from: f64,
    to: f64,
) -> Parameter {
    Parameter { name, meaning, default, least, most: LONGEST_PERIOD as f64, from, to, step: 1.0, whole: true }
}

const RSI: [Parameter; 3] = [
    bars("period", "bars of the RSI", 14.0, 2.0, 5.0, 40.0),
    level("low", "RSI crossed upwards to enter", 30.0, 15.0, 45.0),
    level("high", "RSI crossed downwards to leave", 70.0, 55.0, 85.0),
];

/// A level of the RSI, which lies between 0 and 100.
const fn level(name: &'static str, meaning: &'static str, default: f64, from: f64, to: f64) -> Parameter {
    Parameter { name, meaning, default, least: 0.0, most: 100.0, from, to, step: 1.0, whole: false }
}

const MACD: [Parameter; 3] = [
    bars("fast", "bars of the fast average", 12.0, 2.0, 4.0, 24.0),
    bars("slow", "bars of the slow average", 26.0, 2.0, 25.0, 80.0),
    bars("signal", "bars of the signal line", 9.0, 1.0, 3.0, 30.0),
];

const BOLLINGER: [Parameter; 2] = [
    bars("period", "bars of the bands", 20.0, 2.0, 5.0, 80.0),
    Parameter {
        name: "width",
        meaning: "deviations from the middle to the bands",
        default: 2.0,
        least: 0.01,
        most: 100.0,
        from: 1.0,
        to: 3.5,
        step: 0.05,
        whole: false,
    },
];

const VOLUME: [Parameter; 2] = [
    bars("period", "bars of the average volume", 20.0, 1.0, 5.0, 80.0),
    Parameter {
        name: "factor",
        meaning: "volume above this multiple of its average",
        default: 2.0,
        least: 0.01,
        most: 1000.0,
        from: 1.0,
        to: 4.0,
        step: 0.05,
        whole: false,
    },
];
