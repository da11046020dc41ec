//! What the config says about one application. Keys are not here; they are in the key ring.

use serde::Deserialize;

use crate::Charset;

/// The production gateway. The sandbox is `https://openapi-sandbox.dl.alipaydev.com/gateway.do`.
pub const GATEWAY: &str = "https://openapi.alipay.com/gateway.do";

/// One application of one seller. Plain data; [`crate::Alipay::configure`] checks it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The application's id: 16 digits.
    pub app_id: String,
    /// The seller's account (pid): `2088` and 12 more digits. Sent with each new order, so that the money cannot go to
    /// another account than the one whose notices are accepted.
    pub seller_id: String,
    /// Where calls go, without a query. `https`, or `http` to this machine (a mock).
    #[serde(default = "production")]
    pub gateway: String,
    /// How texts are encoded in requests, answers and notices.
    #[serde(default)]
    pub charset: Charset,
}

/// A setting cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} must be {rule}")]
pub struct SettingsError {
    /// Which one.
    pub field: &'static str,
    /// What would be right.
    pub rule: &'static str,
}

fn production() -> String {
    GATEWAY.to_owned()
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        if !digits(&self.app_id) {
            return Err(SettingsError { field: "app_id", rule: "the application's 16 digits" });
        }
        if !digits(&self.seller_id) || !self.seller_id.starts_with("2088") {
            return Err(SettingsError {
                field: "seller_id",
                rule: "the seller's pid: 2088 and 12 more digits",
            });
        }
        if !reachable(&self.gateway) {
            let rule = "an https URL (http only to localhost or a loopback address) without query or fragment, \
                        such as https://openapi.alipay.com/gateway.do";
            return Err(SettingsError { field: "gateway", rule });
        }
        Ok(())
    }
}

fn digits(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Unsigned refusals rest on the channel, so a plain one is taken to this machine only.
fn reachable(gateway: &str) -> bool {
    let plain = |byte: u8| matches!(byte, 0x21..=0x7e) && !matches!(byte, b'?' | b'#' | b'@' | b'"' | b'\\');
    if !gateway.bytes().all(plain) {
        return false;
    }
    let host = |rest: &str| {
        let authority = rest.split('/').next().unwrap_or_default();
        let end = match authority.rfind(']') {
            Some(bracket) => bracket + 1,
            None => authority.find(':').unwrap_or(authority.len()),
        };
        authority[..end].to_owned()
    };
    if let Some(rest) = gateway.strip_prefix("https://") {
        return !host(rest).is_empty();
    }
    let Some(rest) = gateway.strip_prefix("http://") else { return false };
    let host = host(rest);
    let loopback = host.parse().is_ok_and(|address: std::net::Ipv4Addr| address.is_loopback());
    loopback || host == "localhost" || host == "[::1]"
}
