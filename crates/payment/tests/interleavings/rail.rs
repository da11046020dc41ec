//! The rails of the search: what each does with a request, and what it says. Facts of the real ones, as the adapters map
//! them; where rails differ, the variants take both kinds.

use paifang_payment::Presentation;
use paifang_payment::attempt::Rules;

use crate::world::{Ask, Truth, Word};

/// One kind of rail.
#[derive(Debug, Clone, Copy)]
pub struct Rail {
    pub name: &'static str,
    pub presentation: Presentation,
    pub rules: Rules,
    /// A close of an unknown number succeeds and bars it (WeChat Pay); else the rail says that it knows none (Alipay).
    pub close_bars: bool,
    /// A reverse or refund says at once what it did; else it is accepted, and a query tells.
    pub direct: bool,
    /// The order's query tells of a reverse (WeChat Pay); else it tells of the payment alone (Alipay).
    pub query_tells_reverse: bool,
}

const fn rules(resendable: bool, closable: bool, reversible: bool) -> Rules {
    Rules { resendable, closable, reversible, reversible_unknown: reversible }
}

/// A code shown, closed by a call that bars unknown numbers.
pub const BARRING: Rail = Rail {
    name: "closable, barring",
    presentation: Presentation::QrShown,
    rules: rules(true, true, false),
    close_bars: true,
    direct: false,
    query_tells_reverse: true,
};

/// A code shown, closed by a call that knows existing orders only.
pub const CLOSABLE: Rail =
    Rail { name: "closable", close_bars: false, direct: true, query_tells_reverse: false, ..BARRING };

/// A payer's code, whose reverse says what it did.
pub const CODE: Rail = Rail {
    name: "payer's code",
    presentation: Presentation::PayerCode,
    rules: rules(false, false, true),
    ..CLOSABLE
};

/// A payer's code, whose reverse is accepted and told of by a query.
pub const CODE_ASKED: Rail =
    Rail { name: "payer's code, asked", direct: false, query_tells_reverse: true, ..CODE };

/// A code shown that ends by its time only, and whose creation is not to be sent again.
pub const EXPIRING: Rail = Rail { name: "expiring", rules: rules(false, false, false), ..CLOSABLE };

impl Rail {
    pub fn is_code(&self) -> bool {
        self.presentation.is_synchronous()
    }

    /// What this request may do to an order, and what is answered. `over`: the order's own expiry is long past.
    pub fn take(&self, truth: Truth, ask: Ask, over: bool) -> Vec<(Truth, Word)> {
        match ask {
            Ask::Charge => self.charge(truth, over),
            Ask::Query => vec![(truth, self.told(truth))],
            Ask::Close => vec![self.close(truth)],
            Ask::Reverse => vec![self.reverse(truth)],
            Ask::QueryReverse => vec![(truth, Self::reverse_told(truth))],
            Ask::Refund => vec![match truth {
                Truth::Paid | Truth::Refunded => {
                    (Truth::Refunded, if self.direct { Word::Refunded } else { Word::Pending })
                }
                Truth::Absent
                | Truth::Barred
                | Truth::Open
                | Truth::Ended
                | Truth::Declined
                | Truth::Reversed => (truth, Word::Refused),
            }],
            Ask::QueryRefund => {
                let back = truth == Truth::Refunded;
                vec![(truth, if back { Word::Refunded } else { Word::Absent })]
            }
        }
    }

    fn charge(&self, truth: Truth, over: bool) -> Vec<(Truth, Word)> {
        match truth {
            Truth::Absent if over => vec![(truth, Word::Refused)],
            Truth::Absent if self.is_code() => {
                vec![(Truth::Paid, Word::Paid), (Truth::Open, Word::Shown), (Truth::Declined, Word::Refused)]
            }
            // The same number again is the same order.
            Truth::Absent | Truth::Open => vec![(Truth::Open, Word::Shown)],
            Truth::Paid | Truth::Reversed | Truth::Refunded => vec![(truth, Word::MaybePaid)],
            Truth::Barred | Truth::Ended | Truth::Declined => vec![(truth, Word::Refused)],
        }
    }

    fn close(&self, truth: Truth) -> (Truth, Word) {
        match truth {
            Truth::Absent if self.close_bars => (Truth::Barred, Word::Closed),
            Truth::Absent => (truth, Word::Absent),
            Truth::Barred => (truth, Word::Closed),
            Truth::Open | Truth::Declined => (Truth::Ended, Word::Closed),
            Truth::Ended if self.close_bars => (truth, Word::Closed),
            Truth::Ended | Truth::Paid | Truth::Reversed | Truth::Refunded => (truth, Word::MaybePaid),
        }
    }

    /// An unknown number is not barred by a reverse: that a late copy of the charge is refused after it is not confirmed.
    fn reverse(&self, truth: Truth) -> (Truth, Word) {
        let word = |direct| if self.direct { direct } else { Word::Pending };
        match truth {
            Truth::Absent | Truth::Barred => (truth, Word::Absent),
            Truth::Open | Truth::Declined | Truth::Ended => (Truth::Ended, word(Word::Closed)),
            Truth::Paid | Truth::Reversed => (Truth::Reversed, word(Word::Returned)),
            Truth::Refunded => (truth, Word::MaybePaid),
        }
    }

    fn told(&self, truth: Truth) -> Word {
        match truth {
            Truth::Absent | Truth::Barred => Word::Absent,
            Truth::Open => Word::Pending,
            Truth::Reversed if self.query_tells_reverse => Word::Returned,
            Truth::Paid | Truth::Reversed | Truth::Refunded => Word::Paid,
            Truth::Ended => Word::Closed,
            Truth::Declined => Word::Refused,
        }
    }

    fn reverse_told(truth: Truth) -> Word {
        match truth {
            Truth::Absent | Truth::Barred | Truth::Open | Truth::Paid | Truth::Declined => Word::Absent,
            Truth::Ended => Word::Closed,
            Truth::Reversed => Word::Returned,
            Truth::Refunded => Word::MaybePaid,
        }
    }
}
