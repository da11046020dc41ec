//! What operators ask the running gateway, by the client and the tables that the command line uses.

use paifang_payment::intent::Intent;
use paifang_payment::{PayerId, Presentation};
use paifang_store::{Batch, Quarantine, Store, WorkChange, WorkKey, WorkRow};
use serde_json::json;

use super::policy::day;
use super::{intent as explain, ops, quarantine};
use crate::core::Over;
use crate::serve::Drained;
use crate::testing::{Keys, intent, tenant, until};

const LOOPBACK: &str = "http://127.0.0.1:1";
const PAYER: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";

/// An intent whose rail cannot be reached.
async fn created<S: Store>(core: &Over<S>) -> Intent {
    let mut wanted = intent("alipay", Presentation::QrShown, None);
    let choice = wanted.confirmation.as_mut().unwrap();
    choice.client.payer = Some(PayerId::parse(PAYER).unwrap());
    let made = core.create_intent(tenant(), wanted).await.unwrap();
    let terms = made.resource.intent.terms;
    until("the attempt was tried", async || {
        let row = core.store().intent(terms.tenant, terms.id).await.unwrap().unwrap();
        row.intent.version > made.resource.intent.version
    })
    .await;
    core.store().intent(terms.tenant, terms.id).await.unwrap().unwrap().intent
}

/// Its expiry goes to a person.
async fn poison<S: Store>(core: &Over<S>, of: &Intent) -> WorkRow {
    let key = WorkKey::Expiry { tenant: of.terms.tenant, intent: of.terms.id };
    let kept = Quarantine { tries: Some(20), ..Quarantine::new("a test \u{7}said so", core.now()) };
    let change = WorkChange::Quarantine { key: key.clone(), reason: kept.text() };
    let batch = Batch { work: vec![change], ..Batch::new(of.terms.tenant, core.now()) };
    core.store().commit(batch).await.unwrap();
    let rows = core.store().scan_work(None, 200).await.unwrap();
    rows.into_iter().find(|row| row.key == key).unwrap()
}

/// F72: the quarantine is listed with reason and evidence; a piece of it is given back once, by who and why.
#[tokio::test]
async fn the_quarantine_is_listed_and_redriven_once() {
    let gateway = Keys::new().start(&Keys::rails(LOOPBACK, LOOPBACK, LOOPBACK), "").await;
    let (ops, core) = (gateway.ops_addr, gateway.core().clone());
    let empty = ops::get(ops, "/quarantine").await.unwrap();
    assert_eq!(quarantine::table(&empty), "0 in quarantine");
    let row = poison(&core, &created(&core).await).await;
    let listed = ops::get(ops, "/quarantine").await.unwrap();
    let one = &listed["quarantine"][0];
    assert_eq!(
        (&one["kind"], &one["epoch"], &one["tries"]),
        (&json!("expiry"), &json!(row.epoch), &json!(20))
    );
    assert!(
        quarantine::table(&listed).contains("20 tries: a test ?said so"),
        "{}",
        quarantine::table(&listed)
    );

    let path = format!("/quarantine/{}/redrive", row.key.text());
    for (body, why) in [
        (json!({ "by": "li.lei" }), "must be a JSON object"),
        (json!({ "by": "li.lei", "why": "two\nlines" }), "must be a JSON object"),
        (json!({ "by": "li.lei", "why": "x", "epoch": row.epoch + 1 }), "has changed since it was read"),
    ] {
        let refused = ops::post(ops, &path, Some(&body)).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{body}: {refused}");
    }
    let refused = ops::post(ops, &path, None).await.unwrap_err().to_string();
    assert!(refused.contains("Content-Type"), "{refused}");
    let body = json!({ "by": "li.lei", "why": "it was a test", "epoch": row.epoch });
    let (one, other) = tokio::join!(ops::post(ops, &path, Some(&body)), ops::post(ops, &path, Some(&body)));
    assert_eq!([one.is_ok(), other.is_ok()].iter().filter(|won| **won).count(), 1, "{one:?} {other:?}");
    let gone = ops::get(ops, "/quarantine").await.unwrap();
    assert_eq!(gone["quarantine"], json!([]));
    let WorkKey::Expiry { intent, .. } = &row.key else { panic!("{row:?}") };
    let told = ops::get(ops, &format!("/intents/{intent}/explain")).await.unwrap();
    let table = explain::table(&told);
    let line = "by operator.redrive (operator), decided by li.lei, because it was a test";
    assert!(table.contains(line), "{table}");
    assert_eq!(gateway.drain().await, Drained::Clean);
}

