//! Messages in the other forms: with a shared key, and in the old version.

use super::{Conduct, Desk, FRONT, QUERY, body, common, header, vector};
use crate::RailMock;
use crate::unionpay::certificate::Certificate;
use crate::unionpay::merchant;
use crate::unionpay::sign::{keyed_hex, signed_by_legacy};
use crate::unionpay::wire::{Charset, Fields};
use crate::vectors::{self, text};

async fn post(desk: &Desk, path: &str, form: &str) -> Fields {
    let reply = desk.post(path, form.to_owned()).await;
    Fields::parse_bare(&Charset::UTF_8.decode(&body(&reply)).unwrap()).unwrap()
}

#[tokio::test]
async fn keyed_messages_are_answered_in_their_own_form() {
    let key = text(vectors::unionpay(), "/symmetric_key/value");
    for (id, method, sm3) in [("query_signmethod_11", "11", false), ("query_signmethod_12", "12", true)] {
        let desk = Desk::silent();
        let form = vector("keyed_requests", id)["form_body"].as_str().unwrap();
        let answer = post(&desk, QUERY, form).await;
        assert_eq!((answer.value("respCode"), answer.value("signMethod")), (Some("34"), Some(method)));
        assert_eq!(answer.value("signature"), Some(keyed_hex(&answer, Charset::UTF_8, key, sm3).as_str()));
        assert_eq!(answer.value("signPubKeyCert"), None);
        let wrong = form.replace("orderId=T", "orderId=S");
        assert_eq!(post(&desk, QUERY, &wrong).await.value("respCode"), Some("11"));
    }
    let desk = Desk::silent_with(Conduct { shared_key: false, ..Conduct::default() });
    let form = vector("keyed_requests", "query_signmethod_11")["form_body"].as_str().unwrap();
    let answer = post(&desk, QUERY, form).await;
    assert_eq!((answer.value("respCode"), answer.value("signMethod")), (Some("10"), Some("01")));
}

#[tokio::test]
async fn a_keyed_order_is_notified_in_its_own_form() {
    let desk = Desk::silent();
    let key = text(vectors::unionpay(), "/symmetric_key/value");
    let mut order = Fields::default();
    let plain = desk.order(("01", "01"), "A0000001", 100, []);
    plain.iter().filter(|(name, _)| *name != "certId").for_each(|(name, value)| order.put(name, value));
    order.put("signMethod", "11");
    order.put("signature", keyed_hex(&order, Charset::UTF_8, key, false));
    assert_eq!(post(&desk, super::APP, &order.to_form(Charset::UTF_8)).await.value("respCode"), Some("00"));
    desk.pay("A0000001", false).unwrap();
    let trades = crate::locked(&desk.mock.core.trades);
    let trade = trades.trade(trades.by_order_id("A0000001").unwrap());
    let (keys, good) = (&desk.mock.core.registry.keys, super::super::SigningCertificate::Good);
    let told = super::super::notify::sealed(trade, keys, good, 100, super::super::sign::Seal::Good);
    assert_eq!(told.value("signMethod"), Some("11"));
    assert_eq!(told.value("signature"), Some(keyed_hex(&told, Charset::UTF_8, key, false).as_str()));
}

#[tokio::test]
async fn version_5_0_0_is_off_until_it_is_switched_on() {
    let form = vector("requests", "consume_5_0_0")["form_body"].as_str().unwrap();
    let desk = Desk::silent();
    desk.set("20261121101536");
    assert!(super::page(&desk.post(FRONT, form).await).contains("end_error\">报文格式错误:version"));
    assert_eq!(desk.mock.book(), []);
    let desk = Desk::silent_with(Conduct { legacy_version: true, ..Conduct::default() });
    desk.set("20261121101536");
    assert!(header(&desk.post(FRONT, form).await, "location").contains("/cashier/"));
    desk.pay("T20261121101536001", false).unwrap();
    // A query in the old form, as a client of that time signs it.
    let mut query = common(("00", "00"), "000201");
    for (name, value) in
        [("version", "5.0.0"), ("orderId", "T20261121101536001"), ("txnTime", "20261121101536")]
    {
        query.put(name, value);
    }
    let signer =
        super::super::sign::Signer::new(merchant().private_key_pem, merchant().certificate_pem).unwrap();
    let query = signer.seal(query, true, Charset::UTF_8, super::super::sign::Seal::Good);
    let answer = post(&desk, QUERY, &query.to_form(Charset::UTF_8)).await;
    let gateway = Certificate::parse(merchant().gateway_certificate_pem).unwrap();
    assert!(signed_by_legacy(&gateway, &answer, Charset::UTF_8));
    let part = |name: &str| answer.value(name).unwrap_or("-").to_owned();
    assert_eq!((part("version"), part("origRespCode")), ("5.0.0".to_owned(), "00".to_owned()));
    assert_eq!((part("certId").as_str(), part("signPubKeyCert").as_str()), (gateway.serial(), "-"));
}
