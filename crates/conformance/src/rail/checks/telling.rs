//! What an adapter opens of what it may be told, and whether its descriptor lists all of that and no more.

use std::net::{IpAddr, Ipv4Addr};

use paifang_boundary::{Audience, Field, Fields};
use paifang_payment::{PayerAlias, PayerId, RailRef};
use paifang_rail::{Call, Charge, Offer, Order, PayerCode, PlanError};

use crate::rail::world::World;

/// Every field that an adapter opens is listed, every listed one is opened by some call, and what is listed is what the
/// contract's schema marks for rails.
pub async fn what_is_told_is_what_is_listed(world: &World) {
    let descriptor = world.rail.descriptor();
    let listed = descriptor.tellable();
    for field in listed.iter() {
        assert!(
            field.is_for(Audience::Rail) && !field.is_term(),
            "{field} is listed and not for adapters to open"
        );
    }
    let mut opened = Fields::NONE;
    for offer in descriptor.offers {
        let charge = full(world, offer).await;
        world.plan(&Call::Charge(&charge)).await.expect("a plan of a listed offer");
        let now = by_adapter(&Call::Charge(&charge));
        for need in offer.needs {
            let field = need.field();
            assert!(listed.contains(field), "{field} is needed and not listed");
            assert!(now.contains(field), "{}: {field} is needed and not told", offer.presentation.as_str());
        }
        opened = opened.or(now);
    }
    let order = world.charge(&world.any_awaiting()).await.order;
    let known = Order { rail_ref: RailRef::parse("042603011158006789018").ok(), ..order };
    let refund = world.refund(&known, 100).await;
    world.plan(&Call::Refund(&refund)).await.expect("a plan of a refund");
    opened = opened.or(by_adapter(&Call::Refund(&refund)));

    let needed: Fields =
        descriptor.offers.iter().flat_map(|offer| offer.needs).map(|need| need.field()).collect();
    // An account without a till lists the code that it would be told with one.
    let idle = |field: Field| field == Field::ClientContextPayerCode && !needed.contains(field);
    for field in Field::ALL {
        let (listed, opened) = (listed.contains(field), opened.contains(field));
        assert!(listed == opened || listed && idle(field), "{field}: listed {listed}, opened {opened}");
    }
}

/// An order is made with nothing but what its offer requires, and without any one of that it is refused before a byte is made.
pub async fn no_order_is_made_without_what_it_requires(world: &World) {
    let descriptor = world.rail.descriptor();
    for offer in descriptor.offers {
        let required = descriptor.required(offer);
        let mut least = full(world, offer).await;
        least.narrow(&required);
        let plan = world.plan(&Call::Charge(&least)).await;
        assert!(plan.is_ok(), "{}: {required} do not do: {plan:?}", offer.presentation.as_str());
        for field in required.iter() {
            let mut poor = full(world, offer).await;
            poor.narrow(&Fields::those(|other| other != field));
            let plan = world.plan(&Call::Charge(&poor)).await;
            let refused = matches!(plan, Err(PlanError::BadValue { .. }));
            assert!(refused, "{} without {field}: {plan:?}", offer.presentation.as_str());
        }
    }
}

/// A charge of this offer with something in every field.
async fn full(world: &World, offer: &Offer) -> Charge {
    let code = PayerCode::parse("6200000000000000001").expect("a payer's code");
    let payer = world.habits.payer.clone().or(PayerId::parse("2088123412341234").ok());
    let alias = PayerAlias::parse(&"7".repeat(64)).expect("64 hex digits");
    Charge {
        payer: payer.into(),
        payer_code: code.into(),
        client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST).into(),
        payer_alias: alias.into(),
        ..world.charge(offer).await
    }
}

/// What the adapter has opened, without the terms that every call is handed.
fn by_adapter(call: &Call<'_>) -> Fields {
    call.crossed().iter().filter(|field| !field.is_term()).collect()
}
