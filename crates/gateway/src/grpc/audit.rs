//! What `PolicyService` says of a time that is past.

use jiff::{SignedDuration, Timestamp};
use paifang_engine::ports::{Environment, Rails, Transport};
use paifang_payment::AttemptId;
use paifang_policy::audit::Tally;
use paifang_proto::v1;
use paifang_store::Store;
use tonic::{Request, Status};

use super::call::{Call, fitting};
use super::intents::id_of;
use super::parse::{self, Fields};
use super::status::{self, Named};
use super::token::Scope;
use super::{Api, render};

const SPANS: Named<'static> = Named { kind: "paifang.v1.PolicySpan", id: "" };
const COUNTS: Named<'static> = Named { kind: "paifang.v1.PolicyDecisionCount", id: "" };

/// The longest time that is told of at once.
pub(crate) const AUDITED_MAX: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Payments of one page of counts.
const PAYMENTS_MAX: usize = 10_000;

impl<S: Store, R: Rails, T: Transport, E: Environment> Api<S, R, T, E> {
    /// See the contract.
    pub(super) async fn spans(
        &self,
        request: Request<v1::ListPolicySpansRequest>,
    ) -> Result<v1::ListPolicySpansResponse, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::ListPolicySpansRequest { begin_time, end_time, page_size, page_token } = call.message;
        let mut fields = Fields::default();
        let now = self.engine.now();
        let time = audited(&mut fields, (begin_time, end_time), now);
        let max = parse::page_size(&mut fields, page_size);
        let filter = filter(begin_time, end_time);
        let scope = Scope::new(self.engine.names(), call.tenant, "policy_spans", &filter);
        let after = parse::page_token(&mut fields, &scope, &page_token, moment);
        let (begins, ends) = fields.finish(time)?;
        let spans = self.engine.audit(call.tenant, after.unwrap_or(begins), ends, max).await;
        let spans = spans.map_err(|error| status::of(error, SPANS))?;
        let (told, _) = fitting(spans.iter().map(render::span).collect());
        let last = told.len().checked_sub(1).and_then(|last| spans.get(last));
        let next = last.filter(|last| last.ends < ends);
        let next_page_token = next.map(|next| scope.seal(next.ends.to_string().as_bytes()));
        Ok(v1::ListPolicySpansResponse {
            spans: told,
            next_page_token: next_page_token.unwrap_or_default(),
            complete: ends < now,
        })
    }

    /// See the contract.
    pub(super) async fn counts(
        &self,
        request: Request<v1::CountPolicyDecisionsRequest>,
    ) -> Result<v1::CountPolicyDecisionsResponse, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::CountPolicyDecisionsRequest { begin_time, end_time, page_token } = call.message;
        let mut fields = Fields::default();
        let now = self.engine.now();
        let time = audited(&mut fields, (begin_time, end_time), now);
        let filter = filter(begin_time, end_time);
        let scope = Scope::new(self.engine.names(), call.tenant, "policy_counts", &filter);
        let after = parse::page_token(&mut fields, &scope, &page_token, id_of(AttemptId::parse));
        let time = fields.finish(time)?;
        let mut tally = Tally::default();
        let next = self.engine.tally_decisions(call.tenant, time, after, PAYMENTS_MAX, &mut tally).await;
        let next = next.map_err(|error| status::of(error, COUNTS))?;
        Ok(v1::CountPolicyDecisionsResponse {
            payments: render::count(tally.payments),
            beyond_counts: render::count(tally.beyond_lines),
            counts: tally.lines().iter().map(render::decision_count).collect(),
            next_page_token: next.map(|next| scope.seal(next.to_string().as_bytes())).unwrap_or_default(),
            complete: time.1 < now,
        })
    }
}

/// The time that is asked for: until now, and a day before, where nothing else is said. `None` says that something is wrong with
/// it, and was noted.
fn audited(
    fields: &mut Fields,
    (begins, ends): (Option<prost_types::Timestamp>, Option<prost_types::Timestamp>),
    now: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    let (begins, ends) = (parse::point(fields, "begin_time", begins), parse::point(fields, "end_time", ends));
    let ends = ends?.unwrap_or(now);
    let day_before = ends.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
    let begins = begins?.unwrap_or(day_before);
    let length = ends.duration_since(begins);
    if length <= SignedDuration::ZERO || length > AUDITED_MAX {
        fields.wrong("end_time", "must be after begin_time, and at most 31 days after it");
        return None;
    }
    Some((begins, ends))
}

/// What a token is bound to: the times as they were written, so that a time until now may go on.
fn filter(begins: Option<prost_types::Timestamp>, ends: Option<prost_types::Timestamp>) -> String {
    let text = |time: Option<prost_types::Timestamp>| {
        time.map_or_else(|| "-".to_owned(), |time| format!("{}.{}", time.seconds, time.nanos))
    };
    format!("{} {}", text(begins), text(ends))
}

/// A moment as a payload.
fn moment(bytes: &[u8]) -> Option<Timestamp> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}
