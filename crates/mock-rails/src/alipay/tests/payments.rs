//! Stories of orders: announced, scanned, paid, closed, cancelled, expired. Nobody is ever charged twice (I2).

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::{Rig, body_of, code, order, post, signed_form};
use crate::alipay::wire::Charset;
use crate::faults::Fault;
use crate::{PayerAct, PayerError, PayerTarget, RailMock, RailReply, RailRequest};

fn refused(state: &str) -> PayerError {
    PayerError::NotPayable { state: state.to_owned() }
}

#[test]
fn an_order_exists_for_the_merchant_only_once_the_payer_has_scanned() {
    let rig = Rig::new();
    let qr = rig.precreate("A1", "88.88")["qr_code"].as_str().unwrap().to_owned();
    assert!(qr.starts_with("https://qr.alipay.com/"), "{qr}");
    assert_eq!(rig.status("A1"), "ACQ.TRADE_NOT_EXIST");
    assert_eq!(code(&rig.call("alipay.trade.close", json!({"out_trade_no":"A1"}))), "ACQ.TRADE_NOT_EXIST");
    let seen = rig.mock.payer(PayerAct::Scan(PayerTarget::Qr(qr))).unwrap();
    assert_eq!((&seen["state"], &seen["total_fen"]), (&json!("WAIT_BUYER_PAY"), &json!(8888)));
    let trade_no = seen["trade_no"].as_str().unwrap();
    assert!(trade_no.len() == 28 && trade_no.starts_with("20240709"), "{trade_no}");
    assert_eq!(rig.status("A1"), "WAIT_BUYER_PAY");
    rig.pay("A1").unwrap();
    let answer =
        rig.call("alipay.trade.query", json!({"trade_no":trade_no,"query_options":["fund_bill_list"]}));
    assert_eq!(
        answer,
        json!({
            "code":"10000","msg":"Success","buyer_logon_id":"ljf***@sandbox.com","buyer_pay_amount":"88.88",
            "buyer_user_id":"2088000000000102","buyer_user_type":"PRIVATE",
            "fund_bill_list":[{"amount":"88.88","fund_channel":"ALIPAYACCOUNT"}],
            "invoice_amount":"88.88","out_trade_no":"A1","point_amount":"0.00","receipt_amount":"88.88",
            "send_pay_date":"2024-07-09 12:00:00","total_amount":"88.88","trade_no":trade_no,
            "trade_status":"TRADE_SUCCESS"
        })
    );
    let entry = rig.entry("A1");
    assert_eq!((entry.paid, entry.charges, entry.total_fen, entry.refunded_fen), (true, 1, 8888, 0));
    assert_eq!(entry.rail_ref.as_deref(), Some(trade_no));
}

