//! Holds: how they are asked for, taken, given back, and what is believed about each.

use paifang_payment::{Doubt, NextAction};
use paifang_rail::{Plan, PlanError, Subject};

use super::kinds::{CAPTURE, HOLD, RELEASE};
use super::notices::{form, opened};
use super::*;

fn read(
    call: &Call<'_>,
    base: &[(&'static str, &'static str)],
    changes: &[(&'static str, &'static str)],
) -> String {
    told(&Bench::new().read(call, &told_of(base, changes)))
}

#[test]
fn a_hold_is_told_as_held_and_never_as_paid() {
    let held = format!("unionpay.query.held: held 50.00 CNY {QUERY_ID} 2026-11-21T02:15:36Z");
    for presentation in [Presentation::DesktopWeb, Presentation::MobileWeb, Presentation::App] {
        let hold = hold(presentation);
        let query = |changes: &[_]| read(&Call::Query(&hold), HOLD, changes);
        assert_eq!(query(&[]), held);
        assert_eq!(query(&[("origRespCode", "A6")]), held);
        assert_eq!(query(&[("origRespCode", "05")]), format!("unionpay.query.running: pending - {QUERY_ID}"));
        assert_eq!(query(&[("origRespCode", "45")]), format!("unionpay.query.over: closed - {QUERY_ID}"));
        assert_eq!(
            query(&[("origRespCode", "64")]),
            format!("unionpay.query.failed_so_far: pending - {QUERY_ID}")
        );
        assert_eq!(query(&[("respCode", "34"), ("txnType", "00")]), "unionpay.query.absent: absent");
        // A purchase under the hold's name would be charged money.
        assert_eq!(query(&[("txnType", "01")]), "unionpay.query.mismatch: unknown Mismatch(\"txnType\")");
    }
    // 45 of what was paid at once means that the money went back, perhaps only a part of it.
    let paid = order(Presentation::QrShown);
    let told = read(&Call::Query(&paid), FOUND, &[("origRespCode", "45")]);
    assert_eq!(told, format!("unionpay.query.failed_so_far: pending - {QUERY_ID}"));
}

/// F09: what an older copy of the rail's book says of a hold after its expiry must not end a hold that stands.
#[test]
fn time_alone_ends_no_hold() {
    let hold = hold(Presentation::App);
    for code in ["64", "34", "10", "05", "04"] {
        let fields = told_of(HOLD, &[("origRespCode", code)]);
        let answer = Bench::new().when("2026-11-22T02:45:30Z").read(&Call::Query(&hold), &fields);
        assert_eq!(told(&answer), "unionpay.query.over: absent", "{code}");
    }
    let fields = told_of(HOLD, &[("origRespCode", "45")]);
    let answer = Bench::new().when("2026-11-22T02:45:30Z").read(&Call::Query(&hold), &fields);
    assert_eq!(told(&answer), format!("unionpay.query.over: closed - {QUERY_ID}"));
}

#[test]
fn only_the_query_of_a_capture_takes_money() {
    let capture = capture();
    for code in ["00", "A6", "05", "70"] {
        let told = read(&Call::Capture(&capture), &told_of(FOUND, CAPTURE), &[("respCode", code)]);
        assert_eq!(told, format!("unionpay.capture.accepted: pending - {CAPTURE_ID}"));
    }
    for code in ["03", "06", "10", "12", "34", "39", "64", "99"] {
        let told = read(&Call::Capture(&capture), &told_of(FOUND, CAPTURE), &[("respCode", code)]);
        assert_eq!(told, format!("unionpay.capture.unsure: unknown RailUnsure({code:?})"));
    }
    for code in ["35", "45"] {
        let told = read(&Call::Capture(&capture), &told_of(FOUND, CAPTURE), &[("respCode", code)]);
        assert!(told.starts_with("unionpay.capture.refused_unless_done: unknown Unconfirmed"), "{told}");
        let told = read(&Call::Release(&release()), &told_of(FOUND, RELEASE), &[("respCode", code)]);
        assert!(told.starts_with("unionpay.release.refused_unless_done: unknown Unconfirmed"), "{told}");
    }
    let told = read(&Call::Capture(&capture), &told_of(FOUND, CAPTURE), &[("respCode", "36")]);
    assert_eq!(told, "unionpay.capture.refused: refused amount_limit 36 Signed");

    let query = |changes: &[_]| read(&Call::QueryCapture(&capture), &told_of(FOUND, CAPTURE), changes);
    let taken = format!("paid 30.00 CNY {CAPTURE_ID} 2026-11-21T03:00:01Z");
    assert_eq!(query(&[]), format!("unionpay.query_capture.captured: {taken}"));
    assert_eq!(
        query(&[("txnAmt", "5000")]),
        format!("unionpay.query_capture.captured: {}", taken.replace("30.00", "50.00"))
    );
    assert_eq!(query(&[("origRespCode", "45")]), "unionpay.query_capture.unsure: unknown RailUnsure(\"45\")");
    assert_eq!(
        query(&[("origRespCode", "36")]),
        "unionpay.query_capture.refused: refused amount_limit 36 Signed"
    );
    assert_eq!(query(&[("respCode", "34"), ("txnType", "00")]), "unionpay.query_capture.absent: absent");
    // The hold's own success says nothing about its capture.
    assert_eq!(query(&[("txnType", "02")]), "unionpay.query_capture.mismatch: unknown Mismatch(\"txnType\")");
    let as_order = read(&Call::Query(&captured()), &told_of(FOUND, CAPTURE), &[]);
    assert_eq!(as_order, format!("unionpay.query.paid: {taken}"));
}

