//! Where in a JSON text something stands, for messages about fields that cannot be read.

/// A step from the outside in.
enum Step<'a> {
    Name(&'a [u8]),
    Index(usize),
}

/// The path to where serde stopped, such as `causes[0].kind`; empty where it does not say, or for the whole.
pub(crate) fn path_of(json: &[u8], error: &serde_json::Error) -> String {
    let lines_before = json.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    let end = lines_before.map(<[u8]>::len).sum::<usize>() + error.column();
    // Without a place nothing is known; line 0 is no place.
    if error.line() == 0 { String::new() } else { path_to(&json[..end.min(json.len())]) }
}

/// The path to the end of a text that may stop anywhere.
fn path_to(json: &[u8]) -> String {
    let mut steps = Vec::new();
    let mut at = 0;
    let mut name_comes = false;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                let text = text_from(&json[at + 1..]);
                at += text.len() + 1;
                if let (true, Some(Step::Name(name))) = (name_comes, steps.last_mut()) {
                    *name = text;
                }
            }
            b'{' => {
                steps.push(Step::Name(b""));
                name_comes = true;
            }
            b'[' => {
                steps.push(Step::Index(0));
                name_comes = false;
            }
            b'}' | b']' => drop(steps.pop()),
            b':' => name_comes = false,
            b',' => match steps.last_mut() {
                Some(Step::Index(index)) => *index += 1,
                _ => name_comes = true,
            },
            _ => {}
        }
        at += 1;
    }
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Name(name) if path.is_empty() => path = String::from_utf8_lossy(name).into_owned(),
            Step::Name(b"") => {}
            Step::Name(name) => path.extend([".", &String::from_utf8_lossy(name)]),
            Step::Index(index) => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

/// What stands before the closing quote.
fn text_from(rest: &[u8]) -> &[u8] {
    let mut escaped = false;
    let end = rest.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    &rest[..end.unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only that it cannot be read matters")]
    struct Outer {
        name: String,
        parts: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only that it cannot be read matters")]
    struct Inner {
        count: u8,
    }

    #[test]
    fn the_field_that_cannot_be_read_is_named() {
        for (json, path) in [
            (r#"{"name":"a","parts":[{"count":1},{"count":"x"}]}"#, "parts[1].count"),
            (r#"{"name":"a","parts":[{"count":1},{"count":256}]}"#, "parts[1].count"),
            (r#"{"name":"a","parts":[{"count":1},{"other":[{}]}]}"#, "parts[1]"),
            (r#"{"name":"a \" {[,","parts":7}"#, "parts"),
            (r#"{"name":null,"parts":[]}"#, "name"),
            ("{\n \"name\": \"a\",\n \"parts\": [{\"count\": -1}]\n}", "parts[0].count"),
            (r#"{"parts":[]}"#, ""),
            ("7", ""),
        ] {
            let error = serde_json::from_slice::<Outer>(json.as_bytes()).unwrap_err();
            assert_eq!(path_of(json.as_bytes(), &error), path, "{json}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_path(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Err(error) = serde_json::from_slice::<Outer>(&bytes) {
                let _ = path_of(&bytes, &error);
            }
            let _ = path_to(&bytes);
        }
    }
}
