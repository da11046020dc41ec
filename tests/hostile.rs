//! Hostile and contradictory notifications, over the running binary. What is not genuine leaves the store
//! byte-identical; what is genuine but does not fit is kept as suspicious and moves neither state nor money (F45-F55).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

mod support;

use std::path::Path;
use std::time::Duration;

use paifang_gateway::demo::Shop;
use paifang_mock_rails::faults::Fault;
use paifang_mock_rails::{alipay, vectors, wechatpay};
use paifang_proto::v1;
use paifang_rail::{Keyring, Secret};
use ring::aead;
use support::proxy::{Captured, Proxy, send};
use support::{QRS, SOON, Way, World};
use v1::PaymentIntentState as State;

/// A world whose rails speak to the gateway through a proxy that keeps what they send.
async fn watched() -> (World, Proxy) {
    let mut stage = World::stage().await;
    let proxy = Proxy::start(stage.http).await;
    let config = std::fs::read_to_string(stage.config()).unwrap();
    let public = format!("public_url = \"http://{}\"", stage.http);
    assert!(config.contains(&public));
    let through = format!("public_url = \"http://{}\"", proxy.address);
    std::fs::write(stage.config(), config.replace(&public, &through)).unwrap();
    let key = stage.new_tenant("test").await.unwrap();
    stage.start_gateway().await.unwrap();
    let shop = Shop::connect(stage.grpc, &key).unwrap();
    (World::of(stage, shop, key), proxy)
}

/// A genuine "paid" that the gateway has not seen, for an intent that awaits its payer. Queries are answered by nobody,
/// so that only the notification could move it.
async fn held_payment(world: &mut World, proxy: &Proxy, way: Way) -> (v1::PaymentIntent, Captured) {
    proxy.hold(true);
    let intent = world.shown(way).await;
    let seen = proxy.captured().len();
    for _ in 0..200 {
        world.fault(way, "query", Fault::Status(503));
    }
    world.pay(way, &intent);
    let captured = proxy.next_for(way.rail, seen).await;
    (intent, captured)
}

fn stop_faults(world: &World, way: Way) {
    world.stage.mocks.bench(way.rail).faults.clear();
}

fn store_bytes(dir: &Path) -> Vec<Vec<u8>> {
    ["paifang.db", "paifang.db-wal"]
        .iter()
        .map(|name| std::fs::read(dir.join(name)).unwrap_or_default())
        .collect()
}

/// Waits until nothing writes any more: claims of work raise tries, and the query's answer delays the next look.
async fn quiet(dir: &Path) -> Vec<Vec<u8>> {
    let deadline = tokio::time::Instant::now() + SOON;
    let mut last = store_bytes(dir);
    loop {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let now = store_bytes(dir);
        if now == last {
            return now;
        }
        assert!(tokio::time::Instant::now() < deadline, "the store never rests");
        last = now;
    }
}

/// Everything that an attacker without the rail's key can make of a genuine message.
fn forgeries(way: Way, genuine: &Captured) -> Vec<(&'static str, Captured)> {
    let mut all = Vec::new();
    let mut flipped = genuine.clone();
    let middle = flipped.body.len() / 2;
    flipped.body[middle] ^= 1;
    all.push(("a flipped bit", flipped));
    let mut cut = genuine.clone();
    cut.body.truncate(middle);
    all.push(("half of it", cut));
    all.push(("empty", Captured { body: Vec::new(), ..genuine.clone() }));
    if way.rail == "wechatpay" {
        for header in ["Wechatpay-Signature", "Wechatpay-Serial", "Wechatpay-Timestamp", "Wechatpay-Nonce"] {
            let mut bare = genuine.clone();
            bare.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(header));
            all.push(("a header is missing", bare));
        }
        all.push(("signed by somebody else", with_signature(genuine, &stranger(&message(genuine)))));
        all.push(("a probe", with_signature(genuine, "WECHATPAY/SIGNTEST/abc")));
    } else {
        let fields = parse(&genuine.body);
        let without: Vec<_> = fields
            .iter()
            .filter(|(name, _)| !name.starts_with("sign") || name == "signPubKeyCert")
            .cloned()
            .collect();
        all.push(("unsigned", with_fields(genuine, &without)));
        let forged = set(&fields, &[("sign", &stranger(b"x")), ("signature", &stranger(b"x"))]);
        all.push(("signed by somebody else", with_fields(genuine, &forged)));
        let amount = set(&fields, &[("total_amount", "0.01"), ("txnAmt", "1")]);
        all.push(("another amount", with_fields(genuine, &amount)));
        let mut doubled = fields.clone();
        doubled.push(fields[0].clone());
        all.push(("a field twice", with_fields(genuine, &doubled)));
    }
    all
}

