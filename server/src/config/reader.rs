//! Reads settings with their types and keeps every fault, so that all of them are told at once.

use std::{collections::BTreeSet, net::SocketAddr, ops::RangeInclusive, str::FromStr, time::Duration};

use events::{Decimal, decimal};

use super::{
    fault::{Fault, Origin, is_secret},
    names::variable_of,
    settings::{Raw, Setting, Settings},
    units,
};

/// Settings on their way to a configuration.
#[derive(Debug)]
pub(super) struct Reader {
    settings: Settings,
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
    taken: BTreeSet<String>,
    lists: bool,
}

/// A key that is set, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// The key, dots between levels.
    pub key: String,
    /// The value as a text; `(secret)` for one that may let somebody in.
    pub value: String,
    /// Where it stands.
    pub origin: Origin,
}

impl Reader {
    /// Reads from settings; the faults of gathering them come first.
    pub(super) const fn new(settings: Settings, faults: Vec<Fault>) -> Self {
        Self { settings, faults, warnings: Vec::new(), taken: BTreeSet::new(), lists: false }
    }

    /// Reads nothing, and notes what is asked for; the user's names are all `*`.
    pub(super) fn listing() -> Self {
        Self { lists: true, ..Self::new(Settings::new(), Vec::new()) }
    }

    /// The keys that were asked for.
    pub(super) fn asked(&self) -> &BTreeSet<String> {
        &self.taken
    }

    /// The value of a key as `parse` understands it; nothing when it is not set, or a fault is kept.
    pub(super) fn read<T>(
        &mut self,
        key: &str,
        wanted: &str,
        parse: impl FnOnce(&Raw) -> Option<T>,
    ) -> Option<T> {
        self.taken.insert(key.to_owned());
        let value = &self.settings.get(key)?.value;
        let parsed = parse(value);
        if parsed.is_none() {
            self.fault(key, format!("wanted is {wanted}"));
        }
        parsed
    }

