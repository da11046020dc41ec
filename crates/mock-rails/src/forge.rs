//! Keys and certificates of this world, made at its first start. They belong to nobody and are worth nothing elsewhere.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair as RsaPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, SerialNumber,
};

/// The texts of one rail by file name: ids, keys and certificates. Which ones there are stands in each rail's module.
pub type Files = BTreeMap<String, String>;

/// How long certificates live, in days: longer than any test's clock runs ahead.
const LIFE_DAYS: i64 = 3_650;

/// A key or certificate could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} could not be made: {why}")]
pub struct ForgeError {
    what: &'static str,
    why: String,
}

/// An RSA key of 2048 bits in the forms that SDKs want. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct RsaKey {
    /// Private, PKCS#8 PEM.
    pub pkcs8_pem: String,
    /// Private, PKCS#1 PEM.
    pub pkcs1_pem: String,
    /// Public, SubjectPublicKeyInfo PEM.
    pub spki_pem: String,
}

/// A subject; parts that are empty are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Name<'a> {
    /// C, two letters.
    pub country: &'a str,
    /// O.
    pub organization: &'a str,
    /// OU.
    pub unit: &'a str,
    /// CN.
    pub common_name: &'a str,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// Signs messages.
    Signer,
    /// Issues certificates below a root.
    Intermediate,
    /// Serves TLS for these names and addresses.
    Server(&'a [&'a str]),
}

/// A certificate that issues others, with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// Its key, PKCS#8 PEM.
    pub key_pem: Pem,
}

/// A private key's PEM, which does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem(pub String);

/// Makes keys and certificates that are valid from a day before its own time on.
#[derive(Debug, Clone, Copy)]
pub struct Forge {
    now: Timestamp,
}

impl Forge {
    /// A forge at this time.
    pub fn at(now: Timestamp) -> Self {
        Self { now }
    }

