//! Keys of records that are not the strategy they are of: in which partition a record stands follows from its key, and the
//! order of a strategy's trades holds within a partition only.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

/// Strategies of which it is remembered that they were told.
const MOST: usize = 1000;

/// Tells such keys, once for each strategy and process.
#[derive(Default)]
pub(super) struct Keys {
    told: Mutex<BTreeSet<String>>,
}

impl Keys {
    /// Looks at the key of a trade; answers whether something was told.
    pub(super) fn check(&self, topic: &str, key: Option<&[u8]>, strategy: &str) -> bool {
        if key == Some(strategy.as_bytes()) {
            return false;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MOST || !told.insert(strategy.to_owned()) {
            return false;
        }
        drop(told);
        tracing::warn!(
            topic,
            strategy,
            key = key.map_or_else(|| "none".into(), String::from_utf8_lossy).as_ref(),
            "a record's key is not its strategy: where its records have several keys they lie in several partitions, and \
             their order is not known. Let the bot publish with the strategy as key"
        );
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_key_than_the_strategy_is_told_once_for_each() {
        let keys = Keys::default();
        assert!(!keys.check("t", Some(b"a"), "a"));
        assert!(keys.check("t", Some(b"b"), "a"));
        assert!(!keys.check("t", None, "a"));
        assert!(keys.check("t", None, "b") && !keys.check("t", Some(b"b"), "b"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let keys = Keys::default();
        let told = (0..2 * MOST).filter(|n| keys.check("t", None, &n.to_string())).count();
        assert_eq!(told, MOST);
    }
}
