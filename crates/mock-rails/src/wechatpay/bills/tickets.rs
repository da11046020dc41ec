//! Files that wait to be downloaded.

use std::collections::HashMap;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use crate::wechatpay::answers::FileKind;

/// How long a link is good.
const LIFE: SignedDuration = SignedDuration::from_mins(5);

/// How many links are good at once; the oldest gives way.
const TICKETS_MAX: usize = 100;

/// A file behind a token.
#[derive(Debug)]
pub(super) struct Ticket {
    mchid: String,
    bytes: Bytes,
    kind: FileKind,
    until: Timestamp,
}

impl Ticket {
    pub(super) fn new(mchid: String, bytes: Bytes, kind: FileKind, now: Timestamp) -> Self {
        Self { mchid, bytes, kind, until: now + LIFE }
    }

    /// Whether it was made for this merchant.
    pub(super) fn is_of(&self, mchid: &str) -> bool {
        self.mchid == mchid
    }

    pub(super) fn file(&self) -> (Bytes, FileKind) {
        (self.bytes.clone(), self.kind)
    }
}

/// The tickets by token.
#[derive(Debug, Default)]
pub(in crate::wechatpay) struct Tickets(HashMap<String, Ticket>);

impl Tickets {
    pub(super) fn put(&mut self, token: String, ticket: Ticket, now: Timestamp) {
        self.0.retain(|_, ticket| now < ticket.until);
        if self.0.len() >= TICKETS_MAX {
            let oldest = self.0.iter().min_by_key(|(_, ticket)| ticket.until).map(|(token, _)| token.clone());
            oldest.and_then(|token| self.0.remove(&token));
        }
        self.0.insert(token, ticket);
    }

    /// The ticket of this token, while it is good.
    pub(super) fn find(&mut self, token: &str, now: Timestamp) -> Option<&Ticket> {
        self.0.get(token).filter(|ticket| now < ticket.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_are_few_short_lived_and_somebodys() {
        let now = Timestamp::UNIX_EPOCH;
        let ticket = |at| Ticket::new("1".to_owned(), Bytes::from_static(b"x"), FileKind::Text, at);
        let mut tickets = Tickets::default();
        tickets.put("first".to_owned(), ticket(now), now);
        assert!(tickets.find("first", now).is_some_and(|it| it.is_of("1") && !it.is_of("2")));
        assert!(tickets.find("first", now + LIFE).is_none());
        let later = now + SignedDuration::from_secs(1);
        for n in 0..TICKETS_MAX {
            tickets.put(n.to_string(), ticket(later), later);
        }
        assert_eq!((tickets.0.len(), tickets.find("first", later).is_none()), (TICKETS_MAX, true));
    }
}
