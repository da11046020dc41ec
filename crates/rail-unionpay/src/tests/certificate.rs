//! The encryption certificate: asked for as the vector does, believed by signature and chain.

use paifang_payment::Doubt;
use paifang_rail::{Exchange, Fetch, Finding, Inquiry, PlanError};

use super::*;

const KEYS: Inquiry<'_> = Inquiry::Keys { unknown: None };

/// An answer with that certificate, signed.
pub(super) fn answer(bench: &Bench, changes: &[(&str, &str)]) -> Vec<u8> {
    let certificate = text(bench.vectors, "/certificates/upenc/cert_pem").trim_end();
    let base = [
        ("version", "5.1.0"),
        ("encoding", "UTF-8"),
        ("signMethod", "01"),
        ("accessType", "0"),
        ("bizType", "000000"),
        ("merId", MERCHANT),
        ("orderId", "E20261121101534001"),
        ("txnTime", "20261121101534"),
        ("txnType", "95"),
        ("txnSubType", "00"),
        ("certType", "01"),
        ("encryptPubKeyCert", certificate),
        ("respCode", "00"),
        ("respMsg", "成功[0000000]"),
    ];
    joined(&bench.signed("upsign", &told_of(&base, changes))).into_bytes()
}

fn found(changes: &[(&str, &str)]) -> Finding {
    let bench = Bench::new();
    bench.rail.read_inquiry(&KEYS, &reply(200, answer(&bench, changes)), &bench.cx())
}

#[test]
fn it_is_asked_for_as_the_vector_does() -> Result<(), PlanError> {
    let bench = Bench::new().when("2026-11-21T02:15:34Z");
    let cx = Context { nonce: "E20261121101534001", ..bench.cx() };
    let Fetch::Ask(Exchange { url, body, .. }) = bench.rail.plan_inquiry(&KEYS, &cx)? else {
        panic!("no question")
    };
    let vector = vector("requests", "enc_cert_query");
    assert_eq!(url, format!("{GATEWAY}{}", text(&vector, "/path")));
    assert_eq!(String::from_utf8(body).unwrap(), text(&vector, "/form_body"));
    Ok(())
}

#[test]
fn it_is_believed_by_signature_and_chain() {
    let Finding::Keys(keys) = found(&[]) else { panic!("{:?}", found(&[])) };
    let [key] = keys.as_slice() else { panic!("{keys:?}") };
    assert_eq!(u64::from_str_radix(&key.id, 16), Ok(69_990_000_006));
    let unknown = |changes: &[(&str, &str)], doubt: Doubt| match found(changes) {
        Finding::Unknown(told) => assert_eq!(told, doubt, "{changes:?}"),
        other => panic!("{changes:?}: {other:?}"),
    };
    let vectors = vectors();
    let stranger = text(vectors, "/certificates/badleaf/cert_pem").trim_end();
    unknown(&[("encryptPubKeyCert", stranger)], Doubt::BadSignature);
    unknown(
        &[("encryptPubKeyCert", text(vectors, "/certificates/merchant/cert_pem").trim_end())],
        Doubt::BadSignature,
    );
    unknown(&[("encryptPubKeyCert", "x")], Doubt::BadSignature);
    unknown(&[("encryptPubKeyCert", "")], Doubt::Unreadable);
    unknown(&[("certType", "02")], Doubt::Unreadable);
    unknown(&[("merId", "777290058110097")], Doubt::Mismatch("merId".into()));
    unknown(&[("txnType", "00")], Doubt::Mismatch("txnType".into()));
    unknown(&[("respCode", "")], Doubt::Unreadable);
    unknown(&[("respCode", "06")], Doubt::RailUnsure("06".into()));
    unknown(&[("respCode", "ZZ")], Doubt::UnlistedCode("ZZ".into()));
    let Finding::Refused { code, message } = found(&[("respCode", "32")]) else { panic!("not refused") };
    assert_eq!((code.as_str(), message.as_str()), ("32", "成功[0000000]"));
    let bench = Bench::new();
    let gone = bench.rail.read_inquiry(&KEYS, &reply(502, answer(&bench, &[])), &bench.cx());
    assert!(matches!(gone, Finding::Unknown(Doubt::HttpStatus(502))), "{gone:?}");
    // It seals, it does not sign: nobody may take it up among the keys that verify.
    assert!(!bench.rail.descriptor().serves_keys);
}
