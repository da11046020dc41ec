//! Which faults a run has, and how often: drawn from the seed, most of them absent in most runs, so that every run is
//! another mixture (swarm testing).

use jiff::SignedDuration;

use crate::aim::Aim;
use crate::exec::Exec;
use crate::habits::Profile;

/// What can happen to one exchange with a rail. The numbers of `docs/reliability.md` stand beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetFault {
    /// The connection is refused: proven that nothing was sent.
    NotConnected,
    /// F01: lost before the rail sees it.
    RequestLost,
    /// F02: executed, and the answer is lost.
    AnswerLost,
    /// F03: executed, and answered just before or after the deadline.
    AnswerLate,
    /// F04: executed minutes later, when everybody has given up on it.
    Delayed,
    /// It arrives twice.
    Twice,
    /// F07: an HTML page with status 502 instead of the work.
    PageInstead,
    /// F07: the work is done, then an HTML page with status 502.
    PageAfter,
    /// F07: the answer is cut.
    Cut,
    /// F08: one byte of the answer is another one.
    Garbled,
    /// F08: the answer's signature belongs to other bytes.
    WrongSignature,
    /// F08: the answer is not signed.
    Unsigned,
    /// F06: a code that leaves everything open instead of the work.
    UnsureCode,
    /// F06: a code that refuses for good instead of the work.
    RefusingCode,
    /// F09: a query is answered with what the rail said earlier.
    Stale,
    /// F14: too many calls; nothing is done.
    RateLimited,
    /// F18: a refund is accepted, and fails later.
    RefundFails,
    /// F10: a reverse is answered "again" for minutes, and may be carried out behind that.
    CancelAgain,
}

impl NetFault {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::NotConnected,
        Self::RequestLost,
        Self::AnswerLost,
        Self::AnswerLate,
        Self::Delayed,
        Self::Twice,
        Self::PageInstead,
        Self::PageAfter,
        Self::Cut,
        Self::Garbled,
        Self::WrongSignature,
        Self::Unsigned,
        Self::UnsureCode,
        Self::RefusingCode,
        Self::Stale,
        Self::RateLimited,
        Self::RefundFails,
        Self::CancelAgain,
    ];

    /// Its name in the coverage lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotConnected => "not-connected",
            Self::RequestLost => "F01-request-lost",
            Self::AnswerLost => "F02-answer-lost",
            Self::AnswerLate => "F03-answer-late",
            Self::Delayed => "F04-delayed",
            Self::Twice => "twice",
            Self::PageInstead => "F07-page-instead",
            Self::PageAfter => "F07-page-after",
            Self::Cut => "F07-cut",
            Self::Garbled => "F08-garbled",
            Self::WrongSignature => "F08-wrong-signature",
            Self::Unsigned => "F08-unsigned",
            Self::UnsureCode => "F06-unsure-code",
            Self::RefusingCode => "F06-refusing-code",
            Self::Stale => "F09-stale",
            Self::RateLimited => "F14-rate-limited",
            Self::RefundFails => "F18-refund-fails",
            Self::CancelAgain => "F10-cancel-again",
        }
    }
}

/// How many runs insist on one fault, in thousandths.
const INSISTING: u32 = 650;

/// The mixture of one run. Frequencies are in thousandths.
#[derive(Debug, Clone)]
pub struct Swarm {
    /// Replicas at the start.
    pub replicas: u32,
    /// Customers.
    pub customers: u32,
    /// How long faults go on.
    pub chaos: SignedDuration,
    /// How often a lane looks for work.
    pub look_every: SignedDuration,
    /// Per exchange.
    pub net: Vec<(NetFault, u32)>,
    /// A rail that is away for a while (F13): which one, from when, how long.
    pub away: Option<(usize, SignedDuration, SignedDuration)>,
    /// Per commit: it fails and nothing was written.
    pub commit_fails: u32,
    /// Per commit: it is written, and the caller is told that nobody knows.
    pub commit_unknown: u32,
    /// Per call: the store takes its time, up to so many milliseconds.
    pub store_slow: (u32, i64),
    /// Per read: the store is not there.
    pub read_fails: u32,
    /// Per named crash point (F19).
    pub crash: u32,
    /// How often a replica is killed just so.
    pub kill_every: Option<SignedDuration>,
    /// How often a replica is paused past its lease.
    pub pause_every: Option<SignedDuration>,
    /// How far a replica's clock is off.
    pub skew: SignedDuration,
    /// Per notice: this try is lost.
    pub notice_lost: u32,
    /// Per notice: it comes twice.
    pub notice_twice: u32,
    /// Per payment: the notice names another amount, signed by the rail (F52).
    pub notice_amount: u32,
    /// How late a notice may be.
    pub notice_late: SignedDuration,
    /// Per exchange and payment: the rail forgets that it has the payer's money, and takes it again (F05).
    pub charged_again: u32,
    /// A rail's key changes (F15).
    pub rotation: Option<Rotation>,
    /// Which sort of customers there is.
    pub profile: Profile,
    /// Most of them pay by this rail.
    pub rail: Option<usize>,
    /// WeChat Pay's refunds take a while, and so do the payers' passwords.
    pub slow: bool,
    /// The cell that the run goes for.
    pub aim: Option<Aim>,
    /// The storefront has rules.
    pub ruled: bool,
    /// The storefront sends back a lot in one go.
    pub bulks: bool,
}

