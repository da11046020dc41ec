//! Where bills lie, and the platform's certificates.

use paifang_payment::Doubt;
use paifang_rail::{
    Context, Exchange, Fetch, Finding, Inquiry, Keyring, KeyringBuilder, PlanError, Rail, Reply, Secret,
};
use serde_json::{Value, json};

use super::bills::wish;
use super::support::*;
use crate::{Settings, WeChatPay};

fn vector(name: &str) -> &'static Value {
    vectors("request_signing").iter().find(|case| case["name"] == name).unwrap()
}

fn is_the_vectors(exchange: &Exchange, name: &str) {
    let field = |field: &str| vector(name)[field].as_str().unwrap();
    assert_eq!(exchange.url, format!("https://api.mch.weixin.qq.com{}", field("target")), "{name}");
    assert_eq!(exchange.headers[0], ("Authorization", field("authorization").to_owned()), "{name}");
    assert!(exchange.body.is_empty());
}

fn cx_of(name: &str) -> Context<'static> {
    let field = |field: &str| vector(name)[field].as_str().unwrap();
    Context { nonce: field("nonce_str"), ..cx(field("timestamp").parse().unwrap()) }
}

fn asked(inquiry: &Inquiry<'_>, cx: &Context<'_>) -> Exchange {
    match account().plan_inquiry(inquiry, cx) {
        Ok(Fetch::Ask(exchange)) => exchange,
        other => panic!("{other:?}"),
    }
}

#[test]
fn inquiries_are_the_vectors_own() {
    let trade = wish("trade");
    is_the_vectors(&asked(&Inquiry::Statement(&trade), &cx_of("tradebill")), "tradebill");
    let keys = Inquiry::Keys { unknown: None };
    is_the_vectors(&asked(&keys, &cx_of("get-with-query")), "get-with-query");
    let flow = wish("fund_flow");
    let exchange = asked(&Inquiry::Statement(&flow), &cx(CLOCK));
    let target = "/v3/bill/fundflowbill?bill_date=2026-01-01&account_type=BASIC&tar_type=GZIP";
    assert_eq!(exchange.url, format!("https://api.mch.weixin.qq.com{target}"));
    let other = wish("funds");
    let refused = account().plan_inquiry(&Inquiry::Statement(&other), &cx(CLOCK)).map(drop);
    assert!(matches!(refused, Err(PlanError::Unsupported(_))));
}

pub(super) fn address(url: &str) -> String {
    let hash = "084f435193f717657b0533863a89cda39db03231";
    json!({"hash_type": "SHA1", "hash_value": hash, "download_url": url}).to_string()
}

/// The download is asked for at the endpoint only: the address is the rail's word, but our signature goes with it.
#[test]
fn a_bill_lies_at_the_endpoint() {
    let wish = wish("trade");
    let target = vector("billdownload")["target"].as_str().unwrap();
    let cx = cx_of("billdownload");
    let find =
        |reply: &Reply, cx: &Context<'_>| account().read_inquiry(&Inquiry::Statement(&wish), reply, cx);
    let reply = signed(200, &address(&format!("https://api.mch.weixin.qq.com{target}")));
    let Finding::Download { exchange, digest } = find(&reply, &cx) else { panic!("no download") };
    is_the_vectors(&exchange, "billdownload");
    assert_eq!(digest.unwrap().sha1_hex, "084f435193f717657b0533863a89cda39db03231");
    for url in [
        "https://evil.example/v3/billdownload/file?token=x",
        "https://api.mch.weixin.qq.com.evil.example/v3/x",
        "https://api.mch.weixin.qq.com@evil.example/v3/x",
        "https://api.mch.weixin.qq.com/other",
        "https://api.mch.weixin.qq.com/v3/a b",
        "",
    ] {
        let found = find(&signed(200, &address(url)), &cx);
        assert!(matches!(found, Finding::Unknown(Doubt::Unreadable)), "{url}: {found:?}");
    }
    for (change, value) in [("hash_type", "MD5"), ("hash_value", "12"), ("hash_value", "zz")] {
        let mut body: Value = serde_json::from_str(&address("https://api.mch.weixin.qq.com/v3/x")).unwrap();
        body[change] = value.into();
        let found = find(&signed(200, &body.to_string()), &cx);
        assert!(matches!(found, Finding::Unknown(Doubt::Unreadable)), "{change}: {found:?}");
    }
    let unsigned = bare(200, &address("https://api.mch.weixin.qq.com/v3/x"));
    assert!(matches!(find(&unsigned, &cx), Finding::Unknown(Doubt::BadSignature)));
    for status in [204, 302, 405, 429, 500, 502] {
        let found = find(&bare(status, "<html>"), &cx);
        assert!(matches!(found, Finding::Unknown(Doubt::HttpStatus(_))), "{status}: {found:?}");
    }
    assert!(matches!(find(&bare(400, "<html>"), &cx), Finding::Unknown(Doubt::Unreadable)));
}

