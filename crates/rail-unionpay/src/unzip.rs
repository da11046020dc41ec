//! A zip as a stream, from its first entry to its last, in bounded memory.
//!
//! The list at the end of a zip needs a file that can be sought, and here it lies inside two other packings. So the headers
//! before the entries are used: all that is needed stands there, or, by writers that cannot look ahead, behind the entry,
//! where deflate itself says that it ends. Whoever could make the two disagree would need UnionPay's signature.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use paifang_rail::StatementError;

use crate::bill::malformed;

/// A file has three entries.
const ENTRIES_MAX: usize = 16;

/// What all entries may unpack to: more than a million lines.
pub(crate) const UNPACKED_BYTES_MAX: u64 = 1 << 30;

/// Names have some thirty bytes.
const NAME_BYTES_MAX: u16 = 256;

/// The list of entries and the end, of which nothing is used.
const TAIL_BYTES_MAX: u64 = 64 * 1024;

const ENTRY: u32 = 0x0403_4b50;
const LIST: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;

/// Bits of the flags: encrypted; sizes stand behind the entry.
const ENCRYPTED: u16 = 1;
const DESCRIBED_BEHIND: u16 = 1 << 3;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

const WHOLE: &str = "a zip that is whole, packed by deflate";

/// Hands each entry to `read`, by its name; what it leaves is skipped. Checksums and sizes are compared. All together may
/// unpack to `unpacked_max` bytes.
pub(crate) fn each_entry<R: BufRead>(
    source: &mut R,
    unpacked_max: u64,
    mut read: impl FnMut(&[u8], &mut dyn BufRead) -> Result<(), StatementError>,
) -> Result<(), StatementError> {
    let mut left = unpacked_max;
    for _ in 0..=ENTRIES_MAX {
        match number(source)? {
            ENTRY => {}
            LIST | END => return finish(source),
            _ => return Err(malformed(WHOLE)),
        }
        let header = Header::read(source)?;
        left = header.unpack(source, left, &mut read)?;
    }
    Err(malformed("at most 16 files in the zip"))
}

/// What stands before an entry.
struct Header {
    flags: u16,
    method: u16,
    size: Sizes,
    name: Vec<u8>,
}

#[derive(PartialEq, Eq, Clone, Copy)]
struct Sizes {
    crc: u32,
    packed: u32,
    unpacked: u32,
}

impl Header {
    fn read(source: &mut impl BufRead) -> Result<Self, StatementError> {
        let _version = short(source)?;
        let (flags, method) = (short(source)?, short(source)?);
        let _modified = number(source)?;
        let size = Sizes::read(source)?;
        let (name_length, extra_length) = (short(source)?, short(source)?);
        let stored_blind = method == STORED && flags & DESCRIBED_BEHIND != 0;
        if flags & ENCRYPTED != 0 || ![STORED, DEFLATED].contains(&method) || stored_blind {
            return Err(malformed(WHOLE));
        }
        if name_length > NAME_BYTES_MAX {
            return Err(malformed("names of at most 256 bytes in the zip"));
        }
        let name = bytes(source, name_length)?;
        bytes(source, extra_length)?;
        Ok(Self { flags, method, size, name })
    }

    /// Answers how much of `left` is left.
    fn unpack<R: BufRead>(
        &self,
        source: &mut R,
        left: u64,
        read: &mut impl FnMut(&[u8], &mut dyn BufRead) -> Result<(), StatementError>,
    ) -> Result<u64, StatementError> {
        let packing = match self.method {
            DEFLATED => Packing::Deflated(DeflateDecoder::new(&mut *source)),
            _ => Packing::Stored(source.take(self.size.packed.into())),
        };
        let mut entry = Entry { packing, crc: Crc::new(), unpacked: 0, unpacked_max: left };
        let mut lines = BufReader::new(&mut entry);
        read(&self.name, &mut lines)?;
        io::copy(&mut lines, &mut io::sink()).map_err(|error| unpacking(&error))?;
        let (crc, packed, unpacked) = (entry.crc.sum(), entry.packed(), entry.unpacked);
        let told = if self.flags & DESCRIBED_BEHIND == 0 { self.size } else { Sizes::read_behind(source)? };
        let fits =
            told.crc == crc && u64::from(told.packed) == packed && u64::from(told.unpacked) == unpacked;
        if fits { Ok(left.saturating_sub(unpacked)) } else { Err(malformed(WHOLE)) }
    }
}

impl Sizes {
    fn read(source: &mut impl BufRead) -> Result<Self, StatementError> {
        Ok(Self { crc: number(source)?, packed: number(source)?, unpacked: number(source)? })
    }

    /// Behind the entry they may have a mark before them.
    fn read_behind(source: &mut impl BufRead) -> Result<Self, StatementError> {
        match number(source)? {
            DESCRIPTOR => Self::read(source),
            crc => Ok(Self { crc, packed: number(source)?, unpacked: number(source)? }),
        }
    }
}

enum Packing<'a, R> {
    Deflated(DeflateDecoder<&'a mut R>),
    Stored(io::Take<&'a mut R>),
}

/// The content of an entry, counted.
struct Entry<'a, R> {
    packing: Packing<'a, R>,
    crc: Crc,
    unpacked: u64,
    unpacked_max: u64,
}

impl<R: BufRead> Entry<'_, R> {
    /// How many bytes it has in the zip, after all of them were read.
    fn packed(&self) -> u64 {
        match &self.packing {
            Packing::Deflated(decoder) => decoder.total_in(),
            Packing::Stored(_) => self.unpacked,
        }
    }
}

impl<R: BufRead> Read for Entry<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.packing {
            Packing::Deflated(decoder) => decoder.read(buffer)?,
            Packing::Stored(rest) => rest.read(buffer)?,
        };
        self.crc.update(buffer.get(..read).unwrap_or_default());
        self.unpacked = self.unpacked.saturating_add(read as u64);
        if self.unpacked > self.unpacked_max {
            return Err(ErrorKind::FileTooLarge.into());
        }
        Ok(read)
    }
}

/// To the very end, so that what the zip was packed in checks its own sum.
fn finish(source: &mut impl BufRead) -> Result<(), StatementError> {
    let mut tail = source.take(TAIL_BYTES_MAX + 1);
    let read = io::copy(&mut tail, &mut io::sink()).map_err(|error| unpacking(&error))?;
    if read <= TAIL_BYTES_MAX { Ok(()) } else { Err(malformed("a zip that ends behind its list")) }
}

fn number(source: &mut impl BufRead) -> Result<u32, StatementError> {
    let mut field = [0; 4];
    source.read_exact(&mut field).map_err(|error| unpacking(&error))?;
    Ok(u32::from_le_bytes(field))
}

fn short(source: &mut impl BufRead) -> Result<u16, StatementError> {
    let mut field = [0; 2];
    source.read_exact(&mut field).map_err(|error| unpacking(&error))?;
    Ok(u16::from_le_bytes(field))
}

fn bytes(source: &mut impl BufRead, length: u16) -> Result<Vec<u8>, StatementError> {
    let mut field = vec![0; length.into()];
    source.read_exact(&mut field).map_err(|error| unpacking(&error))?;
    Ok(field)
}

/// What cannot be unpacked, or ends too early, is a broken file; everything else is the machine's own trouble.
pub(crate) fn unpacking(error: &io::Error) -> StatementError {
    match error.kind() {
        ErrorKind::FileTooLarge => StatementError::TooLarge(UNPACKED_BYTES_MAX),
        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof | ErrorKind::Other => {
            malformed(WHOLE)
        }
        kind => StatementError::Io(kind.to_string()),
    }
}
