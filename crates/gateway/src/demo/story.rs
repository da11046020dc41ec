//! The story itself.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::civil::Date;
use paifang_mock_rails::faults::Fault;
use paifang_mock_rails::{CodeOutcome, PayerAct, PayerTarget};
use paifang_proto::v1;

use super::tell::{Teller, yuan};
use super::{Options, Shop, Stage, ledger_totals, rail_totals};

pub(super) const SOON: Duration = Duration::from_secs(15);

/// Plays it; answers the stage as it is at the end, with the gateway running again, and the storefront's key.
pub async fn play<W: Write>(tell: &mut Teller<W>, options: &Options) -> anyhow::Result<(Stage, String)> {
    tell.title("Paifang 牌坊: one contract, three wallets, the real wire")?;
    let mut stage = Stage::prepare(std::env::current_exe()?, options.dir.clone()).await?;
    let key = stage.new_tenant("demo").await?;
    // Noon, so that the whole story falls on one day of every rail.
    let day = stage.to_noon()?;
    stage.start_gateway().await?;
    let mut shop = Shop::connect(stage.grpc, &key)?;
    tell.fact(format!(
        "mock rails and gateway run on loopback; the storefront speaks gRPC to {}",
        stage.grpc
    ))?;

    consult(tell, &mut shop).await?;
    let intent = switch_wallets(tell, &stage, &mut shop).await?;
    refund_a_part(tell, &mut shop, &intent).await?;
    lose_an_answer(tell, &stage, &mut shop).await?;
    die_and_recover(tell, &mut stage, &mut shop).await?;
    hold_and_capture(tell, &stage, &mut shop).await?;
    compare_books(tell, &stage, &mut shop).await?;
    close_day(tell, &stage, day).await?;
    check_store(tell, &mut stage).await?;
    tell.title("Everything was as told.")?;
    Ok((stage, key))
}

async fn consult<W: Write>(tell: &mut Teller<W>, shop: &mut Shop) -> anyhow::Result<()> {
    tell.step("The storefront asks what it can offer for ¥88.88 at a till.")?;
    let client_context = Some(till(""));
    let request =
        v1::ConsultWalletsRequest { amount: Some(money(8_888)), client_context, ..Default::default() };
    let options = shop.wallets.consult_wallets(request).await?.into_inner().options;
    for option in &options {
        let presentation =
            option.presentation().as_str_name().trim_start_matches("PRESENTATION_").to_lowercase();
        let why = match (option.available, &option.missing_inputs) {
            (true, _) => "yes".to_owned(),
            (false, missing) if !missing.is_empty() => format!("if it is given {}", missing.join(", ")),
            (false, _) => format!("no: {}", option.reason_codes.join(", ")),
        };
        tell.fact(format!("{:<10} {presentation:<12} {why}", option.wallet))?;
    }
    for wallet in ["alipay", "wechatpay", "quickpass"] {
        let offered = options.iter().any(|option| option.available && option.wallet == wallet);
        ensure!(offered, "{wallet} is not offered");
    }
    Ok(())
}

