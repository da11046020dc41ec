//! Customers: a storefront that creates, repeats, switches, cancels, captures and refunds, and a payer who pays, pays late,
//! pays twice or turns away. Each one is a script that the seed writes while it runs.

mod hold;

use std::sync::Arc;

use futures::future::{BoxFuture, join};
use paifang_engine::{CancelIntent, Client, ConfirmIntent, Confirmation, CreateIntent, CreateRefund, Error};
use paifang_mock_rails::faults::Fault;
use paifang_mock_rails::{CodeOutcome, PayerAct, PayerTarget};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::attempt;
use paifang_payment::intent::{CaptureMode, State};
use paifang_payment::refund::Refund;
use paifang_payment::{IntentId, PayerId, Presentation, RequestId, WalletName};
use paifang_rail::{ClientKind, PayerCode};
use paifang_store::{IntentRow, Store};

use crate::checks::Acked;
use crate::exec::locked;
use crate::habits::Habits;
use crate::universe::{Core, Universe};

/// How often a storefront repeats a call that brought no answer, at most.
const REPEATS: u32 = 400;
/// How many wallets are tried where rules close some.
const TRIES: u32 = 4;

/// A way to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    rail: usize,
    wallet: &'static str,
    presentation: Presentation,
    client: ClientKind,
    holds: bool,
}

const fn way(
    rail: usize,
    wallet: &'static str,
    presentation: Presentation,
    client: ClientKind,
    holds: bool,
) -> Way {
    Way { rail, wallet, presentation, client, holds }
}

const WAYS: [Way; 8] = [
    way(0, "alipay", Presentation::QrShown, ClientKind::PointOfSale, true),
    way(0, "alipay", Presentation::PayerCode, ClientKind::PointOfSale, true),
    way(1, "wechatpay", Presentation::QrShown, ClientKind::PointOfSale, false),
    way(1, "wechatpay", Presentation::PayerCode, ClientKind::PointOfSale, false),
    way(1, "wechatpay", Presentation::Jsapi, ClientKind::InWallet, false),
    way(2, "quickpass", Presentation::QrShown, ClientKind::PointOfSale, false),
    way(2, "quickpass", Presentation::PayerCode, ClientKind::PointOfSale, false),
    way(2, "quickpass", Presentation::App, ClientKind::NativeApp, true),
];

/// One customer's whole story.
pub struct Customer {
    pub(crate) universe: Arc<Universe>,
    pub(crate) name: String,
    calls: u32,
    pub(crate) acked: Arc<std::sync::Mutex<Vec<Acked>>>,
}

impl Customer {
    /// The customer of this number.
    pub fn new(universe: Arc<Universe>, number: u32, acked: Arc<std::sync::Mutex<Vec<Acked>>>) -> Self {
        Self::named(universe, &format!("customer-{number}"), acked)
    }

    /// Whoever calls under this name.
    pub fn named(universe: Arc<Universe>, name: &str, acked: Arc<std::sync::Mutex<Vec<Acked>>>) -> Self {
        Self { universe, name: name.to_owned(), calls: 0, acked }
    }

