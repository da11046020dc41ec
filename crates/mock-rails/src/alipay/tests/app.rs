//! Order strings of apps: the vector to the byte, and what the wallet does with one.

use serde_json::{Value, json};

use super::{Rig, material, signed_form};
use crate::alipay::app;
use crate::alipay::time;
use crate::alipay::trades::Trade;
use crate::{PayerAct, PayerError, PayerTarget, RailMock, vectors};

fn qr(text: &str) -> PayerTarget {
    PayerTarget::Qr(text.to_owned())
}

fn pay(rig: &Rig, text: &str) -> Result<Value, PayerError> {
    rig.mock.payer(PayerAct::Pay { target: qr(text), force: false })
}

#[test]
fn the_vectors_order_string_opens_the_cashier_and_pays() {
    let vector = &vectors::alipay()["app_pay"];
    let order_string = vector["order_string"]["order_string"].as_str().unwrap();
    let rig = Rig::new();
    assert_eq!(rig.status("T20240709_0004"), "ACQ.TRADE_NOT_EXIST", "nothing reached the rail yet");
    let seen = rig.mock.payer(PayerAct::Scan(qr(order_string))).unwrap();
    assert_eq!((&seen["state"], &seen["subject"]), (&json!("WAIT_BUYER_PAY"), &json!("新鲜空气")));
    let paid = pay(&rig, order_string).unwrap();
    assert_eq!((&paid["state"], &paid["resultStatus"]), (&json!("TRADE_SUCCESS"), &json!("9000")));
    assert_eq!(
        pay(&rig, order_string),
        Err(PayerError::NotPayable { state: "ACQ.TRADE_HAS_SUCCESS".into() })
    );
    assert_eq!(rig.query("T20240709_0004")["receipt_amount"], "9.00");
    let result: Value = serde_json::from_str(paid["result"].as_str().unwrap()).unwrap();
    assert_eq!(result["alipay_trade_app_pay_response"]["out_trade_no"], "T20240709_0004");
    // The same result with the vector's numbers and time, to the byte.
    let wanted = &vector["client_sync_result"];
    let mut order = rig.mock.order("T20240709_0004");
    let trade = Trade { trade_no: "2024070922001400000500000004".into(), ..order.trade.take().unwrap() };
    let at = time::parse("2024-07-09 12:10:00").unwrap();
    let material = material();
    let result = app::paid(&order, &trade, &material.account, &material.keys, at);
    assert_eq!(result, wanted["result"].as_str().unwrap());
}

#[test]
fn a_forged_order_string_is_refused_by_the_wallet() {
    let rig = Rig::new();
    let biz =
        r#"{"out_trade_no":"P1","total_amount":"9.00","subject":"s","product_code":"QUICK_MSECURITY_PAY"}"#;
    let good = signed_form("alipay.trade.app.pay", biz, &[]);
    for (text, state) in [
        (good.replace("9.00", "0.01"), "isv.invalid-signature"),
        (good.replace("9021000000000001", "9021000000000002"), "isv.invalid-app-id"),
        (signed_form("alipay.trade.app.pay", &biz.replace("9.00", "x"), &[]), "ACQ.INVALID_PARAMETER"),
    ] {
        assert_eq!(pay(&rig, &text), Err(PayerError::NotPayable { state: state.into() }));
    }
    assert_eq!(rig.mock.book(), []);
    let other = signed_form("alipay.trade.query", biz, &[]);
    assert_eq!(pay(&rig, &other), Err(PayerError::NoSuchOrder), "no order string at all");
}
