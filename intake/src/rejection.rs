//! Why a record is not taken in, in words for the person who has to mend it.

use std::borrow::Cow;

use events::{Bytes, Origin, RecordRejected, RejectReason};

/// A record that cannot be taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The kind of fault.
    pub reason: RejectReason,
    /// Field, value (shortened) and remedy.
    pub detail: String,
    /// The strategy, where it could still be read: its guard then cannot know and reduces it.
    pub strategy: Option<String>,
    /// The trade's id, where it could still be read.
    pub trade_id: Option<String>,
}

impl Rejection {
    /// A rejection that does not know whose record it is.
    pub fn new(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), strategy: None, trade_id: None }
    }

    /// The dead letter of a row of a file; `kept` are its bytes.
    #[must_use]
    pub fn of_row(self, file: &str, row: u64, kept: Option<Vec<u8>>) -> RecordRejected {
        let Self { reason, detail, strategy, trade_id } = self;
        let origin = Origin::File { file: file.to_owned(), row };
        let (key, value, recorded) = (None, kept.map(Bytes), None);
        RecordRejected { origin, reason, detail, strategy, trade_id, key, value, recorded }
    }
}

/// How many characters of a faulty value are shown.
const SHOWN: usize = 60;

/// A value as it is shown in a message: one line, never long.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    let clean = !text.chars().any(char::is_control);
    if clean && text.len() <= SHOWN {
        return Cow::Borrowed(text);
    }
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let left_out = text.chars().count().saturating_sub(SHOWN);
    if left_out > 0 {
        shown.push_str(&format!("… ({left_out} more characters)"));
    }
    Cow::Owned(shown)
}

/// The known name that was probably meant by one that is not known: equal but for case and blanks, else the most alike.
pub fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let plain = |text: &str| text.trim().to_lowercase();
    let wanted = plain(name);
    let near = known.into_iter().map(|known| (strsim::jaro_winkler(&wanted, &plain(known)), known));
    near.filter(|(score, _)| *score > 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_many_lined_values_are_shown_short_and_on_one_line() {
        assert_eq!(shortened("12.5"), "12.5");
        assert_eq!(shortened("a\nb"), "a\\nb");
        let long = shortened(&"é".repeat(100)).into_owned();
        assert_eq!(long, format!("{}… (40 more characters)", "é".repeat(60)));
    }

    #[test]
    fn a_typing_error_finds_the_name_that_was_meant() {
        assert_eq!(nearest("Strategie", ["symbol", "strategy"]), Some("strategy"));
        assert_eq!(nearest("europe/berlim", ["Europe/Paris", "Europe/Berlin"]), Some("Europe/Berlin"));
        assert_eq!(nearest(" RSI", ["risk", "rsi "]), Some("rsi "));
        assert_eq!(nearest("zzz", ["symbol", "strategy"]), None);
    }
}
