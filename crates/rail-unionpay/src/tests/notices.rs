//! Back notifications: genuine, forged, polluted and misplaced.

use paifang_rail::{Claims, Notification, NotificationError, RawNotification, Subject, Verdict};

use super::*;

/// What the adapter makes of a notification's body.
pub(super) fn opened(bench: &Bench, body: &[u8]) -> Result<Notification, NotificationError> {
    let raw = RawNotification { headers: &[], query: "", body };
    bench.rail.open_notification(&raw, &bench.cx()).map(paifang_rail::Verified::into_inner)
}

pub(super) fn form(fields: &[(String, String)]) -> Vec<u8> {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
}

fn body(id: &str) -> Vec<u8> {
    text(&vector("notifications", id), "/form_body").as_bytes().to_vec()
}

/// A paid scanned code, as a notification.
fn notice(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    told_of(&told_of(FOUND, &[("origRespCode", ""), ("origRespMsg", "")]), changes)
}

fn told_by(
    bench: &Bench,
    changes: &[(&'static str, &'static str)],
) -> Result<(Subject, String), NotificationError> {
    let body = form(&bench.signed("upsign", &notice(changes)));
    opened(bench, &body)
        .map(|news| (news.subject, format!("{}: {}", news.rule, detail(news.outcome.plain()))))
}

#[test]
fn notifications_of_the_vectors_are_opened() {
    let bench = Bench::new();
    for (id, subject, expected) in [
        (
            "pay_success",
            Subject::Charge(number("T20261121101530001")),
            "unionpay.notification.paid: paid 10.00 CNY 042611211015306789018 2026-11-21T02:15:30Z",
        ),
        (
            "refund_success",
            Subject::Refund(number("R20261121120000001")),
            "unionpay.notification.refunded: refunded 3.00 CNY 042611211200006789028 2026-11-21T04:00:00Z",
        ),
        (
            "defective_success",
            Subject::Charge(number("Q20261121101532001")),
            "unionpay.notification.paid: paid 8.88 CNY 042611211015326789058 2026-11-21T02:15:32Z",
        ),
    ] {
        let news = opened(&bench, &body(id)).unwrap();
        assert_eq!(news.subject, subject);
        assert_eq!(news.claims, Claims { merchant: Some(MERCHANT.into()), app: None });
        assert_eq!(format!("{}: {}", news.rule, detail(news.outcome.plain())), expected);
        assert_eq!(news.key, text(&vector("notifications", id), "/digest_hex"), "{id}");
        assert!(bench.rail.identity().admits(&news.claims));
    }
}

/// F50: a repeat has the key of the first, whatever the order of its fields; other news has another.
#[test]
fn repeats_share_a_key() {
    let bench = Bench::new();
    let key = |body: &[u8]| opened(&bench, body).unwrap().key;
    let mut fields = bench.signed("upsign", &notice(&[]));
    let first = key(&form(&fields));
    fields.reverse();
    assert_eq!(key(&form(&fields)), first);
    fields.push(("reserved".into(), String::new()));
    assert_eq!(key(&form(&fields)), first);
    assert_ne!(key(&form(&bench.signed("upsign", &notice(&[("respCode", "A6")])))), first);
}

/// I4, F46: nobody else's signature opens anything.
#[test]
fn forged_notifications_have_no_effect() {
    let bench = Bench::new();
    for case in vectors()["negatives"].as_array().unwrap() {
        let fields: Vec<(String, String)> = split(text(case, "/raw_body"));
        assert!(opened(&bench, &form(&fields)).is_err(), "{}", case["id"]);
    }
    for (signer, why) in [
        ("wrongcn", NotificationError::UnknownKey),
        ("upsign_test", NotificationError::UnknownKey),
        ("expired", NotificationError::UnknownKey),
        ("badleaf", NotificationError::UnknownKey),
        ("merchant", NotificationError::UnknownKey),
    ] {
        assert_eq!(opened(&bench, &form(&bench.signed(signer, &notice(&[])))).err(), Some(why), "{signer}");
    }
}

/// The fields of a vector's answer, none of which has a nested value.
fn split(raw: &str) -> Vec<(String, String)> {
    raw.split('&').map(|pair| pair.split_once('=').unwrap()).map(|(n, v)| (n.into(), v.into())).collect()
}

