//! The targets, and the list of them.

mod bills;
mod messages;
mod replies;
mod signed;
mod values;

/// A decoder with a property, under a name.
#[derive(Clone, Copy)]
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Panics when the property does not hold.
    pub run: fn(&[u8]),
    /// Inputs to begin with, out of the committed data.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words of its language.
    pub words: &'static [&'static str],
    /// Executions of the short run in the tests; less where one costs a signature.
    pub quick: u64,
}

const FORM: &[&str] =
    &["&", "=", "%26", "%3D", "&total_amount=0.01", "&txnAmt=1", "sign", "signature", "+", "%2B"];
const JSON: &[&str] =
    &["\"", ":", ",\"", "\\u0061", "\"total\":1,", "\"sign\":\"\"", "resource", "ciphertext", "1e9"];
const CSV: &[&str] = &[",", "\t", "`", "\r\n", "0.01", "-0.01", "#", "\"", "88.88", "退款"];

/// Every target.
pub const ALL: &[Target] = &[
    Target {
        name: "alipay_notification",
        run: messages::alipay,
        seeds: messages::alipay_seeds,
        words: FORM,
        quick: 1_000,
    },
    Target {
        name: "wechatpay_notification",
        run: messages::wechatpay,
        seeds: messages::wechatpay_seeds,
        words: JSON,
        quick: 1_000,
    },
    Target {
        name: "unionpay_notification",
        run: messages::unionpay,
        seeds: messages::unionpay_seeds,
        words: FORM,
        quick: 500,
    },
    Target {
        name: "alipay_signed",
        run: signed::alipay,
        seeds: signed::alipay_seeds,
        words: FORM,
        quick: 300,
    },
    Target {
        name: "wechatpay_signed",
        run: signed::wechatpay,
        seeds: signed::wechatpay_seeds,
        words: JSON,
        quick: 300,
    },
    Target {
        name: "unionpay_signed",
        run: signed::unionpay,
        seeds: signed::unionpay_seeds,
        words: FORM,
        quick: 300,
    },
    Target {
        name: "alipay_reply",
        run: replies::alipay,
        seeds: replies::alipay_seeds,
        words: JSON,
        quick: 1_000,
    },
    Target {
        name: "wechatpay_reply",
        run: replies::wechatpay,
        seeds: replies::wechatpay_seeds,
        words: JSON,
        quick: 1_000,
    },
    Target {
        name: "unionpay_reply",
        run: replies::unionpay,
        seeds: replies::unionpay_seeds,
        words: FORM,
        quick: 500,
    },
    Target { name: "keys_reply", run: replies::keys, seeds: replies::keys_seeds, words: JSON, quick: 300 },
    Target {
        name: "alipay_archive",
        run: bills::alipay_archive,
        seeds: bills::alipay_archive_seeds,
        words: &["PK\u{3}\u{4}", "PK\u{1}\u{2}"],
        quick: 1_000,
    },
    Target { name: "alipay_bill", run: bills::alipay, seeds: bills::alipay_seeds, words: CSV, quick: 500 },
    Target {
        name: "wechatpay_bill",
        run: bills::wechatpay,
        seeds: bills::wechatpay_seeds,
        words: CSV,
        quick: 1_000,
    },
    Target {
        name: "unionpay_bill",
        run: bills::unionpay,
        seeds: bills::unionpay_seeds,
        words: CSV,
        quick: 200,
    },
    Target {
        name: "certificate",
        run: values::certificate,
        seeds: values::certificate_seeds,
        words: &["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "\r\n"],
        quick: 500,
    },
    Target {
        name: "money",
        run: values::money,
        seeds: values::money_seeds,
        words: &[".", "0", "9", "999999999999999999", "e"],
        quick: 20_000,
    },
    Target {
        name: "names",
        run: values::names,
        seeds: values::names_seeds,
        words: &["pi_", "re_", "tn_", "-", "pf_", ":"],
        quick: 5_000,
    },
    Target {
        name: "grpc_messages",
        run: values::grpc,
        seeds: values::grpc_seeds,
        words: &["CNY", "\u{a}\u{1}", "\u{12}"],
        quick: 2_000,
    },
    Target {
        name: "config",
        run: values::config,
        seeds: values::config_seeds,
        words: &["[[rail]]", "[rail.keys]", "=", "\"\"", "'''", "0x", "inf", "settings"],
        quick: 300,
    },
    Target {
        name: "stored_forms",
        run: values::stored,
        seeds: values::stored_seeds,
        words: JSON,
        quick: 3_000,
    },
];

/// The target of this name.
pub fn named(name: &str) -> Option<&'static Target> {
    ALL.iter().find(|target| target.name == name)
}

/// Runs the target of this name on one input, for cargo-fuzz.
///
/// # Panics
/// When the property does not hold, or there is no such target.
pub fn one(name: &str, input: &[u8]) {
    let target = named(name).unwrap_or_else(|| panic!("no target {name}"));
    (target.run)(input);
}
