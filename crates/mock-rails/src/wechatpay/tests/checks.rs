//! What is refused, in which order, and how.

use http::Method;
use serde_json::{Value, json};

use super::*;
use crate::wechatpay::{ChangedRepeat, Settings};

#[tokio::test]
async fn the_operation_of_a_request_is_its_path() {
    let world = World::open();
    let of = |method: Method, target: &str| world.rail.operation(&world.request(method, target, ""));
    assert_eq!(of(Method::POST, REFUNDS), Some("refund"));
    assert_eq!(of(Method::GET, &format!("{REFUNDS}/R1")), Some("refund_query"));
    assert_eq!(of(Method::GET, "/v3/none"), None);
}

/// npm `wechatpay-nodejs-sdk` sends `{}` with each GET and signs no body, as the rail's rules have it for GET.
#[tokio::test]
async fn the_body_of_a_get_is_not_part_of_what_is_signed() {
    let world = World::open();
    let mut get = world.request(Method::GET, "/v3/certificates", "");
    get.body = "{}".into();
    assert_eq!(world.send(get).await.verdict(), "200");
}

/// One request with several faults at once answers for the one that the rail checks first.
#[tokio::test]
async fn checks_come_in_the_order_of_the_rail() {
    let world = World::open();
    let broken = "{";
    let strip = |mut request: RailRequest, names: &[&str]| {
        for name in names {
            request.headers.remove(*name);
        }
        request
    };
    let reauthorize = |mut request: RailRequest, from: &str, to: &str| {
        let header = request.headers["authorization"].to_str().unwrap().replace(from, to);
        request.headers.insert("authorization", HeaderValue::from_str(&header).unwrap());
        request
    };
    let post = |target: &str, body: &str| world.request(Method::POST, target, body);
    let stale = format!("timestamp=\"{}\"", BASE - 301);
    let fresh = format!("timestamp=\"{BASE}\"");
    let serial = "serial_no=\"3A";

    let bare = strip(post(REFUNDS, broken), &["user-agent", "authorization"]);
    let bare_transaction = strip(post(NATIVE, broken), &["user-agent", "authorization"]);
    let unsigned = strip(post(REFUNDS, broken), &["authorization"]);
    let other_scheme = reauthorize(post(NATIVE, broken), "RSA2048 ", "SM2 ");
    let old = reauthorize(reauthorize(post(NATIVE, broken), &fresh, &stale), serial, "serial_no=\"3B");
    let other_serial = reauthorize(
        reauthorize(post(NATIVE, broken), serial, "serial_no=\"3B"),
        "nonce_str=\"N0NCE\"",
        "nonce_str=\"OTHER\"",
    );
    let forged = reauthorize(post(NATIVE, broken), "nonce_str=\"N0NCE\"", "nonce_str=\"OTHER\"");
    let only_body = post(NATIVE, broken);
    let wrong_method = strip(world.request(Method::GET, NATIVE, broken), &["authorization"]);
    let no_such_path = strip(post("/v3/pay/transactions/facepay", broken), &["authorization"]);

    for (request, verdict, message) in [
        (no_such_path, "404", None),
        (wrong_method, "405", None),
        (bare, "400 INVALID_REQUEST", Some("Http头缺少Accept或User-Agent")),
        (bare_transaction, "401 SIGN_ERROR", Some("签名信息错误，验签失败")),
        (
            unsigned,
            "401 SIGN_ERROR",
            Some("Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》"),
        ),
        (other_scheme, "401 SIGN_ERROR", Some("签名信息错误，验签失败")),
        (old, "401 SIGN_ERROR", Some("Http头Authorization中的timestamp与发起请求的时间不得超过5分钟")),
        (other_serial, "401 SIGN_ERROR", Some("商户证书序列号有误。请使用签名私钥匹配的证书序列号")),
        (forged, "401 SIGN_ERROR", Some("签名错误")),
        (only_body, "400 PARAM_ERROR", Some("请求体不是合法的JSON对象")),
    ] {
        let got = world.send(request).await;
        assert_eq!(got.verdict(), verdict, "{message:?}");
        match message {
            Some(message) => assert_eq!(got.message(), message),
            None => assert!(got.body.is_empty()),
        }
        let signed = !got.header("Wechatpay-Signature").is_empty();
        assert_eq!(signed, verdict == "400 PARAM_ERROR", "refusals of strangers are unsigned");
    }
    assert_eq!(world.rail.book(), [], "nothing of this had an effect (I18)");
}

#[tokio::test]
async fn the_clock_may_differ_by_five_minutes_and_no_more() {
    let world = World::open();
    for (skew, verdict) in [
        (300, "404 ORDER_NOT_EXIST"),
        (-300, "404 ORDER_NOT_EXIST"),
        (301, "401 SIGN_ERROR"),
        (-301, "401 SIGN_ERROR"),
    ] {
        let target = "/v3/pay/transactions/out-trade-no/T00000001?mchid=1900000109";
        let request = world.request(Method::GET, target, "");
        world.step(skew);
        assert_eq!(world.send(request).await.verdict(), verdict, "{skew}");
        world.step(-skew);
    }
}

