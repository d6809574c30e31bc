//! Text of elsewhere on a terminal. Names, reasons and bytes come from whoever can write to the topic: what would move the
//! cursor, recolour, reorder or hide is shown as what it is.

/// A text without any sign that a terminal would act on; those are shown as `\u{1b}`.
pub(crate) fn shown(text: &str) -> String {
    if !text.chars().any(acts) {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if acts(letter) {
            plain.extend(letter.escape_unicode());
        } else {
            plain.push(letter);
        }
    }
    plain
}

/// The same for a text of ours that has several lines.
pub(crate) fn shown_lines(text: &str) -> String {
    text.split('\n').map(shown).collect::<Vec<_>>().join("\n")
}

/// Whether a terminal acts on a sign, or shows nothing of it.
fn acts(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_shown_as_what_it_is() {
        assert_eq!(shown("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(shown("x\nscalper  ACTIVE"), "x\\u{a}scalper  ACTIVE");
        assert_eq!(
            shown("\u{9b}31m\u{7}\u{202e}\u{200b}\u{feff}"),
            "\\u{9b}31m\\u{7}\\u{202e}\\u{200b}\\u{feff}"
        );
        assert_eq!(shown("größer 策略 «ok»"), "größer 策略 «ok»");
        assert_eq!(shown_lines("one\ntwo\u{1b}"), "one\ntwo\\u{1b}");
    }
}
