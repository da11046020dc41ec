//! A storefront's story: a payment is made, paid, refunded in part and looked at, another one is made and cancelled. Whatever
//! brings no answer is asked again under the same request id; at the end every call is made once more, and has to mean what
//! it meant.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use paifang_client::{Client, reason};
use paifang_mock_rails::{CodeOutcome, PayerAct, PayerError, PayerTarget};
use paifang_proto::v1;
use tokio::time::sleep;
use tonic::{Code, Status};
use v1::PaymentIntentState as State;

use crate::check;
use crate::net::now;
use crate::world::World;

/// What is paid, and what of it goes back, in fen.
pub const FEN: i64 = 10_000;
pub const BACK_FEN: i64 = 2_500;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// Orders that may expire one after the other.
const ORDERS_MAX: u32 = 3;

/// How the payer pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plot {
    /// Alipay's QR code on a screen, and a second order that is cancelled.
    Shown,
    /// WeChat Pay's code on the payer's phone: charged in the call.
    Scanned,
    /// UnionPay's QR code.
    Union,
}

impl Plot {
    pub fn rail(self) -> &'static str {
        match self {
            Self::Shown => "alipay",
            Self::Scanned => "wechatpay",
            Self::Union => "unionpay",
        }
    }

    /// How long an order lives where it does not wait for its payer for long: a charge that may still be on its way is not
    /// given up before.
    fn life(self) -> Option<SignedDuration> {
        match self {
            Self::Scanned => Some(SignedDuration::from_secs(120)),
            Self::Shown | Self::Union => None,
        }
    }

    fn choice(self, code: String) -> v1::WalletChoice {
        let wallet = match self {
            Self::Shown => "alipay",
            Self::Scanned => "wechatpay",
            Self::Union => "quickpass",
        };
        let mut context = v1::ClientContext { payer_code: code, ..Default::default() };
        context.set_kind(v1::ClientKind::PointOfSale);
        let mut choice =
            v1::WalletChoice { wallet: wallet.into(), client_context: Some(context), ..Default::default() };
        choice.set_presentation(match self {
            Self::Shown | Self::Union => v1::Presentation::QrShown,
            Self::Scanned => v1::Presentation::PayerCode,
        });
        choice
    }
}

/// Looks again soon, and then less and less often.
#[derive(Default)]
struct Patience(u32);

impl Patience {
    async fn wait(&mut self) {
        self.0 = (self.0 + 1).min(20);
        sleep(LOOK * self.0).await;
    }
}

/// A storefront with a payer in front of it.
pub struct Shop {
    world: Rc<World>,
    client: Client,
    plot: Plot,
    /// What each request id made.
    made: BTreeMap<String, String>,
    /// The calls that create, as they were made first.
    asked: BTreeMap<String, v1::CreatePaymentIntentRequest>,
}

impl Shop {
    pub fn new(world: Rc<World>, plot: Plot) -> Self {
        Self { client: world.client(), world, plot, made: BTreeMap::new(), asked: BTreeMap::new() }
    }

    /// The whole story.
    pub async fn play(mut self) -> turmoil::Result {
        let paid = self.pay_one().await;
        let refund = self.refund(&paid.payment_intent_id).await;
        self.until_refunded(refund).await;
        if self.plot == Plot::Shown {
            let second = self.create("second").await;
            self.cancel(&second.payment_intent_id).await;
            self.until(&second.payment_intent_id, |intent| intent.state() == State::Canceled).await;
        }
        while !self.world.wire.is_whole() {
            sleep(LOOK).await;
        }
        self.repeat_all(&paid.payment_intent_id).await;
        let mut patience = Patience::default();
        while !check::is_quiet(&self.world).await {
            patience.wait().await;
        }
        Ok(())
    }

    fn kept(&mut self, request_id: &str, made: String) {
        let first = self.made.entry(request_id.to_owned()).or_insert_with(|| made.clone());
        assert_eq!(*first, made, "I1: {request_id} made two");
    }

    async fn create(&mut self, request_id: &str) -> v1::PaymentIntent {
        let wanted = match self.asked.get(request_id) {
            Some(asked) => asked.clone(),
            None => v1::CreatePaymentIntentRequest {
                request_id: request_id.into(),
                amount: Some(money(FEN)),
                description: "tea".into(),
                choice: Some(self.plot.choice(self.code())),
                expire_time: self.plot.life().map(|life| moment(now() + life)),
                ..Default::default()
            },
        };
        self.asked.insert(request_id.into(), wanted.clone());
        let answer = again(request_id, || self.client.create_payment_intent(wanted.clone())).await;
        let intent = answer.payment_intent.expect("an intent");
        self.kept(request_id, intent.payment_intent_id.clone());
        intent
    }

    /// One order after the other, until one is paid.
    async fn pay_one(&mut self) -> v1::PaymentIntent {
        for number in 1..=ORDERS_MAX {
            let made = self.create(&format!("order-{number}")).await;
            if let Some(paid) = self.until_paid(made).await {
                return paid;
            }
        }
        panic!("{ORDERS_MAX} orders have expired");
    }

