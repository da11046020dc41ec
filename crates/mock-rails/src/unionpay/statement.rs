//! The reconciliation file: fixed-width lines in GBK inside a ZIP, and the ZIP inside zlib and base64.
//!
//! The widths and the purchase line are those of the official sample; column names of `ZME`, the transaction codes of
//! anything but a purchase, and the wording of the totals are unconfirmed, so `ZME` stays empty and the totals come
//! after the two lines that are known.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::GBK;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use jiff::civil::Date;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::clearing::Line;
use super::time;
use super::trade::{Follow, Trade};

/// The widths of the 42 columns of a `ZM` line.
pub(super) const ZM_WIDTHS: [usize; 42] = [
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15,
    32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98,
];

/// A file as an answer carries it.
pub(super) struct Packed {
    /// `MERID_YYYYMMDD.zip`.
    pub(super) name: String,
    /// base64 of zlib of the ZIP.
    pub(super) content: String,
}

/// What a test wants to be wrong with a file; armed as a business code of operation `bill`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blemish {
    /// `LINE:MISSING`: the last line is not there.
    Missing,
    /// `LINE:EXTRA`: the last line is there twice, the second time under another order number.
    Extra,
    /// `LINE:DIFFERENT`: the last line names one fen more.
    Different,
}

impl Blemish {
    pub(super) fn armed(code: &str) -> Option<Self> {
        match code {
            "LINE:MISSING" => Some(Self::Missing),
            "LINE:EXTRA" => Some(Self::Extra),
            "LINE:DIFFERENT" => Some(Self::Different),
            _ => None,
        }
    }
}

/// One line of a file, its values by column.
type Row = [String; 42];

/// The file of a clearing day; `None` only when the archive cannot be written, which memory does not do.
pub(super) fn pack(mer_id: &str, day: Date, lines: &[Line<'_>], blemish: Option<Blemish>) -> Option<Packed> {
    let mut rows: Vec<(Row, Sums)> = lines.iter().map(|line| (row(line, 0), Sums::of(line, 0))).collect();
    match (blemish, lines.last()) {
        (None, _) | (Some(_), None) => {}
        (Some(Blemish::Missing), Some(_)) => rows.truncate(rows.len() - 1),
        (Some(Blemish::Extra), Some(last)) => {
            let mut twin = row(last, 0);
            twin[ORDER_ID] = format!("X{}", twin[ORDER_ID]).chars().take(ZM_WIDTHS[ORDER_ID]).collect();
            rows.push((twin, Sums::of(last, 0)));
        }
        (Some(Blemish::Different), Some(last)) => {
            rows.truncate(rows.len() - 1);
            rows.push((row(last, 1), Sums::of(last, 1)));
        }
    }
    let zm: String = rows.iter().map(|(row, _)| text_of(row) + "\r\n").collect();
    let (long, short) = time::day_text(day);
    let entries = [
        (format!("INN{short}88ZM_{mer_id}"), zm),
        (format!("INN{short}88ZME_{mer_id}"), String::new()),
        (format!("RD2010{short}01_{mer_id}"), totals(mer_id, &long, rows.iter().map(|(_, sums)| sums))),
    ];
    let zip = archive(&entries, day)?;
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(&zip).ok()?;
    let content = STANDARD.encode(zlib.finish().ok()?);
    Some(Packed { name: format!("{mer_id}_{long}.zip"), content })
}

fn archive(entries: &[(String, String)], day: Date) -> Option<Vec<u8>> {
    let stamp = |part: i8| u8::try_from(part).ok();
    let at = zip::DateTime::from_date_and_time(
        u16::try_from(day.year()).ok()?,
        stamp(day.month())?,
        stamp(day.day())?,
        23,
        0,
        0,
    );
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(at.ok()?);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        zip.start_file(name.as_str(), options).ok()?;
        zip.write_all(&GBK.encode(text).0).ok()?;
    }
    zip.finish().ok().map(Cursor::into_inner)
}

/// Column of the order number, counted from zero.
const ORDER_ID: usize = 11;

