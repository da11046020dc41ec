//! `PolicyService`.

use std::collections::BTreeSet;
use std::sync::Arc;

use paifang_engine::ports::{Environment, Rails, Transport};
use paifang_engine::{Made, Rules};
use paifang_payment::{AttemptId, TenantId};
use paifang_proto::v1;
use paifang_proto::v1::policy_service_server::PolicyService;
use paifang_store::{Decided, Store};
use tonic::{Request, Response, Status};

use super::call::{Call, detached, fitting};
use super::intents::id_of;
use super::parse::{self, Change, Fields};
use super::status::{self, Named};
use super::token::Scope;
use super::{Api, render};

const POLICY: Named<'static> = Named { kind: "paifang.v1.Policy", id: "policy" };

impl<S: Store, R: Rails, T: Transport, E: Environment> Api<S, R, T, E> {
    /// Carries out a change; answers the rules as they are then, and whether the call was there before.
    async fn change<M: Change>(&self, request: Request<M>) -> Result<(Option<v1::Policy>, bool), Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let (tenant, caller) = (call.tenant, call.caller());
        let wanted = parse::change_rules(call.message)?;
        let engine = self.engine.clone();
        let work = async move { engine.change_rules(tenant, wanted).await };
        let Made { resource, replayed } = detached(caller, POLICY, work).await?;
        Ok((Some(self.as_now(&resource)), replayed))
    }

    /// The rules as they are now: what was just added may carry the time of a clock that is ahead of ours.
    fn as_now(&self, rules: &Arc<Rules>) -> v1::Policy {
        let last = rules.book().and_then(paifang_policy::lifecycle::Book::last);
        render::policy(rules, last.map_or(self.engine.now(), |last| last.max(self.engine.now())))
    }
}

/// Notes which inputs leave with these decisions, by name: in one line of the log for all of them.
fn note_decisions<'a>(tenant: TenantId, told: impl ExactSizeIterator<Item = &'a Decided>) {
    let decisions = told.len();
    if decisions > 0 {
        let fields: BTreeSet<&str> = told.flat_map(Decided::fields).collect();
        let fields = fields.into_iter().collect::<Vec<_>>().join(",");
        tracing::info!(%tenant, decisions, fields, "told a reader of decisions");
    }
}

#[tonic::async_trait]
impl<S: Store, R: Rails, T: Transport, E: Environment> PolicyService for Api<S, R, T, E> {
    async fn draft_policy(
        &self,
        request: Request<v1::DraftPolicyRequest>,
    ) -> Result<Response<v1::DraftPolicyResponse>, Status> {
        let (policy, replayed) = self.change(request).await?;
        Ok(Response::new(v1::DraftPolicyResponse { policy, replayed }))
    }

    async fn announce_policy(
        &self,
        request: Request<v1::AnnouncePolicyRequest>,
    ) -> Result<Response<v1::AnnouncePolicyResponse>, Status> {
        let (policy, replayed) = self.change(request).await?;
        Ok(Response::new(v1::AnnouncePolicyResponse { policy, replayed }))
    }

    async fn recall_policy(
        &self,
        request: Request<v1::RecallPolicyRequest>,
    ) -> Result<Response<v1::RecallPolicyResponse>, Status> {
        let (policy, replayed) = self.change(request).await?;
        Ok(Response::new(v1::RecallPolicyResponse { policy, replayed }))
    }

    async fn retire_policy(
        &self,
        request: Request<v1::RetirePolicyRequest>,
    ) -> Result<Response<v1::RetirePolicyResponse>, Status> {
        let (policy, replayed) = self.change(request).await?;
        Ok(Response::new(v1::RetirePolicyResponse { policy, replayed }))
    }

    async fn roll_back_opening(
        &self,
        request: Request<v1::RollBackOpeningRequest>,
    ) -> Result<Response<v1::RollBackOpeningResponse>, Status> {
        let (policy, replayed) = self.change(request).await?;
        Ok(Response::new(v1::RollBackOpeningResponse { policy, replayed }))
    }

    async fn reopen_opening(
        &self,
        request: Request<v1::ReopenOpeningRequest>,
    ) -> Result<Response<v1::ReopenOpeningResponse>, Status> {
        let (policy, replayed) = self.change(request).await?;
        Ok(Response::new(v1::ReopenOpeningResponse { policy, replayed }))
    }

