//! The network between the replicas and the rails: requests, answers and notices, and what becomes of them on the way.

use std::sync::Arc;

use bytes::Bytes;
use futures::channel::oneshot;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::SignedDuration;
use paifang_engine::Notified;
use paifang_engine::ports::{IncomingMessage, Rails, Transport, TransportError};
use paifang_mock_rails::faults::Fault;
use paifang_mock_rails::notifier::{HttpMessage, Notice};
use paifang_mock_rails::{PayerAct, PayerTarget, RailReply, RailRequest};
use paifang_payment::{AccountId, NotSent, Verb};
use paifang_rail::{Exchange, Reply, Verdict};

use crate::exec::{OUTSIDE, Process, locked};
use crate::rails::{SimAccount, SimRails};
use crate::swarm::NetFault;
use crate::universe::Universe;
use crate::watch::TAMPERED;

/// How long a client waits for a rail.
const DEADLINE_MS: i64 = 10_000;
const PAGE: &[u8] = b"<html><body>502 Bad Gateway</body></html>";

/// How far a rail's query may lag behind its own book.
const STALE_FOR: SignedDuration = SignedDuration::from_mins(4);

/// The way from one replica to the rails.
#[derive(Clone)]
pub struct Net {
    /// Where it runs.
    pub universe: Arc<Universe>,
    /// Whose it is.
    pub process: Process,
}

impl Transport for Net {
    async fn exchange(&self, account: &AccountId, exchange: Exchange) -> Result<Reply, TransportError> {
        let universe = self.universe.clone();
        if universe.exec.is_dead(self.process) {
            return futures::future::pending().await;
        }
        let Some((verb, number)) = locked(&universe.planned).take() else {
            unreachable!("an adapter plans right before the transport sends");
        };
        let account = universe.accounts.iter().find(|known| known.id == *account).cloned();
        let account = account.ok_or(TransportError::NotSent(NotSent::NotConnected))?;
        universe.watch_sending(&account.id, verb, &number).await;
        let about = (verb, number.clone());
        let fault = universe.strikes(&account, &about);
        universe.trace.note(format_args!("{} asks {} {number}", self.process, verb.as_str()));
        if let Some(fault) = fault {
            universe.trace.fault(fault.name(), verb.as_str());
            // F10 is told to the row of an order that is closing: nothing else can be reversed.
            if fault != NetFault::CancelAgain || universe.is_closing(&account.id, &number).await {
                universe.strike(&number, fault.name());
            }
        }
        if fault.is_some() {
            universe.perhaps_paid_soon(&account, &number);
        }
        universe.perhaps_cut_off(self.process, (verb, &number));
        // The rail and the wire do not end with whoever asked.
        let (sender, receiver) = oneshot::channel();
        let traveller = Traveller { universe: universe.clone(), account, exchange, about, fault };
        universe.exec.spawn(OUTSIDE, "wire", async move {
            let answer = traveller.travel().await;
            // Nobody may be left to read it.
            let _ = sender.send(answer);
        });
        let answer = receiver.await.unwrap_or(Err(TransportError::Lost));
        let word = match &answer {
            Ok(reply) => format!("{} with {} bytes", reply.status, reply.body.len()),
            Err(error) => format!("{error:?}"),
        };
        universe.trace.note(format_args!("{} hears of {number}: {word}", self.process));
        answer
    }
}

impl Universe {
    /// What becomes of the next exchange with this rail.
    fn strikes(&self, account: &SimAccount, about: &(Verb, String)) -> Option<NetFault> {
        if !self.chaos() {
            return None;
        }
        if let Some((rail, from, time)) = self.swarm.away
            && self.accounts.get(rail).is_some_and(|away| away.id == account.id)
            && (from..from.saturating_add(time)).contains(&self.exec.passed())
        {
            let dark = [NetFault::NotConnected, NetFault::RequestLost, NetFault::PageInstead];
            return self.exec.draw(|chance| dark.get(chance.usize(0..dark.len())).copied());
        }
        if self.is_told_again(about) {
            return Some(NetFault::CancelAgain);
        }
        if let Some(aim) = &self.swarm.aim {
            return self.strikes_aimed(aim, account, about);
        }
        let strikes = |(fault, often): &&(NetFault, u32)| {
            self.can_strike(*fault, account, about) && self.exec.happens(*often)
        };
        self.swarm.net.iter().find(strikes).map(|(fault, _)| *fault)
    }

