//! The public test merchant, as a client is configured with it.

use crate::vectors;

/// What a client of this rail is configured with. Every key in it is made for tests and published with the repository.
#[derive(Clone, Copy)]
pub struct Merchant {
    /// Merchant number.
    pub mchid: &'static str,
    /// App id bound to it.
    pub appid: &'static str,
    /// Serial number of the API certificate, upper-case hex.
    pub serial_no: &'static str,
    /// PKCS#8 PEM of the key that signs requests and front-end parameters.
    pub private_key_pem: &'static str,
    /// The API certificate, PEM.
    pub certificate_pem: &'static str,
    /// 32 ASCII bytes, used raw as the AES-256 key.
    pub apiv3_key: &'static str,
    /// Serial number and PEM of the platform certificate in use.
    pub platform_certificate: (&'static str, &'static str),
    /// The same of the certificate that follows it.
    pub platform_certificate_next: (&'static str, &'static str),
    /// Id and PEM of the key of public-key mode.
    pub public_key: (&'static str, &'static str),
}

impl Merchant {
    /// The merchant of the vector file.
    pub fn of_vectors() -> Self {
        Self {
            mchid: key_text("/merchant/mchid"),
            appid: key_text("/merchant/appid"),
            serial_no: key_text("/merchant/serial_no"),
            private_key_pem: key_text("/merchant/private_key_pem"),
            certificate_pem: key_text("/merchant/certificate_pem"),
            apiv3_key: key_text("/apiv3_key"),
            platform_certificate: (
                key_text("/platform_certificate/serial_no"),
                key_text("/platform_certificate/certificate_pem"),
            ),
            platform_certificate_next: (
                key_text("/platform_certificate_next/serial_no"),
                key_text("/platform_certificate_next/certificate_pem"),
            ),
            public_key: (
                key_text("/wechatpay_public_key/id"),
                key_text("/wechatpay_public_key/public_key_pem"),
            ),
        }
    }
}

/// A text among the keys of the vector file.
pub(crate) fn key_text(pointer: &str) -> &'static str {
    vectors::text(vectors::wechatpay(), &format!("/keys{pointer}"))
}
