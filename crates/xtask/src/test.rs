//! `cargo xtask test`: every test of the workspace, on a machine that has nothing but Rust.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::repo::Repo;
use crate::shell::{self, Steps};
use crate::tools::{self, HOOKS};

/// Runs the tests, with `options` for the runner (such as `-E 'test(refund)'`), then the examples in the docs.
pub(crate) fn test(repo: &Repo, options: &[&str]) -> Result<()> {
    let mut steps = Steps::default();
    let python = tools::python(repo)?;
    match tools::cargo_nextest(repo) {
        Ok(nextest) => steps.step("tests", || with_nextest(repo, &nextest, &python, options)),
        Err(error) => {
            println!("cargo-nextest cannot be installed ({error:#}); using cargo test");
            steps.step("tests", || with_cargo(repo, &python, options));
        }
    }
    if options.is_empty() {
        steps.step("doc tests", || {
            let mut cargo = tools::cargo(repo);
            cargo.args(["test", "--workspace", "--doc", "--locked", "--quiet", "--features", HOOKS]);
            shell::run(&mut cargo)
        });
    }
    steps.finish()
}

/// Names the Python of `tests/clients.rs`.
const PYTHON: &str = "PAIFANG_PYTHON";

fn with_nextest(repo: &Repo, nextest: &Path, python: &Path, options: &[&str]) -> Result<()> {
    let mut command = Command::new(nextest);
    command.current_dir(&repo.root).env(PYTHON, python).args(["nextest", "run", "--workspace", "--locked"]);
    command.args(["--features", HOOKS]);
    shell::run(command.args(options))
}

fn with_cargo(repo: &Repo, python: &Path, options: &[&str]) -> Result<()> {
    if !options.is_empty() {
        bail!("the options are cargo-nextest's, which is not here");
    }
    let targets = ["--lib", "--bins", "--tests", "--examples", "--features", HOOKS];
    let mut cargo = tools::cargo(repo);
    cargo.env(PYTHON, python).args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    shell::run(cargo.args(targets))
}
