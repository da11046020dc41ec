//! Whatever the order of events, and however often each comes, a party's entries are the same.

use proptest::prelude::*;

use super::*;
use crate::net::{handed_to, read_line, write_line};

fn cny(minor_units: i64) -> Option<v1::Money> {
    Some(v1::Money { currency_code: "CNY".into(), minor_units })
}

fn event(kind: &str, number: i64, resource: v1::event::Resource) -> v1::Event {
    v1::Event {
        event_id: format!("ev_{kind}_{number}"),
        r#type: kind.into(),
        create_time: Some(prost_types::Timestamp { seconds: 1_790_000_000 + number, nanos: 5 }),
        resource: Some(resource),
        ..Default::default()
    }
}

fn receivers(parts: &[i64]) -> Vec<v1::ReceiverAmount> {
    let names = ["streamer", "fee"].into_iter().zip(parts);
    names.map(|(name, fen)| v1::ReceiverAmount { receiver: name.into(), amount: cny(*fen) }).collect()
}

fn discounts(fen: i64) -> Vec<v1::Discount> {
    let one = |id: &str, funder: v1::DiscountFunder, budgeted| v1::Discount {
        discount_id: id.into(),
        funder: funder.into(),
        amount: cny(fen),
        budgeted,
    };
    vec![
        one("own", v1::DiscountFunder::Merchant, false),
        one("festival", v1::DiscountFunder::Merchant, true),
        one("boost", v1::DiscountFunder::PlatformA, false),
    ]
}

fn paid(number: i64, parts: [i64; 4]) -> v1::Event {
    let division = v1::PaymentDivision {
        merchant_id: "m-1".into(),
        receivers: receivers(&parts[..2]),
        merchant_amount: cny(parts[2]),
    };
    let mut attempt = v1::Attempt {
        attempt_id: format!("at_{number}"),
        discounts: discounts(parts[3]),
        division: Some(division),
        ..Default::default()
    };
    attempt.set_state(v1::AttemptState::Paid);
    let attempts = vec![v1::Attempt::default(), attempt];
    let intent = v1::PaymentIntent { attempts, ..Default::default() };
    event("payment_intent.succeeded", number, v1::event::Resource::PaymentIntent(intent))
}

fn refund(kind: &str, number: i64, state: v1::RefundState, parts: [i64; 4]) -> v1::Event {
    let bearer = |bearer: v1::RefundBearer, fen| v1::BearerAmount {
        bearer: bearer.into(),
        amount: cny(fen),
        limit: None,
    };
    let bearing = v1::RefundBearing {
        merchant_id: "m-1".into(),
        receivers: receivers(&parts[..2]),
        bearers: vec![
            bearer(v1::RefundBearer::UnsettledFunds, parts[2]),
            bearer(v1::RefundBearer::Platform, parts[3]),
        ],
        discounts: discounts(parts[0]),
        ..Default::default()
    };
    let mut refund =
        v1::Refund { refund_id: format!("re_{number}"), bearing: Some(bearing), ..Default::default() };
    refund.set_state(state);
    event(kind, number, v1::event::Resource::Refund(refund))
}

/// A refund that failed: the rail refused it, or it was given up while it was short of funds.
fn failed(number: i64, given_up: bool, parts: [i64; 4]) -> v1::Event {
    let mut event = refund("refund.failed", number, v1::RefundState::Failed, parts);
    let Some(v1::event::Resource::Refund(refund)) = &mut event.resource else { unreachable!() };
    let (category, reason) = match given_up {
        true => (v1::FailureCategory::NotSent, "canceled"),
        false => (v1::FailureCategory::Refused, "insufficient_funds"),
    };
    let (category, reason) = (category.into(), reason.into());
    refund.failure = Some(v1::Failure { category, reason, ..Default::default() });
    event
}

