//! Certificate mode: what this rail reads out of X.509 certificates, and the serial numbers (SN) made of it.
//!
//! SN = lower-case hex MD5 of the issuer's name (RDNs in reverse order, `CN=…,OU=…,O=…,C=…`, no spaces) followed by the
//! serial number in decimal. The root SN joins the SNs of a bundle's RSA-signed certificates with `_`, in file order.
//! The few bytes of DER are read here, so that the mock shares no parser with a client under test.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use md5::{Digest, Md5};

/// One certificate.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    issuer: String,
    subject: String,
    serial: String,
    algorithm: Vec<u8>,
    pub(super) not_after: Timestamp,
    /// SubjectPublicKeyInfo, DER.
    pub(super) public: Vec<u8>,
    tbs: Vec<u8>,
    signature: Vec<u8>,
}

/// DER content of the object identifier 1.2.840.113549.1.1, which all RSA signature algorithms start with.
const RSA_ARC: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01];

impl Certificate {
    /// All certificates of a PEM text, in order; `None` when one of them cannot be read.
    pub(super) fn all(pem: &str) -> Option<Vec<Self>> {
        let mut found = Vec::new();
        let mut rest = pem;
        while let Some((_, after)) = rest.split_once("-----BEGIN CERTIFICATE-----") {
            let (inside, tail) = after.split_once("-----END CERTIFICATE-----")?;
            let text: String = inside.split_whitespace().collect();
            found.push(Self::read(&STANDARD.decode(text).ok()?)?);
            rest = tail;
        }
        Some(found)
    }

    fn read(der: &[u8]) -> Option<Self> {
        let whole = Element::read(&mut &*der)?;
        let mut outer = whole.content;
        let tbs = Element::read(&mut outer)?;
        let algorithm = Element::read(&mut outer)?;
        // The bit string's first byte counts unused bits, of which a signature has none.
        let signature = Element::read(&mut outer)?.content.get(1..)?.to_vec();
        let mut fields = tbs.content;
        let mut serial = Element::read(&mut fields)?;
        // The version is [0] EXPLICIT and absent in version 1.
        if serial.tag == 0xA0 {
            serial = Element::read(&mut fields)?;
        }
        Element::read(&mut fields)?;
        let issuer = name(Element::read(&mut fields)?.content)?;
        let mut validity = Element::read(&mut fields)?.content;
        Element::read(&mut validity)?;
        let not_after = time(&Element::read(&mut validity)?)?;
        let subject = name(Element::read(&mut fields)?.content)?;
        Some(Self {
            issuer,
            subject,
            serial: decimal(serial.content),
            algorithm: Element::read(&mut &*algorithm.content)?.content.to_vec(),
            not_after,
            public: Element::read(&mut fields)?.whole.to_vec(),
            tbs: tbs.whole.to_vec(),
            signature,
        })
    }

    /// The serial number that both sides name this certificate by: 32 hex digits.
    pub(super) fn sn(&self) -> String {
        hex::encode(Md5::digest(format!("{}{}", self.issuer, self.serial)))
    }

    fn is_rsa(&self) -> bool {
        self.algorithm.starts_with(RSA_ARC)
    }

    /// Whether `issuer` signed this one (SHA-256 with RSA).
    fn signed_by(&self, issuer: &Self) -> bool {
        self.issuer == issuer.subject
            && UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &issuer.public)
                .verify(&self.tbs, &self.signature)
                .is_ok()
    }

    /// What is hashed for the serial number.
    #[cfg(test)]
    pub(super) fn hashed(&self) -> (&str, &str) {
        (&self.issuer, &self.serial)
    }
}

/// The root SN of a bundle: ECDSA and SM2 roots are skipped.
pub(super) fn root_sn(bundle: &[Certificate]) -> String {
    bundle.iter().filter(|root| root.is_rsa()).map(Certificate::sn).collect::<Vec<_>>().join("_")
}

/// Whether a file (leaf first, then intermediates) leads to one of the roots.
pub(super) fn chain_holds(file: &[Certificate], roots: &[Certificate]) -> bool {
    let links = file.windows(2).all(|pair| matches!(pair, [lower, upper] if lower.signed_by(upper)));
    links && file.last().is_some_and(|last| roots.iter().any(|root| last.signed_by(root)))
}

