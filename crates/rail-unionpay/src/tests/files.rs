//! The reconciliation file: how it is asked for, and what is read of it. F69: late, empty, cut, doubled, of another day or
//! merchant, with odd lines.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use jiff::civil::{Date, date};
use paifang_rail::{
    Exchange, Fetch, Finding, Inquiry, LineStanding, Method, StatementError, StatementKind, StatementLine,
    StatementTotals, StatementWish,
};
use zip::write::SimpleFileOptions;

use super::*;

/// The morning after the day of the vectors.
pub(super) const READ_AT: &str = "2026-11-22T02:00:00Z";

const LINES_NAME: &str = "INN26112188ZM_777290058110048";

type Read = Result<(Vec<StatementLine>, StatementTotals), StatementError>;

fn wish_of(day: Date) -> StatementWish {
    StatementWish { kind: "trade", day, inquiry_no: number("S20261122100000001") }
}

fn wish() -> StatementWish {
    wish_of(date(2026, 11, 21))
}

/// What the adapter reads of a whole answer.
pub(super) fn read_by(bench: &Bench, body: Vec<u8>) -> Read {
    read_wish(bench, &wish(), body)
}

fn read_wish(bench: &Bench, wish: &StatementWish, body: Vec<u8>) -> Read {
    let (mut lines, mut file) = (Vec::new(), Cursor::new(body));
    let proof =
        bench.rail.read_statement(wish, &mut file, None, &bench.cx(), &mut |line| lines.push(line))?;
    assert!(proof.genuine.is_some(), "the answer is signed");
    Ok((lines, proof.totals))
}

fn bench() -> Bench {
    Bench::new().when(READ_AT)
}

fn answered(id: &str) -> Vec<u8> {
    text(&vector("responses", id), "/raw_body").as_bytes().to_vec()
}

/// A zip with these files.
pub(super) fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn content_of(zip: &[u8]) -> String {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(zip).unwrap();
    STANDARD.encode(packed.finish().unwrap())
}

const GOOD: &[(&str, &str)] = &[
    ("version", "5.1.0"),
    ("encoding", "UTF-8"),
    ("signMethod", "01"),
    ("accessType", "0"),
    ("bizType", "000000"),
    ("merId", MERCHANT),
    ("txnType", "76"),
    ("txnSubType", "01"),
    ("txnTime", "20261122100000"),
    ("settleDate", "1121"),
    ("fileType", "00"),
    ("fileName", "777290058110048_20261121.zip"),
    ("respCode", "00"),
    ("respMsg", "成功[0000000]"),
];

/// A signed answer with this content.
fn body(content: &str, changes: &[(&str, &str)]) -> Vec<u8> {
    let fields = told_of(GOOD, &[&[("fileContent", content)], changes].concat());
    joined(&bench().signed("upsign", &fields)).into_bytes()
}

pub(super) fn read_zip(zip: &[u8]) -> Read {
    read_by(&bench(), body(&content_of(zip), &[]))
}

pub(super) fn read_lines(lines: &[u8]) -> Read {
    read_zip(&zipped(&[(LINES_NAME, lines)]))
}

fn rows() -> Vec<Vec<String>> {
    serde_json::from_value(vectors()["reconciliation"]["zm_rows"].clone()).unwrap()
}

/// A line of these cells, each in GBK and filled (or cut) to its width.
fn line(cells: &[String]) -> Vec<u8> {
    let vectors = vectors();
    let widths: Vec<usize> = serde_json::from_value(vectors["reconciliation"]["zm_widths"].clone()).unwrap();
    let filled = cells.iter().zip(widths).map(|(cell, width)| {
        let mut bytes = encoding_rs::GBK.encode(cell).0.into_owned();
        bytes.resize(width, b' ');
        bytes
    });
    filled.collect::<Vec<_>>().join(&b' ')
}

/// The payment of the vectors (row 0) or its refund (row 1), with some columns (from 1) replaced.
pub(super) fn row(row: usize, changes: &[(usize, &str)]) -> Vec<u8> {
    let mut cells = rows().swap_remove(row);
    for (column, cell) in changes {
        cells[column - 1] = (*cell).to_owned();
    }
    [line(&cells), b"\r\n".to_vec()].concat()
}

