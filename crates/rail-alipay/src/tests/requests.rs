//! Requests, exact to the byte.

use paifang_payment::{NextAction, Presentation};
use paifang_rail::{Call, Exchange, Keyring, Method, Plan, PlanError, Rail};
use serde_json::Value;

use super::*;
use crate::request::Parameters;

/// The account that a vector is of.
fn settings_of(case: &Value, charset: Charset) -> Settings {
    let token = case["params"]["app_auth_token"].as_str();
    let certified = case["params"]["app_cert_sn"].is_string();
    Settings {
        app_auth_token: token.map(|token| Token::new(token.into())),
        key_mode: if certified { KeyMode::Certificate } else { KeyMode::PublicKey },
        ..settings(charset)
    }
}

/// The parameters of a vector in the order of its URL. Those that every call has come from the adapter itself.
fn parameters(bench: &Bench, case: &Value, charset: Charset) -> Parameters {
    let settings = settings_of(case, charset);
    let method: &'static str = text(case, "/params/method").to_owned().leak();
    let mut parameters = Parameters::common(&settings, method, &bench.cx()).unwrap();
    let target: &'static str = text(case, "/http/target").to_owned().leak();
    let (_, query) = target.split_once('?').unwrap();
    let common = ["app_id", "method", "format", "charset", "sign_type", "timestamp", "version"];
    let own = ["app_cert_sn", "alipay_root_cert_sn", "app_auth_token"];
    for name in query.split('&').filter_map(|pair| pair.split('=').next()) {
        if !common.contains(&name) && !own.contains(&name) && name != "sign" && name != "biz_content" {
            parameters.push(name, text(case, &format!("/params/{name}"))).unwrap();
        }
    }
    parameters
}

#[test]
fn request_vectors_of_the_official_layout_are_reproduced_to_the_byte() {
    let mut seen = Vec::new();
    for case in vectors()["v2_requests"].as_array().unwrap() {
        let name = text(case, "/name");
        // Layout and empty-value rule of other clients: read by servers, written by nobody here.
        if ["query_all_in_body_post", "query_empty_notify_url_kept"].contains(&name) {
            continue;
        }
        let charset = if text(case, "/charset") == "gbk" { Charset::Gbk } else { Charset::Utf8 };
        let bench = Bench::with(settings_of(case, charset));
        let host = "https://openapi.alipay.com";
        let content = text(case, "/params/biz_content");
        if text(case, "/http/method") == "GET" {
            let url = parameters(&bench, case, charset).link(GATEWAY, content, &bench.cx()).unwrap();
            assert_eq!(url, format!("{host}{}", text(case, "/http/target")), "{name}");
        } else {
            let exchange = parameters(&bench, case, charset).post(GATEWAY, content, &bench.cx()).unwrap();
            assert_eq!(exchange.method, Method::Post, "{name}");
            assert_eq!(exchange.url, format!("{host}{}", text(case, "/http/target")), "{name}");
            assert_eq!(exchange.headers, [("Content-Type", text(case, "/http/headers/content-type").into())]);
            assert_eq!(std::str::from_utf8(&exchange.body).unwrap(), text(case, "/http/body"), "{name}");
        }
        let mut signed = parameters(&bench, case, charset);
        signed.push_content(content, &bench.cx()).unwrap();
        let wanted = charset.encode(text(case, "/string_to_sign")).unwrap();
        assert_eq!(signed.string_to_sign(), wanted, "{name}");
        seen.push(name.to_owned());
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
}

/// URL without query, then every parameter of query and body, decoded, without the signature; which is checked.
pub(super) fn shown(bench: &Bench, url: &str, body: &[u8]) -> String {
    let (gateway, query) = url.split_once('?').unwrap();
    let pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(body));
    let mut pairs: Vec<(String, String)> = pairs.map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
    let at = pairs.iter().position(|(name, _)| name == "sign").unwrap();
    let (_, sign) = pairs.remove(at);
    pairs.sort();
    let lines: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let vectors = vectors();
    let app = Keyring::builder().verifier(Some("app"), text(&vectors, "/keys/app/public_spki_base64"));
    let app = app.and_then(|ring| ring.build()).unwrap();
    app.verify(lines.join("&").as_bytes(), &STANDARD.decode(&sign).unwrap()).unwrap();
    assert_eq!(bench.platform_sign(b"").len(), sign.len());
    format!("{gateway}\n{}", lines.join("\n"))
}

