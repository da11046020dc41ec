//! A storefront and its payer. It repeats a call until it is answered, always the very same one, and writes each answer down.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use paifang_gateway::demo::Shop;
use paifang_mock_rails::faults::Fault;
use paifang_mock_rails::{CodeOutcome, PayerAct, PayerTarget};
use paifang_proto::v1;
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};
use v1::PaymentIntentState as State;

use crate::ground::Ground;
use crate::journal::{Asked, Resource};
use crate::support::{WECHAT, Way, browser, choice, money};
use crate::till::{PLAIN, Till};

/// How long anything may take, dead gateways included.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
pub const LOOK: Duration = Duration::from_millis(15);
/// How long a doubt is waited for before time is made to pass.
const DOUBT_MAX: Duration = Duration::from_millis(350);
/// How much passes then: less than what a signature may be old, or each call that is under way would be for nothing.
const DOUBT_STEP: jiff::SignedDuration = jiff::SignedDuration::from_secs(240);
/// As long as a lease.
const LEASE_STEP: jiff::SignedDuration = jiff::SignedDuration::from_secs(30);
/// A call that has no answer by then is made again.
const CALL_MAX: Duration = Duration::from_secs(5);

/// One storefront with one payer.
pub struct Bot {
    pub ground: Arc<Ground>,
    name: String,
    count: u32,
    turn: usize,
    point: Option<&'static str>,
    crash_file: std::path::PathBuf,
    paid: BTreeSet<String>,
    /// What its payers buy.
    pub category: &'static str,
}

impl Bot {
    /// A storefront whose request ids begin with `name`. When the flow is ready, `point` is armed.
    pub fn new(
        ground: Arc<Ground>,
        name: String,
        point: Option<&'static str>,
        crash_file: std::path::PathBuf,
    ) -> Self {
        Self { ground, name, count: 0, turn: 0, point, crash_file, paid: BTreeSet::new(), category: PLAIN }
    }

    /// Whether other flows run beside this one, and may let time pass.
    pub fn is_alone(&self) -> bool {
        self.point.is_some()
    }

    /// From here on the gateway dies at the point, if there is one.
    pub fn arm(&self) -> anyhow::Result<()> {
        let Some(point) = self.point else { return Ok(()) };
        let new = self.crash_file.with_extension("crash-new");
        std::fs::write(&new, point)?;
        Ok(std::fs::rename(new, &self.crash_file)?)
    }

    /// The next exchange of this operation goes wrong at the rail.
    pub fn fault(&self, way: Way, operation: &str, fault: Fault, times: u32) {
        self.ground.stage.mocks.bench(way.rail).faults.arm(Some(operation), fault, times);
    }

    /// The rail's next notification, whatever it is about, is not sent.
    pub fn hush(&self, way: Way) {
        self.ground.stage.mocks.bench(way.rail).faults.arm(None, Fault::NoNotification, 1);
    }

    /// A request id that is used for one call for ever.
    pub fn request_id(&mut self, verb: &str) -> String {
        self.count += 1;
        format!("{}-{verb}-{}", self.name, self.count)
    }

