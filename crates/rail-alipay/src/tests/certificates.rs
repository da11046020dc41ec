//! Certificate mode: names of certificates, answers that name one, and certificates that Alipay hands out.

use paifang_payment::{Doubt, Outcome, Presentation};
use paifang_rail::{Call, Fetch, Finding, Inquiry, PlanError, Rail};

use super::*;
use crate::certificates::{own, serial_of};

fn account(protocol: Protocol) -> Settings {
    Settings { key_mode: KeyMode::Certificate, protocol, ..settings(Charset::Utf8) }
}

/// The vectors' certificates begin later than its other messages.
const VALID: &str = "2026-12-01T04:00:00Z";

fn serial() -> String {
    text(&vectors(), "/certificates/alipay_cert_sn").to_owned()
}

fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    STANDARD.decode(lines.collect::<String>()).unwrap()
}

#[test]
fn serial_numbers_are_those_of_the_vectors() {
    let vectors = vectors();
    let pem = |name: &str| text(&vectors, name).trim().to_owned();
    let app = certificate_serial(&der(&pem("/certificates/app_cert_pem")));
    assert_eq!(app.as_deref(), vectors["certificates"]["app_cert_sn"].as_str());
    let alipay = certificate_serial(&der(&pem("/certificates/alipay_cert_pem")));
    assert_eq!(alipay.as_deref(), vectors["certificates"]["alipay_cert_sn"].as_str());
    let own = own(&super::certificates().build().unwrap()).map_err(|error| error.to_string()).unwrap();
    assert_eq!(own.root, text(&vectors, "/certificates/alipay_root_cert_sn"));
    for case in vectors["certificates"]["derivations"].as_array().unwrap() {
        let derived = serial_of(text(case, "/issuer_string"), text(case, "/serial_decimal"));
        assert_eq!(derived, text(case, "/sn"));
    }
    assert_eq!(certificate_serial(b"rubbish"), None);
}

#[test]
fn without_certificates_nothing_is_sent() {
    let order = order(Presentation::QrShown);
    let missing = |keys: KeyringBuilder| {
        let bench = Bench::keyed(account(Protocol::V2), keys);
        bench.rail.plan(&Call::Query(&order), &bench.cx()).map(drop)
    };
    assert_eq!(missing(public_keys()), Err(PlanError::MissingKey("app_certificate")));
    let vectors = vectors();
    let rootless = signer().signer_certificate(text(&vectors, "/certificates/app_cert_pem")).unwrap();
    assert_eq!(missing(rootless), Err(PlanError::MissingKey("alipay_root_certificates")));
    assert_eq!(missing(super::certificates()), Ok(()));
}

const FOUND: &str = r#"{"code":"10000","msg":"Success","out_trade_no":"T20240709A0001","total_amount":"88.88","trade_status":"TRADE_SUCCESS"}"#;

