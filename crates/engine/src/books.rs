//! What a step of an intent means in the books: ledger transfers, and the guarded amounts of the intent.
//!
//! Held money is set aside by a pending transfer from the rail to the storefront, `hold:<attempt>`. A capture voids it in
//! full and posts what was taken, `capture:<attempt>`, in the same commit; a release voids it, `release:<attempt>`. A hold
//! that the intent does not keep is booked alike, but never counts as authorized.
//!
//! What is captured is divided in the same commit, where a division was agreed ([`paifang_store::funds`]).

use jiff::Timestamp;
use paifang_ledger::{Account as LedgerAccount, Kind, PostingKey, Transfer};
use paifang_money::{Money, PositiveMoney};
use paifang_payment::attempt::Attempt;
use paifang_payment::intent::{Intent, Posting};
use paifang_payment::planted::{self, Defect};
use paifang_store::{Amounts, Batch, Guard, Store, funds};

use crate::ports::{Environment, Rails, Transport};
use crate::{Engine, Error};

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Books a posting of the machine, with what has to happen and to be told because of it.
    pub(crate) fn post(
        &self,
        batch: &mut Batch,
        intent: &Intent,
        posting: &Posting,
        amounts: &mut Amounts,
        at: Timestamp,
    ) -> Result<(), Error> {
        let (Posting::Captured(id)
        | Posting::Late(id)
        | Posting::Returned(id)
        | Posting::Held { attempt: id, .. }
        | Posting::Released { attempt: id, .. }) = posting;
        let attempt =
            intent.attempt(*id).ok_or_else(|| Error::Broken(format!("{id} is posted but not there")))?;
        let page = Page { intent, attempt, at };
        match posting {
            Posting::Captured(_) => page.capture(batch, amounts)?,
            Posting::Held { kept, .. } => {
                page.hold(batch, amounts, *kept);
                if !kept {
                    self.event(batch, intent, "payment_intent.late_hold", *amounts);
                }
            }
            Posting::Released { kept, .. } => page.release(batch, amounts, *kept),
            Posting::Returned(_) => {
                batch.transfers.push(page.row("capture", &page.rail(), &page.merchant()));
                if !planted::is(Defect::ReverseOneLeg) {
                    batch.transfers.push(page.row("reverse", &page.merchant(), &page.rail()));
                }
            }
            Posting::Late(_) => {
                let suspense = LedgerAccount::suspense_late(attempt.terms.account.as_str());
                batch.transfers.push(page.row("late", &page.rail(), &suspense));
                self.event(batch, intent, "payment_intent.late_payment", *amounts);
                if !planted::is(Defect::LateKept) {
                    let refund = self.late_refund(intent, attempt, at)?;
                    self.compose_refund(batch, 0, &refund, at);
                }
            }
        }
        Ok(())
    }
}

/// What the rows of one posting have in common.
struct Page<'a> {
    intent: &'a Intent,
    attempt: &'a Attempt,
    at: Timestamp,
}

impl Page<'_> {
    fn rail(&self) -> LedgerAccount {
        LedgerAccount::rail(self.attempt.terms.account.as_str())
    }

    fn merchant(&self) -> LedgerAccount {
        LedgerAccount::merchant(&self.intent.terms.tenant.to_string())
    }

    fn row(&self, verb: &str, debit: &LedgerAccount, credit: &LedgerAccount) -> Transfer {
        Transfer {
            key: self.key(verb),
            debit: debit.clone(),
            credit: credit.clone(),
            amount: self.attempt.terms.amount,
            kind: Kind::Posted,
            subject: self.intent.terms.id.to_string(),
            at: self.at,
        }
    }

    fn key(&self, verb: &str) -> PostingKey {
        PostingKey::of(&[verb, &self.attempt.terms.id.to_string()])
    }

    /// The row that voids what the hold set aside, under this key.
    fn end_of_hold(&self, verb: &str) -> Transfer {
        let pending = self.row("hold", &self.rail(), &self.merchant());
        pending.resolved(Kind::Voids(pending.key.clone()), self.key(verb), self.at)
    }

    fn capture(&self, batch: &mut Batch, amounts: &mut Amounts) -> Result<(), Error> {
        let id = self.intent.terms.id;
        let unpaid = || Error::Broken(format!("{} is captured but not paid", self.attempt.terms.id));
        let taken = self.attempt.collected().ok_or_else(unpaid)?;
        if self.attempt.terms.hold.is_some() {
            batch.transfers.push(self.end_of_hold("hold_taken"));
        } else {
            // Charged at once: agreed to and taken are the same.
            batch.guards.push(Guard::Authorize(id, taken));
            amounts.authorized = taken.money();
        }
        let capture = self.row("capture", &self.rail(), &self.merchant());
        let booked = if planted::is(Defect::AmountOffByOne) { one_less(taken) } else { taken };
        batch.transfers.push(Transfer { amount: booked, ..capture });
        batch.guards.push(Guard::Capture(id, taken));
        let whose = (self.intent.terms.tenant, id);
        let whole = planted::is(Defect::DividedWhole);
        let shared = if whole { self.attempt.terms.amount } else { taken };
        let divided = funds::of_taken(whose, self.attempt, shared, self.at);
        batch.transfers.extend(divided.map_err(|error| Error::Broken(error.to_string()))?);
        amounts.captured = taken.money();
        Ok(())
    }

    fn hold(&self, batch: &mut Batch, amounts: &mut Amounts, kept: bool) {
        let held = self.row("hold", &self.rail(), &self.merchant());
        batch.transfers.push(Transfer { kind: Kind::Pending, ..held });
        if kept {
            batch.guards.push(Guard::Authorize(self.intent.terms.id, self.attempt.terms.amount));
            amounts.authorized = self.attempt.terms.amount.money();
        }
    }

    fn release(&self, batch: &mut Batch, amounts: &mut Amounts, kept: bool) {
        batch.transfers.push(self.end_of_hold("release"));
        if kept {
            let amount = self.attempt.terms.amount;
            batch.guards.push(Guard::Void(self.intent.terms.id, amount));
            amounts.authorized = Money::zero(amount.currency());
        }
    }
}

/// Planted only.
fn one_less(amount: PositiveMoney) -> PositiveMoney {
    PositiveMoney::new(amount.minor_units() - 1, amount.currency()).unwrap_or(amount)
}
