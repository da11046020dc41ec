//! The data boundary: a rail is told what its adapter lists and the operator shares, by a name of its own for the payer, and
//! an order that cannot be made without what is withheld is not made.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod world;

use jiff::SignedDuration;
use paifang_boundary::{Field, Fields};
use paifang_engine::{
    Client, ConfirmIntent, Confirmation, Consultation, CreateIntent, CreateRefund, Declared, Error, Shares,
    reason,
};
use paifang_payment::{PayerId, RequestId};
use paifang_policy::facts::{Facts, Input};
use paifang_store::Store;
use world::{Stage, crossed, qr, wanted, yuan};

const REFERENCE: &str = "canary-reference";

/// An order with something in every field that a storefront can fill.
fn full(request: &str, wallet: &str) -> CreateIntent {
    let facts = Facts::new().with(Input::PayerTier, "canary-tier").unwrap();
    let payer = PayerId::parse(REFERENCE).ok();
    let choice = qr(wallet);
    let client = Client {
        ip: Some([203, 0, 113, 7].into()),
        payer: PayerId::parse("canary-openid").ok(),
        ..choice.client
    };
    let choice = Confirmation { client, declared: Declared { facts, payer }, ..choice };
    let metadata = [("note".to_owned(), "canary-note".to_owned())].into();
    CreateIntent { metadata, description: "tea for two".into(), ..wanted(request, Some(choice)) }
}

fn all_but(withheld: Field) -> Shares {
    Shares::default().only(Fields::those(|field| field != withheld))
}

async fn paid(stage: &Stage, request: &str, wallet: &str) -> paifang_payment::IntentId {
    let made = stage.engine.create_intent(stage.tenant, full(request, wallet)).await.unwrap();
    let row = stage.settled(made.resource.intent.terms.id).await;
    let number = row.intent.attempts[0].terms.order_no.to_string();
    stage.truth.lock().unwrap().pay(&number);
    stage.state_within(row.intent.terms.id, "succeeded", SignedDuration::from_mins(20)).await;
    row.intent.terms.id
}

#[tokio::test(start_paused = true)]
async fn a_rail_is_told_what_its_adapter_lists_and_nothing_else() {
    let stage = Stage::open().await;
    let id = paid(&stage, "c1", "sturdy").await;
    let reason = Some("too cold".to_owned());
    let wanted = CreateRefund {
        request_id: RequestId::parse("r1").unwrap(),
        intent: id,
        amount: Some(yuan(5)),
        reason,
        case: None,
    };
    let made = stage.engine.create_refund(stage.tenant, wanted).await.unwrap();
    stage.engine.await_refund(made.resource, SignedDuration::from_mins(5)).await.unwrap();

    let expected = [
        "attempt.create_time",
        "attempt.expire_time",
        "attempt.order_number",
        "attempt.payable_amount",
        "attempt.presentation",
        "attempt.rail_reference",
        "attempt.wallet",
        "client_context.payer_ip",
        "declared_facts.payer_reference",
        "payment_intent.description",
        "refund.amount",
        "refund.create_time",
        "refund.reason",
        "refund.refund_number",
    ];
    assert_eq!(crossed(&stage.engine, "sturdy"), expected);
    assert_eq!(crossed(&stage.engine, "plain"), Vec::<&str>::new());
    let messages = format!("{:?}", stage.truth.lock().unwrap().messages);
    for (text, there) in [("tea for two", true), ("203.0.113.7", true), ("too cold", true), ("canary", false)]
    {
        assert_eq!(messages.contains(text), there, "{text}: {messages}");
    }
    stage.check().await;
}