async fn switch_wallets<W: Write>(
    tell: &mut Teller<W>,
    stage: &Stage,
    shop: &mut Shop,
) -> anyhow::Result<v1::PaymentIntent> {
    tell.step("It creates a payment intent of ¥88.88 and lets the payer choose Alipay: a QR code.")?;
    let id = create(shop, "demo-order-1", 8_888).await?;
    let intent = confirm(shop, "demo-order-1-alipay", &id, "alipay", v1::Presentation::QrShown, "").await?;
    let content = qr_of(&intent)?;
    tell.fact(format!("{id}: {}", intent.state().as_str_name()))?;
    tell.qr(&content)?;

    tell.step("The payer scans it, hesitates, and wants WeChat Pay instead.")?;
    let scanned = PayerAct::Scan(PayerTarget::Qr(content));
    stage.mocks.rail("alipay").payer(scanned).context("the payer could not scan")?;
    let intent =
        confirm(shop, "demo-order-1-wechatpay", &id, "wechatpay", v1::Presentation::QrShown, "").await?;
    let first = intent.attempts.first().context("no attempt")?;
    ensure!(first.state() == v1::AttemptState::Closed, "the Alipay trade is {:?}", first.state());
    tell.attempts(&intent)?;
    let explain = v1::ExplainPaymentIntentRequest { payment_intent_id: id.clone() };
    let chain = shop.intents.explain_payment_intent(explain).await?.into_inner().entries;
    let proof =
        chain.iter().find(|entry| entry.subject_id == first.attempt_id && entry.to_state.ends_with("CLOSED"));
    let proof = proof.context("the close has no evidence")?;
    let digest = proof.message_digest.get(..16).unwrap_or_default();
    tell.fact(format!(
        "proof of the close: rule {}, message {digest}…, key {}",
        proof.rule, proof.key_serial
    ))?;
    ensure!(!proof.key_serial.is_empty(), "the close was not signed");

    tell.step(
        "The payer pays in WeChat. The rail's encrypted notification arrives, and the event goes out.",
    )?;
    let pays = PayerAct::Pay { target: PayerTarget::Qr(qr_of(&intent)?), force: false };
    stage.mocks.rail("wechatpay").payer(pays).context("the payer could not pay")?;
    let intent = shop.intent_becomes(&id, v1::PaymentIntentState::Succeeded, SOON).await?;
    let events = shop.all_events().await?;
    let arrived = events.iter().find(|event| event.r#type == "payment_intent.succeeded");
    let arrived = arrived.context("no event says that it succeeded")?;
    tell.fact(format!("event {} ({}), sequence {}", arrived.r#type, arrived.event_id, arrived.sequence))?;
    Ok(intent)
}

async fn refund_a_part<W: Write>(
    tell: &mut Teller<W>,
    shop: &mut Shop,
    intent: &v1::PaymentIntent,
) -> anyhow::Result<()> {
    tell.step("¥18.88 of it go back.")?;
    let request = v1::CreateRefundRequest {
        request_id: "demo-refund-1".into(),
        payment_intent_id: intent.payment_intent_id.clone(),
        amount: Some(money(1_888)),
        reason: "one cup was cold".into(),
        refund_case: None,
    };
    let refund = shop.refunds.create_refund(request).await?.into_inner().refund.context("no refund")?;
    let refund = shop.refund_becomes(&refund.refund_id, v1::RefundState::Succeeded, SOON).await?;
    let intent = shop.intent(&intent.payment_intent_id).await?;
    let refunded = intent.amount_refunded.as_ref().map_or(0, |money| money.minor_units);
    ensure!(refunded == 1_888, "{} were refunded", yuan(refunded));
    tell.fact(format!("{}: succeeded; refunded in all {}", refund.refund_id, yuan(refunded)))
}

async fn lose_an_answer<W: Write>(
    tell: &mut Teller<W>,
    stage: &Stage,
    shop: &mut Shop,
) -> anyhow::Result<()> {
    tell.step("At a till: the cashier scans a payer's Cloud QuickPass code. The rail charges, and its answer is lost.")?;
    // Nor does a notification come: only a query can tell.
    let faults = &stage.mocks.bench("unionpay").faults;
    faults.arm(Some("charge"), Fault::AnswerLost, 1);
    faults.arm(Some("charge"), Fault::NoNotification, 1);
    let code = payer_code(stage)?;
    let id = create(shop, "demo-order-2", 4_200).await?;
    let intent =
        confirm(shop, "demo-order-2-pay", &id, "quickpass", v1::Presentation::PayerCode, &code).await?;
    tell.fact(format!("the answer to the storefront: {}", intent.state().as_str_name()))?;
    shop.intent_becomes(&id, v1::PaymentIntentState::Succeeded, SOON).await?;
    let explain = v1::ExplainPaymentIntentRequest { payment_intent_id: id };
    let chain = shop.intents.explain_payment_intent(explain).await?.into_inner().entries;
    for entry in chain.iter().filter(|entry| entry.subject() == v1::JournalSubject::Attempt) {
        tell.fact(format!("{} → {}  by {}", entry.from_state, entry.to_state, entry.rule))?;
    }
    ensure!(
        chain.iter().any(|entry| entry.rule.starts_with("unionpay.query.")),
        "no query resolved it: {chain:#?}"
    );
    let totals = rail_totals(&stage.mocks, "unionpay");
    ensure!(totals.charges_max == 1 && totals.paid == 4_200, "the rail's books: {totals:?}");
    tell.fact("never sent twice: asked for, and found paid once")
}

async fn die_and_recover<W: Write>(
    tell: &mut Teller<W>,
    stage: &mut Stage,
    shop: &mut Shop,
) -> anyhow::Result<()> {
    tell.step(
        "Another code. The gateway is killed (SIGKILL) after sending and before hearing, and started again.",
    )?;
    stage.mocks.bench("unionpay").faults.arm(Some("charge"), Fault::Late { by_ms: 8_000 }, 1);
    let code = payer_code(stage)?;
    let id = create(shop, "demo-order-3", 6_600).await?;
    let mut caller = shop.clone();
    let called = id.clone();
    let call = tokio::spawn(async move {
        confirm(&mut caller, "demo-order-3-pay", &called, "quickpass", v1::Presentation::PayerCode, &code)
            .await
    });
    wait_until("the rail has the charge", || stage.mocks.rail("unionpay").book().len() == 2).await?;
    stage.kill_gateway().await?;
    ensure!(call.await?.is_err(), "the storefront got an answer from a dead gateway");
    tell.fact("the storefront's call broke off; the rail has charged the payer; nobody has been told")?;
    stage.start_gateway().await?;
    let intent = shop.intent_becomes(&id, v1::PaymentIntentState::Succeeded, SOON).await?;
    tell.attempts(&intent)?;
    let totals = rail_totals(&stage.mocks, "unionpay");
    ensure!(totals.charges_max == 1 && totals.paid == 10_800, "the rail's books: {totals:?}");
    tell.fact("recovered by asking the rail; charged once")
}

async fn hold_and_capture<W: Write>(
    tell: &mut Teller<W>,
    stage: &Stage,
    shop: &mut Shop,
) -> anyhow::Result<()> {
    tell.step("A hotel: ¥300.00 are held with Alipay at check-in. Nothing is charged yet.")?;
    let mut request = new_intent("demo-stay-1", 30_000);
    request.set_capture_method(v1::CaptureMethod::Manual);
    let made = shop.intents.create_payment_intent(request).await?.into_inner();
    let id = made.payment_intent.context("no intent")?.payment_intent_id;
    let intent = confirm(shop, "demo-stay-1-alipay", &id, "alipay", v1::Presentation::QrShown, "").await?;
    let agrees = PayerAct::Pay { target: PayerTarget::Qr(qr_of(&intent)?), force: false };
    stage.mocks.rail("alipay").payer(agrees).context("the payer could not agree")?;
    let intent = shop.intent_becomes(&id, v1::PaymentIntentState::Authorized, SOON).await?;
    let fen = |money: &Option<v1::Money>| money.as_ref().map_or(0, |money| money.minor_units);
    ensure!(fen(&intent.amount_capturable) == 30_000 && fen(&intent.amount_captured) == 0, "{intent:#?}");
    tell.fact(format!("{}, to capture: {}", intent.state().as_str_name(), yuan(30_000)))?;

    tell.step("Check-out: the room was ¥218.00. That much is captured, and the rest is the payer's again.")?;
    let request = v1::CapturePaymentIntentRequest {
        request_id: "demo-stay-1-capture".into(),
        payment_intent_id: id.clone(),
        amount: Some(money(21_800)),
        etag: String::new(),
    };
    shop.intents.capture_payment_intent(request).await?;
    let intent = shop.intent_becomes(&id, v1::PaymentIntentState::Succeeded, SOON).await?;
    ensure!(fen(&intent.amount_captured) == 21_800, "captured: {:?}", intent.amount_captured);
    tell.fact(format!("captured {} of {} held", yuan(21_800), yuan(fen(&intent.amount_authorized))))
}

pub(super) async fn compare_books<W: Write>(
    tell: &mut Teller<W>,
    stage: &Stage,
    shop: &mut Shop,
) -> anyhow::Result<()> {
    tell.step("The ledger, and beside it what the rails themselves believe.")?;
    let ledger = ledger_totals(shop).await?;
    for (account, (posted, pending)) in &ledger {
        tell.fact(format!("{account:<48} {:>12}   set aside {:>8}", yuan(*posted), yuan(*pending)))?;
    }
    for rail in ["alipay", "wechatpay", "unionpay"] {
        let theirs = rail_totals(&stage.mocks, rail);
        let ours = ledger.get(&format!("rail:{rail}-main")).map_or(0, |(posted, _)| *posted);
        let net = theirs.paid - theirs.refunded;
        tell.fact(format!(
            "{rail:<10} charged {:>10}  refunded {:>9}  net {:>10}  our ledger {:>10}",
            yuan(theirs.paid),
            yuan(theirs.refunded),
            yuan(net),
            yuan(ours)
        ))?;
        ensure!(net == ours, "{rail}: the rail says {net} fen, the ledger {ours} fen");
    }
    tell.fact("equal to the fen")
}

async fn close_day<W: Write>(tell: &mut Teller<W>, stage: &Stage, day: Date) -> anyhow::Result<()> {
    tell.step("The next noon. Each rail's own bill of the day is fetched and held against the ledger, line by line.")?;
    stage.to_noon()?;
    for account in ["alipay-main", "wechatpay-main", "unionpay-main"] {
        for line in stage.close_day(account, day).await?.lines() {
            tell.fact(line)?;
        }
    }
    Ok(())
}

pub(super) async fn check_store<W: Write>(tell: &mut Teller<W>, stage: &mut Stage) -> anyhow::Result<()> {
    tell.step("SIGTERM: the gateway drains. Then fsck: every row is the fold of its journal, every transfer balances.")?;
    let status = stage.stop_gateway().await?;
    ensure!(status.success(), "the gateway ended with {status}");
    for line in stage.fsck().await?.lines() {
        tell.fact(line)?;
    }
    stage.start_gateway().await
}

fn new_intent(request_id: &str, fen: i64) -> v1::CreatePaymentIntentRequest {
    v1::CreatePaymentIntentRequest {
        request_id: request_id.to_owned(),
        amount: Some(money(fen)),
        description: "Two cups of tea".into(),
        ..Default::default()
    }
}

async fn create(shop: &mut Shop, request_id: &str, fen: i64) -> anyhow::Result<String> {
    let made = shop.intents.create_payment_intent(new_intent(request_id, fen)).await?.into_inner();
    Ok(made.payment_intent.context("no intent")?.payment_intent_id)
}

async fn confirm(
    shop: &mut Shop,
    request_id: &str,
    id: &str,
    wallet: &str,
    presentation: v1::Presentation,
    code: &str,
) -> anyhow::Result<v1::PaymentIntent> {
    let mut choice = v1::WalletChoice { wallet: wallet.into(), ..Default::default() };
    choice.set_presentation(presentation);
    choice.client_context = Some(till(code));
    let request = v1::ConfirmPaymentIntentRequest {
        request_id: request_id.into(),
        payment_intent_id: id.into(),
        choice: Some(choice),
        etag: String::new(),
    };
    let made = shop.intents.confirm_payment_intent(request).await?.into_inner();
    made.payment_intent.context("no intent")
}

pub(super) fn till(code: &str) -> v1::ClientContext {
    let mut context = v1::ClientContext { payer_code: code.into(), ..Default::default() };
    context.set_kind(v1::ClientKind::PointOfSale);
    context
}

pub(super) fn qr_of(intent: &v1::PaymentIntent) -> anyhow::Result<String> {
    match intent.next_action.as_ref().and_then(|action| action.kind.as_ref()) {
        Some(v1::next_action::Kind::ShowQrCode(code)) => Ok(code.content.clone()),
        other => anyhow::bail!("no QR code to show: {other:?} in {intent:#?}"),
    }
}

fn payer_code(stage: &Stage) -> anyhow::Result<String> {
    let issued = stage.mocks.rail("unionpay").payer(PayerAct::IssueCode(CodeOutcome::Pays))?;
    Ok(issued["code"].as_str().context("no code")?.to_owned())
}

pub(super) fn money(fen: i64) -> v1::Money {
    v1::Money { currency_code: "CNY".into(), minor_units: fen }
}

async fn wait_until(what: &str, mut holds: impl FnMut() -> bool) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + SOON;
    while !holds() {
        ensure!(tokio::time::Instant::now() < deadline, "{what}: not within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
