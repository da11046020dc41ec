//! The reconciliation file (76/01): one signed answer that carries a zip, which carries the day's lines.
//!
//! The answer may be larger than any other message, so it is kept in a file and never held in memory: its fields are cut
//! out around the content, the signature is taken over both, and only then the content is unpacked as a stream: base64,
//! zlib (RFC 1950), zip, lines.

use std::io::{BufReader, Read, SeekFrom};

use base64::engine::general_purpose::STANDARD;
use base64::read::DecoderReader;
use flate2::read::ZlibDecoder;
use paifang_rail::{
    Context, Exchange, Genuine, PlanError, StatementError, StatementFile, StatementLine, StatementProof,
    StatementTotals, StatementWish,
};
use ring::digest::{Context as Hash, SHA256};

use crate::answer;
use crate::bill::{Bill, malformed};
use crate::codes::Meaning;
use crate::descriptor::TRADE;
use crate::fields::Fields;
use crate::request::{Draft, Kind, Product};
use crate::unzip::UNPACKED_BYTES_MAX;
use crate::{Settings, beijing, sign, unzip};

/// `txnType` of the question.
const FILE: &str = "76";
const KIND: Kind = (FILE, "01");

/// `fileType` of the reconciliation file; no other is documented.
const RECONCILIATION: &str = "00";

/// All fields but the content, names and all. The largest, the signer's certificate, has some two thousand bytes.
const FIELDS_BYTES_MAX: u64 = 64 * 1024;

/// What the zip may have: a million lines pack into a quarter of it.
const ZIP_BYTES_MAX: u64 = 256 << 20;

const CONTENT: &[u8] = b"fileContent=";

/// Stands for the content among the fields; no base64 has it.
const CONTENT_MARK: &str = "*";

/// Asks for the file of a day. `txnTime` has to be the present.
pub(crate) fn plan(
    settings: &Settings,
    wish: &StatementWish,
    cx: &Context<'_>,
) -> Result<Exchange, PlanError> {
    if wish.kind != TRADE {
        return Err(PlanError::Unsupported("this bill"));
    }
    Draft::of(settings, KIND, Product::FILES)
        .put("settleDate", &wish.day.strftime("%m%d").to_string())
        .put("txnTime", &beijing::text(cx.now))
        .put("fileType", RECONCILIATION)
        .post_file(cx.keys)
}

/// Reads the answer, and the bill in it.
pub(crate) fn read(
    settings: &Settings,
    wish: &StatementWish,
    file: &mut dyn StatementFile,
    cx: &Context<'_>,
    line: &mut dyn FnMut(StatementLine),
) -> Result<StatementProof, StatementError> {
    if wish.kind != TRADE {
        return Err(StatementError::Unsupported);
    }
    let answer = FileAnswer::cut(file)?;
    let proof = answer.verify(file, cx)?;
    answer.bind(settings, wish)?;
    let totals = answer.unpack(file, &mut Bill::of(settings, wish.day, line))?;
    Ok(StatementProof { genuine: Some(proof), totals })
}

/// The fields of an answer, and where in the file its content lies.
struct FileAnswer {
    fields: Fields,
    content: Option<Content>,
}

#[derive(Clone, Copy)]
struct Content {
    start: u64,
    length: u64,
}

impl FileAnswer {
    /// Cuts the content out, and reads the rest as any answer is read. That the content really is a field of its own is
    /// for the reader of fields to say: it must find the mark there.
    fn cut(file: &mut dyn StatementFile) -> Result<Self, StatementError> {
        let mut text = head(file, 0)?;
        let content = match content_start(&text) {
            None if text.len() as u64 > FIELDS_BYTES_MAX => {
                return Err(malformed("fields of at most 64 KiB"));
            }
            None => None,
            Some(start) => {
                let content = Content { start: start as u64, length: content_length(file, start as u64)? };
                text.truncate(start);
                text.extend_from_slice(CONTENT_MARK.as_bytes());
                text.extend_from_slice(&head(file, content.start + content.length)?);
                if text.len() as u64 > FIELDS_BYTES_MAX {
                    return Err(malformed("fields of at most 64 KiB"));
                }
                Some(content)
            }
        };
        let fields = Fields::of_answer(&text).map_err(|_| malformed("an answer of UnionPay"))?;
        let marked = fields.get("fileContent");
        if marked != content.map(|_| CONTENT_MARK) {
            return Err(malformed("the content as one field, in base64"));
        }
        Ok(Self { fields, content })
    }

