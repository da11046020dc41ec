//! What the mock is built from: one merchant's ids, keys and certificates as files; they are listed in [`super`].

use std::sync::Mutex;

use aws_lc_rs::rsa::KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;

use super::aes::AesKey;
use super::cert::{Certificate, chain_holds, root_sn};
use super::keys::{AppKey, CertFile, Keys, Signer, Stages};
use crate::forge::{Authority, Files, Forge, ForgeError, Kind, Name, Pem, RsaKey};
use crate::parsed::parsed;
use crate::vectors::{self, der_of_pem, text};

/// The ids of the merchant, and of the payer of this world.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    pub(super) app_id: String,
    pub(super) seller_id: String,
    pub(super) seller_email: String,
    pub(super) buyer_id: String,
    pub(super) buyer_logon_id: String,
    /// What a payment costs the merchant, in ten-thousandths of its amount.
    #[serde(default = "usual_fee")]
    pub(super) fee_per_10_000: i64,
    /// What v3 answers while the payer is asked was found documented nowhere: 202, or 200 without `gmt_payment`. 200 is
    /// what every client takes for an answer, so that is the default.
    #[serde(default)]
    pub(super) v3_waiting_is_202: bool,
}

/// 0.60 %.
fn usual_fee() -> i64 {
    60
}

/// Everything read.
pub(super) struct Material {
    pub(super) account: Account,
    pub(super) keys: Keys,
    pub(super) aes: Option<AesKey>,
}

impl Material {
    /// Reads the files and checks that they fit together.
    ///
    /// # Errors
    /// Names the file that is missing or wrong.
    pub(super) fn read(files: &Files) -> Result<Self, String> {
        let account = serde_json::from_str(needed(files, "merchant.json")?)
            .map_err(|error| format!("alipay/merchant.json: {error}"))?;
        let roots = match files.get("alipay_root_cert.pem") {
            Some(pem) => Certificate::all(pem).ok_or("alipay/alipay_root_cert.pem cannot be read")?,
            None => Vec::new(),
        };
        let next = |name: &str| files.contains_key(name);
        let rail_next =
            next("next_alipay_private_key.pem").then(|| signer(files, "next_", &roots)).transpose()?;
        let app_next =
            next("next_app_public_key.pem").then(|| app_key(files, "next_", &roots)).transpose()?;
        let keys = Keys {
            rail: signer(files, "", &roots)?,
            rail_next,
            app: app_key(files, "", &roots)?,
            app_next,
            root_sn: (!roots.is_empty()).then(|| root_sn(&roots)),
            stages: Mutex::new(Stages::default()),
        };
        let aes = match files.get("aes_key.txt") {
            Some(text) => {
                Some(AesKey::parse(text).ok_or("alipay/aes_key.txt is not base64 of sixteen bytes")?)
            }
            None => None,
        };
        Ok(Self { account, keys, aes })
    }
}

fn needed<'a>(files: &'a Files, name: &str) -> Result<&'a str, String> {
    files.get(name).map(String::as_str).ok_or_else(|| format!("alipay/{name} is missing"))
}

fn signer(files: &Files, head: &str, roots: &[Certificate]) -> Result<Signer, String> {
    let name = format!("{head}alipay_private_key.pem");
    let der = der_of_pem(needed(files, &name)?).ok_or_else(|| format!("alipay/{name} is no PEM"))?;
    let key = parsed(&der, |der| KeyPair::from_pkcs8(der).ok())
        .ok_or_else(|| format!("alipay/{name} is no RSA key in PKCS#8"))?;
    Ok(Signer { key, cert: cert_file(files, &format!("{head}alipay_cert.pem"), roots)? })
}

fn app_key(files: &Files, head: &str, roots: &[Certificate]) -> Result<AppKey, String> {
    let name = format!("{head}app_public_key.pem");
    let public = der_of_pem(needed(files, &name)?).ok_or_else(|| format!("alipay/{name} is no PEM"))?;
    Ok(AppKey { public, cert: cert_file(files, &format!("{head}app_cert.pem"), roots)? })
}