    /// Asks until there is an answer, and writes it down. An error is the gateway's final word.
    pub async fn ask(&mut self, asked: Asked) -> anyhow::Result<Resource> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (shop, till) = self.shop();
            match tokio::time::timeout(CALL_MAX, send(shop, till, asked.clone())).await {
                Ok(Ok((resource, _))) => {
                    self.ground.journal.acked(asked, &resource);
                    return Ok(resource);
                }
                Ok(Err(status)) if !may_repeat(&status) => return Err(status.into()),
                Ok(Err(_)) | Err(_) => {}
            }
            ensure!(Instant::now() < deadline, "no answer within {PATIENCE:?}: {asked:?}");
            sleep(LOOK).await;
        }
    }

    async fn intent_of(&mut self, asked: Asked) -> anyhow::Result<v1::PaymentIntent> {
        match self.ask(asked).await? {
            Resource::Intent(intent) => Ok(intent),
            other => bail!("for an intent came {other:?}"),
        }
    }

    /// An intent of ¥100.00.
    pub async fn create(&mut self, shape: v1::CreatePaymentIntentRequest) -> anyhow::Result<String> {
        let request = v1::CreatePaymentIntentRequest {
            request_id: self.request_id("create"),
            amount: Some(money(10_000)),
            description: "tea".into(),
            ..shape
        };
        Ok(self.intent_of(Asked::Create(request)).await?.payment_intent_id)
    }

    /// Chooses a wallet.
    pub async fn confirm(&mut self, id: &str, way: Way, code: &str) -> anyhow::Result<v1::PaymentIntent> {
        let request = v1::ConfirmPaymentIntentRequest {
            request_id: self.request_id("confirm"),
            payment_intent_id: id.into(),
            choice: Some(self.choice(way, code)),
            etag: String::new(),
        };
        self.intent_of(Asked::Confirm(request)).await
    }

    pub async fn capture(&mut self, id: &str, fen: i64) -> anyhow::Result<v1::PaymentIntent> {
        let request = v1::CapturePaymentIntentRequest {
            request_id: self.request_id("capture"),
            payment_intent_id: id.into(),
            amount: Some(money(fen)),
            etag: String::new(),
        };
        self.intent_of(Asked::Capture(request)).await
    }

    pub async fn cancel(&mut self, id: &str) -> anyhow::Result<v1::PaymentIntent> {
        let request = v1::CancelPaymentIntentRequest {
            request_id: self.request_id("cancel"),
            payment_intent_id: id.into(),
            etag: String::new(),
        };
        self.intent_of(Asked::Cancel(request)).await
    }

    pub async fn refund(&mut self, id: &str, fen: i64) -> anyhow::Result<String> {
        let request = v1::CreateRefundRequest {
            request_id: self.request_id("refund"),
            payment_intent_id: id.into(),
            amount: Some(money(fen)),
            reason: String::new(),
            refund_case: Some(v1::RefundCase {
                reason: v1::RefundReason::Damaged.into(),
                ..Default::default()
            }),
        };
        Ok(self.ask(Asked::Refund(request)).await?.id().to_owned())
    }

    /// Reads until there is an answer.
    pub async fn read<T, F>(&mut self, mut call: impl FnMut(Shop) -> F) -> anyhow::Result<T>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (shop, _) = self.shop();
            match tokio::time::timeout(CALL_MAX, call(shop)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(status)) if !may_repeat(&status) => return Err(status.into()),
                Ok(Err(_)) | Err(_) => {}
            }
            ensure!(Instant::now() < deadline, "nothing could be read within {PATIENCE:?}");
            sleep(LOOK).await;
        }
    }

    /// The intent as it is.
    pub async fn intent(&mut self, id: &str) -> anyhow::Result<v1::PaymentIntent> {
        let request = v1::GetPaymentIntentRequest { payment_intent_id: id.into() };
        let answer = self.read(|mut shop| {
            let request = request.clone();
            async move { shop.intents.get_payment_intent(request).await }
        });
        let intent = answer.await?.into_inner().payment_intent.context("an answer without an intent")?;
        self.ground.journal.saw(&Resource::Intent(intent.clone()));
        Ok(intent)
    }

    /// The intent once it is in one of these states, or has ended. Time passes when it takes long: a dead gateway's claims end
    /// with their leases.
    pub async fn until(&mut self, id: &str, states: &[State]) -> anyhow::Result<v1::PaymentIntent> {
        let begun = Instant::now();
        loop {
            let intent = self.intent(id).await?;
            if states.contains(&intent.state()) || is_final(intent.state()) {
                return Ok(intent);
            }
            if begun.elapsed() > DOUBT_MAX {
                self.ground.hurry(LEASE_STEP)?;
            }
            ensure!(begun.elapsed() < PATIENCE, "{id} is stuck in {:?}: {intent:#?}", intent.state());
            sleep(LOOK).await;
        }
    }

    /// Sees to it that the intent is paid, with any wallet; answers it when it has ended or its money is held.
    ///
    /// A payer's code whose digits died with the gateway is proved uncharged only when its order is over: that time passes at
    /// once.
    pub async fn drive(&mut self, id: &str) -> anyhow::Result<v1::PaymentIntent> {
        let deadline = Instant::now() + PATIENCE;
        let mut moved = Instant::now();
        loop {
            let intent = self.intent(id).await?;
            if intent.state() != State::Processing {
                moved = Instant::now();
            } else if moved.elapsed() > DOUBT_MAX {
                self.ground.hurry(DOUBT_STEP)?;
                moved = Instant::now();
            }
            match intent.state() {
                State::RequiresWallet => match self.confirm(id, WECHAT, "").await {
                    Ok(_) => {}
                    Err(error) if is_precondition(&error) => {}
                    Err(error) => return Err(error),
                },
                State::AwaitingPayer => self.pay(&intent).await?,
                State::Processing | State::Unspecified => {}
                State::Succeeded | State::Canceled | State::Expired | State::Failed | State::Authorized => {
                    return Ok(intent);
                }
            }
            ensure!(Instant::now() < deadline, "{id} is stuck in {:?}: {intent:#?}", intent.state());
            sleep(LOOK).await;
        }
    }

    /// The payer looks at what is shown and pays it; each order once.
    pub async fn pay(&mut self, intent: &v1::PaymentIntent) -> anyhow::Result<()> {
        let current = intent.attempts.iter().find(|attempt| attempt.attempt_id == intent.current_attempt_id);
        let Some(order) = current.map(|attempt| (attempt.rail.clone(), attempt.order_number.clone())) else {
            return Ok(());
        };
        if self.paid.contains(&order.1) {
            return Ok(());
        }
        self.look(&order.0, intent).await;
        let pays = PayerAct::Pay { target: PayerTarget::OrderNo(order.1.clone()), force: false };
        // A payer who is too early or too late tries again, if the storefront still waits for that.
        if self.ground.stage.mocks.rail(&order.0).payer(pays).is_ok() {
            self.paid.insert(order.1);
        }
        Ok(())
    }

    /// The payer scans the code, or the browser goes where it is sent.
    pub async fn look(&self, rail: &str, intent: &v1::PaymentIntent) {
        use v1::next_action::Kind;
        match intent.next_action.as_ref().and_then(|action| action.kind.clone()) {
            Some(Kind::ShowQrCode(code)) => {
                // A code that was scanned, or is over, cannot be scanned again.
                let _ =
                    self.ground.stage.mocks.rail(rail).payer(PayerAct::Scan(PayerTarget::Qr(code.content)));
            }
            Some(Kind::Redirect(redirect)) => drop(browser::open(&redirect.url).await),
            Some(Kind::SubmitForm(form)) => {
                let fields: Vec<_> = form.fields.into_iter().map(|field| (field.name, field.value)).collect();
                browser::post(&form.url, &fields).await;
            }
            Some(Kind::InvokeWallet(_) | Kind::WaitForPayer(_)) | None => {}
        }
    }

    /// The rail takes the money although the order is closed.
    pub fn pay_late(&self, rail: &str, order_no: &str) -> anyhow::Result<()> {
        let pays = PayerAct::Pay { target: PayerTarget::OrderNo(order_no.into()), force: true };
        self.ground.stage.mocks.rail(rail).payer(pays)?;
        Ok(())
    }

    /// A code from the payer's wallet.
    pub fn payer_code(&self, rail: &str, outcome: CodeOutcome) -> anyhow::Result<String> {
        let issued = self.ground.stage.mocks.rail(rail).payer(PayerAct::IssueCode(outcome))?;
        Ok(issued["code"].as_str().context("a code is a text")?.to_owned())
    }

    /// A refund as it is.
    pub async fn refund_now(&mut self, id: &str) -> anyhow::Result<v1::Refund> {
        let request = v1::GetRefundRequest { refund_id: id.into() };
        let answer = self.read(|mut shop| {
            let request = request.clone();
            async move { shop.refunds.get_refund(request).await }
        });
        let refund = answer.await?.into_inner().refund.context("an answer without a refund")?;
        self.ground.journal.saw(&Resource::Refund(refund.clone()));
        Ok(refund)
    }

    /// Waits until a refund has succeeded. What may have been sent before a death is sent again a minute later at some rails:
    /// that minute passes at once.
    pub async fn refund_settles(&mut self, id: &str) -> anyhow::Result<()> {
        let (begun, mut stepped) = (Instant::now(), Instant::now());
        loop {
            let refund = self.refund_now(id).await?;
            match refund.state() {
                v1::RefundState::Succeeded => return Ok(()),
                v1::RefundState::Failed => bail!("a refund failed: {refund:#?}"),
                v1::RefundState::Sending
                | v1::RefundState::InDoubt
                | v1::RefundState::Processing
                | v1::RefundState::AwaitingFunds
                | v1::RefundState::Unspecified => {}
            }
            if stepped.elapsed() > DOUBT_MAX {
                self.ground.hurry(jiff::SignedDuration::from_secs(60))?;
                stepped = Instant::now();
            }
            ensure!(begun.elapsed() < PATIENCE, "a refund is stuck: {refund:#?}");
            sleep(LOOK).await;
        }
    }

    /// The refunds of an intent.
    pub async fn refunds_of(&mut self, id: &str) -> anyhow::Result<Vec<v1::Refund>> {
        let request =
            v1::ListRefundsRequest { payment_intent_id: id.into(), page_size: 200, ..Default::default() };
        let answer = self.read(|mut shop| {
            let request = request.clone();
            async move { shop.refunds.list_refunds(request).await }
        });
        let refunds = answer.await?.into_inner().refunds;
        for refund in &refunds {
            self.ground.journal.saw(&Resource::Refund(refund.clone()));
        }
        Ok(refunds)
    }

    /// The replicas in turn, so that a dead one is passed by.
    fn shop(&mut self) -> (Shop, Till) {
        self.turn += 1;
        let replica = self.turn % self.ground.shops.len();
        (self.ground.shops[replica].clone(), self.ground.tills[replica].clone())
    }

    /// A choice of a wallet, with what rules want to know.
    pub fn choice(&self, way: Way, code: &str) -> v1::WalletChoice {
        let (merchant_id, product_category) = ("m-1".to_owned(), self.category.to_owned());
        let facts = v1::DeclaredFacts { merchant_id, product_category, ..Default::default() };
        v1::WalletChoice { declared_facts: Some(facts), ..choice(way, code) }
    }
}

