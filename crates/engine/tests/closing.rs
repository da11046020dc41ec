//! Days closed over the rows and journals of lives that the engine itself wrote, on a rail that never says when money moved.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod world;

use jiff::SignedDuration;
use paifang_engine::statement::{Break, DayReport, Part, RailDay};
use paifang_engine::{Account, Accounts};
use paifang_payment::{AccountId, RailName};
use paifang_rail::{Identity, LineStanding, StatementKind, StatementLine};
use world::{DESCRIPTOR_PLAIN, Stage, code, qr, wanted, yuan};

fn line(kind: StatementKind, order_no: &str, fen: i64) -> StatementLine {
    StatementLine {
        kind,
        order_no: order_no.into(),
        refund_no: (kind == StatementKind::Refund).then(|| "R1".into()),
        rail_ref: "4200".into(),
        amount: yuan(fen),
        fee_minor: None,
        at: None,
        standing: LineStanding::Done,
    }
}

/// The day on which the stage begins, at noon.
fn today() -> RailDay {
    RailDay::of("2026-11-21".parse().unwrap(), 0).unwrap()
}

async fn closed(stage: &Stage, account: &str, lines: Vec<StatementLine>) -> DayReport {
    let account = AccountId::parse(account).unwrap();
    let mut closing = stage.engine.close_day(&account, today()).await.unwrap();
    lines.into_iter().for_each(|line| closing.line(line));
    let mut report = closing.finish();
    stage.engine.look_up_breaks(&mut report).await.unwrap();
    report
}

/// The journal says when a payment was reversed, and the entry that did it counts, not the last one. So both movements must
/// be on this day's bill, and on no neighbour's.
#[tokio::test(start_paused = true)]
async fn a_reversed_payment_is_of_the_day_on_which_it_moved() {
    let stage = Stage::open().await;
    stage.truth.lock().unwrap().code_stays_pending = true;
    let made = stage.engine.create_intent(stage.tenant, wanted("c1", Some(code()))).await.unwrap();
    let id = made.resource.intent.terms.id;
    let waiting = |row: &paifang_store::IntentRow| row.intent.attempts[0].state.name() == "AwaitingPayer";
    let row =
        stage.engine.await_change(stage.tenant, id, SignedDuration::from_secs(5), waiting).await.unwrap();
    let order_no = row.intent.attempts[0].terms.order_no.to_string();
    stage.truth.lock().unwrap().pay(&row.intent.attempts[0].terms.order_no.to_string());
    stage.cancel("x1", id).await;

    let kinds = [StatementKind::Payment, StatementKind::Reversal];
    let report = closed(&stage, "plain", kinds.map(|kind| line(kind, &order_no, 10_000)).into()).await;
    assert!(report.is_equal() && report.is_complete() && report.books.count == 2, "{report:#?}");
    let report = closed(&stage, "plain", vec![]).await;
    assert!(report.is_complete(), "{report:#?}");
    let [Break::NotOnBill(paid), Break::NotOnBill(back)] = &report.breaks[..] else { panic!("{report:#?}") };
    assert_eq!([paid.kind, back.kind], kinds);
    assert_eq!((paid.row.intent, paid.row.part), (id, Part::Attempt(row.intent.attempts[0].terms.id)));
    stage.check().await;
}

/// A refund is of one day when it was opened and settled on it, although the rail does not say when.
#[tokio::test(start_paused = true)]
async fn a_refund_of_one_day_must_be_on_its_bill() {
    let stage = Stage::open().await;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    let id = row.intent.terms.id;
    stage.truth.lock().unwrap().pay(&row.intent.attempts[0].terms.order_no.to_string());
    stage.state_within(id, "succeeded", SignedDuration::from_mins(10)).await;
    assert_eq!(stage.refund("r1", id, 3_000).await.as_deref(), Ok("succeeded"));
    let report = closed(&stage, "sturdy", vec![]).await;
    assert!(report.is_complete(), "{report:#?}");
    let kinds: Vec<StatementKind> = report
        .breaks
        .iter()
        .map(|found| match found {
            Break::NotOnBill(movement) => movement.kind,
            other => panic!("{other:#?}"),
        })
        .collect();
    assert_eq!(kinds, [StatementKind::Payment, StatementKind::Refund]);
    // Of another account nothing is compared, and of another day nothing either.
    assert_eq!(closed(&stage, "plain", vec![]).await.break_count, 0);
    let sturdy = AccountId::parse("sturdy").unwrap();
    for other in ["2026-11-20", "2026-11-22"] {
        let day = RailDay::of(other.parse().unwrap(), 0).unwrap();
        let report = stage.engine.close_day(&sturdy, day).await.unwrap().finish();
        assert!(report.is_equal() && report.is_complete(), "{other}: {report:#?}");
    }
    stage.check().await;
}

/// A line that nothing waits for: of an order that is ours and not paid, or of nobody's.
#[tokio::test(start_paused = true)]
async fn a_line_of_an_order_that_is_not_settled_names_it() {
    let stage = Stage::open().await;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    let order_no = row.intent.attempts[0].terms.order_no.to_string();
    let lines = vec![
        line(StatementKind::Payment, &order_no, 10_000),
        line(StatementKind::Payment, "NOBODYS", 1),
        line(StatementKind::Refund, &order_no, 1),
    ];
    let report = closed(&stage, "sturdy", lines).await;
    let [Break::KnownNotSettled(_, known), Break::NotInBooks(_), Break::NotInBooks(_)] = &report.breaks[..]
    else {
        panic!("{report:#?}")
    };
    assert_eq!((known.row.intent, known.state), (row.intent.terms.id, "AwaitingPayer"));
    stage.check().await;
}

/// A bill is its merchant's, whatever the accounts are called.
#[test]
fn accounts_of_one_merchant_are_compared_together() {
    let account = |id: &str, rail: &str, merchant: &str| Account {
        id: AccountId::parse(id).unwrap(),
        rail: RailName::parse(rail).unwrap(),
        descriptor: &DESCRIPTOR_PLAIN,
        identity: Identity { merchant: merchant.into(), app: Some(id.into()) },
        enabled: id != "shop-b",
        shares: Default::default(),
    };
    let accounts = Accounts::new(vec![
        account("shop-a", "wechatpay", "1900000109"),
        account("other-rail", "alipay", "1900000109"),
        account("shop-b", "wechatpay", "1900000109"),
        account("other", "wechatpay", "1900000110"),
    ]);
    let of = |id: &str| accounts.of_merchant(&AccountId::parse(id).unwrap());
    let names = |ids: &[&str]| ids.iter().map(|id| AccountId::parse(id).unwrap()).collect::<Vec<_>>();
    assert_eq!(of("shop-b"), names(&["shop-a", "shop-b"]));
    assert_eq!(of("other"), names(&["other"]));
    assert_eq!(of("gone"), names(&["gone"]));
}
