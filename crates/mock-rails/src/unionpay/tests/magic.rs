//! The magic amounts of every rail in this gateway's codes.

use super::{APP, BACK, Conduct, Desk, signed};
use crate::magic::Magic;
use crate::unionpay::wire::Charset;
use crate::{CodeOutcome, Files, RailMock, RailReply};

fn desk() -> Desk {
    Desk::silent_as(Conduct::default(), Magic::On, Files::new())
}

#[tokio::test]
async fn payers_codes_come_to_what_their_amount_says() {
    // (amount, answer, then, seconds, in the end, charges)
    for (fen, answer, first, wait, last, charges) in [
        (19_901, "00", "05", 1, "64", 0),
        (19_902, "00", "05", 1, "38", 0),
        (19_903, "00", "05", 10, "00", 1),
        (19_904, "00", "05", 10, "64", 0),
        (19_905, "04", "05", 1, "00", 1),
        (19_906, "dropped", "05", 1, "00", 1),
        (19_907, "dropped", "-", 1, "-", 0),
        (19_919, "06", "-", 1, "-", 0),
        (19_999, "00", "05", 1, "00", 1),
    ] {
        let desk = desk();
        let order = desk.payer_code("B0000001", fen, CodeOutcome::Pays);
        let reply = desk.post(BACK, signed(order.clone()).to_form(Charset::UTF_8)).await;
        let seen = match &reply {
            RailReply::Dropped => "dropped".to_owned(),
            RailReply::Answer { .. } => {
                super::read(&reply, Charset::UTF_8).unwrap().value("respCode").unwrap().to_owned()
            }
        };
        assert_eq!(seen, answer, "{fen}");
        assert_eq!(desk.ask(&order).await.1, first, "{fen}");
        desk.step(wait - 1);
        assert_eq!(desk.ask(&order).await.1, first, "{fen}");
        desk.step(1);
        assert_eq!(desk.ask(&order).await.1, last, "{fen}");
        let book = desk.mock.book();
        assert_eq!(book.first().map_or(0, |entry| entry.charges), charges, "{fen}");
    }
}

#[tokio::test]
async fn on_a_page_or_a_phone_the_payer_still_acts() {
    for (fen, code) in [(19_901, "64"), (19_902, "38"), (19_903, "00"), (19_904, "00"), (19_914, "00")] {
        let desk = desk();
        let order = desk.order(("01", "01"), "A0000001", fen, []);
        assert_eq!(desk.call(APP, &order).await.value("respCode"), Some("00"));
        desk.pay("A0000001", false).unwrap();
        assert_eq!(desk.ask(&order).await.1, code, "{fen}");
        let told = match fen {
            19_914 => 2,
            _ => usize::from(code == "00"),
        };
        assert_eq!(desk.bench.notifier.deliveries().len(), told, "{fen}");
    }
}

#[tokio::test]
async fn refunds_come_to_what_their_amount_says() {
    let desk = desk();
    let paid = desk.paid("T0000001", 1_000_000).await;
    for (order_id, fen, answer, wait, last) in [
        ("R0000001", 9_921, "01", 1, "-"),
        ("R0000002", 9_922, "00", 3_600, "00"),
        ("R0000003", 9_923, "00", 10, "01"),
        ("R0000004", 9_901, "00", 1, "00"),
    ] {
        let refund = desk.follow("04", order_id, fen, &paid);
        assert_eq!(desk.code(&refund).await, answer, "{fen}");
        desk.step(wait - 1);
        if answer == "00" {
            assert_eq!(desk.ask(&refund).await.1, "05", "{fen}");
        }
        desk.step(1);
        assert_eq!(desk.ask(&refund).await.1, last, "{fen}");
    }
    assert_eq!(desk.book("T0000001").2, 9_922 + 9_901);
}
