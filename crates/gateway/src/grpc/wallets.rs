//! `WalletService`.

use paifang_engine::ports::{Environment, Rails, Transport};
use paifang_interop::matrix;
use paifang_proto::v1;
use paifang_proto::v1::wallet_service_server::WalletService;
use paifang_store::Store;
use tonic::{Request, Response, Status};

use super::call::{Call, fitting};
use super::parse::Fields;
use super::status::{self, Named};
use super::token::{self, Scope};
use super::{Api, parse, render};

/// Options that are told at most.
const OPTIONS_MAX: usize = 200;

/// Nothing in these answers has an id.
const ABOUT: Named<'_> = Named { kind: "paifang.v1.WalletOption", id: "" };

#[tonic::async_trait]
impl<S: Store, R: Rails, T: Transport, E: Environment> WalletService for Api<S, R, T, E> {
    async fn consult_wallets(
        &self,
        request: Request<v1::ConsultWalletsRequest>,
    ) -> Result<Response<v1::ConsultWalletsResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let question = parse::consultation(call.message)?;
        let consulted = self.engine.consult(call.tenant, &question).await;
        let consulted = consulted.map_err(|error| status::of(error, ABOUT))?;
        let policy_version = consulted.decided_by.map_or(0, |bundle| bundle.version);
        let inside = question.client.wallet.as_ref();
        let options = consulted.options.iter().take(OPTIONS_MAX);
        let options = options.map(|option| render::wallet_option(option, inside)).collect();
        Ok(Response::new(v1::ConsultWalletsResponse { options, policy_version }))
    }

    async fn identify_payer_code(
        &self,
        request: Request<v1::IdentifyPayerCodeRequest>,
    ) -> Result<Response<v1::IdentifyPayerCodeResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let question = parse::code_question(call.message)?;
        let identified = self.engine.identify(call.tenant, question).await;
        let identified = identified.map_err(|error| status::of(error, ABOUT))?;
        let ways = identified.ways;
        Ok(Response::new(v1::IdentifyPayerCodeResponse {
            issuer: identified.issuer.map(render::issuer),
            ways: ways.options.iter().take(OPTIONS_MAX).map(render::way).collect(),
            policy_version: ways.decided_by.map_or(0, |bundle| bundle.version),
        }))
    }

    async fn list_interoperability(
        &self,
        request: Request<v1::ListInteroperabilityRequest>,
    ) -> Result<Response<v1::ListInteroperabilityResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let mut fields = Fields::default();
        let max = parse::page_size(&mut fields, call.message.page_size);
        let filter = parse::filter(&mut fields, &call.message);
        let text = filter.as_ref().map(parse::Filter::text).unwrap_or_default();
        let scope = Scope::new(self.engine.names(), call.tenant, "interoperability", &text);
        let told = parse::page_token(&mut fields, &scope, &call.message.page_token, token::position);
        let filter = fields.finish(filter)?;
        let told = told.and_then(|told| usize::try_from(told).ok()).unwrap_or(0);
        let all = || matrix::published().rows().iter().filter(|row| filter.takes(row)).skip(told);
        let (rows, _) = fitting(all().take(max).map(render::interoperability).collect());
        let is_last = all().nth(rows.len()).is_none();
        let next = (told + rows.len()) as u64;
        let next_page_token = if is_last { String::new() } else { scope.seal(&next.to_be_bytes()) };
        Ok(Response::new(v1::ListInteroperabilityResponse { rows, next_page_token }))
    }
}
