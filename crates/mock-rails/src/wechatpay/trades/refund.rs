//! Refunds in the rail's books: accepted first, finished a little later.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Due, Order, OrderState, Refused, Trades, share};
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

/// How long the merchant's balance stays short, once a refund has met it so.
const SHORT_FOR: SignedDuration = SignedDuration::from_mins(1);

/// How long it is remembered that a refund met it short.
const SHORT_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Where refunds go.
const RECEIVED_ACCOUNT: &str = "支付用户零钱";

/// `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundState {
    Processing,
    Success,
    Abnormal,
    Closed,
}

/// How an accepted refund ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundEnd {
    Success,
    /// The payer's account cannot take it; the money is neither here nor there.
    Abnormal,
    /// Given up; a new refund needs a new number.
    Closed,
}

/// What becomes of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefundPlan {
    pub(crate) end: RefundEnd,
    pub(crate) takes: SignedDuration,
    /// The merchant's balance does not suffice, for a minute.
    pub(crate) short: bool,
}

impl Default for RefundPlan {
    fn default() -> Self {
        Self { end: RefundEnd::Success, takes: REFUND_TAKES, short: false }
    }
}

/// One refund.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refund {
    pub(crate) out_refund_no: String,
    pub(crate) refund_id: String,
    pub(crate) out_trade_no: String,
    pub(crate) transaction_id: String,
    /// Given back, in fen.
    pub(crate) fen: i64,
    /// The order's amount, in fen.
    pub(crate) total: i64,
    /// What the rail gives back of its fee, in fen.
    pub(crate) fee_back_fen: i64,
    pub(crate) notify_url: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) success_at: Option<Timestamp>,
    /// When it came to an end, whichever.
    pub(crate) ended_at: Option<Timestamp>,
    pub(super) due_at: Timestamp,
    pub(crate) state: RefundState,
    pub(crate) channel: String,
    pub(crate) received_account: String,
    pub(crate) funds_account: String,
    pub(crate) from: Vec<RefundFrom>,
    /// Which key the request asked for: signs the notification while it is there.
    pub(crate) asked: Option<KeyChoice>,
    /// Whether it was sent elsewhere after it could not arrive.
    pub(super) diverted: bool,
    pub(super) content: Value,
    pub(super) end: RefundEnd,
}

/// A request to refund.
pub(crate) struct RefundRequest {
    pub(crate) body: RefundBody,
    pub(crate) content: Value,
    pub(crate) plan: RefundPlan,
    pub(crate) asked: Option<KeyChoice>,
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
}

impl Refund {
    /// How it stood just before `until`.
    pub(crate) fn state_before(&self, until: Timestamp) -> RefundState {
        if self.ended_at.is_some_and(|at| at < until) { self.state } else { RefundState::Processing }
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
        self.check_balance(&request, now)?;
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
        let order = self.order_mut(order_no, now).ok_or(Refused::RefundOrderUnknown)?.clone();
        let paid_at = order.payment.as_ref().map(|p| p.paid_at).ok_or(Refused::RefundOrderUnknown)?;
        let total = order.body.amount.total;
        let earlier = || order.refund_nos.iter().filter_map(|no| self.refunds.get(no));
        let taken: i64 = earlier().filter(|refund| refund.state.counts()).map(|refund| refund.fen).sum();
        if body.amount.total != total {
            return Err(Refused::RefundChanged);
        }
        if taken == total || order.reversal.is_some() {
            return Err(Refused::RefundedInFull);
        }
        // `taken` is at most `total`, so this cannot overflow.
        if body.amount.refund > total - taken {
            return Err(Refused::RefundTooLarge);
        }
        if order.refund_nos.len() >= REFUNDS_PER_ORDER_MAX {
            return Err(Refused::RefundTooMany);
        }
        if now.duration_since(paid_at) > REFUND_WINDOW {
            return Err(Refused::RefundTooLate);
        }
        if paced && earlier().any(|refund| now.duration_since(refund.created_at) < REFUND_PACE) {
            return Err(Refused::RefundTooSoon);
        }
        if !split_is_right(body, order.shares()) {
            return Err(Refused::RefundSplitWrong);
        }
        if goods_are_right(body, &order) { Ok(()) } else { Err(Refused::RefundGoodsWrong) }
    }

