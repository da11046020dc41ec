//! What the cases speak of. A test that plays them builds exactly this: one storefront, these orders, this time.
//!
//! Order numbers are derived from the deployment's key, the storefront's id and the request id, so they are the same in
//! every gateway that starts with these.

use jiff::Timestamp;

/// Noon in Beijing on 1 March 2026: the time at which the corpus plays. Everything has to be sent within 250 seconds of it.
pub const NOW: &str = "2026-03-01T04:00:00Z";

/// [`NOW`].
pub fn now() -> Timestamp {
    NOW.parse().expect("a literal time")
}

/// The deployment's key: this byte, 32 times.
pub const DEPLOYMENT_KEY_BYTE: u8 = 0x5a;
/// The storefront's id is made of [`NOW`] and this byte, ten times.
pub const TENANT_BYTE: u8 = 0x21;
/// The storefront's API key is made of this byte, 32 times.
pub const API_KEY_BYTE: u8 = 0x42;

/// The last part of each account's notification URL.
pub const NOTIFY_TOKEN: &str = "demo-notify-token-0123456789";

/// Stands in every body where a rail puts the payer's name or account. It must be found in no log, event or error.
pub const CANARY: &str = "CANARY7f3a9c";

/// The amount of every order, in fen.
pub const ORDER_FEN: i64 = 10_000;
/// The amount of every refund, in fen.
pub const REFUND_FEN: i64 = 3_000;

/// The orders at one rail: created in one call of the storefront each, whose request id is the field's name, a dash, and
/// the rail's name.
#[derive(Debug, Clone, Copy)]
pub struct Orders {
    /// Shown to the payer, not paid.
    pub charge: &'static str,
    /// Paid.
    pub paid: &'static str,
    /// The rail's number of that payment, at rails whose news of a refund names it.
    pub paid_ref: Option<&'static str>,
    /// The number of a refund of `paid` whose outcome is not known.
    pub refund: &'static str,
    /// Shown to the payer as a hold, who has not agreed yet; at rails that can hold.
    pub hold: Option<&'static str>,
}

/// Alipay's orders.
pub const ALIPAY: Orders = Orders {
    charge: "3Z18ZY4BQNBG554F4BZ45NQBQG6R3QA0",
    paid: "01FFQPJTG4XZVDEHTJ9S4N9DHPX6W7A0",
    paid_ref: None,
    refund: "1552A9AP0VN6BWRA5965HY5PKAKV2ZR0",
    hold: Some("K8JAASDEATVVTKN4R2C5RY8C67CWQDA0"),
};

/// WeChat Pay's orders.
pub const WECHATPAY: Orders = Orders {
    charge: "9F7PW3MRAA2SKRSBRAKPBAM2FXZ7TWA0",
    paid: "ZXDCSN2W60K5Z6QE1A1FNB4E6M86YEA0",
    paid_ref: Some("4200000000202603010000000001"),
    refund: "69CKJW840WKHH92RZQG0983NN1YNY6R0",
    hold: None,
};

/// UnionPay's orders.
pub const UNIONPAY: Orders = Orders {
    charge: "Q3FQBSD01Z2BQ55WZBGG743KB6HV4ZA0",
    paid: "BZYW1GGPS7RF88FKH1EWBVMH9VABQ0A0",
    paid_ref: None,
    refund: "BDC1K450ZDRC4880YG7ENAMCTR551YR0",
    hold: Some("RW2TYEWSD4SWDH37Z2M105BKRB1VNBA0"),
};

/// The orders at a rail.
pub fn orders(rail: &str) -> Orders {
    match rail {
        "alipay" => ALIPAY,
        "wechatpay" => WECHATPAY,
        _ => UNIONPAY,
    }
}

/// The number under which replies speak of a reverse, a capture or a release; they are read outside of the gateway.
pub const OTHER_NO: &str = "SIDE0000000000000000000000000001";

/// How long before [`NOW`] the orders of replies were opened, in seconds.
pub const OPENED_BEFORE_S: i64 = 60;
