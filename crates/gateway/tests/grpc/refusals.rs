//! What the rules did not take: one line of the log and one count each, by names and without any value.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use paifang_client::{Client, v1};
use serde_json::Value;
use tonic::Status;
use tonic_types::StatusExt;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use crate::shop::{Shop, announce, choice, create, refunding};

const RULES: &str = r#"
[bundle]
name = "walls"
version = 1
note = "bamboo for books"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "books"
wallet = "bamboo"
when = "product.category in ['books', 'toys']"
show = true
accept = true

[fees]
currency = "CNY"
[[fees.rules]]
id = "of-books"
category = "books"
rate_ppm = 10_000
on_refund = "keep"

[discounts]
currency = "CNY"
[[discounts.rules]]
id = "gold"
funder = "merchant"
amount_minor = 100
budgeted = false
when = "payer.tier == 'gold'"

[refunds]
currency = "CNY"
waterfalls = { own = [{ bearer = "unsettled_funds" }] }
[[refunds.rules]]
id = "young"
mode = "return_and_refund"
reasons = ["damaged"]
total_max_ppm = 1_000_000
days_max = 7
when = "payer.age_band == '18-24'"
waterfall = "own"
decide_within_s = 0
appeal_within_s = 0
"#;

/// The log of this test's thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn keep() -> (Self, DefaultGuard) {
        let log = Self::default();
        let lines = tracing_subscriber::fmt().json().flatten_event(true).with_writer(log.clone());
        let guard = tracing::subscriber::set_default(lines.finish());
        (log, guard)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The fields of each line about a refusal, but for the time; the payment's id only as whether there is one.
    fn refusals(&self) -> Vec<String> {
        let lines = self.text();
        let read = lines.lines().map(|line| serde_json::from_str::<BTreeMap<String, Value>>(line).unwrap());
        let refusals = read.filter(|line| line["message"] == "refused by rules");
        let said = refusals.map(|mut line| {
            let tenant = line.remove("tenant").unwrap();
            assert!(tenant.as_str().is_some_and(|tenant| tenant.starts_with("tn_")), "{tenant}");
            let payment = if line.remove("payment").is_some() { "a payment: " } else { "" };
            for known in ["level", "message", "target", "timestamp"] {
                assert!(line.remove(known).is_some(), "{known}");
            }
            let fields = line.into_iter().map(|(name, value)| format!("{name}={value}"));
            format!("{payment}{}", fields.collect::<Vec<_>>().join(" "))
        });
        said.collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn facts(category: &str, tier: &str) -> v1::DeclaredFacts {
    v1::DeclaredFacts {
        product_category: category.into(),
        payer_tier: tier.into(),
        payer_reference: "canary-payer".into(),
        merchant_id: "canary-merchant".into(),
        ..Default::default()
    }
}

async fn pay(
    client: &Client,
    request: v1::CreatePaymentIntentRequest,
    facts: v1::DeclaredFacts,
) -> Result<v1::PaymentIntent, Status> {
    let choice = Some(v1::WalletChoice { declared_facts: Some(facts), ..choice() });
    let request = v1::CreatePaymentIntentRequest { choice, ..request };
    client.create_payment_intent(request).await.map(|made| made.payment_intent.unwrap())
}

/// What a caller can read of a refusal without its words.
fn told(error: &Status) -> String {
    let info = error.get_details_error_info().unwrap();
    let metadata: BTreeMap<_, _> = info.metadata.into_iter().collect();
    let told = metadata.into_iter().map(|(name, value)| format!("{name}={value}"));
    format!("{} {}", info.reason, told.collect::<Vec<_>>().join(" "))
}

#[tokio::test]
async fn each_refusal_is_told_logged_and_counted_once_by_names() {
    let (log, _guard) = Log::keep();
    let shop = Shop::open().await;
    let client = shop.client().await;
    announce(&client, RULES).await;
    let mut said = Vec::new();
    let mut no = |error: Status| said.push(told(&error));
    no(pay(&client, create("o-1"), facts("", "gold")).await.unwrap_err());
    no(pay(&client, create("o-2"), facts("canary-food", "gold")).await.unwrap_err());
    no(pay(&client, create("o-3"), facts("toys", "gold")).await.unwrap_err());
    no(pay(&client, create("o-4"), facts("books", "")).await.unwrap_err());
    let hold = v1::CaptureMethod::Manual.into();
    let holding = v1::CreatePaymentIntentRequest { capture_method: hold, ..create("o-5") };
    no(pay(&client, holding, facts("", "gold")).await.unwrap_err());
    // An intent that is there already.
    let open = v1::CreatePaymentIntentRequest { choice: None, ..create("o-6") };
    let open = client.create_payment_intent(open).await.unwrap().payment_intent.unwrap();
    let confirm = v1::ConfirmPaymentIntentRequest {
        request_id: "c-1".into(),
        payment_intent_id: open.payment_intent_id,
        choice: Some(choice()),
        etag: String::new(),
    };
    no(client.confirm_payment_intent(confirm).await.unwrap_err());
    let paid = pay(&client, create("o-7"), facts("books", "gold")).await.unwrap();
    shop.notify_paid(&paid).await;
    no(client.create_refund(refunding("r-1", &paid, 100)).await.unwrap_err());
    let bare = v1::CreateRefundRequest { refund_case: None, ..refunding("r-2", &paid, 100) };
    no(client.create_refund(bare).await.unwrap_err());
    let case = v1::RefundCase { reason: v1::RefundReason::Late.into(), ..Default::default() };
    let late = v1::CreateRefundRequest { refund_case: Some(case), ..refunding("r-3", &paid, 100) };
    no(client.create_refund(late).await.unwrap_err());
    let retire = v1::RetirePolicyRequest { request_id: "end".into(), version: 1 };
    client.retire_policy(retire).await.unwrap();
    no(pay(&client, create("o-8"), facts("books", "gold")).await.unwrap_err());

    expect_test::expect![[r#"
        WALLET_CLOSED_BY_POLICY because=input_missing missing_inputs=product.category rule=books version=1
        WALLET_CLOSED_BY_POLICY because=no_opening_fits version=1
        TERMS_DO_NOT_FIT because=terms_do_not_fit version=1
        TERMS_DO_NOT_FIT because=input_missing missing_inputs=payer.tier rule=gold version=1
        WALLET_CLOSED_BY_POLICY because=input_missing missing_inputs=product.category rule=books version=1
        WALLET_CLOSED_BY_POLICY because=input_missing missing_inputs=product.category rule=books version=1
        REFUND_CLOSED_BY_POLICY because=input_missing missing_inputs=payer.age_band rule=young version=1
        REFUND_CLOSED_BY_POLICY because=refund_case_missing version=1
        REFUND_CLOSED_BY_POLICY because=no_rule_fits version=1
        WALLET_CLOSED_BY_POLICY because=no_version"#]]
    .assert_eq(&said.join("\n"));
    expect_test::expect![[r#"
        because="input_missing" missing="product.category" reason="WALLET_CLOSED_BY_POLICY" rule="books" version=1
        because="no_opening_fits" missing="" reason="WALLET_CLOSED_BY_POLICY" rule="no opening" version=1
        because="terms_do_not_fit" missing="" reason="TERMS_DO_NOT_FIT" rule="no rule" version=1
        because="input_missing" missing="payer.tier" reason="TERMS_DO_NOT_FIT" rule="gold" version=1
        because="input_missing" missing="product.category" reason="WALLET_CLOSED_BY_POLICY" rule="books" version=1
        a payment: because="input_missing" missing="product.category" reason="WALLET_CLOSED_BY_POLICY" rule="books" version=1
        a payment: because="input_missing" missing="payer.age_band" reason="REFUND_CLOSED_BY_POLICY" rule="young" version=1
        a payment: because="refund_case_missing" missing="" reason="REFUND_CLOSED_BY_POLICY" rule="no rule" version=1
        a payment: because="no_rule_fits" missing="" reason="REFUND_CLOSED_BY_POLICY" rule="no rule" version=1
        because="no_version" missing="" reason="WALLET_CLOSED_BY_POLICY" rule="no opening""#]].assert_eq(&log.refusals().join("\n"));
    let counted = shop.engine.refusals().counted();
    let counted = counted.iter().map(|(reason, because, count)| format!("{reason} {because} {count}"));
    expect_test::expect![[r#"
        REFUND_CLOSED_BY_POLICY input_missing 1
        REFUND_CLOSED_BY_POLICY no_rule_fits 1
        REFUND_CLOSED_BY_POLICY refund_case_missing 1
        TERMS_DO_NOT_FIT input_missing 1
        TERMS_DO_NOT_FIT terms_do_not_fit 1
        WALLET_CLOSED_BY_POLICY input_missing 3
        WALLET_CLOSED_BY_POLICY no_opening_fits 1
        WALLET_CLOSED_BY_POLICY no_version 1"#]]
    .assert_eq(&counted.collect::<Vec<_>>().join("\n"));
    assert!(!log.text().contains("canary"), "{}", log.text());
}
