//! The user's own names for our fields: `ours=theirs` renames, `ours=a+b` joins, `ours==text` sets a constant.

use super::{Field, rejection::nearest};

/// Where a field comes from when not from its own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A name, or a path into nested objects with dots between the names.
    Path(String),
    /// Several of them, joined by `-`.
    Joined(Vec<String>),
    /// The same text for every record.
    Constant(String),
}

/// Which name or constant stands for which field; fields that are not mapped keep their own name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldMapping {
    sources: Vec<(Field, Source)>,
}

/// Every field under its own name.
pub(crate) static PLAIN: FieldMapping = FieldMapping { sources: Vec::new() };

/// Why a mapping cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// Neither `ours=theirs` nor `ours==text`.
    #[error("mapping \"{0}\" is neither ours=theirs (a name) nor ours==text (a constant)")]
    Malformed(String),
    /// No field of ours has that name.
    #[error("mapping \"{mapping}\": there is no field {ours}{}; the name before = is one of ours: {}",
        .near.map(|near| format!(", did you mean {near}?")).unwrap_or_default(), known())]
    UnknownField {
        /// The mapping as it was given.
        mapping: String,
        /// The name before the `=`.
        ours: String,
        /// The known name nearest to it.
        near: Option<&'static str>,
    },
    /// A ratio in the place of a percent: a hundredth of the loss.
    #[error(
        "mapping \"{mapping}\": {theirs} calls itself a ratio, and profit_pct is in percent (2.5 means 2.5 %); map it \
        with profit_ratio={theirs} instead, or rename it where it does hold percents"
    )]
    Ratio {
        /// The mapping as it was given.
        mapping: String,
        /// The name after the `=`.
        theirs: String,
    },
    /// A field was mapped twice.
    #[error("field {0} is mapped twice; keep one of the two mappings")]
    Twice(&'static str),
}

fn known() -> String {
    Field::ALL.map(Field::name).join(", ")
}

impl FieldMapping {
    /// Reads mappings as written on a command line: `symbol=market.name`, `strategy==mine`.
    ///
    /// # Errors
    /// See [`MappingError`].
    pub fn parse<S: AsRef<str>>(mappings: &[S]) -> Result<Self, MappingError> {
        let mut parsed = Self::default();
        for mapping in mappings {
            parsed.add(mapping.as_ref())?;
        }
        Ok(parsed)
    }

    /// Reads pairs of a configuration table: field of ours and what stands for it (`"=text"` sets a constant).
    ///
    /// # Errors
    /// See [`MappingError`].
    pub fn from_pairs<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> Result<Self, MappingError> {
        let mut parsed = Self::default();
        for (ours, theirs) in pairs {
            parsed.add(&format!("{ours}={theirs}"))?;
        }
        Ok(parsed)
    }

    fn add(&mut self, mapping: &str) -> Result<(), MappingError> {
        let malformed = || MappingError::Malformed(mapping.to_owned());
        let (ours, theirs) = mapping.split_once('=').ok_or_else(malformed)?;
        let source = match theirs.strip_prefix('=') {
            Some(text) => Source::Constant(text.to_owned()),
            None if theirs.contains('+') => {
                Source::Joined(theirs.split('+').map(|part| part.trim().to_owned()).collect())
            }
            None => Source::Path(theirs.trim().to_owned()),
        };
        if source.paths().iter().any(|path| path.split('.').any(str::is_empty)) {
            return Err(malformed());
        }
        let ours = ours.trim();
        let field = Field::named(ours).ok_or_else(|| MappingError::UnknownField {
            mapping: mapping.to_owned(),
            ours: ours.to_owned(),
            near: nearest(ours, Field::ALL.map(Field::name)),
        })?;
        if self.source(field).is_some() {
            return Err(MappingError::Twice(field.name()));
        }
        if let Some(theirs) = source.paths().iter().find(|path| field == Field::ProfitPct && says_ratio(path))
        {
            return Err(MappingError::Ratio { mapping: mapping.to_owned(), theirs: theirs.clone() });
        }
        self.sources.push((field, source));
        Ok(())
    }

    /// Lets a name stand for a field, beside those that already do.
    pub(crate) fn add_name(&mut self, field: Field, name: &str) {
        self.sources.push((field, Source::Path(name.to_owned())));
    }

    /// Whether every field keeps its own name.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.sources.is_empty()
    }

    /// What stands for a field, if not its own name.
    pub(crate) fn source(&self, field: Field) -> Option<&Source> {
        self.sources.iter().find(|(mapped, _)| *mapped == field).map(|(_, source)| source)
    }

    /// The fields that are set to a constant.
    pub(crate) fn constants(&self) -> impl Iterator<Item = (Field, &str)> {
        self.sources.iter().filter_map(|(field, source)| match source {
            Source::Constant(text) => Some((*field, text.as_str())),
            Source::Path(_) | Source::Joined(_) => None,
        })
    }

    /// The fields that a name stands for.
    pub(crate) fn targets<'m>(&'m self, name: &str) -> impl Iterator<Item = Target<'m>> {
        let own = Field::named(name).filter(|field| self.source(*field).is_none());
        let own = own.map(|field| Target { field, rest: None, part: None });
        let mapped = self.sources.iter().flat_map(move |(field, source)| {
            let joined = matches!(source, Source::Joined(_));
            source.paths().iter().enumerate().filter_map(move |(at, path)| {
                let below = path.strip_prefix(name)?;
                let rest = if below.is_empty() { None } else { Some(below.strip_prefix('.')?) };
                Some(Target { field: *field, rest, part: joined.then_some(at) })
            })
        });
        own.into_iter().chain(mapped)
    }

    /// The fields that are joined of several names, and of how many.
    pub(crate) fn joined(&self) -> impl Iterator<Item = (Field, usize)> {
        self.sources.iter().filter_map(|(field, source)| match source {
            Source::Joined(parts) => Some((*field, parts.len())),
            Source::Path(_) | Source::Constant(_) => None,
        })
    }

    /// The field's name as messages show it: with the user's own where it is mapped.
    pub(crate) fn label(&self, field: Field) -> String {
        match self.source(field) {
            None => field.name().to_owned(),
            Some(Source::Constant(_)) => format!("{} (set by a mapping)", field.name()),
            Some(source) => format!("{} (mapped from {})", field.name(), source.paths().join("+")),
        }
    }
}

