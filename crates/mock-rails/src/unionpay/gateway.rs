//! Requests in, answers out: routing, the checks, the book, and the seal under every answer, refusals too.

use http::{Method, StatusCode};

use super::Core;
use super::answer;
use super::cashier;
use super::check::{Call, check};
use super::codes::{Code, Refusal};
use super::conduct::Unpaid;
use super::rules::Endpoint;
use super::sign::Seal;
use super::trade::{Order, OrderKey, State, Trade};
use super::wire::{Charset, Fields, Malformed};
use crate::faults::{self, Fault, Twist};
use crate::journal::JournalEntry;
use crate::{RailReply, RailRequest, locked};

/// One request as a message.
struct Message {
    endpoint: Endpoint,
    path: String,
    fields: Fields,
    charset: Charset,
}

/// What a request came to.
enum Outcome {
    Answer(Fields),
    /// The browser goes on to the cashier page of this order.
    Cashier(String),
}

impl Core {
    /// See [`crate::RailMock::handle`].
    pub(super) async fn route(&self, request: RailRequest) -> RailReply {
        self.settle_due();
        let path = request.path().to_owned();
        if let Some(rest) = path.strip_prefix(cashier::PATH) {
            return self.cashier(&request.method, rest).await;
        }
        let Some(endpoint) = Endpoint::at(&path).filter(|_| request.method == Method::POST) else {
            return RailReply::new(StatusCode::NOT_FOUND, "text/plain", "");
        };
        match Fields::parse_form(&request.body) {
            Ok((fields, charset)) => {
                let fault = self.bench.faults.take(self.operation(&fields));
                let message = Message { endpoint, path, fields, charset };
                faults::around(fault, |twist| self.serve(message, twist)).await
            }
            Err(malformed) => {
                let refusal = match malformed {
                    Malformed::NoEncoding => Refusal::about(Code::MISSING, "encoding"),
                    Malformed::Encoding => Refusal::about(Code::FORMAT, "encoding"),
                    Malformed::Name => Refusal::from(Code::FORMAT),
                };
                let (fields, charset) = (Fields::default(), Charset::UTF_8);
                let message = Message { endpoint, path, fields, charset };
                self.record(&message, &refusal.code.digits);
                self.refuse(&message, &refusal, Seal::Good)
            }
        }
    }

