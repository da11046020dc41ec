//! Where an attempt can stand. Each state holds what is known there and nothing else.

use paifang_money::PositiveMoney;
use serde::{Deserialize, Serialize};

use crate::{Doubt, NextAction, Refusal, Settled};

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
    /// What the rail said.
    pub settled: Settled,
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
    /// Whether more can happen by itself.
    pub fn is_live(&self) -> bool {
        match self {
            Self::Sending(_) | Self::AwaitingPayer(_) | Self::InDoubt(_) | Self::Closing(_) => true,
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
            Self::Paid(_) => "Paid",
            Self::Refused(_) => "Refused",
            Self::Closed(_) => "Closed",
            Self::Late(_) => "Late",
        }
    }
}
