//! What a run may go for: one cell of the coverage lists that chance alone hardly meets. Everything else goes well in such a
//! run. The fault of its column strikes only what stands where the cell's transition begins, and what has to go wrong before,
//! so that an order comes there at all, goes wrong as well.

use jiff::SignedDuration;
use paifang_payment::Verb;

use crate::exec::Exec;
use crate::habits::Profile;
use crate::swarm::NetFault;

/// How often the fault strikes where it is wanted, in thousandths.
pub const OFTEN: u32 = 500;
/// How long a run lasts that goes for something.
const CHAOS: SignedDuration = SignedDuration::from_hours(2);
/// And one in which news comes by late looks.
const LONG_CHAOS: SignedDuration = SignedDuration::from_hours(4);

/// Points that only a storefront with rules comes by.
const RULED: [&str; 6] = [
    "complaint.taken",
    "refund.funded",
    "funds.moved",
    "guards.rolled_back",
    "refund.changed",
    "rules.added",
];

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aim {
    /// A transition and what struck last before it: `attempt Closing -> Late x F02`.
    Move {
        /// `attempt` or `refund`.
        what: String,
        /// Where it begins.
        from: String,
        /// Where it ends.
        to: String,
        /// The column, or `none`.
        fault: String,
    },
    /// A point at which a replica dies and the flow that came by it: `killed capture.answered x work`.
    Crash {
        /// The point.
        point: String,
        /// The flow.
        flow: String,
    },
}

impl Aim {
    /// A cell as the lists have it; `None` for anything else.
    pub fn read(cell: &str) -> Option<Self> {
        let (row, column) = cell.split_once(" x ")?;
        let (what, rest) = row.split_once(' ')?;
        if what == "killed" {
            return Some(Self::Crash { point: rest.into(), flow: column.into() });
        }
        let (from, to) = rest.split_once(" -> ")?;
        Some(Self::Move { what: what.into(), from: from.into(), to: to.into(), fault: column.into() })
    }

    fn ends(&self) -> (&str, &str, &str) {
        match self {
            Self::Move { what, from, to, .. } => (what, from, to),
            Self::Crash { .. } => ("", "", ""),
        }
    }

    /// Whether this is the fault of its column.
    pub fn is_of(&self, family: &str) -> bool {
        matches!(self, Self::Move { fault, .. } if fault == family)
    }

    /// Whether the transition begins at this state of this kind.
    pub fn begins(&self, what: &str, state: &str) -> bool {
        let (kind, from, _) = self.ends();
        kind == what && from == state
    }

    /// Whether it is this transition.
    pub fn is_move(&self, from: &str, to: &str) -> bool {
        let (_, begins, ends) = self.ends();
        begins == from && ends == to
    }

    /// Whether a replica is to die here.
    pub fn kills_at(&self, at: &str, label: &str) -> bool {
        matches!(self, Self::Crash { point, flow } if point == at && flow == label)
    }

    /// Whether only a storefront with rules comes by it.
    pub fn is_of_rules(&self) -> bool {
        matches!(self, Self::Crash { point, .. } if RULED.contains(&point.as_str()))
    }

    /// Whether only bulk refunds come by it.
    pub fn is_of_bulks(&self) -> bool {
        matches!(self, Self::Crash { flow, .. } if flow == "bulks")
    }

    /// Whether it is about what a flow that charges comes by when the money is late.
    pub fn is_late_money(&self) -> bool {
        matches!(self, Self::Crash { flow, .. } if flow == "confirm")
    }

    /// Whether what was shown before has to be paid while this order is being sent.
    pub fn pays_earlier_ones(&self) -> bool {
        self.is_late_money() || self.is_move("Sending", "Late")
    }

    /// Whether one of these moves is the transition.
    pub fn is_made_by(&self, moves: &[(&str, &str, &str)]) -> bool {
        moves.contains(&self.ends())
    }

    /// Whether one of these moves leads to where the transition begins.
    pub fn is_led_to_by(&self, moves: &[(&str, &str, &str)]) -> bool {
        let (kind, begins, _) = self.ends();
        moves.iter().any(|(what, _, to)| *what == kind && *to == begins)
    }

