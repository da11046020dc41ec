//! Published SDKs, unmodified, take the mock rails for the rails: over http and over https with the mocks' own CA, in every
//! key mode. `cargo xtask test` installs them and names node, its packages and a Python; the scripts are in `tests/sdk`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use paifang_mock_rails::clock::Signatures;
use paifang_mock_rails::{Files, MockRails, alipay, unionpay, wechatpay};
use serde_json::{Value, json};
use tokio::process::Command;

/// How long one script may take.
const PATIENCE: Duration = Duration::from_secs(120);

fn named(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `cargo xtask test`"))
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("a crate lies two below")
        .join("tests/sdk")
}

struct World {
    rails: MockRails,
    ca: tempfile::NamedTempFile,
}

impl World {
    /// The rails with their test merchants. Days will pass here; the clients' clocks stay where they are.
    async fn start() -> Self {
        let rails = MockRails::start().await.unwrap();
        rails.clock().sign_by(Signatures::Wall);
        let ca = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(ca.path(), rails.ca_pem()).unwrap();
        Self { rails, ca }
    }

    /// What a script is told.
    fn told(&self) -> Value {
        let ids = |files: &Files| serde_json::from_str::<Value>(&files["merchant.json"]).unwrap();
        let (ali, wx, up) = (alipay::of_vectors(), wechatpay::of_vectors(), unionpay::of_vectors());
        let (ali_ids, wx_ids) = (ids(&ali), ids(&wx));
        let rail = |name: &str, keys: Value| json!({ "http": self.rails.url(name), "https": self.rails.https_url(name), "keys": keys });
        json!({
            "control": self.rails.control_url(),
            "ca": self.rails.ca_pem(),
            "alipay": rail("alipay", json!({
                "app_id": ali_ids["app_id"],
                "app_private_key": ali["app_private_key.pem"],
                "alipay_public_key": ali["alipay_public_key.pem"],
                "app_cert": ali["app_cert.pem"],
                "alipay_cert": ali["alipay_cert.pem"],
                "alipay_root_cert": ali["alipay_root_cert.pem"],
            })),
            "wechatpay": rail("wechatpay", json!({
                "mchid": wx_ids["mchid"],
                "appid": wx_ids["appid"],
                "merchant_serial": wx_ids["merchant_serial"],
                "merchant_private_key": wx["merchant_private_key.pem"],
                "platform_serial": wx_ids["platform_serial"],
                "platform_certificate": wx["platform_certificate.pem"],
                "public_key_id": wx_ids["public_key_id"],
                "public_key": wx["wechatpay_public_key.pem"],
                "apiv3_key": wx["apiv3_key.txt"],
            })),
            "unionpay": rail("unionpay", json!({
                "merchant_id": unionpay::merchant().mer_id,
                "merchant_private_key": up["merchant_private_key.pem"],
                "merchant_certificate": up["merchant_certificate.pem"],
                "root_certificate": up["root_certificate.pem"],
                "middle_certificate": up["middle_certificate.pem"],
            })),
        })
    }

    /// Runs a script to its end; answers the steps that came true.
    async fn run(&self, program: &str, script: &str) -> Vec<String> {
        let nowhere = tempfile::tempdir().unwrap();
        self.run_with(program, script, nowhere.path()).await
    }

    /// The same; pictures go to this directory.
    async fn run_with(&self, program: &str, script: &str, shots: &Path) -> Vec<String> {
        let mut command = Command::new(program);
        command.arg(scripts().join(script)).env("PAIFANG_SDK_WORLD", self.told().to_string());
        command.env("NODE_EXTRA_CA_CERTS", self.ca.path()).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("PAIFANG_SCREENSHOTS", shots);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let ended = tokio::time::timeout(PATIENCE, command.output()).await;
        let Output { status, stdout, stderr } = ended.expect("the script ends in time").expect("it runs");
        let (out, err) =
            (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned());
        assert!(status.success(), "{script}: {status}\n{out}\n{err}");
        let steps: Vec<String> =
            out.lines().filter_map(|line| line.strip_prefix("ok ")).map(str::to_owned).collect();
        assert_eq!(out.lines().last(), Some(format!("done {}", steps.len()).as_str()), "{out}");
        steps
    }
}

/// Every combination of these, each with every step.
fn all(modes: &[&str], steps: &[&str]) -> Vec<String> {
    let mut wanted: Vec<String> =
        modes.iter().flat_map(|mode| steps.iter().map(move |step| format!("{mode}: {step}"))).collect();
    wanted.sort();
    wanted
}

fn sorted(mut steps: Vec<String>) -> Vec<String> {
    steps.sort();
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn alipay_sdk_of_npm() {
    let steps = World::start().await.run(&named("PAIFANG_NODE"), "alipay.mjs").await;
    let modes = [
        "http key v2",
        "http key v3",
        "http certificate v2",
        "http certificate v3",
        "https key v2",
        "https key v3",
        "https certificate v2",
        "https certificate v3",
    ];
    let wanted = [
        "create",
        "query",
        "payment notice verified",
        "refund",
        "refund notice verified",
        "refund query",
        "close",
        "bill download",
    ];
    assert_eq!(sorted(steps), all(&modes, &wanted));
}

#[tokio::test(flavor = "multi_thread")]
async fn wechatpay_axios_plugin_of_npm() {
    let steps = World::start().await.run(&named("PAIFANG_NODE"), "wechatpay.mjs").await;
    let modes = ["http certificate", "http public_key", "https certificate", "https public_key"];
    let wanted = [
        "create",
        "query",
        "payment notification verified and decrypted",
        "refund",
        "refund notification verified and decrypted",
        "refund query",
        "close",
        "bill download",
    ];
    assert_eq!(sorted(steps), all(&modes, &wanted));
}

/// No registry holds a working package for UnionPay: this client was written in Python from the facts alone.
#[tokio::test(flavor = "multi_thread")]
async fn an_independent_unionpay_client() {
    let steps = World::start().await.run(&named("PAIFANG_PYTHON"), "unionpay.py").await;
    let wanted = [
        "create",
        "payment notification verified",
        "query",
        "refund",
        "refund notification verified",
        "refund query",
        "app payment",
        "undo",
        "undo notification verified",
        "undo query",
        "payer's code",
        "completion",
        "completion notification verified",
        "completion query",
        "file",
    ];
    assert_eq!(sorted(steps), all(&["http", "https"], &wanted));
}

/// The wallet page and the journal in headless Chromium. Screenshots go to a directory outside of the repository.
#[tokio::test(flavor = "multi_thread")]
async fn the_pages_in_a_browser() {
    let world = World::start().await;
    let shots = tempfile::tempdir().unwrap();
    let shots =
        std::env::var_os("PAIFANG_SCREENSHOTS").map_or_else(|| shots.path().to_owned(), PathBuf::from);
    let steps = world.run_with(&named("PAIFANG_NODE"), "pages.mjs", &shots).await;
    let wanted = [
        "scanned as text and paid",
        "scanned as a picture and paid",
        "declined",
        "a payment code",
        "a refused request and why",
        "fits the screen",
    ];
    assert_eq!(sorted(steps), all(&["phone", "desktop"], &wanted));
    assert!(std::fs::read_dir(&shots).unwrap().count() >= 10, "screenshots");
}
