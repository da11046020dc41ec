//! Notices: signed forms to the notify_url of the order, repeated until the answer is exactly `success`.
//!
//! Sent by default: paid, partly refunded, fully refunded, money set aside, money set free. The fields of the last two are
//! those of genuine notices that merchants have published.
//!
//! Only fields with a value are sent. The notify_id stays the
//! same over the tries of one notice, the notify_time does not, so each try is signed afresh.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::biz::yuan;
use super::holds::{self, Hold, Kind};
use super::keys::Keys;
use super::material::{Account, Material};
use super::sign::notice_string;
use super::time;
use super::trades::{Again, Order, Trade};
use super::wire::{Charset, write_form};
use crate::notifier::{HttpMessage, Notice};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Event {
    /// The buyer paid.
    Paid,
    /// The buyer was charged once more (F05).
    PaidAgain(Again),
    /// Money went back. Whether it was all of it shows in the trade's state.
    Refunded {
        /// The out_request_no, or the out_trade_no when the refund had none.
        out_biz_no: String,
        at: Timestamp,
    },
}

impl Event {
    /// The framework's word for what caused it.
    pub(super) fn operation(&self, order: &Order) -> &'static str {
        match self {
            Self::Paid if order.auth_no.is_some() => "capture",
            Self::Paid | Self::PaidAgain(_) => "charge",
            Self::Refunded { .. } => "refund",
        }
    }

    pub(super) fn key(&self, order: &Order) -> String {
        match self {
            Self::Paid => format!("paid {}", order.out_trade_no),
            Self::PaidAgain(again) => format!("paid again {} {}", order.out_trade_no, again.trade_no),
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
    material: &Arc<Material>,
    falsified: Falsified,
) -> Option<Notice> {
    let url = order.notify_url.clone()?;
    let account = &material.account;
    let again = match event {
        Event::PaidAgain(again) => Some(Trade::paid_again(again)),
        Event::Paid | Event::Refunded { .. } => None,
    };
    let trade = again.as_ref().or(order.trade.as_ref())?;
    let fields = fields(order, trade, event, notify_id, account, falsified.amount_fen);
    Some(made(event.key(order), url, fields, order.charset, material.clone(), falsified))
}

fn made(
    key: String,
    url: String,
    fields: Fields,
    charset: Charset,
    material: Arc<Material>,
    falsified: Falsified,
) -> Notice {
    Notice {
        key,
        url,
        schedule: SCHEDULE,
        render: Box::new(move |_, now| {
            render(fields.clone(), &material.keys, charset, now, falsified.signature)
        }),
        acknowledged: |status, body| status == 200 && body == b"success",
    }
}

impl holds::Event {
    /// The framework's word for what caused it.
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Frozen => "charge",
            Self::Unfrozen { .. } => "release",
        }
    }

    pub(super) fn key(&self, hold: &Hold) -> String {
        match self {
            Self::Frozen => format!("frozen {}", hold.out_order_no),
            Self::Unfrozen { operation_id } => format!("unfrozen {} {operation_id}", hold.out_order_no),
        }
    }
}

/// The notice of a pre-authorisation; an unfreeze goes where its own request said, or where the freeze did.
pub(super) fn hold_notice(
    hold: &Hold,
    event: &holds::Event,
    notify_id: String,
    material: &Arc<Material>,
    falsified: Falsified,
) -> Option<Notice> {
    let first = hold.operations.first()?;
    let operation = match event {
        holds::Event::Frozen => first,
        holds::Event::Unfrozen { operation_id } => {
            hold.operations.iter().find(|operation| operation.operation_id == *operation_id)?
        }
    };
    let url = operation.notify_url.clone().or_else(|| first.notify_url.clone())?;
    let (account, frozen) = (&material.account, operation.kind == Kind::Freeze);
    let at = if frozen { hold.frozen } else { Some(operation.created) };
    let kind = if frozen { "fund_auth_freeze" } else { "fund_auth_unfreeze" };
    let mut fields: Fields = vec![
        ("gmt_create", time::text(operation.created)),
        ("charset", hold.charset.name().to_owned()),
        ("notify_type", kind.to_owned()),
        ("auth_no", hold.auth_no.clone()),
        ("out_order_no", hold.out_order_no.clone()),
        ("operation_id", operation.operation_id.clone()),
        ("out_request_no", operation.out_request_no.clone()),
        ("operation_type", operation.kind.word().to_owned()),
        ("amount", yuan(falsified.amount_fen.unwrap_or(operation.fen))),
        ("status", hold.outcome(operation).to_owned()),
        ("total_freeze_amount", yuan(hold.held_fen())),
        ("total_unfreeze_amount", yuan(hold.released_fen())),
        ("total_pay_amount", yuan(hold.captured_fen())),
        ("rest_amount", yuan(hold.rest_fen())),
        ("gmt_trans", at.map(time::text).unwrap_or_default()),
        ("payer_user_id", account.buyer_id.clone()),
        ("payer_logon_id", account.buyer_logon_id.clone()),
        ("payee_user_id", account.seller_id.clone()),
        ("notify_id", notify_id),
        ("notify_time", FILLED_IN.to_owned()),
        ("version", "1.0".to_owned()),
        ("app_id", account.app_id.clone()),
        ("auth_app_id", account.app_id.clone()),
        ("sign_type", "RSA2".to_owned()),
        ("sign", FILLED_IN.to_owned()),
    ];
    fields.retain(|(_, value)| !value.is_empty());
    Some(made(event.key(hold), url, fields, hold.charset, material.clone(), falsified))
}

fn fields(
    order: &Order,
    trade: &Trade,
    event: &Event,
    notify_id: String,
    account: &Account,
    amount_fen: Option<i64>,
) -> Fields {
    let amount = yuan(amount_fen.unwrap_or(order.total_fen));
    let funds = order.funds.notice_list(amount_fen.unwrap_or(order.total_fen));
    let mut fields: Fields = vec![
        ("gmt_create", time::text(trade.created)),
        ("charset", order.charset.name().to_owned()),
        ("seller_email", account.seller_email.clone()),
        ("subject", order.subject.clone()),
        ("body", order.body.clone().unwrap_or_default()),
        ("buyer_id", order.buyer_id(account).to_owned()),
        ("invoice_amount", amount.clone()),
        ("notify_id", notify_id),
        ("fund_bill_list", funds),
        ("notify_type", "trade_status_sync".to_owned()),
        ("trade_status", trade.status.word().to_owned()),
        ("receipt_amount", amount.clone()),
        ("sign", FILLED_IN.to_owned()),
        ("buyer_pay_amount", amount.clone()),
        ("app_id", account.app_id.clone()),
        ("sign_type", "RSA2".to_owned()),
        ("seller_id", account.seller_id.clone()),
        ("gmt_payment", trade.paid.map(time::text).unwrap_or_default()),
        ("notify_time", FILLED_IN.to_owned()),
        ("passback_params", order.passback_params.clone().unwrap_or_default()),
        ("version", "1.0".to_owned()),
        ("out_trade_no", order.out_trade_no.clone()),
        ("total_amount", amount),
        ("trade_no", trade.trade_no.clone()),
        ("auth_app_id", account.app_id.clone()),
        ("buyer_logon_id", account.buyer_logon_id.clone()),
        ("point_amount", "0.00".to_owned()),
    ];
    match event {
        Event::Paid | Event::PaidAgain(_) => {}
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
