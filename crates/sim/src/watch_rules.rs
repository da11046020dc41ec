//! What is checked of a storefront's rules at each commit: a choice is taken only if the book, as it stands in that very commit,
//! lets it in; a refund only if its rules grant it; and the parts of each refund sum to it.

use std::sync::Arc;

use jiff::Timestamp;
use paifang_money::Money;
use paifang_payment::refund::{self, Purpose, Refund};
use paifang_policy::bundle::{Bundle, BundleRef};
use paifang_policy::lifecycle::{Book, Fact, Overlay, State};
use paifang_policy::opening::decide;
use paifang_shares::division::{Before, Undone};
use paifang_store::{Batch, Operation, PAGE_MAX, Store, StoredRules};

use crate::checks::discounts::back_of;
use crate::customer::row;
use crate::exec::locked;
use crate::universe::Universe;

/// What the store's own book says of a time.
pub enum Holds {
    /// There never was a version that decided.
    Unruled,
    /// There was, and none decides.
    Nothing,
    /// These decide.
    By(Arc<Bundle>, Overlay),
}

impl Universe {
    /// What holds at a time, by everything that is in the book.
    pub async fn holds(&self, at: Timestamp) -> Holds {
        let (entries, Some(book)) = self.book().await else { return Holds::Unruled };
        let at = book.last().map_or(at, |last| last.max(at));
        match book.deciding(at) {
            Some(deciding) => match self.bundle(&entries, deciding.bundle) {
                Some(bundle) => Holds::By(bundle, deciding.rolled_back),
                None => Holds::Nothing,
            },
            None if has_decided(&entries, &book, at) => Holds::Nothing,
            None => Holds::Unruled,
        }
    }

    fn bundle(&self, entries: &[StoredRules], wanted: &BundleRef) -> Option<Arc<Bundle>> {
        if let Some(known) = locked(&self.bundles).get(&wanted.digest.0) {
            return Some(known.clone());
        }
        let of =
            |row: &&StoredRules| matches!(&row.entry.fact, Fact::Drafted { bundle, .. } if bundle == wanted);
        let text = entries.iter().rfind(of)?.entry.text.as_ref()?;
        let bundle = Arc::new(Bundle::read(text).ok()?);
        locked(&self.bundles).insert(wanted.digest.0, bundle.clone());
        Some(bundle)
    }

    /// A commit that was done: whether the rules, as they were in it, allow what it does.
    pub async fn watch_rules(&self, batch: &Batch) {
        for write in &batch.refunds {
            if let Some(why) = missum(&write.row) {
                self.found(format!("I6: {}: {why}: {:?}", write.row.terms.id, write.row));
            }
        }
        if self.swarm.ruled {
            self.watch_choice(batch).await;
            self.watch_grants(batch).await;
        }
    }

    async fn watch_choice(&self, batch: &Batch) {
        let Some(write) = &batch.intent else { return };
        let operation = batch.request.as_ref().map(|request| request.operation);
        let is_choice = match operation {
            Some(Operation::CreateIntent) => !write.row.attempts.is_empty(),
            Some(Operation::ConfirmIntent) => true,
            _ => false,
        };
        if !is_choice {
            return;
        }
        let id = write.row.terms.id;
        let decided = batch.rules.as_ref().and_then(|rules| rules.decided.as_ref());
        let (bundle, overlay) = match (self.holds(batch.at).await, decided) {
            (Holds::Unruled, None) => return self.trace.cover("ruled payment x before any rules".to_owned()),
            (Holds::Unruled, Some(_)) => {
                return self.found(format!("{id}: it was decided, and there are no rules"));
            }
            (Holds::Nothing, _) => {
                return self.found(format!("{id}: a choice is taken while everything is closed"));
            }
            (Holds::By(..), None) => {
                return self.found(format!("{id}: a choice is taken, and nobody asked the rules"));
            }
            (Holds::By(bundle, overlay), Some(_)) => (bundle, overlay),
        };
        let Some(write) = decided else { return };
        let kept = &write.decided;
        let now = decide(&bundle, &overlay, &kept.chosen.offer, &kept.facts, kept.payer.as_ref());
        if !now.accepted || now != kept.chosen.decision {
            let (offer, was) = (&kept.chosen.offer, &kept.chosen.decision);
            self.found(format!(
                "{id}: {offer:?} was taken by {was:?}, and the rules of that commit say {now:?}"
            ));
        }
        self.trace.cover("ruled payment x let in".to_owned());
    }

