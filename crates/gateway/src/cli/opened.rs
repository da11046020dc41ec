//! The store of a command that serves nobody.

use anyhow::Context;
use paifang_store_postgres::PostgresStore;
use paifang_store_sqlite::SqliteStore;

use crate::cli::{Configured, Ended};
use crate::config::StoreAt;
use crate::serve;

/// What the config names.
pub(crate) enum Opened {
    /// A file: no gateway is running.
    File(SqliteStore),
    /// A database: gateways may be running beside it.
    Database(PostgresStore),
}

/// Connections of a command.
const CONNECTIONS: usize = 2;

impl Opened {
    pub async fn at(at: &Configured) -> Result<Self, Ended> {
        let config = at.load()?;
        let opened = match &config.store {
            StoreAt::File(path) => serve::open_file(path).await.map(Self::File),
            StoreAt::Database { address, .. } => {
                serve::open_database(address, CONNECTIONS).await.map(Self::Database)
            }
        };
        Ok(opened.with_context(|| format!("cannot open {}", config.store))?)
    }
}
