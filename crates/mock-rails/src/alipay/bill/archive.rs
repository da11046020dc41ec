//! The zip around a bill's files. Entry names are GBK bytes without the UTF-8 mark, as the rail writes them, which zip
//! libraries cannot write; so the few headers are written here, over a library's deflate and CRC-32.

use std::io::Write;

use flate2::Compression;
use flate2::Crc;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::files::Entry;

/// Method 8.
const DEFLATE: u16 = 8;
/// Version 2.0: the first with deflate.
const VERSION: u16 = 20;

/// An archive of these files, all with the same time. Bills stay far below the four gigabytes that need more headers.
pub(super) fn zip(entries: &[Entry], at: Timestamp) -> Vec<u8> {
    let (mut out, mut central) = (Vec::new(), Vec::new());
    let (time, date) = dos(at);
    for entry in entries {
        let packed = deflated(&entry.content);
        let mut crc = Crc::new();
        crc.update(&entry.content);
        let offset = length(&out);
        let mut common = Vec::new();
        for field in [VERSION, 0, DEFLATE, time, date] {
            common.extend(field.to_le_bytes());
        }
        for field in [crc.sum(), length(&packed), length(&entry.content)] {
            common.extend(field.to_le_bytes());
        }
        common.extend(short(&entry.name).to_le_bytes());
        common.extend(0_u16.to_le_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(&entry.name);
        out.extend(packed);
        central.extend(b"PK\x01\x02");
        central.extend(VERSION.to_le_bytes());
        central.extend(&common);
        // Comment, disk, internal and external attributes: none.
        central.extend([0; 10]);
        central.extend(offset.to_le_bytes());
        central.extend(&entry.name);
    }
    let (start, count) = (length(&out), u16::try_from(entries.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend(&central);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count);
    out.extend(count);
    out.extend(length(&central).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    // A vector takes every byte, so neither call can fail.
    let _ = encoder.write_all(content);
    encoder.finish().unwrap_or_default()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn short(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX)
}

/// Time and date as DOS had them: two-second steps, years from 1980, wall time in China.
fn dos(at: Timestamp) -> (u16, u16) {
    let civil = at.to_zoned(TimeZone::fixed(Offset::constant(8))).datetime();
    let part = |value: i8| u16::try_from(value).unwrap_or(0);
    let year = u16::try_from(civil.year() - 1980).unwrap_or(0).min(127);
    let time = (part(civil.hour()) << 11) | (part(civil.minute()) << 5) | (part(civil.second()) / 2);
    (time, (year << 9) | (part(civil.month()) << 5) | part(civil.day()))
}
