//! Alipay: signed forms that it posts, and signed JSON that it answers.

mod binding;
mod notices;
mod replies;

use crate::book::Message;
use crate::case::Case;
use crate::form::{self, Fields, fields, set, without};
use crate::scene::{self, ALIPAY, CANARY};
pub(crate) use notices::claims;

use crate::sign::{How, Key};

pub(crate) fn files() -> Vec<(String, Vec<Case>)> {
    vec![
        notices::control(),
        notices::signatures(),
        notices::forms(),
        notices::times(),
        notices::doors(),
        binding::money(),
        binding::names(),
        binding::kinds(),
        replies::control(),
        replies::signatures(),
        replies::content(),
    ]
}

/// Alipay's own key.
fn own() -> Key {
    Key::at("alipay", "/keys/alipay/private_pkcs8_pem")
}

/// What is made of: the news that the order was paid.
fn paid() -> Fields {
    fields(&[
        ("gmt_create", "2026-03-01 11:59:30"),
        ("charset", "utf-8"),
        ("subject", "tea (large) 50% off + 1"),
        ("body", "a=b&c=d"),
        ("buyer_id", "2088000000000102"),
        ("invoice_amount", "100.00"),
        ("notify_id", "2026030100222120000000500000000001"),
        ("fund_bill_list", r#"[{"amount":"100.00","fundChannel":"ALIPAYACCOUNT"}]"#),
        ("notify_type", "trade_status_sync"),
        ("trade_status", "TRADE_SUCCESS"),
        ("receipt_amount", "100.00"),
        ("buyer_pay_amount", "100.00"),
        ("app_id", "9021000000000001"),
        ("sign_type", "RSA2"),
        ("seller_id", "2088000000000001"),
        ("gmt_payment", "2026-03-01 11:59:58"),
        ("notify_time", "2026-03-01 12:00:00"),
        ("version", "1.0"),
        ("out_trade_no", ALIPAY.charge),
        ("total_amount", "100.00"),
        ("trade_no", "2026030122001400000500000001"),
        ("auth_app_id", "9021000000000001"),
        ("buyer_logon_id", CANARY),
        ("point_amount", "0.00"),
    ])
}

/// The news that the refund went out.
fn refunded() -> Fields {
    let mut notice = set(&paid(), "out_trade_no", ALIPAY.paid);
    for (name, value) in [
        ("notify_id", "2026030100222120000000500000000002"),
        ("refund_fee", "30.00"),
        ("gmt_refund", "2026-03-01 12:00:00.213"),
        ("out_biz_no", ALIPAY.refund),
    ] {
        notice = set(&notice, name, value);
    }
    notice
}

/// The news that the money is held.
fn held() -> Fields {
    fields(&[
        ("gmt_create", "2026-03-01 11:59:58"),
        ("charset", "utf-8"),
        ("operation_type", "FREEZE"),
        ("notify_type", "fund_auth_freeze"),
        ("notify_id", "2026030100222120000000500000000003"),
        ("notify_time", "2026-03-01 12:00:00"),
        ("gmt_trans", "2026-03-01 11:59:59"),
        ("version", "1.0"),
        ("sign_type", "RSA2"),
        ("app_id", "9021000000000001"),
        ("auth_app_id", "9021000000000001"),
        ("payee_user_id", "2088000000000001"),
        ("payer_user_id", "2088000000000102"),
        ("payer_logon_id", CANARY),
        ("auth_no", "2026030110002001020000000001"),
        ("operation_id", "20260301000000000001"),
        ("out_order_no", ALIPAY.hold.unwrap_or_default()),
        ("out_request_no", ALIPAY.hold.unwrap_or_default()),
        ("amount", "100.00"),
        ("rest_amount", "100.00"),
        ("total_freeze_amount", "100.00"),
        ("status", "SUCCESS"),
    ])
}

/// The text that Alipay signs.
fn text(notice: &Fields) -> String {
    form::joined(&without(&without(notice, "sign"), "sign_type"))
}

fn signed(notice: &Fields) -> Fields {
    set(notice, "sign", &own().sign(How::Sha256, text(notice).as_bytes()))
}

/// A form as it comes in.
fn posted(notice: &Fields) -> Message {
    raw(form::encoded(notice))
}

fn raw(body: impl Into<Vec<u8>>) -> Message {
    let kind = "application/x-www-form-urlencoded; charset=utf-8";
    Message::default().plus_header("Content-Type", kind).with_body(body)
}

/// Authentic: signed with Alipay's key.
fn genuine(notice: &Fields) -> Message {
    posted(&signed(notice))
}

/// `2026-03-01 12:00:00`: [`scene::NOW`] moved by so many seconds, as Alipay writes times.
fn time(moved_s: i64) -> String {
    let at = scene::now() + jiff::SignedDuration::from_secs(moved_s);
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