/// I14: the chain of evidence, for people and as JSON; it names no payer and nobody who is not there.
#[tokio::test]
async fn an_intent_is_explained() {
    let gateway = Keys::new().start(&Keys::rails(LOOPBACK, LOOPBACK, LOOPBACK), "").await;
    let (ops, core) = (gateway.ops_addr, gateway.core().clone());
    let known = created(&core).await;
    let told = ops::get(ops, &format!("/intents/{}/explain", known.terms.id)).await.unwrap();
    let table = explain::table(&told);
    for expected in [
        "#1 intent: opened, - -> REQUIRES_WALLET  88.88 CNY",
        "by intent.create (storefront)",
        "(rule), request order-1",
        "told payment_intent.created ev_",
        "after the begin",
        "(transport)",
    ] {
        assert!(table.contains(expected), "{expected} in\n{table}");
    }
    assert!(!told.to_string().contains(PAYER) && !table.contains(PAYER));
    let entries = told["entries"].as_array().unwrap();
    assert_eq!(entries.last().unwrap()["digest"], told["head"]);
    for pair in entries.windows(2) {
        assert_eq!(pair[0]["digest"], pair[1]["previous_digest"]);
    }
    let stranger = "/intents/pi_00000000000000000000000000000001/explain";
    let missing = ops::get(ops, stranger).await.unwrap_err().to_string();
    assert_eq!(missing, "no such payment intent");
    let wrong = ops::get(ops, "/intents/pi_1/explain").await.unwrap_err().to_string();
    assert!(wrong.starts_with("payment_intent_id"), "{wrong}");
    assert_eq!(gateway.drain().await, Drained::Clean);
}

/// A past day is asked for by the command's own path, of the only storefront unless one is named.
#[tokio::test]
async fn a_past_day_is_told() {
    use paifang_payment::{Digest, TenantId};
    use paifang_store::Tenant;

    let gateway = Keys::new().start(&Keys::rails(LOOPBACK, LOOPBACK, LOOPBACK), "").await;
    let (ops, core) = (gateway.ops_addr, gateway.core().clone());
    let day = day::Day::of("2024-09-20".parse().unwrap(), "+08:00").unwrap();
    let none = ops::get(ops, &day.path("-")).await.unwrap_err().to_string();
    assert_eq!(none, "there is no storefront");
    for number in [1, 2] {
        let id = TenantId::from_parts(core.now(), [number; 10]);
        let tenant = Tenant { id, name: "t".into(), key_hash: Digest([number; 32]), created_at: core.now() };
        assert!(core.store().add_tenant(&tenant).await.unwrap());
        let told = ops::get(ops, &day.path(&id.to_string())).await.unwrap();
        let table = day.table(&told);
        assert!(
            table.contains("00:00:00 to 24:00:00: no rules yet; everything that worked was open"),
            "{table}"
        );
        let only = ops::get(ops, &day.path("-")).await;
        match number {
            1 => assert_eq!(only.unwrap(), told),
            _ => assert!(only.unwrap_err().to_string().starts_with("there are several storefronts")),
        }
    }
    let stranger = ops::get(ops, &day.path("tn_1")).await.unwrap_err().to_string();
    assert_eq!(stranger, "no such storefront");
    for path in ["/policy/-/today/tomorrow", "/policy/-/2024-09-20T00:00:00Z/2024-09-20T00:00:00Z"] {
        assert!(ops::get(ops, path).await.is_err(), "{path}");
    }
    let date = |days: i64| {
        let here = core.now().to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)));
        day::Day::of(here.date() + jiff::Span::new().days(days), "+08:00").unwrap()
    };
    let tenant = core.store().tenants().await.unwrap()[0].id.to_string();
    for (days, is_over) in [(-1, true), (0, false)] {
        let told = ops::get(ops, &date(days).path(&tenant)).await.unwrap();
        assert_eq!(told["is_over"], json!(is_over));
        assert_eq!(date(days).table(&told).contains("THE DAY IS NOT OVER"), !is_over);
    }
    let to_come = ops::get(ops, &date(1).path(&tenant)).await.unwrap_err().to_string();
    assert!(to_come.starts_with("begin: is to come"), "{to_come}");
    assert_eq!(gateway.drain().await, Drained::Clean);
}
