//! Everything that can happen next in a world: the storefront, the payer, the clock, the rails, the network, the workers.

use paifang_payment::Verb;
use paifang_payment::attempt::Duty;
use paifang_payment::intent::Wish;
use paifang_payment::refund;

use crate::actions::{Action, Defect, Next, Variant, What};
use crate::laws;
use crate::machine::{self, Booking, Input, Machine};
use crate::rail::Rail;
use crate::world::{
    Ask, CAPTURED, Call, HARM_NOTICE, HARM_WORKER, LATE, Notice, REFUNDED, RETURNED, SLOTS, Slot, Truth,
    Word, World,
};

pub struct Steps {
    pub machine: Machine,
    pub variant: Variant,
    pub defect: Defect,
}

impl Steps {
    pub fn new(variant: Variant, defect: Defect) -> Self {
        Self { machine: Machine::new(variant.rails), variant, defect }
    }

    pub fn start(&self) -> World {
        World { intent: 0, phase: 0, chosen: 0, harms: self.variant.harms, slots: [Slot::UNUSED; SLOTS] }
    }

    fn seconds(&self, world: &World) -> i64 {
        self.variant.times[usize::from(world.phase)]
    }

    fn is_over(&self, world: &World) -> bool {
        usize::from(world.phase) + 1 == self.variant.times.len()
    }

    /// Everything that can happen.
    pub fn all(&mut self, world: &World, out: &mut Vec<Next>) {
        self.each(world, out);
        out.iter_mut().for_each(|next| self.make_canonical(&mut next.world));
    }

    fn make_canonical(&self, world: &mut World) {
        let known = self.machine.get(world.intent);
        if known.is_final {
            world.chosen = u8::try_from(self.variant.choices.len()).expect("a few choices");
        }
        for (slot, attempt) in world.slots.iter_mut().zip(&known.attempts) {
            if world.harms == 0 {
                slot.harmed = 0;
            }
            if attempt.duty == Duty::Rest {
                slot.asked = false;
            }
        }
    }

    fn each(&mut self, world: &World, out: &mut Vec<Next>) {
        self.of_storefront(world, out);
        for slot in 0..SLOTS {
            if !world.slots[slot].used {
                break;
            }
            self.of_rail(world, slot, out);
            self.of_notice(world, slot, out);
            self.of_call(world, slot, out);
            self.of_old_call(world, slot, out);
            self.of_duty(world, slot, out);
            self.of_refund(world, slot, out);
        }
    }

    fn of_storefront(&mut self, world: &World, out: &mut Vec<Next>) {
        if !self.machine.get(world.intent).is_final {
            self.of_commands(world, out);
        }
        if !self.is_over(world) {
            self.of_clock(world, out);
        }
    }

    fn of_commands(&mut self, world: &World, out: &mut Vec<Next>) {
        if let Some(rail) = self.variant.choices.get(usize::from(world.chosen)) {
            let mut next = *world;
            next.chosen += 1;
            let input = Input::Confirm { n: world.chosen, rail: *rail };
            self.act_if(next, 0, What::Confirm, input, out);
        }
        if self.variant.cancels {
            self.act_if(*world, 0, What::Cancel, Input::Cancel, out);
        }
        self.act_if(*world, 0, What::Expire, Input::Expire, out);
    }

    fn of_clock(&self, world: &World, out: &mut Vec<Next>) {
        let mut next = *world;
        next.phase += 1;
        let over = self.is_over(&next);
        for slot in &mut next.slots {
            (slot.asked, slot.refund_asked) = (false, false);
            // Every order has ended by then.
            if over && slot.truth == Truth::Open {
                slot.become_true(Truth::Ended);
            }
        }
        push(out, 0, What::TimePasses, next, None);
    }

