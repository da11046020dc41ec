//! Fees, splits and refund terms over gRPC: what a storefront is told of who gets and who bears what.

use paifang_client::{Client, v1};
use tonic::{Code, Status};

use crate::shop::{Shop, announce, choice, cny, create, reason, refunding, wrong_fields};

const MALL: &str = r#"
[bundle]
name = "mall"
version = 1
note = "two percent, a tenth to the streamer"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "open"

[fees]
currency = "CNY"
[[fees.rules]]
id = "books"
category = "books"
rate_ppm = 20_000
on_refund = "proportional"

[splits]
currency = "CNY"
receivers = [{ receiver = "streamer", share_ppm = 100_000, on_refund = "proportional" }]

[refunds]
currency = "CNY"
[refunds.waterfalls]
merchant-first = [{ bearer = "unsettled_funds" }, { bearer = "platform", cap_ppm = 500_000 }]
[[refunds.rules]]
id = "gold"
mode = "refund_without_return"
reasons = ["damaged"]
total_max_ppm = 1_000_000
days_max = 7
when = "payer.tier == 'gold'"
waterfall = "merchant-first"
decide_within_s = 86_400
appeal_within_s = 604_800
"#;

fn of_books() -> v1::DeclaredFacts {
    v1::DeclaredFacts {
        product_category: "books".into(),
        payer_tier: "gold".into(),
        merchant_id: "m-1".into(),
        ..Default::default()
    }
}

async fn paid(shop: &Shop, client: &Client) -> v1::PaymentIntent {
    let choice = v1::WalletChoice { declared_facts: Some(of_books()), ..choice() };
    let request = v1::CreatePaymentIntentRequest { choice: Some(choice), ..create("order-1") };
    let intent = client.create_payment_intent(request).await.unwrap().payment_intent.unwrap();
    shop.notify_paid(&intent).await;
    intent
}

fn fund(kind: v1::FundKind, merchant_id: &str) -> Option<v1::Fund> {
    Some(v1::Fund { kind: kind.into(), merchant_id: merchant_id.into(), ..Default::default() })
}

async fn transfer(
    client: &Client,
    request_id: &str,
    (from, to): (Option<v1::Fund>, Option<v1::Fund>),
    fen: i64,
) -> Result<v1::TransferFundsResponse, Status> {
    let request =
        v1::TransferFundsRequest { request_id: request_id.into(), from, to, amount: Some(cny(fen)) };
    client.funds().transfer_funds(request).await.map(tonic::Response::into_inner)
}

async fn consult(client: &Client, facts: Option<v1::DeclaredFacts>) -> v1::WalletOption {
    let request = v1::ConsultWalletsRequest {
        amount: Some(cny(8888)),
        client_context: choice().client_context,
        declared_facts: facts,
        ..Default::default()
    };
    client.consult_wallets(request).await.unwrap().options.remove(0)
}

fn failed(answer: Result<impl std::fmt::Debug, Status>) -> (Code, String, String) {
    let error = answer.unwrap_err();
    (error.code(), reason(&error), error.message().to_owned())
}

/// The fee is told before, and where the terms do not fit, the wallet is not available.
#[tokio::test]
async fn a_consultation_tells_the_fee() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    announce(&client, MALL).await;
    let option = consult(&client, Some(of_books())).await;
    assert_eq!((option.available, option.fee), (true, Some(cny(178))));
    assert_eq!(option.terms_failure, "");
    let option = consult(&client, None).await;
    assert_eq!((option.available, option.fee), (false, None));
    assert_eq!(option.reason_codes, ["terms_do_not_fit"]);
    let (code, reason, message) = failed(client.create_payment_intent(create("order-0")).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "TERMS_DO_NOT_FIT"));
    assert_eq!(message, "fees: fee rule books fits but for its category, which is not known");
    assert_eq!(option.terms_failure, message, "told before, in the same words");
}

