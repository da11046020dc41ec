//! The storefront's own people, in runs with rules: one writes rules and changes them, one moves funds, and one comes at the end
//! ([`crate::closing`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::BoxFuture;
use jiff::SignedDuration;
use paifang_engine::{ChangeRules, Error, Fund, Made, Rules, RulesChange, TransferFunds, Without, reason};
use paifang_payment::{FundsId, Remark, RequestId};
use paifang_policy::RuleId;
use paifang_policy::lifecycle::{Book, Fact};
use paifang_shares::waterfall::Bearer;
use paifang_shares::{DiscountId, Merchant, Receiver};
use paifang_store::{Operation, PAGE_MAX, Resource, Store, StoredRules};

use crate::bundles::{BUDGETS, MERCHANTS, drawn, killing};
use crate::checks::Acked;
use crate::customer::{Customer, money};
use crate::exec::{OUTSIDE, locked};
use crate::universe::{Core, Universe};

impl Universe {
    /// The storefront's rules as the store has them.
    pub async fn book(&self) -> (Vec<StoredRules>, Option<Book>) {
        let mut entries: Vec<StoredRules> = Vec::new();
        loop {
            let last = entries.last().map_or(0, |row| row.position);
            let page = self.store.rules_after(self.tenant, last, PAGE_MAX).await.unwrap_or_default();
            let is_last = page.len() < PAGE_MAX;
            entries.extend(page);
            if is_last {
                break;
            }
        }
        let mut book = None;
        for row in &entries {
            if let Fact::Drafted { bundle, .. } = &row.entry.fact {
                book.get_or_insert_with(|| Book::new(bundle.name.clone()));
            }
            book = book.and_then(|book: Book| book.step(row.entry.fact.clone()).ok());
        }
        (entries, book)
    }

