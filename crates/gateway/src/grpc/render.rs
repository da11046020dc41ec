//! From stored resources to messages of the contract. Total functions: whatever is stored can be shown.

mod explain;
mod failure;
mod intent;
mod ledger;
mod policy;
mod refund;

use jiff::Timestamp;
use paifang_engine::Weighed;
use paifang_money::Money;
use paifang_payment::{Presentation, WalletName};
use paifang_proto::v1;
use paifang_rail::Need;
use paifang_store::{Snapshot, StoredEvent};

pub(crate) use explain::{Line, Story, Told};
pub(crate) use intent::{intent, intent_state_name};
pub(crate) use ledger::{account, balance, transfer};
pub(crate) use policy::{decided, decision, policy};
pub(crate) use refund::refund;

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

/// An event, from the snapshot that was frozen with it. `cursor` is its sealed place.
pub(crate) fn event(event: &StoredEvent, cursor: String) -> v1::Event {
    let resource = match &event.snapshot {
        Snapshot::Intent { intent: snapshot, amounts } => {
            v1::event::Resource::PaymentIntent(intent(snapshot, amounts))
        }
        Snapshot::Refund { refund: snapshot } => v1::event::Resource::Refund(refund(snapshot)),
    };
    v1::Event {
        event_id: event.id.to_string(),
        cursor,
        sequence: i64::try_from(event.sequence).unwrap_or(i64::MAX),
        r#type: event.kind.clone(),
        create_time: Some(time(event.at)),
        payment_intent_id: event.intent.to_string(),
        resource: Some(resource),
    }
}

/// A way to pay, for a payer who is inside of this wallet, if any.
pub(crate) fn wallet_option(weighed: &Weighed, inside: Option<&WalletName>) -> v1::WalletOption {
    let Weighed { option, judged, ranked, .. } = weighed;
    let mut reason_codes: Vec<String> =
        option.obstacles.iter().map(|obstacle| obstacle.code().to_owned()).collect();
    reason_codes.dedup();
    if !weighed.is_accepted() {
        reason_codes.push("closed_by_policy".to_owned());
    }
    if reason_codes.is_empty() && inside == Some(&option.wallet) {
        reason_codes.push("inside_this_wallet".to_owned());
    }
    let available = option.obstacles.is_empty() && weighed.is_accepted();
    let reasons = ranked.iter().flat_map(|ranked| &ranked.reasons);
    let missing = option.obstacles.iter().filter_map(|obstacle| match obstacle {
        paifang_engine::Obstacle::Missing(need) => Some(need_field(*need).to_owned()),
        paifang_engine::Obstacle::AccountDisabled
        | paifang_engine::Obstacle::Currency
        | paifang_engine::Obstacle::AmountTooSmall
        | paifang_engine::Obstacle::AmountTooLarge
        | paifang_engine::Obstacle::ClientKind
        | paifang_engine::Obstacle::OtherWallet
        | paifang_engine::Obstacle::NoHold
        | paifang_engine::Obstacle::TooLittleTime => None,
    });
    v1::WalletOption {
        rail: option.rail.to_string(),
        wallet: option.wallet.to_string(),
        presentation: presentation(option.presentation).into(),
        available,
        shown: weighed.is_shown(),
        policy_decision: judged.as_ref().map(|judged| decision(&judged.decision)),
        weight: ranked.as_ref().map_or(0, |ranked| ranked.weight),
        ranking_reasons: reasons.map(|reason| reason.reason.to_string()).collect(),
        missing_inputs: missing.collect(),
        reason_codes,
    }
}

fn need_field(need: Need) -> &'static str {
    match need {
        Need::PayerId => "payer_id",
        Need::PayerCode => "payer_code",
        Need::ClientIp => "payer_ip",
    }
}
