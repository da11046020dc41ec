//! Whole lives of payments, as a storefront sees them.

use std::time::Duration;

use paifang_client::v1;
use paifang_gateway::grpc::GrpcOptions;
use tonic::{Code, Request};

use crate::shop::{Shop, choice, cny, create, reason};

#[tokio::test]
async fn a_payment_is_watched_to_success_explained_booked_and_refunded() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let created = client.create_payment_intent(create("order-1")).await.unwrap();
    let intent = created.payment_intent.unwrap();
    assert_eq!(intent.state(), v1::PaymentIntentState::AwaitingPayer);
    let action = intent.next_action.clone().unwrap().kind.unwrap();
    assert!(matches!(action, v1::next_action::Kind::ShowQrCode(_)));
    assert_eq!(intent.current_attempt_id, intent.attempts[0].attempt_id);

    let id = intent.payment_intent_id.clone();
    let watch = v1::WatchPaymentIntentRequest { payment_intent_id: id.clone() };
    let mut news = client.payment_intents().watch_payment_intent(watch).await.unwrap().into_inner();
    assert_eq!(news.message().await.unwrap().unwrap().payment_intent, Some(intent.clone()));
    shop.notify_paid(&intent).await;
    let paid = news.message().await.unwrap().unwrap().payment_intent.unwrap();
    assert_eq!(paid.state(), v1::PaymentIntentState::Succeeded);
    assert_eq!(paid.amount_captured, Some(cny(8888)));
    assert_eq!((paid.next_action.as_ref(), paid.failure.as_ref()), (None, None));
    assert!(paid.attempts[0].pay_time.is_some());
    assert!(news.message().await.unwrap().is_none(), "a final intent ends its stream");

    let refund = v1::CreateRefundRequest {
        request_id: "refund-1".into(),
        payment_intent_id: id.clone(),
        amount: Some(cny(3000)),
        reason: "one ticket came back".into(),
        refund_case: None,
    };
    let refunded = client.create_refund(refund.clone()).await.unwrap();
    let made = refunded.refund.unwrap();
    assert_eq!(made.state(), v1::RefundState::Succeeded);
    assert_eq!(client.create_refund(refund).await.unwrap().refund, Some(made.clone()));
    explained(&client, &id, &made.refund_id).await;
    booked(&client).await;
}

/// Every line of the story says on what it rests.
async fn explained(client: &paifang_client::Client, id: &str, refund: &str) {
    let explain = v1::ExplainPaymentIntentRequest { payment_intent_id: id.into() };
    let story = client.explain_payment_intent(explain).await.unwrap();
    assert!(!story.truncated);
    let line = |entry: &v1::JournalEntry| {
        let believed = match (entry.message_digest.len(), entry.key_serial.as_str()) {
            (64, "panda-key") => "signed",
            (0, "") => "plain",
            other => panic!("{other:?}"),
        };
        let (from, to) = (&entry.from_state, &entry.to_state);
        format!("{} {from}>{to} {} {believed}", entry.change, entry.rule)
    };
    let lines: Vec<String> = story.entries.iter().map(line).collect();
    let text = lines.join("\n");
    for expected in [
        "opened >PAYMENT_INTENT_STATE_REQUIRES_WALLET intent.create plain",
        "opened >ATTEMPT_STATE_SENDING intent.confirm plain",
        "moved ATTEMPT_STATE_SENDING>ATTEMPT_STATE_AWAITING_PAYER panda.charge signed",
        "moved ATTEMPT_STATE_AWAITING_PAYER>ATTEMPT_STATE_PAID panda.notification.paid signed",
        "opened >REFUND_STATE_SENDING refund.create plain",
        "moved REFUND_STATE_SENDING>REFUND_STATE_SUCCEEDED panda.refund signed",
    ] {
        assert_eq!(lines.iter().filter(|line| *line == expected).count(), 1, "{expected} in\n{text}");
    }
    let succeeded = lines.iter().filter(|line| line.contains(">PAYMENT_INTENT_STATE_SUCCEEDED"));
    assert_eq!(succeeded.count(), 1, "{text}");
    assert_eq!(story.entries.last().unwrap().subject_id, refund);
    chained(&story, refund);
}

