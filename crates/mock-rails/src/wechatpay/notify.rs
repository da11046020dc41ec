//! Notifications: the envelope, sealed and signed anew at each try.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::answers::china_time;
use super::ids;
use super::keyring::Keyring;
use super::keys::{KeyChoice, Keys};
use super::sign::{Honesty, rail_headers};
use super::trades::{Order, Payment, Refund, RefundState};
use super::views;
use crate::faults::Fault;
use crate::notifier::{HttpMessage, Notice};

/// The gaps between tries: 15 of them, 24 h 4 min in all.
pub(crate) const SCHEDULE: [Duration; 15] = [
    Duration::from_secs(15),
    Duration::from_secs(15),
    Duration::from_secs(30),
    Duration::from_secs(3 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(20 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(3 * 3600),
    Duration::from_secs(3 * 3600),
    Duration::from_secs(3 * 3600),
    Duration::from_secs(6 * 3600),
    Duration::from_secs(6 * 3600),
];

/// What happened, ready to be told any number of times.
#[derive(Clone)]
pub(crate) struct Event {
    /// Stays the same on a retry; whether the real rail's does is unconfirmed.
    pub(crate) id: String,
    pub(crate) happened_at: Timestamp,
    pub(crate) kind: EventKind,
    pub(crate) plaintext: Vec<u8>,
    /// Which key the order or refund asked for.
    pub(crate) asked: Option<KeyChoice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    Paid,
    RefundSuccess,
    RefundAbnormal,
    RefundClosed,
}

impl EventKind {
    fn event_type(self) -> &'static str {
        match self {
            Self::Paid => "TRANSACTION.SUCCESS",
            Self::RefundSuccess => "REFUND.SUCCESS",
            Self::RefundAbnormal => "REFUND.ABNORMAL",
            Self::RefundClosed => "REFUND.CLOSED",
        }
    }

    fn summary(self) -> &'static str {
        match self {
            Self::Paid => "支付成功",
            Self::RefundSuccess => "退款成功",
            Self::RefundAbnormal => "退款异常",
            Self::RefundClosed => "退款关闭",
        }
    }

    /// `original_type`, and usually the associated data of the box (for refunds the latter is likely, not confirmed).
    fn original_type(self) -> &'static str {
        match self {
            Self::Paid => "transaction",
            Self::RefundSuccess | Self::RefundAbnormal | Self::RefundClosed => "refund",
        }
    }

    /// The end that a refund in this state is notified as; nothing while it goes on.
    fn of_refund(state: RefundState) -> Option<Self> {
        match state {
            RefundState::Processing => None,
            RefundState::Success => Some(Self::RefundSuccess),
            RefundState::Abnormal => Some(Self::RefundAbnormal),
            RefundState::Closed => Some(Self::RefundClosed),
        }
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    id: &'a str,
    create_time: String,
    resource_type: &'static str,
    event_type: &'static str,
    summary: &'static str,
    resource: Resource<'a>,
}

#[derive(Serialize)]
struct Resource<'a> {
    original_type: &'static str,
    algorithm: &'static str,
    ciphertext: &'a str,
    associated_data: &'a str,
    nonce: &'a str,
}

impl Event {
    /// The body, sealed under this nonce.
    pub(crate) fn body(&self, keys: &Keys, nonce: [u8; 12], associated_data: &str) -> Vec<u8> {
        let sealed = keys.seal(nonce, associated_data, &self.plaintext);
        let envelope = Envelope {
            id: &self.id,
            create_time: china_time(self.happened_at),
            resource_type: "encrypt-resource",
            event_type: self.kind.event_type(),
            summary: self.kind.summary(),
            resource: Resource {
                original_type: self.kind.original_type(),
                algorithm: "AEAD_AES_256_GCM",
                ciphertext: &sealed.ciphertext,
                associated_data,
                nonce: &sealed.nonce,
            },
        };
        serde_json::to_vec(&envelope).unwrap_or_default()
    }

