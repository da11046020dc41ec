//! Requests in, answers out: routing, the checks, the book, and the seal under every answer, refusals too.

use http::{Method, StatusCode};
use jiff::SignedDuration;

use super::answer;
use super::cashier;
use super::check::{self, Call};
use super::clearing;
use super::codes::{Class, Code, Refusal};
use super::conduct::{SigningCertificate, Unpaid};
use super::rules::{self, Endpoint};
use super::sign::{Dialect, Seal};
use super::statement::{self, Blemish};
use super::time;
use super::trade::{Follow, Order, OrderKey, State, Trade, TradeId, Way};
use super::trades::{Plan, Trades};
use super::wire::{Charset, Fields, Malformed};
use super::{Core, magic_side};
use crate::faults::{self, Fault, Twist};
use crate::journal::JournalEntry;
use crate::magic::{self, Mood};
use crate::{RailReply, RailRequest, locked};

/// One request as a message.
struct Message {
    endpoint: Endpoint,
    path: String,
    /// Where the client thinks that the gateway is.
    base: String,
    fields: Fields,
    charset: Charset,
    /// That of the request, or the standard one when the merchant may not speak it.
    dialect: Dialect,
}

/// What an armed code does to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Spell {
    Nothing,
    /// It is the answer, and nothing is done.
    Refused(Code),
    /// It is the answer, and the work is done behind it.
    Unsure(Code),
    Certificate(SigningCertificate),
    Blemish(Blemish),
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
        match self.message(endpoint, path, &request) {
            Ok(message) => {
                let fault = self.fault(&message.fields);
                faults::around(fault, |twist| self.serve(message, twist)).await
            }
            Err(malformed) => {
                let (message, refusal) = *malformed;
                self.record(&message, &refusal.code.digits);
                self.turn_away(&message, &refusal, Seal::Good, self.conduct.certificate)
            }
        }
    }

    fn message(
        &self,
        endpoint: Endpoint,
        path: String,
        request: &RailRequest,
    ) -> Result<Message, Box<(Message, Refusal)>> {
        let base = self.bench.base_of(request);
        match Fields::parse_form(&request.body) {
            Ok((fields, charset)) => {
                let dialect = check::dialect(&fields, &self.conduct).unwrap_or(Dialect::Rsa);
                Ok(Message { endpoint, path, base, fields, charset, dialect })
            }
            Err(malformed) => {
                let refusal = match malformed {
                    Malformed::NoEncoding => Refusal::about(Code::MISSING, "encoding"),
                    Malformed::Encoding => Refusal::about(Code::FORMAT, "encoding"),
                    Malformed::Name => Refusal::from(Code::FORMAT),
                };
                let (fields, charset, dialect) = (Fields::default(), Charset::UTF_8, Dialect::Rsa);
                Err(Box::new((Message { endpoint, path, base, fields, charset, dialect }, refusal)))
            }
        }
    }

    /// Turns a request away before anybody looks at it; the code depends on whether it is a query.
    pub(super) fn refuse_with(&self, request: &RailRequest, code: impl Fn(bool) -> Code) -> RailReply {
        let path = request.path().to_owned();
        // What is no address of the API is a page for browsers.
        let endpoint = Endpoint::at(&path).unwrap_or(Endpoint::Front);
        let message = match self.message(endpoint, path, request) {
            Ok(message) => message,
            Err(malformed) => malformed.0,
        };
        let code = code(message.fields.value("txnType") == Some("00"));
        self.record(&message, &code.digits);
        self.turn_away(&message, &code.into(), Seal::Good, self.conduct.certificate)
    }

    /// The fault that strikes a request: an armed one, or that of its amount.
    fn fault(&self, fields: &Fields) -> Option<Fault> {
        let operation = self.operation(fields);
        match fields.value("txnType").and_then(magic_side) {
            Some(on) => self.bench.fault(operation, on, fields.value("txnAmt").and_then(rules::fen)),
            None => self.bench.faults.take(operation),
        }
    }

    /// See [`crate::RailMock::operation`].
    pub(super) fn operation_of(&self, request: &RailRequest) -> Option<&'static str> {
        Endpoint::at(request.path())?;
        let (fields, _) = Fields::parse_form(&request.body).ok()?;
        Some(self.operation(&fields))
    }

    /// The framework's word for a request, for arming faults.
    fn operation(&self, fields: &Fields) -> &'static str {
        let part = |name| fields.value(name).unwrap_or_default().to_owned();
        match fields.value("txnType") {
            Some("00") => {
                let key =
                    OrderKey { mer_id: part("merId"), order_id: part("orderId"), txn_time: part("txnTime") };
                let trades = locked(&self.trades);
                let id = trades.by_key(&key).or_else(|| trades.by_query_id(&part("queryId")));
                match id.map(|id| trades.trade(id).order.what.operation()) {
                    Some("refund") => "refund_query",
                    Some(_) | None => "query",
                }
            }
            Some("76") => "bill",
            Some("95") => "certificates",
            Some(txn_type) => Follow::of(txn_type).map_or("charge", Follow::operation),
            None => "charge",
        }
    }

    async fn serve(&self, message: Message, twist: Twist) -> RailReply {
        let (seal, spell) = match twist {
            Twist::Plain => (Seal::Good, Spell::Nothing),
            Twist::WrongSignature => (Seal::Wrong, Spell::Nothing),
            Twist::Unsigned => (Seal::Missing, Spell::Nothing),
            Twist::BusinessCode(code) => (Seal::Good, spell(code)),
        };
        let which = match &spell {
            Spell::Certificate(which) => *which,
            Spell::Nothing | Spell::Refused(_) | Spell::Unsure(_) | Spell::Blemish(_) => {
                self.conduct.certificate
            }
        };
        let outcome = match spell {
            Spell::Refused(code) => Err(code.into()),
            spell => self.work(&message, spell).await,
        };
        match outcome {
            Ok(Outcome::Answer(fields)) => {
                self.record(&message, fields.value("respCode").unwrap_or_default());
                self.sealed(fields, &message, seal, which)
            }
            Ok(Outcome::Cashier(page)) => {
                self.record(&message, "302");
                RailReply::new(StatusCode::FOUND, "text/html;charset=UTF-8", "")
                    .with_header("location", &page)
                    .with_header("content-length", "0")
            }
            Err(refusal) => {
                self.record(&message, &refusal.code.digits);
                self.turn_away(&message, &refusal, seal, which)
            }
        }
    }

    async fn work(&self, message: &Message, spell: Spell) -> Result<Outcome, Refusal> {
        let Message { endpoint, fields, charset, dialect, .. } = message;
        let now = self.bench.clock.now();
        match check::check(*endpoint, fields, *charset, &self.registry, &self.conduct, now)? {
            Call::Query(key) => self.query(message, |trades| trades.by_key(&key)).map(Outcome::Answer),
            Call::QueryById { mer_id, query_id } => {
                let own = |trade: &Trade| trade.order.key.mer_id == mer_id;
                let find =
                    |trades: &Trades| trades.by_query_id(&query_id).filter(|id| own(trades.trade(*id)));
                self.query(message, find).map(Outcome::Answer)
            }
            Call::File { mer_id, settle_date } => {
                let blemish = match spell {
                    Spell::Blemish(blemish) => Some(blemish),
                    Spell::Nothing | Spell::Refused(_) | Spell::Unsure(_) | Spell::Certificate(_) => None,
                };
                self.file(message, &mer_id, &settle_date, blemish).map(Outcome::Answer)
            }
            Call::EncryptionCertificate => {
                let pem = self.registry.keys.encryption_certificate();
                Ok(Outcome::Answer(answer::certificate(fields, *dialect, pem)))
            }
            Call::Place(order) => {
                let armed = match spell {
                    Spell::Unsure(code) => Some(code),
                    Spell::Nothing | Spell::Refused(_) | Spell::Certificate(_) | Spell::Blemish(_) => None,
                };
                let plan = self.plan(&order, armed)?;
                let trade = self.place(*order, &plan).await?;
                let pages = format!("{}{}", message.base, cashier::PATH);
                let front = trade.order.what.payment().is_some_and(|p| matches!(p.way, Way::Front { .. }));
                Ok(match &trade.cashier {
                    Some(token) if front => Outcome::Cashier(format!("{pages}{token}")),
                    Some(_) | None => {
                        Outcome::Answer(answer::placed(fields, &trade, plan.answer.as_ref(), &pages))
                    }
                })
            }
        }
    }

    /// What will become of a new transaction: by the armed code, or by its amount where amounts may say so.
    fn plan(&self, order: &Order, armed: Option<Code>) -> Result<Plan, Refusal> {
        if armed.is_some() {
            return Ok(Plan::unsure(armed));
        }
        let side = magic_side(order.what.types().0);
        if let Some(mood) = side.and_then(|on| self.bench.magic.mood(on, order.fen)) {
            return plan_of(mood).map_err(Refusal::from);
        }
        let asked = if self.conduct.amount_codes { Code::of_amount(order.fen) } else { None };
        match asked {
            None => Ok(Plan::default()),
            Some((code, Class::Success | Class::Final)) => Ok(Plan::ends(code)),
            Some((code, Class::Pending)) if code != Code::NOT_FOUND => Ok(Plan::unsure(Some(code))),
            Some((code, Class::Pending | Class::Request | Class::Depends)) => Err(code.into()),
        }
    }

    fn query(&self, message: &Message, find: impl Fn(&Trades) -> Option<TradeId>) -> Result<Fields, Refusal> {
        let trades = locked(&self.trades);
        let trade = find(&trades).map(|id| trades.trade(id)).ok_or(Code::NOT_FOUND)?;
        let hidden = self.conduct.unpaid == Unpaid::NotFound;
        if hidden && trade.state == (State::Open { declined: None }) {
            return Err(Code::NOT_FOUND.into());
        }
        Ok(answer::found(&message.fields, message.dialect, trade, &trades.reported(trade)))
    }

    fn file(
        &self,
        message: &Message,
        mer_id: &str,
        settle_date: &str,
        blemish: Option<Blemish>,
    ) -> Result<Fields, Refusal> {
        let now = self.bench.clock.now();
        let day = time::last_day_of(settle_date, now).ok_or(Code::NO_FILE)?;
        if !time::file_is_there(day, self.conduct.file_hour, now) {
            return Err(Code::NO_FILE.into());
        }
        let trades = locked(&self.trades);
        let lines = clearing::lines(&trades, Some(mer_id), day);
        if lines.is_empty() && !self.conduct.empty_day_file {
            return Err(Code::NO_FILE.into());
        }
        let file = statement::pack(mer_id, day, &lines, blemish).ok_or(Code::BUSY)?;
        Ok(answer::file(&message.fields, message.dialect, &file.name, &file.content))
    }

    /// Takes a new transaction and, where a fault wants the notification first, decides and tells it before the answer.
    async fn place(&self, order: Order, plan: &Plan) -> Result<Trade, Refusal> {
        let now = self.bench.clock.now();
        let (trade, decided) = {
            let mut trades = locked(&self.trades);
            let id = trades.place(order, now, plan)?;
            if matches!(trades.trade(id).state, State::Running { .. }) {
                trades.trade_mut(id).fault = self.notification_fault(trades.trade(id));
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

    fn turn_away(
        &self,
        message: &Message,
        refusal: &Refusal,
        seal: Seal,
        which: SigningCertificate,
    ) -> RailReply {
        match message.endpoint {
            Endpoint::Front => cashier::error(refusal),
            Endpoint::Back
            | Endpoint::Query
            | Endpoint::App
            | Endpoint::Order
            | Endpoint::File
            | Endpoint::Other => {
                let fields = answer::refusal(&message.fields, message.dialect, refusal);
                self.sealed(fields, message, seal, which)
            }
        }
    }

    fn sealed(&self, fields: Fields, message: &Message, seal: Seal, which: SigningCertificate) -> RailReply {
        let charset = message.charset;
        let text = self.registry.keys.seal(fields, message.dialect, charset, seal, which).to_bare();
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

/// Reads an armed code: one of this mock's own words, or a response code.
fn spell(armed: String) -> Spell {
    if let Some(which) = SigningCertificate::armed(&armed) {
        return Spell::Certificate(which);
    }
    if let Some(blemish) = Blemish::armed(&armed) {
        return Spell::Blemish(blemish);
    }
    match armed.strip_prefix("DONE:") {
        Some(code) => Spell::Unsure(Code::armed(code.to_owned()).0),
        None => Spell::Refused(Code::armed(armed).0),
    }
}

/// The magic amounts of every rail in this gateway's codes.
fn plan_of(mood: Mood) -> Result<Plan, Code> {
    let thinks = |code| Plan { wait: Some(SignedDuration::from_secs(magic::THINKING_S)), ..Plan::ends(code) };
    match mood {
        Mood::Declined => Ok(Plan::ends(Code::NO_MONEY)),
        Mood::Risk => Ok(Plan::ends(Code::RISK)),
        Mood::PendingThenPaid => Ok(Plan { thinks: true, ..thinks(Code::SUCCESS) }),
        Mood::PendingThenDeclined => Ok(Plan { thinks: true, ..thinks(Code::NO_MONEY) }),
        Mood::Unsure => Ok(Plan { answer: Some(Code::UNKNOWN), ..Plan::default() }),
        Mood::RateLimited => Err(Code::BUSY),
        // ACP has no code of its own for it.
        Mood::RefundNotEnough => Err(Code::FAILED),
        Mood::RefundSlow => Ok(Plan { wait: Some(SignedDuration::from_hours(1)), ..Plan::default() }),
        Mood::RefundFails => Ok(thinks(Code::FAILED)),
    }
}
