//! The test merchants and keys: the vector files of the repository, parsed once.
//!
//! Every key in them was generated for these files, is public and belongs to nobody. A rail's module turns them into
//! its own merchant type.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The Alipay vectors.
pub fn alipay() -> &'static Value {
    static PARSED: OnceLock<Value> = OnceLock::new();
    PARSED.get_or_init(|| parse(include_str!("../../../tests/vectors/alipay-vectors.json")))
}

/// The WeChat Pay vectors.
pub fn wechatpay() -> &'static Value {
    static PARSED: OnceLock<Value> = OnceLock::new();
    PARSED.get_or_init(|| parse(include_str!("../../../tests/vectors/wechatpay-vectors.json")))
}

/// The UnionPay vectors.
pub fn unionpay() -> &'static Value {
    static PARSED: OnceLock<Value> = OnceLock::new();
    PARSED.get_or_init(|| parse(include_str!("../../../tests/vectors/unionpay-vectors.json")))
}

/// The text at `pointer` (`/keys/app/public_spki_pem`).
///
/// # Panics
/// When the file has no text there: the files are part of this crate, so that is a mistake in the calling code.
pub fn text(file: &'static Value, pointer: &str) -> &'static str {
    match file.pointer(pointer).and_then(Value::as_str) {
        Some(text) => text,
        None => panic!("the vectors have no text at {pointer}"),
    }
}

/// The bytes inside a PEM block (the first one of the text), without checking its label.
///
/// `None` when there is no complete block or its base64 is broken.
pub fn der_of_pem(pem: &str) -> Option<Vec<u8>> {
    let mut lines = pem.lines().map(str::trim).skip_while(|line| !line.starts_with("-----BEGIN "));
    lines.next()?;
    let mut inside = String::new();
    for line in lines {
        if line.starts_with("-----END ") {
            return STANDARD.decode(inside).ok();
        }
        inside.push_str(line);
    }
    None
}

fn parse(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => panic!("a vector file is not JSON: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_vector_files_parse_and_have_keys() {
        for (file, pointer) in [
            (alipay(), "/keys/app/private_pkcs8_pem"),
            (wechatpay(), "/keys/merchant/private_key_pem"),
            (unionpay(), "/certificates/merchant/private_key_pem"),
        ] {
            let der = der_of_pem(text(file, pointer)).expect("a PEM block");
            assert_eq!(der[0], 0x30, "a DER sequence");
        }
    }

    #[test]
    fn broken_pem_is_no_key() {
        assert_eq!(der_of_pem("-----BEGIN X-----\nAAAA\n"), None);
        assert_eq!(der_of_pem("-----BEGIN X-----\n!\n-----END X-----"), None);
        assert_eq!(der_of_pem("AAAA"), None);
    }
}
