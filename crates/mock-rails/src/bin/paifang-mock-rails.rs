//! The rails' world on its own: `paifang-mock-rails --help`.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use paifang_mock_rails::cli::{Arguments, run};

#[derive(Debug, Parser)]
#[command(
    name = "paifang-mock-rails",
    version,
    about = "Mock payment rails that speak the real wire protocols"
)]
struct Cli {
    #[command(flatten)]
    arguments: Arguments,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is gone.
            let _ = writeln!(std::io::stderr(), "paifang-mock-rails: {error}");
            ExitCode::FAILURE
        }
    }
}
