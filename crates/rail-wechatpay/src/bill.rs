//! The trade bill: UTF-8 with a byte order mark, comma separated, a backtick before each value of a row, gzip around it.
//!
//! Read line by line; columns are found by their names, because older files lack some. The digest of the signed answer is
//! over the unpacked file, and the totals at its end must be what the rows add up to.

use std::io::{BufRead, BufReader, Read, SeekFrom};

use flate2::read::GzDecoder;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use paifang_money::{Currency, PositiveMoney};
use paifang_rail::{
    FileDigest, StatementError, StatementFile, StatementKind, StatementLine, StatementProof, StatementTotals,
    StatementWish,
};
use ring::digest::{Context as Digester, SHA1_FOR_LEGACY_USE_ONLY};

use crate::Settings;

/// Largest file after unpacking, bytes: a million rows and more.
const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Longest line, bytes: the body of an order is at most 6 KiB, and a row repeats a few of its texts.
const LINE_BYTES_MAX: usize = 16 * 1024;

use StatementError::{Malformed, Totals};

/// Where the columns stand that matter.
struct Columns {
    count: usize,
    time: usize,
    mchid: usize,
    transaction: usize,
    order: usize,
    state: usize,
    refund: usize,
    refund_order: usize,
    paid: usize,
    back: usize,
    fee: usize,
}

/// What a row is worth, in fen.
#[derive(Default)]
struct Sums {
    rows: u64,
    paid: i128,
    back: i128,
}

pub(crate) fn read(
    settings: &Settings,
    wish: &StatementWish,
    file: &mut dyn StatementFile,
    digest: Option<&FileDigest>,
    line: &mut dyn FnMut(StatementLine),
) -> Result<StatementProof, StatementError> {
    let digest = digest.ok_or(StatementError::NotGenuine("the bill came without a digest"))?;
    let mut lines = Lines::over(file)?;
    let header = lines.next()?.ok_or(Malformed { line: 1, rule: "a header" })?;
    let columns = Columns::find(&header).ok_or(Malformed { line: 1, rule: "the columns of a trade bill" })?;
    let mut sums = Sums::default();
    let totals = loop {
        let text = lines.next()?.ok_or(Malformed { line: lines.number, rule: "a summary at the end" })?;
        let Some(row) = text.strip_prefix('`') else { break text };
        let values: Vec<&str> = row.split(",`").collect();
        let number = lines.number;
        let read = columns.row(&values, settings, wish).map_err(|rule| rule.at(number))?;
        sums.rows += 1;
        match read.kind {
            StatementKind::Payment => sums.paid += i128::from(read.amount.minor_units()),
            StatementKind::Refund | StatementKind::Reversal => {
                sums.back += i128::from(read.amount.minor_units())
            }
        }
        line(read);
    };
    let names: Vec<&str> = totals.split(',').collect();
    let summary = lines.next()?.ok_or(Malformed { line: lines.number, rule: "a row of totals" })?;
    compare(&names, &summary, &sums, lines.number)?;
    if lines.next()?.is_some() {
        return Err(Malformed { line: lines.number, rule: "nothing after the totals" });
    }
    if lines.sha1() != digest.sha1_hex {
        return Err(StatementError::NotGenuine("its digest is another one"));
    }
    let totals = StatementTotals { lines: sums.rows, paid_minor: sums.paid, returned_minor: sums.back };
    Ok(StatementProof { genuine: None, totals })
}

/// Why a row is not taken.
enum Wrong {
    Row(&'static str),
    Merchant,
    Day,
}

impl Wrong {
    fn at(self, line: u64) -> StatementError {
        match self {
            Self::Row(rule) => Malformed { line, rule },
            Self::Merchant => StatementError::Mismatch("merchant"),
            Self::Day => StatementError::Mismatch("day"),
        }
    }
}

impl Columns {
    fn find(header: &str) -> Option<Self> {
        let names: Vec<&str> = header.split(',').collect();
        let at = |name: &str| names.iter().position(|known| *known == name);
        Some(Self {
            count: names.len(),
            time: at("交易时间")?,
            mchid: at("商户号")?,
            transaction: at("微信订单号")?,
            order: at("商户订单号")?,
            state: at("交易状态")?,
            refund: at("微信退款单号")?,
            refund_order: at("商户退款单号")?,
            // The order's amount and the refund's, coupons included: what the ledger has.
            paid: at("订单金额").or_else(|| at("应结订单金额"))?,
            back: at("申请退款金额").or_else(|| at("退款金额"))?,
            fee: at("手续费")?,
        })
    }

