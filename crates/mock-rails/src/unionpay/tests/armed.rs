//! Every response code, and signers that a client must refuse.

use super::{APP, BACK, Conduct, Desk, Fields, query_of, signed};
use crate::CodeOutcome;
use crate::RailMock;
use crate::faults::Fault;
use crate::unionpay::SigningCertificate;
use crate::unionpay::certificate::Certificate;
use crate::unionpay::codes::{Class, Code};
use crate::unionpay::sign::signed_by;
use crate::unionpay::wire::Charset;
use crate::vectors::{self, text};

fn arm(desk: &Desk, operation: &str, code: &str) {
    desk.bench.faults.arm(Some(operation), Fault::BusinessCode(code.to_owned()), 1);
}

#[tokio::test]
async fn every_code_can_be_armed_in_place_of_the_work_and_behind_it() {
    let all = Code::all();
    assert_eq!(all.len(), 55);
    for (code, class) in all {
        let desk = Desk::silent();
        let order = desk.payer_code("B0000001", 100, CodeOutcome::Pays);
        arm(&desk, "charge", &code.digits);
        let answer = desk.call(BACK, &order).await;
        assert_eq!(answer.value("respMsg"), Some(code.text.as_ref()));
        assert_eq!(desk.ask(&order).await.0, "34", "{}", code.digits);
        arm(&desk, "charge", &format!("DONE:{}", code.digits));
        assert_eq!(desk.code(&order).await, code.digits);
        let unsure = class == Class::Pending && code != Code::NOT_FOUND;
        let (shown, wait) = if unsure { (code.digits.as_ref(), 10) } else { ("05", 1) };
        assert_eq!(desk.ask(&order).await, ("00".to_owned(), shown.to_owned()));
        desk.step(wait - 1);
        assert_eq!(desk.ask(&order).await.1, shown);
        desk.step(1);
        assert_eq!(desk.ask(&order).await.1, "00");
        assert_eq!(desk.book("B0000001").1, 1, "{}", code.digits);
    }
}

#[tokio::test]
async fn queries_can_be_refused_with_any_code() {
    let desk = Desk::silent();
    let order = desk.payer_code("B0000001", 100, CodeOutcome::Pays);
    assert_eq!(desk.code(&order).await, "00");
    for code in ["03", "05", "34", "37", "06"] {
        arm(&desk, "query", code);
        assert_eq!(desk.ask(&order).await, (code.to_owned(), "-".to_owned()));
    }
}

#[tokio::test]
async fn amounts_say_what_becomes_of_an_order_where_they_may() {
    let desk = Desk::silent_with(Conduct { amount_codes: true, ..Conduct::default() });
    // (end of the amount, answer, first query, last query) of a payer's code.
    for (end, answer, first, last) in [
        (64, "00", "05", "64"),
        (38, "00", "05", "38"),
        (3, "03", "03", "00"),
        (96, "00", "05", "A6"),
        (94, "PR05", "PR05", "00"),
        (95, "00", "05", "PR99"),
        (6, "06", "-", "-"),
        (10, "10", "-", "-"),
        (34, "34", "-", "-"),
        (93, "00", "05", "00"),
    ] {
        let order_id = format!("B00000{end:02}");
        let order = desk.payer_code(&order_id, 129_700 + end, CodeOutcome::Pays);
        assert_eq!(desk.code(&order).await, answer, "{end}");
        assert_eq!(desk.ask(&order).await.1, first, "{end}");
        desk.step(10);
        assert_eq!(desk.ask(&order).await.1, last, "{end}");
    }
    let order = desk.order(("01", "01"), "A0000001", 9764, []);
    assert_eq!(desk.call(APP, &order).await.value("respCode"), Some("00"));
    desk.pay("A0000001", false).unwrap();
    assert_eq!((desk.ask(&order).await.1.as_str(), desk.book("A0000001").1), ("64", 0));
    let plain = Desk::silent();
    let order = plain.payer_code("B0000001", 9764, CodeOutcome::Pays);
    assert_eq!(plain.code(&order).await, "00");
    plain.step(1);
    assert_eq!(plain.ask(&order).await.1, "00", "off unless asked for");
}

#[tokio::test]
async fn a_page_payment_may_stay_unsure_before_it_is_paid() {
    let desk = Desk::silent_with(Conduct { amount_codes: true, ..Conduct::default() });
    let order = desk.order(("01", "07"), "Q0000001", 9704, [("payTimeout", "20261121101535")]);
    assert_eq!(desk.call(BACK, &order).await.value("respCode"), Some("04"), "no code to scan");
    assert_eq!(desk.ask(&order).await.1, "05");
    desk.pay("Q0000001", false).unwrap();
    assert_eq!(desk.ask(&order).await.1, "04");
    desk.step(9);
    assert_eq!(desk.ask(&order).await.1, "04", "its payTimeout passes without effect");
    desk.step(1);
    assert_eq!(desk.ask(&order).await.1, "00");
    assert_eq!(desk.bench.notifier.deliveries().len(), 1);
}

#[tokio::test]
async fn f08_answers_can_be_signed_by_whom_a_client_must_refuse() {
    for (code, which, entry) in [
        ("CERT:LEGACY_NAME", SigningCertificate::LegacyName, "upsign_test"),
        ("CERT:WRONG_NAME", SigningCertificate::WrongName, "wrongcn"),
        ("CERT:EXPIRED", SigningCertificate::Expired, "expired"),
        ("CERT:UNTRUSTED", SigningCertificate::Untrusted, "badleaf"),
    ] {
        let pem = text(vectors::unionpay(), &format!("/certificates/{entry}/cert_pem"));
        let by = Certificate::parse(pem).unwrap();
        let genuine = |text: &[u8]| {
            let fields = Fields::parse_bare(std::str::from_utf8(text).unwrap()).unwrap();
            let named = Certificate::parse(fields.value("signPubKeyCert").unwrap()).unwrap();
            named.serial() == by.serial() && signed_by(&by, &fields, Charset::UTF_8)
        };
        let desk = Desk::silent();
        let order = desk.order(("01", "07"), "Q0000001", 100, []);
        arm(&desk, "charge", code);
        let reply = desk.post(BACK, signed(order.clone()).to_form(Charset::UTF_8)).await;
        assert!(genuine(&super::body(&reply)), "well signed, by {entry}");
        assert_eq!(desk.ask(&order).await.1, "05", "the work is done");
        let desk = Desk::silent_with(Conduct { certificate: which, ..Conduct::default() });
        let query = signed(query_of(&desk.order(("01", "07"), "Q0000001", 100, []))).to_form(Charset::UTF_8);
        assert!(genuine(&super::body(&desk.post(super::QUERY, query).await)), "always by {entry}");
        assert_eq!(desk.mock.book(), []);
    }
}
