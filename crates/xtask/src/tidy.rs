//! `cargo xtask tidy`: the rules of this repository that no compiler knows.
//!
//! - [`layers`]: which crate may import which (`docs/ARCHITECTURE.md` has the same table).
//! - [`rules`]: sizes, banned words, crate roots, in the text of each file ([`source`] tells code from comments).
//! - [`reasons`]: each error reason has a page, and no page speaks of a reason that is gone.

mod layers;
mod reasons;
mod rules;
mod source;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::repo::Repo;

/// Folders that hold nothing of ours.
const SKIPPED: [&str; 4] = [".git", "target", "node_modules", "paifang-data"];

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    /// Relative to the root.
    path: String,
    /// From 1; 0 speaks of the whole file.
    line: usize,
    /// What is wrong, and what would be right.
    text: String,
}

/// A text file of the repository.
struct TextFile {
    /// Relative to the root, with forward slashes.
    path: String,
    text: String,
}

/// Prints every broken rule; an error if there is one.
pub(crate) fn report(repo: &Repo) -> Result<()> {
    let files = text_files(&repo.root)?;
    let mut found = layers::check(repo);
    found.extend(rules::check(&files));
    found.extend(rules::check_roots(&files, &crate_roots(repo)));
    found.extend(reasons::check(&files));
    found.sort();
    for violation in &found {
        println!("{violation}");
    }
    if found.is_empty() { Ok(()) } else { bail!("{} rules are broken", found.len()) }
}

/// The root files of libraries and binaries, and each crate's manifest, relative to the root.
fn crate_roots(repo: &Repo) -> Vec<String> {
    let mut roots = Vec::new();
    for package in repo.packages() {
        for target in package.targets.iter().filter(|target| target.is_lib() || target.is_bin()) {
            roots.push(relative(&repo.root, target.src_path.as_std_path()));
        }
        roots.push(relative(&repo.root, package.manifest_path.as_std_path()));
    }
    roots
}

/// Every file that is text. A file that is not UTF-8 is left out: rails speak GBK in some vectors.
fn text_files(root: &Path) -> Result<Vec<TextFile>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let entry = entry?;
            let name = entry.file_name();
            if SKIPPED.iter().any(|skipped| name == *skipped) {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.extend(text_file(root, entry.path())?);
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn text_file(root: &Path, path: PathBuf) -> Result<Option<TextFile>> {
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = String::from_utf8(bytes).ok();
    Ok(text.map(|text| TextFile { path: relative(root, &path), text }))
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.text),
            line => write!(f, "{}:{line}: {}", self.path, self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_tools_and_builds_are_not_ours() {
        let root = tempfile::tempdir().unwrap();
        for path in ["a/b.rs", "target/c.rs", "x/node_modules/d.js", ".ci/run"] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        }
        fs::write(root.path().join("gbk"), [0xc4, 0xe3]).unwrap();
        let files = text_files(root.path()).unwrap();
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, [".ci/run", "a/b.rs"]);
    }
}
