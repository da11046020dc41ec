//! The vectors as a story: the same requests at the same times get the same answers, to the byte.

use crate::faults::Fault;
use crate::{CodeOutcome, PayerAct, PayerTarget, RailMock, locked};

use super::{
    BACK, Conduct, Desk, FRONT, Fields, QUERY, Shop, body, fields_of, header, read, signed, status, vector,
};
use crate::unionpay::SigningCertificate;
use crate::unionpay::notify;
use crate::unionpay::sign::Seal;
use crate::unionpay::wire::Charset;

async fn send(desk: &Desk, id: &str) -> String {
    let entry = vector("requests", id);
    let reply = desk.post(entry["path"].as_str().unwrap(), entry["form_body"].as_str().unwrap()).await;
    assert_eq!(header(&reply, "content-type"), "text/html;charset=UTF-8");
    String::from_utf8(body(&reply).to_vec()).unwrap()
}

fn answer(id: &str) -> &'static str {
    vector("responses", id)["raw_body"].as_str().unwrap()
}

fn trace(desk: &Desk, next: u32) {
    locked(&desk.mock.core.trades).set_last_trace(next - 1);
}

/// The front order of the vectors, placed at its time.
async fn placed() -> Desk {
    let desk = Desk::silent();
    trace(&desk, 678_901);
    let entry = vector("requests", "front_consume");
    let reply = desk.post(FRONT, entry["form_body"].as_str().unwrap()).await;
    assert_eq!(
        (status(&reply), body(&reply).len(), header(&reply, "content-length").as_str()),
        (302, 0, "0")
    );
    assert!(header(&reply, "location").starts_with("http://unionpay.test/cashier/"));
    desk
}

/// Checks the notification of an order against its vector, field by field.
fn check_notification(desk: &Desk, order_id: &str, id: &str) {
    let trades = locked(&desk.mock.core.trades);
    let trade = trades.trade(trades.by_order_id(order_id).unwrap());
    let keys = &desk.mock.core.registry.keys;
    let fields = notify::sealed(trade, keys, SigningCertificate::Good, trade.order.fen, Seal::Good);
    let wanted = fields_of(vector("notifications", id));
    assert_eq!(fields.iter().collect::<Vec<_>>(), wanted.iter().collect::<Vec<_>>(), "{id}");
}

#[tokio::test]
async fn query_answers_before_and_after_the_payment() {
    let desk = Desk::silent();
    assert_eq!(send(&desk, "query").await, answer("query_not_found"));
    let desk = placed().await;
    assert_eq!(send(&desk, "query").await, answer("query_pending"));
    desk.decline("T20261121101530001").unwrap();
    assert_eq!(send(&desk, "query").await, answer("query_failed"), "not final before payTimeout");
    desk.pay("T20261121101530001", false).unwrap();
    assert_eq!(send(&desk, "query").await, answer("query_success"));
    check_notification(&desk, "T20261121101530001", "pay_success");
    desk.bench.faults.arm(Some("query"), Fault::BusinessCode("06".to_owned()), 1);
    assert_eq!(send(&desk, "query").await, answer("server_busy"));
}

#[tokio::test]
async fn refund_accepted_repeated_and_notified() {
    let desk = placed().await;
    desk.pay("T20261121101530001", false).unwrap();
    desk.set("20261121120000");
    assert_eq!(send(&desk, "refund_partial").await, answer("refund_accepted"));
    assert_eq!(send(&desk, "refund_partial").await, answer("duplicate_order"));
    desk.step(1);
    check_notification(&desk, "R20261121120000001", "refund_success");
    let gbk = vector("requests", "gbk_refund");
    let reply = desk.post(BACK, gbk["form_body"].as_str().unwrap()).await;
    assert_eq!(header(&reply, "content-type"), "text/html;charset=GBK");
    let fields = read(&reply, Charset::parse("GBK").unwrap()).expect("signed over GBK bytes");
    assert_eq!((fields.value("respCode"), fields.value("encoding")), (Some("00"), Some("GBK")));
}

#[tokio::test]
async fn refund_above_the_remainder() {
    let desk = placed().await;
    desk.pay("T20261121101530001", false).unwrap();
    desk.set("20261121120000");
    let more = [("origQryId", "042611211015306789018")];
    assert_eq!(desk.code(&desk.order(("04", "00"), "RBEFORE0001", 701, more)).await, "00");
    assert_eq!(send(&desk, "refund_partial").await, answer("refund_refused_original"));
}

#[tokio::test]
async fn undo_accepted() {
    let desk = placed().await;
    desk.pay("T20261121101530001", false).unwrap();
    desk.set("20261121120100");
    trace(&desk, 678_903);
    assert_eq!(send(&desk, "consume_undo").await, answer("undo_accepted"));
}

#[tokio::test]
async fn payers_code_accepted() {
    let desk = Desk::silent();
    desk.set("20261121101533");
    trace(&desk, 678_904);
    locked(&desk.mock.core.trades).know_code("6220483728374837281", CodeOutcome::Pays);
    assert_eq!(send(&desk, "qr_barcode_consume").await, answer("barcode_accepted"));
}