    fn of_rail(&mut self, world: &World, slot: usize, out: &mut Vec<Next>) {
        if world.slots[slot].truth != Truth::Open || self.is_over(world) {
            return;
        }
        let become_true = |truth, notice| {
            let mut next = *world;
            next.slots[slot].become_true(truth);
            next.slots[slot].notice = notice;
            next
        };
        push(out, slot, What::PayerPays, become_true(Truth::Paid, Notice::OnItsWay), None);
        if self.rail(world, slot).is_code() {
            push(out, slot, What::PayerDeclines, become_true(Truth::Declined, Notice::None), None);
        }
        if usize::from(world.phase) + 2 == self.variant.times.len() {
            push(out, slot, What::RailEndsOrder, become_true(Truth::Ended, Notice::None), None);
        }
    }

    fn of_notice(&mut self, world: &World, slot: usize, out: &mut Vec<Next>) {
        let notice = world.slots[slot].notice;
        if notice == Notice::None {
            return;
        }
        let mut heard = *world;
        heard.slots[slot].notice = Notice::None;
        let broken = self.hear(&mut heard, slot, Ask::Query, Word::Paid, true);
        push(out, slot, What::NoticeHeard, heard, broken.clone());
        if notice == Notice::OnItsWay && world.fits(HARM_NOTICE, slot) {
            let mut again = heard.harmed(HARM_NOTICE, slot);
            again.slots[slot].notice = Notice::Again;
            push(out, slot, What::NoticeHeardAndRepeated, again, broken);
        }
    }

    fn of_call(&mut self, world: &World, slot: usize, out: &mut Vec<Next>) {
        let call = world.slots[slot].call;
        let (ask, answered) = match call {
            Call::None => return,
            Call::Way(ask) => (ask, None),
            Call::Back(ask, word) => (ask, Some(word)),
        };
        match answered {
            None => self.executed(world, slot, ask, false, out),
            Some(word) => {
                let mut next = *world;
                next.slots[slot].call = Call::None;
                let broken = self.hear(&mut next, slot, ask, word, false);
                // An answer to something else than what is due by now says nothing about that.
                next.slots[slot].asked &= self.due(&next, slot) == Some(ask);
                push(out, slot, What::Heard(ask, word), next, broken);
            }
        }
        if world.fits(ask.harm(), slot) {
            let mut next = world.harmed(ask.harm(), slot);
            next.slots[slot].call = Call::None;
            self.lost(next, slot, ask, answered.is_some(), out);
            if answered.is_none() && ask == Ask::Charge {
                let mut next = next;
                let broken = self.hear(&mut next, slot, ask, Word::NotSent, false);
                push(out, slot, What::NotSent(ask), next, broken);
            }
            if answered.is_none() && world.slots[slot].old == Call::None {
                let mut next = next;
                (next.slots[slot].old, next.slots[slot].orphan) = (call, true);
                let broken = self.hear(&mut next, slot, ask, Word::Lost, false);
                next.slots[slot].asked = false;
                push(out, slot, What::Delayed(ask), next, broken);
            }
        }
        if world.fits(HARM_WORKER, slot) && world.slots[slot].old == Call::None {
            let mut next = world.harmed(HARM_WORKER, slot);
            (next.slots[slot].old, next.slots[slot].call) = (call, Call::None);
            next.slots[slot].asked = false;
            push(out, slot, What::TakenOver(ask), next, None);
        }
    }

    fn lost(&mut self, mut next: World, slot: usize, ask: Ask, answer: bool, out: &mut Vec<Next>) {
        let is_code = self.rail(&next, slot).is_code();
        let word = match (self.defect, ask) {
            (Defect::LostCloseIsClosed, Ask::Close) => Word::Closed,
            (Defect::LostChargeIsRefused, Ask::Charge) => Word::Refused,
            _ => Word::Lost,
        };
        let mut broken = self.hear(&mut next, slot, ask, word, false);
        if self.defect == Defect::LostChargeIsRefused && ask == Ask::Charge && is_code {
            // A charge in the call is confirmed by a query, which the fault leaves out.
            broken = broken.or(self.hear(&mut next, slot, Ask::Query, word, false));
        }
        if self.defect == Defect::BlindResend && ask == Ask::Charge && is_code {
            next.slots[slot].charged_again = true;
        }
        next.slots[slot].asked = false;
        let what = if answer { What::AnswerLost(ask) } else { What::RequestLost(ask) };
        push(out, slot, what, next, broken);
    }

