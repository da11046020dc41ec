//! Refunds out of named funds, and where an abnormal refund goes.

use expect_test::expect;
use paifang_payment::{Doubt, Outcome, RailRef};
use paifang_rail::{Call, Context, Keyring, Rail, Secret};
use serde_json::Value;

use super::support::*;
use crate::{AbnormalRefund, Destination, FundsAccount, RefundFrom, SealedAccount, Settings, WeChatPay};

#[test]
fn a_refund_names_the_funds_that_the_settings_name() {
    let body = |settings: Settings| {
        let account = WeChatPay::configure(settings).unwrap();
        let exchange = sent(account.plan(&Call::Refund(&refund()), &cx(CLOCK)).unwrap());
        String::from_utf8(exchange.body).unwrap()
    };
    let funds = Settings { refund_funds_account: Some(FundsAccount::Unsettled), ..settings() };
    expect![[r#"{"out_trade_no":"T20260101000001","out_refund_no":"R20260101000001","reason":"商品已售完","notify_url":"https://merchant.example/notify/pay","funds_account":"UNSETTLED","amount":{"refund":30,"total":100,"currency":"CNY"}}"#]].assert_eq(&body(funds));
    let from = Settings { refund_from: Some(RefundFrom::Unavailable), ..settings() };
    expect![[r#"{"out_trade_no":"T20260101000001","out_refund_no":"R20260101000001","reason":"商品已售完","notify_url":"https://merchant.example/notify/pay","amount":{"refund":30,"from":[{"account":"UNAVAILABLE","amount":30}],"total":100,"currency":"CNY"}}"#]].assert_eq(&body(from));
}

fn certified() -> WeChatPay {
    account()
}

fn by_public_key() -> WeChatPay {
    let id = text("/keys/wechatpay_public_key/id").to_owned();
    WeChatPay::configure(Settings { public_key_id: Some(id), ..settings() }).unwrap()
}

fn sealed(account: &WeChatPay) -> SealedAccount {
    let cx = cx(CLOCK);
    let secret = |text: &str| Secret::new(text.into());
    account.seal_account(&secret("6222020000000000000"), &secret("张三"), cx.keys, cx.now).unwrap()
}

fn application(to: Destination) -> AbnormalRefund {
    let refund_id = RailRef::parse("50000000000202601010000000001").unwrap();
    AbnormalRefund { refund: refund(), refund_id, to }
}

/// Sealed once, planned as often as needed: the same bytes each time, under the name of the key that sealed.
#[test]
fn the_payers_account_is_sealed_for_the_named_key() {
    let certificates =
        ["/keys/platform_certificate/serial_no", "/keys/platform_certificate_next/serial_no"].map(text);
    let public = [text("/keys/wechatpay_public_key/id")];
    for (account, keys) in [(certified(), certificates.as_slice()), (by_public_key(), &public)] {
        let account_of = sealed(&account);
        assert_ne!(sealed(&account), account_of);
        let to = Destination::PayerCard { bank_type: "ICBC_DEBIT".into(), account: account_of };
        let application = application(to);
        let plan = |at| sent(account.plan_abnormal_refund(&application, &cx(at)).unwrap());
        assert_eq!(plan(CLOCK), plan(CLOCK));
        assert_eq!(plan(CLOCK).body, plan(CLOCK + 60).body);
        let exchange = plan(CLOCK);
        expect!["https://api.mch.weixin.qq.com/v3/refund/domestic/refunds/50000000000202601010000000001/apply-abnormal-refund"]
            .assert_eq(&exchange.url);
        let serials: Vec<_> =
            exchange.headers.iter().filter(|(name, _)| *name == "Wechatpay-Serial").collect();
        assert_eq!(serials.len(), 1);
        assert!(keys.contains(&serials[0].1.as_str()), "{serials:?}");
        let body: Value = serde_json::from_slice(&exchange.body).unwrap();
        assert_eq!(body["out_refund_no"], "R20260101000001");
        assert_eq!((&body["type"], &body["bank_type"]), (&"USER_BANK_CARD".into(), &"ICBC_DEBIT".into()));
        for member in ["bank_account", "real_name"] {
            assert_eq!(body[member].as_str().unwrap().len(), 344, "{member}");
        }
        let shown = format!("{application:?} {exchange:?}");
        assert!(!shown.contains("6222") && !shown.contains("张三"), "{shown}");
    }
}

#[test]
fn the_merchants_card_needs_no_account() {
    let exchange =
        sent(account().plan_abnormal_refund(&application(Destination::MerchantCard), &cx(CLOCK)).unwrap());
    expect![[r#"{"out_refund_no":"R20260101000001","type":"MERCHANT_BANK_CARD"}"#]]
        .assert_eq(std::str::from_utf8(&exchange.body).unwrap());
    let serials: Vec<_> = exchange.headers.iter().filter(|(name, _)| *name == "Wechatpay-Serial").collect();
    assert_eq!(serials.len(), 1, "the call wants a key named, sealed or not");
}

#[test]
fn what_cannot_be_sealed_or_sent_is_refused() {
    let secret = |text: &str| Secret::new(text.into());
    let cx = cx(CLOCK);
    for (bank_account, real_name) in [("", "x"), ("x", ""), (&*"1".repeat(215), "x")] {
        let sealed = account().seal_account(&secret(bank_account), &secret(real_name), cx.keys, cx.now);
        assert!(sealed.is_err());
    }
    let empty = Keyring::builder().build().unwrap();
    assert!(account().seal_account(&secret("1"), &secret("x"), &empty, cx.now).is_err());
    for bank_type in ["", "_DEBIT", "ICBC", "icbc_DEBIT", "ICBC_CREDIT", "ABCDEFGHIJKL_DEBIT"] {
        let to = Destination::PayerCard { bank_type: bank_type.into(), account: sealed(&account()) };
        assert!(account().plan_abnormal_refund(&application(to), &cx).is_err(), "{bank_type}");
    }
    let mut odd = application(Destination::MerchantCard);
    odd.refund_id = RailRef::parse("50/../x").unwrap();
    assert!(account().plan_abnormal_refund(&odd, &cx).is_err());
}

/// The answer is the refund, and an error says nothing of it.
#[test]
fn the_answer_is_the_refund() {
    let read = |reply| account().read_abnormal_refund(&refund(), &reply, &cx(CLOCK));
    let answer = read(signed(200, &refunded("PROCESSING").to_string()));
    assert_eq!(answer.rule(), "wechatpay.query_refund.processing");
    assert!(matches!(answer.outcome(), Some(Outcome::Pending(_))));
    let answer = read(bare(200, &refunded("SUCCESS").to_string()));
    assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::BadSignature)));
    let mut other = refunded("SUCCESS");
    other["out_refund_no"] = "R0000000".into();
    let answer = read(signed(200, &other.to_string()));
    assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::Mismatch("out_refund_no".into()))));
    for code in ["PARAM_ERROR", "INVALID_REQUEST", "RESOURCE_NOT_EXISTS", "NO_AUTH"] {
        let answer = read(bare(400, &format!(r#"{{"code":"{code}","message":""}}"#)));
        assert_eq!(answer.outcome(), Some(&Outcome::Unknown(Doubt::RailUnsure(code.into()))));
    }
    let strange = Context { keys: &Keyring::builder().build().unwrap(), ..cx(CLOCK) };
    let answer =
        account().read_abnormal_refund(&refund(), &signed(200, &refunded("SUCCESS").to_string()), &strange);
    assert_eq!(answer.unknown_key(), Some(text("/keys/platform_certificate/serial_no")));
}