    /// Whether it would make a difference.
    pub fn can_strike(&self, fault: NetFault, account: &SimAccount, about: &(Verb, String)) -> bool {
        match fault {
            NetFault::RefusingCode => refusing_code(account.mock.name(), about.0).is_some(),
            NetFault::RefundFails => about.0 == Verb::Refund && account.mock.name() == "wechatpay",
            NetFault::CancelAgain => about.0 == Verb::Reverse,
            NetFault::Stale => self.said_lately(about).is_some(),
            NetFault::NotConnected
            | NetFault::RequestLost
            | NetFault::AnswerLost
            | NetFault::AnswerLate
            | NetFault::Delayed
            | NetFault::Twice
            | NetFault::PageInstead
            | NetFault::PageAfter
            | NetFault::Cut
            | NetFault::Garbled
            | NetFault::WrongSignature
            | NetFault::Unsigned
            | NetFault::UnsureCode
            | NetFault::RateLimited => true,
        }
    }

    /// What a rail answered to a query may be told again when it is no longer true.
    fn heard_from_rail(&self, about: &(Verb, String), reply: &Reply) {
        if is_query(about.0) && self.chaos() {
            let outdated = self.said_lately(about).is_none();
            if outdated || self.exec.happens(200) {
                locked(&self.said).insert(about.clone(), (self.exec.now(), reply.clone()));
            }
        }
    }

    fn said_lately(&self, about: &(Verb, String)) -> Option<Reply> {
        let said = locked(&self.said);
        let (at, reply) = said.get(about)?;
        (self.exec.now().duration_since(*at) < STALE_FOR).then(|| reply.clone())
    }

    /// Takes what the rails want to tell, and sends couriers.
    pub fn send_notices(self: &Arc<Self>) {
        for account in &self.accounts {
            while let Some(notice) = locked(&account.notices).take() {
                let courier = Courier { universe: self.clone(), account: account.clone(), notice };
                self.exec.spawn(OUTSIDE, "courier", courier.deliver());
            }
        }
    }
}

/// One request on its way.
struct Traveller {
    universe: Arc<Universe>,
    account: Arc<SimAccount>,
    exchange: Exchange,
    about: (Verb, String),
    fault: Option<NetFault>,
}

