//! Where an attempt can stand. Each state holds what is known there and nothing else.

use paifang_money::PositiveMoney;
use serde::{Deserialize, Serialize};

use super::hold::{Capturing, Held, Releasing, Taken};
use super::undo::Undo;
use crate::{Doubt, NextAction, NotSent, OrderNo, Refusal, Settled};

/// Where an attempt stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// Written ahead: the creation or charge may have been sent.
    Sending(Sending),
    /// The rail has the order; the payer has to act, or a payer's code charge is on its way.
    AwaitingPayer(AwaitingPayer),
    /// Sent, and the outcome is unknown.
    InDoubt(InDoubt),
    /// A close or a reverse may have been sent.
    Closing(Closing),
    /// The payer's money is held: it may be taken, or goes back.
    Held(Held),
    /// A capture may have been sent.
    Capturing(Capturing),
    /// Held money goes back.
    Releasing(Releasing),
    /// Paid, and the intent keeps it. Final.
    Paid(Paid),
    /// A final no. Final, unless the rail later proves a payment.
    Refused(Refused),
    /// Ended without money, or with all of it returned. Final, unless the rail later proves a payment.
    Closed(Closed),
    /// Paid after it was closed or refused, or after another attempt won. Final; the money goes back.
    Late(Late),
}

/// See [`State::Sending`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    /// How often it was written ahead.
    pub sends: u32,
    /// Proven that the last send did not leave us: it may be sent without asking first.
    pub unsent: bool,
    /// An earlier send may have arrived, so "not sent" is not the end of the doubt.
    pub doubted: bool,
    /// Our own limits held the last send back: that it is unsent says nothing about the rail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held_back: bool,
}

impl Sending {
    /// Written ahead for this many times.
    pub fn ahead(sends: u32, doubted: bool) -> Self {
        Self { sends, unsent: false, doubted, held_back: false }
    }

    /// Proven that the send did not leave us.
    pub(crate) fn not_sent(&self, cause: &NotSent) -> Self {
        Self { unsent: true, held_back: *cause == NotSent::HeldBack, ..self.clone() }
    }
}

/// See [`State::AwaitingPayer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitingPayer {
    /// What the storefront does so that the payer can pay.
    pub next_action: NextAction,
}

/// See [`State::InDoubt`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InDoubt {
    /// Why it is unknown.
    pub doubt: Doubt,
    /// How often it was sent.
    pub sends: u32,
    /// What the last query found, if one was answered.
    pub found: Option<Found>,
}

/// What a query found of an order in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The order is there and unpaid.
    Unpaid,
    /// The rail knows no such order (yet).
    Nothing,
}

/// See [`State::Closing`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Which verb may have been sent.
    pub verb: CloseVerb,
    /// Why.
    pub why: Why,
    /// How often it was written ahead.
    pub sends: u32,
    /// The last send brought no final word: ask before sending again.
    pub ask: bool,
    /// The rail says that it knows no such order, so it cannot prove the end.
    pub absent: bool,
    /// Under a reverse: what the payer is known to have paid.
    pub paid: Option<Settled>,
    /// Under a reverse: what is known of its copies; absent of what earlier releases opened, whose first copy was not written
    /// ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
}

impl Closing {
    /// Just opened.
    pub(crate) fn open(verb: CloseVerb, why: Why, paid: Option<Settled>) -> Self {
        let undo = (verb == CloseVerb::Reverse).then_some(Undo::UNSENT);
        Self { verb, why, sends: 1, ask: false, absent: false, paid, undo }
    }
}

/// How an order is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseVerb {
    /// Ends an unpaid order; refused when it is paid.
    Close,
    /// Ends any order and returns what was paid.
    Reverse,
}

/// Why an order is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The payer changes the wallet.
    Switch,
    /// The storefront cancels.
    Cancel,
    /// Its time is over.
    Expiry,
    /// Another attempt was paid, or the intent ended otherwise.
    Superseded,
    /// Its creation stayed in doubt.
    Doubt,
}

/// See [`State::Paid`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// What the rail said; of a hold, what it said of the capture.
    pub settled: Settled,
    /// The capture, where the money was held first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Taken>,
}

/// See [`State::Refused`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// What the rail said.
    pub refusal: Refusal,
}

