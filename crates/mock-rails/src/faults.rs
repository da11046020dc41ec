//! Misbehaviour on demand: a fault is armed for an operation and taken once per matching request.
//!
//! Two kinds are kept apart by where they strike: [`Faults::take`] hands out those of a request and its answer,
//! [`Faults::take_notification`] those of a notification. [`around`] carries out the request faults that are the
//! same for every rail, so that a rail only has to know about [`Twist`].

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::{RailReply, locked};

/// The operations a fault can be armed for; the same words for each rail.
///
/// `charge` is every creation of an order and every charge of a payer's code; `reverse` is Alipay's cancel, WeChat's
/// reverse and UnionPay's undo; `capture` and `release` are of holds; `bill` is every step to a bill; `certificates` is the
/// download of keys.
pub const OPERATIONS: [&str; 10] = [
    "charge",
    "query",
    "close",
    "reverse",
    "refund",
    "refund_query",
    "capture",
    "release",
    "bill",
    "certificates",
];

/// The longest delay that [`Fault::Late`] may ask for, in milliseconds.
pub const LATE_MS_MAX: u64 = 120_000;

/// One misbehaviour. In JSON a name alone (`"answer_lost"`) or a name with its value (`{"late":{"by_ms":200}}`,
/// `{"status":503}`, `{"business_code":"ACQ.SYSTEM_ERROR"}`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The work is done, then the connection drops without a byte (F02).
    AnswerLost,
    /// The connection drops before anything is done (F01).
    RequestLost,
    /// The work is done at once, the answer comes late (F03).
    Late {
        /// Delay in milliseconds of real time, because the client's deadline runs in real time. At most
        /// [`LATE_MS_MAX`].
        by_ms: u64,
    },
    /// This HTTP status instead of the work (F07).
    Status(u16),
    /// The work is done, then this HTTP status (F07).
    StatusAfter(u16),
    /// The work is done, the answer's signature belongs to other bytes (F08).
    WrongSignature,
    /// The work is done, the answer carries no signature (F08).
    Unsigned,
    /// The work is done, the body is no message of the rail (F07).
    GarbageBody,
    /// The notification is sent twice.
    TwinNotifications,
    /// The notification is delivered before the reply is sent.
    NotificationFirst,
    /// The notification is never sent.
    NoNotification,
    /// The notification names this amount in fen, correctly signed.
    NotificationAmount(i64),
    /// The notification's signature belongs to other bytes.
    NotificationWrongSignature,
    /// This code of the rail instead of the work.
    BusinessCode(String),
}

impl Fault {
    pub(crate) fn strikes_notification(&self) -> bool {
        match self {
            Self::TwinNotifications
            | Self::NotificationFirst
            | Self::NoNotification
            | Self::NotificationAmount(_)
            | Self::NotificationWrongSignature => true,
            Self::AnswerLost
            | Self::RequestLost
            | Self::Late { .. }
            | Self::Status(_)
            | Self::StatusAfter(_)
            | Self::WrongSignature
            | Self::Unsigned
            | Self::GarbageBody
            | Self::BusinessCode(_) => false,
        }
    }
}

/// One fault waiting for its requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Armed {
    /// The operation it waits for; any, when absent.
    pub operation: Option<String>,
    /// What will happen.
    pub fault: Fault,
    /// How many requests it still strikes.
    pub times: u32,
}

/// The armed faults of one rail; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<VecDeque<Armed>>>);

/// How many different faults may wait at once; the oldest gives way.
const ARMED_MAX: usize = 1_000;

impl Faults {
    /// Arms `fault` for the next `times` requests of `operation` (one of [`OPERATIONS`]), or of any operation.
    pub fn arm(&self, operation: Option<&str>, fault: Fault, times: u32) {
        if times == 0 {
            return;
        }
        let mut armed = locked(&self.0);
        if armed.len() == ARMED_MAX {
            armed.pop_front();
        }
        armed.push_back(Armed { operation: operation.map(str::to_owned), fault, times });
    }

    /// Takes the oldest request fault that matches.
    pub fn take(&self, operation: &str) -> Option<Fault> {
        self.take_where(operation, |fault| !fault.strikes_notification())
    }

    /// Takes the oldest notification fault that matches the operation the notification is about: `charge` for a
    /// payment, `refund` for a refund.
    pub fn take_notification(&self, operation: &str) -> Option<Fault> {
        self.take_where(operation, Fault::strikes_notification)
    }

    fn take_where(&self, operation: &str, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut armed = locked(&self.0);
        let matches = |a: &Armed| wanted(&a.fault) && a.operation.as_deref().is_none_or(|o| o == operation);
        let at = armed.iter().position(matches)?;
        let found = armed.get_mut(at)?;
        found.times -= 1;
        let fault = found.fault.clone();
        if found.times == 0 {
            armed.remove(at);
        }
        Some(fault)
    }

    /// What is armed now, oldest first.
    pub fn armed(&self) -> Vec<Armed> {
        locked(&self.0).iter().cloned().collect()
    }

    /// Disarms everything.
    pub fn clear(&self) {
        locked(&self.0).clear();
    }
}

/// What a rail itself has to do differently for one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Twist {
    /// Nothing.
    Plain,
    /// Do the work, sign other bytes.
    WrongSignature,
    /// Do the work, do not sign.
    Unsigned,
    /// Do not do the work; answer this code.
    BusinessCode(String),
}