fn cert_file(files: &Files, name: &str, roots: &[Certificate]) -> Result<Option<CertFile>, String> {
    let Some(pem) = files.get(name) else { return Ok(None) };
    let chain = Certificate::all(pem).ok_or_else(|| format!("alipay/{name} cannot be read"))?;
    if !chain_holds(&chain, roots) {
        return Err(format!("alipay/{name} does not lead to a certificate of alipay/alipay_root_cert.pem"));
    }
    let leaf = chain.into_iter().next().ok_or_else(|| format!("alipay/{name} is empty"))?;
    Ok(Some(CertFile { pem: pem.clone(), sn: leaf.sn(), leaf }))
}

/// The test merchant of the vector file, which everybody knows; it has no keys for a rotation.
pub fn of_vectors() -> Files {
    let file = vectors::alipay();
    let ids = serde_json::json!({
        "app_id": text(file, "/v2_requests/0/params/app_id"),
        "seller_id": text(file, "/notifies/0/fields/seller_id"),
        "seller_email": text(file, "/notifies/0/fields/seller_email"),
        "buyer_id": text(file, "/notifies/0/fields/buyer_id"),
        "buyer_logon_id": text(file, "/notifies/0/fields/buyer_logon_id"),
    });
    let texts = [
        ("app_private_key.pem", "/keys/app/private_pkcs8_pem"),
        ("app_private_key_pkcs1.pem", "/keys/app/private_pkcs1_pem"),
        ("app_public_key.pem", "/keys/app/public_spki_pem"),
        ("alipay_private_key.pem", "/keys/alipay/private_pkcs8_pem"),
        ("alipay_public_key.pem", "/keys/alipay/public_spki_pem"),
        ("app_cert.pem", "/certificates/app_cert_pem"),
        ("alipay_cert.pem", "/certificates/alipay_cert_pem"),
        ("alipay_root_cert.pem", "/certificates/root_bundle_pem"),
        ("aes_key.txt", "/aes/key_base64"),
    ];
    let files = texts.into_iter().map(|(name, at)| (name.to_owned(), text(file, at).to_owned()));
    let mut files: Files = files.chain([("merchant.json".to_owned(), ids.to_string())]).collect();
    if let Some(roots) = files.get_mut("alipay_root_cert.pem") {
        *roots = bundle(&[roots]);
    }
    files
}

/// The form of Alipay's own file of roots: an empty line between certificates, no line break after the last. There are
/// clients that split it at the empty lines, and others that split it after each END line and expect nothing behind the
/// last one (crates weapay and rust_pay_wf).
fn bundle(certificates: &[&str]) -> String {
    certificates.iter().map(|pem| pem.trim_end()).collect::<Vec<_>>().join("\n\n")
}

/// Ids, keys and certificates of a new world, with the next generation of each: an RSA root and an ECDSA root that does
/// not count, an intermediate, and the leaves of both sides.
///
/// # Errors
/// When the system has no randomness.
pub fn forge(forge: &Forge, now: Timestamp) -> Result<Files, ForgeError> {
    // Serial numbers grow with time, so that no two worlds name different certificates alike.
    let serial = u64::try_from(now.as_millisecond()).unwrap_or(1);
    let seller_id = format!("2088{}", digits(forge, 12)?);
    let ids = serde_json::json!({
        "app_id": format!("9021{}", digits(forge, 12)?),
        "seller_id": seller_id,
        "seller_email": "seller@example.test",
        "buyer_id": format!("2088{}", digits(forge, 12)?),
        "buyer_logon_id": "ljf***@sandbox.com",
    });
    let mut files = Files::from([
        ("merchant.json".to_owned(), ids.to_string()),
        ("aes_key.txt".to_owned(), STANDARD.encode(forge.bytes(16)?)),
    ]);
    let name = |common_name| Name {
        country: "CN",
        organization: "Paifang mock",
        unit: "Certification Authority",
        common_name,
    };
    let root = forge.root(&name("Paifang mock Authority R1"), &forge.rsa()?, serial)?;
    let other = forge.tls_root(&name("Paifang mock Authority E1"))?;
    let (inter_name, inter_key) = (name("Paifang mock Authority Class 2 R1"), forge.rsa()?);
    let intermediate = forge.issue(&root, &inter_name, &inter_key, serial, Kind::Intermediate)?;
    let issuer = Authority { certificate_pem: intermediate.clone(), key_pem: Pem(inter_key.pkcs8_pem) };
    files.insert("alipay_root_cert.pem".to_owned(), bundle(&[&other.certificate_pem, &root.certificate_pem]));
    for (number, head, side, subject) in [
        (0, "", "app", seller_id.as_str()),
        (1, "next_", "app", seller_id.as_str()),
        (2, "", "alipay", "Paifang mock gateway"),
        (3, "next_", "alipay", "Paifang mock gateway"),
    ] {
        let key = forge.rsa()?;
        let leaf = forge.issue(
            &issuer,
            &Name { unit: "Mock", ..name(subject) },
            &key,
            serial + number,
            Kind::Signer,
        )?;
        files.insert(format!("{head}{side}_cert.pem"), format!("{leaf}{intermediate}"));
        insert_key(&mut files, &format!("{head}{side}"), key);
    }
    Ok(files)
}

