//! I9: the last event of each intent and refund tells how it stands, and each event tells the state that it is named for.

use std::collections::BTreeMap;

use paifang_payment::intent::State;
use paifang_payment::refund::Refund;
use paifang_payment::{IntentId, RefundId};
use paifang_store::{Amounts, IntentRow, PAGE_MAX, Snapshot, Store, StoredEvent};

use crate::universe::Universe;

/// What a storefront that reads all events believes at the end.
#[derive(Default)]
pub struct Heard {
    intents: BTreeMap<IntentId, (State, Amounts)>,
    refunds: BTreeMap<RefundId, Refund>,
}

impl Heard {
    /// Reads all events.
    pub async fn all(universe: &Universe, wrong: &mut Vec<String>) -> Self {
        let (mut heard, mut cursor) = (Self::default(), 0);
        loop {
            let events = universe.store.events_after(None, cursor, PAGE_MAX).await.unwrap_or_default();
            let Some(last) = events.last() else { return heard };
            cursor = last.cursor;
            events.into_iter().for_each(|event| heard.hear(event, wrong));
        }
    }

    fn hear(&mut self, event: StoredEvent, wrong: &mut Vec<String>) {
        match event.snapshot {
            Snapshot::Intent { intent, amounts } => {
                let told = event.kind.strip_prefix("payment_intent.").unwrap_or_default();
                let named = STATES.contains(&told);
                if named && told != intent.state.name() {
                    let (id, is) = (intent.terms.id, intent.state.name());
                    wrong.push(format!("I9: an event of {id} says {told}, and shows {is}"));
                }
                self.intents.insert(intent.terms.id, (intent.state, amounts));
            }
            Snapshot::Refund { refund, .. } => drop(self.refunds.insert(refund.terms.id, *refund)),
            Snapshot::Funds { .. } => {}
        }
    }

    /// Whether it is how the intent stands.
    pub fn compare(&self, row: &IntentRow, wrong: &mut Vec<String>) {
        let (id, state) = (row.intent.terms.id, &row.intent.state);
        match self.intents.get(&id) {
            Some((told, amounts)) if told == state && amounts.captured == row.amounts.captured => {}
            Some((told, _)) => wrong.push(format!("I9: {id} is {state:?}, its last event says {told:?}")),
            None => wrong.push(format!("I9: no event tells of {id}")),
        }
    }

    /// Whether it is how each refund stands.
    pub async fn compare_refunds(&self, universe: &Universe, wrong: &mut Vec<String>) {
        let mut after = None;
        loop {
            let rows = universe.store.scan_refunds(after, PAGE_MAX).await.unwrap_or_default();
            let Some(last) = rows.last() else { return };
            after = Some(last.terms.id);
            for refund in rows.iter().filter(|refund| refund.is_final()) {
                let (id, told) = (refund.terms.id, self.refunds.get(&refund.terms.id));
                if told.map(|told| told.state.name()) != Some(refund.state.name()) {
                    wrong.push(format!("I9: {id} is {:?}, its last event says {told:?}", refund.state));
                }
            }
        }
    }
}

/// The kinds that are named for a state.
const STATES: [&str; 8] = [
    "requires_wallet",
    "awaiting_payer",
    "processing",
    "authorized",
    "succeeded",
    "canceled",
    "expired",
    "failed",
];
