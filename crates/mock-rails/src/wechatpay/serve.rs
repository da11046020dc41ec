//! One request from its arrival to its reply: which call it is, whether it is the merchant's, the fault that strikes it,
//! and what ends by itself meanwhile.

use std::sync::Weak;

use http::header::{ACCEPT, AUTHORIZATION, HeaderName, USER_AGENT};
use http::{Method, StatusCode};
use jiff::Timestamp;

use super::answers::Answer;
use super::api::{Asked, Done};
use super::keys::KeyChoice;
use super::refusals::Refusal;
use super::reply::{self, Seal};
use super::route::{Call, NoCall};
use super::sign::{self, Honesty, Signed};
use super::trades::Trades;
use super::{State, WechatPay, notify};
use crate::clock::Clock;
use crate::faults::{Fault, Twist, around};
use crate::journal::JournalEntry;
use crate::magic::On;
use crate::notifier::Notice;
use crate::{RailReply, RailRequest, locked};

/// A text of `BusinessCode` that is no code: the work is done, the answer's signature is not even Base64.
const BROKEN_PROBE: &str = "SIGNTEST";

impl WechatPay {
    /// The reply to a request, under the fault that strikes it.
    pub(super) async fn answer(&self, request: RailRequest) -> RailReply {
        let call = match Call::of(&request.method, request.path()) {
            Ok(call) => call,
            Err(none) => {
                let status = match none {
                    NoCall::UnknownPath => StatusCode::NOT_FOUND,
                    NoCall::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
                };
                self.record("none", None, &request, status.as_u16().to_string());
                return reply::empty(status);
            }
        };
        let (on, fen) = amount_of(&call, &request.body);
        let fault = self.bench.fault(call.operation(), on, fen);
        around(fault, |twist| self.serve(&call, &request, twist)).await
    }

    async fn serve(&self, call: &Call, request: &RailRequest, twist: Twist) -> RailReply {
        let now = self.bench.clock.now();
        self.settle(now);
        let asked = request.header("Wechatpay-Serial").and_then(|serial| self.keyring.named(serial));
        let done = self
            .check(call, request)
            .and_then(|()| self.perform(call, request, &twist, asked, now))
            .unwrap_or_else(|refusal| Answer::Refused(refusal).into());
        self.record(call.name(), Some(call), request, done.answer.verdict(&self.keyring.settings()));
        for notice in done.first {
            self.bench.notifier.post_and_wait(notice).await;
        }
        let seal = Seal {
            keyring: &self.keyring,
            key: self.keyring.signing(asked),
            // Of the signature, not of the request's arrival: a notification may have come in between.
            now: self.bench.clock.signing_now(),
            honesty: self.honesty(&twist, &done.answer),
        };
        reply::of(done.answer, seal)
    }

    fn honesty(&self, twist: &Twist, answer: &Answer) -> Option<Honesty> {
        match twist {
            Twist::Unsigned => None,
            Twist::WrongSignature => Some(self.keyring.probe()),
            Twist::BusinessCode(code) if code == BROKEN_PROBE => Some(Honesty::BrokenProbe),
            Twist::Plain | Twist::BusinessCode(_) => Some(match answer {
                Answer::Done(_) | Answer::Accepted(_) | Answer::DoneEmpty => self.keyring.honesty_of_answer(),
                Answer::File(..) | Answer::Refused(_) => Honesty::True,
            }),
        }
    }

    /// The checks that come before the call itself, in the rail's order.
    fn check(&self, call: &Call, request: &RailRequest) -> Result<(), Refusal> {
        let has = |name: HeaderName| request.headers.get(name).is_some_and(|value| !value.is_empty());
        if call.wants_user_agent() && (!has(USER_AGENT) || !has(ACCEPT)) {
            return Err(Refusal::no_user_agent());
        }
        let header = request.header(AUTHORIZATION.as_str());
        sign::check(&self.keyring, header, &signed(request), self.bench.clock.signing_now())
            .map(|_| ())
            .map_err(|fault| Refusal::of_auth(fault, call.is_transaction()))
    }

    fn perform(
        &self,
        call: &Call,
        request: &RailRequest,
        twist: &Twist,
        key: Option<KeyChoice>,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let end = match (call, twist) {
            (_, Twist::BusinessCode(code)) if code == BROKEN_PROBE => None,
            (Call::Refund, Twist::BusinessCode(code)) if code == "ABNORMAL" || code == "CLOSED" => {
                Some(code.as_str())
            }
            (_, Twist::BusinessCode(code)) => return Err(Refusal::of_code(code)),
            (_, Twist::Plain | Twist::WrongSignature | Twist::Unsigned) => None,
        };
        self.call(call, Asked { request, key, end, now })
    }

    fn record(&self, operation: &str, call: Option<&Call>, request: &RailRequest, verdict: String) {
        let expected = request
            .header(AUTHORIZATION.as_str())
            .and_then(sign::Authorization::parse)
            .map(|it| sign::request_message(&signed(request), it.timestamp, it.nonce))
            .map(|message| String::from_utf8_lossy(&message).into_owned());
        self.bench.journal.record(JournalEntry {
            at: self.bench.clock.now(),
            method: request.method.to_string(),
            path: request.path().to_owned(),
            operation: operation.to_owned(),
            order_no: call.and_then(|call| order_no_of(call, &request.body)),
            refused: !verdict.starts_with('2'),
            verdict,
            expected,
        });
    }