#[tokio::test]
async fn merchants_code_applied_and_paid_with_a_defect() {
    let shop = Shop::open(&[(200, "ok")]).await;
    let desk = Desk::with(&shop, Conduct { defective_success: true, ..Conduct::default() });
    desk.set("20261121101532");
    trace(&desk, 678_905);
    // The vector's own backUrl would be posted to; the shop's is signed instead.
    let mut request = fields_of(vector("requests", "qr_apply"));
    request.put("backUrl", shop.url.clone());
    let answer = desk.call(BACK, &request).await;
    let wanted = fields_of(vector("responses", "qr_applied"));
    let but = |name: &&str| !["qrCode", "signature"].contains(name);
    let names = |fields: &super::Fields| {
        fields.iter().filter(|(name, _)| but(name)).map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>()
    };
    assert_eq!(names(&answer), names(&wanted));
    let (ours, theirs) = (answer.value("qrCode").unwrap(), wanted.value("qrCode").unwrap());
    assert_eq!((ours.len(), &ours[..31]), (theirs.len(), &theirs[..31]));
    desk.pay("Q20261121101532001", false).unwrap();
    check_notification(&desk, "Q20261121101532001", "defective_success");
}

#[tokio::test]
async fn app_order_gets_its_tn_and_is_paid_by_it() {
    let desk = Desk::silent();
    desk.set("20261121101531");
    assert_eq!(send(&desk, "app_consume_tn").await, answer("app_tn"));
    let target = PayerTarget::PrepayId("620261121101531000001".to_owned());
    desk.mock.payer(PayerAct::Pay { target, force: false }).unwrap();
    assert_eq!(desk.book("T20261121101531002"), ("00".to_owned(), 1, 0));
}

#[tokio::test]
async fn a_file_that_is_not_there() {
    let desk = Desk::silent();
    desk.set("20261122093000");
    assert_eq!(send(&desk, "file_download").await, answer("file_missing"));
}

#[tokio::test]
async fn a_file_has_the_lines_of_the_sample() {
    let desk = placed().await;
    desk.pay("T20261121101530001", false).unwrap();
    desk.set("20261121120000");
    assert_eq!(send(&desk, "refund_partial").await, answer("refund_accepted"));
    desk.set("20261122093000");
    let ours = Fields::parse_bare(&send(&desk, "file_download").await).unwrap();
    let theirs = fields_of(vector("responses", "file_ok"));
    let names = |fields: &Fields| fields.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&theirs));
    assert_eq!(ours.value("fileName"), theirs.value("fileName"));
    let unpacked = |fields: &Fields| super::files::unpacked(fields.value("fileContent").unwrap());
    let (ours, theirs) = (unpacked(&ours), unpacked(&theirs));
    for (ours, theirs) in ours.iter().zip(&theirs).take(2) {
        assert_eq!(ours, theirs, "names, ZM and ZME to the byte");
    }
    assert_eq!(ours.len(), 3);
    assert_eq!(ours[2].0, theirs[2].0);
    assert!(ours[2].1.starts_with(&theirs[2].1), "the totals begin with what is known of them");
}

#[tokio::test]
async fn old_signers_and_nested_values_as_in_the_vectors() {
    let desk = Desk::silent();
    desk.bench.faults.arm(Some("query"), Fault::BusinessCode("CERT:LEGACY_NAME".to_owned()), 1);
    assert_eq!(send(&desk, "query").await, answer("old_test_cn"));
}

#[tokio::test]
async fn every_request_vector_gets_its_verdict() {
    for (id, verdict) in [
        ("front_consume", "302"),
        ("app_consume_tn", "00"),
        ("query", "34"),
        ("refund_partial", "35"),
        ("consume_undo", "35"),
        ("qr_apply", "00"),
        ("qr_barcode_consume", "61"),
        ("file_download", "98"),
        ("enc_cert_query", "00"),
        ("preauth", "302"),
        ("gbk_refund", "35"),
        ("consume_5_0_0", "10"),
    ] {
        let entry = vector("requests", id);
        let desk = Desk::silent();
        desk.set(entry["fields"]["txnTime"].as_str().unwrap());
        desk.post(entry["path"].as_str().unwrap(), entry["form_body"].as_str().unwrap()).await;
        let journal = desk.bench.journal.entries();
        assert_eq!(journal.last().unwrap().verdict, verdict, "{id}");
        assert_eq!(journal.last().unwrap().expected.as_deref(), entry["sign_string"].as_str());
    }
}

#[tokio::test]
async fn negative_requests_are_refused_with_a_signed_code() {
    let desk = placed().await;
    desk.pay("T20261121101530001", false).unwrap();
    desk.set("20261121120000");
    for entry in super::vectors::unionpay()["negative_requests"].as_array().unwrap() {
        let code = entry["mock_answer"].as_str().unwrap().split(' ').nth(1).unwrap();
        let reply = desk.post(BACK, entry["form_body"].as_str().unwrap()).await;
        let fields = read(&reply, Charset::UTF_8).expect("refusals are signed");
        assert_eq!(fields.value("respCode"), Some(code), "{}", entry["id"]);
    }
    assert_eq!(desk.book("T20261121101530001"), ("00".to_owned(), 1, 0), "nothing moved");
}

#[tokio::test]
async fn a_stranger_who_signs_well_is_refused_by_the_gateway() {
    let desk = Desk::silent();
    let mut query = super::common(("00", "00"), "000201");
    query.put("orderId", "T20261121101530001");
    query.put("txnTime", super::START);
    query.put("merId", "777290058119999");
    let reply = desk.post(QUERY, signed(query).to_form(Charset::UTF_8)).await;
    assert_eq!(read(&reply, Charset::UTF_8).unwrap().value("respCode"), Some("31"));
}
