//! What the rail kit has no law for: where an abnormal refund goes, and the second bill.

use std::io::Cursor;

use jiff::SignedDuration;
use paifang_conformance::rail::{Act, ControlApi, Counterpart, Fault, Target, send};
use paifang_mock_rails::wechatpay::{Merchant, Platform, Settings};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{NextAction, OrderNo, Outcome, Presentation, RailRef, WalletName};
use paifang_rail::{
    Answer, Call, Charge, Context, Exchange, Fetch, Finding, Inquiry, Keyring, Order, OrderKind, PayerCard,
    Plan, Rail, RedirectedRefund, RefundDestination, RefundOrder, Reply, Secret, StatementKind,
    StatementLine, StatementWish,
};
use paifang_rail_wechatpay::WeChatPay;

use super::{adapter, keys, rails};

const NONCE: &str = "0123456789abcdef0123456789abcdef";

/// An account that talks to the mock, in either key mode.
struct Bench {
    rail: WeChatPay,
    keys: Keyring,
    control: ControlApi,
}

impl Bench {
    async fn by_public_key() -> Self {
        let (id, pem) = Merchant::of_vectors().public_key;
        let settings = Settings { platform: Platform::PublicKeyOnly, ..Settings::default() };
        Self::open(settings, Some(id), keys(&[(id, pem)])).await
    }

    async fn by_certificate() -> Self {
        let merchant = Merchant::of_vectors();
        let settings = Settings { platform: Platform::CertificatesOnly, ..Settings::default() };
        Self::open(settings, None, keys(&[merchant.platform_certificate_next])).await
    }

    async fn open(settings: Settings, public_key_id: Option<&str>, keys: Keyring) -> Self {
        let rails = rails(settings).await;
        let rail = adapter(&rails, public_key_id);
        Self { rail, keys, control: ControlApi::new(rails.control_url(), "wechatpay", rails) }
    }

    async fn cx(&self) -> Context<'_> {
        let now = self.control.now().await;
        // Nobody listens there: notifications are for the kit.
        let notify_url = "http://127.0.0.1:10/notify";
        Context { now, nonce: NONCE, notify_url, return_url: "http://127.0.0.1:1/back", keys: &self.keys }
    }

    async fn sent(&self, plan: Plan) -> Reply {
        let Plan::Send(exchange) = plan else { panic!("nothing to send") };
        send(&exchange).await.expect("an answer")
    }

    async fn ask(&self, call: &Call<'_>) -> Answer {
        let plan = self.rail.plan(call, &self.cx().await).expect("a plan");
        let reply = self.sent(plan).await;
        self.rail.read(call, &reply, &self.cx().await)
    }

    async fn pass(&self, seconds: i64) {
        self.control.advance(SignedDuration::from_secs(seconds)).await;
    }

    /// A paid order.
    async fn paid(&self, number: &str) -> Order {
        let opened_at = self.control.now().await;
        let order = Order {
            kind: OrderKind::Payment,
            order_no: OrderNo::parse(number).expect("a number"),
            amount: fen(10_000),
            presentation: Presentation::QrShown,
            rail_ref: None,
            opened_at,
            expires_at: opened_at + SignedDuration::from_secs(1800),
        };
        let wallet = WalletName::parse("wechatpay").expect("a name");
        let charge = Charge {
            order: order.clone(),
            description: "beyond the kit".into(),
            wallet,
            credit: Default::default(),
            payer: Default::default(),
            payer_code: Default::default(),
            client_ip: Default::default(),
            payer_alias: Default::default(),
        };
        let answer = self.ask(&Call::Charge(&charge)).await;
        let Some(Outcome::Pending(pending)) = answer.outcome() else { panic!("{answer:?}") };
        let Some(NextAction::ShowQr { content, .. }) = &pending.next_action else { panic!("{answer:?}") };
        for act in [Act::Scan, Act::Pay] {
            self.control.payer(act, Target::Qr(content.clone())).await.expect("a payable order");
        }
        order
    }

    async fn refund(&self, order: &Order, number: &str) -> RefundOrder {
        RefundOrder {
            order: order.clone(),
            refund_no: OrderNo::parse(number).expect("a number"),
            amount: fen(300),
            reason: Default::default(),
            opened_at: self.control.now().await,
        }
    }

    /// The lines of the second bill of this day.
    async fn fund_flow(&self, day: &str) -> Vec<StatementLine> {
        let spec = self.rail.descriptor().statements[1];
        let inquiry_no = OrderNo::parse("BEYONDS0001").expect("a number");
        let wish = StatementWish { kind: spec.kind, day: day.parse().expect("a day"), inquiry_no };
        let inquiry = Inquiry::Statement(&wish);
        let Ok(Fetch::Ask(asking)) = self.rail.plan_inquiry(&inquiry, &self.cx().await) else {
            panic!("no such bill")
        };
        let reply = self.got(&asking).await;
        let found = self.rail.read_inquiry(&inquiry, &reply, &self.cx().await);
        let Finding::Download { exchange, digest } = found else { panic!("{found:?}") };
        let mut file = Cursor::new(self.got(&exchange).await.body);
        let mut lines = Vec::new();
        let cx = self.cx().await;
        let read =
            self.rail.read_statement(&wish, &mut file, digest.as_ref(), &cx, &mut |line| lines.push(line));
        read.expect("a good bill");
        lines
    }

    async fn got(&self, exchange: &Exchange) -> Reply {
        send(exchange).await.expect("an answer")
    }
}

