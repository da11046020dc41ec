//! The one door for chores: `cargo xtask check | test | sim | tidy | proto`.
//!
//! Whatever has an `if` is here, so that a machine of the CI and a desk run the same thing. Tools that are missing are
//! installed below the target directory (or `$PAIFANG_TOOLS`), never on the machine.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command talks to its user

mod check;
mod node;
mod proto;
mod repo;
mod shell;
mod sim;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::repo::Repo;

const USAGE: &str = "\
usage: cargo xtask CHORE

  check                   all that can be said without running the product: format, tidy, proto lint and breaking
                          changes, dependency rules, clippy
  test [NEXTEST OPTIONS]  all tests of the workspace, the examples in the docs, 200 seeds of the simulator
  sim [OPTIONS]           the simulator, optimised: --seeds N, --replay SEED, --help
  tidy                    layers, sizes, banned words, crate roots, error pages
  proto                   lint the protos and hold them against the committed baseline
  proto --renew-baseline  accept the protos of now as the baseline, on purpose

Tools that are missing are installed into target/tools, or into $PAIFANG_TOOLS.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["check"] => check::check(&Repo::find()?),
        ["test", options @ ..] => test::test(&Repo::find()?, options),
        ["sim", options @ ..] => sim::sim(&Repo::find()?, options),
        ["tidy"] => tidy::report(&Repo::find()?),
        ["proto"] => proto::check(&Repo::find()?),
        ["proto", "--renew-baseline"] => proto::renew_baseline(&Repo::find()?),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => bail!("no such chore\n\n{USAGE}"),
    }
}
