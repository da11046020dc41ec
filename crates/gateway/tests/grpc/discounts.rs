//! Discounts over gRPC: told before the choice, with the attempt, and with the refund; their budgets are filled by a call.

use paifang_client::{Client, v1};
use tonic::Code;

use crate::shop::{Shop, announce, choice, cny, create, fund, move_funds, reason, wrong_fields};

const SALE: &str = r#"
[bundle]
name = "sale"
version = 1
note = "ten percent out of a budget, and a coupon of the shop"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "open"

[discounts]
currency = "CNY"
[[discounts.rules]]
id = "festival"
funder = "platform_b"
rate_ppm = 100_000
budgeted = true
[[discounts.rules]]
id = "coupon"
funder = "merchant"
amount_minor = 300
budgeted = false
"#;

fn budget() -> v1::Fund {
    v1::Fund { discount_id: "festival".into(), ..fund(v1::FundKind::Budget) }
}

async fn option(client: &Client) -> v1::WalletOption {
    let request = v1::ConsultWalletsRequest {
        amount: Some(cny(8888)),
        client_context: choice().client_context,
        ..Default::default()
    };
    client.consult_wallets(request).await.unwrap().options.remove(0)
}

fn said(discounts: &[v1::Discount]) -> Vec<(&str, &str, i64, bool)> {
    let one = |one: &'_ v1::Discount| one.amount.as_ref().unwrap().minor_units;
    let by = |one: &v1::Discount| match one.funder() {
        v1::DiscountFunder::PlatformB => "b",
        v1::DiscountFunder::Merchant => "merchant",
        _ => "another",
    };
    discounts.iter().map(|it| (it.discount_id.as_str(), by(it), one(it), it.budgeted)).collect()
}

#[tokio::test]
async fn discounts_are_told_before_with_the_attempt_and_with_the_refund() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    announce(&client, SALE).await;
    let told = option(&client).await;
    assert_eq!(said(&told.discounts), [("festival", "b", 0, true), ("coupon", "merchant", 300, false)]);
    move_funds(&client, "fill", &fund(v1::FundKind::Outside), &budget(), 1_000).await.unwrap();
    let told = option(&client).await;
    assert_eq!(said(&told.discounts), [("festival", "b", 888, true), ("coupon", "merchant", 300, false)]);
    assert_eq!((told.available, told.payable_amount), (true, Some(cny(7_700))));

    let intent = client.create_payment_intent(create("order-1")).await.unwrap().payment_intent.unwrap();
    let attempt = &intent.attempts[0];
    assert_eq!((&intent.amount, &attempt.payable_amount), (&Some(cny(8_888)), &Some(cny(7_700))));
    assert_eq!(attempt.discounts, told.discounts);
    let left = option(&client).await;
    assert_eq!(said(&left.discounts)[0], ("festival", "b", 112, true), "the rest is set aside");
    let taken = move_funds(&client, "f-1", &budget(), &fund(v1::FundKind::Outside), 113).await.unwrap_err();
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::FailedPrecondition, "FUNDS_SHORT"));

    shop.notify_paid(&intent).await;
    let get = v1::GetPaymentIntentRequest { payment_intent_id: intent.payment_intent_id.clone() };
    let paid = client.get_payment_intent(get).await.unwrap().payment_intent.unwrap();
    assert_eq!((paid.state(), paid.amount_captured), (v1::PaymentIntentState::Succeeded, Some(cny(7_700))));
    let request = v1::CreateRefundRequest {
        request_id: "r-1".into(),
        payment_intent_id: intent.payment_intent_id,
        amount: Some(cny(3_850)),
        ..Default::default()
    };
    let refund = client.create_refund(request).await.unwrap().refund.unwrap();
    let back = refund.bearing.unwrap().discounts;
    assert_eq!(said(&back), [("festival", "b", 444, true), ("coupon", "merchant", 150, false)]);
}

/// Fee and discounts move the rank by the storefront's own rules, and the answer says by which and by how much.
#[tokio::test]
async fn what_money_adds_to_the_rank_is_told_rule_by_rule() {
    let rankings = r#"
[[ranking]]
id = "keeps"
per = "fee"
weight = -2
reason = "merchant_keeps"
[[ranking]]
id = "saves"
per = "discount"
funders = ["merchant"]
weight = 3
reason = "payer_saves"
[fees]
currency = "CNY"
[[fees.rules]]
id = "standard"
rate_ppm = 10_000
on_refund = "keep"
"#;
    let shop = Shop::open().await;
    let client = shop.client().await;
    announce(&client, &format!("{SALE}{rankings}")).await;
    let told = option(&client).await;
    // 0.89 and 3.00 of 88.88 are 100.1 and 337.5 of ten thousand.
    let rule = |rule: &str, reason: &str, weight| v1::RankingRule {
        rule: rule.into(),
        reason: reason.into(),
        weight,
    };
    let rules = [rule("keeps", "merchant_keeps", -200), rule("saves", "payer_saves", 1_012)];
    assert_eq!((told.weight, told.ranking_rules), (812, rules.to_vec()));
    assert_eq!(told.ranking_reasons, ["merchant_keeps", "payer_saves"]);
}

#[tokio::test]
async fn funds_of_discounts_name_what_they_are_for() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let outside = || fund(v1::FundKind::Outside);
    let owed = v1::Fund { funder: v1::DiscountFunder::PlatformB.into(), ..fund(v1::FundKind::Discount) };
    move_funds(&client, "f-1", &outside(), &owed, 5).await.unwrap();
    for (from, field) in [
        (fund(v1::FundKind::Budget), "from.discount_id"),
        (v1::Fund { discount_id: "festival".into(), ..fund(v1::FundKind::Fee) }, "from.discount_id"),
        (fund(v1::FundKind::Discount), "from.funder"),
        (v1::Fund { kind: v1::FundKind::Fee.into(), ..owed }, "from.funder"),
    ] {
        let error = move_funds(&client, "f-2", &from, &outside(), 1).await.unwrap_err();
        assert_eq!(wrong_fields(&error), [field]);
    }
}
