//! Laws over days of mixed trade: what the bills say is what the book believes, and money is neither made nor lost.

use super::bills::{fetch, rows};
use super::*;
use crate::faults::Fault;
use crate::wechatpay::answers::china;
use crate::{BillKind, BillLine};

/// Numbers that look random and are always the same for a seed.
struct Lot(u64);

impl Lot {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn fen(&mut self, most: i64) -> i64 {
        i64::try_from(self.below(u64::try_from(most).unwrap())).unwrap() + 1
    }
}

/// One act of a shop or a payer, whatever comes of it.
async fn act(world: &World, lot: &mut Lot, number: u64) {
    let order_no = |number: u64| format!("T{number:08}");
    let (new, old) = (order_no(number), order_no(lot.below(number + 1)));
    match lot.below(8) {
        0 | 1 => {
            world.native(&new, lot.fen(20_000)).await;
            let _ = world.pay(&new);
        }
        2 => {
            let outcome = [CodeOutcome::Pays, CodeOutcome::PendingThenPays, CodeOutcome::Declines];
            let code = world.code(outcome[usize::try_from(lot.below(3)).unwrap()]);
            world.charge(&new, lot.fen(20_000), &code).await;
        }
        3 => drop(world.reverse(&old).await),
        4 => drop(world.close(&old).await),
        5 | 6 => {
            let total = world.rail.book().iter().find(|it| it.order_no == old).map_or(1, |it| it.total_fen);
            if lot.below(5) == 0 {
                let end = if lot.below(2) == 0 { "ABNORMAL" } else { "CLOSED" };
                world.bench.faults.arm(Some("refund"), Fault::BusinessCode(end.into()), 1);
            }
            world.refund(&old, &format!("R{number}"), lot.fen(total), total).await;
        }
        _ => drop(world.pay_late(&old)),
    }
    world.step(i64::try_from(lot.below(3_000)).unwrap());
}

fn sum(lines: &[BillLine], kinds: &[BillKind], of: fn(&BillLine) -> i64) -> i64 {
    lines.iter().filter(|line| kinds.contains(&line.kind)).map(of).sum()
}

fn fen(yuan: &str) -> i64 {
    yuan.replace('.', "").parse().unwrap()
}

#[tokio::test]
async fn bills_say_what_the_book_believes() {
    const BACK: &[BillKind] = &[BillKind::Refund, BillKind::Reversal];
    for seed in 0..6 {
        let (world, mut lot) = (World::open(), Lot(seed));
        for number in 0..120 {
            act(&world, &mut lot, number).await;
        }
        // Everything that was under way has ended, and the bills of all busy days are there.
        world.step(3 * 86_400);
        let last = world.bench.clock.now().to_zoned(china()).date().yesterday().unwrap();
        let first: jiff::civil::Date = "2026-01-01".parse().unwrap();
        let (mut lines, mut closing) = (Vec::new(), 0);
        for day in first.series(jiff::Span::new().days(1)).take_while(|day| *day < last) {
            let plain = world.rail.bill(day).unwrap();
            let got = world.get(&format!("/v3/bill/tradebill?bill_date={day}")).await;
            assert_eq!(got.status == 200, !got.verdict().contains("NO_STATEMENT"), "{day}");
            if got.status == 200 {
                let file = fetch(&world, &format!("/v3/bill/tradebill?bill_date={day}")).await;
                let (_, _, sums) = rows(&file);
                assert_eq!(fen(&sums[5]), sum(&plain, &[BillKind::Payment], |line| line.fen), "{day}");
                assert_eq!(fen(&sums[2]), sum(&plain, BACK, |line| line.fen), "{day}");
            }
            if world.get(&format!("/v3/bill/fundflowbill?bill_date={day}")).await.status == 200 {
                let (_, data, _) =
                    rows(&fetch(&world, &format!("/v3/bill/fundflowbill?bill_date={day}")).await);
                closing = fen(&data.last().unwrap()[7]);
            }
            lines.extend(plain);
        }
        let book = world.rail.book();
        let paid: i64 = book.iter().filter(|it| it.paid).map(|it| it.total_fen).sum();
        let back: i64 = book.iter().map(|it| it.refunded_fen).sum();
        let stuck: i64 =
            book.iter().flat_map(|it| &it.refunds).filter(|it| it.state == "ABNORMAL").map(|it| it.fen).sum();
        // A refund over midnight that was given up later stands in the bill of its day: no seed here has one.
        assert_eq!(sum(&lines, &[BillKind::Payment], |line| line.fen), paid, "seed {seed}");
        assert_eq!(sum(&lines, BACK, |line| line.fen), back + stuck, "seed {seed}");
        let fees: i64 = lines.iter().map(|line| line.fee_fen).sum();
        assert_eq!(closing, paid - back - stuck - fees, "seed {seed}");
        for entry in &book {
            assert!(entry.charges <= 1 && entry.refunded_fen <= entry.total_fen, "seed {seed}: {entry:?}");
        }
        let of_order = |no: &str| -> i64 {
            lines.iter().filter(|line| line.order_no == no).map(|line| line.fee_fen).sum()
        };
        assert!(book.iter().all(|entry| of_order(&entry.order_no) >= 0), "no more fee back than was taken");
        assert!(paid > 0 && back > 0, "seed {seed} tells nothing");
    }
}
