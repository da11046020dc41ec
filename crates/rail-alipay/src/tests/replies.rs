//! Answers of the rail: what is believed, and what it means.

use paifang_payment::{Doubt, NextAction, Outcome, Presentation};
use paifang_rail::{Call, Keyring, Rail};

use super::*;
use crate::envelope;

#[test]
fn response_vectors_are_cut_and_verified_as_they_expect() {
    let bench = Bench::new();
    let mut seen = [0; 3];
    for case in vectors()["v2_responses"].as_array().unwrap() {
        let name = text(case, "/name");
        let gbk = case["charset"].as_str() == Some("gbk");
        let charset = if gbk { Charset::Gbk } else { Charset::Utf8 };
        let raw = match case["raw_body_base64"].as_str() {
            Some(base64) => STANDARD.decode(base64).unwrap(),
            None => text(case, "/raw_body").as_bytes().to_vec(),
        };
        let method = text(case, "/response_key").strip_suffix("_response").unwrap().replace('_', ".");
        let envelope = envelope::cut(&raw, &method, charset).unwrap_or_else(|| panic!("{name}"));
        let verified = envelope
            .sign
            .as_deref()
            .map(|sign| bench.keys.verify(envelope.content, &STANDARD.decode(sign).unwrap()).is_ok());
        match text(case, "/expect") {
            "valid" => {
                seen[0] += 1;
                assert_eq!(verified, Some(true), "{name}");
                assert_eq!(envelope.sign.as_deref(), case["sign"].as_str(), "{name}");
                let content = charset.encode(text(case, "/signed_content")).unwrap();
                assert_eq!(envelope.content, content, "{name}");
            }
            "unsigned" => {
                seen[1] += 1;
                assert_eq!(verified, None, "{name}");
            }
            "invalid" => {
                seen[2] += 1;
                assert_eq!(verified, Some(false), "{name}");
            }
            other => panic!("{name}: {other}"),
        }
    }
    assert_eq!(seen, [9, 1, 2]);
}

/// I4: what the vectors say reaches nobody whose order they do not name, and nothing at all unless signed.
#[test]
fn response_vectors_through_the_adapter() {
    let order = order(Presentation::QrShown);
    let charge = charge(Presentation::QrShown);
    let mut lines = Vec::new();
    for case in vectors()["v2_responses"].as_array().unwrap() {
        let gbk = case["charset"].as_str() == Some("gbk");
        let bench = Bench::of(if gbk { Charset::Gbk } else { Charset::Utf8 });
        let raw = match case["raw_body_base64"].as_str() {
            Some(base64) => STANDARD.decode(base64).unwrap(),
            None => text(case, "/raw_body").as_bytes().to_vec(),
        };
        let call = match text(case, "/response_key") {
            "alipay_trade_precreate_response" => Call::Charge(&charge),
            "alipay_trade_query_response" => Call::Query(&order),
            _ => continue,
        };
        let answer = bench.rail.read(&call, &reply(raw), &bench.cx());
        lines.push(format!("{} {}", text(case, "/name"), told(&answer)));
    }
    let mismatch = r#"mismatch: unknown Mismatch("out_trade_no")"#;
    let bad = "bad_signature: unknown BadSignature";
    assert_eq!(
        lines,
        [
            format!("precreate_ok_escaped_slashes alipay.charge.{mismatch}"),
            format!("query_ok_chinese alipay.query.{mismatch}"),
            format!("query_not_exist alipay.query.{mismatch}"),
            format!("nasty_sign_and_braces_inside alipay.query.{mismatch}"),
            format!("certificate_mode alipay.query.{mismatch}"),
            r#"gateway_invalid_signature_signed alipay.query.invalid-signature: unknown RailUnsure("isv.invalid-signature")"#.into(),
            "query_gbk alipay.query.trade_not_exist: absent".into(),
            r#"gateway_invalid_app_id_unsigned alipay.query.invalid-app-id: unknown RailUnsure("isv.invalid-app-id")"#.into(),
            format!("tampered_amount alipay.query.{bad}"),
            format!("reserialised_slashes alipay.charge.{bad}"),
        ]
    );
}