    /// A text; an empty one is a fault, as it comes from a variable that somebody forgot to fill.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let text = self.read(key, "a text", as_text)?;
        if text.trim().is_empty() {
            self.fault(key, "is empty; give it a value, or leave it out altogether to have the default");
            return None;
        }
        Some(text)
    }

    /// Whether a key is set anywhere.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.settings.contains_key(key)
    }

    /// A whole number within a range.
    pub(super) fn count(&mut self, key: &str, range: RangeInclusive<u64>, unit: &str) -> Option<u64> {
        let wanted = format!("a whole number of {unit} from {} to {}", range.start(), range.end());
        self.read(key, &wanted, |raw| as_count(raw).filter(|count| range.contains(count)))
    }

    /// An exact decimal; its range is checked by those who use it.
    pub(super) fn decimal(&mut self, key: &str, wanted: &str) -> Option<Decimal> {
        self.read(key, wanted, |raw| decimal::parse(&number_text(raw)?).ok())
    }

    /// A floating-point number; its range is checked by those who use it.
    pub(super) fn number(&mut self, key: &str, wanted: &str) -> Option<f64> {
        self.read(key, wanted, |raw| number_text(raw)?.parse().ok())
    }

    /// A duration with its unit, within a range.
    pub(super) fn duration(
        &mut self,
        key: &str,
        range: RangeInclusive<Duration>,
        example: &str,
    ) -> Option<Duration> {
        let wanted = format!(
            "a duration with its unit (ms, s, m, h, d), from {:?} to {:?}, such as {example:?}",
            range.start(),
            range.end()
        );
        self.read(key, &wanted, |raw| units::duration(&as_text(raw)?).filter(|value| range.contains(value)))
    }

    /// A number of bytes with its unit, within a range.
    pub(super) fn bytes(&mut self, key: &str, range: RangeInclusive<u64>, example: &str) -> Option<u64> {
        let wanted = format!(
            "a size with its unit (B, KiB, MiB, GiB), from {} to {} bytes, such as {example:?}",
            range.start(),
            range.end()
        );
        self.read(key, &wanted, |raw| units::bytes(&as_text(raw)?).filter(|value| range.contains(value)))
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        self.read(key, "true or false", |raw| match raw {
            Raw::Typed(value) => value.as_bool(),
            Raw::Text(text) => text.parse().ok(),
        })
    }

    /// An address on this machine. Others are refused: there is no encryption and one token for everybody.
    pub(super) fn loopback(&mut self, key: &str) -> Option<SocketAddr> {
        let address = self.read(key, "an address with a port, such as \"127.0.0.1:7450\"", |raw| {
            SocketAddr::from_str(&as_text(raw)?.replace("localhost:", "127.0.0.1:")).ok()
        })?;
        if !address.ip().is_loopback() {
            let problem = "only addresses of this machine (127.0.0.1 or [::1]) are taken for now, as what goes over \
                           the wire is not encrypted; to reach it from elsewhere, use a tunnel such as ssh -L";
            self.fault(key, problem);
            return None;
        }
        Some(address)
    }

    /// The second-level names under a prefix: what stands between it and the last dot.
    pub(super) fn names(&self, prefix: &str) -> BTreeSet<String> {
        if self.lists {
            return BTreeSet::from(["*".to_owned()]);
        }
        let rest = self.settings.keys().filter_map(|key| key.strip_prefix(prefix));
        rest.filter_map(|rest| rest.rsplit_once('.')).map(|(name, _)| name.to_owned()).collect()
    }

    /// Everything under a prefix as text, whatever its type.
    pub(super) fn texts(&mut self, prefix: &str) -> Vec<(String, String)> {
        self.taken.insert(format!("{prefix}*"));
        let keys: Vec<String> = self.settings.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
        let mut texts = Vec::new();
        for key in keys {
            if let Some(text) = self.read(&key, "a text, a number, or true or false", any_text) {
                texts.push((key[prefix.len()..].to_owned(), text));
            }
        }
        texts
    }

    /// Keeps a fault of a key.
    pub(super) fn fault(&mut self, key: &str, problem: impl Into<String>) {
        let fault = self.about(key, problem.into());
        self.faults.push(fault);
    }

    /// Keeps what is allowed and yet hardly meant.
    pub(super) fn warn(&mut self, key: &str, problem: impl Into<String>) {
        let warning = self.about(key, problem.into());
        self.warnings.push(warning);
    }

    /// Warns of a ratio where a percent is wanted.
    pub(super) fn doubt_ratio(&mut self, key: &str) {
        let set = self.settings.get(key).and_then(|setting| number_text(&setting.value));
        let Some(value) = set.and_then(|text| decimal::parse(&text).ok()) else { return };
        if value > Decimal::ZERO && value < Decimal::ONE {
            let meant = (value * Decimal::ONE_HUNDRED).normalize();
            self.warn(key, format!("{value} is {value} %; did you mean {meant}?"));
        }
    }

    fn about(&self, key: &str, problem: String) -> Fault {
        let section = format!("{key}.");
        let inside = || self.settings.iter().find(|(key, _)| key.starts_with(&section)).map(|(_, set)| set);
        let setting = self.settings.get(key);
        let origin = setting.or_else(inside).map_or(Origin::Default, |setting| setting.origin.clone());
        let value = setting.map(|setting| setting.value.shown());
        let value = if is_secret(key) { Some("(secret)".to_owned()) } else { value };
        Fault { origin, key: key.to_owned(), value, problem }
    }

    /// Keeps what an actor says about its section.
    pub(super) fn actor_faults(&mut self, section: &str, faults: Vec<actors::Fault>) {
        for fault in faults {
            let key = format!("{section}.{}", fault.key);
            let known = self.settings.contains_key(&key);
            let problem = match section {
                "schedules" => fault.problem.trim_start_matches("Component error: ").replace(".;", ";"),
                _ => format!("wanted is {}", fault.problem),
            };
            self.fault(&key, problem);
            if let Some(last) = self.faults.last_mut().filter(|_| !known) {
                last.value = Some(fault.value);
            }
        }
    }

    /// What is set, as it may be shown.
    pub(super) fn given(&self) -> Vec<Given> {
        let shown = |key: &str, raw: &Raw| match is_secret(key) {
            true => "(secret)".to_owned(),
            false => any_text(raw).unwrap_or_else(|| raw.shown()),
        };
        let given = self.settings.iter().map(|(key, Setting { value, origin })| Given {
            key: key.clone(),
            value: shown(key, value),
            origin: origin.clone(),
        });
        given.collect()
    }

    /// What is allowed and yet hardly meant.
    pub(super) fn warnings(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.warnings)
    }

    /// All faults, with those of keys that nobody asked for; `nearest` knows a key that may have been meant.
    pub(super) fn finish(mut self, nearest: impl Fn(&str) -> Option<String>) -> Vec<Fault> {
        let unknown: Vec<_> = self.settings.iter().filter(|(key, _)| !self.taken.contains(*key)).collect();
        for (key, setting) in unknown {
            let problem = match nearest(key) {
                Some(near) if matches!(setting.origin, Origin::Variable(_)) => {
                    format!(
                        "there is no such key; the nearest one is {near}, variable {}",
                        variable_of(&near)
                    )
                }
                Some(near) => format!("there is no such key; the nearest one is {near}"),
                None => "there is no such key; tradewarden config default shows them all".to_owned(),
            };
            let origin = setting.origin.clone();
            self.faults.push(Fault { origin, key: key.clone(), value: None, problem });
        }
        self.faults
    }

    /// Digest of what is set, secrets left out.
    pub(super) fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (key, setting) in self.settings.iter().filter(|(key, _)| !is_secret(key)) {
            let value = any_text(&setting.value).unwrap_or_default();
            hasher.update(format!("{key}={value}\n").as_bytes());
        }
        hasher.finalize().to_hex().as_str()[..16].to_owned()
    }
}

fn as_text(raw: &Raw) -> Option<String> {
    match raw {
        Raw::Typed(value) => value.as_str().map(str::to_owned),
        Raw::Text(text) => Some(text.clone()),
    }
}

fn as_count(raw: &Raw) -> Option<u64> {
    match raw {
        Raw::Typed(value) => value.as_integer().and_then(|count| u64::try_from(count).ok()),
        Raw::Text(text) => text.parse().ok(),
    }
}

/// The digits of a number; a text in the file is no number.
fn number_text(raw: &Raw) -> Option<String> {
    match raw {
        Raw::Typed(toml::Value::Integer(number)) => Some(number.to_string()),
        Raw::Typed(toml::Value::Float(number)) => Some(number.to_string()),
        Raw::Typed(_) => None,
        Raw::Text(text) => Some(text.clone()),
    }
}

fn any_text(raw: &Raw) -> Option<String> {
    match raw {
        Raw::Typed(toml::Value::String(text)) | Raw::Text(text) => Some(text.clone()),
        Raw::Typed(toml::Value::Boolean(flag)) => Some(flag.to_string()),
        raw => number_text(raw),
    }
}
