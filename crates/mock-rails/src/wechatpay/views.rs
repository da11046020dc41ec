//! What orders and refunds look like on the wire: in answers (keys in alphabetical order, as real bodies have them)
//! and inside notifications (facts: sections 2.3, 2.5 and 4 of the fact sheet on API v3).

use serde::Serialize;

use super::answers::china_time;
use super::trades::{Order, Payment, Refund};

/// The only bank of this mock: the payer's balance.
const BANK_TYPE: &str = "OTHERS";

/// Where refunds go.
const RECEIVED_ACCOUNT: &str = "支付用户零钱";

#[derive(Serialize)]
struct Nothing {}

/// The answer to a query, and to nothing else.
#[derive(Serialize)]
pub(crate) struct OrderView<'a> {
    amount: OrderAmountView,
    appid: &'a str,
    attach: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bank_type: Option<&'static str>,
    mchid: &'a str,
    out_trade_no: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payer: Option<PayerView<'a>>,
    promotion_detail: [Nothing; 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    scene_info: Option<SceneView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    success_time: Option<String>,
    trade_state: &'static str,
    trade_state_desc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trade_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'a str>,
}

#[derive(Serialize)]
struct OrderAmountView {
    currency: &'static str,
    payer_currency: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payer_total: Option<i64>,
    total: i64,
}

#[derive(Serialize)]
struct PayerView<'a> {
    openid: &'a str,
}

#[derive(Serialize)]
struct SceneView<'a> {
    device_id: &'a str,
}

impl<'a> OrderView<'a> {
    /// An unpaid order has no `transaction_id`, `trade_type`, `bank_type`, `success_time` and `payer`.
    pub(crate) fn of(order: &'a Order) -> Self {
        let paid = order.payment.as_ref();
        let total = order.body.amount.total;
        Self {
            amount: OrderAmountView {
                currency: "CNY",
                payer_currency: "CNY",
                payer_total: paid.map(|_| total),
                total,
            },
            appid: &order.body.appid,
            attach: &order.body.attach,
            bank_type: paid.map(|_| BANK_TYPE),
            mchid: &order.body.mchid,
            out_trade_no: &order.body.out_trade_no,
            payer: paid.map(|payment| PayerView { openid: &payment.openid }),
            promotion_detail: [],
            scene_info: device_of(order),
            success_time: paid.map(|payment| china_time(payment.paid_at)),
            trade_state: order.state.word(),
            trade_state_desc: order.state.description(),
            trade_type: paid.map(|_| order.product.word()),
            transaction_id: paid.map(|payment| payment.transaction_id.as_str()),
        }
    }
}

fn device_of(order: &Order) -> Option<SceneView<'_>> {
    let device_id = order.body.scene_info.as_ref()?.device_id.as_deref()?;
    Some(SceneView { device_id })
}

/// The plaintext of `TRANSACTION.SUCCESS`.
#[derive(Serialize)]
pub(crate) struct PaidPlaintext<'a> {
    mchid: &'a str,
    appid: &'a str,
    out_trade_no: &'a str,
    transaction_id: &'a str,
    trade_type: &'static str,
    trade_state: &'static str,
    trade_state_desc: &'static str,
    bank_type: &'static str,
    attach: &'a str,
    success_time: String,
    payer: PayerView<'a>,
    amount: PaidAmount,
    #[serde(skip_serializing_if = "Option::is_none")]
    scene_info: Option<SceneView<'a>>,
}

#[derive(Serialize)]
struct PaidAmount {
    total: i64,
    payer_total: i64,
    currency: &'static str,
    payer_currency: &'static str,
}

impl<'a> PaidPlaintext<'a> {
    /// `fen` is the order's amount, unless a fault says another one.
    pub(crate) fn of(order: &'a Order, payment: &'a Payment, fen: i64) -> Self {
        Self {
            mchid: &order.body.mchid,
            appid: &order.body.appid,
            out_trade_no: &order.body.out_trade_no,
            transaction_id: &payment.transaction_id,
            trade_type: order.product.word(),
            trade_state: "SUCCESS",
            trade_state_desc: "支付成功",
            bank_type: BANK_TYPE,
            attach: &order.body.attach,
            success_time: china_time(payment.paid_at),
            payer: PayerView { openid: &payment.openid },
            amount: PaidAmount { total: fen, payer_total: fen, currency: "CNY", payer_currency: "CNY" },
            scene_info: device_of(order),
        }
    }
}

/// The answer to a refund and to its query.
#[derive(Serialize)]
pub(crate) struct RefundView<'a> {
    amount: RefundAmountView,
    channel: &'static str,
    create_time: String,
    funds_account: &'static str,
    out_refund_no: &'a str,
    out_trade_no: &'a str,
    promotion_detail: [Nothing; 0],
    refund_id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    success_time: Option<String>,
    transaction_id: &'a str,
    user_received_account: &'static str,
}

#[derive(Serialize)]
struct RefundAmountView {
    currency: &'static str,
    discount_refund: i64,
    from: [Nothing; 0],
    payer_refund: i64,
    payer_total: i64,
    refund: i64,
    refund_fee: i64,
    settlement_refund: i64,
    settlement_total: i64,
    total: i64,
}

impl<'a> RefundView<'a> {
    pub(crate) fn of(refund: &'a Refund) -> Self {
        Self {
            amount: RefundAmountView {
                currency: "CNY",
                discount_refund: 0,
                from: [],
                payer_refund: refund.fen,
                payer_total: refund.total,
                refund: refund.fen,
                refund_fee: 0,
                settlement_refund: refund.fen,
                settlement_total: refund.total,
                total: refund.total,
            },
            channel: "ORIGINAL",
            create_time: china_time(refund.created_at),
            funds_account: "AVAILABLE",
            out_refund_no: &refund.out_refund_no,
            out_trade_no: &refund.out_trade_no,
            promotion_detail: [],
            refund_id: &refund.refund_id,
            status: refund.state.word(),
            success_time: refund.success_at.map(china_time),
            transaction_id: &refund.transaction_id,
            user_received_account: RECEIVED_ACCOUNT,
        }
    }
}

/// The plaintext of `REFUND.*`.
#[derive(Serialize)]
pub(crate) struct RefundPlaintext<'a> {
    mchid: &'a str,
    out_trade_no: &'a str,
    transaction_id: &'a str,
    out_refund_no: &'a str,
    refund_id: &'a str,
    refund_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    success_time: Option<String>,
    amount: RefundNotified,
    user_received_account: &'static str,
}

#[derive(Serialize)]
struct RefundNotified {
    total: i64,
    refund: i64,
    payer_total: i64,
    payer_refund: i64,
}

impl<'a> RefundPlaintext<'a> {
    /// `fen` is the refund's amount, unless a fault says another one.
    pub(crate) fn of(refund: &'a Refund, mchid: &'a str, fen: i64) -> Self {
        Self {
            mchid,
            out_trade_no: &refund.out_trade_no,
            transaction_id: &refund.transaction_id,
            out_refund_no: &refund.out_refund_no,
            refund_id: &refund.refund_id,
            refund_status: refund.state.word(),
            success_time: refund.success_at.map(china_time),
            amount: RefundNotified {
                total: refund.total,
                refund: fen,
                payer_total: refund.total,
                payer_refund: fen,
            },
            user_received_account: RECEIVED_ACCOUNT,
        }
    }
}