#[test]
fn a_missing_trade_is_told_in_the_shape_of_each_call() {
    let rig = Rig::new();
    let zero = "0.00";
    let base = json!({"code":"40004","msg":"Business Failed","sub_code":"ACQ.TRADE_NOT_EXIST","sub_msg":"交易不存在"});
    let with = |more: Value| {
        let mut all = base.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let four = json!({"out_trade_no":"N","buyer_pay_amount":zero,"invoice_amount":zero,"point_amount":zero,"receipt_amount":zero});
    assert_eq!(rig.query("N"), with(four));
    assert_eq!(
        rig.call("alipay.trade.close", json!({"out_trade_no":"N"})),
        with(json!({"out_trade_no":"N"}))
    );
    let refund = json!({"out_trade_no":"N","refund_amount":"1.00","out_request_no":"R"});
    assert_eq!(
        rig.call("alipay.trade.refund", refund),
        with(json!({"refund_fee":zero,"send_back_fee":zero}))
    );
    let cancelled = json!({"code":"10000","msg":"Success","out_trade_no":"N","retry_flag":"N"});
    assert_eq!(rig.call("alipay.trade.cancel", json!({"out_trade_no":"N"})), cancelled);
}

#[test]
fn a_repeated_order_is_the_same_or_is_refused() {
    let rig = Rig::new();
    let first = rig.precreate("A1", "1.00");
    assert_eq!(rig.precreate("A1", "1.00"), first, "equal members, same code");
    assert_eq!(code(&rig.precreate("A1", "1.01")), "ACQ.CONTEXT_INCONSISTENT");
    rig.scan("A1").unwrap();
    assert_eq!(rig.precreate("A1", "1.00"), first, "also when it waits for its buyer");
    rig.pay("A1").unwrap();
    assert_eq!(code(&rig.precreate("A1", "1.00")), "ACQ.TRADE_HAS_SUCCESS");
    rig.precreate("A2", "1.00");
    rig.scan("A2").unwrap();
    rig.call("alipay.trade.close", json!({"out_trade_no":"A2"}));
    assert_eq!(code(&rig.precreate("A2", "1.00")), "ACQ.TRADE_HAS_CLOSE");
    assert_eq!(rig.mock.book().len(), 2);
}

#[test]
fn orders_with_bad_members_are_refused() {
    let goods: Vec<Value> = (0..151).map(|n| json!({"goods_id":n.to_string()})).collect();
    for (member, value, wanted) in [
        ("out_trade_no", json!(null), "ACQ.INVALID_PARAMETER"),
        ("out_trade_no", json!("A-1"), "ACQ.INVALID_PARAMETER"),
        ("out_trade_no", json!("A".repeat(65)), "ACQ.INVALID_PARAMETER"),
        ("subject", json!(" "), "ACQ.INVALID_PARAMETER"),
        ("total_amount", json!("0.00"), "ACQ.INVALID_PARAMETER"),
        ("total_amount", json!("1.001"), "ACQ.INVALID_PARAMETER"),
        ("total_amount", json!("-1"), "ACQ.INVALID_PARAMETER"),
        ("total_amount", json!("100000000.01"), "ACQ.TOTAL_FEE_EXCEED"),
        ("total_amount", json!(100_000_000), "10000"),
        ("product_code", json!("FAST_INSTANT_TRADE_PAY"), "ACQ.INVALID_PARAMETER"),
        ("seller_id", json!("2088000000000009"), "ACQ.INVALID_RECEIVE_ACCOUNT"),
        ("goods_detail", json!(goods), "ACQ.SUB_GOODS_SIZE_MAX_COUNT"),
        ("time_expire", json!("2024-07-09 12:00:00"), "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR"),
        ("time_expire", json!("tomorrow"), "ACQ.INVALID_PARAMETER"),
        ("timeout_express", json!("16d"), "ACQ.INVALID_PARAMETER"),
        ("qr_code_timeout_express", json!("1.5h"), "ACQ.INVALID_PARAMETER"),
    ] {
        let mut biz = order("A1", "1.00");
        biz[member] = value.clone();
        let answer = Rig::new().call("alipay.trade.precreate", biz);
        assert_eq!(code(&answer), wanted, "{member} {value}");
    }
}

#[test]
fn an_order_ends_at_its_time_and_its_code_before() {
    // (members, minutes until the code leads nowhere, minutes until a scanned trade is closed)
    for (members, code_ends, trade_ends) in [
        (json!({}), 120, 180),
        (json!({"timeout_express":"5m"}), 5, 5),
        (json!({"time_expire":"2024-07-09 12:10:00","timeout_express":"5m"}), 10, 10),
        (json!({"timeout_express":"1d"}), 120, 24 * 60),
        (json!({"timeout_express":"1c"}), 120, 12 * 60),
        (json!({"qr_code_timeout_express":"30m"}), 30, 180),
    ] {
        let rig = Rig::new();
        for no in ["CODE", "TRADE"] {
            let mut biz = order(no, "1.00");
            biz.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            assert_eq!(code(&rig.call("alipay.trade.precreate", biz)), "10000");
        }
        rig.scan("TRADE").unwrap();
        rig.step_minutes(code_ends - 1);
        assert_eq!(rig.entry("CODE").state, "NOT_SCANNED", "{members}");
        rig.step_minutes(1);
        assert_eq!(rig.scan("CODE"), Err(refused("CODE_EXPIRED")), "{members}");
        rig.step_minutes(trade_ends - code_ends - 1);
        if trade_ends > code_ends {
            assert_eq!(rig.status("TRADE"), "WAIT_BUYER_PAY", "{members}");
        }
        rig.step_minutes(1);
        rig.mock.expire_due();
        assert_eq!(rig.entry("TRADE").state, "TRADE_CLOSED", "{members}");
        assert_eq!(rig.pay("TRADE"), Err(refused("TRADE_CLOSED")), "{members}");
    }
}

#[test]
fn an_expired_code_can_be_asked_for_again_and_the_old_one_is_dead() {
    let rig = Rig::new();
    let old = rig.precreate("A1", "1.00")["qr_code"].as_str().unwrap().to_owned();
    rig.step_minutes(121);
    let new = rig.precreate("A1", "1.00")["qr_code"].as_str().unwrap().to_owned();
    assert_ne!(old, new);
    assert_eq!(rig.mock.payer(PayerAct::Scan(PayerTarget::Qr(old))), Err(PayerError::NoSuchOrder));
    assert!(rig.mock.payer(PayerAct::Scan(PayerTarget::Qr(new))).is_ok());
    assert_eq!(rig.mock.book().len(), 1);
}

#[test]
fn close_ends_what_waits_and_nothing_else() {
    let rig = Rig::new();
    rig.precreate("A1", "1.00");
    let trade_no = rig.scan("A1").unwrap()["trade_no"].clone();
    let close = || rig.call("alipay.trade.close", json!({"out_trade_no":"A1"}));
    assert_eq!(close(), json!({"code":"10000","msg":"Success","out_trade_no":"A1","trade_no":trade_no}));
    let failed = json!({"code":"40004","msg":"Business Failed","sub_code":"ACQ.TRADE_STATUS_ERROR",
        "sub_msg":"交易状态不合法","out_trade_no":"A1"});
    assert_eq!(close(), failed);
    assert_eq!(rig.pay("A1"), Err(refused("TRADE_CLOSED")));
    assert!(rig.query("A1").get("send_pay_date").is_none(), "closed unpaid");
    rig.precreate("A2", "1.00");
    rig.pay("A2").unwrap();
    let paid = rig.call("alipay.trade.close", json!({"out_trade_no":"A2"}));
    assert_eq!(code(&paid), "ACQ.TRADE_STATUS_ERROR");
    assert_eq!(rig.status("A2"), "TRADE_SUCCESS");
}

#[test]
fn f10_cancel_closes_or_gives_back_and_its_repeat_tells_the_same() {
    let rig = Rig::new();
    let cancel = |no: &str| rig.call("alipay.trade.cancel", json!({"out_trade_no":no}));
    rig.precreate("OPEN", "1.00");
    rig.scan("OPEN").unwrap();
    rig.precreate("PAID", "1.00");
    rig.pay("PAID").unwrap();
    for (no, action) in [("OPEN", "close"), ("PAID", "refund"), ("OPEN", "close"), ("PAID", "refund")] {
        let answer = cancel(no);
        assert_eq!((&answer["action"], &answer["retry_flag"]), (&json!(action), &json!("N")), "{answer}");
        assert_eq!(rig.status(no), "TRADE_CLOSED");
    }
    let entry = rig.entry("PAID");
    assert_eq!((entry.charges, entry.refunded_fen, entry.refunds.len()), (1, 100, 1));
    rig.precreate("PART", "1.00");
    rig.pay("PART").unwrap();
    rig.call(
        "alipay.trade.refund",
        json!({"out_trade_no":"PART","refund_amount":"0.40","out_request_no":"R1"}),
    );
    assert_eq!(code(&cancel("PART")), "ACQ.REASON_TRADE_REFUND_FEE_ERR");
    assert_eq!(rig.entry("PART").refunded_fen, 40);
}

#[test]
fn f10_a_cancel_may_say_again_whether_it_was_carried_out_or_not() {
    let rig = Rig::new();
    let cancel = || rig.call("alipay.trade.cancel", json!({"out_trade_no":"A1"}));
    let arm = |code: &str| rig.mock.bench.faults.arm(Some("reverse"), Fault::BusinessCode(code.into()), 1);
    let again = json!({"code":"10000","msg":"Success","out_trade_no":"A1","retry_flag":"Y"});
    rig.precreate("A1", "1.00");
    rig.pay("A1").unwrap();
    arm("RETRY");
    assert_eq!((cancel(), rig.entry("A1").refunded_fen), (again.clone(), 0));
    arm("RETRY:DONE");
    assert_eq!((cancel(), rig.entry("A1").refunded_fen), (again, 100));
    assert_eq!(cancel()["action"], json!("refund"));
}

#[test]
fn f04_a_cancelled_number_never_becomes_payable() {
    let rig = Rig::new();
    rig.precreate("SHOWN", "1.00");
    for no in ["SHOWN", "NEVER_SEEN"] {
        let answer = rig.call("alipay.trade.cancel", json!({"out_trade_no":no}));
        assert_eq!(answer, json!({"code":"10000","msg":"Success","out_trade_no":no,"retry_flag":"N"}));
        assert_eq!(code(&rig.precreate(no, "1.00")), "ACQ.TRADE_HAS_CLOSE");
    }
    assert_eq!(rig.scan("SHOWN"), Err(refused("CANCELLED")));
    assert_eq!(rig.pay("SHOWN"), Err(refused("CANCELLED")));
    assert_eq!(rig.mock.book().iter().map(|entry| entry.charges).sum::<u32>(), 0);
}

#[test]
fn f12_late_money_arrives_by_force_once() {
    let rig = Rig::new();
    for (no, act) in [("CLOSED", "alipay.trade.close"), ("CANCELLED", "alipay.trade.cancel"), ("EXPIRED", "")]
    {
        rig.precreate(no, "1.00");
        rig.scan(no).unwrap();
        if act.is_empty() {
            rig.step_minutes(181);
        } else {
            assert_eq!(code(&rig.call(act, json!({"out_trade_no":no}))), "10000");
        }
        assert_eq!(rig.pay(no), Err(refused("TRADE_CLOSED")), "{no}");
        assert_eq!(rig.pay_by_force(no).unwrap()["state"], "TRADE_SUCCESS", "{no}");
        assert_eq!(rig.pay_by_force(no), Err(refused("TRADE_SUCCESS")), "{no}");
        assert_eq!(rig.entry(no).charges, 1);
    }
}

#[test]
fn i2_nobody_is_charged_twice_whatever_is_repeated() {
    let rig = Rig::new();
    rig.precreate("A1", "1.00");
    rig.pay("A1").unwrap();
    assert_eq!(rig.pay("A1"), Err(refused("TRADE_SUCCESS")));
    assert_eq!(rig.pay_by_force("A1"), Err(refused("TRADE_SUCCESS")));
    assert_eq!(code(&rig.precreate("A1", "1.00")), "ACQ.TRADE_HAS_SUCCESS");
    rig.call("alipay.trade.refund", json!({"out_trade_no":"A1","refund_amount":"1.00"}));
    assert_eq!(rig.status("A1"), "TRADE_CLOSED");
    assert_eq!(rig.pay_by_force("A1"), Err(refused("TRADE_CLOSED")), "given back is not unpaid");
    assert_eq!(rig.entry("A1").charges, 1);
}

#[test]
fn i2_twenty_payers_at_once_are_one_charge() {
    let rig = Arc::new(Rig::new());
    rig.precreate("A1", "1.00");
    let threads: Vec<_> = (0..20)
        .map(|_| (rig.clone(), "A1"))
        .map(|(rig, no)| std::thread::spawn(move || rig.pay(no).is_ok()))
        .collect();
    let paid = threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|ok| *ok).count();
    assert_eq!((paid, rig.entry("A1").charges), (1, 1));
}

