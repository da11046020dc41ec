//! What storefronts and payers do. A flow prepares itself, arms its crash point, and goes on to its end, whoever dies on the way.

use std::fmt;

use anyhow::{Context, bail, ensure};
use jiff::SignedDuration;
use paifang_mock_rails::CodeOutcome;
use paifang_mock_rails::faults::Fault;
use paifang_proto::v1;
use tokio::time::Instant;
use v1::PaymentIntentState as State;

use crate::bot::{Bot, PATIENCE, is_precondition};
use crate::draw::Draw;
use crate::support::{ALIPAY, UNIONPAY, UNIONPAY_CODE, UNIONPAY_FORM, WECHAT, Way, browser};
use crate::till::{SHORT, WATCHED};

const ALIPAY_CODE: Way = Way { presentation: v1::Presentation::PayerCode, ..ALIPAY };

/// What a storefront wants, and with which wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Create, choose, pay.
    Sale(Way),
    /// Paid before; some goes back.
    Refund(Way),
    /// The same; the answer to the refund is lost, and no notification comes.
    LostRefund(Way),
    /// The payer's code is charged; the answer is lost, and no notification comes.
    Code,
    /// The answer to the order's creation is lost.
    LostCreation(Way),
    /// A code is shown and scanned, then the payer takes another wallet.
    Switch(Way, Way),
    /// A code is shown, then the storefront gives up.
    Cancel(Way),
    /// A code is shown, and nobody pays.
    Expiry(Way),
    /// Given up, and the rail takes the money nevertheless.
    Late(Way),
    /// Held before; some is taken.
    Capture(Way),
    /// The same; the answer to the capture is lost.
    LostCapture(Way),
    /// Held before; given back.
    Release(Way),
    /// The same; the answer to the release is lost.
    LostRelease(Way),
    /// A payer who types a password while no rail answers, and a storefront that gives up.
    Reversal(Way),
    /// The same; the answer to the reversal is lost.
    LostReversal(Way),
    /// A refund that the payer's card does not take, and an operator who decides.
    Redirect,
    /// A refund whose bearer has nothing; then it is funded.
    Short(Way),
    /// The same, and the storefront gives it up.
    GivenUp(Way),
    /// A refund that is back, and an appeal that is right.
    Appeal(Way),
    /// A complaint that crosses a guard rail.
    Complaint,
    /// The next version of the rules.
    Rules,
    /// Paid before; a part of everything goes back in one go.
    Bulk(Way),
}

/// What can run beside anything else.
const LOAD: &[Flow] = &[
    Flow::Sale(ALIPAY),
    Flow::Sale(WECHAT),
    Flow::Sale(UNIONPAY),
    Flow::Refund(ALIPAY),
    Flow::Refund(WECHAT),
    Flow::Refund(UNIONPAY),
    Flow::Code,
    Flow::Switch(ALIPAY, WECHAT),
    Flow::Switch(WECHAT, UNIONPAY),
    Flow::Switch(UNIONPAY, ALIPAY),
    Flow::Cancel(ALIPAY),
    Flow::Cancel(WECHAT),
    Flow::Late(WECHAT),
    Flow::Capture(ALIPAY),
    Flow::Capture(UNIONPAY_FORM),
    Flow::Release(ALIPAY),
    Flow::Appeal(UNIONPAY),
    Flow::Bulk(ALIPAY),
    Flow::Bulk(UNIONPAY),
];

impl Flow {
    /// One that disturbs no other.
    pub fn drawn(draw: &mut Draw) -> Self {
        draw.one_of(LOAD)
    }

