//! Bad weather: rate limits and maintenance windows. The framework decides when, each rail says it in its own words.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::faults::OPERATIONS;
use crate::{RailMock, RailRequest, Refusal, locked};

/// A rate limit: a bucket of `burst` requests that fills by `per_second`, on the rails' clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Requests per second, 1 or more.
    pub per_second: u32,
    /// How many may come at once; as many as per second when it is left out.
    #[serde(default)]
    pub burst: Option<u32>,
    /// Only requests whose target holds this text, such as `/v3/refund` or `method=alipay.trade.refund`; all when left out.
    #[serde(default)]
    pub target: Option<String>,
    /// Only requests of this operation, a word of [`OPERATIONS`]; all when left out. UnionPay tells its operations apart
    /// in the body only.
    #[serde(default)]
    pub operation: Option<String>,
}

/// A time in which the rail is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// From this moment on.
    pub from: Timestamp,
    /// Up to and without this one.
    pub until: Timestamp,
}

/// The conditions of one rail; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Conditions(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    limits: Vec<Bucket>,
    windows: Vec<Window>,
}

#[derive(Debug)]
struct Bucket {
    limit: Limit,
    /// Thousandths of requests that may still come.
    left: i128,
    filled_at: Option<Timestamp>,
}

/// How many limits and windows a rail can have at once.
const COUNT_MAX: usize = 100;

/// What the control API shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Rate limits.
    pub limits: Vec<Limit>,
    /// Maintenance windows.
    pub windows: Vec<Window>,
}

/// A condition that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// See the text.
    #[error("limit.per_second and limit.burst must be 1 or more")]
    NoRate,
    /// See the text.
    #[error("limit.operation must be one of those in the control API")]
    NoOperation,
    /// See the text.
    #[error("window.until must be after window.from")]
    NoWindow,
    /// See the text.
    #[error("there can be at most {COUNT_MAX} limits and windows; clear them first")]
    TooMany,
}

impl Conditions {
    /// Adds a rate limit.
    ///
    /// # Errors
    /// A rate of nothing, no such operation, or too many limits.
    pub fn limit(&self, limit: Limit) -> Result<(), ConditionError> {
        limit.check()?;
        let mut kept = locked(&self.0);
        if kept.limits.len() == COUNT_MAX {
            return Err(ConditionError::TooMany);
        }
        let left = thousandths(limit.burst.unwrap_or(limit.per_second));
        kept.limits.push(Bucket { limit, left, filled_at: None });
        Ok(())
    }

    /// Adds a maintenance window.
    ///
    /// # Errors
    /// A window that ends before it begins, or too many windows.
    pub fn close(&self, window: Window) -> Result<(), ConditionError> {
        if window.until <= window.from {
            return Err(ConditionError::NoWindow);
        }
        let mut kept = locked(&self.0);
        if kept.windows.len() == COUNT_MAX {
            return Err(ConditionError::TooMany);
        }
        kept.windows.push(window);
        Ok(())
    }

    /// Fair weather again.
    pub fn clear(&self) {
        *locked(&self.0) = Kept::default();
    }

    /// What holds now.
    pub fn shown(&self) -> Shown {
        let kept = locked(&self.0);
        Shown {
            limits: kept.limits.iter().map(|bucket| bucket.limit.clone()).collect(),
            windows: kept.windows.clone(),
        }
    }

    /// Whether this request to the rail is turned away; a rate limit counts it.
    pub(crate) fn judge(
        &self,
        rail: &dyn RailMock,
        request: &RailRequest,
        now: Timestamp,
    ) -> Option<Refusal> {
        // Asked before the lock, and only where it counts: a rail may have to read the whole body for it.
        let operation = self.asks_for_operations().then(|| rail.operation(request)).flatten();
        let mut kept = locked(&self.0);
        if kept.windows.iter().any(|window| window.from <= now && now < window.until) {
            return Some(Refusal::Maintenance);
        }
        let mut refused = false;
        for bucket in kept.limits.iter_mut().filter(|bucket| bucket.limit.covers(request, operation)) {
            refused |= !bucket.take(now);
        }
        refused.then_some(Refusal::RateLimited)
    }

    fn asks_for_operations(&self) -> bool {
        locked(&self.0).limits.iter().any(|bucket| bucket.limit.operation.is_some())
    }
}

impl Limit {
    /// Whether it can be.
    ///
    /// # Errors
    /// A rate of nothing, or no such operation.
    pub(crate) fn check(&self) -> Result<(), ConditionError> {
        if self.per_second == 0 || self.burst == Some(0) {
            return Err(ConditionError::NoRate);
        }
        match self.operation.as_deref() {
            Some(operation) if !OPERATIONS.contains(&operation) => Err(ConditionError::NoOperation),
            Some(_) | None => Ok(()),
        }
    }

