//! Pre-authorisation: money set aside, paid out of, set free; held = captured + released + rest at all times (I6).

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Rig, code, signed_form};
use crate::clock::Clock;
use crate::testing::{Shop, send, within};
use crate::{CodeOutcome, MockRails, Options, PayerAct, PayerError, PayerTarget, RailMock};

fn freeze(rig: &Rig, outcome: CodeOutcome) -> Value {
    let biz = json!({"out_order_no":"H1","out_request_no":"F1","order_title":"押金","amount":"500.00",
        "auth_code":rig.bar_code(outcome),"auth_code_type":"bar_code"});
    rig.call("alipay.fund.auth.order.freeze", biz)
}

fn unfreeze(rig: &Rig, auth_no: &Value, request: &str, yuan: &str) -> Value {
    let biz = json!({"auth_no":auth_no,"out_request_no":request,"amount":yuan,"remark":"还"});
    rig.call("alipay.fund.auth.order.unfreeze", biz)
}

fn capture(rig: &Rig, auth_no: &Value, no: &str, yuan: &str, mode: &str) -> Value {
    let biz = json!({"out_trade_no":no,"total_amount":yuan,"subject":"住宿","auth_no":auth_no,"product_code":"PRE_AUTH",
        "buyer_id":"2088000000000102","seller_id":"2088000000000001","auth_confirm_mode":mode});
    rig.call("alipay.trade.pay", biz)
}

fn query(rig: &Rig, request: &str) -> Value {
    rig.call("alipay.fund.auth.operation.detail.query", json!({"out_order_no":"H1","out_request_no":request}))
}

/// `order_status total_freeze total_pay total_unfreeze rest`
fn told(rig: &Rig) -> String {
    let seen = query(rig, "F1");
    let names =
        ["order_status", "total_freeze_amount", "total_pay_amount", "total_unfreeze_amount", "rest_amount"];
    names.map(|name| seen[name].as_str().unwrap_or("-").to_owned()).join(" ")
}

#[test]
fn a_code_sets_money_aside_and_the_last_payment_sets_the_rest_free() {
    let rig = Rig::new();
    let frozen = freeze(&rig, CodeOutcome::Pays);
    let (auth_no, operation) = (frozen["auth_no"].clone(), frozen["operation_id"].clone());
    assert_eq!(
        frozen,
        json!({"code":"10000","msg":"Success","amount":"500.00","auth_no":auth_no,"credit_amount":"0.00",
            "fund_amount":"500.00","gmt_trans":"2024-07-09 12:00:00","operation_id":operation,"out_order_no":"H1",
            "out_request_no":"F1","payer_logon_id":"ljf***@sandbox.com","payer_user_id":"2088000000000102",
            "status":"SUCCESS"})
    );
    assert_eq!(told(&rig), "AUTHORIZED 500.00 0.00 0.00 500.00");
    assert_eq!(code(&capture(&rig, &auth_no, "P0", "500.01", "COMPLETE")), "ACQ.AUTH_AMOUNT_NOT_ENOUGH");
    assert_eq!(code(&capture(&rig, &json!("1"), "P0", "1.00", "COMPLETE")), "ACQ.AUTH_NO_ERROR");
    assert_eq!(code(&capture(&rig, &auth_no, "P1", "100.00", "NOT_COMPLETE")), "10000");
    assert_eq!(told(&rig), "AUTHORIZED 500.00 100.00 0.00 400.00");
    assert_eq!(code(&unfreeze(&rig, &auth_no, "U1", "50.00")), "10000");
    assert_eq!(code(&capture(&rig, &auth_no, "P2", "200.00", "COMPLETE")), "10000");
    assert_eq!(told(&rig), "FINISH 500.00 300.00 200.00 0.00");
    assert_eq!(code(&capture(&rig, &auth_no, "P3", "1.00", "COMPLETE")), "ACQ.AUTH_ORDER_HAS_FINISHED");
    assert_eq!(code(&capture(&rig, &auth_no, "P2", "200.00", "COMPLETE")), "ACQ.TRADE_HAS_SUCCESS");
    let paid: Vec<_> = rig.mock.book().iter().map(|e| (e.order_no.clone(), e.charges, e.total_fen)).collect();
    assert_eq!(paid, [("P1".into(), 1, 10_000), ("P2".into(), 1, 20_000), ("H1".into(), 0, 50_000)]);
    let refund = json!({"out_trade_no":"P2","refund_amount":"200.00","out_request_no":"R1"});
    assert_eq!(
        rig.call("alipay.trade.refund", refund)["fund_change"],
        "Y",
        "a payment out of it can be refunded"
    );
}

