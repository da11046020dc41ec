//! The total check: the rail's truth against our ledger, everything at its end, the store whole.

use paifang_ledger::AccountKind;
use paifang_mock_rails::book::BookEntry;
use paifang_payment::{AccountId, OrderNo, refund};
use paifang_store::{IntentRow, ModelStore, PAGE_MAX, Store, WorkKey, WorkRow, fsck};

use crate::world::World;

/// Everything that is wrong once all is quiet.
pub fn wrong(world: &World) -> Vec<String> {
    // The model store never waits.
    futures::executor::block_on(async {
        let mut wrong = Vec::new();
        consistent(world, &mut wrong).await;
        books(world, &mut wrong).await;
        ends(&world.store.inner, &mut wrong).await;
        wrong
    })
}

/// Whether everything is at its end, and the books are equal.
pub async fn is_quiet(world: &World) -> bool {
    let mut live = Vec::new();
    ends(&world.store.inner, &mut live).await;
    let (ours, truth) = totals(world).await;
    live.is_empty() && ours == truth
}

/// What must hold at any moment: the store proves itself, and nobody was charged twice (I1, I5 to I8).
pub async fn consistent(world: &World, wrong: &mut Vec<String>) {
    let report = fsck::run(&world.store.inner).await.expect("the model store reads");
    wrong.extend(report.findings.iter().map(|found| format!("fsck: {found}")));
    let balances = world.store.inner.balances(world.tenant).await.expect("the model store reads");
    if let Some(stray) = balances.iter().find(|row| row.account.kind() == AccountKind::SuspenseStray) {
        // The rail takes nothing twice here, so nothing may be called unexplained to make the books agree.
        wrong.push(format!("I17: {} was booked on, and no rail did anything twice", stray.account));
    }
    for entry in world.rail().book() {
        if entry.charges > 1 {
            wrong.push(format!("I1: charged {} times: {entry:?}", entry.charges));
        }
    }
}

/// What is ours by the ledger, and what the rail keeps for us, in fen.
pub async fn totals(world: &World) -> (i128, i128) {
    let balances = world.store.inner.balances(world.tenant).await.expect("the model store reads");
    let rails = balances.iter().filter(|row| row.account.kind() == AccountKind::Rail);
    let ours = rails.map(|row| row.balance.posted(&row.account)).sum();
    let truth = world.rail().book().iter().map(|entry| i128::from(kept(entry))).sum();
    (ours, truth)
}

/// I2, and that the rail knows no order that we do not know.
async fn books(world: &World, wrong: &mut Vec<String>) {
    let (ours, truth) = totals(world).await;
    let book = world.rail().book();
    if ours != truth {
        wrong.push(format!("I2: the ledger has {ours} fen, the rail {truth}: {book:#?}"));
    }
    let account = AccountId::parse(&format!("{}-main", world.rail().name())).expect("our own name");
    for entry in &book {
        let number = OrderNo::parse(&entry.order_no).expect("our own number");
        let known = world.store.inner.attempt_by_order(&account, &number).await.expect("it reads");
        if known.is_none() {
            wrong.push(format!("I1: the rail has an order that nobody here knows: {entry:?}"));
        }
    }
}

/// What the rail keeps, in fen.
fn kept(entry: &BookEntry) -> i64 {
    if entry.paid { entry.total_fen - entry.refunded_fen } else { 0 }
}

/// I12: everything is at its end, and nothing was given to a person.
async fn ends(store: &ModelStore, wrong: &mut Vec<String>) {
    let intents = store.scan_intents(None, PAGE_MAX).await.expect("it reads");
    let live = intents.iter().filter(|row| !row.intent.is_final());
    wrong.extend(live.map(|row| format!("I12: {} is {:?}", row.intent.terms.id, row.intent.state)));
    for refund in store.scan_refunds(None, PAGE_MAX).await.expect("it reads") {
        match refund.state {
            refund::State::Succeeded { .. } | refund::State::Failed { .. } => {}
            refund::State::Sending(_) | refund::State::InDoubt(_) | refund::State::Processing { .. } => {
                wrong.push(format!("I12: {} is {:?}", refund.terms.id, refund.state));
            }
        }
    }
    for work in store.scan_work(None, PAGE_MAX).await.expect("it reads") {
        if work.quarantined.is_some() || !is_watch(&work, &intents) {
            wrong.push(format!("I12: work is left: {work:?}"));
        }
    }
    let stats = store.stats().await.expect("it reads");
    if stats.suspicious > 0 {
        wrong.push(format!("{} notifications are suspicious", stats.suspicious));
    }
}

/// Whether this only looks after what has ended: an order that the rail never saw is watched to its own expiry (F04).
fn is_watch(work: &WorkRow, intents: &[IntentRow]) -> bool {
    match &work.key {
        WorkKey::Attempt { intent, .. } => {
            intents.iter().any(|row| row.intent.terms.id == *intent && row.intent.is_final())
        }
        WorkKey::Refund { .. } | WorkKey::Expiry { .. } => false,
    }
}
