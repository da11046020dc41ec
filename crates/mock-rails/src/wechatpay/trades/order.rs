//! One order in the rail's books.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::wechatpay::bodies::OrderBody;
use crate::wechatpay::ids;
use crate::wechatpay::keys::KeyChoice;

/// An order without `time_expire` lives this long. A later `time_expire` is lowered to it: the sources differ between
/// 7 and 15 days as the limit, and a client must expect the shorter one.
const LIFE_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An earlier `time_expire` is raised to this much from now.
const LIFE_MIN: SignedDuration = SignedDuration::from_mins(1);

/// How long a `code_url` or a `prepay_id` can be paid with, whatever the order's own end.
const HANDLE_LIFE: SignedDuration = SignedDuration::from_hours(2);

/// How the payer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Product {
    Native,
    /// Also mini programs.
    Jsapi,
    App,
    H5,
    /// A payer's code; made by a charge of its own.
    Micropay,
}

/// `trade_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OrderState {
    NotPay,
    Success,
    /// Paid, and at least one refund was accepted. Whether acceptance or success of the refund makes it so is told
    /// both ways; acceptance is taken here, because it is the one that surprises a client more.
    Refund,
    Closed,
    /// A payer's code: the payer types the password.
    UserPaying,
    /// A payer's code that came to nothing.
    PayError,
    /// A payer's code that was taken back.
    Revoked,
}

/// One order.
#[derive(Serialize, Deserialize)]
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
    /// What signed the answer to the order, and signs its notification.
    pub(crate) key: KeyChoice,
    /// When the payer is through with the password, and whether it is a yes.
    pub(super) thinking: Option<(Timestamp, bool)>,
    /// When it was taken back, although paid.
    pub(crate) reversed_at: Option<Timestamp>,
}

/// What an order is paid with.
#[derive(Serialize, Deserialize)]
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
}

/// A request to order.
pub(crate) struct NewOrder {
    pub(crate) product: Product,
    pub(crate) body: OrderBody,
    pub(crate) content: Value,
    pub(crate) key: KeyChoice,
}

impl OrderState {
    /// The rail's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NotPay => "NOTPAY",
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
            Self::Closed => "CLOSED",
            Self::UserPaying => "USERPAYING",
            Self::PayError => "PAYERROR",
            Self::Revoked => "REVOKED",
        }
    }

    /// `trade_state_desc`.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::NotPay => "订单未支付",
            Self::Success => "支付成功",
            Self::Refund => "订单发生过退款，退款详情请查询退款单",
            Self::Closed => "订单已关闭",
            Self::UserPaying => "用户支付中，需要输入密码",
            Self::PayError => "支付失败，请重新下单支付",
            Self::Revoked => "订单已撤销",
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
            Self::Micropay => "MICROPAY",
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
            key: new.key,
            thinking: None,
            reversed_at: None,
        }
    }

    /// The payer's money comes in, once; answers the number of the transaction.
    pub(super) fn charged(&mut self, openid: &str, number: usize, now: Timestamp) -> String {
        let transaction_id = ids::transaction_id(now, number);
        self.state = OrderState::Success;
        self.charges += 1;
        self.thinking = None;
        let (paid_at, openid) = (now, openid.to_owned());
        self.payment = Some(Payment { transaction_id: transaction_id.clone(), paid_at, openid });
        transaction_id
    }

    /// Closes an unpaid order whose time is over.
    pub(super) fn expire(&mut self, now: Timestamp) {
        if self.state == OrderState::NotPay && now >= self.expires_at {
            self.state = OrderState::Closed;
        }
    }
}

impl Handle {
    pub(super) fn new(text: String, now: Timestamp) -> Self {
        Self { text, until: now + HANDLE_LIFE }
    }
}
