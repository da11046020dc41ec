//! Bills: a bill that is believed adds up to what its proof says, and says so again when it is read again.

use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use jiff::civil::{Date, date};
use paifang_payment::OrderNo;
use paifang_rail::{FileDigest, StatementKind, StatementTotals, StatementWish};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use zip::write::SimpleFileOptions;

use super::signed::signature_of_unionpay;
use crate::bench::{Bench, text, vectors};

fn check(rail: &str, kind: &'static str, day: Date, file: &[u8], sum: Option<&FileDigest>) {
    let bench = Bench::of(rail, "main");
    let mut context = bench.context();
    if let Ok(at) = "2026-11-22T02:00:00Z".parse() {
        context.now = at;
    }
    let inquiry_no = OrderNo::parse("S20261122100000001").expect("a literal");
    let wish = StatementWish { kind, day, inquiry_no };
    let mut sums = StatementTotals::default();
    let read = bench.rail.read_statement(&wish, &mut Cursor::new(file), sum, &context, &mut |line| {
        sums.lines += 1;
        let minor = i128::from(line.amount.minor_units());
        assert!(minor > 0, "a line moves nothing");
        match line.kind {
            StatementKind::Payment => sums.paid_minor += minor,
            StatementKind::Refund | StatementKind::Reversal => sums.returned_minor += minor,
        }
    });
    if let Ok(proof) = read {
        assert_eq!(proof.totals, sums, "the proof says something else than the lines");
    }
}

/// The archive itself.
pub(super) fn alipay_archive(input: &[u8]) {
    check("alipay", "trade", date(2024, 7, 8), input, None);
}

/// The table in it, in GBK.
pub(super) fn alipay(input: &[u8]) {
    alipay_archive(&zipped(&[("20880000000000010156_20240708_业务明细.csv", input)]));
}

/// Either bill, with the digest that it has.
pub(super) fn wechatpay(input: &[u8]) {
    let sum = FileDigest { sha1_hex: hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, input)) };
    for kind in ["trade", "fund_flow"] {
        check("wechatpay", kind, date(2026, 1, 1), input, Some(&sum));
    }
}

/// The lines, packed and signed as UnionPay does; and the bytes themselves as an answer.
pub(super) fn unionpay(input: &[u8]) {
    let day = date(2026, 11, 21);
    check("unionpay", "trade", day, input, None);
    let archive = zipped(&[("INN26112188ZM_777290058110048", input)]);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    let content = packed.write_all(&archive).and_then(|()| packed.finish()).unwrap_or_default();
    let mut fields = vec![
        ("version", "5.1.0".to_owned()),
        ("encoding", "UTF-8".to_owned()),
        ("signMethod", "01".to_owned()),
        ("accessType", "0".to_owned()),
        ("bizType", "000000".to_owned()),
        ("merId", "777290058110048".to_owned()),
        ("txnType", "76".to_owned()),
        ("txnSubType", "01".to_owned()),
        ("txnTime", "20261122100000".to_owned()),
        ("settleDate", "1121".to_owned()),
        ("fileType", "00".to_owned()),
        ("fileName", "777290058110048_20261121.zip".to_owned()),
        ("respCode", "00".to_owned()),
        ("respMsg", "done".to_owned()),
        ("fileContent", STANDARD.encode(content)),
        ("signPubKeyCert", text("unionpay", "/certificates/upsign/cert_pem").to_owned()),
    ];
    fields.sort();
    let joined = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let digits = hex::encode(digest(&SHA256, joined.as_bytes()));
    let signature = STANDARD.encode(signature_of_unionpay(digits.as_bytes()));
    check("unionpay", "trade", day, format!("{joined}&signature={signature}").as_bytes(), None);
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let begun = writer.start_file(*name, SimpleFileOptions::default());
        begun.and_then(|()| Ok(writer.write_all(content)?)).expect("a vector takes all that is written");
    }
    writer.finish().expect("a vector takes all that is written").into_inner()
}

fn decoded(rail: &str, pointer: &str) -> Vec<u8> {
    STANDARD.decode(text(rail, pointer)).unwrap_or_default()
}

pub(super) fn alipay_seeds() -> Vec<Vec<u8>> {
    vec![decoded("alipay", "/bill_sample/gbk_base64")]
}

pub(super) fn alipay_archive_seeds() -> Vec<Vec<u8>> {
    let table = decoded("alipay", "/bill_sample/gbk_base64");
    vec![
        zipped(&[("20880000000000010156_20240708_业务明细.csv", &table)]),
        zipped(&[
            ("20880000000000010156_20240708_业务明细(汇总).csv", b"x"),
            ("20880000000000010156_20240708_业务明细.csv", &table),
        ]),
        zipped(&[("bomb", &vec![0; 2_000_000])]),
    ]
}

pub(super) fn wechatpay_seeds() -> Vec<Vec<u8>> {
    let raw = ["/bills/0/raw_base64", "/bills/1/raw_base64", "/bills/0/gzip_base64", "/bills/1/gzip_base64"];
    raw.iter().map(|pointer| decoded("wechatpay", pointer)).collect()
}

pub(super) fn unionpay_seeds() -> Vec<Vec<u8>> {
    let lines =
        vectors("unionpay")["reconciliation"]["zm_lines_base64"].as_array().cloned().unwrap_or_default();
    let line =
        |value: &serde_json::Value| STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
    let lines: Vec<Vec<u8>> = lines.iter().map(line).collect();
    let answers = vectors("unionpay")["responses"].as_array().cloned().unwrap_or_default();
    let answer =
        |value: &serde_json::Value| value["raw_body"].as_str().unwrap_or_default().as_bytes().to_vec();
    let whole = lines.join(&b"\r\n"[..]);
    lines.into_iter().chain([whole]).chain(answers.iter().map(answer)).collect()
}
