//! `cargo xtask kill`: gateways die in every way that can be arranged, as often as one likes; see `tests/kill`.

use anyhow::{Context, Result, bail};

use crate::repo::Repo;
use crate::{shell, tools};

/// What a run is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted<'a> {
    /// The test that runs on this store.
    test: &'static str,
    /// Variables that the test reads.
    variables: Vec<(&'static str, &'a str)>,
    /// Quick to build, slow to run.
    debug: bool,
}

/// Runs the harness with the release build of the gateway, crash points switched in.
pub(crate) fn kill(repo: &Repo, options: &[&str]) -> Result<()> {
    let wanted = read(options)?;
    let mut cargo = tools::cargo(repo);
    cargo.args([
        "test",
        "--locked",
        "--package",
        "paifang-gateway",
        "--features",
        tools::HOOKS,
        "--test",
        "kill",
    ]);
    if !wanted.debug {
        cargo.arg("--release");
    }
    cargo.args(["--", "--exact", wanted.test, "--nocapture"]).envs(wanted.variables);
    shell::run(&mut cargo)
}

fn read<'a>(options: &[&'a str]) -> Result<Wanted<'a>> {
    let mut wanted = Wanted { test: "kills_on_sqlite", variables: Vec::new(), debug: false };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        if *option == "--debug" {
            wanted.debug = true;
            continue;
        }
        let value = *options.next().with_context(|| format!("{option} wants a value"))?;
        let variable = match (*option, value) {
            ("--store", "sqlite") => {
                wanted.test = "kills_on_sqlite";
                continue;
            }
            ("--store", "postgres") => {
                wanted.test = "kills_on_postgres";
                continue;
            }
            ("--store", _) => bail!("there is no store {value}; there are sqlite and postgres"),
            ("--cycles", _) => "PAIFANG_KILL_CYCLES",
            ("--seed", _) => "PAIFANG_KILL_SEED",
            ("--first", _) => "PAIFANG_KILL_FIRST",
            _ => bail!("kill knows --cycles, --store, --seed, --first and --debug, not {option}"),
        };
        value.parse::<u64>().with_context(|| format!("{option} wants a number"))?;
        wanted.variables.push((variable, value));
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_slips_are_told() {
        let wanted = read(&["--cycles", "120", "--store", "sqlite", "--seed", "7", "--debug"]).unwrap();
        let variables = vec![("PAIFANG_KILL_CYCLES", "120"), ("PAIFANG_KILL_SEED", "7")];
        assert_eq!(wanted, Wanted { test: "kills_on_sqlite", variables, debug: true });
        for (slip, told) in [
            (vec!["--cycles"], "--cycles wants a value"),
            (vec!["--cycles", "many"], "--cycles wants a number"),
            (vec!["--store", "oracle"], "there is no store oracle"),
            (vec!["--cycle", "1"], "kill knows --cycles"),
        ] {
            let error = read(&slip).unwrap_err().to_string();
            assert!(error.starts_with(told), "{slip:?}: {error}");
        }
    }
}
