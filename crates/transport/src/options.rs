//! The limits of the transport, all with a default that suits the rails' own rules.

use std::time::Duration;

/// How the transport is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The rail accounts; an exchange for any other is refused.
    pub accounts: Vec<String>,
    /// Exchanges of one account at once. One rail that hangs takes no more than its own places.
    pub places: usize,
    /// How long an exchange may wait for a place.
    pub queue_time: Duration,
    /// How long name resolution, TCP and TLS may take together.
    pub connect_time: Duration,
    /// How long an exchange may take from its place to the last byte of the answer. Queue and deadline together stay
    /// below the lease of the work that made the call, so that nobody takes the work over while it still runs.
    pub deadline: Duration,
    /// How long a file may take, from its place to its last byte.
    pub file_time: Duration,
    /// Largest file, in bytes.
    pub file_bytes_max: u64,
    /// How long a connection is kept that nobody uses. Shorter than what servers usually keep them, so that it is us who
    /// close first and a request seldom meets a closing connection.
    pub idle_time: Duration,
    /// Certificates (PEM) of issuers that are trusted besides the public ones.
    pub extra_roots: Vec<Vec<u8>>,
}

/// The transport cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// An extra root is no PEM certificate; by its place in the list, from 0.
    #[error("extra root certificate {0} is not a PEM file of certificates")]
    ExtraRoot(usize),
    /// The TLS library refused its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl Options {
    /// The defaults for these accounts.
    pub fn new(accounts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            accounts: accounts.into_iter().map(Into::into).collect(),
            places: 64,
            queue_time: Duration::from_secs(1),
            connect_time: Duration::from_secs(3),
            deadline: Duration::from_secs(10),
            file_time: Duration::from_secs(120),
            file_bytes_max: 256 * 1024 * 1024,
            idle_time: Duration::from_secs(15),
            extra_roots: Vec::new(),
        }
    }
}
