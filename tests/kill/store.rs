//! The store under the gateways: which one, how many gateways may share it, and what can be done to its connections.

use std::path::{Path, PathBuf};

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    Sqlite,
}

impl StoreKind {
    /// As it is named on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
        }
    }
}

/// The store of one run.
#[derive(Debug)]
pub enum Database {
    /// One file, one process.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
}

impl Database {
    /// Starts what the store needs.
    pub async fn start(kind: StoreKind, directory: &Path) -> anyhow::Result<Self> {
        match kind {
            StoreKind::Sqlite => Ok(Self::Sqlite { path: directory.join("paifang.db") }),
        }
    }

    /// A config that leads to it, made from the stage's.
    pub fn configure(&self, config: String) -> String {
        match self {
            Self::Sqlite { .. } => config,
        }
    }

    /// How many gateways may run over it at once.
    pub fn replicas(&self) -> usize {
        match self {
            Self::Sqlite { .. } => 1,
        }
    }

    /// The size of the file that grows with each write, in KiB; `None` where that is no file of the gateway's.
    pub fn log_kib(&self) -> Option<u64> {
        match self {
            Self::Sqlite { path } => {
                let size = |path: PathBuf| std::fs::metadata(path).map_or(0, |found| found.len());
                let log = PathBuf::from(format!("{}-wal", path.display()));
                Some(size(log).max(size(path.clone())) / 1024)
            }
        }
    }

    /// Cuts a connection to it; `false` where there is none.
    pub fn cut(&self, _draw: &mut crate::draw::Draw) -> bool {
        match self {
            Self::Sqlite { .. } => false,
        }
    }

    /// How many of its connections were cut.
    pub fn cuts(&self) -> u32 {
        match self {
            Self::Sqlite { .. } => 0,
        }
    }

    /// Connections stay whole from now on.
    pub fn heal(&self) {
        match self {
            Self::Sqlite { .. } => {}
        }
    }
}