#[test]
fn it_is_asked_for_as_the_vector_does() {
    let bench = Bench::new().when("2026-11-22T01:30:00Z");
    let plan = bench.rail.plan_inquiry(&Inquiry::Statement(&wish()), &bench.cx()).unwrap();
    let Fetch::Download(Exchange { method, url, body, .. }) = plan else { panic!("the answer is the bill") };
    assert_eq!((method, url.as_str()), (Method::Post, "https://filedownload.95516.com/"));
    assert_eq!(String::from_utf8(body).unwrap(), text(&vector("requests", "file_download"), "/form_body"));
    let other = StatementWish { kind: "fund", ..wish() };
    assert!(bench.rail.plan_inquiry(&Inquiry::Statement(&other), &bench.cx()).is_err());
    let finding = bench.rail.read_inquiry(&Inquiry::Statement(&wish()), &reply(200, Vec::new()), &bench.cx());
    assert!(matches!(finding, Finding::Unknown(_)), "{finding:?}");
    let read = read_wish(&bench, &other, answered("file_ok"));
    assert_eq!(read.map(drop), Err(StatementError::Unsupported));
}

#[test]
fn the_vectors_file_is_read_to_the_fen() {
    let (lines, totals) = read_by(&bench(), answered("file_ok")).unwrap();
    assert_eq!(totals, StatementTotals { lines: 2, paid_minor: 1000, returned_minor: 300 });
    let payment = StatementLine {
        kind: StatementKind::Payment,
        order_no: "T20261121101530001".into(),
        refund_no: None,
        rail_ref: QUERY_ID.into(),
        amount: yuan(1000),
        fee_minor: Some(6),
        at: Some(at("2026-11-21T02:15:30Z")),
        standing: LineStanding::Done,
    };
    let refund = StatementLine {
        kind: StatementKind::Refund,
        order_no: "T20261121101530001".into(),
        refund_no: Some("R20261121120000001".into()),
        rail_ref: "042611211200006789028".into(),
        amount: yuan(300),
        fee_minor: Some(-2),
        at: Some(at("2026-11-21T04:00:00Z")),
        standing: LineStanding::Done,
    };
    assert_eq!(lines, [payment, refund]);
    // The same by its parts: lines, zip, content.
    let vectors = vectors();
    let parts = &vectors["reconciliation"];
    let zip = STANDARD.decode(text(parts, "/zip_base64")).unwrap();
    assert_eq!(read_zip(&zip).unwrap().0, lines);
    assert_eq!(read_by(&bench(), body(text(parts, "/fileContent"), &[])).unwrap().0, lines);
    for (at, known) in parts["zm_lines_base64"].as_array().unwrap().iter().enumerate() {
        let known = STANDARD.decode(known.as_str().unwrap()).unwrap();
        assert_eq!(row(at, &[]).strip_suffix(b"\r\n"), Some(known.as_slice()));
    }
    assert_eq!(read_lines(&[row(0, &[]), row(1, &[])].concat()).unwrap().0, lines);
}

/// Late, or refused: the rail's code, and only a signed one.
#[test]
fn a_code_instead_of_a_file_is_told() {
    let code = |code: &str| Err(StatementError::Code(code.into()));
    assert_eq!(read_by(&bench(), answered("file_missing")).map(drop), code("98"));
    for word in ["06", "32", "37", "ZZ"] {
        assert_eq!(read_by(&bench(), body("x", &[("respCode", word)])).map(drop), code(word));
    }
    let unsigned = b"merId=777290058110048&txnType=76&respCode=98".to_vec();
    assert!(matches!(read_by(&bench(), unsigned), Err(StatementError::NotGenuine(_))));
    for odd in [&b""[..], b"<html>busy</html>", b"fileContent=", b"a=1&a=2", &[0xff; 9]] {
        let read = read_by(&bench(), odd.to_vec());
        assert!(matches!(
            read,
            Err(StatementError::Malformed { line: 0, .. } | StatementError::NotGenuine(_))
        ));
    }
}

