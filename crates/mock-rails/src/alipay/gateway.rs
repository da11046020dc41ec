//! The gateway in front of the APIs: which checks a request meets, in which order, and how it is turned away.
//!
//! Order: app_id, method, sign_type, timestamp, charset, version, format, certificates, signature, biz_content. Only
//! "app_id before signature" is known from probes; the rest is the natural order. A refusal before the application is
//! known carries no signature, every later one does: several SDKs verify each answer and break on one without, also
//! where it only says that there is no such method. The timestamp is checked for its form only: clients use their
//! local clock.

use jiff::Timestamp;

use super::answer::Inner;
use super::api::{Call, Method};
use super::biz::Biz;
use super::keys::BadCert;
use super::material::Material;
use super::sign::{Empties, request_string};
use super::time;
use super::wire::{Charset, Params, html};

/// The key of the answer: the method with underscores, also when there is no such method.
pub(super) fn response_key(method: Option<&str>) -> String {
    let plain =
        |name: &&str| name.len() <= 128 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    match method.filter(plain) {
        Some(name) => format!("{}_response", name.replace('.', "_")),
        None => "error_response".to_owned(),
    }
}

/// A request that the gateway turned away.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) inner: Inner,
    /// Whether the application was known, so that the answer is signed.
    pub(super) signed: bool,
    pub(super) expected: Option<String>,
}

/// Checks a request, or says how it is turned away.
pub(super) fn check(params: &Params, material: &Material, now: Timestamp) -> Result<Call, Box<Refusal>> {
    identify(params, &material.account.app_id)
        .map_err(|inner| Box::new(Refusal { inner, signed: false, expected: None }))?;
    let early = |inner| Box::new(Refusal { inner, signed: true, expected: None });
    let method = method(params).map_err(early)?;
    let charset = common(params).map_err(early)?;
    let app_cert_sn = params.ascii("app_cert_sn");
    if let Some(sn) = app_cert_sn {
        certificates(sn, params.ascii("alipay_root_cert_sn"), material, now).map_err(early)?;
    }
    let expected = signature(params, app_cert_sn, material, charset)?;
    let refuse = |inner| Box::new(Refusal { inner, signed: true, expected: Some(expected.clone()) });
    let (biz, encrypted) = biz_content(params, material, charset).map_err(refuse)?;
    let (notify_url, return_url) = (params.text("notify_url", charset), params.text("return_url", charset));
    if [&notify_url, &return_url].into_iter().flatten().any(|url| url.len() > URL_BYTES_MAX) {
        return Err(refuse(Inner::coded("isv.invalid-parameter", "参数无效")));
    }
    let by_certificate = app_cert_sn.is_some();
    Ok(Call { method, charset, biz, notify_url, return_url, by_certificate, encrypted, expected })
}

/// The documented length of notify_url and return_url.
pub(super) const URL_BYTES_MAX: usize = 256;

fn identify(params: &Params, known: &str) -> Result<(), Inner> {
    match params.ascii("app_id") {
        None => Err(Inner::coded("isv.missing-app-id", "缺少AppID参数")),
        Some(app_id) if app_id == known => Ok(()),
        Some(_) => Err(Inner::coded("isv.invalid-app-id", "无效的AppID参数")),
    }
}

fn method(params: &Params) -> Result<Method, Inner> {
    let Some(name) = params.ascii("method") else {
        return Err(Inner::coded("isv.missing-method", "缺少方法名参数"));
    };
    Method::parse(name).ok_or_else(|| Inner::coded("isv.invalid-method", "不存在的方法名"))
}

fn common(params: &Params) -> Result<Charset, Inner> {
    let required =
        |name: &str, code: &str, text: &str| params.ascii(name).ok_or_else(|| Inner::coded(code, text));
    let sign_type = required("sign_type", "isv.missing-signature-type", "缺少签名类型参数")?;
    // The application has one RSA2 key; RSA (SHA-1) and SM2 exist elsewhere.
    if sign_type != "RSA2" {
        return Err(Inner::coded("isv.invalid-signature-type", "无效的签名类型"));
    }
    let timestamp = required("timestamp", "isv.missing-timestamp", "缺少时间戳参数")?;
    if time::parse(timestamp).is_none() {
        return Err(Inner::coded("isv.invalid-timestamp", "非法的时间戳参数"));
    }
    let charset = params.ascii("charset").and_then(Charset::parse);
    let charset = charset.ok_or_else(|| Inner::coded("isv.invalid-charset", "字符集错误"))?;
    let version = required("version", "isv.missing-version", "缺少版本参数")?;
    if version != "1.0" {
        return Err(Inner::coded("isv.invalid-version", "无效的版本参数"));
    }
    match params.ascii("format") {
        Some(format) if !format.eq_ignore_ascii_case("json") => {
            Err(Inner::coded("isv.invalid-format", "无效的数据格式"))
        }
        Some(_) | None => Ok(charset),
    }
}

