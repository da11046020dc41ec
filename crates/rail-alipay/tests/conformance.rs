//! The adapter against the Alipay mock, which another hand wrote from the same facts: every law of the rail kit.

use paifang_conformance::rail::{ControlApi, Habits, Setup, World};
use paifang_mock_rails::clock::Clock;
use paifang_mock_rails::{MockRails, Options, alipay};
use paifang_payment::Presentation;
use paifang_rail::{Keyring, Secret};
use paifang_rail_alipay::{Alipay, Charset, Settings};

/// The mock's one merchant, in a world that stands at noon in Beijing.
async fn world() -> World {
    let noon = "2026-03-01T12:00:00+08:00".parse().unwrap();
    let options = Options { clock: Clock::standing_at(noon), ..Options::default() };
    let rails = MockRails::start(options).await.unwrap();
    let merchant = alipay::merchant();
    let settings = Settings {
        app_id: merchant.app_id.to_owned(),
        seller_id: merchant.seller_id.to_owned(),
        gateway: format!("{}/gateway.do", rails.url("alipay")),
        charset: Charset::Utf8,
    };
    World::open(Setup {
        rail: Box::new(Alipay::configure(settings).unwrap()),
        keys: keys(merchant.rail_public_key_pem),
        // Another rail's key: it is a good one, and not Alipay's.
        strangers: keys(paifang_mock_rails::wechatpay::Merchant::of_vectors().public_key.1),
        counterpart: Box::new(ControlApi::new(rails.control_url(), "alipay", rails)),
        habits: habits(),
    })
    .await
}

fn keys(rail_public_key_pem: &str) -> Keyring {
    Keyring::builder()
        .signer(&Secret::new(alipay::merchant().private_key_pem.into()))
        .and_then(|ring| ring.verifier(Some("alipay"), rail_public_key_pem))
        .and_then(|ring| ring.build())
        .unwrap()
}

/// There is no trade until a payer comes, whatever the way: until then, and for ever if nobody comes, query and close
/// answer ACQ.TRADE_NOT_EXIST. A closed trade cannot be closed, with the code that a paid one has.
fn habits() -> Habits {
    let absent: fn(Presentation) -> &'static str = |_| "absent";
    Habits {
        unseen: absent,
        unseen_expired: absent,
        seen_expired: "closed",
        declined: "closed",
        close_unseen: "absent",
        close_again: "unknown MaybePaid",
        close_unknown: "absent",
        refunds_notified: true,
        payer: None,
    }
}

paifang_conformance::rail_suite!(world);