    /// The payer pays as soon as there is something to pay; a charge that came to nothing is tried again. `None`: the order's
    /// time was over before it was known that nobody had been charged.
    async fn until_paid(&mut self, mut intent: v1::PaymentIntent) -> Option<v1::PaymentIntent> {
        let id = intent.payment_intent_id.clone();
        let (mut again, mut patience) = (0, Patience::default());
        loop {
            match intent.state() {
                State::Succeeded => return Some(intent),
                State::Expired => return None,
                State::AwaitingPayer if self.plot != Plot::Scanned => self.pay(&intent),
                State::AwaitingPayer | State::Processing => {}
                State::RequiresWallet => {
                    again += 1;
                    intent = self.confirm(&id, &format!("again-{again}")).await;
                    continue;
                }
                State::Unspecified | State::Canceled | State::Failed | State::Authorized => {
                    panic!("it was to be paid: {intent:#?}")
                }
            }
            patience.wait().await;
            intent = self.look(&id).await;
        }
    }

    /// Once paid, more attempts change nothing.
    fn pay(&self, intent: &v1::PaymentIntent) {
        let order_no = intent.attempts.last().expect("an attempt").order_number.clone();
        let pays = PayerAct::Pay { target: PayerTarget::OrderNo(order_no), force: false };
        match self.world.rail().payer(pays) {
            Ok(_) | Err(PayerError::NotPayable { .. } | PayerError::NoSuchOrder) => {}
            Err(PayerError::Unsupported) => panic!("a payer can pay"),
        }
    }

    /// A fresh code of the payer's phone, where there is one.
    fn code(&self) -> String {
        if self.plot != Plot::Scanned {
            return String::new();
        }
        let issued = self.world.rail().payer(PayerAct::IssueCode(CodeOutcome::Pays)).expect("a code");
        issued["code"].as_str().expect("a text").to_owned()
    }

    async fn confirm(&mut self, id: &str, request_id: &str) -> v1::PaymentIntent {
        let wanted = v1::ConfirmPaymentIntentRequest {
            request_id: request_id.into(),
            payment_intent_id: id.into(),
            choice: Some(self.plot.choice(self.code())),
            etag: String::new(),
        };
        let answer = again(request_id, || self.client.confirm_payment_intent(wanted.clone())).await;
        answer.payment_intent.expect("an intent")
    }

    async fn cancel(&mut self, id: &str) {
        let wanted = v1::CancelPaymentIntentRequest {
            request_id: "cancel".into(),
            payment_intent_id: id.into(),
            etag: String::new(),
        };
        again("cancel", || self.client.cancel_payment_intent(wanted.clone())).await;
    }

    async fn refund(&mut self, id: &str) -> v1::Refund {
        let wanted = v1::CreateRefundRequest {
            request_id: "refund".into(),
            payment_intent_id: id.into(),
            amount: Some(money(BACK_FEN)),
            reason: String::new(),
            refund_case: None,
        };
        let answer = again("refund", || self.client.create_refund(wanted.clone())).await;
        let refund = answer.refund.expect("a refund");
        self.kept("refund", refund.refund_id.clone());
        refund
    }

    async fn until_refunded(&self, mut refund: v1::Refund) {
        while refund.state() != v1::RefundState::Succeeded {
            assert_ne!(refund.state(), v1::RefundState::Failed, "{refund:#?}");
            sleep(LOOK).await;
            let wanted = v1::GetRefundRequest { refund_id: refund.refund_id.clone() };
            let answer = again("look", || self.client.get_refund(wanted.clone())).await;
            refund = answer.refund.expect("a refund");
        }
    }

    async fn look(&self, id: &str) -> v1::PaymentIntent {
        let wanted = v1::GetPaymentIntentRequest { payment_intent_id: id.into() };
        let answer = again("look", || self.client.get_payment_intent(wanted.clone())).await;
        answer.payment_intent.expect("an intent")
    }

    async fn until(&self, id: &str, enough: impl Fn(&v1::PaymentIntent) -> bool) {
        while !enough(&self.look(id).await) {
            sleep(LOOK).await;
        }
    }

    /// The same calls mean the same things (I1, I3).
    async fn repeat_all(&mut self, id: &str) {
        for request_id in self.made.keys().cloned().collect::<Vec<_>>() {
            match request_id.as_str() {
                "refund" => drop(self.refund(id).await),
                name => drop(self.create(name).await),
            }
        }
    }
}

/// Asks until there is an answer.
async fn again<A, F: Future<Output = Result<A, Status>>>(what: &str, call: impl Fn() -> F) -> A {
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(status) if is_open(&status) => sleep(LOOK).await,
            Err(status) => panic!("{what}: {status:?}"),
        }
    }
}

/// Whether the call may have been carried out, or can be later.
fn is_open(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Aborted => true,
        // A connection that ended; one of our own has a reason.
        Code::Unknown | Code::Internal => reason(status).is_none(),
        _ => false,
    }
}

fn moment(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: 0 }
}

fn money(fen: i64) -> v1::Money {
    v1::Money { currency_code: "CNY".into(), minor_units: fen }
}
