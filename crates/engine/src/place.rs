//! What a payer is offered, in order, and why each way to pay stands where it does.
//!
//! The order: what would be sent; then what lacks an input; then the rest. Within each: a payer's code that the rail is known
//! to take before one that it may take, rails that answer before rails that fail now, then the weight that the tenant's
//! rules give, then the order of the config. Health moves what is shown and hides nothing; a confirm does not ask for it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;
use paifang_interop::codes;
use paifang_interop::matrix::Acceptance;
use paifang_money::PositiveMoney;
use paifang_payment::intent::CaptureMode;
use paifang_payment::{Presentation, TenantId};
use paifang_policy::bundle::BundleRef;
use paifang_rail::{ClientKind, PayerCode};
use paifang_store::Store;

use crate::command::{Client, Declared};
use crate::health::Health;
use crate::ports::{Environment, Rails, Transport};
use crate::{Consultation, Engine, Error, Opens, Weighed};

/// The answer to a consultation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consulted {
    /// The ways to pay, best first; each rail, wallet and presentation once.
    pub options: Vec<Placed>,
    /// The version that decided; absent where none does.
    pub decided_by: Option<BundleRef>,
}

/// A way to pay in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The way to pay, and what the tenant's rules say about it.
    pub weighed: Weighed,
    /// Half of the rail account's latest calls or more failed, as this replica saw them.
    pub degraded: bool,
    /// Why it stands behind the one before it.
    pub position: Position,
    /// From when it is taken, as far as that is known; only of what the rules do not take now.
    pub opens: Option<Opens>,
}

/// The first thing by which a way to pay differs from the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// None is before it.
    First,
    /// It lacks an input.
    MissingInput,
    /// It cannot be chosen.
    Unavailable,
    /// Nobody confirmed that its rail takes the payer's code.
    CodeUnconfirmed,
    /// Its rail fails now.
    RailDegraded,
    /// The tenant's rules give it less weight.
    LessWeight,
    /// The config names it later.
    ConfiguredOrder,
}

/// A payer's code was scanned: whose is it, and who can charge it?
#[derive(Debug, Clone)]
pub struct CodeQuestion {
    /// The code.
    pub code: PayerCode,
    /// What is to be paid, where it is known already.
    pub amount: Option<PositiveMoney>,
    /// Whether the payer is to be charged at once, or the money held first.
    pub capture: CaptureMode,
    /// What the storefront declares for its rules.
    pub declared: Declared,
}

/// Whose a payer's code is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The row of the table of codes that it fits; absent for a code that no row knows.
    pub issuer: Option<&'static codes::Row>,
    /// Every way to charge a payer's code, those that can be charged first; `weighed.option.code` says what is known of this
    /// code there.
    pub ways: Consulted,
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// What can be offered for this amount to a payer in these surroundings, by what works and by the tenant's rules.
    pub async fn consult(&self, tenant: TenantId, question: &Consultation) -> Result<Consulted, Error> {
        self.placed(tenant, question, |_| true).await
    }

    /// Which wallet issued a payer's code by the published table, and which of the configured rails can charge it.
    pub async fn identify(&self, tenant: TenantId, question: CodeQuestion) -> Result<Identified, Error> {
        let CodeQuestion { code, amount, capture, declared } = question;
        let issuer = codes::published().identify(code.expose());
        let kind = ClientKind::PointOfSale;
        let client = Client { kind, wallet: None, ip: None, payer: None, payer_code: Some(code) };
        let question = Consultation { amount, capture, client, declared };
        let scans = |one: &Weighed| one.option.presentation == Presentation::PayerCode;
        let ways = self.placed(tenant, &question, scans).await?;
        Ok(Identified { issuer, ways })
    }

    async fn placed(
        &self,
        tenant: TenantId,
        question: &Consultation,
        wanted: impl Fn(&Weighed) -> bool,
    ) -> Result<Consulted, Error> {
        let now = self.now();
        let ruling = self.ruling(tenant, now, true).await?;
        let case = self.case(tenant, &question.declared, (question.amount, now), &question.client)?;
        let case = self.with_budgets(tenant, &ruling, case).await?;
        let options = self.inner.accounts.consult(tenant, question, now, self.inner.limits.intent_life);
        let mut weighed = ruling.weigh(options, &case);
        weighed.retain(wanted);
        let mut options = place(weighed, &self.inner.health, now);
        self.foresee(tenant, &ruling, &case, now, &mut options).await?;
        Ok(Consulted { options, decided_by: ruling.decided_by() })
    }
}

/// Puts the ways to pay in order. Two accounts of one rail offer the same to a payer: the one that a confirm would take is
/// told.
fn place(mut weighed: Vec<Weighed>, health: &Health, now: Timestamp) -> Vec<Placed> {
    let mut seen = BTreeSet::new();
    weighed.retain(|one| seen.insert(one.option.offer()));
    let with_health = |weighed: Weighed| {
        let degraded = health.is_degraded(&weighed.option.account, now);
        Placed { weighed, degraded, position: Position::First, opens: None }
    };
    in_order(weighed.into_iter().map(with_health).collect())
}

fn in_order(mut placed: Vec<Placed>) -> Vec<Placed> {
    // A stable sort: what is equal in all of these stays in the order of the config.
    placed.sort_by_key(Placed::key);
    let keys: Vec<Key> = placed.iter().map(Placed::key).collect();
    for (one, pair) in placed.iter_mut().skip(1).zip(keys.windows(2)) {
        if let [before, own] = pair {
            one.position = own.behind(before);
        }
    }
    placed
}

/// What the order goes by; less comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    rank: u8,
    code_unconfirmed: bool,
    degraded: bool,
    weight: Reverse<i64>,
}

impl Placed {
    fn key(&self) -> Key {
        let Self { weighed, degraded, .. } = self;
        let rank = weighed.rank();
        let is_open = |acceptance| matches!(acceptance, Acceptance::Open(_));
        let code_unconfirmed = weighed.option.code.is_some_and(|code| is_open(code.acceptance));
        Key {
            rank,
            code_unconfirmed: code_unconfirmed && rank < 2,
            degraded: *degraded,
            weight: Reverse(weighed.ranked.as_ref().map_or(i64::MIN, |ranked| ranked.weight)),
        }
    }
}

impl Key {
    fn behind(&self, before: &Self) -> Position {
        if self.rank != before.rank {
            return if self.rank == 1 { Position::MissingInput } else { Position::Unavailable };
        }
        if self.code_unconfirmed != before.code_unconfirmed {
            return Position::CodeUnconfirmed;
        }
        if self.degraded != before.degraded {
            return Position::RailDegraded;
        }
        if self.weight != before.weight { Position::LessWeight } else { Position::ConfiguredOrder }
    }
}

impl Position {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::First,
        Self::MissingInput,
        Self::Unavailable,
        Self::CodeUnconfirmed,
        Self::RailDegraded,
        Self::LessWeight,
        Self::ConfiguredOrder,
    ];

    /// The code of the contract.
    pub fn code(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::MissingInput => "input_missing",
            Self::Unavailable => "unavailable",
            Self::CodeUnconfirmed => "payer_code_unconfirmed",
            Self::RailDegraded => "rail_degraded",
            Self::LessWeight => "less_weight",
            Self::ConfiguredOrder => "configured_order",
        }
    }
}

#[cfg(test)]
mod tests;
