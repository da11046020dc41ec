//! One exchange with a rail: plan, send once, read. Whatever happens becomes an observation; nothing is retried here.

use std::sync::Arc;

use jiff::Timestamp;
use paifang_boundary::{Field, Fields};
use paifang_payment::attempt::{Attempt, Operation, Paid, State};
use paifang_payment::intent::Intent;
use paifang_payment::planted::{self, Defect};
use paifang_payment::refund::{self, Refund};
use paifang_payment::{
    AccountId, Basis, Digest, Doubt, Evidence, News, NotSent, Observation, OrderNo, Outcome, Pending, Reason,
    Refusal, Source, TenantId, Verb,
};
use paifang_rail::{
    CaptureOrder, Charge, Order, OrderKind, PayerCode, Plan, RefundOrder, ReleaseOrder, Reply, Reversal,
};
use paifang_store::{Store, StoreError, Submission};
use ring::digest::{SHA256, digest};

use crate::Engine;
use crate::ports::{Environment, RailCall, Rails, Transport, TransportError};

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Carries a call out. The call must have been written ahead. What the account may not be told is taken out of it, and what
    /// it is told is noted, before a byte leaves.
    pub(crate) async fn carry(
        &self,
        (tenant, account): (TenantId, &AccountId),
        mut call: RailCall,
        nonce: &str,
    ) -> Observation {
        let verb = call.as_call().verb();
        if let Err(withheld) = self.narrow((tenant, account), &mut call) {
            tracing::warn!(%account, verb = verb.as_str(), %withheld, "a field is withheld; call not planned");
            let cause = NotSent::NotPlanned(format!("{withheld} is withheld from this rail account"));
            return ours(verb, Outcome::NotSent(cause), Source::Transport, "rail.not_planned");
        }
        let call = Arc::new(call);
        let world = &self.inner.world;
        let plan = self.inner.rails.plan(account, &call, nonce, world.now()).await;
        if plan.is_ok() {
            self.note((tenant, account), &call);
        }
        let exchange = match plan {
            Ok(Plan::Send(exchange)) => exchange,
            Ok(Plan::HandOff(next_action)) => {
                let pending = Pending { next_action: Some(next_action), rail_ref: None };
                return ours(verb, Outcome::Pending(pending), Source::Rule, "rail.handed_off");
            }
            Err(error) => {
                tracing::warn!(%account, verb = verb.as_str(), %error, "call not planned");
                self.inner.health.note_unplanned(account, world.now(), &error);
                let cause = NotSent::NotPlanned(error.to_string());
                return ours(verb, Outcome::NotSent(cause), Source::Transport, "rail.not_planned");
            }
        };
        world.reached(points(verb).sending);
        let reply = self.inner.transport.exchange(account, exchange).await;
        world.reached(points(verb).answered);
        let seen = self.understood(account, &call, nonce, reply).await;
        self.inner.health.note(account, world.now(), &seen);
        seen
    }

    /// What came of an exchange.
    async fn understood(
        &self,
        account: &AccountId,
        call: &Arc<RailCall>,
        nonce: &str,
        reply: Result<Reply, TransportError>,
    ) -> Observation {
        let verb = call.as_call().verb();
        match reply {
            Ok(reply) => {
                let carried = sha256(&reply.body);
                let answer = self.inner.rails.read(account, call, nonce, reply, self.inner.world.now()).await;
                answer.into_observation(verb, carried)
            }
            Err(TransportError::NotSent(cause)) => {
                ours(verb, Outcome::NotSent(cause), Source::Transport, "transport.not_sent")
            }
            Err(TransportError::TimedOut) if planted::is(Defect::TimeoutIsFailure) => {
                ours(verb, Outcome::Refused(timed_out()), Source::Transport, "transport.timed_out")
            }
            Err(TransportError::TimedOut) => {
                ours(verb, Outcome::Unknown(Doubt::TimedOut), Source::Transport, "transport.timed_out")
            }
            Err(TransportError::Lost) => {
                ours(verb, Outcome::Unknown(Doubt::ConnectionLost), Source::Transport, "transport.lost")
            }
        }
    }

    /// Leaves in a call what the account may be told. An order that cannot be made without what is withheld is not made.
    fn narrow(&self, (tenant, account): (TenantId, &AccountId), call: &mut RailCall) -> Result<(), Field> {
        let Some(known) = self.inner.accounts.get(account) else {
            call.narrow(&Fields::NONE);
            return Ok(());
        };
        let allowed = known.may_be_told(tenant);
        let required = match &*call {
            RailCall::Charge(charge) => known
                .offer(&charge.wallet, charge.order.presentation)
                .map_or(Fields::NONE, |offer| known.descriptor.required(offer)),
            RailCall::Capture(_) => known.descriptor.required_by_captures(),
            RailCall::Query(_)
            | RailCall::Close(_)
            | RailCall::Reverse(_)
            | RailCall::QueryReverse(_)
            | RailCall::Refund(_)
            | RailCall::QueryRefund(_)
            | RailCall::QueryCapture(_)
            | RailCall::Release(_)
            | RailCall::QueryRelease(_) => Fields::NONE,
        };
        call.narrow(&allowed);
        required.iter().find(|field| !allowed.contains(*field)).map_or(Ok(()), Err)
    }

    /// Notes which fields cross, by name: in the count, and in a line of the log.
    fn note(&self, (tenant, account): (TenantId, &AccountId), call: &RailCall) {
        let call = call.as_call();
        let (fields, order, verb) = (call.crossed(), &call.order().order_no, call.verb().as_str());
        self.inner.egress.to_rail(account, fields);
        tracing::info!(%tenant, %account, verb, %order, %fields, "told a rail");
    }

    /// The call that creates an attempt's order, with the payer's data that lies beside the journal.
    pub(crate) async fn charge_call(
        &self,
        intent: &Intent,
        attempt: &Attempt,
        payer_code: Option<PayerCode>,
    ) -> Result<RailCall, StoreError> {
        let submission = self.inner.store.submission(attempt.terms.id).await?;
        let submission = submission.unwrap_or(Submission { payer: None, client_ip: None, alias: None });
        let Submission { payer, client_ip, alias } = submission;
        Ok(RailCall::Charge(Charge {
            order: Order { order_no: sent_as(&attempt.terms.order_no, attempt), ..order_of(attempt) },
            wallet: attempt.terms.wallet.clone(),
            credit: attempt.terms.credit,
            description: intent.terms.description.clone().into(),
            payer: payer.into(),
            payer_code: payer_code.into(),
            client_ip: client_ip.into(),
            payer_alias: alias.into(),
        }))
    }
}

