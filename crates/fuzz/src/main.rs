//! Runs fuzz targets: `paifang-fuzz [TARGET] [--seconds N] [--chance N]`, or `paifang-fuzz list`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command talks to its user

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use paifang_fuzz::runner::{Limit, run};
use paifang_fuzz::targets::{ALL, Target, named};

const USAGE: &str = "usage: paifang-fuzz [TARGET | list] [--seconds N] [--chance N]";
/// Seconds per target, where nobody says otherwise.
const SECONDS: u64 = 15;

fn main() -> ExitCode {
    let mut targets: Vec<&Target> = ALL.iter().collect();
    let (mut seconds, mut chance) = (SECONDS, 1);
    let mut args = std::env::args().skip(1);
    while let Some(word) = args.next() {
        let mut number = || args.next().and_then(|text| text.parse::<u64>().ok());
        match word.as_str() {
            "list" => {
                ALL.iter().for_each(|target| println!("{}", target.name));
                return ExitCode::SUCCESS;
            }
            "--seconds" => seconds = number().unwrap_or(SECONDS),
            "--chance" => chance = number().unwrap_or(1),
            name => match named(name) {
                Some(target) => targets = vec![target],
                None => {
                    eprintln!("no such target: {name}\n{USAGE}");
                    return ExitCode::FAILURE;
                }
            },
        }
    }
    let limit = Limit { executions: u64::MAX, time: Duration::from_secs(seconds) };
    let found: usize = targets.iter().map(|target| fuzz(target, chance, limit)).sum();
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one target and keeps what it finds; answers how much that is.
fn fuzz(target: &Target, chance: u64, limit: Limit) -> usize {
    let report = run(target, chance, limit);
    let (executions, took) = (report.executions, report.took.as_secs_f32());
    println!(
        "{:<24} {executions:>10} executions in {took:>6.1} s, {} findings",
        target.name,
        report.findings.len()
    );
    for (number, (input, why)) in report.findings.iter().enumerate() {
        let folder = Path::new("target/fuzz-findings");
        let path = folder.join(format!("{}-{chance}-{number}", target.name));
        match std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, input)) {
            Ok(()) => println!("  {why}: {}", path.display()),
            Err(error) => println!("  {why}: {} bytes, not kept: {error}", input.len()),
        }
    }
    report.findings.len()
}