#[test]
fn a_payer_who_turns_away_leaves_the_trade_waiting() {
    let rig = Rig::new();
    rig.precreate("A1", "1.00");
    let act = PayerAct::Decline(PayerTarget::OrderNo("A1".into()));
    assert_eq!(rig.mock.payer(act).unwrap()["state"], "WAIT_BUYER_PAY");
    rig.pay("A1").unwrap();
    let no = PayerTarget::OrderNo("none".into());
    assert_eq!(rig.mock.payer(PayerAct::Scan(no)), Err(PayerError::NoSuchOrder));
}

fn page_biz(no: &str) -> Value {
    json!({"out_trade_no":no,"total_amount":"20.00","subject":"<b>&","product_code":"FAST_INSTANT_TRADE_PAY"})
}

fn get(target: &str) -> RailRequest {
    RailRequest { method: http::Method::GET, target: target.to_owned(), ..post("", "") }
}

fn location(reply: RailReply) -> (StatusCode, String) {
    match reply {
        RailReply::Answer { status, headers, .. } => {
            (status, headers.get("location").map_or("", |value| value.to_str().unwrap()).to_owned())
        }
        RailReply::Dropped => panic!("dropped"),
    }
}

fn page_text(reply: RailReply) -> String {
    String::from_utf8(body_of(reply).to_vec()).unwrap()
}

