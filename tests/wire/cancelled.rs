//! Calls that are dropped at each point at which they wait: the future is polled so often and then let go of, as tonic and
//! hyper do when their peer is gone, and as the end of a process does. After each, the store proves itself, the same call made
//! again gives the one answer, and there is at most one charge (F34).

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use paifang_engine::ports::IncomingMessage;
use paifang_engine::{CancelIntent, Client, Confirmation, CreateIntent, CreateRefund, Made, Notified};
use paifang_mock_rails::notifier::NotifierWorker;
use paifang_mock_rails::{PayerAct, PayerTarget};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::intent::State;
use paifang_payment::{AccountId, IntentId, Presentation, RefundId, RequestId, WalletName, refund};
use paifang_rail::{ClientKind, Verdict};
use paifang_store::{IntentRow, Store};
use tokio::time::sleep;

use crate::check;
use crate::world::{Core, World};

/// More points than any call has: one that never ends would be caught by this.
const POINTS_MAX: u32 = 400;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Longer than all of a test, in virtual time.
const LONG: Duration = Duration::from_secs(40_000);

/// A future that is let go of after it has waited so often.
struct Cut<F> {
    future: Pin<Box<F>>,
    waits: u32,
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.waits == 0 => Poll::Ready(None),
            Poll::Pending => {
                self.waits -= 1;
                Poll::Pending
            }
        }
    }
}

/// `None`: it was dropped when it had to wait once more than `waits` times.
pub async fn cut<F: Future>(waits: u32, future: F) -> Option<F::Output> {
    Cut { future: Box::pin(future), waits }.await
}

/// The gateway's engine, the world around it, and orders with numbers of their own.
pub struct Bench {
    pub core: Core,
    pub world: Rc<World>,
    /// What the rail has to say, which nobody delivers but the test.
    news: RefCell<NotifierWorker>,
}

impl Bench {
    /// Runs `scene` for 0, 1, 2 ... waits until it says that the call came to its end; answers how many points there were.
    pub async fn each_point(&self, what: &str, scene: impl AsyncFn(u32) -> bool) -> u32 {
        for waits in 0..POINTS_MAX {
            let ended = scene(waits).await;
            self.stands(what, waits).await;
            if ended {
                println!("WIRE {what}: dropped at {waits} points");
                return waits;
            }
        }
        panic!("{what}: it waits at more than {POINTS_MAX} points");
    }

    /// The store proves itself, nobody was charged twice.
    pub async fn stands(&self, what: &str, waits: u32) {
        let mut wrong = Vec::new();
        check::consistent(&self.world, &mut wrong).await;
        assert_eq!(wrong, [""; 0], "{what}, dropped after {waits} waits");
    }

    fn wanted(&self, name: &str) -> CreateIntent {
        let kind = ClientKind::PointOfSale;
        let client = Client { kind, wallet: None, ip: None, payer: None, payer_code: None };
        let confirmation = Confirmation {
            wallet: WalletName::parse("alipay").expect("a name"),
            rail: None,
            presentation: Some(Presentation::QrShown),
            client,
            return_url: None,
            declared: Default::default(),
        };
        CreateIntent {
            request_id: RequestId::parse(name).expect("short"),
            amount: PositiveMoney::new(10_000, Currency::CNY).expect("positive"),
            capture: Default::default(),
            description: "tea".into(),
            metadata: Default::default(),
            expires_at: None,
            confirmation: Some(confirmation),
        }
    }

    async fn create(&self, name: &str) -> Made<IntentRow> {
        self.core.create_intent(self.world.tenant, self.wanted(name)).await.expect("created")
    }

    async fn row(&self, id: IntentId) -> IntentRow {
        let row = self.world.store.inner.intent(self.world.tenant, id).await.expect("it reads");
        row.unwrap_or_else(|| panic!("{id} is gone"))
    }

    pub async fn until(&self, id: IntentId, enough: impl Fn(&State) -> bool) -> IntentRow {
        loop {
            let row = self.row(id).await;
            if enough(&row.intent.state) {
                return row;
            }
            assert!(!row.intent.is_final(), "it came to another end: {row:#?}");
            sleep(LOOK).await;
        }
    }

    /// An order that waits for its payer.
    pub async fn shown(&self, name: &str) -> IntentRow {
        let made = self.create(name).await;
        self.until(made.resource.intent.terms.id, |state| *state == State::AwaitingPayer).await
    }

    /// The payer pays; the rail's word of it, which nobody delivers.
    pub fn paid_news(&self, row: &IntentRow) -> IncomingMessage {
        let order_no = row.intent.attempts.last().expect("an attempt").terms.order_no.to_string();
        let target = PayerTarget::OrderNo(order_no);
        self.world.rail().payer(PayerAct::Pay { target, force: false }).expect("paid");
        let notice = self.news.borrow_mut().take().expect("the rail tells it");
        let message = (notice.render)(1, crate::net::now());
        let headers = message.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        IncomingMessage { headers, query: String::new(), body: message.body }
    }

    pub async fn until_refunded(&self, id: RefundId) {
        loop {
            let row = self.world.store.inner.refund(self.world.tenant, id).await.expect("it reads");
            match row.expect("it is there").state {
                refund::State::Succeeded { .. } => return,
                refund::State::Failed { .. } => panic!("{id} failed"),
                refund::State::Sending(_) | refund::State::InDoubt(_) | refund::State::Processing { .. } => {}
            }
            sleep(LOOK).await;
        }
    }