impl Traveller {
    async fn travel(self) -> Result<Reply, TransportError> {
        let exec = &self.universe.exec;
        exec.sleep(exec.millis(1..=200)).await;
        match self.fault {
            None => self.there_and_back().await,
            Some(NetFault::NotConnected) => {
                locked(&self.universe.left).remove(&self.about.1);
                Err(TransportError::NotSent(NotSent::NotConnected))
            }
            Some(NetFault::RequestLost) => self.silence().await,
            Some(NetFault::AnswerLost) => {
                drop(self.handle().await);
                self.silence().await
            }
            Some(NetFault::AnswerLate) => {
                let answer = self.handle().await;
                let wait = exec.millis(DEADLINE_MS - 1_500..=DEADLINE_MS + 500);
                exec.sleep(wait).await;
                if wait.as_millis() > i128::from(DEADLINE_MS) {
                    Err(TransportError::TimedOut)
                } else {
                    answer
                }
            }
            Some(NetFault::Delayed) => {
                self.arrives_late();
                self.silence().await
            }
            Some(NetFault::Twice) => {
                drop(self.handle().await);
                self.there_and_back().await
            }
            Some(NetFault::PageInstead) => Ok(page()),
            Some(NetFault::PageAfter) => {
                drop(self.handle().await);
                Ok(page())
            }
            Some(NetFault::Cut) => {
                drop(self.handle().await);
                Err(TransportError::Lost)
            }
            Some(NetFault::Garbled) => self.garbled().await,
            Some(NetFault::WrongSignature) => {
                Ok(tampered(self.armed(Fault::WrongSignature).await?, NetFault::WrongSignature))
            }
            Some(NetFault::Unsigned) => Ok(tampered(self.armed(Fault::Unsigned).await?, NetFault::Unsigned)),
            Some(NetFault::Stale) => match self.universe.said_lately(&self.about) {
                Some(earlier) => Ok(earlier),
                None => self.there_and_back().await,
            },
            Some(NetFault::UnsureCode) => self.armed(self.code(unsure_code)).await,
            Some(NetFault::RefusingCode) => {
                let verb = self.about.0;
                self.armed(self.code(|rail| refusing_code(rail, verb).unwrap_or(unsure_code(rail)))).await
            }
            Some(NetFault::RateLimited) => match self.account.mock.name() {
                "wechatpay" => self.armed(self.code(|_| "FREQUENCY_LIMITED")).await,
                _ => self.armed(Fault::Status(StatusCode::TOO_MANY_REQUESTS.as_u16())).await,
            },
            Some(NetFault::CancelAgain) => self.cancel_again().await,
            Some(NetFault::RefundFails) => self.armed(self.code(|_| "CLOSED")).await,
        }
    }

    /// The rail answers with this code of its own instead of the work.
    fn code(&self, of: impl FnOnce(&str) -> &'static str) -> Fault {
        Fault::BusinessCode(of(self.account.mock.name()).to_owned())
    }

    /// Executed minutes later, when everybody has given up on it.
    fn arrives_late(&self) {
        let longest = if self.universe.swarm.aim.is_some() { 40_000 } else { 600_000 };
        let (universe, wait) = (self.universe.clone(), self.universe.exec.millis(10_000..=longest));
        let (account, exchange, about) = (self.account.clone(), self.exchange.clone(), self.about.clone());
        self.universe.exec.spawn(OUTSIDE, "wire", async move {
            universe.exec.sleep(wait).await;
            let late = Self { universe, account, exchange, about, fault: None };
            drop(late.handle().await);
            late.universe.perhaps_paid_soon(&late.account, &late.about.1);
        });
    }

    async fn garbled(&self) -> Result<Reply, TransportError> {
        let mut reply = self.there_and_back().await?;
        let at = self.universe.exec.draw(|chance| chance.usize(0..reply.body.len().max(1)));
        match reply.body.get_mut(at) {
            Some(byte) => *byte ^= 1,
            // Nothing but its signature can be garbled.
            None => reply.headers.retain(|(name, _)| !name.to_ascii_lowercase().ends_with("-signature")),
        }
        Ok(tampered(reply, NetFault::Garbled))
    }

    async fn there_and_back(&self) -> Result<Reply, TransportError> {
        self.universe.perhaps_pays_earlier(&self.account, &self.about).await;
        self.universe.perhaps_declined(&self.account, &self.about.1);
        let answer = self.handle().await;
        self.universe.crossing(&self.account, &self.about).await;
        self.universe.exec.sleep(self.universe.exec.millis(1..=300)).await;
        if let Ok(reply) = &answer {
            self.universe.heard_from_rail(&self.about, reply);
        }
        answer
    }

    /// The rail misbehaves by itself.
    async fn armed(&self, fault: Fault) -> Result<Reply, TransportError> {
        // What was armed for the next capture would strike instead.
        self.account.bench.faults.clear();
        self.account.bench.faults.arm(None, fault, 1);
        let answer = self.handle().await;
        self.account.bench.faults.clear();
        self.universe.crossing(&self.account, &self.about).await;
        answer
    }

