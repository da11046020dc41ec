//! Parsing, charsets, signatures and certificates against the vectors.

use serde_json::Value;

use super::{common, fields_of, merchant, query_of, signed, vector};
use crate::unionpay::certificate::Certificate;
use crate::unionpay::sign::{Seal, Signer, digest_hex, keyed_hex, sha1_hex, signed_by, signed_by_legacy};
use crate::unionpay::wire::{Charset, Fields, Malformed};
use crate::vectors::{self, text};

fn list(name: &str) -> &'static Vec<Value> {
    vectors::unionpay()[name].as_array().unwrap()
}

#[test]
fn bare_text_parses_as_in_the_parser_vectors() {
    for entry in list("parser") {
        let parsed = Fields::parse_bare(entry["raw_body"].as_str().unwrap()).unwrap();
        let wanted: Vec<(&str, &str)> = entry["fields"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        let mut wanted = wanted;
        wanted.sort_unstable();
        assert_eq!(parsed.iter().collect::<Vec<_>>(), wanted, "{}", entry["id"]);
    }
    for bad in ["=1", "a=1&&b=2", "a=1&a=2", "&"] {
        assert_eq!(Fields::parse_bare(bad).err(), Some(Malformed::Name), "{bad}");
    }
}

#[test]
fn requests_decode_hash_and_verify_as_in_the_vectors() {
    let certificate = Certificate::parse(merchant().certificate_pem).unwrap();
    assert_eq!(certificate.serial(), merchant().cert_id);
    for entry in list("requests") {
        let (fields, charset) = Fields::parse_form(entry["form_body"].as_str().unwrap().as_bytes()).unwrap();
        assert!(fields == fields_of(entry), "{}", entry["id"]);
        assert_eq!(fields.sign_text(), entry["sign_string"].as_str().unwrap());
        let modern = entry["digest_alg"] == "sha256";
        let hashed = if modern { digest_hex(&fields, charset) } else { sha1_hex(&fields, charset) };
        assert_eq!(hashed, entry["digest_hex"].as_str().unwrap());
        assert_eq!(signed_by(&certificate, &fields, charset), modern, "{}", entry["id"]);
        assert_eq!(signed_by_legacy(&certificate, &fields, charset), !modern, "{}", entry["id"]);
    }
}

#[test]
fn keyed_requests_hash_as_in_the_vectors() {
    let key = text(vectors::unionpay(), "/symmetric_key/value");
    for entry in list("keyed_requests") {
        let (fields, charset) = Fields::parse_form(entry["form_body"].as_str().unwrap().as_bytes()).unwrap();
        let sm3 = entry["fields"]["signMethod"] == "12";
        assert_eq!(fields.sign_text(), entry["sign_string"].as_str().unwrap());
        assert_eq!(keyed_hex(&fields, charset, key, sm3), entry["signature"].as_str().unwrap());
    }
}

#[test]
fn the_legacy_signature_of_the_vectors_is_reproduced() {
    let entry = vector("requests", "consume_5_0_0");
    let signer = Signer::new(merchant().private_key_pem, merchant().certificate_pem).unwrap();
    let mut fields = Fields::default();
    let given = fields_of(entry);
    given.iter().filter(|(n, _)| *n != "signature").for_each(|(name, value)| fields.put(name, value));
    let sealed = signer.seal(fields, true, Charset::UTF_8, Seal::Good);
    assert_eq!(sealed.value("signature"), entry["signature"].as_str());
}

#[test]
fn the_negative_answers_are_what_a_client_must_refuse() {
    // Those that only a client with a trust anchor can tell are good signatures; see `armed` for how they are made.
    for entry in list("negatives") {
        let fields = Fields::parse_bare(entry["raw_body"].as_str().unwrap()).unwrap();
        let by = Certificate::parse(fields.value("signPubKeyCert").unwrap()).unwrap();
        let id = entry["id"].as_str().unwrap();
        let of_chain = ["wrong_cn", "expired_cert", "untrusted_root"].contains(&id);
        assert_eq!(signed_by(&by, &fields, Charset::UTF_8), of_chain, "{id}");
    }
}

#[test]
fn answers_are_reproduced_to_the_byte() {
    for entry in list("responses") {
        let signer = match entry["id"].as_str().unwrap() {
            "old_test_cn" => "upsign_test",
            _ => "upsign",
        };
        let pem = |part: &str| text(vectors::unionpay(), &format!("/certificates/{signer}/{part}"));
        let signer = Signer::new(pem("private_key_pem"), pem("cert_pem")).unwrap();
        let mut fields = Fields::default();
        let given = fields_of(entry);
        given
            .iter()
            .filter(|(name, _)| !["signature", "signPubKeyCert"].contains(name))
            .for_each(|(name, value)| fields.put(name, value));
        let sealed = signer.seal(fields, false, Charset::UTF_8, Seal::Good);
        assert_eq!(sealed.to_bare(), entry["raw_body"].as_str().unwrap(), "{}", entry["id"]);
    }
}

#[test]
fn notifications_are_forms_as_in_the_vectors() {
    for entry in list("notifications") {
        let form = entry["form_body"].as_str().unwrap();
        let (fields, charset) = Fields::parse_form(form.as_bytes()).unwrap();
        assert!(fields == fields_of(entry) && super::is_genuine(&fields, charset), "{}", entry["id"]);
        // The vectors put the signature last, a form sorts it in; clients must not care.
        let mut ours: Vec<String> = fields.to_form(charset).split('&').map(str::to_owned).collect();
        let mut theirs: Vec<String> = form.split('&').map(str::to_owned).collect();
        ours.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(ours, theirs);
    }
}

#[test]
fn f48_forms_with_twice_named_or_unreadable_fields_are_malformed() {
    for (form, why) in [
        ("a=1", Malformed::NoEncoding),
        ("encoding=latin1&a=1", Malformed::Encoding),
        ("encoding=UTF-8&a=%FF%FE", Malformed::Encoding),
        ("encoding=UTF-8&a=1&a=1", Malformed::Name),
        ("encoding=UTF-8&=1", Malformed::Name),
        ("encoding=UTF-8&%FF=1", Malformed::Name),
    ] {
        assert_eq!(Fields::parse_form(form.as_bytes()).err(), Some(why), "{form}");
    }
    let (fields, charset) = Fields::parse_form(b"encoding=gbk&a=%CD%CB+%BB%F5").unwrap();
    assert_eq!(
        (fields.value("a"), fields.to_form(charset).as_str()),
        (Some("退 货"), "a=%CD%CB+%BB%F5&encoding=gbk")
    );
}

#[test]
fn wrong_and_missing_seals_do_not_verify() {
    let file = vectors::unionpay();
    let key = text(file, "/certificates/upsign/private_key_pem");
    let signer = Signer::new(key, merchant().gateway_certificate_pem).unwrap();
    for (seal, genuine, signature) in
        [(Seal::Good, true, true), (Seal::Wrong, false, true), (Seal::Missing, false, false)]
    {
        let sealed = signer.seal(common(("00", "00"), "000201"), false, Charset::UTF_8, seal);
        assert_eq!(super::is_genuine(&sealed, Charset::UTF_8), genuine);
        assert_eq!(sealed.value("signature").is_some(), signature);
    }
}

#[test]
fn the_test_client_signs_like_the_vectors() {
    let entry = vector("requests", "query");
    let query = query_of(&fields_of(entry));
    assert_eq!(signed(query).value("signature"), entry["signature"].as_str());
}

#[test]
fn broken_certificates_are_none() {
    let pem = merchant().certificate_pem;
    let cut: String = pem.lines().take(4).chain(["-----END CERTIFICATE-----"]).collect::<Vec<_>>().join("\n");
    assert!(Certificate::parse(&cut).is_none());
    assert!(Certificate::parse("").is_none());
}