#[test]
fn only_the_query_of_a_release_ends_a_hold() {
    let release = release();
    let told = read(&Call::Release(&release), &told_of(FOUND, RELEASE), &[]);
    assert_eq!(told, "unionpay.release.accepted: pending - 042611211101006789078");
    let query = |changes: &[_]| read(&Call::QueryRelease(&release), &told_of(FOUND, RELEASE), changes);
    assert_eq!(query(&[]), "unionpay.query_release.released: closed - 042611211101006789078");
    assert_eq!(query(&[("txnAmt", "4999")]), "unionpay.query_release.other_amount: unknown AmountMismatch");
    assert_eq!(
        query(&[("origRespCode", "45")]),
        "unionpay.query_release.refused: refused refund_not_allowed 45 Signed"
    );
    assert_eq!(
        query(&[("origRespCode", "35")]),
        "unionpay.query_release.refused: refused order_conflict 35 Signed"
    );
    assert_eq!(query(&[("respCode", "34"), ("txnType", "00")]), "unionpay.query_release.absent: absent");
    assert_eq!(query(&[("txnType", "31")]), "unionpay.query_release.mismatch: unknown Mismatch(\"txnType\")");
}

#[test]
fn an_undo_of_a_capture_returns_what_was_captured() {
    let undo = capture_undo();
    let fields =
        |txn_type| [("orderId", "U20261121120100001"), ("txnTime", "20261121120100"), ("txnType", txn_type)];
    let query = |txn_type, amount| {
        let changes = [&fields(txn_type)[..], &[("txnAmt", amount)]].concat();
        read(&Call::QueryReverse(&undo), FOUND, &changes)
    };
    assert_eq!(query("33", "3000"), format!("unionpay.query_reverse.returned: closed 30.00 CNY {QUERY_ID}"));
    assert_eq!(query("33", "5000"), "unionpay.query_reverse.other_amount: unknown AmountMismatch");
    assert_eq!(query("31", "3000"), "unionpay.query_reverse.mismatch: unknown Mismatch(\"txnType\")");
}

#[test]
fn notifications_of_holds_name_what_they_are_about() {
    let bench = Bench::new();
    let read = |base: &[(&'static str, &'static str)], code| {
        let fields = told_of(base, &[("origRespCode", ""), ("origRespMsg", ""), ("respCode", code)]);
        let news = opened(&bench, &form(&bench.signed("upsign", &fields))).unwrap();
        (news.subject, detail(news.outcome.plain()))
    };
    let (hold, capture) =
        (Subject::Charge(number("P20261121101535001")), Subject::Capture(number("C20261121110000001")));
    let release = Subject::Release(number("L20261121110100001"));
    let asks = |reference: &str| format!("pending - {reference}");
    assert_eq!(read(HOLD, "00"), (hold.clone(), format!("held 50.00 CNY {QUERY_ID} 2026-11-21T02:15:36Z")));
    assert_eq!(read(HOLD, "64"), (hold, asks(QUERY_ID)));
    let taken = format!("paid 30.00 CNY {CAPTURE_ID} 2026-11-21T03:00:01Z");
    assert_eq!(read(&told_of(FOUND, CAPTURE), "00"), (capture.clone(), taken));
    assert_eq!(read(&told_of(FOUND, CAPTURE), "36"), (capture, asks(CAPTURE_ID)));
    // It does not name the hold, so it only says that there is something to ask.
    assert_eq!(read(&told_of(FOUND, RELEASE), "00"), (release, asks("042611211101006789078")));
}

