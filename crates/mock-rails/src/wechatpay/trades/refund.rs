//! Refunds in the rail's books: accepted first, finished a little later.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{OrderState, Refused, Trades};
use crate::wechatpay::bodies::{RefundBody, RefundFrom};
use crate::wechatpay::ids;
use crate::wechatpay::keys::KeyChoice;

/// How long a refund is `PROCESSING`, on the rail's clock. Real ones take minutes (balance) to days (cards).
pub(crate) const REFUND_TAKES: SignedDuration = SignedDuration::from_secs(3);

/// Refunds of one order, whatever became of them.
const REFUNDS_PER_ORDER_MAX: usize = 50;

/// How long after its payment an order can be refunded. The code of the refusal is unconfirmed.
const REFUND_WINDOW: SignedDuration = SignedDuration::from_hours(365 * 24);

/// The least time between two refunds of one order, where the rail enforces it.
const REFUND_PACE: SignedDuration = SignedDuration::from_mins(1);

/// `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RefundState {
    Processing,
    Success,
    Abnormal,
    Closed,
}

/// How an accepted refund ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RefundEnd {
    Success,
    /// The payer's account cannot take it; the money is neither here nor there.
    Abnormal,
    /// Given up; a new refund needs a new number.
    Closed,
}

/// One refund.
#[derive(Serialize, Deserialize)]
pub(crate) struct Refund {
    pub(crate) out_refund_no: String,
    pub(crate) refund_id: String,
    pub(crate) out_trade_no: String,
    pub(crate) transaction_id: String,
    /// Given back, in fen.
    pub(crate) fen: i64,
    /// The order's amount, in fen.
    pub(crate) total: i64,
    pub(crate) notify_url: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) success_at: Option<Timestamp>,
    pub(crate) state: RefundState,
    /// What signed the answer, and signs the notification.
    pub(crate) key: KeyChoice,
    /// Where the money comes from, in the rail's word.
    pub(crate) funds_account: String,
    /// The accounts it is taken from, where the merchant named them.
    pub(crate) from: Vec<RefundFrom>,
    /// Where it goes when the usual way is closed: `type` of the abnormal refund.
    pub(crate) another_way: Option<String>,
    /// When it ends.
    pub(super) ends_at: Timestamp,
    content: Value,
    end: RefundEnd,
}

/// A request to refund.
pub(crate) struct RefundRequest {
    pub(crate) body: RefundBody,
    pub(crate) content: Value,
    pub(crate) end: RefundEnd,
    pub(crate) key: KeyChoice,
    /// How long it is under way.
    pub(crate) takes: SignedDuration,
}

impl RefundState {
    /// The rail's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Success => "SUCCESS",
            Self::Abnormal => "ABNORMAL",
            Self::Closed => "CLOSED",
        }
    }

    /// Whether the amount is taken from what is left of the order.
    fn counts(self) -> bool {
        match self {
            Self::Processing | Self::Success | Self::Abnormal => true,
            Self::Closed => false,
        }
    }
}

impl Trades {
    /// Accepts a refund, or finds the one that was accepted under this number. Gives its number and whether it is new.
    pub(crate) fn refund(
        &mut self,
        request: RefundRequest,
        paced: bool,
        now: Timestamp,
    ) -> Result<(String, bool), Refused> {
        self.expire_order_of(&request.body, now);
        let order_no = self.order_no_of(&request.body);
        let refund_no = request.body.out_refund_no.clone();
        if let Some(earlier) = self.refunds.get(&refund_no) {
            // The order may be named by either number in a repeat; everything else must be said again.
            let same = order_no.as_ref() == Some(&earlier.out_trade_no)
                && without_order(&request.content) == earlier.content;
            return if same { Ok((refund_no, false)) } else { Err(Refused::RefundChanged) };
        }
        let order_no = order_no.ok_or(Refused::RefundOrderUnknown)?;
        self.check_refund(&order_no, &request.body, paced, now)?;
        self.accept(order_no, request, now).ok_or(Refused::RefundOrderUnknown)?;
        Ok((refund_no, true))
    }

    fn expire_order_of(&mut self, body: &RefundBody, now: Timestamp) {
        if let Some(order_no) = &body.out_trade_no {
            self.order_mut(order_no, now);
        }
    }

    /// Either number names the order; both must name the same.
    fn order_no_of(&self, body: &RefundBody) -> Option<String> {
        let by_id = match &body.transaction_id {
            Some(id) => Some(self.by_transaction.get(id)?.clone()),
            None => None,
        };
        match (by_id, body.out_trade_no.clone()) {
            (Some(a), Some(b)) => (a == b).then_some(a),
            (a, b) => a.or(b),
        }
    }

