//! When to look again: the schedules of each kind of flow, with jitter derived from the item, so that a simulator sees
//! the same times at the same seed.

use jiff::{SignedDuration, Timestamp};
use paifang_payment::attempt::{Attempt, CloseVerb, Operation, Phase, State};
use paifang_payment::refund::{self, Refund};

/// The payer is at it: 5 s, 10 s, 30 s, 1 m, 2 m, 5 m, then every 10 m.
const PRESENT_S: &[i64] = &[5, 10, 30, 60, 120, 300, 600];
/// A charge by payer's code is undecided: every 3 s for a minute, then every 5 m for a day.
const CODE_S: i64 = 3;
const CODE_TRIES: u32 = 20;
const CODE_SLOW_S: i64 = 300;
const CODE_SLOW_TRIES: u32 = 288;
/// A creation in doubt was never shown, so only the storefront waits: soon, then slower.
const DOUBT_S: &[i64] = &[1, 2, 3, 5, 10, 30, 60, 120, 300, 600];
/// A close or reverse without a final word: at once, 5 s, 15 s, 30 s, 60 s, then every 5 m for a day.
const CLOSE_S: &[i64] = &[1, 5, 15, 30, 60];
const CLOSE_SLOW_S: i64 = 300;
const CLOSE_SLOW_TRIES: u32 = 288;
/// A refund: 1 m five times, 5 m, 10 m, 20 m, 30 m, then hourly for a day, then every 6 h for three.
const REFUND_S: &[i64] = &[60, 60, 60, 60, 60, 300, 600, 1200, 1800];
const REFUND_HOURLY: u32 = 24;
const REFUND_SLOW: u32 = 12;
/// A refund in doubt is looked at sooner at first: somebody waits for the answer.
const REFUND_DOUBT_S: &[i64] = &[1, 3, 10, 30];
/// After the end: is it really over? An hour and a day later.
const ENDED_S: &[i64] = &[3600, 86_400];
/// A look after the end that brought no word is repeated after half an hour, for three days.
const ENDED_AGAIN_S: i64 = 1_800;
const ENDED_GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(3 * 24);
/// A live attempt so long after its own expiry is given to a person: the rail never said the last word.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// The same for a refund, from its opening.
const REFUND_GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(5 * 24);
/// A refund that waits until somebody decides where it goes: every 10 m for an hour, hourly for half a day, then daily.
const ATTENTION_S: &[i64] = &[
    600, 600, 600, 600, 600, 600, 3600, 3600, 3600, 3600, 3600, 3600, 3600, 3600, 3600, 3600, 3600, 3600,
    86_400,
];
/// It is given up by the gateway only so long after it began to wait: people take their time.
const ATTENTION_GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(90 * 24);
/// A hold that stands: does it still? Soon at first: a close that was lost may yet end it, or a capture have been refused
/// because it is gone.
const HELD_S: &[i64] = &[75, 600, 3600, 86_400];
/// A hold so long after it should have been given back is given to a person, as is a capture or release so long after it
/// was opened.
const HOLD_GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(3 * 24);
/// A refund waits for its bearers: 5 s, 10 s, 30 s, then every minute.
const SHORT_S: &[i64] = &[5, 10, 30, 60];
/// A send that did not leave us.
const UNSENT_S: &[i64] = &[1, 2, 5, 10, 30];

/// When an attempt is looked at next after `tries` looks brought nothing; `None`: give it to a person (or, for one that
/// has ended, to nobody). `asks` is the rail's own schedule ([`paifang_rail::Descriptor::asks_after_s`]).
pub(crate) fn attempt_due(
    attempt: &Attempt,
    wanted: bool,
    asks: &[u32],
    tries: u32,
    now: Timestamp,
) -> Option<Timestamp> {
    if attempt.is_live() && now >= given_up(attempt) {
        return None;
    }
    let wait = match &attempt.state {
        State::Sending(sending) if sending.unsent => step(UNSENT_S, tries.max(sending.sends - 1)),
        State::Sending(_) if tries == 0 => Some(0),
        State::Sending(_) => Some(step_or_last(DOUBT_S, tries)),
        State::AwaitingPayer(_) | State::InDoubt(_) if attempt.is_synchronous() => code(asks, tries),
        State::AwaitingPayer(_) if !wanted && !attempt.left && tries == 0 => Some(0),
        State::AwaitingPayer(_) => Some(step_or_last(PRESENT_S, tries)),
        State::InDoubt(_) if wanted && attempt.wants_resend() => Some(0),
        State::InDoubt(_) => Some(step_or_last(DOUBT_S, tries)),
        State::Closing(closing) if !closing.ask && !closing.absent && tries == 0 => match closing.sends {
            0 | 1 => Some(0),
            sends => closing_wait(sends - 2),
        },
        State::Closing(closing) if closing.verb == CloseVerb::Close && attempt.left => {
            Some(step_or_last(PRESENT_S, tries))
        }
        State::Closing(_) => closing_wait(tries),
        State::Held(_) => Some(step_or_last(HELD_S, tries)),
        State::Capturing(capturing) => operation_wait(&capturing.operation, asks, tries),
        State::Releasing(releasing) => operation_wait(&releasing.operation, asks, tries),
        State::Closed(_) => step(ENDED_S, tries),
        State::Paid(_) | State::Refused(_) | State::Late(_) => None,
    }?;
    let due = plus(now, jittered(wait, attempt.terms.order_no.as_str(), tries));
    let expiry = attempt.terms.expires_at;
    let live = attempt.is_live() && attempt.state.hold().is_none();
    Some(if live && now < expiry && due > expiry { expiry } else { due })
}

