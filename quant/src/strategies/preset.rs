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
            Kind::Rsi => ("low", "high"),
            Kind::Macd => ("fast", "slow"),
            Kind::Bollinger | Kind::Volume => return Ok(self),
        };
        let of = |name: &str| parameters.iter().zip(self.values).find(|(one, _)| one.name == name);
        match (of(smaller), of(larger)) {
            (Some((_, low)), Some((_, high))) if low >= high => {
                Err(ParameterError::new(smaller, low, format!("must be below {larger} = {high}")))
            }
            _ => Ok(self),
        }
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

/// A period in bars.
const BARS: Parameter = Parameter {
    name: "",
    meaning: "",
    default: 0.0,
    least: 2.0,
    most: LONGEST_PERIOD as f64,
    from: 5.0,
    to: 80.0,
    step: 1.0,
    whole: true,
};

/// A level of the RSI, which lies between 0 and 100.
const LEVEL: Parameter = Parameter { least: 0.0, most: 100.0, whole: false, ..BARS };

/// A multiple of something.
const MULTIPLE: Parameter = Parameter { least: 0.01, from: 1.0, step: 0.05, whole: false, ..BARS };

const RSI: [Parameter; 3] = [
    Parameter { name: "period", meaning: "bars of the RSI", default: 14.0, to: 40.0, ..BARS },
    Parameter {
        name: "low",
        meaning: "RSI crossed upwards to enter",
        default: 30.0,
        from: 15.0,
        to: 45.0,
        ..LEVEL
    },
    Parameter {
        name: "high",
        meaning: "RSI crossed downwards to leave",
        default: 70.0,
        from: 55.0,
        to: 85.0,
        ..LEVEL
    },
];

const MACD: [Parameter; 3] = [
    Parameter {
        name: "fast",
        meaning: "bars of the fast average",
        default: 12.0,
        from: 4.0,
        to: 24.0,
        ..BARS
    },
    Parameter { name: "slow", meaning: "bars of the slow average", default: 26.0, from: 25.0, ..BARS },
    Parameter {
        name: "signal",
        meaning: "bars of the signal line",
        default: 9.0,
        least: 1.0,
        from: 3.0,
        to: 30.0,
        ..BARS
    },
];

const BOLLINGER: [Parameter; 2] = [
    Parameter { name: "period", meaning: "bars of the bands", default: 20.0, ..BARS },
    Parameter {
        name: "width",
        meaning: "deviations from the middle to the bands",
        default: 2.0,
        most: 100.0,
        to: 3.5,
        ..MULTIPLE
    },
];

const VOLUME: [Parameter; 2] = [
    Parameter { name: "period", meaning: "bars of the average volume", default: 20.0, least: 1.0, ..BARS },
    Parameter {
        name: "factor",
        meaning: "volume above this multiple of its average",
        default: 2.0,
        most: 1000.0,
        to: 4.0,
        ..MULTIPLE
    },
];
