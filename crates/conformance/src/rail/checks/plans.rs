//! What an adapter sends, and whether its descriptor says all of what it can do and no more.

use jiff::SignedDuration;
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{Credit, NextAction, Presentation, WalletName};
use paifang_rail::{Call, Charge, Closing, Need, Offer, Order, Plan, PlanError};

use crate::rail::words::{led, said, told};
use crate::rail::world::{World, nonce};
use crate::rail::{Act, Target, send};

/// Equal calls give equal bytes, and the time enters nothing of what is ordered: a body that is sent again a minute later
/// is the same, byte for byte.
pub async fn plans_are_deterministic(world: &World) {
    for offer in world.awaiting() {
        let charge = world.charge(&offer).await;
        let order = charge.order.clone();
        let refund = world.refund(&order, 100).await;
        let mut calls = vec![Call::Charge(&charge), Call::Query(&order)];
        if world.rail.descriptor().closing == Closing::ByCall {
            calls.push(Call::Close(&order));
        }
        let before: Vec<_> = bodies(world, &calls).await;
        world.counterpart.advance(SignedDuration::from_secs(61)).await;
        assert_eq!(bodies(world, &calls).await, before, "{}", offer.presentation.as_str());
        // These need a payment's number on some rails; whether they can be planned is for other checks.
        let known = Order { rail_ref: None, ..order };
        let (_, _) = (world.plan(&Call::Refund(&refund)).await, world.plan(&Call::Query(&known)).await);
    }
}

async fn bodies(world: &World, calls: &[Call<'_>]) -> Vec<Option<Vec<u8>>> {
    let mut bodies = Vec::new();
    for call in calls {
        bodies.push(match world.plan(call).await.expect("a plan of a listed call") {
            Plan::Send(exchange) => Some(exchange.body),
            Plan::HandOff(_) => None,
        });
    }
    bodies
}

const ALL: [Presentation; 7] = [
    Presentation::QrShown,
    Presentation::PayerCode,
    Presentation::Jsapi,
    Presentation::MiniProgram,
    Presentation::App,
    Presentation::MobileWeb,
    Presentation::DesktopWeb,
];

/// What is not listed is refused before a byte is made, and what an offer needs is demanded.
pub async fn the_descriptor_is_the_whole_truth(world: &World) {
    let descriptor = world.rail.descriptor();
    let some = world.any_awaiting();
    for presentation in ALL {
        let charge = charge_with(world, presentation).await;
        let listed = descriptor.offers.iter().find(|offer| offer.presentation == presentation);
        let plan = world.plan(&Call::Charge(&charge)).await;
        match (listed, &plan) {
            (None, Err(PlanError::Unsupported(_))) | (Some(_), Ok(_)) => {}
            (None | Some(_), plan) => {
                panic!("{}: listed {}, {plan:?}", presentation.as_str(), listed.is_some())
            }
        }
        if let Some(offer) = listed {
            refuses_what_it_cannot_carry(world, &charge, offer).await;
        }
    }
    let order = world.charge(&some).await.order;
    let reversal = world.reversal(&order).await;
    for call in [Call::Reverse(&reversal), Call::QueryReverse(&reversal)] {
        let unsupported = matches!(world.plan(&call).await, Err(PlanError::Unsupported(_)));
        assert_eq!(unsupported, !descriptor.reverses, "{:?}", call.verb());
    }
    let close = world.plan(&Call::Close(&order)).await;
    let unsupported = matches!(close, Err(PlanError::Unsupported(_)));
    assert_eq!(unsupported, descriptor.closing == Closing::ByExpiry, "close: {close:?}");
}

async fn charge_with(world: &World, presentation: Presentation) -> Charge {
    let offer = world.any_awaiting();
    let mut charge = world.charge_by_code(&offer, "6200000000000000001").await;
    charge.order.presentation = presentation;
    charge.client_ip = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST).into();
    charge
}