#[test]
fn unfreezes_are_one_per_number_and_never_more_than_the_rest() {
    let rig = Rig::new();
    let auth_no = freeze(&rig, CodeOutcome::Pays)["auth_no"].clone();
    let first = unfreeze(&rig, &auth_no, "U1", "200.00");
    rig.step_minutes(5);
    assert_eq!(unfreeze(&rig, &auth_no, "U1", "200.00"), first, "the same answer, no second movement");
    for (request, yuan, wanted) in [
        ("U1", "200.01", "UNIQUE_VIOLATION"),
        ("F1", "500.00", "UNIQUE_VIOLATION"),
        ("U2", "300.01", "REQUEST_AMOUNT_EXCEED"),
        ("U2", "0.00", "ILLEGAL_ARGUMENT"),
        ("U2", "300.00", "10000"),
        ("U3", "0.01", "ORDER_ALREADY_FINISH"),
    ] {
        assert_eq!(code(&unfreeze(&rig, &auth_no, request, yuan)), wanted, "{request} {yuan}");
    }
    assert_eq!(code(&unfreeze(&rig, &json!("1"), "U4", "1.00")), "AUTH_ORDER_NOT_EXIST");
    assert_eq!(told(&rig), "FINISH 500.00 0.00 500.00 0.00");
    let seen = query(&rig, "U1");
    assert_eq!(
        (&seen["operation_type"], &seen["amount"], &seen["remark"]),
        (&json!("UNFREEZE"), &json!("200.00"), &json!("还"))
    );
    assert_eq!(code(&query(&rig, "U9")), "AUTH_OPERATION_NOT_EXIST");
}

#[test]
fn a_payer_who_is_asked_agrees_or_not() {
    for (outcome, wanted, end) in [
        (CodeOutcome::PendingThenPays, "10003 INIT", "AUTHORIZED 500.00 0.00 0.00 500.00"),
        (CodeOutcome::PendingThenDeclines, "10003 INIT", "CLOSED 0.00 0.00 0.00 0.00"),
        (CodeOutcome::Declines, "MONEY_NOT_ENOUGH -", "- - - - -"),
    ] {
        let rig = Rig::new();
        let answer = freeze(&rig, outcome);
        assert_eq!(format!("{} {}", code(&answer), answer["status"].as_str().unwrap_or("-")), wanted);
        rig.mock.bench.clock.step(SignedDuration::from_secs(10));
        assert_eq!(told(&rig), end);
        let again = code(&freeze(&rig, CodeOutcome::Pays)).to_owned();
        let wanted = match outcome {
            CodeOutcome::PendingThenPays => "FREEZE_ALREADY_SUCCESS",
            CodeOutcome::PendingThenDeclines => "ORDER_ALREADY_CLOSED",
            CodeOutcome::Declines | CodeOutcome::Pays => "10000",
        };
        assert_eq!(again, wanted);
    }
}

#[test]
fn a_voucher_is_scanned_and_cancel_undoes_what_was_not_paid_out_of() {
    let rig = Rig::new();
    let biz = json!({"out_order_no":"H1","out_request_no":"F1","order_title":"押金","amount":"500.00","pay_timeout":"5m"});
    let made = rig.call("alipay.fund.auth.order.voucher.create", biz);
    let qr = PayerTarget::Qr(made["code_value"].as_str().unwrap().to_owned());
    assert_eq!(
        (&made["code_type"], code(&query(&rig, "F1"))),
        (&json!("qrCode"), "AUTH_OPERATION_NOT_EXIST")
    );
    rig.mock.payer(PayerAct::Scan(qr.clone())).unwrap();
    assert_eq!(told(&rig), "INIT 0.00 0.00 0.00 0.00");
    assert_eq!(
        rig.mock.payer(PayerAct::Pay { target: qr.clone(), force: false }).unwrap()["state"],
        "AUTHORIZED"
    );
    let cancel =
        || rig.call("alipay.fund.auth.operation.cancel", json!({"out_order_no":"H1","out_request_no":"F1"}));
    assert_eq!(
        (&cancel()["action"], told(&rig).as_str()),
        (&json!("unfreeze"), "FINISH 500.00 0.00 500.00 0.00")
    );
    assert_eq!(cancel()["action"], "unfreeze", "its repeat tells the same");
    let again = rig.mock.payer(PayerAct::Pay { target: qr, force: true });
    assert_eq!(again, Err(PayerError::NotPayable { state: "FINISH".into() }));
}

#[test]
fn cancel_closes_what_nobody_agreed_to_and_leaves_what_was_paid_out_of() {
    let rig = Rig::new();
    freeze(&rig, CodeOutcome::PendingThenPays);
    let cancel = |rig: &Rig| {
        rig.call("alipay.fund.auth.operation.cancel", json!({"out_order_no":"H1","out_request_no":"F1"}))
    };
    assert_eq!(cancel(&rig)["action"], "close");
    rig.mock.bench.clock.step(SignedDuration::from_secs(60));
    assert_eq!(told(&rig), "CLOSED 0.00 0.00 0.00 0.00", "the payer came too late");
    let rig = Rig::new();
    let auth_no = freeze(&rig, CodeOutcome::Pays)["auth_no"].clone();
    capture(&rig, &auth_no, "P1", "1.00", "NOT_COMPLETE");
    assert_eq!(code(&cancel(&rig)), "ILLEGAL_STATUS");
}