/// Runs `work` (one request's effect and its answer) under a request fault.
///
/// Faults that a rail answers in its own shape reach `work` as a [`Twist`]; the others are carried out here. `work`
/// is not called at all when the fault strikes before the effect.
pub async fn around<W, F>(fault: Option<Fault>, work: W) -> RailReply
where
    W: FnOnce(Twist) -> F,
    F: Future<Output = RailReply>,
{
    match fault {
        None => work(Twist::Plain).await,
        Some(Fault::RequestLost) => RailReply::Dropped,
        Some(Fault::AnswerLost) => {
            work(Twist::Plain).await;
            RailReply::Dropped
        }
        Some(Fault::Late { by_ms }) => {
            let reply = work(Twist::Plain).await;
            tokio::time::sleep(Duration::from_millis(by_ms.min(LATE_MS_MAX))).await;
            reply
        }
        Some(Fault::Status(status)) => broken(status),
        Some(Fault::StatusAfter(status)) => {
            work(Twist::Plain).await;
            broken(status)
        }
        Some(Fault::GarbageBody) => match work(Twist::Plain).await {
            RailReply::Answer { status, headers, .. } => {
                RailReply::Answer { status, headers, body: GARBAGE.to_vec().into() }
            }
            RailReply::Dropped => RailReply::Dropped,
        },
        Some(Fault::WrongSignature) => work(Twist::WrongSignature).await,
        Some(Fault::Unsigned) => work(Twist::Unsigned).await,
        Some(Fault::BusinessCode(code)) => work(Twist::BusinessCode(code)).await,
        // `Faults::take` never hands these out; a caller that does has no request fault.
        Some(
            Fault::TwinNotifications
            | Fault::NotificationFirst
            | Fault::NoNotification
            | Fault::NotificationAmount(_)
            | Fault::NotificationWrongSignature,
        ) => work(Twist::Plain).await,
    }
}

/// Not JSON, not a form, not UTF-8, and cut in the middle of a tag.
const GARBAGE: &[u8] = b"<html><head><title>\xBD\xBB\xD2\xD7</title></head><body {\"code\":";

/// What a load balancer in front of a rail answers when the rail itself does not.
fn broken(status: u16) -> RailReply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    RailReply::new(status, "text/html", format!("<html><body><h1>{status}</h1></body></html>"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn faults_are_taken_by_operation_in_order_and_run_out() {
        let faults = Faults::default();
        faults.arm(Some("refund"), Fault::AnswerLost, 1);
        faults.arm(None, Fault::Unsigned, 2);
        faults.arm(None, Fault::TwinNotifications, 1);
        assert_eq!(faults.take("query"), Some(Fault::Unsigned));
        assert_eq!(faults.take("refund"), Some(Fault::AnswerLost));
        assert_eq!(faults.take("refund"), Some(Fault::Unsigned));
        assert_eq!(faults.take("refund"), None, "the notification fault is not a request's");
        assert_eq!(faults.take_notification("charge"), Some(Fault::TwinNotifications));
        assert_eq!(faults.armed(), []);
    }

    #[test]
    fn clear_disarms_and_zero_times_arms_nothing() {
        let faults = Faults::default();
        faults.arm(None, Fault::AnswerLost, 0);
        assert_eq!(faults.armed(), []);
        faults.arm(None, Fault::AnswerLost, 3);
        faults.clear();
        assert_eq!(faults.take("query"), None);
    }

    #[test]
    fn faults_read_from_json_as_documented() {
        for (text, fault) in [
            (r#""answer_lost""#, Fault::AnswerLost),
            (r#"{"late":{"by_ms":200}}"#, Fault::Late { by_ms: 200 }),
            (r#"{"status_after":503}"#, Fault::StatusAfter(503)),
            (r#"{"business_code":"ACQ.SYSTEM_ERROR"}"#, Fault::BusinessCode("ACQ.SYSTEM_ERROR".into())),
            (r#"{"notification_amount":1}"#, Fault::NotificationAmount(1)),
        ] {
            assert_eq!(serde_json::from_str::<Fault>(text).unwrap(), fault);
        }
        assert!(serde_json::from_str::<Fault>(r#""answer_lots""#).is_err());
    }

    #[tokio::test]
    async fn each_request_fault_has_its_effect_or_none() {
        // (fault, was the work done, what the client sees)
        for (fault, done, seen) in [
            (None, 1, "200 Plain"),
            (Some(Fault::RequestLost), 0, "dropped"),
            (Some(Fault::AnswerLost), 1, "dropped"),
            (Some(Fault::Late { by_ms: 1 }), 1, "200 Plain"),
            (Some(Fault::Status(503)), 0, "503 <html><body><h1>503 Service Unavailable</h1></body></html>"),
            (
                Some(Fault::StatusAfter(500)),
                1,
                "500 <html><body><h1>500 Internal Server Error</h1></body></html>",
            ),
            (Some(Fault::WrongSignature), 1, "200 WrongSignature"),
            (Some(Fault::Unsigned), 1, "200 Unsigned"),
            (Some(Fault::BusinessCode("X".into())), 1, "200 BusinessCode(\"X\")"),
        ] {
            let count = AtomicU32::new(0);
            let reply = around(fault.clone(), |twist| {
                count.fetch_add(1, Ordering::SeqCst);
                std::future::ready(RailReply::new(StatusCode::OK, "text/plain", format!("{twist:?}")))
            })
            .await;
            let text = match reply {
                RailReply::Answer { status, body, .. } => {
                    format!("{} {}", status.as_u16(), String::from_utf8_lossy(&body))
                }
                RailReply::Dropped => "dropped".to_owned(),
            };
            assert_eq!((count.load(Ordering::SeqCst), text.as_str()), (done, seen), "{fault:?}");
        }
        let garbage = around(Some(Fault::GarbageBody), |_| {
            std::future::ready(RailReply::new(StatusCode::OK, "application/json", "{}"))
        });
        let RailReply::Answer { body, .. } = garbage.await else { panic!("an answer") };
        assert!(std::str::from_utf8(&body).is_err());
    }
}