#[tokio::test]
async fn request_ids_end_in_the_internal_number_and_lack_on_transactions_that_are_not_signed() {
    let world = World::open();
    assert!(world.native("T00000001", 1).await.header("Request-ID").ends_with("-0"));
    assert!(world.query("T00000002").await.header("Request-ID").ends_with("-268512771"));
    let mut unsigned = world.request(Method::POST, NATIVE, "{}");
    unsigned.headers.remove("authorization");
    assert_eq!(world.send(unsigned).await.header("Request-ID"), "");
    let mut unsigned = world.request(Method::POST, REFUNDS, "{}");
    unsigned.headers.remove("authorization");
    assert!(world.send(unsigned).await.header("Request-ID").ends_with("-268443699"));
}

/// The order of `T00000001` with one part changed; `null` removes it.
fn changed(pointer: &str, value: &Value) -> Value {
    let mut order = jsapi_order("T00000001", 100);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let object = order.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), value.clone());
    }
    order
}

#[tokio::test]
async fn bodies_are_checked_strictly() {
    let world = World::open();
    let long_detail = json!({"goods_detail": vec![
        json!({"merchant_goods_id": "g", "goods_name": "n".repeat(200), "quantity": 1, "unit_price": 1}); 30
    ]});
    for (pointer, value, verdict) in [
        ("/trade_type", json!("JSAPI"), "400 PARAM_ERROR"),
        ("/amount/sum", json!(1), "400 PARAM_ERROR"),
        ("/appid", Value::Null, "400 PARAM_ERROR"),
        ("/appid", json!("wx0000000000000000"), "400 APPID_MCHID_NOT_MATCH"),
        ("/mchid", json!("1900000110"), "400 PARAM_ERROR"),
        ("/description", json!(""), "400 PARAM_ERROR"),
        ("/description", json!("字".repeat(42)), "200"),
        ("/description", json!("字".repeat(43)), "400 PARAM_ERROR"),
        ("/description", json!("\u{1F9E7}"), "400 INVALID_REQUEST"),
        ("/out_trade_no", json!("T0001"), "400 PARAM_ERROR"),
        ("/out_trade_no", json!("T".repeat(33)), "400 PARAM_ERROR"),
        ("/out_trade_no", json!("T0000001@"), "400 PARAM_ERROR"),
        ("/notify_url", json!("ftp://shop.example/n"), "400 PARAM_ERROR"),
        ("/notify_url", json!("https://shop.example/n?a=b"), "400 PARAM_ERROR"),
        ("/notify_url", json!("https://shop.example:123456/n"), "400 PARAM_ERROR"),
        ("/notify_url", json!("https:///n"), "400 PARAM_ERROR"),
        ("/amount/total", json!(0), "400 PARAM_ERROR"),
        ("/amount/total", json!(-1), "400 PARAM_ERROR"),
        ("/amount/total", json!(1.5), "400 PARAM_ERROR"),
        ("/amount/total", json!("100"), "400 PARAM_ERROR"),
        ("/amount/total", json!(u64::MAX), "400 PARAM_ERROR"),
        ("/amount/currency", json!("USD"), "400 PARAM_ERROR"),
        ("/time_expire", json!("2026-01-01 09:00:00"), "400 PARAM_ERROR"),
        ("/time_expire", json!("2026-01-01T09:00:00"), "400 PARAM_ERROR"),
        ("/support_fapiao", json!("false"), "400 PARAM_ERROR"),
        ("/scene_info", json!({"device_id": "1"}), "400 PARAM_ERROR"),
        ("/scene_info", json!({"payer_client_ip": "1.2.3"}), "400 PARAM_ERROR"),
        (
            "/scene_info",
            json!({"payer_client_ip": "2001:db8::1", "store_info": {"id": "1", "x": 1}}),
            "400 PARAM_ERROR",
        ),
        ("/detail", json!({"goods_detail": [{"quantity": 1, "unit_price": 1}]}), "400 PARAM_ERROR"),
        ("/detail", json!({"goods_detail": [1]}), "400 PARAM_ERROR"),
        ("/detail", long_detail, "400 PARAM_ERROR"),
        ("/payer", Value::Null, "400 PARAM_ERROR"),
        ("/payer", json!({}), "400 PARAM_ERROR"),
        ("/payer", json!({"openid": "o".repeat(129)}), "400 PARAM_ERROR"),
        ("/payer", json!({"openid": "o", "unionid": "u"}), "400 PARAM_ERROR"),
    ] {
        let got = world.post(JSAPI, &changed(pointer, &value)).await;
        assert_eq!(got.verdict(), verdict, "{pointer} {value}");
    }
    let got = world.post(NATIVE, &jsapi_order("T00000009", 100)).await;
    assert_eq!(got.verdict(), "400 PARAM_ERROR", "a Native order has no payer");
}

