//! The adapter against the WeChat Pay mock, which another hand wrote from the same facts: every law of the rail kit.

use paifang_conformance::rail::{ControlApi, Habits, Setup, World};
use paifang_mock_rails::clock::Clock;
use paifang_mock_rails::wechatpay::{self, Merchant};
use paifang_mock_rails::{MockRails, Options};
use paifang_payment::PayerId;
use paifang_rail::{Keyring, Secret};
use paifang_rail_wechatpay::{Settings, WeChatPay};

/// The mock's one merchant, in a world that stands at noon in Beijing. Two refunds of one order must be a minute apart,
/// as documented.
async fn world() -> World {
    let noon = "2026-03-01T12:00:00+08:00".parse().unwrap();
    let wechatpay = wechatpay::Settings { refunds_paced: true, ..wechatpay::Settings::default() };
    let options = Options { clock: Clock::standing_at(noon), wechatpay, ..Options::default() };
    let rails = MockRails::start(options).await.unwrap();
    let merchant = Merchant::of_vectors();
    let settings = Settings {
        mchid: merchant.mchid.to_owned(),
        appid: merchant.appid.to_owned(),
        endpoint: rails.url("wechatpay"),
        merchant_serial: None,
        public_key_id: Some(merchant.public_key.0.to_owned()),
    };
    World::open(Setup {
        rail: Box::new(WeChatPay::configure(settings).unwrap()),
        keys: keys(&merchant, merchant.public_key.1),
        // Another rail's key under this one's id.
        strangers: keys(&merchant, paifang_mock_rails::alipay::merchant().rail_public_key_pem),
        counterpart: Box::new(ControlApi::new(rails.control_url(), "wechatpay", rails)),
        habits: habits(),
    })
    .await
}

fn keys(merchant: &Merchant, rail_public_key_pem: &str) -> Keyring {
    Keyring::builder()
        .signer(&Secret::new(merchant.private_key_pem.into()))
        .and_then(|ring| ring.signer_certificate(merchant.certificate_pem))
        .and_then(|ring| ring.symmetric(&Secret::new(merchant.apiv3_key.into())))
        .and_then(|ring| ring.verifier(Some(merchant.public_key.0), rail_public_key_pem))
        .and_then(|ring| ring.build())
        .unwrap()
}

/// An order stands from its creation on. A close may be repeated, and one of a number that was never ordered uses the
/// number up.
fn habits() -> Habits {
    Habits {
        unseen: |_| "pending",
        unseen_expired: |_| "closed",
        seen_expired: "closed",
        declined: "closed",
        close_unseen: "closed",
        close_again: "closed",
        close_unknown: "closed",
        refunds_notified: true,
        payer: Some(PayerId::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap()),
    }
}

paifang_conformance::rail_suite!(world);
