//! Holds, captures and releases.

use paifang_payment::{NextAction, Presentation, RailRef};
use paifang_rail::{Call, PlanError, Rail, ReleaseOrder};

use super::requests::{check_with, shown};
use super::*;

const AUTH_NO: &str = "2024070910002001000280000001";

pub(super) fn capture() -> CaptureOrder {
    CaptureOrder {
        hold: known(Presentation::QrShown),
        capture_no: OrderNo::parse("C20240709A0001").unwrap(),
        amount: yuan(5_000),
        description: "奶茶".into(),
        opened_at: at(NOW),
    }
}

pub(super) fn release() -> ReleaseOrder {
    let release_no = OrderNo::parse("F20240709A0001").unwrap();
    ReleaseOrder { hold: known(Presentation::QrShown), release_no, opened_at: at(NOW) }
}

fn known(presentation: Presentation) -> Order {
    Order { rail_ref: Some(RailRef::parse(AUTH_NO).unwrap()), ..hold(presentation) }
}

fn new(presentation: Presentation) -> Charge {
    Charge { order: hold(presentation), ..super::calls::by_code() }
}

const NOTIFY: &str = "notify_url=https://pay.example.test/notices/alipay-main\n";
const FREEZE: &str = r#""out_order_no":"T20240709A0001","out_request_no":"T20240709A0001","order_title":"奶茶 (大杯) 50% off + 1","amount":"88.88","payee_user_id":"2088000000000001""#;