    /// Ends what has come to its time, and tells the merchant of refunds.
    pub(super) fn settle(&self, now: Timestamp) {
        let notices: Vec<Notice> = {
            let mut state = locked(&self.state);
            let fee = self.keyring.keys.account.fee_per_10_000;
            let finished = state.trades.finish_due(fee, now);
            finished.iter().flat_map(|no| self.notices_of_refund(&state.trades, no, true)).collect()
        };
        for notice in notices {
            self.bench.notifier.post(notice);
        }
    }

    /// The notices of a finished refund; with `faulty`, under the next notification fault.
    pub(super) fn notices_of_refund(
        &self,
        trades: &Trades,
        out_refund_no: &str,
        faulty: bool,
    ) -> Vec<Notice> {
        let Some(refund) = trades.refund_of(out_refund_no).filter(|refund| refund.notify_url.is_some())
        else {
            return Vec::new();
        };
        let fault =
            if faulty { self.bench.notification_fault("refund", On::Refund, refund.fen) } else { None };
        notify::of_refund(&self.keyring, refund, fault.as_ref())
    }

    /// Takes the fault that lets the notification overtake the reply, if it is the next one of this operation, or that
    /// of the amount.
    pub(super) fn overtaken(&self, operation: &str, on: On, fen: i64) -> bool {
        let next = self.bench.faults.armed().into_iter().find(|armed| {
            armed.operation.as_deref().is_none_or(|wanted| wanted == operation)
                && matches!(
                    armed.fault,
                    Fault::TwinNotifications
                        | Fault::NotificationFirst
                        | Fault::NoNotification
                        | Fault::NotificationAmount(_)
                        | Fault::NotificationWrongSignature
                )
        });
        let Some(next) = next else {
            return self.bench.magic.fault(on, fen) == Some(Fault::NotificationFirst);
        };
        if next.fault != Fault::NotificationFirst {
            return false;
        }
        match self.bench.faults.take_notification(operation) {
            None => false,
            Some(Fault::NotificationFirst) => true,
            Some(other) => {
                // Another request was quicker; what we took is not ours.
                self.bench.faults.arm(Some(operation), other, 1);
                false
            }
        }
    }

    /// Makes sure that a task watches what ends by itself.
    pub(super) fn watch(&self, state: &mut State) {
        while state.timer.try_join_next().is_some() {}
        if !state.timer_runs && state.trades.next_due().is_some() {
            state.timer_runs = true;
            state.timer.spawn(end_in_time(self.me.clone(), self.bench.clock.clone()));
        }
    }

    /// When something ends next. With nothing under way the task that asks must end.
    fn next_end(&self) -> Option<Timestamp> {
        let mut state = locked(&self.state);
        let due = state.trades.next_due();
        state.timer_runs = due.is_some();
        due
    }
}

/// Ends things at their time, until there is nothing or the rail is gone.
async fn end_in_time(rail: Weak<WechatPay>, clock: Clock) {
    loop {
        let Some(due) = rail.upgrade().and_then(|rail| rail.next_end()) else { return };
        clock.sleep_until(due).await;
        if let Some(rail) = rail.upgrade() {
            rail.settle(clock.now());
        }
    }
}

/// What the merchant signs of a request. The body of a GET counts as empty, also where a client sends one.
fn signed(request: &RailRequest) -> Signed<'_> {
    let body: &[u8] = if request.method == Method::GET { &[] } else { &request.body };
    Signed { method: request.method.as_str(), target: request.path_and_query(), body }
}

fn order_no_of(call: &Call, body: &[u8]) -> Option<String> {
    match call {
        Call::QueryByOrderNo(order_no) | Call::Close(order_no) | Call::Reverse(order_no) => {
            Some(order_no.clone())
        }
        Call::Order(_) | Call::Refund => {
            let body: serde_json::Value = serde_json::from_slice(body).ok()?;
            body.get("out_trade_no")?.as_str().map(str::to_owned)
        }
        Call::QueryByTransaction(_)
        | Call::QueryRefund(_)
        | Call::Abnormal(_)
        | Call::Certificates
        | Call::TradeBill
        | Call::FundFlowBill
        | Call::BillFile => None,
    }
}

/// What a magic amount is of, before anybody has checked the body.
fn amount_of(call: &Call, body: &[u8]) -> (On, Option<i64>) {
    let fen = |pointer| {
        let body: serde_json::Value = serde_json::from_slice(body).ok()?;
        body.pointer(pointer)?.as_i64()
    };
    match call {
        Call::Order(_) => (On::Payment, fen("/amount/total")),
        Call::Refund => (On::Refund, fen("/amount/refund")),
        Call::QueryByOrderNo(_)
        | Call::QueryByTransaction(_)
        | Call::Close(_)
        | Call::Reverse(_)
        | Call::QueryRefund(_)
        | Call::Abnormal(_)
        | Call::Certificates
        | Call::TradeBill
        | Call::FundFlowBill
        | Call::BillFile => (On::Payment, None),
    }
}
