//! What an amount can ask for: a charge that the rail is unsure of, one that risk control refuses, and refunds that take
//! time, fail or find no money.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Rig, code, noon, signed_form};
use crate::alipay::answer::Inner;
use crate::alipay::api::Call;
use crate::alipay::state::Done;
use crate::alipay::wire::Params;
use crate::alipay::{gateway, pay, refunds};
use crate::{CodeOutcome, RailMock, locked};

fn call(rig: &Rig, method: &str, biz: &Value) -> Call {
    let params = Params::of_form(&signed_form(method, &biz.to_string(), &[]));
    gateway::check(&params, &rig.mock.material, noon()).unwrap()
}

fn plain(inner: &Inner) -> Value {
    serde_json::from_str(&inner.json()).unwrap()
}

fn charge(rig: &Rig, wish: pay::Wish) -> Value {
    let biz = json!({"out_trade_no":"C1","total_amount":"99.01","subject":"s","auth_code":rig.bar_code(CodeOutcome::Pays)});
    let call = call(rig, "alipay.trade.pay", &biz);
    let now = rig.mock.bench.clock.now();
    plain(&pay::pay(&mut locked(&rig.mock.state), &call, &rig.mock.material.account, Some(wish), now).inner)
}

fn refund(rig: &Rig, yuan: &str, no: &str, wish: refunds::Wish) -> Done {
    let biz = json!({"out_trade_no":"A1","refund_amount":yuan,"out_request_no":no});
    let call = call(rig, "alipay.trade.refund", &biz);
    let now = rig.mock.bench.clock.now();
    let trades = &mut locked(&rig.mock.state).trades;
    refunds::refund(trades, &call.biz, &rig.mock.material.account, Some(wish), now)
}

fn refund_query(rig: &Rig, no: &str) -> Value {
    rig.call("alipay.trade.fastpay.refund.query", json!({"out_trade_no":"A1","out_request_no":no}))
}

#[test]
fn f05_an_unsure_charge_is_paid_all_the_same_later_and_once() {
    let rig = Rig::new();
    let unsure = charge(&rig, pay::Wish::Unsure);
    assert_eq!((unsure["code"].as_str(), code(&unsure)), (Some("20000"), "isp.unknow-error"));
    assert_eq!(rig.status("C1"), "WAIT_BUYER_PAY");
    rig.mock.bench.clock.step(SignedDuration::from_secs(10));
    assert_eq!((rig.status("C1").as_str(), rig.entry("C1").charges), ("TRADE_SUCCESS", 1));
}

#[test]
fn risk_control_refuses_without_a_trade() {
    let rig = Rig::new();
    assert_eq!(code(&charge(&rig, pay::Wish::Risk)), "ACQ.PAYMENT_REQUEST_HAS_RISK");
    assert_eq!(rig.status("C1"), "ACQ.TRADE_NOT_EXIST");
}

#[test]
fn f17_a_slow_refund_says_n_and_moves_its_money_later() {
    let rig = Rig::new();
    rig.precreate("A1", "10.00");
    rig.pay("A1").unwrap();
    let hour = SignedDuration::from_hours(1);
    let taken = refund(&rig, "6.00", "R1", refunds::Wish::Later(hour));
    assert_eq!((plain(&taken.inner)["fund_change"].as_str(), taken.news.len()), (Some("N"), 0));
    assert_eq!(
        (&refund_query(&rig, "R1")["refund_amount"], refund_query(&rig, "R1").get("refund_status")),
        (&json!("6.00"), None)
    );
    let entry = rig.entry("A1");
    assert_eq!((entry.refunded_fen, entry.refunds[0].state.as_str()), (0, "REFUND_PROCESSING"));
    let more = json!({"out_trade_no":"A1","refund_amount":"4.01","out_request_no":"R2"});
    assert_eq!(
        code(&rig.call("alipay.trade.refund", more)),
        "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL",
        "I6: it is set aside"
    );
    rig.step_minutes(60);
    assert_eq!(refund_query(&rig, "R1")["refund_status"], "REFUND_SUCCESS");
    assert_eq!(rig.entry("A1").refunded_fen, 600);
}

#[test]
fn a_refund_that_fails_later_sets_its_money_free_again() {
    let rig = Rig::new();
    rig.precreate("A1", "10.00");
    rig.pay("A1").unwrap();
    refund(&rig, "10.00", "R1", refunds::Wish::Fails(SignedDuration::from_mins(5)));
    rig.step_minutes(5);
    let failed = refund_query(&rig, "R1");
    assert_eq!((failed.get("refund_status"), &failed["error_code"]), (None, &json!("REFUND_FAIL")));
    assert_eq!((rig.status("A1").as_str(), rig.entry("A1").refunded_fen), ("TRADE_SUCCESS", 0));
    let again = json!({"out_trade_no":"A1","refund_amount":"10.00","out_request_no":"R1"});
    assert_eq!(
        rig.call("alipay.trade.refund", again)["fund_change"],
        "Y",
        "the same number can be tried again"
    );
    assert_eq!((rig.mock.book()[0].refunds.len(), rig.status("A1").as_str()), (1, "TRADE_CLOSED"));
}

#[test]
fn a_merchant_without_money_refunds_nothing_and_an_unsure_refund_happens() {
    let rig = Rig::new();
    rig.precreate("A1", "10.00");
    rig.pay("A1").unwrap();
    let broke = refund(&rig, "1.00", "R1", refunds::Wish::NotEnough);
    assert_eq!(code(&plain(&broke.inner)), "ACQ.SELLER_BALANCE_NOT_ENOUGH");
    assert_eq!(rig.entry("A1").refunds, []);
    let unsure = refund(&rig, "1.00", "R1", refunds::Wish::Unsure);
    assert_eq!((code(&plain(&unsure.inner)), unsure.news.len()), ("isp.unknow-error", 1));
    assert_eq!(rig.entry("A1").refunded_fen, 100);
}

#[test]
fn a_request_can_be_turned_away_unseen_in_both_protocols() {
    let rig = Rig::new();
    for (sub_code, v2, v3) in [
        ("isv.app-call-limited", "40005", (429, "app-call-limited")),
        ("isp.unknow-error", "20000", (500, "unknow-error")),
    ] {
        let form = signed_form("alipay.trade.query", "{}", &[]);
        let reply = rig.mock.turned_away(&super::post("/gateway.do", &form), sub_code);
        let text = String::from_utf8(super::body_of(reply).to_vec()).unwrap();
        let (inner, sign) = super::cut(&text, "alipay_trade_query_response");
        assert!(rig.mock.material.keys.rail_signed(inner.as_bytes(), &sign.unwrap()));
        assert!(inner.starts_with(&format!("{{\"code\":\"{v2}\"")) && inner.contains(sub_code), "{inner}");
        let request = super::v3::request("POST", "/v3/alipay/trade/query", "{}", &super::v3::auth(&rig), &[]);
        let crate::RailReply::Answer { status, headers, body } = rig.mock.turned_away(&request, sub_code)
        else {
            panic!("an answer")
        };
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status.as_u16(), body["code"].as_str().unwrap()), v3);
        assert!(headers.contains_key("alipay-signature"));
    }
}