fn sent(bench: &Bench, call: &Call<'_>) -> Exchange {
    match bench.rail.plan(call, &bench.cx()).unwrap() {
        Plan::Send(exchange) => exchange,
        Plan::HandOff(action) => panic!("{action:?}"),
    }
}

fn check(call: &Call<'_>, method: &str, own: &str, content: &str) {
    check_with(settings(Charset::Utf8), call, method, own, content);
}

pub(super) fn check_with(settings: Settings, call: &Call<'_>, method: &str, own: &str, content: &str) {
    let bench = Bench::with(settings);
    let exchange = sent(&bench, call);
    let wanted = format!(
        "{GATEWAY}\napp_id=9021000000000001\nbiz_content={content}\ncharset=utf-8\nformat=JSON\nmethod={method}\n\
         {own}sign_type=RSA2\ntimestamp=2024-07-09 12:06:08\nversion=1.0"
    );
    assert_eq!(shown(&bench, &exchange.url, &exchange.body), wanted);
    assert!(exchange.body.starts_with(b"biz_content="));
    assert!(sent(&bench, call) == exchange, "equal calls give equal bytes");
}

#[test]
fn precreate_names_seller_expiry_and_notice_address() {
    let mut charge = charge(Presentation::QrShown);
    let notify = "notify_url=https://pay.example.test/notices/alipay-main\n";
    check(
        &Call::Charge(&charge),
        "alipay.trade.precreate",
        notify,
        r#"{"out_trade_no":"T20240709A0001","total_amount":"88.88","subject":"奶茶 (大杯) 50% off + 1","seller_id":"2088000000000001","time_expire":"2024-07-09 12:36:08"}"#,
    );
    charge.client_ip = Some("203.0.113.9".parse().unwrap()).into();
    check(
        &Call::Charge(&charge),
        "alipay.trade.precreate",
        notify,
        r#"{"out_trade_no":"T20240709A0001","total_amount":"88.88","subject":"奶茶 (大杯) 50% off + 1","seller_id":"2088000000000001","time_expire":"2024-07-09 12:36:08","business_params":{"mc_create_trade_ip":"203.0.113.9"}}"#,
    );
}

#[test]
fn query_close_and_refund_name_our_numbers_only() {
    let order = order(Presentation::QrShown);
    let content = r#"{"out_trade_no":"T20240709A0001"}"#;
    check(&Call::Query(&order), "alipay.trade.query", "", content);
    check(&Call::Close(&order), "alipay.trade.close", "", content);
    let mut refund = refund();
    check(
        &Call::Refund(&refund),
        "alipay.trade.refund",
        "",
        r#"{"out_trade_no":"T20240709A0001","refund_amount":"8.88","out_request_no":"R20240709A0001","refund_reason":"少送一杯","query_options":["refund_detail_item_list"]}"#,
    );
    check(
        &Call::QueryRefund(&refund),
        "alipay.trade.fastpay.refund.query",
        "",
        r#"{"out_trade_no":"T20240709A0001","out_request_no":"R20240709A0001","query_options":["gmt_refund_pay","refund_detail_item_list"]}"#,
    );
    refund.reason = Default::default();
    check(
        &Call::Refund(&refund),
        "alipay.trade.refund",
        "",
        r#"{"out_trade_no":"T20240709A0001","refund_amount":"8.88","out_request_no":"R20240709A0001","query_options":["refund_detail_item_list"]}"#,
    );
}

