//! The second half: rolled back, opened again, open for all, and what is told of a past day.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::civil::date;
use paifang_mock_rails::faults::Fault;
use paifang_proto::v1;

use super::market::{Expected, FEN, change, is_closed, of, wire};
use super::{Play, beijing};
use crate::demo::story::{SOON, money};
use crate::demo::tell::yuan;

/// Orders that are tried at most while the rail refuses.
const TRIES_MAX: u32 = 60;

/// What was done with WeChat Pay on the day of the fall.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    paid: i64,
    failed: i64,
}

impl<W: Write> Play<'_, W> {
    /// The rail refuses, the guard rail closes, and what was paid before goes back.
    pub(super) async fn fall(&mut self, kept: &v1::PaymentIntent) -> anyhow::Result<Counted> {
        self.day(
            "2024-09-20T14:00:00",
            "Six payers of merchant m-7 pay with WeChat Pay. A seventh has the code on the screen.",
        )?;
        for number in 1..=6 {
            self.sold(of(&format!("buyer-{number}"), "phones", "m-7")).await?;
        }
        let open = self.order("wechatpay", of("buyer-7", "phones", "m-7")).await?;
        self.tell.fact(format!("paid six times {}; {} waits", yuan(FEN), open.payment_intent_id))?;

        self.tell
            .step("WeChat Pay begins to refuse orders (a fault at the mock rail). Payers go on trying.")?;
        let faults = self.stage.mocks.bench("wechatpay").faults.clone();
        faults.arm(Some("charge"), Fault::BusinessCode("TRADE_ERROR".into()), TRIES_MAX);
        let refused = self.until_closed().await?;
        faults.clear();
        let failed = refused.len();
        self.tell.fact(format!(
            "{failed} orders were refused by the rail; the next one the rules did not take:"
        ))?;
        let news = self.news().await?;
        let fell = news.iter().find(|one| one.kind() == v1::PolicyChangeKind::RolledBack);
        let fell = fell.context("nothing was rolled back")?;
        self.tell.fact(format!("#{} {}", fell.position, change(fell)))?;
        let reading = fell.reading.as_ref().context("the roll-back has no reading")?;
        ensure!(
            fell.guard_rail == "merchants-well" && fell.request_id.is_empty() && reading.samples >= 10,
            "{fell:#?}"
        );
        ensure!(reading.hits == 6 && fell.measured_ppm < 800_000, "{fell:#?}");
        self.tell.fact("no person did it, and no release: ListPolicyChanges tells it")?;

        let rolled_back =
            Expected { shown: false, taken: false, rule: "wechat-merchants", because: "rolled_back" };
        let outside = self.outside.clone();
        self.explain("merchant m-7", of(&outside, "phones", "m-7"), rolled_back).await?;
        let inside = self.inside.clone();
        let tried = Expected::taken("wechat-tried");
        self.explain("among the 20 %, books, merchant m-3", of(&inside, "books", "m-3"), tried).await?;
        self.refused(of(&outside, "phones", "m-7")).await?;

        self.tell
            .step("What is under way goes on: the seventh pays, and one who was refused takes Alipay.")?;
        self.paid("wechatpay", &open).await?;
        self.tell.fact(format!("wechatpay  {}: paid {}", open.payment_intent_id, yuan(FEN)))?;
        let last = refused.last().context("nobody was refused")?;
        self.instead(last).await?;
        self.give_back(kept).await?;
        Ok(Counted { paid: 7, failed: i64::try_from(failed)? })
    }

    /// Orders until the rules take none; answers those that the rail refused.
    async fn until_closed(&mut self) -> anyhow::Result<Vec<v1::PaymentIntent>> {
        let mut refused = Vec::new();
        for number in 1..=TRIES_MAX {
            let order = self.order("wechatpay", of(&format!("late-{number}"), "phones", "m-7")).await;
            let intent = match order {
                Ok(intent) => intent,
                Err(status) if is_closed(&status) => return Ok(refused),
                Err(status) => return Err(status.into()),
            };
            let wanted = v1::PaymentIntentState::RequiresWallet;
            let intent = self.shop.intent_becomes(&intent.payment_intent_id, wanted, SOON).await?;
            refused.push(intent);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("the guard rail let {TRIES_MAX} failures pass")
    }

    /// The payer of an order that the rail refused pays it with Alipay.
    async fn instead(&mut self, intent: &v1::PaymentIntent) -> anyhow::Result<()> {
        let mut choice = v1::WalletChoice {
            wallet: "alipay".into(),
            declared_facts: Some(of("late", "phones", "m-7")),
            ..Default::default()
        };
        choice.set_presentation(v1::Presentation::QrShown);
        let mut context = v1::ClientContext::default();
        context.set_kind(v1::ClientKind::DesktopBrowser);
        choice.client_context = Some(context);
        let request = v1::ConfirmPaymentIntentRequest {
            request_id: self.request_id(),
            payment_intent_id: intent.payment_intent_id.clone(),
            choice: Some(choice),
            etag: String::new(),
        };
        let intent = self.shop.intents.confirm_payment_intent(request).await?.into_inner().payment_intent;
        let intent = intent.context("no intent")?;
        self.paid("alipay", &intent).await?;
        self.tell.fact(format!("alipay     {}: paid {}", intent.payment_intent_id, yuan(FEN)))
    }

    /// A payment with the wallet that is closed now goes back, and who bears it is told.
    async fn give_back(&mut self, kept: &v1::PaymentIntent) -> anyhow::Result<()> {
        self.tell.step("A payer of yesterday wants the money back. WeChat Pay is closed there, and refunds it all the same.")?;
        let mut case = v1::RefundCase::default();
        case.set_reason(v1::RefundReason::NoReason);
        let request = v1::CreateRefundRequest {
            request_id: self.request_id(),
            payment_intent_id: kept.payment_intent_id.clone(),
            amount: Some(money(FEN)),
            reason: "returned within seven days".into(),
            refund_case: Some(case),
        };
        let made =
            self.shop.refunds.create_refund(request).await?.into_inner().refund.context("no refund")?;
        let refund = self.shop.refund_becomes(&made.refund_id, v1::RefundState::Succeeded, SOON).await?;
        let bearing = refund.bearing.context("nobody bears the refund")?;
        let rule = format!("rule {} of version {}", bearing.rule, bearing.policy_version);
        self.tell.fact(format!("{}: {} went back, by {rule}", refund.refund_id, yuan(FEN)))?;
        let fen = |money: &Option<v1::Money>| money.as_ref().map_or(0, |money| money.minor_units);
        let mut sum = 0;
        for one in &bearing.bearers {
            let who = one.bearer().as_str_name().trim_start_matches("REFUND_BEARER_").to_lowercase();
            let who = who.replace('_', " ");
            self.tell.fact(format!("borne by {who:<20} {:>9}", yuan(fen(&one.amount))))?;
            sum += fen(&one.amount);
        }
        let given = FEN - sum;
        self.tell.fact(format!("given back by the fee         {:>9}", yuan(given)))?;
        ensure!(given == 77, "the bearers bear {sum} of {FEN} fen");
        Ok(())
    }

    /// The rail is repaired, and a person opens again.
    pub(super) async fn open_again(&mut self) -> anyhow::Result<()> {
        self.day(
            "2024-09-20T18:30:00",
            "The rail says that it is repaired. A person opens again; nothing else would.",
        )?;
        let request = v1::ReopenOpeningRequest {
            request_id: self.request_id(),
            opening: "wechat-merchants".into(),
            remark: "li.lei: the rail says that it is repaired".into(),
        };
        self.shop.policies.reopen_opening(request).await?;
        self.changes().await?;
        let outside = self.outside.clone();
        let merchants = Expected::taken("wechat-merchants");
        self.explain("merchant m-7", of(&outside, "phones", "m-7"), merchants).await?;
        let intent = self.sold(of(&outside, "phones", "m-7")).await?;
        self.tell.fact(format!("wechatpay  {}: paid {}", intent.payment_intent_id, yuan(FEN)))?;
        // Some looks of the guard rail later: what failed before it was opened again counts no more.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let news = self.news().await?;
        ensure!(news.is_empty(), "it did not stay open: {news:#?}");
        self.tell.fact("the guard rail looks on, and counts from here")
    }

    /// Everybody.
    pub(super) async fn open_for_all(&mut self) -> anyhow::Result<()> {
        self.day("2024-09-25T17:00:00", "For tomorrow: everybody.")?;
        self.write(5, Some("2024-09-26T00:00:00")).await?;
        let outside = self.outside.clone();
        let soon = Expected::visible("wechat-soon");
        let option = self.explain("phones, merchant m-3", of(&outside, "phones", "m-3"), soon).await?;
        ensure!(option.opens_version == 5, "{option:#?}");
        self.day("2024-09-26T09:00:00", "The wall is down.")?;
        let all = Expected::taken("wechat");
        self.explain("phones, merchant m-3", of(&outside, "phones", "m-3"), all).await?;
        let intent = self.sold(of(&outside, "phones", "m-3")).await?;
        self.tell.fact(format!("wechatpay  {}: paid {}", intent.payment_intent_id, yuan(FEN)))
    }

    /// The report of the day of the fall, held against what was done.
    pub(super) async fn audit(&mut self, counted: Counted) -> anyhow::Result<()> {
        self.day(
            "2024-09-27T10:00:00",
            "An auditor asks: who could pay with what on the 20th?  paifang policy day --date 2024-09-20",
        )?;
        let told = self.stage.policy_day(date(2024, 9, 20), "+08:00").await?;
        for line in told.lines() {
            self.tell.fact(line)?;
        }
        let (begin, end) = (beijing("2024-09-20T00:00:00")?, beijing("2024-09-21T00:00:00")?);
        let (begin_time, end_time) = (Some(wire(begin)), Some(wire(end)));
        let request = v1::ListPolicySpansRequest { begin_time, end_time, ..Default::default() };
        let spans = self.shop.policies.list_policy_spans(request).await?.into_inner().spans;
        let held: Vec<(u32, usize)> =
            spans.iter().map(|span| (span.version, span.roll_backs.len())).collect();
        ensure!(held == [(4, 0), (4, 1), (4, 0)], "{held:?}");
        let request = v1::CountPolicyDecisionsRequest { begin_time, end_time, page_token: String::new() };
        let counts = self.shop.policies.count_policy_decisions(request).await?.into_inner();
        let of_wechat = |line: &&v1::PolicyDecisionCount| line.rule == "wechat-merchants";
        let (paid, failed) = counts
            .counts
            .iter()
            .filter(of_wechat)
            .fold((0, 0), |(paid, failed), line| (paid + line.paid, failed + line.failed));
        // One more was paid after it was opened again, and one with Alipay.
        let wanted = (counted.paid + 1, counted.failed, counted.paid + counted.failed + 2);
        ensure!((paid, failed, counts.payments) == wanted, "{wanted:?} and {counts:#?}");
        self.tell.fact("ListPolicySpans and CountPolicyDecisions tell the storefront the same")
    }
}
