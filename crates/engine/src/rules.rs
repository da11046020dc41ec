//! A tenant's rules as this replica has read them, and what they say about the ways to pay.
//!
//! What decides is read once and kept; a commit that rests on it says how much of the book it has seen, and is a conflict when
//! the book has moved on before it: an old copy lets nothing in. Who only asks, or would be refused, has the book read on first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use paifang_money::{Money, PositiveMoney};
use paifang_payment::planted::{self, Defect};
use paifang_payment::{Credit, TenantId};
use paifang_policy::RuleId;
use paifang_policy::bundle::{Bundle, BundleRef};
use paifang_policy::cohort::Pseudonym;
use paifang_policy::facts::{Facts, Input};
use paifang_policy::lifecycle::{Book, Fact, Overlay, State};
use paifang_policy::money::DivideError;
use paifang_policy::opening::{Offer, decide};
use paifang_policy::rank::{Entry, Ranked, rank};
use paifang_rail::{ClientKind, CreditUse};
use paifang_shares::DiscountId;
use paifang_shares::division::Division;
use paifang_store::{Judged, PAGE_MAX, Store, StoredRules};

use crate::command::{Client, Declared};
use crate::divide::divide;
use crate::ports::{Environment, Rails, Transport};
use crate::{Engine, Error, WalletOption};

/// A tenant's book of rules, as far as it was read.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    entries: u64,
    book: Option<Book>,
    /// Where in the store each version was written last.
    drafts: BTreeMap<u32, u64>,
    /// Where each opening was opened again last.
    reopened: BTreeMap<RuleId, u64>,
    /// The versions that a roll-back or an announced kill switch made drafts again, by its place in the store.
    recalled: BTreeMap<u64, Vec<u32>>,
}

/// What every tenant's rules were when they were read last, and the bundle that decided last.
#[derive(Default)]
pub(crate) struct Rulebooks(Mutex<BTreeMap<TenantId, Known>>);

#[derive(Clone, Default)]
struct Known {
    rules: Arc<Rules>,
    bundle: Option<Arc<Bundle>>,
}

/// What holds for a tenant's new payments at some time.
#[derive(Debug, Clone)]
pub(crate) struct Ruling {
    rules: Arc<Rules>,
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    /// No version has ever decided: everything that works is open.
    Unruled,
    /// A version has decided, and none does now: everything is closed.
    Nothing,
    /// These decide.
    By(Arc<Bundle>, Overlay),
}

/// What is known of an order and its payer.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// What is to be paid, where it is known.
    pub amount: Option<PositiveMoney>,
    /// When.
    pub at: Timestamp,
    /// What the rules may look at.
    pub facts: Facts,
    /// The payer's pseudonym, where the storefront names the payer.
    pub payer: Option<Pseudonym>,
    /// What is left of each budget of the discounts that decide.
    pub budgets: BTreeMap<DiscountId, Money>,
}

/// A way to pay, and what the tenant's rules say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed {
    /// The way to pay.
    pub option: WalletOption,
    /// What was decided about it; absent where the tenant has no rules.
    pub judged: Option<Judged>,
    /// Where it stands among what is shown, and why; absent of what is not shown.
    pub ranked: Option<Ranked>,
    /// How its money would be divided, or why it cannot be; absent where the rules say nothing about money.
    pub division: Option<Result<Box<Division>, DivideError>>,
    /// The tenant's rules decide nothing now, although they did before: everything is closed.
    pub closed: bool,
}

/// Credit cannot be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CreditStays;

impl Rules {
    /// The book; absent where the tenant never wrote any rules.
    pub fn book(&self) -> Option<&Book> {
        self.book.as_ref()
    }

    /// How many entries were read.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The versions that were written, the oldest first.
    pub fn versions(&self) -> impl DoubleEndedIterator<Item = u32> {
        self.drafts.keys().copied()
    }

    /// The entry that opened this opening again last; 0 where none did.
    pub(crate) fn reopened(&self, opening: &RuleId) -> u64 {
        self.reopened.get(opening).copied().unwrap_or(0)
    }

