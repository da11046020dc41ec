//! The counterpart behind the mock rails' control API: JSON over HTTP.

use std::any::Any;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::round_trip;
use super::{Act, BookEntry, CodeOutcome, Counterpart, Fault, Sending, Target};

/// The control API of one mock rail.
pub struct ControlApi {
    url: String,
    rail: &'static str,
    /// What must live as long as the world does: the mock rails themselves.
    _kept: Box<dyn Any + Send + Sync>,
}

impl ControlApi {
    /// The rail of this name behind a control listener, and what has to be kept alive for it.
    pub fn new(control_url: String, rail: &'static str, kept: impl Any + Send + Sync) -> Self {
        Self { url: control_url, rail, _kept: Box::new(kept) }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let url = format!("{}/v1/{path}", self.url);
        let reply = round_trip(method, &url, &[("Content-Type", "application/json")], text.as_bytes()).await;
        let reply = reply.expect("the control API answers");
        let answer = serde_json::from_slice(&reply.body).expect("the control API answers JSON");
        (reply.status, answer)
    }

    async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    async fn of_rail(&self, method: &str, path: &str, body: Value) -> Value {
        self.done(method, &format!("{}/{path}", self.rail), body).await
    }
}

#[derive(Deserialize)]
struct ClockShown {
    now: Timestamp,
}

#[derive(Deserialize)]
struct Delivered {
    key: String,
    state: String,
    tries: Vec<Value>,
    next_try_at: Option<Timestamp>,
}

impl Counterpart for ControlApi {
    fn now(&self) -> BoxFuture<'_, Timestamp> {
        async {
            let shown = self.done("GET", "clock", Value::Null).await;
            let ClockShown { now } = serde_json::from_value(shown).expect("the clock");
            now
        }
        .boxed()
    }

    fn advance(&self, by: SignedDuration) -> BoxFuture<'_, ()> {
        let step_ms = i64::try_from(by.as_millis()).expect("a step of less than ages");
        async move { drop(self.done("POST", "clock", json!({ "step_ms": step_ms })).await) }.boxed()
    }

    fn payer(&self, act: Act, target: Target) -> BoxFuture<'_, Result<(), String>> {
        let act = match act {
            Act::Scan => "scan",
            Act::Pay => "pay",
            Act::PayLate => "pay_after_close",
            Act::Decline => "decline",
        };
        let target = match target {
            Target::OrderNo(order_no) => json!({ "order_no": order_no }),
            Target::Qr(qr) => json!({ "qr": qr }),
            Target::PrepayId(prepay_id) => json!({ "prepay_id": prepay_id }),
        };
        async move {
            let (status, answer) = self.call("POST", &format!("{}/payer/{act}", self.rail), target).await;
            match status {
                200 => Ok(()),
                404 | 409 => Err(answer.to_string()),
                other => panic!("{act}: {other} {answer}"),
            }
        }
        .boxed()
    }

    fn issue_code(&self, outcome: CodeOutcome) -> BoxFuture<'_, Option<String>> {
        let outcome = match outcome {
            CodeOutcome::Pays => "pays",
            CodeOutcome::Declines => "declines",
            CodeOutcome::PendingThenPays => "pending_then_pays",
            CodeOutcome::PendingThenDeclines => "pending_then_declines",
        };
        async move {
            let path = format!("{}/payer/code", self.rail);
            let (status, answer) = self.call("POST", &path, json!({ "outcome": outcome })).await;
            match status {
                200 => answer["code"].as_str().map(str::to_owned),
                501 => None,
                other => panic!("code: {other} {answer}"),
            }
        }
        .boxed()
    }

    fn arm(&self, operation: &'static str, fault: Fault) -> BoxFuture<'_, ()> {
        let fault = match fault {
            Fault::AnswerLost => json!("answer_lost"),
            Fault::RequestLost => json!("request_lost"),
            Fault::Status(status) => json!({ "status": status }),
            Fault::StatusAfter(status) => json!({ "status_after": status }),
            Fault::WrongSignature => json!("wrong_signature"),
            Fault::Unsigned => json!("unsigned"),
            Fault::Garbage => json!("garbage_body"),
            Fault::Code(code) => json!({ "business_code": code }),
            Fault::TwinNotifications => json!("twin_notifications"),
            Fault::NotificationAmount(fen) => json!({ "notification_amount": fen }),
            Fault::NotificationWrongSignature => json!("notification_wrong_signature"),
        };
        let order = json!({ "fault": fault, "operation": operation, "times": 1 });
        async move { drop(self.of_rail("POST", "faults", order).await) }.boxed()
    }

    fn book(&self) -> BoxFuture<'_, Vec<BookEntry>> {
        async {
            let book = self.of_rail("GET", "book", Value::Null).await;
            serde_json::from_value(book).expect("the book")
        }
        .boxed()
    }

    fn sendings(&self) -> BoxFuture<'_, Vec<Sending>> {
        async {
            let all = self.of_rail("GET", "notifications", Value::Null).await;
            let all: Vec<Delivered> = serde_json::from_value(all).expect("the deliveries");
            let one = |delivered: Delivered| Sending {
                about: delivered.key,
                tries: delivered.tries.len(),
                acknowledged: delivered.state == "acknowledged",
                next_try_at: delivered.next_try_at,
            };
            all.into_iter().map(one).collect()
        }
        .boxed()
    }
}
