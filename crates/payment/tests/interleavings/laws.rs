//! What must hold: of each step of the machine, in each state of the world, and at each end.

use paifang_payment::attempt::{self, Attempt, Closing};
use paifang_payment::intent::{Entry, Intent, State};

use crate::machine::{Input, Known};
use crate::world::{CAPTURED, LATE, REFUNDED, RETURNED, Slot, Truth, Word, World};

/// I7, I11, I16 of one step of the machine.
pub fn of_step(before: &Intent, after: &Intent, journal: &[Entry], input: Input) -> Option<String> {
    match Intent::fold(journal) {
        Ok(folded) if folded == *after => {}
        Ok(_) => return Some("I7: the fold of the journal is not the row".into()),
        Err(error) => return Some(format!("I7: {error}")),
    }
    if before.is_final() && before.state != after.state {
        return Some(format!("I7: left {} for {}", before.state.name(), after.state.name()));
    }
    let blocking = after.attempts.iter().filter(|attempt| attempt.is_blocking()).count();
    if blocking > 1 && !after.is_final() {
        return Some("I16: the intent waits for two attempts at once".into());
    }
    for (place, (was, is)) in before.attempts.iter().zip(&after.attempts).enumerate() {
        if let Some(broken) = of_attempt(place, was, is, input) {
            return Some(broken);
        }
    }
    None
}

/// I7: what is final stays, but for late money. I11: what may be at the rail ends only by the rail's word about it.
fn of_attempt(place: usize, was: &Attempt, is: &Attempt, input: Input) -> Option<String> {
    let moved = was.state != is.state;
    let late = matches!(is.state, attempt::State::Late(_));
    if moved && !was.is_live() && !late {
        return Some(format!("I7: order {place} left {} for {}", was.state.name(), is.state.name()));
    }
    let unsent = matches!(&was.state, attempt::State::Sending(sending) if sending.unsent);
    if !was.is_live() || is.is_live() || unsent {
        return None;
    }
    let told = match input {
        Input::Hear { slot, word, .. } => {
            usize::from(slot) == place && !matches!(word, Word::Lost | Word::MaybePaid)
        }
        Input::Confirm { .. } | Input::Cancel | Input::Expire | Input::Send(_) => false,
    };
    (!told).then(|| format!("I11: order {place} became {} without the rail's word", is.state.name()))
}

/// I17: who was told of a payment knows it from then on.
pub fn of_paid_news(known: &Known, place: usize) -> Option<String> {
    let attempt = &known.intent.attempts[place];
    let knows = match &attempt.state {
        attempt::State::Paid(_) | attempt::State::Late(_) => true,
        attempt::State::Closing(Closing { paid, .. }) => paid.is_some(),
        attempt::State::Closed(closed) => closed.returned.is_some(),
        _ => false,
    };
    (!knows).then(|| format!("I17: order {place} was told to be paid, and is {}", attempt.state.name()))
}

/// In every state: the books say no more than what is true at the rails, and what has ended can be paid no more.
pub fn of_world(world: &World, known: &Known) -> Option<String> {
    let captures = world.slots.iter().filter(|slot| slot.booked & CAPTURED != 0).count();
    if captures > 1 {
        return Some("I1: two payments are booked as the capture".into());
    }
    for (place, attempt) in known.intent.attempts.iter().enumerate() {
        let slot = &world.slots[place];
        if booked_in(slot) > slot.charges() {
            return Some(format!("I2: order {place} is booked as paid, and is not"));
        }
        if booked_back(slot) > slot.returns() {
            return Some(format!("I6: order {place} is booked as returned, and is not"));
        }
        if slot.returns() > slot.charges() {
            return Some(format!("I6: more went back of order {place} than was paid"));
        }
        let ended = matches!(attempt.state, attempt::State::Closed(_));
        if ended && slot.truth == Truth::Open {
            return Some(format!("I11: order {place} is told to have ended, and can be paid"));
        }
    }
    None
}

/// At the end: nothing waits, nothing is open, our books are the rails', and one charge stays at most.
pub fn of_end(world: &World, known: &Known) -> Option<String> {
    let intent = &known.intent;
    if !intent.is_final() {
        return Some(format!("I12: the intent ends as {}", intent.state.name()));
    }
    for (place, attempt) in intent.attempts.iter().enumerate() {
        let slot = &world.slots[place];
        if attempt.is_live() {
            return Some(format!("I12: order {place} ends as {}", attempt.state.name()));
        }
        if slot.truth == Truth::Open {
            return Some(format!("I12: order {place} ends open at the rail"));
        }
        if slot.charges() != booked_in(slot) || slot.returns() != booked_back(slot) {
            let (charges, returns) = (slot.charges(), slot.returns());
            let (ins, backs) = (booked_in(slot), booked_back(slot));
            return Some(format!(
                "I2: the rail charged order {place} {charges} times and returned {returns}; booked are {ins} and {backs}"
            ));
        }
    }
    let stay = stays(world);
    let wanted = i32::from(matches!(intent.state, State::Succeeded { .. }));
    if stay > 1 {
        return Some(format!("I1: {stay} charges stay"));
    }
    (stay != wanted).then(|| format!("I1: {stay} charges stay of an intent that is {}", intent.state.name()))
}

/// How many charges stay with the payer, by the rails' truth.
pub fn stays(world: &World) -> i32 {
    world.slots.iter().map(|slot| i32::from(slot.charges()) - i32::from(slot.returns())).sum()
}

fn booked_in(slot: &Slot) -> u8 {
    u8::from(slot.booked & (CAPTURED | LATE | RETURNED) != 0)
}

fn booked_back(slot: &Slot) -> u8 {
    u8::from(slot.booked & (RETURNED | REFUNDED) != 0)
}