impl Source {
    /// The names that are looked for.
    pub(crate) fn paths(&self) -> &[String] {
        match self {
            Self::Path(path) => std::slice::from_ref(path),
            Self::Joined(paths) => paths,
            Self::Constant(_) => &[],
        }
    }
}

/// What a name of theirs stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'m> {
    pub field: Field,
    /// The rest of its path below that name.
    pub rest: Option<&'m str>,
    /// Which part of the field it is, where it is joined of several.
    pub part: Option<usize>,
}

/// Stands between the parts of a joined value.
pub(crate) const JOINT: &str = "-";

/// Whether a name calls its value a ratio: `profit_ratio`, `closeRatio`, `Ratio`; not `duration` or `operation`.
fn says_ratio(name: &str) -> bool {
    let name = name.to_lowercase();
    name.match_indices("ratio").any(|(at, word)| !name[at + word.len()..].starts_with('n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_paths_and_constants_are_told_apart() {
        let mapping = FieldMapping::parse(&["symbol=market.name", "strategy==mine", "fee=a"]).unwrap();
        let targets = |name| mapping.targets(name).map(|t| (t.field, t.rest)).collect::<Vec<_>>();
        assert_eq!(targets("market"), [(Field::Symbol, Some("name"))]);
        assert_eq!(targets("market.name"), [(Field::Symbol, None)]);
        assert_eq!(targets("a"), [(Field::Fee, None)]);
        assert_eq!(targets("profit"), [(Field::Profit, None)]);
        assert_eq!(targets("fee"), []);
        assert_eq!(targets("marketplace"), []);
        assert_eq!(mapping.constants().collect::<Vec<_>>(), [(Field::Strategy, "mine")]);
    }

    #[test]
    fn a_constant_may_be_empty_or_hold_an_equals_sign() {
        let mapping = FieldMapping::parse(&["account===", "model=="]).unwrap();
        assert_eq!(mapping.constants().collect::<Vec<_>>(), [(Field::Account, "="), (Field::Model, "")]);
    }

    #[test]
    fn names_with_a_plus_between_are_parts_of_one_field() {
        let mapping = FieldMapping::parse(&["trade_id=account + meta.id"]).unwrap();
        let targets = |name| mapping.targets(name).collect::<Vec<_>>();
        let (account, part) = (Field::Account, |at| Some(at));
        assert_eq!(
            targets("account"),
            [
                Target { field: account, rest: None, part: None },
                Target { field: Field::TradeId, rest: None, part: part(0) }
            ]
        );
        assert_eq!(targets("meta"), [Target { field: Field::TradeId, rest: Some("id"), part: part(1) }]);
        assert_eq!(mapping.joined().collect::<Vec<_>>(), [(Field::TradeId, 2)]);
        assert_eq!(mapping.label(Field::TradeId), "trade_id (mapped from account+meta.id)");
        assert!(FieldMapping::parse(&["trade_id=account+"]).is_err());
    }

    #[test]
    fn a_name_that_says_ratio_is_no_percent() {
        for name in ["profit_ratio", "Return.ratio", "closeProfitRatio", "RATIO", "ratio_net", "a+ratio"] {
            let told = FieldMapping::parse(&[format!("profit_pct={name}")]).unwrap_err().to_string();
            assert!(told.contains("map it with profit_ratio=") && told.contains("ratio"), "{told}");
        }
        for name in ["duration", "operation_result", "pct", "rat"] {
            assert!(FieldMapping::parse(&[format!("profit_pct={name}")]).is_ok(), "{name}");
        }
        assert!(FieldMapping::parse(&["profit_ratio=profit_ratio", "fee=fee_ratio"]).is_ok());
    }

    #[test]
    fn what_is_no_mapping_is_refused_with_the_nearest_known_name() {
        let told = |mapping: &str| FieldMapping::parse(&[mapping]).unwrap_err().to_string();
        assert!(told("stratgy=name").contains("did you mean strategy?"));
        assert!(told("symbol").contains("neither ours=theirs"));
        assert!(told("symbol=").contains("neither ours=theirs"));
        assert!(told("symbol=a..b").contains("neither ours=theirs"));
        let twice = FieldMapping::parse(&["fee=a", "fee==1"]).unwrap_err();
        assert_eq!(twice, MappingError::Twice("fee"));
    }
}