/// When an attempt that was closed at `ended_at` is looked at again; `None` when the looks are over: what the rail's bill says
/// is all that is left (I19). The planned looks go by the time since the end and not by how often somebody looked: a look
/// that brought no word is repeated sooner, and a hastened one takes none away.
pub(crate) fn ended_due(
    attempt: &Attempt,
    ended_at: Timestamp,
    has_word: bool,
    now: Timestamp,
) -> Option<Timestamp> {
    let number = attempt.terms.order_no.as_str();
    let again = plus(now, jittered(ENDED_AGAIN_S, number, 0));
    if !has_word && again < plus(ended_at, ENDED_GIVE_UP_AFTER) {
        return Some(again);
    }
    let planned = |(look, wait): (u32, &i64)| plus(ended_at, jittered(*wait, number, look));
    (0..).zip(ENDED_S).map(planned).find(|due| *due > now)
}

/// When a refund is looked at next; `None`: give it to a person. `asks` as in [`attempt_due`].
pub(crate) fn refund_due(refund: &Refund, asks: &[u32], tries: u32, now: Timestamp) -> Option<Timestamp> {
    if refund.short().is_some() {
        // As long as it takes: somebody has to bring the money, or to cancel it.
        let wait = jittered(step_or_last(SHORT_S, tries), refund.terms.refund_no.as_str(), tries);
        return Some(plus(now, wait));
    }
    if now >= refund_given_up(refund) {
        return None;
    }
    let wait = match &refund.state {
        refund::State::Sending(sending) if sending.unsent => {
            step_or_last(UNSENT_S, tries.max(sending.sends.saturating_sub(1)))
        }
        refund::State::Sending(_) if tries == 0 => 0,
        refund::State::Sending(_) => step_or_last(REFUND_DOUBT_S, tries),
        refund::State::InDoubt(doubt) if tries == 0 && doubt.sends > 1 => {
            step_or_last(REFUND_S, doubt.sends - 2)
        }
        refund::State::InDoubt(_) if (tries as usize) < REFUND_DOUBT_S.len() => {
            step_or_last(REFUND_DOUBT_S, tries)
        }
        refund::State::Processing { attention: Some(_) } => step_or_last(ATTENTION_S, tries),
        refund::State::Processing { attention: None } => match asked(asks, tries) {
            Ok(wait) => wait,
            Err(tries) => refund_wait(tries)?,
        },
        refund::State::InDoubt(_) => refund_wait(tries)?,
        refund::State::Succeeded { .. } | refund::State::Failed { .. } => return None,
    };
    Some(plus(now, jittered(wait, refund.terms.refund_no.as_str(), tries)))
}

/// From when on nobody but a person sees to a refund. What the rail has taken counts from its last news: it may have
/// waited for weeks before somebody decided.
fn refund_given_up(refund: &Refund) -> Timestamp {
    match &refund.state {
        refund::State::Processing { attention: Some(_) } => plus(refund.updated_at, ATTENTION_GIVE_UP_AFTER),
        refund::State::Processing { attention: None } => plus(refund.updated_at, REFUND_GIVE_UP_AFTER),
        refund::State::Sending(_)
        | refund::State::InDoubt(_)
        | refund::State::Succeeded { .. }
        | refund::State::Failed { .. } => plus(refund.opened_at(), REFUND_GIVE_UP_AFTER),
    }
}

