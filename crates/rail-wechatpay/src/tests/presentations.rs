//! Mini programs, apps and pages: what is sent, and what the storefront is handed.

use expect_test::expect;
use paifang_payment::{Doubt, NextAction, Outcome, Presentation};
use paifang_rail::{Answer, Call, Context, PlanError, Rail, RawNotification};

use super::support::*;
use crate::{Settings, WeChatPay};

fn body(presentation: Presentation) -> (String, String) {
    let mut charge = charge(presentation);
    charge.client_ip = Some("203.0.113.7".parse().unwrap()).into();
    let exchange = sent(account().plan(&Call::Charge(&charge), &cx(CLOCK)).unwrap());
    (exchange.url, String::from_utf8(exchange.body).unwrap())
}

#[test]
fn each_product_has_its_members_and_no_other() {
    let (url, mini) = body(Presentation::MiniProgram);
    assert_eq!(url, "https://api.mch.weixin.qq.com/v3/pay/transactions/jsapi");
    assert_eq!(mini, body(Presentation::Jsapi).1);
    let (url, app) = body(Presentation::App);
    assert_eq!(url, "https://api.mch.weixin.qq.com/v3/pay/transactions/app");
    expect![[r#"{"appid":"wxd678efh567hg6787","mchid":"1900000109","description":"测试商品-QQ公仔","out_trade_no":"T20260101000001","time_expire":"2026-01-01T08:30:00+08:00","notify_url":"https://merchant.example/notify/pay","amount":{"total":100,"currency":"CNY"},"scene_info":{"payer_client_ip":"203.0.113.7"}}"#]].assert_eq(&app);
    let (url, page) = body(Presentation::MobileWeb);
    assert_eq!(url, "https://api.mch.weixin.qq.com/v3/pay/transactions/h5");
    expect![[r#"{"appid":"wxd678efh567hg6787","mchid":"1900000109","description":"测试商品-QQ公仔","out_trade_no":"T20260101000001","time_expire":"2026-01-01T08:30:00+08:00","notify_url":"https://merchant.example/notify/pay","amount":{"total":100,"currency":"CNY"},"scene_info":{"payer_client_ip":"203.0.113.7","h5_info":{"type":"Wap"}}}"#]].assert_eq(&page);
}

#[test]
fn what_a_product_needs_is_demanded() {
    let refused = |charge| match account().plan(&Call::Charge(&charge), &cx(CLOCK)) {
        Err(PlanError::BadValue { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let mut nobody = charge(Presentation::MiniProgram);
    nobody.payer = Default::default();
    assert_eq!(refused(nobody), "payer");
    assert_eq!(refused(charge(Presentation::MobileWeb)), "client_ip");
}

fn led(account: &WeChatPay, presentation: Presentation, reply: &str, cx: &Context<'_>) -> Answer {
    let mut charge = charge(presentation);
    charge.order.opened_at = jiff::Timestamp::from_second(1_767_226_200).unwrap();
    account.read(&Call::Charge(&charge), &signed(200, reply), cx)
}

fn next(answer: &Answer) -> &NextAction {
    match answer.outcome() {
        Some(Outcome::Pending(pending)) => pending.next_action.as_ref().unwrap(),
        other => panic!("{}: {other:?}", answer.rule()),
    }
}

/// Exact to the byte, and the same when the same answer is read again.
#[test]
fn parameters_are_the_vectors_own() {
    let prepaid = r#"{"prepay_id":"wx0108000000000000000000000000000000"}"#;
    let nonce = text("/client_invoke/app/params/noncestr");
    for later in [0, 100] {
        let cx = Context { nonce, ..cx(CLOCK + later) };
        let answer = led(&account(), Presentation::App, prepaid, &cx);
        let NextAction::InvokeWallet { parameters } = next(&answer) else { panic!("{answer:?}") };
        assert_eq!(parameters.len(), 7);
        for name in ["appid", "partnerid", "prepayid", "package", "noncestr", "timestamp", "sign"] {
            assert_eq!(parameters[name], text(&format!("/client_invoke/app/params/{name}")), "{name}");
        }
        let answer = led(&account(), Presentation::MiniProgram, prepaid, &cx);
        let NextAction::InvokeWallet { parameters } = next(&answer) else { panic!("{answer:?}") };
        // The app is not passed, and is signed all the same.
        assert_eq!(parameters.len(), 5);
        for name in ["timeStamp", "nonceStr", "package", "signType", "paySign"] {
            assert_eq!(parameters[name], text(&format!("/client_invoke/jsapi/params/{name}")), "{name}");
        }
    }
}

const PAGE: &str = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx01&package=1";

#[test]
fn a_page_is_handed_on_as_it_came() {
    let reply = serde_json::json!({ "h5_url": PAGE }).to_string();
    let answer = led(&account(), Presentation::MobileWeb, &reply, &cx(CLOCK));
    assert_eq!(next(&answer), &NextAction::Redirect { url: PAGE.into() });
    let returning = WeChatPay::configure(Settings { h5_returns: true, ..settings() }).unwrap();
    let answer = led(&returning, Presentation::MobileWeb, &reply, &cx(CLOCK));
    let url = format!("{PAGE}&redirect_url=https%3A%2F%2Fshop.example%2Fback");
    assert_eq!(next(&answer), &NextAction::Redirect { url });
}

/// Only a page may be opened by a browser.
#[test]
fn other_addresses_are_no_pages() {
    for url in
        ["javascript:alert(1)", "http://wx.tenpay.com/x", "weixin://wxpay/x", "", "https://a b", "data:,x"]
    {
        let reply = serde_json::json!({ "h5_url": url }).to_string();
        let answer = led(&account(), Presentation::MobileWeb, &reply, &cx(CLOCK));
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::Unreadable)), "{url}");
    }
    for presentation in [Presentation::App, Presentation::MiniProgram, Presentation::MobileWeb] {
        for reply in ["{}", r#"{"prepay_id":"a\nb","h5_url":"a\nb"}"#, r#"{"prepay_id":"","h5_url":7}"#] {
            let answer = led(&account(), presentation, reply, &cx(CLOCK));
            assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::Unreadable)), "{reply}");
        }
    }
}

/// The descriptor is narrowed by what the settings can name.
#[test]
fn offers_are_those_of_the_account() {
    let offers = |account: &WeChatPay| {
        let descriptor = account.descriptor();
        let names: Vec<_> = descriptor.offers.iter().map(|offer| offer.presentation.as_str()).collect();
        (names.join(" "), descriptor.reverses)
    };
    let all = "qr_shown jsapi mini_program app mobile_web";
    assert_eq!(offers(&account()), (all.to_owned(), false));
    assert_eq!(offers(&shop()), (format!("{all} payer_code"), true));
    let by_own_id = Settings { store_out_id: Some("shop-7".into()), ..settings() };
    assert!(offers(&WeChatPay::configure(by_own_id).unwrap()).1);
    let kinds: Vec<_> = account().descriptor().statements.iter().map(|spec| spec.kind).collect();
    assert_eq!(kinds, ["trade", "fund_flow"]);
    let raw = RawNotification { headers: &[], query: "", body: b"" };
    assert!(account().open_notification(&raw, &cx(CLOCK)).is_err());
}
