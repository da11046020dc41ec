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
    roots: Vec<Vec<u8>>,
    intermediates: Vec<Vec<u8>>,
    rule: Option<CertificateRule>,
}

impl Anchors {
    pub(super) fn new(
        roots: Vec<Vec<u8>>,
        intermediates: Vec<Vec<u8>>,
        rule: Option<CertificateRule>,
    ) -> Self {
        Self { roots, intermediates, rule }
    }

    pub(super) fn roots(&self) -> impl Iterator<Item = &[u8]> {
        self.roots.iter().map(Vec::as_slice)
    }

    /// Checks the owner of a certificate that came in a message, its validity and its chain; answers a verifier with its
    /// key. Without a rule for owners no certificate is taken from messages.
    pub(super) fn admit(&self, pem: &str, now: Timestamp) -> Result<Verifier, NotGenuine> {
        let untrusted = NotGenuine::UntrustedCertificate;
        let leaf = parse::certificate(pem, "signer certificate").map_err(|_| untrusted("unreadable"))?;
        let (_, parsed) = X509Certificate::from_der(&leaf.der).map_err(|_| untrusted("unreadable"))?;
        let rule = self.rule.as_ref().ok_or(untrusted("this rail's messages carry no certificates"))?;
        if !rule.admits(&parsed) {
            return Err(untrusted("its owner is not the rail"));
        }
        self.climb(&parsed, &[], now)?;
        Ok(Verifier::new(leaf.serial.decimal, leaf.public_key))
    }

    /// leaf → at most two intermediates → a root, each valid now, each issuer a CA, each signature good. `beside` came with
    /// the leaf and is believed no more than the chain proves.
    pub(super) fn climb(
        &self,
        leaf: &X509Certificate<'_>,
        beside: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<(), NotGenuine> {
        let untrusted = NotGenuine::UntrustedCertificate;
        let now =
            ASN1Time::from_timestamp(now.as_second()).map_err(|_| untrusted("the time is out of range"))?;
        if !leaf.validity().is_valid_at(now) {
            return Err(untrusted("not valid at this time"));
        }
        let parsed = |ders: &'_ [Vec<u8>]| -> Result<(), NotGenuine> {
            let readable = ders.iter().all(|der| X509Certificate::from_der(der).is_ok());
            if readable { Ok(()) } else { Err(untrusted("an unreadable certificate in the chain")) }
        };
        parsed(&self.roots)?;
        parsed(&self.intermediates)?;
        parsed(beside)?;
        let valid = |ders: &'_ [Vec<u8>]| -> Vec<usize> {
            let holds = |der: &Vec<u8>| {
                X509Certificate::from_der(der).is_ok_and(|(_, found)| found.validity().is_valid_at(now))
            };
            (0..ders.len()).filter(|index| ders.get(*index).is_some_and(holds)).collect()
        };
        let middles: Vec<&Vec<u8>> = valid(&self.intermediates)
            .into_iter()
            .filter_map(|index| self.intermediates.get(index))
            .chain(valid(beside).into_iter().filter_map(|index| beside.get(index)))
            .collect();
        let roots: Vec<&Vec<u8>> =
            valid(&self.roots).into_iter().filter_map(|index| self.roots.get(index)).collect();
        if reaches(leaf, &middles, &roots, MIDDLES_MAX) {
            return Ok(());
        }
        Err(untrusted("no chain to the configured root"))
    }
}

/// Certificates between a leaf and its root at most.
const MIDDLES_MAX: u32 = 2;

/// Whether a chain leads up to one of the roots over at most so many of the middles.
fn reaches(leaf: &X509Certificate<'_>, middles: &[&Vec<u8>], roots: &[&Vec<u8>], left: u32) -> bool {
    let by = |der: &Vec<u8>| X509Certificate::from_der(der).is_ok_and(|(_, issuer)| issued(leaf, &issuer));
    if roots.iter().any(|root| by(root)) {
        return true;
    }
    left > 0
        && middles.iter().filter(|middle| by(middle)).any(|middle| {
            X509Certificate::from_der(middle).is_ok_and(|(_, next)| reaches(&next, middles, roots, left - 1))
        })
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
