//! What the search knows of the world at one moment: the machine's state by its number, and per order the rail's truth,
//! what is on its way, and what was booked. Small, so that millions of them can be compared.

/// Orders of one intent that a search may meet: choices of a wallet and automatic repeats.
pub const SLOTS: usize = 6;

/// What really is at the rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Truth {
    /// No such order.
    Absent,
    /// No such order, and a close has barred its number.
    Barred,
    Open,
    Paid,
    /// Ended unpaid.
    Ended,
    /// The payer's code was declined.
    Declined,
    /// Paid, and returned by a reverse.
    Reversed,
    /// Paid, and returned by a refund.
    Refunded,
}

/// What the gateway asks of a rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    Charge,
    Query,
    Close,
    Reverse,
    QueryReverse,
    Refund,
    QueryRefund,
}

/// What a rail, or the transport, says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Word {
    /// Here is what the payer needs.
    Shown,
    /// Accepted, or there and unpaid.
    Pending,
    Paid,
    Closed,
    /// Ended, and what had been paid went back.
    Returned,
    Refused,
    Absent,
    /// Neither yes nor no: the order may be paid.
    MaybePaid,
    Refunded,
    /// The transport: no answer in time.
    Lost,
    /// The transport: no byte left us.
    NotSent,
}

/// A call under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    None,
    /// The request is on its way to the rail.
    Way(Ask),
    /// The rail has done it; the answer is on its way back.
    Back(Ask, Word),
}

/// The rail's own message that an order was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Notice {
    None,
    OnItsWay,
    /// Heard once; a second copy is on its way.
    Again,
}

/// One order and its late-money refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    pub used: bool,
    pub rail: u8,
    pub truth: Truth,
    /// The call whose answer a worker waits for.
    pub call: Call,
    /// A call that another worker no longer knows of: its answer may still be heard, unless `orphan`.
    pub old: Call,
    /// Nobody hears the answer of `old`: its connection was given up.
    pub orphan: bool,
    pub notice: Notice,
    /// The due call was answered and brought nothing, and nothing has changed since.
    pub asked: bool,
    /// Which kinds of message of this order were lost, delayed or doubled already.
    pub harmed: u8,
    /// What the machine had booked.
    pub booked: u8,
    /// The refund machine's state by its number; 0: none was opened.
    pub refund: u8,
    pub refund_call: Call,
    /// A refund request that nobody waits for any more is still on its way.
    pub refund_old: bool,
    pub refund_asked: bool,
    /// Planted defects only: charged a second time, or refunded a second time, under another number.
    pub charged_again: bool,
    pub refunded_again: bool,
}

/// Booked as the intent's one capture.
pub const CAPTURED: u8 = 1;
/// Booked to suspense.
pub const LATE: u8 = 2;
/// Booked as paid and reversed.
pub const RETURNED: u8 = 4;
/// The refund of late money is booked as done.
pub const REFUNDED: u8 = 8;

/// Everything at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct World {
    /// The intent machine's state by its number.
    pub intent: u32,
    /// Index into the variant's times.
    pub phase: u8,
    /// How many wallets the storefront has chosen.
    pub chosen: u8,
    /// How many more messages may be lost, delayed or doubled.
    pub harms: u8,
    pub slots: [Slot; SLOTS],
}

impl Slot {
    pub const UNUSED: Self = Self {
        used: false,
        rail: 0,
        truth: Truth::Absent,
        call: Call::None,
        old: Call::None,
        orphan: false,
        notice: Notice::None,
        asked: false,
        harmed: 0,
        booked: 0,
        refund: 0,
        refund_call: Call::None,
        refund_old: false,
        refund_asked: false,
        charged_again: false,
        refunded_again: false,
    };

    /// How often the payer was charged.
    pub fn charges(&self) -> u8 {
        let paid = matches!(self.truth, Truth::Paid | Truth::Reversed | Truth::Refunded);
        u8::from(paid) + u8::from(self.charged_again)
    }

    /// How often that went back.
    pub fn returns(&self) -> u8 {
        let back = matches!(self.truth, Truth::Reversed | Truth::Refunded);
        u8::from(back) + u8::from(self.refunded_again)
    }

    pub fn become_true(&mut self, truth: Truth) {
        if self.truth != truth {
            self.truth = truth;
            (self.asked, self.refund_asked) = (false, false);
        }
    }
}

impl Ask {
    /// Asks without an effect: when the request travels makes no difference, only when it is answered does.
    pub fn reads(self) -> bool {
        match self {
            Self::Query | Self::QueryReverse | Self::QueryRefund => true,
            Self::Charge | Self::Close | Self::Reverse | Self::Refund => false,
        }
    }

    /// Each kind of message of one order is harmed once at most.
    pub fn harm(self) -> u8 {
        match self {
            Self::Charge => 1,
            Self::Query => 2,
            Self::Close | Self::Reverse => 4,
            Self::QueryReverse => 8,
            Self::Refund => 16,
            Self::QueryRefund => 32,
        }
    }
}

/// A notification is doubled once.
pub const HARM_NOTICE: u8 = 64;
/// A worker is overtaken by another one once per order.
pub const HARM_WORKER: u8 = 128;

impl World {
    pub fn fits(&self, ask: u8, slot: usize) -> bool {
        self.harms > 0 && self.slots[slot].harmed & ask == 0
    }

    pub fn harmed(mut self, kind: u8, slot: usize) -> Self {
        self.harms -= 1;
        self.slots[slot].harmed |= kind;
        self
    }
}
