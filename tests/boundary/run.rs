//! A storefront that does everything with every rail, and what was seen of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{RAILS, SOON, World, browser, money};
use paifang_boundary::{Audience, Field};
use paifang_gateway::demo::Shop;
use paifang_mock_rails::{CodeOutcome, PayerAct, PayerTarget};
use paifang_proto::v1;
use prost::Message;
use v1::PaymentIntentState as State;
use v1::next_action::Kind;

/// What is planted, and in which field. `None`: of a request only, and never for anybody but the storefront.
const PLANTED: [(Option<Field>, &str); 21] = [
    (Some(Field::PaymentIntentDescription), "canary-tea-7281"),
    (Some(Field::PaymentIntentMetadata), "canary-note-7281"),
    (Some(Field::ClientContextPayerIp), "203.0.113.77"),
    (Some(Field::ClientContextPayerId), "2088728172817281"),
    (Some(Field::DeclaredFactsPayerReference), "canary-reference-7281"),
    (Some(Field::DeclaredFactsPayerRegion), "330106728172"),
    (Some(Field::DeclaredFactsPayerAgeBand), "canary-age-7281"),
    (Some(Field::DeclaredFactsPayerTier), "canary-tier-7281"),
    // Declared, and told as the one who gets the rest.
    (Some(Field::PaymentDivisionMerchantId), "canary-merchant-7281"),
    (Some(Field::DeclaredFactsMerchantCategory), "canary-trade-7281"),
    (Some(Field::DeclaredFactsProductCategory), "canary-goods-7281"),
    (Some(Field::RefundReason), "canary-reason-7281"),
    (None, "canary-return-7281"),
    // Of the storefront's own rules.
    (Some(Field::DiscountDiscountId), "canary-gift-7281"),
    (Some(Field::ReceiverAmountReceiver), "canary-streamer-7281"),
    (Some(Field::RefundBearingRule), "canary-rule-7281"),
    (Some(Field::RefundBearingWaterfall), "canary-fall-7281"),
    (None, "canary-rules-7281"),
    (None, "canary-opening-7281"),
    (None, "canary-fee-7281"),
    (None, "canary-remark-7281"),
];

/// What is bought costs so many fen. Under rules that discount it no rail may come to know.
pub const PRICE: i64 = 72_817_283;

pub fn canary(field: Field) -> String {
    PLANTED.iter().find(|(of, _)| *of == Some(field)).unwrap().1.to_owned()
}

/// What was done, and what was handed to payers' browsers and apps, by rail.
pub struct Run {
    pub world: World,
    codes: BTreeMap<&'static str, Vec<String>>,
    handed: BTreeMap<&'static str, String>,
}

/// One way to pay, and where the payer is then.
#[derive(Clone)]
pub struct Way {
    pub rail: &'static str,
    pub option: v1::WalletOption,
    context: v1::ClientContext,
}

impl Run {
    /// A world whose accounts can do everything that their adapters know, with this put into the section of each.
    pub async fn start(share: [&str; 3]) -> Self {
        let mut stage = World::stage().await;
        let mut config = std::fs::read_to_string(stage.config()).unwrap();
        for (rail, share) in RAILS.into_iter().zip(share) {
            config =
                config.replace(&format!("rail = \"{rail}\"\n"), &format!("rail = \"{rail}\"\n{share}\n"));
        }
        // A payer's code is charged for a shop.
        config = config.replace("settings = { mchid", "settings = { store_id = \"0001\", mchid");
        std::fs::write(stage.config(), config).unwrap();
        let key = stage.new_tenant("test").await.unwrap();
        stage.start_gateway().await.unwrap();
        let shop = Shop::connect(stage.grpc, &key).unwrap();
        let world = World::of(stage, shop, key);
        Self { world, codes: BTreeMap::new(), handed: BTreeMap::new() }
    }

