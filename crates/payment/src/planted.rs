//! Defects on demand: known mistakes of payment systems, each behind a switch of one line where the right code stands, so
//! that the simulator can show that it would notice them. Compiled in with the feature `planted` only, which no release
//! has: the gateway does not build with it.
//!
//! `F..` and `I..` are the names of `docs/reliability.md`; other projects' numbers are their issues.

/// Whether this build can plant defects.
pub const COMPILED: bool = cfg!(feature = "planted");

macro_rules! defects {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// One planted mistake.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Defect {
            $($(#[$doc])* $name,)*
        }

        impl Defect {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

defects! {
    /// F35: the store does not keep which call made what.
    RequestIdForgotten,
    /// ACIDRain, F35: a call is looked up before, but two of the same do not exclude each other in the commit.
    RequestIdUnguarded,
    /// Kill Bill #338: the last writer wins, whatever was read.
    VersionIgnored,
    /// F27: a worker writes although its claim was taken over.
    FenceIgnored,
    /// hyperswitch #9434: more is set aside for refunds than there is.
    ReserveUnchecked,
    /// hyperswitch #13182: what is left for refunds is read, compared and then used without a lock.
    RefundReadFirst,
    /// F27: two workers hold one item at once.
    LeaseIgnored,
    /// F19: the claim of a process that was killed never ends.
    LeaseForEver,
    /// I9: a change is committed without its event.
    EventLost,
    /// hyperswitch #3408: an event of this kind is there already, so it is taken for sent.
    EventOnce,
    /// hyperswitch #9278: the event carries a state of another time.
    EventStale,
    /// I5: the last transfer of a commit is not booked.
    TransferLost,
    /// I6: what a refund has used up is not counted.
    SettleForgotten,
    /// I1: the order number is drawn anew when an order is sent again.
    OrderNumberFresh,
    /// F17: the refund number is drawn anew when a refund is sent again.
    RefundNumberFresh,
    /// F02: a payer's code is charged again after an answer was lost, without asking.
    ResendBlind,
    /// F02: a rail that does not answer in time is taken to have refused.
    TimeoutIsFailure,
    /// F04, a merchant's blog on Alipay: "no such trade" is final before the order's own expiry.
    NotFoundIsFailure,
    /// jeepay's expiry jobs: an order is closed by the clock, without asking the rail.
    CloseByClock,
    /// F12: a payment of a closed order is not looked at.
    LateDropped,
    /// F12: a payment of a closed order is booked and stays.
    LateKept,
    /// I1: a second payment of an intent stays.
    SecondPaymentKept,
    /// F05: a second transaction that only an answer tells of is not booked.
    SecondAnswerDropped,
    /// F11: "already paid" as the answer to a close is taken for closed.
    ClosePaidIsClosed,
    /// F08, hyperswitch #1994: a wrong signature is as good as a right one.
    SignatureUnchecked,
    /// F52: the amount that a rail tells is not compared with the order's.
    AmountUnchecked,
    /// F17: a refund that the rail does not answer in time is taken to have failed.
    RefundTimeoutIsFailure,
    /// F04: a refund that a query does not find yet is taken to have failed.
    RefundNotFoundIsFailure,
    /// F18: a refusal of a refund is taken for its success.
    RefundRefusedIsDone,
    /// I2: the whole hold is booked where a part of it was taken.
    CaptureWhole,
    /// I2: what is left of a hold is not given back with the capture.
    RestForgotten,
    /// F02: a release that the rail does not answer is taken to have happened.
    ReleaseTimeoutIsDone,
    /// I12: nobody looks when an intent's time is over.
    ExpiryForgotten,
    /// I12: work is forgotten after the first look that brought nothing.
    WorkRemovedEarly,
    /// F24: a commit of which nobody knows is taken to have happened.
    CommitUnknownIsDone,
    /// F22: a commit that failed is taken to have happened.
    CommitFailedIsDone,
    /// I5: one fen is lost on the way into the books.
    AmountOffByOne,
    /// I20: an id comes from elsewhere than the seed.
    EntropyUnseeded,
    /// I3: a notification is acknowledged before it is kept.
    AckBeforeCommit,
    /// F19: an order is sent before it is written that it may have been.
    NoWriteAhead,
    /// F10: a reverse books what came in and not what went back.
    ReverseOneLeg,
    /// I1: a second hold of an intent stays.
    SecondHoldKept,
    /// I16: a hold is released while it is being taken.
    CaptureBesideRelease,
    /// F06: the refusal of a capture is final although an earlier copy may have been carried out.
    CaptureRefusalAtOnce,
    /// F01: "not sent" is believed of an order of which an earlier copy may have arrived.
    DoubtForgotten,
    /// F23: work is given to a person because the store was away.
    OutageQuarantines,
    /// jeepay's reissue job: pages by offset over a set that shrinks.
    WorkSkipped,
    /// F27: a worker sends again without showing its claim.
    StaleWorkerWrites,
    /// A refund that was short is funded, and the last bearer's part is not booked.
    BearerPartLost,
    /// A refund is sent although nobody bears all of it.
    ShortIsSent,
    /// What bearers brought for a refund that failed does not go back to them.
    BorneKept,
    /// Funds are moved out of what has not that much.
    OverdraftAllowed,
    /// Two refunds at once give back a receiver's part twice.
    RefundsUncounted,
    /// All that was agreed is divided where a part of it was taken.
    DividedWhole,
    /// The rules are read, change, and decide as they were.
    RulesUnread,
    /// Another wallet is chosen, and the rules are not asked again.
    SecondChoiceUnruled,
    /// An opening that was rolled back still takes payments.
    RollBackIgnored,
    /// What became of an attempt is not marked on its decision.
    MarkLost,
    /// What is set aside of a budget stays so when its attempt has ended unpaid.
    BudgetKept,
    /// Funders of discounts get nothing back with a refund.
    DiscountNotReturned,
    /// F17: an entry of a bulk refund is asked for under another request id by whoever takes over.
    BulkRequestFresh,
    /// An entry of a bulk refund sends back all that is left, whatever it was to send.
    BulkAmountDropped,
}

impl Defect {
    /// The defect of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|defect| defect.name() == name)
    }
}

#[cfg(feature = "planted")]
mod switch {
    use std::cell::Cell;
    use std::hash::{BuildHasher, RandomState};

    use super::Defect;

    thread_local! {
        static CURRENT: Cell<Option<Defect>> = const { Cell::new(None) };
        static DRAWN: Cell<u64> = const { Cell::new(0) };
    }

    /// From here on this thread's code has this defect, or none.
    pub fn plant(defect: Option<Defect>) {
        CURRENT.set(defect);
        DRAWN.set(0);
    }

    /// Whether the code that asks has this defect.
    pub fn is(defect: Defect) -> bool {
        CURRENT.get() == Some(defect)
    }

    /// A number that nobody has drawn before, for defects that draw anew.
    pub fn drawn() -> u64 {
        DRAWN.set(DRAWN.get() + 1);
        DRAWN.get()
    }

    /// A byte that no seed decides.
    pub fn unseeded() -> u8 {
        RandomState::new().hash_one(0_u8).to_be_bytes()[0]
    }
}

#[cfg(feature = "planted")]
pub use switch::{drawn, is, plant, unseeded};

/// Whether the code that asks has this defect: never, in this build.
#[cfg(not(feature = "planted"))]
pub const fn is(_defect: Defect) -> bool {
    false
}

/// A number that nobody has drawn before: none, in this build.
#[cfg(not(feature = "planted"))]
pub const fn drawn() -> u64 {
    0
}

/// A byte that no seed decides: none, in this build.
#[cfg(not(feature = "planted"))]
pub const fn unseeded() -> u8 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_defects() {
        assert!(Defect::ALL.len() >= 30);
        for defect in Defect::ALL {
            assert_eq!(Defect::parse(defect.name()), Some(*defect));
        }
        assert_eq!(Defect::parse("None"), None);
    }

    #[cfg(not(feature = "planted"))]
    #[test]
    fn a_build_without_the_feature_has_no_defect() {
        assert!(!COMPILED && Defect::ALL.iter().all(|defect| !is(*defect)));
    }
}
