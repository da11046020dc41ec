//! A storefront's rules and its own funds: what half of the cycles are traded under. Every payment is divided there, every refund
//! has bearers, some have to wait for theirs, and a complaint closes an opening.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use paifang_proto::v1;
use paifang_proto::v1::funds_service_client::FundsServiceClient;
use paifang_proto::v1::policy_service_client::PolicyServiceClient;
use tokio::time::{Instant, sleep};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::bot::{Bot, PATIENCE};
use crate::journal::{Asked, Resource};
use crate::support::money;

/// What the bots' payers buy. Refunds of what is `SHORT` have a bearer that has nothing yet; what is `WATCHED` is let in by an
/// opening that one complaint closes.
pub const PLAIN: &str = "plain";
pub const SHORT: &str = "short";
pub const WATCHED: &str = "watched";

/// Between two tries to open what a guard rail closes at its next look; gateways look as often here.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Enough for every refund of a run.
const PLENTY: i64 = 1_000_000_000;

const HEADER: &str = r#"
[bundle]
name = "kill"
version = VERSION
note = "the kill harness"
effective_at = 2020-01-01T00:00:00+08:00
unlisted = "open"
"#;

const TERMS: &str = r#"
[[opening]]
id = "watched"
wallet = "alipay"
when = "product.category == 'watched'"
show = true
accept = true
[[opening]]
id = "others"
wallet = "alipay"
show = true
accept = true

[[guard_rail]]
id = "complaints"
opening = "watched"
measure = "complaint_rate"
window_s = 2_592_000
at_least = 1
max = 1
action = "roll_back"

[fees]
currency = "CNY"
[[fees.rules]]
id = "standard"
rate_ppm = 20_000
on_refund = "proportional"

[splits]
currency = "CNY"
receivers = [{ receiver = "streamer", share_ppm = 200_000, on_refund = "proportional" }, { receiver = "delivery", amount_minor = 30, on_refund = "keep" }]

[refunds]
currency = "CNY"
[refunds.waterfalls]
usual = [{ bearer = "unsettled_funds", cap_ppm = 700_000 }, { bearer = "platform" }]
slow = [{ bearer = "insurance" }]
[[refunds.rules]]
id = "short"
mode = "refund_without_return"
reasons = ["damaged"]
total_max_ppm = 1_000_000
days_max = 365
when = "product.category == 'short'"
waterfall = "slow"
decide_within_s = 0
appeal_within_s = 0
[[refunds.rules]]
id = "any"
mode = "refund_without_return"
reasons = ["damaged"]
total_max_ppm = 1_000_000
days_max = 365
waterfall = "usual"
decide_within_s = 0
appeal_within_s = 0
"#;

type Wire = InterceptedService<Channel, WithKey>;

/// Puts the API key on every call.
#[derive(Clone)]
pub struct WithKey(MetadataValue<Ascii>);

impl tonic::service::Interceptor for WithKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A storefront's connections for its rules and funds.
#[derive(Clone)]
pub struct Till {
    pub policies: PolicyServiceClient<Wire>,
    pub funds: FundsServiceClient<Wire>,
}

impl Till {
    /// Connects to a replica.
    pub fn connect(grpc: SocketAddr, key: &str) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(format!("http://{grpc}"))?.connect_lazy();
        let with = WithKey(format!("Bearer {key}").parse().context("the key is not ASCII")?);
        Ok(Self {
            policies: PolicyServiceClient::with_interceptor(channel.clone(), with.clone()),
            funds: FundsServiceClient::with_interceptor(channel, with),
        })
    }
}

/// Which rules decide.
#[derive(Debug, Default)]
pub struct Book {
    version: u32,
    ruled: bool,
}

impl Bot {
    /// Has rules decide that divide payments and say who bears refunds, or such that say nothing of it.
    pub async fn trade_under(&mut self, ruled: bool) -> anyhow::Result<()> {
        let ground = self.ground.clone();
        let mut book = ground.book.lock().await;
        if book.version > 0 && book.ruled == ruled {
            return Ok(());
        }
        let version = book.version + 1;
        if book.version == 0 {
            self.transfer(v1::FundKind::Outside, v1::FundKind::Platform, PLENTY).await?;
        }
        let terms = if ruled { TERMS } else { "" };
        let bundle = HEADER.replace("VERSION", &version.to_string()) + terms;
        let request = v1::DraftPolicyRequest { request_id: self.request_id("draft"), bundle };
        self.ask(Asked::Draft(request)).await?;
        let request = v1::AnnouncePolicyRequest {
            request_id: self.request_id("announce"),
            version,
            without_openings: vec!["watched".to_owned()],
            ..Default::default()
        };
        self.ask(Asked::Announce(request)).await?;
        *book = Book { version, ruled };
        Ok(())
    }

