//! What a party is handed of the storefront's events, so that it can make its own statement: of the events that are about it, its
//! own parts, and the ids and numbers that their entries are named by.
//!
//! What else an event tells is left out: descriptions, metadata, wallets, the price, the payer's money, and who else got or bore
//! how much. A part of somebody else that stands before the party's own keeps its place, without name and amount, because an
//! entry is named by its place. Where an amount is the party's own and another one's, as with a transfer of funds between both, it is
//! there, and the other's name is not.

use paifang_proto::v1;
use paifang_shares::Party;
use v1::event::Resource;

use super::events::{EventError, Heard};
use super::names::{bearer_name, charged, giver, merchants, receiver};
use super::party;

/// What of an event is about the party; `None` where nothing is. Its statement out of all of these is the one out of the events as
/// they were.
///
/// # Errors
/// As [`Heard::hear`]; an event that cannot be told of the party alone.
pub fn handed_to(party: &Party, event: &v1::Event) -> Result<Option<v1::Event>, EventError> {
    let hear = |event: &v1::Event| {
        let mut heard = Heard::of(party.clone());
        heard.hear(event).map(|()| heard)
    };
    let whole = hear(event)?;
    if !whole.is_known() {
        return Ok(None);
    }
    let of = Of { party: party.as_str() };
    let (resource, refund_reversal) = match &event.resource {
        Some(Resource::PaymentIntent(intent)) => (Some(Resource::PaymentIntent(of.intent(intent))), None),
        Some(Resource::Refund(refund)) => {
            let reversal = event.refund_reversal.as_ref().filter(|_| event.r#type == "refund.reversed");
            let reversal = reversal.zip(refund.bearing.as_ref());
            let reversal = reversal.map(|(reversal, bearing)| of.reversal(reversal, bearing));
            (Some(Resource::Refund(of.refund(&event.r#type, refund))), reversal)
        }
        Some(Resource::FundsTransfer(transfer)) => {
            (Some(Resource::FundsTransfer(of.transfer(transfer))), None)
        }
        None => (None, None),
    };
    let (event_id, kind, create_time) = (event.event_id.clone(), event.r#type.clone(), event.create_time);
    let handed =
        v1::Event { event_id, r#type: kind, create_time, resource, refund_reversal, ..Default::default() };
    let again = hear(&handed)?;
    if !(again.is_known() && again.entries().eq(whole.entries())) {
        let (event, rule) = (handed.event_id, "cannot be told of one party alone".to_owned());
        return Err(EventError::Field { event, field: "resource", rule });
    }
    Ok(Some(handed))
}

/// The party's own of everything.
struct Of<'a> {
    party: &'a str,
}

impl Of<'_> {
    fn intent(&self, intent: &v1::PaymentIntent) -> v1::PaymentIntent {
        let paid = intent.attempts.iter().find(|attempt| attempt.state() == v1::AttemptState::Paid);
        let attempt = paid.map(|paid| v1::Attempt {
            attempt_id: paid.attempt_id.clone(),
            state: paid.state,
            discounts: self.discounts(&paid.discounts),
            division: paid.division.as_ref().map(|division| self.division(division)),
            ..Default::default()
        });
        v1::PaymentIntent { attempts: attempt.into_iter().collect(), ..Default::default() }
    }

    fn division(&self, division: &v1::PaymentDivision) -> v1::PaymentDivision {
        let is_merchant = merchants("unsettled", &division.merchant_id) == self.party;
        v1::PaymentDivision {
            merchant_id: if is_merchant { division.merchant_id.clone() } else { String::new() },
            receivers: self.receivers(&division.receivers, is_merchant),
            merchant_amount: if is_merchant { division.merchant_amount.clone() } else { nothing() },
        }
    }

    fn refund(&self, kind: &str, refund: &v1::Refund) -> v1::Refund {
        let is_borne = matches!(kind, "refund.created" | "refund.funded");
        let failure = refund.failure.as_ref().filter(|_| kind == "refund.failed");
        let parts = is_borne || failure.is_some();
        let bearing = refund.bearing.as_ref().map(|bearing| {
            let merchant = bearing.merchant_id.as_str();
            let is_merchant =
                ["unsettled", "balance"].iter().any(|kind| merchants(kind, merchant) == self.party);
            let is_bearer = |one: &v1::BearerAmount| self.is(bearer_name(one.bearer(), merchant));
            let has_bearer = parts && bearing.bearers.iter().any(is_bearer);
            let bearers = places(&bearing.bearers, false, is_bearer, |one| match one {
                Some(own) => v1::BearerAmount { limit: None, ..own.clone() },
                None => v1::BearerAmount { amount: nothing(), ..Default::default() },
            });
            let succeeded = kind == "refund.succeeded";
            v1::RefundBearing {
                merchant_id: if is_merchant { merchant.to_owned() } else { String::new() },
                receivers: if parts { self.receivers(&bearing.receivers, has_bearer) } else { Vec::new() },
                bearers: if parts { bearers } else { Vec::new() },
                discounts: if succeeded { self.discounts(&bearing.discounts) } else { Vec::new() },
                ..Default::default()
            }
        });
        v1::Refund {
            refund_id: refund.refund_id.clone(),
            state: if is_borne { refund.state } else { 0 },
            failure: failure.map(|failure| v1::Failure { category: failure.category, ..Default::default() }),
            bearing,
            ..Default::default()
        }
    }

    fn reversal(&self, reversal: &v1::RefundReversal, bearing: &v1::RefundBearing) -> v1::RefundReversal {
        let merchant = bearing.merchant_id.as_str();
        let is_charged = self.is(charged(reversal, bearing).ok());
        let is_own = |one: &v1::ReturnedAmount| self.is(bearer_name(one.bearer(), merchant));
        // Who is charged owes each part; to whom it goes is another one's.
        let hide = |one: &v1::ReturnedAmount| v1::ReturnedAmount { bearer: 0, amount: one.amount.clone() };
        let returned = match is_charged {
            true => reversal.returned.iter().map(hide).collect(),
            false => places(&reversal.returned, false, is_own, |one| match one {
                Some(own) => own.clone(),
                None => v1::ReturnedAmount { bearer: 0, amount: nothing() },
            }),
        };
        let charged_to = if is_charged { reversal.charged_to } else { 0 };
        v1::RefundReversal { version: reversal.version, returned, charged_to }
    }

    fn transfer(&self, transfer: &v1::FundsTransfer) -> v1::FundsTransfer {
        let own = |fund: &Option<v1::Fund>| fund.clone().filter(|fund| self.is(party::name(fund)));
        v1::FundsTransfer {
            funds_transfer_id: transfer.funds_transfer_id.clone(),
            from: own(&transfer.from),
            to: own(&transfer.to),
            amount: transfer.amount.clone(),
            create_time: None,
        }
    }

    fn receivers(&self, all: &[v1::ReceiverAmount], every_place: bool) -> Vec<v1::ReceiverAmount> {
        let is_own = |one: &v1::ReceiverAmount| receiver(&one.receiver) == self.party;
        places(all, every_place, is_own, |one| match one {
            Some(own) => own.clone(),
            None => v1::ReceiverAmount { receiver: String::new(), amount: nothing() },
        })
    }

    fn discounts(&self, all: &[v1::Discount]) -> Vec<v1::Discount> {
        let is_own = |one: &v1::Discount| self.is(giver(one).ok().flatten());
        places(all, false, is_own, |one| match one {
            // Of a budget its id is the party's name, of a funder the funder.
            Some(own) if own.budgeted => v1::Discount { funder: 0, ..own.clone() },
            Some(own) => v1::Discount { discount_id: String::new(), ..own.clone() },
            None => v1::Discount { amount: nothing(), ..Default::default() },
        })
    }

    fn is(&self, name: Option<String>) -> bool {
        name.as_deref() == Some(self.party)
    }
}

/// The parts up to the party's last one, or in every place; those of others are made out of nothing.
fn places<T>(
    all: &[T],
    every_place: bool,
    is_own: impl Fn(&T) -> bool,
    part: impl Fn(Option<&T>) -> T,
) -> Vec<T> {
    let own = all.iter().rposition(&is_own).map_or(0, |last| last + 1);
    let kept = if every_place { all.len() } else { own };
    all.iter().take(kept).map(|one| part(Some(one).filter(|one| is_own(one)))).collect()
}

/// An amount that moves nothing.
fn nothing() -> Option<v1::Money> {
    Some(v1::Money::default())
}
