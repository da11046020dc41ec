//! What a tenant's own rules did not take: told to the caller, logged in one line and counted. Nothing else is kept of it.
//!
//! By names only: no value that was declared is in it, and nothing of the payer. A payment that was to be created with its
//! choice has no id in the log, for it never was.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use paifang_payment::{IntentId, TenantId};
use paifang_store::Store;

use crate::error::reason;
use crate::ports::{Environment, Rails, Transport};
use crate::{Engine, Error};

/// Why the tenant's own rules did not take a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The version that decided; absent: none decides now, although one did before.
    pub version: Option<u32>,
    /// The rule, discount or receiver that decided, by its id; absent where none did.
    pub rule: Option<String>,
    /// Why: a word of ours, of a closed list.
    pub because: &'static str,
    /// The inputs that were missing, by name, at most one for each input there is.
    pub missing: Vec<String>,
}

/// How many calls the rules did not take since this process began, by the reason that the caller was told and by why; both
/// are words of ours, so there are never many.
#[derive(Debug, Default)]
pub struct RefusalCounts(Mutex<BTreeMap<Counted, u64>>);

type Counted = (&'static str, &'static str);

/// No version decides, although one did before.
pub(crate) const NO_VERSION: &str = "no_version";
/// Credit is left out, and no order of the rail can.
pub(crate) const CREDIT_STAYS: &str = "credit_not_excludable";
/// An input is missing.
pub(crate) const INPUT_MISSING: &str = "input_missing";
/// A condition could not be evaluated.
pub(crate) const RULE_FAILED: &str = "rule_failed";
/// The rules about money do not fit, with all inputs there.
pub(crate) const TERMS_MISFIT: &str = "terms_do_not_fit";
/// A refund without a case.
pub(crate) const CASE_MISSING: &str = "refund_case_missing";
/// None of the rules about refunds fits.
pub(crate) const NO_RULE_FITS: &str = "no_rule_fits";

impl RefusalCounts {
    /// One more.
    pub fn count(&self, reason: &'static str, because: &'static str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *all.entry((reason, because)).or_default() += 1;
    }

    /// All counts: reason, why, how many.
    pub fn counted(&self) -> Vec<(&'static str, &'static str, u64)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|((reason, because), count)| (*reason, *because, *count)).collect()
    }
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Logs and counts a refusal by the rules, once it is what the caller is told; of every other error it does nothing.
    pub(crate) fn note_refusal(&self, tenant: TenantId, intent: Option<IntentId>, error: &Error) {
        let Error::Precondition { reason, refusal: Some(refusal), .. } = error else { return };
        let Refusal { version, rule, because, missing } = &**refusal;
        self.inner.refusals.count(reason, because);
        let none = if *reason == reason::WALLET_CLOSED_BY_POLICY { "no opening" } else { "no rule" };
        let rule = rule.as_deref().unwrap_or(none);
        let (payment, missing) = (intent.map(tracing::field::display), missing.join(","));
        tracing::info!(%tenant, payment, reason, version, rule, because, missing, "refused by rules");
    }
}