    /// Lives it.
    pub async fn live(mut self) {
        let latest = self.universe.swarm.chaos.as_millis() / 2;
        self.rest(0, i64::try_from(latest).unwrap_or(0)).await;
        let fen = self.draw(100, 20_000);
        let habits = self.habits();
        let holds = self.universe.exec.happens(habits.holds);
        let dawdles = self.universe.exec.happens(habits.dawdles);
        let doubted = self.universe.exec.happens(habits.doubted);
        let way = match (doubted, dawdles) {
            (true, _) => WAYS[5],
            (false, true) => WAYS[0],
            (false, false) => self.some_way(holds),
        };
        let Some((id, way)) = self.create_somehow(way, fen, holds).await else { return };
        if self.universe.exec.happens(habits.hasty) {
            self.rest(0, 20_000).await;
            self.cancel_while_paying(id).await;
        }
        if doubted {
            self.wait_for(id, |row| row.intent.state == State::RequiresWallet).await;
        }
        if dawdles {
            self.change_and_pay_all(id, holds).await;
        } else {
            self.come_to_pay(id, way).await;
            if self.universe.exec.happens(habits.change) {
                self.change_wallet(id, holds).await;
            }
            if self.universe.exec.happens(habits.cancel) {
                self.rest(0, 120_000).await;
                self.cancel_while_paying(id).await;
            }
        }
        if holds {
            self.rest(1_000, 600_000).await;
            self.end_hold(id, fen).await;
        }
        let patient = self.universe.exec.happens(habits.patient);
        if patient {
            self.wait_for(id, |row| row.intent.is_final()).await;
        }
        self.perhaps_complain(id).await;
        let refunds = if self.universe.exec.happens(habits.refunds) { self.draw(1, 4) } else { 0 };
        for _ in 0..refunds {
            if self.universe.exec.happens(600) {
                self.rest(0, 300_000).await;
            }
            let part = self.draw(1, if patient { fen / 4 } else { fen });
            let request = self.request_id("refund");
            let at_once = if self.universe.swarm.ruled { 350 } else { 150 };
            if self.universe.exec.happens(at_once) {
                // Two at once: together they may be more than there is (F32).
                let second = self.request_id("refund");
                let (one, other) = join(self.refund(request, id, part), self.refund(second, id, part)).await;
                self.after_refunds([one, other]).await;
            } else {
                let made = self.refund(request, id, part).await;
                self.after_refunds([made, None]).await;
            }
        }
    }

    async fn after_refunds(&mut self, made: [Option<Result<Refund, Error>>; 2]) {
        for made in made.into_iter().flatten() {
            self.after_refund(made.as_ref()).await;
        }
    }

    /// With this wallet, or with another one where the storefront's rules close it.
    async fn create_somehow(&mut self, way: Way, fen: i64, holds: bool) -> Option<(IntentId, Way)> {
        let mut way = way;
        for _ in 0..TRIES {
            if let Some(id) = self.create(way, fen, holds).await {
                return Some((id, way));
            }
            if !self.universe.swarm.ruled {
                return None;
            }
            way = self.some_way(holds);
        }
        None
    }

    fn habits(&self) -> Habits {
        self.universe.swarm.profile.habits()
    }

    pub(crate) fn draw(&self, from: i64, to: i64) -> i64 {
        self.universe.exec.draw(|chance| chance.i64(from..=to))
    }

    pub(crate) async fn rest(&self, from: i64, to: i64) {
        self.universe.exec.sleep(self.universe.exec.millis(from..=to.max(from))).await;
    }

    fn some_way(&self, holds: bool) -> Way {
        let codes = self.universe.exec.happens(self.habits().codes);
        let by_code = |way: &Way| !codes || way.presentation == Presentation::PayerCode;
        let mut fit: Vec<Way> = WAYS.into_iter().filter(|way| way.holds || !holds).filter(by_code).collect();
        if let Some(rail) = self.universe.swarm.rail
            && fit.iter().any(|way| way.rail == rail)
            && self.universe.exec.happens(800)
        {
            fit.retain(|way| way.rail == rail);
        }
        fit[self.universe.exec.draw(|chance| chance.usize(0..fit.len()))]
    }

    pub(crate) fn request_id(&mut self, verb: &str) -> RequestId {
        self.calls += 1;
        RequestId::parse(&format!("{}-{verb}-{}", self.name, self.calls)).expect("a good request id")
    }