    /// The announced versions that the roll-back or the announcement at this position made drafts again.
    pub fn recalled(&self, position: u64) -> &[u32] {
        self.recalled.get(&position).map_or(&[], Vec::as_slice)
    }

    fn with(mut self, row: StoredRules) -> Result<Self, Error> {
        let broken = |what: &dyn std::fmt::Display| Error::Broken(format!("a book of rules: {what}"));
        let StoredRules { position, entry } = row;
        if position != self.entries + 1 {
            return Err(broken(&format_args!("entry {} is missing", self.entries + 1)));
        }
        if let Fact::Drafted { bundle, .. } = &entry.fact {
            self.drafts.insert(bundle.version, position);
            self.book.get_or_insert_with(|| Book::new(bundle.name.clone()));
        }
        if let Fact::Reopened { opening, .. } = &entry.fact {
            self.reopened.insert(opening.clone(), position);
        }
        let is_roll_back = matches!(entry.fact, Fact::RolledBack { .. });
        let book = self.book.take().ok_or_else(|| broken(&"it does not begin with a draft"))?;
        let for_kills = book.kill_recalls().len();
        let book = book.step(entry.fact).map_err(|error| broken(&error))?;
        let last = book.roll_backs().last().filter(|_| is_roll_back);
        let mut recalled = last.map(|last| last.recalled.clone()).unwrap_or_default();
        recalled.extend(book.kill_recalls().iter().skip(for_kills).map(|recall| recall.version));
        if !recalled.is_empty() {
            self.recalled.insert(position, recalled);
        }
        self.book = Some(book);
        self.entries = position;
        Ok(self)
    }

    /// Whether any version decides at that time or did before.
    fn has_decided(&self, at: Timestamp) -> bool {
        let state = |version| self.book.as_ref().and_then(|book| book.state(version, at));
        self.versions().any(|version| matches!(state(version), Some(State::Active | State::Retired)))
    }
}

