//! TLS of our listeners, parsed at start: a key that does not fit its certificate is a problem of the config.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::raw::Tls;
use super::{Lookup, Problems};

/// Who connects.
#[derive(Clone, Copy)]
pub(super) enum Peers {
    /// Storefronts: HTTP/2 over TLS 1.3 only.
    Storefronts,
    /// Rails and browsers: HTTP/1.1, and TLS 1.2 where they know no better.
    Anyone,
}

pub(super) fn server_config(
    tls: &Tls,
    peers: Peers,
    path: &str,
    lookup: &Lookup,
    problems: &mut Problems,
) -> Option<Arc<ServerConfig>> {
    let chain = problems.take(&format!("{path}.certificate"), lookup.file(&tls.certificate));
    let key = problems.take(&format!("{path}.key"), lookup.secret(&tls.key));
    let (chain, key) = (chain?, key?);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    if chain.is_none() {
        problems.add(format!("{path}.certificate"), "must be a PEM file of certificates");
    }
    let key = PrivateKeyDer::from_pem_slice(key.expose()).ok();
    if key.is_none() {
        problems.add(format!("{path}.key"), "must be a private key in PEM");
    }
    let (chain, key) = (chain?, key?);
    let (versions, protocol): (&[_], &[u8]) = match peers {
        Peers::Storefronts => (&[&TLS13], b"h2"),
        Peers::Anyone => (&[&TLS13, &TLS12], b"http/1.1"),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions);
    let config = builder.and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = problems.take(path, config)?;
    config.alpn_protocols = vec![protocol.to_vec()];
    Some(Arc::new(config))
}
