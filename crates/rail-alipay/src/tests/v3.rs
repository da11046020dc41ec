//! Protocol v3, against the committed vectors and against itself in the rail's place.

use paifang_payment::{Basis, Doubt, Outcome, Presentation};
use paifang_rail::{Call, Method, Plan, Rail};
use serde_json::Value;

use super::*;
use crate::v3::{self, Draft};

const NONCE: &str = "d5553f1d2304d354784457f7f6a3cfb2";

pub(super) fn account() -> Settings {
    Settings { protocol: Protocol::V3, ..settings(Charset::Utf8) }
}

/// A signed answer, as the rail sends it at this time.
pub(super) fn answered(bench: &Bench, status: u16, body: &str, millis: i64) -> Reply {
    let message = format!("{millis}\n{NONCE}\n{body}\n");
    let headers = vec![
        ("alipay-timestamp".to_owned(), millis.to_string()),
        ("alipay-nonce".to_owned(), NONCE.to_owned()),
        ("alipay-signature".to_owned(), bench.platform_sign(message.as_bytes())),
    ];
    Reply { status, headers, body: body.as_bytes().to_vec() }
}

fn millis() -> i64 {
    at(NOW).as_millisecond()
}

/// The layout inside the Authorization text is the client's own; one vector has another layout than ours.
#[test]
fn request_vectors_are_reproduced_to_the_byte() {
    let mut seen = Vec::new();
    for case in vectors()["v3_requests"].as_array().unwrap() {
        let name = text(case, "/name");
        if name == "post_query_expired_seconds" {
            continue;
        }
        let token = case["headers"]["alipay-app-auth-token"].as_str();
        let certified = case["headers"]["alipay-root-cert-sn"].is_string();
        let settings = Settings {
            app_auth_token: token.map(|token| Token::new(token.into())),
            key_mode: if certified { KeyMode::Certificate } else { KeyMode::PublicKey },
            ..account()
        };
        let bench = Bench::with(settings.clone());
        let cx = Context { nonce: text(case, "/headers/alipay-request-id"), ..bench.cx() };
        let body = text(case, "/body");
        let draft = Draft {
            settings: &settings,
            method: if text(case, "/method") == "GET" { Method::Get } else { Method::Post },
            target: text(case, "/target").to_owned(),
            body: (!body.is_empty()).then(|| body.to_owned()),
        };
        let exchange = draft.sign("8f2bd1b4-3d0d-4f2c-9d49-0a3f3a8d9f10", &cx).unwrap();
        assert_eq!(exchange.url, format!("https://openapi.alipay.com{}", text(case, "/target")), "{name}");
        assert_eq!(std::str::from_utf8(&exchange.body).unwrap(), body, "{name}");
        let sent: std::collections::BTreeMap<String, Value> = exchange
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), Value::from(value.as_str())))
            .collect();
        let wanted = case["headers"].as_object().unwrap();
        let wanted = wanted.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        assert_eq!(sent, wanted, "{name}");
        seen.push(name.to_owned());
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
}

#[test]
fn calls_are_the_same_members_as_json_with_the_address_of_notices() {
    let bench = Bench::with(account());
    let check = |call: Call<'_>, target: &str, body: &str| {
        let Plan::Send(exchange) = bench.rail.plan(&call, &bench.cx()).unwrap() else { panic!("handed off") };
        assert_eq!(exchange.url, format!("https://openapi.alipay.com/v3/{target}"));
        assert_eq!(std::str::from_utf8(&exchange.body).unwrap(), body);
        let (name, auth) = &exchange.headers[0];
        assert_eq!(*name, "Authorization");
        let start = "ALIPAY-SHA256withRSA app_id=9021000000000001,nonce=001122334455667788990190";
        assert!(auth.starts_with(start), "{auth}");
    };
    let order = order(Presentation::QrShown);
    check(Call::Query(&order), "alipay/trade/query", r#"{"out_trade_no":"T20240709A0001"}"#);
    check(
        Call::Charge(&charge(Presentation::QrShown)),
        "alipay/trade/precreate",
        r#"{"out_trade_no":"T20240709A0001","total_amount":"88.88","subject":"奶茶 (大杯) 50% off + 1","seller_id":"2088000000000001","time_expire":"2024-07-09 12:36:08","notify_url":"https://pay.example.test/notices/alipay-main"}"#,
    );
    // Pages and order strings keep the form of v2.
    let plan = bench.rail.plan(&Call::Charge(&charge(Presentation::DesktopWeb)), &bench.cx()).unwrap();
    let Plan::HandOff(paifang_payment::NextAction::Redirect { url }) = plan else { panic!("{plan:?}") };
    assert!(url.starts_with("https://openapi.alipay.com/gateway.do?app_id="), "{url}");
}

