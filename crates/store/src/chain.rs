//! The chain of a journal: each entry is sealed with the digest of the entry before it, so that an entry that was
//! altered, removed or cut off is found, to the very entry.
//!
//! The canonical form is the stored form of the entry (see [`crate::form`]) with the seal's own digest left out, after
//! whose it is: tenant and id, each part with its length before it. A field that a later release adds to an entry has to
//! be left out where it is absent, or the digests of earlier entries would change; a test holds one digest for ever.
//!
//! What it does not see: blanks and fields that this release does not know, since they mean nothing to it. What it does not
//! prove: whoever can rewrite the whole journal and the row can compute every digest anew. Heads that
//! were kept elsewhere ([`crate::fsck::Report::heads`]) tell that, too.

use std::collections::BTreeSet;

use paifang_ledger::Transfer;
use paifang_payment::intent::{self, Intent};
use paifang_payment::refund::{self, Refund};
use paifang_payment::{Commit, Digest, EventId, RefundId, Seal, TenantId};
use ring::digest::{Context, SHA256};

use crate::form::{self, Stored};
use crate::{Batch, Snapshot, StoreError};

/// Told apart from whatever else is hashed anywhere.
const CONTEXT: &str = "paifang journal entry 1";

/// A journal entry that can be sealed.
pub(crate) trait Entry: Stored + Clone {
    fn seq(&self) -> u64;
    fn seal(&self) -> Option<&Seal>;
    fn set_seal(&mut self, seal: Option<Seal>);
}

impl Entry for intent::Entry {
    fn seq(&self) -> u64 {
        self.seq
    }

    fn seal(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }

    fn set_seal(&mut self, seal: Option<Seal>) {
        self.seal = seal;
    }
}

impl Entry for refund::Entry {
    fn seq(&self) -> u64 {
        self.seq
    }

    fn seal(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }

    fn set_seal(&mut self, seal: Option<Seal>) {
        self.seal = seal;
    }
}

impl Batch {
    /// Seals the journal entries: chains them to the head of the row that they start from, and names in the last one of
    /// each journal what else the batch writes. The last thing that is done to a batch before it is committed; entries
    /// that are sealed already stay as they are.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when an entry cannot be written down.
    pub fn seal(&mut self) -> Result<(), StoreError> {
        let tenant = self.tenant;
        let mut parts = Parts::of(self);
        for write in &mut self.refunds {
            let id = write.row.terms.id;
            let own = parts.of_refund(id);
            write.row.head = seal(tenant, &id.to_string(), write.row.head, &mut write.entries, own)?;
        }
        if let Some(write) = &mut self.intent {
            let id = write.row.terms.id.to_string();
            let own = std::mem::take(&mut parts.rest);
            write.row.head = seal(tenant, &id, write.row.head, &mut write.entries, own)?;
        }
        self.date_snapshots();
        Ok(())
    }

    /// An event shows the row as it is after the commit, its head included.
    fn date_snapshots(&mut self) {
        let heads: Vec<(RefundId, Option<Digest>)> =
            self.refunds.iter().map(|write| (write.row.terms.id, write.row.head)).collect();
        let intent = self.intent.as_ref().map(|write| &write.row);
        for event in &mut self.events {
            match &mut event.snapshot {
                Snapshot::Intent { intent: shown, .. } => {
                    let same = |row: &&Intent| row.terms.id == shown.terms.id && row.version == shown.version;
                    shown.head = intent.filter(same).map_or(shown.head, |row| row.head);
                }
                Snapshot::Refund { refund: shown, .. } => {
                    let head = heads.iter().find(|(id, _)| *id == shown.terms.id);
                    shown.head = head.map_or(shown.head, |(_, head)| *head);
                }
                Snapshot::Funds { .. } => {}
            }
        }
    }
}

/// What a batch writes beside its entries, by the journal that names it.
struct Parts {
    refunds: Vec<(RefundId, Commit)>,
    rest: Commit,
}

impl Parts {
    fn of(batch: &Batch) -> Self {
        let ids: BTreeSet<RefundId> = batch.refunds.iter().map(|write| write.row.terms.id).collect();
        let request = batch.request.as_ref().map(|request| request.request_id.clone());
        let notification = batch.inbox.as_ref().map(|entry| entry.key.clone());
        let came = Commit { request, notification, ..Commit::default() };
        let mut rest = came.clone();
        // A refund that follows from an intent's step came with what that step came from; alone, it came by itself.
        let first = if batch.intent.is_some() { Commit::default() } else { came };
        let mut refunds: Vec<(RefundId, Commit)> = ids.into_iter().map(|id| (id, first.clone())).collect();
        for transfer in &batch.transfers {
            let own = refunds.iter_mut().find(|(id, _)| names(transfer, *id));
            let place = own.map_or(&mut rest.booked, |(_, own)| &mut own.booked);
            place.push(transfer.key.as_str().to_owned());
        }
        for event in &batch.events {
            let own = refunds.iter_mut().find(|(id, _)| match &event.snapshot {
                Snapshot::Refund { refund, .. } => refund.terms.id == *id,
                Snapshot::Intent { .. } | Snapshot::Funds { .. } => false,
            });
            own.map_or(&mut rest.told, |(_, own)| &mut own.told).push(event.id);
        }
        Self { refunds, rest }
    }

