//! The hostile corpus: what somebody without the rail's key, or with the wrong message of the right key, may send us.
//!
//! The corpus itself is data (`tests/corpus/<rail>/<family>.jsonl`), one case per line; whoever tests another gateway can
//! take it as it is. This crate makes it, from the public test keys of `tests/vectors`, with another cryptographic library
//! than the adapters and without a line of them. Everything is deterministic, so a test holds the data against it.
//!
//! - [`Case`] is one message with its reason and what has to become of it; [`read`] and [`write`] are its text form.
//! - [`scene`] says which orders, amounts and times the cases speak of; a test has to build exactly that scene.
//! - [`corpus`] makes all files. `PAIFANG_RENEW_CORPUS=1 cargo test -p paifang-hostile` writes them.
#![forbid(unsafe_code)]

mod alipay;
mod book;
mod case;
mod form;
pub mod scene;
mod sign;
mod unionpay;
mod wechatpay;

use std::path::{Path, PathBuf};

pub use case::{About, BadLine, Case, Expected, read, write};

/// A file of the corpus: its path below `tests/corpus`, and its cases.
pub type File = (String, Vec<Case>);

/// Every file, in the order of their names.
pub fn corpus() -> Vec<File> {
    let mut files = [alipay::files(), wechatpay::files(), unionpay::files()].concat();
    files.sort_by(|one, other| one.0.cmp(&other.0));
    files
}

/// Where the corpus lies in this repository.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus")
}

/// Every case of the corpus as it lies in the repository, with the file that it is in.
///
/// # Errors
/// When a file cannot be read or a line is no case.
pub fn load() -> Result<Vec<File>, BadLine> {
    let mut files = Vec::new();
    for rail in ["alipay", "unionpay", "wechatpay"] {
        let folder = folder().join(rail);
        let entries = std::fs::read_dir(&folder).map_err(|error| BadLine::file(rail, &error))?;
        for entry in entries {
            let path = entry.map_err(|error| BadLine::file(rail, &error))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let name = format!("{rail}/{name}");
            let text = std::fs::read_to_string(&path).map_err(|error| BadLine::file(&name, &error))?;
            files.push((name.clone(), read(&name, &text)?));
        }
    }
    files.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(files)
}
