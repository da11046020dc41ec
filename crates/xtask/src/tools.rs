//! The tools that chores need beside cargo, each in one fixed version: found on the machine, or installed below the
//! repository's tools folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::repo::Repo;
use crate::shell;

/// The schema tool; its npm package brings the binary, so nothing but npm is needed.
const BUF: &str = "1.75.0";

/// Licences, bans and sources of the dependencies. Any release of this line reads our `deny.toml`.
const CARGO_DENY: Pin = Pin { name: "cargo-deny", install: "0.20.2", accept: "cargo-deny 0.20." };

/// The test runner: a process per test.
const CARGO_NEXTEST: Pin = Pin { name: "cargo-nextest", install: "0.9.143", accept: "cargo-nextest 0.9." };

/// What the end-to-end tests need of the binary: crash points and a clock that can be set ahead.
pub(crate) const HOOKS: &str = "paifang-gateway/test-hooks";

/// The stock packages of a Python client, and the cryptography of the one that speaks UnionPay.
const PYTHON: &[&str] = &[
    "grpcio==1.85.1",
    "grpcio-reflection==1.85.1",
    "grpcio-health-checking==1.85.1",
    "googleapis-common-protos==1.76.0",
    "cryptography==50.0.2",
];

/// A tool that cargo installs.
struct Pin {
    name: &'static str,
    install: &'static str,
    accept: &'static str,
}

/// The path of buf.
pub(crate) fn buf(repo: &Repo) -> Result<PathBuf> {
    let folder = repo.tools.join("buf");
    let installed = folder.join("node_modules/.bin/buf");
    for candidate in [Path::new("buf"), &installed] {
        if version(candidate).is_some_and(|text| text.trim() == BUF) {
            return Ok(candidate.to_owned());
        }
    }
    println!("installing buf {BUF} into {}", folder.display());
    std::fs::create_dir_all(&folder)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]).arg(&folder);
    npm.arg(format!("@bufbuild/buf@{BUF}"));
    shell::run(&mut npm)
        .context("buf comes from npm; install node, or put buf of this version on the PATH")?;
    version(&installed).context("npm has installed a buf that does not run")?;
    Ok(installed)
}

/// The path of cargo-deny.
pub(crate) fn cargo_deny(repo: &Repo) -> Result<PathBuf> {
    CARGO_DENY.find(repo)
}

/// The path of cargo-nextest.
pub(crate) fn cargo_nextest(repo: &Repo) -> Result<PathBuf> {
    CARGO_NEXTEST.find(repo)
}

impl Pin {
    fn find(&self, repo: &Repo) -> Result<PathBuf> {
        let installed = repo.tools.join("bin").join(self.name);
        for candidate in [Path::new(self.name), &installed] {
            if version(candidate).is_some_and(|text| text.starts_with(self.accept)) {
                return Ok(candidate.to_owned());
            }
        }
        println!("installing {} {} into {}", self.name, self.install, repo.tools.display());
        let mut cargo = cargo(repo);
        cargo.args(["install", self.name, "--locked", "--version", self.install, "--root"]).arg(&repo.tools);
        shell::run(&mut cargo)?;
        version(&installed).with_context(|| format!("the installed {} does not run", self.name))?;
        Ok(installed)
    }
}

/// A Python with the packages of [`PYTHON`], in an environment of its own.
pub(crate) fn python(repo: &Repo) -> Result<PathBuf> {
    let folder = repo.tools.join("python");
    let python = folder.join("bin/python3");
    let (stamp, wanted) = (folder.join("packages.txt"), PYTHON.join("\n"));
    if std::fs::read_to_string(&stamp).is_ok_and(|text| text == wanted) && version(&python).is_some() {
        return Ok(python);
    }
    println!("installing grpcio into {}", folder.display());
    shell::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
        .context("the tests with a Python client need python3 with venv (Debian: python3-venv)")?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PYTHON);
    shell::run(&mut pip).context("pip cannot install the packages of a Python client")?;
    std::fs::write(&stamp, wanted)?;
    Ok(python)
}

/// Cargo in the repository's root: the one that runs this chore.
pub(crate) fn cargo(repo: &Repo) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&repo.root);
    cargo
}

fn version(tool: &Path) -> Option<String> {
    shell::output(Command::new(tool).arg("--version"))
}
