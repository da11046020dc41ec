//! Ids, keys and certificates of this rail, made at the first start of a world.

use super::files::{self, APIV3_KEY, Account, PUBLIC_KEY, PUBLIC_KEY_PRIVATE};
use crate::Files;
use crate::forge::{Forge, ForgeError, Kind, Name};

/// Makes every file that [`super::files`] lists, with the next pairs of both sides.
///
/// # Errors
/// When the system has no randomness.
pub fn forge(forge: &Forge) -> Result<Files, ForgeError> {
    let mut made = Files::new();
    let named = |common_name| Name { country: "CN", organization: "Mock Tenpay", unit: "", common_name };
    let root = forge.root(&named("Mock Tenpay Root CA"), &forge.rsa()?, 1)?;
    let mchid = format!("19{}", digits(forge, 8)?);
    for (file, common_name) in [
        ("merchant", mchid.as_str()),
        ("merchant_next", mchid.as_str()),
        ("platform", "Mock Tenpay platform"),
        ("platform_next", "Mock Tenpay platform"),
    ] {
        let mut serial = forge.bytes(20)?;
        if let Some(first) = serial.first_mut() {
            // 40 hex digits, as this rail's are: no leading zero, which one SDK strips, and no sign bit.
            *first = 0x10 | (*first & 0x6F);
        }
        let key = forge.rsa()?;
        let certificate = forge.issue_under(&root, &named(common_name), &key, &serial, Kind::Signer)?;
        made.insert(files::certificate(file), certificate);
        made.insert(files::private_key(file), key.pkcs8_pem);
    }
    let public_key = forge.rsa()?;
    made.insert(PUBLIC_KEY.to_owned(), public_key.spki_pem);
    made.insert(PUBLIC_KEY_PRIVATE.to_owned(), public_key.pkcs8_pem);
    made.insert(APIV3_KEY.to_owned(), forge.text(32)?);
    let appid = format!("wx{}", hex::encode(forge.bytes(8)?));
    // 01, the merchant number, the day, 14 digits: the layout that was seen.
    let public_key_id = format!("PUB_KEY_ID_01{mchid}20260101{}", digits(forge, 14)?);
    files::describe(&mut made, &Account::new(mchid, appid, public_key_id));
    Ok(made)
}

fn digits(forge: &Forge, count: usize) -> Result<String, ForgeError> {
    Ok(forge.bytes(count)?.iter().map(|byte| char::from(b'0' + byte % 10)).collect())
}
