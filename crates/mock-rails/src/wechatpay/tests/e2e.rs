//! Over real sockets, through the started rails and the control API.

use http::Method;
use serde_json::json;

use super::*;
use crate::testing::{Shop, json as control, send, within};
use crate::{MockRails, Options};

async fn call(rails: &MockRails, method: Method, target: &str, body: &str) -> Got {
    // The request is signed here, by a world at the same time that has nothing else to do with these rails.
    let signed = World::open().request(method.clone(), target, body);
    let headers: Vec<_> =
        signed.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let url = format!("{}{target}", rails.url("wechatpay"));
    let (status, headers, body) = send(method, &url, &headers, body.to_owned()).await.unwrap();
    Got { status: status.as_u16(), headers, body: body.to_vec() }
}

/// A GET that is signed at the rails' own time.
async fn fetch(rails: &MockRails, target: &str) -> Got {
    let signer = World::open();
    signer.bench.clock.set(rails.clock().now());
    let signed = signer.request(Method::GET, target, "");
    let headers: Vec<_> =
        signed.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let url = format!("{}{target}", rails.url("wechatpay"));
    let (status, headers, body) = send(Method::GET, &url, &headers, "").await.unwrap();
    Got { status: status.as_u16(), headers, body: body.to_vec() }
}

#[tokio::test]
async fn a_payment_and_its_refund_over_http() {
    let rails = MockRails::start_with(Options { clock: Clock::standing_at(base()), ..Options::default() })
        .await
        .unwrap();
    let shop = Shop::open(&[(200, "")]).await;
    // The bar and the star go over the wire as they were signed.
    let target = "/v3/pay/transactions/out-trade-no/A%7CB*C_1-2?mchid=1900000109";
    assert_eq!(call(&rails, Method::GET, target, "").await.verdict(), "404 ORDER_NOT_EXIST");
    let mut body = order("A|B*C_1-2", 100);
    body["notify_url"] = json!(shop.url);
    let placed = call(&rails, Method::POST, NATIVE, &body.to_string()).await;
    assert!(signed_by(&placed.headers, &placed.body, "platform_certificate"));

    let pay = format!("{}/v1/wechatpay/payer/pay", rails.control_url());
    let act = json!({"qr": placed.json()["code_url"]}).to_string();
    assert_eq!(control(Method::POST, &pay, &act).await.1["state"], "SUCCESS");
    assert_eq!(control(Method::POST, &pay, &act).await.0, 409, "paid already");
    assert_eq!(call(&rails, Method::GET, target, "").await.json()["trade_state"], "SUCCESS");

    let mut body = refund("A|B*C_1-2", "R1", 30, 100);
    body["notify_url"] = json!(shop.url);
    assert_eq!(call(&rails, Method::POST, REFUNDS, &body.to_string()).await.status, 200);
    let clock = format!("{}/v1/clock", rails.control_url());
    control(Method::POST, &clock, r#"{"step_ms":3000}"#).await;
    let (_, book) = control(Method::GET, &format!("{}/v1/wechatpay/book", rails.control_url()), "").await;
    assert_eq!((&book[0]["charges"], &book[0]["refunded_fen"]), (&json!(1), &json!(30)));
    within(
        rails
            .bench("wechatpay")
            .notifier
            .until(|all| all.len() == 2 && all.iter().all(|delivery| delivery.next_try_at.is_none())),
    )
    .await;
    let told: Vec<String> = shop.seen().iter().map(|it| opened(&it.body).0).collect();
    assert_eq!(told, ["TRANSACTION.SUCCESS", "REFUND.SUCCESS"]);
    // The bill is fetched where it was asked for. Days pass for the rail; a signature is judged by its own time here.
    control(Method::POST, &clock, r#"{"set":"2026-01-02T10:00:00+08:00"}"#).await;
    let link = fetch(&rails, "/v3/bill/tradebill?bill_date=2026-01-01").await.json();
    let address = text(&link, "download_url").strip_prefix(&rails.url("wechatpay")).unwrap().to_owned();
    let file = fetch(&rails, &address).await;
    assert_eq!((file.status, file.header("Content-Type")), (200, "text/plain; charset=utf-8"));
    assert!(file.body.starts_with("\u{FEFF}交易时间,".as_bytes()) && file.body.ends_with(b"\r\n"));
    control(Method::POST, &clock, r#"{"set":"2026-01-01T08:00:03+08:00"}"#).await;
    let gone = call(&rails, Method::POST, "/v3/pay/transactions/facepay", "{}").await;
    assert_eq!((gone.status, gone.body.len()), (404, 0));
    rails.stop().await.unwrap();
}
