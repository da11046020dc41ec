//! Who could pay with what in a time that is past: what the book says of it, and how often each rule decided.
//!
//! Both are read page by page; nothing here grows with what is kept. The ways to pay are those that are configured now, each with
//! whether it is disabled now: what an earlier config offered is not kept, but for what stands with each payment.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use paifang_payment::{AttemptId, Remark, TenantId, WalletName};
use paifang_policy::RuleId;
use paifang_policy::audit::{Configured, Tally, Told, Way, ways};
use paifang_policy::bundle::{Bundle, BundleRef};
use paifang_policy::lifecycle::{Deciding, Holds, Why};
use paifang_policy::opening::Offer;
use paifang_store::{Judged, PAGE_MAX, Store, StoredDecided};
use serde::Serialize;

use crate::ports::{Environment, Rails, Transport};
use crate::{Engine, Error};

/// By how much the time in the id of an attempt may differ from the time of its decision: a replica that is busy.
const IDS_DIFFER: SignedDuration = SignedDuration::from_hours(1);

/// A stretch of time, and what held in it for new payments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditSpan {
    /// From when.
    pub begins: Timestamp,
    /// Until when; no longer at this moment.
    pub ends: Timestamp,
    /// What held.
    #[serde(flatten)]
    pub held: Held,
}

/// What held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "held", rename_all = "snake_case")]
pub enum Held {
    /// No version had ever decided: everything that worked was open.
    Unruled,
    /// A version had decided, and none did any more: everything was closed.
    Nothing,
    /// This version, less what was rolled back.
    By(Box<HeldRules>),
}

/// The rules of a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldRules {
    /// The version.
    pub bundle: BundleRef,
    /// Since when it decided.
    pub since: Timestamp,
    /// What it is for, in its author's words.
    pub note: Remark,
    /// What was rolled back.
    pub rolled_back: Vec<HeldBack>,
    /// What it said of each way to pay.
    pub ways: Vec<Way>,
}

/// An opening that was rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldBack {
    /// The opening.
    pub opening: RuleId,
    /// Since when.
    pub since: Timestamp,
    /// By whom and why.
    pub why: Why,
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// The first stretches of a time, at most `max`, in their order and without a gap. The last one ends where the time ends,
    /// unless there are more.
    pub async fn audit(
        &self,
        tenant: TenantId,
        begins: Timestamp,
        ends: Timestamp,
        max: usize,
    ) -> Result<Vec<AuditSpan>, Error> {
        let rules = self.rules(tenant).await?;
        let Some(book) = rules.book() else {
            let whole = (begins < ends && max > 0).then_some(AuditSpan { begins, ends, held: Held::Unruled });
            return Ok(whole.into_iter().collect());
        };
        let (mut told, mut last) = (Vec::new(), None);
        for span in book.spans(begins, ends).take(max) {
            let held = match span.holds {
                Holds::Unruled => Held::Unruled,
                Holds::Nothing => Held::Nothing,
                Holds::By(deciding) => {
                    let known =
                        last.take().filter(|bundle: &Arc<Bundle>| bundle.reference() == *deciding.bundle);
                    let bundle = match known {
                        Some(bundle) => bundle,
                        None => self.bundle(tenant, deciding.bundle).await?,
                    };
                    let held = Held::By(Box::new(self.held(&bundle, deciding)));
                    last = Some(bundle);
                    held
                }
            };
            told.push(AuditSpan { begins: span.begins, ends: span.ends, held });
        }
        Ok(told)
    }

    fn held(&self, bundle: &Bundle, deciding: Deciding<'_>) -> HeldRules {
        let Deciding { bundle: reference, since, rolled_back } = deciding;
        let offers = self.inner.accounts.iter().flat_map(|account| {
            let (rail, enabled) = (account.rail.clone(), account.enabled);
            account.descriptor.offers.iter().filter_map(move |offer| {
                let (rail, presentation) = (rail.clone(), offer.presentation);
                let wallet = WalletName::parse(offer.wallet).ok()?;
                let can_exclude_credit = offer.credit.can_exclude();
                Some(Configured { offer: Offer { rail, wallet, presentation }, can_exclude_credit, enabled })
            })
        });
        let ways = ways(bundle, &rolled_back, offers);
        let back = |(opening, since, why): (&RuleId, Timestamp, &Why)| HeldBack {
            opening: opening.clone(),
            since,
            why: why.clone(),
        };
        HeldRules {
            bundle: reference.clone(),
            since,
            note: bundle.header().note.clone(),
            rolled_back: rolled_back.iter().map(back).collect(),
            ways,
        }
    }

    /// Counts the decisions of a time, from behind `after` on, and looks at `max` payments at most. Answers where to go on;
    /// nothing: these were all. A choice that was refused opened no attempt and left no decision.
    pub async fn tally_decisions(
        &self,
        tenant: TenantId,
        (begins, ends): (Timestamp, Timestamp),
        after: Option<AttemptId>,
        max: usize,
        tally: &mut Tally,
    ) -> Result<Option<AttemptId>, Error> {
        // Ids follow the time, so those of other days are not even looked at.
        let earliest = begins.saturating_sub(IDS_DIFFER).unwrap_or(begins);
        let latest = ends.saturating_add(IDS_DIFFER).unwrap_or(ends);
        let last = AttemptId::from_parts(latest, [u8::MAX; 10]);
        let mut after = after.unwrap_or_else(|| AttemptId::from_parts(earliest, [0; 10]));
        let mut looked_at = 0;
        while looked_at < max {
            let wanted = PAGE_MAX.min(max - looked_at);
            let page = self.inner.store.decisions(tenant, Some(after), wanted).await?;
            for row in page.iter().take_while(|row| row.attempt <= last) {
                if begins <= row.at && row.at < ends {
                    count(tally, row);
                }
            }
            match page.last() {
                Some(row) if page.len() == wanted && row.attempt <= last => after = row.attempt,
                Some(_) | None => return Ok(None),
            }
            looked_at += page.len();
        }
        Ok(Some(after))
    }
}

fn count(tally: &mut Tally, row: &StoredDecided) {
    let ended = row.marks.ended.map(|(ending, _)| ending);
    tally.take(told(&row.decided.chosen), ended, row.decided.beside.iter().map(told));
}

fn told(judged: &Judged) -> Told<'_> {
    Told { offer: &judged.offer, decision: &judged.decision, effect: judged.effect() }
}
