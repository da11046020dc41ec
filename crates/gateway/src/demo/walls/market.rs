//! What a storefront does: it asks what it can offer, and takes payments.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use jiff::tz::offset;
use paifang_mock_rails::{PayerAct, PayerTarget};
use paifang_proto::v1;
use tonic::Code;

use super::{PAYERS, Play};
use crate::demo::Shop;
use crate::demo::story::{SOON, money, qr_of};

/// The price of everything.
pub(super) const FEN: i64 = 12_800;
/// Questions at once.
const AT_ONCE: usize = 10;

/// What the rules must say of WeChat Pay to a payer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub shown: bool,
    pub taken: bool,
    pub rule: &'static str,
    pub because: &'static str,
}

impl Expected {
    pub const fn taken(rule: &'static str) -> Self {
        Self { shown: true, taken: true, rule, because: "opening_fits" }
    }

    pub const fn visible(rule: &'static str) -> Self {
        Self { shown: true, taken: false, rule, because: "opening_fits" }
    }
}

/// A payer's purchase, as the storefront declares it.
pub(super) fn of(payer: &str, category: &str, merchant: &str) -> v1::DeclaredFacts {
    v1::DeclaredFacts {
        payer_reference: payer.to_owned(),
        product_category: category.to_owned(),
        merchant_id: merchant.to_owned(),
        ..Default::default()
    }
}

/// The storefront's own name of a payer.
pub(super) fn payer(number: u32) -> String {
    format!("payer-{number}")
}

impl<W: Write> Play<'_, W> {
    /// Asks about WeChat Pay for a payer, tells the explanation, and holds it against what must be.
    pub(super) async fn explain(
        &mut self,
        who: &str,
        facts: v1::DeclaredFacts,
        expected: Expected,
    ) -> anyhow::Result<v1::WalletOption> {
        let option = ask(&mut self.shop, facts).await?;
        self.tell.fact(format!("{who:<44} {}", explanation(&option)))?;
        let decision = option.policy_decision.clone().unwrap_or_default();
        let found = (option.shown, option.available, decision.rule.as_str(), decision.because.as_str());
        let Expected { shown, taken, rule, because } = expected;
        ensure!(found == (shown, taken, rule, because), "{who}: {found:?} is not {expected:?}");
        Ok(option)
    }

    /// The payers of whom this holds.
    pub(super) async fn payers_with(
        &self,
        category: &str,
        merchant: &str,
        holds: fn(&v1::WalletOption) -> bool,
    ) -> anyhow::Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        let names: Vec<String> = (1..=PAYERS).map(payer).collect();
        for some in names.chunks(AT_ONCE) {
            let asked = some.iter().map(|name| {
                let (mut shop, facts) = (self.shop.clone(), of(name, category, merchant));
                async move { ask(&mut shop, facts).await }
            });
            for (name, option) in some.iter().zip(futures::future::join_all(asked).await) {
                if holds(&option?) {
                    found.insert(name.clone());
                }
            }
        }
        Ok(found)
    }

    /// Opens an order with a wallet; the payer sees its code.
    pub(super) async fn order(
        &mut self,
        wallet: &str,
        facts: v1::DeclaredFacts,
    ) -> Result<v1::PaymentIntent, tonic::Status> {
        let mut choice = v1::WalletChoice {
            wallet: wallet.to_owned(),
            client_context: Some(browser()),
            declared_facts: Some(facts),
            ..Default::default()
        };
        choice.set_presentation(v1::Presentation::QrShown);
        let request = v1::CreatePaymentIntentRequest {
            request_id: self.request_id(),
            amount: Some(money(FEN)),
            description: "Something from the storefront".into(),
            choice: Some(choice),
            ..Default::default()
        };
        let made = self.shop.intents.create_payment_intent(request).await?.into_inner();
        made.payment_intent.ok_or_else(|| tonic::Status::internal("an answer without an intent"))
    }

    /// The payer pays an order.
    pub(super) async fn paid(&mut self, rail: &str, intent: &v1::PaymentIntent) -> anyhow::Result<()> {
        let pays = PayerAct::Pay { target: PayerTarget::Qr(qr_of(intent)?), force: false };
        self.stage.mocks.rail(rail).payer(pays).context("the payer could not pay")?;
        let (id, wanted) = (&intent.payment_intent_id, v1::PaymentIntentState::Succeeded);
        self.shop.intent_becomes(id, wanted, SOON).await?;
        Ok(())
    }

    /// An order with WeChat Pay that is paid at once.
    pub(super) async fn sold(&mut self, facts: v1::DeclaredFacts) -> anyhow::Result<v1::PaymentIntent> {
        let intent = self.order("wechatpay", facts).await?;
        self.paid("wechatpay", &intent).await?;
        Ok(intent)
    }

    /// An order that the rules must not take.
    pub(super) async fn refused(&mut self, facts: v1::DeclaredFacts) -> anyhow::Result<()> {
        let answer = self.order("wechatpay", facts).await;
        let status = answer.err().context("a payment with WeChat Pay was taken")?;
        ensure!(is_closed(&status), "{status:?}");
        self.tell.fact(format!("FAILED_PRECONDITION, WALLET_CLOSED_BY_POLICY: {}", status.message()))
    }
}