/// The values of a line, naming `more` fen above the truth.
fn row(line: &Line<'_>, more: i64) -> Row {
    let trade = line.trade;
    let (fen, fee, net) = amounts(line, more);
    let (txn_type, txn_sub_type) = trade.order.what.types();
    let signed = |incoming: bool, fen: i64, width: usize| match fen {
        0 => format!(" {:0width$}", 0, width = width - 1),
        _ => format!("{}{fen:0width$}", if incoming { 'C' } else { 'D' }, width = width - 1),
    };
    let of_original = |part: fn(&Trade) -> String| line.original.map(part).unwrap_or_default();
    let mut row: Row = std::array::from_fn(|_| String::new());
    for (column, value) in [
        (1, transaction_code(trade).to_owned()),
        (2, "88022900".to_owned()),
        (3, "00049993".to_owned()),
        (4, trade.trace_no.clone()),
        (5, time::trace_text(trade.created)),
        (6, trade.card().filed),
        (7, format!("{fen:012}")),
        (8, "4899".to_owned()),
        (9, "07".to_owned()),
        (10, trade.query_id()),
        (11, "01".to_owned()),
        (12, trade.order.key.order_id.chars().take(32).collect()),
        (13, "01".to_owned()),
        (14, of_original(|original| original.trace_no.clone())),
        (15, of_original(|original| time::trace_text(original.created))),
        (16, signed(!line.incoming, fee, 13)),
        (17, signed(line.incoming, net, 13)),
        (18, "0001".to_owned()),
        (20, txn_type.to_owned()),
        (21, txn_sub_type.to_owned()),
        (22, trade.order.echo.biz_type.clone()),
        (27, of_original(Trade::query_id)),
        (28, trade.order.key.mer_id.clone()),
        (30, "0".repeat(15)),
        (32, signed(true, 0, 13)),
        (33, signed(line.incoming, net, 13)),
        (34, "01080209".to_owned()),
        (36, signed(true, 0, 13)),
        (37, signed(true, 0, 13)),
        (38, signed(true, 0, 12)),
        (40, "7".to_owned()),
        (41, of_original(|original| original.order.key.order_id.chars().take(32).collect())),
    ] {
        row[column - 1] = value;
    }
    row
}

/// Amount, fee and what is settled, in fen.
fn amounts(line: &Line<'_>, more: i64) -> (i64, i64, i64) {
    let fen = line.fen.saturating_add(more);
    (fen, line.fee_fen, fen - line.fee_fen)
}

/// The first column. Only `S56` was seen in the official sample; `S30` is that of the vectors, the others are invented.
fn transaction_code(trade: &Trade) -> &'static str {
    match trade.order.what.follow() {
        None => "S56",
        Some(Follow::Refund) => "S30",
        Some(Follow::Undo) => "S31",
        Some(Follow::Complete) => "S33",
        Some(Follow::VoidCompletion) => "S35",
        // Frozen money has no line.
        Some(Follow::VoidHold) => "S32",
    }
}

fn text_of(row: &Row) -> String {
    let padded: Vec<String> = row
        .iter()
        .zip(ZM_WIDTHS)
        .map(|(value, width)| {
            // Every value is ASCII, so characters are columns.
            let cut: String = value.chars().take(width).collect();
            format!("{cut:<width$}")
        })
        .collect();
    padded.join(" ")
}

/// What a line adds to the totals, in fen.
struct Sums {
    incoming: bool,
    fen: i64,
    fee: i64,
    net: i64,
}

impl Sums {
    fn of(line: &Line<'_>, more: i64) -> Self {
        let (fen, fee, net) = amounts(line, more);
        Self { incoming: line.incoming, fen, fee, net }
    }
}

fn totals<'a>(mer_id: &str, day: &str, lines: impl Iterator<Item = &'a Sums>) -> String {
    let mut sides = [(0_u64, 0_i64, 0_i64, 0_i64); 2];
    for line in lines {
        let side = &mut sides[usize::from(!line.incoming)];
        *side = (side.0 + 1, side.1 + line.fen, side.2 + line.fee, side.3 + line.net);
    }
    let mut text = format!("商户代码:{mer_id}\r\n清算日期:{day}\r\n");
    for (name, (count, fen, fee, net)) in ["贷记", "借记"].into_iter().zip(sides) {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{name}笔数:{count}\r\n{name}交易金额:{}\r\n{name}手续费:{}\r\n{name}清算金额:{}\r\n",
            yuan(fen),
            yuan(fee),
            yuan(net)
        );
    }
    let _ = write!(text, "清算净额:{}\r\n", yuan(sides[0].3 - sides[1].3));
    text
}

fn yuan(fen: i64) -> String {
    let (sign, fen) = (if fen < 0 { "-" } else { "" }, fen.unsigned_abs());
    format!("{sign}{}.{:02}", fen / 100, fen % 100)
}