    async fn watch_grants(&self, batch: &Batch) {
        let opened = batch.refunds.iter().filter(|write| write.expected == 0);
        for refund in opened.map(|write| &write.row).filter(|row| row.terms.purpose == Purpose::Requested) {
            self.watch_parts(refund).await;
            let asks = match self.holds(batch.at).await {
                Holds::By(bundle, _) if bundle.refunds().is_some() => Some(bundle.reference()),
                Holds::By(..) | Holds::Nothing | Holds::Unruled => None,
            };
            let asked = refund.terms.granted_by;
            let asks = asks.map(|bundle| (bundle.version, bundle.digest));
            if asked.map(|by| (by.version, by.digest)) != asks {
                let id = refund.terms.id;
                self.found(format!(
                    "{id}: it was granted by {asked:?}, and the rules of that commit are {asks:?}"
                ));
            }
        }
    }

    /// What receivers give back follows from what they give back already, in this very commit. Where a refund has failed it
    /// may have failed after this one was decided.
    async fn watch_parts(&self, refund: &Refund) {
        let terms = &refund.terms;
        let Some(bearing) = refund.bearing() else { return };
        let Some(given) = &bearing.given_back else { return };
        let page = self.store.refunds(self.tenant, Some(terms.intent), None, PAGE_MAX).await;
        let mut others = page.map(|page| page.rows).unwrap_or_default();
        others.retain(|other| other.terms.id != terms.id);
        let Some(row) = row(self, terms.intent).await else { return };
        let attempt = row.intent.attempt(terms.attempt);
        let division = attempt.and_then(|attempt| {
            let taken = attempt.collected()?;
            attempt.terms.division.as_ref()?.of_taken(taken).ok()
        });
        let Some(division) = division else { return };
        if others.iter().any(|other| matches!(other.state, refund::State::Failed { .. })) {
            return;
        }
        let before = others.iter().filter_map(|other| {
            let bearing = other.bearing()?;
            Some(Before { given_back: bearing.given_back.as_ref()?, discounts: &bearing.discounts })
        });
        let before: Vec<Before<'_>> = before.collect();
        let wanted = division.undo(&before, terms.amount);
        let given = Undone { given_back: given.clone(), discounts: bearing.discounts.clone() };
        if wanted.as_ref() != Ok(&given) {
            self.found(format!("I6: {}: {given:?} is given back, and should be {wanted:?}", terms.id));
        }
    }

    /// A refund that is short is never sent.
    pub fn watch_short(&self, refund: &Refund) {
        if refund.short().is_some() || refund.bearing().is_some() && !refund.is_borne() {
            self.found(format!("{} leaves, and nobody bears all of it", refund.terms.id));
        }
    }
}

/// Whether any version decides at that time or did before.
fn has_decided(entries: &[StoredRules], book: &Book, at: Timestamp) -> bool {
    entries.iter().any(|row| match &row.entry.fact {
        Fact::Drafted { bundle, .. } => {
            matches!(book.state(bundle.version, at), Some(State::Active | State::Retired))
        }
        _ => false,
    })
}

/// Why the parts of a refund are not the refund.
fn missum(refund: &Refund) -> Option<String> {
    let bearing = refund.bearing()?;
    let (fen, amount) = (|money: Money| money.minor_units(), refund.terms.amount.minor_units());
    let mut rest = amount;
    if let Some(given) = &bearing.given_back {
        let receivers: i64 = given.receivers.iter().map(|(_, part)| fen(*part)).sum();
        rest = fen(given.merchant);
        let funders = back_of(refund);
        if receivers + rest != amount + funders {
            return Some(format!("{receivers} and {rest} are given back of {amount} and {funders}"));
        }
    }
    let allocation = refund.allocation.as_ref()?;
    let borne: i64 = allocation.borne().iter().map(|one| fen(one.amount)).sum();
    let (short, reversed) = (fen(allocation.short()), fen(allocation.reversed()));
    if borne + short + reversed != rest {
        return Some(format!("{borne} borne, {short} short and {reversed} reversed of {rest}"));
    }
    if allocation.borne().iter().any(|one| fen(one.amount) > fen(one.limit)) {
        return Some("a bearer bears more than it has to".to_owned());
    }
    let waits =
        matches!(&refund.state, refund::State::Sending(sending) if sending.unsent && sending.sends == 0);
    let ends = matches!(&refund.state, refund::State::Failed { .. });
    (short > 0 && !waits && !ends).then(|| format!("it is {} and short of {short}", refund.state.name()))
}