#[test]
fn a_file_of_another_merchant_or_day_is_refused() {
    let content = content_of(&zipped(&[(LINES_NAME, &row(0, &[]))]));
    let read = |changes: &[(&str, &str)]| read_by(&bench(), body(&content, changes)).map(drop);
    let (merchant, day) = (Err(StatementError::Mismatch("merchant")), Err(StatementError::Mismatch("day")));
    assert_eq!(read(&[]), Ok(()));
    assert_eq!(read(&[("settleDate", "")]), Ok(()), "which fields are repeated is not confirmed");
    assert_eq!(read(&[("merId", "777290058110097")]), merchant);
    assert_eq!(read(&[("settleDate", "1120")]), day);
    assert_eq!(read(&[("fileName", "777290058110097_20261121.zip")]), merchant);
    assert_eq!(read(&[("fileName", "777290058110048_20251121.zip")]), day, "a year ago");
    for name in ["", "777290058110048_20261121", "20261121.zip"] {
        assert!(matches!(read(&[("fileName", name)]), Err(StatementError::Malformed { .. })), "{name}");
    }
    assert!(matches!(read(&[("txnType", "00")]), Err(StatementError::Malformed { .. })));
    assert!(matches!(read(&[("respCode", "")]), Err(StatementError::Malformed { .. })));
    for (name, wrong) in [
        ("INN26112188ZM_777290058110097", &merchant),
        ("INN26112088ZM_777290058110048", &day),
        ("INN26112088ZME_777290058110048", &day),
        ("RD201026112001_777290058110048", &day),
        ("RD201026112101_777290058110097", &merchant),
    ] {
        let zip = zipped(&[(LINES_NAME, &row(0, &[])), (name, b"")]);
        assert_eq!(read_zip(&zip).map(drop), *wrong, "{name}");
    }
    assert_eq!(read_lines(&row(0, &[(28, "777290058110097")])).map(drop), merchant);
}

/// A day on which nothing was cleared, a line twice, and other files beside the lines.
#[test]
fn what_is_unusual_and_right_is_read() {
    assert_eq!(read_lines(b"").unwrap(), (Vec::new(), StatementTotals::default()));
    let twice = [row(0, &[]), row(0, &[])].concat();
    let totals = StatementTotals { lines: 2, paid_minor: 2000, returned_minor: 0 };
    assert_eq!(read_lines(&twice).unwrap().1, totals);
    let unix: Vec<u8> = twice.iter().copied().filter(|byte| *byte != b'\r').collect();
    assert_eq!(read_lines(&unix).unwrap().1, totals);
    assert_eq!(read_lines(twice.strip_suffix(b"\r\n").unwrap()).unwrap().1, totals);
    let beside: [(&str, &[u8]); 4] = [
        ("RD201026112101_777290058110048", b"\xc9\xcc\xbb\xa7"),
        (LINES_NAME, &twice),
        ("INN26112188ZME_777290058110048", b"not read"),
        ("NEW26112188_777290058110048", b"not known"),
    ];
    assert_eq!(read_zip(&zipped(&beside)).unwrap().1, totals);
    let exceptions_only = zipped(&[("INN26112188ZME_777290058110048", b"")]);
    assert!(matches!(read_zip(&exceptions_only), Err(StatementError::Malformed { line: 0, .. })));
    let packed = [(LINES_NAME, &twice[..]), ("INN26112189ZM_777290058110048", &twice[..])];
    assert!(matches!(read_zip(&zipped(&packed)), Err(StatementError::Malformed { line: 0, .. })));
}

/// Texts are GBK, even ones that were cut in the middle of a character.
#[test]
fn texts_in_gbk_are_stepped_over() {
    let plain = read_lines(&row(0, &[])).unwrap();
    let name = "牌坊（北京）商贸有限公司第一分店";
    assert_eq!(read_lines(&row(0, &[(31, name), (35, "退货原因：颜色不对"), (42, "保留")])).unwrap(), plain);
    assert_eq!(
        read_lines(&row(0, &[(31, &format!("a{name}"))])).unwrap(),
        plain,
        "cut after half a character"
    );
    let of_many = row(0, &[(42, &"域".repeat(49))]);
    assert_eq!(read_lines(&of_many).unwrap(), plain);
}