    /// Every way to pay, wherever the payer may be, as a consultation has it.
    pub async fn ways(&self, capture: v1::CaptureMethod) -> Vec<Way> {
        use v1::ClientKind::{DesktopBrowser, InWallet, MiniProgram, MobileBrowser, NativeApp, PointOfSale};
        let inside = ["alipay", "wechatpay", "quickpass"];
        let plain = [DesktopBrowser, MobileBrowser, NativeApp, PointOfSale].map(|kind| (kind, ""));
        let inside = inside.into_iter().flat_map(|wallet| [(InWallet, wallet), (MiniProgram, wallet)]);
        let mut ways = BTreeMap::new();
        // One code of each wallet: a rail is offered only for codes that it may take.
        let codes = ["2812345678901234", "134567890123456789", "6212345678901234567"];
        let places = plain.into_iter().chain(inside);
        for ((kind, inside), code) in places.flat_map(|place| codes.map(|code| (place, code))) {
            let mut context = context(kind, inside);
            context.payer_code = code.into();
            let request = v1::ConsultWalletsRequest {
                amount: Some(money(PRICE)),
                client_context: Some(context.clone()),
                capture_method: capture.into(),
                declared_facts: Some(facts()),
            };
            let options =
                self.world.shop.wallets.clone().consult_wallets(request).await.unwrap().into_inner().options;
            for option in options.into_iter().filter(|option| option.available) {
                let rail = RAILS.into_iter().find(|rail| *rail == option.rail).unwrap();
                let way = Way { rail, option, context: context.clone() };
                ways.entry((rail, way.option.presentation)).or_insert(way);
            }
        }
        ways.into_values().collect()
    }

    /// A new intent with a canary in every field, with this way chosen.
    pub async fn choose(&mut self, way: &Way, capture: v1::CaptureMethod) -> v1::PaymentIntent {
        let mut context = way.context.clone();
        context.payer_code.clear();
        if way.option.presentation() == v1::Presentation::PayerCode {
            let issued =
                self.world.stage.mocks.rail(way.rail).payer(PayerAct::IssueCode(CodeOutcome::Pays)).unwrap();
            context.payer_code = issued["code"].as_str().unwrap().to_owned();
            self.codes.entry(way.rail).or_default().push(context.payer_code.clone());
        }
        let choice = v1::WalletChoice {
            wallet: way.option.wallet.clone(),
            presentation: way.option.presentation,
            rail: way.option.rail.clone(),
            client_context: Some(context),
            return_url: "https://shop.example/canary-return-7281".into(),
            declared_facts: Some(facts()),
        };
        let request = v1::CreatePaymentIntentRequest {
            request_id: self.world.request_id("create"),
            amount: Some(money(PRICE)),
            description: canary(Field::PaymentIntentDescription),
            metadata: [("note".to_owned(), canary(Field::PaymentIntentMetadata))].into(),
            choice: Some(choice),
            capture_method: capture.into(),
            expire_time: None,
        };
        let made = self.world.shop.intents.clone().create_payment_intent(request).await.unwrap().into_inner();
        let intent = made.payment_intent.unwrap();
        let action = intent.next_action.clone().and_then(|action| action.kind);
        let handed = self.handed.entry(way.rail).or_default();
        match action {
            Some(Kind::Redirect(redirect)) => *handed += &redirect.url,
            Some(Kind::SubmitForm(form)) => form.fields.iter().for_each(|field| *handed += &field.value),
            Some(Kind::InvokeWallet(invoke)) => invoke.parameters.values().for_each(|value| *handed += value),
            Some(Kind::ShowQrCode(_) | Kind::WaitForPayer(_)) | None => {}
        }
        intent
    }

    /// The payer does what there is to do, up to paying.
    pub async fn pay(&self, way: &Way, intent: &v1::PaymentIntent) {
        let number = intent.attempts.last().unwrap().order_number.clone();
        // A browser that comes back is a good moment to ask the rail.
        let back = format!("http://{}/return/{}-main/{number}", self.world.stage.http, way.rail);
        browser::open(&back).await;
        let target = match intent.next_action.clone().and_then(|action| action.kind) {
            Some(Kind::ShowQrCode(code)) => PayerTarget::Qr(code.content),
            Some(Kind::InvokeWallet(invoke)) => invoked(&invoke),
            Some(Kind::Redirect(redirect)) => match redirect.url.split_once("prepay_id=") {
                Some((_, id)) => PayerTarget::PrepayId(id.split('&').next().unwrap().to_owned()),
                None => {
                    browser::open(&redirect.url).await;
                    PayerTarget::OrderNo(number)
                }
            },
            Some(Kind::SubmitForm(form)) => {
                let fields: Vec<_> = form.fields.into_iter().map(|field| (field.name, field.value)).collect();
                browser::post(&form.url, &fields).await;
                PayerTarget::OrderNo(number)
            }
            Some(Kind::WaitForPayer(_)) | None => return,
        };
        let paid = self.world.stage.mocks.rail(way.rail).payer(PayerAct::Pay { target, force: false });
        paid.unwrap_or_else(|error| panic!("{} {:?}: {error}", way.rail, way.option.presentation()));
    }

