//! A thin typed client of the storefront contract: it adds a key, a deadline and repeats to the generated code, and
//! nothing else.
//!
//! Every call of the contract may be repeated: what moves money carries a `request_id`, and the same one never charges
//! twice. So after an answer that leaves the outcome open the client sends the very same message again; it never makes up
//! a request id of its own.
//!
//! ```no_run
//! use paifang_client::{Client, v1};
//!
//! # async fn pay() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect("http://127.0.0.1:7443", "pf_...", None).await?;
//! let created = client
//!     .create_payment_intent(v1::CreatePaymentIntentRequest {
//!         request_id: "order-4711".into(),
//!         amount: Some(v1::Money { currency_code: "CNY".into(), minor_units: 8888 }),
//!         description: "Two tickets".into(),
//!         choice: Some(v1::WalletChoice {
//!             wallet: "alipay".into(),
//!             presentation: v1::Presentation::QrShown.into(),
//!             client_context: Some(v1::ClientContext {
//!                 kind: v1::ClientKind::DesktopBrowser.into(),
//!                 ..Default::default()
//!             }),
//!             ..Default::default()
//!         }),
//!         ..Default::default()
//!     })
//!     .await?;
//! let intent = created.payment_intent.unwrap_or_default();
//! let watched = v1::WatchPaymentIntentRequest { payment_intent_id: intent.payment_intent_id };
//! let mut states = client.payment_intents().watch_payment_intent(watched).await?.into_inner();
//! while let Some(news) = states.message().await? {
//!     println!("{:?}", news.payment_intent.unwrap_or_default().state());
//! }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod repeat;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, Write};
pub use paifang_proto::v1;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Response, Status};
use tonic_types::StatusExt;
use tower::Service;

use repeat::Repeats;

/// What the generated clients run over: a channel that adds the key.
pub type Keyed = InterceptedService<Channel, Bearer>;

/// A connection to a gateway. Clones share it; it connects anew by itself.
#[derive(Clone)]
pub struct Client {
    channel: Keyed,
    deadline: Duration,
    repeats: Repeats,
}

/// Adds the API key to each call.
#[derive(Clone)]
pub struct Bearer(MetadataValue<Ascii>);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The endpoint is no URL of the form `http://host:port` or `https://host:port`.
    #[error("the endpoint must be an http or https URL")]
    Endpoint,
    /// The key holds characters that a header cannot carry.
    #[error("the API key must be visible ASCII")]
    ApiKey,
    /// `https` without a CA: this client trusts no public authorities.
    #[error("an https endpoint needs the certificate of its CA")]
    CaNeeded,
    /// The gateway cannot be reached, or its certificate is not of this CA.
    #[error("no connection to the gateway")]
    Transport(#[from] tonic::transport::Error),
}