/// Verifies with empty values dropped (documented) and, if that fails, with empty values kept (other clients).
///
/// In certificate mode it is the key of the named certificate that counts.
fn signature(
    params: &Params,
    app_cert_sn: Option<&str>,
    material: &Material,
    charset: Charset,
) -> Result<String, Box<Refusal>> {
    let verified = |string: &[u8], sign: &str| match app_cert_sn {
        Some(sn) => material.keys.cert_signed(sn, string, sign),
        None => material.keys.app_signed(string, sign),
    };
    let dropped = request_string(params, Empties::Dropped);
    let expected = charset.decode(&dropped);
    let Some(sign) = params.ascii("sign") else {
        let inner = Inner::coded("isv.missing-signature", "缺少签名参数");
        return Err(Box::new(Refusal { inner, signed: true, expected: Some(expected) }));
    };
    if verified(&dropped, sign) {
        return Ok(expected);
    }
    let kept = request_string(params, Empties::Kept);
    if verified(&kept, sign) {
        return Ok(charset.decode(&kept));
    }
    let hint = "验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配，网关生成的验签字符串为：";
    let shown = expected.replace('&', "&amp;");
    let inner = Inner::coded("isv.invalid-signature", &format!("{hint}{shown}"));
    Err(Box::new(Refusal { inner, signed: true, expected: Some(expected) }))
}

/// The certificates that a request of certificate mode names.
pub(super) fn certificates(
    app_cert_sn: &str,
    root_cert_sn: Option<&str>,
    material: &Material,
    now: Timestamp,
) -> Result<(), Inner> {
    match material.keys.app_cert(app_cert_sn, now) {
        Ok(()) => {}
        Err(BadCert::Unknown) => return Err(Inner::coded("isv.app-cert-not-exist", "应用证书不存在")),
        Err(BadCert::Expired) => return Err(Inner::coded("isv.app-cert-expired", "应用证书已过期")),
    }
    match root_cert_sn {
        None => Err(Inner::coded("isv.missing-alipay-root-cert-sn", "缺少支付宝根证书序列号参数")),
        Some(sn) if Some(sn) == material.keys.root_sn.as_deref() => Ok(()),
        Some(_) => Err(Inner::coded("isv.invalid-alipay-root-cert-sn", "无效的支付宝根证书序列号")),
    }
}

/// The business members, decrypted where the request says so, and whether it did.
pub(super) fn biz_content(
    params: &Params,
    material: &Material,
    charset: Charset,
) -> Result<(Biz, bool), Inner> {
    let Some(text) = params.text("biz_content", charset) else {
        return Err(Inner::coded("isv.invalid-parameter", "参数无效，缺少biz_content"));
    };
    let encrypted = params.ascii("encrypt_type").is_some();
    let text = match params.ascii("encrypt_type") {
        None => text,
        Some(kind) => decrypted(kind, &text, material)?,
    };
    if !encrypted && material.aes.as_ref().is_some_and(|key| key.decrypt(&text).is_some()) {
        return Err(Inner::coded("isv.decryption-error-missing-encrypt-type", "解密出错，缺少加密类型"));
    }
    let biz = Biz::parse(&text).ok_or_else(|| Inner::coded("isv.illegal-json", "JSON格式错误"))?;
    Ok((biz, encrypted))
}

/// The plain text of an encrypted request.
pub(super) fn decrypted(kind: &str, cipher: &str, material: &Material) -> Result<String, Inner> {
    if kind != "AES" {
        return Err(Inner::coded("isv.invalid-encrypt-type", "无效的加密类型"));
    }
    let Some(key) = &material.aes else {
        return Err(Inner::coded("isv.missing-encrypt-key", "缺少加密配置"));
    };
    key.decrypt(cipher).ok_or_else(|| Inner::coded("isv.decryption-error-unknown", "解密出错，未知错误"))
}

/// The error page of the page interfaces, in GBK.
pub(super) fn error_page(inner: &Inner) -> Vec<u8> {
    let (code, sub_code, sub_msg) = inner.texts();
    let sub_msg = html(sub_msg);
    let page = format!(
        "<!DOCTYPE html><html><head><meta charset=\"gbk\"><title>支付宝 - 错误</title></head><body>\
         <h1>调试错误，请回到请求来源地，重新发起请求。</h1><p>错误代码 {code} {sub_code}</p><p>{sub_msg}</p></body></html>"
    );
    Charset::Gbk.encode(&page)
}