    async fn silence(&self) -> Result<Reply, TransportError> {
        if self.universe.exec.happens(500) {
            self.universe.exec.sleep(self.universe.exec.millis(1..=DEADLINE_MS)).await;
            return Err(TransportError::Lost);
        }
        self.universe.exec.sleep(SignedDuration::from_millis(DEADLINE_MS)).await;
        Err(TransportError::TimedOut)
    }

    /// The rail does its work.
    async fn handle(&self) -> Result<Reply, TransportError> {
        self.account.bench.clock.set(self.universe.exec.now());
        let answer = self.account.mock.handle(request(&self.exchange)).await;
        self.universe.perhaps_charged_again(&self.account, &self.about.1);
        self.universe.send_notices();
        let mut reply = heard(answer)?;
        reply.headers.extend(self.account.mark_of_key().map(|(name, value)| (name.to_owned(), value)));
        Ok(reply)
    }

    /// F10: the reverse is not carried out, or it is, and the rail does not know. The payer may pay in between.
    async fn cancel_again(&self) -> Result<Reply, TransportError> {
        let (universe, order_no) = (&self.universe, &self.about.1);
        universe.tell_again(order_no);
        if universe.exec.happens(300) {
            self.account.bench.clock.set(universe.exec.now());
            let act = PayerAct::Pay { target: PayerTarget::OrderNo(order_no.clone()), force: false };
            let paid =
                self.account.mock.payer(act).map_or_else(|error| error.to_string(), |_| "done".to_owned());
            universe.trace.note(format_args!("{order_no} is paid while it is reversed: {paid}"));
        }
        let done = universe.exec.happens(300);
        let code = match (self.account.mock.name(), done) {
            ("alipay", false) => "RETRY",
            ("alipay", true) => "RETRY:DONE",
            ("unionpay", true) => "DONE:05",
            (rail, _) => unsure_code(rail),
        };
        self.armed(Fault::BusinessCode(code.to_owned())).await
    }
}

/// What came over the wire.
pub fn heard(answer: RailReply) -> Result<Reply, TransportError> {
    match answer {
        RailReply::Dropped => Err(TransportError::Lost),
        RailReply::Answer { status, headers, body } => Ok(Reply {
            status: status.as_u16(),
            headers: headers.iter().map(header).collect(),
            body: body.to_vec(),
        }),
    }
}

fn is_query(verb: Verb) -> bool {
    match verb {
        Verb::Query | Verb::QueryReverse | Verb::QueryRefund | Verb::QueryCapture | Verb::QueryRelease => {
            true
        }
        Verb::Charge | Verb::Close | Verb::Reverse | Verb::Refund | Verb::Capture | Verb::Release => false,
    }
}

/// A code by which this rail leaves everything open.
fn unsure_code(rail: &str) -> &'static str {
    match rail {
        "alipay" => "ACQ.SYSTEM_ERROR",
        "wechatpay" => "SYSTEM_ERROR",
        _ => "06",
    }
}

/// A code that ends this operation at this rail; `None` where only doubt would come of it.
pub fn refusing_code(rail: &str, verb: Verb) -> Option<&'static str> {
    match (rail, verb) {
        ("alipay", Verb::Charge) => Some("ACQ.ACCESS_FORBIDDEN"),
        ("alipay", Verb::Refund) => Some("ACQ.INVALID_PARAMETER"),
        ("alipay", Verb::Capture) => Some("ACQ.MERCHANT_STATUS_NOT_NORMAL"),
        ("alipay", Verb::Release) => Some("ILLEGAL_ARGUMENT"),
        ("wechatpay", Verb::Charge | Verb::Refund) => Some("PARAM_ERROR"),
        ("unionpay", Verb::Charge | Verb::Refund | Verb::Capture | Verb::Release) => Some("13"),
        _ => None,
    }
}

/// The same reply, marked for the check of what is made of it.
fn tampered(mut reply: Reply, fault: NetFault) -> Reply {
    reply.headers.push((TAMPERED.to_owned(), fault.name().to_owned()));
    reply
}