    /// A new RSA key of 2048 bits.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn rsa(&self) -> Result<RsaKey, ForgeError> {
        let failed = |_| ForgeError { what: "an RSA key", why: "the system gave no randomness".to_owned() };
        let pair = RsaPair::generate(KeySize::Rsa2048).map_err(failed)?;
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(failed)?;
        let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair_public(&pair)).map_err(failed)?;
        let inner = pkcs1_of(pkcs8.as_ref()).ok_or_else(|| ForgeError {
            what: "an RSA key",
            why: "its PKCS#8 form has no PKCS#1 inside".to_owned(),
        })?;
        Ok(RsaKey {
            pkcs8_pem: pem("PRIVATE KEY", pkcs8.as_ref()),
            pkcs1_pem: pem("RSA PRIVATE KEY", inner),
            spki_pem: pem("PUBLIC KEY", public.as_ref()),
        })
    }

    /// Random letters and digits, for symmetric keys that are used as text.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn text(&self, length: usize) -> Result<String, ForgeError> {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let bytes = self.bytes(length)?;
        Ok(bytes
            .iter()
            .filter_map(|byte| LETTERS.get(usize::from(byte % 32)))
            .map(|b| char::from(*b))
            .collect())
    }

    /// Random bytes.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn bytes(&self, length: usize) -> Result<Vec<u8>, ForgeError> {
        let mut bytes = vec![0; length];
        aws_lc_rs::rand::fill(&mut bytes)
            .map_err(|_| ForgeError { what: "random bytes", why: "the system gave none".to_owned() })?;
        Ok(bytes)
    }

    /// A self-signed root over an RSA key.
    ///
    /// # Errors
    /// When the key cannot be used.
    pub fn root(&self, name: &Name<'_>, key: &RsaKey, serial: u64) -> Result<Authority, ForgeError> {
        let params = self.params(name, serial, IsCa::Ca(BasicConstraints::Unconstrained));
        let signer = rsa_signer(&key.pkcs8_pem)?;
        let certificate = params.self_signed(&signer).map_err(broken("a root certificate"))?;
        Ok(Authority { certificate_pem: certificate.pem(), key_pem: Pem(key.pkcs8_pem.clone()) })
    }

    /// A certificate over an RSA key, issued by an authority with an RSA key.
    ///
    /// # Errors
    /// When a key or the authority cannot be used.
    pub fn issue(
        &self,
        authority: &Authority,
        name: &Name<'_>,
        key: &RsaKey,
        serial: u64,
        kind: Kind<'_>,
    ) -> Result<String, ForgeError> {
        self.issue_under(authority, name, key, &serial.to_be_bytes(), kind)
    }

    /// The same under a serial number of any length up to 20 bytes, big-endian.
    ///
    /// # Errors
    /// When a key or the authority cannot be used.
    pub fn issue_under(
        &self,
        authority: &Authority,
        name: &Name<'_>,
        key: &RsaKey,
        serial: &[u8],
        kind: Kind<'_>,
    ) -> Result<String, ForgeError> {
        let mut params = self.params_of(name, 0, kind)?;
        params.serial_number = Some(SerialNumber::from_slice(serial));
        let signer = rsa_signer(&authority.key_pem.0)?;
        let issuer =
            Issuer::from_ca_cert_pem(&authority.certificate_pem, signer).map_err(broken("an issuer"))?;
        let own = rsa_signer(&key.pkcs8_pem)?;
        let certificate = params.signed_by(&own, &issuer).map_err(broken("a certificate"))?;
        Ok(certificate.pem())
    }

    /// An authority for TLS, with a P-256 key: quick to make, and every client takes it.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn tls_root(&self, name: &Name<'_>) -> Result<Authority, ForgeError> {
        let key = KeyPair::generate().map_err(broken("a key"))?;
        let params = self.params(name, 1, IsCa::Ca(BasicConstraints::Unconstrained));
        let certificate = params.self_signed(&key).map_err(broken("a root certificate"))?;
        Ok(Authority { certificate_pem: certificate.pem(), key_pem: Pem(key.serialize_pem()) })
    }

    /// A server's certificate and its key, both PEM, issued by [`Forge::tls_root`]'s authority.
    ///
    /// # Errors
    /// When the authority cannot be used or a name is none.
    pub fn tls_server(&self, authority: &Authority, hosts: &[&str]) -> Result<(String, Pem), ForgeError> {
        let signer = KeyPair::from_pem(&authority.key_pem.0).map_err(broken("an issuer"))?;
        let issuer =
            Issuer::from_ca_cert_pem(&authority.certificate_pem, signer).map_err(broken("an issuer"))?;
        let name = Name { organization: "Paifang mock rails", common_name: "mock rails", ..Name::default() };
        let serial = u64::try_from(self.now.as_second()).unwrap_or(2);
        let (params, key) = (
            self.params_of(&name, serial, Kind::Server(hosts))?,
            KeyPair::generate().map_err(broken("a key"))?,
        );
        let certificate = params.signed_by(&key, &issuer).map_err(broken("a server certificate"))?;
        Ok((certificate.pem(), Pem(key.serialize_pem())))
    }

    fn params_of(
        &self,
        name: &Name<'_>,
        serial: u64,
        kind: Kind<'_>,
    ) -> Result<CertificateParams, ForgeError> {
        Ok(match kind {
            Kind::Signer => {
                let mut params = self.params(name, serial, IsCa::ExplicitNoCa);
                params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
                params
            }
            Kind::Intermediate => self.params(name, serial, IsCa::Ca(BasicConstraints::Constrained(0))),
            Kind::Server(hosts) => {
                let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
                let named = CertificateParams::new(hosts).map_err(broken("a server certificate"))?;
                let mut params = self.params(name, serial, IsCa::ExplicitNoCa);
                params.subject_alt_names = named.subject_alt_names;
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
                params
            }
        })
    }

    fn params(&self, name: &Name<'_>, serial: u64, is_ca: IsCa) -> CertificateParams {
        let mut params = CertificateParams::default();
        let mut subject = DistinguishedName::new();
        let parts = [
            (DnType::CountryName, name.country),
            (DnType::OrganizationName, name.organization),
            (DnType::OrganizationalUnitName, name.unit),
            (DnType::CommonName, name.common_name),
        ];
        for (kind, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
            subject.push(kind, text);
        }
        params.distinguished_name = subject;
        params.serial_number = Some(SerialNumber::from(serial));
        let day = |days: i64| {
            let time = self.now.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(self.now);
            let date = time.to_zoned(jiff::tz::TimeZone::UTC).date();
            let part = |number: i8| u8::try_from(number).unwrap_or(1);
            rcgen::date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
        };
        (params.not_before, params.not_after) = (day(-1), day(LIFE_DAYS));
        if matches!(is_ca, IsCa::Ca(_)) {
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        }
        params.is_ca = is_ca;
        params
    }
}