impl Rulebooks {
    /// How many entries of a tenant's book were read.
    pub fn entries(&self, tenant: TenantId) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&tenant).map_or(0, |known| known.rules.entries)
    }

    fn get(&self, tenant: TenantId) -> Known {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&tenant).cloned().unwrap_or_default()
    }

    /// Keeps what was read, unless more was read meanwhile.
    fn keep(&self, tenant: TenantId, known: Known) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.entry(tenant).or_default();
        if known.rules.entries >= before.rules.entries {
            *before = known;
        }
    }
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// A tenant's rules as they are now.
    pub async fn rules(&self, tenant: TenantId) -> Result<Arc<Rules>, Error> {
        let Known { mut rules, bundle } = self.inner.rulebooks.get(tenant);
        loop {
            let page = self.inner.store.rules_after(tenant, rules.entries, PAGE_MAX).await?;
            let is_last = page.len() < PAGE_MAX;
            if !page.is_empty() {
                let read = page.into_iter().try_fold(Rules::clone(&rules), Rules::with)?;
                rules = Arc::new(read);
                let known = Known { rules: Arc::clone(&rules), bundle: bundle.clone() };
                self.inner.rulebooks.keep(tenant, known);
            }
            if is_last {
                return Ok(rules);
            }
        }
    }

    /// The text of a version as it was written last; `None` for one that was never written.
    pub async fn rules_text(&self, tenant: TenantId, version: u32) -> Result<Option<String>, Error> {
        let rules = self.rules(tenant).await?;
        let Some(position) = rules.drafts.get(&version) else { return Ok(None) };
        let page = self.inner.store.rules_after(tenant, position - 1, 1).await?;
        Ok(page.into_iter().next().and_then(|row| row.entry.text))
    }

    /// What holds at that time, of what this replica has read. `fresh`: what was added meanwhile is read first.
    pub(crate) async fn ruling(&self, tenant: TenantId, at: Timestamp, fresh: bool) -> Result<Ruling, Error> {
        let known = self.inner.rulebooks.get(tenant);
        let rules = if fresh { self.rules(tenant).await? } else { known.rules };
        // What is in the book has happened, also by a clock that is ahead of ours.
        let last = rules.book.as_ref().and_then(Book::last);
        let at = last.map_or(at, |last| last.max(at));
        let Some(deciding) = rules.book.as_ref().and_then(|book| book.deciding(at)) else {
            let rule = if rules.has_decided(at) { Rule::Nothing } else { Rule::Unruled };
            return Ok(Ruling { rules, rule });
        };
        let rolled_back = deciding.rolled_back;
        let is_it = |bundle: &Arc<Bundle>| bundle.reference() == *deciding.bundle;
        let bundle = match known.bundle.filter(is_it) {
            Some(bundle) => bundle,
            None => {
                let bundle = self.bundle(tenant, deciding.bundle).await?;
                let known = Known { rules: Arc::clone(&rules), bundle: Some(Arc::clone(&bundle)) };
                self.inner.rulebooks.keep(tenant, known);
                bundle
            }
        };
        Ok(Ruling { rules, rule: Rule::By(bundle, rolled_back) })
    }

    pub(crate) async fn bundle(&self, tenant: TenantId, wanted: &BundleRef) -> Result<Arc<Bundle>, Error> {
        let version = wanted.version;
        let broken = |what: &str| Error::Broken(format!("version {version} of the rules {what}"));
        let text = self.rules_text(tenant, version).await?.ok_or_else(|| broken("has no text"))?;
        let bundle = Bundle::read_stored(&text).map_err(|_| broken("cannot be read any more"))?;
        if bundle.reference() != *wanted {
            return Err(broken("is not the one that was announced"));
        }
        Ok(Arc::new(bundle))
    }

    /// What the rules may know of an order and its payer.
    pub(crate) fn case(
        &self,
        tenant: TenantId,
        declared: &Declared,
        (amount, placed_at): (Option<PositiveMoney>, Timestamp),
        client: &Client,
    ) -> Result<Case, Error> {
        let facts = declared.facts.clone();
        let facts = match amount {
            Some(amount) => facts
                .with(Input::OrderAmount, amount.minor_units())
                .and_then(|facts| facts.with(Input::OrderCurrency, amount.currency().code())),
            None => Ok(facts),
        };
        let facts = facts
            .and_then(|facts| facts.with(Input::OrderAt, placed_at))
            .and_then(|facts| facts.with(Input::ClientKind, kind(client.kind)))
            .and_then(|facts| facts.with(Input::ClientInsideWallet, client.wallet.is_some()))
            .map_err(|error| Error::Broken(error.to_string()))?;
        let payer = declared.payer.as_ref().map(|payer| self.inner.names.pseudonym(tenant, payer));
        Ok(Case { amount, at: placed_at, facts, payer, budgets: BTreeMap::new() })
    }
}

impl Ruling {
    /// How many entries of the book it rests on.
    pub fn entries(&self) -> u64 {
        self.rules.entries
    }

    /// The book that it rests on.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The bundle that decides, and what is rolled back.
    pub fn bundle(&self) -> Option<(&Bundle, &Overlay)> {
        match &self.rule {
            Rule::By(bundle, overlay) => Some((bundle, overlay)),
            Rule::Unruled | Rule::Nothing => None,
        }
    }

    /// The version that decides.
    pub fn decided_by(&self) -> Option<BundleRef> {
        match &self.rule {
            Rule::By(bundle, _) => Some(bundle.reference()),
            Rule::Unruled | Rule::Nothing => None,
        }
    }