#[tokio::test]
async fn what_is_not_genuine_leaves_the_store_byte_identical() {
    let (mut world, proxy) = watched().await;
    for way in QRS {
        let (intent, genuine) = held_payment(&mut world, &proxy, way).await;
        for (name, forged) in forgeries(way, &genuine) {
            let before = quiet(&world.stage.dir).await;
            let (status, answer) = send(world.stage.http, &forged).await;
            let answer = String::from_utf8_lossy(&answer).into_owned();
            let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
            let refused = !(200..300).contains(&status) || body == "fail" || body == "failure";
            assert!(refused, "{way:?}, {name}: {answer}");
            assert_eq!(store_bytes(&world.stage.dir), before, "{way:?}, {name}: the store has changed");
        }
        let mut elsewhere = genuine.clone();
        elsewhere.path = elsewhere.path.replace("demo-notify-token", "some-other-token");
        assert_eq!(send(world.stage.http, &elsewhere).await.0, 404);
        let still = world.shop.intent(&intent.payment_intent_id).await.unwrap();
        assert_eq!(still.state(), State::AwaitingPayer, "{way:?}");
        proxy.hold(false);
        let (status, _) = send(world.stage.http, &genuine).await;
        assert!((200..300).contains(&status), "{way:?}: the genuine one is taken: {status}");
        world.becomes(&intent.payment_intent_id, State::Succeeded).await;
        stop_faults(&world, way);
    }
    let metrics = support::browser::open(&format!("http://{}/metrics", world.stage.ops)).await.body;
    assert!(metrics.contains("wrong_signature"), "{metrics}");
    no_secret_in(&world.stage.log());
    world.end().await;
}

/// F52: the rail's own signature under another amount.
#[tokio::test]
async fn a_genuine_message_with_another_amount_is_suspicious() {
    let (mut world, proxy) = watched().await;
    for way in QRS {
        proxy.hold(false);
        let intent = world.shown(way).await;
        for _ in 0..200 {
            world.fault(way, "query", Fault::Status(503));
        }
        world.fault(way, "charge", Fault::NotificationAmount(1));
        world.pay(way, &intent);
        suspicion(&mut world, way, &intent, 1).await;
        stop_faults(&world, way);
        world.becomes(&intent.payment_intent_id, State::Succeeded).await;
    }
    world.end().await;
}

/// F53: the rail's own signature under another merchant or app.
#[tokio::test]
async fn a_genuine_message_for_somebody_else_is_suspicious() {
    let (mut world, proxy) = watched().await;
    for way in QRS {
        let (intent, genuine) = held_payment(&mut world, &proxy, way).await;
        let misaddressed = for_another_merchant(way, &genuine);
        let (status, _) = send(world.stage.http, &misaddressed).await;
        assert!((200..300).contains(&status), "{way:?}: it is safely kept: {status}");
        suspicion(&mut world, way, &intent, 1).await;
        proxy.hold(false);
        stop_faults(&world, way);
        world.becomes(&intent.payment_intent_id, State::Succeeded).await;
    }
    world.end().await;
}

/// F54: genuine, but no such order is known here: the rail shall come again.
#[tokio::test]
async fn a_genuine_message_for_an_unknown_order_is_not_acknowledged() {
    let (mut world, proxy) = watched().await;
    for way in QRS {
        let (intent, genuine) = held_payment(&mut world, &proxy, way).await;
        let orphan = for_another_order(way, &genuine);
        let before = quiet(&world.stage.dir).await;
        let (status, answer) = send(world.stage.http, &orphan).await;
        let body = String::from_utf8_lossy(&answer).split("\r\n\r\n").nth(1).unwrap_or_default().to_owned();
        assert!(!(200..300).contains(&status) || body.starts_with("fail"), "{way:?}: {status} {body}");
        assert_eq!(store_bytes(&world.stage.dir), before, "{way:?}");
        proxy.hold(false);
        stop_faults(&world, way);
        world.becomes(&intent.payment_intent_id, State::Succeeded).await;
    }
    world.end().await;
}

