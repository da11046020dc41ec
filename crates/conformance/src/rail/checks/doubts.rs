//! Replies that prove nothing: unsigned, wrongly signed, broken, changed, or about something else.

use paifang_payment::{Doubt, Outcome};
use paifang_rail::{Answer, Call, Charge, Closing, Order, Plan, RefundOrder, Reply};

use crate::rail::Fault;
use crate::rail::words::{assert_said, said, told};
use crate::rail::world::World;

/// A call whose plain answer would be good news, ready to be sent.
enum Ready {
    Charge(Charge),
    Query(Order),
    Close(Order),
    Refund(RefundOrder),
    QueryRefund(RefundOrder),
}

impl Ready {
    fn call(&self) -> Call<'_> {
        match self {
            Self::Charge(charge) => Call::Charge(charge),
            Self::Query(order) => Call::Query(order),
            Self::Close(order) => Call::Close(order),
            Self::Refund(refund) => Call::Refund(refund),
            Self::QueryRefund(refund) => Call::QueryRefund(refund),
        }
    }

    /// The counterpart's word for it.
    fn operation(&self) -> &'static str {
        match self {
            Self::Charge(_) => "charge",
            Self::Query(_) => "query",
            Self::Close(_) => "close",
            Self::Refund(_) => "refund",
            Self::QueryRefund(_) => "refund_query",
        }
    }
}

/// One of each call that makes a round trip.
async fn all_ready(world: &World) -> Vec<Ready> {
    let mut all = Vec::new();
    for offer in world.awaiting() {
        let charge = world.charge(&offer).await;
        if let Ok(Plan::Send(_)) = world.plan(&Call::Charge(&charge)).await {
            all.push(Ready::Charge(charge));
        }
    }
    let offer = world.any_awaiting();
    let paid = world.paid_order(&offer).await;
    if world.rail.descriptor().closing == Closing::ByCall {
        let charge = world.charge(&offer).await;
        let next = world.create(&charge).await;
        world.come(&charge, &next).await.expect("the payer gets to the order");
        all.push(Ready::Close(charge.order));
    }
    let done = world.refund(&paid, 1_000).await;
    world.refunded(&done).await;
    world.pause_between_refunds().await;
    all.push(Ready::Refund(world.refund(&paid, 1_000).await));
    all.push(Ready::QueryRefund(done));
    all.push(Ready::Query(paid));
    all
}

/// A reply without a good signature proves nothing, and neither does one that says nothing of the rail: not one of
/// them is read as a payment, a refund, an end, or a no.
pub async fn replies_without_proof_are_doubt(world: &World) {
    let status = |code| (Fault::Status(code), Some(Doubt::HttpStatus(code)));
    let faults = [
        (Fault::WrongSignature, Some(Doubt::BadSignature)),
        (Fault::Unsigned, Some(Doubt::BadSignature)),
        (Fault::Garbage, None),
        status(500),
        status(502),
        status(503),
        status(504),
        status(429),
        (Fault::Status(404), None),
        (Fault::Status(403), None),
        (Fault::StatusAfter(502), Some(Doubt::HttpStatus(502))),
    ];
    for (fault, wanted) in faults {
        for ready in all_ready(world).await {
            world.arm(ready.operation(), fault).await;
            let call = ready.call();
            let reply = world.exchange(&call).await.expect("an answer");
            if fault == Fault::Garbage && reply.body.is_empty() {
                // A status that has no body (204) has no garbage either: the reply is the plain one.
                continue;
            }
            let answer = world.read(&call, &reply).await;
            let what = format!("{} {fault:?}", ready.operation());
            let Some(Outcome::Unknown(doubt)) = answer.outcome() else { panic!("{what}: {}", told(&answer)) };
            let broken = [Doubt::Unreadable, Doubt::BadSignature];
            match (&wanted, fault) {
                (Some(wanted), _) => assert_eq!(doubt, wanted, "{what}"),
                (None, Fault::Garbage) => assert!(broken.contains(doubt), "{what}: {doubt:?}"),
                (None, _) => {}
            }
        }
    }
}

