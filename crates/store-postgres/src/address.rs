//! Where the database is, and how it is talked to: a `postgres://` URL, read strictly.
//!
//! `postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE[?sslmode=MODE&sslrootcert=FILE&host=SOCKET_DIRECTORY]`
//!
//! TLS either proves who answers or is not there: `require`, `verify-ca` and `verify-full` all mean that the certificate
//! is checked against `sslrootcert` (or the public authorities) and against the host's name. `prefer` and `allow`, which
//! an attacker turns into plain text, are refused. Without `sslmode`, a host that is not this machine needs TLS.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;
use url::{Host, Url};

/// How long connecting may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// A peer that is silent is asked so often whether it is there.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(20);
/// What was sent and is not acknowledged for so long is lost.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(20);

/// Stands for the host of a URL that has none.
const NOWHERE: &str = "nowhere.invalid";

/// A database that can be connected to. Its password is never shown.
#[derive(Clone)]
pub struct Address {
    pub(crate) config: Config,
    pub(crate) tls: MakeRustlsConnect,
    shown: String,
}

/// Why an address is refused. None of these repeats the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Not a URL of this kind.
    #[error("must be a URL: postgres://user@host:5432/database")]
    NotAUrl,
    /// A part that is needed.
    #[error("the URL names no {0}")]
    Missing(&'static str),
    /// An option that we do not know; none is ignored.
    #[error("{0} is not an option; there are sslmode, sslrootcert, host and application_name")]
    UnknownOption(String),
    /// A mode that protects nothing.
    #[error(
        "sslmode={0} does not prove who answers: use require (or disable, on this machine or a trusted network)"
    )]
    WeakMode(String),
    /// The authorities cannot be read.
    #[error("sslrootcert: {path} holds no usable certificate")]
    Roots {
        /// The file.
        path: PathBuf,
    },
    /// The TLS library refuses its settings; a fault of the build.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    /// For every part that is missing, unknown or would talk to somebody unproven.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let url = match Url::parse(text) {
            // A user before no host is no URL, but the usual way to say that the host is among the options.
            Err(url::ParseError::EmptyHost) => Url::parse(&text.replacen("@/", &format!("@{NOWHERE}/"), 1)),
            parsed => parsed,
        };
        let url = url.map_err(|_| AddressError::NotAUrl)?;
        if !["postgres", "postgresql"].contains(&url.scheme()) {
            return Err(AddressError::NotAUrl);
        }
        let options = Options::of(&url)?;
        let mut config = Config::new();
        let user = decoded(url.username());
        config.user(if user.is_empty() { return Err(AddressError::Missing("user")) } else { &user });
        if let Some(password) = url.password() {
            config.password(decoded(password));
        }
        let database = decoded(url.path().trim_start_matches('/'));
        config.dbname(if database.is_empty() {
            return Err(AddressError::Missing("database"));
        } else {
            &database
        });
        let is_near = set_host(&mut config, &url, &options)?;
        let mode = options.mode(is_near)?;
        let tls = tls(options.roots)?;
        config
            .ssl_mode(mode)
            .application_name(options.application.unwrap_or_else(|| "paifang".to_owned()))
            .connect_timeout(CONNECT_TIME)
            .keepalives_idle(KEEPALIVE_EVERY)
            .tcp_user_timeout(UNACKNOWLEDGED_MAX);
        Ok(Self { config, tls, shown: shown(&url) })
    }

    /// The same with this password.
    #[must_use]
    pub fn with_password(mut self, password: &[u8]) -> Self {
        self.config.password(password);
        self
    }

    /// Whether the URL itself holds a password.
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// Whether the connection is encrypted, and the server proved.
    pub fn is_encrypted(&self) -> bool {
        self.config.get_ssl_mode() == SslMode::Require
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[derive(Default)]
struct Options {
    mode: Option<String>,
    roots: Option<PathBuf>,
    host: Option<String>,
    application: Option<String>,
}

impl Options {
    fn of(url: &Url) -> Result<Self, AddressError> {
        let mut options = Self::default();
        for (name, value) in url.query_pairs() {
            let value = value.into_owned();
            match &*name {
                "sslmode" => options.mode = Some(value),
                "sslrootcert" => options.roots = Some(value.into()),
                "host" => options.host = Some(value),
                "application_name" => options.application = Some(value),
                _ => return Err(AddressError::UnknownOption(name.into_owned())),
            }
        }
        Ok(options)
    }

    fn mode(&self, is_near: bool) -> Result<SslMode, AddressError> {
        match self.mode.as_deref() {
            Some("disable") => Ok(SslMode::Disable),
            Some("require" | "verify-ca" | "verify-full") => Ok(SslMode::Require),
            Some(other) => Err(AddressError::WeakMode(other.to_owned())),
            None if is_near && self.roots.is_none() => Ok(SslMode::Disable),
            None => Ok(SslMode::Require),
        }
    }
}

/// Answers whether the host is this machine.
fn set_host(config: &mut Config, url: &Url, options: &Options) -> Result<bool, AddressError> {
    config.port(url.port().unwrap_or(5432));
    if let Some(host) = &options.host {
        config.host(host);
        return Ok(host.starts_with('/'));
    }
    // Hosts of URLs with a scheme of their own are opaque text, so addresses are read here.
    let host = url
        .host_str()
        .filter(|host| !host.is_empty() && *host != NOWHERE)
        .ok_or(AddressError::Missing("host"))?;
    let host = decoded(host);
    if host.starts_with('/') {
        config.host(&host);
        return Ok(true);
    }
    Ok(match Host::parse(&host).map_err(|_| AddressError::NotAUrl)? {
        Host::Domain(name) => {
            config.host(&name);
            name == "localhost"
        }
        Host::Ipv4(address) => {
            config.host(address.to_string());
            address.is_loopback()
        }
        Host::Ipv6(address) => {
            config.host(address.to_string());
            address.is_loopback()
        }
    })
}

fn tls(roots: Option<PathBuf>) -> Result<MakeRustlsConnect, AddressError> {
    let mut store = RootCertStore::empty();
    match roots {
        None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let unusable = || AddressError::Roots { path: path.clone() };
            let read = CertificateDer::pem_file_iter(&path).map_err(|_| unusable())?;
            for certificate in read {
                let certificate = certificate.map_err(|_| unusable())?;
                store.add(certificate).map_err(|_| unusable())?;
            }
            if store.is_empty() {
                return Err(unusable());
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(AddressError::Tls)?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The URL as people may see it.
fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    if shown.password().is_some() {
        // Fails only for URLs without a host, which are refused anyway.
        let _ = shown.set_password(Some("***"));
    }
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Address::parse(url).expect_err(url).to_string()
    }

    /// S18: what is shown holds no password; what is meant does.
    #[test]
    fn a_password_is_used_and_never_shown() {
        let address = Address::parse("postgres://pay%40shop:s%2Becret+1@127.0.0.1:6543/gate").unwrap();
        assert_eq!(address.config.get_password(), Some(&b"s+ecret+1"[..]));
        assert_eq!(address.config.get_user(), Some("pay@shop"));
        assert_eq!(address.config.get_dbname(), Some("gate"));
        assert_eq!(address.config.get_ports(), [6543]);
        let shown = format!("{address} {address:?}");
        assert!(!shown.contains("ecret"), "{shown}");
        assert!(address.has_password());
    }

    /// F16, I15: a mode that proves nothing is refused, and a far host is never spoken to in plain text unasked.
    #[test]
    fn tls_proves_or_is_refused() {
        for weak in ["prefer", "allow", "", "yes"] {
            let said = refused(&format!("postgres://a@db.example/x?sslmode={weak}"));
            assert!(said.contains("does not prove"), "{said}");
        }
        let encrypted = |url: &str| Address::parse(url).unwrap().is_encrypted();
        assert!(encrypted("postgres://a@db.example/x"));
        assert!(encrypted("postgres://a@10.0.0.7/x?sslmode=verify-full"));
        assert!(encrypted("postgres://a@localhost/x?sslmode=require"));
        assert!(!encrypted("postgres://a@db.example/x?sslmode=disable"));
        for near in ["localhost", "127.0.0.1:5433", "[::1]", "%2Fvar%2Frun%2Fpostgresql"] {
            assert!(!encrypted(&format!("postgres://a@{near}/x")), "{near}");
        }
        assert!(!encrypted("postgresql://a@/x?host=/var/run/postgresql"));
    }

    #[test]
    fn a_url_says_everything_or_is_refused() {
        assert!(refused("host=localhost user=a").contains("must be a URL"));
        assert!(refused("mysql://a@localhost/x").contains("must be a URL"));
        assert_eq!(refused("postgres://localhost/x"), "the URL names no user");
        assert_eq!(refused("postgres://a@localhost"), "the URL names no database");
        assert_eq!(refused("postgres://a@/x"), "the URL names no host");
        assert!(
            refused("postgres://a@localhost/x?options=-cfsync=off").starts_with("options is not an option")
        );
        assert!(
            refused("postgres://a@localhost/x?sslrootcert=/nowhere.pem").contains("no usable certificate")
        );
    }
}