/// That a day has no bill is said under 400 only, and without a signature.
#[test]
fn no_movements_is_an_unsigned_word_under_its_own_status() {
    let wish = wish("trade");
    let body = json!({"code": "NO_STATEMENT_EXIST", "message": "x"}).to_string();
    let find = |status| account().read_inquiry(&Inquiry::Statement(&wish), &bare(status, &body), &cx(CLOCK));
    assert!(matches!(find(400), Finding::NoMovements { signed: false }));
    for status in [401, 403, 404] {
        let found = find(status);
        assert!(matches!(found, Finding::Unknown(Doubt::HttpStatus(_))), "{status}: {found:?}");
    }
}

/// The recorded download, at its own time.
pub(super) fn download() -> (Reply, i64) {
    let headers: Vec<(String, String)> = ["Timestamp", "Nonce", "Serial", "Signature", "Signature-Type"]
        .map(|name| {
            let name = format!("Wechatpay-{name}");
            let value = text(&format!("/certificates_download/headers/{name}")).to_owned();
            (name, value)
        })
        .into();
    let at = text("/certificates_download/headers/Wechatpay-Timestamp").parse().unwrap();
    (Reply { status: 200, headers, body: text("/certificates_download/body").into() }, at)
}

pub(super) fn keys_of(reply: &Reply, at: i64, keys: &Keyring) -> Result<Vec<String>, Doubt> {
    let cx = Context { keys, ..cx(at) };
    match account().read_inquiry(&Inquiry::Keys { unknown: None }, reply, &cx) {
        Finding::Keys(keys) => Ok(keys.into_iter().map(|key| format!("{key:?}")).collect()),
        Finding::Unknown(doubt) => Err(doubt),
        other => panic!("{other:?}"),
    }
}

/// What an account has before its first download: its own key and the APIv3 key.
pub(super) fn bootstrap(apiv3_key: &str) -> Keyring {
    let signer = Secret::new(text("/keys/merchant/private_key_pem").into());
    Keyring::builder()
        .signer(&signer)
        .and_then(|ring| ring.symmetric(&Secret::new(apiv3_key.into())))
        .and_then(KeyringBuilder::build)
        .unwrap()
}

/// Both certificates come out, also when nothing of the rail is known yet; without the APIv3 key none does.
#[test]
fn the_recorded_certificates_are_believed() {
    let (reply, at) = download();
    let found = keys_of(&reply, at, cx(at).keys).unwrap();
    assert_eq!(found.len(), 2);
    for name in ["platform_certificate", "platform_certificate_next"] {
        let serial = text(&format!("/keys/{name}/serial_no"));
        assert!(found.iter().any(|key| key.contains(serial)), "{serial}");
    }
    assert_eq!(keys_of(&reply, at, &bootstrap(text("/keys/apiv3_key"))).unwrap(), found);
    assert_eq!(keys_of(&reply, at, &bootstrap(&"x".repeat(32))), Err(Doubt::Unreadable));
    assert_eq!(keys_of(&reply, at + 300, cx(at).keys), Err(Doubt::BadSignature));
}

/// A merchant who has the public key only is told that there is nothing yet; else it is a refusal.
#[test]
fn a_merchant_may_have_no_certificates() {
    let reply = bare(404, r#"{"code":"RESOURCE_NOT_EXISTS","message":"无可用的平台证书"}"#);
    let keys = Inquiry::Keys { unknown: None };
    let found = account().read_inquiry(&keys, &reply, &cx(CLOCK));
    assert!(matches!(found, Finding::Refused { .. }), "{found:?}");
    let id = text("/keys/wechatpay_public_key/id").to_owned();
    let account = WeChatPay::configure(Settings { public_key_id: Some(id), ..settings() }).unwrap();
    let found = account.read_inquiry(&keys, &reply, &cx(CLOCK));
    assert!(matches!(found, Finding::NotYet(_)), "{found:?}");
}