#[test]
fn a_browser_goes_from_the_signed_request_to_the_cashier_and_back_to_the_shop() {
    let rig = Rig::new();
    let more = [("return_url", "http://shop.test/back?lane=2")];
    let form = signed_form("alipay.trade.page.pay", &page_biz("P1").to_string(), &more);
    let (status, cashier) = location(rig.reply(get(&format!("/gateway.do?{form}"))));
    assert_eq!(status, StatusCode::FOUND);
    assert_eq!(rig.status("P1"), "ACQ.TRADE_NOT_EXIST", "no trade before the cashier is open");
    let shown = page_text(rig.reply(get(&cashier)));
    assert!(shown.contains("¥20.00") && shown.contains("&lt;b&gt;&amp;"), "{shown}");
    assert_eq!(rig.status("P1"), "WAIT_BUYER_PAY");
    let pay = cashier.replace("/cashier?", "/cashier/pay?");
    let (status, back) = location(rig.reply(post(&pay, "")));
    assert_eq!(status, StatusCode::SEE_OTHER);
    let query = back.strip_prefix("http://shop.test/back?lane=2&").unwrap();
    assert!(query.contains("method=alipay.trade.page.pay.return&total_amount=20.00&trade_no="), "{query}");
    let (_, sign) = query.split_once("&sign=").unwrap();
    assert_eq!(percent_encoding::percent_decode_str(sign).count(), 344);
    let answer = rig.query("P1");
    assert_eq!(
        (&answer["trade_status"], &answer["receipt_amount"]),
        (&json!("TRADE_SUCCESS"), &json!("0.00"))
    );
    assert!(page_text(rig.reply(post(&pay, ""))).contains("TRADE_SUCCESS"), "not twice");
    assert_eq!(rig.entry("P1").charges, 1);
    assert_eq!(location(rig.reply(get(&format!("/gateway.do?{form}")))).1, "", "an error page, no cashier");
}

