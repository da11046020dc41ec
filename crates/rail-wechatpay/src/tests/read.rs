//! Replies: what they mean, and what is not believed.

use expect_test::expect;
use paifang_payment::{Doubt, NextAction, Outcome, Presentation};
use paifang_rail::{Answer, Call, Context, Rail, Reply};
use serde_json::Value;

use super::support::*;

fn query(reply: &Reply) -> Answer {
    account().read(&Call::Query(&order(Presentation::QrShown)), reply, &cx(CLOCK))
}

fn doubt(answer: &Answer) -> &Doubt {
    match answer.outcome() {
        Some(Outcome::Unknown(doubt)) => doubt,
        other => panic!("{}: {other:?}", answer.rule()),
    }
}

/// F46, F63: the ten recorded answers, each at its own time; the three wrong ones are doubt.
#[test]
fn every_vector_is_believed_or_doubted() {
    let native = charge(Presentation::QrShown);
    let jsapi = charge(Presentation::Jsapi);
    let order = order(Presentation::QrShown);
    let mut third = scanned();
    third.order.order_no = paifang_payment::OrderNo::parse("T20260101000003").unwrap();
    let mut lines = String::new();
    for case in vectors("response_verification") {
        let name = case["name"].as_str().unwrap();
        let call = match name {
            "query-200-utf8" => Call::Query(&order),
            "codepay-202-userpaying" => Call::Charge(&third),
            "close-204-empty" | "close-204-public-key" => Call::Close(&order),
            "rotated-certificate" => Call::Charge(&jsapi),
            _ => Call::Charge(&native),
        };
        let headers = headers(case);
        let at = case["headers"]["Wechatpay-Timestamp"].as_str().unwrap().parse().unwrap();
        let body = case["body"].as_str().unwrap().as_bytes().to_vec();
        let reply = Reply { status: case["status"].as_u64().unwrap().try_into().unwrap(), headers, body };
        let answer = account().read(&call, &reply, &cx(at));
        assert_eq!(
            case["valid"] == true,
            !matches!(answer.outcome(), Some(Outcome::Unknown(Doubt::BadSignature))),
            "{name}"
        );
        lines += &format!("{name}: {}\n", shown(&answer));
    }
    expect![[r#"
        native-200-platform-cert: wechatpay.charge.code_url = Pending(Pending { next_action: Some(show_qr), rail_ref: None })
        native-200-public-key: wechatpay.charge.code_url = Pending(Pending { next_action: Some(show_qr), rail_ref: None })
        query-200-utf8: wechatpay.query.success = Paid(Settled { amount: 1.00 CNY, rail_ref: Some(4200000000202601010000000001), settled_at: Some(2026-01-01T00:05:00Z) })
        close-204-empty: wechatpay.close.closed = Closed(CloseProof { returned: None, rail_ref: None })
        close-204-public-key: wechatpay.close.closed = Closed(CloseProof { returned: None, rail_ref: None })
        codepay-202-userpaying: wechatpay.charge.userpaying = Pending(Pending { next_action: Some(wait_for_payer), rail_ref: None })
        rotated-certificate: wechatpay.charge.prepay_id = Pending(Pending { next_action: Some(invoke_wallet), rail_ref: None })
        signature-probe: wechatpay.charge.signature_probe = Unknown(BadSignature)
        wrong-key: wechatpay.charge.bad_signature = Unknown(BadSignature)
        tampered-body: wechatpay.charge.bad_signature = Unknown(BadSignature)
    "#]].assert_eq(&lines);
}

#[test]
fn a_code_is_shown_until_the_order_or_the_code_ends() {
    let reply = signed(200, r#"{"code_url":"weixin://wxpay/bizpayurl?pr=TESTabcd1"}"#);
    let expiry = |seconds: i64| {
        let mut charge = charge(Presentation::QrShown);
        charge.order.expires_at = jiff::Timestamp::from_second(CLOCK + seconds).unwrap();
        let answer = account().read(&Call::Charge(&charge), &reply, &cx(CLOCK));
        match answer.outcome() {
            Some(Outcome::Pending(pending)) => match &pending.next_action {
                Some(NextAction::ShowQr { content, expires_at }) => {
                    assert_eq!(content, "weixin://wxpay/bizpayurl?pr=TESTabcd1");
                    expires_at.as_second() - CLOCK
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(expiry(1800), 1800);
    assert_eq!(expiry(86_400), 7200);
}

/// The bridge's parameters, exact to the byte, and the same when the same answer is read again.
#[test]
fn jsapi_parameters_are_the_vectors_own() {
    let field = |name: &str| text(&format!("/client_invoke/jsapi/params/{name}"));
    let mut charge = charge(Presentation::Jsapi);
    charge.order.opened_at = jiff::Timestamp::from_second(field("timeStamp").parse().unwrap()).unwrap();
    let prepay_id = field("package").strip_prefix("prepay_id=").unwrap();
    let reply = signed(200, &format!(r#"{{"prepay_id":"{prepay_id}"}}"#));
    for later in [0, 100] {
        let cx = Context { nonce: field("nonceStr"), ..cx(CLOCK + later) };
        let answer = account().read(&Call::Charge(&charge), &reply, &cx);
        let Some(Outcome::Pending(pending)) = answer.outcome() else { panic!("{answer:?}") };
        let Some(NextAction::InvokeWallet { parameters }) = &pending.next_action else {
            panic!("{answer:?}")
        };
        assert_eq!(parameters.len(), 6);
        for name in ["appId", "timeStamp", "nonceStr", "package", "signType", "paySign"] {
            assert_eq!(parameters[name], field(name), "{name}");
        }
    }
}

#[test]
fn every_state_of_an_order_has_one_meaning() {
    let mut lines = String::new();
    for state in [
        "SUCCESS",
        "REFUND",
        "NOTPAY",
        "CLOSED",
        "REVOKED",
        "USERPAYING",
        "PAYERROR",
        "ACCEPT",
        "success",
        "",
    ] {
        let mut body = transaction(state);
        if !matches!(state, "SUCCESS" | "REFUND") {
            for paid in ["transaction_id", "trade_type", "bank_type", "success_time", "payer"] {
                body.as_object_mut().unwrap().remove(paid);
            }
        }
        lines += &format!("{state:?}: {}\n", shown(&query(&signed(200, &body.to_string()))));
    }
    expect![[r#"
        "SUCCESS": wechatpay.query.success = Paid(Settled { amount: 1.00 CNY, rail_ref: Some(4200000000202601010000000001), settled_at: Some(2026-01-01T00:05:00Z) })
        "REFUND": wechatpay.query.refund = Paid(Settled { amount: 1.00 CNY, rail_ref: Some(4200000000202601010000000001), settled_at: Some(2026-01-01T00:05:00Z) })
        "NOTPAY": wechatpay.query.notpay = Pending(Pending { next_action: None, rail_ref: None })
        "CLOSED": wechatpay.query.closed = Closed(CloseProof { returned: None, rail_ref: None })
        "REVOKED": wechatpay.query.revoked = Closed(CloseProof { returned: None, rail_ref: None })
        "USERPAYING": wechatpay.query.userpaying = Pending(Pending { next_action: None, rail_ref: None })
        "PAYERROR": wechatpay.query.payerror = Unknown(RailUnsure("PAYERROR"))
        "ACCEPT": wechatpay.query.accept = Pending(Pending { next_action: None, rail_ref: None })
        "success": wechatpay.query.unlisted_state = Unknown(UnlistedCode("success"))
        "": wechatpay.query.unlisted_state = Unknown(UnlistedCode(""))
    "#]].assert_eq(&lines);
}

#[test]
fn every_state_of_a_refund_has_one_meaning() {
    let refund = refund();
    let mut lines = String::new();
    for status in ["PROCESSING", "SUCCESS", "ABNORMAL", "CLOSED", "CHANGE"] {
        let mut body = refunded(status);
        if status == "SUCCESS" {
            body["success_time"] = "2026-01-01T08:12:00+08:00".into();
        }
        let reply = signed(200, &body.to_string());
        let created = account().read(&Call::Refund(&refund), &reply, &cx(CLOCK));
        let found = account().read(&Call::QueryRefund(&refund), &reply, &cx(CLOCK));
        assert_eq!(created.outcome(), found.outcome(), "{status}");
        for answer in [&created, &found] {
            assert_eq!(answer.attention(), (status == "ABNORMAL").then_some("ABNORMAL"));
        }
        lines += &format!("{}\n{}\n", shown(&created), found.rule());
    }
    expect![[r#"
        wechatpay.refund.processing = Pending(Pending { next_action: None, rail_ref: Some(50000000000202601010000000001) })
        wechatpay.query_refund.processing
        wechatpay.refund.success = Refunded(Settled { amount: 0.30 CNY, rail_ref: Some(50000000000202601010000000001), settled_at: Some(2026-01-01T00:12:00Z) })
        wechatpay.query_refund.success
        wechatpay.refund.abnormal = Pending(Pending { next_action: None, rail_ref: Some(50000000000202601010000000001) })
        wechatpay.query_refund.abnormal
        wechatpay.refund.closed = Refused(Refusal { reason: refund_not_allowed, rail_code: "CLOSED", rail_message: "", basis: Signed })
        wechatpay.query_refund.closed
        wechatpay.refund.unlisted_state = Unknown(UnlistedCode("CHANGE"))
        wechatpay.query_refund.unlisted_state
    "#]].assert_eq(&lines);
}

/// F53: an answer about another order, merchant or app is doubt, whatever it says.
#[test]
fn an_answer_about_something_else_is_doubt() {
    for field in ["out_trade_no", "mchid", "appid"] {
        let mut body = transaction("SUCCESS");
        body[field] = "X0000000".into();
        assert_eq!(doubt(&query(&signed(200, &body.to_string()))), &Doubt::Mismatch(field.into()));
    }
    for field in ["out_trade_no", "out_refund_no"] {
        let mut body = refunded("SUCCESS");
        body[field] = "X0000000".into();
        let reply = signed(200, &body.to_string());
        let answer = account().read(&Call::QueryRefund(&refund()), &reply, &cx(CLOCK));
        assert_eq!(doubt(&answer), &Doubt::Mismatch(field.into()));
    }
}

/// F52: another amount is reported as the rail signed it; what the payer paid after coupons is not the amount.
#[test]
fn amounts_are_those_that_the_rail_signed() {
    let paid = |change: fn(&mut Value)| {
        let mut body = transaction("SUCCESS");
        change(&mut body["amount"]);
        match query(&signed(200, &body.to_string())).outcome() {
            Some(Outcome::Paid(settled)) => Some(settled.amount.to_string()),
            _ => None,
        }
    };
    assert_eq!(paid(|amount| amount["payer_total"] = 60.into()).as_deref(), Some("1.00 CNY"));
    assert_eq!(paid(|amount| amount["total"] = 1.into()).as_deref(), Some("0.01 CNY"));
    assert_eq!(paid(|amount| amount["currency"] = "USD".into()).as_deref(), Some("1.00 USD"));
    assert_eq!(
        paid(|amount| drop(amount.as_object_mut().unwrap().remove("currency"))).as_deref(),
        Some("1.00 CNY")
    );
    for wrong in [0.into(), Value::from(-100), "100".into(), Value::Null, u64::MAX.into()] {
        let mut body = transaction("SUCCESS");
        body["amount"]["total"] = wrong;
        assert_eq!(doubt(&query(&signed(200, &body.to_string()))), &Doubt::Unreadable);
    }
    assert_eq!(paid(|amount| *amount = Value::Null), None);
}

/// F57: what is signed is still read strictly.
#[test]
fn odd_json_is_doubt() {
    let good = transaction("SUCCESS").to_string();
    let odd = [
        good.replacen("\"appid\"", "\"appid\":\"x\",\"appid\"", 1),
        good.replacen("\"total\":100", "\"total\":1e2", 1),
        good.replacen("\"total\":100", "\"total\":100.0", 1),
        format!("{good}x"),
        format!("\u{feff}{good}"),
        good.replacen("\"trade_state\":\"SUCCESS\",", "", 1),
        good.replacen("4200000000202601010000000001", "", 1),
        "[".repeat(10_000),
        String::new(),
        "null".into(),
    ];
    for body in odd {
        assert_ne!(body, good);
        assert_eq!(doubt(&query(&signed(200, &body))), &Doubt::Unreadable, "{body:.80}");
    }
    for body in ["{}", r#"{"code_url":""}"#, r#"{"code_url":7}"#, r#"{"code_url":"a b"}"#] {
        let call = charge(Presentation::QrShown);
        let answer = account().read(&Call::Charge(&call), &signed(200, body), &cx(CLOCK));
        assert_eq!(doubt(&answer), &Doubt::Unreadable, "{body}");
    }
    for body in ["{}", r#"{"prepay_id":"a\nb"}"#] {
        let call = charge(Presentation::Jsapi);
        let answer = account().read(&Call::Charge(&call), &signed(200, body), &cx(CLOCK));
        assert_eq!(doubt(&answer), &Doubt::Unreadable, "{body}");
    }
}

/// F45 to F47: without the right signature of a key of the account, a success proves nothing.
#[test]
fn an_unproven_success_is_doubt() {
    let body = transaction("SUCCESS").to_string();
    let change = |name: &str, value: Option<&str>| {
        let mut reply = signed(200, &body);
        reply.headers.retain(|(key, _)| key != name);
        reply.headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        let answer = query(&reply);
        match answer.outcome() {
            Some(Outcome::Unknown(Doubt::BadSignature)) => answer.rule().to_owned(),
            other => format!("{other:?}"),
        }
    };
    for name in ["Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial", "Wechatpay-Signature"] {
        for value in [None, Some(""), Some(" "), Some("a\nb")] {
            assert_eq!(change(name, value), "wechatpay.query.unsigned", "{name}");
        }
        let mut doubled = signed(200, &body);
        let again = doubled.headers.iter().find(|(key, _)| key == name).unwrap().clone();
        doubled.headers.push(again);
        assert_eq!(query(&doubled).rule(), "wechatpay.query.unsigned", "{name} twice");
    }
    assert_eq!(change("Wechatpay-Signature", Some("AAAA")), "wechatpay.query.bad_signature");
    assert_eq!(change("Wechatpay-Signature", Some("A-_A")), "wechatpay.query.bad_signature");
    assert_eq!(
        change("Wechatpay-Signature", Some("WECHATPAY/SIGNTEST/x")),
        "wechatpay.query.signature_probe"
    );
    assert_eq!(change("Wechatpay-Serial", Some("00AA")), "wechatpay.query.unknown_key");
    let merchants_own = text("/keys/merchant/serial_no");
    assert_eq!(change("Wechatpay-Serial", Some(merchants_own)), "wechatpay.query.unknown_key");
    let other = text("/keys/platform_certificate_next/serial_no");
    assert_eq!(change("Wechatpay-Serial", Some(other)), "wechatpay.query.bad_signature");
    for odd in ["WECHATPAY2-SM2-WITH-SM3", "", "wechatpay2-sha256-rsa2048"] {
        assert_eq!(change("Wechatpay-Signature-Type", Some(odd)), "wechatpay.query.bad_signature");
    }
    assert!(change("Wechatpay-Signature-Type", None).contains("Paid"));
    assert!(
        change("Wechatpay-Serial", Some(&text("/keys/platform_certificate/serial_no").to_lowercase()))
            .contains("Paid")
    );
    assert_eq!(query(&bare(200, &body)).rule(), "wechatpay.query.unsigned");
}

/// F50: the window is open up to 299 seconds in both directions.
#[test]
fn the_window_is_five_minutes_wide() {
    let reply = signed(200, &transaction("NOTPAY").to_string());
    let at = |offset| {
        let answer = account().read(&Call::Query(&order(Presentation::QrShown)), &reply, &cx(CLOCK + offset));
        answer.rule().to_owned()
    };
    for inside in [-299, 0, 299] {
        assert_eq!(at(inside), "wechatpay.query.notpay", "{inside}");
    }
    for outside in [-86_400, -301, -300, 300, 301, 86_400] {
        assert_eq!(at(outside), "wechatpay.query.stale", "{outside}");
    }
}

/// The statuses that say nothing, signed or not, with or without a code.
#[test]
fn other_statuses_are_doubt_by_status_alone() {
    let order = order(Presentation::QrShown);
    let (charge, refund) = (charge(Presentation::QrShown), refund());
    let calls = [
        Call::Charge(&charge),
        Call::Query(&order),
        Call::Close(&order),
        Call::Refund(&refund),
        Call::QueryRefund(&refund),
    ];
    let listed = r#"{"code":"PARAM_ERROR","message":"x"}"#;
    for call in calls {
        for status in [100, 201, 206, 301, 302, 304, 402, 408, 409, 425, 429, 500, 502, 503, 504, 599] {
            for reply in
                [bare(status, ""), bare(status, "<html>"), bare(status, listed), signed(status, listed)]
            {
                let answer = account().read(&call, &reply, &cx(CLOCK));
                assert_eq!(doubt(&answer), &Doubt::HttpStatus(status), "{}", answer.rule());
            }
        }
        for status in [404, 405] {
            let answer = account().read(&call, &bare(status, ""), &cx(CLOCK));
            assert_eq!(doubt(&answer), &Doubt::HttpStatus(status));
        }
        for body in ["<html>", "{}", r#"{"code":1}"#, r#"{"code":"PARAM_ERROR","code":"NO_AUTH"}"#] {
            let answer = account().read(&call, &bare(400, body), &cx(CLOCK));
            assert_eq!(doubt(&answer), &Doubt::Unreadable, "{body}");
        }
    }
    // The success of one call is no success of another.
    assert_eq!(doubt(&query(&signed(204, ""))), &Doubt::HttpStatus(204));
    let closed = account().read(&Call::Close(&order), &signed(200, "{}"), &cx(CLOCK));
    assert_eq!(doubt(&closed), &Doubt::HttpStatus(200));
}