    fn of_old_call(&mut self, world: &World, slot: usize, out: &mut Vec<Next>) {
        match world.slots[slot].old {
            Call::None => {}
            Call::Way(ask) => self.executed(world, slot, ask, true, out),
            Call::Back(ask, word) => {
                let mut next = *world;
                next.slots[slot].old = Call::None;
                let (what, broken) = match machine::outlives_its_claim(ask, word) {
                    true => (What::LateHeard(ask, word), self.hear(&mut next, slot, ask, word, false)),
                    false => (What::LateDropped(ask, word), None),
                };
                push(out, slot, what, next, broken);
            }
        }
    }

    /// A request arrives at the rail.
    fn executed(&mut self, world: &World, slot: usize, ask: Ask, old: bool, out: &mut Vec<Next>) {
        let (rail, over) = (self.rail(world, slot), self.is_over(world));
        for (truth, word) in rail.take(world.slots[slot].truth, ask, over) {
            let mut next = *world;
            let order = &mut next.slots[slot];
            if ask == Ask::Charge && truth == Truth::Paid && order.truth != Truth::Paid {
                order.notice = Notice::OnItsWay;
            }
            order.become_true(truth);
            if !old {
                order.call = Call::Back(ask, word);
                order.asked = true;
                push(out, slot, What::Executed(ask, word), next, None);
                continue;
            }
            order.old = if order.orphan { Call::None } else { Call::Back(ask, word) };
            order.orphan = false;
            push(out, slot, What::LateExecuted(ask, word), next, None);
        }
    }

    /// The worker does what is due.
    fn of_duty(&mut self, world: &World, slot: usize, out: &mut Vec<Next>) {
        let order = &world.slots[slot];
        if order.call != Call::None || order.asked {
            return;
        }
        let place = u8::try_from(slot).expect("few slots");
        let Some(ask) = self.due(world, slot) else { return };
        if ask == Ask::Charge {
            return self.act_if(*world, slot, What::Sent(ask), Input::Send(place), out);
        }
        if self.defect == Defect::SleepsAfterExpiry && self.is_over(world) {
            return;
        }
        let mut next = *world;
        if ask.reads() {
            let told = self.rail(world, slot).take(order.truth, ask, self.is_over(world));
            next.slots[slot].call = Call::Back(ask, told[0].1);
            next.slots[slot].asked = true;
        } else {
            next.slots[slot].call = Call::Way(ask);
        }
        push(out, slot, What::Sent(ask), next, None);
    }

    /// What a worker would do about an order.
    fn due(&self, world: &World, slot: usize) -> Option<Ask> {
        match self.machine.get(world.intent).attempts[slot].duty {
            Duty::Rest => None,
            Duty::Send => Some(Ask::Charge),
            Duty::Call(Verb::Query) => Some(Ask::Query),
            Duty::Call(Verb::Close) => Some(Ask::Close),
            Duty::Call(Verb::Reverse) => Some(Ask::Reverse),
            Duty::Call(Verb::QueryReverse) => Some(Ask::QueryReverse),
            Duty::Call(verb) => unreachable!("{verb:?} is no duty about an order that is charged at once"),
        }
    }

