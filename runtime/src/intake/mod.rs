//! From bytes and rows to facts: decoding, checking, dead letters, admission to the log.
