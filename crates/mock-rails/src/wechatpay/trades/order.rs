//! One order in the rail's books.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::refund::RefundState;
use crate::wechatpay::bodies::OrderBody;
use crate::wechatpay::keys::KeyChoice;

/// An order without `time_expire` lives this long. A later `time_expire` is lowered to it: the sources differ between
/// 7 and 15 days as the limit, and a client must expect the shorter one.
const LIFE_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An earlier `time_expire` is raised to this much from now.
const LIFE_MIN: SignedDuration = SignedDuration::from_mins(1);

/// How the payer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Product {
    Native,
    /// Official accounts and mini programs.
    Jsapi,
    App,
    H5,
    /// The merchant scans a code that the payer shows.
    Code,
}

/// `trade_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OrderState {
    NotPay,
    /// Only with codes: the payer is asked for a password.
    UserPaying,
    Success,
    /// Paid, and at least one refund was accepted. Whether acceptance or success of the refund makes it so is told
    /// both ways; acceptance is taken here, because it is the one that surprises a client more.
    Refund,
    Closed,
    /// Only with codes: reversed, and given back when it was paid.
    Revoked,
    /// Only with codes: the payer did not pay.
    PayError,
}

/// One order.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    pub(crate) product: Product,
    pub(crate) body: OrderBody,
    /// The whole body as it first came: a repeat must say the same.
    pub(super) content: Value,
    pub(crate) expires_at: Timestamp,
    pub(super) handles: Vec<Handle>,
    pub(super) scanned_by: Option<String>,
    pub(crate) state: OrderState,
    pub(crate) payment: Option<Payment>,
    /// How often the payer was charged.
    pub(super) charges: u32,
    pub(super) refund_nos: Vec<String>,
    /// Its place among the orders, by age.
    pub(super) number: usize,
    /// Which key the order asked for: signs its notification while it is there.
    pub(crate) asked: Option<KeyChoice>,
    /// Until when the payer thinks about the password, and what comes of it.
    pub(super) thinking: Option<Thinking>,
    /// The money of a reversed order that was paid.
    pub(crate) reversal: Option<Reversal>,
    /// The money that the rail took once more (F05).
    #[serde(default)]
    pub(crate) again: Option<Payment>,
}

/// A payer who was asked for a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Thinking {
    pub(super) until: Timestamp,
    pub(super) pays: bool,
}

/// What an order is paid with.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Handle {
    pub(super) text: String,
    pub(super) until: Timestamp,
}

/// The payer's money. No `Debug`: it names the payer.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Payment {
    pub(crate) transaction_id: String,
    pub(crate) paid_at: Timestamp,
    pub(crate) openid: String,
    pub(crate) bank_type: String,
    /// What the rail keeps, in fen.
    pub(crate) fee_fen: i64,
    /// In hundredths of a percent.
    pub(crate) fee_basis_points: u16,
}

/// A payment that was given back because its order was reversed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Reversal {
    pub(crate) refund_id: String,
    pub(crate) at: Timestamp,
}

/// A request to order.
pub(crate) struct NewOrder {
    pub(crate) product: Product,
    pub(crate) body: OrderBody,
    pub(crate) content: Value,
    pub(crate) asked: Option<KeyChoice>,
}

impl OrderState {
    /// The rail's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NotPay => "NOTPAY",
            Self::UserPaying => "USERPAYING",
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
            Self::Closed => "CLOSED",
            Self::Revoked => "REVOKED",
            Self::PayError => "PAYERROR",
        }
    }

    /// `trade_state_desc`.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::NotPay => "订单未支付",
            Self::UserPaying => "需要用户输入支付密码",
            Self::Success => "支付成功",
            Self::Refund => "订单发生过退款，退款详情请查询退款单",
            Self::Closed => "订单已关闭",
            Self::Revoked => "订单已撤销",
            Self::PayError => "支付失败，请重新下单支付",
        }
    }
}

impl Product {
    /// `trade_type` of a paid order.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Native => "NATIVE",
            Self::Jsapi => "JSAPI",
            Self::App => "APP",
            Self::H5 => "MWEB",
            Self::Code => "MICROPAY",
        }
    }

    /// How long what an order is paid with can be used, whatever the order's own end.
    pub(super) fn handle_life(self) -> SignedDuration {
        match self {
            Self::Native | Self::Jsapi | Self::App | Self::Code => SignedDuration::from_hours(2),
            Self::H5 => SignedDuration::from_mins(5),
        }
    }
}

impl Order {
    /// A new order; its end of life is what was asked for, within the rail's limits.
    pub(super) fn open(new: NewOrder, number: usize, now: Timestamp) -> Self {
        let wanted = new.body.time_expire.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
        let expires_at = wanted.unwrap_or(now + LIFE_MAX).clamp(now + LIFE_MIN, now + LIFE_MAX);
        Self {
            product: new.product,
            body: new.body,
            content: new.content,
            expires_at,
            handles: Vec::new(),
            scanned_by: None,
            state: OrderState::NotPay,
            payment: None,
            charges: 0,
            refund_nos: Vec::new(),
            number,
            asked: new.asked,
            thinking: None,
            reversal: None,
            again: None,
        }
    }

    /// Closes an unpaid order whose time is over.
    pub(super) fn expire(&mut self, now: Timestamp) {
        if self.state == OrderState::NotPay && now >= self.expires_at {
            self.state = OrderState::Closed;
        }
    }

    /// Whether the money may be shared with others.
    pub(super) fn shares(&self) -> bool {
        self.body.settle_info.as_ref().is_some_and(|settle| settle.profit_sharing)
    }

    /// The order with its second payment as if it were the only one; `None` where there is none.
    pub(crate) fn paid_again(&self) -> Option<Self> {
        let again = self.again.clone()?;
        Some(Self { state: OrderState::Success, payment: Some(again), reversal: None, ..self.clone() })
    }

    /// What the payer's phone has of it: the newest of what it can be paid with.
    pub(crate) fn handle(&self) -> Option<&str> {
        self.handles.last().map(|handle| handle.text.as_str())
    }

    /// Whether the payer can pay it now.
    pub(crate) fn is_payable(&self) -> bool {
        match self.state {
            OrderState::NotPay | OrderState::UserPaying => true,
            OrderState::Success
            | OrderState::Refund
            | OrderState::Closed
            | OrderState::Revoked
            | OrderState::PayError => false,
        }
    }

    /// Given back in all, in fen, when the refunds that have happened add up to `refunded`.
    pub(super) fn returned(&self, refunded: i64) -> i64 {
        if self.reversal.is_some() { self.body.amount.total } else { refunded }
    }
}

impl Handle {
    pub(super) fn new(text: String, until: Timestamp) -> Self {
        Self { text, until }
    }

    /// What it is found by: a `prepay_id`, also inside an H5 address to which the merchant may have added something,
    /// or the text itself.
    pub(super) fn key(text: &str) -> &str {
        let inside = text
            .split_once('?')
            .and_then(|(_, query)| query.split('&').find_map(|pair| pair.strip_prefix("prepay_id=")));
        inside.unwrap_or(text)
    }
}

impl RefundState {
    /// Whether the amount is taken from what is left of the order.
    pub(super) fn counts(self) -> bool {
        match self {
            Self::Processing | Self::Success | Self::Abnormal => true,
            Self::Closed => false,
        }
    }
}