/// Each entry follows the one before it in its journal, and every fen and event stands with the entry that wrote it.
fn chained(story: &v1::ExplainPaymentIntentResponse, refund: &str) {
    for of_refund in [false, true] {
        let mut last = "";
        for entry in story.entries.iter().filter(|entry| (entry.subject_id == refund) == of_refund) {
            assert_eq!((entry.previous_digest.as_str(), entry.digest.len()), (last, 64), "{entry:?}");
            last = &entry.digest;
        }
    }
    let booked = story.entries.iter().flat_map(|entry| &entry.transfers);
    let phases: Vec<v1::TransferPhase> = booked.map(v1::Transfer::phase).collect();
    use v1::TransferPhase::{Pending, Posted, PostsPending};
    assert_eq!(phases, [Posted, Pending, PostsPending]);
    assert!(story.other_transfers.is_empty());
    let told = |kind: &str| {
        let of = |entry: &&v1::JournalEntry| entry.events.iter().any(|event| event.r#type == kind);
        story.entries.iter().find(of).unwrap_or_else(|| panic!("{kind}"))
    };
    let paid = told("payment_intent.succeeded");
    assert!(!paid.notification_key.is_empty() && paid.request_id.is_empty(), "{paid:?}");
    assert_eq!(paid.transfers[0].amount, Some(cny(8888)));
    let amount = |to: &str| story.entries.iter().find(|entry| entry.to_state == to).unwrap().amount.clone();
    assert_eq!(amount("ATTEMPT_STATE_PAID"), Some(cny(8888)));
    assert_eq!(amount("REFUND_STATE_SUCCEEDED"), Some(cny(3000)));
    assert_eq!(told("payment_intent.created").request_id, "order-1");
    assert_eq!(told("refund.created").request_id, "refund-1");
    assert_eq!(told("refund.succeeded").subject_id, refund);
}

async fn booked(client: &paifang_client::Client) {
    let accounts = client.list_accounts(v1::ListAccountsRequest::default()).await.unwrap().accounts;
    let kinds: Vec<_> = accounts.iter().map(v1::Account::kind).collect();
    assert_eq!(kinds, [v1::AccountKind::Merchant, v1::AccountKind::Rail]);
    let get =
        v1::GetBalanceRequest { account_name: accounts[1].account_name.clone(), currency_code: "CNY".into() };
    let balance = client.get_balance(get).await.unwrap().balance.unwrap();
    assert_eq!((balance.debits_posted, balance.credits_posted), (Some(cny(8888)), Some(cny(3000))));
    let (mut phases, mut page_token) = (Vec::new(), String::new());
    loop {
        let list = v1::ListTransfersRequest { page_size: 2, page_token };
        let page = client.list_transfers(list).await.unwrap();
        phases.extend(page.transfers.iter().map(v1::Transfer::phase));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    use v1::TransferPhase::{Pending, Posted, PostsPending};
    assert_eq!(phases, [Posted, Pending, PostsPending]);
}

#[tokio::test]
async fn refunds_never_exceed_what_was_captured() {
    let shop = Shop::open().await;
    let (intent, client) = (shop.paid("order-1").await, shop.client().await);
    let refund = |n: u32, minor_units| v1::CreateRefundRequest {
        request_id: format!("refund-{n}"),
        payment_intent_id: intent.payment_intent_id.clone(),
        amount: Some(cny(minor_units)),
        reason: String::new(),
        refund_case: None,
    };
    let calls = (0..10).map(|n| client.create_refund(refund(n, 3000)));
    let answers = futures::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 2);
    for error in answers.into_iter().filter_map(Result::err) {
        assert_eq!(
            (error.code(), reason(&error)),
            (Code::FailedPrecondition, "REFUND_EXCEEDS_CAPTURE".into())
        );
    }
    let mut other_currency = refund(11, 1);
    other_currency.amount.as_mut().unwrap().currency_code = "USD".into();
    let error = client.create_refund(other_currency).await.unwrap_err();
    assert_eq!(crate::shop::wrong_fields(&error), ["amount.currency_code"]);

    let list = |payment_intent_id: &str| v1::ListRefundsRequest {
        payment_intent_id: payment_intent_id.into(),
        ..Default::default()
    };
    let listed = client.list_refunds(list(&intent.payment_intent_id)).await.unwrap().refunds;
    assert_eq!(listed.len(), 2);
    assert_eq!(client.list_refunds(list("")).await.unwrap().refunds, listed);
}

/// F02, I11: an answer that was lost is a state, and it says that money may have moved.
#[tokio::test]
async fn a_doubt_is_an_answer_and_no_error() {
    let shop = Shop::open().await;
    shop.script.say("charge", "lost");
    let client = shop.client().await;
    let mut request = Request::new(create("order-1"));
    request.set_timeout(Duration::from_millis(1500));
    let answer = client.payment_intents().create_payment_intent(request).await.unwrap().into_inner();
    let intent = answer.payment_intent.unwrap();
    assert_eq!(intent.state(), v1::PaymentIntentState::Processing);
    let failure = intent.failure.unwrap();
    assert_eq!(failure.category(), v1::FailureCategory::InDoubt);
    assert_eq!(failure.money_effect(), v1::MoneyEffect::Possible);
    assert_eq!((failure.advice(), failure.reason.as_str()), (v1::Advice::QueryFirst, "connection_lost"));
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_another_wallet_may_follow() {
    let shop = Shop::open().await;
    shop.script.say("charge", "refused");
    let client = shop.client().await;
    let created = client.create_payment_intent(create("order-1")).await.unwrap();
    let intent = created.payment_intent.unwrap();
    assert_eq!(intent.state(), v1::PaymentIntentState::RequiresWallet);
    let failure = intent.failure.unwrap();
    assert_eq!(failure.category(), v1::FailureCategory::Refused);
    assert_eq!(failure.money_effect(), v1::MoneyEffect::None);
    assert_eq!((failure.advice(), failure.rail_code.as_str()), (v1::Advice::AskPayer, "NOT_ENOUGH"));
    let confirm = v1::ConfirmPaymentIntentRequest {
        request_id: "confirm-1".into(),
        payment_intent_id: intent.payment_intent_id,
        choice: Some(choice()),
        etag: intent.etag,
    };
    let confirmed = client.confirm_payment_intent(confirm).await.unwrap().payment_intent.unwrap();
    assert_eq!(confirmed.state(), v1::PaymentIntentState::AwaitingPayer);
    assert_eq!((confirmed.attempts.len(), confirmed.failure), (2, None));
}

/// F34: a caller who goes away takes nothing along. The charge is on its way when the call is dropped.
#[tokio::test]
async fn the_work_goes_on_when_the_caller_goes_away() {
    let shop = Shop::open().await;
    shop.script.say("charge", "held");
    let client = shop.client().await;
    let caller = client.clone();
    let call = tokio::spawn(async move { caller.create_payment_intent(create("order-1")).await });
    shop.script.charged.notified().await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    let by_id = v1::GetPaymentIntentByRequestIdRequest { request_id: "order-1".into() };
    let found = client.get_payment_intent_by_request_id(by_id).await.unwrap().payment_intent.unwrap();
    assert_eq!(found.state(), v1::PaymentIntentState::Processing);
    let watch = v1::WatchPaymentIntentRequest { payment_intent_id: found.payment_intent_id };
    let mut news = client.payment_intents().watch_payment_intent(watch).await.unwrap().into_inner();
    news.message().await.unwrap().unwrap();
    shop.script.release.notify_one();
    let next = tokio::time::timeout(Duration::from_secs(10), news.message()).await.unwrap();
    let intent = next.unwrap().unwrap().payment_intent.unwrap();
    assert_eq!(intent.state(), v1::PaymentIntentState::AwaitingPayer);
}

/// A rail that is slower than the caller's deadline does not make the call fail.
#[tokio::test]
async fn the_answer_comes_before_the_callers_deadline() {
    let shop = Shop::open().await;
    shop.script.say("charge", "held");
    let mut request = Request::new(create("order-1"));
    request.set_timeout(Duration::from_secs(1));
    let client = shop.client().await;
    let answer = client.payment_intents().create_payment_intent(request).await.unwrap().into_inner();
    assert_eq!(answer.payment_intent.unwrap().state(), v1::PaymentIntentState::Processing);
}

#[tokio::test]
async fn wallets_are_ranked_and_say_what_is_missing() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let consult = |kind: v1::ClientKind, inside: &str, amount| v1::ConsultWalletsRequest {
        amount: Some(cny(amount)),
        client_context: Some(v1::ClientContext {
            kind: kind.into(),
            inside_wallet: inside.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let told = async |request| {
        let options = client.consult_wallets(request).await.unwrap().options;
        let lines = options.iter().map(|option| {
            let (way, open) = (option.presentation().as_str_name(), option.available);
            format!("{way} {open} {:?} {:?}", option.reason_codes, option.missing_inputs)
        });
        lines.collect::<Vec<_>>()
    };
    assert_eq!(
        told(consult(v1::ClientKind::PointOfSale, "", 1)).await,
        [
            r#"PRESENTATION_PAYER_CODE false ["input_missing"] ["payer_code", "payer_ip"]"#,
            r#"PRESENTATION_QR_SHOWN false ["client_not_supported"] []"#,
        ]
    );
    let inside = told(consult(v1::ClientKind::InWallet, "bamboo", 1)).await;
    assert_eq!(inside[0], r#"PRESENTATION_QR_SHOWN true ["inside_this_wallet"] []"#);
    let other = told(consult(v1::ClientKind::InWallet, "willow", 2_000_000)).await;
    assert_eq!(other[0], r#"PRESENTATION_QR_SHOWN false ["amount_too_large", "inside_other_wallet"] []"#);
}

/// A rail that fails now is told to, and not hidden; the limits of an amount are told in the currency that was asked for.
#[tokio::test]
async fn a_failing_rail_is_named_and_limits_are_told() {
    let shop = Shop::with(|options| GrpcOptions { wait_ms_max: 50, ..options }).await;
    let client = shop.client().await;
    let option = async |currency_code: &str| {
        let request = v1::ConsultWalletsRequest {
            amount: Some(v1::Money { currency_code: currency_code.into(), minor_units: 1 }),
            client_context: choice().client_context,
            ..Default::default()
        };
        client.consult_wallets(request).await.unwrap().options.remove(0)
    };
    let healthy = option("CNY").await;
    assert_eq!((healthy.reason_codes.as_slice(), healthy.position_reason.as_str()), (&[][..], "first"));
    assert_eq!((healthy.amount_min, healthy.amount_max), (Some(cny(1)), Some(cny(1_000_000))));
    let foreign = option("USD").await;
    assert_eq!((foreign.amount_min, foreign.amount_max), (None, None));
    assert_eq!(foreign.reason_codes[0], "currency_not_supported");

    for number in 0..5 {
        shop.script.say("charge", "lost");
        client.create_payment_intent(create(&format!("order-{number}"))).await.unwrap();
    }
    let failing = option("CNY").await;
    assert!(failing.available && failing.shown, "{failing:?}");
    assert_eq!(failing.reason_codes, ["rail_degraded"]);
    shop.world.advance(61);
    assert_eq!(option("CNY").await.reason_codes.as_slice(), &[] as &[String]);
}
