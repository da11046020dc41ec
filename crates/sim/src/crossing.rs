//! What a run does that goes for one cell ([`crate::aim`]): whoever stands where the cell's transition begins is struck by the
//! cell's fault, once; what was answered may be heard late, or by nobody, because the replica has lost its store; meanwhile
//! the payer may pay, a replica die or stand still, the rail change its key, or the merchant give a hold back by hand.

use std::sync::Arc;

use jiff::SignedDuration;
use paifang_mock_rails::{PayerAct, PayerTarget};
use paifang_payment::attempt::Attempt;
use paifang_payment::{OrderNo, Presentation, Verb};
use paifang_rail::{Call, Order, OrderKind, Plan, ReleaseOrder};

use crate::aim::{Aim, OFTEN};
use crate::exec::{OUTSIDE, Process, locked};
use crate::net::request;
use crate::rails::SimAccount;
use crate::swarm::{NetFault, Rotation};
use crate::universe::Universe;

/// How often a replica loses its store after it asked about what is aimed at, in thousandths, and for how long.
const CUT_OFF: u32 = 450;
const CUT_OFF_S: [i64; 4] = [3, 20, 60, 200];
/// How often an answer about it takes long, and how long at most: a client waits for ten seconds.
const SLOW: u32 = 400;
const SLOW_MS: i64 = 9_000;
/// How often the transition's commit fails.
const SPOILS: u32 = 700;
/// How often a commit fails that leads to where the transition begins.
const LEADS: u32 = 200;
/// How often the payer pays meanwhile.
const PAYS: u32 = 350;
/// Whoever is to stand still until after the order's own end does so for so long.
const UNTIL_EXPIRED: SignedDuration = SignedDuration::from_mins(22);

impl Universe {
    /// Whether a fault may strike what has this number, as far as a run goes for something.
    pub fn is_aimed_at(&self, number: &str) -> bool {
        let Some(aim) = &self.swarm.aim else { return true };
        self.stands_at(aim, number)
    }

    fn stands_at(&self, aim: &Aim, number: &str) -> bool {
        let stands = locked(&self.stands);
        stands.get(number).is_some_and(|(what, state, _)| aim.begins(what, state))
    }

    /// What befalls this exchange in a run that goes for something.
    pub fn strikes_aimed(&self, aim: &Aim, account: &SimAccount, about: &(Verb, String)) -> Option<NetFault> {
        let opens = matches!(about.0, Verb::Charge | Verb::Refund);
        let stands = self.stands_at(aim, &about.1);
        // What the fault leaves undone has to be done by an earlier copy.
        let is_copied = !aim.leaves_nothing() || locked(&self.copied).contains(&about.1);
        if stands && (!opens || is_copied && self.exec.happens(800)) {
            let last = locked(&self.struck).get(&about.1).copied().unwrap_or("none");
            let unstruck = aim.strikes().iter().all(|fault| fault.name() != last);
            let fit = aim.strikes().iter().filter(|fault| self.can_strike(**fault, account, about));
            let fit: Vec<NetFault> = fit.copied().collect();
            if unstruck && !fit.is_empty() && self.exec.happens(OFTEN) {
                return Some(fit[self.exec.draw(|chance| chance.usize(0..fit.len()))]);
            }
            if !unstruck {
                return None;
            }
        }
        // A payer's code is not lost on the way: it is what finds the late money.
        let code = aim.is_late_money() && locked(&self.left).contains(&about.1);
        let before = if code { [].iter() } else { aim.prelude(about.0).iter() };
        let mut struck = before.filter(|(fault, _)| self.can_strike(*fault, account, about));
        let fault = struck.find(|(_, often)| self.exec.happens(*often)).map(|(fault, _)| *fault);
        if opens && fault == Some(NetFault::Delayed) {
            locked(&self.copied).insert(about.1.clone());
        }
        fault
    }

