//! What this rail needs of an X.509 certificate: serial number, validity and public key.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::vectors::der_of_pem;

/// A certificate, read as far as needed. Nothing is verified: the mock only reads its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// Upper-case hex, without leading zeros beyond whole bytes.
    pub(crate) serial: String,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    /// SubjectPublicKeyInfo, DER.
    pub(crate) public_key: Vec<u8>,
}

impl Certificate {
    /// `None` when the text is no PEM certificate.
    pub(crate) fn parse(pem: &str) -> Option<Self> {
        let der = der_of_pem(pem)?;
        let (certificate, _) = Element::read(&der)?;
        let (signed, _) = Element::read(certificate.content)?;
        let (mut serial, mut rest) = Element::read(signed.content)?;
        // The version is [0] EXPLICIT and absent in version 1.
        if serial.tag == 0xA0 {
            (serial, rest) = Element::read(rest)?;
        }
        let (_algorithm, rest) = Element::read(rest)?;
        let (_issuer, rest) = Element::read(rest)?;
        let (validity, rest) = Element::read(rest)?;
        let (_subject, rest) = Element::read(rest)?;
        let (key, _) = Element::read(rest)?;
        let (from, rest) = Element::read(validity.content)?;
        let (until, _) = Element::read(rest)?;
        // A positive number whose first bit is set has a zero byte in front.
        let digits = serial.content.strip_prefix(&[0]).unwrap_or(serial.content);
        Some(Self {
            serial: hex::encode_upper(digits),
            from: from.time()?,
            until: until.time()?,
            public_key: key.whole.to_vec(),
        })
    }
}

/// One DER element with a definite length.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// The first element, and what follows it.
    fn read(der: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (tag, first) = (*der.first()?, *der.get(1)?);
        let (length, head) = match first {
            0..=0x7F => (usize::from(first), 2),
            0x81..=0x84 => {
                let count = usize::from(first - 0x80);
                let digits = der.get(2..2 + count)?;
                (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), 2 + count)
            }
            0x80 | 0x85..=0xFF => return None,
        };
        let end = head.checked_add(length)?;
        let element = Self { tag, content: der.get(head..end)?, whole: der.get(..end)? };
        Some((element, der.get(end..)?))
    }

    /// UTCTime (two digits of the year, up to 2049) or GeneralizedTime, both in UTC.
    fn time(&self) -> Option<Timestamp> {
        let text = std::str::from_utf8(self.content).ok()?;
        let whole = match self.tag {
            0x17 if text < "5" => format!("20{text}"),
            0x17 => format!("19{text}"),
            0x18 => text.to_owned(),
            _ => return None,
        };
        let civil = DateTime::strptime("%Y%m%d%H%M%SZ", whole).ok()?;
        civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechatpay::merchant::key_text;

    #[test]
    fn serial_validity_and_key_are_read() {
        for name in ["merchant", "platform_certificate", "platform_certificate_next"] {
            let read = Certificate::parse(key_text(&format!("/{name}/certificate_pem"))).unwrap();
            assert_eq!(read.serial, key_text(&format!("/{name}/serial_no")));
            assert_eq!(read.from.to_string(), "2020-01-01T00:00:00Z");
            assert_eq!(read.until.to_string(), "2049-12-31T23:59:59Z");
        }
        let merchant = Certificate::parse(key_text("/merchant/certificate_pem")).unwrap();
        assert_eq!(merchant.public_key, der_of_pem(key_text("/merchant/public_key_pem")).unwrap());
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        assert_eq!(Certificate::parse(key_text("/merchant/public_key_pem")), None);
        assert_eq!(Certificate::parse("-----BEGIN X-----\nMIIB\n-----END X-----"), None);
        assert_eq!(Certificate::parse("text"), None);
    }
}