#[test]
fn a_page_is_one_signed_url_and_its_return_address_is_ours_unchanged() {
    let bench = Bench::new();
    let charge = charge(Presentation::DesktopWeb);
    let plan = bench.rail.plan(&Call::Charge(&charge), &bench.cx()).unwrap();
    let Plan::HandOff(NextAction::Redirect { url }) = plan else { panic!("{plan:?}") };
    let wanted = format!(
        "{GATEWAY}\napp_id=9021000000000001\n\
         biz_content={{\"out_trade_no\":\"T20240709A0001\",\"total_amount\":\"88.88\",\
         \"subject\":\"奶茶 (大杯) 50% off + 1\",\"product_code\":\"FAST_INSTANT_TRADE_PAY\",\
         \"seller_id\":\"2088000000000001\",\"time_expire\":\"2024-07-09 12:36:08\"}}\n\
         charset=utf-8\nformat=JSON\nmethod=alipay.trade.page.pay\n\
         notify_url=https://pay.example.test/notices/alipay-main\nreturn_url=https://pay.example.test/back/7\n\
         sign_type=RSA2\ntimestamp=2024-07-09 12:06:08\nversion=1.0"
    );
    assert_eq!(shown(&bench, &url, b""), wanted);
}

fn refused(bench: &Bench, call: &Call<'_>, cx: &Context<'_>) -> PlanError {
    bench.rail.plan(call, cx).unwrap_err()
}

#[test]
fn what_the_message_cannot_carry_is_refused_before_anything_is_sent() {
    let field = |error: PlanError| match error {
        PlanError::BadValue { field, .. } => field,
        PlanError::Unsupported(what) | PlanError::MissingKey(what) => what,
        PlanError::AdapterFailed => "the adapter",
    };
    let bench = Bench::of(Charset::Gbk);
    let mut odd = charge(Presentation::QrShown);
    odd.description = "🍵".into();
    assert_eq!(field(refused(&bench, &Call::Charge(&odd), &bench.cx())), "description");
    let mut odd_refund = refund();
    odd_refund.reason = "🍵".into();
    assert_eq!(field(refused(&bench, &Call::Refund(&odd_refund), &bench.cx())), "reason");

    let bench = Bench::new();
    let mut yen = charge(Presentation::QrShown);
    yen.order.amount = PositiveMoney::new(1000, Currency::parse("JPY").unwrap()).unwrap();
    assert_eq!(field(refused(&bench, &Call::Charge(&yen), &bench.cx())), "amount");
    let mut much = charge(Presentation::QrShown);
    much.order.amount = yuan(10_000_000_001);
    assert_eq!(field(refused(&bench, &Call::Charge(&much), &bench.cx())), "amount");
    for (presentation, needed) in [
        (Presentation::PayerCode, "payer_code"),
        (Presentation::Jsapi, "payer"),
        (Presentation::MiniProgram, "payer"),
    ] {
        let charge = charge(presentation);
        assert_eq!(field(refused(&bench, &Call::Charge(&charge), &bench.cx())), needed);
    }
    let mut other = charge(Presentation::QrShown);
    other.wallet = WalletName::parse("wechatpay").unwrap();
    assert_eq!(field(refused(&bench, &Call::Charge(&other), &bench.cx())), "this wallet");
    let long = format!("https://pay.example.test/{}", "x".repeat(256));
    let cx = Context { notify_url: &long, ..bench.cx() };
    let charge = charge(Presentation::QrShown);
    assert_eq!(field(refused(&bench, &Call::Charge(&charge), &cx)), "notify_url");
    let keys = Keyring::builder().build().unwrap();
    let cx = Context { keys: &keys, ..bench.cx() };
    assert_eq!(refused(&bench, &Call::Charge(&charge), &cx), PlanError::MissingKey("app_private_key"));
}
