//! Sensitive data: what a merchant encrypts to this gateway, and what this gateway encrypts back.
//!
//! Card numbers, and `encryptedInfo` inside `customerInfo`, are RSA PKCS#1 v1.5 in base64; a PIN is an ISO format 0
//! block inside such a ciphertext. Of a card number the book keeps only what it will show: masked forms, and the
//! ciphertext for the merchant.

use aws_lc_rs::rsa::{
    Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::certificate::Certificate;
use super::codes::{Code, Refusal};
use super::keyring::Keyring;
use super::wire::{Charset, Fields};
use crate::parsed::parsed;
use crate::vectors;

/// The gateway's decryption key.
pub(super) struct Vault {
    key: Pkcs1PrivateDecryptingKey,
    cert_id: String,
}

impl Vault {
    /// From PKCS#8 PEM and certificate PEM; `None` when one of them cannot be used.
    pub(super) fn new(private_key_pem: &str, certificate_pem: &str) -> Option<Self> {
        let der = vectors::der_of_pem(private_key_pem)?;
        let key = parsed(&der, |der| PrivateDecryptingKey::from_pkcs8(der).ok())?;
        let cert_id = Certificate::parse(certificate_pem)?.serial().to_owned();
        Some(Self { key: Pkcs1PrivateDecryptingKey::new((*key).clone()).ok()?, cert_id })
    }

    /// The plain bytes of a base64 ciphertext.
    pub(super) fn open(&self, text: &str) -> Option<Vec<u8>> {
        let cipher = STANDARD.decode(text).ok()?;
        let mut plain = vec![0; self.key.min_output_size()];
        self.key.decrypt(&cipher, &mut plain).ok().map(|plain| plain.to_vec())
    }
}

/// Encrypts to a certificate, base64; `None` when its key is no RSA key or the text is too long.
pub(super) fn encrypt_to(certificate: &Certificate, plain: &[u8]) -> Option<String> {
    let key = PublicEncryptingKey::from_der(certificate.public_key()).ok()?;
    let key = Pkcs1PublicEncryptingKey::new(key).ok()?;
    let mut cipher = vec![0; key.ciphertext_size()];
    key.encrypt(plain, &mut cipher).ok().map(|cipher| STANDARD.encode(cipher))
}

/// The payer's card as this gateway shows it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Card {
    /// In messages: the first four and the last four digits.
    pub(super) masked: String,
    /// In reconciliation files: the first six and the last four.
    pub(super) filed: String,
    /// Encrypted to the merchant, which sent it encrypted; in place of the masked form.
    pub(super) sealed: Option<String>,
}

impl Card {
    /// The card of a payer whom nobody asked for one: the credit card of the public test environment.
    pub(super) fn of_this_world() -> Self {
        Self::masked("6226090000000048")
    }

    fn masked(digits: &str) -> Self {
        let with = |front: usize| {
            let (head, tail) = (digits.get(..front).unwrap_or(""), digits.len().saturating_sub(4));
            format!("{head}{}{}", "*".repeat(tail.saturating_sub(front)), digits.get(tail..).unwrap_or(""))
        };
        Self { masked: with(4), filed: with(6), sealed: None }
    }
}

/// Reads `accNo` and `customerInfo`, so that a merchant learns of a wrong encryption at once. `None` without `accNo`.
///
/// What the real gateway answers to data that it cannot decrypt is unconfirmed; here it is 10 and the field's name.
pub(super) fn card(fields: &Fields, charset: Charset, keys: &Keyring) -> Result<Option<Card>, Refusal> {
    let wrong = |name| Refusal::about(Code::FORMAT, name);
    let encrypted = match fields.value("encryptCertId") {
        Some(id) if id != keys.vault().cert_id => return Err(wrong("encryptCertId")),
        Some(_) => true,
        None => false,
    };
    let number = match fields.value("accNo") {
        Some(text) if encrypted => {
            let plain = keys.vault().open(text).and_then(|plain| String::from_utf8(plain).ok());
            Some(plain.ok_or_else(|| wrong("accNo"))?)
        }
        Some(text) => Some(text.to_owned()),
        None => None,
    };
    if number.as_deref().is_some_and(|number| !is_number(number)) {
        return Err(wrong("accNo"));
    }
    if let Some(info) = fields.value("customerInfo") {
        read_customer(info, number.as_deref(), charset, keys.vault())?;
    }
    let Some(number) = number else { return Ok(None) };
    let mut card = Card::masked(&number);
    if encrypted {
        let certificate = keys.merchant_for(fields.value("certId"));
        card.sealed = encrypt_to(&certificate, number.as_bytes());
    }
    Ok(Some(card))
}

fn is_number(text: &str) -> bool {
    (12..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// What a customer's data may hold.
const CUSTOMER: [&str; 9] =
    ["certifTp", "certifId", "customerNm", "phoneNo", "smsCode", "pin", "cvn2", "expired", "encryptedInfo"];

fn read_customer(info: &str, number: Option<&str>, charset: Charset, vault: &Vault) -> Result<(), Refusal> {
    let wrong = || Refusal::about(Code::FORMAT, "customerInfo");
    let text = STANDARD.decode(info).ok().and_then(|bytes| charset.decode(&bytes)).ok_or_else(wrong)?;
    if !(text.starts_with('{') && text.ends_with('}')) {
        return Err(wrong());
    }
    let given = Fields::parse_bare(&text).map_err(|_| wrong())?;
    if given.iter().any(|(name, _)| !CUSTOMER.contains(&name)) {
        return Err(wrong());
    }
    if let Some(cipher) = given.value("encryptedInfo") {
        let plain = vault.open(cipher).and_then(|plain| charset.decode(&plain)).ok_or_else(wrong)?;
        let secret = Fields::parse_bare(&plain).map_err(|_| wrong())?;
        if secret.iter().any(|(name, _)| !["phoneNo", "cvn2", "expired"].contains(&name)) {
            return Err(wrong());
        }
    }
    match (given.value("pin"), number) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(Refusal::about(Code::MISSING, "accNo")),
        (Some(cipher), Some(number)) => {
            let block = vault.open(cipher).ok_or_else(wrong)?;
            pin_of(&block, number).map(|_| ()).ok_or_else(|| Code::armed("65".to_owned()).0.into())
        }
    }
}

/// The PIN of an ISO format 0 block: its field XOR the twelve card digits before the check digit.
pub(super) fn pin_of(block: &[u8], number: &str) -> Option<String> {
    let digits = number.get(number.len().checked_sub(13)?..number.len() - 1)?;
    let card = hex::decode(format!("0000{digits}")).ok()?;
    if block.len() != 8 {
        return None;
    }
    let field: Vec<u8> = block.iter().zip(&card).map(|(a, b)| a ^ b).collect();
    let field = hex::encode(field);
    let length =
        usize::from_str_radix(field.get(1..2)?, 16).ok().filter(|length| (4..=12).contains(length))?;
    let pin = field.get(2..2 + length)?;
    let filled = field.get(2 + length..)?.bytes().all(|b| b == b'f');
    (field.starts_with('0') && filled && pin.bytes().all(|b| b.is_ascii_digit())).then(|| pin.to_owned())
}