/// Codes that the other side answers on demand are read as the adapter's table says, and move nothing over there.
pub async fn codes_are_read_as_listed(world: &World) {
    assert!(!world.habits.codes.is_empty(), "a rail has codes");
    for (operation, code, wanted) in world.habits.codes {
        let ready = all_ready(world).await.into_iter().find(|ready| ready.operation() == *operation);
        let ready = ready.unwrap_or_else(|| panic!("no {operation} makes a round trip"));
        let before = world.counterpart.book().await;
        world.arm(operation, Fault::Code(code)).await;
        let answer = world.ask(&ready.call()).await;
        assert_said(&format!("{operation} {code}"), &answer, wanted);
        assert_eq!(world.counterpart.book().await, before, "{operation} {code}: nothing moved");
    }
}

/// A reply that is genuine but about another order or refund proves nothing of this one.
pub async fn replies_about_other_orders_are_doubt(world: &World) {
    let offer = world.any_awaiting();
    let [one, other] = [world.paid_order(&offer).await, world.paid_order(&offer).await];
    let reply = world.exchange(&Call::Query(&other)).await.expect("an answer");
    is_mismatch("query", &world.read(&Call::Query(&one), &reply).await);

    let [first, second] = [world.refund(&one, 1_000).await, world.refund(&other, 1_000).await];
    let reply = world.exchange(&Call::Refund(&second)).await.expect("an answer");
    is_mismatch("refund", &world.read(&Call::Refund(&first), &reply).await);
    world.settled(&Call::QueryRefund(&second)).await;
    let reply = world.exchange(&Call::QueryRefund(&second)).await.expect("an answer");
    is_mismatch("query of a refund", &world.read(&Call::QueryRefund(&first), &reply).await);
}

fn is_mismatch(what: &str, answer: &Answer) {
    assert!(said(answer).starts_with("unknown Mismatch("), "{what}: {}", told(answer));
}

/// How many bytes of one body are flipped: each takes the verification of a signature, some of a chain.
const FLIPS_MAX: usize = 400;

/// Bytes of a reply flipped one by one, headers left out: doubt, or the very same answer, never other news.
pub async fn tampered_replies_are_doubt(world: &World) {
    for ready in all_ready(world).await {
        let call = ready.call();
        let reply = world.exchange(&call).await.expect("an answer");
        let genuine = facts(&world.read(&call, &reply).await);
        // A long reply is flipped at every n-th byte, beginning elsewhere in each call's.
        let step = reply.body.len() / FLIPS_MAX + 1;
        for at in (ready.operation().len() % step..reply.body.len()).step_by(step) {
            let mut body = reply.body.clone();
            body[at] ^= 1;
            let flipped = Reply { body, ..reply.clone() };
            same_or_doubt(world, &ready, &flipped, &genuine, &format!("byte {at} of the body")).await;
        }
        for (index, (name, value)) in reply.headers.iter().enumerate() {
            let mut without = reply.clone();
            without.headers.remove(index);
            same_or_doubt(world, &ready, &without, &genuine, &format!("without {name}")).await;
            for at in 0..value.len() {
                let mut bytes = value.clone().into_bytes();
                bytes[at] ^= 1;
                let Ok(text) = String::from_utf8(bytes) else { continue };
                let mut flipped = reply.clone();
                flipped.headers[index].1 = text;
                same_or_doubt(world, &ready, &flipped, &genuine, &format!("byte {at} of {name}")).await;
            }
        }
    }
}

async fn same_or_doubt(world: &World, ready: &Ready, reply: &Reply, genuine: &str, what: &str) {
    let answer = world.read(&ready.call(), reply).await;
    let fine = said(&answer).starts_with("unknown") || facts(&answer) == genuine;
    assert!(fine, "{} with {what}: {}", ready.operation(), told(&answer));
}

fn facts(answer: &Answer) -> String {
    format!("{:?}", answer.outcome())
}
