//! Notices: signed forms to the notify_url of the order, repeated until the answer is exactly `success`.
//!
//! Sent by default: paid, partly refunded, fully refunded. Only fields with a value are sent. The notify_id stays the
//! same over the tries of one notice, the notify_time does not, so each try is signed afresh.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::Merchant;
use super::biz::yuan;
use super::sign::{Keys, notice_string};
use super::time;
use super::trades::{Order, Trade};
use super::wire::{Charset, write_form};
use crate::notifier::{HttpMessage, Notice};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The buyer paid.
    Paid,
    /// Money went back. Whether it was all of it shows in the trade's state.
    Refunded {
        /// The out_request_no, or the out_trade_no when the refund had none.
        out_biz_no: String,
        at: Timestamp,
    },
}

impl Event {
    /// The framework's word for what caused it.
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Paid => "charge",
            Self::Refunded { .. } => "refund",
        }
    }

    fn key(&self, order: &Order) -> String {
        match self {
            Self::Paid => format!("paid {}", order.out_trade_no),
            Self::Refunded { out_biz_no, .. } => format!("refunded {} {out_biz_no}", order.out_trade_no),
        }
    }
}

/// Eight deliveries within about 25 hours: the first at once, then after these gaps.
pub(super) const SCHEDULE: &[Duration] = &[
    Duration::from_secs(4 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(6 * 3600),
    Duration::from_secs(15 * 3600),
];

/// The fields of a form, in the order in which they are sent.
pub(super) type Fields = Vec<(&'static str, String)>;

/// How a notice is falsified on demand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Falsified {
    /// Says this amount in fen instead of the order's.
    pub(super) amount_fen: Option<i64>,
    /// Signs other bytes.
    pub(super) signature: bool,
}

/// The notice of an event; `None` when the order asked for none or has no trade.
pub(super) fn notice(
    order: &Order,
    event: &Event,
    notify_id: String,
    merchant: &Merchant,
    keys: &Arc<Keys>,
    falsified: Falsified,
) -> Option<Notice> {
    let url = order.notify_url.clone()?;
    let fields = fields(order, order.trade.as_ref()?, event, notify_id, merchant, falsified.amount_fen);
    let (keys, charset) = (keys.clone(), order.charset);
    Some(Notice {
        key: event.key(order),
        url,
        schedule: SCHEDULE,
        render: Box::new(move |_, now| render(fields.clone(), &keys, charset, now, falsified.signature)),
        acknowledged: |status, body| status == 200 && body == b"success",
    })
}

fn fields(
    order: &Order,
    trade: &Trade,
    event: &Event,
    notify_id: String,
    merchant: &Merchant,
    amount_fen: Option<i64>,
) -> Fields {
    let amount = yuan(amount_fen.unwrap_or(order.total_fen));
    let funds = json!([{ "amount": amount, "fundChannel": "ALIPAYACCOUNT" }]).to_string();
    let mut fields: Fields = vec![
        ("gmt_create", time::text(trade.created)),
        ("charset", order.charset.name().to_owned()),
        ("seller_email", merchant.seller_email.to_owned()),
        ("subject", order.subject.clone()),
        ("body", order.body.clone().unwrap_or_default()),
        ("buyer_id", merchant.buyer_id.to_owned()),
        ("invoice_amount", amount.clone()),
        ("notify_id", notify_id),
        ("fund_bill_list", funds),
        ("notify_type", "trade_status_sync".to_owned()),
        ("trade_status", trade.status.word().to_owned()),
        ("receipt_amount", amount.clone()),
        ("sign", FILLED_IN.to_owned()),
        ("buyer_pay_amount", amount.clone()),
        ("app_id", merchant.app_id.to_owned()),
        ("sign_type", "RSA2".to_owned()),
        ("seller_id", merchant.seller_id.to_owned()),
        ("gmt_payment", trade.paid.map(time::text).unwrap_or_default()),
        ("notify_time", FILLED_IN.to_owned()),
        ("passback_params", order.passback_params.clone().unwrap_or_default()),
        ("version", "1.0".to_owned()),
        ("out_trade_no", order.out_trade_no.clone()),
        ("total_amount", amount),
        ("trade_no", trade.trade_no.clone()),
        ("auth_app_id", merchant.app_id.to_owned()),
        ("buyer_logon_id", merchant.buyer_logon_id.to_owned()),
        ("point_amount", "0.00".to_owned()),
    ];
    match event {
        Event::Paid => {}
        Event::Refunded { out_biz_no, at } => fields.extend([
            ("refund_fee", yuan(trade.refunded_fen())),
            ("gmt_refund", time::text_with_millis(*at)),
            ("gmt_close", trade.closed.map(time::text).unwrap_or_default()),
            ("out_biz_no", out_biz_no.clone()),
        ]),
    }
    fields.retain(|(_, value)| !value.is_empty());
    fields
}

/// Stands where each try has its own value.
const FILLED_IN: &str = "-";

/// One try: fills in the time, then the signature.
pub(super) fn render(
    mut fields: Fields,
    keys: &Keys,
    charset: Charset,
    now: Timestamp,
    wrong_signature: bool,
) -> HttpMessage {
    for (name, value) in &mut fields {
        if *name == "notify_time" {
            *value = time::text(now);
        }
    }
    sign(&mut fields, keys, charset, wrong_signature);
    let body = write_form(fields.iter().map(|(name, value)| (*name, value.as_str())), charset);
    let content_type = format!("application/x-www-form-urlencoded; charset={}", charset.name());
    HttpMessage { headers: vec![("content-type", content_type)], body: body.into_bytes() }
}

/// Puts the signature into the field `sign`, over all fields but it and `sign_type`.
pub(super) fn sign(fields: &mut Fields, keys: &Keys, charset: Charset, wrong_signature: bool) {
    let encoded: Vec<(&[u8], Vec<u8>)> =
        fields.iter().map(|(name, value)| (name.as_bytes(), charset.encode(value))).collect();
    let mut string = notice_string(encoded.iter().map(|(name, value)| (*name, value.as_slice())));
    if wrong_signature {
        string.push(b'!');
    }
    let signature = keys.sign(&string);
    for (name, value) in fields {
        if *name == "sign" {
            *value = signature.clone();
        }
    }
}
