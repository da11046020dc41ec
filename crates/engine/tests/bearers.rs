//! Divided payments and their refunds: who gets what, who bears what, and every fen of it in the books.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod world;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use paifang_engine::{
    CancelRefund, Confirmation, CreateRefund, Declared, Error, Fund, RefundCase, ReverseRefund, reason,
};
use paifang_payment::refund::{Refund, State};
use paifang_payment::{IntentId, Remark, RequestId};
use paifang_policy::facts::{Facts, Input};
use paifang_shares::Merchant;
use paifang_shares::refund_terms::{RefundMode, RefundReason};
use paifang_shares::waterfall::Bearer;
use paifang_store::{Store, fsck};
use world::rules::{FEE_AND_STREAMER, bundle, held};
use world::{Core, Stage, qr, yuan};

const REFUNDS: &str = r#"
[refunds]
currency = "CNY"
[refunds.waterfalls]
merchant-first = [{ bearer = "unsettled_funds" }, { bearer = "platform", cap_ppm = 500_000 }]
platform-only = [{ bearer = "platform" }]

[[refunds.rules]]
id = "returned"
mode = "return_and_refund"
reasons = ["no_reason", "damaged"]
total_max_ppm = 1_000_000
days_max = 7
waterfall = "merchant-first"
decide_within_s = 86_400
appeal_within_s = 604_800

[[refunds.rules]]
id = "late"
mode = "automatic_compensation"
reasons = ["late"]
total_max_ppm = 100_000
days_max = 30
waterfall = "platform-only"
decide_within_s = 0
appeal_within_s = 0
"#;

/// With fees, splits and refunds.
fn mall(version: u32) -> String {
    bundle(version, &[FEE_AND_STREAMER, REFUNDS])
}

/// A hundred yuan for something of the merchant m-1, paid.
async fn paid(stage: &Stage, request: &str) -> IntentId {
    stage.paid(request, &[(Input::MerchantId, "m-1")]).await
}

fn wanted(request: &str, intent: IntentId, fen: i64, reason: RefundReason) -> CreateRefund {
    let case = RefundCase { reason, mode: None, consented: None };
    let request_id = RequestId::parse(request).unwrap();
    CreateRefund { request_id, intent, amount: Some(yuan(fen)), reason: None, case: Some(case) }
}

async fn refund(engine: &Core, stage: &Stage, wanted: CreateRefund) -> Result<Refund, Error> {
    let made = engine.create_refund(stage.tenant, wanted).await?;
    engine.await_refund(made.resource, SignedDuration::from_hours(2)).await
}

fn merchants(bearer: Bearer) -> Fund {
    Fund::Bearer(bearer, Merchant::parse("m-1").ok())
}

fn platform() -> Fund {
    Fund::Bearer(Bearer::Platform, None)
}

/// What the storefront's own accounts hold, by their first word.
async fn funds(stage: &Stage) -> BTreeMap<String, i128> {
    stage.own_funds(|row| row.balance.posted(&row.account)).await
}

