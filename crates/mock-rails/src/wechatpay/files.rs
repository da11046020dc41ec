//! The ids, keys and certificates of this rail as files.
//!
//! | file | what it is | who needs it |
//! |---|---|---|
//! | `merchant.json` | `mchid`, `appid`, `public_key_id`, the serial numbers (`merchant_serial`, `platform_serial`, and the `…_next` of both), and optionally `name` (what payers see), `fee_per_10_000` (60) and `settings` (see [`Settings`]) | the merchant |
//! | `apiv3_key.txt` | 32 characters, the key of notifications and downloaded certificates | both |
//! | `merchant_private_key.pem`, `merchant_certificate.pem` | the API certificate in use (`apiclient_key.pem`, `apiclient_cert.pem`) | the merchant |
//! | `merchant_next_private_key.pem`, `merchant_next_certificate.pem` | the one it changes to; may be absent | the merchant |
//! | `platform_certificate.pem`, `platform_next_certificate.pem` | what `GET /v3/certificates` lists | the merchant, in certificate mode |
//! | `wechatpay_public_key.pem` | the key of public-key mode (`pub_key.pem`) | the merchant, in that mode |
//! | `platform_private_key.pem`, `platform_next_private_key.pem`, `wechatpay_private_key.pem` | sign answers and notifications, open sensitive fields | the rail |
//!
//! The serial numbers in `merchant.json` are for people: the rail reads those of the certificates.

use serde::Deserialize;
use serde_json::json;

use super::certificate::Certificate;
use super::keys::UnusableKey;
use super::merchant::key_text;
use super::settings::Settings;
use crate::Files;

pub(crate) const DESCRIPTION: &str = "merchant.json";
pub(crate) const APIV3_KEY: &str = "apiv3_key.txt";
pub(crate) const PUBLIC_KEY: &str = "wechatpay_public_key.pem";
pub(crate) const PUBLIC_KEY_PRIVATE: &str = "wechatpay_private_key.pem";

/// The highest fee: everything.
const FEE_MAX: u16 = 10_000;

/// What the rail reads of `merchant.json`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Account {
    pub(crate) mchid: String,
    pub(crate) appid: String,
    pub(crate) public_key_id: String,
    #[serde(default = "usual_name")]
    pub(crate) name: String,
    /// What the rail keeps of a payment, in hundredths of a percent; half a fen is rounded up.
    #[serde(default = "usual_fee")]
    pub(crate) fee_per_10_000: u16,
    /// Instead of those that the rail was started with.
    #[serde(default)]
    pub(crate) settings: Option<Settings>,
}

fn usual_name() -> String {
    "测试商户".to_owned()
}

/// 0.60 %.
fn usual_fee() -> u16 {
    60
}

impl Account {
    /// With the usual name and fee.
    pub(crate) fn new(mchid: String, appid: String, public_key_id: String) -> Self {
        Self { mchid, appid, public_key_id, name: usual_name(), fee_per_10_000: usual_fee(), settings: None }
    }

    /// What `merchant.json` says.
    pub(crate) fn read(files: &Files) -> Result<Self, UnusableKey> {
        let unusable = |why: &str| UnusableKey(format!("{DESCRIPTION} ({why})"));
        let text = files.get(DESCRIPTION).ok_or_else(|| unusable("it is missing"))?;
        let account: Self = serde_json::from_str(text).map_err(|error| unusable(&error.to_string()))?;
        if account.fee_per_10_000 > FEE_MAX {
            return Err(unusable("fee_per_10_000 is at most 10000"));
        }
        Ok(account)
    }
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
    let id = |pointer| key_text(pointer).to_owned();
    let account = Account::new(id("/merchant/mchid"), id("/merchant/appid"), id("/wechatpay_public_key/id"));
    describe(&mut files, &account);
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
pub(crate) fn describe(files: &mut Files, account: &Account) {
    let serial = |name: &str| {
        files.get(&certificate(name)).and_then(|pem| Certificate::parse(pem)).map(|found| found.serial)
    };
    let about = json!({
        "mchid": account.mchid,
        "appid": account.appid,
        "name": account.name,
        "merchant_serial": serial("merchant"),
        "merchant_serial_next": serial("merchant_next"),
        "platform_serial": serial("platform"),
        "platform_serial_next": serial("platform_next"),
        "public_key_id": account.public_key_id,
        "fee_per_10_000": account.fee_per_10_000,
    });
    files.insert(DESCRIPTION.to_owned(), format!("{about:#}\n"));
}