/// A refund's life: it waits or does not, and succeeds, or fails, funded or not, or is reversed.
fn life(number: i64, fate: u8, parts: [i64; 4]) -> Vec<v1::Event> {
    use v1::RefundState::{AwaitingFunds, Sending, Succeeded};
    let tell = |kind: &str, state| refund(kind, number, state, parts);
    let waits = tell("refund.created", AwaitingFunds);
    let funded = tell("refund.funded", Sending);
    match fate {
        0 => vec![tell("refund.created", Sending), tell("refund.succeeded", Succeeded)],
        1 => vec![tell("refund.created", Sending), failed(number, false, parts)],
        2 => vec![waits, failed(number, true, parts)],
        3 => vec![waits, funded, failed(number, false, parts)],
        _ => {
            let mut reversed = tell("refund.reversed", Succeeded);
            let returned =
                v1::ReturnedAmount { bearer: v1::RefundBearer::Platform.into(), amount: cny(parts[3] + 1) };
            let mut reversal = v1::RefundReversal { version: 7, returned: vec![returned], charged_to: 0 };
            reversal.set_charged_to(v1::RefundBearer::Insurance);
            reversed.refund_reversal = Some(reversal);
            vec![waits, funded, tell("refund.succeeded", Succeeded), reversed]
        }
    }
}

fn moved(number: i64, fen: i64) -> v1::Event {
    let fund = |kind: v1::FundKind| Some(v1::Fund { kind: kind.into(), ..Default::default() });
    let transfer = v1::FundsTransfer {
        funds_transfer_id: format!("fm_{number}"),
        from: fund(v1::FundKind::Outside),
        to: fund(v1::FundKind::Platform),
        amount: cny(fen),
        create_time: None,
    };
    event("funds.transferred", number, v1::event::Resource::FundsTransfer(transfer))
}

fn entries(events: &[v1::Event], party: &str) -> BTreeMap<String, Entry> {
    let mut heard = Heard::of(Party::parse(party).unwrap());
    for event in events {
        let line = write_line(event).unwrap();
        let read = read_line(&line).unwrap();
        assert_eq!(&read, event, "a line tells all of it");
        heard.hear(&read).unwrap();
    }
    heard.entries().map(|entry| (entry.id.to_string(), entry.clone())).collect()
}

fn said(events: &[v1::Event], party: &str) -> Vec<String> {
    let line = |entry: &Entry| {
        let gets = entry.to.as_str() == party;
        format!("{} {}{}", entry.id, if gets { "+" } else { "-" }, entry.amount.minor_units())
    };
    entries(events, party).values().map(line).collect()
}

const PARTIES: [&str; 8] = [
    "receiver:streamer",
    "fee",
    "unsettled:m-1",
    "platform",
    "insurance",
    "budget:festival",
    "discount:platform_a",
    "outside",
];

#[test]
fn each_event_makes_the_entries_that_the_book_has() {
    let mut events = vec![paid(1, [10, 0, 80, 5]), moved(1, 50)];
    events.extend(life(2, 4, [1, 2, 3, 4]));
    events.extend(life(3, 2, [1, 2, 3, 4]));
    events.extend(life(4, 1, [1, 0, 3, 4]));
    let all: Vec<(&str, Vec<String>)> = PARTIES.iter().map(|party| (*party, said(&events, party))).collect();
    let wanted: [(&str, &[&str]); 8] = [
        ("receiver:streamer", &["bear:re_2:0 -1", "bear:re_4:0 -1", "share:at_1:0 +10", "unbear:re_4:0 +1"]),
        ("fee", &["bear:re_2:1 -2"]),
        ("unsettled:m-1", &["bear:re_2:2 -3", "bear:re_4:2 -3", "share:at_1:2 +80", "unbear:re_4:2 +3"]),
        (
            "platform",
            &[
                "bear:re_2:3 -4",
                "bear:re_4:3 -4",
                "funds:fm_1 +50",
                "reversal:7:re_2:0 +5",
                "unbear:re_4:3 +4",
            ],
        ),
        ("insurance", &["reversal:7:re_2:0 -5"]),
        ("budget:festival", &["discount:at_1:1 -5", "discount_back:re_2:1 +1"]),
        ("discount:platform_a", &["discount:at_1:2 -5", "discount_back:re_2:2 +1"]),
        ("outside", &["funds:fm_1 -50"]),
    ];
    let wanted: Vec<(&str, Vec<String>)> = wanted
        .iter()
        .map(|(party, lines)| (*party, lines.iter().map(ToString::to_string).collect()))
        .collect();
    assert_eq!(all, wanted);
}

