//! Bills: to the byte as in the vectors, and in step with the book.

use std::io::Read as _;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use flate2::read::GzDecoder;
use http::Method;
use serde_json::json;

use super::*;
use crate::faults::Fault;
use crate::{BillKind, BillLine};

fn at(world: &World, time: &str) {
    world.bench.clock.set(time.parse().unwrap());
}

fn sha1(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes))
}

fn bill_vector(name: &str) -> &'static Value {
    vector_list("bills").iter().find(|it| it["name"] == name).unwrap()
}

/// Asks for a bill, follows its link, and checks the hash; unpacked, when it came packed.
pub(super) async fn fetch(world: &World, target: &str) -> Vec<u8> {
    let link = world.get(target).await;
    assert_eq!(link.verdict(), "200", "{target}");
    assert!(signed_by(&link.headers, &link.body, "platform_certificate"));
    let link = link.json();
    let url = text(&link, "download_url").to_owned();
    let got = world.get(url.strip_prefix("http://127.0.0.1:1").unwrap()).await;
    assert_eq!((got.status, got.header("Wechatpay-Signature")), (200, ""), "files are not signed");
    let packed = target.contains("GZIP");
    assert_eq!(url.ends_with("&tartype=gzip"), packed);
    let mut file = got.body;
    if packed {
        let mut whole = Vec::new();
        GzDecoder::new(file.as_slice()).read_to_end(&mut whole).unwrap();
        assert_ne!(sha1(&file), text(&link, "hash_value"));
        file = whole;
    }
    assert_eq!((text(&link, "hash_type"), text(&link, "hash_value")), ("SHA1", sha1(&file).as_str()));
    file
}

/// The story of the vectors' bills, told by the rail itself.
async fn story(second: bool) -> World {
    let world = World::open();
    let vector = |name: &str| vector_list("request_signing").iter().find(|it| it["name"] == name).unwrap();
    let send = async |target: &str, name: &str| {
        let got = world.send(world.request(Method::POST, target, text(vector(name), "body"))).await;
        assert_eq!(got.status, 200, "{name}");
    };
    send(NATIVE, "native-post-utf8").await;
    at(&world, "2026-01-01T08:05:00+08:00");
    world.pay("T20260101000001").unwrap();
    at(&world, "2026-01-01T08:10:00+08:00");
    send(REFUNDS, "refund-post").await;
    if second {
        // The vectors have 2.00 yuan here, from a bank; the request of that name has 0.01.
        let mut body: Value = serde_json::from_str(text(vector("jsapi-post"), "body")).unwrap();
        body["amount"]["total"] = json!(200);
        assert_eq!(world.post(JSAPI, &body).await.status, 200);
        at(&world, "2026-01-01T09:00:00+08:00");
        world.pay("T20260101000002").unwrap();
        locked(&world.rail.state).trades.set_bank("T20260101000002", "ICBC_DEBIT");
    }
    at(&world, "2026-01-02T10:00:00+08:00");
    world
}

#[tokio::test]
async fn files_are_those_of_the_vectors_to_the_byte() {
    for (name, target, second) in [
        ("tradebill-ALL", "/v3/bill/tradebill?bill_date=2026-01-01&bill_type=ALL", true),
        ("fundflowbill-BASIC", "/v3/bill/fundflowbill?bill_date=2026-01-01&account_type=BASIC", false),
    ] {
        let vector = bill_vector(name);
        let world = story(second).await;
        let raw = BASE64.decode(text(vector, "raw_base64")).unwrap();
        for target in [target.to_owned(), format!("{target}&tar_type=GZIP")] {
            let file = fetch(&world, &target).await;
            assert_eq!(String::from_utf8(file.clone()).unwrap(), String::from_utf8(raw.clone()).unwrap());
            assert_eq!(sha1(&file), text(vector, "hash_value"));
        }
        let header = String::from_utf8(raw).unwrap();
        let columns: Vec<&str> =
            header.trim_start_matches('\u{FEFF}').split("\r\n").next().unwrap().split(',').collect();
        assert_eq!(json!(columns), vector["columns"]);
    }
}

