//! What this merchant can offer for this amount in these surroundings, each with the reason why or why not.

use jiff::{SignedDuration, Timestamp};
use paifang_money::PositiveMoney;
use paifang_payment::intent::CaptureMode;
use paifang_payment::{AccountId, Presentation, RailName, WalletName};
use paifang_rail::{Need, Offer};

use crate::command::{Client, Declared};
use crate::{Account, Accounts};

/// The question.
#[derive(Debug, Clone)]
pub struct Consultation {
    /// What is to be paid.
    pub amount: PositiveMoney,
    /// Whether the payer is to be charged at once, or the money held first.
    pub capture: CaptureMode,
    /// The payer's surroundings.
    pub client: Client,
    /// What the storefront declares for its rules.
    pub declared: Declared,
}

/// One way to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletOption {
    /// The rail account that would be used.
    pub account: AccountId,
    /// Its rail.
    pub rail: RailName,
    /// The wallet.
    pub wallet: WalletName,
    /// How the payer would be asked.
    pub presentation: Presentation,
    /// Why it cannot be chosen; empty when it can.
    pub obstacles: Vec<Obstacle>,
}

/// Why something cannot be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The account takes no new charges now.
    AccountDisabled,
    /// The rail does not take this currency.
    Currency,
    /// Less than the rail's least amount.
    AmountTooSmall,
    /// More than the rail's largest amount.
    AmountTooLarge,
    /// It does not work where the payer is.
    ClientKind,
    /// The payer is inside of another wallet, which does not let this one in.
    OtherWallet,
    /// Something must be known of the payer first.
    Missing(Need),
    /// The order could not live as long as the rail demands.
    TooLittleTime,
    /// The money cannot be held first.
    NoHold,
}

impl Obstacle {
    /// The reason code of the contract.
    pub fn code(self) -> &'static str {
        match self {
            Self::AccountDisabled => "account_disabled",
            Self::Currency => "currency_not_supported",
            Self::AmountTooSmall => "amount_too_small",
            Self::AmountTooLarge => "amount_too_large",
            Self::ClientKind => "client_not_supported",
            Self::OtherWallet => "inside_other_wallet",
            Self::Missing(_) => "input_missing",
            Self::TooLittleTime => "too_little_time",
            Self::NoHold => "hold_not_supported",
        }
    }
}

impl Accounts {
    /// Every way to pay: those that work first, then those that lack an input, then the rest; within each in the order
    /// of the config. `time` is how long the order could live.
    pub fn consult(&self, question: &Consultation, time: SignedDuration) -> Vec<WalletOption> {
        let mut options: Vec<WalletOption> = self
            .iter()
            .flat_map(|account| account.descriptor.offers.iter().map(move |offer| (account, offer)))
            .filter_map(|(account, offer)| option(account, offer, question, time))
            .collect();
        options.sort_by_key(WalletOption::rank);
        options
    }
}

impl WalletOption {
    pub(crate) fn rank(&self) -> u8 {
        let only_input = self.obstacles.iter().all(|obstacle| matches!(obstacle, Obstacle::Missing(_)));
        match (self.obstacles.is_empty(), only_input) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        }
    }
}

fn option(
    account: &Account,
    offer: &Offer,
    question: &Consultation,
    time: SignedDuration,
) -> Option<WalletOption> {
    Some(WalletOption {
        account: account.id.clone(),
        rail: account.rail.clone(),
        wallet: WalletName::parse(offer.wallet).ok()?,
        presentation: offer.presentation,
        obstacles: obstacles(account, offer, question, time),
    })
}

fn obstacles(
    account: &Account,
    offer: &Offer,
    question: &Consultation,
    time: SignedDuration,
) -> Vec<Obstacle> {
    let (amount, client) = (question.amount, &question.client);
    let descriptor = account.descriptor;
    let inside_other = client.wallet.as_ref().is_some_and(|inside| inside.as_str() != offer.wallet);
    let lacks = |need: Need| match need {
        Need::PayerId => client.payer.is_none(),
        Need::PayerCode => client.payer_code.is_none(),
        Need::ClientIp => client.ip.is_none(),
    };
    let checks = [
        (!account.enabled, Obstacle::AccountDisabled),
        (!descriptor.currencies.contains(&amount.currency().code()), Obstacle::Currency),
        (amount.minor_units() < descriptor.amount_min, Obstacle::AmountTooSmall),
        (amount.minor_units() > descriptor.amount_max, Obstacle::AmountTooLarge),
        (!offer.clients.contains(&client.kind), Obstacle::ClientKind),
        (inside_other, Obstacle::OtherWallet),
        (time < SignedDuration::from_secs(offer.expiry_s_min.into()), Obstacle::TooLittleTime),
        (question.capture == CaptureMode::Manual && offer.hold.is_none(), Obstacle::NoHold),
    ];
    let failed = checks.into_iter().filter_map(|(failed, obstacle)| failed.then_some(obstacle));
    failed.chain(offer.needs.iter().copied().filter(|need| lacks(*need)).map(Obstacle::Missing)).collect()
}

/// How long an order of this offer may live from `now`, bounded by the intent's own end. Whole seconds.
pub(crate) fn expiry(offer: &Offer, now: Timestamp, intent_ends: Timestamp) -> Timestamp {
    let longest =
        now.saturating_add(SignedDuration::from_secs(offer.expiry_s_max.into())).unwrap_or(intent_ends);
    let end = longest.min(intent_ends);
    Timestamp::from_second(end.as_second()).unwrap_or(end)
}
