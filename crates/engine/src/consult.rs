//! What this merchant can offer for this amount in these surroundings, each with the reason why or why not.

use jiff::civil::Date;
use jiff::tz::{Offset, offset};
use jiff::{SignedDuration, Timestamp};
use paifang_boundary::Field;
use paifang_interop::matrix::Acceptance;
use paifang_interop::{codes, matrix};
use paifang_money::{Currency, Money, PositiveMoney};
use paifang_payment::intent::CaptureMode;
use paifang_payment::{AccountId, Presentation, RailName, TenantId, WalletName};
use paifang_rail::{CreditUse, Need, Offer, PayerCode};

use crate::command::{Client, Declared};
use crate::{Account, Accounts};

/// The question.
#[derive(Debug, Clone)]
pub struct Consultation {
    /// What is to be paid; absent where it is not known yet.
    pub amount: Option<PositiveMoney>,
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
    /// The least and the most that the rail takes in one payment, in the currency that is asked for, or else in the rail's
    /// first; absent where the rail does not take the currency.
    pub limits: Option<(Money, Money)>,
    /// Whether the payer may pay on credit, and whether an order of this amount's kind can leave that out.
    pub credit: CreditUse,
    /// What is known of the payer's code at this rail; absent where no code was given, or this way to pay takes none.
    pub code: Option<CodeKnown>,
    /// Why it cannot be chosen; empty when it can.
    pub obstacles: Vec<Obstacle>,
}

/// What the published tables say of a payer's code at a rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeKnown {
    /// The row of the table of codes that it fits; absent for a code that no row knows.
    pub issuer: Option<&'static codes::Row>,
    /// Whether the rail takes it.
    pub acceptance: Acceptance<'static>,
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
    /// The payer's code is one of another wallet, and the rail's own documents leave it out.
    OtherWalletsCode,
    /// The operator does not share this with the account, and no order is made without it.
    Withheld(Field),
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
            Self::OtherWalletsCode => "payer_code_of_other_wallet",
            Self::Withheld(field) => field.withheld_code(),
        }
    }
}

impl Accounts {
    /// Every way to pay: those that work first, then those that lack an input, then the rest; within each in the order
    /// of the config. `time` is how long the order could live from `now` on.
    pub fn consult(
        &self,
        tenant: TenantId,
        question: &Consultation,
        now: Timestamp,
        time: SignedDuration,
    ) -> Vec<WalletOption> {
        let code = question.client.payer_code.as_ref().map(Scanned::of);
        let mut options: Vec<WalletOption> = self
            .iter()
            .flat_map(|account| account.descriptor.offers.iter().map(move |offer| (account, offer)))
            .filter_map(|(account, offer)| {
                let scans = offer.presentation == Presentation::PayerCode;
                let known = code.filter(|_| scans).map(|code| code.at(&account.rail, beijing_day(now)));
                option((tenant, account), offer, question, time, known)
            })
            .collect();
        options.sort_by_key(WalletOption::rank);
        options
    }
}

impl WalletOption {
    /// Holds what the payer pays, where that is less than the price, against the limits of the rail.
    pub(crate) fn bound_by(&mut self, payable: PositiveMoney) {
        let Some((least, most)) = self.limits else { return };
        self.obstacles.retain(|one| !matches!(one, Obstacle::AmountTooSmall | Obstacle::AmountTooLarge));
        if payable.minor_units() < least.minor_units() {
            self.obstacles.push(Obstacle::AmountTooSmall);
        } else if payable.minor_units() > most.minor_units() {
            self.obstacles.push(Obstacle::AmountTooLarge);
        }
    }

    pub(crate) fn rank(&self) -> u8 {
        let only_input = self.obstacles.iter().all(|obstacle| matches!(obstacle, Obstacle::Missing(_)));
        match (self.obstacles.is_empty(), only_input) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        }
    }
}