#[test]
fn holds_are_asked_for_by_code_and_by_order_string() {
    let of = settings(Charset::Utf8);
    let content = format!(r#"{{{FREEZE},"product_code":"PRE_AUTH","timeout_express":"30m"}}"#);
    let method = "alipay.fund.auth.order.voucher.create";
    check_with(of.clone(), &Call::Charge(&new(Presentation::QrShown)), method, NOTIFY, &content);
    let content = format!(
        r#"{{"auth_code":"287951669891795468","auth_code_type":"bar_code",{FREEZE},"product_code":"PRE_AUTH","timeout_express":"30m"}}"#
    );
    let by_code = new(Presentation::PayerCode);
    check_with(of, &Call::Charge(&by_code), "alipay.fund.auth.order.freeze", NOTIFY, &content);

    let bench = Bench::new();
    let plan = bench.rail.plan(&Call::Charge(&new(Presentation::App)), &bench.cx()).unwrap();
    let paifang_rail::Plan::HandOff(NextAction::InvokeWallet { parameters }) = plan else {
        panic!("{plan:?}")
    };
    let shown = shown(&bench, &format!("x?{}", parameters["orderStr"]), b"");
    assert!(shown.contains("method=alipay.fund.auth.order.app.freeze\n"), "{shown}");
    assert!(shown.contains(r#""product_code":"PRE_AUTH_ONLINE""#), "{shown}");
    for other in [Presentation::Jsapi, Presentation::DesktopWeb, Presentation::MobileWeb] {
        let refused = bench.rail.plan(&Call::Charge(&new(other)), &bench.cx());
        assert!(matches!(refused, Err(PlanError::Unsupported(_))), "{other:?}");
    }
}

#[test]
fn captures_and_releases_name_the_hold() {
    let of = settings(Charset::Utf8);
    let (capture, release, hold) = (capture(), release(), hold(Presentation::QrShown));
    check_with(
        of.clone(),
        &Call::Capture(&capture),
        "alipay.trade.pay",
        NOTIFY,
        r#"{"out_trade_no":"C20240709A0001","total_amount":"50.00","subject":"奶茶","product_code":"PRE_AUTH","seller_id":"2088000000000001","auth_no":"2024070910002001000280000001","auth_confirm_mode":"COMPLETE","passback_params":"capture"}"#,
    );
    let method = "alipay.trade.query";
    check_with(of.clone(), &Call::QueryCapture(&capture), method, "", r#"{"out_trade_no":"C20240709A0001"}"#);
    check_with(
        of.clone(),
        &Call::Release(&release),
        "alipay.fund.auth.order.unfreeze",
        NOTIFY,
        r#"{"auth_no":"2024070910002001000280000001","out_request_no":"F20240709A0001","amount":"88.88","remark":"release"}"#,
    );
    let method = "alipay.fund.auth.operation.detail.query";
    let content =
        r#"{"out_order_no":"T20240709A0001","out_request_no":"F20240709A0001","operation_type":"UNFREEZE"}"#;
    check_with(of.clone(), &Call::QueryRelease(&release), method, "", content);
    let content =
        r#"{"out_order_no":"T20240709A0001","out_request_no":"T20240709A0001","operation_type":"FREEZE"}"#;
    check_with(of.clone(), &Call::Query(&hold), method, "", content);
    let content = r#"{"out_order_no":"T20240709A0001","out_request_no":"T20240709A0001","remark":"cancel"}"#;
    check_with(of, &Call::Close(&hold), "alipay.fund.auth.operation.cancel", "", content);

    let bench = Bench::new();
    let nameless = CaptureOrder { hold, ..capture };
    let refused = bench.rail.plan(&Call::Capture(&nameless), &bench.cx());
    assert!(matches!(refused, Err(PlanError::BadValue { field: "hold.rail_ref", .. })));
}

const OURS: &str = r#""code":"10000","msg":"Success","out_order_no":"T20240709A0001","auth_no":"2024070910002001000280000001""#;

fn check(call: Call<'_>, members: &str, wanted: &str) {
    let bench = Bench::new();
    let answer = bench.read(&call, &format!("{{{OURS}{members}}}"));
    assert_eq!(told(&answer), format!("alipay.{wanted}"), "{members}");
}

#[test]
fn a_hold_is_held_pending_or_ended() {
    let by_code = new(Presentation::PayerCode);
    let held = r#","amount":"88.88","gmt_trans":"2024-07-09 12:06:10""#;
    let stands = format!("held 88.88 CNY {AUTH_NO} 2024-07-09T04:06:10Z");
    let call = Call::Charge(&by_code);
    check(call, &format!(r#"{held},"status":"SUCCESS""#), &format!("charge.success: {stands}"));
    check(call, &format!(r#"{held},"status":"INIT""#), "charge.init: pending");
    check(call, r#","status":"CLOSED""#, r#"charge.closed: unknown RailUnsure("CLOSED")"#);
    check(call, held, "charge.no_status: unknown Unreadable");
    let voucher = new(Presentation::QrShown);
    let code = r#","code_type":"qrCode","code_value":"https://qr.alipay.com/abc","code_url":"https://x""#;
    check(Call::Charge(&voucher), code, "charge.code_value: pending");
    check(Call::Charge(&voucher), "", "charge.no_code_value: unknown Unreadable");

    let order = hold(Presentation::QrShown);
    let call = Call::Query(&order);
    let of = |state: &str, more: &str| {
        format!(r#"{held},"operation_type":"FREEZE","order_status":"{state}"{more}"#)
    };
    check(call, &of("INIT", ""), "query.init: pending");
    check(call, &of("AUTHORIZED", ""), &format!("query.authorized: {stands}"));
    check(call, &of("CLOSED", ""), "query.closed: closed");
    check(call, &of("FINISH", r#","total_pay_amount":"0.00""#), "query.finished: closed");
    let captured = r#"query.captured: unknown MaybePaid("FINISH")"#;
    check(call, &of("FINISH", r#","total_pay_amount":"50.00""#), captured);
    check(call, &of("FINISH", ""), captured);
    check(
        call,
        r#","order_status":"AUTHORIZED","operation_type":"UNFREEZE""#,
        r#"query.mismatch: unknown Mismatch("operation_type")"#,
    );
    check(
        call,
        r#","order_status":"AUTHORIZED","out_request_no":"F1""#,
        r#"query.mismatch: unknown Mismatch("out_request_no")"#,
    );
    check(Call::Close(&order), r#","action":"close""#, "close.cancelled: closed");
    check(Call::Close(&order), r#","action":"unfreeze""#, "close.unfrozen: closed");
    check(Call::Close(&order), "", r#"close.no_action: unknown RailUnsure("action")"#);
}

#[test]
fn a_release_is_done_by_its_own_number_and_whole_amount() {
    let release = release();
    let ours = r#","out_request_no":"F20240709A0001","operation_id":"20240709000001""#;
    let query = r#","operation_type":"UNFREEZE""#;
    for (call, verb, more) in
        [(Call::Release(&release), "release", ""), (Call::QueryRelease(&release), "query_release", query)]
    {
        let of = |members: &str| format!("{ours}{more}{members}");
        check(call, &of(r#","status":"SUCCESS","amount":"88.88""#), &format!("{verb}.success: closed"));
        let other = format!("{verb}.other_amount: unknown AmountMismatch");
        check(call, &of(r#","status":"SUCCESS","amount":"50.00""#), &other);
        check(call, &of(r#","status":"INIT""#), &format!("{verb}.init: pending"));
        let nameless = format!(r#"{verb}.mismatch: unknown Mismatch("out_request_no")"#);
        check(call, &format!(r#"{more},"status":"SUCCESS","amount":"88.88""#), &nameless);
    }
}

#[test]
fn a_capture_is_paid_with_its_own_amount_and_number() {
    let bench = Bench::new();
    let capture = capture();
    let members = r#""code":"10000","out_trade_no":"C20240709A0001","trade_no":"20240709220014","total_amount":"50.00""#;
    let answer = bench
        .read(&Call::Capture(&capture), &format!(r#"{{{members},"gmt_payment":"2024-07-09 12:06:10"}}"#));
    assert_eq!(told(&answer), "alipay.capture.paid: paid 50.00 CNY 20240709220014 2024-07-09T04:06:10Z");
    let query = Call::QueryCapture(&capture);
    let answer = bench.read(&query, &format!(r#"{{{members},"trade_status":"TRADE_SUCCESS"}}"#));
    assert_eq!(told(&answer), "alipay.query_capture.trade_success: paid 50.00 CNY 20240709220014 -");
    let of_the_hold = members.replace("C2024", "T2024");
    let answer = bench.read(&query, &format!(r#"{{{of_the_hold},"trade_status":"TRADE_SUCCESS"}}"#));
    assert_eq!(told(&answer), r#"alipay.query_capture.mismatch: unknown Mismatch("out_trade_no")"#);
}
