//! Payers' codes: the charge, the wait, and the reverse.

use expect_test::expect;
use paifang_payment::{Doubt, OrderNo, Outcome, RailRef, Verb};
use paifang_rail::{Answer, Call, Context, PlanError, Rail, Reply};
use serde_json::Value;

use super::support::*;
use crate::{Settings, WeChatPay};

/// The vector's own request, to the byte.
#[test]
fn a_charge_is_the_vectors_own() {
    let case = vectors("request_signing").iter().find(|case| case["name"] == "codepay-post").unwrap();
    let field = |name: &str| case[name].as_str().unwrap();
    let mut charge = scanned();
    charge.order.order_no = OrderNo::parse("T20260101000003").unwrap();
    charge.description = "测试".into();
    let cx = Context { nonce: field("nonce_str"), ..cx(field("timestamp").parse().unwrap()) };
    let exchange = sent(shop().plan(&Call::Charge(&charge), &cx).unwrap());
    assert_eq!(exchange.url, format!("https://api.mch.weixin.qq.com{}", field("target")));
    assert_eq!(std::str::from_utf8(&exchange.body), Ok(field("body")));
    assert_eq!(exchange.headers[0], ("Authorization", field("authorization").to_owned()));
    charge.payer_code = Default::default();
    let refused = shop().plan(&Call::Charge(&charge), &cx);
    assert!(matches!(refused, Err(PlanError::BadValue { field: "payer_code", .. })), "{refused:?}");
}

#[test]
fn a_store_may_have_the_merchants_own_id() {
    let settings = Settings { store_out_id: Some("shop-7".into()), ..settings() };
    let account = WeChatPay::configure(settings).unwrap();
    let exchange = sent(account.plan(&Call::Charge(&scanned()), &cx(CLOCK)).unwrap());
    let body: Value = serde_json::from_slice(&exchange.body).unwrap();
    assert_eq!(body["scene_info"], serde_json::json!({"store_info": {"out_id": "shop-7"}}));
}

/// A state's body as the rail sends it: only paid orders have a transaction.
fn body(state: &str, paid: bool) -> String {
    let mut body = transaction(state);
    body["trade_state_desc"] = "说明".into();
    if !paid {
        for member in ["transaction_id", "trade_type", "bank_type", "success_time", "payer", "amount"] {
            body.as_object_mut().unwrap().remove(member);
        }
    }
    body.to_string()
}

const STATES: [(&str, bool); 11] = [
    ("SUCCESS", true),
    ("REFUND", true),
    ("NOTPAY", false),
    ("USERPAYING", false),
    ("ACCEPT", false),
    ("PAYERROR", false),
    ("CLOSED", false),
    ("REVOKED", false),
    ("REVOKED", true),
    ("SUCCESS", false),
    ("NEW_STATE", false),
];

