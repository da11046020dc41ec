//! Who may write what came back from a rail. Whoever asked under a claim writes under it too: a worker that was paused past
//! its lease affects no row, because somebody else has claimed the work since and asks again.
//!
//! Some news outlives its claim: see [`Observation::outlives_its_claim`].

use paifang_payment::{Observation, OrderNo};
use paifang_store::{Fence, InboxEntry, Leased, WorkKey};

/// How news came in.
#[derive(Debug, Default)]
pub(crate) struct Came<'a> {
    /// It is about the capture or release under this number only.
    pub number: Option<&'a OrderNo>,
    /// The notification that brought it.
    pub inbox: Option<InboxEntry>,
    /// The claim under which the rail was asked.
    pub claim: Option<Fence>,
}

impl Came<'_> {
    /// As the answer to what was sent or asked under a claim.
    pub fn under(claim: Option<Fence>) -> Self {
        Self { claim, ..Self::default() }
    }

    /// By a notification.
    pub fn by(inbox: InboxEntry) -> Self {
        Self { inbox: Some(inbox), ..Self::default() }
    }
}

/// The epoch of work that is scheduled for the first time.
const FIRST_EPOCH: u64 = 1;

/// The claim of whoever opens something and sends it at once: the commit that writes it ahead makes the work.
pub(crate) fn opening(key: WorkKey) -> Fence {
    Fence { key, epoch: FIRST_EPOCH }
}

/// The claim of a worker.
pub(crate) fn of(item: &Leased) -> Fence {
    Fence { key: item.key.clone(), epoch: item.epoch }
}

/// The claim after the worker has written a send ahead: that commit schedules the work anew, leased to the same worker.
pub(crate) fn renewed(item: &Leased) -> Fence {
    Fence { key: item.key.clone(), epoch: item.epoch.saturating_add(1) }
}

/// Says that news was dropped; whoever holds the claim now asks again.
pub(crate) fn log_drop(what: &str, seen: &Observation) {
    let (news, rule) = (seen.news.word(), &seen.evidence.rule);
    tracing::warn!(what, news, rule, "the claim was lost meanwhile: the news is dropped and asked for again");
}
