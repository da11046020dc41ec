//! Books of rules and decisions: a book is gapless, can be read and obeys the lifecycle; a decision is what the version that
//! was in force says of the recorded facts, and what is marked on it happened and is what guard rails count.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paifang_payment::attempt::State as AttemptState;
use paifang_payment::intent::{Ending, Fact as IntentFact};
use paifang_payment::refund::{Purpose, Refund};
use paifang_payment::{AttemptId, IntentId, TenantId};
use paifang_policy::RuleId;
use paifang_policy::bundle::{AT_LEAST_MAX, Bundle, BundleRef};
use paifang_policy::guard::Tally;
use paifang_policy::lifecycle::{Book, Fact};
use paifang_policy::opening::decide;

use super::{Known, Report};
use crate::{IntentRow, Judged, Marks, PAGE_MAX, Sample, Store, StoreError, StoredDecided, StoredRules};

/// A tenant's book as it was read.
#[derive(Default)]
struct Read {
    facts: Vec<Fact>,
    /// Where each version was written, every time.
    drafts: Vec<(BundleRef, u64)>,
    /// Whether it is one that could have come about.
    whole: bool,
}

/// The book after so many of its facts.
struct At<'a> {
    facts: &'a [Fact],
    entries: usize,
    book: Option<Book>,
}

/// Looks at every tenant's book and decisions.
pub(super) async fn check(store: &impl Store, known: &Known, report: &mut Report) -> Result<(), StoreError> {
    let mut tenants: BTreeSet<TenantId> = known.intents.values().copied().collect();
    tenants.extend(store.tenants().await?.into_iter().map(|tenant| tenant.id));
    for tenant in tenants {
        let read = match read_book(store, tenant, report).await {
            Err(StoreError::Damaged(what)) => {
                report.find(format!("rules of {tenant}: the book cannot be read: {what}"));
                continue;
            }
            read => read?,
        };
        match check_decisions(store, tenant, &read, known, report).await {
            Err(StoreError::Damaged(what)) => {
                report.find(format!("rules of {tenant}: decisions cannot be read: {what}"));
            }
            checked => checked?,
        }
    }
    Ok(())
}

async fn read_book(store: &impl Store, tenant: TenantId, report: &mut Report) -> Result<Read, StoreError> {
    let (mut read, mut book) = (Read { whole: true, ..Read::default() }, None);
    loop {
        let page = store.rules_after(tenant, read.facts.len() as u64, PAGE_MAX).await?;
        let is_last = page.len() < PAGE_MAX;
        for row in page {
            report.rules += 1;
            let wanted = read.facts.len() as u64 + 1;
            if row.position != wanted {
                report.find(format!("rules of {tenant}: entry {wanted} is missing"));
                read.whole = false;
                return Ok(read);
            }
            if let Err(why) = check_text(&row) {
                report.find(format!("rules of {tenant}: entry {wanted}: {why}"));
            }
            let fact = row.entry.fact;
            if let Fact::Drafted { bundle, .. } = &fact {
                book.get_or_insert_with(|| Book::new(bundle.name.clone()));
                read.drafts.push((bundle.clone(), wanted));
            }
            read.facts.push(fact.clone());
            book = match book.map(|book| book.step(fact)) {
                Some(Ok(book)) => Some(book),
                Some(Err(error)) => {
                    report.find(format!("rules of {tenant}: entry {wanted}: {error}"));
                    read.whole = false;
                    return Ok(read);
                }
                None => {
                    report.find(format!("rules of {tenant}: they do not begin with a draft"));
                    read.whole = false;
                    return Ok(read);
                }
            };
        }
        if is_last {
            return Ok(read);
        }
    }
}

/// A draft's text is the bundle that its fact tells of, and nothing else has one.
fn check_text(row: &StoredRules) -> Result<(), String> {
    let Fact::Drafted { .. } = &row.entry.fact else {
        return match row.entry.text {
            None => Ok(()),
            Some(_) => Err("it has a text, and is no draft".to_owned()),
        };
    };
    let text = row.entry.text.as_ref().ok_or("its text is missing")?;
    let bundle = Bundle::read_stored(text).map_err(|_| "its text cannot be read any more")?;
    if !row.entry.fact.tells_of(&bundle) {
        return Err("its text is another bundle than it says".to_owned());
    }
    // Of an entry that does not say so it is not known, which reads as if there were some.
    if !bundle.guard_rails().is_empty() && !row.entry.guarded {
        return Err("its guard rails are not looked at".to_owned());
    }
    Ok(())
}