/// A month's events are enough: those of the month before are not needed to know that a refund had been funded.
#[test]
fn what_a_failure_gives_back_is_told_by_itself() {
    let alone = |event: v1::Event| said(&[event], "platform");
    assert_eq!(alone(failed(1, false, [1, 2, 3, 4])), ["unbear:re_1:3 +4"]);
    assert_eq!(alone(failed(1, true, [1, 2, 3, 4])), Vec::<String>::new());
    // A message that could not be made was funded all the same.
    let mut unsent = failed(1, true, [1, 2, 3, 4]);
    let Some(v1::event::Resource::Refund(refund)) = &mut unsent.resource else { unreachable!() };
    refund.failure.as_mut().unwrap().reason = "invalid_request".into();
    assert_eq!(alone(unsent), ["unbear:re_1:3 +4"]);
}

/// An event of which one entry came before with another content changes nothing at all.
#[test]
fn an_event_is_heard_whole_or_not_at_all() {
    let mut heard = Heard::of(Party::parse("unsettled:m-1").unwrap());
    let mut before = paid(1, [10, 0, 80, 5]);
    heard.hear(&before).unwrap();
    let entries = |heard: &Heard| heard.entries().cloned().collect::<Vec<_>>();
    let first = entries(&heard);
    // Another place of the merchant's part, which is new, beside the one that came with another amount.
    let Some(v1::event::Resource::PaymentIntent(intent)) = &mut before.resource else { unreachable!() };
    let bearer = |fen| v1::BearerAmount {
        bearer: v1::RefundBearer::UnsettledFunds.into(),
        amount: cny(fen),
        limit: None,
    };
    intent.attempts[1].division.as_mut().unwrap().merchant_amount = cny(81);
    assert!(heard.hear(&before).is_err());
    assert_eq!(entries(&heard), first);
    let tell = |bearers: Vec<v1::BearerAmount>| {
        let mut event = refund("refund.created", 5, v1::RefundState::Sending, [0; 4]);
        let Some(v1::event::Resource::Refund(refund)) = &mut event.resource else { unreachable!() };
        refund.bearing.as_mut().unwrap().bearers = bearers;
        event
    };
    heard.hear(&tell(vec![bearer(0), bearer(7)])).unwrap();
    let second = entries(&heard);
    assert_eq!(second.len(), 2);
    assert!(heard.hear(&tell(vec![bearer(3), bearer(8)])).is_err());
    assert_eq!(entries(&heard), second, "the part that did not contradict was not taken in either");
}

/// What a party is handed of an event is this line.
fn check_handed(event: &v1::Event, party: &str, wanted: &expect_test::Expect) {
    let handed = handed_to(&Party::parse(party).unwrap(), event).unwrap();
    wanted.assert_eq(&handed.map_or_else(|| "nothing".into(), |event| write_line(&event).unwrap()));
}

/// A party's own events name nobody else, and no amount of anybody else.
#[test]
fn of_a_payment_a_party_is_handed_its_own_parts_only() {
    let payment = paid(1, [10, 11, 80, 5]);
    check_handed(
        &payment,
        "fee",
        &expect_test::expect![[
            r#"{"eventId":"ev_payment_intent.succeeded_1","type":"payment_intent.succeeded","createTime":"2026-09-21T14:13:21.000000005Z","paymentIntent":{"attempts":[{"attemptId":"at_1","state":"ATTEMPT_STATE_PAID","division":{"receivers":[{"amount":{}},{"receiver":"fee","amount":{"currencyCode":"CNY","minorUnits":"11"}}],"merchantAmount":{}}}]}}"#
        ]],
    );
    check_handed(
        &payment,
        "unsettled:m-1",
        &expect_test::expect![[
            r#"{"eventId":"ev_payment_intent.succeeded_1","type":"payment_intent.succeeded","createTime":"2026-09-21T14:13:21.000000005Z","paymentIntent":{"attempts":[{"attemptId":"at_1","state":"ATTEMPT_STATE_PAID","division":{"merchantId":"m-1","receivers":[{"amount":{}},{"amount":{}}],"merchantAmount":{"currencyCode":"CNY","minorUnits":"80"}}}]}}"#
        ]],
    );
    check_handed(&payment, "unsettled", &expect_test::expect!["nothing"]);
    check_handed(
        &payment,
        "budget:festival",
        &expect_test::expect![[
            r#"{"eventId":"ev_payment_intent.succeeded_1","type":"payment_intent.succeeded","createTime":"2026-09-21T14:13:21.000000005Z","paymentIntent":{"attempts":[{"attemptId":"at_1","state":"ATTEMPT_STATE_PAID","discounts":[{"amount":{}},{"discountId":"festival","amount":{"currencyCode":"CNY","minorUnits":"5"},"budgeted":true}],"division":{"merchantAmount":{}}}]}}"#
        ]],
    );
    check_handed(
        &payment,
        "discount:platform_a",
        &expect_test::expect![[
            r#"{"eventId":"ev_payment_intent.succeeded_1","type":"payment_intent.succeeded","createTime":"2026-09-21T14:13:21.000000005Z","paymentIntent":{"attempts":[{"attemptId":"at_1","state":"ATTEMPT_STATE_PAID","discounts":[{"amount":{}},{"amount":{}},{"funder":"DISCOUNT_FUNDER_PLATFORM_A","amount":{"currencyCode":"CNY","minorUnits":"5"}}],"division":{"merchantAmount":{}}}]}}"#
        ]],
    );
}