/// What the operator does not share is neither sent nor kept; whatever the rail can do without goes on.
#[tokio::test(start_paused = true)]
async fn what_is_withheld_is_neither_sent_nor_kept() {
    let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let engine = stage.replica_sharing(all_but(Field::ClientContextPayerIp)).await;
    let made = engine.create_intent(stage.tenant, full("c1", "sturdy")).await.unwrap();
    let attempt = made.resource.intent.attempts[0].terms.id;
    let kept = engine.store().submission(attempt).await.unwrap().unwrap();
    assert_eq!((kept.client_ip, kept.payer.is_some()), (None, false), "nor what no adapter lists");
    engine
        .await_intent(stage.tenant, made.resource.intent.terms.id, SignedDuration::from_mins(1))
        .await
        .unwrap();
    let messages = format!("{:?}", stage.truth.lock().unwrap().messages);
    assert!(messages.contains("tea for two") && !messages.contains("203.0.113.7"), "{messages}");
    assert!(!crossed(&engine, "sturdy").contains(&"client_context.payer_ip"));
}

#[tokio::test(start_paused = true)]
async fn a_wallet_that_cannot_do_without_what_is_withheld_is_unavailable() {
    let stage = Stage::open().await;
    let id = paid(&stage, "c1", "sturdy").await;
    let engine = stage.replica_sharing(all_but(Field::PaymentIntentDescription)).await;
    let choice = full("c2", "sturdy").confirmation.unwrap();

    let question = Consultation {
        amount: Some(yuan(10_000)),
        capture: Default::default(),
        client: choice.client.clone(),
        declared: Declared::default(),
    };
    let consulted = engine.consult(stage.tenant, &question).await.unwrap();
    let codes = |wallet: &str| -> Vec<_> {
        let option =
            consulted.options.iter().find(|one| one.weighed.option.wallet.as_str() == wallet).unwrap();
        assert!(!option.weighed.is_shown());
        option.weighed.option.obstacles.iter().map(|obstacle| obstacle.code()).collect()
    };
    assert_eq!(codes("sturdy"), ["withheld_payment_intent_description"]);

    let row = engine.create_intent(stage.tenant, wanted("c2", None)).await.unwrap().resource;
    let request_id = RequestId::parse("p2").unwrap();
    let intent = row.intent.terms.id;
    let confirm = ConfirmIntent { request_id, intent, etag: None, confirmation: choice };
    match engine.confirm_intent(stage.tenant, confirm).await.unwrap_err() {
        Error::Precondition { reason: reason::WALLET_UNAVAILABLE, message, .. } => {
            assert_eq!(message, "sturdy cannot be offered here: withheld_payment_intent_description");
        }
        other => panic!("{other:?}"),
    }
    // What was paid before is still refunded.
    let amount = Some(yuan(5));
    let refund = CreateRefund {
        request_id: RequestId::parse("r1").unwrap(),
        intent: id,
        amount,
        reason: None,
        case: None,
    };
    let made = engine.create_refund(stage.tenant, refund).await.unwrap();
    let refund = engine.await_refund(made.resource, SignedDuration::from_mins(5)).await.unwrap();
    assert_eq!(refund.state.name(), "succeeded");
    stage.check().await;
}

/// It was written ahead by a gateway that shared more: nothing is sent by one that does not, and the attempt says why.
#[tokio::test(start_paused = true)]
async fn an_order_that_waits_to_be_sent_is_not_sent_against_the_policy() {
    let mut stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    stage.fault("charge", world::Fault::NotConnected);
    let made = stage.engine.create_intent(stage.tenant, full("c1", "sturdy")).await.unwrap();
    let id = made.resource.intent.terms.id;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    stage.engine = stage.replica_sharing(all_but(Field::PaymentIntentDescription)).await;
    stage.run();
    let ended = |row: &paifang_store::IntentRow| !row.intent.attempts[0].is_live();
    let row =
        stage.engine.await_change(stage.tenant, id, SignedDuration::from_mins(20), ended).await.unwrap();
    let told = format!("{:?}", row.intent.attempts[0].state);
    assert!(told.contains("payment_intent.description is withheld from this rail account"), "{told}");
    assert_eq!(stage.truth.lock().unwrap().messages.len(), 0, "nothing ever arrived");
    stage.check().await;
}

