//! `cargo xtask test`: every test of the workspace, on a machine that has nothing but Rust.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::repo::Repo;
use crate::shell::{self, Steps};
use crate::tools;

/// Runs the tests, with `options` for the runner (such as `-E 'test(refund)'`), then the examples in the docs.
pub(crate) fn test(repo: &Repo, options: &[&str]) -> Result<()> {
    let mut steps = Steps::default();
    match tools::cargo_nextest(repo) {
        Ok(nextest) => steps.step("tests", || with_nextest(repo, &nextest, options)),
        Err(error) => {
            println!("cargo-nextest cannot be installed ({error:#}); using cargo test");
            steps.step("tests", || with_cargo(repo, options));
        }
    }
    if options.is_empty() {
        steps.step("doc tests", || {
            shell::run(tools::cargo(repo).args(["test", "--workspace", "--doc", "--locked", "--quiet"]))
        });
    }
    steps.finish()
}

fn with_nextest(repo: &Repo, nextest: &Path, options: &[&str]) -> Result<()> {
    let mut command = Command::new(nextest);
    command.current_dir(&repo.root).args(["nextest", "run", "--workspace", "--locked"]);
    shell::run(command.args(options))
}

fn with_cargo(repo: &Repo, options: &[&str]) -> Result<()> {
    if !options.is_empty() {
        bail!("the options are cargo-nextest's, which is not here");
    }
    let targets = ["--lib", "--bins", "--tests"];
    shell::run(tools::cargo(repo).args(["test", "--workspace", "--locked", "--no-fail-fast"]).args(targets))
}
