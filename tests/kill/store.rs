//! The store under the gateways: which one, how many gateways may share it, and what can be done to its connections.

use std::path::{Path, PathBuf};

use anyhow::bail;
use paifang_conformance::postgres::{LOG_FILE_BYTES, Server};

use crate::cut::{Cut, Cutter};
use crate::draw::Draw;

/// A page of PostgreSQL.
const PAGE_BYTES: u64 = 8 * 1024;

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    Sqlite,
    Postgres,
}

impl StoreKind {
    /// As it is named on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// The store of one run.
pub enum Database {
    /// One file, one process.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A throw-away server for two gateways, behind a proxy.
    Postgres {
        /// The server; it ends with the run.
        server: Server,
        /// The database's name.
        name: String,
        /// What every gateway connects to.
        cutter: Cutter,
    },
}

impl Database {
    /// Starts what the store needs.
    pub async fn start(kind: StoreKind, directory: &Path) -> anyhow::Result<Self> {
        match kind {
            StoreKind::Sqlite => Ok(Self::Sqlite { path: directory.join("paifang.db") }),
            StoreKind::Postgres => {
                let starting = tokio::task::spawn_blocking(|| {
                    let server = Server::start(&[])?;
                    let name = server.database(None)?;
                    std::io::Result::Ok((server, name))
                });
                let (server, name) = starting.await??;
                let cutter = Cutter::start(([127, 0, 0, 1], server.port()).into()).await?;
                Ok(Self::Postgres { server, name, cutter })
            }
        }
    }

    /// A config that leads to it, made from the stage's.
    pub fn configure(&self, config: &str) -> String {
        match self {
            Self::Sqlite { .. } => config.to_owned(),
            Self::Postgres { server, name, cutter } => {
                let url =
                    server.url(name).replace(&server.port().to_string(), &cutter.address.port().to_string());
                let lines = config.lines().map(|line| match line.starts_with("path = ") {
                    true => format!("url = \"{url}\"\n"),
                    false => format!("{line}\n"),
                });
                lines.collect()
            }
        }
    }

    /// How many gateways run over it at once.
    pub fn replicas(&self) -> usize {
        match self {
            Self::Sqlite { .. } => 1,
            Self::Postgres { .. } => 2,
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
            Self::Postgres { .. } => None,
        }
    }

    /// The server's disk is full where its largest table ends: its next page finds no room. `false`: the table is smaller than
    /// a file of the server's own log, which would be met first; it grows by a page with each row now.
    pub fn fill(&self) -> anyhow::Result<bool> {
        let Self::Postgres { server, name, .. } = self else { bail!("no server to fill") };
        server.say(name, "ALTER TABLE paifang.intent_journal SET (fillfactor = 10)")?;
        let number = |statement: &str| anyhow::Ok(server.say(name, statement)?.parse::<u64>()?);
        let journal = number("SELECT pg_relation_size('paifang.intent_journal')")?;
        let largest =
            number("SELECT max(pg_relation_size(oid)) FROM pg_class WHERE relkind IN ('r', 'i', 't')")?;
        if journal < largest.max(LOG_FILE_BYTES) {
            return Ok(false);
        }
        // In the middle of a page.
        server.bound_files(Some(journal + PAGE_BYTES / 2))?;
        Ok(true)
    }

    /// There is room again.
    pub fn make_room(&self) -> anyhow::Result<()> {
        let Self::Postgres { server, .. } = self else { bail!("no server to fill") };
        Ok(server.bound_files(None)?)
    }

    /// How often there was no room for the server, in all.
    pub fn refused(&self) -> anyhow::Result<usize> {
        let Self::Postgres { server, .. } = self else { bail!("no server to fill") };
        Ok(server.log().matches("could not extend file").count())
    }

    /// Cuts an exchange with it in a moment, most often the answer to what may be a commit: its fate is unknown then (F20).
    pub fn cut(&self, draw: &mut Draw) {
        if let Self::Postgres { cutter, .. } = self {
            let cut = if draw.below(2) == 0 { Cut::AnswerLost } else { Cut::drawn(draw) };
            cutter.arm(draw.below(20), cut);
        }
    }

    /// How many exchanges with it were cut.
    pub fn cuts(&self) -> u32 {
        match self {
            Self::Sqlite { .. } => 0,
            Self::Postgres { cutter, .. } => cutter.done(),
        }
    }

    /// Connections stay whole from now on.
    pub fn heal(&self) {
        match self {
            Self::Sqlite { .. } => {}
            Self::Postgres { cutter, .. } => cutter.heal(),
        }
    }
}