#[tokio::test(start_paused = true)]
async fn each_rail_account_knows_a_payer_by_a_name_of_its_own() {
    let stage = Stage::open().await;
    for (request, wallet) in [("c1", "sturdy"), ("c2", "sturdy"), ("c3", "plain")] {
        let made = stage.engine.create_intent(stage.tenant, full(request, wallet)).await.unwrap();
        stage.settled(made.resource.intent.terms.id).await;
    }
    let messages = stage.truth.lock().unwrap().messages.clone();
    let aliases: Vec<_> = messages.iter().filter_map(|message| message["alias"].as_str()).collect();
    let [first, again, other] = aliases[..] else { panic!("{messages:?}") };
    assert_eq!(first, again);
    assert_ne!(first, other);
    let payer = PayerId::parse(REFERENCE).unwrap();
    let rules = stage.engine.names().pseudonym(stage.tenant, &payer);
    assert!(![first, other].contains(&rules.as_str()), "nor by the one that rules go by");
    stage.check().await;
}

/// Money is held already, and then the operator shares less than a capture needs: the call is refused by the field's name, and
/// nothing of the hold is used up.
#[tokio::test(start_paused = true)]
async fn a_capture_is_not_sent_against_the_policy() {
    let mut stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let row = stage.hold("h1", qr("sturdy")).await;
    let (id, number) = (row.intent.terms.id, row.intent.attempts[0].terms.order_no.to_string());
    stage.truth.lock().unwrap().pay(&number);
    stage.run();
    stage.state_within(id, "authorized", SignedDuration::from_mins(20)).await;
    let narrow = stage.replica_sharing(all_but(Field::PaymentIntentDescription)).await;
    let wide = std::mem::replace(&mut stage.engine, narrow);
    for _ in 0..2 {
        match stage.capture("k1", id, Some(6_000)).await.unwrap_err() {
            Error::Precondition { reason: reason::CAPTURE_NOT_SUPPORTED, message, .. } => {
                assert!(
                    message.starts_with("a capture needs payment_intent.description, which"),
                    "{message}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    let captures = |message: &serde_json::Value| message["verb"] == "capture";
    assert!(!stage.truth.lock().unwrap().messages.iter().any(captures), "nothing was sent");
    stage.engine = wide;
    let row = stage.capture("k1", id, Some(6_000)).await.unwrap();
    assert_eq!(row.intent.state.name(), "succeeded");
    stage.check().await;
}

/// What was kept or asked for under a wider list is taken out of the call itself.
#[tokio::test(start_paused = true)]
async fn a_narrower_list_counts_for_what_was_written_before() {
    let mut stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    stage.fault("charge", world::Fault::NotConnected);
    let made = stage.engine.create_intent(stage.tenant, full("c1", "sturdy")).await.unwrap();
    let id = made.resource.intent.terms.id;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let withheld = [Field::ClientContextPayerIp, Field::RefundReason];
    let shares = Shares::default().only(Fields::those(|field| !withheld.contains(&field)));
    stage.engine = stage.replica_sharing(shares).await;
    stage.run();
    let row = stage.state_within(id, "awaiting_payer", SignedDuration::from_mins(20)).await;
    stage.truth.lock().unwrap().pay(row.intent.attempts[0].terms.order_no.as_str());
    stage.state_within(id, "succeeded", SignedDuration::from_mins(20)).await;
    let reason = Some("too cold".to_owned());
    let request_id = RequestId::parse("r1").unwrap();
    let refund = CreateRefund { request_id, intent: id, amount: Some(yuan(5)), reason, case: None };
    let made = stage.engine.create_refund(stage.tenant, refund).await.unwrap();
    stage.engine.await_refund(made.resource, SignedDuration::from_mins(5)).await.unwrap();

    let messages = format!("{:?}", stage.truth.lock().unwrap().messages);
    assert!(messages.contains("tea for two") && messages.contains("\"refund\""), "{messages}");
    assert!(!messages.contains("203.0.113.7") && !messages.contains("too cold"), "{messages}");
    let crossed = crossed(&stage.engine, "sturdy");
    assert!(withheld.iter().all(|field| !crossed.contains(&field.name())), "{crossed:?}");
    stage.check().await;
}
