//! The key ring of one account while it runs: what the config says, and what the rail itself hands out. Both can change
//! while traffic flows; a ring is swapped as a whole, and whoever uses the one before it goes on with that.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use paifang_rail::{FreshKey, KeyError, Keyring};

/// The rings of one account.
pub(crate) struct Rings {
    in_use: RwLock<Arc<Keyring>>,
    /// What the rail handed out last; put over each new configured ring.
    fresh: Mutex<Vec<FreshKey>>,
}

impl Rings {
    pub(crate) fn new(configured: Arc<Keyring>) -> Self {
        Self { in_use: RwLock::new(configured), fresh: Mutex::default() }
    }

    /// The ring of this moment.
    pub(crate) fn get(&self) -> Arc<Keyring> {
        Arc::clone(&self.in_use.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The rail's keys are these from now on, and no longer those of before.
    ///
    /// # Errors
    /// When one of them cannot be read; nothing has changed then.
    pub(crate) fn hand_out(&self, keys: Vec<FreshKey>, now: Timestamp) -> Result<(), KeyError> {
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.get().with_fresh(&keys, now)?;
        *fresh = keys;
        self.swap(next);
        Ok(())
    }

    /// The configured keys are these from now on.
    ///
    /// # Errors
    /// As [`Rings::hand_out`].
    pub(crate) fn configure(&self, ring: &Keyring, now: Timestamp) -> Result<(), KeyError> {
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        let next = ring.with_fresh(&fresh, now)?;
        self.swap(next);
        Ok(())
    }

    fn swap(&self, next: Keyring) {
        *self.in_use.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = include_str!("../../../tests/vectors/alipay-vectors.json");

    fn pem() -> String {
        let file: serde_json::Value = serde_json::from_str(KEY).unwrap();
        file["keys"]["alipay"]["public_spki_pem"].as_str().unwrap().to_owned()
    }

    fn key(id: &str) -> FreshKey {
        FreshKey { id: id.into(), pem: pem(), not_before: None, not_after: None }
    }

    fn configured(id: &str) -> Keyring {
        Keyring::builder().verifier(Some(id), &pem()).unwrap().build().unwrap()
    }

    fn ids(rings: &Rings) -> Vec<String> {
        rings.get().verifier_ids().map(str::to_owned).collect()
    }

    #[test]
    fn both_kinds_of_keys_change_without_losing_the_other() {
        let now = Timestamp::UNIX_EPOCH;
        let rings = Rings::new(Arc::new(configured("first")));
        let before = rings.get();
        rings.hand_out(vec![key("a"), key("b")], now).unwrap();
        assert_eq!(ids(&rings), ["first", "a", "b"]);
        rings.configure(&configured("second"), now).unwrap();
        assert_eq!(ids(&rings), ["second", "a", "b"]);
        rings.hand_out(vec![key("b")], now).unwrap();
        assert_eq!(ids(&rings), ["second", "b"]);
        assert_eq!(
            before.verifier_ids().collect::<Vec<_>>(),
            ["first"],
            "whoever has the ring before goes on with it"
        );
    }

    #[test]
    fn a_key_that_cannot_be_read_changes_nothing() {
        let now = Timestamp::UNIX_EPOCH;
        let rings = Rings::new(Arc::new(configured("first")));
        rings.hand_out(vec![key("a")], now).unwrap();
        let broken = FreshKey { pem: "rubbish".into(), ..key("b") };
        assert!(rings.hand_out(vec![broken], now).is_err());
        assert_eq!(ids(&rings), ["first", "a"]);
        rings.configure(&configured("second"), now).unwrap();
        assert_eq!(ids(&rings), ["second", "a"]);
    }
}