fn insert_key(files: &mut Files, head: &str, key: RsaKey) {
    files.insert(format!("{head}_private_key.pem"), key.pkcs8_pem);
    files.insert(format!("{head}_private_key_pkcs1.pem"), key.pkcs1_pem);
    files.insert(format!("{head}_public_key.pem"), key.spki_pem);
}

fn digits(forge: &Forge, count: usize) -> Result<String, ForgeError> {
    Ok(forge.bytes(count)?.iter().map(|byte| char::from(b'0' + byte % 10)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forged_files_are_whole_and_of_two_generations() {
        let now = "2026-03-01T00:00:00Z".parse().unwrap();
        let files = forge(&Forge::at(now), now).unwrap();
        let material = Material::read(&files).unwrap();
        let keys = &material.keys;
        assert!(keys.rail_next.is_some() && keys.app_next.is_some() && material.aes.is_some());
        assert_eq!(keys.root_sn.as_ref().map(String::len), Some(32), "the ECDSA root does not count");
        let mut sns: Vec<_> = [&keys.rail, keys.rail_next.as_ref().unwrap()]
            .map(|s| s.cert.as_ref().unwrap().sn.clone())
            .into();
        sns.extend([&keys.app, keys.app_next.as_ref().unwrap()].map(|a| a.cert.as_ref().unwrap().sn.clone()));
        sns.sort();
        sns.dedup();
        assert_eq!(sns.len(), 4);
        assert_eq!(Keys::rail_public_pem(&keys.rail).as_ref(), files.get("alipay_public_key.pem"));
        assert_eq!(material.account.app_id.len(), 16);
    }

    #[test]
    fn the_file_of_roots_has_the_form_of_alipays_own() {
        let now = "2026-03-01T00:00:00Z".parse().unwrap();
        for files in [forge(&Forge::at(now), now).unwrap(), of_vectors()] {
            let roots = &files["alipay_root_cert.pem"];
            assert!(roots.ends_with("\n-----END CERTIFICATE-----"), "nothing behind the last one");
            let (begin, end) = ("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----");
            let count = roots.matches(begin).count();
            assert!(count > 1 && roots.starts_with(begin));
            assert_eq!(
                roots.matches(&format!("{end}\n\n{begin}")).count(),
                count - 1,
                "an empty line between"
            );
        }
    }

    #[test]
    fn broken_files_are_named() {
        let keys = Material::read(&of_vectors()).unwrap().keys;
        assert_eq!(keys.alipay_cert_sn(), Some(text(vectors::alipay(), "/certificates/alipay_cert_sn")));
        for (name, put, wanted) in [
            ("merchant.json", Some("{}"), "alipay/merchant.json: missing field"),
            ("merchant.json", None, "alipay/merchant.json is missing"),
            ("alipay_private_key.pem", Some("x"), "alipay/alipay_private_key.pem is no PEM"),
            ("alipay_root_cert.pem", None, "alipay/alipay_cert.pem does not lead to"),
            ("app_cert.pem", Some("-----BEGIN CERTIFICATE-----"), "alipay/app_cert.pem cannot be read"),
            ("aes_key.txt", Some("AAAA"), "alipay/aes_key.txt is not base64"),
        ] {
            let mut files = of_vectors();
            match put {
                Some(text) => files.insert(name.to_owned(), text.to_owned()),
                None => files.remove(name),
            };
            let error = Material::read(&files).err().unwrap();
            assert!(error.starts_with(wanted), "{error}");
        }
    }
}
