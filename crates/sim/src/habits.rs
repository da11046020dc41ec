//! What the customers of a run tend to do. Most runs have all sorts of customers; some have one sort only, so that what is
//! rare in a crowd meets the fault that the run insists on.

/// A sort of customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// All sorts.
    Mixed,
    /// They pay when the order is over, or about to be.
    Late,
    /// They pay one wallet while the storefront closes it or opens another.
    Racing,
    /// Money is set aside, and then taken, given back or forgotten.
    Holds,
    /// The same, and the payer is late or the storefront has changed its mind.
    RacingHolds,
    /// Money is set aside by a payer's code, and the storefront cancels in the same breath.
    HeldCodes,
    /// Money is set aside by payers who are late.
    LateHolds,
    /// Payer's codes, reversed.
    Codes,
    /// Everything is given back, in parts.
    Refunds,
    /// Money is set aside and forgotten.
    ForgottenHolds,
    /// They are shown a code, change the wallet and pay whatever they were ever shown.
    PaysAll,
    /// The same, and the other way is one by a payer's code.
    PaysCodes,
    /// The same where the money is set aside.
    HoldsAll,
    /// Payer's codes that ask for a password.
    Passwords,
    /// A code is to be shown, and its order is lost on the way, again and again; then the payer shows one.
    Doubted,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Mixed,
        Self::Late,
        Self::Racing,
        Self::Holds,
        Self::RacingHolds,
        Self::HeldCodes,
        Self::LateHolds,
        Self::Codes,
        Self::Refunds,
    ];

    /// Whether it is about what only a late look tells.
    pub fn waits_for_looks(self) -> bool {
        match self {
            Self::Late | Self::LateHolds => true,
            Self::Mixed
            | Self::Racing
            | Self::Holds
            | Self::RacingHolds
            | Self::HeldCodes
            | Self::Codes
            | Self::Refunds
            | Self::ForgottenHolds
            | Self::PaysAll
            | Self::PaysCodes
            | Self::HoldsAll
            | Self::Passwords
            | Self::Doubted => false,
        }
    }

    /// What such customers do.
    pub fn habits(self) -> Habits {
        let mixed = Habits::MIXED;
        match self {
            Self::Mixed => mixed,
            Self::Late => Habits { holds: 0, late: 850, forced: 1_000, never: 0, cancel: 300, ..mixed },
            Self::LateHolds => {
                Habits { holds: 1_000, late: 850, forced: 1_000, never: 0, cancel: 300, ..mixed }
            }
            Self::Racing => {
                Habits { holds: 0, change: 800, cancel: 700, paying: 900, insists: 3, never: 0, ..mixed }
            }
            Self::Holds => Habits { holds: 1_000, give_back: 350, forget: 200, spoil: 400, ..mixed },
            Self::RacingHolds => Habits {
                holds: 1_000,
                late: 400,
                forced: 900,
                never: 0,
                change: 600,
                cancel: 700,
                paying: 900,
                insists: 3,
                ..mixed
            },
            Self::HeldCodes => {
                Habits { holds: 1_000, codes: 900, cancel: 800, paying: 0, hasty: 900, never: 0, ..mixed }
            }
            Self::Codes => Habits { holds: 0, codes: 900, cancel: 800, hasty: 700, ..mixed },
            Self::ForgottenHolds => Habits { holds: 1_000, never: 0, forget: 1_000, give_back: 0, ..mixed },
            Self::PaysAll => Habits {
                holds: 0,
                dawdles: 1_000,
                forced: 1_000,
                never: 0,
                change: 900,
                cancel: 300,
                all: 1_000,
                refunds: 0,
                ..mixed
            },
            Self::Doubted => Habits { doubted: 1_000, ..Self::PaysCodes.habits() },
            Self::PaysCodes => Habits { codes: 1_000, ..Self::PaysAll.habits() },
            Self::Passwords => {
                Habits { holds: 0, codes: 1_000, change: 100, cancel: 0, passwords: 900, ..mixed }
            }
            Self::HoldsAll => Habits { change: 500, cancel: 500, holds: 1_000, ..Self::PaysAll.habits() },
            Self::Refunds => Habits {
                holds: 50,
                late: 50,
                never: 0,
                change: 50,
                cancel: 50,
                refunds: 1_000,
                patient: 1_000,
                ..mixed
            },
        }
    }
}

/// How often customers do what, in thousandths.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// The money is to be set aside only.
    pub holds: u32,
    /// Of several ways one by a payer's code is taken.
    pub codes: u32,
    /// The code asks for a password.
    pub passwords: u32,
    /// The payer comes late.
    pub late: u32,
    /// Who comes late or while an order closes pays all the same: the bank was slow.
    pub forced: u32,
    /// The payer turns away.
    pub never: u32,
    /// The storefront opens another wallet.
    pub change: u32,
    /// The storefront cancels.
    pub cancel: u32,
    /// The payer pays at that very moment.
    pub paying: u32,
    /// How often more the payer tries then. Not in thousandths.
    pub insists: u32,
    /// Whoever was shown several ways to pay pays each of the earlier ones, too.
    pub all: u32,
    /// The first code that a payer is shown is one of Alipay's, which is no order there before somebody looks at it; nobody
    /// does until the storefront has changed its mind.
    pub dawdles: u32,
    /// The first order is one of UnionPay's, which cannot be repeated, and the storefront waits for what becomes of it.
    pub doubted: u32,
    /// The storefront cancels as soon as it has asked for money.
    pub hasty: u32,
    /// What is held is given back.
    pub give_back: u32,
    /// What is held is forgotten.
    pub forget: u32,
    /// The rail refuses a capture once.
    pub spoil: u32,
    /// There are refunds.
    pub refunds: u32,
    /// The storefront waits for the money before it gives parts of it back, small ones.
    pub patient: u32,
}

impl Habits {
    /// All sorts of customers.
    const MIXED: Self = Self {
        holds: 300,
        codes: 0,
        passwords: 0,
        late: 200,
        forced: 500,
        never: 150,
        change: 350,
        cancel: 200,
        paying: 400,
        insists: 0,
        all: 400,
        dawdles: 0,
        doubted: 0,
        hasty: 0,
        give_back: 150,
        forget: 100,
        spoil: 250,
        refunds: 500,
        patient: 0,
    };
}
