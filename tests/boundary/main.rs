//! The data boundary over the running binary: everything that can be done is done with every rail, with a canary in every field
//! that a storefront can fill, under rules that say something of everything. What the gateway says has crossed is what the policy allows, and it is what the mock rails have
//! seen: a field is on the wire to a rail if and only if it was counted for that rail.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

#[path = "../support/mod.rs"]
mod support;

mod ruled;
mod run;
mod told;

use std::collections::BTreeSet;
use std::time::Duration;

use paifang_boundary::{Audience, Field, Purpose};
use paifang_proto::v1;
use run::{Run, Way, context};
use support::{money, reason_of};

/// Must show 3: exactly what crossed to each rail and to readers of events in a run of everything, by default.
#[tokio::test]
async fn what_crosses_is_what_the_policy_says_and_what_the_rails_have_seen() {
    let mut run = Run::start([""; 3]).await;
    run.under_rules().await;
    run.everything().await;
    run.beyond_payments().await;
    run.events_are_clean().await;
    run.agree().await;
    run.prices_stay().await;
    let verbs = |rail| run.verbs(rail).into_iter().collect::<Vec<_>>().join(" ");
    for (rail, needed) in [
        ("alipay", "capture charge close query refund release"),
        ("wechatpay", "charge close query refund"),
        ("unionpay", "capture charge query refund release"),
    ] {
        let done = verbs(rail);
        for verb in needed.split(' ') {
            assert!(done.split(' ').any(|one| one == verb), "{rail}: {verb} is not among {done}");
        }
    }
    run.check("rail:alipay-main", told::ALIPAY, &[]).await;
    run.check("rail:wechatpay-main", told::WECHATPAY, &[]).await;
    run.check("rail:unionpay-main", told::UNIONPAY, &[]).await;
    run.check("events", told::EVENTS, told::EVENTS_AT_MOST).await;
    for (to, name) in run.crossed().await.iter().filter(|(to, _)| to == "events") {
        let purpose = Field::parse(name).unwrap().purpose();
        assert!(!matches!(purpose, Purpose::IdentifyPayer | Purpose::Risk), "{to}: {name}");
    }
    run.world.step(Duration::from_secs(8 * 24 * 3600));
    run.world.end().await;
}

/// Nothing that an event may carry is left out of the run above: whoever marks a field for events has it happen there.
#[test]
fn every_field_of_events_is_listed() {
    let marked =
        Field::ALL.into_iter().filter(|field| field.is_for(Audience::Event)).map(|field| field.name());
    let listed = told::EVENTS.iter().chain(told::EVENTS_AT_MOST).copied();
    assert_eq!(listed.collect::<BTreeSet<_>>(), marked.collect());
}

/// The operator shares less: it does not cross, and what cannot do without is closed and says by which field.
#[tokio::test]
async fn what_the_operator_withholds_does_not_cross() {
    let without = "share = [\"client_context.payer_code\", \"client_context.payer_id\", \"payment_intent.description\"]";
    let mut run = Run::start([without, without, "share = []"]).await;
    let ways = run.ways(v1::CaptureMethod::Automatic).await;
    let is_page =
        |way: &&Way| way.rail == "wechatpay" && way.option.presentation() == v1::Presentation::MobileWeb;
    assert!(!ways.iter().any(|way| is_page(&way)), "a page of WeChat Pay needs the payer's address");
    let code =
        |way: &&Way| way.rail == "unionpay" && way.option.presentation() == v1::Presentation::PayerCode;
    assert!(!ways.iter().any(|way| code(&way)), "a code cannot be charged without the code");

    let phone = context(v1::ClientKind::MobileBrowser, "");
    let request = v1::ConsultWalletsRequest {
        amount: Some(money(10_000)),
        client_context: Some(phone.clone()),
        ..Default::default()
    };
    let options = run.world.shop.wallets.clone().consult_wallets(request).await.unwrap().into_inner().options;
    let page = options
        .into_iter()
        .find(|option| option.rail == "wechatpay" && option.presentation() == v1::Presentation::MobileWeb)
        .unwrap();
    assert_eq!(page.reason_codes, ["withheld_client_context_payer_ip"]);
    let id = run.world.create().await;
    let request = v1::ConfirmPaymentIntentRequest {
        request_id: run.world.request_id("confirm"),
        payment_intent_id: id.clone(),
        choice: Some(v1::WalletChoice {
            wallet: "wechatpay".into(),
            presentation: v1::Presentation::MobileWeb.into(),
            client_context: Some(phone),
            ..Default::default()
        }),
        etag: String::new(),
    };
    let refused = run.world.shop.intents.clone().confirm_payment_intent(request).await.unwrap_err();
    assert_eq!(reason_of(&refused), "WALLET_UNAVAILABLE");
    assert!(refused.message().contains("withheld_client_context_payer_ip"), "{refused:?}");
    run.world.cancel(&id).await.unwrap();

    run.everything().await;
    run.agree().await;
    let crossed = run.crossed().await;
    for (rail, field) in [
        ("alipay", Field::ClientContextPayerIp),
        ("alipay", Field::RefundReason),
        ("wechatpay", Field::ClientContextPayerIp),
        ("wechatpay", Field::RefundReason),
        ("unionpay", Field::PaymentIntentDescription),
        ("unionpay", Field::ClientContextPayerCode),
    ] {
        let one = (format!("rail:{rail}-main"), field.name().to_owned());
        assert!(!crossed.contains(&one), "{rail}: {field}");
    }
    run.world.step(Duration::from_secs(8 * 24 * 3600));
    run.world.end().await;
}
