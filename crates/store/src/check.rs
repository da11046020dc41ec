//! What a batch has to keep by itself, whatever is stored. Every store asks before it looks at anything else, so that a
//! mistake of the batch's maker ends here and not in a row.

use paifang_payment::{IntentId, TenantId};

use crate::{Batch, Guard, StoreError, WorkChange, WorkKey};

impl Batch {
    /// Whether the batch is coherent: one tenant (I10), one intent, journal entries that lead from the expected version
    /// to the row's without a gap (I7), and no [`WorkChange::Delay`] but of the work that is claimed.
    pub fn check(&self) -> Result<(), StoreError> {
        let wrong = self.mixed_tenants().or(self.mixed_intents()).or(self.gaps()).or(self.unclaimed_delay());
        wrong.map_or(Ok(()), |what| Err(StoreError::Broken(what.to_owned())))
    }

    fn mixed_tenants(&self) -> Option<&'static str> {
        let intent = self.intent.iter().map(|write| write.row.terms.tenant);
        let refunds = self.refunds.iter().map(|write| write.row.terms.tenant);
        let work = self.work.iter().map(|change| change.key().tenant());
        let fence = self.fence.iter().map(|fence| fence.key.tenant());
        let mut tenants = intent.chain(refunds).chain(work).chain(fence);
        tenants
            .any(|tenant| tenant != self.tenant)
            .then_some("a row belongs to another tenant than the batch")
    }

    fn mixed_intents(&self) -> Option<&'static str> {
        let intent = self.intent.iter().map(|write| write.row.terms.id);
        let refunds = self.refunds.iter().map(|write| write.row.terms.intent);
        let guards = self.guards.iter().map(Guard::intent);
        let turns = self.work.iter().filter_map(WorkChange::turn_of);
        let events = self.events.iter().filter_map(|event| event.intent);
        let decided = self.rules.iter().flat_map(|rules| &rules.decided).map(|decided| decided.intent);
        let marks = self.marks.iter().map(|mark| mark.intent);
        let mut all =
            intent.chain(refunds).chain(guards).chain(turns).chain(events).chain(decided).chain(marks);
        let first = all.next()?;
        all.any(|other| other != first).then_some("a batch touches one intent")
    }

    fn gaps(&self) -> Option<&'static str> {
        let intent = self.intent.iter().all(|write| {
            leads(write.expected, write.row.version, write.entries.iter().map(|entry| entry.seq))
        });
        let refunds = self.refunds.iter().all(|write| {
            leads(write.expected, write.row.version, write.entries.iter().map(|entry| entry.seq))
        });
        (!intent || !refunds).then_some("the journal entries do not lead to the row's version")
    }

    fn unclaimed_delay(&self) -> Option<&'static str> {
        let claimed = self.fence.as_ref().map(|fence| &fence.key);
        let delays = self.work.iter().filter(|change| matches!(change, WorkChange::Delay { .. }));
        delays
            .map(WorkChange::key)
            .any(|key| Some(key) != claimed)
            .then_some("delays work that is not claimed")
    }
}

impl Guard {
    /// The intent whose amounts change.
    pub fn intent(&self) -> IntentId {
        match self {
            Self::Authorize(id, _)
            | Self::Void(id, _)
            | Self::Capture(id, _)
            | Self::Reserve(id, _)
            | Self::Settle(id, _)
            | Self::Release(id, _)
            | Self::Refunds { intent: id, .. }
            | Self::Pace { intent: id, .. } => *id,
        }
    }
}

impl WorkChange {
    /// What it is about.
    pub fn key(&self) -> &WorkKey {
        match self {
            Self::Put { key, .. }
            | Self::Turn { key, .. }
            | Self::Delay { key, .. }
            | Self::Remove { key }
            | Self::Quarantine { key, .. }
            | Self::Redrive { key, .. } => key,
        }
    }

    /// The intent whose refunds take turns, where this hands one out.
    fn turn_of(&self) -> Option<IntentId> {
        match self {
            Self::Turn { intent, .. } => Some(*intent),
            Self::Put { .. }
            | Self::Delay { .. }
            | Self::Remove { .. }
            | Self::Quarantine { .. }
            | Self::Redrive { .. } => None,
        }
    }
}

impl WorkKey {
    /// Whose it is.
    pub fn tenant(&self) -> TenantId {
        match self {
            Self::Attempt { tenant, .. } | Self::Refund { tenant, .. } | Self::Expiry { tenant, .. } => {
                *tenant
            }
        }
    }
}

fn leads(expected: u64, version: u64, entries: impl Iterator<Item = u64>) -> bool {
    let mut last = expected;
    for seq in entries {
        if Some(seq) != last.checked_add(1) {
            return false;
        }
        last = seq;
    }
    last == version && version > 0
}
