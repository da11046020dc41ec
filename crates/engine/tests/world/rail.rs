//! A rail with a truth of its own and faults on demand. It signs for real: without a signature there is no "paid".

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use paifang_engine::ports::{IncomingMessage, RailCall, Rails, Transport, TransportError};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{
    AccountId, Basis, CloseProof, Doubt, NextAction, NotSent, OrderNo, Pending, Presentation, RailRef,
    Reason, Refusal, Settled, Verb,
};
use paifang_rail::{
    Answer, Call, Claims, ClientKind, Closing, CreditUse, Descriptor, Exchange, Holding, HttpReply, Keyring,
    Method, NamedPayment, Need, Notification, NotificationError, Offer, OrderKind, Outcome, Plan, PlanError,
    Refunding, Reply, Secret, Subject, Verdict, Verified,
};
use serde_json::{Value, json};

use super::World;

const ANYWHERE: &[ClientKind] = &[ClientKind::PointOfSale, ClientKind::DesktopBrowser];
const REFUNDING: Refunding =
    Refunding { partial: true, count_max: 500, window_days: 365, resend_s: 3600, interval_s: 0 };

paifang_rail::tells! {
    /// What the rails of these tests are told.
    pub struct Tells {
        required: [PaymentIntentDescription],
        optional: [ClientContextPayerCode, ClientContextPayerIp, DeclaredFactsPayerReference, RefundReason],
    }
}

pub static DESCRIPTOR_STURDY: Descriptor = Descriptor {
    tells: Tells::LIST,
    statements: &[],
    serves_keys: false,
    rail: "sturdy",
    title: "closes and repeats",
    offers: &[Offer {
        hold: Some(Holding { days: 3, partial: true }),
        wallet: "sturdy",
        presentation: Presentation::QrShown,
        clients: ANYWHERE,
        needs: &[],
        expiry_s_max: 7200,
        expiry_s_min: 60,
        credit: CreditUse::Excludable,
        resendable: true,
    }],
    currencies: &["CNY"],
    amount_min: 1,
    amount_max: 100_000_000,
    closing: Closing::ByCall,
    reverses: false,
    reverses_unknown: false,
    asks_after_s: &[],
    fails_with: &[],
    refunding: REFUNDING,
    keys: &[],
};

pub static DESCRIPTOR_PLAIN: Descriptor = Descriptor {
    rail: "plain",
    title: "neither closes nor repeats; has codes and reverses",
    offers: &[
        Offer {
            hold: None,
            wallet: "plain",
            presentation: Presentation::QrShown,
            clients: ANYWHERE,
            needs: &[],
            expiry_s_max: 7200,
            expiry_s_min: 60,
            credit: CreditUse::Payers,
            resendable: false,
        },
        Offer {
            hold: Some(Holding { days: 1, partial: false }),
            wallet: "plain",
            presentation: Presentation::PayerCode,
            clients: ANYWHERE,
            needs: &[Need::PayerCode],
            expiry_s_max: 300,
            expiry_s_min: 60,
            credit: CreditUse::Payers,
            resendable: false,
        },
    ],
    closing: Closing::ByExpiry,
    reverses: true,
    ..DESCRIPTOR_STURDY
};

pub static DESCRIPTOR_PACED: Descriptor = Descriptor {
    rail: "paced",
    title: "wants a minute between two refunds of one order",
    offers: &[Offer { hold: None, wallet: "paced", ..DESCRIPTOR_PLAIN.offers[1] }],
    refunding: Refunding { interval_s: 60, ..REFUNDING },
    ..DESCRIPTOR_PLAIN
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing arrives, nothing comes back.
    RequestLost,
    /// It is done, and nothing comes back.
    AnswerLost,
    /// No connection at all.
    NotConnected,
    /// It arrives a minute later, after everybody has given up.
    Delayed,
    /// It is done, and whoever asked is paused for so many seconds before the answer is read.
    Paused(u64),
    /// It is done, and whoever asked is paused for so many seconds before it notices that no answer came.
    LateSilence(u64),
}

