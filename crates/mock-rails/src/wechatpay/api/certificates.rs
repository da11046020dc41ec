//! The download of platform certificates.

use serde_json::{Value, json};

use super::{Done, parameter};
use crate::wechatpay::answers::{Answer, china_time};
use crate::wechatpay::keys::Listed;
use crate::wechatpay::refusals::Refusal;
use crate::wechatpay::{WechatPay, ids};

/// The associated data of an encrypted certificate.
const CERTIFICATE: &str = "certificate";

impl WechatPay {
    pub(super) fn certificates(&self, query: &str) -> Result<Done, Refusal> {
        let none = || {
            let message = "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥。";
            Refusal::new(404, "RESOURCE_NOT_EXISTS", message, 268_435_461)
        };
        match parameter(query, "algorithm_type").as_deref() {
            None | Some("RSA" | "ALL") => {}
            // This merchant has RSA certificates only.
            Some("SM2") => return Err(none()),
            Some(_) => {
                let message =
                    "输入源“/uri_template/algorithm_type”映射到字段“证书算法”枚举校验失败".to_owned();
                return Err(Refusal::param(message, "uri_template/algorithm_type", "uri_template", None));
            }
        }
        let listed = self.keyring.listed();
        if listed.is_empty() {
            return Err(none());
        }
        let nonces = std::iter::repeat_with(ids::seal_nonce);
        Ok(Answer::json(&self.certificate_list(listed.into_iter().zip(nonces))).into())
    }

    /// The list, each certificate sealed under its own nonce.
    pub(in crate::wechatpay) fn certificate_list<'a>(
        &self,
        certificates: impl Iterator<Item = (&'a Listed, [u8; 12])>,
    ) -> Value {
        let entry = |(listed, nonce): (&Listed, _)| {
            let sealed = self.keyring.keys.seal(nonce, CERTIFICATE, listed.pem.as_bytes());
            json!({
                "effective_time": china_time(listed.from),
                "encrypt_certificate": {
                    "algorithm": "AEAD_AES_256_GCM",
                    "associated_data": CERTIFICATE,
                    "ciphertext": sealed.ciphertext,
                    "nonce": sealed.nonce,
                },
                "expire_time": china_time(listed.until),
                "serial_no": listed.serial,
            })
        };
        json!({"data": certificates.map(entry).collect::<Value>()})
    }
}
