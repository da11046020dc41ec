//! What a refund's rule says beside who bears it, as a storefront is told: return freight that an insurance pays, by when a refund
//! is to be carried out, and until when its decision may be appealed.

use paifang_client::{Client, v1};
use tonic::Code;

use crate::shop::{Shop, announce, choice, cny, create, fund, move_funds, reason, refunding};

const MALL: &str = r#"
[bundle]
name = "mall"
version = 1
note = "an insurance pays for what is sent back"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "open"

[fees]
currency = "CNY"
[[fees.rules]]
id = "standard"
rate_ppm = 20_000
on_refund = "proportional"

[splits]
currency = "CNY"
receivers = [{ receiver = "streamer", share_ppm = 100_000, on_refund = "proportional" }]

[refunds]
currency = "CNY"
[refunds.waterfalls]
cover = [{ bearer = "insurance" }]
merchant = [{ bearer = "unsettled_funds" }]
[[refunds.rules]]
id = "freight"
mode = "return_freight_cover"
reasons = ["return_freight"]
total_max_ppm = 200_000
days_max = 30
waterfall = "cover"
decide_within_s = 3_600
appeal_within_s = 7_200
[[refunds.rules]]
id = "damaged"
mode = "return_and_refund"
reasons = ["damaged"]
total_max_ppm = 1_000_000
days_max = 30
waterfall = "merchant"
decide_within_s = 86_400
appeal_within_s = 604_800
"#;

async fn paid(shop: &Shop, client: &Client) -> v1::PaymentIntent {
    announce(client, MALL).await;
    let facts = v1::DeclaredFacts { merchant_id: "m-1".into(), ..Default::default() };
    let choice = v1::WalletChoice { declared_facts: Some(facts), ..choice() };
    let request = v1::CreatePaymentIntentRequest { choice: Some(choice), ..create("order-1") };
    let intent = client.create_payment_intent(request).await.unwrap().payment_intent.unwrap();
    shop.notify_paid(&intent).await;
    intent
}

/// So much for sending it back.
fn freight(request_id: &str, intent: &v1::PaymentIntent, fen: i64) -> v1::CreateRefundRequest {
    let case = v1::RefundCase { reason: v1::RefundReason::ReturnFreight.into(), ..Default::default() };
    v1::CreateRefundRequest { refund_case: Some(case), ..refunding(request_id, intent, fen) }
}

#[tokio::test]
async fn an_insurance_pays_the_freight_and_nobody_gives_anything_back() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let intent = paid(&shop, &client).await;
    let (outside, insurance) = (fund(v1::FundKind::Outside), fund(v1::FundKind::Insurance));
    move_funds(&client, "fill", &outside, &insurance, 1_500).await.unwrap();
    let refund = client.create_refund(freight("r-1", &intent, 1_000)).await.unwrap().refund.unwrap();
    assert_eq!(refund.state(), v1::RefundState::Succeeded);
    let bearing = refund.bearing.unwrap();
    assert_eq!((bearing.mode(), bearing.rule.as_str()), (v1::RefundMode::ReturnFreightCover, "freight"));
    assert_eq!(bearing.reason(), v1::RefundReason::ReturnFreight);
    assert_eq!((bearing.receivers.as_slice(), bearing.short_amount), (&[][..], None));
    let bearers: Vec<_> =
        bearing.bearers.iter().map(|one| (one.bearer(), one.amount.clone().unwrap())).collect();
    assert_eq!(bearers, [(v1::RefundBearer::Insurance, cny(1_000))]);

    // The insurance has what is left, and the merchant all that it had.
    let unsettled = v1::Fund { merchant_id: "m-1".into(), ..fund(v1::FundKind::Unsettled) };
    let division = intent.attempts[0].division.clone().unwrap();
    let merchants = division.merchant_amount.unwrap().minor_units;
    for (from, left) in [(&insurance, 500), (&unsettled, merchants)] {
        let request = |more: i64| format!("{:?}-{more}", from.kind());
        let too_much = move_funds(&client, &request(1), from, &outside, left + 1).await.unwrap_err();
        assert_eq!((too_much.code(), reason(&too_much).as_str()), (Code::FailedPrecondition, "FUNDS_SHORT"));
        move_funds(&client, &request(0), from, &outside, left).await.unwrap();
    }
    // It is empty now: the next one waits for it, and no merchant is asked.
    let waits = client.create_refund(freight("r-2", &intent, 100)).await.unwrap().refund.unwrap();
    assert_eq!(waits.state(), v1::RefundState::AwaitingFunds);
    assert_eq!(waits.bearing.unwrap().short_amount, Some(cny(100)));
}

/// Both times are those of the decision, stay as they are, and are told wherever the refund is.
#[tokio::test]
async fn a_deadline_and_the_end_of_the_time_for_an_appeal_are_told() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let intent = paid(&shop, &client).await;
    let (outside, insurance) = (fund(v1::FundKind::Outside), fund(v1::FundKind::Insurance));
    move_funds(&client, "fill", &outside, &insurance, 1_500).await.unwrap();
    for (request, deadline_s, appeal_s) in [
        (freight("r-1", &intent, 1_000), 3_600, 3_600 + 7_200),
        (refunding("r-2", &intent, 1_000), 86_400, 86_400 + 604_800),
    ] {
        shop.world.advance(60);
        let asked = shop.world.time().as_second();
        let made = client.create_refund(request).await.unwrap().refund.unwrap();
        shop.world.advance(60);
        let get = v1::GetRefundRequest { refund_id: made.refund_id.clone() };
        let now = client.get_refund(get).await.unwrap().refund.unwrap();
        let events = client.list_events(v1::ListEventsRequest::default()).await.unwrap().events;
        let told = events.into_iter().filter_map(|event| match event.resource {
            Some(v1::event::Resource::Refund(refund)) if refund.refund_id == made.refund_id => Some(refund),
            _ => None,
        });
        let everywhere: Vec<v1::Refund> = [made.clone(), now].into_iter().chain(told).collect();
        assert!(everywhere.len() >= 3, "{everywhere:#?}");
        for refund in everywhere {
            let bearing = refund.bearing.unwrap();
            let after = |time: Option<prost_types::Timestamp>| time.map(|time| time.seconds - asked);
            assert_eq!(after(bearing.deadline_time), Some(deadline_s));
            assert_eq!(after(bearing.appeal_until_time), Some(appeal_s));
        }
    }
}
