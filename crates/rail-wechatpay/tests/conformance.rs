//! The adapter against the WeChat Pay mock, which another hand wrote from the same facts: every law of the rail kit.

use paifang_conformance::rail::{ControlApi, Habits, RefundFailure, Setup, World};
use paifang_mock_rails::clock::Clock;
use paifang_mock_rails::wechatpay::{ChangedRepeat, Merchant, Platform};
use paifang_mock_rails::{KeyStep, MockRails, Options, Step, alipay, wechatpay};
use paifang_payment::PayerId;
use paifang_rail::{Keyring, Secret};
use paifang_rail_wechatpay::{Settings, WeChatPay};

#[path = "conformance/beyond.rs"]
mod beyond;

/// Answers and messages are signed with the public key, which each call names.
mod by_public_key {
    async fn world() -> paifang_conformance::rail::World {
        super::by_public_key().await
    }

    paifang_conformance::rail_suite!(world);
}

/// They are signed with the later one of two platform certificates, and a changed repeat is refused as documented.
mod by_certificate {
    async fn world() -> paifang_conformance::rail::World {
        super::by_certificate().await
    }

    paifang_conformance::rail_suite!(world);
}

async fn by_public_key() -> World {
    let (id, pem) = Merchant::of_vectors().public_key;
    let stranger = alipay::merchant().rail_public_key_pem;
    let settings = wechatpay::Settings { platform: Platform::PublicKeyOnly, ..paced() };
    world(settings, Some(id), keys(&[(id, pem)]), keys(&[(id, stranger)])).await
}

async fn by_certificate() -> World {
    let merchant = Merchant::of_vectors();
    let (now, next) = (merchant.platform_certificate, merchant.platform_certificate_next);
    let stranger = alipay::merchant().rail_public_key_pem;
    let platform = Platform::CertificatesOnly;
    let settings = wechatpay::Settings { platform, changed_repeat: ChangedRepeat::AsDocumented, ..paced() };
    world(settings, None, keys(&[now, next]), keys(&[now, (next.0, stranger)])).await
}

/// Two refunds of one order must be a minute apart, as documented.
fn paced() -> wechatpay::Settings {
    wechatpay::Settings { refunds_paced: true, ..wechatpay::Settings::default() }
}

/// The mock's one merchant, in a world that stands at noon in Beijing.
async fn world(
    wechatpay: wechatpay::Settings,
    public_key_id: Option<&str>,
    keys: Keyring,
    strangers: Keyring,
) -> World {
    let rails = rails(wechatpay).await;
    let rail = Box::new(adapter(&rails, public_key_id));
    let counterpart = Box::new(ControlApi::new(rails.control_url(), "wechatpay", rails));
    World::open(Setup { rail, keys, strangers, counterpart, habits: habits() }).await
}

/// The mock; its later certificate is in use where it signs with certificates.
async fn rails(wechatpay: wechatpay::Settings) -> MockRails {
    let noon = "2026-03-01T12:00:00+08:00".parse().expect("a time");
    let options = Options { clock: Clock::standing_at(noon), wechatpay, ..Options::default() };
    let by_certificate = options.wechatpay.platform == Platform::CertificatesOnly;
    let rails = MockRails::start_with(options).await.expect("free ports");
    for step in [Step::Announce, Step::Switch].into_iter().filter(|_| by_certificate) {
        rails.rail("wechatpay").keys(KeyStep::Rail(step)).expect("a rotation has begun");
    }
    rails
}

/// The adapter in front of it.
fn adapter(rails: &MockRails, public_key_id: Option<&str>) -> WeChatPay {
    let merchant = Merchant::of_vectors();
    let settings = Settings {
        mchid: merchant.mchid.to_owned(),
        appid: merchant.appid.to_owned(),
        endpoint: rails.url("wechatpay"),
        merchant_serial: None,
        public_key_id: public_key_id.map(str::to_owned),
        store_id: Some("0001".to_owned()),
        store_out_id: None,
        h5_returns: false,
        refund_funds_account: None,
        refund_from: None,
    };
    WeChatPay::configure(settings).expect("settings")
}

/// The account's keys, with these of the rail: id or serial, and PEM.
fn keys(of_the_rail: &[(&str, &str)]) -> Keyring {
    let merchant = Merchant::of_vectors();
    let mut ring = Keyring::builder()
        .signer(&Secret::new(merchant.private_key_pem.into()))
        .and_then(|ring| ring.signer_certificate(merchant.certificate_pem))
        .and_then(|ring| ring.symmetric(&Secret::new(merchant.apiv3_key.into())))
        .expect("good keys");
    for (id, pem) in of_the_rail {
        let id = (!pem.contains("CERTIFICATE")).then_some(*id);
        ring = ring.verifier(id, pem).expect("good keys");
    }
    ring.build().expect("good keys")
}

/// An order stands from its creation on. A close may be repeated, and one of a number that was never ordered uses the
/// number up.
fn habits() -> Habits {
    Habits {
        unseen: |_| "pending",
        seen: "pending",
        unseen_expired: |_| "closed",
        seen_expired: "closed",
        declined: "refused payer_declined",
        close_unseen: "closed",
        close_again: "closed",
        close_unknown: "closed",
        codes: &[
            ("charge", "ORDER_PAID", "unknown MaybePaid"),
            ("charge", "ORDERPAID", "unknown MaybePaid"),
            ("charge", "OUT_TRADE_NO_USED", "unknown RailUnsure"),
            ("charge", "ORDER_CLOSED", "refused order_closed"),
            ("charge", "RULE_LIMIT", "refused risk"),
            ("charge", "SIGN_ERROR", "refused rail_configuration"),
            ("charge", "SYSTEM_ERROR", "unknown HttpStatus"),
            ("charge", "FREQUENCY_LIMITED", "unknown HttpStatus"),
            ("charge", "APPID_MCHID_NOT_MATCH", "refused rail_configuration"),
            ("charge", "NO_SUCH_CODE", "unknown UnlistedCode"),
            ("query", "ORDER_NOT_EXIST", "absent"),
            ("query", "SIGN_ERROR", "unknown RailUnsure"),
            ("query", "SYSTEM_ERROR", "unknown HttpStatus"),
            ("close", "ORDERPAID", "unknown MaybePaid"),
            ("close", "SYSTEM_ERROR", "unknown HttpStatus"),
            ("refund", "NOT_ENOUGH", "unknown RailUnsure"),
            ("refund", "NO_AUTH", "unknown RailUnsure"),
            ("refund", "USER_ACCOUNT_ABNORMAL", "refused payer_account"),
            ("refund", "RESOURCE_NOT_EXISTS", "refused refund_not_allowed"),
            ("refund", "FREQUENCY_LIMITED", "unknown HttpStatus"),
            ("refund_query", "RESOURCE_NOT_EXISTS", "absent"),
            ("refund_query", "SYSTEM_ERROR", "unknown HttpStatus"),
        ],
        payments_timed: true,
        late_money_stays: true,
        refunds_end_at_once: false,
        refund_failure: Some(RefundFailure::Code("CLOSED")),
        refunds_notified: true,
        payer: Some(PayerId::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").expect("an openid")),
    }
}
