//! What may follow a payment or a pre-authorisation, and what became of frozen money.
//!
//! | | of | amount | when |
//! |---|---|---|---|
//! | 04 refund | purchase, completion | any, never more than is left | 330 days |
//! | 31 undo | purchase, completion | all | same clearing day, before any refund |
//! | 03 complete | pre-authorisation | up to 115 % | 30 days, once |
//! | 32 void | pre-authorisation | all | 30 days, before completion |
//! | 33 void | completion | all | same clearing day, before any refund |
//!
//! Codes are those of the sheet where it has one: 35 for an original in the wrong state, 36 for the wrong amount, 45 after
//! an undo or a void. Which of them the real gateway says is unconfirmed in places.

use jiff::Timestamp;

use super::codes::Code;
use super::conduct::EndedHold;
use super::time;
use super::trade::{Follow, Order, Original, State, Trade, TradeId};
use super::trades::Trades;

/// What became of a pre-authorised amount, in fen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Frozen when the payer agreed.
    pub(super) held: i64,
    /// Taken by completions, also by one that was undone since.
    pub(super) captured: i64,
    /// Let go again without being taken.
    pub(super) released: i64,
}

impl Trades {
    /// The transaction that another one names, if it belongs to the same merchant.
    pub(super) fn original(&self, original: &Original, mer_id: &str) -> Option<TradeId> {
        let id = match original {
            Original::QueryId(id) => self.by_query_id(id),
            Original::Key(key) => self.by_key(key),
        }?;
        (self.trade(id).order.key.mer_id == mer_id).then_some(id)
    }

    /// Whether it may be accepted. What still runs counts like what is done.
    pub(super) fn allowed(
        &self,
        kind: Follow,
        original: Option<TradeId>,
        order: &Order,
        now: Timestamp,
    ) -> Result<(), Code> {
        let id = original.ok_or(Code::ORIGINAL)?;
        let original = self.trade(id);
        let State::Done { at, .. } = original.state else { return Err(Code::ORIGINAL) };
        match kind {
            Follow::Refund | Follow::Undo if original.order.what.takes_money() => {
                self.returnable(kind, original, order, at, now)
            }
            Follow::VoidCompletion if original.order.what.follow() == Some(Follow::Complete) => {
                self.returnable(kind, original, order, at, now)
            }
            Follow::Complete | Follow::VoidHold if original.order.what.is_hold() => {
                self.of_hold(kind, id, order, at, now)
            }
            Follow::Refund | Follow::Undo | Follow::VoidCompletion | Follow::Complete | Follow::VoidHold => {
                Err(Code::ORIGINAL)
            }
        }
    }

    fn live(&self, trade: &Trade) -> Vec<&Trade> {
        trade.returns.iter().map(|id| self.trade(*id)).filter(|follow| follow.is_live()).collect()
    }