    /// Runs it to its end.
    pub async fn run(self, mut bot: Bot) -> anyhow::Result<()> {
        let bot = &mut bot;
        let done = match self {
            Self::Sale(way) => sale(bot, way).await,
            Self::Refund(way) => refund(bot, way, false).await,
            Self::LostRefund(way) => refund(bot, way, true).await,
            Self::Code => code(bot).await,
            Self::LostCreation(way) => lost_creation(bot, way).await,
            Self::Switch(from, to) => switch(bot, from, to).await,
            Self::Cancel(way) => cancel(bot, way).await,
            Self::Expiry(way) => expiry(bot, way).await,
            Self::Late(way) => late(bot, way).await,
            Self::Capture(way) => capture(bot, way, false).await,
            Self::LostCapture(way) => capture(bot, way, true).await,
            Self::Release(way) => release(bot, way, false).await,
            Self::LostRelease(way) => release(bot, way, true).await,
            Self::Reversal(way) => reversal(bot, way, false).await,
            Self::LostReversal(way) => reversal(bot, way, true).await,
            Self::Redirect => redirect(bot).await,
            Self::Short(way) => short(bot, way).await,
            Self::GivenUp(way) => given_up_short(bot, way).await,
            Self::Appeal(way) => appeal(bot, way).await,
            Self::Complaint => complaint(bot).await,
            Self::Rules => rules(bot).await,
            Self::Bulk(way) => crate::bulk::bulk(bot, way).await,
        };
        done.with_context(|| format!("flow {self}"))
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sale(way) => write!(f, "sale/{}", way.rail),
            Self::Refund(way) => write!(f, "refund/{}", way.rail),
            Self::LostRefund(way) => write!(f, "lost-refund/{}", way.rail),
            Self::Code => write!(f, "code/unionpay"),
            Self::LostCreation(way) => write!(f, "lost-creation/{}", way.rail),
            Self::Switch(from, to) => write!(f, "switch/{}-{}", from.rail, to.rail),
            Self::Cancel(way) => write!(f, "cancel/{}", way.rail),
            Self::Expiry(way) => write!(f, "expiry/{}", way.rail),
            Self::Late(way) => write!(f, "late/{}", way.rail),
            Self::Capture(way) => write!(f, "capture/{}", way.rail),
            Self::LostCapture(way) => write!(f, "lost-capture/{}", way.rail),
            Self::Release(way) => write!(f, "release/{}", way.rail),
            Self::LostRelease(way) => write!(f, "lost-release/{}", way.rail),
            Self::Reversal(way) => write!(f, "reversal/{}", way.rail),
            Self::LostReversal(way) => write!(f, "lost-reversal/{}", way.rail),
            Self::Redirect => write!(f, "redirect/wechatpay"),
            Self::Short(way) => write!(f, "short/{}", way.rail),
            Self::GivenUp(way) => write!(f, "given-up/{}", way.rail),
            Self::Appeal(way) => write!(f, "appeal/{}", way.rail),
            Self::Complaint => write!(f, "complaint/alipay"),
            Self::Rules => write!(f, "rules"),
            Self::Bulk(way) => write!(f, "bulk/{}", way.rail),
        }
    }
}

/// Pays it, whatever happens; the storefront waits until the money is there. `false`: others have let so much time pass that it
/// expired, which a flow that is alone never sees.
async fn paid(bot: &mut Bot, id: &str) -> anyhow::Result<bool> {
    let intent = bot.drive(id).await?;
    let expired = intent.state() == State::Expired && !bot.is_alone();
    ensure!(intent.state() == State::Succeeded || expired, "not paid: {intent:#?}");
    Ok(!expired)
}

/// A paid intent.
pub async fn sold(bot: &mut Bot, way: Way) -> anyhow::Result<String> {
    loop {
        let id = bot.create(v1::CreatePaymentIntentRequest::default()).await?;
        bot.confirm(&id, way, "").await?;
        if paid(bot, &id).await? {
            return Ok(id);
        }
    }
}

/// A code that the payer has looked at.
async fn shown(bot: &mut Bot, way: Way) -> anyhow::Result<v1::PaymentIntent> {
    let id = bot.create(v1::CreatePaymentIntentRequest::default()).await?;
    bot.confirm(&id, way, "").await?;
    let intent = bot.until(&id, &[State::AwaitingPayer, State::RequiresWallet]).await?;
    bot.look(way.rail, &intent).await;
    Ok(intent)
}

