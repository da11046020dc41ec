//! Certificates that come inside of messages (UnionPay's `signPubKeyCert`): believed only with a chain to our root.

use jiff::Timestamp;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use super::{NotGenuine, Verifier, parse};

/// Whose certificates are taken. The subject's common name is split at a separator, and one part must equal one of the
/// accepted owners, as UnionPay names its signers (`041@...@中国银联股份有限公司@...`, third part).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRule {
    /// What the common name is split at.
    pub separator: char,
    /// Which part counts, from 0.
    pub part: usize,
    /// The accepted values of that part.
    pub owners: Vec<String>,
}

pub(super) struct Anchors {
    root: Vec<u8>,
    intermediates: Vec<Vec<u8>>,
    rule: CertificateRule,
}

impl Anchors {
    pub(super) fn new(root: Vec<u8>, intermediates: Vec<Vec<u8>>, rule: CertificateRule) -> Self {
        Self { root, intermediates, rule }
    }

    /// Checks the certificate's owner, its validity and its chain; answers a verifier with its key.
    pub(super) fn admit(&self, pem: &str, now: Timestamp) -> Result<Verifier, NotGenuine> {
        let untrusted = NotGenuine::UntrustedCertificate;
        let leaf = parse::certificate(pem, "signer certificate").map_err(|_| untrusted("unreadable"))?;
        let (_, parsed) = X509Certificate::from_der(&leaf.der).map_err(|_| untrusted("unreadable"))?;
        if !self.rule.admits(&parsed) {
            return Err(untrusted("its owner is not the rail"));
        }
        self.climb(&parsed, now)?;
        Ok(Verifier::new(leaf.serial.decimal, leaf.public_key))
    }

    /// leaf → at most one configured intermediate → root, each valid now, each issuer a CA, each signature good.
    fn climb(&self, leaf: &X509Certificate<'_>, now: Timestamp) -> Result<(), NotGenuine> {
        let untrusted = NotGenuine::UntrustedCertificate;
        let now =
            ASN1Time::from_timestamp(now.as_second()).map_err(|_| untrusted("the time is out of range"))?;
        let (_, root) = X509Certificate::from_der(&self.root).map_err(|_| untrusted("unreadable root"))?;
        if !leaf.validity().is_valid_at(now) || !root.validity().is_valid_at(now) {
            return Err(untrusted("not valid at this time"));
        }
        if issued(leaf, &root) {
            return Ok(());
        }
        for der in &self.intermediates {
            let (_, middle) =
                X509Certificate::from_der(der).map_err(|_| untrusted("unreadable intermediate"))?;
            if issued(leaf, &middle) && middle.validity().is_valid_at(now) && issued(&middle, &root) {
                return Ok(());
            }
        }
        Err(untrusted("no chain to the configured root"))
    }
}

impl CertificateRule {
    fn admits(&self, certificate: &X509Certificate<'_>) -> bool {
        let mut names = certificate.subject().iter_common_name();
        let (Some(name), None) = (names.next(), names.next()) else { return false };
        let Ok(name) = name.as_str() else { return false };
        let owner = name.split(self.separator).nth(self.part);
        owner.is_some_and(|owner| self.owners.iter().any(|accepted| accepted == owner))
    }
}

fn issued(subject: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    let is_ca = issuer.basic_constraints().ok().flatten().is_some_and(|constraints| constraints.value.ca);
    is_ca
        && subject.issuer().as_raw() == issuer.subject().as_raw()
        && subject.verify_signature(Some(issuer.public_key())).is_ok()
}
