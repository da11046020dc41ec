//! Money that is held: set aside in the books, and void again when it is taken or given back.

use paifang_ledger::{Account, Kind, PostingKey, Transfer};
use paifang_money::{Money, PositiveMoney};
use paifang_payment::Presentation;
use paifang_payment::attempt::{self, Attempt, HoldTerms, Rules};
use paifang_payment::intent::Intent;
use paifang_store::{Amounts, Batch, Guard};

use super::Hand;

impl Hand {
    /// An attempt by a shown QR code that holds the money for seven days.
    pub fn hold_terms(&self, account_name: &str, amount: PositiveMoney, rules: Rules) -> attempt::Terms {
        let (capture_no, release_no) = (self.order_no(), self.order_no());
        let hold = HoldTerms { capture_no, release_no, days: 7, partial: true, resend_s: 3600 };
        let terms = self.attempt_terms(account_name, Presentation::QrShown, amount, rules);
        attempt::Terms { hold: Some(hold), ..terms }
    }

    /// The same agreement under numbers that nobody else has.
    pub(super) fn renumbered(&self, hold: HoldTerms) -> HoldTerms {
        HoldTerms { capture_no: self.order_no(), release_no: self.order_no(), ..hold }
    }

    pub(super) fn book_hold(
        &self,
        intent: &Intent,
        attempt: &Attempt,
        kept: bool,
        amounts: &mut Amounts,
        batch: &mut Batch,
    ) {
        let amount = attempt.terms.amount;
        if kept {
            batch.guards.push(Guard::Authorize(intent.terms.id, amount));
            amounts.authorized = amount.money();
        }
        batch.transfers.push(self.hold_of(intent, attempt));
    }

    pub(super) fn book_release(
        &self,
        intent: &Intent,
        attempt: &Attempt,
        kept: bool,
        amounts: &mut Amounts,
        batch: &mut Batch,
    ) {
        let amount = attempt.terms.amount;
        if kept {
            batch.guards.push(Guard::Void(intent.terms.id, amount));
            amounts.authorized = Money::zero(amount.currency());
        }
        batch.transfers.push(self.end_of_hold("released", intent, attempt));
    }

    /// The transfer that voids what the hold set aside.
    pub(super) fn end_of_hold(&self, word: &str, intent: &Intent, attempt: &Attempt) -> Transfer {
        let hold = self.hold_of(intent, attempt);
        let id = attempt.terms.id.to_string();
        let key = PostingKey::of(&["hold", &id, word]);
        hold.resolved(Kind::Voids(hold.key.clone()), key, self.now())
    }

    fn hold_of(&self, intent: &Intent, attempt: &Attempt) -> Transfer {
        Transfer {
            key: PostingKey::of(&["hold", &attempt.terms.id.to_string()]),
            debit: Account::rail(attempt.terms.account.as_str()),
            credit: Account::merchant(&self.tenant().to_string()),
            amount: attempt.terms.amount,
            kind: Kind::Pending,
            subject: intent.terms.id.to_string(),
            at: self.now(),
        }
    }
}
