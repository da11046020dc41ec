//! Bills: where they lie, and what is read of them. F69: empty, cut, of another day or merchant, with odd lines.

use std::io::{Cursor, Write};

use jiff::civil::date;
use paifang_payment::Doubt;
use paifang_rail::{
    Fetch, Finding, Inquiry, LineStanding, Method, Rail, StatementError, StatementKind, StatementLine,
    StatementTotals, StatementWish,
};
use zip::write::SimpleFileOptions;

use super::*;

fn wish() -> StatementWish {
    let inquiry_no = OrderNo::parse("S20240709A0001").unwrap();
    StatementWish { kind: "trade", day: date(2024, 7, 8), inquiry_no }
}

fn sample() -> String {
    text(&vectors(), "/bill_sample/text").to_owned()
}

fn gbk(text: &str) -> Vec<u8> {
    encoding_rs::GBK.encode(text).0.into_owned()
}

/// A zip with these files.
fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const DETAIL: &str = "20880000000000010156_20240708_业务明细.csv";
const SUMMARY: &str = "20880000000000010156_20240708_业务明细(汇总).csv";

type Read = Result<(Vec<StatementLine>, StatementTotals), StatementError>;

fn read_zip(bytes: Vec<u8>) -> Read {
    let bench = Bench::new();
    let (mut lines, mut file) = (Vec::new(), Cursor::new(bytes));
    let proof =
        bench.rail.read_statement(&wish(), &mut file, None, &bench.cx(), &mut |line| lines.push(line))?;
    assert!(proof.genuine.is_none(), "Alipay does not sign the file");
    Ok((lines, proof.totals))
}

fn read(bill: &str) -> Read {
    read_zip(zipped(&[(SUMMARY, b"x"), (DETAIL, &gbk(bill))]))
}

#[test]
fn the_sample_is_read_to_the_fen() {
    let raw = STANDARD.decode(text(&vectors(), "/bill_sample/gbk_base64")).unwrap();
    let (lines, totals) = read_zip(zipped(&[(SUMMARY, b"x"), (DETAIL, &raw)])).unwrap();
    assert_eq!(totals, StatementTotals { lines: 2, paid_minor: 8888, returned_minor: 888 });
    let [payment, refund] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(
        *payment,
        StatementLine {
            kind: StatementKind::Payment,
            order_no: "T20240708_0001".into(),
            refund_no: None,
            rail_ref: "2024070822001400000500000001".into(),
            amount: yuan(8888),
            fee_minor: Some(53),
            at: Some(at("2024-07-08T02:00:05Z")),
            standing: LineStanding::Done,
        }
    );
    assert_eq!(
        *refund,
        StatementLine {
            kind: StatementKind::Refund,
            order_no: "T20240708_0001".into(),
            refund_no: Some("R20240708_0001_1".into()),
            rail_ref: "2024070822001400000500000001".into(),
            amount: yuan(888),
            fee_minor: Some(-5),
            at: Some(at("2024-07-08T03:00:01Z")),
            standing: LineStanding::Done,
        }
    );
    assert_eq!(read(&sample()).unwrap().0, lines, "with plain line ends too");
}

/// A cancel of a paid trade is listed as a refund without a number of its own.
#[test]
fn a_canceled_payment_is_a_reversal() {
    for number in ["T20240708_0001", "\t", ""] {
        let bill = sample().replacen("R20240708_0001_1", number, 1);
        assert_ne!(bill, sample());
        let (lines, totals) = read(&bill).unwrap();
        assert_eq!((lines[1].kind, lines[1].refund_no.as_deref()), (StatementKind::Reversal, None));
        assert_eq!((lines[1].order_no.as_str(), totals.returned_minor), ("T20240708_0001", 888));
    }
}

#[test]
fn numbers_are_bounded() {
    for bad in ["R".repeat(65), "R 1".into(), "R\u{7f}".into(), "退".into()] {
        for known in ["R20240708_0001_1", "T20240708_0001", "2024070822001400000500000001"] {
            assert!(malformed(&sample().replacen(known, &bad, 1)), "{known} as {bad}");
        }
    }
    let longest = sample().replacen("R20240708_0001_1", &"R".repeat(64), 1);
    assert_eq!(read(&longest).unwrap().0.len(), 2);
}

#[test]
fn names_in_the_zip_may_be_gbk() {
    // The same file, its name in GBK bytes: packed under an ASCII name of equal length, then renamed in place.
    let name = gbk(DETAIL);
    let place = "x".repeat(name.len());
    let mut bytes = zipped(&[(&place, &gbk(&sample()))]);
    let from = place.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|part| part == from) {
        bytes[at + found..at + found + name.len()].copy_from_slice(&name);
        at += found + name.len();
    }
    assert_eq!(read_zip(bytes).unwrap().0.len(), 2);
}