#[test]
fn every_transaction_of_ours_has_its_kind() {
    let first = |lines: &[u8]| read_lines(lines).unwrap().0.into_iter().next();
    let kind = |line: &[u8]| first(line).map(|line| line.kind);
    assert_eq!(kind(&row(0, &[(20, "03"), (21, "00")])), Some(StatementKind::Payment));
    for undo in ["31", "33"] {
        let line = first(&row(1, &[(20, undo)])).unwrap();
        assert_eq!(line.kind, StatementKind::Reversal);
        assert_eq!(
            (line.order_no.as_str(), line.refund_no.as_deref()),
            ("T20261121101530001", Some("R20261121120000001"))
        );
        assert_eq!(read_lines(&row(1, &[(20, undo)])).unwrap().1.returned_minor, 300);
    }
    let nothing = [(16, " 000000000000"), (17, " 000000000000")];
    for hold in ["02", "32"] {
        assert_eq!(kind(&row(0, &[&[(20, hold)], &nothing[..]].concat())), None, "no money moved");
        assert!(read_lines(&row(0, &[(20, hold)])).is_err(), "a hold that was cleared");
    }
    // An older file has no number of the original at its end: the refund's own is enough.
    let refund = first(&row(1, &[(41, "")])).unwrap();
    assert_eq!((refund.order_no.as_str(), refund.refund_no.as_deref()), ("", Some("R20261121120000001")));
    let free = first(&row(0, &[(16, " 000000000000"), (17, "C000000001000")])).unwrap();
    assert_eq!(free.fee_minor, Some(0));
    let shared = [(36, "C000000000100"), (17, "C000000000894")];
    assert_eq!(first(&row(0, &shared)).unwrap().amount, yuan(1000), "a discount is settled in its own way");
    let year_end = read_wish(
        &bench(),
        &wish_of(date(2027, 1, 1)),
        body(
            &content_of(&zipped(&[("INN27010188ZM_777290058110048", &row(0, &[(5, "1231233000")]))])),
            &[("settleDate", "0101"), ("fileName", "777290058110048_20270101.zip")],
        ),
    );
    assert_eq!(year_end.unwrap().0[0].at, Some(at("2026-12-31T15:30:00Z")));
}

#[test]
fn an_odd_line_makes_the_file_void() {
    let good = row(0, &[]);
    for (column, cell) in [
        (5, "1321101530"),
        (5, ""),
        (7, "000000000000"),
        (7, "        1000"),
        (7, "-00000001000"),
        (7, "000000001001"),
        (10, ""),
        (10, "0426 11211015306789018"),
        (12, ""),
        (12, " T2026112110153001"),
        (12, "T2026112110-1530"),
        (16, "X000000000006"),
        (16, " 000000000006"),
        (16, "D0000000000.6"),
        (16, "C000000000006"),
        (17, "D000000000994"),
        (17, "C000000000995"),
        (17, ""),
        (20, "13"),
        (20, ""),
        (28, ""),
        (36, "x"),
        (38, ""),
    ] {
        let lines = [good.clone(), row(0, &[(column, cell)])].concat();
        let wrong = match read_lines(&lines) {
            Err(StatementError::Malformed { line, .. }) => line == 2,
            Err(StatementError::Mismatch("merchant")) => column == 28,
            _ => false,
        };
        assert!(wrong, "{column} {cell:?}: {:?}", read_lines(&lines));
    }
    assert!(read_lines(&row(1, &[(20, "31"), (41, "")])).is_err(), "an undo of nothing");
    for odd in [
        b"\r\n".to_vec(),
        [&good[..], b"\r\n"].concat(),
        [&good[..], b"x"].concat(),
        good[1..].to_vec(),
        good.iter().map(|byte| if *byte == b' ' { b'\t' } else { *byte }).collect(),
        vec![b'0'; 5000],
    ] {
        assert!(matches!(read_lines(&odd), Err(StatementError::Malformed { .. })));
    }
}

