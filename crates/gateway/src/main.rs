//! The `paifang` binary: the command line and nothing else.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    paifang_gateway::cli::Cli::parse().run()
}
