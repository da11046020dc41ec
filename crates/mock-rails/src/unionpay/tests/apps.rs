//! App orders and pre-orders, and what only the browser's and the phone's ways have.

use serde_json::Value;

use super::{APP, Conduct, Desk, ORDER, Shop, notified};
use crate::testing::within;
use crate::unionpay::certificate::Certificate;
use crate::unionpay::merchant;
use crate::unionpay::sign;
use crate::unionpay::wire::Fields;
use crate::{PayerAct, PayerTarget, RailMock};

fn target(handle: &str) -> PayerTarget {
    PayerTarget::PrepayId(handle.to_owned())
}

#[tokio::test]
async fn an_app_order_is_paid_by_its_tn_and_notified_like_a_page() {
    let shop = Shop::open(&[(200, "ok")]).await;
    let desk = Desk::with(&shop, Conduct::default());
    let order = desk.order(("01", "01"), "A0000001", 2500, []);
    let answer = desk.call(APP, &order).await;
    let tn = answer.value("tn").unwrap();
    assert_eq!((tn.len(), answer.value("queryId")), (21, None));
    assert_eq!(desk.ask(&order).await, ("00".to_owned(), "05".to_owned()));
    desk.mock.payer(PayerAct::Decline(target(tn))).unwrap();
    assert_eq!(desk.ask(&order).await.1, "64", "not final");
    let paid = desk.mock.payer(PayerAct::Pay { target: target(tn), force: false }).unwrap();
    assert!(phone_result_is_genuine(&paid["app_result"], tn));
    within(desk.bench.notifier.until(|all| all.iter().any(|d| !d.tries.is_empty()))).await;
    assert_eq!(shop.seen().len(), 1, "browser and app payments are told of success only");
    let (fields, code, amount) = notified(&shop.seen()[0]);
    assert_eq!((code.as_str(), amount.as_str(), fields.value("payType")), ("00", "2500", Some("0001")));
    assert_eq!(desk.book("A0000001"), ("00".to_owned(), 1, 0));
    let other = desk.order(("01", "01"), "A0000002", 2500, []);
    assert_ne!(desk.call(APP, &other).await.value("tn"), Some(tn));
}

/// As the official sample checks it: SHA-1 twice, by the certificate of that serial.
fn phone_result_is_genuine(result: &Value, tn: &str) -> bool {
    let result: Value = serde_json::from_str(result.as_str().unwrap()).unwrap();
    let data = result["data"].as_str().unwrap();
    let certificate = Certificate::parse(merchant().gateway_certificate_pem).unwrap();
    assert_eq!(data, format!("pay_result=success&tn={tn}&cert_id={}", certificate.serial()));
    // Its text is that of three fields, so the check of messages fits when they are in this order already.
    let mut fields = Fields::default();
    fields.put("signature", result["sign"].as_str().unwrap());
    fields.put("pay_result", format!("success&tn={tn}&cert_id={}", certificate.serial()));
    sign::signed_by_legacy(&certificate, &fields, crate::unionpay::wire::Charset::UTF_8)
}

#[tokio::test]
async fn a_pre_order_is_paid_on_the_page_that_its_answer_names() {
    let desk = Desk::silent();
    let mut order = desk.order(("01", "01"), "O0000001", 700, []);
    order.put("bizType", "000000");
    let answer = desk.call(ORDER, &order).await;
    let page = answer.value("payUrl").unwrap().strip_prefix("http://unionpay.test").unwrap().to_owned();
    assert!(page.starts_with("/cashier/"), "{page}");
    let done = super::page(&desk.post(&format!("{page}/pay"), "").await);
    assert!(!done.contains("id=\"return\""), "nowhere to return to");
    assert_eq!(desk.ask(&order).await.1, "00");
    let mut wrong = desk.order(("01", "01"), "O0000002", 700, []);
    wrong.put("bizType", "000201");
    assert_eq!(desk.call(ORDER, &wrong).await.value("respCode"), Some("43"));
}

#[tokio::test]
async fn after_a_decline_the_page_leads_to_the_fail_url_without_data() {
    let desk = Desk::silent();
    let mut order = desk.front("T0000001", 100, "20261121101630");
    order.put("frontFailUrl", "http://shop.test/sorry?a=1");
    let form = super::signed(order).to_form(crate::unionpay::wire::Charset::UTF_8);
    let reply = desk.post(super::FRONT, form).await;
    let cashier = super::header(&reply, "location").replace("http://unionpay.test", "");
    let link = "href=\"http://shop.test/sorry?a=1\"";
    let shown = super::page(&desk.post(&format!("{cashier}/decline"), "").await);
    assert!(shown.contains(link) && shown.contains("/pay"), "{shown}");
    desk.step(60);
    assert!(super::page(&desk.post(&format!("{cashier}/pay"), "").await).contains(link));
}

#[tokio::test]
async fn queries_by_query_id_answer_like_those_by_order() {
    let desk = Desk::silent();
    let query_id = desk.paid("T0000001", 1000).await;
    let mut query = super::common(("00", "02"), "000201");
    query.put("queryId", query_id.clone());
    let answer = desk.call(super::QUERY, &query).await;
    let part = |name| answer.value(name).unwrap_or("-").to_owned();
    assert_eq!(
        (part("orderId"), part("origRespCode"), part("queryId")),
        ("T0000001".into(), "00".into(), query_id)
    );
    query.put("queryId", "000000000000000000000");
    assert_eq!(desk.call(super::QUERY, &query).await.value("respCode"), Some("34"));
}
