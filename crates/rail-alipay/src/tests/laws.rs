//! Whatever comes in, nothing panics, and nothing but doubt comes out of what nobody signed.

use std::sync::LazyLock;

use paifang_payment::{Basis, Outcome, Presentation};
use paifang_rail::{Answer, Call};
use proptest::prelude::*;

use super::notices::opened;
use super::*;

static BENCHES: LazyLock<[Bench; 4]> = LazyLock::new(|| {
    let certified = Settings { key_mode: KeyMode::Certificate, ..settings(Charset::Utf8) };
    [Bench::new(), Bench::of(Charset::Gbk), Bench::with(super::v3::account()), Bench::with(certified)]
});

/// Doubt, or a refusal of a new order or refund by the channel alone.
fn harmless(answer: &Answer) -> bool {
    match answer.outcome() {
        Some(Outcome::Unknown(_)) => true,
        Some(Outcome::Refused(refusal)) => refusal.basis == Basis::Channel,
        Some(
            Outcome::Paid(_)
            | Outcome::Held(_)
            | Outcome::Refunded(_)
            | Outcome::Closed(_)
            | Outcome::Pending(_)
            | Outcome::NotSent(_),
        )
        | None => false,
    }
}

fn read_by_every_call(body: &[u8]) -> Result<(), TestCaseError> {
    let mut harmful = Vec::new();
    for bench in &*BENCHES {
        super::codes::each_call(|call| {
            let answer = bench.read_raw(&call, body.to_vec());
            if !harmless(&answer) {
                harmful.push(format!("{:?}: {answer:?}", call.verb()));
            }
        });
        let page = Call::Charge(&charge(Presentation::DesktopWeb));
        let answer = bench.read_raw(&page, body.to_vec());
        prop_assert!(harmless(&answer), "{answer:?}");
    }
    prop_assert!(harmful.is_empty(), "{harmful:?}");
    Ok(())
}

proptest! {
    #[test]
    fn unsigned_bytes_are_doubt(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_by_every_call(&body)?;
    }

    #[test]
    fn unsigned_json_is_doubt(
        call in "(trade_(precreate|create|pay|query|close|cancel|refund|fastpay_refund_query)|fund_auth_(order_(freeze|unfreeze|voucher_create)|operation_(cancel|detail_query)))",
        code in "(10000|10003|20000|4000[1-6]|20001|x)",
        sub_code in "((ACQ|isv|aop)\\.)?(TRADE_NOT_EXIST|TRADE_HAS_CLOSE|invalid-app-id|invalid-parameter|\\PC{0,6})",
        status in "(TRADE_SUCCESS|TRADE_CLOSED|WAIT_BUYER_PAY)",
        sign in "(,\"sign\":\"\\PC{0,20}\")?",
    ) {
        let content = serde_json::json!({
            "code": code, "sub_code": sub_code, "trade_status": status, "total_amount": "88.88",
            "out_trade_no": "T20240709A0001", "fund_change": "Y", "refund_status": "REFUND_SUCCESS",
            "out_order_no": "T20240709A0001", "status": "SUCCESS", "order_status": "AUTHORIZED", "action": "close",
            "amount": "88.88", "auth_no": "2024070910002001000280000001", "gmt_payment": "2024-07-09 12:06:10",
        });
        read_by_every_call(format!("{{\"alipay_{call}_response\":{content}{sign}}}").as_bytes())?;
    }

    #[test]
    fn nobodys_notice_is_opened(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        for bench in &*BENCHES {
            prop_assert!(opened(bench, &body).is_err());
        }
    }

    #[test]
    fn nobodys_form_is_opened(body in "([a-z_]{1,8}=(%[0-9a-f]{2}|[A-Za-z0-9.+]){0,9}&){0,9}sign=[A-Za-z0-9%]{0,20}") {
        for bench in &*BENCHES {
            prop_assert!(opened(bench, body.as_bytes()).is_err());
        }
    }

    /// Signed nonsense may mean anything, but it is read without a panic.
    #[test]
    fn signed_nonsense_is_read_calmly(content in "\\{(\"(code|out_trade_no|total_amount|trade_status)\":(\"\\PC{0,9}\"|[0-9.e-]{1,9}|null),?){0,5}\\}") {
        let bench = &BENCHES[0];
        let order = order(Presentation::QrShown);
        let answer = bench.read(&Call::Query(&order), &content);
        prop_assert!(!answer.rule().is_empty());
    }
}
