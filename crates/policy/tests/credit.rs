//! A draft that leaves credit out, over recorded decisions: what no order can leave out is closed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use expect_test::expect;
use paifang_payment::{Presentation, RailName, WalletName};
use paifang_policy::bundle::Bundle;
use paifang_policy::facts::{Facts, Input};
use paifang_policy::lifecycle::Overlay;
use paifang_policy::opening::{Offer, decide};
use paifang_policy::simulate::{Record, Report, simulate};

const OPEN: &str = r#"
[bundle]
name = "walls"
version = 1
note = "both are open"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "alipay"
wallet = "alipay"
show = true
accept = true

[[opening]]
id = "wechat"
wallet = "wechatpay"
show = true
accept = true
"#;

/// One order with Alipay, which can leave credit out, two with WeChat Pay, which cannot, and one of which it is not recorded.
fn run(before: &str, draft: &str) -> Report {
    let before = Bundle::read(before).unwrap();
    let facts = Facts::new()
        .with(Input::OrderAmount, 8_800)
        .and_then(|facts| facts.with(Input::OrderCurrency, "CNY"))
        .unwrap();
    let orders =
        [("alipay", Some(true)), ("wechatpay", Some(false)), ("wechatpay", Some(false)), ("alipay", None)];
    let records = orders.map(|(name, can_exclude_credit)| {
        let (rail, wallet) = (RailName::parse(name).unwrap(), WalletName::parse(name).unwrap());
        let offer = Offer { rail, wallet, presentation: Presentation::QrShown };
        let decision = decide(&before, &Overlay::none(), &offer, &facts, None);
        let record =
            Record { offer, facts: facts.clone(), payer: None, decision, can_exclude_credit, payment: None };
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(text.contains("can_exclude_credit"), can_exclude_credit.is_some(), "{text}");
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        record
    });
    simulate(&Bundle::read(draft).unwrap(), &Overlay::none(), records, 100, |_| {})
}

#[test]
fn a_draft_that_leaves_credit_out_closes_what_cannot() {
    let draft =
        OPEN.replace("version = 1", "version = 2").replace("accept = true", "accept = true\ncredit = false");
    expect![[r#"
        walls version 2: 4 records, 0 unchanged
        wallet                           presentation    records    +shown    -shown +accepted -accepted
        alipay                           qr_shown              2         0         0         0         0
        wechatpay                        qr_shown              2         0         2         0         2
        total                                                  4         0         2         0         2
        no longer accepted: 17600 minor units of CNY
        accepted without credit: 0 before, 2 after
        of these, not recorded whether an order can leave credit out: 1
        closed, because no order can leave credit out: 2
        decided by alipay: 2
        decided by wechat: 2
        because opening_fits: 4
    "#]]
    .assert_eq(&run(OPEN, &draft).to_string());
    expect![[r#"
        walls version 1: 4 records, 0 unchanged
        wallet                           presentation    records    +shown    -shown +accepted -accepted
        alipay                           qr_shown              2         0         0         0         0
        wechatpay                        qr_shown              2         2         0         2         0
        total                                                  4         2         0         2         0
        newly accepted: 17600 minor units of CNY
        accepted without credit: 2 before, 0 after
        decided by alipay: 2
        decided by wechat: 2
        because opening_fits: 4
    "#]]
    .assert_eq(&run(&draft, OPEN).to_string());
    let same = run(&draft, &draft).total;
    assert_eq!((same.unchanged, same.accepted_before, same.accepted_after), (4, 2, 2));
    let plain = run(OPEN, OPEN).to_string();
    assert!(!plain.contains("credit"), "{plain}");
}
