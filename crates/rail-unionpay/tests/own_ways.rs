//! What is UnionPay's own and in no rail's kit, against the mock: a capture undone, the notices of a hold's whole life, the
//! bill of such a day, and the encryption certificate.

use std::io::Cursor;

use jiff::{SignedDuration, Timestamp};
use paifang_conformance::rail::{Act, ControlApi, Counterpart, Listener, Target, send};
use paifang_mock_rails::clock::Clock;
use paifang_mock_rails::{MockRails, Options, unionpay};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{Credit, NextAction, OrderNo, Outcome, Presentation, RailRef, WalletName};
use paifang_rail::{
    Answer, Call, CaptureOrder, Charge, Context, Fetch, Finding, Inquiry, Keyring, Order, OrderKind, Plan,
    Rail, ReleaseOrder, Reversal, Secret, StatementKind, StatementWish, Subject, Verdict,
};
use paifang_rail_unionpay::{Settings, UnionPay};

/// An account at the mock, at noon in Beijing.
struct Account {
    rail: UnionPay,
    keys: Keyring,
    mock: ControlApi,
    door: Listener,
}

impl Account {
    async fn open() -> Self {
        let noon = "2026-03-01T12:00:00+08:00".parse().expect("a time");
        let options = Options { clock: Clock::standing_at(noon), ..Options::default() };
        let rails = MockRails::start_with(options).await.expect("free ports");
        let (merchant, gateway) = (unionpay::merchant(), rails.url("unionpay"));
        let settings = Settings {
            merchant_id: merchant.mer_id.to_owned(),
            front_url: gateway.clone(),
            back_url: gateway.clone(),
            query_url: gateway,
            app_url: None,
            file_url: None,
            holds: true,
            terminal_id: None,
            accept_test_signer: false,
        };
        let rail = UnionPay::configure(settings).expect("settings");
        let keys = Keyring::builder()
            .signer(&Secret::new(merchant.private_key_pem.into()))
            .and_then(|ring| ring.signer_certificate(merchant.certificate_pem))
            .and_then(|ring| ring.root(merchant.root_certificate_pem))
            .and_then(|ring| ring.intermediate(merchant.middle_certificate_pem))
            .and_then(|ring| ring.certificate_rule(rail.certificate_rule()).build())
            .expect("good keys");
        let mock = ControlApi::new(rails.control_url(), "unionpay", rails);
        Self { rail, keys, mock, door: Listener::open().await }
    }

    fn cx(&self, now: Timestamp) -> Context<'_> {
        Context {
            now,
            nonce: "00112233445566778899aabbccddeeff",
            notify_url: self.door.url(),
            return_url: "http://127.0.0.1:1/back",
            keys: &self.keys,
        }
    }

    async fn ask(&self, call: &Call<'_>) -> Answer {
        let now = self.mock.now().await;
        let plan = self.rail.plan(call, &self.cx(now)).expect("a call that the adapter has");
        let Plan::Send(exchange) = plan else { panic!("{:?} makes no round trip", call.verb()) };
        let reply = send(&exchange).await.expect("an answer");
        self.rail.read(call, &reply, &self.cx(now))
    }

    /// Asks until it is decided.
    async fn settled(&self, call: &Call<'_>) -> Outcome {
        for _ in 0..20 {
            let answer = self.ask(call).await;
            match answer.outcome() {
                Some(Outcome::Pending(_)) => self.mock.advance(SignedDuration::from_secs(5)).await,
                Some(outcome) => return outcome.clone(),
                None => panic!("{:?}: absent", call.verb()),
            }
        }
        panic!("{:?}: still pending", call.verb());
    }

    /// The next notice: what it is about, and what it says in a word.
    async fn notice(&self) -> (Subject, &'static str) {
        let delivery = self.door.next().await;
        let now = self.mock.now().await;
        let opened = self.rail.open_notification(&delivery.raw(), &self.cx(now)).expect("a genuine notice");
        let news = opened.into_inner();
        assert!(self.rail.identity().admits(&news.claims));
        let told = (news.subject, news.outcome.plain().word());
        delivery.answer(self.rail.acknowledge(Verdict::Kept));
        told
    }

    /// A hold of the app that the payer agreed to.
    async fn held(&self, order_no: &str) -> Order {
        let opened_at = self.mock.now().await;
        let order = Order {
            kind: OrderKind::Hold,
            order_no: number(order_no),
            amount: yuan(10_000),
            presentation: Presentation::App,
            rail_ref: None,
            opened_at,
            expires_at: opened_at + SignedDuration::from_mins(15),
        };
        let charge = Charge {
            order: order.clone(),
            description: "a deposit".into(),
            wallet: WalletName::parse("quickpass").expect("a wallet"),
            credit: Credit::Allowed,
            payer: Default::default(),
            payer_code: Default::default(),
            client_ip: Default::default(),
            payer_alias: Default::default(),
        };
        let answer = self.ask(&Call::Charge(&charge)).await;
        let Some(Outcome::Pending(pending)) = answer.outcome() else { panic!("{answer:?}") };
        let Some(NextAction::InvokeWallet { parameters }) = &pending.next_action else {
            panic!("{answer:?}")
        };
        let target = Target::PrepayId(parameters["tn"].clone());
        self.mock.payer(Act::Pay, target).await.expect("a payable hold");
        assert_eq!(self.notice().await, (Subject::Charge(order.order_no.clone()), "held"));
        let Outcome::Held(settled) = self.settled(&Call::Query(&order)).await else { panic!("not held") };
        Order { rail_ref: settled.rail_ref, ..order }
    }
}

