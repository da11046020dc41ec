//! Settings: what is refused, and by which name.

use super::support::settings;
use crate::{ENDPOINT, Settings, WeChatPay};

#[test]
fn unusable_settings_are_named() {
    let refused = |change: fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        WeChatPay::configure(settings).map(drop).map_err(|error| error.field)
    };
    assert_eq!(refused(|_| ()), Ok(()));
    assert_eq!(refused(|s| s.mchid = "19000x".into()), Err("mchid"));
    assert_eq!(refused(|s| s.mchid.clear()), Err("mchid"));
    assert_eq!(refused(|s| s.appid = "wx 1".into()), Err("appid"));
    assert_eq!(refused(|s| s.merchant_serial = Some("0x12".into())), Err("merchant_serial"));
    assert_eq!(refused(|s| s.public_key_id = Some("5F2C".into())), Err("public_key_id"));
    assert_eq!(refused(|s| s.public_key_id = Some("PUB_KEY_ID_".into())), Err("public_key_id"));
    assert_eq!(refused(|s| s.store_id = Some(String::new())), Err("store_id"));
    assert_eq!(refused(|s| s.store_id = Some("a b".into())), Err("store_id"));
    assert_eq!(refused(|s| s.store_out_id = Some("x".repeat(33))), Err("store_out_id"));
    let both = |s: &mut Settings| {
        s.refund_funds_account = Some(crate::FundsAccount::Available);
        s.refund_from = Some(crate::RefundFrom::Available);
    };
    assert_eq!(refused(both), Err("refund_from"));
}

#[test]
fn an_endpoint_is_https_or_this_machine_and_has_no_path() {
    let accepted =
        |endpoint: &str| WeChatPay::configure(Settings { endpoint: endpoint.into(), ..settings() }).is_ok();
    for good in [
        ENDPOINT,
        "https://api2.mch.weixin.qq.com",
        "https://mock.example:8443",
        "http://localhost:8080",
        "http://127.0.0.1:9",
        "http://[::1]:9",
        "https://[2001:db8::1]",
    ] {
        assert!(accepted(good), "{good}");
    }
    for bad in [
        "",
        "api.mch.weixin.qq.com",
        "https://",
        "https://api.mch.weixin.qq.com/",
        "https://api.mch.weixin.qq.com/v3",
        "https://user@host",
        "https://host?x",
        "https://host:0",
        "https://host:99999",
        "https://host:",
        "https://[::1",
        "https://x[::1]",
        "https://::1]",
        "http://api.mch.weixin.qq.com",
        "http://localhost.example",
        "http://10.0.0.1",
        "ftp://localhost",
    ] {
        assert!(!accepted(bad), "{bad}");
    }
}

#[test]
fn the_config_form_has_defaults_and_no_unknown_keys() {
    let read = |text| serde_json::from_str::<Settings>(text);
    let short = read(r#"{"mchid":"1900000109","appid":"wxd678efh567hg6787"}"#).unwrap();
    assert_eq!(short, settings());
    assert!(read(r#"{"mchid":"1","appid":"w","mch_key":"x"}"#).is_err());
    let more =
        read(r#"{"mchid":"1","appid":"w","store_id":"0001","refund_funds_account":"UNSETTLED"}"#).unwrap();
    assert_eq!(more.refund_funds_account, Some(crate::FundsAccount::Unsettled));
    assert_eq!(more.store_id.as_deref(), Some("0001"));
    assert!(read(r#"{"mchid":"1","appid":"w","refund_from":"unsettled"}"#).is_err());
}