    /// Paid and refunded, cancelled, held and captured, held and released: with every way that can.
    pub async fn everything(&mut self) {
        for way in self.ways(v1::CaptureMethod::Automatic).await {
            let intent = self.choose(&way, v1::CaptureMethod::Automatic).await;
            self.pay(&way, &intent).await;
            self.world.becomes(&intent.payment_intent_id, State::Succeeded).await;
            self.refund(&intent.payment_intent_id, v1::RefundReason::Damaged).await;
            if way.option.presentation() != v1::Presentation::PayerCode {
                let intent = self.choose(&way, v1::CaptureMethod::Automatic).await;
                self.world.cancel(&intent.payment_intent_id).await.unwrap();
            }
        }
        for way in self.ways(v1::CaptureMethod::Manual).await {
            for captures in [true, false] {
                let intent = self.choose(&way, v1::CaptureMethod::Manual).await;
                let id = intent.payment_intent_id.clone();
                self.pay(&way, &intent).await;
                self.world.becomes(&id, State::Authorized).await;
                if captures {
                    self.world.capture(&id, 6_000).await.unwrap();
                    self.world.becomes(&id, State::Succeeded).await;
                    self.refund(&id, v1::RefundReason::Damaged).await;
                } else {
                    self.world.cancel(&id).await.unwrap();
                    self.world.becomes(&id, State::Canceled).await;
                }
            }
        }
    }

    /// A refund that goes out; answers its id.
    pub async fn refund(&self, id: &str, reason: v1::RefundReason) -> String {
        let refund = self.ask_refund(id, reason).await.refund_id;
        self.world.shop.clone().refund_becomes(&refund, v1::RefundState::Succeeded, SOON).await.unwrap();
        refund
    }

    /// A refund as it is right after it was asked for.
    pub async fn ask_refund(&self, id: &str, reason: v1::RefundReason) -> v1::Refund {
        let case =
            v1::RefundCase { reason: reason.into(), merchant_consented: Some(true), ..Default::default() };
        let request = v1::CreateRefundRequest {
            request_id: self.world.request_id("refund"),
            payment_intent_id: id.into(),
            amount: Some(money(2_500)),
            reason: canary(Field::RefundReason),
            refund_case: Some(case),
        };
        let made = self.world.shop.refunds.clone().create_refund(request).await.unwrap().into_inner();
        made.refund.unwrap()
    }