/// A v2 answer that names this certificate.
fn naming(bench: &Bench, method: &str, content: &str, serial: &str) -> Vec<u8> {
    let sign = bench.platform_sign(content.as_bytes());
    let key = method.replace('.', "_");
    format!(r#"{{"{key}_response":{content},"alipay_cert_sn":"{serial}","sign":"{sign}"}}"#).into_bytes()
}

#[test]
fn an_answer_is_verified_by_the_certificate_that_it_names() {
    let bench = Bench::with(account(Protocol::V2));
    let order = order(Presentation::QrShown);
    let query = Call::Query(&order);
    let read = |serial: &str| {
        let body = naming(&bench, "alipay.trade.query", FOUND, serial);
        bench.rail.read(&query, &reply(body), &bench.cx())
    };
    let answer = read(&serial());
    assert_eq!(told(&answer), "alipay.query.trade_success: paid 88.88 CNY - -");
    assert_eq!(answer.unknown_key(), None);
    let answer = read("00000000000000000000000000000000");
    assert_eq!(told(&answer), "alipay.query.bad_signature: unknown BadSignature");
    assert_eq!(answer.unknown_key(), Some("00000000000000000000000000000000"));
    // Only what can be a name is asked for.
    assert_eq!(read("../../etc").unknown_key(), None);
    assert_eq!(read(&"0".repeat(65)).unknown_key(), None);
}

#[test]
fn in_v3_the_certificate_is_named_by_a_header() {
    let bench = Bench::with(account(Protocol::V3));
    let order = order(Presentation::QrShown);
    let body = r#"{"out_trade_no":"T20240709A0001","trade_status":"WAIT_BUYER_PAY"}"#;
    let read = |serial: &str| {
        let mut reply = super::v3::answered(&bench, 200, body, at(NOW).as_millisecond());
        reply.headers.push(("Alipay-Sn".into(), serial.into()));
        bench.rail.read(&Call::Query(&order), &reply, &bench.cx())
    };
    assert_eq!(told(&read(&serial())), "alipay.query.wait_buyer_pay: pending");
    assert_eq!(read("abcdef").unknown_key(), Some("abcdef"));
}

/// Two keys of Alipay while it changes them; either verifies, whatever the message says of certificates.
#[test]
fn in_key_mode_several_keys_overlap() {
    let vectors = vectors();
    let other = text(&vectors, "/real_captures/alipay_public_key_pem");
    let keys = public_keys().verifier(Some("new"), other).unwrap();
    let bench = Bench::keyed(settings(Charset::Utf8), keys);
    let order = order(Presentation::QrShown);
    let body = naming(&bench, "alipay.trade.query", FOUND, "00");
    let answer = bench.rail.read(&Call::Query(&order), &reply(body), &bench.cx());
    assert_eq!(told(&answer), "alipay.query.trade_success: paid 88.88 CNY - -");
    let refused = bench.rail.plan_inquiry(&Inquiry::Keys { unknown: Some("00") }, &bench.cx());
    assert_eq!(refused.map(drop), Err(PlanError::Unsupported("certificates in key mode")));
}

fn brought(pem: &str) -> String {
    format!(r#"{{"code":"10000","msg":"Success","alipay_cert_content":"{}"}}"#, STANDARD.encode(pem))
}

fn find(bench: &Bench, unknown: Option<&str>, body: Vec<u8>) -> Finding {
    let cx = Context { now: at(VALID), ..bench.cx() };
    bench.rail.read_inquiry(&Inquiry::Keys { unknown }, &reply(body), &cx)
}

const DOWNLOAD: &str = "alipay.open.app.alipaycert.download";

#[test]
fn an_unknown_certificate_is_asked_for_and_admitted_by_its_chain() {
    let bench = Bench::keyed(account(Protocol::V2), certificates_but_alipays());
    let (vectors, serial) = (vectors(), serial());
    let Fetch::Ask(exchange) =
        bench.rail.plan_inquiry(&Inquiry::Keys { unknown: Some(&serial) }, &bench.cx()).unwrap()
    else {
        panic!("a question")
    };
    let shown = super::requests::shown(&bench, &exchange.url, &exchange.body);
    assert!(shown.contains(&format!(r#"biz_content={{"alipay_cert_sn":"{serial}"}}"#)), "{shown}");
    assert!(shown.contains(&format!("method={DOWNLOAD}")), "{shown}");

    let pem = text(&vectors, "/certificates/alipay_cert_pem");
    let good = naming(&bench, DOWNLOAD, &brought(pem), &serial);
    let Finding::Keys(keys) = find(&bench, Some(&serial), good.clone()) else { panic!("keys") };
    assert_eq!(keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), [serial.as_str()]);
    let ring = bench.keys.with_fresh(&keys, at(VALID)).unwrap();
    let order = order(Presentation::QrShown);
    let body = naming(&bench, "alipay.trade.query", FOUND, &serial);
    let answer = bench.rail.read(&Call::Query(&order), &reply(body), &Context { keys: &ring, ..bench.cx() });
    assert_eq!(told(&answer), "alipay.query.trade_success: paid 88.88 CNY - -");
    let again = Context { keys: &ring, ..bench.cx() };
    assert!(
        bench.rail.plan_inquiry(&Inquiry::Keys { unknown: None }, &again).is_ok(),
        "the newest known one"
    );
    assert!(bench.rail.plan_inquiry(&Inquiry::Keys { unknown: None }, &bench.cx()).is_err(), "nothing known");

    let early = bench.rail.read_inquiry(&Inquiry::Keys { unknown: None }, &reply(good.clone()), &bench.cx());
    assert!(matches!(early, Finding::Unknown(Doubt::BadSignature)), "before its time: {early:?}");
    // Another than was asked for, our own, one without a chain, one that did not sign: none is taken.
    assert!(matches!(find(&bench, Some("00"), good.clone()), Finding::Unknown(Doubt::BadSignature)));
    let own = naming(&bench, DOWNLOAD, &brought(text(&vectors, "/certificates/app_cert_pem")), &serial);
    assert!(matches!(find(&bench, Some(&serial), own), Finding::Unknown(Doubt::BadSignature)));
    let unsigned = format!(r#"{{"{}_response":{}}}"#, DOWNLOAD.replace('.', "_"), brought(pem));
    assert!(matches!(find(&bench, Some(&serial), unsigned.into()), Finding::Unknown(Doubt::BadSignature)));
    for at in 0..good.len() {
        let mut flipped = good.clone();
        flipped[at] ^= 0x01;
        match find(&bench, Some(&serial), flipped) {
            Finding::Unknown(_) => {}
            Finding::Keys(same) => assert_eq!(same, keys, "byte {at}"),
            other => panic!("byte {at}: {other:?}"),
        }
    }
}

#[test]
fn a_refused_download_says_so() {
    let bench = Bench::with(account(Protocol::V2));
    let content =
        r#"{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.alipay-cert-not-exist","sub_msg":"x"}"#;
    let finding = find(&bench, Some("00"), bench.answer(DOWNLOAD, content.as_bytes()));
    assert!(
        matches!(finding, Finding::Refused { ref code, .. } if code == "isv.alipay-cert-not-exist"),
        "{finding:?}"
    );
}

/// Whether notices name their certificate is not known: with the name signed, unsigned, or absent, they verify.
#[test]
fn notices_may_name_a_certificate() {
    let bench = Bench::with(account(Protocol::V2));
    let body = super::notices::paid(&bench);
    assert!(super::notices::opened(&bench, &body).is_ok());
    let named = [body.as_slice(), format!("&alipay_cert_sn={}", serial()).as_bytes()].concat();
    assert!(super::notices::opened(&bench, &named).is_ok());
    let unknown = [body.as_slice(), b"&alipay_cert_sn=00"].concat();
    let error = super::notices::opened(&bench, &unknown).map(drop);
    assert_eq!(error, Err(paifang_rail::NotificationError::UnknownKey));
    let Outcome::Paid(_) = super::notices::opened(&bench, &named).unwrap().outcome.plain().clone() else {
        panic!("paid")
    };
}