/// Rows of a file by column name, without the sums.
pub(super) fn rows(file: &[u8]) -> (Vec<String>, Vec<Vec<String>>, Vec<String>) {
    let text = std::str::from_utf8(file).unwrap().strip_prefix('\u{FEFF}').unwrap();
    let lines: Vec<&str> = text.strip_suffix("\r\n").unwrap().split("\r\n").collect();
    let cut = |line: &str| -> Vec<String> {
        line.split(',').map(|cell| cell.trim_start_matches('`').to_owned()).collect()
    };
    let (data, sums) = lines[1..].split_at(lines.len() - 3);
    assert!(data.iter().all(|line| line.split(',').all(|cell| cell.starts_with('`'))));
    (cut(lines[0]), data.iter().map(|line| cut(line)).collect(), cut(sums[1]))
}

#[tokio::test]
async fn kinds_of_trade_bills_have_their_own_columns_and_rows() {
    let world = story(true).await;
    for (kind, columns, count) in [("SUCCESS", 20, 2), ("REFUND", 29, 1), ("ALL", 27, 3)] {
        let target = format!("/v3/bill/tradebill?bill_date=2026-01-01&bill_type={kind}");
        let (names, data, sums) = rows(&fetch(&world, &target).await);
        assert_eq!((names.len(), data.len()), (columns, count), "{kind}");
        assert!(data.iter().all(|row| row.len() == columns), "{kind}");
        assert_eq!((sums.len(), sums[0].clone()), (7, count.to_string()), "{kind}");
    }
    let (names, data, _) =
        rows(&fetch(&world, "/v3/bill/tradebill?bill_date=2026-01-01&bill_type=REFUND").await);
    let column = names.iter().position(|name| name == "退款成功时间").unwrap();
    assert_eq!(data[0][column], "2026-01-01 08:10:03");
}

#[tokio::test]
async fn bills_can_be_had_from_the_next_days_ten_oclock_for_three_months() {
    let world = story(false).await;
    let bill = async |date: &str| world.get(&format!("/v3/bill/tradebill?bill_date={date}")).await.verdict();
    for (now, date, verdict) in [
        ("2026-01-02T10:00:00+08:00", "2026-01-01", "200"),
        ("2026-01-02T09:59:59+08:00", "2026-01-01", "400 STATEMENT_CREATING"),
        ("2026-01-02T00:30:00+08:00", "2026-01-01", "400 STATEMENT_CREATING"),
        ("2026-01-01T23:59:59+08:00", "2026-01-01", "400 INVALID_REQUEST"),
        ("2026-01-02T10:00:00+08:00", "2026-01-02", "400 INVALID_REQUEST"),
        ("2026-01-02T10:00:00+08:00", "2025-12-31", "400 NO_STATEMENT_EXIST"),
        ("2026-01-02T10:00:00+08:00", "2025-10-01", "400 INVALID_REQUEST"),
        ("2026-04-01T10:00:00+08:00", "2026-01-01", "200"),
        ("2026-04-02T10:00:00+08:00", "2026-01-01", "400 INVALID_REQUEST"),
        ("2026-01-02T10:00:00+08:00", "20260101", "400 PARAM_ERROR"),
        ("2026-01-02T10:00:00+08:00", "2026-02-30", "400 PARAM_ERROR"),
    ] {
        at(&world, now);
        assert_eq!(bill(date).await, verdict, "{now} {date}");
    }
    at(&world, "2026-01-02T10:00:00+08:00");
    for (target, verdict) in [
        ("tradebill", "400 PARAM_ERROR"),
        ("tradebill?bill_date=2026-01-01&bill_type=SOME", "400 PARAM_ERROR"),
        ("tradebill?bill_date=2026-01-01&bill_type=RECHARGE_REFUND", "400 NO_STATEMENT_EXIST"),
        ("tradebill?bill_date=2026-01-01&bill_type=ALL_SPECIAL", "403 NO_AUTH"),
        ("tradebill?bill_date=2026-01-01&tar_type=ZIP", "400 PARAM_ERROR"),
        ("fundflowbill?bill_date=2026-01-01&account_type=FEES", "400 NO_STATEMENT_EXIST"),
        ("fundflowbill?bill_date=2026-01-01&account_type=MINE", "400 PARAM_ERROR"),
    ] {
        assert_eq!(world.get(&format!("/v3/bill/{target}")).await.verdict(), verdict, "{target}");
    }
}