fn malformed(bill: &str) -> bool {
    matches!(read(bill), Err(StatementError::Malformed { .. }))
}

#[test]
fn a_bill_of_another_merchant_or_day_is_refused() {
    let other = sample().replace("[20880000000000010156]", "[20880000000000020156]");
    assert_eq!(read(&other).map(drop), Err(StatementError::Mismatch("merchant")));
    let other = sample().replace("[2024年07月08日", "[2024年07月07日");
    assert_eq!(read(&other).map(drop), Err(StatementError::Mismatch("day")));
    let month = sample().replace("[2024年07月09日 00:00:00]", "[2024年08月01日 00:00:00]");
    assert_eq!(read(&month).map(drop), Err(StatementError::Mismatch("day")));
}

#[test]
fn totals_that_differ_make_the_bill_void() {
    for (from, to) in [
        ("#交易合计：1笔", "#交易合计：2笔"),
        ("商家实收共88.88元", "商家实收共88.87元"),
        ("商家优惠共0.00元", "商家优惠共0.01元"),
    ] {
        let bill = sample().replace(from, to);
        assert_eq!(read(&bill).map(drop), Err(StatementError::Totals("payments")), "{to}");
    }
    let bill = sample().replace("商家实收退款共-8.88元", "商家实收退款共8.88元");
    assert_eq!(read(&bill).map(drop), Err(StatementError::Totals("refunds")));
    // A line twice is passed on only if the totals count it twice; here they do not.
    let line = sample().lines().nth(5).unwrap().to_owned();
    let twice = sample().replace(&line, &format!("{line}\n{line}"));
    assert_eq!(read(&twice).map(drop), Err(StatementError::Totals("payments")));
    let told = twice.replace("#交易合计：1笔，商家实收共88.88元", "#交易合计：2笔，商家实收共177.76元");
    assert_eq!(read(&told).unwrap().0.len(), 3);
}

/// Cut anywhere, as text or as zip, it is void.
#[test]
fn a_cut_bill_is_void() {
    let sample = sample();
    let lines: Vec<&str> = sample.lines().collect();
    let whole = lines.iter().rposition(|line| !line.is_empty()).unwrap();
    for count in 0..=whole {
        assert!(malformed(&lines[..count].join("\r\n")), "{count} lines");
    }
    let zip = zipped(&[(DETAIL, &gbk(&sample))]);
    for length in [0, 1, zip.len() / 2, zip.len() - 1] {
        assert!(read_zip(zip[..length].to_vec()).is_err(), "{length} bytes");
    }
}

#[test]
fn odd_lines_are_not_guessed_at() {
    for (from, to) in [
        (",交易\t,", ",充值\t,"),
        ("\t,88.88,", "\t,88.885,"),
        ("\t,88.88,", "\t,-88.88,"),
        ("\t,88.88,", "\t,0.00,"),
        ("\t,88.88,", "\t,8e1,"),
        ("\t,88.88,", "\t,--88.88,"),
        ("\t,-8.88,", "\t,8.88,"),
        ("2024-07-08 10:00:05", "yesterday"),
        ("T20240708_0001\t,交易", "\t,交易"),
        (",奶茶,", ",奶,茶,"),
        (",奶茶,", ",\"奶茶,"),
        ("订单金额（元）", "金额"),
        ("支付宝交易号,商户订单号", "商户订单号,商户订单号"),
        ("业务明细列表结束", "业务明细列表完"),
        ("#支付宝业务明细查询", "#支付宝账务明细查询"),
        ("#导出时间", "#导入时间"),
        ("#交易合计：1笔，", "#交易合计：一笔，"),
    ] {
        let bill = sample().replacen(from, to, 1);
        assert_ne!(bill, sample(), "{from}");
        assert!(malformed(&bill), "{from} as {to}: {:?}", read(&bill));
    }
    assert!(malformed(&format!("{}more\n", sample())), "after the end");
    // Quoted cells are what spreadsheets write.
    let quoted = sample().replacen(",奶茶,", ",\"奶,\"\"茶\"\t,", 1);
    assert_eq!(read(&quoted).unwrap().0.len(), 2);
    let mut bytes = gbk(&sample());
    let at = bytes.windows(4).position(|part| part == gbk("奶茶")).unwrap();
    bytes[at] = 0xff;
    assert!(read_zip(zipped(&[(DETAIL, &bytes)])).is_err(), "not GBK");
}

#[test]
fn an_empty_day_is_a_bill_too() {
    let lines: Vec<String> = sample().lines().map(str::to_owned).collect();
    let mut empty = [&lines[..5], &lines[7..]].concat().join("\n");
    empty = empty.replace("#交易合计：1笔，商家实收共88.88元", "#交易合计：0笔，商家实收共0.00元");
    empty = empty.replace("#退款合计：1笔，商家实收退款共-8.88元", "#退款合计：0笔，商家实收退款共0.00元");
    assert_eq!(
        read(&empty).map(|(lines, totals)| (lines.len(), totals)),
        Ok((0, StatementTotals::default()))
    );
}

