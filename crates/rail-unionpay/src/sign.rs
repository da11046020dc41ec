//! Signatures of 5.1.0 with certificates (signMethod 01): the fields but `signature`, sorted and joined; SHA-256 of that
//! in lower-case hex; RSA PKCS#1 v1.5 with SHA-256 over the 64 digits. The digest is thus taken twice.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use paifang_rail::{CertificateRule, Context, Genuine, Keyring, NotGenuine, PlanError};
use ring::digest::{SHA256, digest};

use crate::descriptor::{SIGNING_CERTIFICATE, SIGNING_KEY};
use crate::fields::{Fields, joined};

/// Third part of the common name of UnionPay's signers.
const OWNER: &str = "中国银联股份有限公司";

/// The same part on signers of the old test gateway.
const TEST_OWNER: &str = "00040000:SIGN";

/// Why a message is not UnionPay's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unproven {
    /// It carries no signature or no certificate.
    Unsigned,
    /// It carries one that is not believed.
    NotGenuine(NotGenuine),
}

/// Whose certificates are taken: names like `041@8310000000083040@中国银联股份有限公司@00016495`.
pub(crate) fn certificate_rule(accept_test_signer: bool) -> CertificateRule {
    let mut owners = vec![OWNER.to_owned()];
    if accept_test_signer {
        owners.push(TEST_OWNER.to_owned());
    }
    CertificateRule { separator: '@', part: 2, owners }
}

/// Adds `certId` and `signature`.
pub(crate) fn sign(
    mut fields: Vec<(&'static str, String)>,
    keys: &Keyring,
) -> Result<Vec<(&'static str, String)>, PlanError> {
    let serial = keys.signer_serial_decimal().ok_or(PlanError::MissingKey(SIGNING_CERTIFICATE))?;
    fields.push(("certId", serial.to_owned()));
    let mut sorted: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    sorted.sort_unstable();
    let message = hex_digest(&joined(sorted));
    let signature = keys.sign(message.as_bytes()).map_err(|_| PlanError::MissingKey(SIGNING_KEY))?;
    fields.push(("signature", STANDARD.encode(signature)));
    Ok(fields)
}

/// Verifies a message with the certificate that it carries, after the key ring believed that one. The algorithm is ours:
/// nothing in the message chooses it.
pub(crate) fn verify(fields: &Fields, cx: &Context<'_>) -> Result<Genuine, Unproven> {
    verify_digest(fields, &digest_of(fields), cx)
}

/// The same where the hex digest of what is signed was taken elsewhere: a file does not fit into memory.
pub(crate) fn verify_digest(fields: &Fields, message: &str, cx: &Context<'_>) -> Result<Genuine, Unproven> {
    let (Some(certificate), Some(signature)) = (fields.get("signPubKeyCert"), fields.get("signature")) else {
        return Err(Unproven::Unsigned);
    };
    let wrong = Unproven::NotGenuine(NotGenuine::WrongSignature);
    let signature = STANDARD.decode(signature).map_err(|_| wrong)?;
    cx.keys
        .verify_certified(certificate, cx.now, message.as_bytes(), &signature)
        .map_err(Unproven::NotGenuine)
}

/// The hex digest of what a message signs: equal for equal messages, whatever the order of their fields.
pub(crate) fn digest_of(fields: &Fields) -> String {
    hex_digest(&fields.signed_text())
}

fn hex_digest(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}
