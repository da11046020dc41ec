//! TLS towards rails: rustls over ring, the public trust anchors, and those of the config.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::OptionsError;

pub(crate) fn client_config(extra_roots: &[Vec<u8>]) -> Result<ClientConfig, OptionsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for (index, pem) in extra_roots.iter().enumerate() {
        let wrong = || OptionsError::ExtraRoot(index);
        let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = parsed.map_err(|_| wrong())?;
        if certificates.is_empty() {
            return Err(wrong());
        }
        for certificate in certificates {
            roots.add(certificate).map_err(|_| wrong())?;
        }
    }
    // The provider is named here, so that nothing depends on what the process has installed.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| OptionsError::Tls(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
