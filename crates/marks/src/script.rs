//! What the build scripts of the contract have in common.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::{Contract, Error, files, read};

/// Where the contract lies, from the folder of a crate that is built.
const ROOT: &str = "../../proto";

/// A build script's work: reads the contract and writes this file of code beside what else the script makes. Answers the protos
/// of the contract, or `None` when cargo was told what is wrong; it ends the build then.
///
/// # Errors
/// When nobody builds, or hears what is told.
pub fn build(
    name: &str,
    code: impl FnOnce(&Contract) -> Result<String, Error>,
) -> io::Result<Option<Vec<PathBuf>>> {
    let out = std::env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("there is no OUT_DIR"))?;
    generate(Path::new(ROOT), &Path::new(&out).join(name), code, &mut io::stdout().lock())
}

/// The same with the contract below `root`, for the file `out`; what cargo is told goes to `cargo`. Without marks there is no such
/// file, also where an earlier build has left one: nothing that includes it compiles.
///
/// # Errors
/// When what is told is not heard.
pub fn generate(
    root: &Path,
    out: &Path,
    code: impl FnOnce(&Contract) -> Result<String, Error>,
    cargo: &mut impl Write,
) -> io::Result<Option<Vec<PathBuf>>> {
    writeln!(cargo, "cargo::rerun-if-changed={}", root.display())?;
    match written(root, out, code) {
        Ok(files) => Ok(Some(files)),
        Err(error) => {
            for line in error.to_string().lines() {
                writeln!(cargo, "cargo::error={line}")?;
            }
            if out.exists() {
                fs::remove_file(out)?;
            }
            Ok(None)
        }
    }
}

fn written(
    root: &Path,
    out: &Path,
    code: impl FnOnce(&Contract) -> Result<String, Error>,
) -> Result<Vec<PathBuf>, Error> {
    let code = code(&read(root)?)?;
    fs::write(out, code).map_err(|error| Error::Broken(format!("{}: {error}", out.display())))?;
    files(root)
}
