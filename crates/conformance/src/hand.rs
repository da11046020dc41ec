//! A hand that writes batches the way the engine does: it runs the real machines and turns each step into one batch with
//! its guards, transfers, work, payer data and events. What it writes is always legal, and `fsck` finds nothing in it.

mod holds;
mod refunds;

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use paifang_ledger::{Account, Kind, PostingKey, Transfer};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::attempt::{self, Attempt, Rules};
use paifang_payment::intent::{self, CaptureMode, Fact, Intent, Namer, Posting, Step};
use paifang_payment::{
    AccountId, AttemptId, Credit, Digest, EventId, Evidence, IntentId, News, Observation, OrderNo, PayerId,
    Presentation, RailName, RequestId, Source, TenantId, Verb, WalletName,
};
use paifang_store::{
    Amounts, Batch, Guard, IntentRow, IntentWrite, Lease, NewEvent, Operation, RequestKey, Resource,
    Snapshot, Submission, SubmissionChange, WorkChange, WorkKey,
};

use crate::clock::HandClock;

/// How long the hand's own claims last.
pub const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// Writes for one tenant. Ids grow with each use and never meet those of a hand with another number.
#[derive(Debug)]
pub struct Hand {
    number: u8,
    serial: AtomicU64,
    clock: HandClock,
}

/// This many fen.
pub fn fen(minor: i64) -> PositiveMoney {
    PositiveMoney::new(minor, Currency::CNY).expect("tests use amounts from 1 fen to ten trillion yuan")
}

/// The rail account of this name.
pub fn account(name: &str) -> AccountId {
    AccountId::parse(name).expect("a literal of the test in the alphabet of rail accounts")
}

/// A piece of news with evidence.
pub fn seen(verb: Verb, news: News) -> Observation {
    let source = if verb == Verb::Charge { Source::Reply } else { Source::Query };
    let rule = format!("test.{}.{}", verb.as_str(), news.word());
    let (digest, key_serial) = (Some(Digest([7; 32])), Some("serial-1".to_owned()));
    Observation { verb, news, attention: None, evidence: Evidence { source, digest, key_serial, rule } }
}

impl Hand {
    /// The hand of this tenant number.
    pub fn new(number: u8, clock: &HandClock) -> Self {
        Self { number, serial: AtomicU64::new(0), clock: clock.clone() }
    }