#[test]
fn holds_are_a_permission_of_the_account() {
    let bench = Bench::of(Settings { holds: false, ..settings() });
    assert!(bench.rail.descriptor().offers.iter().all(|offer| offer.hold.is_none()));
    for presentation in [Presentation::DesktopWeb, Presentation::MobileWeb, Presentation::App] {
        let plan = bench.rail.plan(&Call::Charge(&charge(hold(presentation))), &bench.cx());
        assert_eq!(plan, Err(PlanError::Unsupported("a hold by this account")));
    }
    let bench = Bench::new();
    for presentation in [Presentation::QrShown, Presentation::PayerCode] {
        let plan = bench.rail.plan(&Call::Charge(&charge(hold(presentation))), &bench.cx());
        assert_eq!(plan, Err(PlanError::Unsupported("a hold by this presentation")));
    }
    for offer in bench.rail.descriptor().offers {
        let may = bench.rail.plan(&Call::Charge(&charge(hold(offer.presentation))), &bench.cx()).is_ok();
        assert_eq!(offer.hold.is_some(), may, "{:?}", offer.presentation);
    }
    let undo = Reversal { order: hold(Presentation::DesktopWeb), ..reversal(Presentation::DesktopWeb) };
    assert!(matches!(bench.rail.plan(&Call::Reverse(&undo), &bench.cx()), Err(PlanError::Unsupported(_))));
    let answer = bench.read(&Call::Reverse(&undo), FOUND);
    assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::Unreadable)));
    let of_capture = Call::Charge(&charge(captured()));
    assert!(matches!(bench.rail.plan(&of_capture, &bench.cx()), Err(PlanError::Unsupported(_))));
}

/// The app is handed `tn` and nothing else.
#[test]
fn the_app_gets_the_tn_of_the_vector() {
    let charge = charge(Order {
        order_no: number("T20261121101531002"),
        amount: yuan(2500),
        opened_at: at("2026-11-21T02:15:31Z"),
        ..order(Presentation::App)
    });
    let bench = Bench::new();
    let body = text(&vector("responses", "app_tn"), "/raw_body").as_bytes().to_vec();
    let answer = bench.read_raw(&Call::Charge(&charge), body);
    let Some(Outcome::Pending(pending)) = answer.outcome() else { panic!("{answer:?}") };
    let parameters = [("tn".to_owned(), "620261121101531000001".to_owned())].into();
    assert_eq!(pending.next_action, Some(NextAction::InvokeWallet { parameters }));
    let long = "6".repeat(65);
    for tn in ["", "62026 1", "620\n", "６２", long.as_str()] {
        let app = super::charge(order(Presentation::App));
        let told = told(&bench.read(&Call::Charge(&app), &told_of(FOUND, &[("tn", tn)])));
        assert_eq!(told, "unionpay.charge.no_tn: unknown Unreadable", "{tn:?}");
    }
}

/// Captures and releases carry their own name and time, the hold's handle and product, and their own amount.
#[test]
fn captures_and_releases_name_the_hold_by_its_handle() {
    let bench = Bench::new();
    let (undo, of_app) = (capture_undo(), CaptureOrder { hold: hold(Presentation::App), ..capture() });
    for (call, kind, name, amount, original, channel) in [
        (Call::Capture(&capture()), "03", "C20261121110000001", "3000", QUERY_ID, "07"),
        (Call::Capture(&of_app), "03", "C20261121110000001", "3000", QUERY_ID, "08"),
        (Call::Release(&release()), "32", "L20261121110100001", "5000", QUERY_ID, "07"),
        (Call::Reverse(&undo), "33", "U20261121120100001", "3000", CAPTURE_ID, "07"),
    ] {
        let Ok(Plan::Send(exchange)) = bench.rail.plan(&call, &bench.cx()) else { panic!("{call:?}") };
        assert_eq!(exchange.url, format!("{GATEWAY}/gateway/api/backTransReq.do"));
        let fields: std::collections::HashMap<_, _> =
            form_urlencoded::parse(&exchange.body).into_owned().collect();
        let field = |name: &str| fields.get(name).map(String::as_str);
        assert_eq!((field("txnType"), field("txnSubType")), (Some(kind), Some("00")));
        assert_eq!((field("orderId"), field("txnAmt")), (Some(name), Some(amount)));
        assert_eq!((field("origQryId"), field("bizType")), (Some(original), Some("000201")));
        assert_eq!((field("channelType"), field("backUrl")), (Some(channel), Some(bench.cx().notify_url)));
    }
    let unknown = Order { rail_ref: None, ..hold(Presentation::App) };
    let capture = CaptureOrder { hold: unknown.clone(), ..capture() };
    let release = ReleaseOrder { hold: unknown, ..release() };
    for call in [Call::Capture(&capture), Call::Release(&release)] {
        let plan = bench.rail.plan(&call, &bench.cx());
        assert!(matches!(plan, Err(PlanError::BadValue { field: "rail_ref", .. })), "{plan:?}");
    }
}