    /// I1, I2: so much is ours by the ledger, and by the rail's own book.
    pub async fn owns(&self, fen: i128) {
        let (ours, truth) = check::totals(&self.world).await;
        assert_eq!((ours, truth), (fen, fen), "{:#?}", self.world.rail().book());
    }

    /// A paid intent.
    pub async fn paid(&self, name: &str) -> IntentRow {
        let row = self.shown(name).await;
        let news = self.paid_news(&row);
        assert_eq!(self.core.notified(&account(), &news).await, Notified::News);
        self.until(row.intent.terms.id, is_paid).await
    }
}

pub fn is_paid(state: &State) -> bool {
    matches!(state, State::Succeeded { .. })
}

pub fn account() -> AccountId {
    AccountId::parse("alipay-main").expect("a name")
}

/// Runs a test on the gateway's host, and compares all books when everything has come to its end.
pub fn inside(test: impl AsyncFnOnce(&Bench) + 'static) {
    let world = World::new("alipay", None);
    let news = world.news.lock().expect("one thread").take().expect("nobody took it");
    let around = Rc::clone(&world);
    let lasted = world.run_inside(
        LONG,
        Box::new(move |core| -> LocalBoxFuture<'static, ()> {
            Box::pin(async move {
                let bench = Bench { core, world: around, news: RefCell::new(news) };
                test(&bench).await;
            })
        }),
    );
    println!("WIRE {lasted:?} of virtual time");
}

#[test]
fn f34_a_create_is_dropped_at_each_point() {
    inside(async |bench| {
        let points = bench
            .each_point("create", async |waits| {
                let name = format!("create-{waits}");
                let call = bench.core.create_intent(bench.world.tenant, bench.wanted(&name));
                let first = cut(waits, call).await.map(|made| made.expect("created"));
                bench.stands("create", waits).await;
                let again = bench.create(&name).await.resource.intent.terms.id;
                let third = bench.create(&name).await;
                assert!(third.replayed, "{name} is forgotten");
                assert_eq!(third.resource.intent.terms.id, again, "I1: {name} made two");
                if let Some(first) = &first {
                    assert_eq!(first.resource.intent.terms.id, again, "I3: {name} made another one");
                }
                // What was dropped after its commit is found by the lanes when its claim is over.
                let row = bench.until(again, |state| *state == State::AwaitingPayer).await;
                let news = bench.paid_news(&row);
                assert_eq!(bench.core.notified(&account(), &news).await, Notified::News);
                bench.until(again, is_paid).await;
                first.is_some()
            })
            .await;
        bench.owns(i128::from(points + 1) * 10_000).await;
    });
}

#[test]
fn f34_a_notification_is_dropped_at_each_point() {
    inside(async |bench| {
        let points = bench
            .each_point("notify", async |waits| {
                let row = bench.shown(&format!("order-{waits}")).await;
                let news = bench.paid_news(&row);
                let first = cut(waits, bench.core.notified(&account(), &news)).await;
                bench.stands("notify", waits).await;
                // The rail, which heard nothing, tells it again, and once more.
                for _ in 0..2 {
                    let told = bench.core.notified(&account(), &news).await;
                    assert_eq!(told.verdict(), Verdict::Kept, "{told:?} after {waits} waits");
                }
                let row = bench.until(row.intent.terms.id, is_paid).await;
                assert_eq!(row.amounts.captured.minor_units(), 10_000, "{row:#?}");
                first.is_some()
            })
            .await;
        bench.owns(i128::from(points + 1) * 10_000).await;
    });
}

#[test]
fn f34_a_refund_is_dropped_at_each_point() {
    inside(async |bench| {
        let paid = bench.paid("order").await.intent.terms.id;
        let points = bench
            .each_point("refund", async |waits| {
                let wanted = CreateRefund {
                    request_id: RequestId::parse(&format!("refund-{waits}")).expect("short"),
                    intent: paid,
                    amount: PositiveMoney::new(10, Currency::CNY).ok(),
                    reason: None,
                    case: None,
                };
                let call = || bench.core.create_refund(bench.world.tenant, wanted.clone());
                let first = cut(waits, call()).await.map(|made| made.expect("taken").resource.terms.id);
                bench.stands("refund", waits).await;
                let again = call().await.expect("taken").resource.terms.id;
                let third = call().await.expect("taken");
                assert!(third.replayed && third.resource.terms.id == again, "I1: two refunds: {third:?}");
                assert!(first.is_none_or(|first| first == again), "I3: another refund");
                bench.until_refunded(again).await;
                first.is_some()
            })
            .await;
        bench.owns(10_000 - i128::from(points + 1) * 10).await;
    });
}

#[test]
fn f34_a_cancel_is_dropped_at_each_point() {
    inside(async |bench| {
        bench
            .each_point("cancel", async |waits| {
                let id = bench.shown(&format!("order-{waits}")).await.intent.terms.id;
                let wanted = CancelIntent {
                    request_id: RequestId::parse(&format!("cancel-{waits}")).expect("short"),
                    intent: id,
                    etag: None,
                };
                let call = || bench.core.cancel_intent(bench.world.tenant, wanted.clone());
                let first = cut(waits, call()).await.map(|made| made.expect("taken"));
                bench.stands("cancel", waits).await;
                assert_eq!(call().await.expect("taken").resource.intent.terms.id, id);
                assert!(call().await.expect("taken").replayed, "the cancel is forgotten");
                bench.until(id, |state| *state == State::Canceled).await;
                first.is_some()
            })
            .await;
        bench.owns(0).await;
    });
}
