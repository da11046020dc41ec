//! What the config says about one merchant number. Keys are not here; they are in the key ring.

use std::net::Ipv4Addr;

use serde::Deserialize;

/// The production gateway. The test gateway is `https://gateway.test.95516.com`.
pub const GATEWAY: &str = "https://gateway.95516.com";

/// One merchant number. Plain data; [`crate::UnionPay::configure`] checks it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// UnionPay's number of the merchant (`merId`): 15 letters and digits.
    pub merchant_id: String,
    /// Host that the payer's browser posts forms to; `/gateway/api/frontTransReq.do` is put behind it.
    #[serde(default = "production")]
    pub front_url: String,
    /// Host of charges, undos and refunds; `/gateway/api/backTransReq.do` is put behind it.
    #[serde(default = "production")]
    pub back_url: String,
    /// Host of queries; `/gateway/api/queryTrans.do` is put behind it.
    #[serde(default = "production")]
    pub query_url: String,
    /// The till's number (`termId`): 8 letters and digits. Without it the account does not charge by payer's code.
    #[serde(default)]
    pub terminal_id: Option<String>,
    /// Also takes messages signed under the old test gateway's name, `00040000:SIGN`. Never in production.
    #[serde(default)]
    pub accept_test_signer: bool,
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
        if !word(&self.merchant_id, 15) {
            return Err(SettingsError { field: "merchant_id", rule: "UnionPay's 15 letters and digits" });
        }
        if !self.terminal_id.as_ref().is_none_or(|id| word(id, 8)) {
            return Err(SettingsError { field: "terminal_id", rule: "the till's 8 letters and digits" });
        }
        let urls =
            [("front_url", &self.front_url), ("back_url", &self.back_url), ("query_url", &self.query_url)];
        for (field, url) in urls {
            if !is_base(url) {
                let rule = "an https URL (http only to localhost or a loopback address) without query, fragment or \
                            login, such as https://gateway.95516.com";
                return Err(SettingsError { field, rule });
            }
        }
        Ok(())
    }
}

fn word(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A payer's code goes over this line, so plain http reaches this machine only (a mock).
fn is_base(url: &str) -> bool {
    let (plain_http, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => return false,
    };
    let visible = |byte: u8| matches!(byte, 0x21..=0x7e) && !b"?#@\"<>\\^`{|}".contains(&byte);
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = split_port(authority);
    let sound = !host.is_empty() && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let here = host == "localhost"
        || host == "[::1]"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    rest.bytes().all(visible) && sound && (here || !plain_http)
}

/// `host:port`, where the host may be an IPv6 address in brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    let colon = match authority.rfind(']') {
        Some(bracket) => authority[bracket..].find(':').map(|colon| bracket + colon),
        None => authority.find(':'),
    };
    match colon {
        Some(colon) => (&authority[..colon], Some(&authority[colon + 1..])),
        None => (authority, None),
    }
}