    /// The same rules once more under the next version.
    pub async fn renew_rules(&mut self) -> anyhow::Result<()> {
        let ground = self.ground.clone();
        ground.book.lock().await.ruled = false;
        self.trade_under(true).await
    }

    /// Moves so many fen of the storefront's own funds.
    pub async fn transfer(&mut self, from: v1::FundKind, to: v1::FundKind, fen: i64) -> anyhow::Result<()> {
        let fund = |kind: v1::FundKind| Some(v1::Fund { kind: kind.into(), ..Default::default() });
        let (from, to, request_id) = (fund(from), fund(to), self.request_id("funds"));
        let request = v1::TransferFundsRequest { request_id, from, to, amount: Some(money(fen)) };
        self.ask(Asked::Transfer(request)).await.map(drop)
    }

    /// Somebody outside bears what was borne of a refund.
    pub async fn reverse(&mut self, refund: &str) -> anyhow::Result<()> {
        let request = v1::ReverseRefundDecisionRequest {
            request_id: self.request_id("reverse"),
            refund_id: refund.into(),
            amount: Some(money(500)),
            charged_to: v1::RefundBearer::Unspecified.into(),
            remark: "the appeal was right".into(),
        };
        self.ask(Asked::Reverse(request)).await.map(drop)
    }

    /// Gives up a refund that is short.
    pub async fn give_up(&mut self, refund: &str) -> anyhow::Result<()> {
        let request =
            v1::CancelRefundRequest { request_id: self.request_id("give-up"), refund_id: refund.into() };
        self.ask(Asked::CancelRefund(request)).await.map(drop)
    }

    /// The payer complains.
    pub async fn complain(&mut self, id: &str) -> anyhow::Result<()> {
        let request = v1::ReportComplaintRequest {
            request_id: self.request_id("complain"),
            payment_intent_id: id.into(),
            reason: v1::ComplaintReason::NotReceived.into(),
        };
        self.ask(Asked::Complain(request)).await.map(drop)
    }

    /// What lacks of a refund that waits for its bearers.
    pub async fn short(&mut self, refund: &str) -> anyhow::Result<i64> {
        let refund = self.refund_now(refund).await?;
        ensure!(refund.state() == v1::RefundState::AwaitingFunds, "not short of funds: {refund:#?}");
        let short = refund.bearing.and_then(|bearing| bearing.short_amount);
        short.map(|short| short.minor_units).context("a refund that waits for funds says what is short")
    }

    /// Waits until the guard rail has closed its opening, and opens it again.
    pub async fn reopen(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let request = v1::ReopenOpeningRequest {
                request_id: self.request_id("reopen"),
                opening: "watched".into(),
                remark: "the complaint was answered".into(),
            };
            match self.ask(Asked::Reopen(request)).await {
                Ok(_) => return Ok(()),
                // It is not closed yet.
                Err(error) if crate::bot::is_precondition(&error) => {}
                Err(error) => return Err(error),
            }
            ensure!(begun.elapsed() < PATIENCE, "no guard rail closes what was complained about");
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Makes one of these calls; `None` for another.
pub async fn send(mut till: Till, asked: Asked) -> Option<Result<(Resource, bool), Status>> {
    let rules = |replayed| (Resource::Rules, replayed);
    Some(match asked {
        Asked::Draft(request) => {
            till.policies.draft_policy(request).await.map(|made| rules(made.into_inner().replayed))
        }
        Asked::Announce(request) => {
            till.policies.announce_policy(request).await.map(|made| rules(made.into_inner().replayed))
        }
        Asked::Reopen(request) => {
            till.policies.reopen_opening(request).await.map(|made| rules(made.into_inner().replayed))
        }
        Asked::Transfer(request) => till.funds.transfer_funds(request).await.map(|made| {
            let made = made.into_inner();
            (Resource::Funds(made.funds_transfer_id), made.replayed)
        }),
        _ => return None,
    })
}