    async fn get_policy(
        &self,
        request: Request<v1::GetPolicyRequest>,
    ) -> Result<Response<v1::GetPolicyResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let mut fields = Fields::default();
        let at = parse::point(&mut fields, "time", call.message.time);
        let at = fields.finish(at)?;
        let rules = self.engine.rules(call.tenant).await.map_err(|error| status::of(error, POLICY))?;
        let policy = at.map_or_else(|| self.as_now(&rules), |at| render::policy(&rules, at));
        Ok(Response::new(v1::GetPolicyResponse { policy: Some(policy) }))
    }

    async fn get_policy_version(
        &self,
        request: Request<v1::GetPolicyVersionRequest>,
    ) -> Result<Response<v1::GetPolicyVersionResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let mut fields = Fields::default();
        let version = parse::version(&mut fields, call.message.version);
        let version = fields.finish(version)?;
        let text = self.engine.rules_text(call.tenant, version).await;
        let text = text.map_err(|error| status::of(error, POLICY))?;
        let name = version.to_string();
        let about = Named { kind: "paifang.v1.PolicyVersion", id: &name };
        let bundle = text.ok_or_else(|| status::not_found(about))?;
        Ok(Response::new(v1::GetPolicyVersionResponse { bundle }))
    }

    async fn list_policy_decisions(
        &self,
        request: Request<v1::ListPolicyDecisionsRequest>,
    ) -> Result<Response<v1::ListPolicyDecisionsResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::ListPolicyDecisionsRequest { page_size, page_token } = call.message;
        let mut fields = Fields::default();
        let max = parse::page_size(&mut fields, page_size);
        let scope = Scope::new(self.engine.names(), call.tenant, "decisions", "");
        let after = parse::page_token(&mut fields, &scope, &page_token, id_of(AttemptId::parse));
        fields.check()?;
        let rows = self.engine.store().decisions(call.tenant, after, max).await;
        let rows = rows.map_err(|error| status::store(&error))?;
        let mut told = Vec::new();
        for row in &rows {
            let intent = self.engine.store().intent(call.tenant, row.intent).await;
            let intent = intent.map_err(|error| status::store(&error))?;
            let terms = intent.and_then(|found| render::agreed(&found.intent, row.attempt));
            told.push(render::decided(row, terms));
        }
        let (decisions, cut) = fitting(told);
        note_decisions(call.tenant, rows.iter().take(decisions.len()).map(|row| &row.decided));
        let last = decisions.last().filter(|_| cut || rows.len() == max);
        let next_page_token = last.map(|last| scope.seal(last.attempt_id.as_bytes())).unwrap_or_default();
        Ok(Response::new(v1::ListPolicyDecisionsResponse { decisions, next_page_token }))
    }

    async fn list_policy_changes(
        &self,
        request: Request<v1::ListPolicyChangesRequest>,
    ) -> Result<Response<v1::ListPolicyChangesResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::ListPolicyChangesRequest { after_position, page_size } = call.message;
        let mut fields = Fields::default();
        let max = parse::page_size(&mut fields, page_size);
        let after = parse::position(&mut fields, "after_position", after_position);
        fields.check()?;
        let rows = self.engine.store().rules_after(call.tenant, after, max).await;
        let rows = rows.map_err(|error| status::store(&error))?;
        // What a roll-back did to other versions follows from the book before it.
        let rules = self.engine.rules(call.tenant).await.map_err(|error| status::of(error, POLICY))?;
        let told = rows.iter().map(|row| render::policy_change(row, rules.recalled(row.position)));
        let (changes, _) = fitting(told.collect());
        Ok(Response::new(v1::ListPolicyChangesResponse { changes }))
    }

    async fn list_policy_spans(
        &self,
        request: Request<v1::ListPolicySpansRequest>,
    ) -> Result<Response<v1::ListPolicySpansResponse>, Status> {
        self.spans(request).await.map(Response::new)
    }

    async fn count_policy_decisions(
        &self,
        request: Request<v1::CountPolicyDecisionsRequest>,
    ) -> Result<Response<v1::CountPolicyDecisionsResponse>, Status> {
        self.counts(request).await.map(Response::new)
    }
}