    fn returnable(
        &self,
        kind: Follow,
        taken: &Trade,
        order: &Order,
        taken_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Code> {
        let live = self.live(taken);
        // Which of 35 and 45 the gateway says after an undo is unconfirmed.
        if live.iter().any(|follow| follow.order.what.follow() != Some(Follow::Refund)) {
            return Err(Code::ALREADY_BACK);
        }
        if kind != Follow::Refund {
            return if !live.is_empty() {
                Err(Code::ALREADY_BACK)
            } else if order.fen != taken.order.fen {
                Err(Code::DIFFERS)
            } else if time::clearing_day(now) != time::clearing_day(taken_at) {
                Err(Code::ORIGINAL)
            } else {
                Ok(())
            };
        }
        if now.duration_since(taken_at) > self.conduct.refund_window {
            return Err(Code::ORIGINAL);
        }
        // Amounts have at most 12 digits and there are at most a million of them, so the sum fits.
        let promised: i64 = live.iter().map(|follow| follow.order.fen).sum();
        // The real code for more than what is left is unconfirmed.
        if promised.saturating_add(order.fen) > taken.order.fen { Err(Code::DIFFERS) } else { Ok(()) }
    }

    fn of_hold(
        &self,
        kind: Follow,
        id: TradeId,
        order: &Order,
        held_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Code> {
        let hold = self.trade(id);
        if self.live(hold).iter().any(|follow| follow.order.what.follow() == Some(Follow::VoidHold)) {
            return Err(Code::ALREADY_BACK);
        }
        if hold.lapsed
            || now.duration_since(held_at) > self.conduct.hold_for
            || self.capture_of(hold).is_some()
        {
            return Err(Code::ORIGINAL);
        }
        // At most 12 digits each, times a few hundred.
        let most = hold.order.fen.saturating_mul(self.conduct.capture_percent_max);
        let fits = match kind {
            Follow::Complete => order.fen.saturating_mul(100) <= most,
            Follow::VoidHold | Follow::Refund | Follow::Undo | Follow::VoidCompletion => {
                order.fen == hold.order.fen
            }
        };
        if fits { Ok(()) } else { Err(Code::DIFFERS) }
    }

    /// The completion that stands: one that runs or is done, and was not undone so that the amount is frozen again.
    fn capture_of(&self, hold: &Trade) -> Option<&Trade> {
        let undone = |capture: &Trade| self.conduct.undone_capture_freezes && self.is_undone(capture);
        let completes = |follow: &&Trade| follow.order.what.follow() == Some(Follow::Complete);
        self.live(hold).into_iter().filter(completes).find(|capture| !undone(capture))
    }

    /// Whether a completion was undone by 33.
    pub(super) fn is_undone(&self, capture: &Trade) -> bool {
        capture
            .returns
            .iter()
            .map(|id| self.trade(*id))
            .any(|follow| follow.is_done() && follow.order.what.follow() == Some(Follow::VoidCompletion))
    }

    /// Whether the amount of a pre-authorisation is frozen, and nothing of it is being taken or let go.
    pub(super) fn is_open_hold(&self, id: TradeId) -> bool {
        let hold = self.trade(id);
        let voided =
            || self.live(hold).iter().any(|follow| follow.order.what.follow() == Some(Follow::VoidHold));
        hold.order.what.is_hold()
            && hold.is_done()
            && !hold.lapsed
            && self.capture_of(hold).is_none()
            && !voided()
    }

    /// The code that a query reports of it: that of its own end, except for a pre-authorisation that is over.
    pub(super) fn reported(&self, trade: &Trade) -> Code {
        let held = self.held(trade);
        let over = held.held > 0 && held.released == held.held;
        match self.conduct.ended_hold {
            EndedHold::AlreadyBack if over => Code::ALREADY_BACK,
            EndedHold::AlreadyBack | EndedHold::Success => trade.state.code(),
        }
    }

    /// What became of a pre-authorised amount; all zero for other transactions.
    pub(super) fn held(&self, hold: &Trade) -> Held {
        if !(hold.order.what.is_hold() && hold.is_done()) {
            return Held::default();
        }
        let held = hold.order.fen;
        let done: Vec<&Trade> =
            hold.returns.iter().map(|id| self.trade(*id)).filter(|follow| follow.is_done()).collect();
        let sum = |kind| -> i64 {
            done.iter().filter(|t| t.order.what.follow() == Some(kind)).map(|t| t.order.fen).sum()
        };
        let captured = sum(Follow::Complete);
        let standing = self.capture_of(hold).filter(|capture| capture.is_done());
        let released = match standing {
            _ if hold.lapsed || sum(Follow::VoidHold) > 0 => held,
            Some(capture) => (held - capture.order.fen).max(0),
            None => 0,
        };
        Held { held, captured, released }
    }

    /// Everything that was given back of a payment, or of what was taken of a pre-authorisation, refused ones too.
    pub(super) fn given_back<'a>(&'a self, payment: &'a Trade) -> impl Iterator<Item = &'a Trade> + 'a {
        let direct = payment.returns.iter().map(|id| self.trade(*id));
        let below = payment.returns.iter().flat_map(|id| &self.trade(*id).returns).map(|id| self.trade(*id));
        direct.chain(below).filter(|follow| follow.order.what.follow().is_some_and(Follow::gives_back))
    }
}

impl Trade {
    /// When the clock decides something about it.
    pub(super) fn due(&self, hold_for: jiff::SignedDuration) -> Option<Timestamp> {
        match &self.state {
            State::Running { until, .. } => Some(*until),
            State::Open { .. } => self.order.what.pay_timeout(),
            State::Done { at, .. } if self.order.what.is_hold() && !self.lapsed => {
                // Open for the whole of the last second, like the window of completions.
                let after = hold_for.checked_add(jiff::SignedDuration::from_secs(1))?;
                at.saturating_add(after).ok()
            }
            State::Done { .. } | State::Failed { .. } | State::Refused { .. } => None,
        }
    }
}