/// An attempt as its rail knows it.
pub(crate) fn order_of(attempt: &Attempt) -> Order {
    Order {
        kind: if attempt.terms.hold.is_some() { OrderKind::Hold } else { OrderKind::Payment },
        order_no: attempt.terms.order_no.clone(),
        amount: attempt.terms.amount,
        presentation: attempt.terms.presentation,
        rail_ref: attempt.rail_ref.clone(),
        opened_at: attempt.terms.opened_at,
        expires_at: attempt.terms.expires_at,
    }
}

/// What refunds of an attempt point to: its order, or the capture of what it held.
fn collected_order(attempt: &Attempt) -> Order {
    let order = order_of(attempt);
    match &attempt.state {
        State::Paid(Paid { settled, taken: Some(taken) }) => Order {
            kind: OrderKind::Capture,
            order_no: taken.capture_no.clone(),
            amount: settled.amount,
            rail_ref: settled.rail_ref.clone(),
            opened_at: taken.opened_at,
            ..order
        },
        State::Sending(_)
        | State::AwaitingPayer(_)
        | State::InDoubt(_)
        | State::Closing(_)
        | State::Held(_)
        | State::Capturing(_)
        | State::Releasing(_)
        | State::Paid(_)
        | State::Refused(_)
        | State::Closed(_)
        | State::Late(_) => order,
    }
}

/// The call that takes held money or gives it back, or the one that asks about it.
pub(crate) fn hold_call(intent: &Intent, attempt: &Attempt, asks: bool) -> Option<RailCall> {
    match &attempt.state {
        State::Capturing(capturing) => {
            let order = CaptureOrder {
                hold: order_of(attempt),
                capture_no: capturing.operation.number.clone(),
                amount: capturing.amount,
                description: intent.terms.description.clone().into(),
                opened_at: capturing.operation.opened_at,
            };
            Some(if asks { RailCall::QueryCapture(order) } else { RailCall::Capture(order) })
        }
        State::Releasing(releasing) => {
            let order = ReleaseOrder {
                hold: order_of(attempt),
                release_no: releasing.operation.number.clone(),
                opened_at: releasing.operation.opened_at,
            };
            Some(if asks { RailCall::QueryRelease(order) } else { RailCall::Release(order) })
        }
        State::Sending(_)
        | State::AwaitingPayer(_)
        | State::InDoubt(_)
        | State::Closing(_)
        | State::Held(_)
        | State::Paid(_)
        | State::Refused(_)
        | State::Closed(_)
        | State::Late(_) => None,
    }
}