    /// Whoever is struck may be paid soon after it.
    pub fn perhaps_paid_soon(self: &Arc<Self>, account: &Arc<SimAccount>, number: &str) {
        let aimed = self.swarm.aim.as_ref().is_some_and(|aim| self.stands_at(aim, number));
        if aimed && self.chaos() && self.exec.happens(PAYS) {
            let (universe, account, number) = (self.clone(), account.clone(), number.to_owned());
            self.exec.spawn(OUTSIDE, "payer", async move {
                universe.exec.sleep(universe.exec.millis(0..=20_000)).await;
                universe.pays_meanwhile(&account, &number).await;
            });
        }
    }

    /// The replica that asks may lose its store (F23): then nobody hears the answer.
    pub fn perhaps_cut_off(&self, process: Process, (verb, number): (Verb, &str)) {
        let Some(aim) = self.swarm.aim.as_ref().filter(|aim| self.chaos() && self.stands_at(aim, number))
        else {
            return;
        };
        let ends_unheard = aim.is_move("Sending", "Closed");
        let since = locked(&self.stands).get(number).map(|(_, _, since)| *since);
        let young = since.is_some_and(|since| self.exec.passed().saturating_sub(since) < UNTIL_EXPIRED);
        let sends = (aim.begins("attempt", "Sending") || aim.begins("refund", "sending"))
            && matches!(verb, Verb::Charge | Verb::Refund);
        // Other answers have to be heard: the doubled payment, the failing commit and the unknown key come with them.
        let heard = ["F05", "F15", "F22", "F24"].iter().any(|fault| aim.is_of(fault));
        let asked = aim.is_of("F15") || aim.fails_unwritten() || aim.is_declined() && !aim.is_of("F05");
        let often = match (ends_unheard, heard, sends && heard && asked) {
            (true, ..) => u32::from(young) * 1_000,
            (false, _, true) => 850,
            (false, true, false) => 0,
            (false, false, false) => CUT_OFF,
        };
        if self.exec.happens(often) {
            let time = CUT_OFF_S[self.exec.draw(|chance| chance.usize(0..CUT_OFF_S.len()))];
            let until = self.exec.passed().saturating_add(SignedDuration::from_secs(time));
            self.trace.fault("F23-store-away", &format!("replica {process} for {time} s"));
            locked(&self.cut_off).insert(process, until);
        }
    }

    /// Whether this replica cannot reach its store.
    pub fn is_cut_off(&self, process: Process) -> bool {
        self.chaos() && locked(&self.cut_off).get(&process).is_some_and(|until| self.exec.passed() < *until)
    }

    /// The payer may pay what was shown before, and that be known, right before the rail takes the next order.
    pub async fn perhaps_pays_earlier(&self, account: &SimAccount, (verb, number): &(Verb, String)) {
        let wanted = *verb == Verb::Charge && self.swarm.aim.as_ref().is_some_and(Aim::pays_earlier_ones);
        if !wanted || !self.chaos() || !self.exec.happens(OFTEN) {
            return;
        }
        let Some((row, _)) = self.attempt(&account.id, number).await else { return };
        for earlier in row.intent.attempts.iter().filter(|known| known.terms.order_no.as_str() != number) {
            if let Some(account) = self.accounts.iter().find(|known| known.id == earlier.terms.account) {
                let target = PayerTarget::OrderNo(earlier.terms.order_no.to_string());
                drop(account.mock.payer(PayerAct::Scan(target)));
                self.pays_meanwhile(account, earlier.terms.order_no.as_str()).await;
            }
        }
        self.exec.sleep(self.exec.millis(500..=1_500)).await;
    }

    /// The payer may turn away right before the rail is asked.
    pub fn perhaps_declined(&self, account: &SimAccount, number: &str) {
        let declines = |aim: &Aim| aim.is_of("F05") && aim.is_declined() && self.stands_at(aim, number);
        if self.chaos() && self.swarm.aim.as_ref().is_some_and(declines) && self.exec.happens(OFTEN) {
            account.bench.clock.set(self.exec.now());
            let declined = account.mock.payer(PayerAct::Decline(PayerTarget::OrderNo(number.to_owned())));
            self.trace.note(format_args!("{number} is declined: {}", declined.is_ok()));
        }
    }

