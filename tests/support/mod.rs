//! What every end-to-end test stands on: mock rails in this process, the real `paifang` binary as a child, real gRPC and
//! real HTTP between them, and the question at the end: do our books equal the rails' to the fen?
#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub mod browser;
pub mod proxy;

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use paifang_gateway::demo::{Shop, Stage, ledger_totals, rail_totals};
use paifang_mock_rails::faults::Fault;
use paifang_mock_rails::{CodeOutcome, PayerAct, PayerTarget};
use paifang_proto::v1;
use tonic::Status;

pub const SOON: Duration = Duration::from_secs(20);
pub const RAILS: [&str; 3] = ["alipay", "wechatpay", "unionpay"];

/// One way to charge one wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    pub rail: &'static str,
    pub wallet: &'static str,
    pub presentation: v1::Presentation,
    pub client: v1::ClientKind,
}

const fn way(
    rail: &'static str,
    wallet: &'static str,
    presentation: v1::Presentation,
    client: v1::ClientKind,
) -> Way {
    Way { rail, wallet, presentation, client }
}

pub const ALIPAY: Way = way("alipay", "alipay", v1::Presentation::QrShown, v1::ClientKind::PointOfSale);
pub const ALIPAY_PAGE: Way =
    way("alipay", "alipay", v1::Presentation::DesktopWeb, v1::ClientKind::DesktopBrowser);
pub const WECHAT: Way = way("wechatpay", "wechatpay", v1::Presentation::QrShown, v1::ClientKind::PointOfSale);
pub const WECHAT_JSAPI: Way =
    way("wechatpay", "wechatpay", v1::Presentation::Jsapi, v1::ClientKind::InWallet);
pub const UNIONPAY: Way =
    way("unionpay", "quickpass", v1::Presentation::QrShown, v1::ClientKind::PointOfSale);
pub const UNIONPAY_FORM: Way =
    way("unionpay", "quickpass", v1::Presentation::DesktopWeb, v1::ClientKind::DesktopBrowser);
pub const UNIONPAY_CODE: Way =
    way("unionpay", "quickpass", v1::Presentation::PayerCode, v1::ClientKind::PointOfSale);

/// Orders that a payer pays later, one per presentation.
pub const ORDERS: [Way; 6] = [ALIPAY, ALIPAY_PAGE, WECHAT, WECHAT_JSAPI, UNIONPAY, UNIONPAY_FORM];
/// Ways that can hold money.
pub const HOLDS: [Way; 2] = [ALIPAY, UNIONPAY_FORM];
/// One QR order per rail.
pub const QRS: [Way; 3] = [ALIPAY, WECHAT, UNIONPAY];

/// A running world with one storefront in it.
pub struct World {
    pub stage: Stage,
    pub shop: Shop,
    pub key: String,
    count: AtomicU32,
}

impl World {
    /// Everything started, one tenant made.
    pub async fn start() -> Self {
        let mut stage = Self::stage().await;
        let key = stage.new_tenant("test").await.expect("a tenant");
        stage.start_gateway().await.expect("the gateway starts");
        let shop = Shop::connect(stage.grpc, &key).expect("a key is ASCII");
        Self { stage, shop, key, count: AtomicU32::new(0) }
    }

    /// A world around parts that are running already.
    pub fn of(stage: Stage, shop: Shop, key: String) -> Self {
        Self { stage, shop, key, count: AtomicU32::new(0) }
    }

    /// Mock rails and a config; no gateway yet.
    pub async fn stage() -> Stage {
        let dir = tempfile::tempdir().expect("a directory").keep();
        let binary = env!("CARGO_BIN_EXE_paifang").into();
        Stage::prepare(binary, Some(dir)).await.expect("mock rails start")
    }

    pub fn fault(&self, way: Way, operation: &str, fault: Fault) {
        self.stage.mocks.bench(way.rail).faults.arm(Some(operation), fault, 1);
    }

