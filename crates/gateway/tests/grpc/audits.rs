//! Who could pay with what in a time that is past, as a storefront is told.

use jiff::{SignedDuration, Timestamp};
use paifang_client::v1;
use paifang_engine::Account;
use tonic::Code;

use crate::fakes::DESCRIPTOR;
use crate::shop::{Shop, account, announce, choice, create, wrong_fields};

const TRIED: &str = r#"
[bundle]
name = "walls"
version = 1
note = "bamboo for books"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "books"
wallet = "bamboo"
when = "product.category == 'books'"
cohort = { salt = "walls", ppm = 1_000_000 }
merchants = ["m-1"]
show = true
accept = true
"#;

fn wire(at: Timestamp) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() })
}

fn spans(begins: Timestamp, ends: Timestamp, page_token: &str) -> v1::ListPolicySpansRequest {
    let (begin_time, end_time) = (wire(begins), wire(ends));
    v1::ListPolicySpansRequest { begin_time, end_time, page_size: 1, page_token: page_token.into() }
}

fn counts(begins: Timestamp, ends: Timestamp) -> v1::CountPolicyDecisionsRequest {
    let (begin_time, end_time) = (wire(begins), wire(ends));
    v1::CountPolicyDecisionsRequest { begin_time, end_time, page_token: String::new() }
}

#[tokio::test]
async fn a_past_time_is_told_page_by_page_and_only_to_its_storefront() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let now = shop.engine.now();
    let (begins, ends) = (now - SignedDuration::from_hours(1), now + SignedDuration::from_hours(1));
    announce(&client, TRIED).await;
    let facts = v1::DeclaredFacts {
        product_category: "books".into(),
        merchant_id: "m-1".into(),
        payer_reference: "payer-1".into(),
        ..Default::default()
    };
    let choice = v1::WalletChoice { declared_facts: Some(facts), ..choice() };
    let request = v1::CreatePaymentIntentRequest { choice: Some(choice), ..create("order-1") };
    client.create_payment_intent(request).await.unwrap();

    let first = client.list_policy_spans(spans(begins, ends, "")).await.unwrap();
    assert!(first.spans.len() == 1 && first.spans[0].unruled, "{first:?}");
    let second = client.list_policy_spans(spans(begins, ends, &first.next_page_token)).await.unwrap();
    let [span] = second.spans.as_slice() else { panic!("{second:?}") };
    assert_eq!(
        (second.next_page_token.as_str(), span.version, span.note.as_str()),
        ("", 1, "bamboo for books")
    );
    assert_eq!((span.begin_time, span.end_time), (first.spans[0].end_time, wire(ends)));
    let step = &span.ways[0].steps[0];
    assert_eq!((step.rule.as_str(), step.standing()), ("books", v1::PolicyStanding::Accepted));
    assert_eq!((step.cohort_ppm, step.merchants.as_slice()), (Some(1_000_000), &["m-1".to_owned()][..]));
    assert_eq!(step.when, "product.category == 'books'");
    assert_eq!(span.ways[0].otherwise(), v1::PolicyStanding::Closed);

    let counted = client.count_policy_decisions(counts(begins, ends)).await.unwrap();
    assert_eq!((counted.payments, counted.next_page_token.as_str()), (1, ""));
    assert!(!second.complete && !counted.complete, "the time is not over");
    let chosen: Vec<_> = counted.counts.iter().filter(|line| line.chosen > 0).collect();
    let [line] = chosen.as_slice() else { panic!("{counted:?}") };
    assert_eq!((line.rule.as_str(), line.because.as_str(), line.accepted), ("books", "opening_fits", 1));

    let other = shop.other().await;
    let told = other.list_policy_spans(spans(begins, ends, "")).await.unwrap();
    assert!(told.spans[0].unruled && told.next_page_token.is_empty(), "{told:?}");
    let strange = other.list_policy_spans(spans(begins, ends, &first.next_page_token)).await.unwrap_err();
    assert_eq!(wrong_fields(&strange), ["page_token"]);
    assert_eq!(other.count_policy_decisions(counts(begins, ends)).await.unwrap().payments, 0);
}

#[tokio::test]
async fn a_time_that_is_none_or_too_long_is_refused_by_its_field() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let now = shop.engine.now();
    let long = now + SignedDuration::from_hours(31 * 24) + SignedDuration::from_secs(1);
    for ends in [now, now - SignedDuration::from_secs(1), long] {
        let refused = client.list_policy_spans(spans(now, ends, "")).await.unwrap_err();
        assert_eq!(
            (refused.code(), wrong_fields(&refused)),
            (Code::InvalidArgument, vec!["end_time".to_owned()])
        );
        let refused = client.count_policy_decisions(counts(now, ends)).await.unwrap_err();
        assert_eq!(wrong_fields(&refused), ["end_time"]);
    }
    let plain = client.list_policy_spans(v1::ListPolicySpansRequest::default()).await.unwrap();
    let [day] = plain.spans.as_slice() else { panic!("{plain:?}") };
    let seconds = |time: &Option<prost_types::Timestamp>| time.as_ref().unwrap().seconds;
    assert_eq!(seconds(&day.end_time) - seconds(&day.begin_time), 24 * 3600, "a day until now");
}

#[tokio::test]
async fn what_is_over_is_told_and_what_is_disabled_now() {
    let disabled = Account { enabled: false, ..account("panda", &DESCRIPTOR) };
    let shop = Shop::over(vec![disabled], |options| options).await;
    let client = shop.client().await;
    announce(&client, TRIED).await;
    shop.world.advance(3600);
    let now = shop.engine.now();
    let (begins, ends) = (now - SignedDuration::from_mins(30), now - SignedDuration::from_mins(1));
    let told = client.list_policy_spans(spans(begins, ends, "")).await.unwrap();
    let [span] = told.spans.as_slice() else { panic!("{told:?}") };
    assert!(told.complete && client.count_policy_decisions(counts(begins, ends)).await.unwrap().complete);
    let [way] = span.ways.as_slice() else { panic!("{span:?}") };
    assert!(way.disabled && way.steps[0].standing() == v1::PolicyStanding::Accepted, "{way:?}");
}