    /// Judges every way to pay, and puts them in order: first what would be sent, by the weight that the rules give it, then
    /// what lacks an input, then the rest. What weighs the same stays as it was.
    pub fn weigh(&self, options: Vec<WalletOption>, case: &Case) -> Vec<Weighed> {
        let Rule::By(bundle, overlay) = &self.rule else {
            let closed = matches!(self.rule, Rule::Nothing);
            let plain = |option| Weighed { option, judged: None, ranked: None, division: None, closed };
            return options.into_iter().map(plain).collect();
        };
        let none = Overlay::none();
        let overlay = if planted::is(Defect::RollBackIgnored) { &none } else { overlay };
        let mut weighed: Vec<Weighed> = options
            .into_iter()
            .map(|mut option| {
                let offer = option.offer();
                let decision = decide(bundle, overlay, &offer, &case.facts, case.payer.as_ref());
                let can_exclude_credit = Some(option.credit.can_exclude());
                let division = divide(bundle, &option.wallet, case);
                let payable = division.iter().flatten().find_map(|division| division.payable());
                if let Some(payable) = payable {
                    option.bound_by(payable);
                }
                let judged = Some(Judged { offer, decision, can_exclude_credit });
                Weighed { option, judged, ranked: None, division, closed: false }
            })
            .collect();
        let ranks = rank(bundle, &case.facts, weighed.iter().filter_map(Weighed::entry));
        for one in &mut weighed {
            let offer = one.judged.as_ref().map(|judged| &judged.offer);
            one.ranked = ranks.iter().find(|ranked| Some(&ranked.offer) == offer).cloned();
        }
        weighed.sort_by_key(|one| {
            let weight = one.ranked.as_ref().map_or(i64::MIN, |ranked| ranked.weight);
            (one.rank(), std::cmp::Reverse(weight))
        });
        weighed
    }
}

impl Weighed {
    /// What its rank goes by; absent where the tenant has no rules.
    fn entry(&self) -> Option<Entry<'_>> {
        let Judged { offer, decision, .. } = self.judged.as_ref()?;
        let terms = self.division.as_ref().map(|division| division.as_deref());
        Some(Entry { offer, decision, terms })
    }

    /// Whether the tenant's rules take a payment with it.
    pub fn is_accepted(&self) -> bool {
        let divides = self.division.as_ref().is_none_or(Result::is_ok);
        !self.closed
            && divides
            && !self.keeps_credit()
            && self.judged.as_ref().is_none_or(|judged| judged.decision.accepted)
    }

    /// Whether an order with it may be paid on credit.
    ///
    /// Errors: the tenant's rules leave credit out, and no order of this rail can.
    pub(crate) fn credit(&self) -> Result<Credit, CreditStays> {
        let asked = self.judged.as_ref().map_or(Credit::Allowed, |judged| judged.decision.credit);
        match (asked, self.option.credit) {
            (Credit::Allowed, _) | (Credit::Excluded, CreditUse::Never) => Ok(Credit::Allowed),
            (Credit::Excluded, CreditUse::Excludable) => Ok(Credit::Excluded),
            (Credit::Excluded, CreditUse::Payers | CreditUse::Always) => Err(CreditStays),
        }
    }

    /// Whether an order with it would leave credit out.
    pub fn excludes_credit(&self) -> bool {
        self.credit() == Ok(Credit::Excluded)
    }

    /// Whether the tenant's rules leave credit out, and no order of this rail can.
    pub fn keeps_credit(&self) -> bool {
        self.credit().is_err()
    }

    /// Whether the payer should see it: it works here, an input of the payer aside, and the tenant's rules show it.
    pub fn is_shown(&self) -> bool {
        let shows = self.judged.as_ref().is_none_or(|judged| judged.decision.shown);
        self.option.rank() < 2 && !self.closed && !self.keeps_credit() && shows
    }

    /// 0: it would be sent; 1: an input is missing; 2: it cannot be chosen.
    pub(crate) fn rank(&self) -> u8 {
        let lacks = self.judged.as_ref().is_some_and(|judged| !judged.decision.missing.is_empty());
        match (self.is_accepted(), lacks) {
            (true, _) => self.option.rank(),
            (false, true) => self.option.rank().max(1),
            (false, false) => 2,
        }
    }
}

impl WalletOption {
    /// The same, as rules know it.
    pub(crate) fn offer(&self) -> Offer {
        let (rail, wallet) = (self.rail.clone(), self.wallet.clone());
        Offer { rail, wallet, presentation: self.presentation }
    }
}

/// The word of the input `client.kind`.
fn kind(kind: ClientKind) -> &'static str {
    match kind {
        ClientKind::DesktopBrowser => "desktop_web",
        ClientKind::MobileBrowser => "mobile_web",
        ClientKind::InWallet => "in_wallet",
        ClientKind::MiniProgram => "mini_program",
        ClientKind::NativeApp => "app",
        ClientKind::PointOfSale => "pos",
    }
}
