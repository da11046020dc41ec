//! One certificate has one text: whatever is changed around what its issuer signed is refused, everywhere (F46, I4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::*;

fn pem_of(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----", STANDARD.encode(der))
}

fn der_at(name: &str) -> Vec<u8> {
    let text = include_str!("../../../../tests/vectors/unionpay-vectors.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let pem = file["certificates"][name]["cert_pem"].as_str().unwrap();
    STANDARD.decode(pem.lines().filter(|line| !line.starts_with("-----")).collect::<String>()).unwrap()
}

fn ring() -> Keyring {
    let owners = vec!["中国银联股份有限公司".to_owned()];
    Keyring::builder()
        .root(&pem_of(&der_at("root")))
        .and_then(|ring| ring.intermediate(&pem_of(&der_at("middle"))))
        .and_then(|ring| ring.certificate_rule(CertificateRule { separator: '@', part: 2, owners }).build())
        .unwrap()
}

fn now() -> Timestamp {
    "2026-03-01T04:00:00Z".parse().unwrap()
}

/// Where the elements of the envelope begin: what is signed, the algorithm, the signature. All have lengths of two bytes but
/// the algorithm.
fn places(der: &[u8]) -> [usize; 3] {
    let signed = 4;
    let length = usize::from(u16::from_be_bytes([der[signed + 2], der[signed + 3]]));
    let algorithm = signed + 4 + length;
    [signed, algorithm, algorithm + 2 + usize::from(der[algorithm + 1])]
}

/// The length of the whole, told anew.
fn of_right_length(mut der: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(der.len() - 4).unwrap().to_be_bytes();
    der[2..4].copy_from_slice(&length);
    der
}

#[test]
fn a_certificate_has_one_text() {
    let (ring, good) = (ring(), der_at("upsign"));
    assert!(ring.admit_certificate(&pem_of(&good), now()).is_ok());
    let [signed, algorithm, signature] = places(&good);
    let with = |place: usize, byte: u8| {
        let mut der = good.clone();
        der[place] = byte;
        der
    };
    let spliced = |place: usize, bytes: &[u8]| {
        let mut der = good.clone();
        der.splice(place..place, bytes.iter().copied());
        of_right_length(der)
    };
    let long = |place: usize| {
        // 82 xx xx as 83 00 xx xx.
        let mut der = good.clone();
        der[place] = 0x83;
        der.insert(place + 1, 0);
        if place == 1 { der } else { of_right_length(der) }
    };
    let mut algorithm_long = spliced(algorithm + 1, &[0x81]);
    algorithm_long[algorithm] = 0x30;
    for (what, der) in [
        ("an outer tag that is not constructed", with(0, 0x10)),
        ("an outer tag of another class", with(0, 0xb0)),
        ("an inner tag that is not constructed", with(signed, 0x10)),
        ("an algorithm that is not constructed", with(algorithm, 0x10)),
        ("a signature that is constructed", with(signature, 0x23)),
        ("bits that the signature does not use", with(signature + 4, 1)),
        ("an outer length that is not the shortest", long(1)),
        ("an inner length that is not the shortest", long(signed + 1)),
        ("a signature's length that is not the shortest", long(signature + 1)),
        ("the algorithm's length that is not the shortest", algorithm_long),
        ("an algorithm that is not the signed one", with(signature - 3, 0x0c)),
        ("parameters of another form", with(signature - 2, 0x04)),
        ("something behind the signature", spliced(good.len(), &[5, 0])),
        ("something behind the certificate", [good.as_slice(), &[0]].concat()),
        ("no end", good[..good.len() - 1].to_vec()),
        ("nothing", Vec::new()),
    ] {
        assert!(ring.admit_certificate(&pem_of(&der), now()).is_err(), "{what}");
        assert!(Keyring::builder().verifier(None, &pem_of(&der)).is_err(), "{what}, as a configured key");
    }
}

/// Any other byte than its own, anywhere around what is signed.
#[test]
fn no_byte_of_the_envelope_can_be_another() {
    let (ring, good) = (ring(), der_at("upsign"));
    let [signed, algorithm, _] = places(&good);
    for place in (0..signed + 4).chain(algorithm..good.len()) {
        // A signature fits or does not, so one other value of each of its bytes is enough; the others are all tried.
        let values = if place > algorithm + 24 { 1..=1 } else { 1..=255 };
        for change in values {
            let mut der = good.clone();
            der[place] ^= change;
            let admitted = ring.admit_certificate(&pem_of(&der), now());
            assert!(admitted.is_err(), "byte {place} changed by {change:#x}");
        }
    }
}
