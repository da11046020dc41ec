//! `FundsService`: a storefront's own funds.

use paifang_engine::ports::{Environment, Rails, Transport};
use paifang_proto::v1;
use paifang_proto::v1::funds_service_server::FundsService;
use paifang_store::Store;
use tonic::{Request, Response, Status};

use super::call::{Call, detached};
use super::status::Named;
use super::{Api, parse};

#[tonic::async_trait]
impl<S: Store, R: Rails, T: Transport, E: Environment> FundsService for Api<S, R, T, E> {
    async fn transfer_funds(
        &self,
        request: Request<v1::TransferFundsRequest>,
    ) -> Result<Response<v1::TransferFundsResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let (tenant, caller) = (call.tenant, call.caller());
        let wanted = parse::transfer_funds(call.message)?;
        let engine = self.engine.clone();
        let work = async move { engine.transfer_funds(tenant, wanted).await };
        let made = detached(caller, Named { kind: "paifang.v1.Fund", id: "from" }, work).await?;
        let (funds_transfer_id, replayed) = (made.resource.to_string(), made.replayed);
        Ok(Response::new(v1::TransferFundsResponse { funds_transfer_id, replayed }))
    }
}