#[test]
fn zips_that_no_honest_rail_sends_are_refused() {
    assert!(read_zip(b"PK\x03\x04 rubbish".to_vec()).is_err());
    assert!(read_zip(b"{\"error\":\"expired\"}".to_vec()).is_err());
    assert!(read_zip(zipped(&[(SUMMARY, &gbk(&sample()))])).is_err(), "no detail");
    let second = "2_20240708_业务明细.csv";
    let bill = gbk(&sample());
    assert!(read_zip(zipped(&[(DETAIL, &bill), (second, &bill)])).is_err(), "two details");
    let many: Vec<(String, &[u8])> = (0..17).map(|n| (format!("{n}.csv"), bill.as_slice())).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let few = StatementError::Malformed { line: 0, rule: "at most 16 files in the zip" };
    assert_eq!(read_zip(zipped(&many)).map(drop), Err(few.clone()), "too many files");
    // What the end says is looked at before it is believed.
    let zip = zipped(&[(DETAIL, &bill)]);
    let end = zip.len() - 22;
    let changed = |at: usize, bytes: &[u8]| {
        let mut zip = zip.clone();
        zip[end + at..end + at + bytes.len()].copy_from_slice(bytes);
        read_zip(zip).map(drop)
    };
    assert_eq!(changed(8, &[0xff; 4]), Err(few.clone()), "65535 entries");
    assert_eq!(changed(12, &[0xff; 4]), Err(few), "a directory of 4 GiB");
    assert!(changed(16, &[0xff; 4]).is_err() && changed(0, b"PK\x05\x07").is_err());
    assert!(read_zip([zip.clone(), vec![0]].concat()).is_err(), "something behind the end");
    assert!(read_zip([vec![0], zip.clone()].concat()).is_err(), "something before the zip");
    // A line without end: what it unpacks to is never held.
    let bomb = vec![b'x'; 32 << 20];
    let zip = zipped(&[(DETAIL, &bomb)]);
    assert!(zip.len() < 64 * 1024);
    assert_eq!(
        read_zip(zip).map(drop),
        Err(StatementError::Malformed { line: 1, rule: "a line of at most 16 KiB" })
    );
}

/// Each byte of a zip flipped: refused, or the very same lines.
#[test]
fn a_flipped_byte_of_a_bill_changes_nothing_or_everything() {
    let zip = zipped(&[(DETAIL, &gbk(&sample()))]);
    let genuine = read_zip(zip.clone()).unwrap();
    for at in 0..zip.len() {
        let mut flipped = zip.clone();
        flipped[at] ^= 0x01;
        if let Ok(read) = read_zip(flipped) {
            assert_eq!(read, genuine, "byte {at}");
        }
    }
}

const METHOD: &str = "alipay.data.dataservice.bill.downloadurl.query";

fn finding(bench: &Bench, content: &str) -> Finding {
    let body = bench.answer(METHOD, content.as_bytes());
    bench.rail.read_inquiry(&Inquiry::Statement(&wish()), &reply(body), &bench.cx())
}

