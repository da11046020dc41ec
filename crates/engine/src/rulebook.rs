//! Changes of a tenant's rules: drafted, announced, recalled, retired, an opening rolled back and opened again. Each call is
//! one fact behind the last one of the book, once per request id.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use paifang_payment::{Remark, RequestId, TenantId};
use paifang_policy::RuleId;
use paifang_policy::bundle::Bundle;
use paifang_policy::lifecycle::{Book, Error as Refused, Fact, Why};
use paifang_store::{RulesEntry, RulesRequest, Store};
use serde::Serialize;

use crate::engine::CONFLICTS_MAX;
use crate::error::{Violation, reason};
use crate::ports::{Environment, Rails, Transport};
use crate::rules::Rules;
use crate::{Engine, Error, Made};

/// With so many entries a book takes in nothing more but what closes.
pub const ENTRIES_MAX: u64 = 20_000;

/// A call that changes a tenant's rules.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeRules {
    /// The caller's id of it.
    #[serde(skip)]
    pub request_id: RequestId,
    /// The change.
    pub change: RulesChange,
}

/// What becomes of the rules.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum RulesChange {
    /// A version is written, or its draft anew.
    Draft {
        /// The bundle in TOML.
        text: String,
    },
    /// A draft is to decide.
    Announce {
        /// The version.
        version: u32,
        /// From when; absent: at once.
        effective_at: Option<Timestamp>,
        /// What the version does not have although it is closed now, each confirmed.
        #[serde(flatten)]
        without: Without,
    },
    /// An announced version whose time has not come is a draft again.
    Recall {
        /// The version.
        version: u32,
    },
    /// The version that decides decides no longer; without another one everything is closed.
    Retire {
        /// The version.
        version: u32,
    },
    /// An opening is closed.
    RollBack {
        /// The opening.
        opening: RuleId,
        /// Who, and why.
        why: Remark,
    },
    /// It is open again.
    Reopen {
        /// The opening.
        opening: RuleId,
        /// Who, and why.
        why: Remark,
    },
}

/// What an announced version does without, each confirmed by a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Without {
    /// Openings that are rolled back and that the version does not have.
    #[serde(rename = "without")]
    pub openings: BTreeSet<RuleId>,
    /// Kill switches of versions before it. Left out of the fingerprint where there are none, as calls of before it say nothing.
    #[serde(rename = "without_kills", skip_serializing_if = "BTreeSet::is_empty")]
    pub kills: BTreeSet<RuleId>,
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Changes a tenant's rules; durable when it returns. Answers the rules as they are then.
    pub async fn change_rules(
        &self,
        tenant: TenantId,
        wanted: ChangeRules,
    ) -> Result<Made<Arc<Rules>>, Error> {
        let fingerprint = self.fingerprint(&wanted)?;
        for _ in 0..CONFLICTS_MAX {
            if let Some(known) = self.inner.store.rules_by_request(tenant, &wanted.request_id).await? {
                if known.entry.request.is_none_or(|request| request.fingerprint != fingerprint) {
                    return Err(Error::RequestReused);
                }
                return Ok(Made { resource: self.rules(tenant).await?, replayed: true });
            }
            let rules = self.rules(tenant).await?;
            let closes = matches!(wanted.change, RulesChange::RollBack { .. } | RulesChange::Retire { .. });
            if rules.entries() >= ENTRIES_MAX && !closes {
                let message = format!("a book of rules holds at most {ENTRIES_MAX} entries");
                return Err(Error::precondition(reason::POLICY_STEP_REFUSED, message));
            }
            // Replicas' clocks differ; what is added happened after what is there, and holds at once.
            let last = rules.book().and_then(Book::last);
            let after = last.and_then(|last| last.saturating_add(SignedDuration::from_nanos(1)).ok());
            let now = after.map_or(self.now(), |after| after.max(self.now()));
            let Added { fact, text, guarded } = added(&wanted.change, now)?;
            let first = match &fact {
                Fact::Drafted { bundle, .. } => Some(Book::new(bundle.name.clone())),
                _ => None,
            };
            let book = rules.book().cloned().or(first).ok_or(Error::NotFound("rules"))?;
            book.step(fact.clone()).map_err(refused)?;
            let request = RulesRequest { id: wanted.request_id.clone(), fingerprint };
            let entry = RulesEntry { request: Some(request), fact, text, guarded };
            if self.inner.store.add_rules(tenant, rules.entries(), &entry).await? {
                self.inner.world.reached("rules.added");
                let (position, changed) = (rules.entries() + 1, self.rules(tenant).await?);
                let (change, recalled) = (wanted.change.word(), changed.recalled(position));
                tracing::info!(%tenant, entry = position, change, ?recalled, "rules changed");
                return Ok(Made { resource: changed, replayed: false });
            }
        }
        Err(Error::Busy)
    }
}

impl RulesChange {
    fn word(&self) -> &'static str {
        match self {
            Self::Draft { .. } => "draft",
            Self::Announce { .. } => "announce",
            Self::Recall { .. } => "recall",
            Self::Retire { .. } => "retire",
            Self::RollBack { .. } => "roll_back",
            Self::Reopen { .. } => "reopen",
        }
    }
}

/// What a change means at a time.
struct Added {
    fact: Fact,
    /// The text that is kept beside it.
    text: Option<String>,
    /// Whether that is a bundle with guard rails.
    guarded: bool,
}

fn added(change: &RulesChange, at: Timestamp) -> Result<Added, Error> {
    let fact = match change.clone() {
        RulesChange::Draft { text } => {
            let bundle = Bundle::read(&text).map_err(|faults| {
                let told = faults.0.into_iter();
                let told = told.map(|fault| Violation { field: "bundle".into(), rule: fault.to_string() });
                Error::Invalid(told.collect())
            })?;
            let guarded = !bundle.guard_rails().is_empty();
            return Ok(Added { fact: Fact::drafted(at, &bundle), text: Some(text), guarded });
        }
        RulesChange::Announce { version, effective_at, without } => {
            let effective_at = effective_at.unwrap_or(at);
            let Without { openings: without, kills } = without;
            Fact::Announced { at, version, effective_at, without, without_kills: Some(kills) }
        }
        RulesChange::Recall { version } => Fact::Recalled { at, version },
        RulesChange::Retire { version } => Fact::Retired { at, version },
        RulesChange::RollBack { opening, why } => {
            Fact::RolledBack { at, opening, why: Why::Person { remark: why } }
        }
        RulesChange::Reopen { opening, why } => Fact::Reopened { at, opening, by: why },
    };
    Ok(Added { fact, text: None, guarded: false })
}

fn refused(error: Refused) -> Error {
    match error {
        Refused::UnknownVersion(_) => Error::NotFound("version of the rules"),
        Refused::Backwards { .. }
        | Refused::OtherBundle { .. }
        | Refused::VersionTaken { .. }
        | Refused::WrongState { .. }
        | Refused::TooEarly { .. }
        | Refused::SameMoment { .. }
        | Refused::UnknownOpening(_)
        | Refused::LacksRolledBack { .. }
        | Refused::LacksKill { .. }
        | Refused::RolledBackAlready(_)
        | Refused::NotRolledBack(_)
        | Refused::Full => Error::precondition(reason::POLICY_STEP_REFUSED, error.to_string()),
    }
}
