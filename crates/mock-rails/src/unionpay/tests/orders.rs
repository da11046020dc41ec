//! Orders: checks, identity, timeouts, payer's codes.

use jiff::SignedDuration;

use super::{
    BACK, Conduct, Desk, FRONT, QUERY, Shop, body, digits, notified, query_of, read, signed, status,
};
use crate::testing::within;
use crate::unionpay::codes::Code;
use crate::unionpay::wire::Charset;
use crate::unionpay::{LateMoney, Unpaid};
use crate::{CodeOutcome, PayerAct, PayerTarget, RailMock};

fn two(a: &str, b: &str) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

#[tokio::test]
async fn checks_come_in_their_order() {
    let desk = Desk::silent();
    let good = || desk.order(("01", "07"), "Q0000001", 100, []);
    for (name, value, code) in [
        ("version", "5.0.0", "10"),
        ("signMethod", "02", "10"),
        ("certId", "69990000006", "11"),
        ("txnAmt", "1.00", "10"),
        ("txnAmt", "0", "10"),
        ("txnAmt", "1234567890123", "10"),
        ("orderId", "Q-000001", "10"),
        ("orderId", "Q000001", "10"),
        ("txnTime", "20261121101560", "10"),
        ("txnTime", "20261121100029", "10"),
        ("txnTime", "20261121103031", "10"),
        ("txnTime", "20261121103030", "00"),
        ("currencyCode", "840", "10"),
        ("backUrl", "ftp://shop", "10"),
        ("channelType", "06", "10"),
        ("riskRateInfo", "{a=1&a=2}", "10"),
        ("payTimeout", "20261121101530", "10"),
        ("merId", "777290058119999", "31"),
        ("accessType", "2", "32"),
        ("bizType", "000201", "43"),
        ("txnSubType", "03", "43"),
        ("txnType", "99", "10"),
        ("encoding", "utf-8", "00"),
    ] {
        let desk = Desk::silent();
        let mut order = good();
        order.put(name, value);
        assert_eq!(desk.code(&order).await, code, "{name}={value}");
    }
    // Wrong in two ways: the earlier check answers.
    let mut order = good();
    order.put("merId", "777290058119999");
    order.put("txnAmt", "x");
    assert_eq!(desk.code(&order).await, "10", "form before merchant");
    order.put("certId", "1");
    assert_eq!(desk.code(&order).await, "11", "signature before form");
}

#[tokio::test]
async fn missing_blank_and_twice_named_fields() {
    let desk = Desk::silent();
    let form = |text: String| desk.post(BACK, text);
    let good = signed(desk.order(("01", "07"), "Q0000001", 100, [])).to_form(Charset::UTF_8);
    for (body, code) in [
        (good.clone() + "&txnAmt=100", "10"),
        (good.replace("encoding=UTF-8&", ""), "13"),
        (good.replace("UTF-8", "UTF-7"), "10"),
        (good.replace("signature=", "s="), "11"),
        (String::new(), "13"),
    ] {
        let fields = read(&form(body).await, Charset::UTF_8).expect("refusals are signed");
        assert_eq!(fields.value("respCode"), Some(code));
    }
    for (name, code) in [("txnAmt", "13"), ("reqReserved", "10")] {
        // A blank value that was signed, as no SDK does.
        let mut order = desk.order(("01", "07"), "Q0000001", 100, []);
        order.put(name, " ");
        assert_eq!(desk.code(&order).await, code, "{name}");
    }
    for name in ["channelType", "orderId", "txnTime", "txnAmt", "backUrl", "qrNo", "termId"] {
        let mut order = super::Fields::default();
        let full = desk.payer_code("B0000001", 100, CodeOutcome::Pays);
        full.iter().filter(|(n, _)| *n != name).for_each(|(n, value)| order.put(n, value));
        assert_eq!(desk.code(&order).await, "13", "{name}");
    }
    assert_eq!(desk.mock.book(), [], "nothing was taken");
}

#[tokio::test]
async fn i1_an_identity_is_merchant_number_and_time_and_a_repeat_is_a_duplicate() {
    let desk = Desk::silent();
    let first = desk.order(("01", "07"), "Q0000001", 100, []);
    assert_eq!(desk.code(&first).await, "00");
    assert_eq!(desk.code(&first).await, "12");
    let other_amount = desk.order(("01", "07"), "Q0000001", 200, []);
    assert_eq!(desk.code(&other_amount).await, "12", "whatever else it says");
    desk.step(1);
    let later = desk.order(("01", "07"), "Q0000001", 100, []);
    assert_eq!(desk.ask(&later).await, two("34", "-"), "another time is another order");
    assert_eq!(desk.code(&later).await, "00");
    assert_eq!(desk.ask(&first).await, two("00", "05"));
    // A resend after the tolerance is refused for its time, which says nothing about the first one.
    desk.step(15 * 60 + 1);
    assert_eq!(desk.code(&first).await, "10");
    assert_eq!(desk.ask(&first).await, two("00", "05"));
}

