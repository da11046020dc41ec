//! Answers: the vectors, forged ones, and what each says by the time it is read.

use paifang_payment::{Doubt, NextAction, Verb};

use super::*;

fn body(list: &str, id: &str) -> Vec<u8> {
    text(&vector(list, id), "/raw_body").as_bytes().to_vec()
}

fn check(call: &Call<'_>, id: &str, expected: &str) {
    assert_eq!(told(&Bench::new().read_raw(call, body("responses", id))), expected, "{id}");
}

#[test]
fn answers_of_the_vectors_mean_what_their_notes_say() {
    let page = order(Presentation::DesktopWeb);
    let query = Call::Query(&page);
    let paid = format!("unionpay.query.paid: paid 10.00 CNY {QUERY_ID} 2026-11-21T02:15:30Z");
    check(&query, "query_success", &paid);
    check(&query, "query_pending", "unionpay.query.running: pending - -");
    check(&query, "query_failed", "unionpay.query.failed_so_far: pending - -");
    check(&query, "query_not_found", "unionpay.query.absent: absent");
    check(&query, "server_busy", "unionpay.query.unsure: unknown RailUnsure(\"06\")");
    check(&query, "old_test_cn", "unionpay.query.bad_signature: unknown BadSignature");
    check(&query, "refund_accepted", "unionpay.query.mismatch: unknown Mismatch(\"orderId\")");
    check(&query, "file_ok", "unionpay.query.mismatch: unknown Mismatch(\"orderId\")");
    let refund = refund();
    let back = Call::Refund(&refund);
    check(&back, "refund_accepted", "unionpay.refund.accepted: pending - 042611211200006789028");
    check(&back, "refund_refused_original", "unionpay.refund.refused: refused refund_amount 36 Channel");
    check(&back, "duplicate_order", "unionpay.refund.unsure: unknown RailUnsure(\"12\")");
    check(&back, "nested_value", "unionpay.refund.accepted: pending - -");
    let undo = reversal(Presentation::PayerCode);
    check(
        &Call::Reverse(&undo),
        "undo_accepted",
        "unionpay.reverse.accepted: pending - 042611211201006789038",
    );
    let scanned = code_charge(Presentation::PayerCode, "B20261121101533001", "2026-11-21T02:15:33Z");
    let accepted = "unionpay.charge.accepted: pending wait_for_payer 042611211015336789048";
    check(&Call::Charge(&scanned), "barcode_accepted", accepted);
}

#[test]
fn a_code_is_shown_until_its_order_expires() {
    let shown = code_charge(Presentation::QrShown, "Q20261121101532001", "2026-11-21T02:15:32Z");
    let answer = Bench::new().read_raw(&Call::Charge(&shown), body("responses", "qr_applied"));
    let Some(Outcome::Pending(pending)) = answer.outcome() else { panic!("{answer:?}") };
    let content = "https://qr.95516.com/00010000/62281234567890123456789012345678".to_owned();
    assert_eq!(pending.next_action, Some(NextAction::ShowQr { content, expires_at: at(EXPIRES) }));
}

/// The old test gateway's name is believed only where a setting says so.
#[test]
fn the_test_signer_needs_a_setting() {
    let bench = Bench::of(Settings { accept_test_signer: true, ..settings() });
    let page = order(Presentation::DesktopWeb);
    let answer = bench.read_raw(&Call::Query(&page), body("responses", "old_test_cn"));
    assert_eq!(told(&answer), "unionpay.query.absent: absent");
}

/// F08, I4: a success that is not provably UnionPay's is doubt.
#[test]
fn forged_answers_are_doubt() {
    let (bench, page) = (Bench::new(), order(Presentation::DesktopWeb));
    let mut seen = 0;
    for case in vectors()["negatives"].as_array().unwrap() {
        let answer = bench.read_raw(&Call::Query(&page), text(case, "/raw_body").as_bytes().to_vec());
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::BadSignature)), "{}", case["id"]);
        seen += 1;
    }
    assert_eq!(seen, 9);
    for signer in ["wrongcn", "expired", "badleaf", "merchant", "upsign_test", "upenc"] {
        let body = joined(&bench.signed(signer, FOUND)).into_bytes();
        let answer = bench.read_raw(&Call::Query(&page), body);
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::BadSignature)), "{signer}");
    }
}