/// Who issued a payer's code. The code itself is not kept.
#[derive(Debug, Clone, Copy)]
struct Scanned(Option<&'static codes::Row>);

impl Scanned {
    fn of(code: &PayerCode) -> Self {
        Self(codes::published().identify(code.expose()))
    }

    fn at(self, rail: &RailName, day: Date) -> CodeKnown {
        let Self(issuer) = self;
        CodeKnown { issuer, acceptance: matrix::published().payer_code(issuer, rail, day) }
    }
}

fn option(
    (tenant, account): (TenantId, &Account),
    offer: &Offer,
    question: &Consultation,
    time: SignedDuration,
    code: Option<CodeKnown>,
) -> Option<WalletOption> {
    Some(WalletOption {
        account: account.id.clone(),
        rail: account.rail.clone(),
        wallet: WalletName::parse(offer.wallet).ok()?,
        presentation: offer.presentation,
        limits: limits(account, question),
        credit: offer.credit.of(question.capture),
        code,
        obstacles: obstacles((tenant, account), offer, question, time, code),
    })
}

fn limits(account: &Account, question: &Consultation) -> Option<(Money, Money)> {
    let descriptor = account.descriptor;
    let currency = match question.amount {
        Some(amount) => amount.currency(),
        None => Currency::parse(descriptor.currencies.first()?).ok()?,
    };
    let limit = |minor_units| Money::new(minor_units, currency).ok();
    descriptor.currencies.contains(&currency.code()).then_some(())?;
    limit(descriptor.amount_min).zip(limit(descriptor.amount_max))
}

fn obstacles(
    (tenant, account): (TenantId, &Account),
    offer: &Offer,
    question: &Consultation,
    time: SignedDuration,
    code: Option<CodeKnown>,
) -> Vec<Obstacle> {
    let client = &question.client;
    let descriptor = account.descriptor;
    let amount_is = |out: &dyn Fn(PositiveMoney) -> bool| question.amount.is_some_and(out);
    let inside_other = client.wallet.as_ref().is_some_and(|inside| inside.as_str() != offer.wallet);
    let lacks = |need: Need| match need {
        Need::PayerId => client.payer.is_none(),
        Need::PayerCode => client.payer_code.is_none(),
        Need::ClientIp => client.ip.is_none(),
    };
    let currency_unknown = |amount: PositiveMoney| !descriptor.currencies.contains(&amount.currency().code());
    let refuses = |code: CodeKnown| matches!(code.acceptance, Acceptance::Refused(_));
    let checks = [
        (!account.enabled, Obstacle::AccountDisabled),
        (code.is_some_and(refuses), Obstacle::OtherWalletsCode),
        (amount_is(&currency_unknown), Obstacle::Currency),
        (amount_is(&|amount| amount.minor_units() < descriptor.amount_min), Obstacle::AmountTooSmall),
        (amount_is(&|amount| amount.minor_units() > descriptor.amount_max), Obstacle::AmountTooLarge),
        (!offer.clients.contains(&client.kind), Obstacle::ClientKind),
        (inside_other, Obstacle::OtherWallet),
        (time < SignedDuration::from_secs(offer.expiry_s_min.into()), Obstacle::TooLittleTime),
        (question.capture == CaptureMode::Manual && offer.hold.is_none(), Obstacle::NoHold),
    ];
    let failed = checks.into_iter().filter_map(|(failed, obstacle)| failed.then_some(obstacle));
    let allowed = account.may_be_told(tenant);
    let withheld = descriptor.required(offer);
    let withheld: Vec<Field> = withheld.iter().filter(|field| !allowed.contains(*field)).collect();
    // What would not be handed on need not be given.
    let missing =
        offer.needs.iter().copied().filter(|need| lacks(*need) && !withheld.contains(&need.field()));
    let missing: Vec<Obstacle> = missing.map(Obstacle::Missing).collect();
    failed.chain(withheld.into_iter().map(Obstacle::Withheld)).chain(missing).collect()
}

/// The day by which dates of rails and of the tables go.
fn beijing_day(now: Timestamp) -> Date {
    const BEIJING: Offset = offset(8);
    BEIJING.to_datetime(now).date()
}

/// How long an order of this offer may live from `now`, bounded by the intent's own end. Whole seconds.
pub(crate) fn expiry(offer: &Offer, now: Timestamp, intent_ends: Timestamp) -> Timestamp {
    let longest =
        now.saturating_add(SignedDuration::from_secs(offer.expiry_s_max.into())).unwrap_or(intent_ends);
    let end = longest.min(intent_ends);
    Timestamp::from_second(end.as_second()).unwrap_or(end)
}