/// Whether the rules did not take a payment.
pub(super) fn is_closed(status: &tonic::Status) -> bool {
    let reason = paifang_client::reason(status);
    status.code() == Code::FailedPrecondition && reason.as_deref() == Some("WALLET_CLOSED_BY_POLICY")
}

/// What can be offered for a purchase in a browser.
pub(super) async fn consult(
    shop: &mut Shop,
    facts: v1::DeclaredFacts,
) -> anyhow::Result<Vec<v1::WalletOption>> {
    let request = v1::ConsultWalletsRequest {
        amount: Some(money(FEN)),
        client_context: Some(browser()),
        declared_facts: Some(facts),
        ..Default::default()
    };
    Ok(shop.wallets.consult_wallets(request).await?.into_inner().options)
}

/// WeChat Pay by a code to scan.
async fn ask(shop: &mut Shop, facts: v1::DeclaredFacts) -> anyhow::Result<v1::WalletOption> {
    let options = consult(shop, facts).await?;
    let is_it = |option: &v1::WalletOption| {
        option.wallet == "wechatpay" && option.presentation() == v1::Presentation::QrShown
    };
    options.into_iter().find(is_it).context("nothing is said of WeChat Pay")
}

fn browser() -> v1::ClientContext {
    let mut context = v1::ClientContext::default();
    context.set_kind(v1::ClientKind::DesktopBrowser);
    context
}

/// What a consultation says of a way to pay, in a line.
pub(super) fn explanation(option: &v1::WalletOption) -> String {
    let decision = option.policy_decision.clone().unwrap_or_default();
    let stands = match (option.available, option.shown, option.opens_version) {
        (true, ..) => "yes".to_owned(),
        (false, true, 0) => "shown, not taken".to_owned(),
        (false, false, 0) => "hidden".to_owned(),
        (false, _, version) => {
            let from = option.opens_time.as_ref().map(clock).unwrap_or_default();
            format!("not yet, from {from} by version {version}")
        }
    };
    let rule = if decision.rule.is_empty() { "no rule" } else { &decision.rule };
    let lacks = decision.missing_inputs.join(", ");
    let lacks = if lacks.is_empty() { lacks } else { format!(", without {lacks}") };
    format!("{stands} (version {}, {rule}: {}{lacks})", decision.version, decision.because)
}

/// A change of the rules in a line.
pub(super) fn change(change: &v1::PolicyChange) -> String {
    use v1::PolicyChangeKind as Kind;
    let (version, opening) = (change.version, &change.opening);
    match change.kind() {
        Kind::Drafted => format!("version {version} is written"),
        Kind::Announced => {
            let from = change.effective_time.as_ref().map(clock).unwrap_or_default();
            format!("version {version} decides from {from} on")
        }
        Kind::Recalled => format!("version {version} is recalled"),
        Kind::Retired => format!("version {version} is retired"),
        Kind::Reopened => format!("{opening} is open again: {}", change.remark),
        Kind::RolledBack => match &change.reading {
            None => format!("{opening} is rolled back: {}", change.remark),
            Some(reading) => format!(
                "{opening} is rolled back by {}: {} of {} paid in {} s, {}.{} %",
                change.guard_rail,
                reading.hits,
                reading.samples,
                reading.window_seconds,
                change.measured_ppm / 10_000,
                change.measured_ppm % 10_000 / 1_000
            ),
        },
        Kind::Unspecified => "something".to_owned(),
    }
}

/// A time for the wire.
pub(super) fn wire(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

/// A time in Beijing.
pub(super) fn clock(at: &prost_types::Timestamp) -> String {
    let read = Timestamp::new(at.seconds, at.nanos).ok();
    let shown = read.map(|at| offset(8).to_datetime(at).strftime("%Y-%m-%d %H:%M").to_string());
    shown.unwrap_or_default()
}