/// F07: what is no answer says nothing.
#[test]
fn other_bytes_and_statuses_are_doubt() {
    let (bench, page) = (Bench::new(), order(Presentation::DesktopWeb));
    let good = body("responses", "query_success");
    for status in [201, 204, 302, 400, 404, 429, 500, 502, 503] {
        let answer = bench.rail.read(&Call::Query(&page), &reply(status, good.clone()), &bench.cx());
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::HttpStatus(status))));
    }
    for odd in ["", "<html><body>busy</body></html>", "{}", "ok", "a=1&a=2&signature=x", "\u{feff}"] {
        let answer = bench.read_raw(&Call::Query(&page), odd.as_bytes().to_vec());
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::Unreadable)), "{odd:?}");
    }
    let unsigned = b"respCode=00&origRespCode=00".to_vec();
    let answer = bench.read_raw(&Call::Query(&page), unsigned);
    assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::BadSignature)));
    for cut in [1, 10, 100, good.len() / 2] {
        let answer = bench.read_raw(&Call::Query(&page), good[..good.len() - cut].to_vec());
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::BadSignature)), "{cut}");
    }
}

/// I4: a genuine answer about something else is not an answer.
#[test]
fn an_answer_must_speak_of_what_was_asked() {
    let (bench, order) = (Bench::new(), order(Presentation::PayerCode));
    for (field, value) in [
        ("merId", "777290058110097"),
        ("merId", ""),
        ("orderId", "T20261121101530002"),
        ("orderId", ""),
        ("txnTime", "20261121101531"),
        ("txnTime", ""),
        ("txnType", "04"),
        ("txnType", "31"),
        ("txnType", "00"),
        ("txnType", ""),
    ] {
        let answer = bench.read(&Call::Query(&order), &told_of(FOUND, &[(field, value)]));
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::Mismatch(field.into()))), "{value}");
    }
    for missing in ["respCode", "origRespCode", "txnAmt"] {
        let answer = bench.read(&Call::Query(&order), &told_of(FOUND, &[(missing, "")]));
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::Unreadable)), "{missing}");
    }
}

/// The engine compares amounts; the adapter tells the signed one, and none that cannot be read exactly.
#[test]
fn the_signed_amount_is_told_whatever_it_is() {
    let (bench, order) = (Bench::new(), order(Presentation::PayerCode));
    for (amount, currency, expected) in [
        ("1", "156", "paid 0.01 CNY"),
        ("999999999999", "156", "paid 9999999999.99 CNY"),
        ("1000", "", "paid 10.00 CNY"),
        ("1000", "840", "paid 10.00 USD"),
        ("1000", "999", "unknown Unreadable"),
        ("1000", "1056", "unknown Unreadable"),
        ("1000", "CNY", "unknown Unreadable"),
        ("0", "156", "unknown Unreadable"),
        ("-1", "156", "unknown Unreadable"),
        ("+1", "156", "unknown Unreadable"),
        ("10.00", "156", "unknown Unreadable"),
        ("1000000000000", "156", "unknown Unreadable"),
    ] {
        let fields = told_of(FOUND, &[("txnAmt", amount), ("currencyCode", currency)]);
        let line = told(&bench.read(&Call::Query(&order), &fields));
        assert!(line.contains(expected), "{amount} {currency}: {line}");
    }
}

/// Before its expiry a failure of what the payer may try again is no news; after it, it is the end.
#[test]
fn a_failure_ends_an_order_when_nobody_can_try_again() {
    let over = "unionpay.query.over: closed - 042611211015306789018";
    let running = "unionpay.query.running: pending - 042611211015306789018";
    let so_far = "unionpay.query.failed_so_far: pending - 042611211015306789018";
    let refused = "unionpay.query.refused: refused insufficient_funds 64 Signed";
    let (shown, scanned) = ([Presentation::QrShown, Presentation::DesktopWeb], [Presentation::PayerCode]);
    for (presentations, code, before, at_expiry, long_after) in [
        (&shown[..], "64", so_far, over, over),
        (&shown[..], "34", so_far, over, over),
        (&shown[..], "10", so_far, over, over),
        (&shown[..], "05", running, running, over),
        (&shown[..], "04", running, running, over),
        (&scanned[..], "64", refused, refused, refused),
        (&scanned[..], "05", running, running, running),
    ] {
        for presentation in presentations {
            let order = order(*presentation);
            for (time, expected) in [
                ("2026-11-21T02:30:29Z", before),
                ("2026-11-21T02:30:30Z", at_expiry),
                ("2026-11-21T02:45:29Z", at_expiry),
                ("2026-11-21T02:45:30Z", long_after),
            ] {
                let fields = told_of(FOUND, &[("origRespCode", code)]);
                let answer = Bench::new().when(time).read(&Call::Query(&order), &fields);
                assert_eq!(told(&answer), expected, "{presentation:?} {code} {time}");
            }
        }
    }
}

