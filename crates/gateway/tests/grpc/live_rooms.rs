//! Whether something is sold in a live room decides: an opening, a discount and a refund. What is not declared is never a yes.

use paifang_client::v1;
use tonic::Code;

use crate::shop::{Shop, announce, choice, cny, create, reason, refunding};

const ON_AIR: &str = r#"
[bundle]
name = "rooms"
version = 1
note = "bamboo in live rooms"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "on-air"
wallet = "bamboo"
when = "product.live_room"
show = true
accept = true
"#;

const COUPON: &str = r#"
[discounts]
currency = "CNY"
[[discounts.rules]]
id = "room"
funder = "creator"
amount_minor = 888
budgeted = false
when = "product.live_room"
"#;

const REFUNDS: &str = r#"
[refunds]
currency = "CNY"
[refunds.waterfalls]
merchant = [{ bearer = "unsettled_funds" }]
[[refunds.rules]]
id = "on-air"
mode = "refund_without_return"
reasons = ["damaged"]
total_max_ppm = 1_000_000
days_max = 7
when = "product.live_room"
waterfall = "merchant"
decide_within_s = 3_600
appeal_within_s = 0
"#;

/// A shop under these rules, beside an opening for live rooms or open to all.
async fn under(opening: bool, tables: &str) -> Shop {
    let shop = Shop::open().await;
    let head = ON_AIR.split("[[opening]]").next().unwrap().replace("closed", "open");
    let bundle = if opening { ON_AIR.to_owned() } else { head } + tables;
    announce(&shop.client().await, &bundle).await;
    shop
}

/// An order of which this is declared.
fn order(live_room: Option<bool>) -> v1::CreatePaymentIntentRequest {
    let facts = v1::DeclaredFacts { product_live_room: live_room, ..Default::default() };
    let choice = v1::WalletChoice { declared_facts: Some(facts), ..choice() };
    v1::CreatePaymentIntentRequest { choice: Some(choice), ..create("order-1") }
}

async fn consult(shop: &Shop, live_room: Option<bool>) -> v1::WalletOption {
    let request = v1::ConsultWalletsRequest {
        amount: Some(cny(8888)),
        client_context: choice().client_context,
        declared_facts: order(live_room).choice.unwrap().declared_facts,
        ..Default::default()
    };
    shop.client().await.consult_wallets(request).await.unwrap().options.remove(0)
}

/// What the payer is asked for, or why nothing is taken.
async fn asked(shop: &Shop, live_room: Option<bool>) -> Result<i64, (String, String)> {
    match shop.client().await.create_payment_intent(order(live_room)).await {
        Ok(made) => {
            let attempt = made.payment_intent.unwrap().attempts.remove(0);
            Ok(attempt.payable_amount.unwrap().minor_units)
        }
        Err(error) => {
            assert_eq!(error.code(), Code::FailedPrecondition);
            Err((reason(&error), error.message().to_owned()))
        }
    }
}

#[tokio::test]
async fn an_opening_may_be_for_live_rooms() {
    for (live_room, because, missing) in [
        (Some(true), "opening_fits", ""),
        (Some(false), "no_opening_fits", ""),
        (None, "input_missing", "product.live_room"),
    ] {
        let shop = under(true, "").await;
        let option = consult(&shop, live_room).await;
        let decision = option.policy_decision.unwrap();
        assert_eq!(
            (decision.because.as_str(), decision.missing_inputs.join(",").as_str()),
            (because, missing)
        );
        assert_eq!((option.shown, option.available), (live_room == Some(true), live_room == Some(true)));
        match asked(&shop, live_room).await {
            Ok(fen) => assert_eq!((live_room, fen), (Some(true), 8888)),
            Err((reason, message)) => {
                assert_ne!(live_room, Some(true));
                assert_eq!(reason, "WALLET_CLOSED_BY_POLICY");
                assert_eq!(message.contains("product.live_room"), live_room.is_none(), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn a_discount_may_be_for_live_rooms() {
    for (live_room, payable) in [(Some(true), Some(8_000)), (Some(false), Some(8_888)), (None, None)] {
        let shop = under(false, COUPON).await;
        let option = consult(&shop, live_room).await;
        assert_eq!((option.available, option.payable_amount), (payable.is_some(), payable.map(cny)));
        match asked(&shop, live_room).await {
            Ok(fen) => assert_eq!(Some(fen), payable),
            Err((reason, message)) => {
                assert_eq!((live_room, reason.as_str()), (None, "TERMS_DO_NOT_FIT"));
                assert!(message.contains("product.live_room"), "{message}");
            }
        }
    }
}

/// What was declared with the payment decides about its refunds.
#[tokio::test]
async fn a_refund_may_be_for_live_rooms() {
    for live_room in [Some(true), Some(false), None] {
        let shop = under(false, REFUNDS).await;
        let client = shop.client().await;
        let made = client.create_payment_intent(order(live_room)).await.unwrap();
        let intent = made.payment_intent.unwrap();
        shop.notify_paid(&intent).await;
        match client.create_refund(refunding("r-1", &intent, 1_000)).await {
            Ok(made) => {
                let refund = made.refund.unwrap();
                assert_eq!((live_room, refund.state()), (Some(true), v1::RefundState::Succeeded));
                assert_eq!(refund.bearing.unwrap().rule, "on-air");
            }
            Err(error) => {
                assert_ne!(live_room, Some(true));
                assert_eq!(reason(&error), "REFUND_CLOSED_BY_POLICY");
                let names_it = error.message().contains("product.live_room");
                assert_eq!(names_it, live_room.is_none(), "{}", error.message());
            }
        }
    }
}
