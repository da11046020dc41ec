//! One TOML file, read strictly: an unknown key, a secret in plain sight or a doubtful combination is refused, and all
//! problems are told at once, each with its path.
//!
//! Secrets are never in the file: it says where they are, `{ file = "..." }` or `{ env = "NAME" }`. Paths in it are
//! relative to the file itself.
//!
//! ```toml
//! [store]
//! path = "paifang.db"                     # or, for several gateways over one database:
//! # url = "postgres://paifang@db.example/paifang?sslmode=require"
//! # password = { file = "db.password" }
//!
//! [grpc]
//! listen = "127.0.0.1:7443"
//! # tls = { certificate = "grpc.pem", key = { file = "grpc.key" } }
//!
//! [http]                                  # notifications and browser returns; forward /notify/ and /return/ to it
//! listen = "127.0.0.1:7480"
//! public_url = "https://pay.example.com"
//!
//! [ops]                                   # /metrics, /healthz, and the closing of days
//! listen = "127.0.0.1:7481"
//!
//! [[rail]]
//! id = "alipay-main"
//! rail = "alipay"
//! notify_token = { file = "alipay-main.token" }
//! settings = { app_id = "2021000000000000", seller_id = "2088000000000000" }
//!
//! # share = ["payment_intent.description"] # what it may be told beside the terms of orders; see docs/data-boundary.md
//!
//! [rail.keys]
//! app_private_key = { file = "alipay-app.pem" }
//! alipay_public_key = { file = "alipay-public.pem" }
//! ```

mod check;
mod problem;
mod raw;
mod secrets;
mod share;
mod store;
mod tls;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use problem::{ConfigErrors, Problem, Problems};
pub use raw::{Filter, Limits, Log, LogFormat};
pub(crate) use raw::{Keys, RawKey, part};
pub use secrets::{Lookup, LookupError, SecretRef};
pub use store::StoreAt;

use crate::registry::RailAccount;

/// Largest config file, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A config that can be started: every value checked, every secret read, every key parsed.
pub struct Config {
    /// The store's file or database.
    pub store: StoreAt,
    /// The storefront contract.
    pub grpc: Listener,
    /// Notifications and browser returns.
    pub http: Listener,
    /// Base of notify and return URLs, without a slash at its end; absent only where `http` is on loopback, and then it
    /// is that listener's own address.
    pub public_url: Option<String>,
    /// Figures, health, and the closing of days.
    pub ops: SocketAddr,
    /// A file that says how far the clock runs ahead, in milliseconds; only where everything is on this machine.
    pub clock_ahead: Option<PathBuf>,
    /// Bounds.
    pub limits: Limits,
    /// Logs.
    pub log: Log,
    /// Issuers (PEM) that are trusted towards rails, besides the public ones.
    pub extra_roots: Vec<Vec<u8>>,
    /// The rail accounts, in the order of the file.
    pub accounts: Vec<RailAccount>,
    effective: String,
}

/// A listener.
#[derive(Clone)]
pub struct Listener {
    /// Its address; port 0 is any free one.
    pub address: SocketAddr,
    /// Its TLS, if it has any.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

impl Config {
    /// Reads a config file and everything that it refers to.
    ///
    /// # Errors
    /// All problems that were found, each with its path in the file.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        Self::load_with(path, None)
    }

    /// The same with another store than the file's: a path, or a `postgres://` URL.
    ///
    /// # Errors
    /// All problems that were found, each with its path in the file.
    pub fn load_with(path: &Path, store: Option<&str>) -> Result<Self, ConfigErrors> {
        let unreadable = |rule: String| ConfigErrors::one(path.display().to_string(), rule);
        let length = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if length > FILE_BYTES_MAX {
            return Err(unreadable(format!("is larger than {FILE_BYTES_MAX} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        Self::parse_with(&text, store, &Lookup::beside(path))
    }

    /// Reads a config from its text; `lookup` finds what it refers to.
    ///
    /// # Errors
    /// All problems that were found, each with its path in the text.
    pub fn parse(text: &str, lookup: &Lookup) -> Result<Self, ConfigErrors> {
        Self::parse_with(text, None, lookup)
    }

    fn parse_with(text: &str, store: Option<&str>, lookup: &Lookup) -> Result<Self, ConfigErrors> {
        let mut problems = Problems::default();
        let mut raw = raw::read(text, &mut problems);
        if let Some(store) = store {
            raw.store.replace(store);
        }
        let config = check::checked(raw, lookup, &mut problems);
        problems.or(config)
    }

    /// The whole config as it takes effect, defaults filled in, in TOML. Secrets show as references.
    pub fn effective(&self) -> &str {
        &self.effective
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.effective)
    }
}