async fn sale(bot: &mut Bot, way: Way) -> anyhow::Result<()> {
    bot.arm()?;
    sold(bot, way).await.map(drop)
}

async fn refund(bot: &mut Bot, way: Way, lost: bool) -> anyhow::Result<()> {
    let id = sold(bot, way).await?;
    if lost {
        bot.fault(way, "refund", Fault::AnswerLost, 1);
        bot.fault(way, "refund", Fault::NoNotification, 1);
    }
    bot.arm()?;
    let refund = bot.refund(&id, 4_000).await?;
    bot.refund_settles(&refund).await
}

/// If the digits of the code are lost with the process, the payer takes another wallet.
async fn code(bot: &mut Bot) -> anyhow::Result<()> {
    let id = bot.create(v1::CreatePaymentIntentRequest::default()).await?;
    let code = bot.payer_code("unionpay", CodeOutcome::Pays)?;
    bot.fault(UNIONPAY_CODE, "charge", Fault::AnswerLost, 1);
    bot.fault(UNIONPAY_CODE, "charge", Fault::NoNotification, 1);
    bot.arm()?;
    bot.confirm(&id, UNIONPAY_CODE, &code).await?;
    paid(bot, &id).await.map(drop)
}

async fn lost_creation(bot: &mut Bot, way: Way) -> anyhow::Result<()> {
    let id = bot.create(v1::CreatePaymentIntentRequest::default()).await?;
    bot.fault(way, "charge", Fault::AnswerLost, 1);
    bot.arm()?;
    bot.confirm(&id, way, "").await?;
    paid(bot, &id).await.map(drop)
}

async fn switch(bot: &mut Bot, from: Way, to: Way) -> anyhow::Result<()> {
    let id = shown(bot, from).await?.payment_intent_id;
    bot.arm()?;
    match bot.confirm(&id, to, "").await {
        Ok(_) => {}
        Err(error) if is_precondition(&error) => {}
        Err(error) => return Err(error),
    }
    paid(bot, &id).await.map(drop)
}

