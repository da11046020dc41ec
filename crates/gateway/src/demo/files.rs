//! The files of a stage: a complete config for the mock rails, and the public test keys that it names.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use paifang_mock_rails::{Files, MockRails};
use serde_json::Value;

/// The config with names between `@` where a stage puts its own values.
const TEMPLATE: &str = include_str!("paifang.toml");

/// Writes keys and config into a directory.
pub(super) fn write(dir: &Path, [grpc, http, ops]: [SocketAddr; 3], mocks: &MockRails) -> anyhow::Result<()> {
    let [ali, wechat, union] = ["alipay", "wechatpay", "unionpay"].map(|rail| Merchant::of(mocks, rail));
    let (ali, wechat, union) = (ali?, wechat?, union?);
    let keys = [
        ("alipay-app.pem", ali.file("app_private_key.pem")?),
        ("alipay-public.pem", ali.file("alipay_public_key.pem")?),
        ("wechatpay-merchant.pem", wechat.file("merchant_private_key.pem")?),
        ("wechatpay-merchant-cert.pem", wechat.file("merchant_certificate.pem")?),
        ("wechatpay-apiv3.key", wechat.file("apiv3_key.txt")?),
        ("wechatpay-platform-cert.pem", wechat.file("platform_certificate.pem")?),
        ("unionpay-merchant.pem", union.file("merchant_private_key.pem")?),
        ("unionpay-merchant-cert.pem", union.file("merchant_certificate.pem")?),
        ("unionpay-root.pem", union.file("root_certificate.pem")?),
        ("unionpay-middle.pem", union.file("middle_certificate.pem")?),
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
        ("app_id", ali.id("app_id")?),
        ("seller_id", ali.id("seller_id")?),
        ("alipay", mocks.url("alipay")),
        ("mchid", wechat.id("mchid")?),
        ("appid", wechat.id("appid")?),
        ("wechatpay", mocks.url("wechatpay")),
        ("merchant_id", union.id("mer_id")?),
        ("unionpay", mocks.url("unionpay")),
    ];
    let config = values
        .iter()
        .fold(TEMPLATE.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value));
    std::fs::write(dir.join("paifang.toml"), config).context("cannot write the config")
}

/// One rail's merchant, as its files describe it.
struct Merchant<'a> {
    files: &'a Files,
    ids: Value,
}

impl<'a> Merchant<'a> {
    fn of(mocks: &'a MockRails, rail: &str) -> anyhow::Result<Self> {
        let files = mocks.files(rail);
        let ids = files.get("merchant.json").with_context(|| format!("{rail} has no merchant.json"))?;
        Ok(Self { files, ids: serde_json::from_str(ids)? })
    }

    fn file(&self, name: &str) -> anyhow::Result<&'a str> {
        self.files.get(name).map(String::as_str).with_context(|| format!("the rail has no file {name}"))
    }

    fn id(&self, name: &str) -> anyhow::Result<String> {
        Ok(self.ids[name].as_str().with_context(|| format!("the merchant has no {name}"))?.to_owned())
    }
}
