//! A storefront that is new to Paifang: what it calls, it calls over real gRPC with its API key.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use paifang_proto::v1;
use paifang_proto::v1::bulk_refund_service_client::BulkRefundServiceClient;
use paifang_proto::v1::event_service_client::EventServiceClient;
use paifang_proto::v1::funds_service_client::FundsServiceClient;
use paifang_proto::v1::ledger_service_client::LedgerServiceClient;
use paifang_proto::v1::payment_intent_service_client::PaymentIntentServiceClient;
use paifang_proto::v1::policy_service_client::PolicyServiceClient;
use paifang_proto::v1::refund_service_client::RefundServiceClient;
use paifang_proto::v1::wallet_service_client::WalletServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Puts the API key on every call.
#[derive(Clone)]
pub struct WithKey(MetadataValue<Ascii>);

impl Interceptor for WithKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

type Wire = InterceptedService<Channel, WithKey>;

/// A storefront's connections.
#[derive(Clone)]
pub struct Shop {
    /// Payment intents.
    pub intents: PaymentIntentServiceClient<Wire>,
    /// Refunds.
    pub refunds: RefundServiceClient<Wire>,
    /// Many refunds in one go.
    pub bulk_refunds: BulkRefundServiceClient<Wire>,
    /// What can be offered.
    pub wallets: WalletServiceClient<Wire>,
    /// What happened.
    pub events: EventServiceClient<Wire>,
    /// Where the money stands.
    pub ledger: LedgerServiceClient<Wire>,
    /// Its own rules.
    pub policies: PolicyServiceClient<Wire>,
    /// Its own funds.
    pub funds: FundsServiceClient<Wire>,
}

impl Shop {
    /// Connects; calls are sent only when they are made, and a lost connection is made anew.
    pub fn connect(grpc: SocketAddr, key: &str) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(format!("http://{grpc}"))?
            .connect_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(20))
            .connect_lazy();
        let mut bearer: MetadataValue<Ascii> =
            format!("Bearer {key}").parse().context("the key is not ASCII")?;
        bearer.set_sensitive(true);
        let with = WithKey(bearer);
        Ok(Self {
            intents: PaymentIntentServiceClient::with_interceptor(channel.clone(), with.clone()),
            refunds: RefundServiceClient::with_interceptor(channel.clone(), with.clone()),
            bulk_refunds: BulkRefundServiceClient::with_interceptor(channel.clone(), with.clone()),
            wallets: WalletServiceClient::with_interceptor(channel.clone(), with.clone()),
            events: EventServiceClient::with_interceptor(channel.clone(), with.clone()),
            ledger: LedgerServiceClient::with_interceptor(channel.clone(), with.clone()),
            policies: PolicyServiceClient::with_interceptor(channel.clone(), with.clone()),
            funds: FundsServiceClient::with_interceptor(channel, with),
        })
    }

    /// Whether a gateway serves there (a connection is enough: it listens only when it is ready).
    pub async fn serves(grpc: SocketAddr) -> bool {
        tokio::net::TcpStream::connect(grpc).await.is_ok()
    }

    /// An intent as it is.
    pub async fn intent(&mut self, id: &str) -> anyhow::Result<v1::PaymentIntent> {
        let request = v1::GetPaymentIntentRequest { payment_intent_id: id.to_owned() };
        let answer = self.intents.get_payment_intent(request).await?.into_inner();
        answer.payment_intent.context("an answer without an intent")
    }

    /// The intent once it is in this state.
    pub async fn intent_becomes(
        &mut self,
        id: &str,
        wanted: v1::PaymentIntentState,
        within: Duration,
    ) -> anyhow::Result<v1::PaymentIntent> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let intent = self.intent(id).await?;
            if intent.state() == wanted {
                return Ok(intent);
            }
            if tokio::time::Instant::now() > deadline {
                bail!("{id} is {:?} and not {wanted:?} after {within:?}: {intent:#?}", intent.state());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The refund once it is in this state.
    pub async fn refund_becomes(
        &mut self,
        id: &str,
        wanted: v1::RefundState,
        within: Duration,
    ) -> anyhow::Result<v1::Refund> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let request = v1::GetRefundRequest { refund_id: id.to_owned() };
            let answer = self.refunds.get_refund(request).await?.into_inner();
            let refund = answer.refund.context("an answer without a refund")?;
            if refund.state() == wanted {
                return Ok(refund);
            }
            if tokio::time::Instant::now() > deadline {
                bail!("{id} is {:?} and not {wanted:?} after {within:?}", refund.state());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Every event so far, oldest first.
    pub async fn all_events(&mut self) -> anyhow::Result<Vec<v1::Event>> {
        let mut all = Vec::new();
        let mut after_cursor = String::new();
        loop {
            let request = v1::ListEventsRequest { after_cursor, page_size: 200 };
            let page = self.events.list_events(request).await?.into_inner();
            after_cursor = page.next_cursor;
            if page.events.is_empty() {
                return Ok(all);
            }
            all.extend(page.events);
        }
    }
}
