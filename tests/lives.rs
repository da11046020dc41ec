//! The lives of payments, over the running binary, real gRPC and real HTTP, for each rail. After each life the ledger
//! equals the mock rails' books to the fen.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

mod support;

use std::time::Duration;

use paifang_mock_rails::CodeOutcome;
use paifang_mock_rails::faults::Fault;
use paifang_proto::v1;
use support::{
    ALIPAY, HOLDS, ORDERS, QRS, RAILS, SOON, UNIONPAY, UNIONPAY_CODE, WECHAT, Way, World, choice, money,
    reason_of,
};
use v1::PaymentIntentState as State;

#[tokio::test]
async fn paid() {
    let mut world = World::start().await;
    for way in ORDERS.into_iter().chain([UNIONPAY_CODE]) {
        let intent = world.paid(way).await;
        let captured = intent.amount_captured.as_ref().map(|money| money.minor_units);
        assert_eq!(captured, Some(10_000), "{way:?}");
    }
    let events = world.shop.all_events().await.unwrap();
    let succeeded = events.iter().filter(|event| event.r#type == "payment_intent.succeeded").count();
    assert_eq!(succeeded, 7);
    world.end().await;
}

/// A rail's final no: nothing moved, and the payer may choose again.
#[tokio::test]
async fn refused() {
    let world = World::start().await;
    let cases =
        [(ALIPAY, "ACQ.ACCESS_FORBIDDEN"), (WECHAT, "RULE_LIMIT"), (UNIONPAY, "33"), (UNIONPAY_CODE, "64")];
    for (way, code) in cases {
        world.fault(way, "charge", Fault::BusinessCode(code.into()));
        let id = world.create().await;
        world.confirm(&id, way).await.unwrap();
        let intent = world.becomes(&id, State::RequiresWallet).await;
        let attempt = intent.attempts.last().unwrap();
        assert_eq!(attempt.state(), v1::AttemptState::Refused, "{way:?}");
        assert_eq!(attempt.failure.as_ref().unwrap().rail_code, code, "verbatim");
        let intent = world.confirm(&id, WECHAT).await.unwrap();
        assert_eq!(intent.state(), State::AwaitingPayer, "{way:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_payers_code_is_declined() {
    let world = World::start().await;
    for outcome in [CodeOutcome::Declines, CodeOutcome::PendingThenDeclines] {
        let (id, code) = (world.create().await, world.payer_code(outcome));
        world.confirm_with(&id, UNIONPAY_CODE, &code).await.unwrap();
        let intent = world.becomes(&id, State::RequiresWallet).await;
        assert_eq!(intent.attempts[0].state(), v1::AttemptState::Refused, "{outcome:?}");
    }
    let (id, code) = (world.create().await, world.payer_code(CodeOutcome::PendingThenPays));
    world.confirm_with(&id, UNIONPAY_CODE, &code).await.unwrap();
    world.becomes(&id, State::Succeeded).await;
    world.end().await;
}

/// A code that was refused for another wallet was not sent anywhere: it still pays where it belongs.
#[tokio::test]
async fn a_payers_code_is_charged_by_its_own_wallet_only() {
    let mut world = World::start().await;
    let (id, code) = (world.create().await, world.payer_code(CodeOutcome::Pays));
    let request = v1::IdentifyPayerCodeRequest { payer_code: code.clone(), ..Default::default() };
    let told = world.shop.wallets.identify_payer_code(request).await.unwrap().into_inner();
    assert_eq!(told.issuer.unwrap().wallet, "quickpass");
    let ways: Vec<(String, v1::CodeAcceptance, bool)> = told
        .ways
        .into_iter()
        .map(|way| {
            let (acceptance, option) = (way.acceptance(), way.option.unwrap());
            (option.wallet, acceptance, option.available)
        })
        .collect();
    assert_eq!(ways[0], ("quickpass".to_owned(), v1::CodeAcceptance::Taken, true), "{ways:?}");
    assert!(ways.contains(&("alipay".to_owned(), v1::CodeAcceptance::Refused, false)), "{ways:?}");

    let at_alipay = Way { presentation: v1::Presentation::PayerCode, ..ALIPAY };
    let refused = world.confirm_with(&id, at_alipay, &code).await.unwrap_err();
    assert_eq!(reason_of(&refused), "PAYER_CODE_OF_OTHER_WALLET");
    assert!(refused.message().contains("one of quickpass") && !refused.message().contains(&code));
    world.confirm_with(&id, UNIONPAY_CODE, &code).await.unwrap();
    world.becomes(&id, State::Succeeded).await;
    assert!(!world.stage.log().contains(&code), "the log tells a code");
    world.end().await;
}

/// The rail is asked before anything is closed; a rail without a close proves the end after its `payTimeout`.
#[tokio::test]
async fn expired() {
    let world = World::start().await;
    let mut shown = Vec::new();
    for way in ORDERS {
        shown.push(world.shown(way).await.payment_intent_id);
    }
    let unshown = world.create().await;
    for _ in 0..4 {
        world.step(Duration::from_secs(300));
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    for id in shown.into_iter().chain([unshown]) {
        world.becomes(&id, State::Expired).await;
    }
    world.end().await;
}

#[tokio::test]
async fn canceled() {
    let world = World::start().await;
    for way in ORDERS {
        let intent = world.shown(way).await;
        world.cancel(&intent.payment_intent_id).await.unwrap();
        world.becomes(&intent.payment_intent_id, State::Canceled).await;
        let refused = world.confirm(&intent.payment_intent_id, WECHAT).await.unwrap_err();
        assert_eq!(reason_of(&refused), "INTENT_FINAL");
    }
    let paid = world.paid(WECHAT).await;
    let refused = world.cancel(&paid.payment_intent_id).await.unwrap_err();
    assert_eq!(reason_of(&refused), "INTENT_SUCCEEDED");
    world.end().await;
}

#[tokio::test]
async fn refunded_in_three_parts_and_not_a_fen_more() {
    let mut world = World::start().await;
    for way in [ALIPAY, WECHAT, UNIONPAY, UNIONPAY_CODE] {
        let id = world.paid(way).await.payment_intent_id;
        for fen in [3_333, 3_333, 3_334] {
            let over = world.refund(&id, 10_001).await.unwrap_err();
            assert_eq!(reason_of(&over), "REFUND_EXCEEDS_CAPTURE");
            world.refund_succeeds(&id, fen).await;
            // WeChat Pay wants a minute between two refunds of one order.
            world.step(Duration::from_secs(60));
        }
        let over = world.refund(&id, 1).await.unwrap_err();
        assert_eq!(reason_of(&over), "REFUND_EXCEEDS_CAPTURE", "{way:?}");
        let refunded = world.shop.intent(&id).await.unwrap().amount_refunded.unwrap().minor_units;
        assert_eq!(refunded, 10_000, "{way:?}");
    }
    world.end().await;
}

/// Money is held, taken in full or in part, and refunded; or given back by a cancel. Answers that are lost change nothing.
#[tokio::test]
async fn held_captured_released() {
    let mut world = World::start().await;
    for way in HOLDS {
        for (fen, lost) in [(10_000, false), (2_345, false), (7_000, true)] {
            let id = world.held(way).await;
            if lost {
                world.fault(way, "capture", Fault::AnswerLost);
            }
            world.capture(&id, fen).await.unwrap();
            let intent = world.becomes(&id, State::Succeeded).await;
            let captured = intent.amount_captured.as_ref().map(|money| money.minor_units);
            assert_eq!(captured, Some(fen), "{way:?}");
            let over = world.refund(&id, fen + 1).await.unwrap_err();
            assert_eq!(reason_of(&over), "REFUND_EXCEEDS_CAPTURE", "{way:?}");
            world.refund_succeeds(&id, fen - 1).await;
        }
        for lost in [false, true] {
            let id = world.held(way).await;
            if lost {
                world.fault(way, "release", Fault::AnswerLost);
            }
            world.cancel(&id).await.unwrap();
            let intent = world.becomes(&id, State::Canceled).await;
            assert_eq!(intent.attempts[0].state(), v1::AttemptState::Closed, "{way:?}");
            let refused = world.capture(&id, 1).await.unwrap_err();
            assert_eq!(reason_of(&refused), "INTENT_NOT_AUTHORIZED", "{way:?}");
        }
        world.books_agree().await;
    }
    world.end().await;
}

/// A hold that nobody captures goes back before the rail would end it by itself.
#[tokio::test]
async fn held_and_forgotten() {
    let world = World::start().await;
    for way in HOLDS {
        let id = world.held(way).await;
        world.step(Duration::from_secs(29 * 86_400 + 60));
        world.becomes(&id, State::Expired).await;
    }
    world.end().await;
}

/// F02, F17: the answer to each kind of call is lost after the rail has acted.
#[tokio::test]
async fn answers_are_lost() {
    let mut world = World::start().await;
    for way in [ALIPAY, WECHAT, UNIONPAY, UNIONPAY_CODE] {
        world.fault(way, "charge", Fault::AnswerLost);
        let id = world.create().await;
        let intent = world.confirm(&id, way).await.unwrap();
        if way != UNIONPAY_CODE {
            let intent = match intent.state() {
                State::AwaitingPayer => intent,
                _ => world.becomes(&id, State::AwaitingPayer).await,
            };
            world.look(way, &intent).await;
            world.pay(way, &intent);
        }
        world.becomes(&id, State::Succeeded).await;
        world.fault(way, "refund", Fault::AnswerLost);
        world.refund_succeeds(&id, 4_000).await;
        world.books_agree().await;
    }
    for way in [ALIPAY, WECHAT] {
        let intent = world.shown(way).await;
        world.fault(way, "close", Fault::AnswerLost);
        world.cancel(&intent.payment_intent_id).await.unwrap();
        world.becomes(&intent.payment_intent_id, State::Canceled).await;
    }
    world.end().await;
}

/// F07, F08: replies that are late, broken, unsigned or signed by nobody prove nothing; the query does.
#[tokio::test]
async fn replies_prove_nothing() {
    let world = World::start().await;
    for fault in [Fault::WrongSignature, Fault::StatusAfter(502), Fault::GarbageBody, Fault::Status(503)] {
        for way in [ALIPAY, WECHAT, UNIONPAY, UNIONPAY_CODE] {
            let lost = matches!(fault, Fault::Status(_)) && way == UNIONPAY_CODE;
            if lost {
                continue;
            }
            world.fault(way, "charge", fault.clone());
            let id = world.create().await;
            let intent = world.confirm(&id, way).await.unwrap();
            if way != UNIONPAY_CODE {
                let intent = match intent.state() {
                    State::AwaitingPayer => intent,
                    _ => world.becomes(&id, State::AwaitingPayer).await,
                };
                world.look(way, &intent).await;
                world.pay(way, &intent);
            }
            world.becomes(&id, State::Succeeded).await;
        }
    }
    world.end().await;
}

/// F50, F60, F61: the same news twice, and news that is faster than our own answer.
#[tokio::test]
async fn notifications_come_twice_and_early() {
    let world = World::start().await;
    for way in QRS {
        world.fault(way, "charge", Fault::TwinNotifications);
        world.paid(way).await;
    }
    // A code of Alipay or UnionPay cannot be paid before somebody has it; their refunds can be that fast, see below.
    for way in [WECHAT, UNIONPAY_CODE] {
        world.fault(way, "charge", Fault::NotificationFirst);
        let id = world.create().await;
        world.confirm(&id, way).await.unwrap();
        world.becomes(&id, State::Succeeded).await;
    }
    for way in [ALIPAY, WECHAT, UNIONPAY] {
        let id = world.paid(way).await.payment_intent_id;
        world.fault(way, "refund", Fault::NotificationFirst);
        world.refund_succeeds(&id, 5_000).await;
    }
    world.end().await;
}

/// A rail that never notifies is asked.
#[tokio::test]
async fn without_any_notification() {
    let world = World::start().await;
    for way in QRS {
        world.fault(way, "charge", Fault::NoNotification);
        world.paid(way).await;
    }
    world.end().await;
}

/// `enabled = false` ends new charges and nothing else: what was paid goes back, and what waits for its payer is asked about.
#[tokio::test]
async fn a_disabled_account_takes_nothing_new_and_goes_on_with_the_rest() {
    let mut world = World::start().await;
    let mut ways = Vec::new();
    for way in QRS {
        ways.push((way, world.paid(way).await.payment_intent_id, world.shown(way).await));
    }
    world
        .restarted(|dir| {
            let file = dir.join("paifang.toml");
            let config = RAILS.into_iter().fold(std::fs::read_to_string(&file).unwrap(), |config, rail| {
                let begin = format!("rail = \"{rail}\"\n");
                assert!(config.contains(&begin), "{config}");
                config.replace(&begin, &format!("{begin}enabled = false\n"))
            });
            std::fs::write(file, config).unwrap();
        })
        .await;
    for (way, _, waiting) in &ways {
        world.fault(*way, "charge", Fault::NoNotification);
        world.pay(*way, waiting);
    }
    // The next look is due by then.
    world.step(Duration::from_secs(60));
    let client_context = choice(ALIPAY, "").client_context;
    let request =
        v1::ConsultWalletsRequest { amount: Some(money(10_000)), client_context, ..Default::default() };
    let options = world.shop.wallets.consult_wallets(request).await.unwrap().into_inner().options;
    assert!(!options.is_empty());
    for option in options {
        assert!(!option.available && !option.shown, "{option:?}");
        assert_eq!(option.reason_codes.first().map(String::as_str), Some("account_disabled"), "{option:?}");
    }
    for (way, paid, waiting) in ways {
        let id = world.create().await;
        let refused = world.confirm(&id, way).await.unwrap_err();
        assert_eq!(reason_of(&refused), "WALLET_UNAVAILABLE", "{way:?}");
        assert!(refused.message().contains("account_disabled"), "{refused:?}");
        world.cancel(&id).await.unwrap();
        world.refund_succeeds(&paid, 2_500).await;
        let id = waiting.payment_intent_id;
        world.becomes(&id, State::Succeeded).await;
        world.refund_succeeds(&id, 10_000).await;
    }
    world.end().await;
}

/// F12, I17: the rail takes money for an order that it had closed: booked to suspense, returned by itself.
#[tokio::test]
async fn paid_after_close() {
    let mut world = World::start().await;
    for way in QRS {
        let intent = world.shown(way).await;
        let id = intent.payment_intent_id.clone();
        world.cancel(&id).await.unwrap();
        world.becomes(&id, State::Canceled).await;
        world.pay_late(way, &intent.attempts[0].order_number);
        let deadline = tokio::time::Instant::now() + SOON;
        loop {
            let request = v1::ListRefundsRequest { payment_intent_id: id.clone(), ..Default::default() };
            let refunds = world.shop.refunds.list_refunds(request).await.unwrap().into_inner().refunds;
            if refunds.iter().any(|refund| {
                refund.purpose() == v1::RefundPurpose::LateMoney
                    && refund.state() == v1::RefundState::Succeeded
            }) {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "{way:?}: {refunds:#?}\n{}", world.stage.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        world.books_agree().await;
        let intent = world.shop.intent(&id).await.unwrap();
        assert_eq!(
            (intent.state(), intent.attempts[0].state()),
            (State::Canceled, v1::AttemptState::Late),
            "{way:?}"
        );
    }
    world.end().await;
}

/// From each rail to each other: the earlier attempt is settled first, the later one is paid.
#[tokio::test]
async fn wallets_are_switched() {
    let world = World::start().await;
    for from in QRS {
        for to in QRS.into_iter().filter(|to| *to != from) {
            let intent = world.shown(from).await;
            let id = intent.payment_intent_id;
            let switched = world.confirm(&id, to).await.unwrap();
            assert_eq!(switched.state(), State::AwaitingPayer, "{from:?} to {to:?}: {switched:#?}");
            check_settled(from, &switched);
            world.look(to, &switched).await;
            world.pay(to, &switched);
            world.becomes(&id, State::Succeeded).await;
        }
    }
    world.end().await;
}

fn check_settled(from: Way, intent: &v1::PaymentIntent) {
    let first = &intent.attempts[0];
    match from {
        UNIONPAY => assert!(first.left, "UnionPay has no close: the order is left and watched: {first:#?}"),
        _ => assert_eq!(first.state(), v1::AttemptState::Closed, "{from:?}"),
    }
}

/// The payer pays the earlier code in the moment of the switch: one payment stays.
#[tokio::test]
async fn paid_while_switching() {
    let world = World::start().await;
    for (from, to) in [(ALIPAY, WECHAT), (WECHAT, ALIPAY), (UNIONPAY, WECHAT)] {
        let intent = world.shown(from).await;
        world.fault(from, "charge", Fault::NoNotification);
        world.pay(from, &intent);
        world.confirm(&intent.payment_intent_id, to).await.unwrap();
        let done = world.becomes(&intent.payment_intent_id, State::Succeeded).await;
        let winner = done.attempts.iter().find(|attempt| attempt.state() == v1::AttemptState::Paid).unwrap();
        assert_eq!(winner.rail, from.rail);
    }
    world.end().await;
}

/// The browser's return is a hint and nothing more: both methods, any parameters, no state.
#[tokio::test]
async fn the_browsers_return_changes_nothing() {
    let mut world = World::start().await;
    let intent = world.shown(support::ALIPAY_PAGE).await;
    let order = &intent.attempts[0].order_number;
    let url = format!("http://{}/return/alipay-main/{order}?trade_status=TRADE_SUCCESS", world.stage.http);
    for method in ["GET", "POST"] {
        let page = support::browser::request(method, &url, "", &[]).await;
        assert_eq!((page.status, page.location.as_deref()), (303, Some("https://shop.example/thanks")));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let after = world.shop.intent(&intent.payment_intent_id).await.unwrap();
    assert_eq!(after.state(), State::AwaitingPayer);
    world.end().await;
}