/// See [`State::Closed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// How it is known.
    pub end: End,
    /// What had been paid and went back.
    pub returned: Option<PositiveMoney>,
    /// What had been held and is held no longer; nothing of it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<PositiveMoney>,
}

/// How the end of an order is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The rail's signed word.
    Proved,
    /// The rail knows no such order, after the order's own expiry.
    NeverExisted,
}

/// See [`State::Late`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    /// What the rail said.
    pub settled: Settled,
}

impl State {
    /// What the rail said about the payment that is there. Under a reverse it is on its way back, so it is not among these.
    pub fn settled(&self) -> Option<&Settled> {
        match self {
            Self::Paid(paid) => Some(&paid.settled),
            Self::Late(late) => Some(&late.settled),
            Self::Sending(_)
            | Self::AwaitingPayer(_)
            | Self::InDoubt(_)
            | Self::Closing(_)
            | Self::Held(_)
            | Self::Capturing(_)
            | Self::Releasing(_)
            | Self::Refused(_)
            | Self::Closed(_) => None,
        }
    }

    /// Whether more can happen by itself.
    pub fn is_live(&self) -> bool {
        match self {
            Self::Sending(_) | Self::AwaitingPayer(_) | Self::InDoubt(_) | Self::Closing(_) => true,
            Self::Held(_) | Self::Capturing(_) | Self::Releasing(_) => true,
            Self::Paid(_) | Self::Refused(_) | Self::Closed(_) | Self::Late(_) => false,
        }
    }

    /// The printed name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sending(_) => "Sending",
            Self::AwaitingPayer(_) => "AwaitingPayer",
            Self::InDoubt(_) => "InDoubt",
            Self::Closing(_) => "Closing",
            Self::Held(_) => "Held",
            Self::Capturing(_) => "Capturing",
            Self::Releasing(_) => "Releasing",
            Self::Paid(_) => "Paid",
            Self::Refused(_) => "Refused",
            Self::Closed(_) => "Closed",
            Self::Late(_) => "Late",
        }
    }

    /// The payer's money is held at the rail, whatever is being done about it. `None` when none is.
    pub fn hold(&self) -> Option<&Held> {
        match self {
            Self::Held(held)
            | Self::Capturing(Capturing { held, .. })
            | Self::Releasing(Releasing { held, .. }) => Some(held),
            Self::Sending(_)
            | Self::AwaitingPayer(_)
            | Self::InDoubt(_)
            | Self::Closing(_)
            | Self::Paid(_)
            | Self::Refused(_)
            | Self::Closed(_)
            | Self::Late(_) => None,
        }
    }

    /// Whether this hold is the one that the intent keeps, or kept until it was given back: the one whose amount counts
    /// as authorized.
    pub fn is_kept_hold(&self) -> bool {
        match self {
            Self::Held(_) | Self::Capturing(_) => true,
            Self::Releasing(releasing) => releasing.why != Why::Superseded,
            Self::Sending(_)
            | Self::AwaitingPayer(_)
            | Self::InDoubt(_)
            | Self::Closing(_)
            | Self::Paid(_)
            | Self::Refused(_)
            | Self::Closed(_)
            | Self::Late(_) => false,
        }
    }

    /// The number of the capture that is under way or done.
    pub fn capture_no(&self) -> Option<&OrderNo> {
        match self {
            Self::Capturing(capturing) => Some(&capturing.operation.number),
            Self::Paid(paid) => paid.taken.as_ref().map(|taken| &taken.capture_no),
            Self::Sending(_)
            | Self::AwaitingPayer(_)
            | Self::InDoubt(_)
            | Self::Closing(_)
            | Self::Held(_)
            | Self::Releasing(_)
            | Self::Refused(_)
            | Self::Closed(_)
            | Self::Late(_) => None,
        }
    }

    /// Whether the outcome of a call is unknown.
    pub fn is_in_doubt(&self) -> bool {
        match self {
            Self::InDoubt(_) => true,
            Self::Capturing(Capturing { operation, .. }) | Self::Releasing(Releasing { operation, .. }) => {
                operation.is_in_doubt()
            }
            Self::Sending(_)
            | Self::AwaitingPayer(_)
            | Self::Closing(_)
            | Self::Held(_)
            | Self::Paid(_)
            | Self::Refused(_)
            | Self::Closed(_)
            | Self::Late(_) => false,
        }
    }
}
