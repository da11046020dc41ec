//! Bills: when there is one, what stands in it, and that its sums are the book's.

use std::io::Read;

use encoding_rs::GBK;
use flate2::read::DeflateDecoder;
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Rig, code, order, post};
use crate::alipay::bill::{self, Frame, Line};
use crate::alipay::material::Material;
use crate::alipay::{of_vectors, time};
use crate::{RailReply, RailRequest, vectors};

const METHOD: &str = "alipay.data.dataservice.bill.downloadurl.query";

fn ask(rig: &Rig, kind: &str, date: &str) -> Value {
    rig.call(METHOD, json!({"bill_type":kind,"bill_date":date}))
}

fn fetch(rig: &Rig, answer: &Value) -> (u16, Vec<u8>) {
    let url = answer["bill_download_url"].as_str().unwrap().strip_prefix("http://127.0.0.1:1").unwrap();
    let request = RailRequest { method: Method::GET, target: url.to_owned(), ..post("", "") };
    match rig.reply(request) {
        RailReply::Answer { status, body, .. } => (status.as_u16(), body.to_vec()),
        RailReply::Dropped => panic!("dropped"),
    }
}

/// The entries of an archive, read by the central directory and another inflater: name and text, both from GBK.
fn unzip(bytes: &[u8]) -> Vec<(String, String)> {
    let short = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let long = |at: usize| short(at) | short(at + 2) << 16;
    let end = bytes.len() - 22;
    assert_eq!(&bytes[end..end + 4], b"PK\x05\x06");
    let (count, mut at) = (short(end + 10), long(end + 16));
    let text = |bytes: &[u8]| {
        let (text, _, broken) = GBK.decode(bytes);
        assert!(!broken);
        text.into_owned()
    };
    (0..count)
        .map(|_| {
            assert_eq!((&bytes[at..at + 4], short(at + 8)), (&b"PK\x01\x02"[..], 0), "no UTF-8 mark");
            let (crc, packed, size, name) = (long(at + 16), long(at + 20), long(at + 24), short(at + 28));
            let (head, data) = (long(at + 42), long(at + 42) + 30 + name);
            assert_eq!(&bytes[head..head + 4], b"PK\x03\x04");
            let mut content = Vec::new();
            DeflateDecoder::new(&bytes[data..data + packed]).read_to_end(&mut content).unwrap();
            let mut sum = flate2::Crc::new();
            sum.update(&content);
            assert_eq!((content.len(), sum.sum()), (size, u32::try_from(crc).unwrap()));
            let entry = (text(&bytes[head + 30..data]), text(&content));
            at += 46 + name;
            entry
        })
        .collect()
}

/// Pays A1 (88.88, refunded 8.88 with a reason) and A2 (20.00, refunded in full) on the day of the rig.
fn busy_day() -> Rig {
    let rig = Rig::new();
    let mut biz = order("A1", "88.88");
    biz["store_id"] = json!("S1");
    rig.call("alipay.trade.precreate", biz);
    rig.pay("A1").unwrap();
    rig.precreate("A2", "20.00");
    rig.pay("A2").unwrap();
    rig.step_minutes(60);
    for (no, yuan, request) in [("A1", "8.88", "R1"), ("A2", "20.00", "R2")] {
        let biz = json!({"out_trade_no":no,"refund_amount":yuan,"out_request_no":request,"refund_reason":"少送,一杯"});
        assert_eq!(code(&rig.call("alipay.trade.refund", biz)), "10000");
    }
    rig
}