fn fen(minor: i64) -> PositiveMoney {
    PositiveMoney::new(minor, Currency::CNY).expect("an amount above zero")
}

/// F18: a refund that the payer's account does not take stays under way and says so, until somebody names a card.
async fn an_abnormal_refund_goes_where_it_is_sent(bench: Bench) {
    let order = bench.paid("BEYONDC0001").await;
    let refund = bench.refund(&order, "BEYONDR0001").await;
    bench.control.arm("refund", Fault::Code("ABNORMAL")).await;
    let answer = bench.ask(&Call::Refund(&refund)).await;
    assert!(matches!(answer.outcome(), Some(Outcome::Pending(_))), "{answer:?}");
    bench.pass(3600).await;
    let answer = bench.ask(&Call::QueryRefund(&refund)).await;
    let Some(Outcome::Pending(pending)) = answer.outcome() else { panic!("{answer:?}") };
    assert_eq!(answer.attention(), Some("ABNORMAL"), "{answer:?}");
    let refund_id: RailRef = pending.rail_ref.clone().expect("the rail's number of the refund");

    let cx = bench.cx().await;
    let secret = |text: &str| Secret::new(text.into());
    let to = RefundDestination::PayerCard(PayerCard {
        bank_type: "ICBC_DEBIT".into(),
        bank_account: secret("6222020000000000000"),
        real_name: secret("张三"),
    });
    let decision = RedirectedRefund { refund: refund.clone(), rail_ref: refund_id, to };
    let redirects = bench.rail.redirects().expect("the rail has it");
    let reply = bench.got(&redirects.plan_redirect(&decision, &cx).expect("a plan")).await;
    let answer = redirects.read_redirect(&refund, &reply, &bench.cx().await);
    assert!(
        matches!(answer.outcome(), Some(Outcome::Pending(_) | Outcome::Refunded(_))),
        "{answer:?} {}",
        String::from_utf8_lossy(&reply.body)
    );
    bench.pass(7 * 24 * 3600).await;
    let answer = bench.ask(&Call::QueryRefund(&refund)).await;
    let Some(Outcome::Refunded(settled)) = answer.outcome() else { panic!("{answer:?}") };
    assert_eq!((settled.amount, answer.attention()), (fen(300), None));
}

#[tokio::test]
async fn an_abnormal_refund_by_public_key() {
    an_abnormal_refund_goes_where_it_is_sent(Bench::by_public_key().await).await;
}

#[tokio::test]
async fn an_abnormal_refund_by_certificate() {
    an_abnormal_refund_goes_where_it_is_sent(Bench::by_certificate().await).await;
}

/// The fund-flow bill tells the payment and the refund, and no fee.
#[tokio::test]
async fn the_fund_flow_bill_lists_what_moved() {
    for bench in [Bench::by_public_key().await, Bench::by_certificate().await] {
        let order = bench.paid("BEYONDC0002").await;
        let refund = bench.refund(&order, "BEYONDR0002").await;
        bench.ask(&Call::Refund(&refund)).await;
        bench.pass(3600).await;
        let answer = bench.ask(&Call::QueryRefund(&refund)).await;
        assert!(matches!(answer.outcome(), Some(Outcome::Refunded(_))), "{answer:?}");
        bench.pass(24 * 3600).await;
        let mut lines: Vec<_> = bench
            .fund_flow("2026-03-01")
            .await
            .into_iter()
            .map(|line| (line.kind, line.refund_no.unwrap_or(line.order_no), line.amount))
            .collect();
        lines.sort_by_key(|(kind, ..)| *kind);
        let wanted = [
            (StatementKind::Payment, "BEYONDC0002".to_owned(), fen(10_000)),
            (StatementKind::Refund, "BEYONDR0002".to_owned(), fen(300)),
        ];
        assert_eq!(lines, wanted);
    }
}