#[tokio::test]
async fn a_link_is_signed_for_lives_five_minutes_and_leads_back_to_where_it_was_asked() {
    let world = story(false).await;
    let mut request = world.request(Method::GET, "/v3/bill/tradebill?bill_date=2026-01-01", "");
    request.headers.insert("host", HeaderValue::from_static("api.mch.weixin.qq.com"));
    request.headers.insert("x-mock-scheme", HeaderValue::from_static("https"));
    let link = world.send(request).await.json();
    let target = text(&link, "download_url").strip_prefix("https://api.mch.weixin.qq.com").unwrap();
    assert!(target.starts_with("/v3/billdownload/file?token="));
    let mut unsigned = world.request(Method::GET, target, "");
    unsigned.headers.remove("authorization");
    assert_eq!(world.send(unsigned).await.verdict(), "401 SIGN_ERROR");
    world.step(299);
    assert_eq!(world.get(target).await.status, 200);
    world.step(1);
    assert_eq!(world.get(target).await.verdict(), "400 INVALID_REQUEST");
    assert_eq!(world.get("/v3/billdownload/file?token=TESTtoken0001").await.verdict(), "400 INVALID_REQUEST");
    assert_eq!(world.get("/v3/billdownload/file").await.verdict(), "400 PARAM_ERROR");
    world.bench.faults.arm(Some("bill"), Fault::Status(502), 1);
    assert_eq!(world.get(target).await.status, 502);
}

/// The fee of a payment comes back with its refunds, to the last fen, however they are cut.
#[tokio::test]
async fn fees_come_back_in_proportion_and_sums_equal_the_book() {
    let world = World::open();
    world.paid("T00000001", 10_001).await;
    for (n, fen) in [3_333, 3_333, 3_335].into_iter().enumerate() {
        world.refund("T00000001", &format!("R{n}"), fen, 10_001).await;
    }
    world.charge("T00000002", 5_000, &world.code(CodeOutcome::Pays)).await;
    world.reverse("T00000002").await;
    world.paid("T00000003", 83).await;
    world.paid("T00000004", 84).await;
    world.step(3);
    let lines = world.rail.bill("2026-01-01".parse().unwrap()).unwrap();
    let fees: Vec<i64> = lines.iter().map(|line| line.fee_fen).collect();
    assert_eq!(fees, [60, 30, 0, 1, -20, -20, -20, -30], "half a fen is rounded up");
    let sum = |kinds: &[BillKind], of: fn(&BillLine) -> i64| -> i64 {
        lines.iter().filter(|line| kinds.contains(&line.kind)).map(of).sum()
    };
    let book = world.rail.book();
    let paid: i64 = book.iter().filter(|entry| entry.paid).map(|entry| entry.total_fen).sum();
    let back: i64 = book.iter().map(|entry| entry.refunded_fen).sum();
    assert_eq!(sum(&[BillKind::Payment], |line| line.fen), paid);
    assert_eq!(sum(&[BillKind::Refund, BillKind::Reversal], |line| line.fen), back);
    at(&world, "2026-01-02T10:00:00+08:00");
    let (_, data, sums) = rows(&fetch(&world, "/v3/bill/tradebill?bill_date=2026-01-01").await);
    assert_eq!(sums, ["8", "151.68", "150.01", "0.00", "0.01000", "151.68", "150.01"]);
    let states: Vec<&str> = data.iter().map(|row| row[9].as_str()).collect();
    assert_eq!(states, ["SUCCESS", "SUCCESS", "SUCCESS", "SUCCESS", "REFUND", "REFUND", "REFUND", "REVOKED"]);
    let (_, data, sums) = rows(&fetch(&world, "/v3/bill/fundflowbill?bill_date=2026-01-01").await);
    assert_eq!(data.last().unwrap()[7], "1.66", "what is left: 0.83 and 0.84 less one fen");
    assert_eq!(sums, ["11", "4", "151.68", "7", "150.02"]);
}

