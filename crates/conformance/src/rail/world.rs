//! One account in front of one counterpart, and the moves that every check is made of.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{Credit, NextAction, OrderNo, Outcome, WalletName};
use paifang_rail::{
    Answer, Call, Charge, Context, Keyring, Need, Notification, NotificationError, Offer, Order, PayerCode,
    Plan, PlanError, Rail, RawNotification, RefundOrder, Reply, Reversal, Verified,
};

use super::http::PATIENCE;
use super::payer::{browse, elsewhere, target};
use super::words::{assert_said, led, said, told};
use super::{Act, BookEntry, Counterpart, Delivery, Fault, Habits, Listener, Lost, Sending, Target, send};

/// The amount of the kit's orders, in minor units.
pub(super) const AMOUNT: i64 = 10_000;

/// How often a state is looked at that comes by the counterpart's clock, five seconds apart.
const LOOKS_MAX: usize = 20;

/// What a world is made of.
pub struct Setup {
    /// The adapter.
    pub rail: Box<dyn Rail>,
    /// The account's keys.
    pub keys: Keyring,
    /// The same account with other verification keys than the counterpart's, under the same ids.
    pub strangers: Keyring,
    /// The other side.
    pub counterpart: Box<dyn Counterpart>,
    /// What this rail does in its own way.
    pub habits: Habits,
}

/// An account, its other side and its door for notifications. Each check opens its own.
pub struct World {
    pub(super) rail: Box<dyn Rail>,
    pub(super) keys: Keyring,
    pub(super) strangers: Keyring,
    pub(super) counterpart: Box<dyn Counterpart>,
    pub(super) habits: Habits,
    pub(super) door: Listener,
    count: AtomicU64,
}

impl World {
    /// Opens the door.
    pub async fn open(setup: Setup) -> Self {
        let Setup { rail, keys, strangers, counterpart, habits } = setup;
        let door = Listener::open().await;
        Self { rail, keys, strangers, counterpart, habits, door, count: AtomicU64::new(1) }
    }

    /// The offers whose payer comes after the creation.
    pub(super) fn awaiting(&self) -> Vec<Offer> {
        let offers = self.rail.descriptor().offers.iter();
        offers.filter(|offer| !offer.presentation.is_synchronous()).copied().collect()
    }

    /// An offer whose payer comes after the creation: the one that checks use which need only one.
    pub(super) fn any_awaiting(&self) -> Offer {
        self.awaiting().into_iter().next().expect("a rail whose payers come after the creation")
    }

    /// The offer of payer's codes.
    pub(super) fn by_code(&self) -> Option<Offer> {
        self.rail.descriptor().offers.iter().find(|offer| offer.presentation.is_synchronous()).copied()
    }

    /// A number that nobody used: letters and digits, as the engine's.
    pub(super) fn number(&self, tag: char) -> OrderNo {
        let n = self.count.fetch_add(1, Ordering::Relaxed);
        OrderNo::parse(&format!("KIT{tag}{n:028}")).expect("32 letters and digits")
    }

    /// A charge of this offer, opened now, with half an hour to pay or as much as the offer has.
    pub(super) async fn charge(&self, offer: &Offer) -> Charge {
        let life = offer.expiry_s_max.min(1800).max(offer.expiry_s_min);
        self.charge_of(offer, AMOUNT, life).await
    }

    /// A charge of this amount and life.
    pub(super) async fn charge_of(&self, offer: &Offer, minor: i64, life_s: u32) -> Charge {
        let opened_at = self.counterpart.now().await;
        let order = Order {
            kind: paifang_rail::OrderKind::Payment,

            order_no: self.number('C'),
            amount: yuan(minor),
            presentation: offer.presentation,
            rail_ref: None,
            opened_at,
            expires_at: opened_at + SignedDuration::from_secs(i64::from(life_s)),
        };
        let client_ip = offer.needs.contains(&Need::ClientIp).then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Charge {
            order,
            description: "一致性 kit & tea 100%".into(),
            wallet: WalletName::parse(offer.wallet).expect("a wallet's name"),
            credit: Credit::Allowed,
            payer: self.habits.payer.clone().into(),
            payer_code: Default::default(),
            client_ip: client_ip.into(),
            payer_alias: Default::default(),
        }
    }

    /// The offers that can also hold.
    pub(super) fn holding(&self) -> Vec<Offer> {
        self.rail.descriptor().offers.iter().filter(|offer| offer.hold.is_some()).copied().collect()
    }