    /// Short for a minute from the first time on, as if the merchant topped its balance up then.
    fn check_balance(&mut self, request: &RefundRequest, now: Timestamp) -> Result<(), Refused> {
        if !request.plan.short {
            return Ok(());
        }
        self.short.retain(|_, since| now.duration_since(*since) < SHORT_KEPT);
        let since = *self.short.entry(request.body.out_refund_no.clone()).or_insert(now);
        if now.duration_since(since) < SHORT_FOR {
            return Err(Refused::RefundNotEnough);
        }
        self.short.remove(&request.body.out_refund_no);
        Ok(())
    }

    fn accept(&mut self, order_no: String, request: RefundRequest, now: Timestamp) -> Option<()> {
        let number = self.returns + 1;
        let fee_back_fen = self.fee_back(&order_no, request.body.amount.refund);
        let order = self.order_mut(&order_no, now)?;
        let transaction_id = order.payment.as_ref()?.transaction_id.clone();
        let refund_no = request.body.out_refund_no.clone();
        let due_at = now + request.plan.takes;
        let unsettled = if order.shares() { "UNSETTLED" } else { "AVAILABLE" };
        order.state = OrderState::Refund;
        order.refund_nos.push(refund_no.clone());
        let refund = Refund {
            out_refund_no: refund_no.clone(),
            refund_id: ids::refund_id(now, number),
            out_trade_no: order_no,
            transaction_id,
            fen: request.body.amount.refund,
            total: request.body.amount.total,
            fee_back_fen,
            notify_url: request.body.notify_url,
            created_at: now,
            success_at: None,
            ended_at: None,
            due_at,
            state: RefundState::Processing,
            channel: "ORIGINAL".to_owned(),
            received_account: RECEIVED_ACCOUNT.to_owned(),
            funds_account: request.body.funds_account.unwrap_or_else(|| unsettled.to_owned()),
            from: request.body.amount.from,
            asked: request.asked,
            diverted: false,
            content: without_order(&request.content),
            end: request.plan.end,
        };
        self.returns = number;
        self.due.insert((due_at, Due::Refund(refund_no.clone())));
        self.by_refund_id.insert(refund.refund_id.clone(), refund_no.clone());
        self.refunds.insert(refund_no, refund);
        Some(())
    }

    /// What the rail gives back of its fee for this refund: all refunds together never more than their share, and the
    /// whole fee once the whole order is given back.
    fn fee_back(&self, order_no: &str, fen: i64) -> i64 {
        let Some(order) = self.orders.get(order_no).and_then(super::Slot::order) else { return 0 };
        let Some(payment) = &order.payment else { return 0 };
        let counting = || {
            let refunds = order.refund_nos.iter().filter_map(|no| self.refunds.get(no));
            refunds.filter(|refund| refund.state.counts())
        };
        let (taken, given) =
            counting().fold((0_i64, 0_i64), |(taken, given), it| (taken + it.fen, given + it.fee_back_fen));
        let wanted = share(payment.fee_fen, taken + fen, order.body.amount.total);
        (wanted - given).clamp(0, (payment.fee_fen - given).max(0))
    }

    /// The refund of this number.
    pub(crate) fn refund_of(&self, out_refund_no: &str) -> Option<&Refund> {
        self.refunds.get(out_refund_no)
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
    let twice = from
        .iter()
        .enumerate()
        .any(|(at, part)| from.iter().take(at).any(|earlier| earlier.account == part.account));
    shares && !twice && sum == Some(body.amount.refund)
}

/// Goods of a refund are goods of the order, in no greater number, and worth no more than the refund. An order that
/// named no goods is not compared. How strict the real rail is here is unconfirmed.
fn goods_are_right(body: &RefundBody, order: &Order) -> bool {
    let sum = body.goods_detail.iter().try_fold(0_i64, |sum, it| sum.checked_add(it.refund_amount));
    if sum.is_none_or(|sum| sum > body.amount.refund) {
        return false;
    }
    let ordered = order.body.detail.as_ref().map(|detail| detail.goods_detail.as_slice()).unwrap_or_default();
    ordered.is_empty()
        || body.goods_detail.iter().all(|wanted| {
            let same = ordered.iter().filter(|it| it.merchant_goods_id == wanted.merchant_goods_id);
            let count = same.fold(0_i64, |sum, it| sum.saturating_add(it.quantity));
            (1..=count).contains(&wanted.refund_quantity)
        })
}
