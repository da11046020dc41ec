//! What each state tells. The rows are data: state, category, effect on the money, advice, reason.

use paifang_payment::attempt::{Refused, Why};
use paifang_payment::{Reason, Settled};

use super::*;

fn refusal(reason: &str, basis: Basis) -> Refusal {
    Refusal {
        reason: Reason::parse(reason).unwrap(),
        rail_code: "X".repeat(80),
        rail_message: "no".into(),
        basis,
    }
}

fn line(failure: Option<Failure>) -> String {
    let Some(failure) = failure else { return "-".to_owned() };
    let names = [
        failure.stage().as_str_name(),
        failure.category().as_str_name(),
        failure.money_effect().as_str_name(),
        failure.advice().as_str_name(),
        &failure.reason,
    ];
    let last = |name: &str| {
        ["FAILURE_STAGE_", "FAILURE_CATEGORY_", "MONEY_EFFECT_", "ADVICE_"]
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix).map(str::to_owned))
            .unwrap_or_else(|| name.to_owned())
    };
    names.map(last).join(" ")
}

#[test]
fn a_refusal_says_that_nothing_moved_and_who_can_help() {
    let told = |reason, basis| line(Some(of_refusal(FailureStage::Charge, &refusal(reason, basis))));
    assert_eq!(told("rail_limit", Basis::Signed), "CHARGE REFUSED NONE NEW_ATTEMPT rail_limit");
    assert_eq!(
        told("insufficient_funds", Basis::Channel),
        "CHARGE REFUSED NONE ASK_PAYER insufficient_funds"
    );
    assert_eq!(told("rail_unreachable", Basis::NotSent), "CHARGE NOT_SENT NONE NEW_ATTEMPT rail_unreachable");
    let kept = of_refusal(FailureStage::Charge, &refusal("rail_limit", Basis::Signed));
    assert_eq!(kept.rail_code.len(), CODE_CHARS_MAX);
}

/// I11: no doubt ever says that nothing moved, and every one of them advises to ask first.
#[test]
fn every_doubt_may_have_moved_money() {
    let doubts = [
        Doubt::TimedOut,
        Doubt::ConnectionLost,
        Doubt::HttpStatus(502),
        Doubt::BadSignature,
        Doubt::Unreadable,
        Doubt::UnlistedCode("ODD".into()),
        Doubt::RailUnsure("SYSTEM_ERROR".into()),
        Doubt::Mismatch("mch_id".into()),
        Doubt::AmountMismatch,
        Doubt::Unconfirmed(refusal("rail_limit", Basis::Channel)),
        Doubt::Crashed,
        Doubt::MaybePaid("ORDERPAID".into()),
    ];
    for doubt in doubts {
        let told = line(Some(in_doubt(FailureStage::Charge, &doubt)));
        assert!(told.starts_with("CHARGE IN_DOUBT POSSIBLE QUERY_FIRST "), "{doubt:?}: {told}");
    }
    assert_eq!(in_doubt(FailureStage::Charge, &Doubt::HttpStatus(502)).rail_code, "502");
    assert_eq!(in_doubt(FailureStage::Charge, &Doubt::UnlistedCode("ODD".into())).rail_code, "ODD");
}

#[test]
fn a_send_that_is_repeated_is_told_until_it_is_settled() {
    let sending = |doubted, unsent| Sending { unsent, ..Sending::ahead(2, doubted) };
    let told = |doubted, unsent| line(of_sending(FailureStage::Refund, &sending(doubted, unsent)));
    assert_eq!(told(false, false), "-");
    assert_eq!(told(false, true), "REFUND NOT_SENT NONE QUERY_FIRST rail_unreachable");
    assert_eq!(told(true, true), "REFUND IN_DOUBT POSSIBLE QUERY_FIRST connection_lost");
    let held_back =
        line(of_sending(FailureStage::Refund, &Sending { held_back: true, ..sending(false, true) }));
    assert_eq!(held_back, "REFUND NOT_SENT NONE QUERY_FIRST held_back");
}

#[test]
fn an_end_is_told_where_it_is_not_what_the_storefront_asked_for() {
    let amount = paifang_money::PositiveMoney::new(1, paifang_money::Currency::CNY).unwrap();
    let paid = Settled { amount, rail_ref: None, settled_at: None };
    let closing = |verb, ask, paid| {
        line(of_closing(&Closing { verb, why: Why::Cancel, sends: 1, ask, absent: false, paid, undo: None }))
    };
    assert_eq!(closing(CloseVerb::Close, false, None), "-");
    assert_eq!(closing(CloseVerb::Close, true, None), "CLOSE IN_DOUBT POSSIBLE QUERY_FIRST end_not_proved");
    let reversing = closing(CloseVerb::Reverse, false, Some(paid));
    assert_eq!(reversing, "REVERSE IN_DOUBT CERTAIN QUERY_FIRST paid_and_reversing");
    let closed = |end, returned| line(of_closed(&Closed { end, returned, released: None }));
    assert_eq!(closed(End::Proved, None), "-");
    assert_eq!(closed(End::NeverExisted, None), "CHARGE EXPIRED NONE NEW_ATTEMPT expired");
    assert_eq!(closed(End::Proved, Some(amount)), "REVERSE LATE CERTAIN NEW_ATTEMPT paid_and_reversed");
}

#[test]
fn a_canceled_intent_does_not_complain_that_its_order_ran_out() {
    let amount = paifang_money::PositiveMoney::new(1, paifang_money::Currency::CNY).unwrap();
    let told =
        |end, returned| line(of_closed(&Closed { end, returned, released: None }).and_then(of_canceled));
    assert_eq!(told(End::NeverExisted, None), "-");
    assert_eq!(told(End::NeverExisted, Some(amount)), "REVERSE LATE CERTAIN STOP paid_and_reversed");
}

#[test]
fn a_final_intent_advises_no_further_attempt() {
    let refused = Refused { refusal: refusal("insufficient_funds", Basis::Signed) };
    let failure = of_refusal(FailureStage::Charge, &refused.refusal);
    assert_eq!(line(Some(failure.and_stop())), "CHARGE REFUSED NONE STOP insufficient_funds");
    let doubt = in_doubt(FailureStage::Charge, &Doubt::TimedOut);
    assert_eq!(line(Some(doubt.and_stop())), "CHARGE IN_DOUBT POSSIBLE QUERY_FIRST timed_out");
}

/// F18: what waits for a decision is neither a doubt nor a final no, and the rail's word is told as it came.
#[test]
fn a_refund_that_waits_for_a_decision_asks_for_the_operator() {
    let attention = paifang_payment::Attention::parse("ABNORMAL").unwrap();
    let failure = waiting(&attention);
    assert_eq!(failure.rail_code, "ABNORMAL");
    assert_eq!(line(Some(failure)), "REFUND NEEDS_ATTENTION POSSIBLE ASK_OPERATOR refund_abnormal");
}