async fn check_decisions(
    store: &impl Store,
    tenant: TenantId,
    read: &Read,
    known: &Known,
    report: &mut Report,
) -> Result<(), StoreError> {
    let mut bundles: BTreeMap<[u8; 32], Option<Bundle>> = BTreeMap::new();
    let mut counts: BTreeMap<(RuleId, u32), Tally> = BTreeMap::new();
    let mut after = None;
    loop {
        let mut page = store.decisions(tenant, after, PAGE_MAX).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.attempt);
        // By what they rest on, so that the book is gone through once.
        page.sort_by_key(|row| row.entries);
        let mut at = At { facts: &read.facts, entries: 0, book: None };
        for row in &page {
            report.decisions += 1;
            load(store, tenant, read, row, &mut bundles).await?;
            if let Err(why) = check_one(row, &mut at, read, &bundles, known) {
                report.find(format!("decision {}: {why}", row.attempt));
            }
            check_marks(store, row, known, report).await?;
            count(row, &mut counts);
        }
    }
    for ((opening, version), counted) in counts {
        let whose = (tenant, opening.clone(), version);
        let found = store.tally(&everything(whose)).await?;
        if counted.ended <= u64::from(AT_LEAST_MAX) && found != counted {
            report.find(format!(
                "rules of {tenant}: guard rails count {found:?} for {opening} as it is since version {version}, its decisions are marked {counted:?}"
            ));
        }
    }
    Ok(())
}

/// Reads the bundle that a decision names, once.
async fn load(
    store: &impl Store,
    tenant: TenantId,
    read: &Read,
    row: &StoredDecided,
    bundles: &mut BTreeMap<[u8; 32], Option<Bundle>>,
) -> Result<(), StoreError> {
    let named = &row.decided.chosen.decision.decided_by;
    if bundles.contains_key(&named.digest.0) {
        return Ok(());
    }
    let drafted = read.drafts.iter().rfind(|(bundle, _)| bundle == named);
    let text = match drafted {
        Some((_, position)) => store.rules_after(tenant, position - 1, 1).await?.into_iter().next(),
        None => None,
    };
    let bundle = text.and_then(|row| row.entry.text).and_then(|text| Bundle::read_stored(&text).ok());
    bundles.insert(named.digest.0, bundle);
    Ok(())
}

fn check_one(
    row: &StoredDecided,
    at: &mut At<'_>,
    read: &Read,
    bundles: &BTreeMap<[u8; 32], Option<Bundle>>,
    known: &Known,
) -> Result<(), String> {
    let whose = known.attempts.get(&row.attempt);
    let belongs = known.intents.get(&row.intent) == Some(&row.tenant)
        && whose.is_none_or(|whose| *whose == (row.tenant, row.intent));
    if !belongs {
        return Err("the rules decided about it, and it belongs to nothing".to_owned());
    }
    let named = &row.decided.chosen.decision.decided_by;
    let version = named.version;
    let bundle = bundles.get(&named.digest.0).and_then(Option::as_ref);
    let bundle =
        bundle.ok_or_else(|| format!("version {version} decided, and its book has no such version"))?;
    let accepted = row.decided.chosen.decision.accepted;
    if !accepted {
        return Err(format!("it was taken, and version {version} did not take it"));
    }
    for judged in all(row) {
        if !has_rule(bundle, judged) {
            return Err(format!("a rule is named that version {version} does not have"));
        }
    }
    // What an earlier release kept does not say how much of the book it rests on.
    let Some(entries) = row.entries.filter(|_| read.whole) else { return Ok(()) };
    let book = at.after(entries).ok_or_else(|| format!("it rests on {entries} entries of its book"))?;
    let when = book.last().map_or(row.at, |last| last.max(row.at));
    let deciding = book.deciding(when).ok_or("the rules decided, and no version was in force")?;
    if deciding.bundle != named {
        let right = deciding.bundle.version;
        return Err(format!("version {version} decided, and version {right} was in force"));
    }
    let since = row.decided.unchanged_since;
    if since.is_some() && since != row.decided.unchanged_by(book) {
        let counted = row.decided.counted_as();
        return Err(format!(
            "it counts for its opening as of version {counted}, and the book has another one"
        ));
    }
    for judged in all(row) {
        let (facts, payer) = (&row.decided.facts, row.decided.payer.as_ref());
        let again = decide(bundle, &deciding.rolled_back, &judged.offer, facts, payer);
        if again != judged.decision {
            return Err(format!("deciding again about {} gives another answer", judged.offer.wallet));
        }
    }
    Ok(())
}

