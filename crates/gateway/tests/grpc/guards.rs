//! What a storefront reads of its guard rails: what closed an opening, what was counted, and how each payment counted.

use paifang_client::{Client, v1};
use tonic::Code;

use crate::shop::{Shop, announce, choice, create, reason, wrong_fields};

const RULES: &str = r#"
[bundle]
name = "walls"
version = 1
note = "bamboo for all, while few complain"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "all"
wallet = "bamboo"
show = true
accept = true

[[guard_rail]]
id = "content"
opening = "all"
measure = "complaint_rate"
window_s = 3600
at_least = 2
max = 400_000
action = "roll_back"
"#;

fn complaint(request_id: &str, intent: &v1::PaymentIntent) -> v1::ReportComplaintRequest {
    v1::ReportComplaintRequest {
        request_id: request_id.into(),
        payment_intent_id: intent.payment_intent_id.clone(),
        reason: v1::ComplaintReason::NotReceived.into(),
    }
}

async fn changes(client: &Client, after_position: i64, page_size: i32) -> Vec<v1::PolicyChange> {
    let list = v1::ListPolicyChangesRequest { after_position, page_size };
    client.list_policy_changes(list).await.unwrap().changes
}

#[tokio::test]
async fn a_roll_back_by_a_guard_rail_is_told_with_what_was_measured() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    assert_eq!(changes(&client, 0, 0).await, []);
    announce(&client, RULES).await;
    let (first, second, third) =
        (shop.paid("order-1").await, shop.paid("order-2").await, shop.paid("order-3").await);
    client.report_complaint(complaint("bad-1", &first)).await.unwrap();
    assert_eq!(shop.engine.watch_guard_rails().await.unwrap().rolled_back.len(), 0, "one of three");
    client.report_complaint(complaint("bad-2", &second)).await.unwrap();
    assert_eq!(shop.engine.watch_guard_rails().await.unwrap().rolled_back.len(), 1);
    let closed = client.create_payment_intent(create("order-4")).await.unwrap_err();
    assert_eq!(reason(&closed), "WALLET_CLOSED_BY_POLICY");

    let reading = v1::GuardRailReading {
        measure: v1::GuardRailMeasure::ComplaintRate.into(),
        window_seconds: 3600,
        hits: 2,
        samples: 3,
        bound: Some(v1::guard_rail_reading::Bound::MaxPpm(400_000)),
        counted_since_time: None,
    };
    let policy = client.get_policy(v1::GetPolicyRequest { time: None }).await.unwrap().policy.unwrap();
    assert_eq!(policy.rolled_back_openings, ["all"]);
    let told = &policy.roll_backs[0];
    assert_eq!(
        (told.opening.as_str(), told.guard_rail.as_str(), told.measured_ppm),
        ("all", "content", 666_667)
    );
    assert_eq!((told.remark.as_str(), told.reading.as_ref()), ("", Some(&reading)));

    use v1::PolicyChangeKind::{Announced, Drafted, Reopened, RolledBack};
    let all = changes(&client, 0, 0).await;
    let kinds: Vec<_> = all.iter().map(|change| (change.position, change.kind())).collect();
    assert_eq!(kinds, [(1, Drafted), (2, Announced), (3, RolledBack)]);
    assert_eq!(changes(&client, 0, 2).await, all[..2]);
    assert_eq!(changes(&client, 2, 0).await, all[2..]);
    assert_eq!((all[0].request_id.as_str(), all[0].version, all[0].reading.is_none()), ("draft-1", 1, true));
    let rolled_back = v1::PolicyChange {
        position: 3,
        time: all[2].time,
        kind: RolledBack.into(),
        opening: "all".into(),
        guard_rail: "content".into(),
        measured_ppm: 666_667,
        reading: Some(reading),
        ..Default::default()
    };
    assert_eq!(all[2], rolled_back);
    let (request_id, remark) = ("open-1".to_owned(), "li.lei: the parcels came".to_owned());
    let reopen = v1::ReopenOpeningRequest { request_id, opening: "all".into(), remark: remark.clone() };
    client.reopen_opening(reopen).await.unwrap();
    let reopened = changes(&client, 3, 0).await;
    assert_eq!((reopened[0].kind(), &reopened[0].remark), (Reopened, &remark));
    assert_eq!(shop.engine.watch_guard_rails().await.unwrap().rolled_back.len(), 0);
    client.create_payment_intent(create("order-5")).await.unwrap();

    let listed = client.list_policy_decisions(v1::ListPolicyDecisionsRequest::default()).await.unwrap();
    let counted = |intent: &str| {
        let row = listed.decisions.iter().find(|row| row.payment_intent_id == intent).unwrap();
        (row.outcome(), row.outcome_time.is_some(), row.refund_time.is_some(), row.complaint_time.is_some())
    };
    assert_eq!(counted(&first.payment_intent_id), (v1::AttemptOutcome::Paid, true, false, true));
    assert_eq!(counted(&third.payment_intent_id), (v1::AttemptOutcome::Paid, true, false, false));
    // The first three rest on the draft and its announcement, the last one on the reopening too.
    let positions: Vec<_> = listed.decisions.iter().map(|row| row.rules_position).collect();
    assert_eq!(positions, [2, 2, 2, 4]);
    let other = shop.other().await;
    assert_eq!(changes(&other, 0, 0).await, []);
}