#[test]
fn a_hold_is_refused_by_member_and_channel() {
    let good = json!({"out_order_no":"H1","out_request_no":"F1","order_title":"t","amount":"5.00"});
    let zhima = r#"[{"payChannelType":"CREDITZHIMA"}]"#;
    let fund = r#"[{"payChannelType":"CREDITZHIMA"},{"payChannelType":"MONEY_FUND"}]"#;
    for (name, value, wanted) in [
        ("enable_pay_channels", fund, "10000"),
        ("enable_pay_channels", zhima, "NO_PAYMENT_INSTRUMENTS_AVAILABLE"),
        ("enable_pay_channels", "MONEY_FUND", "ILLEGAL_ARGUMENT"),
        ("amount", "0.00", "ILLEGAL_ARGUMENT"),
        ("out_request_no", "", "ILLEGAL_ARGUMENT"),
        ("order_title", "", "ILLEGAL_ARGUMENT"),
        ("product_code", "PRE_AUTH_ONLINE", "ILLEGAL_ARGUMENT"),
        ("payee_user_id", "2088000000000999", "PAYEE_NOT_EXIST"),
        ("pay_timeout", "soon", "ILLEGAL_ARGUMENT"),
    ] {
        let (rig, mut biz) = (Rig::new(), good.clone());
        biz[name] = json!(value);
        assert_eq!(code(&rig.call("alipay.fund.auth.order.voucher.create", biz)), wanted, "{name} {value}");
    }
    let rig = Rig::new();
    rig.call("alipay.fund.auth.order.voucher.create", good.clone());
    let mut other = good;
    other["amount"] = json!("5.01");
    assert_eq!(code(&rig.call("alipay.fund.auth.order.voucher.create", other)), "UNIQUE_VIOLATION");
}

#[test]
fn an_app_hands_the_order_string_of_a_hold_to_the_wallet() {
    let rig = Rig::new();
    let biz = r#"{"out_order_no":"H1","out_request_no":"F1","order_title":"t","amount":"9.00","product_code":"PRE_AUTH_ONLINE"}"#;
    let form = signed_form("alipay.fund.auth.order.app.freeze", biz, &[]);
    let paid = rig.mock.payer(PayerAct::Pay { target: PayerTarget::Qr(form), force: false }).unwrap();
    let result: Value = serde_json::from_str(paid["result"].as_str().unwrap()).unwrap();
    assert_eq!(result["alipay_fund_auth_order_app_freeze_response"]["status"], "SUCCESS");
    assert_eq!(told(&rig), "AUTHORIZED 9.00 0.00 0.00 9.00");
    let (status, seen) = rig.v3(
        "/v3/alipay/fund/auth/operation/detail/query",
        json!({"out_order_no":"H1","out_request_no":"F1"}),
    );
    assert_eq!((status, &seen["order_status"]), (200, &json!("AUTHORIZED")));
    let auth_no = seen["auth_no"].clone();
    assert_eq!(
        code(&capture(&rig, &auth_no, "P1", "1.00", "COMPLETE")),
        "ACQ.PRE_AUTH_PROD_CODE_INCONSISTENT"
    );
}

#[tokio::test]
async fn freeze_and_unfreeze_are_told_in_the_fields_of_genuine_notices() {
    let options = Options { clock: Clock::standing_at(super::noon()), ..Options::default() };
    let (rails, shop) =
        (MockRails::start_with(options).await.unwrap(), Shop::open(&[(200, "success")]).await);
    let call = async |method: &str, biz: Value| {
        let form = signed_form(method, &biz.to_string(), &[("notify_url", shop.url.as_str())]);
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let url = format!("{}/gateway.do", rails.url("alipay"));
        let body = send(Method::POST, &url, &headers, form).await.unwrap().2;
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    let shown = rails.rail("alipay").payer(PayerAct::IssueCode(CodeOutcome::Pays)).unwrap();
    let biz = json!({"out_order_no":"H1","out_request_no":"F1","order_title":"押金","amount":"500.00",
        "auth_code":shown["code"],"auth_code_type":"bar_code"});
    let frozen = call("alipay.fund.auth.order.freeze", biz).await;
    let auth_no = frozen["alipay_fund_auth_order_freeze_response"]["auth_no"].clone();
    call(
        "alipay.fund.auth.order.unfreeze",
        json!({"auth_no":auth_no,"out_request_no":"U1","amount":"20.00"}),
    )
    .await;
    within(
        rails.bench("alipay").notifier.until(|all| all.iter().filter(|d| d.tries.len() == 1).count() == 2),
    )
    .await;
    let mut forms: Vec<_> = shop.seen().iter().map(|request| super::notices::form(&request.body)).collect();
    forms.sort_by_key(|form| form["notify_type"].clone());
    let names = [
        "notify_type",
        "operation_type",
        "status",
        "amount",
        "total_freeze_amount",
        "total_unfreeze_amount",
        "rest_amount",
    ];
    let told = |at: usize| names.map(|name| forms[at][name].clone()).join(" ");
    assert_eq!(told(0), "fund_auth_freeze FREEZE SUCCESS 500.00 500.00 0.00 500.00");
    assert_eq!(told(1), "fund_auth_unfreeze UNFREEZE SUCCESS 20.00 500.00 20.00 480.00");
    assert!(forms.iter().all(super::notices::genuine), "signed like every notice");
}