    fn covers(&self, request: &RailRequest, operation: Option<&str>) -> bool {
        self.target.as_deref().is_none_or(|part| request.target.contains(part))
            && (self.operation.is_none() || self.operation.as_deref() == operation)
    }
}

impl Bucket {
    fn take(&mut self, now: Timestamp) -> bool {
        let passed = self.filled_at.map_or(SignedDuration::ZERO, |at| now.duration_since(at));
        let gained = passed.as_millis().max(0).saturating_mul(i128::from(self.limit.per_second));
        let full = thousandths(self.limit.burst.unwrap_or(self.limit.per_second));
        (self.left, self.filled_at) = (self.left.saturating_add(gained).min(full), Some(now));
        let granted = self.left >= ONE;
        if granted {
            self.left -= ONE;
        }
        granted
    }
}

const ONE: i128 = 1_000;

fn thousandths(count: u32) -> i128 {
    i128::from(count) * ONE
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::FutureExt;
    use futures::future::BoxFuture;
    use http::{HeaderMap, Method};

    use super::*;
    use crate::book::BookEntry;
    use crate::{PayerAct, PayerError, RailReply};

    /// A rail whose operation is the last part of the target.
    struct Silent;

    impl RailMock for Silent {
        fn name(&self) -> &'static str {
            "silent"
        }

        fn handle(&self, _: RailRequest) -> BoxFuture<'_, RailReply> {
            std::future::ready(RailReply::Dropped).boxed()
        }

        fn operation(&self, request: &RailRequest) -> Option<&'static str> {
            OPERATIONS.into_iter().find(|operation| request.target.ends_with(operation))
        }

        fn payer(&self, _: PayerAct) -> Result<serde_json::Value, PayerError> {
            Err(PayerError::Unsupported)
        }

        fn book(&self) -> Vec<BookEntry> {
            Vec::new()
        }

        fn expire_due(&self) {}
    }

    fn request(target: &str) -> RailRequest {
        RailRequest {
            method: Method::POST,
            target: target.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_bucket_empties_and_fills_on_the_rails_clock() {
        let conditions = Conditions::default();
        conditions
            .limit(Limit {
                per_second: 2,
                burst: Some(3),
                target: Some("/v3/refund".into()),
                operation: None,
            })
            .unwrap();
        let ask = |target: &str, second| conditions.judge(&Silent, &request(target), at(second));
        for _ in 0..3 {
            assert_eq!(ask("/v3/refund/x", 0), None);
        }
        assert_eq!(ask("/v3/refund/x", 0), Some(Refusal::RateLimited));
        assert_eq!(ask("/v3/pay", 0), None, "another target");
        assert_eq!((ask("/v3/refund", 1), ask("/v3/refund", 1)), (None, None));
        assert_eq!(ask("/v3/refund", 1), Some(Refusal::RateLimited));
        conditions.clear();
        assert_eq!(ask("/v3/refund", 1), None);
    }

    #[test]
    fn a_limit_may_be_of_one_operation_and_of_one_target_at_once() {
        let conditions = Conditions::default();
        let limit = |target: Option<&str>, operation: &str| {
            let (target, operation) = (target.map(Into::into), Some(operation.into()));
            conditions.limit(Limit { per_second: 1, burst: None, target, operation })
        };
        limit(None, "refund").unwrap();
        limit(Some("/b/"), "query").unwrap();
        let ask = |target: &str| conditions.judge(&Silent, &request(target), at(0)).is_some();
        let asked = ["/refund", "/refund", "/b/query", "/b/query", "/a/query", "/a/query", "/b/charge", "/x"];
        assert_eq!(asked.map(ask), [false, true, false, true, false, false, false, false]);
        assert_eq!(limit(None, "pay"), Err(ConditionError::NoOperation));
    }

    #[test]
    fn a_window_closes_the_rail_between_its_ends() {
        let conditions = Conditions::default();
        conditions.close(Window { from: at(10), until: at(20) }).unwrap();
        let verdicts = [9, 10, 19, 20].map(|second| conditions.judge(&Silent, &request("/"), at(second)));
        let closed = Some(Refusal::Maintenance);
        assert_eq!(verdicts, [None, closed, closed, None]);
        assert_eq!(conditions.close(Window { from: at(5), until: at(5) }), Err(ConditionError::NoWindow));
        let none = Limit { per_second: 0, burst: None, target: None, operation: None };
        assert_eq!(conditions.limit(none), Err(ConditionError::NoRate));
    }
}