#[tokio::test]
async fn a_complaint_is_taken_once_per_call_and_of_paid_intents_only() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let paid = shop.paid("order-1").await;
    let taken = client.report_complaint(complaint("bad-1", &paid)).await.unwrap();
    assert_eq!(
        (taken.payment_intent.unwrap().state(), taken.replayed),
        (v1::PaymentIntentState::Succeeded, false)
    );
    assert!(client.report_complaint(complaint("bad-1", &paid)).await.unwrap().replayed);
    let mut other = complaint("bad-1", &paid);
    other.set_reason(v1::ComplaintReason::Other);
    assert_eq!(reason(&client.report_complaint(other.clone()).await.unwrap_err()), "REQUEST_ID_REUSED");
    other.request_id = "bad-2".into();
    assert!(!client.report_complaint(other).await.unwrap().replayed);

    let wrong = v1::ReportComplaintRequest { reason: 99, ..Default::default() };
    let error = client.report_complaint(wrong).await.unwrap_err();
    assert_eq!(wrong_fields(&error), ["request_id", "payment_intent_id", "reason"]);
    let open = v1::CreatePaymentIntentRequest { choice: Some(choice()), ..create("order-2") };
    let open = client.create_payment_intent(open).await.unwrap().payment_intent.unwrap();
    let error = client.report_complaint(complaint("bad-3", &open)).await.unwrap_err();
    assert_eq!((error.code(), reason(&error).as_str()), (Code::FailedPrecondition, "INTENT_NOT_PAID"));
    let stranger = shop.other().await.report_complaint(complaint("bad-1", &paid)).await.unwrap_err();
    assert_eq!(reason(&stranger), "RESOURCE_NOT_FOUND");

    let explain = v1::ExplainPaymentIntentRequest { payment_intent_id: paid.payment_intent_id.clone() };
    let told = client.explain_payment_intent(explain).await.unwrap().entries;
    let noted: Vec<_> = told.iter().filter(|entry| entry.change == "complained").collect();
    let [entry] = noted.as_slice() else { panic!("{told:#?}") };
    assert_eq!(
        (entry.rule.as_str(), entry.from_state.as_str()),
        ("intent.complaint.not_received", entry.to_state.as_str())
    );
    assert_eq!(entry.source(), v1::EvidenceSource::Storefront);
    let list = v1::ListEventsRequest::default();
    let events = client.list_events(list).await.unwrap().events;
    assert_eq!(events.iter().filter(|event| event.r#type == "payment_intent.complained").count(), 1);
}
