//! `cargo xtask check`: all that can be said without running the product, the fast answers first.

use std::process::Command;

use anyhow::Result;

use crate::repo::Repo;
use crate::shell::{self, Steps};
use crate::{proto, tidy, tools};

/// Runs every check and tells all that failed.
pub(crate) fn check(repo: &Repo) -> Result<()> {
    let mut steps = Steps::default();
    steps.step("format", || shell::run(tools::cargo(repo).args(["fmt", "--all", "--check"])));
    steps.step("tidy", || tidy::report(repo));
    steps.step("proto", || proto::check(repo));
    steps.step("dependencies", || dependencies(repo));
    steps.step("clippy", || clippy(repo));
    steps.finish()
}

/// Advisories are left out: they change with the day, not with the code, and need the network.
fn dependencies(repo: &Repo) -> Result<()> {
    let mut deny = Command::new(tools::cargo_deny(repo)?);
    deny.current_dir(&repo.root).args(["--workspace", "--locked", "check", "--hide-inclusion-graph"]);
    shell::run(deny.args(["bans", "licenses", "sources"]))
}

const DENIED: [&str; 4] = ["-D", "warnings", "-D", "clippy::too_many_lines"];

/// `too_many_lines` holds functions to the threshold of `clippy.toml`.
fn clippy(repo: &Repo) -> Result<()> {
    let mut cargo = tools::cargo(repo);
    cargo.args(["clippy", "--workspace", "--all-targets", "--locked", "--features", tools::HOOKS, "--"]);
    shell::run(cargo.args(DENIED))?;
    // What only the simulator is built with.
    let mut cargo = tools::cargo(repo);
    cargo.args([
        "clippy",
        "-p",
        "paifang-sim",
        "--all-targets",
        "--locked",
        "--features",
        "laboratory",
        "--",
    ]);
    shell::run(cargo.args(DENIED))
}

#[cfg(test)]
mod tests {
    /// cargo-deny accepts `h2@<0.4.16` in silence and then bans nothing; the range has to follow a colon.
    #[test]
    fn every_floor_of_deny_toml_takes_effect() {
        let rules = include_str!("../../../deny.toml");
        assert!(!rules.contains("@<"), "write crate:<version");
        for floor in ["h2", "tonic", "rustls", "rustls-webpki", "bytes", "time", "ring"] {
            assert!(rules.contains(&format!("\"{floor}:<")), "{floor} has no floor");
        }
    }
}
