//! One genuine message of each kind: what is called, and what UnionPay says to it.

use super::*;

type Said = Vec<(&'static str, &'static str)>;

/// Hands out every call that has a reply, by a name, with the fields of its good reply.
pub(super) fn each_reply(mut check: impl FnMut(&str, Call<'_>, Said)) {
    let code_shown = charge(order(Presentation::QrShown));
    check(
        "a code to show",
        Call::Charge(&code_shown),
        told_of(FOUND, &[("qrCode", "https://qr.95516.com/1")]),
    );
    let scanned = charge(order(Presentation::PayerCode));
    check("a scanned code", Call::Charge(&scanned), told_of(FOUND, &[]));
    let app = charge(order(Presentation::App));
    check("the app", Call::Charge(&app), told_of(FOUND, &[("tn", "620261121101531000001")]));
    let held = charge(hold(Presentation::App));
    check("the app, a hold", Call::Charge(&held), told_of(HOLD, &[("tn", "620261121101531000001")]));
    check("an undo", Call::Reverse(&reversal(Presentation::PayerCode)), told_of(FOUND, UNDO));
    check("an undo of a capture", Call::Reverse(&capture_undo()), told_of(FOUND, UNDO_CAPTURE));
    check("a refund", Call::Refund(&refund()), told_of(FOUND, REFUND));
    let of_capture = RefundOrder { order: captured(), ..refund() };
    check("a refund of a capture", Call::Refund(&of_capture), told_of(FOUND, REFUND));
    check("a capture", Call::Capture(&capture()), told_of(FOUND, CAPTURE));
    check("a release", Call::Release(&release()), told_of(FOUND, RELEASE));
}

/// The same for queries.
pub(super) fn each_query(mut check: impl FnMut(&str, Call<'_>, Said)) {
    check("an order", Call::Query(&order(Presentation::QrShown)), told_of(FOUND, &[]));
    check("a scanned code", Call::Query(&order(Presentation::PayerCode)), told_of(FOUND, &[]));
    check("a hold", Call::Query(&hold(Presentation::DesktopWeb)), told_of(HOLD, &[]));
    check("a capture", Call::QueryCapture(&capture()), told_of(FOUND, CAPTURE));
    check("a capture as an order", Call::Query(&captured()), told_of(FOUND, CAPTURE));
    check("a release", Call::QueryRelease(&release()), told_of(FOUND, RELEASE));
    check("a refund", Call::QueryRefund(&refund()), told_of(FOUND, REFUND));
    check("an undo", Call::QueryReverse(&reversal(Presentation::PayerCode)), told_of(FOUND, UNDO));
    check("an undo of a capture", Call::QueryReverse(&capture_undo()), told_of(FOUND, UNDO_CAPTURE));
}

/// And for notifications.
pub(super) fn each_notice(mut check: impl FnMut(&str, Said)) {
    let plain = [("origRespCode", ""), ("origRespMsg", "")];
    let kinds: [(&str, Said); 7] = [
        ("a payment", told_of(FOUND, &plain)),
        ("a hold", told_of(HOLD, &plain)),
        ("a capture", told_of(FOUND, &[CAPTURE, &plain].concat())),
        ("a release", told_of(FOUND, &[RELEASE, &plain].concat())),
        ("a refund", told_of(FOUND, &[REFUND, &plain].concat())),
        ("an undo", told_of(FOUND, &[UNDO, &plain].concat())),
        ("an undo of a capture", told_of(FOUND, &[UNDO_CAPTURE, &plain].concat())),
    ];
    for (name, fields) in kinds {
        check(name, fields);
    }
}

/// A standing hold.
pub(super) const HOLD: &[(&str, &str)] = &[
    ("version", "5.1.0"),
    ("encoding", "UTF-8"),
    ("signMethod", "01"),
    ("accessType", "0"),
    ("bizType", "000201"),
    ("merId", MERCHANT),
    ("orderId", "P20261121101535001"),
    ("txnTime", "20261121101535"),
    ("txnType", "02"),
    ("txnSubType", "01"),
    ("txnAmt", "5000"),
    ("currencyCode", "156"),
    ("queryId", QUERY_ID),
    ("traceTime", "1121101536"),
    ("respCode", "00"),
    ("respMsg", "成功[0000000]"),
    ("origRespCode", "00"),
    ("origRespMsg", "成功[0000000]"),
];

/// What makes of the base fields those of another transaction.
pub(super) const CAPTURE: &[(&str, &str)] = &[
    ("orderId", "C20261121110000001"),
    ("txnTime", "20261121110000"),
    ("txnType", "03"),
    ("txnSubType", "00"),
    ("txnAmt", "3000"),
    ("queryId", CAPTURE_ID),
    ("traceTime", "1121110001"),
];

pub(super) const RELEASE: &[(&str, &str)] = &[
    ("orderId", "L20261121110100001"),
    ("txnTime", "20261121110100"),
    ("txnType", "32"),
    ("txnSubType", "00"),
    ("txnAmt", "5000"),
    ("queryId", "042611211101006789078"),
    ("traceTime", "1121110101"),
];

const REFUND: &[(&str, &str)] = &[
    ("orderId", "R20261121120000001"),
    ("txnTime", "20261121120000"),
    ("txnType", "04"),
    ("txnSubType", "00"),
    ("txnAmt", "300"),
];

const UNDO: &[(&str, &str)] = &[
    ("orderId", "U20261121120100001"),
    ("txnTime", "20261121120100"),
    ("txnType", "31"),
    ("txnSubType", "00"),
];

const UNDO_CAPTURE: &[(&str, &str)] = &[
    ("orderId", "U20261121120100001"),
    ("txnTime", "20261121120100"),
    ("txnType", "33"),
    ("txnSubType", "00"),
    ("txnAmt", "3000"),
];
