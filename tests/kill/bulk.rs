//! Many refunds that a storefront asks for in one go, while whoever drives them dies.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use paifang_proto::v1;
use tokio::time::Instant;
use v1::BulkRefundEntryState as Stage;

use crate::bot::{Bot, LOOK, PATIENCE};
use crate::flows::sold;
use crate::journal::{Asked, Resource};
use crate::support::{Way, money};

/// How many payments go back.
const SOLD: usize = 3;
/// How much of each, in fen.
const FEN: i64 = 2_500;
/// How long the end is waited for before time is made to pass, and how much passes then: the claim of a dead gateway ends,
/// and what it may have sent is sent again.
const DOUBT_MAX: std::time::Duration = std::time::Duration::from_millis(350);
const DOUBT_STEP: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// Sells, and sends a part of everything back in one go: each payment has one refund in the end.
pub async fn bulk(bot: &mut Bot, way: Way) -> anyhow::Result<()> {
    let mut ids = Vec::new();
    for _ in 0..SOLD {
        ids.push(sold(bot, way).await?);
    }
    bot.arm()?;
    let bulk = bot.begin_bulk(&ids).await?;
    bot.bulk_ends(&bulk).await?;
    let mut refunds = BTreeMap::new();
    for entry in bot.bulk_entries(&bulk).await? {
        ensure!(entry.state() == Stage::Succeeded, "an entry did not succeed: {entry:#?}");
        bot.refund_settles(&entry.refund_id).await?;
        let other = refunds.insert(entry.payment_intent_id.clone(), entry.refund_id.clone());
        ensure!(other.is_none(), "two entries of one payment: {entry:#?}");
    }
    for id in &ids {
        let all = bot.refunds_of(id).await?;
        let [one] = &all[..] else { bail!("{id} has {} refunds: {all:#?}", all.len()) };
        ensure!(refunds.get(id) == Some(&one.refund_id), "{id}: {one:#?} is not of its entry");
        ensure!(one.amount == Some(money(FEN)), "another amount went back: {one:#?}");
    }
    Ok(())
}

impl Bot {
    /// Starts a bulk refund of a part of each of these.
    async fn begin_bulk(&mut self, ids: &[String]) -> anyhow::Result<String> {
        let made = v1::CreateBulkRefundRequest {
            request_id: self.request_id("bulk"),
            name: "returns".into(),
            refunds_per_second: 20,
            in_flight_max: 2,
            reason: String::new(),
            refund_case: Some(v1::RefundCase {
                reason: v1::RefundReason::Damaged.into(),
                ..Default::default()
            }),
        };
        let bulk = self.ask(Asked::CreateBulk(made)).await?.id().to_owned();
        let entries = ids.iter().enumerate().map(|(n, id)| v1::NewBulkRefundEntry {
            entry_id: format!("e{n}"),
            payment_intent_id: id.clone(),
            amount: Some(money(FEN)),
        });
        let added =
            v1::AddBulkRefundEntriesRequest { bulk_refund_id: bulk.clone(), entries: entries.collect() };
        self.ask(Asked::AddEntries(added)).await?;
        let request_id = self.request_id("start");
        let started = v1::StartBulkRefundRequest { request_id, bulk_refund_id: bulk.clone() };
        self.ask(Asked::StartBulk(started)).await?;
        Ok(bulk)
    }

    /// Waits for the end; every entry counts once all the while.
    async fn bulk_ends(&mut self, bulk: &str) -> anyhow::Result<()> {
        let (begun, mut stepped) = (Instant::now(), Instant::now());
        loop {
            let request = v1::GetBulkRefundRequest { bulk_refund_id: bulk.into() };
            let answer = self.read(|mut shop| {
                let request = request.clone();
                async move { shop.bulk_refunds.get_bulk_refund(request).await }
            });
            let seen = answer.await?.into_inner().bulk_refund.context("an answer without a bulk refund")?;
            let counted: i32 = seen.totals.iter().map(|total| total.count).sum();
            ensure!(counted == seen.entry_count, "an entry counts twice or not at all: {seen:#?}");
            if seen.state() == v1::BulkRefundState::Ended {
                return Ok(());
            }
            if stepped.elapsed() > DOUBT_MAX {
                self.ground.hurry(DOUBT_STEP)?;
                stepped = Instant::now();
            }
            ensure!(begun.elapsed() < PATIENCE, "a bulk refund is stuck: {seen:#?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn bulk_entries(&mut self, bulk: &str) -> anyhow::Result<Vec<v1::BulkRefundEntry>> {
        let request = v1::ListBulkRefundEntriesRequest {
            bulk_refund_id: bulk.into(),
            page_size: 200,
            ..Default::default()
        };
        let answer = self.read(|mut shop| {
            let request = request.clone();
            async move { shop.bulk_refunds.list_bulk_refund_entries(request).await }
        });
        Ok(answer.await?.into_inner().entries)
    }
}

/// Makes a call about bulk refunds; `None`: it is about something else.
pub async fn send(
    mut shop: paifang_gateway::demo::Shop,
    asked: &Asked,
) -> Option<Result<(Resource, bool), tonic::Status>> {
    let made = |bulk: Option<v1::BulkRefund>, replayed| {
        let missing = || tonic::Status::data_loss("an answer without its bulk refund");
        bulk.map(|bulk| (Resource::Bulk(bulk.bulk_refund_id), replayed)).ok_or_else(missing)
    };
    Some(match asked {
        Asked::CreateBulk(request) => match shop.bulk_refunds.create_bulk_refund(request.clone()).await {
            Ok(answer) => {
                let answer = answer.into_inner();
                made(answer.bulk_refund, answer.replayed)
            }
            Err(status) => Err(status),
        },
        Asked::AddEntries(request) => {
            match shop.bulk_refunds.add_bulk_refund_entries(request.clone()).await {
                Ok(answer) => {
                    let answer = answer.into_inner();
                    made(answer.bulk_refund, answer.added == 0)
                }
                Err(status) => Err(status),
            }
        }
        Asked::StartBulk(request) => match shop.bulk_refunds.start_bulk_refund(request.clone()).await {
            Ok(answer) => {
                let answer = answer.into_inner();
                made(answer.bulk_refund, answer.replayed)
            }
            Err(status) => Err(status),
        },
        _ => return None,
    })
}
