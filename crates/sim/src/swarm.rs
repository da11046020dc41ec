//! Which faults a run has, and how often: drawn from the seed, most of them absent in most runs, so that every run is
//! another mixture (swarm testing).

use jiff::SignedDuration;

use crate::exec::Exec;

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
}

impl NetFault {
    /// All of them.
    pub const ALL: [Self; 17] = [
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
        }
    }
}

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
        };
        if exec.happens(450) {
            drawn.insist(exec);
        }
        drawn
    }

    /// Insists on one fault that strikes again and again, so that it meets each state of an order.
    fn insist(&mut self, exec: &Exec) {
        let often = exec.draw(|chance| chance.u32(150..=600));
        let minutes = SignedDuration::from_mins(exec.draw(|chance| chance.i64(1..=4)));
        let which = exec.draw(|chance| chance.usize(0..NetFault::ALL.len() + 5));
        match (NetFault::ALL.get(which), which - which.min(NetFault::ALL.len())) {
            (Some(fault), _) => self.net = vec![(*fault, often)],
            (None, 0) => self.commit_fails = often / 3,
            (None, 1) => self.commit_unknown = often / 3,
            (None, 2) => self.crash = often / 6,
            (None, 3) => self.kill_every = Some(minutes),
            (None, _) => self.pause_every = Some(minutes),
        }
    }
}