fn number(text: &str) -> OrderNo {
    OrderNo::parse(text).expect("an order number")
}

fn yuan(fen: i64) -> PositiveMoney {
    PositiveMoney::new(fen, Currency::CNY).expect("an amount")
}

fn known(rail_ref: Option<RailRef>) -> Option<RailRef> {
    assert!(rail_ref.is_some(), "it has a number at the rail");
    rail_ref
}

/// Held, taken in part, and undone on the same day: every step is notified, and the bill has both movements.
#[tokio::test]
async fn a_capture_is_undone_on_its_day() {
    let account = Account::open().await;
    let hold = account.held("P20260301120000001").await;
    let opened_at = account.mock.now().await;
    let capture = CaptureOrder {
        hold: hold.clone(),
        capture_no: number("C20260301120000001"),
        amount: yuan(6_400),
        description: "a room".into(),
        opened_at,
    };
    account.ask(&Call::Capture(&capture)).await;
    let Outcome::Paid(taken) = account.settled(&Call::QueryCapture(&capture)).await else {
        panic!("not taken")
    };
    assert_eq!(taken.amount, yuan(6_400));
    assert_eq!(account.notice().await, (Subject::Capture(capture.capture_no.clone()), "paid"));

    let order = Order {
        kind: OrderKind::Capture,
        order_no: capture.capture_no.clone(),
        amount: capture.amount,
        rail_ref: known(taken.rail_ref),
        opened_at,
        ..hold
    };
    let opened_at = account.mock.now().await;
    let undo = Reversal { order: order.clone(), reversal_no: number("U20260301120000001"), opened_at };
    account.ask(&Call::Reverse(&undo)).await;
    let Outcome::Closed(closed) = account.settled(&Call::QueryReverse(&undo)).await else {
        panic!("not undone")
    };
    assert_eq!(closed.returned, Some(yuan(6_400)));
    let (subject, word) = account.notice().await;
    assert_eq!((subject, word), (Subject::Reversal(undo.reversal_no.clone()), "pending"));

    account.mock.advance(SignedDuration::from_hours(22)).await;
    let mut moved = bill(&account).await;
    moved.sort();
    let order_no = order.order_no.to_string();
    let wanted =
        [(StatementKind::Payment, order_no.clone(), 6_400), (StatementKind::Reversal, order_no, 6_400)];
    assert_eq!(moved, wanted);
}

/// A release moves nothing, so the bill of its day is empty or not there.
#[tokio::test]
async fn a_release_is_notified_and_on_no_bill() {
    let account = Account::open().await;
    let hold = account.held("P20260301120000002").await;
    let opened_at = account.mock.now().await;
    let release = ReleaseOrder { hold, release_no: number("L20260301120000001"), opened_at };
    account.ask(&Call::Release(&release)).await;
    let outcome = account.settled(&Call::QueryRelease(&release)).await;
    assert!(matches!(outcome, Outcome::Closed(_)), "{outcome:?}");
    assert_eq!(account.notice().await, (Subject::Release(release.release_no.clone()), "pending"));
    account.mock.advance(SignedDuration::from_hours(22)).await;
    assert_eq!(bill(&account).await, []);
}

/// The lines of the first of March.
async fn bill(account: &Account) -> Vec<(StatementKind, String, i64)> {
    let day = jiff::civil::date(2026, 3, 1);
    let wish = StatementWish { kind: "trade", day, inquiry_no: number("S20260302100000001") };
    let now = account.mock.now().await;
    let fetch = account.rail.plan_inquiry(&Inquiry::Statement(&wish), &account.cx(now)).expect("a bill");
    let Fetch::Download(exchange) = fetch else { panic!("the answer is the bill") };
    let mut file = Cursor::new(send(&exchange).await.expect("an answer").body);
    let mut lines = Vec::new();
    let mut keep = |line: paifang_rail::StatementLine| {
        lines.push((line.kind, line.order_no, line.amount.minor_units()));
    };
    match account.rail.read_statement(&wish, &mut file, None, &account.cx(now), &mut keep) {
        Ok(proof) => assert!(proof.genuine.is_some(), "the answer is signed"),
        Err(error) => assert_eq!(error.to_string(), "the rail answered 98 instead of a bill"),
    }
    lines
}

#[tokio::test]
async fn the_encryption_certificate_is_handed_out() {
    let account = Account::open().await;
    let (keys, now) = (Inquiry::Keys { unknown: None }, account.mock.now().await);
    let fetch = account.rail.plan_inquiry(&keys, &account.cx(now)).expect("a question");
    let Fetch::Ask(exchange) = fetch else { panic!("no question") };
    let reply = send(&exchange).await.expect("an answer");
    let finding = account.rail.read_inquiry(&keys, &reply, &account.cx(now));
    let Finding::Keys(found) = finding else { panic!("{finding:?}") };
    assert_eq!(found.len(), 1);
}