#[test]
fn the_sample_is_reproduced_to_the_byte_but_for_its_hour() {
    let at = |text: &str| time::parse(text).unwrap();
    let line = Line {
        trade_no: "2024070822001400000500000001".into(),
        out_trade_no: "T20240708_0001".into(),
        out_request_no: None,
        subject: "奶茶".into(),
        created: at("2024-07-08 10:00:00"),
        done: at("2024-07-08 10:00:05"),
        store_id: String::new(),
        operator_id: String::new(),
        terminal_id: String::new(),
        fen: 8888,
        fee_fen: -53,
        note: String::new(),
    };
    let refund = Line {
        out_request_no: Some("R20240708_0001_1".into()),
        created: at("2024-07-08 11:00:00"),
        done: at("2024-07-08 11:00:01"),
        fen: -888,
        fee_fen: 5,
        note: "少送一杯".into(),
        ..line.clone()
    };
    let frame = Frame {
        account_no: "20880000000000010156".into(),
        period: bill::Period::day("2024-07-08".parse().unwrap()).unwrap(),
        exported: at("2024-07-09 05:46:49"),
    };
    let account = Material::read(&of_vectors()).unwrap().account;
    let entry = bill::trade(&frame, &[line, refund], &account).remove(0);
    let sample = &vectors::alipay()["bill_sample"];
    let text = |bytes: &[u8]| GBK.decode(bytes).0.into_owned();
    assert_eq!(text(&entry.name), sample["inner_file_name"].as_str().unwrap());
    use base64::Engine as _;
    let wanted =
        base64::engine::general_purpose::STANDARD.decode(sample["gbk_base64"].as_str().unwrap()).unwrap();
    assert_eq!(text(&entry.content), text(&wanted));
    assert_eq!(entry.content, wanted);
}

#[test]
fn a_bill_exists_from_nine_the_next_morning() {
    let rig = busy_day();
    for (kind, date, wanted) in [
        ("trade", "2024-07-09", "isp.bill_not_exist"),
        ("trade", "2024-07-08", "isp.bill_not_exist"),
        ("trade", "2024-07-10", "isp.bill_not_exist"),
        ("merchant_act", "2024-07-09", "isp.bill_not_exist"),
        ("trade", "20240709", "isv.invalid_arguments"),
        ("trades", "2024-07-09", "isv.invalid_arguments"),
    ] {
        let answer = ask(&rig, kind, date);
        assert_eq!((answer["code"].as_str(), code(&answer)), (Some("40004"), wanted), "{kind} {date}");
    }
    rig.step_minutes(20 * 60 - 1);
    assert_eq!(code(&ask(&rig, "trade", "2024-07-09")), "isp.bill_not_exist", "08:59");
    rig.step_minutes(1);
    let answer = ask(&rig, "trade", "2024-07-09");
    assert_eq!((code(&answer), answer.get("bill_file_code")), ("10000", None));
    assert_eq!(code(&ask(&rig, "trade", "2024-07")), "isp.bill_not_exist", "the month is not over");
    rig.step_minutes(24 * 60);
    assert_eq!(ask(&rig, "trade", "2024-07-10")["bill_file_code"], "EMPTY_DATA_WITH_BILL_FILE");
    rig.step_minutes(25 * 24 * 60);
    assert_eq!(code(&ask(&rig, "trade", "2024-07")), "10000");
}

#[test]
fn the_address_dies_after_half_a_minute() {
    let rig = busy_day();
    rig.step_minutes(20 * 60);
    let answer = ask(&rig, "trade", "2024-07-09");
    assert_eq!(fetch(&rig, &answer).0, 200);
    rig.mock.bench.clock.step(SignedDuration::from_secs(29));
    assert_eq!(fetch(&rig, &answer).0, 200);
    rig.mock.bench.clock.step(SignedDuration::from_secs(1));
    assert_eq!(fetch(&rig, &answer).0, 403);
    let mut forged = ask(&rig, "trade", "2024-07-09");
    forged["bill_download_url"] =
        json!(forged["bill_download_url"].as_str().unwrap().replace("&token=", "&token=0"));
    assert_eq!(fetch(&rig, &forged).0, 403);
}

