//! The files of a stage: a complete config for the mock rails, and the public test keys that it names.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use paifang_mock_rails::{MockRails, alipay, unionpay, wechatpay};

/// The config with names between `@` where a stage puts its own values.
const TEMPLATE: &str = include_str!("paifang.toml");

/// Writes keys and config into a directory.
pub(super) fn write(dir: &Path, [grpc, http, ops]: [SocketAddr; 3], mocks: &MockRails) -> anyhow::Result<()> {
    let (ali, wechat, union) = (alipay::merchant(), wechatpay::Merchant::of_vectors(), unionpay::merchant());
    let keys = [
        ("alipay-app.pem", ali.private_key_pem),
        ("alipay-public.pem", ali.rail_public_key_pem),
        ("wechatpay-merchant.pem", wechat.private_key_pem),
        ("wechatpay-merchant-cert.pem", wechat.certificate_pem),
        ("wechatpay-apiv3.key", wechat.apiv3_key),
        ("wechatpay-platform-cert.pem", wechat.platform_certificate.1),
        ("unionpay-merchant.pem", union.private_key_pem),
        ("unionpay-merchant-cert.pem", union.certificate_pem),
        ("unionpay-root.pem", union.root_certificate_pem),
        ("unionpay-middle.pem", union.middle_certificate_pem),
        ("notify.token", "demo-notify-token-0123456789"),
    ];
    for (name, text) in keys {
        std::fs::write(dir.join(name), text).with_context(|| format!("cannot write {name}"))?;
    }
    let values = [
        ("dir", dir.display().to_string()),
        ("grpc", grpc.to_string()),
        ("http", http.to_string()),
        ("ops", ops.to_string()),
        ("app_id", ali.app_id.to_owned()),
        ("seller_id", ali.seller_id.to_owned()),
        ("alipay", mocks.url("alipay")),
        ("mchid", wechat.mchid.to_owned()),
        ("appid", wechat.appid.to_owned()),
        ("wechatpay", mocks.url("wechatpay")),
        ("merchant_id", union.mer_id.to_owned()),
        ("unionpay", mocks.url("unionpay")),
    ];
    let config = values
        .iter()
        .fold(TEMPLATE.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value));
    std::fs::write(dir.join("paifang.toml"), config).context("cannot write the config")
}