#[tokio::test]
async fn a_refund_says_who_bears_it_and_waits_where_nobody_can() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    announce(&client, MALL).await;
    let intent = paid(&shop, &client).await;
    let bare = v1::CreateRefundRequest { refund_case: None, ..refunding("r-0", &intent, 100) };
    let (code, reason, message) = failed(client.create_refund(bare).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "REFUND_CLOSED_BY_POLICY"));
    assert!(message.contains("refund_case is missing"), "{message}");

    let m1 = |kind| fund(kind, "m-1");
    let out = (m1(v1::FundKind::Unsettled), fund(v1::FundKind::Outside, ""));
    let moved = transfer(&client, "f-1", out.clone(), 7_000).await.unwrap();
    assert!(moved.funds_transfer_id.starts_with("fm_") && !moved.replayed);
    let again = transfer(&client, "f-1", out.clone(), 7_000).await.unwrap();
    assert_eq!((again.funds_transfer_id, again.replayed), (moved.funds_transfer_id, true));
    let (code, reason, _) = failed(transfer(&client, "f-2", out, 7_000).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "FUNDS_SHORT"));

    let division = intent.attempts[0].division.clone().unwrap();
    let parts: Vec<_> =
        division.receivers.iter().map(|one| (one.receiver.as_str(), one.amount.clone())).collect();
    assert_eq!(parts, [("streamer", Some(cny(889))), ("fee", Some(cny(178)))]);
    assert_eq!((division.merchant_id.as_str(), division.merchant_amount), ("m-1", Some(cny(7_821))));

    let made = client.create_refund(refunding("r-1", &intent, 8_000)).await.unwrap().refund.unwrap();
    assert_eq!(made.state(), v1::RefundState::AwaitingFunds);
    let bearing = made.bearing.unwrap();
    assert_eq!((bearing.policy_version, bearing.rule.as_str()), (1, "gold"));
    assert_eq!(bearing.mode(), v1::RefundMode::RefundWithoutReturn);
    assert_eq!((bearing.reason(), bearing.merchant_id.as_str()), (v1::RefundReason::Damaged, "m-1"));
    let receivers: Vec<_> = bearing
        .receivers
        .iter()
        .map(|one| (one.receiver.as_str(), one.amount.as_ref().unwrap().minor_units))
        .collect();
    assert_eq!(receivers, [("streamer", 800), ("fee", 160)]);
    assert_eq!(bearing.short_amount, Some(cny(7_040 - 821)), "821 are left of what the merchant earned");

    let cancel = v1::CancelRefundRequest { request_id: "x-1".into(), refund_id: made.refund_id.clone() };
    let given_up = client.refunds().cancel_refund(cancel.clone()).await.unwrap().into_inner();
    let given_up = given_up.refund.unwrap();
    assert_eq!(given_up.state(), v1::RefundState::Failed);
    assert_eq!(given_up.failure.unwrap().reason, "canceled");
    assert!(client.refunds().cancel_refund(cancel).await.unwrap().into_inner().replayed);
    let small = client.create_refund(refunding("r-2", &intent, 500)).await.unwrap().refund.unwrap();
    assert_ne!(small.state(), v1::RefundState::AwaitingFunds);
    let late = v1::CancelRefundRequest { request_id: "x-2".into(), refund_id: small.refund_id };
    let (code, reason, _) = failed(client.refunds().cancel_refund(late).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "REFUND_STATE"));
}

/// Who receives a part of a payment follows from what was declared with it, and a refund from what was divided.
#[tokio::test]
async fn a_receiver_gets_a_part_where_its_condition_holds() {
    let streamer = "receiver = \"streamer\",";
    let live = format!("{streamer} when = \"product.live_room && order.amount_fen > 100\",");
    let shop = Shop::open().await;
    let client = shop.client().await;
    announce(&client, &MALL.replace(streamer, &live)).await;
    let declared = |live_room| v1::DeclaredFacts { product_live_room: live_room, ..of_books() };
    let create_with = async |request_id: &str, live_room| {
        let choice = v1::WalletChoice { declared_facts: Some(declared(live_room)), ..choice() };
        let request = v1::CreatePaymentIntentRequest { choice: Some(choice), ..create(request_id) };
        client.create_payment_intent(request).await
    };
    let parts = |receivers: Vec<v1::ReceiverAmount>| {
        let part = |one: v1::ReceiverAmount| format!("{} {}", one.receiver, one.amount.unwrap().minor_units);
        receivers.into_iter().map(part).collect::<Vec<_>>().join(", ")
    };
    for (request_id, live_room, wanted, back) in [
        ("sold-live", true, "streamer 889, fee 178", "streamer 50, fee 10"),
        ("sold-plainly", false, "fee 178", "fee 10"),
    ] {
        let intent = create_with(request_id, Some(live_room)).await.unwrap().payment_intent.unwrap();
        let division = intent.attempts[0].division.clone().unwrap();
        assert_eq!(parts(division.receivers), wanted);
        shop.notify_paid(&intent).await;
        let refund = refunding(&format!("{request_id}-back"), &intent, 500);
        let bearing = client.create_refund(refund).await.unwrap().refund.unwrap().bearing.unwrap();
        assert_eq!(parts(bearing.receivers), back);
    }

    let option = consult(&client, Some(declared(None))).await;
    assert_eq!((option.available, option.reason_codes), (false, vec!["terms_do_not_fit".to_owned()]));
    let (code, reason, message) = failed(create_with("undeclared", None).await);
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "TERMS_DO_NOT_FIT"));
    assert_eq!(message, "splits: receiver streamer cannot be told without product.live_room");
    assert_eq!(option.terms_failure, message);
}

