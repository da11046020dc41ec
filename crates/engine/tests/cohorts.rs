//! Must show 5: who is in a share of the payers, from the storefront's own references to the decision. It is the same on every
//! replica and in every version of the rules, holds its size, and never loses anyone when it is widened.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use paifang_engine::Names;
use paifang_payment::{PayerId, Presentation, RailName, TenantId, WalletName};
use paifang_policy::bundle::Bundle;
use paifang_policy::cohort::{Pseudonym, Salt, bucket};
use paifang_policy::facts::Facts;
use paifang_policy::lifecycle::Overlay;
use paifang_policy::opening::{Offer, decide};

/// Storefront, reference, pseudonym and bucket under the salt `walls-2024`, with a deployment's key of 32 sevens. Computed by
/// another program. They may never change: who is in a running cohort would change with them.
const GOLDEN: [(&str, &str, &str, u32); 6] = [
    (
        "tn_00000000000000000000000000000001",
        "payer-1",
        "180136df5395ef0100382458900b6b7620a5a43e96eaa51079e29a09c9571781",
        813_787,
    ),
    (
        "tn_00000000000000000000000000000001",
        "payer-2",
        "9b540b5404f533974b4701b52a9ca20fe489dfd6676ec575bb71de9855afe18e",
        299_884,
    ),
    (
        "tn_00000000000000000000000000000001",
        "13800138000",
        "7510d1b40855ce4fd7eb306c0b2e169e88591950f499807a809ee232b64fb79c",
        874_521,
    ),
    (
        "tn_00000000000000000000000000000002",
        "payer-1",
        "cbc287b7a6947f89ce324deb78701fc53d01e0b7f2c4f6f6837b2f0eee5c090a",
        471_343,
    ),
    (
        "tn_00000000000000000000000000000002",
        "payer-2",
        "ff9b4375087ac9c7348d1acde2b1401b9ec5c34f64ada53a776ff14008f8de4d",
        336_316,
    ),
    (
        "tn_00000000000000000000000000000002",
        "13800138000",
        "121f01fef33bff93831cd8659a5737b45a48f83a0922823d3bf0510c187ac329",
        351_803,
    ),
];

fn version(number: u32, ppm: u32) -> Bundle {
    let text = format!(
        r#"
[bundle]
name = "walls"
version = {number}
note = "a share of the payers"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "tried-{number}"
wallet = "wechatpay"
cohort = {{ salt = "walls-2024", ppm = {ppm} }}
show = true
accept = true
"#
    );
    Bundle::read(&text).unwrap_or_else(|faults| panic!("{faults}"))
}

fn takes(bundle: &Bundle, payer: &Pseudonym) -> bool {
    let offer = Offer {
        rail: RailName::parse("wechatpay").unwrap(),
        wallet: WalletName::parse("wechatpay").unwrap(),
        presentation: Presentation::QrShown,
    };
    decide(bundle, &Overlay::none(), &offer, &Facts::new(), Some(payer)).accepted
}

#[test]
fn a_payer_has_the_same_place_on_every_replica() {
    // Two replicas share nothing but the deployment's key.
    for replica in [Names::new(&[7; 32]), Names::new(&[7; 32])] {
        for (tenant, reference, pseudonym, place) in GOLDEN {
            let tenant = TenantId::parse(tenant).unwrap();
            let payer = replica.pseudonym(tenant, &PayerId::parse(reference).unwrap());
            assert_eq!(payer.as_str(), pseudonym, "{reference}");
            let salt = Salt::parse("walls-2024").unwrap();
            assert_eq!(bucket(&salt, &payer), place, "{reference}");
        }
    }
    let other = Names::new(&[8; 32]);
    let (tenant, reference, pseudonym, _) = GOLDEN[0];
    let payer = other.pseudonym(TenantId::parse(tenant).unwrap(), &PayerId::parse(reference).unwrap());
    assert_ne!(payer.as_str(), pseudonym, "another deployment knows them by another name");
}

/// Of a million payers 5 % are in to a tenth of a point, then 10 %, then 20 %, then everybody; nobody who was in is ever out.
#[test]
fn a_ramp_over_a_million_payers_holds_its_size_and_drops_nobody() {
    let names = Names::new(&[7; 32]);
    let tenant = TenantId::parse(GOLDEN[0].0).unwrap();
    let ramp = [(1, 50_000), (2, 100_000), (3, 200_000), (4, 1_000_000)].map(|(at, ppm)| version(at, ppm));
    let mut taken = [0_u32; 4];
    for number in 0..1_000_000 {
        let payer = names.pseudonym(tenant, &PayerId::parse(&format!("u-{number}")).unwrap());
        let is_in = [0, 1, 2, 3].map(|at| ramp[at].openings()[0].cohort.as_ref().unwrap().holds(&payer));
        // The whole decision is made of some: it says the same.
        if number % 100 == 0 {
            assert_eq!(is_in, [0, 1, 2, 3].map(|at| takes(&ramp[at], &payer)));
        }
        assert!(is_in.is_sorted(), "u-{number} was dropped: {is_in:?}");
        for (count, is_in) in taken.iter_mut().zip(is_in) {
            *count += u32::from(is_in);
        }
    }
    println!("taken of a million: {taken:?}");
    let [five, ten, twenty, all] = taken;
    assert!((49_000..=51_000).contains(&five), "{five}");
    assert!((99_000..=101_000).contains(&ten), "{ten}");
    assert!((199_000..=201_000).contains(&twenty), "{twenty}");
    assert_eq!(all, 1_000_000);
}
