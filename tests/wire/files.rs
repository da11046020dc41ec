//! Config and keys of a gateway with one rail, and certificates for every door.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use paifang_mock_rails::forge::{Forge, Name};
use paifang_mock_rails::{Bench, Files, RailMock, alipay, unionpay, wechatpay};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

use crate::net::{GRPC, NEWS, OPS, RAIL, now};

/// A rail's test merchant.
pub fn known(rail: &str) -> Files {
    match rail {
        "alipay" => alipay::of_vectors(),
        "wechatpay" => wechatpay::of_vectors(),
        "unionpay" => unionpay::of_vectors(),
        other => panic!("there is no mock rail {other}"),
    }
}

/// The rail on its bench.
pub fn start(rail: &str, bench: Bench) -> Arc<dyn RailMock> {
    match rail {
        "alipay" => alipay::start(bench),
        "wechatpay" => wechatpay::start(bench),
        "unionpay" => unionpay::start(bench),
        other => panic!("there is no mock rail {other}"),
    }
}

/// One authority, one certificate for `localhost`, and both sides of TLS with them.
pub struct Secured {
    pub ca_pem: String,
    pub server: Arc<ServerConfig>,
    pub client: ClientConfig,
    certificate_pem: String,
    key_pem: String,
}

impl Secured {
    pub fn make() -> Self {
        let forge = Forge::at(now());
        let authority = forge.tls_root(&Name { common_name: "wire", ..Name::default() }).expect("a root");
        let (certificate_pem, key) = forge.tls_server(&authority, &["localhost"]).expect("a certificate");
        let provider = || Arc::new(rustls::crypto::ring::default_provider());
        let chain = |pem: &str| -> Vec<CertificateDer<'static>> {
            CertificateDer::pem_slice_iter(pem.as_bytes()).map(|one| one.expect("PEM")).collect()
        };
        let private = PrivateKeyDer::from_pem_slice(key.0.as_bytes()).expect("a key");
        let server = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain(&certificate_pem), private)
            .expect("they fit");
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(chain(&authority.certificate_pem));
        let client = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            ca_pem: authority.certificate_pem,
            server: Arc::new(server),
            client,
            certificate_pem,
            key_pem: key.0,
        }
    }
}

/// Writes `paifang.toml` and what it names into the directory.
pub fn write(dir: &Path, rail: &str, bench: &Bench, secured: Option<&Secured>) {
    let put = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect("a file");
    for (name, text) in bench.files.iter() {
        put(name, text);
    }
    put("notify.token", "wire-notify-token-0123456789");
    let mut tls = "";
    let mut text = String::new();
    if let Some(secured) = secured {
        put("ca.pem", &secured.ca_pem);
        put("server.pem", &secured.certificate_pem);
        put("server.key", &secured.key_pem);
        tls = "tls = { certificate = \"server.pem\", key = { file = \"server.key\" } }\n";
        text.push_str("[outbound]\nextra_roots = [\"ca.pem\"]\n");
    }
    let scheme = if secured.is_some() { "https" } else { "http" };
    let public = format!("public_url = \"{scheme}://localhost:{NEWS}\"\n");
    for (name, port, more) in [
        ("grpc", GRPC, tls.to_owned()),
        ("http", NEWS, format!("{public}{tls}")),
        ("ops", OPS, String::new()),
    ] {
        writeln!(text, "[{name}]\nlisten = \"127.0.0.1:{port}\"\n{more}").expect("memory");
    }
    let ids: Value = serde_json::from_str(&bench.files["merchant.json"]).expect("JSON");
    let id = |name: &str| ids[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned();
    text.push_str(&account(rail, &format!("{scheme}://localhost:{RAIL}"), id));
    put("paifang.toml", &text);
}

fn account(rail: &str, at: &str, id: impl Fn(&str) -> String) -> String {
    let (settings, keys) = match rail {
        "alipay" => (
            format!(
                "app_id = \"{}\"\nseller_id = \"{}\"\ngateway = \"{at}/gateway.do\"",
                id("app_id"),
                id("seller_id")
            ),
            "app_private_key = { file = \"app_private_key.pem\" }\n\
             alipay_public_key = { file = \"alipay_public_key.pem\", id = \"alipay\" }",
        ),
        "wechatpay" => (
            format!(
                "mchid = \"{}\"\nappid = \"{}\"\nendpoint = \"{at}\"\nstore_out_id = \"shop1\"",
                id("mchid"),
                id("appid")
            ),
            "merchant_private_key = { file = \"merchant_private_key.pem\" }\n\
             merchant_certificate = { file = \"merchant_certificate.pem\" }\n\
             apiv3_key = { file = \"apiv3_key.txt\" }\n\
             platform_certificate = { file = \"platform_certificate.pem\" }",
        ),
        "unionpay" => (
            format!(
                "merchant_id = \"{}\"\nterminal_id = \"00000001\"\n\
                 front_url = \"{at}\"\nback_url = \"{at}\"\nquery_url = \"{at}\"",
                id("mer_id")
            ),
            "merchant_private_key = { file = \"merchant_private_key.pem\" }\n\
             merchant_certificate = { file = \"merchant_certificate.pem\" }\n\
             root_certificate = { file = \"root_certificate.pem\" }\n\
             middle_certificate = { file = \"middle_certificate.pem\" }",
        ),
        other => panic!("there is no mock rail {other}"),
    };
    format!(
        "[[rail]]\nid = \"{rail}-main\"\nrail = \"{rail}\"\nnotify_token = {{ file = \"notify.token\" }}\n\
         [rail.settings]\n{settings}\n[rail.keys]\n{keys}\n"
    )
}