/// What was agreed stays readable: the fee with its rule and what bounded it, who pays what, and who was to get what.
#[tokio::test]
async fn why_a_payment_cost_what_it_did_is_told_with_its_decision() {
    let coupon = r#"
[discounts]
currency = "CNY"
[[discounts.rules]]
id = "coupon"
funder = "creator"
amount_minor = 300
budgeted = false
"#;
    let shop = Shop::open().await;
    let client = shop.client().await;
    let plain = shop.paid("order-0").await;
    let bundle = MALL.replace("rate_ppm = 20_000", "rate_ppm = 20_000\ncap_minor = 150");
    announce(&client, &format!("{bundle}{coupon}")).await;
    let intent = paid(&shop, &client).await;
    let listed = client.list_policy_decisions(v1::ListPolicyDecisionsRequest::default()).await.unwrap();
    let [decided] = listed.decisions.as_slice() else { panic!("{:?} and {plain:?}", listed.decisions) };
    assert_eq!(decided.payment_intent_id, intent.payment_intent_id);
    let coupon = v1::Discount {
        discount_id: "coupon".into(),
        funder: v1::DiscountFunder::Creator.into(),
        amount: Some(cny(300)),
        budgeted: false,
    };
    let part = |receiver: &str, fen| v1::ReceiverAmount { receiver: receiver.into(), amount: Some(cny(fen)) };
    let division = v1::PaymentDivision {
        merchant_id: "m-1".into(),
        receivers: vec![part("streamer", 889), part("fee", 150)],
        merchant_amount: Some(cny(7_849)),
    };
    let agreed = v1::AgreedTerms {
        amount: Some(cny(8_888)),
        payable_amount: Some(cny(8_588)),
        fee: Some(cny(150)),
        fee_rule: "books".into(),
        fee_bound: "cap".into(),
        fee_on_refund: "proportional".into(),
        discounts: vec![coupon],
        division: Some(division),
    };
    assert_eq!(decided.terms, Some(agreed));
}

#[tokio::test]
async fn wrong_fields_are_named_and_change_nothing() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    announce(&client, MALL).await;
    let intent = paid(&shop, &client).await;
    let case = v1::RefundCase { reason: 99, mode: 99, merchant_consented: None };
    let wrong = v1::CreateRefundRequest { refund_case: Some(case), ..refunding("r-1", &intent, 1) };
    let error = client.create_refund(wrong).await.unwrap_err();
    assert_eq!(wrong_fields(&error), ["refund_case.reason", "refund_case.mode"]);
    for (from, to, fields) in [
        (None, None, vec!["from", "to"]),
        (
            fund(v1::FundKind::Unspecified, ""),
            fund(v1::FundKind::Receiver, ""),
            vec!["from.kind", "to.receiver"],
        ),
        (fund(v1::FundKind::Fee, "m-1"), fund(v1::FundKind::Outside, ""), vec!["from.merchant_id"]),
        (fund(v1::FundKind::Outside, ""), fund(v1::FundKind::Outside, ""), vec!["to"]),
    ] {
        let error = transfer(&client, "f-1", (from, to), 1).await.unwrap_err();
        assert_eq!(wrong_fields(&error), fields);
    }
    let reverse = v1::ReverseRefundDecisionRequest { charged_to: 9, ..Default::default() };
    let error = client.refunds().reverse_refund_decision(reverse).await.unwrap_err();
    assert_eq!(wrong_fields(&error), ["request_id", "refund_id", "charged_to", "remark"]);
    // Another storefront knows nothing of it, and its funds are others.
    let other = shop.other().await;
    let (outside, platform) = (fund(v1::FundKind::Outside, ""), fund(v1::FundKind::Platform, ""));
    transfer(&client, "f-1", (outside.clone(), platform.clone()), 100).await.unwrap();
    let theirs = failed(transfer(&other, "f-1", (platform.clone(), outside.clone()), 100).await);
    assert_eq!((theirs.0, theirs.1.as_str()), (Code::FailedPrecondition, "FUNDS_SHORT"));
    transfer(&client, "f-2", (platform, outside), 100).await.unwrap();
    let foreign = v1::CancelRefundRequest {
        request_id: "x".into(),
        refund_id: "re_01a1fc42e4e876e48221bf5dfb9a38d6".into(),
    };
    assert_eq!(failed(other.refunds().cancel_refund(foreign).await).0, Code::NotFound);
}
