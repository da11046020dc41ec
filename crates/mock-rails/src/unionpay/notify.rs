//! Notifications: a percent-encoded signed form to the `backUrl` of the transaction, five sends in all.
//!
//! Browser, app and QR payments are notified on success only; payer's-code charges and whatever follows a payment also
//! when they fail.

use std::time::Duration;

use super::answer;
use super::conduct::SigningCertificate;
use super::keyring::Keyring;
use super::sign::Seal;
use super::trade::Trade;
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
pub(super) fn outgoing(
    trade: &Trade,
    keys: &Keyring,
    which: SigningCertificate,
    fault: Option<Fault>,
) -> Outgoing {
    let one = |fen, seal| notice(trade, sealed(trade, keys, which, fen, seal));
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
pub(super) fn sealed(
    trade: &Trade,
    keys: &Keyring,
    which: SigningCertificate,
    fen: i64,
    seal: Seal,
) -> Fields {
    let echo = &trade.order.echo;
    keys.seal(answer::notification(trade, fen), echo.dialect, echo.charset, seal, which)
}

/// What a notice is called in the record of deliveries.
pub(super) fn name(trade: &Trade) -> String {
    let (word, code) = (trade.order.what.word(), trade.state.code().digits);
    format!("{word} {} {code}", trade.order.key.order_id)
}

/// Where it goes: `ZX|` asks for a leased line, which this world has none of.
pub(super) fn address(trade: &Trade) -> &str {
    let back_url = trade.order.back_url.as_str();
    back_url.strip_prefix("ZX|").unwrap_or(back_url)
}

fn notice(trade: &Trade, fields: Fields) -> Notice {
    let charset = trade.order.echo.charset;
    let body = fields.to_form(charset).into_bytes();
    Notice {
        key: name(trade),
        url: address(trade).to_owned(),
        schedule: SCHEDULE,
        // Each send is the same to the byte: nothing in it tells the time of the send.
        render: Box::new(move |_, _| HttpMessage {
            headers: vec![("content-type", charset.form_type())],
            body: body.clone(),
        }),
        acknowledged: |status, _| status == 200 || status == 302,
    }
}
