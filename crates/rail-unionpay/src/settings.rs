//! What the config says about one merchant number. Keys are not here; they are in the key ring.

use std::net::Ipv4Addr;

use serde::Deserialize;

/// The production gateway. The test gateway is [`TEST_GATEWAY`].
pub const GATEWAY: &str = "https://gateway.95516.com";

/// The public test gateway.
pub const TEST_GATEWAY: &str = "https://gateway.test.95516.com";

/// Where reconciliation files are asked for, beside [`GATEWAY`] and beside [`TEST_GATEWAY`].
const FILES: &str = "https://filedownload.95516.com";
const TEST_FILES: &str = "https://filedownload.test.95516.com";

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
    /// Host of orders for the wallet's app (`tn`); `/gateway/api/appTransReq.do` is put behind it. Without it, the host of
    /// `back_url`, as everywhere at UnionPay.
    #[serde(default)]
    pub app_url: Option<String>,
    /// Host of reconciliation files, asked at its root. Without it, the file host beside `back_url`: UnionPay's own beside its
    /// production or test gateway, the very same host beside any other.
    #[serde(default)]
    pub file_url: Option<String>,
    /// Whether the merchant may hold money first (pre-authorisation, `txnType` 02), which is a permission of its own.
    #[serde(default)]
    pub holds: bool,
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
        let urls = [
            ("front_url", Some(&self.front_url)),
            ("back_url", Some(&self.back_url)),
            ("query_url", Some(&self.query_url)),
            ("app_url", self.app_url.as_ref()),
            ("file_url", self.file_url.as_ref()),
        ];
        for (field, url) in urls {
            if url.is_some_and(|url| !is_base(url)) {
                let rule = "an https URL (http only to localhost or a loopback address) without query, fragment or \
                            login, such as https://gateway.95516.com";
                return Err(SettingsError { field, rule });
            }
        }
        Ok(())
    }

    /// Every host that this account talks to, as base URLs; the payer's browser goes to `front_url`.
    pub fn endpoints(&self) -> Vec<String> {
        let all: [&str; 5] =
            [&self.front_url, &self.back_url, &self.query_url, self.app_host(), self.file_host()];
        let mut all = all.map(str::to_owned).to_vec();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Where orders for the wallet's app go.
    pub(crate) fn app_host(&self) -> &str {
        self.app_url.as_deref().unwrap_or(&self.back_url)
    }

    /// Where reconciliation files are asked for.
    pub(crate) fn file_host(&self) -> &str {
        match (self.file_url.as_deref(), self.back_url.trim_end_matches('/')) {
            (Some(url), _) => url,
            (None, GATEWAY) => FILES,
            (None, TEST_GATEWAY) => TEST_FILES,
            (None, other) => other,
        }
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
