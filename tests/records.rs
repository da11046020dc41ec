//! `paifang policy records` and `simulate` over the running binary and both stores: what was traded under rules comes out of the
//! store again, and a draft is measured on it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

mod support;

use std::path::Path;

use paifang_conformance::postgres::Server;
use paifang_gateway::demo::{Shop, Stage};
use paifang_proto::v1;
use serde_json::{Value, json};
use support::{ALIPAY, SOON, WECHAT, Way, World, money};
use tokio::process::Command;

/// Two percent, a tenth to a streamer, 3.00 off with Alipay by the creator, refunds for two reasons.
const RULES: &str = r#"
[bundle]
name = "mall"
version = 1
note = "as it was traded"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "open"

[fees]
currency = "CNY"
[[fees.rules]]
id = "standard"
rate_ppm = 20_000
on_refund = "proportional"

[splits]
currency = "CNY"
receivers = [{ receiver = "streamer", share_ppm = 100_000, on_refund = "proportional" }]

[discounts]
currency = "CNY"
[[discounts.rules]]
id = "coupon"
funder = "creator"
amount_minor = 300
budgeted = false
wallet = "alipay"

[refunds]
currency = "CNY"
[refunds.waterfalls]
merchant = [{ bearer = "unsettled_funds" }]
[[refunds.rules]]
id = "returned"
mode = "return_and_refund"
reasons = ["damaged", "no_reason"]
total_max_ppm = 1_000_000
days_max = 7
waterfall = "merchant"
decide_within_s = 0
appeal_within_s = 0
"#;

/// Half a percent more, a fifth to the streamer, one reason less, and no WeChat Pay.
fn draft() -> String {
    let kill = "[[kill]]\nid = \"no-wechat\"\nwallet = \"wechatpay\"\nnote = \"not any more\"\n\n[fees]";
    RULES
        .replace("version = 1", "version = 2")
        .replace("rate_ppm = 20_000", "rate_ppm = 25_000")
        .replace("share_ppm = 100_000", "share_ppm = 200_000")
        .replace("[\"damaged\", \"no_reason\"]", "[\"damaged\"]")
        .replacen("[fees]", kill, 1)
}

async fn announce(shop: &Shop) {
    let mut policies = shop.policies.clone();
    let draft = v1::DraftPolicyRequest { request_id: "d1".into(), bundle: RULES.into() };
    policies.draft_policy(draft).await.unwrap();
    let announce = v1::AnnouncePolicyRequest { request_id: "a1".into(), version: 1, ..Default::default() };
    policies.announce_policy(announce).await.unwrap();
}

async fn refunded(world: &World, way: Way, fen: i64, reason: v1::RefundReason) {
    let intent = world.paid(way).await;
    let case = v1::RefundCase { reason: reason.into(), ..Default::default() };
    let request = v1::CreateRefundRequest {
        request_id: world.request_id("refund"),
        payment_intent_id: intent.payment_intent_id,
        amount: Some(money(fen)),
        reason: String::new(),
        refund_case: Some(case),
    };
    let made = world.shop.refunds.clone().create_refund(request).await.unwrap().into_inner();
    let refund = made.refund.unwrap().refund_id;
    let done = world.shop.clone().refund_becomes(&refund, v1::RefundState::Succeeded, SOON).await;
    done.unwrap_or_else(|error| panic!("{error:#}\n{}", world.stage.log()));
}

/// Five payments and three refunds; one order is never paid.
async fn trade(world: &mut World) {
    announce(&world.shop).await;
    refunded(world, ALIPAY, 3_000, v1::RefundReason::Damaged).await;
    refunded(world, ALIPAY, 2_000, v1::RefundReason::NoReason).await;
    refunded(world, WECHAT, 1_000, v1::RefundReason::Damaged).await;
    world.paid(ALIPAY).await;
    world.paid(ALIPAY).await;
    let left = world.shown(ALIPAY).await;
    world.cancel(&left.payment_intent_id).await.unwrap();
    world.becomes(&left.payment_intent_id, v1::PaymentIntentState::Canceled).await;
    world.books_agree().await;
}