/// Gives up; the intent may have ended before.
async fn given_up(bot: &mut Bot, id: &str) -> anyhow::Result<State> {
    match bot.cancel(id).await {
        Ok(_) => {}
        Err(error) if is_precondition(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(bot.until(id, &[State::Canceled]).await?.state())
}

async fn cancel(bot: &mut Bot, way: Way) -> anyhow::Result<()> {
    let id = shown(bot, way).await?.payment_intent_id;
    bot.arm()?;
    let state = given_up(bot, &id).await?;
    ensure!(state == State::Canceled, "{id} is {state:?}");
    Ok(())
}

/// Runs alone: the clock goes hours ahead.
async fn expiry(bot: &mut Bot, way: Way) -> anyhow::Result<()> {
    let id = shown(bot, way).await?.payment_intent_id;
    bot.arm()?;
    bot.ground.step(SignedDuration::from_mins(121))?;
    let intent = bot.until(&id, &[]).await?;
    ensure!(intent.state() == State::Expired, "nobody paid: {intent:#?}");
    Ok(())
}

async fn late(bot: &mut Bot, way: Way) -> anyhow::Result<()> {
    let intent = shown(bot, way).await?;
    let id = intent.payment_intent_id.clone();
    let order = intent.attempts.first().context("an attempt")?.order_number.clone();
    if given_up(bot, &id).await? != State::Canceled {
        bail!("{id} was not canceled");
    }
    bot.arm()?;
    bot.pay_late(way.rail, &order)?;
    let begun = Instant::now();
    loop {
        let refunds = bot.refunds_of(&id).await?;
        if let Some(refund) = refunds.iter().find(|refund| refund.purpose() == v1::RefundPurpose::LateMoney) {
            return bot.refund_settles(&refund.refund_id).await;
        }
        ensure!(begun.elapsed() < PATIENCE, "late money of {id} does not go back");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn held(bot: &mut Bot, way: Way) -> anyhow::Result<String> {
    let shape = v1::CreatePaymentIntentRequest {
        choice: Some(bot.choice(way, "")),
        capture_method: v1::CaptureMethod::Manual.into(),
        ..Default::default()
    };
    let id = bot.create(shape).await?;
    let begun = Instant::now();
    loop {
        let intent = bot.intent(&id).await?;
        match intent.state() {
            State::Authorized => return Ok(id),
            State::AwaitingPayer => bot.pay(&intent).await?,
            State::Processing => {}
            State::RequiresWallet => drop(bot.confirm(&id, way, "").await?),
            State::Succeeded | State::Canceled | State::Expired | State::Failed | State::Unspecified => {
                bail!("nothing is held: {intent:#?}")
            }
        }
        ensure!(begun.elapsed() < PATIENCE, "{id} is not held: {intent:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn capture(bot: &mut Bot, way: Way, lost: bool) -> anyhow::Result<()> {
    let id = held(bot, way).await?;
    if lost {
        bot.fault(way, "capture", Fault::AnswerLost, 1);
        bot.hush(way);
    }
    bot.arm()?;
    bot.capture(&id, 4_000).await?;
    let intent = bot.until(&id, &[State::Succeeded]).await?;
    ensure!(intent.state() == State::Succeeded, "not captured: {intent:#?}");
    let refund = bot.refund(&id, 1_000).await?;
    bot.refund_settles(&refund).await
}

async fn release(bot: &mut Bot, way: Way, lost: bool) -> anyhow::Result<()> {
    let id = held(bot, way).await?;
    if lost {
        bot.fault(way, "release", Fault::AnswerLost, 1);
        bot.hush(way);
    }
    bot.arm()?;
    let state = given_up(bot, &id).await?;
    ensure!(state == State::Canceled, "{id} is {state:?}");
    Ok(())
}

/// While the password is typed, no question is answered, so the storefront's cancel can only be a reversal.
async fn reversal(bot: &mut Bot, way: Way, lost: bool) -> anyhow::Result<()> {
    let id = bot.create(v1::CreatePaymentIntentRequest::default()).await?;
    let code = bot.payer_code(way.rail, CodeOutcome::PendingThenPays)?;
    bot.fault(way, "charge", Fault::NoNotification, 1);
    bot.fault(way, "query", Fault::Status(502), 1_000);
    if lost {
        bot.fault(way, "reverse", Fault::AnswerLost, 1);
    }
    let way = Way { presentation: v1::Presentation::PayerCode, ..way };
    bot.confirm(&id, way, &code).await?;
    bot.ground.step(SignedDuration::from_secs(30))?;
    bot.arm()?;
    bot.cancel(&id).await?;
    let faults = bot.ground.stage.mocks.bench(way.rail).faults.clone();
    let begun = Instant::now();
    loop {
        let intent = bot.intent(&id).await?;
        if intent.attempts.iter().any(|attempt| attempt.state() == v1::AttemptState::Closing) {
            // From here on the rail may answer: what matters has begun.
            faults.clear();
            if lost {
                bot.fault(way, "reverse", Fault::AnswerLost, 1);
            }
            break;
        }
        if intent.state() == State::Canceled {
            break;
        }
        ensure!(begun.elapsed() < PATIENCE, "{id} is not being reversed: {intent:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let intent = bot.until(&id, &[State::Canceled]).await?;
    faults.clear();
    ensure!(intent.state() == State::Canceled, "not reversed: {intent:#?}");
    Ok(())
}

/// An operator decides where the money of a refund goes, again and again until somebody has taken it.
async fn redirect(bot: &mut Bot) -> anyhow::Result<()> {
    let id = sold(bot, WECHAT).await?;
    bot.fault(WECHAT, "refund", Fault::BusinessCode("ABNORMAL".into()), 1);
    let refund = bot.refund(&id, 3_000).await?;
    let begun = Instant::now();
    while bot.refund_now(&refund).await?.failure.is_none() {
        bot.ground.step(SignedDuration::from_secs(5))?;
        ensure!(begun.elapsed() < PATIENCE, "the refund does not become abnormal");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    bot.arm()?;
    let url = format!("http://{}/refunds/{refund}/abnormal", bot.ground.stage.ops);
    let json = [("Content-Type", "application/json")];
    loop {
        // A gateway that has just died takes no call; what it had decided then is known to the rail or waits again.
        let told = browser::attempt("POST", &url, r#"{"to":"merchant_card"}"#, &json).await;
        if told.is_ok_and(|told| told.status == 200 || told.status == 409) {
            break;
        }
        ensure!(begun.elapsed() < PATIENCE, "nobody takes the decision");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    loop {
        let now = bot.refund_now(&refund).await?;
        match now.state() {
            v1::RefundState::Succeeded => return Ok(()),
            v1::RefundState::Processing if now.failure.is_some() => {
                let told = browser::attempt("POST", &url, r#"{"to":"merchant_card"}"#, &json).await;
                let refused = told.ok().filter(|told| told.status >= 500).map(|told| told.body);
                ensure!(refused.is_none() || begun.elapsed() < PATIENCE, "refused: {refused:?}");
            }
            v1::RefundState::Failed => bail!("the refund failed: {now:#?}"),
            v1::RefundState::Processing
            | v1::RefundState::Sending
            | v1::RefundState::InDoubt
            | v1::RefundState::AwaitingFunds
            | v1::RefundState::Unspecified => {}
        }
        bot.ground.step(SignedDuration::from_secs(30))?;
        ensure!(begun.elapsed() < PATIENCE, "the refund is stuck: {now:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// A refund that nobody bears yet.
async fn short_of_funds(bot: &mut Bot, way: Way) -> anyhow::Result<String> {
    bot.trade_under(true).await?;
    bot.category = SHORT;
    let id = sold(bot, way).await?;
    bot.refund(&id, 4_000).await
}

/// Runs alone: beside it, what is meant for it could bear another one.
async fn short(bot: &mut Bot, way: Way) -> anyhow::Result<()> {
    let refund = short_of_funds(bot, way).await?;
    let lacks = bot.short(&refund).await?;
    bot.arm()?;
    bot.transfer(v1::FundKind::Outside, v1::FundKind::Insurance, lacks).await?;
    bot.refund_settles(&refund).await
}

/// Runs alone, as the other one.
async fn given_up_short(bot: &mut Bot, way: Way) -> anyhow::Result<()> {
    let refund = short_of_funds(bot, way).await?;
    bot.arm()?;
    bot.give_up(&refund).await?;
    let state = bot.refund_now(&refund).await?.state();
    ensure!(state == v1::RefundState::Failed, "{refund} is {state:?}");
    Ok(())
}

/// Beside others it may trade under rules that say nothing of bearers: then there is nothing to reverse.
async fn appeal(bot: &mut Bot, way: Way) -> anyhow::Result<()> {
    if bot.is_alone() {
        bot.trade_under(true).await?;
    }
    let id = sold(bot, way).await?;
    let refund = bot.refund(&id, 4_000).await?;
    bot.refund_settles(&refund).await?;
    bot.arm()?;
    match bot.reverse(&refund).await {
        Err(error) if is_precondition(&error) && !bot.is_alone() => Ok(()),
        reversed => reversed,
    }
}

/// Runs alone: what it closes is closed for everybody.
async fn complaint(bot: &mut Bot) -> anyhow::Result<()> {
    bot.trade_under(true).await?;
    bot.category = WATCHED;
    let id = sold(bot, ALIPAY).await?;
    bot.arm()?;
    bot.complain(&id).await?;
    bot.reopen().await
}

/// Runs alone: the clock tells two versions apart.
async fn rules(bot: &mut Bot) -> anyhow::Result<()> {
    bot.arm()?;
    bot.renew_rules().await
}

/// The codes of payers that can be reversed.
pub const CODES: [Way; 2] = [ALIPAY_CODE, UNIONPAY_CODE];