fn pair_public(pair: &RsaPair) -> &aws_lc_rs::rsa::PublicKey {
    aws_lc_rs::signature::KeyPair::public_key(pair)
}

fn rsa_signer(pem: &str) -> Result<KeyPair, ForgeError> {
    KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_RSA_SHA256).map_err(broken("an RSA signer"))
}

fn broken(what: &'static str) -> impl Fn(rcgen::Error) -> ForgeError {
    move |error| ForgeError { what, why: error.to_string() }
}

/// A PEM block with lines of 64 characters.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned());
    let lines: Vec<String> = lines.collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The PKCS#1 key inside a PKCS#8 one: SEQUENCE { version, algorithm, OCTET STRING }.
fn pkcs1_of(pkcs8: &[u8]) -> Option<&[u8]> {
    let (outer, _) = element(pkcs8, 0x30)?;
    let (_, rest) = element(outer, 0x02)?;
    let (_, rest) = element(rest, 0x30)?;
    Some(element(rest, 0x04)?.0)
}

/// The content of the DER element with this tag, and what comes after it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, first) = (*der.first()?, usize::from(*der.get(1)?));
    let (length, head) = match first {
        0..=0x7f => (first, 2),
        0x81..=0x84 => {
            let count = first - 0x80;
            let digits = der.get(2..2 + count)?;
            (digits.iter().fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit)), 2 + count)
        }
        _ => return None,
    };
    (found == tag).then_some(())?;
    Some((der.get(head..head + length)?, der.get(head + length..)?))
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaKey(***)")
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pem(***)")
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;
    use crate::vectors::der_of_pem;

    #[test]
    fn keys_have_all_their_forms_and_fit() {
        let key = Forge::at(Timestamp::UNIX_EPOCH).rsa().unwrap();
        let der = der_of_pem(&key.pkcs8_pem).unwrap();
        assert_eq!(pkcs1_of(&der).unwrap(), der_of_pem(&key.pkcs1_pem).unwrap());
        let pair = RsaPair::from_pkcs8(&der).unwrap();
        let mut signature = vec![0; pair.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        pair.sign(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &random, b"m", &mut signature).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der_of_pem(&key.spki_pem).unwrap());
        public.verify(b"m", &signature).unwrap();
        assert_eq!(format!("{key:?}"), "RsaKey(***)");
    }

    #[test]
    fn chains_are_issued_down_to_a_leaf() {
        let forge = Forge::at("2026-03-01T00:00:00Z".parse().unwrap());
        let (root_key, key) = (forge.rsa().unwrap(), forge.rsa().unwrap());
        let name = Name { country: "CN", organization: "Test", unit: "Unit", common_name: "Root" };
        let root = forge.root(&name, &root_key, 7).unwrap();
        let leaf = Name { common_name: "041@x@中国银联股份有限公司@1", ..name };
        let pem = forge.issue(&root, &leaf, &key, 4_242, Kind::Signer).unwrap();
        assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
        let tls = forge.tls_root(&name).unwrap();
        let (server, _) = forge.tls_server(&tls, &["localhost", "127.0.0.1"]).unwrap();
        assert!(server.contains("CERTIFICATE"));
        assert!(forge.tls_server(&tls, &["bad host\u{e9}"]).is_err());
        assert_eq!(forge.text(32).unwrap().len(), 32);
    }
}
