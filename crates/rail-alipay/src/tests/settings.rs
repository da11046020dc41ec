//! Settings: unknown fields and odd values are refused with the field's name.

use paifang_rail::{Identity, Rail};

use super::*;

#[test]
fn the_least_config_is_the_production_gateway_in_utf8() {
    let json = r#"{"app_id":"2021000000000001","seller_id":"2088000000000001"}"#;
    let settings: Settings = serde_json::from_str(json).unwrap();
    assert_eq!(settings.gateway, GATEWAY);
    assert_eq!(settings.charset, Charset::Utf8);
    let rail = Alipay::configure(settings.clone()).unwrap();
    let wanted = Identity { merchant: "2088000000000001".into(), app: Some("2021000000000001".into()) };
    assert_eq!(rail.identity(), wanted);
    for odd in [
        r#"{"app_id":"2021000000000001"}"#,
        r#"{"app_id":"2021000000000001","seller_id":"2088000000000001","private_key":"x"}"#,
        r#"{"app_id":"2021000000000001","seller_id":"2088000000000001","charset":"utf8mb4"}"#,
    ] {
        assert!(serde_json::from_str::<Settings>(odd).is_err(), "{odd}");
    }
    assert_eq!((settings.protocol, settings.key_mode), (Protocol::V2, KeyMode::PublicKey));
    let gbk = r#"{"app_id":"2021000000000001","seller_id":"2088000000000001","charset":"gbk"}"#;
    assert_eq!(serde_json::from_str::<Settings>(gbk).unwrap().charset, Charset::Gbk);
}

#[test]
fn odd_values_are_refused_by_name() {
    let refused = |change: fn(&mut Settings)| {
        let mut settings = settings(Charset::Utf8);
        change(&mut settings);
        Alipay::configure(settings).map(drop).map_err(|error| error.field)
    };
    assert_eq!(refused(|s| s.app_id = "902100000000000".into()), Err("app_id"));
    assert_eq!(refused(|s| s.app_id = "902100000000000x".into()), Err("app_id"));
    assert_eq!(refused(|s| s.seller_id = "2089000000000001".into()), Err("seller_id"));
    for url in [
        "https://openapi-sandbox.dl.alipaydev.com/gateway.do",
        "http://127.0.0.1:8080/gateway.do",
        "http://localhost:8080/gateway.do",
        "http://[::1]:8080/gateway.do",
    ] {
        let mut settings = settings(Charset::Utf8);
        settings.gateway = url.into();
        assert!(Alipay::configure(settings).is_ok(), "{url}");
    }
    for url in [
        "",
        "openapi.alipay.com/gateway.do",
        "https://",
        "https://openapi.alipay.com/gateway.do?a=b",
        "https://openapi.alipay.com/gateway.do#a",
        "https://user@openapi.alipay.com/gateway.do",
        "https://openapi.alipay.com/gate way.do",
        "http://openapi.alipay.com/gateway.do",
        "http://127.0.0.1.example.test/gateway.do",
        "http://localhost.example.test/gateway.do",
    ] {
        let mut settings = settings(Charset::Utf8);
        settings.gateway = url.into();
        assert_eq!(Alipay::configure(settings).map(drop).map_err(|e| e.field), Err("gateway"), "{url}");
    }
}

#[test]
fn new_settings_are_read_and_checked_by_name() {
    let json = r#"{"app_id":"2021000000000001","seller_id":"2088000000000001","protocol":"v3",
        "key_mode":"certificate","app_auth_token":"202407BB","op_app_id":"2021000000000002",
        "disable_pay_channels":["credit_group"],"huabei":{"instalments":12}}"#;
    let settings: Settings = serde_json::from_str(json).unwrap();
    assert!(!format!("{settings:?}").contains("202407BB"));
    let refused = |change: fn(&mut Settings)| {
        let mut settings = settings.clone();
        change(&mut settings);
        Alipay::configure(settings).map(drop).map_err(|error| error.field)
    };
    assert_eq!(refused(|_| {}), Ok(()));
    assert_eq!(refused(|s| s.charset = Charset::Gbk), Err("charset"));
    assert_eq!(refused(|s| s.app_auth_token = Some(Token::new(String::new()))), Err("app_auth_token"));
    assert_eq!(refused(|s| s.app_auth_token = Some(Token::new("a\nb".into()))), Err("app_auth_token"));
    assert_eq!(refused(|s| s.op_app_id = Some("x".into())), Err("op_app_id"));
    assert_eq!(refused(|s| s.enable_pay_channels = vec!["balance".into()]), Err("disable_pay_channels"));
    assert_eq!(refused(|s| s.disable_pay_channels = vec!["a,b".into()]), Err("disable_pay_channels"));
    assert_eq!(refused(|s| s.disable_pay_channels = vec!["x".repeat(129)]), Err("disable_pay_channels"));
    let terms = |instalments, seller_percent| Some(Huabei { instalments, seller_percent });
    let mut odd = settings.clone();
    odd.huabei = terms(5, 0);
    assert_eq!(Alipay::configure(odd.clone()).map(drop).map_err(|e| e.field), Err("huabei.instalments"));
    odd.huabei = terms(3, 50);
    assert_eq!(Alipay::configure(odd).map(drop).map_err(|e| e.field), Err("huabei.seller_percent"));
}

#[test]
fn the_descriptor_names_what_exists() {
    let huabei = Some(Huabei { instalments: 3, seller_percent: 0 });
    for (key_mode, huabei, offers) in [
        (KeyMode::PublicKey, None, 7),
        (KeyMode::PublicKey, huabei, 14),
        (KeyMode::Certificate, None, 7),
        (KeyMode::Certificate, huabei, 14),
    ] {
        let bench = Bench::with(Settings { key_mode, huabei, ..settings(Charset::Utf8) });
        let descriptor = bench.rail.descriptor();
        assert!(paifang_payment::RailName::parse(descriptor.rail).is_ok());
        assert_eq!(descriptor.offers.len(), offers);
        assert_eq!(descriptor.serves_keys, key_mode == KeyMode::Certificate);
        for offer in descriptor.offers {
            let mut charge = Charge { order: order(offer.presentation), ..super::calls::by_code() };
            charge.payer = Some(paifang_payment::PayerId::parse("2088123412341234").unwrap()).into();
            charge.wallet = WalletName::parse(offer.wallet).unwrap();
            charge.order.amount = yuan(descriptor.amount_max);
            assert!(bench.rail.plan(&paifang_rail::Call::Charge(&charge), &bench.cx()).is_ok(), "{offer:?}");
            assert!(offer.expiry_s_min < offer.expiry_s_max);
            charge.order.kind = OrderKind::Hold;
            let held = bench.rail.plan(&paifang_rail::Call::Charge(&charge), &bench.cx());
            assert_eq!(held.is_ok(), offer.hold.is_some(), "{offer:?}");
        }
    }
}