    /// Starts the storefront's people; `left` counts who has not done yet, customers included.
    pub fn employ(self: &Arc<Self>, acked: &Arc<std::sync::Mutex<Vec<Acked>>>, left: &Arc<AtomicU32>) {
        let clerk = |name| Customer::named(self.clone(), name, acked.clone());
        let (ruler, treasurer, closer) = (clerk("ruler"), clerk("treasurer"), clerk("closer"));
        left.fetch_add(3, Ordering::Relaxed);
        let of = left.clone();
        self.exec.spawn(OUTSIDE, "ruler", async move {
            ruler.rule().await;
            of.fetch_sub(1, Ordering::Relaxed);
        });
        let of = left.clone();
        self.exec.spawn(OUTSIDE, "treasurer", async move {
            treasurer.keep_funds().await;
            of.fetch_sub(1, Ordering::Relaxed);
        });
        let of = left.clone();
        self.exec.spawn(OUTSIDE, "closer", async move {
            closer.close(&of).await;
            of.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

impl Customer {
    /// Writes the first rules early or late, and then changes them again and again.
    async fn rule(mut self) {
        let chaos = i64::try_from(self.universe.swarm.chaos.as_millis()).unwrap_or(i64::MAX);
        let first = if self.universe.exec.happens(700) { 0 } else { chaos / 3 };
        self.rest(0, first).await;
        self.publish(None, false).await;
        loop {
            self.rest(chaos / 24, chaos / 4).await;
            if !self.universe.chaos() {
                return;
            }
            self.change_something().await;
        }
    }

    async fn change_something(&mut self) {
        let (entries, Some(book)) = self.universe.book().await else { return };
        let now = self.universe.exec.now();
        let deciding = book.deciding(now).map(|deciding| deciding.bundle.version);
        let closed: Vec<RuleId> = book.overlay(now).iter().map(|(opening, ..)| opening.clone()).collect();
        let why = Remark::parse("the seed wanted it").expect("a good remark");
        match self.universe.exec.draw(|chance| chance.u32(0..10)) {
            0..=2 => self.publish(None, false).await,
            3 => self.publish(None, true).await,
            4 => {
                let later = self.universe.exec.millis(60_000..=3_600_000);
                self.publish(Some(later), false).await;
                if self.universe.exec.happens(400) {
                    let version = version_after(&entries);
                    self.change("recall", RulesChange::Recall { version }).await;
                    self.publish(None, false).await;
                }
            }
            5 => {
                let Some(version) = deciding else { return };
                self.change("retire", RulesChange::Retire { version }).await;
                self.rest(0, 300_000).await;
                self.publish(None, false).await;
            }
            6 | 7 => {
                let openings = openings_of(&entries);
                if openings.is_empty() {
                    return;
                }
                let at = self.universe.exec.draw(|chance| chance.usize(0..openings.len()));
                let change = RulesChange::RollBack { opening: openings[at].clone(), why };
                self.change("roll_back", change).await;
            }
            _ => {
                let Some(opening) = closed.first().cloned() else { return };
                self.change("reopen", RulesChange::Reopen { opening, why }).await;
            }
        }
    }

    /// Writes the next version and has it decide, `later` or at once.
    async fn publish(&mut self, later: Option<SignedDuration>, kills: bool) {
        let exec = self.universe.exec.clone();
        self.publish_text(
            later,
            |version| if kills { killing(&exec, version) } else { drawn(&exec, version) },
        )
        .await;
        if kills {
            self.universe.trace.cover("ruled book x kill".to_owned());
        }
    }

    pub(crate) async fn publish_text(&mut self, later: Option<SignedDuration>, text: impl Fn(u32) -> String) {
        let (entries, book) = self.universe.book().await;
        let version = version_after(&entries);
        self.change("draft", RulesChange::Draft { text: text(version) }).await;
        let (exec, now) = (&self.universe.exec, self.universe.exec.now());
        let closed = |book: &Book| book.overlay(now).iter().map(|(opening, ..)| opening.clone()).collect();
        let without = Without {
            openings: book.as_ref().map(closed).unwrap_or_default(),
            // Without the word a version that lacks a kill is refused.
            kills: book.filter(|_| !exec.happens(200)).map(|book| book.kills(now)).unwrap_or_default(),
        };
        let effective_at = later.and_then(|later| now.saturating_add(later).ok());
        let verb = if effective_at.is_some() { "announce_later" } else { "announce" };
        self.change(verb, RulesChange::Announce { version, effective_at, without }).await;
    }

    async fn change(&mut self, verb: &'static str, change: RulesChange) {
        let wanted = ChangeRules { request_id: self.request_id(verb), change };
        let tenant = self.universe.tenant;
        let call = |core: Core| -> BoxFuture<'static, _> {
            let wanted = wanted.clone();
            Box::pin(async move { core.change_rules(tenant, wanted).await })
        };
        let made: Option<Result<Made<Arc<Rules>>, Error>> = self.until_answered("rules", call).await;
        match made {
            Some(Ok(_)) => {
                self.universe.trace.cover(format!("ruled book x {verb}"));
                locked(&self.acked).push(Acked::Rules(wanted.request_id));
            }
            // The book has moved on since it was looked at, or a guard rail has closed something.
            Some(Err(Error::Precondition { reason: reason::POLICY_STEP_REFUSED, .. })) | None => {}
            Some(Err(error)) => {
                locked(&self.acked).push(Acked::Refused(format!("rules {verb}: {error}")));
            }
        }
    }

    /// Sets a little aside, settles merchants, and pays out: now and then somebody has too little.
    async fn keep_funds(mut self) {
        let chaos = i64::try_from(self.universe.swarm.chaos.as_millis()).unwrap_or(i64::MAX);
        let platform = Fund::Bearer(Bearer::Platform, None);
        if self.universe.exec.happens(400) {
            let fen = self.draw(1, 6_000);
            self.transfer(Fund::Outside, platform, fen).await;
        }
        for budget in BUDGETS {
            if self.universe.exec.happens(700) {
                let fen = self.draw(1, 3_000);
                self.transfer(Fund::Outside, budget_of(budget), fen).await;
            }
        }
        loop {
            self.rest(chaos / 60, chaos / 15).await;
            if !self.universe.chaos() {
                return;
            }
            if self.universe.exec.happens(350) {
                self.move_a_budget().await;
                continue;
            }
            let at = self.universe.exec.draw(|chance| chance.usize(0..3));
            let merchant = MERCHANTS.get(at).and_then(|name| Merchant::parse(name).ok());
            let unsettled = || Fund::Bearer(Bearer::UnsettledFunds, merchant.clone());
            let balance = || Fund::Bearer(Bearer::MerchantBalance, merchant.clone());
            let streamer = || Receiver::parse("streamer").map_or(Fund::Fees, Fund::Receiver);
            let (from, to) = match self.universe.exec.draw(|chance| chance.u32(0..8)) {
                0..=2 => (unsettled(), balance()),
                3 => (unsettled(), Fund::Outside),
                4 => (balance(), Fund::Outside),
                5 => (Fund::Outside, platform_or_insurance(at)),
                6 => (Fund::Fees, platform_or_insurance(at)),
                _ => (streamer(), Fund::Outside),
            };
            let fen = self.draw(1, 12_000);
            self.transfer(from, to, fen).await;
        }
    }

    /// A little more for a discount, or a little less, as far as it is not set aside.
    async fn move_a_budget(&mut self) {
        let at = self.universe.exec.draw(|chance| chance.usize(0..BUDGETS.len()));
        let (budget, fen) = (budget_of(BUDGETS[at]), self.draw(1, 2_500));
        let (from, to) =
            if self.universe.exec.happens(300) { (budget, Fund::Outside) } else { (Fund::Outside, budget) };
        self.transfer(from, to, fen).await;
    }

    pub(crate) async fn transfer(&mut self, from: Fund, to: Fund, fen: i64) {
        let wanted = TransferFunds { request_id: self.request_id("funds"), from, to, amount: money(fen) };
        let tenant = self.universe.tenant;
        let call = |core: Core| -> BoxFuture<'static, _> {
            let wanted = wanted.clone();
            Box::pin(async move { core.transfer_funds(tenant, wanted).await })
        };
        let made: Option<Result<Made<FundsId>, Error>> = self.until_answered("funds", call).await;
        match made {
            Some(Ok(made)) => {
                self.universe.trace.cover("ruled funds x moved".to_owned());
                self.keep(Operation::TransferFunds, &wanted.request_id, Resource::Funds(made.resource));
            }
            Some(Err(Error::Precondition { reason: reason::FUNDS_SHORT, .. })) => {
                self.universe.trace.cover("ruled funds x short".to_owned());
            }
            Some(Err(error)) => locked(&self.acked).push(Acked::Refused(format!("funds: {error}"))),
            None => {}
        }
    }

    /// What was acknowledged has to be kept.
    pub fn keep(&self, operation: Operation, request: &RequestId, resource: Resource) {
        locked(&self.acked).push(Acked::Kept(operation, request.clone(), resource));
    }
}

fn platform_or_insurance(at: usize) -> Fund {
    let bearer = [Bearer::Platform, Bearer::Insurance, Bearer::Rail][at % 3];
    Fund::Bearer(bearer, None)
}

fn budget_of(discount: &str) -> Fund {
    Fund::Budget(DiscountId::parse(discount).expect("a good id"))
}

fn version_after(entries: &[StoredRules]) -> u32 {
    let versions = entries.iter().filter_map(|row| match &row.entry.fact {
        Fact::Drafted { bundle, .. } => Some(bundle.version),
        _ => None,
    });
    versions.max().unwrap_or(0) + 1
}

/// The openings of the version that was written last.
fn openings_of(entries: &[StoredRules]) -> Vec<RuleId> {
    let drafted = entries.iter().rev().find_map(|row| match &row.entry.fact {
        Fact::Drafted { openings, .. } => Some(openings.iter().cloned().collect()),
        _ => None,
    });
    drafted.unwrap_or_default()
}