#[test]
fn a_genuine_sandbox_answer_is_believed() {
    let vectors = vectors();
    let key = text(&vectors, "/real_captures/alipay_public_key_pem");
    let keys = Keyring::builder().verifier(Some("sandbox"), key).and_then(|ring| ring.build()).unwrap();
    let bench = Bench::new();
    let mut order = order(Presentation::QrShown);
    order.order_no = OrderNo::parse("70501111111S001111120").unwrap();
    let body = text(&vectors, "/real_captures/v2_response/raw_body");
    let cut = envelope::cut(body.as_bytes(), "alipay.trade.query", Charset::Utf8).unwrap();
    assert_eq!(cut.content, text(&vectors, "/real_captures/v2_response/signed_content").as_bytes());
    let cx = Context { keys: &keys, ..bench.cx() };
    let answer = bench.rail.read(&Call::Query(&order), &reply(body.into()), &cx);
    assert_eq!(told(&answer), "alipay.query.trade_not_exist: absent");
    let answer = bench.rail.read(&Call::Query(&order), &reply(body.into()), &bench.cx());
    assert_eq!(told(&answer), "alipay.query.bad_signature: unknown BadSignature");
}

/// F57: doubled members, trailing bytes and broken strings.
#[test]
fn an_envelope_is_exactly_one_object_with_one_response() {
    let cut = |body: &str| envelope::cut(body.as_bytes(), "alipay.trade.query", Charset::Utf8).is_some();
    assert!(cut(r#"{"alipay_trade_query_response":{},"sign":"x"}"#));
    assert!(cut(" {\n\"sign\" : \"x\" , \"alipay_trade_query_response\" : { } }\r\n"));
    assert!(cut(r#"{"error_response":{"code":"40002"}}"#));
    assert!(cut(r#"{"n":-1.5e3,"t":true,"l":[1,"]",{"}":[]}],"alipay_trade_query_response":{}}"#));
    for body in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"sign":"x"}"#,
        r#"{"alipay_trade_close_response":{},"sign":"x"}"#,
        r#"{"alipay_trade_query_response":{},"sign":"x"} {}"#,
        r#"{"alipay_trade_query_response":{},"sign":"x""#,
        r#"{"alipay_trade_query_response":{},"alipay_trade_query_response":{"a":1},"sign":"x"}"#,
        r#"{"alipay_trade_query_response":{},"sign":"x","sign":"y"}"#,
        r#"{"alipay_trade_query_response":{},"error_response":{},"sign":"x"}"#,
        r#"{"alipay_trade_query_response":[],"sign":"x"}"#,
        r#"{"alipay_trade_query_response":{},"sign":7}"#,
        r#"{"alipay_trade_query_response":{},}"#,
        r#"{"alipay_trade_query_response":{}"sign":"x"}"#,
        r#"{"alipay_trade_query_response":{"a":"},"sign":"x"}"#,
    ] {
        assert!(!cut(body), "{body}");
    }
    assert!(cut(vectors()["aes"]["response"]["raw_body"].as_str().unwrap()));
}

/// The second byte of a GBK character may be a backslash or a brace.
#[test]
fn gbk_characters_that_look_like_json_are_read_whole() {
    let bench = Bench::of(Charset::Gbk);
    let order = order(Presentation::QrShown);
    let mut content = br#"{"code":"10000","out_trade_no":"T20240709A0001","store_name":""#.to_vec();
    content.extend_from_slice(&[0x81, b'\\', 0x81, b'}', 0x81, b'{', 0xfe, b'\\']);
    content.extend_from_slice(br#"","total_amount":"88.88","trade_status":"TRADE_SUCCESS"}"#);
    let body = bench.answer("alipay.trade.query", &content);
    let answer = bench.read_raw(&Call::Query(&order), body.clone());
    assert_eq!(told(&answer), "alipay.query.trade_success: paid 88.88 CNY - -");
    let utf8 = Bench::new().read_raw(&Call::Query(&order), body);
    assert!(matches!(utf8.outcome(), Some(Outcome::Unknown(_))), "{utf8:?}");
}

#[test]
fn a_precreate_gives_a_code_until_the_order_or_the_code_ends() {
    let bench = Bench::new();
    let content = r#"{"code":"10000","msg":"Success","out_trade_no":"T20240709A0001","qr_code":"https:\/\/qr.alipay.com\/bavh4wjlxf12tper3a"}"#;
    for (expires_at, code_ends) in
        [("2024-07-09T04:36:08Z", "2024-07-09T04:36:08Z"), ("2024-07-09T09:36:08Z", "2024-07-09T06:06:08Z")]
    {
        let mut charge = charge(Presentation::QrShown);
        charge.order.expires_at = at(expires_at);
        let answer = bench.read(&Call::Charge(&charge), content);
        let Some(Outcome::Pending(pending)) = answer.outcome() else { panic!("{answer:?}") };
        let wanted = NextAction::ShowQr {
            content: "https://qr.alipay.com/bavh4wjlxf12tper3a".into(),
            expires_at: at(code_ends),
        };
        assert!(pending.next_action == Some(wanted));
        assert_eq!(answer.rule(), "alipay.charge.qr_code");
    }
    let charge = charge(Presentation::QrShown);
    let bare = bench.read(&Call::Charge(&charge), r#"{"code":"10000","out_trade_no":"T20240709A0001"}"#);
    assert_eq!(told(&bare), "alipay.charge.no_qr_code: unknown Unreadable");
}

const FOUND: &str = r#""code":"10000","msg":"Success","out_trade_no":"T20240709A0001","trade_no":"2024070922001400000500000001""#;

#[test]
fn a_query_reads_every_trade_status() {
    let bench = Bench::new();
    let order = order(Presentation::QrShown);
    let check = |members: &str, wanted: &str| {
        let answer = bench.read(&Call::Query(&order), &format!("{{{FOUND},{members}}}"));
        assert_eq!(told(&answer), format!("alipay.query.{wanted}"), "{members}");
    };
    let paid = "paid 88.88 CNY 2024070922001400000500000001 2024-07-09T04:07:31Z";
    let date = r#""send_pay_date":"2024-07-09 12:07:31","total_amount":"88.88""#;
    check(&format!(r#"{date},"trade_status":"TRADE_SUCCESS""#), &format!("trade_success: {paid}"));
    check(&format!(r#"{date},"trade_status":"TRADE_FINISHED""#), &format!("trade_finished: {paid}"));
    check(
        &format!(r#"{date},"trade_status":"TRADE_CLOSED""#),
        &format!("trade_closed_after_payment: {paid}"),
    );
    check(r#""total_amount":"88.88","trade_status":"TRADE_CLOSED""#, "trade_closed: closed");
    check(r#""send_pay_date":"","trade_status":"TRADE_CLOSED""#, "trade_closed: closed");
    check(r#""total_amount":"88.88","trade_status":"WAIT_BUYER_PAY""#, "wait_buyer_pay: pending");
    check(r#""trade_status":"TRADE_HALF""#, r#"unlisted_status: unknown UnlistedCode("TRADE_HALF")"#);
    check(r#""total_amount":"88.88""#, "no_trade_status: unknown Unreadable");
    // Amounts: exact text, digits of a number, and nothing else.
    check(
        r#""trade_status":"TRADE_SUCCESS","total_amount":0.03"#,
        "trade_success: paid 0.03 CNY 2024070922001400000500000001 -",
    );
    check(
        r#""trade_status":"TRADE_SUCCESS","total_amount":"8.88""#,
        "trade_success: paid 8.88 CNY 2024070922001400000500000001 -",
    );
    for odd in [r#""88.885""#, r#""-1.00""#, r#""0.00""#, r#""""#, "null", "8e1", "-1"] {
        check(
            &format!(r#""trade_status":"TRADE_SUCCESS","total_amount":{odd}"#),
            "no_amount: unknown Unreadable",
        );
    }
    for odd in ["true", "[]", "{}"] {
        check(
            &format!(r#""trade_status":"TRADE_SUCCESS","total_amount":{odd}"#),
            "unreadable: unknown Unreadable",
        );
    }
    check(
        r#""trade_status":"TRADE_SUCCESS","total_amount":"88.88","trans_currency":"USD""#,
        "other_currency: unknown AmountMismatch",
    );
    check(
        r#""trade_status":"TRADE_SUCCESS","trade_status":"TRADE_CLOSED""#,
        "unreadable: unknown Unreadable",
    );
    let nameless = r#"{"code":"10000","trade_status":"TRADE_SUCCESS","total_amount":"88.88"}"#;
    let answer = bench.read(&Call::Query(&order), nameless);
    assert_eq!(told(&answer), r#"alipay.query.mismatch: unknown Mismatch("out_trade_no")"#);
}

#[test]
fn a_close_closes_and_takes_no_other_calls_answer() {
    let bench = Bench::new();
    let order = order(Presentation::QrShown);
    let answer = bench.read(&Call::Close(&order), &format!("{{{FOUND}}}"));
    assert_eq!(told(&answer), "alipay.close.closed: closed");
    for member in [
        r#""trade_status":"WAIT_BUYER_PAY""#,
        r#""qr_code":"https://qr.alipay.com/x""#,
        r#""fund_change":"Y""#,
        r#""refund_fee":"0.00""#,
        r#""total_amount":"88.88""#,
        r#""refund_status":"REFUND_SUCCESS""#,
    ] {
        let answer = bench.read(&Call::Close(&order), &format!("{{{FOUND},{member}}}"));
        assert_eq!(told(&answer), r#"alipay.close.mismatch: unknown Mismatch("method")"#, "{member}");
    }
}

#[test]
fn a_refund_is_done_only_by_fund_change_or_refund_success() {
    let bench = Bench::new();
    let refund = refund();
    let check = |call: Call<'_>, content: &str, wanted: &str| {
        assert_eq!(told(&bench.read(&call, content)), format!("alipay.{wanted}"), "{content}");
    };
    let call = Call::Refund(&refund);
    let time = r#""gmt_refund_pay":"2024-07-09 12:15:00""#;
    check(
        call,
        &format!(r#"{{{FOUND},"fund_change":"Y","refund_fee":"18.88",{time}}}"#),
        "refund.fund_change: refunded 8.88 CNY - 2024-07-09T04:15:00Z",
    );
    for unproven in [r#""fund_change":"N","#, ""] {
        check(
            call,
            &format!(r#"{{{FOUND},{unproven}"refund_fee":"8.88"}}"#),
            "refund.accepted: unknown RailUnsure(\"fund_change\")",
        );
    }
    check(
        call,
        &format!(r#"{{{FOUND},"fund_change":"Y","refund_fee":"8.87"}}"#),
        "refund.sum_below_refund: unknown AmountMismatch",
    );
    check(
        call,
        &format!(r#"{{{FOUND},"fund_change":"Y","out_request_no":"R20240709A0002"}}"#),
        r#"refund.mismatch: unknown Mismatch("out_request_no")"#,
    );

    let call = Call::QueryRefund(&refund);
    let ours = r#""out_request_no":"R20240709A0001""#;
    check(
        call,
        &format!(r#"{{{FOUND},{ours},"refund_status":"REFUND_SUCCESS","refund_amount":"8.88",{time}}}"#),
        "query_refund.refund_success: refunded 8.88 CNY - 2024-07-09T04:15:00Z",
    );
    check(
        call,
        &format!(r#"{{{FOUND},"refund_status":"REFUND_SUCCESS","refund_amount":"8.88"}}"#),
        r#"query_refund.mismatch: unknown Mismatch("out_request_no")"#,
    );
    check(
        call,
        &format!(r#"{{{FOUND},{ours},"refund_status":"REFUND_SUCCESS"}}"#),
        "query_refund.no_amount: unknown Unreadable",
    );
    check(
        call,
        &format!(r#"{{{FOUND},{ours},"refund_amount":"8.88"}}"#),
        "query_refund.no_refund_status: pending",
    );
    check(
        call,
        &format!(r#"{{{FOUND},{ours},"refund_status":"REFUND_PROCESSING"}}"#),
        "query_refund.refund_processing: pending",
    );
    check(
        call,
        &format!(r#"{{{FOUND},{ours},"refund_status":"REFUND_FAIL"}}"#),
        r#"query_refund.unlisted_status: unknown UnlistedCode("REFUND_FAIL")"#,
    );
    check(call, r#"{"code":"10000","msg":"Success"}"#, "query_refund.no_refund: absent");
    check(call, &format!("{{{FOUND}}}"), "query_refund.no_refund: absent");
}

#[test]
fn what_is_not_an_answer_is_doubt() {
    let bench = Bench::new();
    let order = order(Presentation::QrShown);
    let call = Call::Query(&order);
    for status in [201, 302, 400, 429, 500, 502, 503, 504] {
        let mut bad = reply(bench.answer("alipay.trade.query", b"{}"));
        bad.status = status;
        let answer = bench.rail.read(&call, &bad, &bench.cx());
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::HttpStatus(status))));
    }
    let check = |body: &str, wanted: Doubt| {
        let answer = bench.read_raw(&call, body.into());
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(wanted)), "{body}");
    };
    check("<html>busy</html>", Doubt::Unreadable);
    check("", Doubt::Unreadable);
    check(&format!(r#"{{"alipay_trade_query_response":{{{FOUND}}}}}"#), Doubt::BadSignature);
    check(&format!(r#"{{"alipay_trade_query_response":{{{FOUND}}},"sign":""}}"#), Doubt::BadSignature);
    check(&format!(r#"{{"alipay_trade_query_response":{{{FOUND}}},"sign":"AAAA"}}"#), Doubt::BadSignature);
    let sign = bench.platform_sign(format!("{{{FOUND}}}").as_bytes());
    check(&format!(r#"{{"error_response":{{{FOUND}}},"sign":"{sign}"}}"#), Doubt::Unreadable);
    // The same signed bytes under another call's key are not this call's answer.
    check(&format!(r#"{{"alipay_trade_close_response":{{{FOUND}}},"sign":"{sign}"}}"#), Doubt::Unreadable);
}

/// I4: each byte of a signed answer flipped; it is refused, or says the very same.
#[test]
fn a_flipped_byte_changes_nothing_or_everything() {
    let bench = Bench::new();
    let order = order(Presentation::QrShown);
    let content = format!(
        r#"{{{FOUND},"send_pay_date":"2024-07-09 12:07:31","total_amount":"88.88","trade_status":"TRADE_SUCCESS"}}"#
    );
    let body = bench.answer("alipay.trade.query", content.as_bytes());
    let genuine = told(&bench.read_raw(&Call::Query(&order), body.clone()));
    assert!(genuine.starts_with("alipay.query.trade_success: paid 88.88 CNY"), "{genuine}");
    for at in 0..body.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut flipped = body.clone();
            flipped[at] ^= bit;
            let answer = bench.read_raw(&Call::Query(&order), flipped);
            let doubted =
                matches!(answer.outcome(), Some(Outcome::Unknown(Doubt::BadSignature | Doubt::Unreadable)));
            assert!(doubted || told(&answer) == genuine, "byte {at}, bit {bit}: {answer:?}");
        }
    }
}
