//! The lines of a bill's file, unpacked and digested as they pass, one at a time.

use std::io::{BufRead, BufReader, Read, SeekFrom};

use flate2::read::GzDecoder;
use paifang_rail::StatementError::{self, Malformed};
use paifang_rail::StatementFile;
use ring::digest::{Context as Digester, SHA1_FOR_LEGACY_USE_ONLY};

/// Largest file after unpacking, bytes: a million rows and more.
const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Longest line, bytes: the body of an order is at most 6 KiB, and a row repeats a few of its texts.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// The lines of an unpacked file, each digested as it passes.
pub(super) struct Lines<'a> {
    source: BufReader<std::io::Take<Box<dyn Read + 'a>>>,
    digester: Option<Digester>,
    /// Of the last line, from 1.
    pub number: u64,
}

impl<'a> Lines<'a> {
    /// Packed or not: the first two bytes tell.
    pub fn over(file: &'a mut dyn StatementFile) -> Result<Self, StatementError> {
        let mut magic = [0; 2];
        file.read_exact(&mut magic)
            .map_err(|_| Malformed { line: 0, rule: "a bill of two bytes or more" })?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let source: Box<dyn Read + 'a> = match magic {
            [0x1f, 0x8b] => Box::new(GzDecoder::new(file)),
            _ => Box::new(file),
        };
        // One byte more than allowed, so that a file of that size is told apart from a longer one.
        let source = BufReader::new(source.take(FILE_BYTES_MAX + 1));
        Ok(Self { source, digester: Some(Digester::new(&SHA1_FOR_LEGACY_USE_ONLY)), number: 0 })
    }

    /// The next line without its end; `None` at the end of the file.
    pub fn next(&mut self) -> Result<Option<String>, StatementError> {
        let mut bytes = Vec::new();
        let room = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX) + 1;
        (&mut self.source).take(room).read_until(b'\n', &mut bytes).map_err(io)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if self.source.get_ref().limit() == 0 {
            return Err(StatementError::TooLarge(FILE_BYTES_MAX));
        }
        if let Some(digester) = &mut self.digester {
            digester.update(&bytes);
        }
        let wrong = |rule| Malformed { line: self.number, rule };
        let line = bytes.strip_suffix(b"\r\n").ok_or(wrong("lines of at most 16 KiB that end in CRLF"))?;
        let text = std::str::from_utf8(line).map_err(|_| wrong("UTF-8"))?;
        let text = match self.number {
            1 => text.strip_prefix('\u{feff}').ok_or(wrong("a byte order mark"))?,
            _ => text,
        };
        Ok(Some(text.to_owned()))
    }

    /// The digest of everything that was read.
    pub fn sha1(&mut self) -> String {
        self.digester.take().map(|digester| hex::encode(digester.finish())).unwrap_or_default()
    }
}

fn io(error: std::io::Error) -> StatementError {
    match error.kind() {
        std::io::ErrorKind::InvalidData
        | std::io::ErrorKind::InvalidInput
        | std::io::ErrorKind::UnexpectedEof => Malformed { line: 0, rule: "whole gzip data" },
        _ => StatementError::Io(error.to_string()),
    }
}