    /// A hold of this offer, opened now.
    pub(super) async fn hold(&self, offer: &Offer) -> Charge {
        let mut charge = self.charge(offer).await;
        charge.order.kind = paifang_rail::OrderKind::Hold;
        charge
    }

    /// A charge of a payer's code.
    pub(super) async fn charge_by_code(&self, offer: &Offer, code: &str) -> Charge {
        let code = PayerCode::parse(code).expect("a payer's code");
        Charge { payer_code: code.into(), ..self.charge(offer).await }
    }

    /// A refund of a paid order.
    pub(super) async fn refund(&self, order: &Order, minor: i64) -> RefundOrder {
        RefundOrder {
            order: order.clone(),
            refund_no: self.number('R'),
            amount: yuan(minor),
            reason: "kit".into(),
            opened_at: self.counterpart.now().await,
        }
    }

    /// A reverse of an order.
    pub(super) async fn reversal(&self, order: &Order) -> Reversal {
        let opened_at = self.counterpart.now().await;
        Reversal { order: order.clone(), reversal_no: self.number('V'), opened_at }
    }

    /// Plans a call, twice: equal calls give equal bytes.
    pub(super) async fn plan(&self, call: &Call<'_>) -> Result<Plan, PlanError> {
        let now = self.counterpart.now().await;
        let nonce = nonce(call.order());
        let cx = self.cx(now, &nonce);
        let plan = self.rail.plan(call, &cx);
        assert_eq!(plan, self.rail.plan(call, &cx), "{}: equal calls give equal bytes", name(call));
        plan
    }

    /// Sends a call that makes a round trip.
    pub(super) async fn exchange(&self, call: &Call<'_>) -> Result<Reply, Lost> {
        match self.plan(call).await {
            Ok(Plan::Send(exchange)) => send(&exchange).await,
            Ok(Plan::HandOff(next)) => panic!("{} is handed off as {}", name(call), next.kind()),
            Err(error) => panic!("{}: {error}", name(call)),
        }
    }

    /// What the adapter makes of a reply.
    pub(super) async fn read(&self, call: &Call<'_>, reply: &Reply) -> Answer {
        let nonce = nonce(call.order());
        self.rail.read(call, reply, &self.cx(self.counterpart.now().await, &nonce))
    }

    /// Sends a call and reads its reply.
    pub(super) async fn ask(&self, call: &Call<'_>) -> Answer {
        let reply = self.exchange(call).await.unwrap_or_else(|Lost| panic!("{}: no answer", name(call)));
        self.read(call, &reply).await
    }

    /// Asks, and holds the answer against a word of [`said`].
    pub(super) async fn expect(&self, call: &Call<'_>, wanted: &str) -> Answer {
        let answer = self.ask(call).await;
        assert_said(&name(call), &answer, wanted);
        answer
    }

    /// Lends what an adapter is lent.
    pub(super) fn cx<'a>(&'a self, now: Timestamp, nonce: &'a str) -> Context<'a> {
        let return_url = "http://127.0.0.1:1/back";
        Context { now, nonce, notify_url: self.door.url(), return_url, keys: &self.keys }
    }

    /// Creates an order and gives what the payer is led by.
    pub(super) async fn create(&self, charge: &Charge) -> NextAction {
        let call = Call::Charge(charge);
        match self.plan(&call).await {
            Ok(Plan::HandOff(next)) => next,
            Ok(Plan::Send(exchange)) => {
                let reply = send(&exchange).await.expect("an answer to a creation");
                let answer = self.read(&call, &reply).await;
                led(&answer).unwrap_or_else(|| panic!("{}: {}", name(&call), told(&answer)))
            }
            Err(error) => panic!("{}: {error}", name(&call)),
        }
    }

    /// The payer comes to the order by what the storefront was told to do.
    pub(super) async fn come(&self, charge: &Charge, next: &NextAction) -> Result<(), String> {
        let target = match next {
            NextAction::Redirect { url } if elsewhere(url).is_some() => target(charge, next),
            NextAction::Redirect { .. } | NextAction::PostForm { .. } => {
                let page = browse(next).await;
                if page.status != 200 {
                    return Err(format!("the payer's browser got {}", page.status));
                }
                Target::OrderNo(charge.order.order_no.to_string())
            }
            NextAction::ShowQr { .. } | NextAction::InvokeWallet { .. } | NextAction::WaitForPayer => {
                target(charge, next)
            }
        };
        self.counterpart.payer(Act::Scan, target).await
    }

