//! What orders and refunds look like on the wire: in answers, with keys in alphabetical order as real bodies have
//! them, and inside notifications.

use serde_json::{Value, json};

use super::answers::china_time;
use super::trades::{Order, Payment, Refund};

/// The answer to a query, and to a code that was charged. An unpaid order has no `transaction_id`, `trade_type`,
/// `bank_type`, `success_time`, `payer` and `payer_total`.
pub(crate) fn order(order: &Order) -> Value {
    let total = order.body.amount.total;
    let mut view = json!({
        "amount": {"currency": "CNY", "payer_currency": "CNY", "total": total},
        "appid": order.body.appid,
        "attach": order.body.attach,
        "mchid": order.body.mchid,
        "out_trade_no": order.body.out_trade_no,
        "promotion_detail": [],
        "trade_state": order.state.word(),
        "trade_state_desc": order.state.description(),
    });
    if let Some(payment) = &order.payment {
        view["amount"]["payer_total"] = total.into();
        view["bank_type"] = payment.bank_type.as_str().into();
        view["payer"] = json!({"openid": payment.openid});
        view["success_time"] = china_time(payment.paid_at).into();
        view["trade_type"] = order.product.word().into();
        view["transaction_id"] = payment.transaction_id.as_str().into();
    }
    with_device(view, order)
}

/// The answer to a code that waits for its password.
pub(crate) fn waiting(order: &Order) -> Value {
    json!({
        "appid": order.body.appid,
        "mchid": order.body.mchid,
        "out_trade_no": order.body.out_trade_no,
        "trade_state": order.state.word(),
        "trade_state_desc": order.state.description(),
    })
}

/// The plaintext of `TRANSACTION.SUCCESS`. `fen` is the order's amount, unless a fault says another one.
pub(crate) fn paid(order: &Order, payment: &Payment, fen: i64) -> Value {
    let view = json!({
        "mchid": order.body.mchid,
        "appid": order.body.appid,
        "out_trade_no": order.body.out_trade_no,
        "transaction_id": payment.transaction_id,
        "trade_type": order.product.word(),
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": payment.bank_type,
        "attach": order.body.attach,
        "success_time": china_time(payment.paid_at),
        "payer": {"openid": payment.openid},
        "amount": {"total": fen, "payer_total": fen, "currency": "CNY", "payer_currency": "CNY"},
    });
    with_device(view, order)
}

fn with_device(mut view: Value, order: &Order) -> Value {
    if let Some(device_id) = order.body.scene_info.as_ref().and_then(|scene| scene.device_id.as_deref()) {
        view["scene_info"] = json!({"device_id": device_id});
    }
    view
}

/// The answer to a refund and to its query.
pub(crate) fn refund(refund: &Refund) -> Value {
    let mut view = json!({
        "amount": {
            "currency": "CNY",
            "discount_refund": 0,
            "from": refund.from,
            "payer_refund": refund.fen,
            "payer_total": refund.total,
            "refund": refund.fen,
            "refund_fee": refund.fee_back_fen,
            "settlement_refund": refund.fen,
            "settlement_total": refund.total,
            "total": refund.total,
        },
        "channel": refund.channel,
        "create_time": china_time(refund.created_at),
        "funds_account": refund.funds_account,
        "out_refund_no": refund.out_refund_no,
        "out_trade_no": refund.out_trade_no,
        "promotion_detail": [],
        "refund_id": refund.refund_id,
        "status": refund.state.word(),
        "transaction_id": refund.transaction_id,
        "user_received_account": refund.received_account,
    });
    if let Some(at) = refund.success_at {
        view["success_time"] = china_time(at).into();
    }
    view
}

/// The plaintext of `REFUND.*`. `fen` is the refund's amount, unless a fault says another one.
pub(crate) fn refund_ended(refund: &Refund, mchid: &str, fen: i64) -> Value {
    let mut view = json!({
        "mchid": mchid,
        "out_trade_no": refund.out_trade_no,
        "transaction_id": refund.transaction_id,
        "out_refund_no": refund.out_refund_no,
        "refund_id": refund.refund_id,
        "refund_status": refund.state.word(),
        "amount": {
            "total": refund.total,
            "refund": fen,
            "payer_total": refund.total,
            "payer_refund": fen,
        },
        "user_received_account": refund.received_account,
    });
    if let Some(at) = refund.success_at {
        view["success_time"] = china_time(at).into();
    }
    view
}
