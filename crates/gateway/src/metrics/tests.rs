//! What the figures say.

use std::time::Duration;

use jiff::Timestamp;
use paifang_payment::AccountId;
use paifang_store::Stats;

use super::*;

#[test]
fn statistics_become_figures() {
    let metrics = Metrics::new().unwrap();
    let now: Timestamp = "2026-11-21T04:00:00Z".parse().unwrap();
    let earlier = |seconds| Some(now - jiff::SignedDuration::from_secs(seconds));
    let stats = Stats {
        intents: [("processing".to_owned(), 3), ("succeeded".to_owned(), 5_000_000_000)].into(),
        doubts: 2,
        oldest_doubt: earlier(90),
        due: 7,
        oldest_due: earlier(4),
        leased: 1,
        oldest_lease_until: earlier(6),
        quarantined: 1,
        suspicious: 1,
        last_event: 42,
    };
    metrics.show(&stats, now);
    let text = metrics.render();
    for line in [
        "paifang_intents{state=\"processing\"} 3",
        "paifang_intents{state=\"succeeded\"} 4294967295",
        "paifang_doubts 2",
        "paifang_doubt_oldest_seconds 90",
        "paifang_work_due 7",
        "paifang_work_due_oldest_seconds 4",
        "paifang_work_leased 1",
        "paifang_work_lease_left_seconds -6",
        "paifang_work_quarantined 1",
        "paifang_notifications_suspicious 1",
        "paifang_events_total 42",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} in\n{text}");
    }
}

#[test]
fn exchanges_are_sorted_by_time() {
    let metrics = Metrics::new().unwrap();
    let account = AccountId::parse("alipay-main").unwrap();
    metrics.exchanged(&account, "2xx", Duration::from_millis(30));
    metrics.exchanged(&account, "timed_out", Duration::from_secs(10));
    metrics.tidy();
    let text = metrics.render();
    for line in [
        "paifang_rail_exchange_seconds_bucket{account=\"alipay-main\",result=\"2xx\",le=\"0.025\"} 0",
        "paifang_rail_exchange_seconds_bucket{account=\"alipay-main\",result=\"2xx\",le=\"0.05\"} 1",
        "paifang_rail_exchange_seconds_count{account=\"alipay-main\",result=\"timed_out\"} 1",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} in\n{text}");
    }
}

#[test]
fn refusals_by_rules_are_counted_by_reason_and_why() {
    let (metrics, refusals) = (Metrics::new().unwrap(), Arc::new(RefusalCounts::default()));
    assert!(!metrics.render().contains("paifang_rules_refusals_total"));
    metrics.follow_refusals(Arc::clone(&refusals));
    for because in ["killed", "input_missing", "killed"] {
        refusals.count("WALLET_CLOSED_BY_POLICY", because);
    }
    let text = metrics.render();
    let killed = "paifang_rules_refusals_total{reason=\"WALLET_CLOSED_BY_POLICY\",because=\"killed\"} 2";
    assert!(text.lines().any(|line| line == killed), "{text}");
}

/// Two gateways of one process do not count for each other.
#[test]
fn figures_are_not_global() {
    let (one, two) = (Metrics::new().unwrap(), Metrics::new().unwrap());
    one.strayed();
    assert!(one.render().contains("paifang_notifications_stray_total 1"));
    assert!(!two.render().contains("paifang_notifications_stray_total"));
}

#[test]
fn every_figure_has_one_name_and_the_prefix() {
    let names: Vec<&str> = Metrics::names().collect();
    let distinct: std::collections::BTreeSet<&&str> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
    assert!(names.iter().all(|name| name.starts_with("paifang_")));
}
