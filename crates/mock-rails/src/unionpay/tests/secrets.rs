//! Sensitive data and the certificate for it.

use aws_lc_rs::rsa::{Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{APP, BACK, Desk, common, merchant};
use crate::RailMock;
use crate::unionpay::certificate::Certificate;
use crate::unionpay::sensitive::{encrypt_to, pin_of};
use crate::vectors::{self, text};

fn sample(name: &str) -> &'static str {
    text(vectors::unionpay(), &format!("/sensitive_data/{name}"))
}

#[tokio::test]
async fn the_encryption_certificate_is_given_out_with_crlf() {
    let desk = Desk::silent();
    let mut query = common(("95", "00"), "000000");
    for (name, value) in [
        ("channelType", "07"),
        ("certType", "01"),
        ("orderId", "E20261121101534001"),
        ("txnTime", super::START),
    ] {
        query.put(name, value);
    }
    let answer = desk.call(BACK, &query).await;
    let pem = answer.value("encryptPubKeyCert").unwrap();
    assert_eq!((answer.value("respCode"), answer.value("certType")), (Some("00"), Some("01")));
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\r\n") && pem.ends_with("-----END CERTIFICATE-----"));
    assert_eq!(Certificate::parse(pem).unwrap().serial(), sample("encryptCertId"));
}

#[tokio::test]
async fn encrypted_cards_come_back_encrypted_to_the_merchant_and_plain_ones_masked() {
    let desk = Desk::silent();
    let more = [
        ("accNo", sample("accNo_cipher_base64")),
        ("encryptCertId", sample("encryptCertId")),
        ("customerInfo", sample("customerInfo_with_encryptedInfo_base64")),
    ];
    let order = desk.order(("01", "01"), "A0000001", 100, more);
    assert_eq!(desk.call(APP, &order).await.value("respCode"), Some("00"));
    desk.pay("A0000001", false).unwrap();
    let cipher = STANDARD.decode(desk.query(&order).await.value("accNo").unwrap()).unwrap();
    let key = PrivateDecryptingKey::from_pkcs8(&vectors::der_of_pem(merchant().private_key_pem).unwrap());
    let key = Pkcs1PrivateDecryptingKey::new(key.unwrap()).unwrap();
    let mut plain = vec![0; key.min_output_size()];
    assert_eq!(key.decrypt(&cipher, &mut plain).unwrap(), sample("accNo_plain").as_bytes());
    let more = [("accNo", sample("accNo_plain")), ("customerInfo", sample("customerInfo_base64"))];
    let order = desk.order(("01", "01"), "A0000002", 100, more);
    assert_eq!(desk.call(APP, &order).await.value("respCode"), Some("00"));
    desk.pay("A0000002", false).unwrap();
    assert_eq!(desk.query(&order).await.value("accNo"), Some("6216***********0018"));
    let saved = desk.mock.save().to_string();
    assert!(!saved.contains(sample("accNo_plain")), "no card number is kept");
}

#[tokio::test]
async fn what_cannot_be_decrypted_is_refused_by_its_name() {
    let desk = Desk::silent();
    let pin = |block: &[u8]| {
        let certificate = text(vectors::unionpay(), "/certificates/upenc/cert_pem");
        let cipher = encrypt_to(&Certificate::parse(certificate).unwrap(), block).unwrap();
        STANDARD.encode(format!("{{pin={cipher}}}"))
    };
    let block = hex::decode(sample("pin_block/ansi_x98_block_hex")).unwrap();
    let (good_pin, bad_pin) = (pin(&block), pin(b"12345678"));
    let id = sample("encryptCertId");
    for (account, cert_id, info, code) in [
        ("6216261000000000018", "", good_pin.as_str(), "00"),
        ("6216261000000000018", "", bad_pin.as_str(), "65"),
        ("", "", good_pin.as_str(), "13"),
        ("6216261000000000018", id, "", "10"),
        ("6216261000000000018", "1", "", "10"),
        (sample("accNo_cipher_base64"), "", "", "10"),
        ("621626100000000001x", "", "", "10"),
        ("", "", "not base64", "10"),
        ("", "", "e2E9MX0=", "10"),
        ("", "", "eyJhIjoxfQ", "10"),
    ] {
        let desk = Desk::silent();
        let mut order = desk.order(("01", "01"), "A0000001", 100, []);
        for (name, value) in [("accNo", account), ("encryptCertId", cert_id), ("customerInfo", info)] {
            if !value.is_empty() {
                order.put(name, value);
            }
        }
        let answer = desk.call(APP, &order).await;
        assert_eq!(answer.value("respCode"), Some(code), "{account} {cert_id} {info}");
    }
    drop(desk);
}

#[test]
fn pin_blocks_open_as_in_the_vectors() {
    let block = hex::decode(sample("pin_block/ansi_x98_block_hex")).unwrap();
    let number = sample("pin_block/pan");
    assert_eq!(pin_of(&block, number).as_deref(), Some(sample("pin_block/pin")));
    assert_eq!(pin_of(&block, "6226090000000048"), None, "another card");
    assert_eq!(pin_of(&block[..7], number), None);
    assert_eq!(pin_of(&block, "123"), None);
}

#[test]
fn the_vectors_ciphertexts_open() {
    let keys = crate::unionpay::keyring::Keyring::new(&crate::unionpay::of_vectors()).unwrap();
    let open = |name: &str| keys.vault().open(sample(name)).unwrap();
    assert_eq!(open("accNo_cipher_base64"), sample("accNo_plain").as_bytes());
    let block = open("pin_block/cipher_base64");
    assert_eq!(hex::encode_upper(block), sample("pin_block/ansi_x98_block_hex"));
    assert_eq!(keys.vault().open("AAAA"), None);
}
