//! Which tradewarden this is.

use std::sync::LazyLock;

/// Version, the commit where it was built from a checkout, and the features that were built in.
pub(crate) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let built_from = option_env!("BUILT_FROM_COMMIT");
    let features: &[&str] = if cfg!(feature = "tls") { &["tls"] } else { &[] };
    in_words(env!("CARGO_PKG_VERSION"), built_from, features)
});

fn in_words(version: &str, built_from: Option<&str>, features: &[&str]) -> String {
    let commit = built_from.map_or_else(String::new, |commit| format!(" (commit {commit})"));
    let features = if features.is_empty() { "none".to_owned() } else { features.join(", ") };
    format!("{version}{commit}, features: {features}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_told_only_where_one_is_known() {
        assert_eq!(in_words("1.2.3", Some("abc"), &["tls"]), "1.2.3 (commit abc), features: tls");
        assert_eq!(in_words("1.2.3", None, &[]), "1.2.3, features: none");
    }
}
