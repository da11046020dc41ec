//! A short run of every target, always the same one; `cargo xtask fuzz` runs them for longer.
#![allow(clippy::print_stdout)] // the figures are told

use std::time::Duration;

use paifang_fuzz::runner::{Limit, run, why_bad};
use paifang_fuzz::targets::{ALL, Target};

/// The whole run may take this long on a slow machine; the executions are bounded, so it is never what ends it.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn no_target_panics_hangs_or_believes_a_forgery() {
    let (mut total, mut findings) = (0, Vec::new());
    for target in ALL {
        let report = run(target, 20_260_301, Limit { executions: target.quick, time: PATIENCE });
        total += report.executions;
        println!("{:<24} {:>7} executions in {:>8.1?}", target.name, report.executions, report.took);
        let found = report.findings.iter().map(|(input, why)| {
            format!("{} {why}: {:?}", target.name, String::from_utf8_lossy(&input[..input.len().min(2_000)]))
        });
        findings.extend(found);
    }
    println!("{} targets, {total} executions, {} findings", ALL.len(), findings.len());
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// The runner itself finds what is there to be found.
#[test]
fn a_planted_defect_is_found() {
    fn defect(input: &[u8]) {
        assert!(!input.windows(2).any(|pair| pair == b"%z"), "the planted defect");
    }
    let seeds = || vec![b"a=1&b=%20&c=zz".to_vec()];
    let target = Target { name: "planted", run: defect, seeds, words: &[], quick: 0 };
    let report = run(&target, 7, Limit { executions: 200_000, time: PATIENCE });
    assert!(report.findings.iter().any(|(_, why)| *why == "panic"), "{} executions", report.executions);
    assert!(why_bad(&target, b"%z").is_some() && why_bad(&target, b"z%").is_none());
}

/// Only authentic messages open: at least those of the control group do, so the property above is about something.
#[test]
fn every_target_has_seeds() {
    for target in ALL {
        let seeds = (target.seeds)();
        assert!(seeds.iter().any(|seed| !seed.is_empty()), "{} has no seed", target.name);
    }
}