#[test]
fn a_bill_is_asked_for_by_type_and_day() {
    let bench = Bench::new();
    let asked = |bench: &Bench| match bench.rail.plan_inquiry(&Inquiry::Statement(&wish()), &bench.cx()) {
        Ok(Fetch::Ask(exchange)) => exchange,
        other => panic!("{other:?}"),
    };
    let exchange = asked(&bench);
    let shown = super::requests::shown(&bench, &exchange.url, &exchange.body);
    assert!(shown.contains(r#"biz_content={"bill_type":"trade","bill_date":"2024-07-08"}"#), "{shown}");
    assert!(shown.contains(&format!("method={METHOD}\n")), "{shown}");
    let exchange = asked(&Bench::with(super::v3::account()));
    let path = "/v3/alipay/data/dataservice/bill/downloadurl/query?bill_type=trade&bill_date=2024-07-08";
    assert_eq!(exchange.url, format!("https://openapi.alipay.com{path}"));
    assert_eq!((exchange.method, exchange.body.len()), (Method::Get, 0));
    let other = StatementWish { kind: "signcustomer", ..wish() };
    assert!(bench.rail.plan_inquiry(&Inquiry::Statement(&other), &bench.cx()).is_err());
}

#[test]
fn the_answer_is_an_address_nothing_or_not_yet() {
    let bench = Bench::new();
    let url = "https://dwbillcenter.alipay.com/downloadBillFile.resource?bizType=trade&fileType=csv.zip";
    let content = format!(r#"{{"code":"10000","msg":"Success","bill_download_url":"{url}"}}"#);
    let Finding::Download { exchange, digest: None } = finding(&bench, &content) else {
        panic!("a download")
    };
    assert_eq!((exchange.url.as_str(), exchange.method), (url, Method::Get));
    let empty = format!(
        r#"{{"code":"10000","bill_download_url":"{url}","bill_file_code":"EMPTY_DATA_WITH_BILL_FILE"}}"#
    );
    assert!(matches!(finding(&bench, &empty), Finding::NoMovements { signed: true }));
    for odd in [
        "",
        "http://dwbillcenter.alipay.com/x",
        "file:///etc/passwd",
        "https://a b",
        "ftp://x",
        "https:///x",
        "https://bills.example.test/x",
        "https://alipay.com.example.test/x",
        "https://example.test/.alipay.com",
        "https://example.test?.alipay.com",
        "https://notalipay.com/x",
        "https://.alipay.com/x",
        "https://dwbillcenter.alipay.com:8443/x",
        "https://dwbillcenter.alipay.com:443/x",
        "https://user@dwbillcenter.alipay.com/x",
        "https://10.0.0.1/x",
        "https://[::1]/x",
        "https://[::1].alipay.com/x",
        "https://127.0.0.1:1/bill",
        "http://127.0.0.1:1/bill",
        "https://localhost/x",
    ] {
        let content = format!(r#"{{"code":"10000","bill_download_url":"{odd}"}}"#);
        assert!(matches!(finding(&bench, &content), Finding::Unknown(Doubt::Unreadable)), "{odd}");
    }
    let local =
        Bench::with(Settings { gateway: "http://127.0.0.1:1/gateway.do".into(), ..settings(Charset::Utf8) });
    let content = r#"{"code":"10000","bill_download_url":"http://127.0.0.1:1/bill?a=b"}"#;
    assert!(matches!(finding(&local, content), Finding::Download { .. }));
    for other in ["http://127.0.0.1:2/bill", "https://127.0.0.1:1/bill", "http://localhost:1/bill"] {
        let content = format!(r#"{{"code":"10000","bill_download_url":"{other}"}}"#);
        assert!(matches!(finding(&local, &content), Finding::Unknown(Doubt::Unreadable)), "{other}");
    }
    for sandbox in ["https://dwbillcenter-sandbox.dl.alipaydev.com/x", "https://x.alipay.com?y"] {
        let content = format!(r#"{{"code":"10000","bill_download_url":"{sandbox}"}}"#);
        assert!(matches!(finding(&bench, &content), Finding::Download { .. }), "{sandbox}");
    }

    let failed = |code: &str| {
        format!(r#"{{"code":"40004","msg":"Business Failed","sub_code":"{code}","sub_msg":"x"}}"#)
    };
    for code in ["isp.bill_not_exist", "BILL_NOT_EXIST", "NO_BILL_DATA"] {
        let found = finding(&bench, &failed(code));
        assert!(matches!(found, Finding::NotYet(ref shown) if shown == code), "{found:?}");
    }
    for code in ["isv.invalid_arguments", "invalid_arguments", "INVAILID_ARGUMENTS", "TYPE_NOT_SUPPORTED"] {
        assert!(matches!(finding(&bench, &failed(code)), Finding::Refused { .. }), "{code}");
    }
    assert!(matches!(finding(&bench, &failed("SYSTEM_RATE_LIMIT")), Finding::Unknown(Doubt::RailUnsure(_))));
    assert!(matches!(finding(&bench, &failed("X")), Finding::Unknown(Doubt::UnlistedCode(_))));
    let unsigned = format!(r#"{{"{}_response":{content}}}"#, METHOD.replace('.', "_"));
    let found = bench.rail.read_inquiry(&Inquiry::Statement(&wish()), &reply(unsigned.into()), &bench.cx());
    assert!(matches!(found, Finding::Unknown(Doubt::BadSignature)), "{found:?}");
}

/// The address is signed: each byte flipped.
#[test]
fn a_flipped_byte_of_the_address_changes_nothing_or_everything() {
    let bench = Bench::new();
    let body =
        bench.answer(METHOD, br#"{"code":"10000","bill_download_url":"https://bills.alipay.com/a?b=c"}"#);
    for at in 0..body.len() {
        let mut flipped = body.clone();
        flipped[at] ^= 0x01;
        match bench.rail.read_inquiry(&Inquiry::Statement(&wish()), &reply(flipped), &bench.cx()) {
            Finding::Unknown(_) => {}
            Finding::Download { exchange, .. } => {
                assert_eq!(exchange.url, "https://bills.alipay.com/a?b=c")
            }
            other => panic!("byte {at}: {other:?}"),
        }
    }
}