/// A nonce may be used once: the same attempt asked again a moment later has another one.
#[test]
fn a_nonce_is_not_used_twice() {
    let bench = Bench::with(account());
    let order = order(Presentation::QrShown);
    let auth = |now: &str| {
        let cx = Context { now: at(now), ..bench.cx() };
        let Plan::Send(exchange) = bench.rail.plan(&Call::Query(&order), &cx).unwrap() else { panic!() };
        let (_, auth) = exchange.headers[0].1.split_once("nonce=").unwrap();
        auth.split(',').next().unwrap().to_owned()
    };
    assert_eq!(auth(NOW).len(), 32);
    assert_ne!(auth(NOW), auth("2024-07-09T04:06:08.001Z"));
}

#[test]
fn response_vectors_are_verified_as_they_expect() {
    let mut lines = Vec::new();
    let mut order = order(Presentation::QrShown);
    for case in vectors()["v3_responses"].as_array().unwrap() {
        let name = text(case, "/name");
        let certified = case["headers"]["alipay-sn"].is_string();
        let key_mode = if certified { KeyMode::Certificate } else { KeyMode::PublicKey };
        let bench = Bench::with(Settings { key_mode, ..account() });
        let reply = reply_of(case);
        let opened = v3::open(&Settings { key_mode, ..account() }, &reply, &bench.cx());
        let opened = opened.unwrap_or_else(|unclear| panic!("{name}: {:?}", unclear.doubt));
        assert_eq!(opened.proof.is_some(), text(case, "/expect") == "valid", "{name}");
        // The numbers of the vectors have underscores, which ours never have.
        order.order_no = OrderNo::parse("T20240709A0001").unwrap();
        let answer = bench.rail.read(&Call::Query(&order), &reply, &bench.cx());
        lines.push(format!("{name} {}", told(&answer)));
    }
    assert_eq!(
        lines,
        [
            r#"query_200 alipay.query.mismatch: unknown Mismatch("out_trade_no")"#,
            r#"query_200_cert_mode alipay.query.mismatch: unknown Mismatch("out_trade_no")"#,
            r#"query_400_not_exist alipay.query.mismatch: unknown Mismatch("out_trade_no")"#,
            r#"gateway_400_invalid_app_id_unsigned alipay.query.invalid-app-id: unknown RailUnsure("invalid-app-id")"#,
        ]
    );
}

fn reply_of(case: &Value) -> Reply {
    let headers = case["headers"].as_object().unwrap().iter();
    Reply {
        status: u16::try_from(case["status"].as_u64().unwrap()).unwrap(),
        headers: headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
        body: text(case, "/body").as_bytes().to_vec(),
    }
}

#[test]
fn a_genuine_sandbox_answer_is_believed_in_its_time() {
    let vectors = vectors();
    let case = &vectors["real_captures"]["v3_response"];
    let key = text(&vectors, "/real_captures/alipay_public_key_pem");
    let keys = Keyring::builder().verifier(Some("sandbox"), key).and_then(KeyringBuilder::build).unwrap();
    let bench = Bench::with(account());
    let mut order = order(Presentation::QrShown);
    order.order_no = OrderNo::parse("70501111111S001111120").unwrap();
    let sent: i64 = text(case, "/headers/alipay-timestamp").parse().unwrap();
    let told_at = |millis: i64| {
        let now = Timestamp::from_millisecond(millis).unwrap();
        let cx = Context { keys: &keys, now, ..bench.cx() };
        told(&bench.rail.read(&Call::Query(&order), &reply_of(case), &cx))
    };
    assert_eq!(told_at(sent + 600_000), "alipay.query.trade_not_exist: absent");
    assert_eq!(told_at(sent - 600_000), "alipay.query.trade_not_exist: absent");
    for stale in [sent + 600_001, sent - 600_001] {
        assert_eq!(told_at(stale), "alipay.query.stale: unknown BadSignature");
    }
}