#[test]
fn of_refunds_and_funds_a_party_is_handed_its_own_parts_only() {
    let [waits, funded, succeeded, reversed] = life(2, 4, [1, 2, 3, 4]).try_into().unwrap();
    check_handed(&waits, "platform", &expect_test::expect!["nothing"]);
    check_handed(
        &funded,
        "platform",
        &expect_test::expect![[
            r#"{"eventId":"ev_refund.funded_2","type":"refund.funded","createTime":"2026-09-21T14:13:22.000000005Z","refund":{"refundId":"re_2","state":"REFUND_STATE_SENDING","bearing":{"receivers":[{"amount":{}},{"amount":{}}],"bearers":[{"amount":{}},{"bearer":"REFUND_BEARER_PLATFORM","amount":{"currencyCode":"CNY","minorUnits":"4"}}]}}}"#
        ]],
    );
    check_handed(&succeeded, "platform", &expect_test::expect!["nothing"]);
    check_handed(
        &succeeded,
        "budget:festival",
        &expect_test::expect![[
            r#"{"eventId":"ev_refund.succeeded_2","type":"refund.succeeded","createTime":"2026-09-21T14:13:22.000000005Z","refund":{"refundId":"re_2","bearing":{"discounts":[{"amount":{}},{"discountId":"festival","amount":{"currencyCode":"CNY","minorUnits":"1"},"budgeted":true}]}}}"#
        ]],
    );
    check_handed(
        &reversed,
        "platform",
        &expect_test::expect![[
            r#"{"eventId":"ev_refund.reversed_2","type":"refund.reversed","createTime":"2026-09-21T14:13:22.000000005Z","refund":{"refundId":"re_2","bearing":{}},"refundReversal":{"version":"7","returned":[{"bearer":"REFUND_BEARER_PLATFORM","amount":{"currencyCode":"CNY","minorUnits":"5"}}]}}"#
        ]],
    );
    check_handed(
        &reversed,
        "insurance",
        &expect_test::expect![[
            r#"{"eventId":"ev_refund.reversed_2","type":"refund.reversed","createTime":"2026-09-21T14:13:22.000000005Z","refund":{"refundId":"re_2","bearing":{}},"refundReversal":{"version":"7","returned":[{"amount":{"currencyCode":"CNY","minorUnits":"5"}}],"chargedTo":"REFUND_BEARER_INSURANCE"}}"#
        ]],
    );
    check_handed(
        &failed(3, false, [1, 2, 3, 4]),
        "fee",
        &expect_test::expect![[
            r#"{"eventId":"ev_refund.failed_3","type":"refund.failed","createTime":"2026-09-21T14:13:23.000000005Z","refund":{"refundId":"re_3","failure":{"category":"FAILURE_CATEGORY_REFUSED"},"bearing":{"receivers":[{"amount":{}},{"receiver":"fee","amount":{"currencyCode":"CNY","minorUnits":"2"}}]}}}"#
        ]],
    );
    check_handed(
        &moved(4, 50),
        "outside",
        &expect_test::expect![[
            r#"{"eventId":"ev_funds.transferred_4","type":"funds.transferred","createTime":"2026-09-21T14:13:24.000000005Z","fundsTransfer":{"fundsTransferId":"fm_4","from":{"kind":"FUND_KIND_OUTSIDE"},"amount":{"currencyCode":"CNY","minorUnits":"50"}}}"#
        ]],
    );
}