    pub fn request_id(&self, verb: &str) -> String {
        format!("{verb}-{}", self.count.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// A new intent of ¥100.00 without a wallet.
    pub async fn create(&self) -> String {
        let request = v1::CreatePaymentIntentRequest {
            request_id: self.request_id("create"),
            amount: Some(money(10_000)),
            description: "tea".into(),
            ..Default::default()
        };
        let made =
            self.shop.intents.clone().create_payment_intent(request).await.expect("created").into_inner();
        made.payment_intent.expect("an intent").payment_intent_id
    }

    /// Chooses a wallet; answers the intent as the call does.
    pub async fn confirm(&self, id: &str, way: Way) -> Result<v1::PaymentIntent, Status> {
        let code = if way == UNIONPAY_CODE { self.payer_code(CodeOutcome::Pays) } else { String::new() };
        self.confirm_with(id, way, &code).await
    }

    pub async fn confirm_with(&self, id: &str, way: Way, code: &str) -> Result<v1::PaymentIntent, Status> {
        let request = v1::ConfirmPaymentIntentRequest {
            request_id: self.request_id("confirm"),
            payment_intent_id: id.into(),
            choice: Some(choice(way, code)),
            etag: String::new(),
        };
        let made = self.shop.intents.clone().confirm_payment_intent(request).await?.into_inner();
        Ok(made.payment_intent.expect("an intent"))
    }

    /// A new intent with this wallet, shown to the payer, who has looked at it (scanned, opened the page).
    pub async fn shown(&self, way: Way) -> v1::PaymentIntent {
        let id = self.create().await;
        let intent = self.confirm(&id, way).await.expect("confirmed");
        assert_eq!(intent.state(), v1::PaymentIntentState::AwaitingPayer, "{way:?}: {intent:#?}");
        self.look(way, &intent).await;
        intent
    }

    /// The payer scans the code, or the browser goes where it is sent.
    pub async fn look(&self, way: Way, intent: &v1::PaymentIntent) {
        use v1::next_action::Kind;
        let action = intent.next_action.as_ref().and_then(|action| action.kind.clone());
        match action.unwrap_or_else(|| panic!("nothing to do: {way:?} {intent:#?}")) {
            Kind::ShowQrCode(code) => {
                let scan = PayerAct::Scan(PayerTarget::Qr(code.content));
                self.stage
                    .mocks
                    .rail(way.rail)
                    .payer(scan)
                    .unwrap_or_else(|error| panic!("{way:?}: {error}"));
            }
            Kind::InvokeWallet(invoke) => assert!(invoke.parameters.contains_key("paySign"), "{invoke:?}"),
            Kind::Redirect(redirect) => drop(browser::open(&redirect.url).await),
            Kind::SubmitForm(form) => {
                let fields =
                    form.fields.into_iter().map(|field| (field.name, field.value)).collect::<Vec<_>>();
                browser::post(&form.url, &fields).await;
            }
            Kind::WaitForPayer(_) => {}
        }
    }

    /// The payer pays the intent's newest order.
    pub fn pay(&self, way: Way, intent: &v1::PaymentIntent) {
        self.try_pay(way, intent, false).unwrap_or_else(|error| panic!("{way:?}: {error}"));
    }

    /// The rail takes the money although the order is closed or over.
    pub fn pay_late(&self, way: Way, order_no: &str) {
        let target = PayerTarget::OrderNo(order_no.into());
        let pays = PayerAct::Pay { target, force: true };
        self.stage.mocks.rail(way.rail).payer(pays).unwrap_or_else(|error| panic!("{way:?}: {error}"));
    }

    pub fn try_pay(&self, way: Way, intent: &v1::PaymentIntent, force: bool) -> Result<(), String> {
        let order_no = intent.attempts.last().expect("an attempt").order_number.clone();
        let pays = PayerAct::Pay { target: PayerTarget::OrderNo(order_no), force };
        self.stage.mocks.rail(way.rail).payer(pays).map(drop).map_err(|error| error.to_string())
    }

    pub fn payer_code(&self, outcome: CodeOutcome) -> String {
        let issued = self.stage.mocks.rail("unionpay").payer(PayerAct::IssueCode(outcome)).expect("a code");
        issued["code"].as_str().expect("a text").to_owned()
    }

    /// A paid intent.
    pub async fn paid(&self, way: Way) -> v1::PaymentIntent {
        let id = self.pays(way).await;
        self.becomes(&id, v1::PaymentIntentState::Succeeded).await
    }

    /// An intent whose payer has paid, which the gateway need not know yet.
    pub async fn pays(&self, way: Way) -> String {
        if way == UNIONPAY_CODE {
            let id = self.create().await;
            self.confirm(&id, way).await.expect("confirmed");
            return id;
        }
        let intent = self.shown(way).await;
        self.pay(way, &intent);
        intent.payment_intent_id
    }

    /// An intent of ¥100.00 whose money is held.
    pub async fn held(&self, way: Way) -> String {
        let id = self.holds(way).await;
        self.becomes(&id, v1::PaymentIntentState::Authorized).await;
        id
    }

    /// An intent of ¥100.00 whose payer has agreed to the hold, which the gateway need not know yet.
    pub async fn holds(&self, way: Way) -> String {
        let request = v1::CreatePaymentIntentRequest {
            request_id: self.request_id("hold"),
            amount: Some(money(10_000)),
            description: "a room".into(),
            choice: Some(choice(way, "")),
            capture_method: v1::CaptureMethod::Manual.into(),
            ..Default::default()
        };
        let made =
            self.shop.intents.clone().create_payment_intent(request).await.expect("created").into_inner();
        let intent = made.payment_intent.expect("an intent");
        self.look(way, &intent).await;
        self.pay(way, &intent);
        intent.payment_intent_id
    }

    pub async fn capture(&self, id: &str, fen: i64) -> Result<v1::PaymentIntent, Status> {
        let request = v1::CapturePaymentIntentRequest {
            request_id: self.request_id("capture"),
            payment_intent_id: id.into(),
            amount: Some(money(fen)),
            etag: String::new(),
        };
        let made = self.shop.intents.clone().capture_payment_intent(request).await?.into_inner();
        Ok(made.payment_intent.expect("an intent"))
    }

    pub async fn becomes(&self, id: &str, state: v1::PaymentIntentState) -> v1::PaymentIntent {
        self.shop.clone().intent_becomes(id, state, SOON).await.unwrap_or_else(|error| panic!("{error:#}"))
    }

    pub async fn refund(&self, id: &str, fen: i64) -> Result<v1::Refund, Status> {
        let request = v1::CreateRefundRequest {
            request_id: self.request_id("refund"),
            payment_intent_id: id.into(),
            amount: Some(money(fen)),
            reason: String::new(),
            refund_case: None,
        };
        let made = self.shop.refunds.clone().create_refund(request).await?.into_inner();
        Ok(made.refund.expect("a refund"))
    }

    pub async fn refund_succeeds(&self, id: &str, fen: i64) {
        let refund = self.refund(id, fen).await.unwrap_or_else(|status| panic!("{status:?}"));
        let done =
            self.shop.clone().refund_becomes(&refund.refund_id, v1::RefundState::Succeeded, SOON).await;
        done.unwrap_or_else(|error| panic!("{error:#}\n{}", self.stage.log()));
    }

    pub async fn cancel(&self, id: &str) -> Result<v1::PaymentIntent, Status> {
        let request = v1::CancelPaymentIntentRequest {
            request_id: self.request_id("cancel"),
            payment_intent_id: id.into(),
            etag: String::new(),
        };
        let made = self.shop.intents.clone().cancel_payment_intent(request).await?.into_inner();
        Ok(made.payment_intent.expect("an intent"))
    }

    /// Drains the gateway and starts another one; what is done between has the directory of its files.
    pub async fn restarted(&mut self, between: impl FnOnce(&Path)) {
        let status = self.stage.stop_gateway().await.expect("it drains");
        assert!(status.success(), "{status}");
        between(&self.stage.dir);
        self.stage.start_gateway().await.expect("the gateway starts");
        self.shop = Shop::connect(self.stage.grpc, &self.key).expect("a key is ASCII");
    }

    /// Lets time pass, here and at the rails.
    pub fn step(&self, by: Duration) {
        let by = jiff::SignedDuration::try_from(by).expect("a short time");
        self.stage.step_clock(by).expect("the clock is set");
    }

    /// The ledger equals each rail's own books to the fen, nobody was charged twice, and nothing is set aside.
    pub async fn books_agree(&mut self) {
        let deadline = tokio::time::Instant::now() + SOON;
        loop {
            let ledger = ledger_totals(&mut self.shop).await.expect("the ledger answers");
            // No rail does anything twice here, so nothing may be called unexplained to make the books agree.
            let stray = ledger.keys().find(|name| name.starts_with("suspense_stray"));
            assert_eq!(stray, None, "{}", self.stage.log());
            let mut differences = Vec::new();
            for rail in RAILS {
                let theirs = rail_totals(&self.stage.mocks, rail);
                assert!(
                    theirs.charges_max <= 1,
                    "{rail} charged somebody twice: {:#?}",
                    self.stage.mocks.rail(rail).book()
                );
                let (ours, aside) = ledger.get(&format!("rail:{rail}-main")).copied().unwrap_or_default();
                if theirs.paid - theirs.refunded != ours || aside != 0 {
                    differences.push(format!("{rail}: rail {theirs:?}, ledger {ours}, set aside {aside}"));
                }
            }
            if differences.is_empty() {
                return;
            }
            let in_time = tokio::time::Instant::now() < deadline;
            assert!(in_time, "books differ: {differences:#?}\n{}", self.stage.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Compares the books, drains the gateway, and proves the store whole.
    pub async fn end(mut self) {
        self.books_agree().await;
        for rail in RAILS {
            let held = rail_totals(&self.stage.mocks, rail).held;
            assert_eq!(held, 0, "{rail}: a hold stands at the end\n{}", self.stage.log());
        }
        let status = self.stage.stop_gateway().await.expect("it drains");
        assert!(status.success(), "{status}");
        let report = self.stage.fsck().await.expect("fsck is clean");
        assert!(report.contains("clean"), "{report}");
        self.stage.close().await;
        std::fs::remove_dir_all(&self.stage.dir).expect("the directory is ours");
    }
}

pub fn money(fen: i64) -> v1::Money {
    v1::Money { currency_code: "CNY".into(), minor_units: fen }
}

pub fn choice(way: Way, code: &str) -> v1::WalletChoice {
    let mut context = v1::ClientContext { payer_code: code.into(), ..Default::default() };
    context.set_kind(way.client);
    if way == WECHAT_JSAPI {
        context.inside_wallet = "wechatpay".into();
        context.payer_id = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".into();
    }
    let mut choice =
        v1::WalletChoice { wallet: way.wallet.into(), client_context: Some(context), ..Default::default() };
    choice.set_presentation(way.presentation);
    choice.return_url = "https://shop.example/thanks".into();
    choice
}

/// The reason of a rich error.
pub fn reason_of(status: &Status) -> String {
    use tonic_types::StatusExt;
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}