/// From when on nobody but a person sees to a live attempt.
fn given_up(attempt: &Attempt) -> Timestamp {
    let (since, time) = match &attempt.state {
        State::Held(_) => (attempt.capture_by().unwrap_or(Timestamp::MAX), HOLD_GIVE_UP_AFTER),
        State::Capturing(capturing) => (capturing.operation.opened_at, HOLD_GIVE_UP_AFTER),
        State::Releasing(releasing) => (releasing.operation.opened_at, HOLD_GIVE_UP_AFTER),
        State::Sending(_)
        | State::AwaitingPayer(_)
        | State::InDoubt(_)
        | State::Closing(_)
        | State::Paid(_)
        | State::Refused(_)
        | State::Closed(_)
        | State::Late(_) => (attempt.terms.expires_at, GIVE_UP_AFTER),
    };
    plus(since, time)
}

/// A capture or release happens in the call, so it is asked about as a charge by payer's code is; what is sent again goes
/// out at a growing distance.
fn operation_wait(operation: &Operation, asks: &[u32], tries: u32) -> Option<i64> {
    match &operation.phase {
        Phase::Unsent { .. } if operation.sends == 0 && tries == 0 => Some(0),
        Phase::Unsent { .. } => closing_wait(tries.max(operation.sends.saturating_sub(1))),
        Phase::Sending { .. } if tries == 0 => Some(0),
        Phase::Sending { .. } => Some(step_or_last(DOUBT_S, tries)),
        Phase::InDoubt { .. } if tries == 0 && operation.sends <= 1 => Some(1),
        Phase::InDoubt { .. } | Phase::Pending => code(asks, tries),
        Phase::Refused { .. } => closing_wait(tries.max(operation.sends.saturating_sub(1))),
    }
}

/// The rail's own wait, or how many tries there were beyond them.
fn asked(asks: &[u32], tries: u32) -> Result<i64, u32> {
    let own = asks.get(tries as usize).map(|wait| i64::from(*wait));
    own.ok_or(tries.saturating_sub(u32::try_from(asks.len()).unwrap_or(u32::MAX)))
}

fn code(asks: &[u32], tries: u32) -> Option<i64> {
    let tries = match asked(asks, tries) {
        Ok(wait) => return Some(wait),
        Err(beyond) if asks.is_empty() => beyond,
        Err(beyond) => CODE_TRIES + beyond,
    };
    match tries {
        0..CODE_TRIES => Some(CODE_S),
        _ if tries < CODE_TRIES + CODE_SLOW_TRIES => Some(CODE_SLOW_S),
        _ => None,
    }
}

fn closing_wait(tries: u32) -> Option<i64> {
    match CLOSE_S.get(tries as usize) {
        Some(wait) => Some(*wait),
        None if tries < CLOSE_SLOW_TRIES => Some(CLOSE_SLOW_S),
        None => None,
    }
}

fn refund_wait(tries: u32) -> Option<i64> {
    let beyond = tries.saturating_sub(u32::try_from(REFUND_S.len()).unwrap_or(u32::MAX));
    match REFUND_S.get(tries as usize) {
        Some(wait) => Some(*wait),
        None if beyond < REFUND_HOURLY => Some(3600),
        None if beyond < REFUND_HOURLY + REFUND_SLOW => Some(6 * 3600),
        None => None,
    }
}

fn step(schedule: &[i64], tries: u32) -> Option<i64> {
    schedule.get(tries as usize).copied()
}

fn step_or_last(schedule: &[i64], tries: u32) -> i64 {
    step(schedule, tries).or(schedule.last().copied()).unwrap_or(0)
}

/// 80 to 120 % of the wait, from the item's own number.
fn jittered(wait_s: i64, number: &str, tries: u32) -> SignedDuration {
    let mix =
        number.bytes().fold(u64::from(tries) + 1, |mix, byte| mix.wrapping_mul(31).wrapping_add(byte.into()));
    let percent = 80 + i64::try_from(mix % 41).unwrap_or(0);
    SignedDuration::from_millis(wait_s.saturating_mul(10).saturating_mul(percent))
}

fn plus(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// UnionPay's documented queries after 03, 04 and 05, then the gateway's wider ones; without a rail's word, ours.
    #[test]
    fn the_rails_own_schedule_comes_first() {
        let union = [1, 2, 4, 8, 16, 32];
        let waits: Vec<_> = (0..8).map(|tries| code(&union, tries).unwrap()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, CODE_SLOW_S, CODE_SLOW_S]);
        assert_eq!(code(&union, 6 + CODE_SLOW_TRIES), None);
        assert_eq!((code(&[], 0), code(&[], CODE_TRIES)), (Some(CODE_S), Some(CODE_SLOW_S)));
        assert_eq!((asked(&union, 5), asked(&union, 6), asked(&[], 3)), (Ok(32), Err(0), Err(3)));
    }
}
