//! Keys that change while traffic flows, requests that are turned away, the payer's phone and the bill.

use jiff::civil::date;
use serde_json::{Value, json};

use super::{BACK, Conduct, Desk, FRONT, Fields, QUERY, merchant, query_of, signed};
use crate::forge::Forge;
use crate::magic::Magic;
use crate::unionpay::certificate::Certificate;
use crate::unionpay::sign::{self, Signer, signed_by};
use crate::unionpay::wire::Charset;
use crate::unionpay::{UnionPayMock, forge, of_vectors};
use crate::{Bench, KeyStep, PayerError, RailMock, RailRequest, Refusal, Step};

const PAIRS: [(&str, &str); 2] = [("gateway_next", "gateway_legacy"), ("merchant_next", "encryption")];

/// A desk whose gateway and merchant have a next pair. Whose pairs they are does not matter here.
fn desk() -> Desk {
    let mut files = of_vectors();
    for (next, like) in PAIRS {
        for part in ["private_key", "certificate"] {
            let pem = files[&format!("{like}_{part}.pem")].clone();
            files.insert(format!("{next}_{part}.pem"), pem);
        }
    }
    Desk::silent_as(Conduct::default(), Magic::Off, files)
}

fn turn(mock: &UnionPayMock, step: KeyStep) -> String {
    match mock.keys(step) {
        Ok(stage) => stage["stage"].as_str().unwrap().to_owned(),
        Err(PayerError::NotPayable { state }) => format!("not in {state}"),
        Err(error) => error.to_string(),
    }
}

/// Whose certificate the answer to a query carries; it must be well signed.
async fn signer_of(desk: &Desk) -> String {
    let query = signed(query_of(&desk.order(("01", "07"), "Q0000001", 1, [])));
    let reply = desk.post(QUERY, query.to_form(Charset::UTF_8)).await;
    let fields = Fields::parse_bare(&Charset::UTF_8.decode(&super::body(&reply)).unwrap()).unwrap();
    let by = Certificate::parse(fields.value("signPubKeyCert").unwrap()).unwrap();
    assert!(signed_by(&by, &fields, Charset::UTF_8));
    by.serial().to_owned()
}

#[tokio::test]
async fn the_gateways_signer_changes_by_steps_and_a_retired_one_signs_no_more() {
    let desk = desk();
    let (old, next) = ("69990000002", "69990000003");
    for (step, stage, signer) in [
        (Step::Switch, "not in first", old),
        (Step::Announce, "announced", old),
        (Step::Retire, "not in announced", old),
        (Step::Switch, "switched", next),
        (Step::Retire, "retired", next),
        (Step::Announce, "not in retired", next),
        (Step::Switch, "not in retired", next),
    ] {
        assert_eq!(turn(&desk.mock, KeyStep::Rail(step)), stage);
        assert_eq!(signer_of(&desk).await, signer, "{step:?}");
    }
    let saved = desk.mock.save();
    let again = self::desk();
    again.mock.load(saved).unwrap();
    assert_eq!(signer_of(&again).await, next, "a restart does not bring the old one back");
    let without = Desk::silent();
    assert_eq!(without.mock.keys(KeyStep::Rail(Step::Announce)), Err(PayerError::Unsupported));
}

/// `respCode` for a query that is signed with the merchant's next key.
async fn by_next(desk: &Desk) -> String {
    let files = of_vectors();
    let (key, certificate) = (&files["encryption_private_key.pem"], &files["encryption_certificate.pem"]);
    let mut query = query_of(&desk.order(("01", "07"), "Q0000001", 1, []));
    query.put("certId", Certificate::parse(certificate).unwrap().serial());
    // A gateway's seal carries its certificate, which a merchant's request does not; so only its key is used.
    let signer = Signer::new(key, certificate).unwrap();
    query.put("signature", signer.sign_text(&sign::digest_hex(&query, Charset::UTF_8)));
    let reply = desk.post(QUERY, query.to_form(Charset::UTF_8)).await;
    super::read(&reply, Charset::UTF_8).unwrap().value("respCode").unwrap().to_owned()
}

