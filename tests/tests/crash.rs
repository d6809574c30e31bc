//! The crash harness, for a moment: `cargo run --release -p tests --bin crash` runs it at length.

use std::process::Command;

use tests::crash::{self, Cut, Damage, Forgery, Running};

#[test]
fn power_cuts_lose_nothing_acknowledged() {
    for seed in 0..60 {
        assert_eq!(crash::power_cut(seed), Ok(()), "seed {seed}");
    }
}

#[test]
fn full_disks_and_failing_syncs_and_reads_lose_nothing() {
    for seed in 0..60 {
        assert_eq!(crash::trouble(seed), Ok(()), "seed {seed}");
    }
}

#[test]
fn damaged_files_are_told_by_name_or_nothing_is_missing() {
    for kind in Damage::ALL {
        let told = (0..40)
            .filter(|seed| crash::damage(kind, *seed).unwrap_or_else(|why| panic!("seed {seed}: {why}")));
        assert!(told.count() > 10, "{kind:?} is told");
    }
}

#[test]
fn forged_segments_are_told_by_the_chain_or_by_a_seal() {
    for kind in Forgery::ALL {
        for seed in 0..40 {
            assert_eq!(crash::forge(kind, seed), Ok(true), "{kind:?}, seed {seed}");
        }
    }
}

#[test]
fn files_changed_beside_the_work_are_told_or_nothing_is_missing() {
    for kind in Running::ALL {
        for seed in 0..6 {
            crash::running(kind, seed).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        }
    }
}

#[test]
fn a_while_without_descriptors_loses_nothing() {
    for seed in 0..40 {
        assert_eq!(crash::no_descriptors(seed), Ok(()), "seed {seed}");
    }
}

#[test]
fn files_changed_at_random_are_told_or_nothing_is_missing() {
    for seed in 0..150 {
        crash::fuzz(seed).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
}

#[test]
fn a_disk_that_only_pretends_to_sync_is_found_out() {
    let found = (0..40).filter(|seed| crash::control(*seed)).count();
    assert!(found > 10, "only {found} losses were found where nothing was synced");
}

#[test]
fn killed_writers_lose_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = [0; 3];
    for seed in 0..12 {
        let mut writer = Command::new(env!("CARGO_BIN_EXE_crash"));
        writer.arg("--writer").arg(folder.path());
        assert_eq!(crash::killed(writer, folder.path(), seed, &mut acknowledged), Ok(()), "seed {seed}");
    }
    assert!(acknowledged.iter().sum::<u64>() > 500, "the writers came far enough: {acknowledged:?}");
}

#[test]
fn concurrent_histories_have_one_order_also_across_power_cuts() {
    let mut together = [0; 3];
    for seed in 0..40 {
        let calls = crash::history(seed).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        together.iter_mut().zip(calls).for_each(|(sum, count)| *sum += count);
    }
    // Of each kind enough that the check has something to check.
    assert!(together.iter().all(|count| *count > 40), "{together:?}");
}

#[test]
fn the_power_is_cut_at_any_moment_of_the_program_and_nothing_acknowledged_is_lost_or_decided_otherwise() {
    let mut damaged = 0;
    for kind in Cut::ALL {
        for seed in 0..4 {
            match crash::cut_program(kind, seed) {
                Ok(told) => damaged += usize::from(told),
                Err(why) => panic!("{kind:?}, seed {seed}: {why}"),
            }
        }
    }
    assert!(damaged > 0, "a state that was not synced is damaged now and then");
}

#[test]
fn a_stop_on_a_slow_disk_ends_in_good_order_and_loses_nothing() {
    for seed in 0..2 {
        assert_eq!(crash::slow_stop(seed), Ok(()), "seed {seed}");
    }
}
