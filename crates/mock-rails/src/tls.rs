//! https: a certificate of this world's own CA, for loopback and for the rails' real names, and trust in merchants that
//! are served the same way.

use std::io;
use std::sync::Arc;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::forge::{Authority, Forge};

/// What a client may call a rail: this machine, and the real hosts for clients whose names are resolved to it.
const HOSTS: [&str; 13] = [
    "localhost",
    "127.0.0.1",
    "::1",
    "openapi.alipay.com",
    "openapi-sandbox.dl.alipaydev.com",
    "api.mch.weixin.qq.com",
    "api2.mch.weixin.qq.com",
    "api.wechatpay.cn",
    "api2.wechatpay.cn",
    "gateway.95516.com",
    "gateway.test.95516.com",
    "filedownload.95516.com",
    "filedownload.test.95516.com",
];

fn provider() -> Arc<CryptoProvider> {
    // Named here, so that nothing depends on what the process has installed.
    Arc::new(rustls::crypto::ring::default_provider())
}

fn broken(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("https cannot be served: {error}"))
}

/// Takes connections under a fresh certificate of this authority.
pub(crate) fn acceptor(forge: &Forge, authority: &Authority) -> io::Result<TlsAcceptor> {
    let (certificate, key) = forge.tls_server(authority, &HOSTS).map_err(broken)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(key.0.as_bytes()).map_err(broken)?;
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let config = config.map_err(broken)?.with_no_client_auth().with_single_cert(chain.map_err(broken)?, key);
    let mut config = config.map_err(broken)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Connects to merchants: plainly, or over TLS to those whose certificate one of these vouches for.
pub(crate) fn connector(roots_pem: &[String]) -> io::Result<HttpsConnector<HttpConnector>> {
    let mut roots = RootCertStore::empty();
    for pem in roots_pem {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(certificate.map_err(broken)?).map_err(broken)?;
        }
    }
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let config = config.map_err(broken)?.with_root_certificates(roots).with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build())
}