#[tokio::test]
async fn the_merchants_certificates_count_by_their_serial_numbers() {
    let desk = desk();
    let order = desk.order(("01", "07"), "Q0000001", 1, []);
    for (step, old, next) in [
        (None, "34", "11"),
        (Some(Step::Announce), "34", "34"),
        (Some(Step::Switch), "34", "34"),
        (Some(Step::Retire), "11", "34"),
    ] {
        if let Some(step) = step {
            desk.mock.keys(KeyStep::Merchant(step)).unwrap();
        }
        assert_eq!(
            (desk.ask(&order).await.0.as_str(), by_next(&desk).await.as_str()),
            (old, next),
            "{step:?}"
        );
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _inside = runtime.enter();
    for (change, why) in [
        ("gateway_certificate.pem", "gateway has only one"),
        ("merchant_certificate.pem", "merchant_certificate.pem is missing"),
        ("secure_key.txt", "secure_key.txt is missing"),
        ("merchant.json", "merchant.json is missing"),
        ("encryption_private_key.pem", "encryption has only one"),
    ] {
        let mut files = of_vectors();
        files.remove(change);
        let error = refused(files);
        assert!(error.contains(why), "{error}");
    }
    let mut files = of_vectors();
    files.insert("gateway_private_key.pem".to_owned(), merchant().certificate_pem.to_owned());
    let error = refused(files);
    assert!(error.contains("gateway is no key"), "{error}");
}

fn refused(files: crate::Files) -> String {
    let (mut bench, _worker) = Bench::new(crate::clock::Clock::wall(), "http://unionpay.test");
    bench.files = std::sync::Arc::new(files);
    UnionPayMock::new(bench, Conduct::default()).err().expect("not usable")
}

#[tokio::test]
async fn a_made_world_has_every_file_and_its_keys_fit() {
    let now = "2026-11-21T10:15:30+08:00".parse().unwrap();
    let files = forge(&Forge::at(now), now).unwrap();
    let wanted = of_vectors();
    let missing: Vec<&String> = wanted.keys().filter(|name| !files.contains_key(*name)).collect();
    assert_eq!(missing, Vec::<&String>::new());
    let serial = |name: &str| Certificate::parse(&files[name]).unwrap().serial().to_owned();
    let about: Value = serde_json::from_str(&files["merchant.json"]).unwrap();
    assert_eq!(about["cert_id"], serial("merchant_certificate.pem"));
    assert!(serial("gateway_certificate.pem").parse::<u64>().unwrap() < 1 << 53);
    let desk = Desk::silent_as(Conduct::default(), Magic::Off, files.clone());
    let key = Signer::new(&files["merchant_private_key.pem"], &files["merchant_certificate.pem"]).unwrap();
    for (step, signer) in [
        (None, "gateway_certificate.pem"),
        (Some(Step::Announce), "gateway_certificate.pem"),
        (Some(Step::Switch), "gateway_next_certificate.pem"),
    ] {
        if let Some(step) = step {
            assert_eq!(desk.mock.keys(KeyStep::Rail(step)).unwrap()["cert_id"], serial(signer));
        }
        let mut query = query_of(&desk.order(("01", "07"), "Q0000001", 1, []));
        query.put("certId", key.cert_id());
        query.put("signature", key.sign_text(&sign::digest_hex(&query, Charset::UTF_8)));
        let reply = desk.post(QUERY, query.to_form(Charset::UTF_8)).await;
        let fields = Fields::parse_bare(&Charset::UTF_8.decode(&super::body(&reply)).unwrap()).unwrap();
        assert_eq!(fields.value("respCode"), Some("34"), "the merchant's key fits its certificate");
        assert!(signed_by(&Certificate::parse(&files[signer]).unwrap(), &fields, Charset::UTF_8));
    }
}

#[tokio::test]
async fn requests_can_be_turned_away_unread_in_the_gateways_own_words() {
    let desk = Desk::silent();
    let order = desk.front("T0000001", 100, "");
    let request = |path: &str, fields: &Fields| RailRequest {
        method: http::Method::POST,
        target: path.to_owned(),
        headers: http::HeaderMap::new(),
        body: signed(fields.clone()).to_form(Charset::UTF_8).into(),
    };
    let refund = desk.follow("04", "R0000001", 1, "042611211011015306789");
    for (path, fields, why, code) in [
        (QUERY, query_of(&order), Refusal::RateLimited, "37"),
        (BACK, refund.clone(), Refusal::RateLimited, "06"),
        (QUERY, query_of(&order), Refusal::Maintenance, "02"),
        (BACK, refund, Refusal::Maintenance, "02"),
    ] {
        let reply = desk.mock.refuse(&request(path, &fields), why);
        let fields = super::read(&reply, Charset::UTF_8).expect("signed");
        assert_eq!(fields.value("respCode"), Some(code));
    }
    let shown = super::page(&desk.mock.refuse(&request(FRONT, &order), Refusal::Maintenance));
    assert!(shown.contains("end_error\">系统未开放"), "{shown}");
    assert_eq!(desk.mock.book(), []);
}

#[tokio::test]
async fn the_phone_shows_the_newest_order_first() {
    let desk = Desk::silent();
    let mut order = desk.front("T0000001", 1234, "20261121103030");
    order.put("riskRateInfo", "{commodityName=茶}");
    desk.post(FRONT, signed(order).to_form(Charset::UTF_8)).await;
    desk.step(1);
    let qr = desk.call(BACK, &desk.order(("01", "07"), "Q0000001", 5, [])).await;
    let shown = serde_json::to_value(desk.mock.orders()).unwrap();
    let wanted = json!({
        "order_no": "Q0000001", "handle": qr.value("qrCode"), "merchant": "商户 777290058110048",
        "description": "Q0000001", "fen": 5, "state": "05", "payable": true, "expires_at": null,
    });
    assert_eq!(shown[0], wanted);
    assert_eq!((&shown[1]["description"], &shown[1]["fen"]), (&json!("茶"), &json!(1234)));
    assert_eq!(shown[1]["expires_at"], json!("2026-11-21T02:30:30Z"));
    desk.pay("Q0000001", false).unwrap();
    assert!(!desk.mock.orders()[0].payable);
}

#[tokio::test]
async fn the_bill_has_a_line_for_each_movement_below_its_order() {
    let desk = Desk::silent();
    let paid = desk.paid("T0000001", 1000).await;
    desk.followed("04", "R0000001", 300, &paid).await;
    let hold = desk.held("P0000001", 5000).await;
    let capture = desk.followed("03", "C0000001", 2000, &hold).await;
    desk.followed("31", "U0000001", 2000, &capture).await;
    let day = date(2026, 11, 21);
    let bill = desk.mock.bill(day).unwrap();
    let lines: Vec<Value> = bill
        .iter()
        .map(|line| json!([line.order_no, line.refund_no, line.kind, line.fen, line.fee_fen]))
        .collect();
    assert_eq!(
        lines,
        [
            json!(["T0000001", null, "payment", 1000, 6]),
            json!(["T0000001", "R0000001", "refund", 300, -2]),
            json!(["C0000001", null, "payment", 2000, 12]),
            json!(["C0000001", "U0000001", "reversal", 2000, -12]),
        ]
    );
    assert_eq!((&bill[0].rail_ref, &bill[2].rail_ref), (&paid, &capture));
    assert_eq!(desk.mock.bill(day.tomorrow().unwrap()), Ok(Vec::new()));
    let book = desk.mock.book();
    let held = &book[1];
    assert_eq!((held.held_fen, held.captured_fen, held.released_fen), (5000, 2000, 3000));
}
