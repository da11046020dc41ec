//! Notifications: a percent-encoded signed form to the `backUrl` of the transaction, five sends in all.
//!
//! Browser and QR payments are notified on success only; payer's-code charges, refunds and undos also when they fail.

use std::sync::Arc;
use std::time::Duration;

use super::answer;
use super::sign::{Seal, Signer};
use super::trade::{Trade, What};
use super::wire::Fields;
use crate::faults::Fault;
use crate::notifier::{HttpMessage, Notice};

/// At once, then after these gaps. Two official texts differ (0, 1, 2, 4 and 1, 2, 4, 5 minutes); five sends are sure.
pub(super) const SCHEDULE: &[Duration] =
    &[Duration::from_secs(60), Duration::from_secs(120), Duration::from_secs(240), Duration::from_secs(300)];

/// What goes out about one decision.
pub(super) struct Outgoing {
    pub(super) notices: Vec<Notice>,
    /// Whether the first try must be over before the answer to the request is sent.
    pub(super) first: bool,
}

/// The notices about a decided transaction, as the armed fault wants them.
pub(super) fn outgoing(trade: &Trade, signer: &Arc<Signer>, fault: Option<Fault>) -> Outgoing {
    let one = |fen, seal| notice(trade, sealed(trade, signer, fen, seal));
    let plain = || one(trade.order.fen, Seal::Good);
    let (notices, first) = match fault {
        Some(Fault::NoNotification) => (Vec::new(), false),
        Some(Fault::TwinNotifications) => (vec![plain(), plain()], false),
        Some(Fault::NotificationFirst) => (vec![plain()], true),
        Some(Fault::NotificationAmount(fen)) => (vec![one(fen, Seal::Good)], false),
        Some(Fault::NotificationWrongSignature) => (vec![one(trade.order.fen, Seal::Wrong)], false),
        Some(
            Fault::AnswerLost
            | Fault::RequestLost
            | Fault::Late { .. }
            | Fault::Status(_)
            | Fault::StatusAfter(_)
            | Fault::WrongSignature
            | Fault::Unsigned
            | Fault::GarbageBody
            | Fault::BusinessCode(_),
        )
        | None => (vec![plain()], false),
    };
    Outgoing { notices, first }
}

/// The signed fields, which the payer's browser also carries to `frontUrl`.
pub(super) fn sealed(trade: &Trade, signer: &Signer, fen: i64, seal: Seal) -> Fields {
    signer.seal(answer::notification(trade, fen), trade.order.echo.charset, seal)
}

fn notice(trade: &Trade, fields: Fields) -> Notice {
    let charset = trade.order.echo.charset;
    let body = fields.to_form(charset).into_bytes();
    let word = match trade.order.what {
        What::Front { .. } | What::MerchantCode { .. } | What::PayerCode { .. } => "payment",
        What::Refund { .. } => "refund",
        What::Undo { .. } => "undo",
    };
    let code = trade.state.code().digits;
    let back_url = trade.order.back_url.as_str();
    Notice {
        key: format!("{word} {} {code}", trade.order.key.order_id),
        // `ZX|` asks for a leased line, which this world has none of.
        url: back_url.strip_prefix("ZX|").unwrap_or(back_url).to_owned(),
        schedule: SCHEDULE,
        // Each send is the same to the byte: nothing in it tells the time of the send.
        render: Box::new(move |_, _| HttpMessage {
            headers: vec![("content-type", charset.form_type())],
            body: body.clone(),
        }),
        acknowledged: |status, _| status == 200 || status == 302,
    }
}
