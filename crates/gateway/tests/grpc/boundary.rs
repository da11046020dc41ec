//! The data boundary as a storefront sees it: a wallet that lacks what the operator withholds says so, and events carry what
//! is marked for them.

use paifang_boundary::{Audience, Field, Fields};
use paifang_client::v1;
use paifang_engine::{Counterparty, Shares};
use paifang_proto::Bounded;
use tonic::Code;
use v1::watch_events_response::Message;

use crate::shop::{Shop, create, reason};

fn at_the_till() -> v1::ClientContext {
    let mut context = v1::ClientContext { payer_ip: "203.0.113.7".into(), ..Default::default() };
    context.set_kind(v1::ClientKind::PointOfSale);
    context.payer_code = "6212345678901234567".into();
    context
}

#[tokio::test]
async fn what_is_withheld_closes_the_wallet_that_needs_it_and_names_the_field() {
    let shares = Shares::default().only(Fields::those(|field| field != Field::ClientContextPayerIp));
    let shop = Shop::sharing(shares, |options| options).await;
    let client = shop.client().await;
    let mut bare = at_the_till();
    bare.payer_ip.clear();
    for context in [at_the_till(), bare] {
        let amount = Some(v1::Money { currency_code: "CNY".into(), minor_units: 8888 });
        let request =
            v1::ConsultWalletsRequest { amount, client_context: Some(context), ..Default::default() };
        let options = client.consult_wallets(request).await.unwrap().options;
        let code = options.iter().find(|one| one.presentation() == v1::Presentation::PayerCode).unwrap();
        assert!(!code.available && !code.shown);
        assert_eq!(code.reason_codes, ["withheld_client_context_payer_ip"]);
        assert_eq!(code.missing_inputs, Vec::<String>::new(), "what would not be handed on is not asked for");
    }
    let mut choice = v1::WalletChoice {
        wallet: "bamboo".into(),
        client_context: Some(at_the_till()),
        ..Default::default()
    };
    choice.set_presentation(v1::Presentation::PayerCode);
    let request = v1::CreatePaymentIntentRequest { choice: Some(choice), ..create("order-1") };
    let refused = client.create_payment_intent(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "WALLET_UNAVAILABLE"));
    assert!(refused.message().ends_with("withheld_client_context_payer_ip"), "{refused:?}");
    assert_eq!(shop.engine.egress().crossed().count(), 0, "nothing went anywhere");
    // What does not need it goes on.
    client.create_payment_intent(create("order-2")).await.unwrap();
}

/// Whoever reads events cannot pay in the payer's place, and every field that they are told is marked for them and counted.
#[tokio::test]
async fn events_carry_what_is_marked_for_them_and_are_counted_by_field() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let waits = client.create_payment_intent(create("order-1")).await.unwrap().payment_intent.unwrap();
    assert!(waits.next_action.is_some(), "the answer has it");
    let listed = client.list_events(v1::ListEventsRequest::default()).await.unwrap().events;
    assert!(listed.iter().any(|event| event.r#type == "payment_intent.awaiting_payer"), "{listed:#?}");
    let mut told = Fields::NONE;
    listed.iter().for_each(|event| event.each(&mut |field| told.insert(field)));
    assert!(!told.contains(Field::PaymentIntentNextAction) && told.contains(Field::PaymentIntentDescription));
    for field in told.iter() {
        assert!(field.is_for(Audience::Event), "{field}");
    }
    let counted = |field: Field| {
        let crossed = shop.engine.egress().crossed();
        let of = |(counterparty, one, _): &(Counterparty, Field, u64)| {
            *counterparty == Counterparty::Events && *one == field
        };
        crossed.filter(of).map(|(.., count)| count).sum::<u64>()
    };
    let all = u64::try_from(listed.len()).unwrap();
    assert_eq!(counted(Field::EventEventId), all);
    for field in Field::ALL {
        assert_eq!(counted(field) > 0, told.contains(field), "{field}");
    }

    let request = v1::WatchEventsRequest::default();
    let mut stream = client.events().watch_events(request).await.unwrap().into_inner();
    for event in &listed {
        let sent = stream.message().await.unwrap().unwrap().message.unwrap();
        assert_eq!(sent, Message::Event(event.clone()), "a stream tells the same");
    }
    assert_eq!(counted(Field::EventEventId), 2 * all);
}