/// A bill shows the day as it was at its end; what changed later does not change it.
#[tokio::test]
async fn a_refund_over_midnight_is_under_way_in_the_bill_of_its_day() {
    let world = World::open();
    world.paid("T00000001", 1_000).await;
    at(&world, "2026-01-01T23:59:58+08:00");
    for (refund_no, end) in [("R1", "SUCCESS"), ("R2", "ABNORMAL"), ("R3", "CLOSED")] {
        if end != "SUCCESS" {
            world.bench.faults.arm(Some("refund"), Fault::BusinessCode(end.into()), 1);
        }
        world.refund("T00000001", refund_no, 100, 1_000).await;
    }
    at(&world, "2026-01-03T10:00:00+08:00");
    world.rail.expire_due();
    let (names, data, _) = rows(&fetch(&world, "/v3/bill/tradebill?bill_date=2026-01-01").await);
    let state = names.iter().position(|name| name == "退款状态").unwrap();
    let states: Vec<&str> = data.iter().map(|row| row[state].as_str()).collect();
    assert_eq!(states, ["", "PROCESSING", "PROCESSING", "PROCESSING"]);
    let next = world.get("/v3/bill/tradebill?bill_date=2026-01-02").await;
    assert_eq!(next.verdict(), "400 NO_STATEMENT_EXIST");
    let (_, data, _) = rows(&fetch(&world, "/v3/bill/fundflowbill?bill_date=2026-01-02").await);
    assert_eq!(data.len(), 1, "the money of the closed one came back");
    assert_eq!((data[0][3].as_str(), data[0][5].as_str(), data[0][6].as_str()), ("退款退回", "收入", "0.99"));
}

#[tokio::test]
async fn refunds_that_failed_within_the_day_moved_nothing() {
    let world = World::open();
    world.paid("T00000001", 1_000).await;
    for (refund_no, end) in [("R2", "ABNORMAL"), ("R3", "CLOSED")] {
        world.bench.faults.arm(Some("refund"), Fault::BusinessCode(end.into()), 1);
        world.refund("T00000001", refund_no, 100, 1_000).await;
    }
    at(&world, "2026-01-02T10:00:00+08:00");
    let (names, data, sums) = rows(&fetch(&world, "/v3/bill/tradebill?bill_date=2026-01-01").await);
    let column = |name: &str| names.iter().position(|it| it == name).unwrap();
    let cells: Vec<_> = data[1..]
        .iter()
        .map(|row| ["退款状态", "退款金额", "申请退款金额"].map(|name| row[column(name)].as_str()))
        .collect();
    assert_eq!(cells, [["CHANGE", "1.00", "1.00"], ["FAIL", "0.00", "1.00"]]);
    assert_eq!((sums[2].as_str(), sums[6].as_str()), ("1.00", "2.00"));
    let kinds: Vec<_> = world.rail.bill("2026-01-01".parse().unwrap()).unwrap();
    assert_eq!(kinds.len(), 2, "the payment and the refund whose money is on its way");
}

/// The rate is the merchant's own.
#[tokio::test]
async fn the_fee_is_set_in_the_merchants_file() {
    let mut files = of_vectors();
    let about = files["merchant.json"].replace("\"fee_per_10_000\": 60", "\"fee_per_10_000\": 38");
    files.insert("merchant.json".into(), about);
    let world = World::of(files.clone());
    world.paid("T00000001", 10_000).await;
    assert_eq!(world.rail.bill("2026-01-01".parse().unwrap()).unwrap()[0].fee_fen, 38);
    at(&world, "2026-01-02T10:00:00+08:00");
    let (_, data, _) = rows(&fetch(&world, "/v3/bill/tradebill?bill_date=2026-01-01").await);
    assert_eq!((data[0][22].as_str(), data[0][23].as_str()), ("0.38000", "0.38%"));
    let about = files["merchant.json"].replace(": 38", ": 10001");
    files.insert("merchant.json".into(), about);
    assert!(Keys::parse(&files).is_err());
}