/// F45, F47, F48: altered, missing, doubled, added, moved.
#[test]
fn polluted_notifications_have_no_effect() {
    let bench = Bench::new();
    let good = bench.signed("upsign", &notice(&[]));
    let changed = |name: &str, value: &str| {
        let mut fields = good.clone();
        fields.iter_mut().filter(|(known, _)| known == name).for_each(|(_, old)| *old = value.into());
        opened(&bench, &form(&fields)).err()
    };
    let without = |name: &str| {
        let fields: Vec<_> = good.iter().filter(|(known, _)| known != name).cloned().collect();
        opened(&bench, &form(&fields)).err()
    };
    let (unsigned, wrong) = (Some(NotificationError::Unsigned), Some(NotificationError::WrongSignature));
    for name in ["signature", "signPubKeyCert"] {
        assert_eq!((without(name), changed(name, "")), (unsigned.clone(), unsigned.clone()), "{name}");
    }
    for (name, _) in notice(&[]) {
        assert_eq!((without(name), changed(name, "1")), (wrong.clone(), wrong.clone()), "{name}");
    }
    for signature in [" ", "x", "AAAA", "-_-_", "YQ"] {
        assert_eq!(changed("signature", signature), wrong, "{signature}");
    }
    for method in ["11", "12", "02", "none"] {
        assert_eq!(changed("signMethod", method), wrong, "{method}");
    }
    let text = String::from_utf8(form(&good)).unwrap();
    for polluted in [
        format!("{text}&txnAmt=1"),
        format!("txnAmt=1&{text}"),
        format!("{text}&%74xnAmt=1"),
        format!("{text}&settleKey=x"),
        text.replacen("&merId=", "%26merId%3D", 1),
        text.replace("&txnType=01", "%26txnType%3D01"),
        text.replace('&', ";"),
        format!("{text}&"),
    ] {
        assert!(opened(&bench, polluted.as_bytes()).is_err(), "{polluted}");
    }
    let raw = RawNotification { headers: &[], query: "a=1", body: text.as_bytes() };
    let refused = bench.rail.open_notification(&raw, &bench.cx()).err();
    assert_eq!(refused, Some(NotificationError::Malformed("a query in the URL")));
}

/// F62: nothing beside the signed fields has a say.
#[test]
fn headers_do_not_matter() {
    let (bench, body) = (Bench::new(), body("pay_success"));
    let headers: Vec<(String, String)> = [("Host", "localhost"), ("X-Forwarded-For", "127.0.0.1")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let raw = RawNotification { headers: &headers, query: "", body: &body };
    assert!(bench.rail.open_notification(&raw, &bench.cx()).is_ok());
    let forged = [&body[..], b"&x=1"].concat();
    let raw = RawNotification { body: &forged, ..raw };
    assert!(bench.rail.open_notification(&raw, &bench.cx()).is_err());
}

#[test]
fn only_success_is_taken_from_a_notification() {
    let bench = Bench::new();
    let (charge, refund, undo) =
        (number("T20261121101530001"), number("R20261121120000001"), number("U20261121120100001"));
    let asks = format!("unionpay.notification.ask: pending - {QUERY_ID}");
    for (code, _, _) in crate::codes::TABLE.iter().filter(|(code, _, _)| !["00", "A6"].contains(code)) {
        let told = told_by(&bench, &[("respCode", code)]);
        assert_eq!(told, Ok((Subject::Charge(charge.clone()), asks.clone())), "{code}");
        let told =
            told_by(&bench, &[("respCode", code), ("txnType", "04"), ("orderId", "R20261121120000001")]);
        assert_eq!(told, Ok((Subject::Refund(refund.clone()), asks.clone())), "{code}");
    }
    for code in ["00", "A6", "60"] {
        let told =
            told_by(&bench, &[("respCode", code), ("txnType", "31"), ("orderId", "U20261121120100001")]);
        assert_eq!(told, Ok((Subject::Reversal(undo.clone()), asks.clone())), "{code}");
    }
    let odd = "unionpay.notification.unlisted_code: unknown UnlistedCode(\"07\")".to_owned();
    assert_eq!(told_by(&bench, &[("respCode", "07")]), Ok((Subject::Charge(charge), odd)));
}

#[test]
fn a_genuine_message_of_another_kind_is_not_read() {
    let bench = Bench::new();
    for (changes, wrong) in [
        ([("txnType", "13"), ("txnSubType", "01")], "txnType"),
        ([("txnType", ""), ("txnSubType", "01")], "txnType"),
        ([("orderId", ""), ("txnSubType", "06")], "orderId"),
        ([("orderId", "T-1"), ("txnSubType", "06")], "orderId"),
        ([("respCode", ""), ("txnSubType", "06")], "respCode"),
        ([("txnAmt", ""), ("txnSubType", "06")], "txnAmt"),
        ([("txnAmt", "0"), ("txnSubType", "06")], "txnAmt"),
        ([("txnAmt", "10.00"), ("txnSubType", "06")], "txnAmt"),
    ] {
        assert_eq!(told_by(&bench, &changes), Err(NotificationError::Malformed(wrong)), "{changes:?}");
    }
}

/// F53: another merchant's genuine message is told as it is, and does not pass for ours.
#[test]
fn another_merchant_is_named() {
    let bench = Bench::new();
    let body = form(&bench.signed("upsign", &notice(&[("merId", "777290058110097")])));
    let news = opened(&bench, &body).unwrap();
    assert!(!bench.rail.identity().admits(&news.claims));
    let body = form(&bench.signed("upsign", &notice(&[("merId", "")])));
    assert!(!bench.rail.identity().admits(&opened(&bench, &body).unwrap().claims));
}

#[test]
fn only_what_is_kept_ends_the_repeats() {
    let rail = Bench::new().rail;
    let status = |verdict| rail.acknowledge(verdict).status;
    assert_eq!((status(Verdict::Kept), rail.acknowledge(Verdict::Kept).body), (200, "ok"));
    for verdict in [Verdict::Orphan, Verdict::Rejected, Verdict::TryLater] {
        assert!(status(verdict) >= 400, "{verdict:?}");
    }
}
