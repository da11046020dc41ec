//! The ledger's transfers behind a division, a bearing, a reversal, and a transfer of funds. Pure: whoever commits and whoever
//! checks the books ask the same functions.
//!
//! What a rail collects stands in `merchant:<tenant>` first. A division moves it on, in the same commit: to the fee, to
//! receivers, and what is the merchant's to `unsettled:<tenant>[/<merchant>]`. A refund goes the other way: receivers and
//! bearers bring it back to `merchant:<tenant>`, from where the rail returns it. What discounts pay in is in `discounts`.

mod discounts;

pub use discounts::{chosen, freed, reserved};

use jiff::Timestamp;
use paifang_ledger::{Account, AccountKind, Kind, PostingKey, Transfer};
use paifang_money::{Money, PositiveMoney};
use paifang_payment::attempt::Attempt;
use paifang_payment::refund::{Entry, Fact, Refund, State};
use paifang_payment::{FundsId, IntentId, TenantId};
use paifang_shares::discounts::Funder;
use paifang_shares::splits::{SplitAmounts, SplitRules};
use paifang_shares::waterfall::{Bearer, Reversal};
use paifang_shares::{DiscountId, Merchant, Misfit, Receiver};

/// Whose funds an account of a storefront's book holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The storefront.
    pub tenant: TenantId,
    /// The merchant, where it is one of several.
    pub merchant: Option<&'a Merchant>,
}

impl Owner<'_> {
    /// The account from which a bearer bears.
    pub fn account(&self, bearer: Bearer) -> Account {
        match bearer {
            Bearer::MerchantBalance => self.merchants(AccountKind::Balance),
            Bearer::UnsettledFunds => self.merchants(AccountKind::Unsettled),
            Bearer::Platform => self.storefronts(AccountKind::Platform),
            Bearer::Insurance => self.storefronts(AccountKind::Insurance),
            Bearer::Rail => self.storefronts(AccountKind::RailFund),
        }
    }

    /// The account of a receiver of splits, of the fee where it is that.
    pub fn receiver(&self, receiver: &Receiver) -> Account {
        if receiver.as_str() == SplitRules::FEE {
            self.fees()
        } else {
            Account::own(AccountKind::Receiver, &self.tenant.to_string(), Some(receiver.as_str()))
        }
    }

    /// What is set aside for a discount.
    pub fn budget(&self, discount: &DiscountId) -> Account {
        Account::own(AccountKind::Budget, &self.tenant.to_string(), Some(discount.as_str()))
    }

    /// What a funder of discounts has paid in, or owes.
    pub fn funder(&self, funder: Funder) -> Account {
        Account::own(AccountKind::Discount, &self.tenant.to_string(), Some(funder.word()))
    }

    /// What fees brought.
    pub fn fees(&self) -> Account {
        self.storefronts(AccountKind::Fee)
    }

    /// Where collected money stands before it is divided, and refunds while they are under way.
    pub fn clearing(&self) -> Account {
        self.storefronts(AccountKind::Merchant)
    }

    /// The storefront's money outside of the book.
    pub fn outside(&self) -> Account {
        self.storefronts(AccountKind::Outside)
    }

    fn storefronts(&self, kind: AccountKind) -> Account {
        Account::own(kind, &self.tenant.to_string(), None)
    }

    fn merchants(&self, kind: AccountKind) -> Account {
        Account::own(kind, &self.tenant.to_string(), self.merchant.map(Merchant::as_str))
    }
}

/// What divides `taken`, once an attempt has collected it, with what its discounts pay in. Nothing where no division was
/// agreed.
///
/// Errors: more was taken than was agreed.
pub fn of_taken(
    (tenant, intent): (TenantId, IntentId),
    attempt: &Attempt,
    taken: PositiveMoney,
    at: Timestamp,
) -> Result<Vec<Transfer>, Misfit> {
    let Some(division) = &attempt.terms.division else { return Ok(Vec::new()) };
    let division = division.of_taken(taken)?;
    let owner = Owner { tenant, merchant: division.merchant.as_ref() };
    let rows = Rows { verb: "share", id: attempt.terms.id.to_string(), subject: intent.to_string(), at };
    let mut all = discounts::paid_in(&owner, &division, &rows);
    let to = parts(&owner, &division.amounts(), AccountKind::Unsettled);
    all.extend(rows.all(to.into_iter().map(|(account, amount)| (owner.clearing(), account, amount))));
    Ok(all)
}

/// What brings a refund's money together, once every fen of it has a bearer.
pub fn of_bearing(refund: &Refund, at: Timestamp) -> Vec<Transfer> {
    let owner = owner(refund);
    let rows = Rows::of(refund, "bear", at);
    rows.all(borne(refund).into_iter().map(|(account, amount)| (account, owner.clearing(), amount)))
}

