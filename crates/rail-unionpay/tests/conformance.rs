//! The adapter against the UnionPay mock, which another hand wrote from the same facts: every law of the rail kit.

use paifang_conformance::rail::{ControlApi, Habits, RefundFailure, Setup, World};
use paifang_mock_rails::clock::Clock;
use paifang_mock_rails::unionpay::{self, Conduct, LateMoney, Merchant, Unpaid};
use paifang_mock_rails::{MockRails, Options, vectors};
use paifang_payment::Presentation;
use paifang_rail::{Keyring, Secret};
use paifang_rail_unionpay::{Settings, UnionPay};

/// An unpaid order is "accepted" (05), success is 00, late money stays.
mod as_usual {
    async fn world() -> paifang_conformance::rail::World {
        super::as_usual().await
    }

    paifang_conformance::rail_suite!(world);
}

/// The other conduct that was seen: an unpaid order is "not found" (34), success is A6, late money goes back by itself.
mod as_seen_elsewhere {
    async fn world() -> paifang_conformance::rail::World {
        super::as_seen_elsewhere().await
    }

    paifang_conformance::rail_suite!(world);
}

async fn as_usual() -> World {
    world(Conduct::default(), habits()).await
}

async fn as_seen_elsewhere() -> World {
    let conduct = Conduct {
        unpaid: Unpaid::NotFound,
        late_money: LateMoney::GivenBack,
        defective_success: true,
        ..Conduct::default()
    };
    let habits = Habits { unseen: |_| "absent", seen: "absent", late_money_stays: false, ..habits() };
    world(conduct, habits).await
}

/// The mock's one merchant, with a till, in a world that stands at noon in Beijing.
async fn world(unionpay: Conduct, habits: Habits) -> World {
    let noon = "2026-03-01T12:00:00+08:00".parse().expect("a time");
    let options = Options { clock: Clock::standing_at(noon), unionpay, ..Options::default() };
    let rails = MockRails::start_with(options).await.expect("free ports");
    let merchant = unionpay::merchant();
    let gateway = rails.url("unionpay");
    let settings = Settings {
        merchant_id: merchant.mer_id.to_owned(),
        front_url: gateway.clone(),
        back_url: gateway.clone(),
        query_url: gateway,
        app_url: None,
        file_url: None,
        holds: true,
        terminal_id: Some("49000002".to_owned()),
        accept_test_signer: false,
    };
    let rail = UnionPay::configure(settings).expect("settings");
    // A root of the same name that did not issue the gateway's certificate.
    let bad_root = vectors::text(vectors::unionpay(), "/certificates/badroot/cert_pem");
    World::open(Setup {
        keys: keys(&rail, &merchant, merchant.root_certificate_pem),
        strangers: keys(&rail, &merchant, bad_root),
        rail: Box::new(rail),
        counterpart: Box::new(ControlApi::new(rails.control_url(), "unionpay", rails)),
        habits,
    })
    .await
}

fn keys(rail: &UnionPay, merchant: &Merchant, root_pem: &str) -> Keyring {
    Keyring::builder()
        .signer(&Secret::new(merchant.private_key_pem.into()))
        .and_then(|ring| ring.signer_certificate(merchant.certificate_pem))
        .and_then(|ring| ring.root(root_pem))
        .and_then(|ring| ring.intermediate(merchant.middle_certificate_pem))
        .and_then(|ring| ring.certificate_rule(rail.certificate_rule()).build())
        .expect("good keys")
}

/// A code stands from its creation on; a page does not exist before the payer's browser posts its form. There is no close.
fn habits() -> Habits {
    Habits {
        unseen: |presentation| if is_page(presentation) { "absent" } else { "pending" },
        seen: "pending",
        unseen_expired: |presentation| if is_page(presentation) { "absent" } else { "closed" },
        seen_expired: "closed",
        declined: "refused",
        close_unseen: "never asked",
        close_again: "never asked",
        close_unknown: "never asked",
        codes: &[
            ("charge", "03", "unknown RailUnsure"),
            ("charge", "06", "unknown RailUnsure"),
            ("charge", "10", "refused invalid_request"),
            ("charge", "11", "refused rail_configuration"),
            ("charge", "12", "unknown RailUnsure"),
            ("charge", "33", "refused amount_limit"),
            ("charge", "77", "refused payer_account"),
            ("charge", "ZZ", "unknown UnlistedCode"),
            ("query", "34", "absent"),
            ("query", "06", "unknown RailUnsure"),
            ("query", "11", "unknown RailUnsure"),
            ("refund", "12", "unknown RailUnsure"),
            ("refund", "39", "unknown RailUnsure"),
            ("refund", "64", "unknown RailUnsure"),
            ("refund", "36", "refused refund_amount"),
            ("refund", "45", "refused refund_not_allowed"),
            ("refund_query", "34", "absent"),
            ("refund_query", "06", "unknown RailUnsure"),
        ],
        // `traceTime` is the time of the transaction's trace, which is made when the order is.
        payments_timed: false,
        late_money_stays: true,
        refunds_end_at_once: false,
        refund_failure: Some(RefundFailure::Decline),
        refunds_notified: true,
        payer: None,
    }
}

fn is_page(presentation: Presentation) -> bool {
    matches!(presentation, Presentation::DesktopWeb | Presentation::MobileWeb)
}
