//! Magic amounts, and requests that are turned away unseen.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Rig, code, signed_form};
use crate::{CodeOutcome, PayerAct, PayerError, PayerTarget, RailMock, Refusal};

fn charge(rig: &Rig, no: &str, yuan: &str) -> Value {
    let code = rig.bar_code(CodeOutcome::Pays);
    rig.call(
        "alipay.trade.pay",
        json!({"out_trade_no":no,"total_amount":yuan,"subject":"s","auth_code":code}),
    )
}

fn refund(rig: &Rig, yuan: &str, no: &str) -> Value {
    rig.call("alipay.trade.refund", json!({"out_trade_no":"A1","refund_amount":yuan,"out_request_no":no}))
}

/// An order over 300 yuan, paid, where amounts are magic.
fn paid() -> Rig {
    let rig = Rig::magic();
    rig.precreate("A1", "300.00");
    rig.pay("A1").unwrap();
    rig
}

fn refund_query(rig: &Rig, no: &str) -> Value {
    rig.call("alipay.trade.fastpay.refund.query", json!({"out_trade_no":"A1","out_request_no":no}))
}

#[test]
fn amounts_decide_over_a_payers_code() {
    for (yuan, wanted, end) in [
        ("99.01", "40004 ACQ.BUYER_BALANCE_NOT_ENOUGH", "ACQ.TRADE_NOT_EXIST"),
        ("99.02", "40004 ACQ.PAYMENT_REQUEST_HAS_RISK", "ACQ.TRADE_NOT_EXIST"),
        ("99.03", "10003 10003", "TRADE_SUCCESS"),
        ("99.04", "10003 10003", "TRADE_CLOSED"),
        ("99.05", "20000 isp.unknow-error", "TRADE_SUCCESS"),
        ("99.19", "40005 isv.app-call-limited", "ACQ.TRADE_NOT_EXIST"),
        ("99.20", "10000 10000", "TRADE_SUCCESS"),
    ] {
        let rig = Rig::magic();
        let answer = charge(&rig, "C1", yuan);
        assert_eq!(format!("{} {}", answer["code"].as_str().unwrap(), code(&answer)), wanted, "{yuan}");
        rig.mock.bench.clock.step(SignedDuration::from_secs(10));
        assert_eq!(rig.status("C1"), end, "{yuan}");
    }
    assert_eq!(code(&charge(&Rig::new(), "C1", "99.01")), "10000", "off by default");
}

#[test]
fn a_shown_code_meets_the_same_amounts_at_the_payer() {
    let rig = Rig::magic();
    for (yuan, state) in
        [("99.01", "ACQ.BUYER_BALANCE_NOT_ENOUGH"), ("99.02", "ACQ.PAYMENT_REQUEST_HAS_RISK")]
    {
        rig.precreate(yuan.split('.').next_back().unwrap(), yuan);
        let target = PayerTarget::OrderNo(yuan.split('.').next_back().unwrap().to_owned());
        let act = |force| rig.mock.payer(PayerAct::Pay { target: target.clone(), force });
        assert_eq!(act(false), Err(PayerError::NotPayable { state: state.into() }));
        assert_eq!(act(true).unwrap()["state"], "TRADE_SUCCESS");
    }
    assert_eq!(code(&rig.precreate("U1", "99.05")), "isp.unknow-error");
    assert_eq!(rig.entry("U1").state, "NOT_SCANNED", "done all the same");
}

#[test]
fn f17_a_slow_refund_says_n_and_moves_its_money_later() {
    let rig = paid();
    assert_eq!(refund(&rig, "99.22", "R1")["fund_change"], "N");
    let asked = refund_query(&rig, "R1");
    assert_eq!((&asked["refund_amount"], asked.get("refund_status")), (&json!("99.22"), None));
    let entry = rig.entry("A1");
    assert_eq!((entry.refunded_fen, entry.refunds[0].state.as_str()), (0, "REFUND_PROCESSING"));
    assert_eq!(code(&refund(&rig, "200.79", "R2")), "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "I6: it is set aside");
    rig.step_minutes(60);
    assert_eq!(refund_query(&rig, "R1")["refund_status"], "REFUND_SUCCESS");
    assert_eq!(rig.entry("A1").refunded_fen, 9922);
}

#[test]
fn a_refund_that_fails_later_sets_its_money_free_again() {
    let rig = paid();
    assert_eq!(refund(&rig, "99.23", "R1")["fund_change"], "N");
    rig.mock.bench.clock.step(SignedDuration::from_secs(10));
    let failed = refund_query(&rig, "R1");
    assert_eq!((failed.get("refund_status"), &failed["error_code"]), (None, &json!("REFUND_FAIL")));
    assert_eq!((rig.status("A1").as_str(), rig.entry("A1").refunded_fen), ("TRADE_SUCCESS", 0));
    assert_eq!(refund(&rig, "300.00", "R1")["fund_change"], "Y", "the number and the money are free again");
    assert_eq!((rig.mock.book()[0].refunds.len(), rig.status("A1").as_str()), (1, "TRADE_CLOSED"));
}

#[test]
fn a_merchant_without_money_refunds_nothing() {
    let rig = paid();
    assert_eq!(code(&refund(&rig, "99.21", "R1")), "ACQ.SELLER_BALANCE_NOT_ENOUGH");
    assert_eq!(rig.entry("A1").refunds, []);
}

#[test]
fn a_request_can_be_turned_away_unseen_in_both_protocols() {
    let rig = Rig::new();
    for (why, sub_code, v2, v3) in [
        (Refusal::RateLimited, "isv.app-call-limited", "40005", (429, "app-call-limited")),
        (Refusal::Maintenance, "isp.unknow-error", "20000", (500, "unknow-error")),
    ] {
        let form = signed_form("alipay.trade.query", "{}", &[]);
        let reply = rig.mock.refuse(&super::post("/gateway.do", &form), why);
        let text = String::from_utf8(super::body_of(reply).to_vec()).unwrap();
        let (inner, sign) = super::cut(&text, "alipay_trade_query_response");
        assert!(rig.mock.material.keys.rail_signed(inner.as_bytes(), &sign.unwrap()));
        assert!(inner.starts_with(&format!("{{\"code\":\"{v2}\"")) && inner.contains(sub_code), "{inner}");
        let request = super::v3::request("POST", "/v3/alipay/trade/query", "{}", &super::v3::auth(&rig), &[]);
        let crate::RailReply::Answer { status, headers, body } = rig.mock.refuse(&request, why) else {
            panic!("an answer")
        };
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status.as_u16(), body["code"].as_str().unwrap()), v3);
        assert!(headers.contains_key("alipay-signature"));
    }
}
