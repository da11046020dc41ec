//! PostgreSQL, which the tests of its store start by themselves: found on the machine, or installed from the machine's own
//! packages. It is the one tool that does not go below the repository's tools folder, since it brings half a system along.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// The oldest release that the store is for.
const MAJOR_MIN: u32 = 15;
/// Where Debian keeps the programs that are on nobody's PATH, one folder per release.
const DEBIAN: &str = "/usr/lib/postgresql";
/// What a machine without any is told.
const NEEDED: &str = "the tests of the PostgreSQL store need PostgreSQL 15 or later: put its programs (initdb, postgres, \
                      psql) on the PATH, name their folder in $PAIFANG_POSTGRES, or install the package postgresql";

/// The folder with the programs.
pub(crate) fn postgres() -> Result<PathBuf> {
    if let Some(found) = find() {
        return Ok(found);
    }
    println!("installing postgresql with apt-get");
    apt_get(&["update", "-qq"]).context(NEEDED)?;
    apt_get(&["install", "-y", "-qq", "--no-install-recommends", "postgresql"]).context(NEEDED)?;
    find().context(NEEDED)
}

fn find() -> Option<PathBuf> {
    let named = std::env::var_os("PAIFANG_POSTGRES").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let releases = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut releases: Vec<PathBuf> = releases.map(|release| release.path().join("bin")).collect();
    releases.sort();
    let candidates = named.into_iter().chain(std::env::split_paths(&path)).chain(releases.into_iter().rev());
    candidates
        .into_iter()
        .find(|folder| has_all(folder) && major(folder).is_some_and(|major| major >= MAJOR_MIN))
}

fn has_all(folder: &Path) -> bool {
    ["initdb", "psql", "postgres"].iter().all(|program| folder.join(program).exists())
}

fn major(folder: &Path) -> Option<u32> {
    parse_major(&shell::output(Command::new(folder.join("postgres")).arg("--version"))?)
}

/// From `postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)`, or `... 19devel`.
fn parse_major(text: &str) -> Option<u32> {
    let version = text.split_whitespace().nth(2)?;
    version.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let is_root = shell::output(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0");
    let mut command = if is_root { Command::new("apt-get") } else { Command::new("sudo") };
    if !is_root {
        // Never asks: a test run has nobody to answer.
        command.args(["-n", "apt-get"]);
    }
    shell::run(command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_told_apart() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 19devel"), Some(19));
        assert_eq!(parse_major("postgres"), None);
    }
}
