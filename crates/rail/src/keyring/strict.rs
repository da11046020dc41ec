//! The envelope of a certificate, read strictly.
//!
//! An issuer signs what is inside of a certificate; tags, lengths and algorithm around it are signed by nobody, and the
//! X.509 library does not look at all of their bits. One certificate would have many texts, of which only one is the DER
//! whose serial and digest people compare. So whatever is not that one text is refused.

/// Whether a certificate's envelope is DER, bit by bit: a constructed sequence of what is signed, the algorithm that stands
/// inside of it too, and a signature of whole bytes; every length in its shortest form, and nothing behind.
pub(super) fn is_der(certificate: &[u8]) -> bool {
    envelope(certificate).is_some()
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
/// The explicit tag of a version.
const VERSION: u8 = 0xa0;

fn envelope(certificate: &[u8]) -> Option<()> {
    let (inside, nothing) = content(SEQUENCE, certificate)?;
    let (signed, rest) = content(SEQUENCE, inside)?;
    let (algorithm, rest) = content(SEQUENCE, rest)?;
    let (signature, behind) = content(BIT_STRING, rest)?;
    let whole = nothing.is_empty() && behind.is_empty() && signature.first() == Some(&0);
    (whole && algorithm_of(signed)? == algorithm).then_some(())
}

/// The algorithm as it stands among what is signed, behind version and serial.
fn algorithm_of(signed: &[u8]) -> Option<&[u8]> {
    let behind_version = content(VERSION, signed).map_or(signed, |(_, rest)| rest);
    let (_, rest) = content(INTEGER, behind_version)?;
    Some(content(SEQUENCE, rest)?.0)
}

/// The content of the first element, which has this tag, and what stands behind it.
fn content(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_first()?;
    if *head != tag {
        return None;
    }
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => {
            let (length, rest) = rest.split_first()?;
            (usize::from(*length), rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        // No key's certificate is longer than 65,535 bytes; 0x80 would be a length that is not told.
        _ => return None,
    };
    let shortest = match first {
        0x81 => length > 0x7f,
        0x82 => length > 0xff,
        _ => true,
    };
    if shortest { rest.split_at_checked(length) } else { None }
}