/// One DER element.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// Reads one element and moves `input` behind it.
    fn read(input: &mut &'a [u8]) -> Option<Self> {
        let bytes = *input;
        let (tag, first) = (*bytes.first()?, *bytes.get(1)?);
        let (length, head) = if first < 0x80 {
            (usize::from(first), 2)
        } else {
            let count = usize::from(first & 0x7F);
            if !(1..=4).contains(&count) {
                return None;
            }
            let digits = bytes.get(2..2 + count)?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), 2 + count)
        };
        let end = head.checked_add(length)?;
        let (whole, rest) = bytes.split_at_checked(end)?;
        *input = rest;
        Some(Self { tag, content: whole.get(head..)?, whole })
    }
}

/// `CN=…,OU=…,O=…,C=…`: the RDNs of a name from last to first.
fn name(mut content: &[u8]) -> Option<String> {
    let mut parts = Vec::new();
    while !content.is_empty() {
        let mut set = Element::read(&mut content)?.content;
        let mut pair = Element::read(&mut set)?.content;
        let (kind, value) = (Element::read(&mut pair)?, Element::read(&mut pair)?);
        let label = match kind.content {
            [0x55, 0x04, 0x03] => "CN",
            [0x55, 0x04, 0x06] => "C",
            [0x55, 0x04, 0x07] => "L",
            [0x55, 0x04, 0x08] => "ST",
            [0x55, 0x04, 0x0A] => "O",
            [0x55, 0x04, 0x0B] => "OU",
            _ => return None,
        };
        parts.push(format!("{label}={}", std::str::from_utf8(value.content).ok()?));
    }
    parts.reverse();
    Some(parts.join(","))
}

/// UTCTime (two digits of the year, 1950 to 2049) or GeneralizedTime.
fn time(element: &Element<'_>) -> Option<Timestamp> {
    let text = std::str::from_utf8(element.content).ok()?.strip_suffix('Z')?;
    let long = match element.tag {
        0x17 => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        0x18 => text.to_owned(),
        _ => return None,
    };
    let civil = DateTime::strptime("%Y%m%d%H%M%S", long).ok()?;
    Offset::UTC.to_timestamp(civil).ok()
}

/// A big-endian unsigned number in decimal digits.
fn decimal(bytes: &[u8]) -> String {
    let mut digits: Vec<u8> = vec![0];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            let value = u32::from(*digit) * 256 + carry;
            *digit = u8::try_from(value % 10).unwrap_or(0);
            carry = value / 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or(0));
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{alipay, text};

    fn read(name: &str) -> Vec<Certificate> {
        Certificate::all(text(alipay(), &format!("/certificates/{name}"))).unwrap()
    }

    #[test]
    fn every_derivation_of_the_vectors_is_reproduced() {
        let roots = read("root_bundle_pem");
        let of = |name: &str| match name {
            "app" => Some(read("app_cert_pem").remove(0)),
            "alipay" => Some(read("alipay_cert_pem").remove(0)),
            "r1" => Some(roots[0].clone()),
            "r2" => Some(roots[2].clone()),
            _ => None,
        };
        for derivation in alipay()["certificates"]["derivations"].as_array().unwrap() {
            let member = |name: &str| derivation[name].as_str().unwrap();
            if let Some(certificate) = of(member("cert")) {
                assert_eq!(certificate.hashed(), (member("issuer_string"), member("serial_decimal")));
                assert_eq!(certificate.sn(), member("sn"));
            }
            assert_eq!(hex::encode(Md5::digest(member("md5_input"))), member("sn"), "leading zeros stay");
        }
        assert_eq!(roots.len(), 3);
        assert_eq!(root_sn(&roots), text(alipay(), "/certificates/alipay_root_cert_sn"));
    }

    #[test]
    fn chains_lead_to_a_root_or_do_not() {
        let (roots, app) = (read("root_bundle_pem"), read("app_cert_pem"));
        assert!(chain_holds(&app, &roots));
        assert!(!chain_holds(&app, &roots[..2]), "its root is missing");
        assert!(!chain_holds(&[], &roots));
        let mut forged = app;
        forged[0].signature[5] ^= 1;
        assert!(!chain_holds(&forged, &roots));
    }

    #[test]
    fn numbers_and_broken_bytes() {
        for (bytes, digits) in
            [(&[0_u8][..], "0"), (&[0x57], "87"), (&[1, 0], "256"), (&[0, 0xFF, 0xFF], "65535")]
        {
            assert_eq!(decimal(bytes), digits);
        }
        assert!(Certificate::read(&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]).is_none());
        assert!(Certificate::all("-----BEGIN CERTIFICATE-----\nAAAA\n").is_none());
        assert_eq!(Certificate::all("").map(|all| all.len()), Some(0));
    }
}