    /// What the gateway says has crossed: counterparty and field, from its figures.
    pub async fn crossed(&self) -> BTreeSet<(String, String)> {
        let url = format!("http://{}/metrics", self.world.stage.ops);
        let page = browser::open(&url).await.body;
        let figures = page.lines().filter_map(|line| line.strip_prefix("paifang_egress_fields_total{"));
        let label = |text: &str, name: &str| {
            let (_, rest) = text.split_once(&format!("{name}=\"")).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        figures.map(|line| (label(line, "counterparty"), label(line, "field"))).collect()
    }

    /// Everything that a rail has seen: what it was sent, and what payers' browsers and apps were handed for it.
    pub fn wire(&self, rail: &'static str) -> String {
        let recorded = self.world.stage.mocks.bench(rail).journal.recorded();
        assert!(recorded.len() < paifang_mock_rails::journal::ENTRIES_MAX, "the journal has lost some");
        let mut seen = self.handed.get(rail).cloned().unwrap_or_default();
        for one in recorded {
            let traffic = one.traffic;
            seen += &format!("{} {:?} {}\n", traffic.target, traffic.request_headers, traffic.request_body);
        }
        decoded(&decoded(&seen))
    }

    /// The record, the wire and the policy say the same: a planted value is where its field was counted, and nowhere else.
    pub async fn agree(&self) {
        let crossed = self.crossed().await;
        let counted = |rail: &str, field: Field| {
            crossed.contains(&(format!("rail:{rail}-main"), field.name().to_owned()))
        };
        for rail in RAILS {
            let wire = self.wire(rail);
            assert!(wire.len() > 1_000, "{rail} has seen nothing");
            for (field, text) in PLANTED {
                let expected = field.is_some_and(|field| counted(rail, field));
                assert_eq!(wire.contains(text), expected, "{rail}: {text} of {field:?}");
            }
            let codes = self.codes.get(rail).map(Vec::as_slice).unwrap_or_default();
            for code in codes {
                assert_eq!(
                    wire.contains(code),
                    counted(rail, Field::ClientContextPayerCode),
                    "{rail}: {code}"
                );
            }
            assert!(!wire.contains("create-") && !wire.contains("refund-1"), "{rail}: a request id");
        }
        for (counterparty, name) in &crossed {
            let field = Field::parse(name).unwrap();
            let audience = if counterparty == "events" { Audience::Event } else { Audience::Rail };
            assert!(field.is_for(audience), "{counterparty}: {name}");
        }
    }

    /// Events tell of the payer nothing at all, whoever reads them.
    pub async fn events_are_clean(&mut self) {
        let events = self.world.shop.all_events().await.unwrap();
        assert!(events.len() > 50, "{}", events.len());
        // The bytes themselves: `Debug` hides pages and codes to scan.
        let bytes: Vec<u8> = events.iter().flat_map(Message::encode_to_vec).collect();
        let told = decoded(&decoded(&String::from_utf8_lossy(&bytes)));
        for (field, text) in PLANTED {
            let allowed = field.is_some_and(|field| field.is_for(Audience::Event));
            assert_eq!(told.contains(text), allowed, "{text} of {field:?}");
        }
        for code in self.codes.values().flatten() {
            assert!(!told.contains(code));
        }
    }

    /// The list of what has crossed, a line per counterparty and field. What depends on the moment may have, and nothing else.
    pub async fn check(&self, counterparty: &str, expected: &[&str], at_most: &[&str]) {
        let crossed = self.crossed().await;
        let own = crossed.iter().filter(|(to, _)| to == counterparty).map(|(_, field)| field.as_str());
        let told: Vec<&str> = own.filter(|field| !at_most.contains(field)).collect();
        assert_eq!(told, expected, "to {counterparty}");
    }

    /// The calls that a rail account was told something by, from the log.
    pub fn verbs(&self, rail: &str) -> BTreeSet<String> {
        let log = uncoloured(&self.world.stage.log());
        let told = log.lines().filter(|line| line.contains("told a rail"));
        let told = told.filter(|line| line.contains(&format!("account={rail}-main")));
        let verb = |line: &str| line.split_once("verb=\"").unwrap().1.split('"').next().unwrap().to_owned();
        told.map(verb).collect()
    }
}

pub fn context(kind: v1::ClientKind, inside: &str) -> v1::ClientContext {
    let mut context = v1::ClientContext {
        inside_wallet: inside.into(),
        payer_ip: canary(Field::ClientContextPayerIp),
        payer_id: canary(Field::ClientContextPayerId),
        ..Default::default()
    };
    context.set_kind(kind);
    context
}

fn facts() -> v1::DeclaredFacts {
    v1::DeclaredFacts {
        payer_reference: canary(Field::DeclaredFactsPayerReference),
        payer_region: canary(Field::DeclaredFactsPayerRegion),
        payer_age_band: canary(Field::DeclaredFactsPayerAgeBand),
        payer_tier: canary(Field::DeclaredFactsPayerTier),
        merchant_id: canary(Field::PaymentDivisionMerchantId),
        merchant_category: canary(Field::DeclaredFactsMerchantCategory),
        product_category: canary(Field::DeclaredFactsProductCategory),
        product_live_room: Some(true),
    }
}

/// How the payer names the order that a wallet was invoked with.
fn invoked(invoke: &v1::InvokeWallet) -> PayerTarget {
    let parameter = |name: &str| invoke.parameters.get(name).cloned();
    if let Some(text) = parameter("orderStr") {
        return PayerTarget::Qr(text);
    }
    let package = parameter("package").and_then(|text| text.strip_prefix("prepay_id=").map(str::to_owned));
    let id = package.or_else(|| ["tn", "tradeNO", "prepayid"].into_iter().find_map(parameter));
    PayerTarget::PrepayId(id.expect("the parameters name the order"))
}

/// A log without the colours of its terminal.
fn uncoloured(log: &str) -> String {
    let mut parts = log.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

/// With escapes of URLs and forms undone; what is none stays as it is.
fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