#[test]
fn a_trade_bill_has_every_movement_and_its_sums() {
    let rig = busy_day();
    rig.step_minutes(20 * 60);
    let files = unzip(&fetch(&rig, &ask(&rig, "trade", "2024-07-09")).1);
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    let head = "20880000000000010156_20240709";
    assert_eq!(names, [format!("{head}_业务明细.csv"), format!("{head}_业务明细(汇总).csv")]);
    let rows: Vec<Vec<&str>> =
        files[0].1.lines().skip(5).take(4).map(|row| row.split(',').map(str::trim).collect()).collect();
    let seen: Vec<_> =
        rows.iter().map(|row| (row.len(), row[1], row[2], row[12], row[21], row[22], row[24])).collect();
    assert_eq!(
        seen,
        [
            (25, "A1", "交易", "88.88", "", "-0.53", ""),
            (25, "A2", "交易", "20.00", "", "-0.12", ""),
            (25, "A1", "退款", "-8.88", "R1", "0.05", "少送 一杯"),
            (25, "A2", "退款", "-20.00", "R2", "0.12", "少送 一杯"),
        ]
    );
    assert!(files[0].1.contains("#交易合计：2笔，商家实收共108.88元，商家优惠共0.00元\r\n"));
    assert!(files[0].1.contains("#退款合计：2笔，商家实收退款共-28.88元，商家优惠退款共0.00元\r\n"));
    let sums: Vec<&str> = files[1].1.lines().skip(5).take(3).collect();
    assert_eq!(
        sums,
        [
            "\t,\t,1,1,0.00,0.00,0.00,0.00,0.00,0.00,0.00,0.00",
            "S1\t,\t,1,1,80.00,80.00,0.00,0.00,0.00,-0.48,0.00,79.52",
            "合计\t,\t,2,2,80.00,80.00,0.00,0.00,0.00,-0.48,0.00,79.52",
        ]
    );
    assert!(files[1].1.starts_with("#支付宝业务汇总查询\r\n"));
}

#[test]
fn an_account_bill_has_fees_of_its_own_and_a_balance_that_adds_up() {
    let rig = busy_day();
    rig.step_minutes(20 * 60);
    let files = unzip(&fetch(&rig, &ask(&rig, "signcustomer", "2024-07-09")).1);
    assert!(files[0].0.ends_with("_账务明细.csv") && files[1].0.ends_with("_账务明细(汇总).csv"));
    let rows: Vec<_> =
        files[0].1.lines().skip(5).take(8).map(|row| row.split(',').collect::<Vec<_>>()).collect();
    let last = rows.last().unwrap();
    assert_eq!((rows.len(), last.len(), last[8], last[10]), (8, 12, "79.52", "退费"));
    assert!(
        files[0].1.contains("#支出合计：4笔，共29.53元\r\n#收入合计：4笔，共109.05元\r\n"),
        "{}",
        files[0].1
    );
    assert!(files[1].1.contains("\r\n合计,4,109.05,4,-29.53,79.52\r\n"), "{}", files[1].1);
}

#[test]
fn v3_asks_for_a_bill_by_get() {
    let rig = busy_day();
    rig.step_minutes(20 * 60);
    let get = |query: &str| {
        let target = format!("/v3/alipay/data/dataservice/bill/downloadurl/query?{query}");
        super::v3::told(&rig, super::v3::request("GET", &target, "", &super::v3::auth(&rig), &[]))
    };
    let (status, body, signed) = get("bill_type=trade&bill_date=2024-07-09");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, signed, fetch(&rig, &answer).0), (200, Some(true), 200));
    for (query, wanted) in [
        ("bill_type=trade&bill_date=2024-07-10", "isp.bill_not_exist"),
        ("bill_type=x&bill_date=2024-07-09", "invalid_arguments"),
    ] {
        let (status, body, _) = get(query);
        assert!(status == 400 && body.contains(&format!("\"code\":\"{wanted}\"")), "{body}");
    }
}