#[derive(Debug, Default)]
pub struct Truth {
    pub orders: BTreeMap<String, Order>,
    pub faults: Vec<(&'static str, Fault)>,
    pub calls: Vec<String>,
    /// The messages as they came.
    pub messages: Vec<Value>,
    /// A payer's code is charged at once unless this is set.
    pub code_stays_pending: bool,
    /// Every refund is refused: the merchant is short of money, say.
    pub refuses_refunds: bool,
    /// Every capture is refused.
    pub refuses_captures: bool,
    /// A reverse whose message tells a time that is older than so many seconds is not taken.
    pub reverses_last_s: Option<i64>,
    /// When each refund arrived, in seconds.
    pub refunded_at: Vec<i64>,
}

#[derive(Debug, Default, Clone)]
pub struct Order {
    pub amount: i64,
    pub paid: i64,
    pub refunded: i64,
    pub closed: bool,
    pub charges: u32,
    pub expires: i64,
    pub refunds: BTreeMap<String, i64>,
    /// Set aside, and neither taken nor given back.
    pub held: i64,
    /// The order is to be held and not to be charged.
    pub holds: bool,
    /// The rail gave the hold back by itself.
    pub ended: bool,
    /// What was taken out of the hold, by the captures' numbers.
    pub captures: BTreeMap<String, i64>,
}

impl Truth {
    /// The payer pays, even what is closed: real rails sometimes do.
    pub fn pay(&mut self, order_no: &str) {
        let order = self.orders.get_mut(order_no).expect("the order is there");
        if order.holds {
            order.held = order.amount;
            return;
        }
        order.paid = order.amount;
        order.charges += 1;
    }

    /// Money for an order that the rail had closed.
    pub fn pay_although_closed(&mut self, order_no: &str) {
        self.pay(order_no);
        self.orders.get_mut(order_no).expect("the order is there").closed = false;
    }

    fn is_old(&self, request: &Value, now: i64) -> bool {
        let told = request["told"].as_i64().unwrap_or(now);
        self.reverses_last_s.is_some_and(|lasts| now - told > lasts)
    }

