//! What a roll of the dice means in the situation that the history has reached.

use jiff::SignedDuration;
use paifang_payment::attempt::{Attempt, Rules};
use paifang_payment::intent::{CaptureMode, Seen};
use paifang_payment::refund;
use paifang_payment::{
    Basis, CloseProof, Digest, Doubt, News, NotSent, Outcome, Pending, Presentation, RailRef, Reason,
    Refusal, Settled, Verb,
};
use paifang_store::{
    Batch, Fence, InboxEntry, InboxVerdict, IntentRow, Operation, Resource, Store, WorkChange, WorkKey,
};

use super::Dice;
use super::play::{ACCOUNTS, Pair};
use crate::hand::{Hand, account, after, fen, seen};

/// One step.
pub(super) enum Step {
    /// Time passes.
    Pass(SignedDuration),
    /// A batch.
    Commit(Box<Batch>),
    /// Claim up to so much work of a lane.
    Claim(Option<&'static str>, usize),
    /// Somebody expects news.
    Hasten(WorkKey),
}

/// What the dice say; `None` where there is nothing to do it to.
pub(super) async fn choose<S: Store>(pair: &Pair<S>, (what, which, how, more): Dice) -> Option<Step> {
    let hand = &pair.hands[usize::from(which) % 2];
    let batch = match what % 32 {
        0..=3 => Some(create(hand, how, more)),
        4 => confirm(pair, which, how).await,
        5 => command(pair, which, how).await,
        6..=14 => observe(pair, which, how, more).await,
        15 => begin_send(pair, which, how).await,
        16 | 17 => open_refund(pair, which, how).await,
        18 | 19 => observe_refund(pair, which, how, more).await,
        20 => send_refund(pair, which).await,
        21 => again(pair, which, how),
        22 => twice(pair, which, how),
        23 | 24 => fenced(pair, which, how, more),
        25 | 26 => {
            let lane = [None, Some(ACCOUNTS[0]), Some(ACCOUNTS[1])][usize::from(how) % 3];
            return Some(Step::Claim(lane, 1 + usize::from(more) % 4));
        }
        27..=29 => return Some(Step::Pass(SignedDuration::from_secs(i64::from(how) * i64::from(more % 16)))),
        30 => return pick(&pair.keys, which).cloned().map(Step::Hasten),
        _ => Some(suspicious(hand, how)),
    };
    batch.map(|batch| Step::Commit(Box::new(batch)))
}

/// One of the newest six, so that things get old enough to meet.
fn pick<T>(all: &[T], which: u8) -> Option<&T> {
    let newest = &all[all.len().saturating_sub(6)..];
    newest.get(usize::from(which).checked_rem(newest.len())?)
}

/// Few amounts, so that refunds and captures meet.
fn amount(how: u8) -> i64 {
    100 * (1 + i64::from(how % 5))
}

fn terms(hand: &Hand, minor: i64, how: u8) -> paifang_payment::attempt::Terms {
    let presentation = if how.is_multiple_of(3) { Presentation::PayerCode } else { Presentation::QrShown };
    let (resendable, closable, reversible) = (how & 1 == 0, how & 2 == 0, how & 4 == 0);
    let rules = Rules { resendable, closable, reversible, reversible_unknown: false };
    hand.attempt_terms(ACCOUNTS[usize::from(how) % 2], presentation, fen(minor), rules)
}

fn hold_terms(hand: &Hand, minor: i64, how: u8) -> paifang_payment::attempt::Terms {
    let rules = Rules {
        resendable: how & 1 == 0,
        closable: how & 2 == 0,
        reversible: false,
        reversible_unknown: false,
    };
    hand.hold_terms(ACCOUNTS[usize::from(how) % 2], fen(minor), rules)
}

fn create(hand: &Hand, how: u8, more: u8) -> Batch {
    let minor = amount(how);
    let chosen = !more.is_multiple_of(4);
    if how.is_multiple_of(2) {
        let first = chosen.then(|| hold_terms(hand, minor, more));
        return hand.create_as(CaptureMode::Manual, fen(minor), first);
    }
    hand.create(fen(minor), chosen.then(|| terms(hand, minor, more)))
}

/// An intent as the model has it.
async fn load<S: Store>(pair: &Pair<S>, which: u8) -> Option<(&Hand, IntentRow)> {
    let (number, id) = *pick(&pair.intents, which)?;
    let hand = &pair.hands[number];
    let row = pair.model.intent(hand.tenant(), id).await.ok()??;
    Some((hand, row))
}

async fn confirm<S: Store>(pair: &Pair<S>, which: u8, how: u8) -> Option<Batch> {
    let (hand, row) = load(pair, which).await?;
    let minor = row.intent.terms.amount.minor_units();
    let next = match row.intent.terms.capture {
        CaptureMode::Automatic => terms(hand, minor, how),
        CaptureMode::Manual => hold_terms(hand, minor, how),
    };
    let step = row.intent.clone().confirm(next, hand.now(), hand).ok()?;
    let mut batch = hand.step_of(&row, step);
    batch.request = Some(hand.request(Operation::ConfirmIntent, Resource::Intent(row.intent.terms.id)));
    Some(batch)
}

async fn command<S: Store>(pair: &Pair<S>, which: u8, how: u8) -> Option<Batch> {
    let (hand, row) = load(pair, which).await?;
    let intent = row.intent.clone();
    let step = match how % 4 {
        0 => intent.cancel(hand.now(), hand).ok()??,
        1 => intent.expire(hand.now(), hand)?,
        _ => intent.capture(Some(fen(amount(how / 4))), hand.now(), hand).ok()?.0,
    };
    Some(hand.step_of(&row, step))
}

async fn observe<S: Store>(pair: &Pair<S>, which: u8, how: u8, more: u8) -> Option<Batch> {
    let (hand, row) = load(pair, which).await?;
    let known = pick(&row.intent.attempts, how)?;
    let verb = verb_about(known, how);
    let news = seen(verb, attempt_news(known, more));
    let mut batch = match row.intent.clone().observe(known.terms.id, &news, hand.now(), hand).ok()? {
        Seen::News(step) => hand.step_of(&row, *step),
        Seen::Known(_) | Seen::Suspicious(_) => Batch::new(hand.tenant(), hand.now()),
    };
    if more.is_multiple_of(7) {
        batch.inbox = Some(inbox(how, InboxVerdict::Applied));
    }
    Some(batch)
}

/// What may have been asked of an attempt.
fn verb_about(attempt: &Attempt, how: u8) -> Verb {
    use paifang_payment::attempt::State;
    let verbs: &[Verb] = match &attempt.state {
        State::Capturing(_) => &[Verb::Capture, Verb::QueryCapture, Verb::QueryCapture, Verb::Query],
        State::Releasing(_) => &[Verb::Release, Verb::QueryRelease, Verb::Query],
        _ => &[Verb::Charge, Verb::Query, Verb::Query, Verb::Close, Verb::Reverse, Verb::QueryReverse],
    };
    verbs[usize::from(how / 8) % verbs.len()]
}

fn attempt_news(attempt: &Attempt, more: u8) -> News {
    use paifang_payment::attempt::State;
    let amount = match &attempt.state {
        State::Capturing(capturing) => capturing.amount,
        _ => attempt.terms.amount,
    };
    let holds = attempt.terms.hold.is_some() && !matches!(attempt.state, State::Capturing(_));
    let settled = |rail_ref| Settled { amount, rail_ref, settled_at: None };
    News::Outcome(match more % 12 {
        0..=2 if holds => Outcome::Held(settled(rail_ref("2026112100001"))),
        0..=2 => Outcome::Paid(settled(rail_ref("2026112100001"))),
        3 => Outcome::Paid(Settled { amount: fen(1), ..settled(None) }),
        4 => Outcome::Closed(CloseProof { returned: None, rail_ref: None }),
        5 => Outcome::Closed(CloseProof { returned: Some(amount), rail_ref: rail_ref("2026112100001") }),
        6 => Outcome::Pending(Pending { next_action: None, rail_ref: rail_ref("2026112100001") }),
        7 => Outcome::Refused(refusal(Basis::Signed)),
        8 => Outcome::Refused(refusal(Basis::Channel)),
        9 => Outcome::NotSent(NotSent::NotConnected),
        10 => Outcome::Unknown(Doubt::HttpStatus(502)),
        _ => return News::Absent,
    })
}

fn rail_ref(text: &str) -> Option<RailRef> {
    RailRef::parse(text).ok()
}

fn refusal(basis: Basis) -> Refusal {
    let reason = Reason::parse("insufficient_funds").expect("a literal in the alphabet");
    Refusal { reason, rail_code: "NOTENOUGH".to_owned(), rail_message: "余额不足".to_owned(), basis }
}

async fn begin_send<S: Store>(pair: &Pair<S>, which: u8, how: u8) -> Option<Batch> {
    let (hand, row) = load(pair, which).await?;
    let id = pick(&row.intent.attempts, how)?.terms.id;
    let step = row.intent.clone().begin_send(id, hand.now(), hand)?;
    Some(hand.step_of(&row, step))
}

async fn open_refund<S: Store>(pair: &Pair<S>, which: u8, how: u8) -> Option<Batch> {
    let (hand, row) = load(pair, which).await?;
    let paid = row.intent.attempts.last()?;
    let amount = fen(30 * (1 + i64::from(how % 9)));
    Some(match how.is_multiple_of(3) {
        true => hand.open_paced_refund(&row.intent, paid, amount),
        false => hand.open_refund(&row.intent, paid, amount),
    })
}

async fn load_refund<S: Store>(pair: &Pair<S>, which: u8) -> Option<(&Hand, refund::Refund)> {
    let (number, id) = *pick(&pair.refunds, which)?;
    let hand = &pair.hands[number];
    let refund = pair.model.refund(hand.tenant(), id).await.ok()??;
    Some((hand, refund))
}

async fn observe_refund<S: Store>(pair: &Pair<S>, which: u8, how: u8, more: u8) -> Option<Batch> {
    let (hand, refund) = load_refund(pair, which).await?;
    let settled = Settled { amount: refund.terms.amount, rail_ref: None, settled_at: Some(hand.now()) };
    let news = match more % 7 {
        0 | 1 => News::Outcome(Outcome::Refunded(settled)),
        2 => News::Outcome(Outcome::Pending(Pending { next_action: None, rail_ref: rail_ref("5000001") })),
        3 => News::Outcome(Outcome::Refused(refusal(Basis::Signed))),
        4 => News::Outcome(Outcome::Refused(refusal(Basis::Channel))),
        5 => News::Outcome(Outcome::Unknown(Doubt::TimedOut)),
        _ => News::Absent,
    };
    let verb = if how.is_multiple_of(2) { Verb::Refund } else { Verb::QueryRefund };
    let version = refund.version;
    match refund.observe(&seen(verb, news), hand.now()) {
        refund::Seen::News(step) => Some(hand.refund_step(version, *step)),
        refund::Seen::Known(_) | refund::Seen::Suspicious(_) => None,
    }
}

async fn send_refund<S: Store>(pair: &Pair<S>, which: u8) -> Option<Batch> {
    let (hand, refund) = load_refund(pair, which).await?;
    let version = refund.version;
    Some(hand.refund_step(version, refund.begin_send(hand.now())?))
}

/// A batch that was taken comes again: as it was, as another request, or without its request.
fn again<S>(pair: &Pair<S>, which: u8, how: u8) -> Option<Batch> {
    let mut batch = pick(&pair.taken, which)?.clone();
    match (how % 4, batch.request.as_mut()) {
        (0, Some(request)) => request.fingerprint = Digest([9; 32]),
        (1, _) if batch.intent.is_some() || !batch.refunds.is_empty() => batch.request = None,
        _ => {}
    }
    Some(batch)
}

/// A write under a claim that may be lost by now.
fn fenced<S>(pair: &Pair<S>, which: u8, how: u8, more: u8) -> Option<Batch> {
    let (number, claim) = pick(&pair.claims, which)?;
    let hand = &pair.hands[*number];
    let key = claim.key.clone();
    let due_at = after(hand.now(), SignedDuration::from_secs(i64::from(more)));
    let change = match how % 8 {
        0 => WorkChange::Quarantine { key: key.clone(), reason: "poison".to_owned() },
        1 => WorkChange::Put { key: key.clone(), lane: Some(account(ACCOUNTS[0])), due_at, lease: None },
        _ => WorkChange::Delay { key: key.clone(), due_at },
    };
    let fence = Some(Fence { key, epoch: claim.epoch });
    Some(Batch { fence, work: vec![change], ..Batch::new(hand.tenant(), hand.now()) })
}

/// Money or events that were written down before, in a batch of their own.
fn twice<S>(pair: &Pair<S>, which: u8, how: u8) -> Option<Batch> {
    let taken = pick(&pair.taken, which)?;
    let mut batch = Batch::new(taken.tenant, taken.at);
    match how % 2 {
        0 if !taken.transfers.is_empty() => batch.transfers = taken.transfers.clone(),
        _ if !taken.events.is_empty() => batch.events = taken.events.clone(),
        _ => return None,
    }
    Some(batch)
}

fn suspicious(hand: &Hand, how: u8) -> Batch {
    let verdict = InboxVerdict::Suspicious { why: "amount".to_owned() };
    Batch { inbox: Some(inbox(how, verdict)), ..Batch::new(hand.tenant(), hand.now()) }
}

/// Few keys, so that notifications come again.
fn inbox(how: u8, verdict: InboxVerdict) -> InboxEntry {
    let account = account(ACCOUNTS[usize::from(how) % 2]);
    InboxEntry { account, key: format!("notify-{}", how % 24), verdict, digest: Digest([how; 32]) }
}