/// How long a try of a call lasts where nothing else is said: longer than the gateway waits for a rail.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long connecting lasts at most.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl Client {
    /// Connects with this API key. An `https` endpoint needs its CA's certificate in PEM; over `http` the key travels in
    /// clear, which is for loopback and for meshes that encrypt by themselves.
    pub async fn connect(endpoint: &str, api_key: &str, ca_pem: Option<&str>) -> Result<Self, ConnectError> {
        let (to, bearer) = prepared(endpoint, api_key, ca_pem)?;
        Ok(Self::of(to.connect().await?, bearer))
    }

    /// The same over another network than the system's TCP: `dial` opens plain connections, TLS goes above them. It connects
    /// when the first call is made.
    ///
    /// # Errors
    /// As [`Client::connect`], but for a gateway that cannot be reached, which the calls tell.
    pub fn over<D>(dial: D, endpoint: &str, api_key: &str, ca_pem: Option<&str>) -> Result<Self, ConnectError>
    where
        D: Service<Uri> + Send + 'static,
        D::Response: Read + Write + Send + Unpin,
        D::Future: Send,
        Box<dyn Error + Send + Sync>: From<D::Error>,
    {
        let (to, bearer) = prepared(endpoint, api_key, ca_pem)?;
        Ok(Self::of(to.connect_with_connector_lazy(dial), bearer))
    }

    fn of(channel: Channel, bearer: Bearer) -> Self {
        let channel = InterceptedService::new(channel, bearer);
        Self { channel, deadline: DEADLINE, repeats: Repeats::default() }
    }

    /// How long each try of a call lasts; 10 seconds at first.
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// How often a call is sent at most, the first time included; 5 at first. 1 never repeats.
    pub fn with_tries(self, tries: u32) -> Self {
        Self { repeats: self.repeats.with_tries(tries), ..self }
    }

    /// The generated client, without deadline and repeats: for streams.
    pub fn payment_intents(&self) -> v1::payment_intent_service_client::PaymentIntentServiceClient<Keyed> {
        v1::payment_intent_service_client::PaymentIntentServiceClient::new(self.channel.clone())
    }

    /// The generated client, without deadline and repeats.
    pub fn refunds(&self) -> v1::refund_service_client::RefundServiceClient<Keyed> {
        v1::refund_service_client::RefundServiceClient::new(self.channel.clone())
    }

    /// The generated client, without deadline and repeats.
    pub fn bulk_refunds(&self) -> v1::bulk_refund_service_client::BulkRefundServiceClient<Keyed> {
        v1::bulk_refund_service_client::BulkRefundServiceClient::new(self.channel.clone())
    }

    /// The generated client, without deadline and repeats.
    pub fn wallets(&self) -> v1::wallet_service_client::WalletServiceClient<Keyed> {
        v1::wallet_service_client::WalletServiceClient::new(self.channel.clone())
    }

    /// The generated client, without deadline and repeats: for streams.
    pub fn events(&self) -> v1::event_service_client::EventServiceClient<Keyed> {
        v1::event_service_client::EventServiceClient::new(self.channel.clone())
    }

    /// The generated client, without deadline and repeats.
    pub fn policies(&self) -> v1::policy_service_client::PolicyServiceClient<Keyed> {
        v1::policy_service_client::PolicyServiceClient::new(self.channel.clone())
    }

    /// The generated client, without deadline and repeats.
    pub fn funds(&self) -> v1::funds_service_client::FundsServiceClient<Keyed> {
        v1::funds_service_client::FundsServiceClient::new(self.channel.clone())
    }

    /// The generated client, without deadline and repeats.
    pub fn ledger(&self) -> v1::ledger_service_client::LedgerServiceClient<Keyed> {
        v1::ledger_service_client::LedgerServiceClient::new(self.channel.clone())
    }

    /// The generated client, without deadline and repeats.
    pub fn statements(&self) -> v1::statement_service_client::StatementServiceClient<Keyed> {
        v1::statement_service_client::StatementServiceClient::new(self.channel.clone())
    }

    /// Sends a message with a deadline, and again while the outcome is open.
    async fn call<M: Clone, A, F: Future<Output = Result<Response<A>, Status>>>(
        &self,
        message: M,
        send: impl Fn(Request<M>) -> F,
    ) -> Result<A, Status> {
        let mut tries = self.repeats.begin();
        loop {
            let mut request = Request::new(message.clone());
            request.set_timeout(self.deadline);
            match send(request).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(error) => match tries.pause_after(&error) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(error),
                },
            }
        }
    }
}

/// Where to connect, and with what.
fn prepared(endpoint: &str, api_key: &str, ca_pem: Option<&str>) -> Result<(Endpoint, Bearer), ConnectError> {
    let secure = match endpoint.split_once("://") {
        Some(("https", _)) => true,
        Some(("http", _)) => false,
        Some(_) | None => return Err(ConnectError::Endpoint),
    };
    let mut to = Endpoint::from_shared(endpoint.to_owned())
        .map_err(|_| ConnectError::Endpoint)?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    if secure {
        let ca = Certificate::from_pem(ca_pem.ok_or(ConnectError::CaNeeded)?);
        to = to.tls_config(ClientTlsConfig::new().ca_certificate(ca))?;
    }
    let mut key: MetadataValue<Ascii> =
        format!("Bearer {api_key}").parse().map_err(|_| ConnectError::ApiKey)?;
    key.set_sensitive(true);
    Ok((to, Bearer(key)))
}

