//! Refunds: asked for, or of money that came too late.

use jiff::SignedDuration;
use paifang_ledger::{Account, Kind, PostingKey, Transfer};
use paifang_money::PositiveMoney;
use paifang_payment::attempt::Attempt;
use paifang_payment::intent::Intent;
use paifang_payment::refund::{Posting, Purpose, Refund, State, Step, Terms};
use paifang_payment::{Evidence, RefundId, Source};
use paifang_store::{Batch, Guard, Operation, RefundWrite, Resource, Snapshot, WorkChange, WorkKey};

use super::{Hand, after};

/// The time between two refunds of an intent that take turns, in seconds.
pub const PACE_S: u32 = 60;

impl Hand {
    /// Terms of a refund of what this attempt collected.
    pub fn refund_terms(
        &self,
        intent: &Intent,
        attempt: &Attempt,
        amount: PositiveMoney,
        purpose: Purpose,
    ) -> Terms {
        let now = self.now();
        Terms {
            id: RefundId::from_parts(now, self.entropy()),
            tenant: self.tenant(),
            intent: intent.terms.id,
            attempt: attempt.terms.id,
            request_id: self.request_id(),
            purpose,
            rail: attempt.terms.rail.clone(),
            account: attempt.terms.account.clone(),
            refund_no: self.order_no(),
            amount,
            reason: Some("broken on arrival".to_owned()),
            opened_at: now,
            resend_until: after(now, SignedDuration::from_hours(24)),
            nonce: format!("{:032x}", self.next()),
            paced: false,
            bearing: None,
            granted_by: None,
            case: None,
        }
    }

    /// A refund that the storefront asks for, with its request.
    pub fn open_refund(&self, intent: &Intent, attempt: &Attempt, amount: PositiveMoney) -> Batch {
        self.open(self.refund_terms(intent, attempt, amount, Purpose::Requested))
    }

    /// The same on a rail that wants a minute between two refunds.
    pub fn open_paced_refund(&self, intent: &Intent, attempt: &Attempt, amount: PositiveMoney) -> Batch {
        let terms = self.refund_terms(intent, attempt, amount, Purpose::Requested);
        self.open(Terms { paced: true, ..terms })
    }

    fn open(&self, terms: Terms) -> Batch {
        let resource = Resource::Refund(terms.id);
        let step = Refund::open(terms, Evidence::plain(Source::Storefront, "refund.create"));
        let mut batch = self.refund_step(0, step);
        batch.request = Some(self.request(Operation::CreateRefund, resource));
        batch
    }

    /// A refund's step as a batch.
    pub fn refund_step(&self, expected: u64, step: Step) -> Batch {
        let mut batch = Batch::new(self.tenant(), self.now());
        self.add_refund_step(expected, step, &mut batch);
        batch.seal().expect("what the hand makes can be written down");
        batch
    }

    /// Late money goes back by itself.
    pub(super) fn return_late(&self, intent: &Intent, attempt: &Attempt, batch: &mut Batch) {
        let terms = self.refund_terms(intent, attempt, attempt.terms.amount, Purpose::LateMoney);
        let step = Refund::open(terms, Evidence::plain(Source::Rule, "refund.late_money"));
        self.add_refund_step(0, step, batch);
    }

    fn add_refund_step(&self, expected: u64, step: Step, batch: &mut Batch) {
        let Step { refund, entries, posting } = step;
        if let Some(posting) = posting {
            self.book_refund(&refund, posting, batch);
        }
        let key = WorkKey::Refund { tenant: self.tenant(), refund: refund.terms.id };
        let sending = matches!(&refund.state, State::Sending(sending) if !sending.unsent);
        let (intent, at) = (refund.terms.intent, self.now());
        if refund.terms.paced && sending {
            batch.guards.push(Guard::Pace { intent, at, interval_s: PACE_S });
        }
        batch.work.push(if refund.is_final() {
            WorkChange::Remove { key }
        } else if refund.terms.paced && expected == 0 {
            let lane = refund.terms.account.clone();
            WorkChange::Turn { key, lane, intent, not_before: at, interval_s: PACE_S }
        } else {
            let due_at = after(self.now(), SignedDuration::from_mins(1));
            WorkChange::Put { key, lane: Some(refund.terms.account.clone()), due_at, lease: None }
        });
        let kind = format!("refund.{}", refund.state.name());
        let snapshot = Snapshot::of_refund(&refund);
        batch.events.push(self.event(refund.terms.intent, kind, snapshot));
        batch.refunds.push(RefundWrite { expected, row: refund, entries });
    }

    fn book_refund(&self, refund: &Refund, posting: Posting, batch: &mut Batch) {
        let held = self.hold(refund);
        let (intent, amount) = (refund.terms.intent, refund.terms.amount);
        let resolved = |word: &str, kind: Kind| {
            let key = PostingKey::of(&["refund", &refund.terms.id.to_string(), word]);
            held.resolved(kind, key, self.now())
        };
        let (guard, transfer) = match posting {
            Posting::Reserved => (Guard::Reserve(intent, amount), held.clone()),
            Posting::Returned => {
                (Guard::Settle(intent, amount), resolved("post", Kind::Posts(held.key.clone())))
            }
            Posting::Funded | Posting::Reversed => return,
            Posting::Released => {
                (Guard::Release(intent, amount), resolved("void", Kind::Voids(held.key.clone())))
            }
        };
        if refund.terms.purpose == Purpose::Requested {
            batch.guards.push(guard);
        }
        batch.transfers.push(transfer);
    }

    /// The pending transfer of a refund: what it sets aside when it is opened.
    fn hold(&self, refund: &Refund) -> Transfer {
        let terms = &refund.terms;
        let debit = match terms.purpose {
            Purpose::Requested => Account::merchant(&self.tenant().to_string()),
            Purpose::LateMoney => Account::suspense_late(terms.account.as_str()),
        };
        Transfer {
            key: PostingKey::of(&["refund", &terms.id.to_string()]),
            debit,
            credit: Account::rail(terms.account.as_str()),
            amount: terms.amount,
            kind: Kind::Pending,
            subject: terms.id.to_string(),
            at: terms.opened_at,
        }
    }
}
