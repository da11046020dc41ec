//! The watch of a whole gateway: a mock rail begins to refuse, and the opening closes by itself.

use jiff::SignedDuration;
use paifang_engine::{ChangeRules, Error, RulesChange, reason};
use paifang_mock_rails::MockRails;
use paifang_mock_rails::faults::Fault;
use paifang_payment::{Presentation, RequestId};

use crate::testing::{Keys, http, intent, tenant, until};

const BUNDLE: &str = r#"
[bundle]
name = "walls"
version = 1
note = "Alipay for all"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "alipay"
wallet = "alipay"
show = true
accept = true

[[guard_rail]]
id = "success"
opening = "alipay"
measure = "success_rate"
window_s = 3600
at_least = 3
min = 500_000
action = "roll_back"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_rail_that_refuses_closes_its_opening() {
    let mocks = MockRails::start().await.unwrap();
    let rails = Keys::rails(&mocks.url("alipay"), &mocks.url("wechatpay"), &mocks.url("unionpay"));
    let gateway = Keys::new().start(&rails, "guard_every_ms = 20").await;
    let (core, whose) = (gateway.core(), tenant());
    let announce = RulesChange::Announce { version: 1, effective_at: None, without: Default::default() };
    for (request, change) in [("d1", RulesChange::Draft { text: BUNDLE.into() }), ("a1", announce)] {
        let wanted = ChangeRules { request_id: RequestId::parse(request).unwrap(), change };
        core.change_rules(whose, wanted).await.unwrap();
    }
    let shows = async |expected: &str| http(gateway.ops_addr, "GET /metrics", b"").await.contains(expected);
    until("it is measured", async || shows("paifang_guard_rails 1").await).await;
    mocks.bench("alipay").faults.arm(Some("charge"), Fault::BusinessCode("ACQ.ACCESS_FORBIDDEN".into()), 9);
    let order = |number: u32| paifang_engine::CreateIntent {
        request_id: RequestId::parse(&format!("order-{number}")).unwrap(),
        ..intent("alipay", Presentation::QrShown, None)
    };
    for number in 1..=3 {
        let made = core.create_intent(whose, order(number)).await.unwrap().resource;
        let wait = SignedDuration::from_secs(10);
        let row = core.await_intent(whose, made.intent.terms.id, wait).await.unwrap();
        assert_eq!(row.intent.attempts[0].state.name(), "Refused", "{row:#?}");
    }
    let rolled_back = "paifang_guard_rail_roll_backs_total{measure=\"success_rate\"} 1";
    until("it is rolled back", async || shows(rolled_back).await).await;
    assert!(shows("paifang_guard_rail_looks_total{result=\"ok\"} ").await);
    let closed = core.create_intent(whose, order(4)).await;
    let is_closed =
        matches!(&closed, Err(Error::Precondition { reason: reason::WALLET_CLOSED_BY_POLICY, .. }));
    assert!(is_closed, "{closed:?}");
    let refused =
        "paifang_rules_refusals_total{reason=\"WALLET_CLOSED_BY_POLICY\",because=\"rolled_back\"} 1";
    assert!(shows(refused).await, "and it is counted, once");
    until("it is measured no more", async || shows("paifang_guard_rails 0").await).await;
    gateway.drain().await;
    mocks.stop().await.unwrap();
}
