//! `cargo xtask fuzz`: the fuzz targets on stable Rust, optimised, for as long as asked.

use anyhow::Result;

use crate::repo::Repo;
use crate::{shell, tools};

/// Runs one target or all of them; `options` go to the runner (`[TARGET] [--seconds N] [--chance N]`).
pub(crate) fn fuzz(repo: &Repo, options: &[&str]) -> Result<()> {
    let mut cargo = tools::cargo(repo);
    cargo.args(["run", "--release", "--locked", "--quiet", "--package", "paifang-fuzz", "--"]);
    shell::run(cargo.args(options))
}
