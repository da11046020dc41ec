//! The files of this rail: one merchant's ids, keys and certificates.
//!
//! | file | content |
//! |---|---|
//! | `merchant.json` | `mchid`, `appid`, `name`, the serial numbers below, and `fee_per_10_000` (60) |
//! | `apiv3_key.txt` | 32 characters: the APIv3 key |
//! | `merchant_private_key.pem`, `merchant_certificate.pem`, `merchant_public_key.pem` | the merchant's API certificate |
//! | `merchant_next_…` | the one after a change; only in a world of its own |
//! | `platform_certificate.pem`, `platform_private_key.pem` | the platform certificate in use, and the rail's key |
//! | `platform_next_…` | the one that follows it |
//! | `wechatpay_public_key.pem`, `wechatpay_private_key.pem` | public-key mode; its id is `public_key_id` |

use serde::{Deserialize, Serialize};

use super::keys::UnusableKey;
use crate::Files;
use crate::forge::{Authority, Forge, ForgeError, Kind, Name, RsaKey};
use crate::vectors::{self, text};

/// Ids and serial numbers of the merchant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    pub(crate) mchid: String,
    pub(crate) appid: String,
    #[serde(default = "usual_name")]
    pub(crate) name: String,
    pub(crate) merchant_serial: String,
    #[serde(default)]
    pub(crate) merchant_serial_next: Option<String>,
    pub(crate) platform_serial: String,
    pub(crate) platform_serial_next: String,
    pub(crate) public_key_id: String,
    /// What a payment costs the merchant, in ten-thousandths of its amount.
    #[serde(default = "usual_fee")]
    pub(crate) fee_per_10_000: i64,
}

fn usual_name() -> String {
    "测试商户".to_owned()
}

/// 0.60 %.
fn usual_fee() -> i64 {
    60
}

impl Account {
    pub(super) fn read(files: &Files) -> Result<Self, UnusableKey> {
        let unusable = |why: &str| UnusableKey(format!("merchant.json ({why})"));
        let text = files.get("merchant.json").ok_or_else(|| unusable("not there"))?;
        serde_json::from_str(text).map_err(|error| unusable(&error.to_string()))
    }
}

/// The test merchant of the vector file, which everybody knows; its own certificate has no successor.
pub fn of_vectors() -> Files {
    let file = vectors::wechatpay();
    let at = |pointer: &str| text(file, &format!("/keys{pointer}"));
    let account = Account {
        mchid: at("/merchant/mchid").to_owned(),
        appid: at("/merchant/appid").to_owned(),
        name: usual_name(),
        merchant_serial: at("/merchant/serial_no").to_owned(),
        merchant_serial_next: None,
        platform_serial: at("/platform_certificate/serial_no").to_owned(),
        platform_serial_next: at("/platform_certificate_next/serial_no").to_owned(),
        public_key_id: at("/wechatpay_public_key/id").to_owned(),
        fee_per_10_000: usual_fee(),
    };
    let texts = [
        ("apiv3_key.txt", "/apiv3_key"),
        ("merchant_private_key.pem", "/merchant/private_key_pem"),
        ("merchant_certificate.pem", "/merchant/certificate_pem"),
        ("merchant_public_key.pem", "/merchant/public_key_pem"),
        ("platform_private_key.pem", "/platform_certificate/private_key_pem"),
        ("platform_certificate.pem", "/platform_certificate/certificate_pem"),
        ("platform_next_private_key.pem", "/platform_certificate_next/private_key_pem"),
        ("platform_next_certificate.pem", "/platform_certificate_next/certificate_pem"),
        ("wechatpay_private_key.pem", "/wechatpay_public_key/private_key_pem"),
        ("wechatpay_public_key.pem", "/wechatpay_public_key/public_key_pem"),
    ];
    let files = texts.into_iter().map(|(name, pointer)| (name.to_owned(), at(pointer).to_owned()));
    files.chain([described(&account)]).collect()
}