/// The capture or release that is under way.
pub(crate) fn operation_of(attempt: &Attempt) -> Option<&Operation> {
    match &attempt.state {
        State::Capturing(capturing) => Some(&capturing.operation),
        State::Releasing(releasing) => Some(&releasing.operation),
        State::Sending(_)
        | State::AwaitingPayer(_)
        | State::InDoubt(_)
        | State::Closing(_)
        | State::Held(_)
        | State::Paid(_)
        | State::Refused(_)
        | State::Closed(_)
        | State::Late(_) => None,
    }
}

/// The call for this verb about an attempt that exists already.
pub(crate) fn attempt_call(
    intent: &Intent,
    attempt: &Attempt,
    verb: Verb,
    reversed_at: Timestamp,
) -> Option<RailCall> {
    let order = order_of(attempt);
    let reversal =
        |order| Reversal { order, reversal_no: attempt.terms.reversal_no.clone(), opened_at: reversed_at };
    match verb {
        Verb::Query => Some(RailCall::Query(order)),
        Verb::Close => Some(RailCall::Close(order)),
        Verb::Reverse => Some(RailCall::Reverse(reversal(order))),
        Verb::QueryReverse => Some(RailCall::QueryReverse(reversal(order))),
        Verb::QueryCapture | Verb::QueryRelease => hold_call(intent, attempt, true),
        Verb::Charge | Verb::Refund | Verb::QueryRefund | Verb::Capture | Verb::Release => None,
    }
}

/// A refund of an attempt, as the rail knows it.
pub(crate) fn refund_order(refund: &Refund, attempt: &Attempt) -> RefundOrder {
    RefundOrder {
        order: collected_order(attempt),
        refund_no: refund_sent_as(refund),
        amount: refund.terms.amount,
        reason: refund.terms.reason.clone().into(),
        opened_at: refund.opened_at(),
    }
}

/// The number under which an order is sent, again or not: always its own.
fn sent_as(own: &OrderNo, attempt: &Attempt) -> OrderNo {
    let again = matches!(&attempt.state, State::Sending(sending) if sending.sends > 1);
    if again && planted::is(Defect::OrderNumberFresh) { drawn_anew(own) } else { own.clone() }
}

/// The number under which a refund is sent or asked about: always its own.
fn refund_sent_as(refund: &Refund) -> OrderNo {
    let own = &refund.terms.refund_no;
    let again = matches!(&refund.state, refund::State::Sending(sending) if sending.sends > 1);
    if again && planted::is(Defect::RefundNumberFresh) { drawn_anew(own) } else { own.clone() }
}

/// Planted only.
fn drawn_anew(own: &OrderNo) -> OrderNo {
    let text = format!("{}{:04}", own.as_str().get(..28).unwrap_or_default(), planted::drawn() % 10_000);
    OrderNo::parse(&text).unwrap_or_else(|_| own.clone())
}

/// Planted only.
fn timed_out() -> Refusal {
    let reason = Reason::parse("timed_out").expect("a literal of our own in the reason's alphabet");
    let (rail_code, rail_message) = (String::new(), String::new());
    Refusal { reason, rail_code, rail_message, basis: Basis::Signed }
}

fn ours(verb: Verb, outcome: Outcome, source: Source, rule: &str) -> Observation {
    let evidence = Evidence::plain(source, rule);
    Observation { verb, news: News::Outcome(outcome), attention: None, evidence }
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
    Digest(sum)
}

/// The places around a call at which a crash test may end the process.
struct Points {
    sending: &'static str,
    answered: &'static str,
}

fn points(verb: Verb) -> Points {
    let (sending, answered) = match verb {
        Verb::Charge => ("charge.sending", "charge.answered"),
        Verb::Query => ("query.sending", "query.answered"),
        Verb::Close => ("close.sending", "close.answered"),
        Verb::Reverse => ("reverse.sending", "reverse.answered"),
        Verb::QueryReverse => ("query_reverse.sending", "query_reverse.answered"),
        Verb::Refund => ("refund.sending", "refund.answered"),
        Verb::QueryRefund => ("query_refund.sending", "query_refund.answered"),
        Verb::Capture => ("capture.sending", "capture.answered"),
        Verb::QueryCapture => ("query_capture.sending", "query_capture.answered"),
        Verb::Release => ("release.sending", "release.answered"),
        Verb::QueryRelease => ("query_release.sending", "query_release.answered"),
    };
    Points { sending, answered }
}