    fn of_refund(&mut self, world: &World, slot: usize, out: &mut Vec<Next>) {
        let order = &world.slots[slot];
        if order.refund == 0 {
            return;
        }
        let (rail, seconds) = (self.rail(world, slot), self.seconds(world));
        if order.refund_old {
            let mut next = *world;
            let (truth, word) = rail.take(order.truth, Ask::Refund, false)[0];
            next.slots[slot].become_true(truth);
            next.slots[slot].refund_old = false;
            push(out, slot, What::LateExecuted(Ask::Refund, word), next, None);
        }
        let ask = match order.refund_call {
            Call::None => return self.of_refund_duty(world, slot, seconds, out),
            Call::Way(ask) => {
                let mut next = *world;
                let (truth, word) = rail.take(order.truth, ask, false)[0];
                next.slots[slot].become_true(truth);
                (next.slots[slot].refund_call, next.slots[slot].refund_asked) = (Call::Back(ask, word), true);
                push(out, slot, What::Executed(ask, word), next, None);
                ask
            }
            Call::Back(ask, word) => {
                let mut next = *world;
                next.slots[slot].refund_call = Call::None;
                let broken = self.hear_of_refund(&mut next, slot, ask, word);
                push(out, slot, What::Heard(ask, word), next, broken);
                ask
            }
        };
        if !world.fits(ask.harm(), slot) {
            return;
        }
        let mut next = world.harmed(ask.harm(), slot);
        next.slots[slot].refund_call = Call::None;
        let broken = self.hear_of_refund(&mut next, slot, ask, Word::Lost);
        next.slots[slot].refund_asked = false;
        let what = match order.refund_call {
            Call::Way(_) => What::RequestLost(ask),
            Call::None | Call::Back(..) => What::AnswerLost(ask),
        };
        push(out, slot, what, next, broken.clone());
        if order.refund_call == Call::Way(Ask::Refund) {
            next.slots[slot].refund_old = true;
            push(out, slot, What::Delayed(ask), next, broken);
        }
    }

    fn of_refund_duty(&mut self, world: &World, slot: usize, seconds: i64, out: &mut Vec<Next>) {
        let order = &world.slots[slot];
        if order.refund_asked {
            return;
        }
        let mut next = *world;
        match self.machine.refund(order.refund).duty(crate::samples::at(seconds)) {
            Duty::Rest => {}
            Duty::Send => {
                let (number, _) = self.machine.refund_step(order.refund, seconds, None).expect("it is due");
                next.slots[slot].refund = number;
                next.slots[slot].refund_call = Call::Way(Ask::Refund);
                push(out, slot, What::Sent(Ask::Refund), next, None);
            }
            Duty::Call(_) => {
                let (_, word) = self.rail(world, slot).take(order.truth, Ask::QueryRefund, false)[0];
                next.slots[slot].refund_call = Call::Back(Ask::QueryRefund, word);
                next.slots[slot].refund_asked = true;
                push(out, slot, What::Sent(Ask::QueryRefund), next, None);
            }
        }
    }

    fn rail(&self, world: &World, slot: usize) -> Rail {
        self.variant.rails[usize::from(world.slots[slot].rail)]
    }

    fn act_if(&mut self, mut next: World, slot: usize, what: What, input: Input, out: &mut Vec<Next>) {
        if let Some(broken) = self.act(&mut next, input) {
            push(out, slot, what, next, broken);
        }
    }

    /// News of an order reaches the machine.
    fn hear(
        &mut self,
        world: &mut World,
        slot: usize,
        ask: Ask,
        word: Word,
        noticed: bool,
    ) -> Option<String> {
        let place = u8::try_from(slot).expect("few slots");
        let (ask, word) = match (self.defect, ask, word) {
            (Defect::AbsentIsClosed, Ask::Query | Ask::Close, Word::Absent) => (ask, Word::Closed),
            (Defect::MaybePaidIsRefused, Ask::Close, Word::MaybePaid) => (Ask::Query, Word::Refused),
            (Defect::ReverseForgetsMoney, _, Word::Returned) => (ask, Word::Closed),
            _ => (ask, word),
        };
        let deaf = self.defect == Defect::DeafAfterCancel && noticed && self.is_canceled(world);
        if !deaf {
            let booked = world.slots[slot].booked;
            let broken = self.act(world, Input::Hear { slot: place, ask, word, noticed });
            if let Some(Some(broken)) = broken {
                return Some(broken);
            }
            if self.defect == Defect::BooksEachHearing && word == Word::Paid && booked != 0 {
                return book(&mut world.slots[slot], CAPTURED);
            }
        }
        if word == Word::Paid {
            return laws::of_paid_news(self.machine.get(world.intent), slot);
        }
        None
    }