    /// The framework's word for a request, for arming faults.
    fn operation(&self, fields: &Fields) -> &'static str {
        match fields.value("txnType") {
            Some("04") => "refund",
            Some("31") => "reverse",
            Some("00") => {
                let part = |name| fields.value(name).unwrap_or_default().to_owned();
                let key =
                    OrderKey { mer_id: part("merId"), order_id: part("orderId"), txn_time: part("txnTime") };
                let trades = locked(&self.trades);
                match trades.by_key(&key).map(|id| trades.trade(id).order.what.operation()) {
                    Some("refund") => "refund_query",
                    Some(_) | None => "query",
                }
            }
            Some(_) | None => "charge",
        }
    }

    async fn serve(&self, message: Message, twist: Twist) -> RailReply {
        let (seal, armed) = match twist {
            Twist::Plain => (Seal::Good, None),
            Twist::WrongSignature => (Seal::Wrong, None),
            Twist::Unsigned => (Seal::Missing, None),
            Twist::BusinessCode(code) => (Seal::Good, Some(code)),
        };
        let outcome = match armed {
            Some(code) => Err(Code::armed(code).into()),
            None => self.work(&message).await,
        };
        match outcome {
            Ok(Outcome::Answer(fields)) => {
                self.record(&message, fields.value("respCode").unwrap_or_default());
                self.sealed(fields, message.charset, seal)
            }
            Ok(Outcome::Cashier(token)) => {
                self.record(&message, "302");
                let place = format!("{}{}{token}", self.bench.origin, cashier::PATH);
                RailReply::new(StatusCode::FOUND, "text/html;charset=UTF-8", "")
                    .with_header("location", &place)
                    .with_header("content-length", "0")
            }
            Err(refusal) => {
                self.record(&message, &refusal.code.digits);
                self.refuse(&message, &refusal, seal)
            }
        }
    }

    async fn work(&self, message: &Message) -> Result<Outcome, Refusal> {
        let Message { endpoint, fields, charset, .. } = message;
        let now = self.bench.clock.now();
        match check(*endpoint, fields, *charset, &self.registry, &self.conduct, now)? {
            Call::Query(key) => self.query(fields, &key).map(Outcome::Answer),
            Call::Place(order) => {
                let trade = self.place(*order).await?;
                Ok(match &trade.cashier {
                    Some(token) => Outcome::Cashier(token.clone()),
                    None => Outcome::Answer(answer::placed(fields, &trade)),
                })
            }
        }
    }

    fn query(&self, request: &Fields, key: &OrderKey) -> Result<Fields, Refusal> {
        let trades = locked(&self.trades);
        let trade = trades.by_key(key).map(|id| trades.trade(id)).ok_or(Code::NOT_FOUND)?;
        let hidden = self.conduct.unpaid == Unpaid::NotFound;
        if hidden && trade.state == (State::Open { declined: None }) {
            return Err(Code::NOT_FOUND.into());
        }
        Ok(answer::found(request, trade))
    }

    /// Takes a new transaction and, where a fault wants the notification first, decides and tells it before the answer.
    async fn place(&self, order: Order) -> Result<Trade, Refusal> {
        let now = self.bench.clock.now();
        let (trade, decided) = {
            let mut trades = locked(&self.trades);
            let id = trades.place(order, now, &self.conduct)?;
            if matches!(trades.trade(id).state, State::Running { .. }) {
                let operation = trades.trade(id).order.what.operation();
                trades.trade_mut(id).fault = self.bench.faults.take_notification(operation);
            }
            let accepted = trades.trade(id).clone();
            let first = accepted.fault == Some(Fault::NotificationFirst) && trades.decide_now(id, now);
            (accepted, first.then(|| trades.trade(id).clone()))
        };
        self.placed.notify_one();
        if let Some(decided) = decided {
            self.tell(&decided).await;
        }
        Ok(trade)
    }

    /// Tells the merchant; waits for the first try where a fault wants that.
    pub(super) async fn tell(&self, trade: &Trade) {
        let outgoing = self.outgoing(trade);
        for notice in outgoing.notices {
            if outgoing.first {
                self.bench.notifier.post_and_wait(notice).await;
            } else {
                self.bench.notifier.post(notice);
            }
        }
    }

    fn refuse(&self, message: &Message, refusal: &Refusal, seal: Seal) -> RailReply {
        match message.endpoint {
            Endpoint::Front => cashier::error(refusal),
            Endpoint::Back | Endpoint::Query | Endpoint::Other => {
                self.sealed(answer::refusal(&message.fields, refusal), message.charset, seal)
            }
        }
    }

    fn sealed(&self, fields: Fields, charset: Charset, seal: Seal) -> RailReply {
        let text = self.signer.seal(fields, charset, seal).to_bare();
        RailReply::new(StatusCode::OK, charset.answer_type(), charset.encode(&text))
    }

    fn record(&self, message: &Message, verdict: &str) {
        let part = |name| message.fields.value(name).unwrap_or("?");
        self.bench.journal.record(JournalEntry {
            at: self.bench.clock.now(),
            method: "POST".to_owned(),
            path: message.path.clone(),
            operation: format!("{}/{}", part("txnType"), part("txnSubType")),
            order_no: message.fields.value("orderId").map(str::to_owned),
            verdict: verdict.to_owned(),
            refused: !matches!(verdict, "00" | "A6" | "302"),
            expected: Some(message.fields.sign_text()).filter(|text| !text.is_empty()),
        });
    }
}
