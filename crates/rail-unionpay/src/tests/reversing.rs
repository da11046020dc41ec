//! The undo: what ends it, and what must not be believed about it.

use super::*;

const UNDONE: &[(&str, &str)] = &[
    ("orderId", "U20261121120100001"),
    ("txnTime", "20261121120100"),
    ("txnType", "31"),
    ("txnSubType", "00"),
    ("queryId", "042611211201006789038"),
];

fn read(call: fn(&Reversal) -> Call<'_>, changes: &[(&'static str, &'static str)]) -> String {
    let reversal = reversal(Presentation::PayerCode);
    let fields = told_of(&told_of(FOUND, UNDONE), changes);
    told(&Bench::new().read(&call(&reversal), &fields))
}

#[test]
fn only_the_query_of_an_undo_returns_money() {
    let query = |changes: &[_]| read(|reversal| Call::QueryReverse(reversal), changes);
    assert_eq!(query(&[]), "unionpay.query_reverse.returned: closed 10.00 CNY 042611211201006789038");
    assert_eq!(
        query(&[("origRespCode", "03")]),
        "unionpay.query_reverse.running: pending - 042611211201006789038"
    );
    assert_eq!(
        query(&[("origRespCode", "35")]),
        "unionpay.query_reverse.refused: refused order_conflict 35 Signed"
    );
    // Already refunded or undone: the goods must not go.
    assert_eq!(query(&[("origRespCode", "45")]), "unionpay.query_reverse.unsure: unknown RailUnsure(\"45\")");
    assert_eq!(query(&[("origRespCode", "12")]), "unionpay.query_reverse.unsure: unknown RailUnsure(\"12\")");
    assert_eq!(query(&[("respCode", "34"), ("txnType", "00")]), "unionpay.query_reverse.absent: absent");
    assert_eq!(query(&[("txnAmt", "999")]), "unionpay.query_reverse.other_amount: unknown AmountMismatch");
    assert_eq!(query(&[("txnType", "01")]), "unionpay.query_reverse.mismatch: unknown Mismatch(\"txnType\")");
}

/// A repeated undo is answered by the first one's doing; that is no refusal.
#[test]
fn a_reply_to_an_undo_is_believed_as_far_as_a_repeat_allows() {
    let reply = |code| read(|reversal| Call::Reverse(reversal), &[("respCode", code)]);
    for code in ["00", "05"] {
        assert_eq!(reply(code), "unionpay.reverse.accepted: pending - 042611211201006789038");
    }
    for code in ["03", "06", "10", "11", "12", "34", "35", "45", "99"] {
        assert_eq!(reply(code), format!("unionpay.reverse.unsure: unknown RailUnsure({code:?})"));
    }
    assert_eq!(reply("36"), "unionpay.reverse.refused: refused refund_amount 36 Signed");
    assert_eq!(reply("32"), "unionpay.reverse.refused: refused not_permitted 32 Signed");
}
