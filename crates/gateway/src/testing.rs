//! What tests share: a directory with the vectors' keys, configs over it, and a gateway over the model store.

use std::net::SocketAddr;
use std::time::Duration;

use paifang_engine::{Client, Confirmation, CreateIntent};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{Presentation, RequestId, TenantId, WalletName};
use paifang_rail::ClientKind;
use paifang_store::ModelStore;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::config::{Config, ConfigErrors, Lookup};
use crate::serve::{Running, start_over};

/// The notify token of every account of [`Keys::rails`].
pub const TOKEN: &str = "token-0123456789abcdefghijk";

/// A directory with keys.
pub struct Keys(pub TempDir);

impl Keys {
    /// The vectors' keys, under the names that [`Keys::rails`] refers to.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let alipay = read(include_str!("../../../tests/vectors/alipay-vectors.json"));
        let wechatpay = read(include_str!("../../../tests/vectors/wechatpay-vectors.json"));
        let unionpay = read(include_str!("../../../tests/vectors/unionpay-vectors.json"));
        let files = [
            ("alipay-app.pem", &alipay["keys"]["app"]["private_pkcs8_pem"]),
            ("alipay-public.pem", &alipay["keys"]["alipay"]["public_spki_pem"]),
            ("appCertPublicKey.crt", &alipay["certificates"]["app_cert_pem"]),
            ("alipayCertPublicKey_RSA2.crt", &alipay["certificates"]["alipay_cert_pem"]),
            ("alipayRootCert.crt", &alipay["certificates"]["root_bundle_pem"]),
            ("apiclient_key.pem", &wechatpay["keys"]["merchant"]["private_key_pem"]),
            ("apiclient_cert.pem", &wechatpay["keys"]["merchant"]["certificate_pem"]),
            ("wechatpay-apiv3.key", &wechatpay["keys"]["apiv3_key"]),
            ("wechatpay-public.pem", &wechatpay["keys"]["wechatpay_public_key"]["public_key_pem"]),
            ("unionpay.key", &unionpay["certificates"]["merchant"]["private_key_pem"]),
            ("unionpay.pem", &unionpay["certificates"]["merchant"]["cert_pem"]),
            ("acp_prod_root.pem", &unionpay["certificates"]["root"]["cert_pem"]),
            ("acp_prod_middle.pem", &unionpay["certificates"]["middle"]["cert_pem"]),
        ];
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text.as_str().unwrap()).unwrap();
        }
        for rail in ["alipay", "wechatpay", "unionpay"] {
            std::fs::write(directory.path().join(format!("{rail}.token")), format!("{TOKEN}\n")).unwrap();
        }
        Self(directory)
    }

    /// All three rails at these origins.
    pub fn rails(alipay: &str, wechatpay: &str, unionpay: &str) -> String {
        format!(
            r#"
[[rail]]
id = "alipay-main"
rail = "alipay"
notify_token = {{ file = "alipay.token" }}
settings = {{ app_id = "9021000000000001", seller_id = "2088000000000001", gateway = "{alipay}/gateway.do" }}
[rail.keys]
app_private_key = {{ file = "alipay-app.pem" }}
alipay_public_key = {{ file = "alipay-public.pem" }}

[[rail]]
id = "wechatpay-main"
rail = "wechatpay"
notify_token = {{ file = "wechatpay.token" }}
[rail.settings]
mchid = "1900000109"
appid = "wxd678efh567hg6787"
endpoint = "{wechatpay}"
public_key_id = "PUB_KEY_ID_0119000001092026010100000000000001"
[rail.keys]
merchant_private_key = {{ file = "apiclient_key.pem" }}
merchant_certificate = {{ file = "apiclient_cert.pem" }}
apiv3_key = {{ file = "wechatpay-apiv3.key" }}
wechatpay_public_key = {{ file = "wechatpay-public.pem" }}

[[rail]]
id = "unionpay-main"
rail = "unionpay"
notify_token = {{ file = "unionpay.token" }}
[rail.settings]
merchant_id = "777290058110048"
front_url = "{unionpay}"
back_url = "{unionpay}"
query_url = "{unionpay}"
[rail.keys]
merchant_private_key = {{ file = "unionpay.key" }}
merchant_certificate = {{ file = "unionpay.pem" }}
root_certificate = {{ file = "acp_prod_root.pem" }}
middle_certificate = {{ file = "acp_prod_middle.pem" }}
"#
        )
    }

    /// The same, with Alipay in certificate mode.
    pub fn rails_with_certificates(alipay: &str, wechatpay: &str, unionpay: &str) -> String {
        Self::rails(alipay, wechatpay, unionpay)
            .replace("gateway.do\" }", "gateway.do\", key_mode = \"certificate\" }")
            .replace(
                "alipay_public_key = { file = \"alipay-public.pem\" }",
                "alipay_public_key = { file = \"alipayCertPublicKey_RSA2.crt\" }\n\
                 app_certificate = { file = \"appCertPublicKey.crt\" }\n\
                 alipay_root_certificates = { file = \"alipayRootCert.crt\" }",
            )
    }

    pub fn parse(&self, text: &str) -> Result<Config, ConfigErrors> {
        Config::parse(text, &Lookup::within(self.0.path()))
    }

    /// A gateway on free ports over the model store.
    pub async fn start(&self, rails: &str, limits: &str) -> Running<ModelStore> {
        self.start_with("", rails, limits).await
    }

    /// The same with TLS from `grpc.pem` and `grpc.key`, and without rails.
    pub async fn start_tls(&self) -> Running<ModelStore> {
        self.start_with("tls = { certificate = \"grpc.pem\", key = { file = \"grpc.key\" } }", "", "").await
    }

    async fn start_with(&self, grpc: &str, rails: &str, limits: &str) -> Running<ModelStore> {
        let listeners = ["http", "ops", "grpc"].map(|name| format!("[{name}]\nlisten = \"127.0.0.1:0\"\n"));
        let text = format!("{}{grpc}\n[limits]\n{limits}\n{rails}", listeners.concat());
        let config = self.parse(&text).unwrap();
        let store = ModelStore::new(crate::world::now);
        start_over(config, store).await.unwrap()
    }
}

