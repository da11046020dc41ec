//! What is searched, and what can happen in it.

use std::fmt;

use crate::rail::Rail;
use crate::world::{Ask, Word, World};

/// What is searched.
#[derive(Debug, Clone)]
pub struct Variant {
    pub name: &'static str,
    pub rails: [Rail; 2],
    /// Which rails the storefront may choose, in this order.
    pub choices: &'static [u8],
    /// The moments between which time jumps, in seconds. The last one is past all expiries.
    pub times: &'static [i64],
    /// How many messages of one story are lost, delayed or doubled, or workers overtaken, each kind once per order.
    /// A notification may always be lost, beyond that.
    pub harms: u8,
    /// The storefront may cancel.
    pub cancels: bool,
}

/// A fault of the gateway that the search has to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    None,
    /// Late money is booked and not sent back.
    LateMoneyStays,
    /// The second payment is accepted as well.
    SecondPaymentIsAccepted,
    /// "No such order" is taken for its end.
    AbsentIsClosed,
    /// A notification is ignored once the storefront has canceled.
    DeafAfterCancel,
    /// A payer's code charge without an answer is made again, under another number.
    BlindResend,
    /// A close without an answer is taken for done.
    LostCloseIsClosed,
    /// A close that is refused because the order may be paid is taken for the end of an unpaid one.
    MaybePaidIsRefused,
    /// A charge without an answer is taken for refused.
    LostChargeIsRefused,
    /// What a reverse gave back is forgotten.
    ReverseForgetsMoney,
    /// A refund without an answer is sent again under another number.
    RefundUnderNewNumber,
    /// Nobody asks about an order after its expiry.
    SleepsAfterExpiry,
    /// An answer about one payment is booked each time that it is heard.
    BooksEachHearing,
}

/// One thing that happens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Action {
    pub slot: usize,
    pub what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Confirm,
    Cancel,
    Expire,
    TimePasses,
    PayerPays,
    PayerDeclines,
    RailEndsOrder,
    NoticeHeard,
    NoticeHeardAndRepeated,
    Sent(Ask),
    Executed(Ask, Word),
    Heard(Ask, Word),
    RequestLost(Ask),
    AnswerLost(Ask),
    NotSent(Ask),
    /// The gateway gives up waiting; the request arrives later.
    Delayed(Ask),
    /// Another worker takes over; the first one's call goes on.
    TakenOver(Ask),
    LateExecuted(Ask, Word),
    LateHeard(Ask, Word),
    /// It is no news any more: the worker has lost its claim.
    LateDropped(Ask, Word),
}

/// Where an action leads.
pub struct Next {
    pub action: Action,
    /// In the one form that all worlds have which differ in nothing that can matter any more.
    pub world: World,
    pub broken: Option<String>,
}

impl What {
    /// It may as well never happen: a story may end before it.
    pub fn is_optional(self) -> bool {
        match self {
            Self::NoticeHeard
            | Self::NoticeHeardAndRepeated
            | Self::LateExecuted(..)
            | Self::LateHeard(..)
            | Self::LateDropped(..) => true,
            Self::Confirm
            | Self::Cancel
            | Self::Expire
            | Self::TimePasses
            | Self::PayerPays
            | Self::PayerDeclines
            | Self::RailEndsOrder
            | Self::Sent(_)
            | Self::Executed(..)
            | Self::Heard(..)
            | Self::RequestLost(_)
            | Self::AnswerLost(_)
            | Self::NotSent(_)
            | Self::Delayed(_)
            | Self::TakenOver(_) => false,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Confirm => f.write_str("the storefront chooses a wallet"),
            What::Cancel => f.write_str("the storefront cancels"),
            What::Expire => f.write_str("the intent's time is found to be over"),
            What::TimePasses => f.write_str("time passes"),
            what => write!(f, "order {}: {what:?}", self.slot),
        }
    }
}