    fn row(
        &self,
        values: &[&str],
        settings: &Settings,
        wish: &StatementWish,
    ) -> Result<StatementLine, Wrong> {
        if values.len() != self.count {
            return Err(Wrong::Row("as many values as the header has names"));
        }
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        if at(self.mchid) != settings.mchid {
            return Err(Wrong::Merchant);
        }
        let time: DateTime =
            DateTime::strptime("%Y-%m-%d %H:%M:%S", at(self.time)).map_err(|_| Wrong::Row("a time"))?;
        if time.date() != wish.day {
            return Err(Wrong::Day);
        }
        let (kind, amount, rail_ref) = match at(self.state) {
            "SUCCESS" => (StatementKind::Payment, at(self.paid), at(self.transaction)),
            "REFUND" => (StatementKind::Refund, at(self.back), at(self.refund)),
            "REVOKED" => (StatementKind::Reversal, at(self.back), at(self.transaction)),
            _ => return Err(Wrong::Row("a state of SUCCESS, REFUND or REVOKED")),
        };
        let minor = yuan(amount).ok_or(Wrong::Row("an amount in yuan with two decimals"))?;
        let amount =
            PositiveMoney::new(minor, Currency::CNY).map_err(|_| Wrong::Row("an amount above zero"))?;
        let refund_no = Some(at(self.refund_order)).filter(|no| kind == StatementKind::Refund && *no != "0");
        Ok(StatementLine {
            kind,
            order_no: number(at(self.order))?,
            refund_no: refund_no.map(number).transpose()?,
            rail_ref: number(rail_ref)?,
            amount,
            fee_minor: fee(at(self.fee)),
            at: beijing(time),
        })
    }
}

fn beijing(time: DateTime) -> Option<Timestamp> {
    Offset::constant(8).to_timestamp(time).ok()
}

/// A number of ours or of the rail: visible ASCII.
fn number(text: &str) -> Result<String, Wrong> {
    let plain = (1..=64).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, 0x21..=0x7e));
    if plain { Ok(text.to_owned()) } else { Err(Wrong::Row("numbers of visible characters")) }
}

/// Yuan with two decimals, or more of which the rest is zero, as fen. Exact, or nothing.
fn yuan(text: &str) -> Option<i64> {
    let (digits, sign) = text.strip_prefix('-').map_or((text, 1), |rest| (rest, -1));
    let (whole, cents) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || !plain(whole) || !plain(cents) {
        return None;
    }
    let (cents, rest) = cents.split_at_checked(2).unwrap_or((cents, ""));
    let padded = format!("{cents:0<2}");
    if rest.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let fen = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(padded.parse().ok()?)?;
    fen.checked_mul(sign)
}

/// Fees have five decimals; a finer one than a fen is left out, because the ledger has none.
fn fee(text: &str) -> Option<i64> {
    yuan(text)
}

/// The totals that the bill itself names. Their form varies (`3`, `45.0`), their value does not.
fn compare(names: &[&str], row: &str, sums: &Sums, line: u64) -> Result<(), StatementError> {
    let values: Vec<&str> = row.strip_prefix('`').map(|row| row.split(",`").collect()).unwrap_or_default();
    if values.len() != names.len() {
        return Err(Malformed { line, rule: "as many totals as names" });
    }
    let of = |name: &str| {
        let at = names.iter().position(|known| *known == name)?;
        yuan(values.get(at)?).map(i128::from)
    };
    let rows = of("总交易单数").ok_or(Malformed { line, rule: "a number of rows" })?;
    if rows != i128::from(sums.rows) * 100 {
        return Err(Totals("the number of rows"));
    }
    if of("订单总金额").or_else(|| of("应结订单总金额")) != Some(sums.paid) {
        return Err(Totals("the payments"));
    }
    if of("申请退款总金额").or_else(|| of("退款总金额")) != Some(sums.back) {
        return Err(Totals("the refunds"));
    }
    Ok(())
}

/// The lines of an unpacked file, each digested as it passes.
struct Lines<'a> {
    source: BufReader<std::io::Take<Box<dyn Read + 'a>>>,
    digester: Option<Digester>,
    number: u64,
}

impl<'a> Lines<'a> {
    /// Packed or not: the first two bytes tell.
    fn over(file: &'a mut dyn StatementFile) -> Result<Self, StatementError> {
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
    fn next(&mut self) -> Result<Option<String>, StatementError> {
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
    fn sha1(&mut self) -> String {
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
