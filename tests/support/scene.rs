//! The scene that the hostile corpus speaks of: one storefront, ten orders, noon on 1 March 2026, and time stands still.

use std::collections::BTreeMap;

use paifang_conformance::dump::dump;
use paifang_gateway::apikey::ApiKey;
use paifang_gateway::demo::Shop;
use paifang_hostile::scene::{
    API_KEY_BYTE, DEPLOYMENT_KEY_BYTE, Orders, REFUND_FEN, TENANT_BYTE, now, orders,
};
use paifang_mock_rails::faults::Fault;
use paifang_payment::{AccountId, TenantId};
use paifang_proto::v1;
use paifang_store::{Store, Tenant};
use paifang_store_sqlite::SqliteStore;

use crate::support::{ALIPAY, RAILS, UNIONPAY, UNIONPAY_FORM, WECHAT, Way, World, choice, money};

/// A running gateway with the scene's orders in it.
pub struct Scene {
    pub world: World,
    /// What each request of the storefront made.
    ids: BTreeMap<String, String>,
}

/// One rail's orders as they were made.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    charge: String,
    paid: String,
    paid_ref: Option<String>,
    refund: String,
    hold: Option<String>,
}

impl Scene {
    /// Builds it, and says which constant is wrong when an order has another number than the corpus says.
    pub async fn build() -> Self {
        let mut stage = World::stage().await;
        let key = ApiKey::from_entropy(&[API_KEY_BYTE; 32]);
        {
            let store = SqliteStore::open(stage.dir.join("paifang.db"), now).expect("a new store");
            store.deployment_key([DEPLOYMENT_KEY_BYTE; 32]).await.expect("kept");
            let id = TenantId::from_parts(now(), [TENANT_BYTE; 10]);
            let tenant = Tenant { id, name: "scene".into(), key_hash: key.hash(), created_at: now() };
            assert!(store.add_tenant(&tenant).await.expect("kept"));
        }
        stage.step_clock(now().duration_since(stage.mocks.clock().now())).expect("the clock is set");
        stage.start_gateway().await.expect("the gateway starts");
        let shop = Shop::connect(stage.grpc, key.expose()).expect("a key is ASCII");
        let mut scene = Self { world: World::of(stage, shop, key.expose().to_owned()), ids: BTreeMap::new() };
        let mut wrong = Vec::new();
        for (rail, way, hold_way) in [
            ("alipay", ALIPAY, Some(ALIPAY)),
            ("wechatpay", WECHAT, None),
            ("unionpay", UNIONPAY, Some(UNIONPAY_FORM)),
        ] {
            let made = scene.orders_of(way, hold_way).await;
            let Orders { charge, paid, paid_ref, refund, hold } = orders(rail);
            let wanted = Made {
                charge: charge.into(),
                paid: paid.into(),
                paid_ref: paid_ref.map(Into::into),
                refund: refund.into(),
                hold: hold.map(Into::into),
            };
            wrong.extend((made != wanted).then_some(made));
        }
        assert!(wrong.is_empty(), "paifang_hostile::scene has to say: {wrong:#?}");
        scene
    }

    async fn orders_of(&mut self, way: Way, hold_way: Option<Way>) -> Made {
        self.never(way, "refund");
        self.never(way, "refund_query");
        let paid = self.order("paid", way, false).await;
        self.world.pay(way, &paid);
        let id = paid.payment_intent_id.clone();
        let settled = self.world.becomes(&id, v1::PaymentIntentState::Succeeded).await;
        let reference = settled.attempts.last().expect("an attempt").rail_reference.clone();
        let paid_ref = orders(way.rail).paid_ref.map(|_| reference);
        let request = v1::CreateRefundRequest {
            request_id: format!("refund-{}", way.rail),
            payment_intent_id: id,
            amount: Some(money(REFUND_FEN)),
            reason: String::new(),
            refund_case: None,
        };
        let refund = self.world.shop.refunds.create_refund(request).await.expect("a refund").into_inner();
        self.never(way, "query");
        let charge = self.order("charge", way, false).await;
        let hold = match hold_way {
            Some(hold_way) => Some(number(&self.order("hold", hold_way, true).await)),
            None => None,
        };
        let refund = refund.refund.expect("a refund");
        self.ids.insert(format!("refund-{}", way.rail), refund.refund_id);
        let refund = refund.refund_number;
        Made { charge: number(&charge), paid: number(&paid), paid_ref, refund, hold }
    }

