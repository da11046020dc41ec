//! `cargo xtask sim`: the simulator, optimised, because a seed takes ten times as long without.

use anyhow::Result;

use crate::repo::Repo;
use crate::{shell, tools};

/// Builds and runs it with these options.
pub(crate) fn sim(repo: &Repo, options: &[&str]) -> Result<()> {
    let mut cargo = tools::cargo(repo);
    cargo.args(["run", "--release", "--locked", "--quiet", "-p", "paifang-sim", "--"]);
    shell::run(cargo.args(options))
}
