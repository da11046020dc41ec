//! The storefront's clerk, in runs with bulk refunds: sends back a lot of what was paid in one go, while replicas that drive it
//! die, stand still and lose their claims; pauses it, goes on with it, or gives up the rest.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::BoxFuture;
use jiff::SignedDuration;
use paifang_engine::{CreateBulk, Error, SteerBulk, reason};
use paifang_payment::intent::State;
use paifang_payment::{BulkEntryId, BulkId};
use paifang_store::{BulkCase, BulkStep, BulkStore, BulkTerms, EntryStage, NewBulkEntry, PAGE_MAX, Store};

use crate::checks::Acked;
use crate::customer::{Customer, money};
use crate::exec::{OUTSIDE, locked};
use crate::universe::{Core, Universe};

/// Entries of one bulk at most.
const ENTRIES_MAX: usize = 16;
/// How often it is looked whether every entry was asked for, a quarter of an hour between.
const LOOKS: u32 = 400;

impl Universe {
    /// Starts the clerk; `left` counts who has not done yet.
    pub fn employ_clerk(self: &Arc<Self>, acked: &Arc<std::sync::Mutex<Vec<Acked>>>, left: &Arc<AtomicU32>) {
        let (clerk, of) = (Customer::named(self.clone(), "clerk", acked.clone()), left.clone());
        left.fetch_add(1, Ordering::Relaxed);
        self.exec.spawn(OUTSIDE, "clerk", async move {
            clerk.send_back().await;
            of.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

impl Customer {
    async fn send_back(mut self) {
        let chaos = i64::try_from(self.universe.swarm.chaos.as_millis()).unwrap_or(i64::MAX);
        let mut begun = Vec::new();
        for _ in 0..self.draw(1, 3) {
            self.rest(chaos / 6, chaos / 3).await;
            begun.extend(self.one_bulk().await);
        }
        for id in begun {
            self.see_it_asked(id).await;
        }
    }

    /// Makes a bulk of what was paid so far, starts it, and perhaps thinks of something else.
    async fn one_bulk(&mut self) -> Option<BulkId> {
        let entries = self.entries().await;
        let id = self.make_bulk().await?;
        let pages = entries.chunks(self.universe.exec.draw(|chance| chance.usize(1..=ENTRIES_MAX)));
        for page in pages {
            let repeats = self.universe.exec.happens(200);
            for _ in 0..=u32::from(repeats) {
                self.add_entries(id, page.to_vec()).await;
            }
        }
        locked(&self.acked).push(Acked::Bulk(id, entries));
        self.steer(id, BulkStep::Start).await;
        match self.universe.exec.draw(|chance| chance.u32(0..6)) {
            0 | 1 => {
                self.rest(0, 60_000).await;
                self.steer(id, BulkStep::Pause).await;
                self.rest(0, 300_000).await;
                self.steer(id, BulkStep::Resume).await;
            }
            2 => {
                self.rest(0, 30_000).await;
                self.steer(id, BulkStep::Cancel).await;
            }
            _ => {}
        }
        Some(id)
    }

    async fn make_bulk(&mut self) -> Option<BulkId> {
        let case = self.case();
        let pick = |of: &[u32]| of[self.universe.exec.draw(|chance| chance.usize(0..of.len()))];
        let terms = BulkTerms {
            name: "returns".to_owned(),
            reason: None,
            case: case.map(|case| BulkCase {
                reason: case.reason,
                mode: case.mode,
                consented: case.consented,
            }),
            pace: pick(&[1, 5, 50]),
            in_flight_max: pick(&[1, 3, 100]),
        };
        let wanted = CreateBulk { request_id: self.request_id("bulk"), terms };
        let tenant = self.universe.tenant;
        let call = |core: Core| -> BoxFuture<'static, _> {
            let wanted = wanted.clone();
            Box::pin(async move { core.create_bulk(tenant, wanted).await })
        };
        match self.until_answered("bulk", call).await? {
            Ok(made) => Some(made.resource.row.id),
            Err(error) => {
                locked(&self.acked).push(Acked::Refused(format!("bulk: {error}")));
                None
            }
        }
    }

    /// Most of what was paid, now and then something that was not, and some of it twice.
    async fn entries(&self) -> Vec<NewBulkEntry> {
        let (exec, mut entries, mut after) = (&self.universe.exec, Vec::new(), None);
        loop {
            let page = self.universe.store.scan_intents(after, PAGE_MAX).await.unwrap_or_default();
            let Some(last) = page.last() else { return entries };
            after = Some(last.intent.terms.id);
            for row in page {
                let paid = matches!(row.intent.state, State::Succeeded { .. });
                let times = if exec.happens(120) { 2 } else { 1 };
                if entries.len() + times > ENTRIES_MAX || !exec.happens(if paid { 800 } else { 100 }) {
                    continue;
                }
                for _ in 0..times {
                    let most = row.amounts.captured.minor_units().max(1);
                    let amount = exec.happens(500).then(|| money(self.draw(1, most)));
                    let name = BulkEntryId::parse(&format!("e{}", entries.len())).expect("a good id");
                    entries.push(NewBulkEntry { name, intent: row.intent.terms.id, amount });
                }
            }
        }
    }

    async fn add_entries(&self, id: BulkId, entries: Vec<NewBulkEntry>) {
        let tenant = self.universe.tenant;
        let call = |core: Core| -> BoxFuture<'static, _> {
            let entries = entries.clone();
            Box::pin(async move { core.add_bulk_entries(tenant, id, entries).await })
        };
        let added: Option<Result<_, Error>> = self.until_answered("bulk", call).await;
        if let Some(Err(error)) = added {
            locked(&self.acked).push(Acked::Refused(format!("entries of {id}: {error}")));
        }
    }

    async fn steer(&mut self, id: BulkId, step: BulkStep) {
        let wanted = SteerBulk { request_id: self.request_id(step.as_str()), bulk: id, step };
        let tenant = self.universe.tenant;
        let call = |core: Core| -> BoxFuture<'static, _> {
            let wanted = wanted.clone();
            Box::pin(async move { core.steer_bulk(tenant, wanted).await })
        };
        match self.until_answered("bulk", call).await {
            // It has ended meanwhile.
            Some(Ok(_) | Err(Error::Precondition { reason: reason::BULK_STATE, .. })) | None => {}
            Some(Err(error)) => {
                locked(&self.acked).push(Acked::Refused(format!("{} {id}: {error}", step.as_str())));
            }
        }
    }

    /// Until each entry has its refund or its reason for none: what comes after that is the refunds' own.
    async fn see_it_asked(&self, id: BulkId) {
        let open = BTreeSet::from([EntryStage::Waiting, EntryStage::Asked]);
        for _ in 0..LOOKS {
            let entries = self.universe.store.bulk_entries(self.universe.tenant, id, None, 0, PAGE_MAX).await;
            let is_open = |stage: EntryStage, has_refund: bool| open.contains(&stage) && !has_refund;
            let entries = entries.unwrap_or_default();
            if !entries.iter().any(|entry| is_open(entry.stage, entry.refund.is_some())) {
                return;
            }
            self.universe.exec.sleep(SignedDuration::from_mins(15)).await;
        }
    }
}
