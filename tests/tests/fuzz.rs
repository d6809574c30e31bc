//! Inputs that a fuzzer found to reach new code in the log's files and readers, played again. `fuzz/` finds more.

use std::{fs, path::Path};

#[test]
fn the_kept_corpus_is_refused_or_misses_nothing() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/log");
    let mut played = 0;
    for entry in fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        let input = fs::read(&path).unwrap();
        assert_eq!(tests::fuzz::run(&input), Ok(()), "{}", path.display());
        played += 1;
    }
    assert!(played > 100, "{played} inputs in {}", corpus.display());
}