impl At<'_> {
    /// The book after so many entries; never fewer than before. `None` where it has not so many.
    fn after(&mut self, entries: u64) -> Option<&Book> {
        let entries = usize::try_from(entries).ok()?;
        for fact in self.facts.get(self.entries..entries)? {
            if let Fact::Drafted { bundle, .. } = fact {
                self.book.get_or_insert_with(|| Book::new(bundle.name.clone()));
            }
            self.book = self.book.take()?.step(fact.clone()).ok();
        }
        self.entries = entries;
        self.book.as_ref()
    }
}

fn all(row: &StoredDecided) -> impl Iterator<Item = &Judged> {
    std::iter::once(&row.decided.chosen).chain(&row.decided.beside)
}

/// Whether the rule that a decision names is one of the bundle's.
fn has_rule(bundle: &Bundle, judged: &Judged) -> bool {
    let Some(rule) = &judged.decision.rule else { return true };
    bundle.openings().iter().any(|opening| opening.id == *rule)
        || bundle.kills().iter().any(|kill| kill.id == *rule)
}

/// What is marked has happened. What an earlier release did is not marked, and that is no finding.
async fn check_marks(
    store: &impl Store,
    row: &StoredDecided,
    known: &Known,
    report: &mut Report,
) -> Result<(), StoreError> {
    let Marks { ended, refunded_at, complained_at } = row.marks;
    let says_paid = matches!(ended, Some((Ending::Paid, _)));
    if !says_paid && refunded_at.is_none() && complained_at.is_none() {
        return Ok(());
    }
    let Some(intent) = store.intent(row.tenant, row.intent).await? else { return Ok(()) };
    let own = |attempt: AttemptId| intent.intent.chosen(attempt) == row.attempt;
    if says_paid && !was_paid(&intent, row.attempt) {
        report.find(format!("decision {}: it counts as paid, and nothing of it was", row.attempt));
    }
    let refunds = known.refunded.get(&row.intent);
    let is_refunded = refunds.is_some_and(|refunds| refunds.iter().any(|attempt| own(*attempt)));
    if refunded_at.is_some() && !is_refunded {
        report.find(format!("decision {}: it counts as refunded, and no refund was asked for", row.attempt));
    }
    if complained_at.is_some() {
        let journal = match store.intent_journal(row.tenant, row.intent).await {
            // Somebody else says so.
            Err(StoreError::Damaged(_)) => return Ok(()),
            journal => journal?,
        };
        if !journal.iter().any(|entry| matches!(entry.fact, IntentFact::Complained { .. })) {
            report.find(format!("decision {}: it counts as complained about, and nobody did", row.attempt));
        }
    }
    Ok(())
}

/// Whether any of what was sent for a choice came to money, also to money that went back.
fn was_paid(row: &IntentRow, chosen: AttemptId) -> bool {
    let mut own = row.intent.attempts.iter().filter(|attempt| row.intent.chosen(attempt.terms.id) == chosen);
    own.any(|attempt| match &attempt.state {
        AttemptState::Paid(_)
        | AttemptState::Held(_)
        | AttemptState::Capturing(_)
        | AttemptState::Releasing(_)
        | AttemptState::Late(_) => true,
        AttemptState::Closed(closed) => closed.released.is_some(),
        AttemptState::Sending(_)
        | AttemptState::AwaitingPayer(_)
        | AttemptState::InDoubt(_)
        | AttemptState::Closing(_)
        | AttemptState::Refused(_) => false,
    })
}

fn count(row: &StoredDecided, counts: &mut BTreeMap<(RuleId, u32), Tally>) {
    let (Some(opening), Some((ending, at)), Some(_)) = (row.decided.opening(), row.marks.ended, row.entries)
    else {
        return;
    };
    let tally = counts.entry((opening.clone(), row.decided.counted_as())).or_default();
    let is_paid = ending == Ending::Paid;
    tally.oldest = Some(tally.oldest.map_or(at, |oldest| oldest.min(at)));
    tally.ended += 1;
    tally.paid += u64::from(is_paid);
    tally.refunded += u64::from(is_paid && row.marks.refunded_at.is_some());
    tally.complained += u64::from(is_paid && row.marks.complained_at.is_some());
}

fn everything((tenant, opening, version): (TenantId, RuleId, u32)) -> Sample {
    let since = Timestamp::UNIX_EPOCH;
    Sample { tenant, opening, version, entries: 0, since, paid_only: false, max: AT_LEAST_MAX }
}

/// Notes of a refund whose payment it is of.
pub(super) fn note(refund: &Refund, refunded: &mut BTreeMap<IntentId, Vec<AttemptId>>) {
    if refund.terms.purpose == Purpose::Requested {
        refunded.entry(refund.terms.intent).or_default().push(refund.terms.attempt);
    }
}
