//! `cargo xtask test`: every test of the workspace, on a machine that has nothing but Rust.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::node::{self, Node};
use crate::postgres;
use crate::repo::Repo;
use crate::shell::{self, Steps};
use crate::sim;
use crate::tools::{self, HOOKS};

/// Runs the tests, with `options` for the runner (such as `-E 'test(refund)'`), then the examples in the docs and some seeds of the
/// simulator.
pub(crate) fn test(repo: &Repo, options: &[&str]) -> Result<()> {
    let mut steps = Steps::default();
    let python = tools::python(repo)?;
    let others = Others { node: node::node(repo, &python)?, python, postgres: postgres::postgres()? };
    match tools::cargo_nextest(repo) {
        Ok(nextest) => steps.step("tests", || with_nextest(repo, &nextest, &others, options)),
        Err(error) => {
            println!("cargo-nextest cannot be installed ({error:#}); using cargo test");
            steps.step("tests", || with_cargo(repo, &others, options));
        }
    }
    if options.is_empty() {
        steps.step("doc tests", || {
            let mut cargo = tools::cargo(repo);
            cargo.args(["test", "--workspace", "--doc", "--locked", "--quiet", "--features", HOOKS]);
            shell::run(&mut cargo)
        });
    }
    if options.is_empty() {
        steps.step("simulator", || sim::sim(repo, &["--seeds", "200"]));
        steps.step("planted defects", || sim::defects(repo));
    }
    steps.finish()
}

/// What tests run beside ours: clients in other languages, and a database server.
struct Others {
    node: Node,
    python: PathBuf,
    postgres: PathBuf,
}

impl Others {
    /// Tells a test run where they are; `tests/clients.rs`, `tests/sdks.rs` and the conformance kit read these names.
    fn tell<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("PAIFANG_POSTGRES", &self.postgres)
            .env("PAIFANG_PYTHON", &self.python)
            .env("PAIFANG_NODE", &self.node.program)
            .env("PAIFANG_NODE_MODULES", &self.node.packages)
    }
}

fn with_nextest(repo: &Repo, nextest: &Path, others: &Others, options: &[&str]) -> Result<()> {
    let mut command = Command::new(nextest);
    others.tell(&mut command).current_dir(&repo.root).args(["nextest", "run", "--workspace", "--locked"]);
    command.args(["--features", HOOKS]);
    shell::run(command.args(options))
}

fn with_cargo(repo: &Repo, others: &Others, options: &[&str]) -> Result<()> {
    if !options.is_empty() {
        bail!("the options are cargo-nextest's, which is not here");
    }
    let targets = ["--lib", "--bins", "--tests", "--examples", "--features", HOOKS];
    let mut cargo = tools::cargo(repo);
    others.tell(&mut cargo).args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    shell::run(cargo.args(targets))
}
