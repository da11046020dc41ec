//! The first half: closed, announced, tried, ramped.

use std::io::Write;

use anyhow::{Context, ensure};
use paifang_mock_rails::{CodeOutcome, PayerAct};
use paifang_proto::v1;

use super::market::{Expected, FEN, consult, explanation, of, payer};
use super::{PAYERS, Play};
use crate::demo::story::money;
use crate::demo::tell::yuan;

impl<W: Write> Play<'_, W> {
    /// Only Alipay and Cloud QuickPass.
    pub(super) async fn before(&mut self) -> anyhow::Result<()> {
        self.tell
            .step("2024-09-02 09:00. The storefront writes its first rules: Alipay and Cloud QuickPass.")?;
        self.write(1, None).await?;
        let facts = of("payer-1", "books", "m-3");
        let options = consult(&mut self.shop, facts.clone()).await?;
        for (wallet, wanted) in [("alipay", true), ("quickpass", true), ("wechatpay", false)] {
            let mut ways = options.iter().filter(|option| option.wallet == wallet);
            let found = ways.find(|option| option.presentation() == v1::Presentation::QrShown);
            let option = found.with_context(|| format!("{wallet} has no code to scan"))?;
            self.tell.fact(format!("{wallet:<44} {}", explanation(option)))?;
            ensure!(option.available == wanted, "{wallet}: {option:#?}");
        }

        self.tell
            .step("A payment with Alipay is taken, one with WeChat Pay is not, and nothing is left of it.")?;
        let intent = self.order("alipay", facts.clone()).await?;
        self.paid("alipay", &intent).await?;
        self.tell.fact(format!("alipay     {}: paid {}", intent.payment_intent_id, yuan(FEN)))?;
        self.refused(facts).await?;

        self.tell.step(
            "At a till, a cashier scans a code from a phone. Whose is it, and who here can charge it?",
        )?;
        let issued = self.stage.mocks.rail("wechatpay").payer(PayerAct::IssueCode(CodeOutcome::Pays))?;
        let request = v1::IdentifyPayerCodeRequest {
            payer_code: issued["code"].as_str().context("no code")?.to_owned(),
            amount: Some(money(FEN)),
            ..Default::default()
        };
        let identified = self.shop.wallets.identify_payer_code(request).await?.into_inner();
        let issuer = identified.issuer.context("nobody knows whose the code is")?;
        self.tell.fact(format!("it is one of {}, by row {}", issuer.wallet, issuer.row))?;
        ensure!(issuer.wallet == "wechatpay", "it is one of {}", issuer.wallet);
        for way in &identified.ways {
            let wallet = way.option.as_ref().map_or("", |option| option.wallet.as_str());
            let acceptance =
                way.acceptance().as_str_name().trim_start_matches("CODE_ACCEPTANCE_").to_lowercase();
            self.tell.fact(format!("charged as {wallet:<33} {acceptance}"))?;
        }
        Ok(())
    }

    /// Shown from now on, taken from a date on.
    pub(super) async fn announce(&mut self) -> anyhow::Result<()> {
        self.day(
            "2024-09-05T10:00:00",
            "WeChat Pay is shown, and announced for the 12th: 5 % of the payers, books and toys.",
        )?;
        self.write(2, None).await?;
        self.write(3, Some("2024-09-12T00:00:00")).await?;
        self.tried = self.payers_with("books", "m-3", |option| option.opens_version == 3).await?;
        let (few, outside) =
            (self.tried.len(), (1..=PAYERS).map(payer).find(|name| !self.tried.contains(name)));
        // 15 are to be expected; so far off is one story in many millions.
        ensure!((1..=45).contains(&few), "{few} of {PAYERS} payers are told of the 12th");
        self.inside = self.tried.first().cloned().unwrap_or_default();
        self.outside = outside.context("everybody is among the 5 %")?;
        self.tell.fact(format!("of {PAYERS} payers who ask for books, {few} are told of a date:"))?;
        let (inside, outside) = (self.inside.clone(), self.outside.clone());
        let soon = Expected::visible("wechat-soon");
        let option = self.explain("among the 5 %, books", of(&inside, "books", "m-3"), soon).await?;
        ensure!(option.opens_version == 3, "{option:#?}");
        let option = self.explain("among the 5 %, phones", of(&inside, "phones", "m-3"), soon).await?;
        ensure!(option.opens_version == 0, "{option:#?}");
        let option = self.explain("not among them, books", of(&outside, "books", "m-3"), soon).await?;
        ensure!(option.opens_version == 0, "{option:#?}");
        self.refused(of(&inside, "books", "m-3")).await
    }

    /// 5 % of the payers, two categories.
    pub(super) async fn try_it(&mut self) -> anyhow::Result<()> {
        self.day("2024-09-12T10:00:00", "Version 3 decides since midnight; nobody had to be awake.")?;
        let (inside, outside) = (self.inside.clone(), self.outside.clone());
        let (tried, soon) = (Expected::taken("wechat-tried"), Expected::visible("wechat-soon"));
        let option = self.explain("among the 5 %, books", of(&inside, "books", "m-3"), tried).await?;
        let fee = option.fee.as_ref().map_or(0, |fee| fee.minor_units);
        self.explain("among the 5 %, phones", of(&inside, "phones", "m-3"), soon).await?;
        self.explain("not among them, books", of(&outside, "books", "m-3"), soon).await?;
        let lacks = Expected { because: "input_missing", ..Expected::visible("wechat-tried") };
        self.explain("among the 5 %, of what is not said", of(&inside, "", "m-3"), lacks).await?;
        self.explain("books, by whom is not said", of("", "books", "m-3"), lacks).await?;
        self.tell.fact(format!("the fee would be {} of {}", yuan(fee), yuan(FEN)))?;
        ensure!(fee == 77, "the fee is {fee} fen and not 0.6 %");
        let open = self.payers_with("books", "m-3", |option| option.available).await?;
        ensure!(open == self.tried, "other payers than those who were told of the date: {open:?}");

        self.tell.step("Three of them pay with WeChat Pay. The first one of the others does not get in.")?;
        let buyers: Vec<String> = self.tried.iter().cycle().take(3).cloned().collect();
        for name in buyers {
            let intent = self.sold(of(&name, "toys", "m-3")).await?;
            self.tell.fact(format!("wechatpay  {}: paid {}", intent.payment_intent_id, yuan(FEN)))?;
        }
        self.refused(of(&outside, "toys", "m-3")).await
    }

    /// Two merchants wholly, 20 % of the payers of the others. Answers a payment at one of the two.
    pub(super) async fn ramp(&mut self) -> anyhow::Result<v1::PaymentIntent> {
        self.day(
            "2024-09-18T17:00:00",
            "It went well: for tomorrow, two merchants wholly, and 20 % of the payers of the others.",
        )?;
        self.write(4, Some("2024-09-19T00:00:00")).await?;
        self.day(
            "2024-09-19T10:00:00",
            "The next morning. Who was in is in still: the same draw, made wider.",
        )?;
        let wider = self.payers_with("books", "m-3", |option| option.available).await?;
        self.tell.fact(format!(
            "of {PAYERS} payers, {} were among the 5 %; {} are among the 20 %, all of those included",
            self.tried.len(),
            wider.len()
        ))?;
        ensure!(self.tried.is_subset(&wider), "somebody was dropped: {:?} and {wider:?}", self.tried);
        let outside = (1..=PAYERS).map(payer).find(|name| !wider.contains(name));
        self.outside = outside.context("everybody is among the 20 %")?;
        let (inside, outside) = (self.inside.clone(), self.outside.clone());
        let (tried, merchants) = (Expected::taken("wechat-tried"), Expected::taken("wechat-merchants"));
        self.explain("not among the 20 %, phones, merchant m-7", of(&outside, "phones", "m-7"), merchants)
            .await?;
        self.explain("among them, books, merchant m-3", of(&inside, "books", "m-3"), tried).await?;
        let soon = Expected::visible("wechat-soon");
        self.explain("not among them, books, merchant m-3", of(&outside, "books", "m-3"), soon).await?;
        let kept = self.sold(of(&outside, "phones", "m-7")).await?;
        self.sold(of(&inside, "books", "m-3")).await?;
        self.tell.fact(format!("two pay with WeChat Pay; the one at m-7 is {}", kept.payment_intent_id))?;
        Ok(kept)
    }
}
