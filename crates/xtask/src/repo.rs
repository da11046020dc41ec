//! Where the repository is, and what cargo says about its crates.

use std::path::PathBuf;

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package};

/// The workspace that the chore runs in.
pub(crate) struct Repo {
    /// Its root folder.
    pub(crate) root: PathBuf,
    /// Where tools are installed that the machine lacks.
    pub(crate) tools: PathBuf,
    metadata: Metadata,
}

impl Repo {
    /// Asks cargo. Only the crates' own manifests are read, so neither the network nor the lock file is touched.
    pub(crate) fn find() -> Result<Self> {
        let metadata = MetadataCommand::new().no_deps().exec().context("cargo metadata failed")?;
        let tools = match std::env::var_os("PAIFANG_TOOLS") {
            Some(folder) => PathBuf::from(folder),
            None => metadata.target_directory.join("tools").into_std_path_buf(),
        };
        Ok(Self { root: metadata.workspace_root.clone().into_std_path_buf(), tools, metadata })
    }

    /// The crates of the workspace.
    pub(crate) fn packages(&self) -> &[Package] {
        &self.metadata.packages
    }
}