    /// One try: a fresh seal, a fresh nonce, a fresh signature by the key that is in force then.
    fn message(&self, keyring: &Keyring, what: &str, now: Timestamp, honesty: Honesty) -> HttpMessage {
        let empty = keyring.settings().empty_associated_data;
        let associated_data = if empty { "" } else { self.kind.original_type() };
        let body = self.body(&keyring.keys, ids::seal_nonce(), associated_data);
        let mut headers = vec![
            ("Accept", "*/*".to_owned()),
            ("Cache-Control", "no-cache".to_owned()),
            ("Pragma", "no-cache".to_owned()),
            ("User-Agent", "Mozilla/4.0".to_owned()),
            ("Content-Type", "application/json".to_owned()),
        ];
        let nonce = ids::notification_nonce();
        let signer = keyring.signer(keyring.signing_notice(self.asked, what));
        headers.extend(rail_headers(signer, now, &nonce, &body, honesty));
        HttpMessage { headers, body }
    }

    /// The notice that delivers this to `url`. With `probe_first` the first try carries a signature probe.
    fn notice(self, keyring: Arc<Keyring>, key: String, url: String, probe_first: bool) -> Notice {
        let what = key.clone();
        Notice {
            key,
            url,
            schedule: &SCHEDULE,
            render: Box::new(move |number, now| {
                let honesty = match number {
                    1 if probe_first => keyring.probe(),
                    1 => keyring.honesty_of_notice(&what),
                    _ => Honesty::True,
                };
                self.message(&keyring, &format!("{what} {number}"), now, honesty)
            }),
            acknowledged,
        }
    }
}

/// Any 2xx acknowledges, whatever the body says; everything else is tried again.
pub(crate) fn acknowledged(status: u16, _body: &[u8]) -> bool {
    (200..300).contains(&status)
}

/// What the notice of an order goes by.
pub(crate) fn name_of_payment(order_no: &str) -> String {
    format!("paid {order_no}")
}

/// What the notice of a refund goes by.
pub(crate) fn name_of_refund(refund_no: &str) -> String {
    format!("refund {refund_no}")
}

/// The notices of a payment, under a notification fault; none without a `notify_url`.
pub(crate) fn of_payment(
    keyring: &Arc<Keyring>,
    order: &Order,
    payment: &Payment,
    fault: Option<&Fault>,
) -> Vec<Notice> {
    let Some(url) = &order.body.notify_url else { return Vec::new() };
    let fen = told_fen(order.body.amount.total, fault);
    let event = Event {
        id: ids::event_id(),
        happened_at: payment.paid_at,
        kind: EventKind::Paid,
        plaintext: views::paid(order, payment, fen).to_string().into_bytes(),
        asked: order.asked,
    };
    notices(keyring, &event, &name_of_payment(&order.body.out_trade_no), url, fault)
}

/// The notices of a finished refund, under a notification fault; none without a `notify_url`.
pub(crate) fn of_refund(keyring: &Arc<Keyring>, refund: &Refund, fault: Option<&Fault>) -> Vec<Notice> {
    let (Some(url), Some(kind)) = (&refund.notify_url, EventKind::of_refund(refund.state)) else {
        return Vec::new();
    };
    let fen = told_fen(refund.fen, fault);
    let event = Event {
        id: ids::event_id(),
        happened_at: refund.ended_at.unwrap_or(refund.created_at),
        kind,
        plaintext: views::refund_ended(refund, &keyring.keys.account.mchid, fen).to_string().into_bytes(),
        asked: refund.asked,
    };
    notices(keyring, &event, &name_of_refund(&refund.out_refund_no), url, fault)
}

fn told_fen(true_fen: i64, fault: Option<&Fault>) -> i64 {
    match fault {
        Some(Fault::NotificationAmount(fen)) => *fen,
        _ => true_fen,
    }
}

fn notices(
    keyring: &Arc<Keyring>,
    event: &Event,
    key: &str,
    url: &str,
    fault: Option<&Fault>,
) -> Vec<Notice> {
    let copies = match fault {
        Some(Fault::NoNotification) => 0,
        Some(Fault::TwinNotifications) => 2,
        _ => 1,
    };
    let probe_first = matches!(fault, Some(Fault::NotificationWrongSignature));
    let one = || event.clone().notice(keyring.clone(), key.to_owned(), url.to_owned(), probe_first);
    std::iter::repeat_with(one).take(copies).collect()
}
