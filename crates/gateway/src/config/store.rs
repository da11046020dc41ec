//! Where everything is kept: one file for one gateway, or one database for several.

use std::fmt;
use std::path::PathBuf;

use paifang_store_postgres::{Address, CONNECTIONS};

use super::raw::Store;
use super::{Lookup, Problems, SecretRef};

/// The variable that PostgreSQL's own programs read a password from.
const PASSWORD: &str = "PGPASSWORD";
/// The file where nothing else is said.
const FILE: &str = "paifang.db";

/// Where the store is.
#[derive(Debug, Clone)]
pub enum StoreAt {
    /// An SQLite file, of one gateway.
    File(PathBuf),
    /// A PostgreSQL database, of any number of gateways.
    Database {
        /// Where it is.
        address: Box<Address>,
        /// Connections to it at most.
        connections: usize,
    },
}

impl fmt::Display for StoreAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Database { address, .. } => write!(f, "{address}"),
        }
    }
}

impl Store {
    /// What the command line says takes the place of what the file says.
    pub(super) fn replace(&mut self, place: &str) {
        if is_url(place) {
            (self.url, self.path) = (Some(place.to_owned()), None);
        } else {
            (self.url, self.path) = (None, Some(place.into()));
        }
    }

    /// Says the default where nothing is said, so that it is shown.
    pub(super) fn complete(&mut self) {
        if self.url.is_none() && self.path.is_none() {
            self.path = Some(FILE.into());
        }
    }

    pub(super) fn checked(&self, lookup: &Lookup, problems: &mut Problems) -> Option<StoreAt> {
        let Some(url) = &self.url else {
            return Some(StoreAt::File(lookup.path(self.path.as_ref()?)));
        };
        if self.path.is_some() {
            problems.add("store", "has a path and a url: the store is a file or a database");
        }
        let address = problems.take("store.url", Address::parse(url))?;
        if address.has_password() {
            let rule =
                "holds a password in plain sight: say where it is, store.password = { file = \"...\" }";
            problems.add("store.url", rule);
            return None;
        }
        let variable = SecretRef::Env(PASSWORD.to_owned());
        let password = match &self.password {
            Some(reference) => Some(problems.take("store.password", lookup.secret(reference))?),
            None => lookup.secret(&variable).ok(),
        };
        let address = match password {
            Some(password) => address.with_password(password.expose()),
            None => address,
        };
        let connections = self.connections.map_or(CONNECTIONS, |n| usize::try_from(n).unwrap_or(CONNECTIONS));
        if !(1..=1000).contains(&connections) {
            problems.add("store.connections", "must be 1 to 1000");
        }
        Some(StoreAt::Database { address: Box::new(address), connections })
    }
}

/// Whether a place is a database's URL.
fn is_url(place: &str) -> bool {
    place.contains("://")
}
