//! Refunds and undos.

use super::{BACK, Desk, Fields};
use crate::RailMock;

fn refund(desk: &Desk, order_id: &str, fen: i64, query_id: &str) -> Fields {
    desk.order(("04", "00"), order_id, fen, [("origQryId", query_id)])
}

fn undo(desk: &Desk, order_id: &str, fen: i64, query_id: &str) -> Fields {
    desk.order(("31", "00"), order_id, fen, [("origQryId", query_id)])
}

#[tokio::test]
async fn i6_refunds_never_exceed_the_payment_also_while_they_run() {
    let desk = Desk::silent();
    let query_id = desk.paid("T0000001", 1000).await;
    assert_eq!(desk.code(&refund(&desk, "R0000001", 600, &query_id)).await, "00");
    assert_eq!(desk.code(&refund(&desk, "R0000002", 401, &query_id)).await, "36", "600 are promised");
    assert_eq!(desk.code(&refund(&desk, "R0000003", 400, &query_id)).await, "00");
    assert_eq!(desk.book("T0000001").2, 0, "nothing is back yet");
    assert_eq!(desk.ask(&refund(&desk, "R0000001", 600, &query_id)).await.1, "05");
    desk.step(1);
    assert_eq!(desk.book("T0000001"), ("00".to_owned(), 1, 1000));
    assert_eq!(desk.code(&refund(&desk, "R0000004", 1, &query_id)).await, "36");
    let refunds = desk.mock.book().remove(0).refunds;
    let states: Vec<(&str, &str)> =
        refunds.iter().map(|refund| (refund.refund_no.as_str(), refund.state.as_str())).collect();
    assert_eq!(states, [("R0000001", "00"), ("R0000002", "36"), ("R0000003", "00"), ("R0000004", "36")]);
}

#[tokio::test]
async fn f17_a_repeated_refund_is_a_duplicate_and_moves_nothing() {
    let desk = Desk::silent();
    let query_id = desk.paid("T0000001", 1000).await;
    let one = refund(&desk, "R0000001", 300, &query_id);
    assert_eq!(desk.code(&one).await, "00");
    desk.step(5);
    assert_eq!(desk.code(&one).await, "12");
    desk.step(5);
    assert_eq!(desk.book("T0000001").2, 300);
    let answer = desk.query(&one).await;
    let part = |name| answer.value(name).unwrap().to_owned();
    assert_eq!(
        (part("origRespCode"), part("txnType"), part("settleAmt")),
        ("00".into(), "04".into(), "300".into())
    );
}

#[tokio::test]
async fn f18_a_refund_may_fail_after_it_was_accepted_and_frees_its_amount() {
    let desk = Desk::silent();
    let query_id = desk.paid("T0000001", 1000).await;
    let one = refund(&desk, "R0000001", 1000, &query_id);
    assert_eq!(desk.code(&one).await, "00");
    desk.decline("R0000001").unwrap();
    assert_eq!(desk.ask(&one).await, ("00".to_owned(), "01".to_owned()));
    assert_eq!(desk.book("T0000001").2, 0);
    assert_eq!(desk.code(&refund(&desk, "R0000002", 1000, &query_id)).await, "00");
    let keys: Vec<String> = desk.bench.notifier.deliveries().into_iter().map(|d| d.key).collect();
    assert_eq!(keys, ["payment T0000001 00", "refund R0000001 01"], "failures are told");
}

#[tokio::test]
async fn refunds_need_a_paid_original_within_the_window() {
    let desk = Desk::silent();
    let unpaid = desk.order(("01", "07"), "Q0000001", 100, []);
    assert_eq!(desk.code(&unpaid).await, "00");
    let by_order = |refund_no: &str| {
        let mut fields = desk.order(("04", "00"), refund_no, 100, []);
        fields.put("bizType", "000000");
        fields.put("origOrderId", "Q0000001");
        fields.put("origTxnTime", unpaid.value("txnTime").unwrap());
        fields
    };
    assert_eq!(desk.code(&by_order("R0000001")).await, "35", "not paid yet");
    assert_eq!(desk.code(&refund(&desk, "R0000002", 100, "042611211015300000019")).await, "35", "unknown");
    desk.pay("Q0000001", false).unwrap();
    let mut gateway = by_order("R0000003");
    gateway.put("bizType", "000201");
    assert_eq!(desk.code(&gateway).await, "13", "only QR products may name the order");
    desk.step(330 * 24 * 3600 + 1);
    assert_eq!(desk.code(&by_order("R0000004")).await, "35", "too old");
    desk.step(-1);
    let done = by_order("R0000005");
    assert_eq!(desk.code(&done).await, "00");
    desk.step(1);
    let refund_id = desk.query(&done).await.value("queryId").unwrap().to_owned();
    assert_eq!(desk.code(&refund(&desk, "R0000006", 1, &refund_id)).await, "35", "a refund is no payment");
}

#[tokio::test]
async fn an_undo_is_for_the_full_amount_once_and_before_any_refund() {
    let desk = Desk::silent();
    let query_id = desk.paid("T0000001", 1000).await;
    assert_eq!(desk.code(&undo(&desk, "U0000001", 999, &query_id)).await, "36");
    let good = undo(&desk, "U0000002", 1000, &query_id);
    let answer = desk.call(BACK, &good).await;
    assert_eq!((answer.value("respCode"), answer.value("origQryId")), (Some("00"), Some(query_id.as_str())));
    assert_eq!(desk.code(&undo(&desk, "U0000003", 1000, &query_id)).await, "45", "one is running");
    desk.step(1);
    assert_eq!(desk.ask(&good).await, ("00".to_owned(), "00".to_owned()));
    assert_eq!(desk.book("T0000001"), ("00".to_owned(), 1, 1000));
    assert_eq!(desk.code(&undo(&desk, "U0000004", 1000, &query_id)).await, "45");
    assert_eq!(desk.code(&refund(&desk, "R0000001", 1, &query_id)).await, "45");
    let refunded = desk.paid("T0000002", 1000).await;
    assert_eq!(desk.code(&refund(&desk, "R0000002", 1, &refunded)).await, "00");
    assert_eq!(desk.code(&undo(&desk, "U0000005", 1000, &refunded)).await, "45");
}

#[tokio::test]
async fn an_undo_ends_with_the_clearing_day_at_23() {
    let desk = Desk::silent();
    let first = desk.paid("T0000001", 1000).await;
    let second = desk.paid("T0000002", 1000).await;
    desk.set("20261121225959");
    assert_eq!(desk.code(&undo(&desk, "U0000001", 1000, &first)).await, "00");
    desk.set("20261121230000");
    assert_eq!(desk.code(&undo(&desk, "U0000002", 1000, &second)).await, "35");
    let evening = desk.paid("T0000003", 1000).await;
    desk.set("20261122090000");
    assert_eq!(desk.code(&undo(&desk, "U0000003", 1000, &evening)).await, "00", "the same clearing day");
}
