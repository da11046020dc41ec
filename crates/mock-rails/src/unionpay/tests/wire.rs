//! Parsing, charsets, signatures and certificates against the vectors.

use serde_json::Value;

use super::{common, fields_of, merchant, query_of, signed, vector};
use crate::unionpay::certificate::Certificate;
use crate::unionpay::sign::{Seal, Signer, digest_hex, signed_by};
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
        assert_eq!(digest_hex(&fields, charset) == entry["digest_hex"].as_str().unwrap(), modern);
        assert_eq!(signed_by(&certificate, &fields, charset), modern, "{}", entry["id"]);
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
        let sealed = signer.seal(fields, Charset::UTF_8, Seal::Good);
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
        let sealed = signer.seal(common(("00", "00"), "000201"), Charset::UTF_8, seal);
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