/// Makes every file, with a successor for both sides.
///
/// # Errors
/// When the system has no randomness.
pub fn forge(forge: &Forge) -> Result<Files, ForgeError> {
    let mut files = Files::new();
    let (merchants, platform) =
        (authority(forge, "Mock Merchant CA")?, authority(forge, "Tenpay.com Root CA")?);
    let mchid = format!("19{:08}", number(&forge.bytes(4)?) % 100_000_000);
    let key_id = format!("PUB_KEY_ID_01{mchid}{:022}", number(&forge.bytes(8)?));
    let account = Account {
        appid: format!("wx{}", hex::encode(forge.bytes(8)?)),
        name: usual_name(),
        merchant_serial: pair(&mut files, forge, &merchants, "merchant", &mchid)?,
        merchant_serial_next: Some(pair(&mut files, forge, &merchants, "merchant_next", &mchid)?),
        platform_serial: pair(&mut files, forge, &platform, "platform", "Tenpay.com sign")?,
        platform_serial_next: pair(&mut files, forge, &platform, "platform_next", "Tenpay.com sign")?,
        public_key_id: key_id,
        fee_per_10_000: usual_fee(),
        mchid,
    };
    let rail = forge.rsa()?;
    for (name, text) in [
        ("wechatpay_private_key.pem", rail.pkcs8_pem),
        ("wechatpay_public_key.pem", rail.spki_pem),
        ("apiv3_key.txt", forge.text(32)?),
    ] {
        files.insert(name.to_owned(), text);
    }
    // The rail keeps its private keys; a merchant gets certificates and the public key.
    files.extend([described(&account)]);
    Ok(files)
}

fn described(account: &Account) -> (String, String) {
    ("merchant.json".to_owned(), serde_json::to_string_pretty(account).unwrap_or_default())
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn authority(forge: &Forge, common_name: &str) -> Result<Authority, ForgeError> {
    let key: RsaKey = forge.rsa()?;
    forge.root(&Name { country: "CN", organization: "Mock", unit: "", common_name }, &key, 1)
}

/// A key with its certificate; answers the serial number as the rail prints it: 40 upper-case hex digits.
fn pair(
    files: &mut Files,
    forge: &Forge,
    authority: &Authority,
    name: &str,
    common_name: &str,
) -> Result<String, ForgeError> {
    let mut serial = forge.bytes(20)?;
    if let Some(first) = serial.first_mut() {
        // A positive number of full length: some clients compare it as a number, others as text.
        *first = 0x40 | (*first & 0x3f);
    }
    let key = forge.rsa()?;
    let subject = Name { country: "CN", organization: "Mock", unit: "", common_name };
    let certificate = forge.issue_under(authority, &subject, &key, &serial, Kind::Signer)?;
    files.insert(format!("{name}_certificate.pem"), certificate);
    files.insert(format!("{name}_private_key.pem"), key.pkcs8_pem);
    files.insert(format!("{name}_public_key.pem"), key.spki_pem);
    Ok(hex::encode_upper(serial))
}

#[cfg(test)]
mod tests {
    use super::super::keys::Keys;
    use super::*;

    #[test]
    fn forged_and_known_files_can_be_read() {
        let forged = forge(&Forge::at("2026-03-01T00:00:00Z".parse().unwrap())).unwrap();
        let keys = Keys::read(&forged).unwrap();
        assert!(keys.has_next_merchant());
        assert_eq!((keys.account.platform_serial.len(), keys.account.public_key_id.len()), (40, 11 + 34));
        assert!(!Keys::read(&of_vectors()).unwrap().has_next_merchant());
        for name in forged
            .keys()
            .filter(|name| !name.contains("merchant_private") && !name.ends_with("certificate.pem"))
        {
            let mut files = forged.clone();
            files.remove(name);
            let needed = !matches!(
                name.as_str(),
                "merchant_next_private_key.pem"
                    | "platform_public_key.pem"
                    | "platform_next_public_key.pem"
                    | "wechatpay_public_key.pem"
            );
            let error = Keys::read(&files).err().map(|error| error.to_string());
            assert_eq!(
                error.as_deref().is_some_and(|text| text.contains(name.as_str())),
                needed,
                "{name}: {error:?}"
            );
        }
    }
}