    /// This operation of the rail answers nothing any more, so that only messages could move what is open.
    fn never(&self, way: Way, operation: &str) {
        let faults = &self.world.stage.mocks.bench(way.rail).faults;
        faults.arm(Some(operation), Fault::Status(503), 1_000_000);
    }

    async fn order(&mut self, name: &str, way: Way, manual: bool) -> v1::PaymentIntent {
        let mut request = v1::CreatePaymentIntentRequest {
            request_id: format!("{name}-{}", way.rail),
            amount: Some(money(10_000)),
            description: "tea".into(),
            choice: Some(choice(way, "")),
            ..Default::default()
        };
        if manual {
            request.set_capture_method(v1::CaptureMethod::Manual);
        }
        let made =
            self.world.shop.intents.create_payment_intent(request).await.expect("created").into_inner();
        let intent = made.payment_intent.expect("an intent");
        assert_eq!(intent.state(), v1::PaymentIntentState::AwaitingPayer, "{way:?}: {intent:#?}");
        self.ids.insert(format!("{name}-{}", way.rail), intent.payment_intent_id.clone());
        self.world.look(way, &intent).await;
        intent
    }

    /// It is noon again, as before every message.
    pub fn noon(&self) {
        let stage = &self.world.stage;
        stage.step_clock(now().duration_since(stage.mocks.clock().now())).expect("the clock is set");
    }

    /// Drains the gateway, reads everything that its store shows but the schedule of its work and the figures counted of
    /// it, and starts it again.
    pub async fn dump(&mut self) -> Vec<String> {
        let status = self.world.stage.stop_gateway().await.expect("it drains");
        assert!(status.success(), "{status}");
        let lines = {
            let store = SqliteStore::open(self.world.stage.dir.join("paifang.db"), now).expect("the store");
            let accounts = RAILS.map(|rail| AccountId::parse(&format!("{rail}-main")).expect("a name"));
            dump(&store, &accounts, &[]).await.expect("it shows itself")
        };
        self.noon();
        self.world.stage.start_gateway().await.expect("the gateway starts again");
        lines.into_iter().filter(|line| !line.starts_with("work ") && !line.starts_with("stats ")).collect()
    }

    /// The intent that this request made.
    pub async fn intent_of(&mut self, request: &str) -> v1::PaymentIntent {
        let id = self.ids[request].clone();
        self.world.shop.intent(&id).await.expect("an intent")
    }

    /// The refund at this rail.
    pub async fn refund_of(&mut self, rail: &str) -> v1::Refund {
        let request = v1::GetRefundRequest { refund_id: self.ids[&format!("refund-{rail}")].clone() };
        let found = self.world.shop.refunds.get_refund(request).await.expect("a refund").into_inner();
        found.refund.expect("a refund")
    }

    /// How often each account's messages had each verdict.
    pub async fn verdicts(&self) -> BTreeMap<(String, String), u64> {
        let page =
            crate::support::browser::open(&format!("http://{}/metrics", self.world.stage.ops)).await.body;
        let label = |line: &str, name: &str| {
            let rest = line.split(&format!("{name}=\"")).nth(1)?;
            Some(rest.split('"').next()?.to_owned())
        };
        let counted = page.lines().filter(|line| line.starts_with("paifang_notifications_total{"));
        counted
            .filter_map(|line| {
                let count = line.rsplit(' ').next()?.parse().ok()?;
                Some(((label(line, "account")?, label(line, "verdict")?), count))
            })
            .collect()
    }
}

fn number(intent: &v1::PaymentIntent) -> String {
    intent.attempts.last().expect("an attempt").order_number.clone()
}