/// Cut anywhere it is void; nobody signs a part.
#[test]
fn a_cut_file_is_void() {
    let (bench, good) = (bench(), answered("file_ok"));
    for length in 0..good.len() {
        assert!(read_by(&bench, good[..length].to_vec()).is_err(), "{length}");
    }
}

/// Nobody but UnionPay.
#[test]
fn a_file_that_is_not_signed_by_the_rail_is_not_genuine() {
    let content = content_of(&zipped(&[(LINES_NAME, &row(0, &[]))]));
    let fields = told_of(GOOD, &[("fileContent", &content)]);
    for signer in ["wrongcn", "expired", "badleaf", "merchant", "upsign_test", "upenc"] {
        let body = joined(&bench().signed(signer, &fields)).into_bytes();
        assert!(matches!(read_by(&bench(), body), Err(StatementError::NotGenuine(_))), "{signer}");
    }
}

/// The content is a field of its own: not one inside another, not one of two, and nothing but base64.
#[test]
fn the_content_cannot_be_moved_about() {
    let content = content_of(&zipped(&[(LINES_NAME, &row(0, &[]))]));
    let good = body(&content, &[]);
    let text = String::from_utf8(good.clone()).unwrap();
    assert!(read_by(&bench(), good).is_ok());
    let field = format!("fileContent={content}");
    for moved in [
        text.replacen(&field, &format!("reserved={{a=1&{field}}}"), 1),
        text.replacen(&field, &format!("{field}&{field}"), 1),
        text.replacen(&field, &format!("{field}*"), 1),
        text.replacen(&field, "fileContent=*", 1),
        text.replacen(&field, &format!("x{field}"), 1),
        text.replacen(&field, &format!("fileContent={}\r\n{}", &content[..76], &content[76..]), 1),
        text.replacen(&field, "fileContent=", 1),
        format!("{text}&fileContent=AAAA"),
    ] {
        assert!(read_by(&bench(), moved.clone().into_bytes()).is_err(), "{moved}");
    }
    let wrapped = format!("{{{text}}}");
    assert_eq!(read_by(&bench(), wrapped.into_bytes()).map(|read| read.0.len()), Ok(1));
    // Signed by UnionPay, and still no file.
    for content in ["*", "", "AAAA", "eJw", "====", "e J w"] {
        let read = read_by(&bench(), body(content, &[]));
        assert!(matches!(read, Err(StatementError::Malformed { line: 0, .. })), "{content}: {read:?}");
    }
    let long = "x".repeat(70_000);
    let read = read_by(&bench(), body(&content, &[("reserved", &long)]));
    assert!(matches!(read, Err(StatementError::Malformed { line: 0, .. })), "{read:?}");
}

/// Larger than any message, and read as a stream.
#[test]
fn a_large_file_is_read() {
    let (mut lines, good) = (Vec::new(), row(0, &[]));
    let number = b"T20261121101530001";
    let at = good.windows(number.len()).position(|part| part == number).unwrap();
    for place in 0..3_000 {
        let mut line = good.clone();
        line[at..at + number.len()].copy_from_slice(format!("T2026112110153{place:04}").as_bytes());
        lines.extend(line);
    }
    // As good as not packed, so that the answer is larger than a message may be.
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    writer.start_file(LINES_NAME, stored).unwrap();
    writer.write_all(&lines).unwrap();
    let zip = writer.finish().unwrap().into_inner();
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::none());
    packed.write_all(&zip).unwrap();
    let body = body(&STANDARD.encode(packed.finish().unwrap()), &[]);
    assert!(body.len() > 20 * paifang_rail::BODY_BYTES_MAX);
    let (read, totals) = read_by(&bench(), body).unwrap();
    assert_eq!(totals, StatementTotals { lines: 3_000, paid_minor: 3_000_000, returned_minor: 0 });
    assert_eq!(read[2_999].order_no, "T20261121101532999");
}
