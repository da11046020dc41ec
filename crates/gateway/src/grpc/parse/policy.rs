//! Changes of a storefront's own rules.

use std::collections::BTreeSet;

use jiff::Timestamp;
use paifang_engine::{ChangeRules, RulesChange, Without};
use paifang_payment::{Remark, RequestId};
use paifang_policy::RuleId;
use paifang_proto::v1;
use tonic::Status;

use super::Fields;

/// Bytes of a bundle at most: a request has 64 KiB.
pub(crate) const BUNDLE_BYTES_MAX: usize = 60_000;
/// Openings, or kill switches, that are confirmed at once at most.
const WITHOUT_MAX: usize = 1_000;

/// One of the calls that change rules.
pub(crate) trait Change {
    /// The caller's id of it.
    fn request_id(&self) -> &str;
    /// The change; `None` says that something is wrong, and was noted.
    fn read(self, fields: &mut Fields) -> Option<RulesChange>;
}

/// What a call asks for.
pub(crate) fn change_rules(request: impl Change) -> Result<ChangeRules, Status> {
    let mut fields = Fields::default();
    let request_id = fields.keep("request_id", RequestId::parse(request.request_id()));
    let change = request.read(&mut fields);
    let whole = (|| Some(ChangeRules { request_id: request_id?, change: change? }))();
    fields.finish(whole)
}

/// A point in time; `None` inside where it is absent, outside where it is wrong.
pub(crate) fn point(
    fields: &mut Fields,
    field: &str,
    time: Option<prost_types::Timestamp>,
) -> Option<Option<Timestamp>> {
    let Some(time) = time else { return Some(None) };
    let read = Timestamp::new(time.seconds, time.nanos).ok().filter(|_| time.nanos >= 0);
    fields.keep(field, read.ok_or("must be a point in time")).map(Some)
}

/// The number of a version.
pub(crate) fn version(fields: &mut Fields, version: u32) -> Option<u32> {
    fields.keep("version", Some(version).filter(|version| *version > 0).ok_or("must be at least 1"))
}

fn opening(fields: &mut Fields, field: &str, text: &str) -> Option<RuleId> {
    fields.keep(field, RuleId::parse(text))
}

/// The rules that a person confirms to do without.
fn confirmed(fields: &mut Fields, field: &str, ids: &[String]) -> Option<BTreeSet<RuleId>> {
    if ids.len() > WITHOUT_MAX {
        fields.wrong(field, format!("must have at most {WITHOUT_MAX} entries"));
        return None;
    }
    let ids = ids.iter().enumerate();
    let read: Vec<Option<RuleId>> =
        ids.map(|(at, text)| fields.keep(&format!("{field}[{at}]"), RuleId::parse(text))).collect();
    read.into_iter().collect()
}

fn remark(fields: &mut Fields, text: &str) -> Option<Remark> {
    fields.keep("remark", Remark::parse(text))
}

impl Change for v1::DraftPolicyRequest {
    fn request_id(&self) -> &str {
        &self.request_id
    }

    fn read(self, fields: &mut Fields) -> Option<RulesChange> {
        let fits = (1..=BUNDLE_BYTES_MAX).contains(&self.bundle.len());
        let rule = format!("must be a bundle in TOML, of at most {BUNDLE_BYTES_MAX} bytes");
        let text = fields.keep("bundle", Some(self.bundle).filter(|_| fits).ok_or(rule))?;
        Some(RulesChange::Draft { text })
    }
}

impl Change for v1::AnnouncePolicyRequest {
    fn request_id(&self) -> &str {
        &self.request_id
    }

    fn read(self, fields: &mut Fields) -> Option<RulesChange> {
        let version = version(fields, self.version);
        let effective_at = point(fields, "effective_time", self.effective_time);
        let openings = confirmed(fields, "without_openings", &self.without_openings);
        let kills = confirmed(fields, "without_kills", &self.without_kills);
        let without = Without { openings: openings?, kills: kills? };
        Some(RulesChange::Announce { version: version?, effective_at: effective_at?, without })
    }
}

impl Change for v1::RecallPolicyRequest {
    fn request_id(&self) -> &str {
        &self.request_id
    }

    fn read(self, fields: &mut Fields) -> Option<RulesChange> {
        Some(RulesChange::Recall { version: version(fields, self.version)? })
    }
}

impl Change for v1::RetirePolicyRequest {
    fn request_id(&self) -> &str {
        &self.request_id
    }

    fn read(self, fields: &mut Fields) -> Option<RulesChange> {
        Some(RulesChange::Retire { version: version(fields, self.version)? })
    }
}

impl Change for v1::RollBackOpeningRequest {
    fn request_id(&self) -> &str {
        &self.request_id
    }

    fn read(self, fields: &mut Fields) -> Option<RulesChange> {
        let opening = opening(fields, "opening", &self.opening);
        let why = remark(fields, &self.remark);
        Some(RulesChange::RollBack { opening: opening?, why: why? })
    }
}

impl Change for v1::ReopenOpeningRequest {
    fn request_id(&self) -> &str {
        &self.request_id
    }

    fn read(self, fields: &mut Fields) -> Option<RulesChange> {
        let opening = opening(fields, "opening", &self.opening);
        let why = remark(fields, &self.remark);
        Some(RulesChange::Reopen { opening: opening?, why: why? })
    }
}
