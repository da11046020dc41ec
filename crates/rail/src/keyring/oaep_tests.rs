//! Sealed contents, exact to the byte against vectors that another program made, and opened with the private keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;
use serde_json::Value;

use super::oaep::{SealingKey, mask};
use super::{KeyError, Keyring, KeyringBuilder, parse};

const DIGEST: usize = 20;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../tests/vectors/wechatpay-vectors.json")).unwrap()
}

fn ring(vectors: &Value) -> Keyring {
    let keys = &vectors["keys"];
    let text = |path: &str| keys.pointer(path).and_then(Value::as_str).unwrap();
    let id = text("/wechatpay_public_key/id");
    Keyring::builder()
        .verifier(None, text("/platform_certificate/certificate_pem"))
        .and_then(|ring| ring.verifier(Some(id), text("/wechatpay_public_key/public_key_pem")))
        .and_then(|ring| ring.verifier(None, text("/merchant/certificate_pem")))
        .and_then(KeyringBuilder::build)
        .unwrap()
}

/// One value of a DER text, and what follows it.
fn value(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, at) = match der[1] {
        short @ ..0x80 => (usize::from(short), 2),
        long => {
            let digits = usize::from(long & 0x7f);
            (der[2..2 + digits].iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte)), 2 + digits)
        }
    };
    (&der[at..at + length], &der[at + length..])
}

/// Modulus and private exponent of a PKCS#8 key.
fn private(pem: &str) -> (BigUint, BigUint) {
    let der = parse::der_of(pem, &["PRIVATE KEY"]).unwrap();
    let (_, rest) = value(value(&der).0);
    let (octets, _) = value(value(rest).1);
    let (_, rest) = value(value(octets).0);
    let (modulus, rest) = value(rest);
    let (_, rest) = value(rest);
    (BigUint::from_bytes_be(modulus), BigUint::from_bytes_be(value(rest).0))
}

/// The content and the seed of a sealed text, by the private key.
fn opened(sealed: &[u8], pem: &str) -> (Vec<u8>, [u8; DIGEST]) {
    let (modulus, exponent) = private(pem);
    let short = BigUint::from_bytes_be(sealed).modpow(&exponent, &modulus).to_bytes_be();
    let mut padded = vec![0; sealed.len() - short.len()];
    padded.extend(short);
    assert_eq!(padded[0], 0);
    let (seed, data) = padded[1..].split_at_mut(DIGEST);
    mask(seed, data);
    mask(data, seed);
    let mark = data[DIGEST..].iter().position(|byte| *byte == 1).unwrap();
    assert!(data[DIGEST..DIGEST + mark].iter().all(|byte| *byte == 0));
    (data[DIGEST + mark + 1..].to_vec(), seed.try_into().unwrap())
}

/// With the seed that the other program drew, the very same bytes come out.
#[test]
fn every_vector_is_sealed_to_the_byte() {
    let vectors = vectors();
    let (ring, cases) = (ring(&vectors), vectors["oaep"].as_array().unwrap());
    assert_eq!(cases.len(), 6);
    for case in cases {
        let field = |name: &str| case[name].as_str().unwrap();
        let key = &vectors["keys"][field("encrypt_with")];
        let sealed = STANDARD.decode(field("ciphertext")).unwrap();
        let (plain, seed) = opened(&sealed, key["private_key_pem"].as_str().unwrap());
        assert_eq!(plain, field("plaintext").as_bytes(), "{}", field("name"));
        let id = key["serial_no"].as_str().or(key["id"].as_str()).unwrap();
        let verifier = ring.verifiers.iter().find(|verifier| verifier.id == id).unwrap();
        let own = SealingKey::parse(verifier.public_key.as_ref()).unwrap();
        assert_eq!(own.seal(&plain, seed).unwrap(), sealed, "{}", field("name"));
    }
}

#[test]
fn each_sealing_differs_and_opens_to_the_same() {
    let vectors = vectors();
    let ring = ring(&vectors);
    let key = &vectors["keys"]["wechatpay_public_key"];
    let (id, pem) = (key["id"].as_str().unwrap(), key["private_key_pem"].as_str().unwrap());
    for plain in [b"".as_slice(), b"6222020000000000000", &[0; 214], "张三".as_bytes()] {
        let [one, other] = [ring.seal_for(id, plain).unwrap(), ring.seal_for(id, plain).unwrap()];
        assert_ne!(one, other);
        assert_eq!(one.len(), 256);
        assert_eq!(opened(&one, pem).0, plain);
        assert_eq!(opened(&other, pem).0, plain);
    }
    assert!(matches!(ring.seal_for(id, &[0; 215]), Err(KeyError::Unusable { name: "content", .. })));
    assert!(matches!(ring.seal_for("PUB_KEY_ID_1", b"x"), Err(KeyError::Missing(_))));
}

#[test]
fn keys_that_cannot_seal_are_refused() {
    for der in [b"".as_slice(), b"0", &[0x30, 6, 2, 1, 15, 2, 1, 3]] {
        assert!(SealingKey::parse(der).is_err());
    }
}

/// A plain key is none, and neither is a certificate before or after its time.
#[test]
fn a_certificate_seals_in_its_time_only() {
    let vectors = vectors();
    let text = |path: &str| vectors["keys"].pointer(path).and_then(Value::as_str).unwrap();
    let (now, next) = (text("/platform_certificate/serial_no"), text("/platform_certificate_next/serial_no"));
    let both = Keyring::builder()
        .verifier(None, text("/platform_certificate_next/certificate_pem"))
        .and_then(|ring| ring.verifier(None, text("/platform_certificate/certificate_pem")))
        .and_then(|ring| {
            let id = text("/wechatpay_public_key/id");
            ring.verifier(Some(id), text("/wechatpay_public_key/public_key_pem"))
        })
        .and_then(KeyringBuilder::build)
        .unwrap();
    let at = |time: &str| both.newest_certificate_id(time.parse().unwrap());
    let seen: Vec<_> =
        ["2019-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2100-01-01T00:00:00Z"].map(at).into();
    assert_eq!(seen[0], None);
    assert_eq!(seen[2], None);
    assert!(seen[1] == Some(now) || seen[1] == Some(next), "{seen:?}");
}