    fn carry_out(&mut self, request: &Value, now: i64) -> Value {
        let no = request["order"].as_str().unwrap().to_owned();
        let verb = request["verb"].as_str().unwrap().to_owned();
        self.calls.push(format!("{verb} {no}"));
        self.messages.push(request.clone());
        let (pending, refuses, old) =
            (self.code_stays_pending, self.refuses_refunds, self.is_old(request, now));
        self.refunded_at.extend((verb == "refund").then_some(now));
        if matches!(verb.as_str(), "capture" | "query_capture" | "release" | "query_release") {
            return self.carry_out_hold(&verb, &no, request);
        }
        // Refunds of what was held name the capture.
        let of_capture = || self.orders.iter().find(|(_, order)| order.captures.contains_key(&no));
        let no = of_capture().map_or(no.clone(), |(order_no, _)| order_no.clone());
        let order = self.orders.get_mut(&no);
        match (verb.as_str(), order) {
            ("charge", None) => {
                let amount = request["amount"].as_i64().unwrap();
                let mut order =
                    Order { amount, expires: request["expires"].as_i64().unwrap(), ..Order::default() };
                let code = request["code"].as_bool().unwrap();
                order.holds = request["hold"].as_bool().unwrap();
                if code && !pending {
                    match order.holds {
                        true => order.held = amount,
                        false => (order.paid, order.charges) = (amount, 1),
                    }
                }
                let (paid, held) = (order.paid > 0, order.held > 0);
                self.orders.insert(no, order);
                json!({"is": if paid { "paid" } else if held { "held" } else if code { "pending" } else { "shown" }, "amount": amount})
            }
            ("charge", Some(order)) if order.paid == 0 && !order.closed => json!({"is": "shown"}),
            ("charge", Some(_)) => json!({"is": "duplicate"}),
            ("query" | "query_reverse", Some(order)) if order.closed => {
                json!({"is": "closed", "returned": order.refunded})
            }
            ("query", Some(order)) if order.held > 0 => json!({"is": "held", "amount": order.held}),
            ("query", Some(order)) if order.paid > 0 => json!({"is": "paid", "amount": order.amount}),
            ("query", Some(order)) if now > order.expires => json!({"is": "closed"}),
            ("query", Some(_)) => json!({"is": "unpaid"}),
            ("close", Some(order)) if order.paid > 0 => json!({"is": "maybe_paid"}),
            // What is held goes back with the order, as with Alipay's cancel.
            ("close", Some(order)) => {
                (order.held, order.closed) = (0, true);
                json!({"is": "closed"})
            }
            ("reverse", Some(_)) if old => json!({"is": "wrong_time"}),
            ("reverse", Some(order)) => {
                (order.closed, order.refunded) = (true, order.paid);
                json!({"is": "closed", "returned": order.refunded})
            }
            ("refund", Some(_)) if refuses => json!({"is": "refused"}),
            ("refund", Some(order)) => {
                let (refund, amount) =
                    (request["refund"].as_str().unwrap(), request["amount"].as_i64().unwrap());
                if order.refunds.contains_key(refund) {
                    return json!({"is": "refunded", "amount": amount});
                }
                if order.refunded + amount > order.paid {
                    return json!({"is": "refused"});
                }
                order.refunded += amount;
                order.refunds.insert(refund.to_owned(), amount);
                json!({"is": "refunded", "amount": amount})
            }
            ("query_refund", Some(order)) => match order.refunds.get(request["refund"].as_str().unwrap()) {
                Some(amount) => json!({"is": "refunded", "amount": amount}),
                None => json!({"is": "absent"}),
            },
            _ => json!({"is": "absent"}),
        }
    }
}

impl Truth {
    fn carry_out_hold(&mut self, verb: &str, no: &str, request: &Value) -> Value {
        let refuses = self.refuses_captures;
        let Some(order) = self.orders.get_mut(no) else { return json!({"is": "absent"}) };
        let number = request["capture"].as_str().unwrap_or_default();
        match verb {
            "capture" | "query_capture" if order.captures.contains_key(number) => {
                json!({"is": "paid", "amount": order.captures[number]})
            }
            "query_capture" => json!({"is": "absent"}),
            "capture" if refuses || order.held == 0 => json!({"is": "refused"}),
            "capture" => {
                let amount = request["amount"].as_i64().unwrap();
                assert!(amount <= order.held, "more than is held: {order:?}");
                order.captures.insert(number.to_owned(), amount);
                (order.paid, order.held) = (amount, 0);
                order.charges += 1;
                json!({"is": "paid", "amount": amount})
            }
            // What ended otherwise is refused as an earlier copy of this release might have ended it.
            "release" if order.ended => json!({"is": "refused_unless_done"}),
            "query_release" if order.ended => json!({"is": "absent"}),
            "release" if order.paid == 0 => {
                (order.held, order.closed) = (0, true);
                json!({"is": "closed"})
            }
            "query_release" if order.closed => json!({"is": "closed"}),
            "query_release" if order.held > 0 => json!({"is": "held", "amount": order.held}),
            _ => json!({"is": "refused"}),
        }
    }

    /// The payer agrees to a hold although the order is closed: real rails sometimes let them.
    pub fn hold_although_closed(&mut self, order_no: &str) {
        let order = self.orders.get_mut(order_no).expect("the order is there");
        (order.held, order.closed) = (order.amount, false);
    }

