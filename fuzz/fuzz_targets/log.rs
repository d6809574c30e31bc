//! The event log's files and readers, fed by libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Err(wrong) = tests::fuzz::run(input) {
        panic!("{wrong}");
    }
});