#[test]
fn statuses_and_codes_are_read_together() {
    let bench = Bench::with(account());
    let charge = super::calls::by_code();
    let (order, new) = (order(Presentation::QrShown), super::charge(Presentation::QrShown));
    let check = |call: Call<'_>, status: u16, body: &str, wanted: &str| {
        let answer = bench.rail.read(&call, &answered(&bench, status, body, millis()), &bench.cx());
        assert_eq!(told(&answer), format!("alipay.{wanted}"), "{status} {body}");
    };
    let ours = r#""out_trade_no":"T20240709A0001","trade_no":"20240709220014","total_amount":"88.88""#;
    let code = Call::Charge(&charge);
    let paid = format!(r#"{{{ours},"gmt_payment":"2024-07-09 12:06:10"}}"#);
    check(code, 200, &paid, "charge.paid: paid 88.88 CNY 20240709220014 2024-07-09T04:06:10Z");
    check(code, 200, &format!("{{{ours}}}"), "charge.no_payment_time: pending");
    check(code, 202, &format!("{{{ours}}}"), "charge.in_process: pending");
    let error =
        |code: &str| format!(r#"{{"code":"{code}","message":"失败","out_trade_no":"T20240709A0001"}}"#);
    let query = Call::Query(&order);
    check(query, 400, &error("ACQ.TRADE_NOT_EXIST"), "query.trade_not_exist: absent");
    check(query, 202, &format!("{{{ours}}}"), r#"query.10003: unknown RailUnsure("10003")"#);
    // The status is not signed: an error under 200, or a success under 400, is neither.
    check(query, 200, &error("ACQ.TRADE_NOT_EXIST"), r#"query.mismatch: unknown Mismatch("status")"#);
    check(query, 400, &paid, "query.http_status: unknown HttpStatus(400)");
    check(
        Call::Charge(&new),
        400,
        &error("invalid-parameter"),
        "charge.invalid-parameter: refused invalid_request invalid-parameter Signed",
    );
    check(
        Call::Charge(&new),
        400,
        &error("ACQ.NO_SUCH"),
        r#"charge.unlisted_code: unknown UnlistedCode("ACQ.NO_SUCH")"#,
    );
    check(query, 429, &error("app-call-limited"), r#"query.20000: unknown RailUnsure("app-call-limited")"#);
    check(query, 500, &error("unknow-error"), r#"query.20000: unknown RailUnsure("unknow-error")"#);
    check(query, 502, "<html>", "query.http_status: unknown HttpStatus(502)");
    for status in [204, 301, 302, 405, 418] {
        check(query, status, "", &format!("query.http_status: unknown HttpStatus({status})"));
    }
}

#[test]
fn unsigned_answers_count_as_the_gateways_refusal_only() {
    let bench = Bench::with(account());
    let order = order(Presentation::QrShown);
    let new = charge(Presentation::QrShown);
    let unsigned = |call: Call<'_>, status: u16, body: &str| {
        let reply = Reply { headers: Vec::new(), status, body: body.as_bytes().to_vec() };
        let answer = bench.rail.read(&call, &reply, &bench.cx());
        answer.outcome().cloned()
    };
    let ours = r#"{"out_trade_no":"T20240709A0001","trade_status":"TRADE_SUCCESS","total_amount":"88.88"}"#;
    assert_eq!(unsigned(Call::Query(&order), 200, ours), Some(Outcome::Unknown(Doubt::BadSignature)));
    let absent = r#"{"code":"ACQ.TRADE_NOT_EXIST","message":"x","out_trade_no":"T20240709A0001"}"#;
    assert_eq!(unsigned(Call::Query(&order), 400, absent), Some(Outcome::Unknown(Doubt::BadSignature)));
    let links =
        r#"{"code":"invalid-app-id","links":[{"link":"https://x","desc":"y"}],"message":"无效的AppID参数"}"#;
    match unsigned(Call::Charge(&new), 400, links) {
        Some(Outcome::Refused(refusal)) => assert_eq!(refusal.basis, Basis::Channel),
        other => panic!("{other:?}"),
    }
}

/// I4: each byte of body, time, nonce and signature flipped; refused, or the very same.
#[test]
fn a_flipped_byte_changes_nothing_or_everything() {
    let bench = Bench::with(account());
    let order = order(Presentation::QrShown);
    let body = r#"{"out_trade_no":"T20240709A0001","trade_status":"TRADE_SUCCESS","total_amount":"88.88"}"#;
    let good = answered(&bench, 200, body, millis());
    let read = |reply: &Reply| bench.rail.read(&Call::Query(&order), reply, &bench.cx());
    let genuine = told(&read(&good));
    assert_eq!(genuine, "alipay.query.trade_success: paid 88.88 CNY - -");
    let check = |flipped: &Reply| {
        let answer = read(flipped);
        let doubted =
            matches!(answer.outcome(), Some(Outcome::Unknown(Doubt::BadSignature | Doubt::Unreadable)));
        assert!(doubted || told(&answer) == genuine, "{answer:?}");
    };
    for bit in [0x01, 0x20] {
        for at in 0..good.body.len() {
            let mut flipped = good.clone();
            flipped.body[at] ^= bit;
            check(&flipped);
        }
        for header in 0..good.headers.len() {
            for at in 0..good.headers[header].1.len() {
                let mut bytes = good.headers[header].1.clone().into_bytes();
                bytes[at] ^= bit;
                let Ok(value) = String::from_utf8(bytes) else { continue };
                let mut flipped = good.clone();
                flipped.headers[header].1 = value;
                check(&flipped);
            }
        }
    }
}
