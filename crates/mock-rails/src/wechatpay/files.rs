//! The ids, keys and certificates of this rail as files.
//!
//! | file | what it is | who needs it |
//! |---|---|---|
//! | `merchant.json` | `mchid`, `appid`, `serial_no`, `platform_serial_no`, `public_key_id`, and the next serial numbers | the merchant |
//! | `apiv3_key.txt` | 32 characters, the key of notifications and downloaded certificates | both |
//! | `merchant_private_key.pem`, `merchant_certificate.pem` | the API certificate in use (`apiclient_key.pem`, `apiclient_cert.pem`) | the merchant |
//! | `merchant_next_private_key.pem`, `merchant_next_certificate.pem` | the one it changes to; may be absent | the merchant |
//! | `platform_certificate.pem`, `platform_next_certificate.pem` | what `GET /v3/certificates` lists | the merchant, in certificate mode |
//! | `wechatpay_public_key.pem` | the key of public-key mode (`pub_key.pem`) | the merchant, in that mode |
//! | `platform_private_key.pem`, `platform_next_private_key.pem`, `wechatpay_private_key.pem` | sign answers and notifications, open sensitive fields | the rail |

use serde_json::{Value, json};

use super::certificate::Certificate;
use super::keys::UnusableKey;
use super::merchant::key_text;
use crate::Files;

pub(crate) const DESCRIPTION: &str = "merchant.json";
pub(crate) const APIV3_KEY: &str = "apiv3_key.txt";
pub(crate) const PUBLIC_KEY: &str = "wechatpay_public_key.pem";
pub(crate) const PUBLIC_KEY_PRIVATE: &str = "wechatpay_private_key.pem";

/// The ids of `merchant.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) mchid: String,
    pub(crate) appid: String,
    pub(crate) public_key_id: String,
}

/// The files of the public test merchant. There is no next merchant certificate among them.
pub fn of_vectors() -> Files {
    let mut files = Files::new();
    let mut put = |name: &str, text: &str| files.insert(name.to_owned(), text.to_owned());
    for (name, entry) in [
        ("merchant", "merchant"),
        ("platform", "platform_certificate"),
        ("platform_next", "platform_certificate_next"),
    ] {
        put(&private_key(name), key_text(&format!("/{entry}/private_key_pem")));
        put(&certificate(name), key_text(&format!("/{entry}/certificate_pem")));
    }
    put(PUBLIC_KEY, key_text("/wechatpay_public_key/public_key_pem"));
    put(PUBLIC_KEY_PRIVATE, key_text("/wechatpay_public_key/private_key_pem"));
    put(APIV3_KEY, key_text("/apiv3_key"));
    let ids = Ids {
        mchid: key_text("/merchant/mchid").to_owned(),
        appid: key_text("/merchant/appid").to_owned(),
        public_key_id: key_text("/wechatpay_public_key/id").to_owned(),
    };
    describe(&mut files, &ids);
    files
}

/// The name of a private key's file.
pub(crate) fn private_key(name: &str) -> String {
    format!("{name}_private_key.pem")
}

/// The name of a certificate's file.
pub(crate) fn certificate(name: &str) -> String {
    format!("{name}_certificate.pem")
}

/// Adds `merchant.json`.
pub(crate) fn describe(files: &mut Files, ids: &Ids) {
    let serial = |name: &str| {
        files.get(&certificate(name)).and_then(|pem| Certificate::parse(pem)).map(|found| found.serial)
    };
    let about = json!({
        "mchid": ids.mchid,
        "appid": ids.appid,
        "serial_no": serial("merchant"),
        "next_serial_no": serial("merchant_next"),
        "platform_serial_no": serial("platform"),
        "next_platform_serial_no": serial("platform_next"),
        "public_key_id": ids.public_key_id,
    });
    files.insert(DESCRIPTION.to_owned(), format!("{about:#}\n"));
}

/// The ids of `merchant.json`.
pub(crate) fn ids(files: &Files) -> Result<Ids, UnusableKey> {
    let unusable = || UnusableKey(DESCRIPTION.to_owned());
    let about: Value =
        files.get(DESCRIPTION).and_then(|text| serde_json::from_str(text).ok()).ok_or_else(unusable)?;
    let id = |name: &str| {
        let text = about.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(unusable)
    };
    Ok(Ids { mchid: id("mchid")?, appid: id("appid")?, public_key_id: id("public_key_id")? })
}
