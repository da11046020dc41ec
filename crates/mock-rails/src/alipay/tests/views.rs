//! What the framework shows: the payer's phone, plain bill lines, and the book of holds.

use serde_json::json;

use super::Rig;
use crate::{BillKind, CodeOutcome, RailMock};

#[test]
fn the_phone_shows_the_newest_first_and_what_can_be_paid() {
    let rig = Rig::new();
    rig.precreate("A1", "1.00");
    rig.pay("A1").unwrap();
    rig.step_minutes(1);
    let mut biz = super::order("J1", "2.00");
    biz["buyer_id"] = json!("2088000000000102");
    let trade_no = rig.call("alipay.trade.create", biz)["trade_no"].as_str().unwrap().to_owned();
    let hold = json!({"out_order_no":"H1","out_request_no":"F1","order_title":"押金","amount":"5.00"});
    let qr =
        rig.call("alipay.fund.auth.order.voucher.create", hold)["code_value"].as_str().unwrap().to_owned();
    rig.step_minutes(1);
    rig.precreate("A2", "3.00");
    let seen: Vec<_> =
        rig.mock.orders().into_iter().map(|o| (o.order_no, o.fen, o.state, o.payable)).collect();
    let row = |no: &str, fen, state: &str, payable| (no.to_owned(), fen, state.to_owned(), payable);
    assert_eq!(
        seen,
        [
            row("A2", 300, "NOT_SCANNED", true),
            row("H1", 500, "NOT_SCANNED", true),
            row("J1", 200, "WAIT_BUYER_PAY", true),
            row("A1", 100, "TRADE_SUCCESS", false),
        ]
    );
    let handles: Vec<_> = rig.mock.orders().into_iter().filter_map(|o| o.handle).collect();
    assert_eq!((&handles[1], &handles[2]), (&qr, &trade_no));
    rig.step_minutes(24 * 60);
    assert!(
        rig.mock.orders().iter().all(|o| o.order_no == "J1" || !o.payable),
        "but for the one that has fifteen days"
    );
}

#[test]
fn plain_lines_are_the_book_of_that_day_with_fees() {
    let rig = Rig::new();
    rig.precreate("A1", "88.88");
    rig.pay("A1").unwrap();
    rig.step_minutes(12 * 60 - 1);
    let refund = json!({"out_trade_no":"A1","refund_amount":"8.88","out_request_no":"R1"});
    rig.call("alipay.trade.refund", refund);
    rig.step_minutes(1);
    let refund = json!({"out_trade_no":"A1","refund_amount":"80.00","out_request_no":"R2"});
    rig.call("alipay.trade.refund", refund);
    let lines = |day: &str| -> Vec<_> {
        let lines = rig.mock.bill(day.parse().unwrap()).unwrap().into_iter();
        lines.map(|line| (line.kind, line.refund_no.unwrap_or_default(), line.fen, line.fee_fen)).collect()
    };
    let no = String::new();
    assert_eq!(
        lines("2024-07-09"),
        [(BillKind::Payment, no, 8888, 53), (BillKind::Refund, "R1".to_owned(), 888, -5)]
    );
    assert_eq!(
        lines("2024-07-10"),
        [(BillKind::Refund, "R2".to_owned(), 8000, -48)],
        "the whole fee is back"
    );
    assert_eq!(lines("2024-07-11"), []);
}

#[test]
fn the_book_of_a_hold_adds_up() {
    let rig = Rig::new();
    let biz = json!({"out_order_no":"H1","out_request_no":"F1","order_title":"t","amount":"5.00",
        "auth_code":rig.bar_code(CodeOutcome::Pays),"auth_code_type":"bar_code"});
    let auth_no = rig.call("alipay.fund.auth.order.freeze", biz)["auth_no"].clone();
    let biz = json!({"out_trade_no":"P1","total_amount":"3.00","subject":"s","auth_no":auth_no,"product_code":"PRE_AUTH",
        "auth_confirm_mode":"COMPLETE"});
    rig.call("alipay.trade.pay", biz);
    let entry = rig.entry("H1");
    assert_eq!((entry.held_fen, entry.captured_fen, entry.released_fen, entry.paid), (500, 300, 200, false));
}
