//! What a gateway answers about a storefront's rules, for people and for programs: where they stand, or why not.

use jiff::Timestamp;
use paifang_client::v1;
use serde_json::json;
use tonic::Status;
use tonic_types::StatusExt;

use crate::cli::Ended;
use crate::reasons::{self, precondition};

/// Where the rules stand.
pub(super) fn table(policy: &v1::Policy) -> String {
    if policy.name.is_empty() {
        return "there are no rules: everything that works is open".to_owned();
    }
    let decides = match policy.active_version {
        0 => "no version decides".to_owned(),
        version => format!("version {version} decides since {}", time(&policy.active_since_time)),
    };
    let mut lines = vec![format!("{}: {decides}", policy.name)];
    lines.extend(policy.versions.iter().map(|one| {
        let state = match one.state() {
            v1::PolicyVersionState::Unspecified => "unknown",
            v1::PolicyVersionState::Draft => "draft",
            v1::PolicyVersionState::Announced => "announced",
            v1::PolicyVersionState::Active => "decides",
            v1::PolicyVersionState::Retired => "retired",
        };
        let from = one.effective_time.as_ref().map(|_| format!(", from {} on", time(&one.effective_time)));
        let lacks = match one.recalled_for_kill.as_str() {
            "" => String::new(),
            kill => {
                format!(", again: it lacks the kill switch {kill} of version {}", one.recalled_by_version)
            }
        };
        format!("  version {:<4} {state}{}{lacks}", one.version, from.unwrap_or_default())
    }));
    lines.extend(policy.roll_backs.iter().filter(|one| one.reopen_time.is_none()).map(rolled_back));
    lines.join("\n")
}

fn rolled_back(one: &v1::OpeningRollBack) -> String {
    let by = match (one.guard_rail.as_str(), one.remark.as_str()) {
        ("", remark) => remark.to_owned(),
        (guard_rail, _) => format!("guard rail {guard_rail}, {} ppm", one.measured_ppm),
    };
    let recalled: Vec<String> = one.recalled_versions.iter().map(ToString::to_string).collect();
    let recalled = match recalled.is_empty() {
        true => String::new(),
        false => format!("; drafts again by it, announce them anew: {}", recalled.join(", ")),
    };
    format!("  {} is rolled back since {} ({by}){recalled}", one.opening, time(&one.time))
}

/// A point in time, in UTC.
pub(super) fn time(at: &Option<prost_types::Timestamp>) -> String {
    let at = at.as_ref().and_then(|at| Timestamp::new(at.seconds, at.nanos).ok());
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}

/// Why the gateway did not do it, and what helps: on standard error, or as JSON on standard output.
/// `request_id`: that of the call, where one was made.
pub(super) fn refused(status: &Status, request_id: Option<&str>, ends: u8, as_json: bool) -> Ended {
    let reason = paifang_client::reason(status);
    let hint = hint(reason.as_deref());
    let wrong = status.get_details_bad_request().map(|wrong| wrong.field_violations).unwrap_or_default();
    if as_json {
        let wrong = wrong.iter().map(|one| json!({ "field": one.field, "rule": one.description }));
        let told = json!({ "error": {
            "reason": reason,
            "request_id": request_id,
            "message": status.message(),
            "violations": wrong.collect::<Vec<_>>(),
            "hint": hint,
        } });
        return Ended::Told(ends, format!("{told:#}"));
    }
    let named = reason.as_deref().unwrap_or("no answer");
    let mut lines = vec![format!("{named}: {}", status.message())];
    lines.extend(wrong.iter().map(|one| format!("  {}: {}", one.field, one.description)));
    lines.extend(request_id.map(|id| format!("  request id: {id}")));
    lines.push(hint.to_owned());
    lines.extend(reason.map(|reason| format!("see docs/errors/{reason}.md")));
    Ended::Status(ends, anyhow::anyhow!(lines.join("\n")))
}

/// What to do next.
fn hint(reason: Option<&str>) -> &'static str {
    match reason {
        Some(precondition::POLICY_STEP_REFUSED) => {
            "nothing was changed; `paifang policy list` tells where each version and opening stands"
        }
        Some(reasons::INVALID_REQUEST) => {
            "nothing was changed; mend what is named (a bundle: `paifang policy check`) and run it again"
        }
        Some(reasons::REQUEST_ID_REUSED) => {
            "nothing was changed; leave --request-id out, or take one that was never used"
        }
        Some(reasons::RESOURCE_NOT_FOUND) => {
            "there are no such rules; `paifang policy list` tells which there are, and the first step is `paifang policy draft`"
        }
        Some(reasons::UNAUTHENTICATED) => {
            "$PAIFANG_API_KEY must hold a key of the storefront whose rules they are"
        }
        Some(reasons::MESSAGE_TOO_LARGE) => "nothing was changed; a bundle has at most 60,000 bytes",
        Some(_) => "run it again with this --request-id: it changes nothing twice",
        None => {
            "no gateway answered at --gateway, which is its address for storefronts; run it again with this --request-id, if one is told: it changes nothing twice"
        }
    }
}