    /// The rail has answered; before it is heard, time may pass and the payer pay.
    pub async fn crossing(&self, account: &SimAccount, about: &(Verb, String)) {
        let aimed =
            self.swarm.aim.as_ref().is_some_and(|aim| !aim.is_of("F15") && self.stands_at(aim, &about.1));
        let (slow, pays) = if self.swarm.charged_again > 0 { (800, 700) } else { (SLOW, PAYS) };
        if !aimed || !self.chaos() || !self.exec.happens(slow) {
            return;
        }
        self.exec.sleep(self.exec.millis(1..=SLOW_MS / 2)).await;
        if self.exec.happens(pays) {
            self.pays_meanwhile(account, &about.1).await;
        }
        self.exec.sleep(self.exec.millis(1..=SLOW_MS / 2)).await;
        self.perhaps_charged_again(account, &about.1);
    }

    async fn pays_meanwhile(&self, account: &SimAccount, number: &str) {
        let Some((_, attempt)) = self.attempt(&account.id, number).await else { return };
        if attempt.terms.presentation == Presentation::PayerCode {
            return;
        }
        account.bench.clock.set(self.exec.now());
        let payable = account.mock.orders().iter().any(|order| order.order_no == number && order.payable);
        if payable && self.swarm.aim.as_ref().is_some_and(|aim| aim.is_of("F05") && aim.ends_unpaid()) {
            return;
        }
        let act = PayerAct::Pay { target: PayerTarget::OrderNo(number.to_owned()), force: true };
        let word = account.mock.payer(act).map_or_else(|error| error.to_string(), |_| "done".to_owned());
        self.trace.note(format_args!("{number} is paid while it is spoken of: {word}"));
        self.perhaps_charged_again(account, number);
    }

    /// Something has come to a state; where the aim begins there, something may soon happen.
    pub fn came(self: &Arc<Self>, what: &'static str, number: &str, state: &'static str) {
        locked(&self.stands).insert(number.to_owned(), (what, state, self.exec.passed()));
        let Some(aim) = self.swarm.aim.clone().filter(|aim| aim.begins(what, state)) else { return };
        if !self.chaos() {
            return;
        }
        if aim.is_move("Held", "Closed") {
            let (universe, number) = (self.clone(), number.to_owned());
            self.exec.spawn(OUTSIDE, "console", async move {
                universe.exec.sleep(universe.exec.millis(1_000..=1_500_000)).await;
                universe.give_back_by_hand(&number).await;
            });
        }
        if aim.is_of("F05") && !aim.ends_unpaid() && !aim.is_declined() && self.exec.happens(OFTEN) {
            let (universe, number) = (self.clone(), number.to_owned());
            self.exec.spawn(OUTSIDE, "payer", async move {
                universe.exec.sleep(universe.exec.millis(0..=6_000)).await;
                for account in &universe.accounts {
                    universe.pays_meanwhile(account, &number).await;
                }
            });
        }
        let rotates = aim.is_of("F15");
        let often = if rotates && aim.is_move("Sending", "Late") { 200 } else { OFTEN };
        if !(aim.is_of("F19") || aim.is_of("F27") || rotates) || !self.exec.happens(often) {
            return;
        }
        let sends = state.eq_ignore_ascii_case("sending");
        let soon = if rotates && ["AwaitingPayer", "InDoubt"].contains(&state) && self.exec.happens(700) {
            2_000
        } else if sends && rotates {
            0
        } else {
            [300, 6_000, 60_000][self.exec.draw(|chance| chance.usize(0..3))]
        };
        self.soon_befalls(&aim, number, soon);
    }

    /// Within so many milliseconds a replica dies or stands still, or the rail changes its key.
    fn soon_befalls(self: &Arc<Self>, aim: &Aim, number: &str, soon: i64) {
        let (kills, rotates) = (aim.is_of("F19"), aim.is_of("F15"));
        let (universe, soon) = (self.clone(), self.exec.millis(0..=soon));
        let (unknown_s, number) = (aim.key_unknown_s(), number.to_owned());
        self.exec.spawn(OUTSIDE, "aim", async move {
            universe.exec.sleep(soon).await;
            if !universe.chaos() {
                return;
            }
            if rotates {
                return universe.rotate_now(unknown_s, &number).await;
            }
            let Some((process, _)) = universe.any_replica() else { return };
            if kills { universe.kill(process, "aim") } else { universe.pause(process) }
        });
    }

