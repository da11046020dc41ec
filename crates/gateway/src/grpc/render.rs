//! From stored resources to messages of the contract. Total functions: whatever is stored can be shown.

mod audit;
mod bearing;
mod bulk;
mod discount;
mod division;
mod explain;
mod failure;
mod intent;
mod ledger;
mod policy;
mod refund;
mod statement;
mod terms;
mod wallets;

use std::sync::LazyLock;

use jiff::Timestamp;
use paifang_boundary::{Audience, Fields};
use paifang_money::Money;
use paifang_payment::Presentation;
use paifang_proto::{Bounded, v1};
use paifang_store::{Snapshot, StoredEvent};

pub(crate) use audit::{count, decision_count, span};
pub(crate) use bulk::{bulk, bulk_entry};
pub(crate) use discount::funder;
pub(crate) use explain::{Line, Story, Told};
pub(crate) use intent::{intent, intent_state_name};
pub(crate) use ledger::{account, balance, transfer};
pub(crate) use policy::{change as policy_change, decided, decision, policy};
pub(crate) use refund::refund;
pub(crate) use statement::{entry as statement_entry, statement};
pub(crate) use terms::agreed;
pub(crate) use wallets::{interoperability, issuer, wallet_option, way};

/// The largest answer that a list gives, in bytes: a page ends early rather than growing beyond what a stock client takes
/// (4 MiB).
pub(crate) const PAGE_BYTES_MAX: usize = 1024 * 1024;

pub(crate) fn time(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

pub(crate) fn money(money: Money) -> v1::Money {
    v1::Money { currency_code: money.currency().code().to_owned(), minor_units: money.minor_units() }
}

pub(crate) fn presentation(presentation: Presentation) -> v1::Presentation {
    match presentation {
        Presentation::QrShown => v1::Presentation::QrShown,
        Presentation::PayerCode => v1::Presentation::PayerCode,
        Presentation::Jsapi => v1::Presentation::Jsapi,
        Presentation::MiniProgram => v1::Presentation::MiniProgram,
        Presentation::App => v1::Presentation::App,
        Presentation::MobileWeb => v1::Presentation::MobileWeb,
        Presentation::DesktopWeb => v1::Presentation::DesktopWeb,
    }
}

/// What the schema marks for whoever reads events.
static FOR_EVENTS: LazyLock<Fields> = LazyLock::new(|| Fields::those(|field| field.is_for(Audience::Event)));

/// An event, from the snapshot that was frozen with it, cut to what is for whoever reads events. `cursor` is its sealed place.
pub(crate) fn event(event: &StoredEvent, cursor: String) -> v1::Event {
    let resource = match &event.snapshot {
        Snapshot::Intent { intent: snapshot, amounts } => {
            v1::event::Resource::PaymentIntent(intent(snapshot, amounts))
        }
        Snapshot::Refund { refund: snapshot, .. } => v1::event::Resource::Refund(refund(snapshot)),
        Snapshot::Funds { transfer } => {
            v1::event::Resource::FundsTransfer(ledger::funds_transfer(event.tenant, transfer))
        }
    };
    let reversal = match &event.snapshot {
        Snapshot::Refund { reversal: Some(reversal), .. } => Some(bearing::reversal(reversal)),
        Snapshot::Refund { reversal: None, .. } | Snapshot::Intent { .. } | Snapshot::Funds { .. } => None,
    };
    let mut told = v1::Event {
        event_id: event.id.to_string(),
        cursor,
        sequence: i64::try_from(event.sequence).unwrap_or(i64::MAX),
        r#type: event.kind.clone(),
        create_time: Some(time(event.at)),
        payment_intent_id: event.intent.map(|id| id.to_string()).unwrap_or_default(),
        resource: Some(resource),
        refund_reversal: reversal,
    };
    told.keep(&|field| FOR_EVENTS.contains(field));
    told
}
