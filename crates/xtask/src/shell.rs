//! Running other programs, with their names and times in the output.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Runs a program with its output shown; an exit code other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("{name} does not start"))?;
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(())
}

/// What a program prints; `None` when it is not there or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let done = command.stderr(Stdio::null()).output().ok()?;
    if !done.status.success() {
        return None;
    }
    String::from_utf8(done.stdout).ok()
}

/// The steps of a chore. All of them run, so that one round shows all that is wrong.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(&'static str, Duration, bool)>,
}

impl Steps {
    /// Runs one step and remembers how it went.
    #[allow(clippy::disallowed_methods)] // the time that a chore took, for its reader; no product code runs here
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) {
        println!("── {name}");
        let begin = Instant::now();
        let result = work();
        if let Err(error) = &result {
            println!("{name}: {error:#}");
        }
        self.done.push((name, begin.elapsed(), result.is_ok()));
    }

    /// Prints the times; an error that names the failed steps if there are any.
    pub(crate) fn finish(self) -> Result<()> {
        println!("──");
        let mut failed = Vec::new();
        for (name, took, passed) in &self.done {
            let verdict = if *passed { "ok" } else { "FAILED" };
            let seconds = format!("{}.{}", took.as_secs(), took.subsec_millis() / 100);
            println!("{verdict:>6} {seconds:>7} s  {name}");
            if !passed {
                failed.push(*name);
            }
        }
        if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_runs_and_a_failed_one_is_named() {
        let mut steps = Steps::default();
        let mut ran = 0;
        steps.step("first", || bail!("broken"));
        steps.step("second", || {
            ran += 1;
            Ok(())
        });
        assert_eq!(ran, 1);
        assert_eq!(steps.finish().unwrap_err().to_string(), "failed: first");
    }

    #[test]
    fn a_program_that_is_not_there_prints_nothing() {
        assert_eq!(output(&mut Command::new("no-such-program-of-this-name")), None);
    }
}
