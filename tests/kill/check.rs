//! The total check at the end of a run: everybody's book against everybody else's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use jiff::SignedDuration;
use paifang_gateway::demo::{ledger_totals, rail_totals};
use paifang_mock_rails::book::BookEntry;
use paifang_proto::v1;
use tokio::time::{Instant, sleep};
use v1::PaymentIntentState as State;

use crate::bot::{Bot, send};
use crate::cycle::Run;
use crate::journal::fen;
use crate::support::{RAILS, browser};

/// How long the rest may take once nothing goes wrong any more.
const REST: Duration = Duration::from_secs(60);
/// Between two steps of the clock while it rests.
const REST_STEP_EVERY: Duration = Duration::from_secs(2);

impl Run {
    /// Every acknowledgement from `first` on stands: the same request gives the same resource, which has not fallen back.
    pub async fn acks_stand(&self, first: usize) -> anyhow::Result<()> {
        for (asked, id) in self.ground.journal.acks_from(first) {
            let shop = self.ground.shops.first().context("a gateway")?.clone();
            let till = self.ground.tills.first().context("a gateway")?.clone();
            let (resource, replayed) =
                send(shop, till, asked.clone()).await.with_context(|| format!("lost: {asked:?}"))?;
            ensure!(resource.id() == id, "{asked:?} made {id}, and now {}", resource.id());
            ensure!(replayed, "{asked:?} was forgotten and made {id} once more");
            self.ground.journal.saw(&resource);
        }
        let broken = self.ground.journal.broken();
        ensure!(broken.is_empty(), "acknowledged states were lost: {broken:#?}");
        Ok(())
    }

    /// The end: heal, wait until nothing is live, and compare all books.
    pub async fn total_check(&mut self) -> anyhow::Result<Totals> {
        self.ground.heal();
        for gateway in self.gateways.iter_mut().filter(|gateway| !gateway.is_running()) {
            gateway.start().await?;
        }
        let mut bot = Bot::new(self.ground.clone(), "end".into(), None, "never.crash".into());
        let mut live = self.rest(&mut bot).await?;
        ensure!(live.is_empty(), "still live: {live:#?}");
        // What ended is looked at once more after an hour and after a day: nothing comes of it.
        for hours in [1, 24] {
            self.ground.step(SignedDuration::from_hours(hours))?;
            sleep(Duration::from_secs(1)).await;
        }
        live = self.rest(&mut bot).await?;
        ensure!(live.is_empty(), "live again: {live:#?}");
        self.acks_stand(0).await?;
        let totals = self.books(&mut bot).await?;
        self.nothing_is_set_aside().await?;
        self.one_event_each(&mut bot).await?;
        for gateway in self.gateways.iter_mut() {
            gateway.drain().await?;
        }
        for gateway in &self.gateways {
            let panics = gateway.log_lines("panicked at")?;
            ensure!(panics.is_empty(), "a gateway panicked: {panics:#?}");
        }
        let report = self.ground.stage.fsck().await?;
        ensure!(report.contains("clean"), "{report}");
        Ok(totals)
    }

