//! Keys and certificates of this rail, made at the first start of a world.

use jiff::{SignedDuration, Timestamp};

use super::files::{self, SECURE_KEY};
use crate::Files;
use crate::forge::{Authority, Forge, ForgeError, Kind, Name};

/// The merchant number of a made world: the first of the public test environment, which every sample uses.
const MER_ID: &str = "777290058110048";

/// UnionPay's name as the third part of a signer's CN.
const UNIONPAY: &str = "中国银联股份有限公司";

/// Makes every file that [`super::of_vectors`] lists, with next pairs for both sides.
///
/// # Errors
/// When the system has no randomness.
pub fn forge(forge: &Forge, now: Timestamp) -> Result<Files, ForgeError> {
    let mut files = Files::new();
    let serials = Serials(u64::try_from(now.as_second()).unwrap_or(0));
    let (root, middle) = chain(forge, &serials, "MOCK ACP")?;
    files.insert("root_certificate.pem".to_owned(), root.certificate_pem.clone());
    files.insert("middle_certificate.pem".to_owned(), middle.certificate_pem.clone());
    let signer = |number: u64| format!("041@MOCK{:012}@{UNIONPAY}@{number:08}", serials.0);
    let merchant = |number: u64| format!("041@MOCK@{MER_ID}:SIGN@{number:08}");
    for (number, name, common_name) in [
        (1, "merchant", merchant(1)),
        (2, "merchant_next", merchant(2)),
        (3, "gateway", signer(3)),
        (4, "gateway_next", signer(4)),
        (5, "gateway_legacy", "041@MOCK@00040000:SIGN@00000005".to_owned()),
        (6, "gateway_wrong_name", "041@MOCK@Some Other Company@00000006".to_owned()),
        (9, "encryption", "041@MOCK@00040000:SIGN@00000009".to_owned()),
    ] {
        add_pair(&mut files, forge, &middle, name, &common_name, serials.of(number))?;
    }
    // Ten years and more ago: run out since.
    let past = Forge::at(now.saturating_sub(SignedDuration::from_hours(24 * 4_000)).unwrap_or(now));
    add_pair(&mut files, &past, &middle, "gateway_expired", &signer(7), serials.of(7))?;
    let (_, stranger) = chain(forge, &Serials(serials.0 + 1), "MOCK UNTRUSTED")?;
    add_pair(&mut files, forge, &stranger, "gateway_untrusted", &signer(8), serials.of(8))?;
    files.insert(SECURE_KEY.to_owned(), forge.text(32)?);
    files::describe(&mut files, MER_ID);
    Ok(files)
}

/// Serial numbers below 2^53, because one client reads them as floating point: seconds of this world, and two digits.
struct Serials(u64);

impl Serials {
    fn of(&self, number: u64) -> u64 {
        self.0.saturating_mul(100).saturating_add(number)
    }
}

fn chain(forge: &Forge, serials: &Serials, name: &str) -> Result<(Authority, Authority), ForgeError> {
    let (root_key, middle_key) = (forge.rsa()?, forge.rsa()?);
    let (root_name, middle_name) = (format!("{name} TEST ROOT"), format!("{name} TEST OCA1"));
    let root = forge.root(&subject(&root_name), &root_key, serials.of(91))?;
    let certificate_pem =
        forge.issue(&root, &subject(&middle_name), &middle_key, serials.of(92), Kind::Intermediate)?;
    let middle = Authority { certificate_pem, key_pem: crate::forge::Pem(middle_key.pkcs8_pem.clone()) };
    Ok((root, middle))
}

fn subject(common_name: &str) -> Name<'_> {
    Name { country: "CN", organization: "MOCK CFCA", unit: "", common_name }
}

fn add_pair(
    files: &mut Files,
    forge: &Forge,
    issuer: &Authority,
    name: &str,
    common_name: &str,
    serial: u64,
) -> Result<(), ForgeError> {
    let key = forge.rsa()?;
    let certificate = forge.issue(issuer, &subject(common_name), &key, serial, Kind::Signer)?;
    files.insert(format!("{name}_private_key.pem"), key.pkcs8_pem.clone());
    files.insert(format!("{name}_certificate.pem"), certificate);
    Ok(())
}
