//! The zip of a bill, and the lines of the one file in it that counts. Nothing is unpacked to memory or disk as a whole.

use std::io::{BufRead, BufReader, ErrorKind, Read, SeekFrom};

use encoding_rs::GBK;
use paifang_rail::{StatementError, StatementFile};
use zip::ZipArchive;
use zip::result::ZipError;

/// A bill has two or four files.
const ENTRIES_MAX: usize = 16;

/// What stands about them at the end: names of some sixty bytes and a few more.
const DIRECTORY_BYTES_MAX: u64 = 16 * 1024;

/// Of the record at the very end, without a comment.
const END_BYTES: u64 = 22;

const FEW: &str = "at most 16 files in the zip";
const WHOLE: &str = "a zip that is whole, packed by deflate";

/// What the detail may unpack to: more than a million lines. The zip itself is bounded where it is fetched.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;

/// The longest line: 25 cells, the texts of which have at most some hundred characters.
const LINE_BYTES_MAX: u64 = 16 * 1024;

/// How the name of the detail ends; that of the summary ends with `业务明细(汇总).csv`.
const DETAIL: &str = "_业务明细.csv";

/// Hands the lines of the detail to `read`, and sees to it that the file ends where its checksum does.
pub(super) fn with_detail<T>(
    file: &mut dyn StatementFile,
    read: impl FnOnce(&mut Lines<'_>) -> Result<T, StatementError>,
) -> Result<T, StatementError> {
    check_end(file)?;
    let mut archive = ZipArchive::new(file).map_err(broken)?;
    if archive.len() > ENTRIES_MAX {
        return Err(malformed(FEW));
    }
    let mut found = Vec::new();
    for at in 0..archive.len() {
        let entry = archive.by_index_raw(at).map_err(broken)?;
        if named(entry.name_raw()).is_some_and(|name| name.ends_with(DETAIL)) {
            found.push(at);
        }
    }
    let &[at] = found.as_slice() else { return Err(malformed("exactly one 业务明细.csv in the zip")) };
    let entry = archive.by_index(at).map_err(broken)?;
    let source = BufReader::new(entry.take(UNPACKED_BYTES_MAX + 1));
    let mut lines = Lines { source: Box::new(source), number: 0, bytes: 0 };
    let result = read(&mut lines)?;
    // The checksum is only compared at the end.
    match lines.next()? {
        None => Ok(result),
        Some(_) => Err(lines.malformed("nothing after the end")),
    }
}

/// A zip ends with a record of where its directory lies, and of how many entries (APPNOTE.TXT 4.3.16). It is looked at
/// before anybody reserves memory by it: it has to be the very end, with a directory of few entries right before it.
fn check_end(file: &mut dyn StatementFile) -> Result<(), StatementError> {
    let end = file.seek(SeekFrom::End(0)).map_err(|error| unpacking(&error))?;
    let at = end.checked_sub(END_BYTES).ok_or(malformed(WHOLE))?;
    file.seek(SeekFrom::Start(at)).map_err(|error| unpacking(&error))?;
    let mut record = [0; 22];
    file.read_exact(&mut record).map_err(|error| unpacking(&error))?;
    file.seek(SeekFrom::Start(0)).map_err(|error| unpacking(&error))?;
    let short = |at: usize| [0, 1].map(|n| record.get(at + n).copied().unwrap_or_default());
    let long = |at: usize| [0, 1, 2, 3].map(|n| record.get(at + n).copied().unwrap_or_default());
    let (entries, size) = (u16::from_le_bytes(short(10)), u64::from(u32::from_le_bytes(long(12))));
    let offset = u64::from(u32::from_le_bytes(long(16)));
    if usize::from(entries) > ENTRIES_MAX || size > DIRECTORY_BYTES_MAX {
        return Err(malformed(FEW));
    }
    let one_disk = long(4) == [0; 4] && short(8) == short(10);
    let plain = record.starts_with(b"PK\x05\x06") && one_disk && short(20) == [0; 2];
    if plain && offset + size == at { Ok(()) } else { Err(malformed(WHOLE)) }
}

/// The lines of a file in GBK, numbered from 1.
pub(super) struct Lines<'a> {
    source: Box<dyn BufRead + 'a>,
    number: u64,
    bytes: u64,
}

impl Lines<'_> {
    /// The next line without its end; `None` at the end of the file.
    pub fn next(&mut self) -> Result<Option<String>, StatementError> {
        let mut bytes = Vec::new();
        let read = (&mut self.source).take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut bytes);
        let read = u64::try_from(read.map_err(|error| unpacking(&error))?).unwrap_or(u64::MAX);
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.bytes = self.bytes.saturating_add(read);
        if self.bytes > UNPACKED_BYTES_MAX {
            return Err(StatementError::TooLarge(UNPACKED_BYTES_MAX));
        }
        if read > LINE_BYTES_MAX {
            return Err(self.malformed("a line of at most 16 KiB"));
        }
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = GBK.decode_without_bom_handling_and_without_replacement(line);
        Ok(Some(text.ok_or_else(|| self.malformed("text in GBK"))?.into_owned()))
    }

    /// The line that was read last is not as it should be.
    pub fn malformed(&self, rule: &'static str) -> StatementError {
        StatementError::Malformed { line: self.number, rule }
    }
}

/// Names are GBK; a packer that knows better writes UTF-8.
fn named(raw: &[u8]) -> Option<String> {
    if let Ok(text) = std::str::from_utf8(raw) {
        return Some(text.to_owned());
    }
    GBK.decode_without_bom_handling_and_without_replacement(raw).map(std::borrow::Cow::into_owned)
}

fn malformed(rule: &'static str) -> StatementError {
    StatementError::Malformed { line: 0, rule }
}

fn broken(error: ZipError) -> StatementError {
    match error {
        ZipError::Io(error) => unpacking(&error),
        _ => malformed(WHOLE),
    }
}

/// What cannot be unpacked, or ends too early, is a broken zip; everything else is the machine's own trouble.
fn unpacking(error: &std::io::Error) -> StatementError {
    match error.kind() {
        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof | ErrorKind::Other => {
            malformed(WHOLE)
        }
        kind => StatementError::Io(kind.to_string()),
    }
}
