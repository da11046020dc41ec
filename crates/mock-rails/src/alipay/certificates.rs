//! `alipay.open.app.alipaycert.download`: the certificate that an answer named, as long as it is published.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answer::{Inner, Sub, acq};
use super::biz::Biz;
use super::keys::Keys;

/// The whole file (leaf, then what leads to a root) in base64 over its PEM.
pub(super) fn download(keys: &Keys, biz: &Biz) -> Inner {
    let Some(sn) = biz.text("alipay_cert_sn") else { return Inner::failed(acq::INVALID_PARAMETER) };
    match keys.published(&sn) {
        Some(pem) => Inner::success().with("alipay_cert_content", STANDARD.encode(pem)),
        None => Inner::failed(Sub("isv.alipay-cert-not-exist", "支付宝证书不存在")),
    }
}
