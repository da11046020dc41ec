//! App and H5 orders, mini programs, and the parameters that front ends hand to the wallet.

use serde_json::json;

use super::*;
use crate::wechatpay::invoke::{self, Invocation, NotInvoked};
use crate::wechatpay::trades::Product;

const APP: &str = "/v3/pay/transactions/app";
const H5: &str = "/v3/pay/transactions/h5";

fn pay(target: PayerTarget) -> PayerAct {
    PayerAct::Pay { target, force: false }
}

fn h5_order(order_no: &str) -> Value {
    let mut order = order(order_no, 100);
    order["scene_info"] = json!({"payer_client_ip": "203.0.113.7", "h5_info": {"type": "Wap"}});
    order
}

#[tokio::test]
async fn an_app_order_is_paid_by_its_prepay_id() {
    let world = World::open();
    let got = world.post(APP, &order("T00000001", 100)).await;
    assert!(signed_by(&got.headers, &got.body, "platform_certificate"));
    let prepay_id = text(&got.json(), "prepay_id").to_owned();
    assert!(prepay_id.starts_with("wx") && prepay_id.len() <= 64);
    world.rail.payer(pay(PayerTarget::PrepayId(prepay_id))).unwrap();
    assert_eq!(world.query("T00000001").await.json()["trade_type"], "APP");
}

#[tokio::test]
async fn an_h5_address_lives_five_minutes_and_bears_a_redirect() {
    let world = World::open();
    let url = |got: &Got| text(&got.json(), "h5_url").to_owned();
    let first = url(&world.post(H5, &h5_order("T00000001")).await);
    assert!(first.starts_with("https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx"));
    world.step(300);
    assert_eq!(world.rail.payer(pay(PayerTarget::Qr(first))), Err(PayerError::NoSuchOrder));
    let second = url(&world.post(H5, &h5_order("T00000001")).await);
    let redirected = format!("{second}&redirect_url=https%3A%2F%2Fshop.example%2F");
    world.rail.payer(pay(PayerTarget::Qr(redirected))).unwrap();
    assert_eq!(world.query("T00000001").await.json()["trade_type"], "MWEB");
}

#[tokio::test]
async fn an_h5_order_says_where_it_comes_from() {
    let world = World::open();
    for (scene, verdict) in [
        (Value::Null, "400 PARAM_ERROR"),
        (json!({"payer_client_ip": "203.0.113.7"}), "400 PARAM_ERROR"),
        (json!({"h5_info": {"type": "Wap"}}), "400 PARAM_ERROR"),
        (json!({"payer_client_ip": "203.0.113.7", "h5_info": {"type": "wap"}}), "400 PARAM_ERROR"),
        (json!({"payer_client_ip": "203.0.113.7", "h5_info": {"type": "iOS", "x": 1}}), "400 PARAM_ERROR"),
        (json!({"payer_client_ip": "::1", "h5_info": {"type": "iOS", "bundle_id": "b"}}), "200"),
    ] {
        let mut body = order("T00000001", 100);
        body["scene_info"] = scene.clone();
        if scene.is_null() {
            body.as_object_mut().unwrap().remove("scene_info");
        }
        assert_eq!(world.post(H5, &body).await.verdict(), verdict, "{scene}");
    }
    let as_app = world.post(APP, &h5_order("T00000002")).await;
    assert_eq!(as_app.verdict(), "400 PARAM_ERROR", "an app order has no h5_info");
}

#[tokio::test]
async fn one_number_is_one_product() {
    let world = World::open();
    assert_eq!(world.post(APP, &order("T00000001", 100)).await.status, 200);
    assert_eq!(world.native("T00000001", 100).await.verdict(), "400 INVALID_REQUEST");
}

#[test]
fn front_end_parameters_of_the_vectors_verify() {
    let ring = keyring();
    let vector = &vectors::wechatpay()["client_invoke"];
    let id = "wx0108000000000000000000000000000000";
    for (name, product) in [("jsapi", Product::Jsapi), ("app", Product::App)] {
        let read = invoke::read(&ring, &vector[name]["params"].to_string()).unwrap();
        assert_eq!(read, Ok(Invocation { prepay_id: id.into(), product }), "{name}");
        let mut forged = vector[name]["params"].clone();
        let nonce = if name == "app" { "noncestr" } else { "nonceStr" };
        forged[nonce] = json!("OTHER");
        assert_eq!(invoke::read(&ring, &forged.to_string()).unwrap(), Err(NotInvoked::Signature), "{name}");
    }
    let mut mini = vector["jsapi"]["params"].clone();
    mini.as_object_mut().unwrap().remove("appId");
    assert!(invoke::read(&ring, &mini.to_string()).unwrap().is_ok(), "a mini program passes no appId");
    assert!(invoke::read(&ring, id).is_none(), "a bare id is no call");
}

#[test]
fn front_end_parameters_must_be_all_there_and_right() {
    let ring = keyring();
    let vector = &vectors::wechatpay()["client_invoke"];
    for (name, field, value) in [
        ("jsapi", "signType", json!("MD5")),
        ("jsapi", "package", json!("wx0108000000000000000000000000000000")),
        ("jsapi", "appId", json!("wx0000000000000000")),
        ("jsapi", "timeStamp", json!(1_767_226_200)),
        ("app", "package", json!("prepay_id=wx0108000000000000000000000000000000")),
        ("app", "partnerid", json!("1900000110")),
        ("app", "appid", json!("wx0000000000000000")),
        ("app", "extra", json!("x")),
    ] {
        let mut params = vector[name]["params"].clone();
        params[field] = value;
        let read = invoke::read(&ring, &params.to_string()).unwrap();
        assert_eq!(read, Err(NotInvoked::Malformed), "{name} {field}");
    }
}

/// The wallet opens for what the merchant signed, and for nothing else.
#[tokio::test]
async fn the_wallet_checks_what_the_front_end_hands_it() {
    let world = World::open();
    let placed = world.post(JSAPI, &jsapi_order("T00000001", 100)).await.json();
    let package = format!("prepay_id={}", text(&placed, "prepay_id"));
    let call = |signed: &str| {
        let message = format!("wxd678efh567hg6787\n{BASE}\nN\n{signed}\n");
        json!({
            "appId": "wxd678efh567hg6787", "timeStamp": BASE.to_string(), "nonceStr": "N", "package": package,
            "signType": "RSA", "paySign": world.merchant.sign(message.as_bytes()),
        })
        .to_string()
    };
    let bad = world.rail.payer(pay(PayerTarget::PrepayId(call("prepay_id=wx1"))));
    assert!(matches!(bad, Err(PayerError::NotPayable { state }) if state.contains("does not verify")));
    assert_eq!(world.state("T00000001").await, "NOTPAY");
    world.rail.payer(pay(PayerTarget::PrepayId(call(&package)))).unwrap();
    assert_eq!(world.state("T00000001").await, "SUCCESS");
}
