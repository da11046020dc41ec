//! What the config says about one application. Keys are not here; they are in the key ring.

use std::fmt;

use serde::Deserialize;

use crate::Charset;
use crate::origin;

/// The production gateway. The sandbox is `https://openapi-sandbox.dl.alipaydev.com/gateway.do`.
pub const GATEWAY: &str = "https://openapi.alipay.com/gateway.do";

/// `enable_pay_channels` and `disable_pay_channels` have at most 128 bytes by the documentation; an order that leaves credit
/// out adds `,credit_group`.
const CHANNELS_BYTES_MAX: usize = 128 - ",credit_group".len();
/// Documented maximum of `app_auth_token`.
const TOKEN_BYTES_MAX: usize = 40;

/// One application of one seller. Plain data; [`crate::Alipay::configure`] checks it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The application's id: 16 digits.
    pub app_id: String,
    /// The seller's account (pid): `2088` and 12 more digits. Sent with each new order, so that the money cannot go to
    /// another account than the one whose notices are accepted.
    pub seller_id: String,
    /// Where calls go, without a query. `https`, or `http` to this machine (a mock). Calls of protocol v3 go to the same
    /// host, under `/v3/`.
    #[serde(default = "production")]
    pub gateway: String,
    /// How texts are encoded in requests, answers and notices. Protocol v3 knows `utf-8` only.
    #[serde(default)]
    pub charset: Charset,
    /// How calls are made. Pages and order strings have the form of v2 either way.
    #[serde(default)]
    pub protocol: Protocol,
    /// Whether the application was given a bare public key of Alipay or certificates. In certificate mode the key ring
    /// needs the application's certificate and Alipay's root certificates.
    #[serde(default)]
    pub key_mode: KeyMode,
    /// Acting for another merchant: the token of that merchant's authorisation, at most 40 visible characters.
    #[serde(default)]
    pub app_auth_token: Option<Token>,
    /// The mini program that orders of JSAPI and mini programs are paid in (16 digits). With it they are made as
    /// `JSAPI_PAY`, without it by Alipay's default.
    #[serde(default)]
    pub op_app_id: Option<String>,
    /// The only means of payment that the payer may use, such as `balance`; at most 115 bytes together. Not both this and
    /// `disable_pay_channels`. It does not apply to holds, whose channels have other names, nor to the wallet `huabei`.
    #[serde(default)]
    pub enable_pay_channels: Vec<String>,
    /// Means of payment that the payer may not use, such as `credit_group`.
    #[serde(default)]
    pub disable_pay_channels: Vec<String>,
    /// Terms of the wallet `huabei`; without them the account has no such wallet.
    #[serde(default)]
    pub huabei: Option<Huabei>,
}

/// How calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Forms to `gateway.do`, answers in an envelope.
    #[default]
    V2,
    /// JSON to `/v3/...`, signatures in headers.
    V3,
}

/// How the two sides know each other's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyMode {
    /// Each has the other's bare public key; several of Alipay's may overlap while they rotate.
    #[default]
    PublicKey,
    /// Certificates; messages name the certificate that verifies them.
    Certificate,
}

/// Terms of Huabei instalments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Huabei {
    /// In how many months the payer pays back: 3, 6, 12 or 24.
    pub instalments: u8,
    /// Who pays the fee: 0 the payer, 100 the seller.
    #[serde(default)]
    pub seller_percent: u8,
}

/// A token that must not be seen: no text in `Debug`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

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
        let must = |fits: bool, field, rule| if fits { Ok(()) } else { Err(SettingsError { field, rule }) };
        must(digits(&self.app_id), "app_id", "the application's 16 digits")?;
        let pid = digits(&self.seller_id) && self.seller_id.starts_with("2088");
        must(pid, "seller_id", "the seller's pid: 2088 and 12 more digits")?;
        let rule = "an https URL (http only to localhost or a loopback address) without query or fragment, \
                    such as https://openapi.alipay.com/gateway.do";
        must(origin::is_trusted_gateway(&self.gateway), "gateway", rule)?;
        let readable = self.protocol == Protocol::V2 || self.charset == Charset::Utf8;
        must(readable, "charset", "utf-8 with protocol v3")?;
        let token = self.app_auth_token.as_ref().is_none_or(Token::is_sound);
        must(token, "app_auth_token", "1 to 40 visible characters")?;
        must(self.op_app_id.as_deref().is_none_or(digits), "op_app_id", "the mini program's 16 digits")?;
        self.check_channels()
    }

    fn check_channels(&self) -> Result<(), SettingsError> {
        let rule = "names of pay channels such as balance or credit_group, at most 115 bytes together";
        for (field, list) in [
            ("enable_pay_channels", &self.enable_pay_channels),
            ("disable_pay_channels", &self.disable_pay_channels),
        ] {
            let named = list.iter().all(|name| is_word(name)) && list.join(",").len() <= CHANNELS_BYTES_MAX;
            if !named {
                return Err(SettingsError { field, rule });
            }
        }
        if !self.enable_pay_channels.is_empty() && !self.disable_pay_channels.is_empty() {
            let rule = "empty where enable_pay_channels are set: Alipay takes one of them";
            return Err(SettingsError { field: "disable_pay_channels", rule });
        }
        match &self.huabei {
            Some(terms) if ![3, 6, 12, 24].contains(&terms.instalments) => {
                Err(SettingsError { field: "huabei.instalments", rule: "3, 6, 12 or 24" })
            }
            Some(terms) if ![0, 100].contains(&terms.seller_percent) => {
                Err(SettingsError { field: "huabei.seller_percent", rule: "0 or 100" })
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Token {
    /// Takes a token over.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The token, for the message to the rail and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn is_sound(&self) -> bool {
        (1..=TOKEN_BYTES_MAX).contains(&self.0.len()) && self.0.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

fn digits(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