/// The same back, where the refund failed after all.
pub fn of_return(refund: &Refund, at: Timestamp) -> Vec<Transfer> {
    let owner = owner(refund);
    let rows = Rows::of(refund, "unbear", at);
    rows.all(borne(refund).into_iter().map(|(account, amount)| (owner.clearing(), account, amount)))
}

/// What funders of discounts get back, once the refund has succeeded.
pub fn of_success(refund: &Refund, at: Timestamp) -> Vec<Transfer> {
    let owner = owner(refund);
    let back = refund.bearing().map_or(&[][..], |bearing| &bearing.discounts);
    discounts::back(&owner, back, &Rows::of(refund, "discount_back", at))
}

/// What a reversal gives back to bearers, from `from` or from outside of the book. `version` is the refund's after it: each
/// reversal is booked once.
pub fn of_reversal(
    refund: &Refund,
    version: u64,
    reversal: &Reversal,
    from: Option<Bearer>,
    at: Timestamp,
) -> Vec<Transfer> {
    let owner = owner(refund);
    let from = from.map_or_else(|| owner.outside(), |bearer| owner.account(bearer));
    let verb = format!("reversal:{version}");
    let rows = Rows { verb: &verb, ..Rows::of(refund, "", at) };
    rows.all(
        reversal.back.iter().map(|(bearer, amount)| (from.clone(), owner.account(*bearer), amount.money())),
    )
}

/// Everything that a refund's journal says was booked among its storefront's own funds, in the journal's order. Nothing of a
/// journal that cannot be folded.
pub fn of_journal(entries: &[Entry]) -> Vec<Transfer> {
    let mut booked = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let Ok(refund) = Refund::fold(&entries[..=at]) else { return booked };
        booked.extend(match &entry.fact {
            Fact::Opened { .. } | Fact::Funded { .. } if refund.is_borne() => of_bearing(&refund, entry.at),
            Fact::Moved { to: State::Failed { .. }, .. } if refund.is_borne() => of_return(&refund, entry.at),
            Fact::Moved { to: State::Succeeded { .. }, .. } => of_success(&refund, entry.at),
            Fact::Reversed { reversal, from, .. } => {
                of_reversal(&refund, entry.seq, reversal, *from, entry.at)
            }
            Fact::Opened { .. } | Fact::Funded { .. } | Fact::Moved { .. } | Fact::Redriven { .. } => {
                Vec::new()
            }
        });
    }
    booked
}

/// A transfer among a storefront's own funds.
pub fn of_transfer(
    id: FundsId,
    (from, to): (Account, Account),
    amount: PositiveMoney,
    at: Timestamp,
) -> Transfer {
    Transfer {
        key: PostingKey::of(&["funds", &id.to_string()]),
        debit: from,
        credit: to,
        amount,
        kind: Kind::Posted,
        subject: id.to_string(),
        at,
    }
}

fn owner(refund: &Refund) -> Owner<'_> {
    let merchant = refund.bearing().and_then(|bearing| bearing.merchant.as_ref());
    Owner { tenant: refund.terms.tenant, merchant }
}

/// Each account that brings a part of a refund, with its part.
fn borne(refund: &Refund) -> Vec<(Account, Money)> {
    let owner = owner(refund);
    let given = refund.bearing().and_then(|bearing| bearing.given_back.as_ref());
    let receivers = given.into_iter().flat_map(|amounts| &amounts.receivers);
    let receivers = receivers.map(|(receiver, amount)| (owner.receiver(receiver), *amount));
    let bearers = refund.allocation.iter().flat_map(|allocation| allocation.borne());
    receivers.chain(bearers.map(|one| (owner.account(one.bearer), one.amount))).collect()
}

fn parts(owner: &Owner<'_>, amounts: &SplitAmounts, merchants: AccountKind) -> Vec<(Account, Money)> {
    let receivers = amounts.receivers.iter();
    let receivers = receivers.map(|(receiver, amount)| (owner.receiver(receiver), *amount));
    receivers.chain([(owner.merchants(merchants), amounts.merchant)]).collect()
}

/// What the rows of one step have in common.
struct Rows<'a> {
    verb: &'a str,
    id: String,
    subject: String,
    at: Timestamp,
}

impl<'a> Rows<'a> {
    fn of(refund: &Refund, verb: &'a str, at: Timestamp) -> Self {
        Self { verb, id: refund.terms.id.to_string(), subject: refund.terms.intent.to_string(), at }
    }

    /// One row for each amount above zero; its number is that of its part, so that a key always means the same.
    fn all(&self, moves: impl Iterator<Item = (Account, Account, Money)>) -> Vec<Transfer> {
        let numbered = moves.enumerate();
        numbered
            .filter_map(|(number, (debit, credit, amount))| {
                let amount = PositiveMoney::try_from(amount).ok()?;
                let key = PostingKey::of(&[self.verb, &self.id, &number.to_string()]);
                let (kind, subject, at) = (Kind::Posted, self.subject.clone(), self.at);
                Some(Transfer { key, debit, credit, amount, kind, subject, at })
            })
            .collect()
    }
}