    /// The same call again and again until somebody answers it; now and then once more after that.
    pub(crate) async fn until_answered<T: Send + 'static>(
        &self,
        label: &'static str,
        call: impl Fn(Core) -> BoxFuture<'static, Result<T, Error>>,
    ) -> Option<Result<T, Error>> {
        for _ in 0..REPEATS {
            let answer = if self.universe.exec.happens(60) {
                self.twice_at_once(label, &call).await
            } else {
                self.universe.ask(label, &call).await
            };
            let word = match &answer {
                None => "no answer".to_owned(),
                Some(Ok(_)) => "done".to_owned(),
                Some(Err(error)) => error.to_string(),
            };
            self.universe.trace.note(format_args!("{} {label}: {word}", self.name));
            match answer {
                Some(Err(Error::Busy | Error::Store(_))) | None => self.rest(500, 15_000).await,
                Some(answer) => return Some(answer),
            }
        }
        None
    }

    /// F35: the same call from two impatient fingers.
    async fn twice_at_once<T: Send + 'static>(
        &self,
        label: &'static str,
        call: impl Fn(Core) -> BoxFuture<'static, Result<T, Error>>,
    ) -> Option<Result<T, Error>> {
        let both = join(self.universe.ask(label, &call), self.universe.ask(label, &call)).await;
        match both {
            (Some(Ok(made)), _) | (_, Some(Ok(made))) => Some(Ok(made)),
            (one, other) => one.or(other),
        }
    }

    async fn create(&mut self, way: Way, fen: i64, holds: bool) -> Option<IntentId> {
        let separate = self.universe.exec.happens(300);
        let confirmation = self.choice(way);
        let wanted = CreateIntent {
            request_id: self.request_id("create"),
            amount: money(fen),
            capture: if holds { CaptureMode::Manual } else { CaptureMode::Automatic },
            description: "tea".to_owned(),
            metadata: Default::default(),
            expires_at: None,
            confirmation: (!separate).then_some(confirmation),
        };
        let tenant = self.universe.tenant;
        let call = |core: Core| -> BoxFuture<'static, _> {
            let wanted = wanted.clone();
            Box::pin(async move { core.create_intent(tenant, wanted).await })
        };
        let made = self.until_answered("create", call).await?;
        let id = match made {
            Ok(made) => made.resource.intent.terms.id,
            Err(error) if self.is_closed(&error) => return None,
            Err(error) => {
                locked(&self.acked).push(Acked::Refused(format!("{} create: {error}", self.name)));
                return None;
            }
        };
        locked(&self.acked).push(Acked::Intent(wanted.request_id.clone(), id));
        if self.universe.exec.happens(200)
            && let Some(Ok(again)) = self.until_answered("create", call).await
        {
            locked(&self.acked)
                .push(Acked::Intent(wanted.request_id.clone(), again.resource.intent.terms.id));
        }
        if separate {
            let request = self.request_id("confirm");
            self.confirm(request, id, way).await;
        }
        Some(id)
    }

    async fn confirm(&self, request_id: RequestId, intent: IntentId, way: Way) {
        let confirmation = self.choice(way);
        let wanted = ConfirmIntent { request_id, intent, etag: None, confirmation };
        let tenant = self.universe.tenant;
        let call = |core: Core| -> BoxFuture<'static, _> {
            let wanted = wanted.clone();
            Box::pin(async move { core.confirm_intent(tenant, wanted).await })
        };
        let made: Option<Result<_, Error>> = self.until_answered("confirm", call).await;
        if let Some(Err(error)) = &made {
            self.is_closed(error);
        }
    }

    fn choice(&self, way: Way) -> Confirmation {
        let scanned = way.presentation == Presentation::PayerCode;
        let in_wallet = way.client == ClientKind::InWallet;
        let client = Client {
            kind: way.client,
            wallet: in_wallet.then(|| WalletName::parse(way.wallet).expect("a good name")),
            ip: None,
            payer: in_wallet.then(|| PayerId::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").expect("a good id")),
            payer_code: scanned.then(|| self.code(way)),
        };
        Confirmation {
            wallet: WalletName::parse(way.wallet).expect("a good name"),
            rail: None,
            presentation: Some(way.presentation),
            client,
            return_url: None,
            declared: self.declared(),
        }
    }

    /// The payer opens the wallet and shows a code.
    fn code(&self, way: Way) -> PayerCode {
        let outcomes = [
            CodeOutcome::Pays,
            CodeOutcome::Pays,
            CodeOutcome::Declines,
            CodeOutcome::PendingThenPays,
            CodeOutcome::PendingThenDeclines,
        ];
        let first = if self.universe.exec.happens(self.habits().passwords) { 3 } else { 0 };
        let outcome = outcomes[self.universe.exec.draw(|chance| chance.usize(first..outcomes.len()))];
        let shown = self.universe.accounts[way.rail].mock.payer(PayerAct::IssueCode(outcome));
        let shown = shown.expect("every rail here has codes");
        PayerCode::parse(shown["code"].as_str().unwrap_or_default()).expect("rails issue good codes")
    }

    /// The payer looks at what is shown, and mostly pays it; some pay when it is over, some never.
    async fn come_to_pay(&self, id: IntentId, way: Way) {
        if way.presentation == Presentation::PayerCode {
            return;
        }
        let late = self.universe.exec.happens(self.habits().late);
        if late {
            self.rest(600_000, 5_400_000).await
        } else {
            self.rest(500, 240_000).await
        }
        if self.universe.exec.happens(self.habits().never) {
            return;
        }
        self.pay_what_is_shown(id, late).await;
    }

    async fn pay_what_is_shown(&self, id: IntentId, late: bool) {
        let Ok(Some(row)) = self.universe.store.intent(self.universe.tenant, id).await else { return };
        // Whatever was ever shown can still be paid, as far as the rail lets it.
        let shown = row.intent.attempts.len();
        for (at, attempt) in row.intent.attempts.iter().enumerate() {
            // What was paid by scanning the payer is settled there and then: nobody can pay it afterwards.
            let payable = attempt.terms.presentation != Presentation::PayerCode;
            if payable && (at + 1 == shown || self.universe.exec.happens(self.habits().all)) {
                let rail = self.universe.accounts.iter().find(|account| account.id == attempt.terms.account);
                let Some(rail) = rail else { continue };
                let target = || PayerTarget::OrderNo(attempt.terms.order_no.as_str().to_owned());
                rail.bench.clock.set(self.universe.exec.now());
                drop(rail.mock.payer(PayerAct::Scan(target())));
                let act = match self.universe.exec.draw(|chance| chance.u32(0..10)) {
                    0 => PayerAct::Decline(target()),
                    1 => PayerAct::Pay { target: target(), force: true },
                    _ => PayerAct::Pay {
                        target: target(),
                        force: late && self.universe.exec.happens(self.habits().forced),
                    },
                };
                let fen = attempt.terms.amount.minor_units() - 1;
                let is_wrong =
                    self.universe.chaos() && self.universe.exec.happens(self.universe.swarm.notice_amount);
                // What was refused is not looked at again, so nothing but a notice tells that an earlier copy came through
                // after all: where it tells another amount, that is raised, and nothing moves (docs/reliability.md).
                if is_wrong && !matches!(attempt.state, attempt::State::Refused(_)) {
                    self.universe.trace.fault("F52-notice-amount", attempt.terms.order_no.as_str());
                    rail.bench.faults.arm(Some("charge"), Fault::NotificationAmount(fen), 1);
                }
                let done = rail.mock.payer(act.clone());
                rail.bench.faults.clear();
                if done.is_ok() {
                    self.universe.perhaps_charged_again(rail, attempt.terms.order_no.as_str());
                }
                let word = done.map_or_else(|error| error.to_string(), |_| "done".to_owned());
                self.universe.trace.note(format_args!("{} {act:?}: {word}", self.name));
                self.universe.send_notices();
            }
        }
    }

    async fn change_wallet(&mut self, id: IntentId, holds: bool) {
        let (way, paying) = (self.some_way(holds), self.universe.exec.happens(self.habits().paying));
        let request = self.request_id("confirm");
        if paying {
            join(self.confirm(request, id, way), self.pay_in_a_moment(id)).await;
        } else {
            self.confirm(request, id, way).await;
        }
        self.come_to_pay(id, way).await;
    }

    /// The storefront thinks of something else, and then the payer pays whatever was ever shown, again and again.
    async fn change_and_pay_all(&mut self, id: IntentId, holds: bool) {
        self.rest(1_000, 30_000).await;
        if self.universe.exec.happens(self.habits().change) {
            let (way, request) = (self.some_way(holds), self.request_id("confirm"));
            self.confirm(request, id, way).await;
        } else if self.universe.exec.happens(self.habits().cancel) {
            let request = self.request_id("cancel");
            self.cancel(request, id).await;
        }
        // Soon at first: what is being sent is paid before it is answered.
        let from = self.universe.exec.draw(|chance| chance.usize(0..3));
        for longest in [300, 3_000, 20_000, 120_000, 1_200_000].into_iter().skip(from) {
            self.rest(0, longest).await;
            self.pay_what_is_shown(id, true).await;
        }
    }

    /// Pays while the order may be about to close.
    async fn pay_in_a_moment(&self, id: IntentId) {
        self.rest(0, 3_000).await;
        let force = self.universe.exec.happens(self.habits().forced);
        self.pay_what_is_shown(id, force).await;
        // Whoever insists tries what is shown by then, too.
        for _ in 0..self.habits().insists {
            self.rest(500, 9_000).await;
            self.pay_what_is_shown(id, force).await;
        }
    }

    async fn cancel_while_paying(&mut self, id: IntentId) {
        let request = self.request_id("cancel");
        if self.universe.exec.happens(self.habits().paying) {
            join(self.cancel(request, id), self.pay_in_a_moment(id)).await;
        } else {
            self.cancel(request, id).await;
        }
    }

    async fn cancel(&self, request_id: RequestId, intent: IntentId) {
        let wanted = CancelIntent { request_id, intent, etag: None };
        let tenant = self.universe.tenant;
        let call = |core: Core| -> BoxFuture<'static, _> {
            let wanted = wanted.clone();
            Box::pin(async move { core.cancel_intent(tenant, wanted).await })
        };
        drop(self.until_answered("cancel", call).await);
    }

    async fn refund(
        &self,
        request_id: RequestId,
        intent: IntentId,
        fen: i64,
    ) -> Option<Result<Refund, Error>> {
        let wanted = CreateRefund {
            request_id,
            intent,
            amount: self.universe.exec.happens(800).then(|| money(fen)),
            reason: None,
            case: self.case(),
        };
        let tenant = self.universe.tenant;
        let call = |core: Core| -> BoxFuture<'static, _> {
            let wanted = wanted.clone();
            Box::pin(async move { core.create_refund(tenant, wanted).await })
        };
        let made: Result<paifang_engine::Made<Refund>, Error> = self.until_answered("refund", call).await?;
        let made = match made {
            Ok(made) => made.resource,
            Err(error) => return Some(Err(error)),
        };
        locked(&self.acked).push(Acked::Refund(wanted.request_id.clone(), made.terms.id));
        if self.universe.exec.happens(200)
            && let Some(Ok(again)) = self.until_answered("refund", call).await
        {
            locked(&self.acked).push(Acked::Refund(wanted.request_id.clone(), again.resource.terms.id));
        }
        Some(Ok(made))
    }
}

/// So many fen.
pub fn money(fen: i64) -> PositiveMoney {
    PositiveMoney::new(fen, Currency::CNY).expect("amounts start at one fen")
}

/// Whether the intent's row is there; for checks.
pub async fn row(universe: &Universe, id: IntentId) -> Option<IntentRow> {
    universe.store.intent(universe.tenant, id).await.ok().flatten()
}