async fn refuses_what_it_cannot_carry(world: &World, charge: &Charge, offer: &Offer) {
    let dollars = PositiveMoney::new(100, Currency::parse("USD").expect("a currency")).expect("an amount");
    let foreign = Charge { order: Order { amount: dollars, ..charge.order.clone() }, ..charge.clone() };
    let other = Charge { wallet: WalletName::parse("no-such-wallet").expect("a name"), ..charge.clone() };
    let plan = world.plan(&Call::Charge(&foreign)).await;
    assert!(matches!(plan, Err(PlanError::BadValue { .. })), "another currency: {plan:?}");
    let plan = world.plan(&Call::Charge(&other)).await;
    assert!(matches!(plan, Err(PlanError::Unsupported(_))), "another wallet: {plan:?}");
    if !offer.credit.can_exclude() {
        let plan = world.plan(&Call::Charge(&Charge { credit: Credit::Excluded, ..charge.clone() })).await;
        assert!(matches!(plan, Err(PlanError::Unsupported(_))), "without credit: {plan:?}");
    }
    for need in offer.needs {
        let mut poor = charge.clone();
        match need {
            Need::PayerId => poor.payer = Default::default(),
            Need::PayerCode => poor.payer_code = Default::default(),
            Need::ClientIp => poor.client_ip = Default::default(),
        }
        let plan = world.plan(&Call::Charge(&poor)).await;
        assert!(matches!(plan, Err(PlanError::BadValue { .. })), "without {need:?}: {plan:?}");
    }
}

/// The least and the largest amount, the shortest and the longest life are taken as they are listed, and the order can
/// be paid until its last second and not after it.
pub async fn amounts_and_expiries_reach_to_their_limits(world: &World) {
    let descriptor = world.rail.descriptor();
    for offer in world.awaiting() {
        for minor in [descriptor.amount_min, descriptor.amount_max] {
            let charge = world.charge_of(&offer, minor, offer.expiry_s_min).await;
            let next = world.create(&charge).await;
            world.come(&charge, &next).await.unwrap_or_else(|why| panic!("{minor}: {why}"));
            let entry = world.booked(&charge.order).await.expect("an order");
            assert_eq!(entry.total_fen, minor, "the amount over there");
        }
        let charge = world.charge_of(&offer, descriptor.amount_max + 1, offer.expiry_s_min).await;
        assert!(!leads(world, &charge).await, "more than the listed maximum leads to an order");

        for life_s in [offer.expiry_s_min, offer.expiry_s_max] {
            let life = SignedDuration::from_secs(life_s.into());
            let [timely, late] =
                [world.charge_of(&offer, 100, life_s).await, world.charge_of(&offer, 100, life_s).await];
            let (timely_next, late_next) = (world.create(&timely).await, world.create(&late).await);
            if let NextAction::ShowQr { expires_at, .. } = &timely_next {
                assert_eq!(
                    *expires_at, timely.order.expires_at,
                    "within the listed life a code lives as long"
                );
            }
            world.counterpart.advance(life - SignedDuration::from_secs(1)).await;
            let paid = world.pay(&timely, &timely_next).await;
            assert_eq!(paid, Ok(()), "{} s: paid in the last second", life_s);
            world.counterpart.advance(SignedDuration::from_secs(1)).await;
            let paid = world.pay(&late, &late_next).await;
            assert!(paid.is_err(), "{life_s} s: paid after the end");
        }
    }
}

/// Whether a creation leads to an order that can be paid.
async fn leads(world: &World, charge: &Charge) -> bool {
    let call = Call::Charge(charge);
    let next = match world.plan(&call).await {
        Err(PlanError::BadValue { .. }) => None,
        Err(error) => panic!("{error}"),
        Ok(Plan::HandOff(next)) => Some(next),
        Ok(Plan::Send(exchange)) => {
            let reply = send(&exchange).await.expect("an answer");
            let answer = world.rail.read(
                &call,
                &reply,
                &world.cx(world.counterpart.now().await, &nonce(&charge.order)),
            );
            let refused = said(&answer).starts_with("refused");
            assert!(refused || led(&answer).is_some(), "{}", told(&answer));
            led(&answer)
        }
    };
    match next {
        None => false,
        Some(next) => {
            world.come(charge, &next).await.is_ok() && {
                let target = Target::OrderNo(charge.order.order_no.to_string());
                world.counterpart.payer(Act::Pay, target).await.is_ok()
            }
        }
    }
}