/// What the draft would have changed, as the command prints it.
async fn simulated(dir: &Path, records: &str) -> Value {
    let (bundle, lines) = (dir.join("draft.toml"), dir.join("records.jsonl"));
    std::fs::write(&bundle, draft()).unwrap();
    std::fs::write(&lines, records).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_paifang"));
    command.args(["policy", "simulate", "--json"]).arg(&bundle).arg("--records").arg(&lines);
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn of(count: u64, amount: i64) -> Value {
    json!({ "count": count, "amount": amount })
}

fn pair(before: (u64, i64), after: (u64, i64)) -> Value {
    json!({ "before": of(before.0, before.1), "after": of(after.0, after.1) })
}

/// Each of five payments is of 100.00, of which the payer pays 97.00 with Alipay; the draft does not take the one with WeChat Pay.
fn check(report: &Value, records: &str) {
    assert_eq!(report["total"]["records"], records.lines().count());
    assert!(report["total"]["no_longer_accepted"].as_u64() >= Some(6), "{report:#}");
    let found = &report["money"];
    assert_eq!(found["contradictory"], 0);
    let (taken, paid_in) = (of(5, 48_800), pair((4, 1_200), (4, 1_200)));
    let payments = json!({
        "currency": "CNY", "taken": taken, "paid_in": paid_in, "closed": of(1, 10_000), "misfits": {},
    });
    assert_eq!(found["payments"], json!([payments]));
    let fees = |wallet: &str, fees: Value| json!({ "currency": "CNY", "wallet": wallet, "rule": "standard", "fees": fees });
    let wanted = [fees("alipay", pair((4, 800), (4, 1_000))), fees("wechatpay", pair((1, 200), (0, 0)))];
    assert_eq!(found["fees"], json!(wanted));
    let got: Vec<_> =
        found["parts"].as_array().unwrap().iter().map(|part| (&part["receiver"], &part["got"])).collect();
    let wanted = [
        (&Value::Null, &pair((5, 44_000), (4, 31_000))),
        (&json!("fee"), &pair((5, 1_000), (4, 1_000))),
        (&json!("streamer"), &pair((5, 5_000), (4, 8_000))),
    ];
    assert_eq!(got, wanted);
    let [changes] = found["refunds"]["changes"].as_array().unwrap().as_slice() else { panic!("{found:#}") };
    for (kind, wanted) in [
        ("asked", of(3, 6_000)),
        ("still_granted", of(1, 3_000)),
        ("no_longer_granted", of(1, 2_000)),
        ("without_payment", of(1, 1_000)),
        ("newly_granted", of(0, 0)),
    ] {
        assert_eq!(changes[kind], wanted, "{kind} of {changes:#}");
    }
}

async fn traded_and_measured(mut stage: Stage, while_it_runs: bool) {
    let key = stage.new_tenant("test").await.unwrap();
    let listed = stage.run(&["tenant", "list"]).await.unwrap();
    let tenant = listed.split_whitespace().next().unwrap();
    stage.start_gateway().await.unwrap();
    let shop = Shop::connect(stage.grpc, &key).unwrap();
    let mut world = World::of(stage, shop, key);
    trade(&mut world).await;

    let export = ["policy", "records", "--tenant", tenant];
    let running = world.stage.run(&export).await;
    assert_eq!(running.is_ok(), while_it_runs, "a file belongs to one process: {running:?}");
    assert!(world.stage.stop_gateway().await.unwrap().success());
    let records = world.stage.run(&export).await.unwrap();
    assert!(running.is_ok_and(|running| running == records) || !while_it_runs, "the same, running or not");
    for secret in ["\"pi_", "\"at_", "\"re_", "\"tea\""] {
        assert!(!records.contains(secret), "{secret} is in {records}");
    }
    let later = [&export[..], &["--since", "2100-01-01T00:00:00Z"]].concat();
    assert_eq!(world.stage.run(&later).await.unwrap(), "");
    check(&simulated(&world.stage.dir, &records).await, &records);
    let report = world.stage.fsck().await.unwrap();
    assert!(report.contains("clean"), "{report}");
    world.stage.close().await;
    std::fs::remove_dir_all(&world.stage.dir).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_measured_on_what_a_file_recorded() {
    traded_and_measured(World::stage().await, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_measured_on_what_a_database_recorded() {
    let server = tokio::task::spawn_blocking(|| Server::start(&[]).unwrap()).await.unwrap();
    let mut stage = World::stage().await;
    let url = server.url(&server.database(None).unwrap());
    stage.set_env("PAIFANG_STORE", Some(&url));
    traded_and_measured(stage, true).await;
}