fn closed(answer: Result<Refund, Error>) -> String {
    match answer.unwrap_err() {
        Error::Precondition { reason: reason::REFUND_CLOSED_BY_POLICY, message, .. } => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_payment_is_divided_as_it_is_taken_and_a_refund_brings_it_back() {
    let stage = Stage::open().await;
    stage.announce(1, mall(1)).await;
    let id = paid(&stage, "c1").await;
    assert_eq!(
        funds(&stage).await,
        held(&[("fee", 200), ("merchant", 0), ("receiver", 2_000), ("unsettled", 7_800)])
    );
    let half = refund(&stage.engine, &stage, wanted("r1", id, 4_999, RefundReason::Damaged)).await.unwrap();
    assert_eq!(half.state.name(), "succeeded");
    let bearing = half.bearing().unwrap();
    assert_eq!(bearing.granted.as_ref().unwrap().grant.rule.as_str(), "returned");
    assert_eq!(half.terms.granted_by.unwrap().version, 1);
    assert_eq!(
        funds(&stage).await,
        held(&[("fee", 100), ("merchant", 0), ("receiver", 1_000), ("unsettled", 3_901)])
    );
    let rest = refund(&stage.engine, &stage, wanted("r2", id, 5_001, RefundReason::NoReason)).await.unwrap();
    assert_eq!(rest.state.name(), "succeeded");
    assert_eq!(
        funds(&stage).await,
        held(&[("fee", 0), ("merchant", 0), ("receiver", 0), ("unsettled", 0)]),
        "two refunds bring back exactly what was divided"
    );
    stage.check().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_rules_do_not_grant_is_refused_and_says_why() {
    let stage = Stage::open().await;
    stage.announce(1, mall(1)).await;
    let id = paid(&stage, "c1").await;
    let plain = CreateRefund { case: None, ..wanted("r1", id, 1, RefundReason::Late) };
    assert!(closed(refund(&stage.engine, &stage, plain).await).contains("refund_case is missing"));
    let late = closed(refund(&stage.engine, &stage, wanted("r2", id, 1, RefundReason::Late)).await);
    assert!(
        late.ends_with("no rule fits; tried returned (not for this reason), late (another mode)"),
        "{late}"
    );
    // A compensation is one only where it is meant, and the sale stays as it was divided.
    let mut meant = wanted("r3", id, 900, RefundReason::Late);
    meant.case.as_mut().unwrap().mode = Some(RefundMode::AutomaticCompensation);
    stage.move_funds("f1", Fund::Outside, platform(), 1_000).await.unwrap();
    let compensated = refund(&stage.engine, &stage, meant).await.unwrap();
    assert_eq!(compensated.state.name(), "succeeded");
    let wanted = [("fee", 200), ("merchant", 0), ("outside", 1_000), ("platform", 100), ("receiver", 2_000)];
    assert_eq!(funds(&stage).await, held(&[&wanted[..], &[("unsettled", 7_800)]].concat()));
    stage.check().await;
}

/// A shortage is seen, nothing is sent, and it is retried; what bearers have is never taken twice.
#[tokio::test(start_paused = true)]
async fn a_short_refund_waits_for_its_bearers() {
    let stage = Stage::open_looking_every(SignedDuration::from_secs(10)).await;
    stage.announce(1, mall(1)).await;
    let id = paid(&stage, "c1").await;
    let unsettled = merchants(Bearer::UnsettledFunds);
    stage.move_funds("f1", unsettled.clone(), merchants(Bearer::MerchantBalance), 7_000).await.unwrap();
    stage.move_funds("f2", merchants(Bearer::MerchantBalance), Fund::Outside, 7_000).await.unwrap();
    let short = refund(&stage.engine, &stage, wanted("r1", id, 5_000, RefundReason::Damaged)).await.unwrap();
    assert_eq!(short.short(), Some(yuan(3_100)), "800 of the 3,900 that are the merchant's");
    assert!(matches!(&short.state, State::Sending(sending) if sending.unsent && sending.sends == 0));
    let before = funds(&stage).await;
    tokio::time::sleep(std::time::Duration::from_secs(86_400)).await;
    assert_eq!(funds(&stage).await, before, "nobody bears anything while it is short");
    assert!(
        !stage.truth.lock().unwrap().calls.iter().any(|call| call.contains("refund")),
        "and nothing is sent"
    );

    // 1,950 is the most that the platform bears of it: still short.
    stage.move_funds("f3", Fund::Outside, platform(), 5_000).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
    let row = stage.engine.store().refund(stage.tenant, short.terms.id).await.unwrap().unwrap();
    assert!(row.short().is_some());
    stage.move_funds("f4", Fund::Outside, unsettled, 1_200).await.unwrap();
    let ended = async || {
        let row = stage.engine.store().refund(stage.tenant, short.terms.id).await.unwrap().unwrap();
        row.state.name() == "succeeded"
    };
    stage.until("it is funded and sent", ended).await;
    assert_eq!(
        funds(&stage).await,
        held(&[
            ("balance", 0),
            ("fee", 100),
            ("merchant", 0),
            ("outside", -800),
            ("platform", 3_100),
            ("receiver", 1_000),
            ("unsettled", 0)
        ]),
    );
    stage.check().await;
}

#[tokio::test(start_paused = true)]
async fn a_short_refund_can_be_given_up_and_a_sent_one_cannot() {
    let stage = Stage::open().await;
    stage.announce(1, mall(1)).await;
    let id = paid(&stage, "c1").await;
    stage.move_funds("f1", merchants(Bearer::UnsettledFunds), Fund::Outside, 7_800).await.unwrap();
    let overdrawn = stage.move_funds("f2", merchants(Bearer::UnsettledFunds), Fund::Outside, 1).await;
    assert!(matches!(overdrawn, Err(Error::Precondition { reason: reason::FUNDS_SHORT, .. })));
    let short = refund(&stage.engine, &stage, wanted("r1", id, 10_000, RefundReason::Damaged)).await.unwrap();
    assert_eq!(short.short(), Some(yuan(7_800)));
    let cancel =
        |request: &str, refund| CancelRefund { request_id: RequestId::parse(request).unwrap(), refund };
    let given_up = stage.engine.cancel_refund(stage.tenant, cancel("x1", short.terms.id)).await.unwrap();
    assert_eq!((given_up.resource.state.name(), given_up.replayed), ("failed", false));
    let again = stage.engine.cancel_refund(stage.tenant, cancel("x1", short.terms.id)).await.unwrap();
    assert!(again.replayed);
    // Its amount is free again.
    stage.move_funds("f3", Fund::Outside, merchants(Bearer::UnsettledFunds), 7_800).await.unwrap();
    let whole = refund(&stage.engine, &stage, wanted("r2", id, 10_000, RefundReason::Damaged)).await.unwrap();
    assert_eq!(whole.state.name(), "succeeded");
    let late = stage.engine.cancel_refund(stage.tenant, cancel("x2", whole.terms.id)).await;
    assert!(matches!(late, Err(Error::Precondition { reason: reason::REFUND_STATE, .. })), "{late:?}");
    stage.check().await;
}

/// What was borne of a refund that fails goes back to whom it came from, and the next one starts from there.
#[tokio::test(start_paused = true)]
async fn a_failed_refund_gives_back_what_was_borne() {
    let stage = Stage::open().await;
    stage.announce(1, mall(1)).await;
    let id = paid(&stage, "c1").await;
    let before = funds(&stage).await;
    stage.truth.lock().unwrap().refuses_refunds = true;
    let failed = refund(&stage.engine, &stage, wanted("r1", id, 3_333, RefundReason::Damaged)).await.unwrap();
    assert_eq!(failed.state.name(), "failed");
    assert_eq!(funds(&stage).await, before);
    stage.truth.lock().unwrap().refuses_refunds = false;
    for (request, fen) in [("r2", 1), ("r3", 3_332), ("r4", 6_667)] {
        let made =
            refund(&stage.engine, &stage, wanted(request, id, fen, RefundReason::Damaged)).await.unwrap();
        assert_eq!(made.state.name(), "succeeded", "{request}");
    }
    assert!(funds(&stage).await.values().all(|fen| *fen == 0));
    stage.check().await;
}

/// The platform has to bear what the merchant bore at first: an appeal was right.
#[tokio::test(start_paused = true)]
async fn a_reversed_decision_pays_back() {
    let stage = Stage::open().await;
    stage.announce(1, mall(1)).await;
    let id = paid(&stage, "c1").await;
    let made = refund(&stage.engine, &stage, wanted("r1", id, 5_000, RefundReason::Damaged)).await.unwrap();
    let reverse = |request: &str, fen: Option<i64>, from: Option<Bearer>| ReverseRefund {
        request_id: RequestId::parse(request).unwrap(),
        refund: made.terms.id,
        amount: fen.map(yuan),
        from,
        why: Remark::parse("the appeal was right").unwrap(),
    };
    let run = async |wanted| stage.engine.reverse_refund(stage.tenant, wanted).await;
    let short = run(reverse("v1", None, Some(Bearer::Platform))).await;
    assert!(matches!(short, Err(Error::Precondition { reason: reason::FUNDS_SHORT, .. })), "{short:?}");
    stage.move_funds("f1", Fund::Outside, platform(), 9_000).await.unwrap();
    let own = run(reverse("v2", Some(100), Some(Bearer::UnsettledFunds))).await;
    assert!(matches!(own, Err(Error::Invalid(_))), "{own:?}");
    assert!(matches!(run(reverse("v3", Some(3_901), None)).await, Err(Error::Invalid(_))));
    let part = run(reverse("v4", Some(900), Some(Bearer::Platform))).await.unwrap();
    assert!(run(reverse("v4", Some(900), Some(Bearer::Platform))).await.unwrap().replayed);
    assert_eq!(part.resource.state.name(), "succeeded", "the payer keeps the money");
    run(reverse("v5", None, None)).await.unwrap();
    assert!(
        matches!(run(reverse("v6", None, None)).await, Err(Error::Precondition { .. })),
        "nothing is left"
    );
    assert_eq!(
        funds(&stage).await,
        held(&[
            ("fee", 100),
            ("merchant", 0),
            ("outside", 12_000),
            ("platform", 8_100),
            ("receiver", 1_000),
            ("unsettled", 7_800)
        ]),
    );
    stage.check().await;
}

/// Many refunds of one payment at once, from two replicas, over bearers that do not suffice for all: each fen once.
#[tokio::test(start_paused = true)]
async fn refunds_at_once_divide_exactly() {
    let stage = Stage::open().await;
    let other = stage.replica().await;
    stage.announce(1, mall(1)).await;
    let id = paid(&stage, "c1").await;
    let all = (0..24).map(|at| {
        let engine = if at % 2 == 0 { &stage.engine } else { &other };
        let wanted = wanted(&format!("r{at}"), id, 417, RefundReason::Damaged);
        async move { engine.create_refund(stage.tenant, wanted).await.map(|made| made.resource) }
    });
    let answers = futures::future::join_all(all).await;
    let made = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(made >= 20, "{answers:?}");
    let only = |error: &Error| {
        matches!(error, Error::Precondition { reason: reason::REFUND_EXCEEDS_CAPTURE, .. } | Error::Busy)
    };
    assert!(answers.iter().filter_map(|answer| answer.as_ref().err()).all(only), "{answers:?}");
    let left = 10_000 - 417 * i64::try_from(made).unwrap();
    if left > 0 {
        refund(&stage.engine, &stage, wanted("last", id, left, RefundReason::Damaged)).await.unwrap();
    }
    let ended = async || {
        let rows = stage.engine.store().refunds(stage.tenant, Some(id), None, 200).await.unwrap().rows;
        rows.iter().all(|row| row.state.name() == "succeeded")
    };
    stage.until("all have gone out", ended).await;
    assert!(funds(&stage).await.values().all(|fen| *fen == 0), "{:?}", funds(&stage).await);
    stage.check().await;
}

/// Without rules about refunds receivers give back their parts, and the storefront bears the rest; a payment from before there
/// were any rules is refunded as ever.
#[tokio::test(start_paused = true)]
async fn without_terms_the_storefront_bears_what_receivers_do_not() {
    let stage = Stage::open().await;
    let before = paid(&stage, "c0").await;
    stage.announce(1, bundle(1, &[FEE_AND_STREAMER])).await;
    let id = paid(&stage, "c1").await;
    assert_eq!(stage.refund("r0", before, 10_000).await.unwrap(), "succeeded");
    assert_eq!(stage.refund("r1", id, 5_000).await.unwrap(), "succeeded");
    assert_eq!(
        funds(&stage).await,
        held(&[("fee", 100), ("merchant", -3_900), ("receiver", 1_000), ("unsettled", 7_800)])
    );
    // Rules that come later decide about it, and what it lacks is no shortage of theirs.
    stage.announce(2, mall(2)).await;
    let undivided = refund(&stage.engine, &stage, wanted("r2", before, 1, RefundReason::Late)).await;
    assert!(matches!(undivided, Err(Error::Precondition { .. })));
    let granted =
        refund(&stage.engine, &stage, wanted("r3", id, 5_000, RefundReason::Damaged)).await.unwrap();
    assert_eq!(granted.state.name(), "succeeded");
    stage.check().await;
}

/// Of a hold less may be taken than was agreed: each gives back what it got, also where another keeps its part.
#[tokio::test(start_paused = true)]
async fn a_capture_of_less_is_divided_and_given_back_by_what_was_taken() {
    for taken in [1, 7, 22, 9_999] {
        let stage = Stage::open().await;
        let keeps = mall(1).replace(
            "receivers = [",
            "receivers = [{ receiver = \"delivery\", amount_minor = 500, on_refund = \"keep\" }, ",
        );
        stage.announce(1, keeps).await;
        let row = stage.hold("h1", qr("sturdy")).await;
        let id = row.intent.terms.id;
        let order_no = row.intent.attempts[0].terms.order_no.to_string();
        stage.truth.lock().unwrap().pay(&order_no);
        stage.state_within(id, "authorized", SignedDuration::from_hours(1)).await;
        stage.capture("p1", id, Some(taken)).await.unwrap();
        stage.state_within(id, "succeeded", SignedDuration::from_hours(1)).await;
        let after = funds(&stage).await;
        assert_eq!(after.values().sum::<i128>(), i128::from(taken));
        let kept = stage.engine.store().balances(stage.tenant).await.unwrap();
        let kept = kept.iter().find(|row| row.account.to_string().ends_with("/delivery"));
        let kept = kept.map_or(0, |row| row.balance.posted(&row.account));
        // What is kept, the merchant gives back in its place: somebody has to set that aside.
        let fund = platform();
        stage.move_funds("f1", Fund::Outside, fund, 10_000).await.unwrap();
        let made =
            refund(&stage.engine, &stage, wanted("r1", id, taken, RefundReason::Damaged)).await.unwrap();
        assert_eq!(made.state.name(), "succeeded", "{taken}");
        let left = funds(&stage).await;
        let of = |name: &str| left.get(name).copied().unwrap_or(0);
        assert_eq!((of("fee"), of("merchant"), of("receiver")), (0, 0, kept), "{taken}");
        stage.check().await;
    }
}

/// The rules look at what was declared with the choice, also where an automatic repeat of it was paid.
#[tokio::test(start_paused = true)]
async fn what_was_declared_counts_for_a_repeat() {
    let stage = Stage::open().await;
    let asks = mall(1).replace("days_max = 7\n", "days_max = 7\nwhen = \"merchant.id == 'm-1'\"\n");
    stage.announce(1, asks).await;
    let facts = Facts::new().with(Input::MerchantId, "m-1").unwrap();
    let declared = Declared { facts, payer: None };
    stage.fault("charge", world::Fault::RequestLost);
    let row = stage.create("c1", Some(Confirmation { declared, ..qr("plain") })).await;
    let id = row.intent.terms.id;
    let shown = stage.state_within(id, "awaiting_payer", SignedDuration::from_hours(3)).await;
    let last = shown.intent.attempts.last().unwrap();
    assert!(last.terms.repeats.is_some(), "{shown:#?}");
    let order_no = last.terms.order_no.to_string();
    stage.truth.lock().unwrap().pay(&order_no);
    stage.state_within(id, "succeeded", SignedDuration::from_hours(1)).await;
    let made = refund(&stage.engine, &stage, wanted("r1", id, 500, RefundReason::Damaged)).await.unwrap();
    assert_eq!(made.state.name(), "succeeded");
    stage.check().await;
}

/// What the terms cannot divide is not taken.
#[tokio::test(start_paused = true)]
async fn a_payment_that_cannot_be_divided_is_refused() {
    let stage = Stage::open().await;
    let narrow = mall(1).replace("id = \"standard\"", "id = \"standard\"\ncategory = \"tea\"");
    stage.announce(1, narrow).await;
    let wanted = world::wanted("c1", Some(qr("sturdy")));
    let refused = stage.engine.create_intent(stage.tenant, wanted).await;
    let Err(Error::Precondition { reason: reason::TERMS_DO_NOT_FIT, message, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(message, "fees: fee rule standard fits but for its category, which is not known");
    assert!(fsck::run(stage.engine.store()).await.unwrap().is_clean());
}
