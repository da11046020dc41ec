//! What the config says about one app of one merchant. Keys are not here; they are in the key ring.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// The production host. The spare host is `https://api2.mch.weixin.qq.com`; there is no test environment for v3.
pub const ENDPOINT: &str = "https://api.mch.weixin.qq.com";

/// One app of one merchant. Plain data; [`crate::WeChatPay::configure`] checks it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The merchant's number (direct merchant): 1 to 32 digits.
    pub mchid: String,
    /// The app that payers see, bound to `mchid`: 1 to 32 letters and digits, such as `wxd678efh567hg6787`.
    pub appid: String,
    /// Where calls go: scheme, host and optional port. No path, because the path is signed. `https`, or `http` to this
    /// machine (a mock).
    #[serde(default = "production")]
    pub endpoint: String,
    /// The serial of the merchant's API certificate, 1 to 64 hex digits. Without it the serial is taken from the
    /// configured signing certificate.
    #[serde(default)]
    pub merchant_serial: Option<String>,
    /// The id of WeChat Pay's public key, `PUB_KEY_ID_` and digits. Set, it is sent as `Wechatpay-Serial` with each call,
    /// so that answers are signed with that key; else they are signed with a platform certificate, unless the merchant has
    /// been switched over. Both kinds verify in either case, chosen by the id that the message names.
    #[serde(default)]
    pub public_key_id: Option<String>,
    /// WeChat Pay's id of the store where payers' codes are scanned (`store_info.id`): 1 to 32 letters, digits, `_` and
    /// `-`. Payers' codes are offered where this or `store_out_id` is set, because their charge has to name a store.
    #[serde(default)]
    pub store_id: Option<String>,
    /// The merchant's own id of that store (`store_info.out_id`), in the same form.
    #[serde(default)]
    pub store_out_id: Option<String>,
    /// Whether the page of a payment in a phone's browser leads back to the gateway's own return address. Off by default,
    /// because WeChat Pay refuses addresses whose domain is not registered for this product; the payer then comes back to
    /// the page that opened it.
    #[serde(default)]
    pub h5_returns: bool,
    /// From which of the merchant's funds refunds are taken (`funds_account`); only for old modes of settlement. Without
    /// it the rail decides.
    #[serde(default)]
    pub refund_funds_account: Option<FundsAccount>,
    /// From which account the whole of each refund is taken (`amount.from`); only for merchants whose orders share
    /// profit. Not together with `refund_funds_account`.
    #[serde(default)]
    pub refund_from: Option<RefundFrom>,
}

/// The merchant's funds of which a refund is paid, in the words of `funds_account`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FundsAccount {
    /// The available balance.
    Available,
    /// Money that is not settled yet.
    Unsettled,
}

/// The account of which a refund is paid, in the words of `amount.from[].account`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundFrom {
    /// The available balance.
    Available,
    /// What is frozen for the sharing of profit.
    Unavailable,
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

/// How ids of WeChat Pay's public keys begin.
const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_";

fn production() -> String {
    ENDPOINT.to_owned()
}

impl Settings {
    /// Whether a charge by payer's code can name its store.
    pub(crate) fn has_store(&self) -> bool {
        self.store_id.is_some() || self.store_out_id.is_some()
    }

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        let wrong = |field, rule| Err(SettingsError { field, rule });
        if !made_of(&self.mchid, 32, |byte| byte.is_ascii_digit()) {
            return wrong("mchid", "the merchant's number: 1 to 32 digits");
        }
        if !made_of(&self.appid, 32, |byte| byte.is_ascii_alphanumeric()) {
            return wrong("appid", "the app's id: 1 to 32 letters and digits");
        }
        if !is_endpoint(&self.endpoint) {
            let rule = "an https URL without a path (http only to localhost or a loopback address), such as \
                        https://api.mch.weixin.qq.com";
            return wrong("endpoint", rule);
        }
        let serial = self.merchant_serial.as_deref();
        if serial.is_some_and(|serial| !made_of(serial, 64, |byte| byte.is_ascii_hexdigit())) {
            return wrong(
                "merchant_serial",
                "the serial of the merchant's API certificate: 1 to 64 hex digits",
            );
        }
        let digits = |id: &str| {
            let number = id.strip_prefix(PUBLIC_KEY_ID);
            number.is_some_and(|number| made_of(number, 64, |byte| byte.is_ascii_digit()))
        };
        if self.public_key_id.as_deref().is_some_and(|id| !digits(id)) {
            return wrong("public_key_id", "the id of WeChat Pay's public key: PUB_KEY_ID_ and digits");
        }
        let store = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        for (field, id) in [("store_id", &self.store_id), ("store_out_id", &self.store_out_id)] {
            if id.as_deref().is_some_and(|id| !made_of(id, 32, store)) {
                return wrong(field, "the id of a store: 1 to 32 letters, digits, _ and -");
            }
        }
        if self.refund_funds_account.is_some() && self.refund_from.is_some() {
            return wrong("refund_from", "left out where refund_funds_account is set");
        }
        Ok(())
    }
}

fn made_of(text: &str, length_max: usize, allowed: impl Fn(u8) -> bool) -> bool {
    (1..=length_max).contains(&text.len()) && text.bytes().all(allowed)
}

/// Errors may be unsigned and then rest on the channel, so a plain channel is taken to this machine only.
fn is_endpoint(text: &str) -> bool {
    let (authority, plain) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(authority), _) => (authority, false),
        (None, Some(authority)) => (authority, true),
        (None, None) => return false,
    };
    // A bracket ends an IPv6 address, whose own colons are no port.
    let (host, rest) = match authority.split_once(']') {
        Some((address, rest)) => (address.strip_prefix('[').unwrap_or_default(), rest),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = rest.is_empty()
        || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let bracketed = authority.contains(']');
    let known = if bracketed {
        host.parse::<Ipv6Addr>().is_ok()
    } else {
        made_of(host, 253, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
    };
    known && port && (!plain || is_this_machine(host))
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
        || host.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback())
}
