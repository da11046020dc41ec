//! The two things this mock needs of an X.509 certificate: its serial number (`certId`) and its public key.

use crate::vectors;

/// A certificate whose holder signs, or for whom is encrypted.
#[derive(Clone)]
pub(super) struct Certificate {
    serial: String,
    /// SubjectPublicKeyInfo, DER.
    public_key: Vec<u8>,
}

impl Certificate {
    /// `None` when the text is no PEM certificate, or its serial has more than 16 bytes.
    pub(super) fn parse(pem: &str) -> Option<Self> {
        let der = vectors::der_of_pem(pem)?;
        let (_, certificate) = Element::read(&der)?;
        let (_, to_be_signed) = Element::read(certificate.content)?;
        let (mut rest, mut serial) = Element::read(to_be_signed.content)?;
        // The version is [0] EXPLICIT and absent in version 1.
        if serial.tag == 0xA0 {
            (rest, serial) = Element::read(rest)?;
        }
        // signature algorithm, issuer, validity, subject
        for _ in 0..4 {
            (rest, _) = Element::read(rest)?;
        }
        let (_, key) = Element::read(rest)?;
        Some(Self { serial: decimal(serial.content)?, public_key: key.whole.to_vec() })
    }

    /// The serial number in decimal, as `certId` has it.
    pub(super) fn serial(&self) -> &str {
        &self.serial
    }

    pub(super) fn public_key(&self) -> &[u8] {
        &self.public_key
    }
}

fn decimal(bytes: &[u8]) -> Option<String> {
    let mut number: u128 = 0;
    for byte in bytes {
        number = number.checked_mul(256)?.checked_add(u128::from(*byte))?;
    }
    Some(number.to_string())
}

/// One DER element with a definite length.
pub(super) struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// Without tag and length.
    pub(super) fn content(&self) -> &'a [u8] {
        self.content
    }

    /// The first element, and what comes after it.
    pub(super) fn read(bytes: &'a [u8]) -> Option<(&'a [u8], Self)> {
        let (tag, first) = (*bytes.first()?, *bytes.get(1)?);
        let (header, length) = match first {
            0..=0x7F => (2, usize::from(first)),
            0x81..=0x83 => {
                let count = usize::from(first & 0x7F);
                let digits = bytes.get(2..2 + count)?;
                (2 + count, digits.iter().fold(0, |sum, digit| sum * 256 + usize::from(*digit)))
            }
            _ => return None,
        };
        let whole = bytes.get(..header + length)?;
        let element = Self { tag, content: whole.get(header..)?, whole };
        Some((bytes.get(header + length..)?, element))
    }
}