    /// Lets time pass until nothing is live and the books agree; answers what still lives.
    async fn rest(&self, bot: &mut Bot) -> anyhow::Result<Vec<String>> {
        let (deadline, mut stepped) = (Instant::now() + REST, None);
        loop {
            let mut live = self.live(bot).await?;
            live.extend(self.differences().await?);
            if live.is_empty() || Instant::now() > deadline {
                return Ok(live);
            }
            // What a step has made due is given its moment, before the next one invalidates what is under way.
            if stepped.is_none_or(|stepped: Instant| stepped.elapsed() > REST_STEP_EVERY) {
                self.ground.step(SignedDuration::from_mins(20))?;
                stepped = Some(Instant::now());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn live(&self, bot: &mut Bot) -> anyhow::Result<Vec<String>> {
        let mut live = Vec::new();
        for id in self.ground.journal.ids() {
            if id.starts_with("re_") {
                let refund = bot.refund_now(&id).await?;
                if !matches!(refund.state(), v1::RefundState::Succeeded | v1::RefundState::Failed) {
                    live.push(format!("{id} {:?}", refund.state()));
                }
            } else {
                let intent = bot.intent(&id).await?;
                if !crate::bot::is_final(intent.state()) {
                    live.push(format!("{id} {:?}", intent.state()));
                }
            }
        }
        Ok(live)
    }

    /// Our ledger against each rail's own sums.
    async fn differences(&self) -> anyhow::Result<Vec<String>> {
        let mut shop = self.ground.shops.first().context("a gateway")?.clone();
        let ledger = ledger_totals(&mut shop).await?;
        let mut differences = Vec::new();
        for rail in RAILS {
            let theirs = rail_totals(&self.ground.stage.mocks, rail);
            ensure!(theirs.charges_max <= 1, "{rail} charged a payer twice for one order");
            let (ours, aside) = ledger.get(&format!("rail:{rail}-main")).copied().unwrap_or_default();
            if theirs.paid - theirs.refunded != ours || aside != 0 || theirs.held != 0 {
                differences.push(format!("{rail}: rail {theirs:?}, ledger {ours}, set aside {aside}"));
            }
        }
        for (account, (posted, pending)) in &ledger {
            if account.contains("suspense") && (*posted != 0 || *pending != 0) {
                differences.push(format!("{account} holds {posted} and {pending}"));
            }
        }
        Ok(differences)
    }

    /// Order by order: what each payer has paid and got back is what the intent says, and no rail knows an order of which we
    /// do not (I1, I2, I6, I17).
    async fn books(&self, bot: &mut Bot) -> anyhow::Result<Totals> {
        let mut orders: BTreeMap<String, BookEntry> = BTreeMap::new();
        for rail in RAILS {
            let book = self.ground.stage.mocks.rail(rail).book();
            orders.extend(book.into_iter().map(|entry| (entry.order_no.clone(), entry)));
        }
        let (mut totals, mut ours) = (Totals::default(), BTreeSet::new());
        let intents = self.ground.journal.ids().into_iter().filter(|id| !id.starts_with("re_"));
        for id in intents {
            let intent = bot.intent(&id).await?;
            let mut kept = 0;
            for number in numbers(&intent) {
                if let Some(entry) = orders.get(&number) {
                    kept += taken(entry) - entry.refunded_fen;
                }
                ours.insert(number);
            }
            let said = fen(intent.amount_captured.as_ref()) - fen(intent.amount_refunded.as_ref());
            ensure!(kept == said, "the payer of {id} is {kept} fen lighter, and it says {said}: {intent:#?}");
            totals.payments += u64::from(intent.state() == State::Succeeded);
            totals.fen += fen(intent.amount_captured.as_ref());
            totals.intents += 1;
        }
        let strange: Vec<_> =
            orders.values().filter(|entry| entry.paid && !ours.contains(&entry.order_no)).collect();
        ensure!(strange.is_empty(), "paid orders that no intent knows: {strange:#?}");
        totals.acks = self.ground.journal.count();
        Ok(totals)
    }

    /// I12: no piece of work was given to a person.
    async fn nothing_is_set_aside(&self) -> anyhow::Result<()> {
        let ops = self.gateways.first().context("a gateway")?.ops;
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let page = browser::request("GET", &format!("http://{ops}/metrics"), "", &[]).await;
            let figure = |name: &str| {
                page.body.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok())
            };
            match (figure("paifang_work_quarantined "), figure("paifang_notifications_suspicious ")) {
                (Some(0), Some(0)) => return Ok(()),
                (Some(quarantined), Some(suspicious)) => {
                    bail!(
                        "{quarantined} pieces of work are quarantined, {suspicious} notifications are suspicious"
                    )
                }
                (_, _) => ensure!(Instant::now() < deadline, "no figures: {}", page.body),
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// I9: what succeeded was told, once.
    async fn one_event_each(&self, bot: &mut Bot) -> anyhow::Result<()> {
        let mut shop = self.ground.shops.first().context("a gateway")?.clone();
        let mut told: BTreeMap<String, u32> = BTreeMap::new();
        for event in shop.all_events().await? {
            if event.r#type != "payment_intent.succeeded" {
                continue;
            }
            if let Some(v1::event::Resource::PaymentIntent(intent)) = event.resource {
                *told.entry(intent.payment_intent_id).or_default() += 1;
            }
        }
        for id in self.ground.journal.ids().into_iter().filter(|id| !id.starts_with("re_")) {
            let succeeded = bot.intent(&id).await?.state() == State::Succeeded;
            let times = told.get(&id).copied().unwrap_or(0);
            ensure!(
                times == u32::from(succeeded),
                "the success of {id} ({succeeded}) was told {times} times"
            );
        }
        Ok(())
    }
}

/// What the run came to.
#[derive(Debug, Default)]
pub struct Totals {
    pub intents: u64,
    pub payments: u64,
    pub fen: i64,
    pub acks: usize,
}

/// The numbers under which the rails know an intent.
fn numbers(intent: &v1::PaymentIntent) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for attempt in &intent.attempts {
        all.push(attempt.order_number.clone());
        if !attempt.capture_number.is_empty() {
            all.push(attempt.capture_number.clone());
        }
    }
    all
}

/// What a rail has taken from a payer for an order.
fn taken(entry: &BookEntry) -> i64 {
    match (entry.paid, entry.held_fen) {
        (false, _) => 0,
        (true, 0) => entry.total_fen,
        (true, _) => entry.captured_fen,
    }
}
