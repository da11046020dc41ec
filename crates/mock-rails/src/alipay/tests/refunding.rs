//! The refund ledger: one row per `out_request_no`, sums that never exceed what was paid (I6).

use serde_json::{Value, json};

use super::{Rig, code};

fn paid(yuan: &str) -> Rig {
    let rig = Rig::new();
    rig.precreate("A1", yuan);
    rig.pay("A1").unwrap();
    rig
}

fn refund(rig: &Rig, yuan: &str, no: Option<&str>) -> Value {
    let mut biz = json!({"out_trade_no":"A1","refund_amount":yuan,"refund_reason":"少送一杯"});
    if let Some(no) = no {
        biz["out_request_no"] = json!(no);
    }
    rig.call("alipay.trade.refund", biz)
}

/// `code fund_change refund_fee send_back_fee`
fn told(answer: &Value) -> String {
    let member = |name: &str| answer[name].as_str().unwrap_or("-").to_owned();
    format!("{} {} {} {}", code(answer), member("fund_change"), member("refund_fee"), member("send_back_fee"))
}

#[test]
fn refunds_add_up_repeats_move_nothing_and_the_last_one_closes_the_trade() {
    let rig = paid("88.88");
    let steps = [
        ("8.88", "R1", "10000 Y 8.88 8.88"),
        ("8.88", "R1", "10000 N 8.88 0.00"),
        ("8.87", "R1", "ACQ.DISCORDANT_REPEAT_REQUEST - 0.00 0.00"),
        ("80.01", "R2", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL - 0.00 0.00"),
        ("30.00", "R2", "10000 Y 38.88 30.00"),
        ("8.88", "R1", "10000 N 38.88 0.00"),
        ("50.00", "R3", "10000 Y 88.88 50.00"),
        ("50.00", "R3", "10000 N 88.88 0.00"),
        ("0.01", "R4", "ACQ.TRADE_HAS_CLOSE - 0.00 0.00"),
    ];
    for (yuan, no, wanted) in steps {
        assert_eq!(told(&refund(&rig, yuan, Some(no))), wanted, "{yuan} {no}");
    }
    let entry = rig.entry("A1");
    let rows: Vec<_> = entry.refunds.iter().map(|r| (r.refund_no.as_str(), r.fen)).collect();
    assert_eq!(rows, [("R1", 888), ("R2", 3000), ("R3", 5000)]);
    assert_eq!((entry.refunded_fen, entry.charges, entry.state.as_str()), (8888, 1, "TRADE_CLOSED"));
    assert_eq!(rig.query("A1")["send_pay_date"], "2024-07-09 12:00:00", "closed, but it was paid");
}

#[test]
fn a_refund_answers_in_the_shape_of_the_captures() {
    let rig = paid("20.00");
    let trade_no = rig.entry("A1").rail_ref.unwrap();
    rig.step_minutes(5);
    assert_eq!(
        refund(&rig, "2.00", Some("R1")),
        json!({"code":"10000","msg":"Success","buyer_logon_id":"ljf***@sandbox.com",
            "buyer_user_id":"2088000000000102","fund_change":"Y","gmt_refund_pay":"2024-07-09 12:05:00",
            "out_trade_no":"A1","refund_fee":"2.00","send_back_fee":"2.00","trade_no":trade_no})
    );
    rig.step_minutes(5);
    assert_eq!(
        refund(&rig, "2.00", Some("R1"))["gmt_refund_pay"],
        "2024-07-09 12:05:00",
        "the first one's time"
    );
}

#[test]
fn a_part_needs_its_own_number_and_the_whole_does_not() {
    let rig = paid("1.00");
    assert_eq!(code(&refund(&rig, "0.50", None)), "ACQ.INVALID_PARAMETER");
    assert_eq!(told(&refund(&rig, "1.00", None)), "10000 Y 1.00 1.00");
    assert_eq!(told(&refund(&rig, "1.00", None)), "10000 N 1.00 0.00");
    assert_eq!(rig.entry("A1").refunds[0].refund_no, "A1");
}

#[test]
fn refunds_are_refused_by_state_and_amount() {
    let rig = Rig::new();
    rig.precreate("A1", "1.00");
    assert_eq!(code(&refund(&rig, "1.00", Some("R1"))), "ACQ.TRADE_NOT_EXIST", "nobody scanned");
    rig.scan("A1").unwrap();
    assert_eq!(code(&refund(&rig, "1.00", Some("R1"))), "ACQ.TRADE_STATUS_ERROR", "unpaid");
    rig.call("alipay.trade.close", json!({"out_trade_no":"A1"}));
    assert_eq!(code(&refund(&rig, "1.00", Some("R1"))), "ACQ.TRADE_HAS_CLOSE");
    rig.pay_by_force("A1").unwrap();
    for bad in ["0.00", "-1.00", "0.001", "x", ""] {
        assert_eq!(code(&refund(&rig, bad, Some("R1"))), "ACQ.INVALID_PARAMETER", "{bad}");
    }
    assert_eq!(code(&refund(&rig, "1.00", Some(&"R".repeat(65)))), "ACQ.INVALID_PARAMETER");
    rig.step_minutes(365 * 24 * 60);
    assert_eq!(rig.status("A1"), "TRADE_FINISHED");
    assert_eq!(code(&refund(&rig, "1.00", Some("R1"))), "ACQ.TRADE_HAS_FINISHED");
    assert_eq!(rig.entry("A1").refunded_fen, 0);
}

#[test]
fn an_amount_may_come_as_a_number() {
    let rig = paid("0.03");
    let biz: Value = serde_json::from_str(r#"{"out_trade_no":"A1","refund_amount":0.03}"#).unwrap();
    assert_eq!(told(&rig.call("alipay.trade.refund", biz)), "10000 Y 0.03 0.03");
}

#[test]
fn the_refund_query_knows_what_happened_and_says_nothing_of_what_did_not() {
    let rig = paid("20.00");
    let trade_no = rig.entry("A1").rail_ref.unwrap();
    refund(&rig, "2.00", Some("R1"));
    let ask = |no: &str, options: Value| {
        let biz = json!({"out_trade_no":"A1","out_request_no":no,"query_options":options});
        rig.call("alipay.trade.fastpay.refund.query", biz)
    };
    assert_eq!(
        ask("R1", json!(["gmt_refund_pay"])),
        json!({"code":"10000","msg":"Success","gmt_refund_pay":"2024-07-09 12:00:00","out_request_no":"R1",
            "out_trade_no":"A1","refund_amount":"2.00","refund_reason":"少送一杯",
            "refund_status":"REFUND_SUCCESS","total_amount":"20.00","trade_no":trade_no})
    );
    assert_eq!(ask("R2", json!([])), json!({"code":"10000","msg":"Success"}));
    let none = json!({"out_trade_no":"none","out_request_no":"R1"});
    assert_eq!(code(&rig.call("alipay.trade.fastpay.refund.query", none)), "ACQ.TRADE_NOT_EXIST");
    let unnamed = json!({"out_trade_no":"A1"});
    assert_eq!(code(&rig.call("alipay.trade.fastpay.refund.query", unnamed)), "ACQ.INVALID_PARAMETER");
}

#[test]
fn f17_a_lost_refund_answer_is_found_by_its_number_and_never_paid_twice() {
    let rig = paid("20.00");
    rig.mock.bench.faults.arm(Some("refund"), crate::faults::Fault::AnswerLost, 1);
    let biz = json!({"out_trade_no":"A1","refund_amount":"2.00","out_request_no":"R1"}).to_string();
    let form = super::signed_form("alipay.trade.refund", &biz, &[]);
    assert!(matches!(rig.reply(super::post("/gateway.do", &form)), crate::RailReply::Dropped));
    assert_eq!(told(&refund(&rig, "2.00", Some("R1"))), "10000 N 2.00 0.00");
    assert_eq!(rig.entry("A1").refunded_fen, 200);
}