    fn is_canceled(&self, world: &World) -> bool {
        let intent = &self.machine.get(world.intent).intent;
        intent.wish == Wish::Cancel || intent.state == paifang_payment::intent::State::Canceled
    }

    fn hear_of_refund(&mut self, world: &mut World, slot: usize, ask: Ask, word: Word) -> Option<String> {
        let seconds = self.seconds(world);
        let order = &mut world.slots[slot];
        if self.defect == Defect::RefundUnderNewNumber && ask == Ask::Refund && word == Word::Lost {
            order.refunded_again = true;
        }
        let (number, posting) = self.machine.refund_step(order.refund, seconds, Some((ask, word)))?;
        (order.refund, order.refund_asked) = (number, false);
        match posting {
            Some(refund::Posting::Returned) => book(order, REFUNDED),
            Some(
                refund::Posting::Reserved
                | refund::Posting::Released
                | refund::Posting::Funded
                | refund::Posting::Reversed,
            )
            | None => None,
        }
    }

    /// Hands an input to the machine and carries out what follows. `None`: nothing happened.
    fn act(&mut self, world: &mut World, input: Input) -> Option<Option<String>> {
        let seconds = self.seconds(world);
        let moved = self.machine.step(world.intent, seconds, input)?;
        if moved.next != world.intent {
            world.intent = moved.next;
            world.slots.iter_mut().for_each(|slot| slot.asked = false);
        }
        let mut broken = moved.broken.clone();
        for place in moved.opened.iter().copied().map(usize::from) {
            if place >= SLOTS {
                return Some(Some(format!("more orders than the {SLOTS} that the search has room for")));
            }
            let rail = self.machine.get(moved.next).attempts[place].rail;
            world.slots[place] = Slot { used: true, rail, call: Call::Way(Ask::Charge), ..Slot::UNUSED };
        }
        if let Input::Send(slot) = input {
            world.slots[usize::from(slot)].call = Call::Way(Ask::Charge);
        }
        for (booking, place) in &moved.postings {
            let second = self.defect == Defect::SecondPaymentIsAccepted;
            let stays = self.defect == Defect::LateMoneyStays;
            let slot = &mut world.slots[usize::from(*place)];
            let wrong = match booking {
                Booking::Captured => book(slot, CAPTURED),
                Booking::Returned => book(slot, RETURNED),
                Booking::Late if second => book(slot, CAPTURED),
                Booking::Late if stays => book(slot, LATE),
                Booking::Late => {
                    slot.refund = self.machine.open_refund(seconds);
                    slot.refund_call = Call::Way(Ask::Refund);
                    book(slot, LATE)
                }
            };
            broken = broken.or(wrong);
        }
        Some(broken)
    }
}

/// I8: money comes in once per order and goes back once.
fn book(slot: &mut Slot, booking: u8) -> Option<String> {
    let comes_in = CAPTURED | LATE | RETURNED;
    let goes_back = RETURNED | REFUNDED;
    let twice = |kind: u8| booking & kind != 0 && slot.booked & kind != 0;
    let broken = twice(comes_in) || twice(goes_back);
    slot.booked |= booking;
    broken.then(|| "I8: the same money is booked twice".into())
}

fn push(out: &mut Vec<Next>, slot: usize, what: What, world: World, broken: Option<String>) {
    out.push(Next { action: Action { slot, what }, world, broken });
}