    fn of_refund(&mut self, id: RefundId) -> Commit {
        let own = self.refunds.iter_mut().find(|(known, _)| *known == id);
        own.map(|(_, own)| std::mem::take(own)).unwrap_or_default()
    }
}

/// The posting keys of a refund's transfers have its id as a part.
fn names(transfer: &Transfer, id: RefundId) -> bool {
    transfer.key.as_str().split(':').any(|part| RefundId::parse(part) == Ok(id))
}

/// Seals the entries of one journal; answers its head.
fn seal<E: Entry>(
    tenant: TenantId,
    id: &str,
    head: Option<Digest>,
    entries: &mut [E],
    commit: Commit,
) -> Result<Option<Digest>, StoreError> {
    let Some(last) = entries.last().filter(|last| last.seal().is_none()).map(Entry::seq) else {
        return Ok(head);
    };
    let (mut head, mut commit) = (head, Some(commit));
    for entry in entries {
        let commit = if entry.seq() == last { commit.take() } else { None };
        let digest = digest(tenant, id, head, commit.as_ref(), entry)?;
        entry.set_seal(Some(Seal { previous: head, commit, digest }));
        head = Some(digest);
    }
    Ok(head)
}

fn digest<E: Entry>(
    tenant: TenantId,
    id: &str,
    previous: Option<Digest>,
    commit: Option<&Commit>,
    entry: &E,
) -> Result<Digest, StoreError> {
    let mut bare = entry.clone();
    bare.set_seal(None);
    let commit = commit.map(form::write).transpose()?;
    let mut context = Context::new(&SHA256);
    let mut part = |bytes: &[u8]| {
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(bytes);
    };
    part(CONTEXT.as_bytes());
    part(tenant.to_string().as_bytes());
    part(id.as_bytes());
    part(previous.map(|previous| previous.0).as_ref().map_or(&[], |previous| previous));
    part(form::write(&bare)?.as_bytes());
    part(commit.unwrap_or_default().as_bytes());
    let mut digest = Digest([0; 32]);
    digest.0.copy_from_slice(context.finish().as_ref());
    Ok(digest)
}

/// What one journal's chain shows.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// Entries that are sealed.
    pub sealed: u64,
    /// What differs, one line each.
    pub findings: Vec<String>,
    /// What the commits say they booked.
    pub booked: Vec<String>,
    /// What the commits say they told.
    pub told: Vec<EventId>,
}

/// Follows the chain of a journal to the head in its row.
pub(crate) fn follow<E: Entry>(
    tenant: TenantId,
    id: &str,
    entries: &[E],
    head: Option<Digest>,
) -> Result<Chain, StoreError> {
    let mut chain = Chain::default();
    let mut last: Option<(u64, Digest)> = None;
    for entry in entries {
        let seq = entry.seq();
        let Some(seal) = entry.seal() else {
            if let Some((before, _)) = last {
                chain.find(format!("entry {seq} has no seal, although entry {before} has one"));
            }
            continue;
        };
        chain.sealed += 1;
        let content = digest(tenant, id, seal.previous, seal.commit.as_ref(), entry)?;
        if content != seal.digest {
            chain.find(format!(
                "entry {seq} was altered: its content has digest {content:?}, its seal {:?}",
                seal.digest
            ));
        }
        let before = last.map(|(_, digest)| digest);
        if seal.previous != before {
            let stands =
                last.map_or("nothing".to_owned(), |(seq, digest)| format!("entry {seq}, {digest:?}"));
            let follows = seal.previous.map_or("nothing".to_owned(), |digest| format!("{digest:?}"));
            chain.find(format!("entry {seq} follows {follows}, and before it stands {stands}"));
        }
        last = Some((seq, seal.digest));
        let commit = seal.commit.clone().unwrap_or_default();
        chain.booked.extend(commit.booked);
        chain.told.extend(commit.told);
    }
    let end = last.map(|(_, digest)| digest);
    if end != head {
        let end =
            last.map_or("with no seal".to_owned(), |(seq, digest)| format!("at entry {seq}, {digest:?}"));
        let head = head.map_or("none".to_owned(), |head| format!("{head:?}"));
        chain.find(format!("the row's head is {head}, the journal ends {end}"));
    }
    Ok(chain)
}

impl Chain {
    fn find(&mut self, what: String) {
        self.findings.push(what);
    }
}

/// A row with a journal of its own.
pub(crate) trait Row: Stored + PartialEq {
    fn head(&self) -> Option<Digest>;
}

impl Row for Intent {
    fn head(&self) -> Option<Digest> {
        self.head
    }
}

impl Row for Refund {
    fn head(&self) -> Option<Digest> {
        self.head
    }
}

#[cfg(test)]
mod tests;
