//! The ledger's transfers behind discounts.
//!
//! What a discount gives is paid into `merchant:<tenant>` with the capture, so that the price is divided: by the discount's
//! budget where it has one, else by its funder, whose account then says what it owes. What a merchant gives of its own is
//! paid in by nobody.
//!
//! A budget's part is set aside in the commit that chooses the way to pay, by a pending transfer, once for the choice and
//! whatever repeats it by itself. It is voided in the commit in which nothing of the choice can be paid with its discounts any
//! more, or the intent ends; what was used is posted there where one of them was captured. A funder gets back its part of a refund in
//! the commit in which the refund succeeds; until then it stands in `merchant:<tenant>`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paifang_ledger::{Account, Kind, PostingKey, Transfer};
use paifang_money::Money;
use paifang_payment::attempt::{Attempt, State, Terms};
use paifang_payment::intent::{Entry, Fact, Intent, Wish};
use paifang_payment::planted::{self, Defect};
use paifang_payment::{AttemptId, TenantId};
use paifang_shares::DiscountId;
use paifang_shares::discounts::{Discounted, Funder, Given, GivenBack};
use paifang_shares::division::Division;

use super::{Owner, Rows};

/// What a step sets aside of budgets: for what it chooses, or opens as a repeat.
pub fn reserved(before: Option<&Intent>, after: &Intent, at: Timestamp) -> Vec<Transfer> {
    let held = before.map(holders).unwrap_or_default();
    let new = holders(after).into_iter().filter(|(choice, _)| !held.contains_key(choice));
    new.flat_map(|(choice, terms)| set_aside(after, choice, terms, at)).collect()
}

/// What a step no longer needs to be set aside: of what ended, whether it was paid or not, and of a choice that was dropped.
pub fn freed(before: Option<&Intent>, after: &Intent, at: Timestamp) -> Vec<Transfer> {
    let Some(before) = before else { return Vec::new() };
    let holds = holders(after);
    let gone = holders(before).into_iter().filter(|(choice, _)| !holds.contains_key(choice));
    gone.flat_map(|(choice, terms)| given_up(after, choice, terms, at)).collect()
}

/// Everything that an intent's journal says was set aside of budgets, and what of it was given up.
pub fn chosen(intent: &Intent, journal: &[Entry]) -> Vec<Transfer> {
    let holds = holders(intent);
    let mut seen: BTreeSet<AttemptId> = BTreeSet::new();
    let mut all = Vec::new();
    for entry in journal {
        let terms = match &entry.fact {
            Fact::AttemptOpened { terms } => terms,
            Fact::Wished { wish: Wish::Switch { next } } => next,
            Fact::Created { .. }
            | Fact::Wished { .. }
            | Fact::AttemptMoved { .. }
            | Fact::AttemptLeft { .. }
            | Fact::Moved { .. }
            | Fact::Strayed { .. }
            | Fact::Complained { .. }
            | Fact::Redriven { .. } => continue,
        };
        let choice = intent.chosen(terms.id);
        if !seen.insert(choice) {
            continue;
        }
        all.extend(set_aside(intent, choice, terms, entry.at));
        if !holds.contains_key(&choice) {
            all.extend(given_up(intent, choice, terms, entry.at));
        }
    }
    all
}

/// What pays in the payment's discounts.
pub(super) fn paid_in(owner: &Owner<'_>, division: &Division, rows: &Rows<'_>) -> Vec<Transfer> {
    let given = division.discounts.iter().flat_map(Discounted::given);
    let moves = given.map(|one| (source(owner, one), owner.clearing(), amount(one)));
    Rows { verb: "discount", id: rows.id.clone(), subject: rows.subject.clone(), at: rows.at }.all(moves)
}

/// What goes back to funders.
pub(super) fn back(owner: &Owner<'_>, back: &[GivenBack], rows: &Rows<'_>) -> Vec<Transfer> {
    let moves = back.iter().map(|one| {
        let amount = if one.is_own() { Money::zero(one.amount.currency()) } else { one.amount };
        (owner.clearing(), of(owner, &one.id, one.funder, one.budgeted), amount)
    });
    rows.all(moves)
}

/// The choices of which something may still be paid with their discounts: an attempt that is live, also one that repeats
/// another by itself, or one that waits. What is held and goes back is never captured, and what a final intent gets is late.
fn holders(intent: &Intent) -> BTreeMap<AttemptId, &Terms> {
    if intent.is_final() && !planted::is(Defect::BudgetKept) {
        return BTreeMap::new();
    }
    let waits = match &intent.wish {
        Wish::Switch { next } => Some(&**next),
        Wish::None | Wish::Cancel | Wish::Expire => None,
    };
    let kept = |state: &State| {
        planted::is(Defect::BudgetKept) && matches!(state, State::Closed(_) | State::Refused(_))
    };
    let can_be_paid = |attempt: &&Attempt| {
        kept(&attempt.state) || attempt.is_live() && !matches!(attempt.state, State::Releasing(_))
    };
    let live = intent.attempts.iter().filter(can_be_paid).map(|attempt| &attempt.terms);
    // What repeats a choice has its division.
    live.chain(waits).map(|terms| (intent.chosen(terms.id), terms)).collect()
}

fn set_aside(intent: &Intent, choice: AttemptId, terms: &Terms, at: Timestamp) -> Vec<Transfer> {
    let owner = owner(intent.terms.tenant);
    let given = terms.division.iter().flat_map(|division| &division.discounts).flat_map(Discounted::given);
    let moves = given.map(|one| {
        let amount = if one.is_budgeted() { one.amount } else { Money::zero(one.amount.currency()) };
        (source(&owner, one), owner.clearing(), amount)
    });
    let rows = Rows { verb: "budget", id: choice.to_string(), subject: intent.terms.id.to_string(), at };
    let rows = rows.all(moves).into_iter();
    rows.map(|row| Transfer { kind: Kind::Pending, ..row }).collect()
}

fn given_up(intent: &Intent, choice: AttemptId, terms: &Terms, at: Timestamp) -> Vec<Transfer> {
    let pending = set_aside(intent, choice, terms, at).into_iter();
    let void = |row: Transfer| {
        let key = PostingKey::of(&[row.key.as_str(), "ended"]);
        row.resolved(Kind::Voids(row.key.clone()), key, at)
    };
    pending.map(void).collect()
}

/// What somebody else than the merchant pays in.
fn amount(given: &Given) -> Money {
    if given.is_own() { Money::zero(given.amount.currency()) } else { given.amount }
}

fn source(owner: &Owner<'_>, given: &Given) -> Account {
    of(owner, &given.id, given.funder, given.is_budgeted())
}

fn of(owner: &Owner<'_>, id: &DiscountId, funder: Funder, budgeted: bool) -> Account {
    if budgeted { owner.budget(id) } else { owner.funder(funder) }
}

fn owner(tenant: TenantId) -> Owner<'static> {
    Owner { tenant, merchant: None }
}