    /// The digest is that of the fields as they came, with the content read from the file.
    fn verify(&self, file: &mut dyn StatementFile, cx: &Context<'_>) -> Result<Genuine, StatementError> {
        let mut hash = Hash::new(&SHA256);
        for (place, (name, value)) in self.fields.signed().enumerate() {
            for part in [if place == 0 { "" } else { "&" }, name, "="] {
                hash.update(part.as_bytes());
            }
            match self.content.filter(|_| name == "fileContent") {
                Some(content) => content.each_chunk(file, |chunk| hash.update(chunk))?,
                None => hash.update(value.as_bytes()),
            }
        }
        let message = hex::encode(hash.finish());
        let proof = sign::verify_digest(&self.fields, &message, cx);
        proof.map_err(|_| StatementError::NotGenuine("the answer is not signed by UnionPay"))
    }

    /// Which fields an answer repeats is not confirmed, so what is there must fit; merchant, kind and, with a file, its
    /// name must be there. The name has the year, which the question has not.
    fn bind(&self, settings: &Settings, wish: &StatementWish) -> Result<(), StatementError> {
        let field = |name| self.fields.get(name);
        if field("merId") != Some(settings.merchant_id.as_str()) {
            return Err(StatementError::Mismatch("merchant"));
        }
        if field("txnType") != Some(FILE) {
            return Err(malformed("an answer about a file"));
        }
        let day = wish.day.strftime("%m%d").to_string();
        if field("settleDate").is_some_and(|told| told != day) {
            return Err(StatementError::Mismatch("day"));
        }
        let code = field("respCode").ok_or(malformed("a respCode"))?;
        if !matches!(answer::listed(code), Ok(Meaning::Done)) {
            return Err(StatementError::Code(code.chars().take(8).collect()));
        }
        let named = field("fileName").and_then(|name| name.strip_suffix(".zip")?.split_once('_'));
        let (merchant, date) = named.ok_or(malformed("a fileName of merchant and day"))?;
        if merchant != settings.merchant_id {
            return Err(StatementError::Mismatch("merchant"));
        }
        if date != wish.day.strftime("%Y%m%d").to_string() {
            return Err(StatementError::Mismatch("day"));
        }
        Ok(())
    }

    fn unpack(
        &self,
        file: &mut dyn StatementFile,
        bill: &mut Bill<'_>,
    ) -> Result<StatementTotals, StatementError> {
        let content = self.content.ok_or(malformed("a file in the answer"))?;
        let packed = BufReader::new(content.open(file)?);
        let zip = ZlibDecoder::new(DecoderReader::new(packed, &STANDARD)).take(ZIP_BYTES_MAX);
        unzip::each_entry(&mut BufReader::new(zip), UNPACKED_BYTES_MAX, |name, entry| {
            bill.read_entry(name, entry)
        })?;
        bill.totals()
    }
}

impl Content {
    fn open<'a>(&self, file: &'a mut dyn StatementFile) -> Result<impl Read + use<'a>, StatementError> {
        file.seek(SeekFrom::Start(self.start)).map_err(|error| trouble(&error))?;
        Ok(file.take(self.length))
    }

    fn each_chunk(
        &self,
        file: &mut dyn StatementFile,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), StatementError> {
        let mut source = self.open(file)?;
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            match source.read(&mut chunk).map_err(|error| trouble(&error))? {
                0 => return Ok(()),
                read => take(chunk.get(..read).unwrap_or_default()),
            }
        }
    }
}

const CHUNK_BYTES: usize = 16 * 1024;

/// Up to one byte more than fields may have.
fn head(file: &mut dyn StatementFile, from: u64) -> Result<Vec<u8>, StatementError> {
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(from)).map_err(|error| trouble(&error))?;
    file.take(FIELDS_BYTES_MAX + 1).read_to_end(&mut head).map_err(|error| trouble(&error))?;
    Ok(head)
}

/// Where the value of the content begins: behind the first place where the field could.
fn content_start(text: &[u8]) -> Option<usize> {
    let at = text.windows(CONTENT.len()).enumerate().find(|(at, window)| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        *window == CONTENT && before.is_none_or(|byte| [b'&', b'{'].contains(byte))
    });
    at.map(|(at, _)| at + CONTENT.len())
}

/// How many bytes of base64 stand there.
fn content_length(file: &mut dyn StatementFile, start: u64) -> Result<u64, StatementError> {
    let rest = Content { start, length: u64::MAX };
    let mut source = rest.open(file)?;
    let (mut length, mut chunk) = (0_u64, [0; CHUNK_BYTES]);
    loop {
        let read = source.read(&mut chunk).map_err(|error| trouble(&error))?;
        let bytes = chunk.get(..read).unwrap_or_default();
        let plain = bytes.iter().take_while(|byte| is_base64(**byte)).count();
        length = length.saturating_add(plain as u64);
        if read == 0 || plain < read {
            return Ok(length);
        }
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// The machine's own trouble with the file.
fn trouble(error: &std::io::Error) -> StatementError {
    StatementError::Io(error.kind().to_string())
}