#[test]
fn a_phone_browser_comes_by_wap_pay_and_gets_its_own_return() {
    let rig = Rig::new();
    let mut biz = page_biz("W1");
    biz["product_code"] = json!("QUICK_WAP_WAY");
    let form = signed_form("alipay.trade.wap.pay", &biz.to_string(), &[("return_url", "http://shop.test/")]);
    let (_, cashier) = location(rig.reply(post("/gateway.do", &form)));
    let (_, back) = location(rig.reply(post(&cashier.replace("/cashier?", "/cashier/pay?"), "")));
    assert!(back.contains("method=alipay.trade.wap.pay.return"), "{back}");
}

/// By the real host over TLS, as behind an entry in the hosts file: redirects and links do not leave TLS.
#[test]
fn addresses_lead_back_to_where_the_gateway_was_called() {
    let rig = Rig::new();
    let called = |mut request: RailRequest| {
        request.headers.insert("host", "openapi.alipay.com".parse().unwrap());
        request.headers.insert(crate::server::SCHEME_HEADER, "https".parse().unwrap());
        rig.reply(request)
    };
    let form = signed_form("alipay.trade.page.pay", &page_biz("P1").to_string(), &[]);
    let cashier = location(called(get(&format!("/gateway.do?{form}")))).1;
    let path = cashier.strip_prefix("https://openapi.alipay.com").unwrap();
    assert!(page_text(called(get(path))).contains("WAIT_BUYER_PAY"));
    let target = PayerTarget::Qr(cashier.clone());
    rig.mock.payer(PayerAct::Pay { target, force: false }).unwrap();
    assert_eq!(rig.status("P1"), "TRADE_SUCCESS");
    let mut strange = get(&format!("/gateway.do?{form}"));
    strange.headers.insert("host", "evil\"host/".parse().unwrap());
    assert!(!location(rig.reply(strange)).1.contains("evil"), "no host, no address");
}

#[test]
fn the_operation_of_a_request_is_read_from_its_form() {
    let rig = Rig::new();
    let v2 =
        |method: &str, biz: &str| rig.mock.operation(&post("/gateway.do", &signed_form(method, biz, &[])));
    assert_eq!(v2("alipay.trade.refund", "{}"), Some("refund"));
    assert_eq!(v2("alipay.trade.pay", "{}"), Some("charge"));
    assert_eq!(v2("alipay.trade.pay", r#"{"auth_no":"1"}"#), Some("capture"));
    assert_eq!(v2("alipay.no.such", "{}"), None);
    assert_eq!(rig.mock.operation(&post("/v3/alipay/trade/query", "{}")), Some("query"));
    assert_eq!(rig.mock.operation(&get("/cashier?token=x")), None);
}

#[test]
fn a_bad_page_request_gets_an_error_page_in_gbk() {
    let rig = Rig::new();
    let form = signed_form("alipay.trade.page.pay", &page_biz("P1").to_string(), &[]);
    let mut wrong = page_biz("P1");
    wrong["product_code"] = json!("FACE_TO_FACE_PAYMENT");
    let cases = [
        (form.replace("20.00", "20.01"), "isv.invalid-signature"),
        (signed_form("alipay.trade.page.pay", &wrong.to_string(), &[]), "ACQ.INVALID_PARAMETER"),
    ];
    for (form, wanted) in cases {
        let RailReply::Answer { status, headers, body } = rig.reply(get(&format!("/gateway.do?{form}")))
        else {
            panic!("an answer")
        };
        assert_eq!(
            (status, &headers["content-type"]),
            (StatusCode::OK, &"text/html;charset=GBK".parse().unwrap())
        );
        assert!(Charset::Gbk.decode(&body).contains(wanted), "{wanted}");
    }
    assert_eq!(rig.mock.book(), []);
}