#[tokio::test]
async fn queries_go_to_both_addresses_with_any_biz_type() {
    let desk = Desk::silent();
    let order = desk.order(("01", "07"), "Q0000001", 100, []);
    assert_eq!(desk.code(&order).await, "00");
    for (path, biz_type) in [(QUERY, "000000"), (BACK, "000201"), (QUERY, "000802"), (BACK, "000902")] {
        let mut query = query_of(&order);
        query.put("bizType", biz_type);
        let answer = desk.call(path, &query).await;
        assert_eq!((answer.value("origRespCode"), answer.value("bizType")), (Some("05"), Some(biz_type)));
        assert_eq!((answer.value("txnType"), answer.value("txnSubType")), (Some("01"), Some("07")));
    }
}

#[tokio::test]
async fn an_unpaid_order_ends_at_its_pay_timeout() {
    let desk = Desk::silent();
    let order = desk.front("T0000001", 100, "20261121101630");
    assert_eq!(status(&desk.post(FRONT, signed(order.clone()).to_form(Charset::UTF_8)).await), 302);
    desk.step(59);
    assert_eq!(desk.ask(&order).await, two("00", "05"));
    desk.step(1);
    assert_eq!(desk.ask(&order).await, two("00", digits(&Code::PAYER_TOO_SLOW)));
    assert!(desk.pay("T0000001", false).is_err());
    assert!(desk.decline("T0000001").is_err());
    assert_eq!(desk.book("T0000001"), ("69".to_owned(), 0, 0));
    assert_eq!(desk.bench.notifier.deliveries(), [], "nobody is told");
}

#[tokio::test]
async fn f12_late_money_is_taken_once_and_told() {
    let desk = Desk::silent();
    let order = desk.order(("01", "07"), "Q0000001", 100, [("payTimeout", "20261121101630")]);
    assert_eq!(desk.code(&order).await, "00");
    desk.step(3600);
    assert_eq!(desk.ask(&order).await, two("00", "69"));
    desk.pay("Q0000001", true).unwrap();
    assert_eq!(desk.ask(&order).await, two("00", "00"));
    assert!(desk.pay("Q0000001", true).is_err(), "never twice");
    assert_eq!(desk.book("Q0000001"), ("00".to_owned(), 1, 0));
    assert_eq!(desk.bench.notifier.deliveries().len(), 1);
}

#[tokio::test]
async fn late_money_can_also_be_given_back_without_a_word() {
    let shop = Shop::open(&[(200, "ok")]).await;
    let desk = Desk::with(&shop, Conduct { late_money: LateMoney::GivenBack, ..Conduct::default() });
    let order = desk.order(("01", "07"), "Q0000001", 100, [("payTimeout", "20261121101630")]);
    assert_eq!(desk.code(&order).await, "00");
    desk.step(61);
    desk.pay("Q0000001", true).unwrap();
    assert_eq!(desk.ask(&order).await, two("00", "42"));
    assert!(desk.pay("Q0000001", true).is_err());
    assert_eq!(desk.book("Q0000001"), ("42".to_owned(), 1, 100));
    assert_eq!(desk.bench.notifier.deliveries(), []);
}

#[tokio::test]
async fn an_unpaid_order_may_also_be_unknown_to_queries() {
    let shop = Shop::open(&[(200, "ok")]).await;
    let desk = Desk::with(&shop, Conduct { unpaid: Unpaid::NotFound, ..Conduct::default() });
    let order = desk.order(("01", "07"), "Q0000001", 100, []);
    assert_eq!(desk.code(&order).await, "00");
    assert_eq!(desk.ask(&order).await, two("34", "-"));
    desk.pay("Q0000001", false).unwrap();
    assert_eq!(desk.ask(&order).await, two("00", "00"));
}