#[tokio::test]
async fn refusals_say_where_and_what() {
    let world = World::open();
    let got = world.post(JSAPI, &changed("/amount/total", &json!(0))).await;
    let wanted = r#"{"code":"PARAM_ERROR","detail":{"location":"body","value":0},"message":"输入源“/body/amount/total”映射到数值字段“总金额”规则校验失败，值低于最小值 1"}"#;
    assert_eq!(String::from_utf8(got.body).unwrap(), wanted, "as seen live");
    let got = world.post(JSAPI, &changed("/amount/sum", &json!(0))).await;
    let wanted = r#"{"code":"PARAM_ERROR","detail":{"location":"body","value":["/amount/sum"]},"message":"请求中含有未在API文档中定义的参数"}"#;
    assert_eq!(String::from_utf8(got.body).unwrap(), wanted);
    let got = world.get("/v3/pay/transactions/out-trade-no/T00000001").await;
    let wanted = "输入源“/uri_template/mchid”映射到字段“直连商户号”必填性规则校验失败，此字段为必填项";
    assert_eq!((got.verdict().as_str(), got.message().as_str()), ("400 PARAM_ERROR", wanted), "as seen live");
    let got = world.post(JSAPI, &changed("/payer", &Value::Null)).await;
    assert_eq!(got.message(), "JSAPI支付必须传openid");
    let got = world.get("/v3/pay/transactions/out-trade-no/T00000001?mchid=1900000110").await;
    assert_eq!(got.verdict(), "400 PARAM_ERROR");
}

#[tokio::test]
async fn a_changed_repeat_is_refused_in_either_form() {
    for (changed_repeat, verdict) in [
        (ChangedRepeat::AsReported, "400 INVALID_REQUEST"),
        (ChangedRepeat::AsDocumented, "403 OUT_TRADE_NO_USED"),
    ] {
        let world = World::with(Settings { changed_repeat, ..Settings::default() });
        assert_eq!(world.native("T00000001", 100).await.verdict(), "200");
        assert_eq!(world.native("T00000001", 101).await.verdict(), verdict, "another amount");
        let as_jsapi = world.post(JSAPI, &jsapi_order("T00000001", 100)).await;
        assert_eq!(as_jsapi.verdict(), verdict, "another product");
        assert_eq!(world.native("T00000001", 100).await.verdict(), "200", "the first one stands");
    }
}

#[tokio::test]
async fn the_journal_has_the_string_that_should_have_been_signed() {
    let world = World::open();
    let mut request = world.request(Method::GET, "/v3/certificates?algorithm_type=RSA", "");
    request.target = "/v3/certificates".into();
    assert_eq!(world.send(request).await.verdict(), "401 SIGN_ERROR");
    let entry = world.bench.journal.entries().pop().unwrap();
    assert_eq!(entry.expected.unwrap(), format!("GET\n/v3/certificates\n{BASE}\nN0NCE\n\n"));
    assert_eq!((entry.operation.as_str(), entry.verdict.as_str()), ("certificates", "401 SIGN_ERROR"));
    world.native("T00000001", 1).await;
    let entry = world.bench.journal.entries().pop().unwrap();
    assert_eq!((entry.order_no.as_deref(), entry.verdict.as_str()), (Some("T00000001"), "200"));
}

/// The header is read by name, in any order; one that is not exactly the five pairs is none. The merchant number is
/// not part of what is signed, so it is checked on its own.
#[tokio::test]
async fn the_authorization_header_is_read_by_name_and_strictly() {
    let world = World::open();
    let good = world.request(Method::GET, "/v3/certificates", "");
    let header = good.header("authorization").unwrap().to_owned();
    let (scheme, pairs) = header.split_once(' ').unwrap();
    let reversed: Vec<&str> = pairs.split(',').rev().collect();
    let malformed = "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》";
    let wrong_serial = "商户证书序列号有误。请使用签名私钥匹配的证书序列号";
    for (header, message) in [
        (header.clone(), None),
        (format!("{scheme} {}", reversed.join(",")), None),
        (header.replace("3A1B5C7D9E0F", "3a1b5c7d9e0f"), None),
        (header.replace("mchid=\"1900000109\"", "mchid=\"1900000110\""), Some(wrong_serial)),
        (header.replace("mchid=\"1900000109\",", ""), Some(malformed)),
        (format!("{header},mchid=\"1900000109\""), Some(malformed)),
        (format!("{header},extra=\"1\""), Some(malformed)),
        (header.replace("nonce_str=\"N0NCE\"", "nonce_str=\"\""), Some(malformed)),
        (header.replace("nonce_str=\"N0NCE\"", "nonce_str=N0NCE"), Some(malformed)),
        (header.replace("timestamp=\"", "timestamp=\"+"), Some(malformed)),
        (header.replace("WECHATPAY2", "wechatpay2"), Some(malformed)),
        (scheme.to_owned(), Some(malformed)),
    ] {
        let mut request = good.clone();
        request.headers.insert("authorization", HeaderValue::from_str(&header).unwrap());
        let got = world.send(request).await;
        assert_eq!((got.status != 200).then(|| got.message()).as_deref(), message, "{header}");
    }
}