/// The change of a rail's signing key, and when our side has the next one.
#[derive(Debug, Clone, Copy)]
pub struct Rotation {
    /// Which rail.
    pub rail: usize,
    /// From then on the rail signs with the next key.
    pub switch: SignedDuration,
    /// After which time our side fetches it, or is given it.
    pub known: SignedDuration,
}

impl Swarm {
    /// Draws a mixture.
    pub fn draw(exec: &Exec) -> Self {
        let sometimes = |per_mille: u32, range: std::ops::RangeInclusive<u32>| {
            if exec.happens(per_mille) { exec.draw(|chance| chance.u32(range)) } else { 0 }
        };
        let net = NetFault::ALL.map(|fault| (fault, sometimes(300, 20..=200)));
        let net = net.into_iter().filter(|(_, often)| *often > 0).collect();
        let hours = [1, 2, 2, 3, 9];
        let hours = hours[exec.draw(|chance| chance.usize(0..hours.len()))];
        let minutes = |range: std::ops::RangeInclusive<i64>| {
            SignedDuration::from_mins(exec.draw(|chance| chance.i64(range)))
        };
        let mut drawn = Self {
            replicas: exec.draw(|chance| chance.u32(1..=3)),
            customers: exec.draw(|chance| chance.u32(4..=14)),
            chaos: SignedDuration::from_hours(hours),
            look_every: SignedDuration::from_secs(if hours > 3 { 30 } else { 5 }),
            net,
            away: exec
                .happens(200)
                .then(|| (exec.draw(|chance| chance.usize(0..3)), minutes(0..=30), minutes(1..=hours * 45))),
            commit_fails: sometimes(250, 5..=60),
            commit_unknown: sometimes(250, 5..=60),
            store_slow: match sometimes(300, 100..=500) {
                0 => (30, 40),
                often => (often, exec.draw(|chance| chance.i64(100..=3_000))),
            },
            read_fails: sometimes(150, 5..=40),
            crash: sometimes(400, 4..=40),
            kill_every: exec.happens(300).then(|| minutes(2..=20)),
            pause_every: exec.happens(300).then(|| minutes(2..=20)),
            skew: exec.millis(-2_000..=2_000),
            notice_lost: sometimes(300, 100..=700),
            notice_twice: sometimes(300, 100..=500),
            notice_amount: sometimes(150, 100..=500),
            notice_late: SignedDuration::from_secs(i64::from(sometimes(500, 1..=900))),
            charged_again: sometimes(200, 20..=300),
            rotation: exec.happens(200).then(|| Rotation {
                // UnionPay's messages carry their certificates, and are believed by the chain.
                rail: exec.draw(|chance| chance.usize(0..2)),
                switch: minutes(0..=hours * 30),
                known: minutes(0..=hours * 45),
            }),
            profile: Profile::Mixed,
            rail: None,
            slow: false,
            aim: None,
            ruled: false,
            bulks: false,
        };
        if exec.happens(INSISTING) {
            drawn.insist(exec);
        }
        drawn
    }