#[tokio::test]
async fn a_decline_is_not_final_before_the_pay_timeout() {
    let desk = Desk::silent();
    let order = desk.order(("01", "07"), "Q0000001", 100, [("payTimeout", "20261121102530")]);
    let answer = desk.call(BACK, &order).await;
    let qr = PayerTarget::Qr(answer.value("qrCode").unwrap().to_owned());
    desk.mock.payer(PayerAct::Scan(qr.clone())).unwrap();
    assert_eq!(desk.ask(&order).await, two("00", "05"));
    desk.mock.payer(PayerAct::Decline(qr.clone())).unwrap();
    assert_eq!(desk.ask(&order).await, two("00", "64"));
    desk.mock.payer(PayerAct::Pay { target: qr.clone(), force: false }).unwrap();
    assert_eq!(desk.ask(&order).await, two("00", "00"));
    assert!(desk.mock.payer(PayerAct::Scan(qr)).is_err());
    assert_eq!(desk.book("Q0000001"), ("00".to_owned(), 1, 0));
}

#[tokio::test]
async fn payers_codes_do_what_they_were_issued_for() {
    // (outcome, seconds until decided, code, charges)
    for (outcome, wait, code, charges) in [
        (CodeOutcome::Pays, 1, "00", 1),
        (CodeOutcome::Declines, 1, "64", 0),
        (CodeOutcome::PendingThenPays, 10, "00", 1),
        (CodeOutcome::PendingThenDeclines, 10, "64", 0),
    ] {
        let shop = Shop::open(&[(200, "ok")]).await;
        let desk = Desk::with(&shop, Conduct::default());
        let order = desk.payer_code("B0000001", 100, outcome);
        assert_eq!(desk.code(&order).await, "00", "accepted, whatever comes");
        desk.step(wait - 1);
        assert_eq!(desk.ask(&order).await, two("00", "05"));
        assert_eq!(desk.query(&order).await.value("queryId"), None);
        desk.step(1);
        assert_eq!(desk.ask(&order).await, two("00", code));
        assert_eq!(desk.book("B0000001"), (code.to_owned(), charges, 0));
        within(desk.bench.notifier.until(|all| all.iter().any(|d| !d.tries.is_empty()))).await;
        let (fields, told, amount) = notified(&shop.seen()[0]);
        assert_eq!((told.as_str(), amount.as_str()), (code, "100"), "told of failures too");
        assert_eq!((fields.value("txnType"), fields.value("txnSubType")), (Some("01"), Some("06")));
    }
}

#[tokio::test]
async fn the_ticker_decides_without_being_asked() {
    let shop = Shop::open(&[(200, "ok")]).await;
    let desk = Desk::with(&shop, Conduct::default());
    assert_eq!(desk.code(&desk.payer_code("B0000001", 100, CodeOutcome::Pays)).await, "00");
    desk.bench.clock.step(SignedDuration::from_secs(1));
    within(desk.bench.notifier.until(|all| all.iter().any(|d| !d.tries.is_empty()))).await;
    assert_eq!(notified(&shop.seen()[0]).1, "00");
}

#[tokio::test]
async fn a_payers_code_works_once_and_the_refusal_is_on_record() {
    let desk = Desk::silent();
    let first = desk.payer_code("B0000001", 100, CodeOutcome::Pays);
    assert_eq!(desk.code(&first).await, "00");
    let again = desk.order(
        ("01", "06"),
        "B0000002",
        100,
        [("qrNo", first.value("qrNo").unwrap()), ("termId", "49000002")],
    );
    assert_eq!(desk.code(&again).await, "61");
    assert_eq!(desk.code(&again).await, "12");
    assert_eq!(desk.ask(&again).await, two("00", "61"));
    assert!(desk.pay("B0000002", true).is_err(), "there is no payer behind it");
    assert_eq!(desk.book("B0000002"), ("61".to_owned(), 0, 0));
}

#[tokio::test]
async fn unknown_addresses_are_404_and_dead_queries_say_34() {
    let desk = Desk::silent();
    assert_eq!(status(&desk.post("/gateway/api/nothing.do", "").await), 404);
    let answer = desk.query(&desk.order(("01", "07"), "Q0000001", 1, [])).await;
    assert_eq!((answer.value("respCode"), answer.value("origRespCode")), (Some("34"), None));
    assert_eq!((answer.value("txnType"), answer.value("txnSubType")), (Some("00"), Some("00")));
    let text =
        String::from_utf8(body(&desk.post(BACK, "encoding=UTF-8&orderId=%26x%3D1").await).to_vec()).unwrap();
    assert!(!text.contains("x=1"), "a hostile value is not echoed: {text}");
}
