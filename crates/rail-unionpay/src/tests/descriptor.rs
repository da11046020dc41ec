//! What the account can do, and which settings make one.

use paifang_rail::{Closing, KeyKind};

use super::*;
use crate::{SettingsError, TEST_GATEWAY};

fn wrong(change: impl FnOnce(&mut Settings)) -> Option<&'static str> {
    let mut settings = settings();
    change(&mut settings);
    UnionPay::configure(settings).err().map(|SettingsError { field, .. }| field)
}

#[test]
fn settings_are_checked_and_the_wrong_one_is_named() {
    for id in ["", "77729005811004", "7772900581100488", "777290058110 48", "77729005811004-"] {
        assert_eq!(wrong(|settings| settings.merchant_id = id.into()), Some("merchant_id"), "{id:?}");
    }
    for id in ["", "4900000", "490000022", "4900000_"] {
        assert_eq!(wrong(|settings| settings.terminal_id = Some(id.into())), Some("terminal_id"), "{id:?}");
    }
    for url in [
        "",
        "gateway.95516.com",
        "ftp://gateway.95516.com",
        "http://gateway.95516.com",
        "http://127.0.0.1.example.test",
        "http://localhost.example.test",
        "http://localhost:80@example.test",
        "https://user@gateway.95516.com",
        "https://gateway.95516.com?a=1",
        "https://gateway.95516.com#a",
        "https://gateway.95516.com:port",
        "https://gateway.95516.com:0",
        "https:///gateway",
        "https://gateway.95516.com/ x",
        "https://[::1",
    ] {
        assert_eq!(wrong(|settings| settings.front_url = url.into()), Some("front_url"), "{url:?}");
        assert_eq!(wrong(|settings| settings.back_url = url.into()), Some("back_url"), "{url:?}");
        assert_eq!(wrong(|settings| settings.query_url = url.into()), Some("query_url"), "{url:?}");
        assert_eq!(wrong(|settings| settings.app_url = Some(url.into())), Some("app_url"), "{url:?}");
        assert_eq!(wrong(|settings| settings.file_url = Some(url.into())), Some("file_url"), "{url:?}");
    }
    for url in ["http://127.0.0.1:9000", "http://localhost:9000/union/", "http://[::1]:9000", GATEWAY] {
        assert_eq!(wrong(|settings| settings.back_url = url.into()), None, "{url}");
    }
}

#[test]
fn unknown_settings_are_refused_and_hosts_default_to_production() {
    let read = serde_json::from_str::<Settings>;
    let least = read(r#"{"merchant_id": "777290058110048"}"#).unwrap();
    assert_eq!(least, Settings { terminal_id: None, holds: false, ..settings() });
    assert!(read(r#"{"merchant_id": "777290058110048", "frontUrl": "x"}"#).is_err());
    assert!(read("{}").is_err());
}

/// Files lie on a host of their own beside UnionPay's gateways, and beside any other on the very same.
#[test]
fn hosts_that_are_not_named_follow_the_gateway() {
    let hosts = |back: &str, file: Option<&str>| {
        let file_url = file.map(str::to_owned);
        let settings = Settings { back_url: back.into(), file_url, app_url: None, ..settings() };
        (settings.app_host().to_owned(), settings.file_host().to_owned())
    };
    let test = TEST_GATEWAY;
    assert_eq!(hosts(GATEWAY, None), (GATEWAY.into(), "https://filedownload.95516.com".into()));
    assert_eq!(hosts(test, None), (test.into(), "https://filedownload.test.95516.com".into()));
    let own = "http://127.0.0.1:9000";
    assert_eq!(hosts(own, None), (own.into(), own.into()));
    assert_eq!(hosts(GATEWAY, Some(own)), (GATEWAY.into(), own.into()));
    let mut endpoints = settings().endpoints();
    endpoints.sort();
    assert_eq!(endpoints, ["https://filedownload.95516.com", GATEWAY]);
}

#[test]
fn a_trailing_slash_of_a_host_does_not_double() {
    let bench = Bench::of(Settings { query_url: "http://127.0.0.1:9000/up/".into(), ..settings() });
    let plan = bench.rail.plan(&Call::Query(&order(Presentation::QrShown)), &bench.cx()).unwrap();
    let paifang_rail::Plan::Send(exchange) = plan else { panic!("{plan:?}") };
    assert_eq!(exchange.url, "http://127.0.0.1:9000/up/gateway/api/queryTrans.do");
}

/// Without a till there are no scanned codes, and so nothing to reverse.
#[test]
fn the_descriptor_lists_what_the_account_can_do() {
    let with = *Bench::new().rail.descriptor();
    let without = *Bench::of(Settings { terminal_id: None, ..settings() }).rail.descriptor();
    let asks = |descriptor: &paifang_rail::Descriptor| -> Vec<_> {
        descriptor.offers.iter().map(|offer| (offer.wallet, offer.presentation, offer.resendable)).collect()
    };
    let shown = [Presentation::QrShown, Presentation::DesktopWeb, Presentation::MobileWeb, Presentation::App]
        .map(|presentation| ("quickpass", presentation, false));
    assert_eq!(asks(&without), shown);
    assert_eq!(asks(&with), [&shown[..], &[("quickpass", Presentation::PayerCode, false)]].concat());
    assert_eq!((with.reverses, without.reverses), (true, false));
    assert_eq!((with.rail, with.closing, with.currencies), ("unionpay", Closing::ByExpiry, &["CNY"][..]));
    let kinds: Vec<_> = with.keys.iter().map(|key| key.kind).collect();
    let wanted = [
        KeyKind::SigningKey,
        KeyKind::SigningCertificate,
        KeyKind::RootCertificate,
        KeyKind::IntermediateCertificate,
    ];
    assert_eq!(kinds, wanted);
}

/// A form names the order's opening as the present, so a page lives no longer than a form surely works.
#[test]
fn a_page_lives_no_longer_than_its_form() {
    let offers = Bench::new().rail.descriptor().offers;
    let life = |presentation| {
        let mut all = offers.iter().filter(|offer| offer.presentation == presentation);
        all.next().map(|offer| offer.expiry_s_max)
    };
    assert_eq!(life(Presentation::DesktopWeb), Some(15 * 60));
    assert_eq!(life(Presentation::QrShown), Some(24 * 60 * 60));
}

#[test]
fn without_a_till_a_scanned_code_is_not_planned() {
    let bench = Bench::of(Settings { terminal_id: None, ..settings() });
    let scanned = charge(order(Presentation::PayerCode));
    let plan = bench.rail.plan(&Call::Charge(&scanned), &bench.cx());
    assert!(matches!(plan, Err(paifang_rail::PlanError::BadValue { field: "terminal_id", .. })));
}