    /// A run that goes for one cell: nothing else goes wrong but for what leads there.
    pub fn aimed(exec: &Exec, aim: Aim) -> Self {
        let profile = aim.profile(exec);
        let minutes = |at: i64| SignedDuration::from_mins(at);
        let rotation = Rotation {
            rail: aim.rail().unwrap_or_else(|| exec.draw(|chance| chance.usize(0..2))),
            switch: minutes(0),
            known: minutes(exec.draw(|chance| chance.i64(1..=60))),
        };
        Self {
            replicas: 2,
            customers: exec.draw(|chance| chance.u32(10..=18)),
            chaos: Aim::chaos(profile),
            look_every: SignedDuration::from_secs(if profile.waits_for_looks() { 20 } else { 5 }),
            notice_lost: match (aim.is_late_money(), aim.is_declined() && aim.is_of("F05")) {
                (true, _) => 0,
                (false, true) => 950,
                (false, false) => [0, 300, 850][exec.draw(|chance| chance.usize(0..3))],
            },
            charged_again: if aim.is_of("F05") { 900 } else { 0 },
            rail: if aim.is_of("F15") { Some(rotation.rail) } else { aim.rail() },
            slow: aim.is_slow(),
            rotation: aim.is_of("F15").then_some(rotation),
            profile,
            ruled: aim.is_of_rules(),
            bulks: aim.is_of_bulks(),
            aim: Some(aim),
            ..Self::still()
        }
    }

    /// Nothing goes wrong.
    fn still() -> Self {
        Self {
            replicas: 1,
            customers: 0,
            chaos: SignedDuration::ZERO,
            look_every: SignedDuration::from_secs(5),
            net: Vec::new(),
            away: None,
            commit_fails: 0,
            commit_unknown: 0,
            store_slow: (30, 40),
            read_fails: 0,
            crash: 0,
            kill_every: None,
            pause_every: None,
            skew: SignedDuration::ZERO,
            notice_lost: 0,
            notice_twice: 0,
            notice_amount: 0,
            notice_late: SignedDuration::ZERO,
            charged_again: 0,
            rotation: None,
            profile: Profile::Mixed,
            rail: None,
            slow: false,
            aim: None,
            ruled: false,
            bulks: false,
        }
    }

    /// Insists on one fault that strikes again and again, and on one sort of customers, so that the fault meets each state
    /// of an order. Faults of one number of the catalogue share their turn.
    fn insist(&mut self, exec: &Exec) {
        let one_of = |count: usize| exec.draw(|chance| chance.usize(0..count));
        self.profile = Profile::ALL[one_of(Profile::ALL.len())];
        self.slow = self.profile == Profile::Refunds;
        if self.profile.waits_for_looks() {
            // News comes by our own looks alone, and the last of them, an hour after the end, is in the time of faults.
            self.chaos = self.chaos.max(SignedDuration::from_hours(4));
            self.look_every = SignedDuration::from_secs(20);
            self.notice_lost = 850;
        }
        self.customers += 2;
        let often = exec.draw(|chance| chance.u32(150..=600));
        let minutes = SignedDuration::from_mins(exec.draw(|chance| chance.i64(1..=4)));
        let net: &[NetFault] = match one_of(19) {
            0 => &[NetFault::NotConnected],
            1 => &[NetFault::RequestLost],
            2 => &[NetFault::AnswerLost],
            3 => &[NetFault::AnswerLate],
            4 => &[NetFault::Delayed],
            5 => &[NetFault::Twice],
            6 => &[NetFault::UnsureCode, NetFault::RefusingCode],
            7 => &[NetFault::PageInstead, NetFault::PageAfter, NetFault::Cut],
            8 => &[NetFault::Garbled, NetFault::WrongSignature, NetFault::Unsigned],
            9 => &[NetFault::Stale],
            10 => &[NetFault::RateLimited],
            11 => &[NetFault::CancelAgain, NetFault::RefundFails],
            12 => return self.commit_fails = often / 3,
            13 => return self.commit_unknown = often / 3,
            14 => return self.crash = often / 6,
            15 => return self.kill_every = Some(minutes),
            16 => return self.pause_every = Some(minutes),
            17 => return self.charged_again = often,
            _ => {
                // What is under way at the switch meets it, whatever it is.
                let longest = self.chaos.as_mins() / 2;
                let (from, unknown) = exec.draw(|chance| (chance.i64(0..=longest), chance.i64(10..=60)));
                let switch = SignedDuration::from_mins(from);
                let known = SignedDuration::from_mins(from + unknown);
                return self.rotation = Some(Rotation { rail: one_of(2), switch, known });
            }
        };
        let often = often / u32::try_from(net.len()).unwrap_or(1);
        self.net = net.iter().map(|fault| (*fault, often)).collect();
        if exec.happens(400) {
            // Copies that were executed unheard of, so that what is sent again meets them.
            self.net.extend([(NetFault::AnswerLost, 80), (NetFault::Delayed, 80)]);
        }
    }
}