    /// The tenant it writes for.
    pub fn tenant(&self) -> TenantId {
        let mut entropy = [0; 10];
        entropy[9] = self.number;
        TenantId::from_parts(Timestamp::UNIX_EPOCH, entropy)
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A number that this hand has not used.
    pub(crate) fn next(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    /// Ten bytes for an id that nobody else has; later ones sort later.
    pub(crate) fn entropy(&self) -> [u8; 10] {
        let mut entropy = [0; 10];
        entropy[1..9].copy_from_slice(&self.next().to_be_bytes());
        entropy[9] = self.number;
        entropy
    }

    /// An order or refund number that nobody else has.
    pub fn order_no(&self) -> OrderNo {
        let text = format!("T{:03}N{:012}", self.number, self.next());
        OrderNo::parse(&text).expect("sixteen and more letters and digits")
    }

    /// A request id that was not used before.
    pub fn request_id(&self) -> RequestId {
        RequestId::parse(&format!("request-{}", self.next())).expect("letters and digits")
    }

    /// A request key that was not used before.
    pub fn request(&self, operation: Operation, resource: Resource) -> RequestKey {
        RequestKey { operation, request_id: self.request_id(), fingerprint: Digest([1; 32]), resource }
    }

    /// Terms of an intent that ends in an hour.
    pub fn intent_terms(&self, amount: PositiveMoney) -> intent::Terms {
        let now = self.now();
        intent::Terms {
            id: IntentId::from_parts(now, self.entropy()),
            tenant: self.tenant(),
            request_id: self.request_id(),
            amount,
            capture: CaptureMode::Automatic,
            description: "二锅头, \"two\" bottles".to_owned(),
            metadata: [("order".to_owned(), "42".to_owned())].into(),
            created_at: now,
            expires_at: after(now, SignedDuration::from_hours(1)),
        }
    }

    /// Terms of an attempt on this rail account that ends in half an hour.
    pub fn attempt_terms(
        &self,
        account_name: &str,
        presentation: Presentation,
        amount: PositiveMoney,
        rules: Rules,
    ) -> attempt::Terms {
        let now = self.now();
        attempt::Terms {
            id: AttemptId::from_parts(now, self.entropy()),
            request_id: self.request_id(),
            n: 0,
            repeats: None,
            rail: RailName::parse("alipay").expect("a literal in the alphabet"),
            account: account(account_name),
            wallet: WalletName::parse("alipay").expect("a literal in the alphabet"),
            presentation,
            order_no: self.order_no(),
            reversal_no: self.order_no(),
            amount,
            opened_at: now,
            expires_at: after(now, SignedDuration::from_mins(30)),
            nonce: format!("{:032x}", self.next()),
            return_url: None,
            rules,
            hold: None,
            credit: Credit::Allowed,
            division: None,
        }
    }

    /// An attempt by a shown QR code that the rail can close.
    pub fn qr(&self, amount: PositiveMoney) -> attempt::Terms {
        let rules = Rules { resendable: true, closable: true, reversible: false, reversible_unknown: false };
        self.attempt_terms("alipay-main", Presentation::QrShown, amount, rules)
    }

    /// A new intent, with its request.
    pub fn create(&self, amount: PositiveMoney, first: Option<attempt::Terms>) -> Batch {
        self.create_as(CaptureMode::Automatic, amount, first)
    }

    /// A new intent that charges at once or holds, with its request.
    pub fn create_as(
        &self,
        capture: CaptureMode,
        amount: PositiveMoney,
        first: Option<attempt::Terms>,
    ) -> Batch {
        let terms = intent::Terms { capture, ..self.intent_terms(amount) };
        let step = Intent::create(terms, first, self);
        let id = step.intent.terms.id;
        let amounts = Amounts::none(amount.currency());
        let mut batch = self.step(0, amounts, step);
        batch.request = Some(RequestKey {
            request_id: self.request_id(),
            ..self.request(Operation::CreateIntent, Resource::Intent(id))
        });
        batch.work.push(WorkChange::Put {
            key: WorkKey::Expiry { tenant: self.tenant(), intent: id },
            lane: None,
            due_at: after(self.now(), SignedDuration::from_hours(1)),
            lease: None,
        });
        batch
    }

    /// The step of an intent that was read.
    pub fn step_of(&self, before: &IntentRow, step: Step) -> Batch {
        self.step(before.intent.version, before.amounts, step)
    }

    /// A step as a batch.
    pub fn step(&self, expected: u64, mut amounts: Amounts, step: Step) -> Batch {
        let Step { intent, entries, postings, opened: _ } = step;
        let mut batch = Batch::new(self.tenant(), self.now());
        for posting in postings {
            self.book(&intent, posting, &mut amounts, &mut batch);
        }
        let mut touched = Vec::new();
        for entry in &entries {
            match &entry.fact {
                Fact::AttemptOpened { terms } => {
                    self.attend_new(&intent, terms, &mut batch);
                    touched.push(terms.id);
                }
                Fact::AttemptMoved { attempt, .. } | Fact::AttemptLeft { attempt } => touched.push(*attempt),
                Fact::Moved { to } => {
                    let kind = format!("payment_intent.{}", to.name());
                    let snapshot = Snapshot::Intent { intent: Box::new(intent.clone()), amounts };
                    batch.events.push(self.event(intent.terms.id, kind, snapshot));
                }
                Fact::Created { .. }
                | Fact::Wished { .. }
                | Fact::Strayed { .. }
                | Fact::Complained { .. }
                | Fact::Redriven { .. } => {}
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for attempt in touched.into_iter().filter_map(|id| intent.attempt(id)) {
            self.attend(&intent, attempt, &mut batch);
        }
        if intent.is_final() {
            let key = WorkKey::Expiry { tenant: self.tenant(), intent: intent.terms.id };
            batch.work.push(WorkChange::Remove { key });
        }
        batch.intent = Some(IntentWrite { expected, row: intent, entries });
        batch.seal().expect("what the hand makes can be written down");
        batch
    }

    /// What a posting of the machine means in money.
    fn book(&self, intent: &Intent, posting: Posting, amounts: &mut Amounts, batch: &mut Batch) {
        let (id, now) = (intent.terms.id, self.now());
        let transfer = |word: &str, attempt: &Attempt, debit: Account, credit: Account| Transfer {
            key: PostingKey::of(&[word, &id.to_string(), &attempt.terms.id.to_string()]),
            debit,
            credit,
            amount: attempt.terms.amount,
            kind: Kind::Posted,
            subject: id.to_string(),
            at: now,
        };
        let of = |attempt: AttemptId| intent.attempt(attempt).expect("the step speaks of its own attempts");
        let rail = |attempt: &Attempt| Account::rail(attempt.terms.account.as_str());
        let merchant = Account::merchant(&self.tenant().to_string());
        match posting {
            Posting::Captured(attempt) => {
                let attempt = of(attempt);
                let taken = attempt.collected().expect("a captured attempt was paid");
                match &attempt.terms.hold {
                    Some(_) => batch.transfers.push(self.end_of_hold("taken", intent, attempt)),
                    None => {
                        batch.guards.push(Guard::Authorize(id, taken));
                        amounts.authorized = taken.money();
                    }
                }
                batch.guards.push(Guard::Capture(id, taken));
                amounts.captured = taken.money();
                let capture = transfer("capture", attempt, rail(attempt), merchant);
                batch.transfers.push(Transfer { amount: taken, ..capture });
            }
            Posting::Held { attempt, kept } => self.book_hold(intent, of(attempt), kept, amounts, batch),
            Posting::Released { attempt, kept } => {
                self.book_release(intent, of(attempt), kept, amounts, batch);
            }
            Posting::Returned(attempt) => {
                let attempt = of(attempt);
                batch.transfers.push(transfer("capture", attempt, rail(attempt), merchant.clone()));
                batch.transfers.push(transfer("return", attempt, merchant, rail(attempt)));
            }
            Posting::Late(attempt) => {
                let attempt = of(attempt);
                let suspense = Account::suspense_late(attempt.terms.account.as_str());
                batch.transfers.push(transfer("late", attempt, rail(attempt), suspense));
                self.return_late(intent, attempt, batch);
            }
        }
    }

    fn attend_new(&self, intent: &Intent, terms: &attempt::Terms, batch: &mut Batch) {
        batch.work.push(WorkChange::Put {
            key: self.attempt_key(intent, terms.id),
            lane: Some(terms.account.clone()),
            due_at: self.now(),
            lease: Some(Lease { owner: "hand".to_owned(), millis: 30_000 }),
        });
        let payer = PayerId::parse(&format!("openid-{}", self.next())).ok();
        let submission = Submission { payer, client_ip: Some([10, 0, 0, 1].into()), alias: None };
        batch.submissions.push(SubmissionChange::Put(terms.id, submission));
    }

    fn attend(&self, intent: &Intent, attempt: &Attempt, batch: &mut Batch) {
        let key = self.attempt_key(intent, attempt.terms.id);
        if !attempt.is_live() {
            batch.work.push(WorkChange::Remove { key });
            batch.submissions.push(SubmissionChange::Clear(attempt.terms.id));
        } else if !batch.work.iter().any(|change| *change.key() == key) {
            let lane = Some(attempt.terms.account.clone());
            let due_at = after(self.now(), SignedDuration::from_secs(5));
            batch.work.push(WorkChange::Put { key, lane, due_at, lease: None });
        }
    }

    /// The work of an attempt.
    pub fn attempt_key(&self, intent: &Intent, attempt: AttemptId) -> WorkKey {
        WorkKey::Attempt { tenant: self.tenant(), intent: intent.terms.id, attempt }
    }

    /// An event of this kind.
    pub fn event(&self, intent: IntentId, kind: String, snapshot: Snapshot) -> NewEvent {
        NewEvent { id: EventId::from_parts(self.now(), self.entropy()), intent: Some(intent), kind, snapshot }
    }
}

impl Namer for Hand {
    fn repeat(&self, of: &attempt::Terms, now: Timestamp) -> attempt::Terms {
        attempt::Terms {
            id: AttemptId::from_parts(now, self.entropy()),
            n: of.n + 1,
            repeats: Some(of.id),
            order_no: self.order_no(),
            reversal_no: self.order_no(),
            nonce: format!("{:032x}", self.next()),
            hold: of.hold.clone().map(|hold| self.renumbered(hold)),
            ..of.clone()
        }
    }

    fn capture_again(&self, _of: &attempt::Terms, _n: u32) -> OrderNo {
        self.order_no()
    }
}

pub(crate) fn after(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}
