//! Private keys that were parsed before. Checking one takes milliseconds, and a simulator starts thousands of worlds with
//! the same few keys.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use crate::locked;

/// Keys that are remembered at most; any others are parsed each time.
const REMEMBERED_MAX: usize = 64;

type Known = HashMap<(TypeId, Vec<u8>), Arc<dyn Any + Send + Sync>>;

/// The key in these bytes, parsed once; `None` as `parse` says so.
pub(crate) fn parsed<K: Send + Sync + 'static>(
    der: &[u8],
    parse: impl FnOnce(&[u8]) -> Option<K>,
) -> Option<Arc<K>> {
    static KNOWN: OnceLock<Mutex<Known>> = OnceLock::new();
    let known = KNOWN.get_or_init(Mutex::default);
    let place = (TypeId::of::<K>(), der.to_vec());
    let before = locked(known).get(&place).cloned().and_then(|key| key.downcast().ok());
    if before.is_some() {
        return before;
    }
    let key = Arc::new(parse(der)?);
    let mut known = locked(known);
    if known.len() < REMEMBERED_MAX {
        known.insert(place, key.clone());
    }
    Some(key)
}
