//! Laws over many random days: nobody is charged twice (I2), nothing is refunded beyond what was paid (I6), money held is
//! captured, released or still there, and the bills of all days add up to the book.

use serde_json::json;

use super::Rig;
use crate::{BillKind, CodeOutcome, RailMock};

/// A fixed series of numbers that look random.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn yuan(&mut self, fen_max: u64) -> String {
        let fen = 1 + self.roll(fen_max);
        format!("{}.{:02}", fen / 100, fen % 100)
    }
}

fn act(rig: &Rig, dice: &mut Dice) {
    let (no, request) = (format!("A{}", dice.roll(6)), format!("R{}", dice.roll(4)));
    let outcomes = [
        CodeOutcome::Pays,
        CodeOutcome::Declines,
        CodeOutcome::PendingThenPays,
        CodeOutcome::PendingThenDeclines,
    ];
    let outcome = outcomes[usize::try_from(dice.roll(4)).unwrap()];
    match dice.roll(9) {
        0 => drop(rig.precreate(&no, "30.00")),
        1 => drop(rig.pay(&no)),
        2 => drop(rig.pay_by_force(&no)),
        3 => {
            let biz = json!({"out_trade_no":no,"refund_amount":dice.yuan(3_100),"out_request_no":request});
            rig.call("alipay.trade.refund", biz);
        }
        4 => drop(rig.call("alipay.trade.cancel", json!({"out_trade_no":no}))),
        5 => {
            let biz = json!({"out_trade_no":no,"total_amount":"30.00","subject":"s","auth_code":rig.bar_code(outcome)});
            rig.call("alipay.trade.pay", biz);
        }
        6 => {
            let biz = json!({"out_order_no":format!("H{no}"),"out_request_no":"F","order_title":"t","amount":"50.00",
                "auth_code":rig.bar_code(outcome),"auth_code_type":"bar_code"});
            rig.call("alipay.fund.auth.order.freeze", biz);
        }
        7 => {
            let auth_no = rig.entry_of(&format!("H{no}")).and_then(|entry| entry.rail_ref);
            let biz = json!({"auth_no":auth_no,"out_request_no":request,"amount":dice.yuan(3_000)});
            rig.call("alipay.fund.auth.order.unfreeze", biz);
            let mode = if dice.roll(2) == 0 { "COMPLETE" } else { "NOT_COMPLETE" };
            let biz = json!({"out_trade_no":format!("P{no}{request}"),"total_amount":dice.yuan(3_000),"subject":"s",
                "auth_no":auth_no,"product_code":"PRE_AUTH","auth_confirm_mode":mode});
            rig.call("alipay.trade.pay", biz);
        }
        _ => rig.step_minutes(i64::try_from(dice.roll(600)).unwrap()),
    }
}

impl Rig {
    fn entry_of(&self, no: &str) -> Option<crate::book::BookEntry> {
        self.mock.book().into_iter().find(|entry| entry.order_no == no)
    }
}

#[test]
fn i2_i6_hold_and_bills_add_up_whatever_happens() {
    for seed in 1..=12 {
        let (rig, mut dice) = (Rig::magic(), Dice(seed));
        (0..120).for_each(|_| act(&rig, &mut dice));
        rig.step_minutes(24 * 60);
        let book = rig.mock.book();
        for entry in &book {
            assert!(entry.charges <= 1 && entry.paid == (entry.charges == 1), "{entry:?}");
            assert!(entry.refunded_fen <= if entry.paid { entry.total_fen } else { 0 }, "{entry:?}");
            let rest = entry.held_fen - entry.captured_fen - entry.released_fen;
            assert!(rest >= 0 && (entry.held_fen == 0 || entry.held_fen == entry.total_fen), "{entry:?}");
        }
        let (mut paid, mut refunded, mut fees) = (0, 0, 0);
        let mut day: jiff::civil::Date = "2024-07-09".parse().unwrap();
        for _ in 0..60 {
            for line in rig.mock.bill(day).unwrap() {
                fees += line.fee_fen;
                match line.kind {
                    BillKind::Payment => paid += line.fen,
                    BillKind::Refund | BillKind::Reversal => refunded += line.fen,
                }
            }
            day = day.tomorrow().unwrap();
        }
        let booked: i64 = book.iter().filter(|entry| entry.paid).map(|entry| entry.total_fen).sum();
        let back: i64 = book.iter().map(|entry| entry.refunded_fen).sum();
        assert_eq!((paid, refunded), (booked, back), "seed {seed}");
        assert!(paid > 0 && refunded > 0 && fees > 0, "seed {seed} did something");
        let captured: i64 = book.iter().map(|entry| entry.captured_fen).sum();
        let out_of_holds: i64 =
            book.iter().filter(|e| e.paid && e.order_no.starts_with('P')).map(|e| e.total_fen).sum();
        assert_eq!(captured, out_of_holds, "seed {seed}");
    }
}

#[test]
fn i2_twenty_codes_at_once_for_one_number_are_one_charge() {
    let rig = std::sync::Arc::new(Rig::new());
    let codes: Vec<_> = (0..20).map(|_| rig.bar_code(CodeOutcome::Pays)).collect();
    let threads: Vec<_> = codes
        .into_iter()
        .map(|code| (rig.clone(), code))
        .map(|(rig, code)| {
            std::thread::spawn(move || {
                let biz = json!({"out_trade_no":"C1","total_amount":"1.00","subject":"s","auth_code":code});
                rig.call("alipay.trade.pay", biz)["code"] == "10000"
            })
        })
        .collect();
    let paid = threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|paid| *paid).count();
    assert_eq!((paid, rig.entry("C1").charges), (1, 1));
}