    /// The rail gives held money back by itself.
    pub fn end_hold(&mut self, order_no: &str) {
        let order = self.orders.get_mut(order_no).expect("the order is there");
        (order.held, order.closed, order.ended) = (0, true, true);
    }
}

#[derive(Clone)]
pub struct FakeTransport {
    pub truth: Arc<Mutex<Truth>>,
    pub world: World,
}

impl Transport for FakeTransport {
    async fn exchange(&self, _account: &AccountId, exchange: Exchange) -> Result<Reply, TransportError> {
        let request: Value = serde_json::from_slice(&exchange.body).unwrap();
        let fault = {
            let mut truth = self.truth.lock().unwrap();
            let armed = truth.faults.iter().position(|(verb, _)| *verb == request["verb"]);
            armed.map(|at| truth.faults.remove(at).1)
        };
        let carry_out = |truth: &Mutex<Truth>, world: &World| {
            truth.lock().unwrap().carry_out(&request, world.now().as_second())
        };
        match fault {
            Some(Fault::NotConnected) => return Err(TransportError::NotSent(NotSent::NotConnected)),
            Some(Fault::RequestLost) => {
                tokio::time::sleep(Duration::from_secs(10)).await;
                return Err(TransportError::TimedOut);
            }
            Some(Fault::Delayed) => {
                let (truth, world, request) = (Arc::clone(&self.truth), self.world.clone(), request.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    truth.lock().unwrap().carry_out(&request, world.now().as_second());
                });
                tokio::time::sleep(Duration::from_secs(10)).await;
                return Err(TransportError::TimedOut);
            }
            Some(Fault::AnswerLost) => {
                carry_out(&self.truth, &self.world);
                tokio::time::sleep(Duration::from_secs(10)).await;
                return Err(TransportError::TimedOut);
            }
            Some(Fault::LateSilence(seconds)) => {
                carry_out(&self.truth, &self.world);
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                return Err(TransportError::TimedOut);
            }
            Some(Fault::Paused(seconds)) => {
                let body = carry_out(&self.truth, &self.world).to_string().into_bytes();
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                return Ok(Reply { status: 200, headers: Vec::new(), body });
            }
            None => {}
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let body = carry_out(&self.truth, &self.world).to_string().into_bytes();
        Ok(Reply { status: 200, headers: Vec::new(), body })
    }
}

pub struct FakeRails {
    keys: Keyring,
}

impl FakeRails {
    pub fn new() -> Self {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../../tests/vectors/alipay-vectors.json")).unwrap();
        let key = |path: &str| vectors.pointer(path).unwrap().as_str().unwrap().to_owned();
        let signer = Secret::new(key("/keys/app/private_pkcs8_pem").into_bytes());
        let keys = Keyring::builder()
            .signer(&signer)
            .unwrap()
            .verifier(Some("k"), &key("/keys/app/public_spki_pem"));
        Self { keys: keys.unwrap().build().unwrap() }
    }
}

impl Rails for FakeRails {
    async fn plan(
        &self,
        _: &AccountId,
        call: &Arc<RailCall>,
        _: &str,
        _: Timestamp,
    ) -> Result<Plan, PlanError> {
        let call = call.as_call();
        let order = call.order();
        let mut body = json!({"verb": call.verb().as_str(), "order": order.order_no.as_str(),
            "amount": order.amount.minor_units(), "expires": order.expires_at.as_second()});
        match call {
            Call::Charge(charge) => {
                body["code"] = charge.payer_code.open(Tells).is_some().into();
                body["description"] = charge.description.open(Tells).cloned().into();
                body["ip"] = charge.client_ip.open(Tells).map(ToString::to_string).into();
                body["alias"] = charge.payer_alias.open(Tells).map(|alias| alias.as_str().to_owned()).into();
                body["on_credit"] = charge.credit.is_allowed().into();
                body["hold"] = (order.kind == OrderKind::Hold).into();
            }
            Call::Refund(refund) | Call::QueryRefund(refund) => {
                body["refund"] = refund.refund_no.as_str().into();
                body["reason"] = refund.reason.open(Tells).cloned().into();
                body["amount"] = refund.amount.minor_units().into();
            }
            Call::Capture(capture) | Call::QueryCapture(capture) => {
                body["capture"] = capture.capture_no.as_str().into();
                body["amount"] = capture.amount.minor_units().into();
            }
            Call::Release(release) | Call::QueryRelease(release) => {
                body["release"] = release.release_no.as_str().into();
            }
            Call::Reverse(reversal) | Call::QueryReverse(reversal) => {
                body["told"] = reversal.opened_at.as_second().into();
            }
            Call::Query(_) | Call::Close(_) => {}
        }
        let body = body.to_string().into_bytes();
        Ok(Plan::Send(Exchange {
            method: Method::Post,
            url: "http://rail".into(),
            headers: Vec::new(),
            body,
        }))
    }