/// One request on a connection of its own; answers status line, headers and body as they came.
pub async fn http(address: SocketAddr, request: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head = format!("{request} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}\r\n");
    stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    // The server may answer and close before it has taken the whole body.
    let _ = stream.write_all(body).await;
    read_all(&mut stream).await
}

/// Everything up to the end of the connection, ten seconds at most.
pub async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = async {
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut chunk).await {
            answer.extend_from_slice(&chunk[..count]);
        }
    };
    tokio::time::timeout(Duration::from_secs(10), read).await.expect("the connection stays open");
    String::from_utf8(answer).unwrap()
}

/// The answer without its date, and the status.
pub fn undated(answer: &str) -> String {
    answer.lines().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n")
}

/// Waits until `ready` holds, ten seconds at most.
pub async fn until(what: &str, mut ready: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !ready().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

pub fn tenant() -> TenantId {
    TenantId::from_parts(crate::world::now(), [1; 10])
}

/// An intent over 88.88 yuan with this choice.
pub fn intent(wallet: &str, presentation: Presentation, return_url: Option<&str>) -> CreateIntent {
    let kind = ClientKind::DesktopBrowser;
    let client = Client { kind, wallet: None, ip: None, payer: None, payer_code: None };
    let confirmation = Confirmation {
        wallet: WalletName::parse(wallet).unwrap(),
        rail: None,
        presentation: Some(presentation),
        client,
        return_url: return_url.map(str::to_owned),
        declared: Default::default(),
    };
    CreateIntent {
        request_id: RequestId::parse("order-1").unwrap(),
        amount: PositiveMoney::new(8888, Currency::CNY).unwrap(),
        description: "tea".into(),
        metadata: Default::default(),
        expires_at: None,
        capture: Default::default(),
        confirmation: Some(confirmation),
    }
}