fn page() -> Reply {
    let headers = vec![("Content-Type".to_owned(), "text/html".to_owned())];
    Reply { status: StatusCode::BAD_GATEWAY.as_u16(), headers, body: PAGE.to_vec() }
}

fn header((name, value): (&HeaderName, &HeaderValue)) -> (String, String) {
    (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// What is sent to the rail.
pub fn request(exchange: &Exchange) -> RailRequest {
    let rest = exchange.url.strip_prefix("http://").unwrap_or(&exchange.url);
    let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut headers = HeaderMap::new();
    let named = exchange.headers.iter().map(|(name, value)| (*name, value.as_str()));
    for (name, value) in named.chain([("Host", host)]) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    let method = exchange.method.as_str().parse().expect("GET or POST");
    RailRequest { method, target: target.to_owned(), headers, body: Bytes::from(exchange.body.clone()) }
}

/// Carries one notice to the gateway, on the rail's own schedule.
struct Courier {
    universe: Arc<Universe>,
    account: Arc<SimAccount>,
    notice: Notice,
}

impl Courier {
    async fn deliver(self) {
        let mut gaps = self.notice.schedule.iter();
        let mut number = 0;
        loop {
            number += 1;
            if self.try_once(number).await {
                return;
            }
            let Some(gap) = gaps.next() else { return };
            self.universe.exec.sleep(SignedDuration::try_from(*gap).unwrap_or(SignedDuration::MAX)).await;
        }
    }

    async fn try_once(&self, number: u32) -> bool {
        let (exec, swarm) = (&self.universe.exec, &self.universe.swarm);
        let mut message = (self.notice.render)(number, exec.now());
        message.headers.extend(self.account.mark_of_key());
        exec.sleep(exec.millis(1..=300)).await;
        if self.universe.chaos() {
            if exec.happens(swarm.notice_lost) {
                self.universe.trace.fault("notice-lost", &self.notice.key);
                return false;
            }
            let late = i64::try_from(swarm.notice_late.as_millis()).unwrap_or(0);
            exec.sleep(exec.millis(0..=late)).await;
            if exec.happens(swarm.notice_twice) {
                self.universe.trace.fault("notice-twice", &self.notice.key);
                let (universe, account, message) =
                    (self.universe.clone(), self.account.clone(), message.clone());
                exec.spawn(OUTSIDE, "courier", async move {
                    universe.exec.sleep(universe.exec.millis(0..=90_000)).await;
                    let _twin = knock(&universe, &account, message).await;
                });
            }
        }
        let Some((status, body)) = knock(&self.universe, &self.account, message).await else { return false };
        self.universe.trace.note(format_args!("notice {} try {number}: {status}", self.notice.key));
        (self.notice.acknowledged)(status, body.as_bytes())
    }
}

async fn knock(
    universe: &Arc<Universe>,
    account: &Arc<SimAccount>,
    message: HttpMessage,
) -> Option<(u16, &'static str)> {
    let headers = message.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let message = IncomingMessage { headers, query: String::new(), body: message.body };
    let news = universe.news_of(&account.id, &message);
    let (id, rails) = (account.id.clone(), SimRails(universe.clone()));
    let call = move |core: crate::universe::Core| -> futures::future::BoxFuture<'static, _> {
        Box::pin(async move {
            let notified = core.notified(&id, &message).await;
            let said = rails.acknowledge(&id, notified.verdict());
            let suspicious = notified == Notified::Suspicious;
            (notified.verdict() == Verdict::Kept, suspicious, said.status, said.body)
        })
    };
    let (kept, suspicious, status, body) = universe.ask("notify", call).await?;
    if let Some((key, paid)) = news.filter(|_| kept) {
        universe.watch_acknowledged(&account.id, &key, suspicious).await;
        if let Some((order_no, rail_ref)) = paid {
            locked(&universe.told).entry(order_no).or_default().insert(rail_ref);
        }
    }
    Some((status, body))
}
