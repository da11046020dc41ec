//! The book survives a restart: orders, holds, thinking payers, bills, and the notices that nobody acknowledged.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Rig, code, noon, order, post, signed_form};
use crate::clock::Clock;
use crate::testing::{Shop, within};
use crate::{Bench, CodeOutcome, PayerAct, PayerTarget, RailMock};

/// Another mock at the same time, with the saved book.
fn restarted(rig: &Rig) -> Rig {
    let saved = rig.mock.save();
    let next = Rig::new();
    next.mock.bench.clock.set(rig.mock.bench.clock.now());
    next.mock.load(serde_json::from_str(&saved.to_string()).unwrap()).unwrap();
    next
}

#[test]
fn everything_is_as_it_was_and_numbers_go_on() {
    let rig = Rig::new();
    rig.precreate("OPEN", "1.00");
    rig.precreate("PAID", "20.00");
    rig.pay("PAID").unwrap();
    rig.call(
        "alipay.trade.refund",
        json!({"out_trade_no":"PAID","refund_amount":"2.00","out_request_no":"R1"}),
    );
    rig.call("alipay.trade.cancel", json!({"out_trade_no":"NEVER"}));
    let think = json!({"out_trade_no":"THINK","total_amount":"3.00","subject":"s","auth_code":rig.bar_code(CodeOutcome::PendingThenPays)});
    rig.call("alipay.trade.pay", think);
    let hold = json!({"out_order_no":"HOLD","out_request_no":"F1","order_title":"t","amount":"5.00",
        "auth_code":rig.bar_code(CodeOutcome::Pays),"auth_code_type":"bar_code"});
    let auth_no = rig.call("alipay.fund.auth.order.freeze", hold)["auth_no"].clone();
    let next = restarted(&rig);
    assert_eq!(next.mock.book(), rig.mock.book());
    assert_eq!(next.query("PAID"), rig.query("PAID"));
    assert_eq!(code(&next.precreate("NEVER", "1.00")), "ACQ.TRADE_HAS_CLOSE");
    assert_eq!(next.precreate("OPEN", "1.00"), rig.precreate("OPEN", "1.00"), "the same code");
    next.mock.bench.clock.step(SignedDuration::from_secs(10));
    assert_eq!(next.status("THINK"), "TRADE_SUCCESS");
    let biz = json!({"auth_no":auth_no,"out_request_no":"U1","amount":"5.00"});
    assert_eq!(code(&next.call("alipay.fund.auth.order.unfreeze", biz)), "10000");
    next.scan("OPEN").unwrap();
    let refs: Vec<_> = next.mock.book().into_iter().filter_map(|entry| entry.rail_ref).collect();
    let distinct: std::collections::BTreeSet<_> = refs.iter().collect();
    assert_eq!((refs.len(), distinct.len()), (4, 4));
    next.step_minutes(21 * 60);
    let bill = json!({"bill_type":"trade","bill_date":"2024-07-09"});
    let answer = next.call("alipay.data.dataservice.bill.downloadurl.query", bill);
    assert_eq!(
        (code(&answer), answer.get("bill_file_code")),
        ("10000", None),
        "the account is as old as it was"
    );
}

#[test]
fn a_book_that_is_none_is_refused() {
    let rig = Rig::new();
    rig.precreate("A1", "1.00");
    assert_eq!(rig.mock.load(json!(null)), Ok(()), "nothing was saved");
    for bad in [json!(1), json!({}), json!({"trades":[]})] {
        assert!(rig.mock.load(bad).is_err());
    }
    assert_eq!(rig.mock.book().len(), 1, "nothing was lost by trying");
}

#[tokio::test]
async fn unacknowledged_notices_are_sent_again_with_their_number() {
    let clock = Clock::standing_at(noon());
    let (down, up) = (Shop::open(&[(500, "")]).await, Shop::open(&[(200, "success")]).await);
    let (bench, worker) = Bench::new(clock.clone(), "http://127.0.0.1:1");
    let running = tokio::spawn(worker.run());
    let mock = crate::alipay::AlipayMock::new(bench, super::material());
    for (no, shop) in [("A1", &down), ("A2", &up)] {
        let form = signed_form(
            "alipay.trade.precreate",
            &order(no, "1.00").to_string(),
            &[("notify_url", &shop.url)],
        );
        mock.handle(post("/gateway.do", &form)).await;
        let target = PayerTarget::OrderNo(no.into());
        mock.payer(PayerAct::Pay { target, force: false }).unwrap();
    }
    within(mock.bench.notifier.until(|all| all.iter().filter(|d| !d.tries.is_empty()).count() == 2)).await;
    let saved: Value = mock.save();
    running.abort();
    let (bench, worker) = Bench::new(clock, "http://127.0.0.1:1");
    let running = tokio::spawn(worker.run());
    let next = crate::alipay::AlipayMock::new(bench, super::material());
    next.load(saved).unwrap();
    within(next.bench.notifier.until(|all| all.len() == 1 && all[0].tries.len() == 1)).await;
    let seen: Vec<_> =
        down.seen().iter().map(|request| super::notices::form(&request.body)["notify_id"].clone()).collect();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0], seen[1], "one notice, one number");
    assert_eq!(up.seen().len(), 1, "the acknowledged one is not sent again");
    running.abort();
}
