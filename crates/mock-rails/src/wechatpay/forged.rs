//! Ids, keys and certificates of this rail, made at the first start of a world.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256,
    SerialNumber,
};

use super::certificate::Certificate;
use super::files::{self, APIV3_KEY, Ids, PUBLIC_KEY, PUBLIC_KEY_PRIVATE};
use crate::Files;
use crate::forge::{Authority, Forge, ForgeError, Kind, Name, RsaKey};

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
        let key = forge.rsa()?;
        made.insert(files::certificate(file), issue(forge, &root, &named(common_name), &key)?);
        made.insert(files::private_key(file), key.pkcs8_pem);
    }
    let public_key = forge.rsa()?;
    made.insert(PUBLIC_KEY.to_owned(), public_key.spki_pem);
    made.insert(PUBLIC_KEY_PRIVATE.to_owned(), public_key.pkcs8_pem);
    made.insert(APIV3_KEY.to_owned(), forge.text(32)?);
    let ids = Ids {
        appid: format!("wx{}", hex::encode(forge.bytes(8)?)),
        // 01, the merchant number, the day, 14 digits: the layout that was seen.
        public_key_id: format!("PUB_KEY_ID_01{mchid}20260101{}", digits(forge, 14)?),
        mchid,
    };
    files::describe(&mut made, &ids);
    Ok(made)
}

fn digits(forge: &Forge, count: usize) -> Result<String, ForgeError> {
    Ok(forge.bytes(count)?.iter().map(|byte| char::from(b'0' + byte % 10)).collect())
}

/// A certificate with a serial number of 40 hex digits, as this rail's are, which lives as long as its issuer.
fn issue(forge: &Forge, root: &Authority, name: &Name<'_>, key: &RsaKey) -> Result<String, ForgeError> {
    let mut serial = forge.bytes(20)?;
    if let Some(first) = serial.first_mut() {
        // No leading zero, which one SDK strips, and no sign bit.
        *first = 0x10 | (*first & 0x6F);
    }
    // What fails here fails there as well, and is told in its words.
    issue_under(root, name, key, &serial).or_else(|_| forge.issue(root, name, key, 0x1000_0001, Kind::Signer))
}

fn issue_under(
    root: &Authority,
    name: &Name<'_>,
    key: &RsaKey,
    serial: &[u8],
) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (kind, text) in [
        (DnType::CountryName, name.country),
        (DnType::OrganizationName, name.organization),
        (DnType::CommonName, name.common_name),
    ] {
        params.distinguished_name.push(kind, text);
    }
    params.serial_number = Some(SerialNumber::from_slice(serial));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    let ymd = |at: Timestamp| {
        let date = at.to_zoned(TimeZone::UTC).date();
        let part = |number: i8| u8::try_from(number).unwrap_or(1);
        rcgen::date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
    };
    if let Some(issuer) = Certificate::parse(&root.certificate_pem) {
        (params.not_before, params.not_after) = (ymd(issuer.from), ymd(issuer.until));
    }
    let pair = |pem: &str| KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_RSA_SHA256);
    let issuer = Issuer::from_ca_cert_pem(&root.certificate_pem, pair(&root.key_pem.0)?)?;
    Ok(params.signed_by(&pair(&key.pkcs8_pem)?, &issuer)?.pem())
}