    fn check_refund(
        &mut self,
        order_no: &str,
        body: &RefundBody,
        paced: bool,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let order = self.order_mut(order_no, now).ok_or(Refused::RefundOrderUnknown)?;
        let paid_at = order.payment.as_ref().map(|p| p.paid_at).ok_or(Refused::RefundOrderUnknown)?;
        let (total, refund_nos) = (order.body.amount.total, order.refund_nos.clone());
        let shares = order.body.settle_info.as_ref().is_some_and(|settle| settle.profit_sharing);
        let earlier = || refund_nos.iter().filter_map(|no| self.refunds.get(no));
        let taken: i64 = earlier().filter(|refund| refund.state.counts()).map(|refund| refund.fen).sum();
        if body.amount.total != total {
            return Err(Refused::RefundChanged);
        }
        if taken == total {
            return Err(Refused::RefundedInFull);
        }
        // `taken` is at most `total`, so this cannot overflow.
        if body.amount.refund > total - taken {
            return Err(Refused::RefundTooLarge);
        }
        if refund_nos.len() >= REFUNDS_PER_ORDER_MAX {
            return Err(Refused::RefundTooMany);
        }
        if now.duration_since(paid_at) > REFUND_WINDOW {
            return Err(Refused::RefundTooLate);
        }
        if paced && earlier().any(|refund| now.duration_since(refund.created_at) < REFUND_PACE) {
            return Err(Refused::RefundTooSoon);
        }
        if split_is_right(body, shares) { Ok(()) } else { Err(Refused::RefundSplitWrong) }
    }

    fn accept(&mut self, order_no: String, request: RefundRequest, now: Timestamp) -> Option<()> {
        let number = self.refunds.len() + 1;
        let order = self.order_mut(&order_no, now)?;
        let transaction_id = order.payment.as_ref()?.transaction_id.clone();
        let refund_no = request.body.out_refund_no.clone();
        order.state = OrderState::Refund;
        order.refund_nos.push(refund_no.clone());
        let ends_at = now.saturating_add(request.takes).unwrap_or(now);
        self.due.insert((ends_at, refund_no.clone()), ());
        let refund = Refund {
            out_refund_no: refund_no.clone(),
            refund_id: ids::refund_id(now, number),
            out_trade_no: order_no,
            transaction_id,
            fen: request.body.amount.refund,
            total: request.body.amount.total,
            notify_url: request.body.notify_url,
            created_at: now,
            success_at: None,
            state: RefundState::Processing,
            key: request.key,
            funds_account: request.body.funds_account.unwrap_or_else(|| "AVAILABLE".to_owned()),
            from: request.body.amount.from,
            another_way: None,
            ends_at,
            content: without_order(&request.content),
            end: request.end,
        };
        self.refunds.insert(refund_no, refund);
        Some(())
    }

    /// Sends an abnormal refund another way: it is under way again, and succeeds.
    pub(crate) fn send_another_way(
        &mut self,
        refund_id: &str,
        out_refund_no: &str,
        way: String,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let refund = self.refunds.get_mut(out_refund_no).filter(|refund| refund.refund_id == refund_id);
        let refund = refund.ok_or(Refused::RefundUnknown)?;
        match refund.state {
            RefundState::Abnormal => {
                (refund.state, refund.end, refund.another_way) =
                    (RefundState::Processing, RefundEnd::Success, Some(way));
                refund.ends_at = now.saturating_add(REFUND_TAKES).unwrap_or(now);
                self.due.insert((refund.ends_at, out_refund_no.to_owned()), ());
                Ok(())
            }
            RefundState::Processing if refund.another_way.is_some() => Ok(()),
            RefundState::Processing | RefundState::Success | RefundState::Closed => {
                Err(Refused::RefundNotAbnormal)
            }
        }
    }

    /// The refund of this number.
    pub(crate) fn refund_of(&self, out_refund_no: &str) -> Option<&Refund> {
        self.refunds.get(out_refund_no)
    }

    /// Ends every refund whose time has come; the numbers of those that ended, in that order.
    pub(crate) fn finish_due(&mut self, now: Timestamp) -> Vec<String> {
        let mut finished = Vec::new();
        while let Some(entry) = self.due.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let ((at, refund_no), ()) = entry.remove_entry();
            if self.finish(&refund_no, at) {
                finished.push(refund_no);
            }
        }
        finished
    }

    /// Ends one refund now, before its time.
    pub(crate) fn finish_now(&mut self, out_refund_no: &str, now: Timestamp) -> bool {
        self.due.retain(|(_, refund_no), ()| refund_no != out_refund_no);
        self.finish(out_refund_no, now)
    }

    /// When the next refund ends.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.due.first_key_value().map(|((at, _), ())| *at)
    }

    fn finish(&mut self, out_refund_no: &str, at: Timestamp) -> bool {
        let Some(refund) = self.refunds.get_mut(out_refund_no) else { return false };
        if refund.state != RefundState::Processing {
            return false;
        }
        refund.state = match refund.end {
            RefundEnd::Success => RefundState::Success,
            RefundEnd::Abnormal => RefundState::Abnormal,
            RefundEnd::Closed => RefundState::Closed,
        };
        refund.success_at = (refund.state == RefundState::Success).then_some(at);
        true
    }
}

/// The request without the two ways to name the order.
fn without_order(content: &Value) -> Value {
    let mut content = content.clone();
    if let Value::Object(object) = &mut content {
        object.remove("transaction_id");
        object.remove("out_trade_no");
    }
    content
}

/// `amount.from` is only for orders with profit sharing; its parts add up to the refund, each account once.
fn split_is_right(body: &RefundBody, shares: bool) -> bool {
    let from = &body.amount.from;
    if from.is_empty() {
        return true;
    }
    let sum = from.iter().try_fold(0_i64, |sum, part| sum.checked_add(part.amount));
    let twice =
        from.iter().enumerate().any(|(at, part)| from[..at].iter().any(|p| p.account == part.account));
    shares && !twice && sum == Some(body.amount.refund)
}
