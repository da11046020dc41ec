//! Days closed by the real gateway through its real adapters, with differences planted where they come from in life: books
//! that are not what the rails remember. The bills are the mock rails' own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::Date;
use paifang_mock_rails::faults::Fault;
use paifang_mock_rails::{CodeOutcome, PayerAct};
use paifang_proto::v1;
use serde_json::Value;
use support::{ALIPAY, QRS, RAILS, SOON, Way, World};

/// The files of the store: whatever lies there by its name, such as its log of writes.
fn store_files(dir: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = files.filter(|path| is_store(path)).collect();
    assert!(!files.is_empty(), "no store in {}", dir.display());
    files
}

fn is_store(path: &Path) -> bool {
    path.file_name().unwrap().to_str().unwrap().contains(".db")
}

fn copy_all(from: &Path, to: &Path) {
    for path in store_files(from) {
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

async fn report(world: &World, rail: &str, day: Date) -> Value {
    let url = format!("http://{}/days/{rail}-main/{day}", world.stage.ops);
    let page = support::browser::request("POST", &url, "", &[]).await;
    assert_eq!(page.status, 200, "{rail}: {}", page.body);
    serde_json::from_str(&page.body).unwrap()
}

/// The numbers of the breaks of a kind.
fn numbers(report: &Value, name: &str) -> BTreeSet<String> {
    let breaks = report["breaks"].as_array().unwrap().iter().filter(|found| found["break"] == name);
    let number = |line: &Value| line["refund_no"].as_str().or(line["order_no"].as_str()).unwrap().to_owned();
    breaks.map(|found| number(&found["bill"])).collect()
}

/// A store that was put back from yesterday's copy has lost what came after it: each lost payment and refund is on the rail's
/// bill and in no book, and nothing else differs.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_restored_store_has_lost_is_on_the_bills() {
    let mut world = World::start().await;
    let day = world.stage.to_noon().unwrap();
    let mut kept = Vec::new();
    for way in QRS {
        kept.push(world.paid(way).await.payment_intent_id);
    }
    let copy = tempfile::tempdir().unwrap();
    world.restarted(|dir| copy_all(dir, copy.path())).await;
    let before: Vec<BTreeSet<String>> = RAILS.map(|rail| listed(&world, rail, day)).into();
    for (way, id) in QRS.into_iter().zip(&kept) {
        world.paid(way).await;
        let refund = world.refund(id, 2_500).await.unwrap().refund_id;
        world.step(Duration::from_secs(90));
        world.shop.refund_becomes(&refund, v1::RefundState::Succeeded, SOON).await.unwrap();
    }
    let after: Vec<BTreeSet<String>> = RAILS.map(|rail| listed(&world, rail, day)).into();
    world
        .restarted(|dir| {
            store_files(dir).iter().for_each(|path| std::fs::remove_file(path).unwrap());
            copy_all(copy.path(), dir);
        })
        .await;
    world.stage.to_noon().unwrap();
    for ((rail, before), after) in RAILS.into_iter().zip(before).zip(after) {
        let report = report(&world, rail, day).await;
        let lost: BTreeSet<String> = after.difference(&before).cloned().collect();
        assert_eq!(lost.len(), 2, "{rail}: a payment and a refund");
        assert_eq!(numbers(&report, "not_in_books"), lost, "{rail}: {report:#}");
        assert_eq!(
            (&report["break_count"], &report["equal"]),
            (&2.into(), &false.into()),
            "{rail}: {report:#}"
        );
        assert_eq!(report["complete"], true, "{rail}: {report:#}");
        let told = world.stage.close_day(&format!("{rail}-main"), day).await.unwrap_err().to_string();
        assert!(told.contains("2 breaks between the bill and the books"), "{told}");
    }
    assert!(world.stage.stop_gateway().await.unwrap().success());
    world.stage.close().await;
}

/// The numbers on a rail's bill.
fn listed(world: &World, rail: &str, day: Date) -> BTreeSet<String> {
    let bill = world.stage.mocks.rail(rail).bill(day).unwrap();
    bill.into_iter().map(|line| line.refund_no.unwrap_or(line.order_no)).collect()
}

/// A payer who types the password while nobody can tell us, and a storefront that gives up: the rail gives the money back, and
/// its bill has both. Alipay lists the reversal as a refund with the order's own number.
#[tokio::test(flavor = "multi_thread")]
async fn a_reversed_payment_is_on_bill_and_books() {
    let world = World::start().await;
    let day = world.stage.to_noon().unwrap();
    let way = Way { presentation: v1::Presentation::PayerCode, ..ALIPAY };
    let asks = PayerAct::IssueCode(CodeOutcome::PendingThenPays);
    let issued = world.stage.mocks.rail(way.rail).payer(asks).unwrap();
    let code = issued["code"].as_str().unwrap().to_owned();
    world.fault(way, "charge", Fault::NoNotification);
    world.stage.mocks.bench(way.rail).faults.arm(Some("query"), Fault::Status(502), 1_000);
    let id = world.create().await;
    let asked = world.confirm_with(&id, way, &code).await.unwrap();
    assert_eq!(asked.attempts[0].state(), v1::AttemptState::AwaitingPayer, "{asked:#?}");
    world.step(Duration::from_secs(30));
    world.cancel(&id).await.unwrap();
    world.becomes(&id, v1::PaymentIntentState::Canceled).await;
    world.stage.to_noon().unwrap();
    let report = report(&world, way.rail, day).await;
    assert_eq!((&report["equal"], &report["complete"]), (&true.into(), &true.into()), "{report:#}");
    for side in ["bill", "books"] {
        let totals = serde_json::json!({ "count": 2, "paid_minor": "10000", "returned_minor": "10000" });
        assert_eq!(report[side], totals, "{report:#}");
    }
    world.stage.mocks.bench(way.rail).faults.clear();
    world.end().await;
}
