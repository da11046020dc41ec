//! A few seeds, unoptimised; `cargo xtask sim` runs many.

use paifang_sim::run;

#[test]
fn no_fen_is_lost_doubled_or_stuck() {
    for seed in 1..=4 {
        let outcome = run(seed, false);
        assert_eq!(outcome.violations, Vec::<String>::new(), "seed {seed}: {:#?}", outcome.tail);
        assert!(outcome.payments > 0, "seed {seed} has no payments");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_one_does_not() {
    let hashes = [7, 7, 8].map(|seed| run(seed, false).hash);
    assert_eq!(hashes[0], hashes[1]);
    assert_ne!(hashes[1], hashes[2]);
}
