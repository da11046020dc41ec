//! The keys of both sides of one application, and their rotation while traffic flows.
//!
//! In key mode a side is its public key; in certificate mode it is the certificate with that key. Of each there is one
//! now and, when the files have it, one that comes next.

use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cert::Certificate;
use crate::{locked, rsa};

/// A certificate file: the leaf, then what leads to a root.
pub(super) struct CertFile {
    pub(super) pem: String,
    pub(super) sn: String,
    pub(super) leaf: Certificate,
}

/// What the rail signs with.
pub(super) struct Signer {
    pub(super) key: Arc<KeyPair>,
    pub(super) cert: Option<CertFile>,
}

/// What verifies the application.
pub(super) struct AppKey {
    /// SubjectPublicKeyInfo, DER.
    pub(super) public: Vec<u8>,
    pub(super) cert: Option<CertFile>,
}

/// How far a rotation has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Only the first one exists.
    #[default]
    First,
    /// The next one is published (rail), or accepted beside the first (merchant).
    Announced,
    /// The next one is signed with.
    Switched,
    /// The first one is gone.
    Retired,
}

/// The rotations of both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stages {
    pub(super) rail: Stage,
    pub(super) merchant: Stage,
}

/// All keys.
pub(super) struct Keys {
    pub(super) rail: Signer,
    pub(super) rail_next: Option<Signer>,
    pub(super) app: AppKey,
    pub(super) app_next: Option<AppKey>,
    /// The root SN, when there are certificates.
    pub(super) root_sn: Option<String>,
    pub(super) stages: Mutex<Stages>,
}

/// Why a certificate number of the application does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadCert {
    Unknown,
    Expired,
}

impl Keys {
    pub(super) fn stages(&self) -> Stages {
        *locked(&self.stages)
    }

    /// What signs now.
    pub(super) fn signer(&self) -> &Signer {
        match (self.stages().rail, &self.rail_next) {
            (Stage::Switched | Stage::Retired, Some(next)) => next,
            (Stage::First | Stage::Announced | Stage::Switched | Stage::Retired, _) => &self.rail,
        }
    }

    /// The rail's signature in standard base64 with padding: 344 characters for RSA-2048.
    pub(super) fn sign(&self, string: &[u8]) -> String {
        STANDARD.encode(rsa::sign(&self.signer().key, string))
    }

    /// The certificate that verifies answers now.
    pub(super) fn alipay_cert_sn(&self) -> Option<&str> {
        self.signer().cert.as_ref().map(|cert| cert.sn.as_str())
    }

    /// The certificate file of this number, as long as it can be downloaded.
    pub(super) fn published(&self, sn: &str) -> Option<&str> {
        let stage = self.stages().rail;
        let first = (stage != Stage::Retired || self.rail_next.is_none()).then_some(&self.rail);
        let next = self.rail_next.as_ref().filter(|_| stage != Stage::First);
        let files = first.into_iter().chain(next).filter_map(|signer| signer.cert.as_ref());
        files.into_iter().find(|cert| cert.sn == sn).map(|cert| cert.pem.as_str())
    }

    fn accepted(&self) -> impl Iterator<Item = &AppKey> {
        let stage = self.stages().merchant;
        let first = (stage != Stage::Retired || self.app_next.is_none()).then_some(&self.app);
        let next = self.app_next.as_ref().filter(|_| stage != Stage::First);
        first.into_iter().chain(next)
    }

    /// Whether the application signed `string`, in key mode.
    pub(super) fn app_signed(&self, string: &[u8], sign: &str) -> bool {
        self.accepted().any(|app| verified(&app.public, string, sign))
    }

    /// Whether the application signed `string` with the key of this certificate.
    pub(super) fn cert_signed(&self, sn: &str, string: &[u8], sign: &str) -> bool {
        let cert = self.accepted().filter_map(|app| app.cert.as_ref()).find(|cert| cert.sn == sn);
        cert.is_some_and(|cert| verified(&cert.leaf.public, string, sign))
    }

    /// Whether a certificate of the application may be used now.
    pub(super) fn app_cert(&self, sn: &str, now: Timestamp) -> Result<(), BadCert> {
        if let Some(cert) = self.accepted().filter_map(|app| app.cert.as_ref()).find(|cert| cert.sn == sn) {
            return if cert.leaf.not_after > now { Ok(()) } else { Err(BadCert::Expired) };
        }
        let retired = self.app.cert.as_ref().is_some_and(|cert| cert.sn == sn);
        Err(if retired { BadCert::Expired } else { BadCert::Unknown })
    }

    /// The public key that verifies the rail now, SubjectPublicKeyInfo PEM.
    pub(super) fn rail_public_pem(signer: &Signer) -> Option<String> {
        let der: PublicKeyX509Der<'_> = signer.key.public_key().as_der().ok()?;
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> =
            (0..text.len()).step_by(64).filter_map(|at| text.get(at..(at + 64).min(text.len()))).collect();
        Some(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")))
    }

    /// Whether the rail itself signed `string`, as a merchant would check it.
    #[cfg(test)]
    pub(super) fn rail_signed(&self, string: &[u8], sign: &str) -> bool {
        verified(self.signer().key.public_key().as_ref(), string, sign)
    }
}

/// Whether this key (SubjectPublicKeyInfo or PKCS#1 DER) signed `string`.
pub(super) fn verified(public: &[u8], string: &[u8], sign: &str) -> bool {
    let Ok(signature) = STANDARD.decode(sign) else { return false };
    rsa::is_signed(public, string, &signature)
}