    /// The order's rail, or that of the run, begins to sign with its next key, which we have some time later.
    async fn rotate_now(self: Arc<Self>, unknown_s: &[i64], number: &str) {
        let Some(mut rotation) = self.swarm.rotation else { return };
        for (rail, account) in self.accounts.iter().enumerate() {
            if self.attempt(&account.id, number).await.is_some() {
                rotation.rail = rail;
            }
        }
        // UnionPay's messages carry their certificates.
        let begun = self.accounts.get(rotation.rail).filter(|account| account.mock.name() != "unionpay");
        let begun = begun.is_none_or(|account| std::mem::replace(&mut locked(&account.rotating).begun, true));
        if !begun {
            let seconds = unknown_s[self.exec.draw(|chance| chance.usize(0..unknown_s.len()))];
            let known = SignedDuration::from_secs(seconds);
            self.rotate(Rotation { switch: SignedDuration::ZERO, known, ..rotation }).await;
        }
    }

    /// Whether this commit is one that is to fail, or to end in doubt (F22, F24).
    pub fn spoils_commit(self: &Arc<Self>, family: &str, moves: &[(&str, &str, &str)]) -> bool {
        if let Some(aim) =
            self.swarm.aim.as_ref().filter(|aim| aim.begins_with_nothing() && aim.is_made_by(moves))
            && (aim.is_of("F19") || aim.is_of("F27"))
            && family == "F22"
            && self.chaos()
            && self.exec.happens(OFTEN)
        {
            // What has no number yet is struck by it, and then by what befalls a replica.
            self.soon_befalls(aim, "", 500);
            return true;
        }
        let Some(aim) = self.swarm.aim.as_ref().filter(|aim| aim.is_of(family) && self.chaos()) else {
            return false;
        };
        // What fails before it has begun is told again by the move that begins it.
        let often = if aim.is_made_by(moves) || family == "F22" {
            u32::from(aim.is_made_by(moves)) * SPOILS
        } else {
            u32::from(aim.is_led_to_by(moves)) * LEADS
        };
        self.exec.happens(often)
    }

    /// Whether a replica dies at this point of this flow.
    pub fn crashes(&self, point: &str, label: &str) -> bool {
        let aimed = self.swarm.aim.as_ref().is_some_and(|aim| aim.kills_at(point, label));
        self.chaos() && (self.exec.happens(self.swarm.crash) || aimed && self.exec.happens(OFTEN))
    }

    /// Somebody of the merchant's gives a hold back at the rail's own console, under a number that we never hear.
    async fn give_back_by_hand(&self, number: &str) {
        for account in &self.accounts {
            let Some((_, attempt)) = self.attempt(&account.id, number).await else { continue };
            let done = self.release_at(account, &attempt).await;
            self.trace.note(format_args!("{number} is given back by hand: {done:?}"));
        }
    }

    async fn release_at(&self, account: &SimAccount, attempt: &Attempt) -> Option<u16> {
        let terms = &attempt.terms;
        let hold = Order {
            kind: OrderKind::Hold,
            order_no: terms.order_no.clone(),
            amount: terms.amount,
            presentation: terms.presentation,
            rail_ref: attempt.rail_ref.clone(),
            opened_at: terms.opened_at,
            expires_at: terms.expires_at,
        };
        let release_no = OrderNo::parse(&format!("byhand{:026}", self.exec.passed().as_millis())).ok()?;
        let order = ReleaseOrder { hold, release_no, opened_at: self.exec.now() };
        let nonce = format!("{:032x}", self.exec.draw(|chance| chance.u128(..)));
        let ring = account.ring();
        let cx = account.context(&ring, &nonce, self.exec.now());
        let Ok(Plan::Send(exchange)) = account.adapter.plan(&Call::Release(&order), &cx) else { return None };
        account.bench.clock.set(self.exec.now());
        match account.mock.handle(request(&exchange)).await {
            paifang_mock_rails::RailReply::Answer { status, .. } => Some(status.as_u16()),
            paifang_mock_rails::RailReply::Dropped => None,
        }
    }
}