/// Both successful statuses say the same: the state counts.
#[test]
fn every_state_has_one_meaning_for_charge_query_and_reverse() {
    let (charge, reversal) = (scanned(), reversal());
    let calls = [Call::Charge(&charge), Call::Query(&charge.order), Call::QueryReverse(&reversal)];
    let mut lines = String::new();
    for (state, paid) in STATES {
        lines += &format!("{state} {paid}\n");
        for call in &calls {
            let read = |status| shop().read(call, &signed(status, &body(state, paid)), &cx(CLOCK));
            assert_eq!(read(200).outcome(), read(202).outcome());
            lines += &format!("  {}\n", shown(&read(200)));
        }
    }
    expect![[r#"
        SUCCESS true
          wechatpay.charge.success = Paid(Settled { amount: 1.00 CNY, rail_ref: Some(4200000000202601010000000001), settled_at: Some(2026-01-01T00:05:00Z) })
          wechatpay.query.success = Paid(Settled { amount: 1.00 CNY, rail_ref: Some(4200000000202601010000000001), settled_at: Some(2026-01-01T00:05:00Z) })
          wechatpay.query_reverse.not_reversed = absent
        REFUND true
          wechatpay.charge.refund = Paid(Settled { amount: 1.00 CNY, rail_ref: Some(4200000000202601010000000001), settled_at: Some(2026-01-01T00:05:00Z) })
          wechatpay.query.refund = Paid(Settled { amount: 1.00 CNY, rail_ref: Some(4200000000202601010000000001), settled_at: Some(2026-01-01T00:05:00Z) })
          wechatpay.query_reverse.refund = Unknown(RailUnsure("REFUND"))
        NOTPAY false
          wechatpay.charge.notpay = Pending(Pending { next_action: Some(wait_for_payer), rail_ref: None })
          wechatpay.query.notpay = Pending(Pending { next_action: None, rail_ref: None })
          wechatpay.query_reverse.not_reversed = absent
        USERPAYING false
          wechatpay.charge.userpaying = Pending(Pending { next_action: Some(wait_for_payer), rail_ref: None })
          wechatpay.query.userpaying = Pending(Pending { next_action: None, rail_ref: None })
          wechatpay.query_reverse.not_reversed = absent
        ACCEPT false
          wechatpay.charge.accept = Pending(Pending { next_action: Some(wait_for_payer), rail_ref: None })
          wechatpay.query.accept = Pending(Pending { next_action: None, rail_ref: None })
          wechatpay.query_reverse.not_reversed = absent
        PAYERROR false
          wechatpay.charge.payerror = Refused(Refusal { reason: payer_declined, rail_code: "PAYERROR", rail_message: "说明", basis: Signed })
          wechatpay.query.payerror = Refused(Refusal { reason: payer_declined, rail_code: "PAYERROR", rail_message: "说明", basis: Signed })
          wechatpay.query_reverse.not_reversed = absent
        CLOSED false
          wechatpay.charge.closed = Closed(CloseProof { returned: None, rail_ref: None })
          wechatpay.query.closed = Closed(CloseProof { returned: None, rail_ref: None })
          wechatpay.query_reverse.closed = Closed(CloseProof { returned: None, rail_ref: None })
        REVOKED false
          wechatpay.charge.revoked = Closed(CloseProof { returned: None, rail_ref: None })
          wechatpay.query.revoked = Closed(CloseProof { returned: None, rail_ref: None })
          wechatpay.query_reverse.revoked = Closed(CloseProof { returned: None, rail_ref: None })
        REVOKED true
          wechatpay.charge.revoked = Closed(CloseProof { returned: Some(1.00 CNY), rail_ref: Some(4200000000202601010000000001) })
          wechatpay.query.revoked = Closed(CloseProof { returned: Some(1.00 CNY), rail_ref: Some(4200000000202601010000000001) })
          wechatpay.query_reverse.revoked = Closed(CloseProof { returned: Some(1.00 CNY), rail_ref: Some(4200000000202601010000000001) })
        SUCCESS false
          wechatpay.charge.unreadable = Unknown(Unreadable)
          wechatpay.query.unreadable = Unknown(Unreadable)
          wechatpay.query_reverse.not_reversed = absent
        NEW_STATE false
          wechatpay.charge.unlisted_state = Unknown(UnlistedCode("NEW_STATE"))
          wechatpay.query.unlisted_state = Unknown(UnlistedCode("NEW_STATE"))
          wechatpay.query_reverse.unlisted_state = Unknown(UnlistedCode("NEW_STATE"))
    "#]].assert_eq(&lines);
}

#[test]
fn a_reverse_names_the_order_by_our_number() {
    let mut reversal = reversal();
    let plan = |call: &Call<'_>| sent(shop().plan(call, &cx(CLOCK)).unwrap());
    for rail_ref in [None, RailRef::parse("4200000000202601010000000001").ok()] {
        reversal.order.rail_ref = rail_ref;
        let exchange = plan(&Call::Reverse(&reversal));
        expect!["https://api.mch.weixin.qq.com/v3/pay/transactions/out-trade-no/T20260101000001/reverse"]
            .assert_eq(&exchange.url);
        expect![[r#"{"appid":"wxd678efh567hg6787","mchid":"1900000109"}"#]]
            .assert_eq(std::str::from_utf8(&exchange.body).unwrap());
        let exchange = plan(&Call::QueryReverse(&reversal));
        expect![
            "https://api.mch.weixin.qq.com/v3/pay/transactions/out-trade-no/T20260101000001?mchid=1900000109"
        ]
        .assert_eq(&exchange.url);
    }
}

/// The answer names no state; the query tells the end.
#[test]
fn an_accepted_reverse_is_asked_for() {
    let read = |reply: &Reply| shop().read(&Call::Reverse(&reversal()), reply, &cx(CLOCK));
    let content = serde_json::json!({"appid": "wxd678efh567hg6787", "mchid": "1900000109", "out_trade_no": "T20260101000001"});
    let answer = read(&signed(200, &content.to_string()));
    expect!["wechatpay.reverse.accepted = Pending(Pending { next_action: None, rail_ref: None })"]
        .assert_eq(&shown(&answer));
    for field in ["out_trade_no", "mchid", "appid"] {
        let mut other = content.clone();
        other[field] = "X0000000".into();
        let wanted = Outcome::Unknown(Doubt::Mismatch(field.into()));
        assert_eq!(read(&signed(200, &other.to_string())).outcome(), Some(&wanted));
    }
    for (reply, wanted) in [
        (bare(200, &content.to_string()), Doubt::BadSignature),
        (signed(200, "{}"), Doubt::Unreadable),
        (signed(202, &content.to_string()), Doubt::HttpStatus(202)),
        (signed(204, ""), Doubt::HttpStatus(204)),
    ] {
        assert_eq!(read(&reply).outcome(), Some(&Outcome::Unknown(wanted)));
    }
}

/// F53: about another order, whatever it says.
#[test]
fn an_answer_about_another_order_is_doubt() {
    let (charge, reversal) = (scanned(), reversal());
    for call in [Call::Charge(&charge), Call::Query(&charge.order), Call::QueryReverse(&reversal)] {
        for field in ["out_trade_no", "mchid", "appid"] {
            let mut body = transaction("SUCCESS");
            body[field] = "X0000000".into();
            let answer: Answer = shop().read(&call, &signed(200, &body.to_string()), &cx(CLOCK));
            let wanted = Outcome::Unknown(Doubt::Mismatch(field.into()));
            assert_eq!(answer.outcome(), Some(&wanted), "{:?}", call.verb());
        }
    }
}

/// Paid orders are asked for by the rail's number; whatever else stands there is not put into a URL.
#[test]
fn a_known_transaction_is_asked_for_by_its_number() {
    let url = |rail_ref: Option<&str>| {
        let mut order = scanned().order;
        order.rail_ref = rail_ref.map(|text| RailRef::parse(text).unwrap());
        sent(account().plan(&Call::Query(&order), &cx(CLOCK)).unwrap()).url
    };
    let by_ours = url(None);
    expect![
        "https://api.mch.weixin.qq.com/v3/pay/transactions/out-trade-no/T20260101000001?mchid=1900000109"
    ]
    .assert_eq(&by_ours);
    expect![
        "https://api.mch.weixin.qq.com/v3/pay/transactions/id/4200000000202601010000000001?mchid=1900000109"
    ]
    .assert_eq(&url(Some("4200000000202601010000000001")));
    for odd in ["42/..", "42?x=1", "TX42", "123456789012345678901234567890123"] {
        assert_eq!(url(Some(odd)), by_ours);
    }
    assert_eq!(Verb::Query, Call::Query(&scanned().order).verb());
}