/// Kept and raised; no state, no money.
async fn suspicion(world: &mut World, way: Way, intent: &v1::PaymentIntent, least: u64) {
    let wanted = format!("account=\"{}-main\"", way.rail);
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        let metrics = support::browser::open(&format!("http://{}/metrics", world.stage.ops)).await.body;
        let line = metrics.lines().find(|line| line.contains("suspicious") && line.contains(&wanted));
        let count = line.and_then(|line| line.rsplit(' ').next()).and_then(|text| text.parse::<u64>().ok());
        if count.is_some_and(|count| count >= least) {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{way:?}: no suspicion is raised\n{metrics}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let now = world.shop.intent(&intent.payment_intent_id).await.unwrap();
    assert_eq!(now.state(), State::AwaitingPayer, "{way:?}");
    let ledger = paifang_gateway::demo::ledger_totals(&mut world.shop).await.unwrap();
    assert!(
        ledger.get(&format!("rail:{}-main", way.rail)).is_none_or(|(posted, _)| *posted == 0),
        "{ledger:?}"
    );
}

/// I14: no key, no payload, no payer id in the log.
fn no_secret_in(log: &str) {
    assert!(!log.is_empty());
    for secret in [
        "BEGIN",
        "TEST-ONLY-apiv3-key",
        "oUpF8uMuAJO",
        "demo-notify-token",
        "pf_",
        "ciphertext",
        "buyer_logon_id",
    ] {
        assert!(!log.contains(secret), "the log holds {secret:?}");
    }
}

fn for_another_merchant(way: Way, genuine: &Captured) -> Captured {
    match way.rail {
        "alipay" => signed_form(genuine, &[("seller_id", "2088999999999999"), ("notify_id", "n1")]),
        "unionpay" => signed_form(genuine, &[("merId", "777290058110999")]),
        _ => sealed(genuine, "mchid", "1900000999"),
    }
}

fn for_another_order(way: Way, genuine: &Captured) -> Captured {
    let other = "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ";
    match way.rail {
        "alipay" => signed_form(genuine, &[("out_trade_no", other), ("notify_id", "n2")]),
        "unionpay" => signed_form(genuine, &[("orderId", other)]),
        _ => sealed(genuine, "out_trade_no", other),
    }
}

/// Signs a form anew with the rail's own key, by the rail's own rule.
fn signed_form(genuine: &Captured, changes: &[(&str, &str)]) -> Captured {
    let mut fields = set(&parse(&genuine.body), changes);
    let (name, union) = if fields.iter().any(|(name, _)| name == "signature") {
        ("signature", true)
    } else {
        ("sign", false)
    };
    let mut signed: Vec<(String, String)> = fields
        .iter()
        .filter(|(field, value)| field != name && (union || field != "sign_type") && !value.is_empty())
        .cloned()
        .collect();
    signed.sort();
    let text = signed.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let (key, message) = if union {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        (
            vectors::text(vectors::unionpay(), "/certificates/upsign/private_key_pem"),
            hex::encode(digest).into_bytes(),
        )
    } else {
        (vectors::text(vectors::alipay(), "/keys/alipay/private_pkcs8_pem"), text.into_bytes())
    };
    let signature = sign(key, &message);
    fields.iter_mut().filter(|(field, _)| field == name).for_each(|(_, value)| value.clone_from(&signature));
    with_fields(genuine, &fields)
}

/// Opens WeChat Pay's envelope, changes a field, seals and signs it anew with the rail's own keys.
fn sealed(genuine: &Captured, field: &str, value: &str) -> Captured {
    let mut envelope: serde_json::Value = serde_json::from_slice(&genuine.body).unwrap();
    let resource = envelope["resource"].clone();
    let text = |name: &str| resource[name].as_str().unwrap().to_owned();
    let key = wechatpay::Merchant::of_vectors().apiv3_key;
    let ring = Keyring::builder().symmetric(&Secret::new(key.into())).unwrap().build().unwrap();
    let aad = text("associated_data");
    let plain = ring.open(text("nonce").as_bytes(), aad.as_bytes(), &base64(&text("ciphertext"))).unwrap();
    let mut plain: serde_json::Value = serde_json::from_slice(&plain).unwrap();
    plain[field] = value.into();
    let nonce = b"0123456789ab";
    let sealer = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM, key.as_bytes()).unwrap());
    let mut content = plain.to_string().into_bytes();
    let unique = aead::Nonce::assume_unique_for_key(*nonce);
    sealer.seal_in_place_append_tag(unique, aead::Aad::from(aad.as_bytes()), &mut content).unwrap();
    envelope["resource"]["ciphertext"] = to_base64(&content).into();
    envelope["resource"]["nonce"] = String::from_utf8_lossy(nonce).into_owned().into();
    let changed = Captured { body: envelope.to_string().into_bytes(), ..genuine.clone() };
    let key = vectors::text(vectors::wechatpay(), "/keys/platform_certificate/private_key_pem");
    let signature = sign(key, &message(&changed));
    with_signature(&changed, &signature)
}

fn message(notification: &Captured) -> Vec<u8> {
    let header = |wanted: &str| {
        let found = notification.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.clone()).unwrap()
    };
    let mut text = format!("{}\n{}\n", header("Wechatpay-Timestamp"), header("Wechatpay-Nonce")).into_bytes();
    text.extend_from_slice(&notification.body);
    text.push(b'\n');
    text
}

fn with_signature(genuine: &Captured, signature: &str) -> Captured {
    let mut changed = genuine.clone();
    for (name, value) in &mut changed.headers {
        if name.eq_ignore_ascii_case("Wechatpay-Signature") {
            signature.clone_into(value);
        }
    }
    changed
}

/// A good signature by a key that is nobody's: the merchant's own (F46).
fn stranger(message: &[u8]) -> String {
    sign(alipay::merchant().private_key_pem, message)
}

fn sign(key: &str, message: &[u8]) -> String {
    let ring = Keyring::builder().signer(&Secret::new(key.into())).unwrap().build().unwrap();
    to_base64(&ring.sign(message).unwrap())
}

fn parse(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}

fn set(fields: &[(String, String)], changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let changed = |(name, value): &(String, String)| {
        let change = changes.iter().find(|(field, _)| field == name);
        (name.clone(), change.map_or_else(|| value.clone(), |(_, value)| (*value).to_owned()))
    };
    fields.iter().map(changed).collect()
}

fn with_fields(genuine: &Captured, fields: &[(String, String)]) -> Captured {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes();
    Captured { body, ..genuine.clone() }
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

fn to_base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
