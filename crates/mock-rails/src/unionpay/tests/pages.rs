//! The browser's way: redirect, cashier, return to the merchant; and the mock behind a socket.

use http::Method;
use serde_json::json;

use super::{BACK, Conduct, Desk, FRONT, Shop, common, header, notified, page, signed, status};
use crate::faults::Fault;
use crate::testing::{json as control, send, within};
use crate::unionpay::wire::{Charset, Fields};
use crate::{MockRails, RailMock, RailRequest};

async fn get(desk: &Desk, path: &str) -> String {
    let request = RailRequest {
        method: Method::GET,
        target: path.to_owned(),
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
    };
    page(&desk.mock.handle(request).await)
}

/// The hidden fields of a page, unescaped as a browser does.
fn hidden(page: &str) -> Fields {
    let mut fields = Fields::default();
    for input in page.split("<input type=\"hidden\" name=\"").skip(1) {
        let (name, rest) = input.split_once("\" value=\"").unwrap();
        let (value, _) = rest.split_once("\">").unwrap();
        let value = value.replace("&#13;", "\r").replace("&#10;", "\n").replace("&quot;", "\"");
        fields.put(name, value.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"));
    }
    fields
}

#[tokio::test]
async fn the_cashier_is_where_the_gateway_was_called_and_operations_are_told_by_the_body() {
    let desk = Desk::silent();
    let order = desk.front("T0000001", 1234, "20261121103030");
    let request = |path: &str, fields: &Fields| RailRequest {
        method: Method::POST,
        target: path.to_owned(),
        headers: [("host", "gateway.95516.com"), (crate::server::SCHEME_HEADER, "https")]
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .into_iter()
            .collect(),
        body: signed(fields.clone()).to_form(Charset::UTF_8).into(),
    };
    let reply = desk.mock.handle(request("/gateway/api/frontTransReq.do", &order)).await;
    assert!(header(&reply, "location").starts_with("https://gateway.95516.com/cashier/"));
    let back = |fields: &Fields| desk.mock.operation(&request("/gateway/api/backTransReq.do", fields));
    assert_eq!(back(&desk.follow("04", "R0000001", 1, "1")), Some("refund"));
    assert_eq!(back(&desk.follow("31", "R0000001", 1, "1")), Some("reverse"));
    assert_eq!(back(&order), Some("charge"));
    assert_eq!(desk.mock.operation(&request("/gateway/api/none.do", &order)), None);
}

#[tokio::test]
async fn f55_the_cashier_settles_notifies_and_returns_the_same_fields() {
    for encoding in ["UTF-8", "GBK"] {
        let shop = Shop::open(&[(200, "ok")]).await;
        let desk = Desk::with(&shop, Conduct::default());
        let mut order = desk.front("T0000001", 1234, "20261121103030");
        order.put("encoding", encoding);
        order.put("reqReserved", "透传<\"&>");
        let charset = Charset::parse(encoding).unwrap();
        let reply = desk.post(FRONT, signed(order.clone()).to_form(charset)).await;
        assert_eq!(status(&reply), 302);
        let cashier = header(&reply, "location").replace("http://unionpay.test", "");
        let shown = get(&desk, &cashier).await;
        assert!(shown.contains("12.34 CNY") && shown.contains(&format!("{cashier}/pay")), "{shown}");
        let back = page(&desk.post(&format!("{cashier}/pay"), "").await);
        assert!(back.contains("action=\"http://shop.test/back?a=1&amp;b=2\""), "{back}");
        assert!(back.contains(&format!("accept-charset=\"{encoding}\"")), "{back}");
        within(desk.bench.notifier.until(|all| all.iter().any(|d| !d.tries.is_empty()))).await;
        let (told, code, amount) = notified(&shop.seen()[0]);
        assert_eq!((code.as_str(), amount.as_str()), ("00", "1234"));
        assert_eq!(told.value("reqReserved"), Some("透传<\"&>"));
        assert!(hidden(&back) == told, "the browser carries what was notified");
        let again = page(&desk.post(&format!("{cashier}/pay"), "").await);
        assert!(hidden(&again) == Fields::default(), "paid once");
        assert_eq!(desk.book("T0000001").1, 1);
    }
}

#[tokio::test]
async fn the_cashier_takes_a_no_and_ends_at_the_pay_timeout() {
    let desk = Desk::silent();
    let order = desk.front("T0000001", 100, "20261121101630");
    let reply = desk.post(FRONT, signed(order.clone()).to_form(Charset::UTF_8)).await;
    let cashier = header(&reply, "location").replace("http://unionpay.test", "");
    page(&desk.post(&format!("{cashier}/decline"), "").await);
    assert_eq!(desk.ask(&order).await.1, "64");
    assert!(get(&desk, &cashier).await.contains("/pay"), "may try again");
    desk.step(60);
    assert!(!get(&desk, &cashier).await.contains("/pay"));
    page(&desk.post(&format!("{cashier}/pay"), "").await);
    assert_eq!(desk.book("T0000001"), ("64".to_owned(), 0, 0));
    assert_eq!(status(&desk.post("/cashier/1/pay", "").await), 404);
    assert_eq!(status(&desk.post(&format!("{cashier}/other"), "").await), 404);
}

#[tokio::test]
async fn a_refused_front_request_gets_a_page_with_the_reason() {
    let desk = Desk::silent();
    let order = desk.front("T0000001", 100, "");
    let post =
        async |fields: &Fields| page(&desk.post(FRONT, signed(fields.clone()).to_form(Charset::UTF_8)).await);
    let mut decimal = order.clone();
    decimal.put("txnAmt", "1.00");
    assert!(post(&decimal).await.contains("end_error\">报文格式错误:txnAmt[1000010]</"));
    desk.bench.faults.arm(Some("charge"), Fault::BusinessCode("43".to_owned()), 1);
    assert!(post(&order).await.contains("end_error\">无此业务权限[1000043]</"));
    assert_eq!(desk.mock.book(), []);
    assert_eq!(status(&desk.post(FRONT, signed(order.clone()).to_form(Charset::UTF_8)).await), 302);
    assert!(post(&order).await.contains("end_error\">重复交易[2010001]</"));
}

#[tokio::test]
async fn over_a_socket_answers_have_a_length_and_the_control_api_drives_the_payer() {
    let rails = MockRails::start().await.unwrap();
    let shop = Shop::open(&[(200, "ok")]).await;
    let url = rails.url("unionpay");
    let code_url = format!("{}/v1/unionpay/payer/code", rails.control_url());
    let (_, code) = control(Method::POST, &code_url, r#"{"outcome":"pays"}"#).await;
    let now = crate::unionpay::time::text(rails.clock().now());
    let order = common(("01", "06"), "000000").with([
        ("channelType", "08".to_owned()),
        ("orderId", "B0000001".to_owned()),
        ("txnTime", now),
        ("txnAmt", "888".to_owned()),
        ("backUrl", shop.url.clone()),
        ("qrNo", code["code"].as_str().unwrap().to_owned()),
        ("termId", "49000002".to_owned()),
    ]);
    let form = signed(order.clone()).to_form(Charset::UTF_8);
    let (status, headers, body) = send(Method::POST, &format!("{url}{BACK}"), &[], form).await.unwrap();
    assert_eq!(
        (status.as_u16(), headers["content-type"].as_bytes()),
        (200, b"text/html;charset=UTF-8".as_slice())
    );
    assert_eq!(headers["content-length"].as_bytes(), body.len().to_string().as_bytes());
    assert!(!headers.contains_key("transfer-encoding"));
    // Decided by itself after a second on the wall's clock, which a step makes short.
    control(Method::POST, &format!("{}/v1/clock", rails.control_url()), r#"{"step_ms":1000}"#).await;
    let told = rails.bench("unionpay").notifier.clone();
    within(told.until(|all| all.iter().any(|d| !d.tries.is_empty()))).await;
    assert_eq!(notified(&shop.seen()[0]).1, "00");
    let (_, book) = control(Method::GET, &format!("{}/v1/unionpay/book", rails.control_url()), "").await;
    assert_eq!(book[0]["order_no"], json!("B0000001"));
    assert_eq!((&book[0]["charges"], &book[0]["state"]), (&json!(1), &json!("00")));
    rails.stop().await.unwrap();
}