/// Each row is a call of the contract: its message, its answer, its service.
macro_rules! calls {
    ($($name:ident($message:ident) -> $answer:ident by $service:ident;)*) => {
        /// The calls, each with the deadline and the repeats of this client.
        impl Client {$(
            #[doc = concat!("Sends a [`v1::", stringify!($message), "`].")]
            pub async fn $name(&self, message: v1::$message) -> Result<v1::$answer, Status> {
                let send = |request| {
                    let mut service = self.$service();
                    async move { service.$name(request).await }
                };
                self.call(message, send).await
            }
        )*}
    };
}

calls! {
    create_payment_intent(CreatePaymentIntentRequest) -> CreatePaymentIntentResponse by payment_intents;
    confirm_payment_intent(ConfirmPaymentIntentRequest) -> ConfirmPaymentIntentResponse by payment_intents;
    capture_payment_intent(CapturePaymentIntentRequest) -> CapturePaymentIntentResponse by payment_intents;
    cancel_payment_intent(CancelPaymentIntentRequest) -> CancelPaymentIntentResponse by payment_intents;
    get_payment_intent(GetPaymentIntentRequest) -> GetPaymentIntentResponse by payment_intents;
    get_payment_intent_by_request_id(GetPaymentIntentByRequestIdRequest)
        -> GetPaymentIntentByRequestIdResponse by payment_intents;
    list_payment_intents(ListPaymentIntentsRequest) -> ListPaymentIntentsResponse by payment_intents;
    explain_payment_intent(ExplainPaymentIntentRequest) -> ExplainPaymentIntentResponse by payment_intents;
    report_complaint(ReportComplaintRequest) -> ReportComplaintResponse by payment_intents;
    create_refund(CreateRefundRequest) -> CreateRefundResponse by refunds;
    get_refund(GetRefundRequest) -> GetRefundResponse by refunds;
    list_refunds(ListRefundsRequest) -> ListRefundsResponse by refunds;
    consult_wallets(ConsultWalletsRequest) -> ConsultWalletsResponse by wallets;
    identify_payer_code(IdentifyPayerCodeRequest) -> IdentifyPayerCodeResponse by wallets;
    list_interoperability(ListInteroperabilityRequest) -> ListInteroperabilityResponse by wallets;
    draft_policy(DraftPolicyRequest) -> DraftPolicyResponse by policies;
    announce_policy(AnnouncePolicyRequest) -> AnnouncePolicyResponse by policies;
    recall_policy(RecallPolicyRequest) -> RecallPolicyResponse by policies;
    retire_policy(RetirePolicyRequest) -> RetirePolicyResponse by policies;
    roll_back_opening(RollBackOpeningRequest) -> RollBackOpeningResponse by policies;
    reopen_opening(ReopenOpeningRequest) -> ReopenOpeningResponse by policies;
    get_policy(GetPolicyRequest) -> GetPolicyResponse by policies;
    get_policy_version(GetPolicyVersionRequest) -> GetPolicyVersionResponse by policies;
    list_policy_decisions(ListPolicyDecisionsRequest) -> ListPolicyDecisionsResponse by policies;
    list_policy_changes(ListPolicyChangesRequest) -> ListPolicyChangesResponse by policies;
    list_policy_spans(ListPolicySpansRequest) -> ListPolicySpansResponse by policies;
    count_policy_decisions(CountPolicyDecisionsRequest) -> CountPolicyDecisionsResponse by policies;
    list_events(ListEventsRequest) -> ListEventsResponse by events;
    get_net_statement(GetNetStatementRequest) -> GetNetStatementResponse by statements;
    list_net_statement_entries(ListNetStatementEntriesRequest) -> ListNetStatementEntriesResponse by statements;
    list_accounts(ListAccountsRequest) -> ListAccountsResponse by ledger;
    get_balance(GetBalanceRequest) -> GetBalanceResponse by ledger;
    list_transfers(ListTransfersRequest) -> ListTransfersResponse by ledger;
}

/// The reason of an error, such as `REQUEST_ID_REUSED`; `docs/errors/` has a page for each. `None` for an error that did
/// not come from a gateway.
pub fn reason(error: &Status) -> Option<String> {
    error.get_details_error_info().map(|info| info.reason)
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(***)")
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
