//! `WalletService`.

use std::collections::BTreeSet;

use paifang_engine::Weighed;
use paifang_engine::ports::{Environment, Rails, Transport};
use paifang_proto::v1;
use paifang_proto::v1::wallet_service_server::WalletService;
use paifang_store::Store;
use tonic::{Request, Response, Status};

use super::call::Call;
use super::status::{self, Named};
use super::{Api, parse, render};

/// Options that are told at most.
const OPTIONS_MAX: usize = 200;

#[tonic::async_trait]
impl<S: Store, R: Rails, T: Transport, E: Environment> WalletService for Api<S, R, T, E> {
    async fn consult_wallets(
        &self,
        request: Request<v1::ConsultWalletsRequest>,
    ) -> Result<Response<v1::ConsultWalletsResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let question = parse::consultation(call.message)?;
        let about = Named { kind: "paifang.v1.WalletOption", id: "" };
        let consulted = self.engine.consult(call.tenant, &question).await;
        let consulted = consulted.map_err(|error| status::of(error, about))?;
        let policy_version = consulted.decided_by.map_or(0, |bundle| bundle.version);
        let mut options = consulted.options;
        // Two accounts of one rail offer the same thing to a payer; the better one stands first.
        let mut seen = BTreeSet::new();
        options.retain(|Weighed { option, .. }| {
            seen.insert((option.rail.clone(), option.wallet.clone(), option.presentation))
        });
        let inside = question.client.wallet.as_ref();
        let options = options.iter().take(OPTIONS_MAX).map(|option| render::wallet_option(option, inside));
        Ok(Response::new(v1::ConsultWalletsResponse { options: options.collect(), policy_version }))
    }
}
