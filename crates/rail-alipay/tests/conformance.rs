//! The adapter against the Alipay mock, which another hand wrote from the same facts: every law of the rail kit.

use paifang_conformance::rail::{ControlApi, Habits, Setup, World};
use paifang_mock_rails::clock::Clock;
use paifang_mock_rails::{MockRails, Options, alipay};
use paifang_rail::{Keyring, Secret};
use paifang_rail_alipay::{Alipay, Charset, Settings};

mod in_utf8 {
    async fn world() -> paifang_conformance::rail::World {
        super::world(paifang_rail_alipay::Charset::Utf8).await
    }

    paifang_conformance::rail_suite!(world);
}

mod in_gbk {
    async fn world() -> paifang_conformance::rail::World {
        super::world(paifang_rail_alipay::Charset::Gbk).await
    }

    paifang_conformance::rail_suite!(world);
}

/// The mock's one merchant, in a world that stands at noon in Beijing.
async fn world(charset: Charset) -> World {
    let noon = "2026-03-01T12:00:00+08:00".parse().expect("a time");
    let options = Options { clock: Clock::standing_at(noon), ..Options::default() };
    let rails = MockRails::start_with(options).await.expect("free ports");
    let merchant = alipay::merchant();
    let settings = Settings {
        app_id: merchant.app_id.to_owned(),
        seller_id: merchant.seller_id.to_owned(),
        gateway: format!("{}/gateway.do", rails.url("alipay")),
        charset,
    };
    World::open(Setup {
        rail: Box::new(Alipay::configure(settings).expect("settings")),
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
        .expect("good keys")
}

/// There is no trade until a payer comes, whatever the way: until then, and for ever if nobody comes, query and close
/// answer ACQ.TRADE_NOT_EXIST. A closed trade cannot be closed, with the code that a paid one has.
fn habits() -> Habits {
    Habits {
        unseen: |_| "absent",
        seen: "pending",
        unseen_expired: |_| "absent",
        seen_expired: "closed",
        declined: "closed",
        close_unseen: "absent",
        close_again: "unknown MaybePaid",
        close_unknown: "absent",
        codes: &[
            ("charge", "ACQ.SYSTEM_ERROR", "unknown RailUnsure"),
            ("charge", "isp.unknow-error", "unknown RailUnsure"),
            ("charge", "isv.app-call-limited", "unknown RailUnsure"),
            ("charge", "isv.invalid-signature", "refused rail_configuration"),
            ("charge", "isv.insufficient-isv-permissions", "refused not_permitted"),
            ("charge", "ACQ.TRADE_HAS_SUCCESS", "unknown MaybePaid"),
            ("charge", "ACQ.TRADE_HAS_CLOSE", "unknown RailUnsure"),
            ("charge", "ACQ.BUYER_SELLER_EQUAL", "refused payer_mismatch"),
            ("charge", "ACQ.NO_SUCH_CODE", "unknown UnlistedCode"),
            ("query", "ACQ.SYSTEM_ERROR", "unknown RailUnsure"),
            ("query", "ACQ.TRADE_NOT_EXIST", "absent"),
            ("query", "isv.invalid-signature", "unknown RailUnsure"),
            ("close", "ACQ.SYSTEM_ERROR", "unknown RailUnsure"),
            ("refund", "ACQ.SYSTEM_ERROR", "unknown RailUnsure"),
            ("refund", "ACQ.SELLER_BALANCE_NOT_ENOUGH", "unknown RailUnsure"),
            ("refund", "ACQ.TRADE_HAS_FINISHED", "unknown Unconfirmed"),
            ("refund", "isv.insufficient-isv-permissions", "unknown RailUnsure"),
            ("refund_query", "ACQ.SYSTEM_ERROR", "unknown RailUnsure"),
            ("refund_query", "TRADE_NOT_EXIST", "absent"),
        ],
        payments_timed: true,
        late_money_stays: true,
        refunds_end_at_once: true,
        refund_failure: None,
        refunds_notified: true,
        payer: None,
    }
}