    /// The payer comes and pays.
    pub(super) async fn pay(&self, charge: &Charge, next: &NextAction) -> Result<(), String> {
        self.come(charge, next).await?;
        self.counterpart.payer(Act::Pay, target(charge, next)).await
    }

    /// A paid order, with the rail's number in it.
    pub(super) async fn paid_order(&self, offer: &Offer) -> Order {
        let charge = self.charge(offer).await;
        let next = self.create(&charge).await;
        self.pay(&charge, &next).await.expect("a payable order");
        self.known(&charge.order).await
    }

    /// A paid order as the engine knows it after a query: with the rail's number.
    pub(super) async fn known(&self, order: &Order) -> Order {
        let answer = self.expect(&Call::Query(order), &format!("paid {}", order.amount.minor_units())).await;
        let Some(Outcome::Paid(settled)) = answer.outcome() else { unreachable!("it said paid") };
        let rail_ref = settled.rail_ref.clone();
        assert!(rail_ref.is_some(), "a paid order has a number at the rail");
        Order { rail_ref, ..order.clone() }
    }

    /// Asks until the answer is no longer "pending", letting time pass over there.
    pub(super) async fn settled(&self, call: &Call<'_>) -> Answer {
        for _ in 0..LOOKS_MAX {
            let answer = self.ask(call).await;
            if said(&answer) != "pending" {
                return answer;
            }
            self.counterpart.advance(SignedDuration::from_secs(5)).await;
        }
        panic!("{}: still pending", name(call));
    }

    /// Refunds, and waits until that is done.
    pub(super) async fn refunded(&self, refund: &RefundOrder) {
        let first = self.ask(&Call::Refund(refund)).await;
        let done = format!("refunded {}", refund.amount.minor_units());
        assert!(["pending", done.as_str()].contains(&said(&first).as_str()), "refund: {}", told(&first));
        let answer = self.settled(&Call::QueryRefund(refund)).await;
        assert_said("query of a refund", &answer, &done);
    }

    /// Lets the least time between two refunds pass.
    pub(super) async fn pause_between_refunds(&self) {
        let pause = i64::from(self.rail.descriptor().refunding.interval_s);
        self.counterpart.advance(SignedDuration::from_secs(pause)).await;
    }

    /// Arms a fault.
    pub(super) async fn arm(&self, operation: &'static str, fault: Fault) {
        self.counterpart.arm(operation, fault).await;
    }

    /// The order in the other side's book.
    pub(super) async fn booked(&self, order: &Order) -> Option<BookEntry> {
        let book = self.counterpart.book().await;
        let mut found = book.into_iter().filter(|entry| entry.order_no == order.order_no.as_str());
        let entry = found.next();
        assert!(found.next().is_none(), "one order of one number");
        entry
    }

    /// Opens a notification with the account's keys.
    pub(super) async fn open_raw(
        &self,
        raw: &RawNotification<'_>,
    ) -> Result<Verified<Notification>, NotificationError> {
        self.rail.open_notification(raw, &self.cx(self.counterpart.now().await, "0"))
    }

    /// The next notification, opened.
    pub(super) async fn next_notification(&self) -> (Delivery, Notification) {
        let delivery = self.door.next().await;
        match self.open_raw(&delivery.raw()).await {
            Ok(opened) => (delivery, opened.into_inner()),
            Err(error) => {
                panic!("a notification is refused: {error}: {}", String::from_utf8_lossy(&delivery.body))
            }
        }
    }

    /// Waits until the other side has made up its mind about an answer, and gives all its sendings.
    pub(super) async fn sendings_until(&self, wanted: impl Fn(&[Sending]) -> bool) -> Vec<Sending> {
        within("the other side takes note of an answer", async {
            loop {
                let all = self.counterpart.sendings().await;
                if wanted(&all) {
                    return all;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}

/// Fails instead of hanging.
pub(super) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: not within {} s", PATIENCE.as_secs()),
    }
}

/// Yuan, in fen.
pub(super) fn yuan(minor: i64) -> PositiveMoney {
    PositiveMoney::new(minor, Currency::CNY).expect("an amount above zero")
}

/// A call's verb and presentation, for messages.
pub(super) fn name(call: &Call<'_>) -> String {
    format!("{} of {}", call.verb().as_str(), call.order().presentation.as_str())
}

/// Drawn once per order, as the engine does.
pub(super) fn nonce(order: &Order) -> String {
    let digits: String = order.order_no.as_str().chars().filter(char::is_ascii_digit).collect();
    format!("{digits:0>32}")
}
