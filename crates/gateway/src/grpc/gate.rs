//! How much may be under way at once. What does not fit is turned away at once and never queued: a caller that is told so
//! can come again, one that waits in a queue repeats itself.
//!
//! Reads may fill the gate to four fifths only, so that a capture still finds room when lists are read in a loop, and no
//! tenant may fill it alone (S25).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use paifang_payment::TenantId;

/// A gate. Clones are the same gate.
#[derive(Clone)]
pub(crate) struct Gate {
    inside: Arc<Mutex<Inside>>,
    all_max: usize,
    reads_max: usize,
    tenant_max: usize,
}

#[derive(Default)]
struct Inside {
    all: usize,
    reads: usize,
    tenants: HashMap<TenantId, usize>,
}

/// Somebody's place inside; given back when it is dropped.
pub(crate) struct Place {
    inside: Arc<Mutex<Inside>>,
    read: bool,
    tenant: Option<TenantId>,
}

impl Gate {
    /// A gate for this many, of which one tenant may have that many.
    pub fn new(all_max: usize, tenant_max: usize) -> Self {
        let reads_max = all_max - all_max / 5;
        Self { inside: Arc::default(), all_max, reads_max, tenant_max }
    }

    /// Lets somebody in whose tenant is not known yet.
    pub fn enter(&self, read: bool) -> Option<Place> {
        let mut inside = lock(&self.inside);
        if inside.all >= self.all_max || (read && inside.reads >= self.reads_max) {
            return None;
        }
        inside.all += 1;
        inside.reads += usize::from(read);
        Some(Place { inside: Arc::clone(&self.inside), read, tenant: None })
    }

    /// Counts a place for its tenant; gives the place up where that tenant has too many already.
    pub fn admit(&self, mut place: Place, tenant: TenantId) -> Option<Place> {
        let mut inside = lock(&self.inside);
        let count = inside.tenants.entry(tenant).or_default();
        if *count < self.tenant_max {
            *count += 1;
            place.tenant = Some(tenant);
        }
        drop(inside);
        place.tenant.is_some().then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = lock(&self.inside);
        inside.all = inside.all.saturating_sub(1);
        inside.reads = inside.reads.saturating_sub(usize::from(self.read));
        let Some(tenant) = self.tenant else { return };
        let left = inside.tenants.get(&tenant).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            inside.tenants.remove(&tenant);
        } else {
            inside.tenants.insert(tenant, left);
        }
    }
}

/// Nothing panics while it holds the lock; should it, the counts are still whole.
fn lock(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
    inside.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(n: u8) -> TenantId {
        TenantId::from_parts(jiff::Timestamp::UNIX_EPOCH, [n; 10])
    }

    /// I13, S25: reads leave a fifth free, one tenant leaves room for others, and every place is given back.
    #[test]
    fn reads_leave_room_and_so_does_every_tenant() {
        let gate = Gate::new(10, 6);
        let reads: Vec<_> = (0..20).filter_map(|_| gate.enter(true)).collect();
        assert_eq!(reads.len(), 8);
        let moves: Vec<_> = (0..20).filter_map(|_| gate.enter(false)).collect();
        assert_eq!(moves.len(), 2);
        drop((reads, moves));

        let enter = |n| gate.enter(false).and_then(|place| gate.admit(place, tenant(n)));
        let first: Vec<_> = (0..20).filter_map(|_| enter(1)).collect();
        assert_eq!(first.len(), 6);
        let second: Vec<_> = (0..20).filter_map(|_| enter(2)).collect();
        assert_eq!(second.len(), 4);
        drop((first, second));
        let inside = lock(&gate.inside);
        assert_eq!((inside.all, inside.reads, inside.tenants.len()), (0, 0, 0));
    }
}