    /// What strikes an exchange about something that stands where the transition begins.
    pub fn strikes(&self) -> &'static [NetFault] {
        let Self::Move { fault, .. } = self else { return &[] };
        match fault.as_str() {
            "not-connected" => &[NetFault::NotConnected],
            "F01" => &[NetFault::RequestLost],
            "F02" => &[NetFault::AnswerLost],
            "F03" => &[NetFault::AnswerLate],
            "F04" => &[NetFault::Delayed],
            "twice" => &[NetFault::Twice],
            "F06" => &[NetFault::UnsureCode, NetFault::RefusingCode],
            "F07" => &[NetFault::PageInstead, NetFault::PageAfter, NetFault::Cut],
            "F08" => &[NetFault::Garbled, NetFault::WrongSignature, NetFault::Unsigned],
            "F09" => &[NetFault::Stale],
            "F10" => &[NetFault::CancelAgain],
            "F14" => &[NetFault::RateLimited],
            "F18" => &[NetFault::RefundFails],
            _ => &[],
        }
    }

    /// What strikes an exchange of this verb before that, and how often, in thousandths.
    pub fn prelude(&self, verb: Verb) -> &'static [(NetFault, u32)] {
        const DOUBTS: &[(NetFault, u32)] = &[
            (NetFault::AnswerLost, 200),
            (NetFault::PageAfter, 150),
            (NetFault::RequestLost, 150),
            (NetFault::Delayed, 150),
        ];
        const EXECUTED: &[(NetFault, u32)] = &[(NetFault::AnswerLost, 500), (NetFault::PageAfter, 600)];
        const REFUSED: &[(NetFault, u32)] = &[(NetFault::RefusingCode, 700)];
        const REFUSED_AGAIN: &[(NetFault, u32)] =
            &[(NetFault::RequestLost, 300), (NetFault::RefusingCode, 600)];
        const REFUSED_ORDERS: &[(NetFault, u32)] = &[(NetFault::Delayed, 400), (NetFault::RefusingCode, 600)];
        const FAILS: &[(NetFault, u32)] = &[(NetFault::RefundFails, 800)];
        const COPIES: &[(NetFault, u32)] = &[(NetFault::Delayed, 300)];
        const MOSTLY_COPIES: &[(NetFault, u32)] = &[(NetFault::Delayed, 800)];
        const UNSURE: &[(NetFault, u32)] = &[(NetFault::PageInstead, 500)];
        let opens = match self.ends().0 {
            "refund" => verb == Verb::Refund,
            "attempt" => verb == Verb::Charge,
            _ => matches!(verb, Verb::Charge | Verb::Refund),
        };
        match (self, self.ends()) {
            (Self::Crash { .. }, _) if self.is_late_money() && verb == Verb::Charge => MOSTLY_COPIES,
            (Self::Crash { flow, .. }, _) => {
                if flow == "work" {
                    DOUBTS
                } else {
                    &[]
                }
            }
            (_, ("refund", "sending", "failed")) if self.fails_unwritten() => {
                if opens {
                    FAILS
                } else {
                    &[]
                }
            }
            (_, ("refund", "sending", "failed")) => REFUSED,
            (_, ("refund", "in_doubt", "failed")) if opens => REFUSED_AGAIN,
            (_, ("refund", "processing", "failed")) => FAILS,
            (_, ("attempt", "Refused", _)) if opens => REFUSED_ORDERS,
            (_, ("attempt", "Sending", "Refused")) if opens && self.is_of("F05") => REFUSED_ORDERS,
            (_, ("attempt", "InDoubt", "AwaitingPayer")) if opens => EXECUTED,
            (_, (_, "InDoubt" | "in_doubt", _)) if opens => DOUBTS,
            (_, (_, "Sending" | "sending", _)) if opens && self.leaves_nothing() => MOSTLY_COPIES,
            (_, (_, "Sending" | "sending", _) | (_, _, "Late")) if opens => COPIES,
            (_, ("attempt", "Capturing" | "Releasing", _)) if verb == Verb::Close => COPIES,
            // What was not understood is followed by a question, and another one after what strikes the first.
            (_, ("attempt", "Closing", _))
                if verb == Verb::Close && ["F09", "F22", "F24"].iter().any(|fault| self.is_of(fault)) =>
            {
                UNSURE
            }
            _ => &[],
        }
    }

    /// Whether it is a refund whose failure, told by a notice, cannot be written down at first.
    pub fn fails_unwritten(&self) -> bool {
        self.ends() == ("refund", "sending", "failed") && (self.is_of("F22") || self.is_of("F24"))
    }

    /// Whether the rail does nothing of what the fault strikes: whatever happens after it comes of an earlier copy.
    pub fn leaves_nothing(&self) -> bool {
        ["F01", "F06", "F14", "not-connected"].iter().any(|fault| self.is_of(fault))
    }

    /// Customers who come by this transition.
    pub fn profile(&self, exec: &Exec) -> Profile {
        if self.is_of_rules() {
            return Profile::Refunds;
        }
        if let Self::Crash { point, flow } = self
            && flow != "refund"
            && point.contains("refund")
        {
            // Late money is found by whoever charges, and goes back at once.
            return if flow == "confirm" { Profile::Doubted } else { Profile::Refunds };
        }
        let (what, from, to) = self.ends();
        let of_hold = |state: &str| ["Held", "Capturing", "Releasing"].contains(&state);
        let fit: &[Profile] = match (what, from, to) {
            ("refund", ..) => &[Profile::Refunds],
            (_, "Held", "Closed") => &[Profile::ForgottenHolds],
            (_, "Capturing", _) => &[Profile::Holds],
            (_, "Closing", to) if of_hold(to) => {
                &[Profile::RacingHolds, Profile::HoldsAll, Profile::HoldsAll]
            }
            (_, "Closed", to) if of_hold(to) => &[Profile::RacingHolds, Profile::LateHolds],
            (_, from, to) if of_hold(from) || of_hold(to) => {
                &[Profile::Holds, Profile::RacingHolds, Profile::HeldCodes, Profile::LateHolds]
            }
            (_, "Sending", "Late") => &[Profile::PaysAll, Profile::PaysCodes, Profile::PaysCodes],
            (_, "Sending", "Refused") if self.is_of("F22") || self.is_of("F24") => &[Profile::Codes],
            (_, "Closing", "Late") if self.is_of("F10") => &[Profile::PaysCodes, Profile::PaysAll],
            (_, "AwaitingPayer" | "Closing" | "InDoubt", "Late") => {
                &[Profile::PaysAll, Profile::PaysAll, Profile::PaysAll, Profile::Racing]
            }
            (_, "Closed", "Late") => &[Profile::Late, Profile::PaysAll],
            (_, "InDoubt" | "Sending", "AwaitingPayer") => &[Profile::Passwords],
            (_, "AwaitingPayer", "Refused") => &[Profile::Passwords, Profile::Codes],
            (_, "Closing", _) => &[Profile::Racing, Profile::Codes],
            ("attempt", ..) => &[Profile::Mixed, Profile::Racing, Profile::Codes],
            _ => &[Profile::Mixed, Profile::Holds, Profile::Refunds],
        };
        fit[exec.draw(|chance| chance.usize(0..fit.len()))]
    }

    /// The rail that most customers pay by, where only that one comes by this transition.
    pub fn rail(&self) -> Option<usize> {
        let (what, from, to) = self.ends();
        let waits = matches!((from, to), ("InDoubt" | "Sending", "AwaitingPayer"))
            || what == "refund" && [from, to].contains(&"processing");
        let declines = (from, to) == ("AwaitingPayer", "Refused") && self.is_of("F15");
        let of_hold = ["Held", "Capturing", "Releasing"].iter().any(|state| from == *state || to == *state);
        if waits || declines || self.fails_unwritten() {
            return Some(1);
        }
        // An undo is refused there.
        let undoes = (from, to) == ("Closing", "Late") && self.is_of("F10");
        match (undoes, of_hold && self.is_of("F15")) {
            (true, _) => Some(2),
            (false, true) => Some(0),
            (false, false) => None,
        }
    }

    /// Whether that rail takes its time.
    pub fn is_slow(&self) -> bool {
        let (what, from, to) = self.ends();
        to == "AwaitingPayer" && !self.is_of("F05") || what == "refund" && (from, to) != ("sending", "failed")
    }

    /// For how long, in seconds, our side may not know the next key: until the rail is asked again about what stands there.
    pub fn key_unknown_s(&self) -> &'static [i64] {
        match (self.ends().1, self.ends().2) {
            ("Sending" | "sending", _) | ("InDoubt", "AwaitingPayer") | ("AwaitingPayer", "Refused") => {
                &[5, 12]
            }
            ("Closed", _) => &[5_400],
            ("Held", _) => &[200, 2_000, 5_400],
            _ => &[5, 12, 40, 200, 2_000],
        }
    }

    /// Whether the order ends unpaid by this transition: then the payer may only pay what has ended at the rail.
    pub fn ends_unpaid(&self) -> bool {
        let (what, _, to) = self.ends();
        what == "attempt" && to == "Closed"
    }

    /// Whether a payer who turns away leads there.
    pub fn is_declined(&self) -> bool {
        let (what, _, to) = self.ends();
        what == "attempt" && to == "Refused"
    }

    /// Whether it strikes what is not there yet: the commit that begins it fails first.
    pub fn begins_with_nothing(&self) -> bool {
        self.ends().1 == "none"
    }

    /// How long faults go on.
    pub fn chaos(profile: Profile) -> SignedDuration {
        if profile.waits_for_looks() { LONG_CHAOS } else { CHAOS }
    }
}