/// F12: money is never hidden by time.
#[test]
fn paid_is_paid_at_any_time() {
    for time in [NOW, EXPIRES, "2027-01-01T00:00:00Z"] {
        for presentation in [Presentation::QrShown, Presentation::DesktopWeb, Presentation::PayerCode] {
            for code in ["00", "A6"] {
                let fields = told_of(FOUND, &[("origRespCode", code)]);
                let order = order(presentation);
                let answer = Bench::new().when(time).read(&Call::Query(&order), &fields);
                let expected = format!("unionpay.query.paid: paid 10.00 CNY {QUERY_ID} 2026-11-21T02:15:31Z");
                assert_eq!(told(&answer), expected);
            }
        }
    }
}

#[test]
fn a_refund_is_done_only_by_its_own_query() {
    let (bench, refund) = (Bench::new(), refund());
    let base = told_of(
        FOUND,
        &[
            ("orderId", "R20261121120000001"),
            ("txnTime", "20261121120000"),
            ("txnType", "04"),
            ("txnSubType", "00"),
            ("txnAmt", "300"),
            ("traceTime", "1121120001"),
        ],
    );
    let read = |changes: &[(&'static str, &'static str)]| {
        told(&bench.read(&Call::QueryRefund(&refund), &told_of(&base, changes)))
    };
    let refunded =
        format!("unionpay.query_refund.refunded: refunded 3.00 CNY {QUERY_ID} 2026-11-21T04:00:01Z");
    assert_eq!(read(&[]), refunded);
    assert_eq!(
        read(&[("origRespCode", "05")]),
        format!("unionpay.query_refund.running: pending - {QUERY_ID}")
    );
    assert_eq!(read(&[("origRespCode", "99")]), "unionpay.query_refund.unsure: unknown RailUnsure(\"99\")");
    assert_eq!(
        read(&[("origRespCode", "45")]),
        "unionpay.query_refund.refused: refused refund_not_allowed 45 Signed"
    );
    assert_eq!(
        read(&[("origRespCode", "34")]),
        "unionpay.query_refund.refused: refused order_conflict 34 Signed"
    );
    assert_eq!(read(&[("respCode", "34"), ("txnType", "00")]), "unionpay.query_refund.absent: absent");
    assert_eq!(read(&[("txnType", "01")]), "unionpay.query_refund.mismatch: unknown Mismatch(\"txnType\")");
    assert_eq!(read(&[("txnAmt", "3.00")]), "unionpay.query_refund.no_amount: unknown Unreadable");
}

#[test]
fn calls_without_a_round_trip_have_no_reply() {
    let (bench, page) = (Bench::new(), charge(order(Presentation::DesktopWeb)));
    for call in [Call::Charge(&page), Call::Close(&page.order)] {
        let answer = bench.read(&call, FOUND);
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::Unreadable)), "{:?}", call.verb());
        assert!(matches!(call.verb(), Verb::Charge | Verb::Close));
    }
}

#[test]
fn a_code_reply_without_a_code_is_unreadable() {
    let (bench, shown) = (Bench::new(), charge(order(Presentation::QrShown)));
    let long = "x".repeat(513);
    for code in ["", long.as_str()] {
        let fields = told_of(FOUND, &[("qrCode", code)]);
        assert_eq!(
            told(&bench.read(&Call::Charge(&shown), &fields)),
            "unionpay.charge.no_code: unknown Unreadable"
        );
    }
}
