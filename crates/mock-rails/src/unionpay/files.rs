//! The keys and certificates of this rail as files.
//!
//! | file | what it is | who needs it |
//! |---|---|---|
//! | `merchant.json` | `mer_id`, `cert_id`, the same of the next certificate, `encrypt_cert_id` | the merchant |
//! | `merchant_private_key.pem`, `merchant_certificate.pem` | the merchant's signing pair | the merchant |
//! | `merchant_next_private_key.pem`, `merchant_next_certificate.pem` | the pair it changes to | the merchant |
//! | `root_certificate.pem`, `middle_certificate.pem` | stand for `acp_*_root.cer` and `acp_*_middle.cer` | the merchant |
//! | `encryption_certificate.pem` | stands for `acp_*_enc.cer` | the merchant |
//! | `secure_key.txt` | the shared key of signMethod 11 and 12 | both |
//! | `gateway_*.pem`, `gateway_next_*.pem` | the gateway's signing pair and its next | the gateway |
//! | `gateway_legacy_*.pem` | signer with the old test name `00040000:SIGN` | the gateway |
//! | `gateway_wrong_name_*.pem`, `gateway_expired_*.pem`, `gateway_untrusted_*.pem` | signers to be refused | the gateway |
//! | `encryption_private_key.pem` | decrypts what merchants encrypt | the gateway |
//!
//! A client that wants PKCS#12 gets it by `openssl pkcs12 -export -inkey merchant_private_key.pem -in
//! merchant_certificate.pem -passout pass:000000`, the password of the public test environment.

use serde_json::json;

use super::certificate::Certificate;
use crate::Files;
use crate::vectors::{self, text};

pub(super) const MERCHANT: &str = "merchant_certificate.pem";
pub(super) const MERCHANT_NEXT: &str = "merchant_next_certificate.pem";
pub(super) const SECURE_KEY: &str = "secure_key.txt";
pub(super) const DESCRIPTION: &str = "merchant.json";

/// The files of the vectors: one merchant, every signer to be refused, and no next keys, because the vectors have none
/// that their root would vouch for.
pub fn of_vectors() -> Files {
    let file = vectors::unionpay();
    let mut files = Files::new();
    for (name, entry) in [
        ("merchant", "merchant"),
        ("gateway", "upsign"),
        ("gateway_legacy", "upsign_test"),
        ("gateway_wrong_name", "wrongcn"),
        ("gateway_expired", "expired"),
        ("gateway_untrusted", "badleaf"),
        ("encryption", "upenc"),
    ] {
        let part = |part: &str| text(file, &format!("/certificates/{entry}/{part}")).to_owned();
        files.insert(format!("{name}_private_key.pem"), part("private_key_pem"));
        files.insert(format!("{name}_certificate.pem"), part("cert_pem"));
    }
    for name in ["root", "middle"] {
        let pem = text(file, &format!("/certificates/{name}/cert_pem"));
        files.insert(format!("{name}_certificate.pem"), pem.to_owned());
    }
    files.insert(SECURE_KEY.to_owned(), text(file, "/symmetric_key/value").to_owned());
    describe(&mut files, text(file, "/requests/0/fields/merId"));
    files
}

/// Adds `merchant.json`.
pub(super) fn describe(files: &mut Files, mer_id: &str) {
    let serial = |name: &str| {
        files.get(name).and_then(|pem| Certificate::parse(pem)).map(|found| found.serial().to_owned())
    };
    let about = json!({
        "mer_id": mer_id,
        "cert_id": serial(MERCHANT),
        "next_cert_id": serial(MERCHANT_NEXT),
        "encrypt_cert_id": serial("encryption_certificate.pem"),
    });
    files.insert(DESCRIPTION.to_owned(), format!("{about:#}\n"));
}

/// The merchant number of `merchant.json`.
pub(super) fn mer_id(files: &Files) -> Result<String, String> {
    let about = files.get(DESCRIPTION).ok_or_else(|| format!("{DESCRIPTION} is missing"))?;
    let about: serde_json::Value =
        serde_json::from_str(about).map_err(|error| format!("{DESCRIPTION}: {error}"))?;
    let mer_id = about.get("mer_id").and_then(serde_json::Value::as_str);
    mer_id.map(str::to_owned).ok_or_else(|| format!("{DESCRIPTION} has no mer_id"))
}

/// Private key and certificate of that name; `None` when both are absent.
pub(super) fn pair<'a>(files: &'a Files, name: &str) -> Result<Option<(&'a str, &'a str)>, String> {
    let part = |part: &str| files.get(&format!("{name}_{part}.pem"));
    match (part("private_key"), part("certificate")) {
        (Some(key), Some(certificate)) => Ok(Some((key, certificate))),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(format!("{name} has only one of key and certificate")),
    }
}
