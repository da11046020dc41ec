//! Which key must have signed a message, and content that is opened after that.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use paifang_payment::Doubt;
use paifang_rail::{Genuine, Keyring, NotGenuine};

use crate::answer::Unclear;
use crate::settings::KeyMode;

/// Why a signature is not believed.
pub(crate) enum Untrusted {
    /// It does not fit, or is not base64.
    Wrong,
    /// The certificate that the message names is not in the ring.
    UnknownKey(String),
}

/// Serial numbers of certificates have 32 hex digits; longer texts are not carried on.
const SERIAL_BYTES_MAX: usize = 64;

/// In certificate mode the named certificate must have signed. A message that names none, and every message in key mode,
/// may be signed by any key of the account: several are there while Alipay's key rotates.
pub(crate) fn verify(
    mode: KeyMode,
    keys: &Keyring,
    serial: Option<&str>,
    message: &[u8],
    sign: &str,
) -> Result<Genuine, Untrusted> {
    let signature = STANDARD.decode(sign).map_err(|_| Untrusted::Wrong)?;
    let named = serial.filter(|serial| mode == KeyMode::Certificate && !serial.is_empty());
    let Some(serial) = named else {
        return keys.verify(message, &signature).map_err(|_| Untrusted::Wrong);
    };
    keys.verify_by(serial, message, &signature).map_err(|why| match why {
        NotGenuine::UnknownKey if is_serial(serial) => Untrusted::UnknownKey(serial.to_owned()),
        NotGenuine::UnknownKey | NotGenuine::WrongSignature | NotGenuine::UntrustedCertificate(_) => {
            Untrusted::Wrong
        }
    })
}

/// Decrypts content that was verified before: base64 of AES-CBC.
pub(crate) fn opened(sealed: &[u8], keys: &Keyring) -> Option<Vec<u8>> {
    let sealed = STANDARD.decode(sealed.trim_ascii()).ok()?;
    keys.open_content(&sealed).ok()
}

/// Whether a text can be the serial number of a certificate of Alipay.
pub(crate) fn is_serial(text: &str) -> bool {
    (1..=SERIAL_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Untrusted {
    /// The doubt that it leaves.
    pub fn unclear(self) -> Unclear {
        let unclear = Unclear::new(Doubt::BadSignature, "bad_signature");
        match self {
            Self::Wrong => unclear,
            Self::UnknownKey(serial) => Unclear { unknown_key: Some(serial), ..unclear },
        }
    }
}
