//! Signature probes: in answers and notifications, by fault and by themselves, decodable and not.

use serde_json::json;

use super::*;
use crate::faults::Fault;
use crate::testing::{Shop, within};
use crate::wechatpay::sign::{Honesty, PROBE_PREFIX};
use crate::wechatpay::{ProbeForm, Probes};

fn probing(answers: u16, notices: u16, broken_percent: u8) -> Settings {
    let probes = Probes { answers_per_mille: answers, notices_per_mille: notices, broken_percent, seed: 3 };
    Settings { probes: Some(probes), ..Settings::default() }
}

/// `true`, `decodable` or `broken`.
fn form(signature: &str) -> &'static str {
    match (signature.starts_with(PROBE_PREFIX), BASE64.decode(signature).is_ok()) {
        (false, _) => "true",
        (true, true) => "decodable",
        (true, false) => "broken",
    }
}

#[tokio::test]
async fn f08_a_fault_makes_either_form() {
    for (probe_form, fault, wanted) in [
        (ProbeForm::Decodable, Fault::WrongSignature, "decodable"),
        (ProbeForm::Broken, Fault::WrongSignature, "broken"),
        (ProbeForm::Decodable, Fault::BusinessCode("SIGNTEST".into()), "broken"),
    ] {
        let world = World::with(Settings { probe_form, ..Settings::default() });
        world.bench.faults.arm(Some("charge"), fault, 1);
        let got = world.native("T00000001", 100).await;
        assert_eq!((got.status, form(got.header("Wechatpay-Signature"))), (200, wanted));
        assert_eq!(world.rail.book().len(), 1, "the work is done");
        let again = world.native("T00000001", 100).await;
        assert!(signed_by(&again.headers, &again.body, "platform_certificate"), "a retry is no probe");
    }
}

#[tokio::test]
async fn answers_become_probes_by_lot_but_never_two_in_a_row() {
    let seen = async |settings| {
        let world = World::with(settings);
        let mut forms = Vec::new();
        for _ in 0..60 {
            let got = world.get("/v3/certificates").await;
            forms.push(form(got.header("Wechatpay-Signature")));
        }
        forms
    };
    let forms = seen(probing(300, 0, 50)).await;
    assert!(
        forms.contains(&"decodable") && forms.contains(&"broken") && forms.contains(&"true"),
        "{forms:?}"
    );
    assert!(forms.windows(2).all(|two| two.contains(&"true")), "{forms:?}");
    assert_eq!(seen(probing(300, 0, 50)).await, forms, "the same seed, the same lot");
    assert!(seen(probing(1_000, 0, 0)).await.chunks(2).all(|two| two == ["decodable", "true"]));
    assert!(seen(probing(0, 1_000, 0)).await.iter().all(|form| *form == "true"));
}

#[tokio::test]
async fn a_notification_probe_is_followed_by_a_good_one() {
    for (broken_percent, wanted) in [(0, "decodable"), (100, "broken")] {
        let shop = Shop::open(&[(401, ""), (200, "")]).await;
        let world = World::with(probing(0, 1_000, broken_percent));
        let mut body = order("T00000001", 100);
        body["notify_url"] = json!(shop.url);
        assert_eq!(world.post(NATIVE, &body).await.status, 200);
        world.pay("T00000001").unwrap();
        within(world.bench.notifier.until(|all| all.first().is_some_and(|d| d.tries.len() == 1))).await;
        world.step(15);
        within(world.bench.notifier.until(|all| all.first().is_some_and(|d| d.tries.len() == 2))).await;
        let forms: Vec<_> =
            shop.seen().iter().map(|it| form(it.header("Wechatpay-Signature").unwrap())).collect();
        assert_eq!(forms, [wanted, "true"]);
    }
}

#[test]
fn a_share_of_notifications_are_probes() {
    let ring = keyring();
    ring.set(probing(0, 100, 0));
    let probe = |n: &u32| ring.honesty_of_notice(&format!("paid {n}")) != Honesty::True;
    let count = (0..1_000_u32).filter(probe).count();
    assert!((60..140).contains(&count), "{count}");
    ring.set(Settings::default());
    assert_eq!(ring.honesty_of_notice("paid 1"), Honesty::True);
}
