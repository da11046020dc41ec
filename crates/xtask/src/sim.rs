//! `cargo xtask sim`: the simulator, optimised, because a seed takes ten times as long without.

use std::process::Command;

use anyhow::Result;

use crate::repo::Repo;
use crate::{shell, tools};

/// How many known mistakes are planted in one test run.
const DEFECTS: &str = "10";

/// Plants ten known mistakes, others at each commit: the simulator has to notice each of them. `SIM_ROTATION` says which ones,
/// where the same are wanted again.
pub(crate) fn defects(repo: &Repo) -> Result<()> {
    let mut git = Command::new("git");
    // The commit's hash draws, also where the clone is shallow and could not count.
    let hash = shell::output(git.current_dir(&repo.root).args(["rev-parse", "--short=6", "HEAD"]));
    let drawn = hash.and_then(|hash| u32::from_str_radix(hash.trim().get(..6)?, 16).ok()).unwrap_or(0);
    let rotation = std::env::var("SIM_ROTATION").unwrap_or_else(|_| drawn.to_string());
    println!("these again: SIM_ROTATION={rotation} cargo xtask sim --defects {DEFECTS}");
    sim(repo, &["--defects", DEFECTS, "--rotation", &rotation])
}

/// Builds and runs it with these options.
pub(crate) fn sim(repo: &Repo, options: &[&str]) -> Result<()> {
    let mut cargo = tools::cargo(repo);
    cargo.args(["run", "--release", "--locked", "--quiet", "-p", "paifang-sim"]);
    // Known mistakes on demand, and a keyed hash in place of RSA for most seeds; no gateway builds with either.
    cargo.args(["--features", "laboratory", "--"]);
    shell::run(cargo.args(options))
}