    async fn read(&self, _: &AccountId, call: &Arc<RailCall>, _: &str, reply: Reply, _: Timestamp) -> Answer {
        let signature = self.keys.sign(&reply.body).unwrap();
        let proof = self.keys.verify(&reply.body, &signature).unwrap();
        let said: Value = serde_json::from_slice(&reply.body).unwrap();
        let call = call.as_call();
        let rail_ref = RailRef::parse(&format!("T{}", call.order().order_no)).ok();
        let settled = || Settled {
            amount: PositiveMoney::new(said["amount"].as_i64().unwrap(), Currency::CNY).unwrap(),
            rail_ref: rail_ref.clone(),
            settled_at: None,
        };
        let waits = |next_action| Pending { next_action, rail_ref: rail_ref.clone() };
        let outcome = match said["is"].as_str().unwrap() {
            "absent" => return Answer::absent(Some(proof), "fake.absent"),
            "paid" => Outcome::paid(proof, settled()),
            "held" => Outcome::held(proof, settled()),
            "refunded" => Outcome::refunded(proof, settled()),
            "closed" => {
                let returned =
                    said["returned"].as_i64().and_then(|fen| PositiveMoney::new(fen, Currency::CNY).ok());
                Outcome::closed(proof, CloseProof { returned, rail_ref: None })
            }
            "shown" => {
                let (content, expires_at) = ("qr".into(), call.order().expires_at);
                Outcome::pending(proof, waits(Some(NextAction::ShowQr { content, expires_at })))
            }
            "pending" => Outcome::pending(proof, waits(Some(NextAction::WaitForPayer))),
            "unpaid" => Outcome::pending(proof, waits(None)),
            "refused" => Outcome::refused(proof, Reason::parse("refund_amount").unwrap(), "NO", "no"),
            "refused_unless_done" => {
                let reason = Reason::parse("order_closed").unwrap();
                let (rail_code, rail_message) = ("FINISHED".to_owned(), String::new());
                let refusal = Refusal { reason, rail_code, rail_message, basis: Basis::Signed };
                Outcome::unknown(Doubt::Unconfirmed(refusal))
            }
            "maybe_paid" => Outcome::unknown(Doubt::MaybePaid("PAID".into())),
            other => Outcome::unknown(Doubt::UnlistedCode(other.into())),
        };
        let verb: Verb = call.verb();
        Answer::is(outcome, format!("fake.{}", verb.as_str()))
    }

    async fn open_notification(
        &self,
        _: &AccountId,
        message: &IncomingMessage,
        _: Timestamp,
    ) -> Result<Verified<Notification>, NotificationError> {
        let said: Value = serde_json::from_slice(&message.body).map_err(|_| NotificationError::Unsigned)?;
        let text = |name: &str| said[name].as_str().unwrap().to_owned();
        let number = |name: &str| OrderNo::parse(&text(name)).unwrap();
        let signature = self.keys.sign(&message.body).unwrap();
        let proof = || self.keys.verify(&message.body, &signature).unwrap();
        let amount = PositiveMoney::new(said["fen"].as_i64().unwrap(), Currency::CNY).unwrap();
        let settled = |rail_ref| Settled { amount, rail_ref, settled_at: None };
        let named = || RailRef::parse(&text("payment")).unwrap();
        let (subject, refund_of, outcome) = match said["is"].as_str().unwrap() {
            told @ ("refunded" | "refunding") => {
                let of = NamedPayment { order_no: number("order"), rail_ref: named() };
                let outcome = match told {
                    "refunded" => Outcome::refunded(proof(), settled(None)),
                    _ => Outcome::pending(proof(), Pending { next_action: None, rail_ref: None }),
                };
                (Subject::Refund(number("refund")), Some(of), outcome)
            }
            _ => (Subject::Charge(number("order")), None, Outcome::paid(proof(), settled(Some(named())))),
        };
        let claims = Claims { merchant: Some("m".into()), app: None };
        let notification =
            Notification { key: text("key"), subject, claims, refund_of, outcome, rule: "fake.told".into() };
        Ok(Verified::new(&proof(), notification))
    }

    fn acknowledge(&self, _: &AccountId, _: Verdict) -> HttpReply {
        HttpReply { status: 200, content_type: "text/plain", body: "" }
    }
}