#[test]
fn what_an_event_lacks_is_named() {
    let mut lacks = paid(1, [1, 2, 3, 4]);
    let Some(v1::event::Resource::PaymentIntent(intent)) = &mut lacks.resource else { unreachable!() };
    intent.attempts[1].division.as_mut().unwrap().merchant_amount = None;
    let mut undated = moved(1, 5);
    undated.create_time = None;
    let mut earlier = life(1, 4, [1; 4]).remove(3);
    earlier.refund_reversal = None;
    let mut unknown = moved(1, 5);
    let Some(v1::event::Resource::FundsTransfer(transfer)) = &mut unknown.resource else { unreachable!() };
    transfer.from.as_mut().unwrap().kind = 99;
    let mut from_nobody = moved(1, 5);
    let Some(v1::event::Resource::FundsTransfer(transfer)) = &mut from_nobody.resource else {
        unreachable!()
    };
    (transfer.from, transfer.to) = (None, transfer.from.take());
    let mut unexplained = failed(1, false, [1; 4]);
    let Some(v1::event::Resource::Refund(refund)) = &mut unexplained.resource else { unreachable!() };
    refund.failure = None;
    let mut nobody = failed(1, false, [1; 4]);
    let Some(v1::event::Resource::Refund(refund)) = &mut nobody.resource else { unreachable!() };
    refund.bearing.as_mut().unwrap().bearers[0].bearer = 0;
    for (event, field) in [
        (lacks, "payment_intent.attempts.division"),
        (undated, "create_time"),
        (earlier, "refund_reversal"),
        (unknown, "funds_transfer.from"),
        (from_nobody, "funds_transfer.from"),
        (unexplained, "refund.failure"),
        (nobody, "refund.bearing.bearers"),
    ] {
        let error = Heard::of(Party::parse("platform").unwrap()).hear(&event).unwrap_err().to_string();
        assert!(error.starts_with(&format!("event {}: {field} ", event.event_id)), "{error}");
    }
    assert!(read_line("{\"eventId\": 5}").is_err() && read_line("{}{}").is_err() && read_line("").is_err());
    let later = read_line("{\"eventId\": \"ev_1\", \"aFieldOfALaterRelease\": {\"x\": 1}}").unwrap();
    assert_eq!(later.event_id, "ev_1");
}

fn any_events() -> impl Strategy<Value = Vec<v1::Event>> {
    let parts = || [0..50i64, 0..50i64, 0..50i64, 0..50i64];
    let trade =
        (prop::collection::vec(parts(), 0..4), prop::collection::vec((0..5u8, parts()), 0..6), 0..3i64);
    trade.prop_map(|(payments, refunds, funds)| {
        let mut events: Vec<v1::Event> =
            (1..).zip(payments).map(|(number, parts)| paid(number, parts)).collect();
        events.extend((1..).zip(refunds).flat_map(|(number, (fate, parts))| life(number, fate, parts)));
        events.extend((0..funds).map(|number| moved(number, number + 1)));
        events
    })
}

proptest! {
    #[test]
    fn order_and_repetition_change_nothing(
        (plain, shuffled) in any_events().prop_flat_map(|events| {
            let doubled = [events.clone(), events.clone()].concat();
            (Just(events), Just(doubled).prop_shuffle())
        }),
        from in any::<prop::sample::Index>(),
    ) {
        for party in PARTIES {
            prop_assert_eq!(entries(&shuffled, party), entries(&plain, party));
            let of = Party::parse(party).unwrap();
            let handed: Vec<v1::Event> =
                plain.iter().filter_map(|event| handed_to(&of, event).unwrap()).collect();
            prop_assert_eq!(entries(&handed, party), entries(&plain, party));
        }
        // An event with another amount beside the right one is found in any order.
        if !plain.is_empty() {
            let mut other = from.get(&plain).clone();
            other.create_time.as_mut().unwrap().seconds += 1;
            let touches = PARTIES.iter().any(|party| !entries(std::slice::from_ref(&other), party).is_empty());
            let found = PARTIES.iter().any(|party| {
                let mut heard = Heard::of(Party::parse(party).unwrap());
                shuffled.iter().chain([&other]).any(|event| heard.hear(event).is_err())
            });
            prop_assert!(found || !touches);
        }
    }
}