/// Makes one call; says whether it was a repeat.
pub async fn send(mut shop: Shop, till: Till, asked: Asked) -> Result<(Resource, bool), Status> {
    if let Some(made) = crate::till::send(till, asked.clone()).await {
        return made;
    }
    if let Some(made) = crate::bulk::send(shop.clone(), &asked).await {
        return made;
    }
    let missing = || Status::data_loss("an answer without its resource");
    let refund = |refund: Option<v1::Refund>| refund.map(Resource::Refund).ok_or_else(missing);
    let intent = |intent: Option<v1::PaymentIntent>| intent.map(Resource::Intent).ok_or_else(missing);
    match asked {
        Asked::Create(request) => {
            let made = shop.intents.create_payment_intent(request).await?.into_inner();
            Ok((intent(made.payment_intent)?, made.replayed))
        }
        Asked::Confirm(request) => {
            let made = shop.intents.confirm_payment_intent(request).await?.into_inner();
            Ok((intent(made.payment_intent)?, made.replayed))
        }
        Asked::Capture(request) => {
            let made = shop.intents.capture_payment_intent(request).await?.into_inner();
            Ok((intent(made.payment_intent)?, made.replayed))
        }
        Asked::Cancel(request) => {
            let made = shop.intents.cancel_payment_intent(request).await?.into_inner();
            Ok((intent(made.payment_intent)?, made.replayed))
        }
        Asked::Refund(request) => {
            let made = shop.refunds.create_refund(request).await?.into_inner();
            Ok((refund(made.refund)?, made.replayed))
        }
        Asked::CancelRefund(request) => {
            let made = shop.refunds.cancel_refund(request).await?.into_inner();
            Ok((refund(made.refund)?, made.replayed))
        }
        Asked::Reverse(request) => {
            let made = shop.refunds.reverse_refund_decision(request).await?.into_inner();
            Ok((refund(made.refund)?, made.replayed))
        }
        Asked::Complain(request) => {
            let made = shop.intents.report_complaint(request).await?.into_inner();
            Ok((intent(made.payment_intent)?, made.replayed))
        }
        Asked::Draft(_)
        | Asked::Announce(_)
        | Asked::Reopen(_)
        | Asked::Transfer(_)
        | Asked::CreateBulk(_)
        | Asked::AddEntries(_)
        | Asked::StartBulk(_) => Err(Status::internal("such a call is made elsewhere")),
    }
}

/// Whether the answer leaves the outcome open. DATA_LOSS is none of them: the gateway must never say it.
pub fn may_repeat(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::Unknown
            | Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Internal
            | Code::Aborted
    )
}

/// Whether the gateway says that it is too late for that, or too early.
pub fn is_precondition(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Status>().is_some_and(|status| status.code() == Code::FailedPrecondition)
}

/// Whether nothing moves any more but refunds.
pub fn is_final(state: State) -> bool {
    match state {
        State::Succeeded | State::Canceled | State::Expired | State::Failed => true,
        State::RequiresWallet
        | State::AwaitingPayer
        | State::Processing
        | State::Authorized
        | State::Unspecified => false,
    }
}
