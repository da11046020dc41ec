//! Notices: verified first, then read; refunds before states.

use paifang_rail::{Notification, NotificationError, Rail, RawNotification, Subject, Verdict};

use super::*;
use crate::form::Form;
use crate::request::signed_string;

pub(super) fn opened(bench: &Bench, body: &[u8]) -> Result<Notification, NotificationError> {
    let raw = RawNotification { headers: &[], query: "", body };
    bench.rail.open_notification(&raw, &bench.cx()).map(paifang_rail::Verified::into_inner)
}

const COMMON: &[(&str, &str)] = &[
    ("notify_time", "2024-07-09 12:06:05"),
    ("notify_type", "trade_status_sync"),
    ("notify_id", "2024070900222120731000500000000001"),
    ("charset", "utf-8"),
    ("version", "1.0"),
    ("app_id", "9021000000000001"),
    ("auth_app_id", "9021000000000001"),
    ("seller_id", "2088000000000001"),
    ("trade_no", "2024070922001400000500000001"),
    ("out_trade_no", "T20240709A0001"),
    ("subject", "奶茶 (大杯) 50% off + 1"),
    ("total_amount", "88.88"),
];

/// The common fields, changed and added to, without those that are set to "-".
fn fields<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields: Vec<(&str, &str)> = COMMON.to_vec();
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        if *value != "-" {
            fields.push((name, value));
        }
    }
    fields
}

pub(super) fn posted(bench: &Bench, fields: &[(&str, &str)]) -> Vec<u8> {
    let pairs = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let sign = bench.platform_sign(&signed_string(pairs));
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields).append_pair("sign_type", "RSA2").append_pair("sign", &sign);
    form.finish().into_bytes()
}

/// A payment notice.
pub(super) fn paid(bench: &Bench) -> Vec<u8> {
    posted(bench, &fields(&[("trade_status", "TRADE_SUCCESS")]))
}

fn notice(changes: &[(&str, &str)]) -> Result<Notification, NotificationError> {
    let bench = Bench::new();
    opened(&bench, &posted(&bench, &fields(changes)))
}

fn line(notification: &Notification) -> String {
    let subject = match &notification.subject {
        Subject::Charge(number) => format!("charge {number}"),
        Subject::Refund(number) => format!("refund {number}"),
        Subject::Capture(number) => format!("capture {number}"),
        Subject::Release(number) => format!("release {number}"),
        Subject::Reversal(number) => format!("reversal {number}"),
    };
    format!("{subject}, {}: {}", notification.rule, detail(notification.outcome.plain()))
}

#[test]
fn notice_vectors_verify_to_the_byte() {
    let bench = Bench::new();
    let mut seen = 0;
    for case in vectors()["notifies"].as_array().unwrap() {
        let name = text(case, "/name");
        let body = text(case, "/http/body").as_bytes();
        let form = Form::parse(body).unwrap();
        assert_eq!(form.strings_to_verify(), [text(case, "/string_to_sign").as_bytes()], "{name}");
        assert_eq!(form.text("sign", Charset::Utf8).as_deref(), case["sign"].as_str(), "{name}");
        let sign = STANDARD.decode(text(case, "/sign")).unwrap();
        assert!(bench.keys.verify(&form.strings_to_verify()[0], &sign).is_ok(), "{name}");
        // Genuine, and about a number that is none of ours (it has an underscore).
        let error = opened(&bench, body).map(|notification| line(&notification));
        assert_eq!(error, Err(NotificationError::Malformed("out_trade_no")), "{name}");
        assert_eq!(bench.rail.acknowledge(Verdict::Kept).body, text(case, "/expected_reply_body"));
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn a_payment_notice_says_order_amount_and_names() {
    let notification =
        notice(&[("trade_status", "TRADE_SUCCESS"), ("gmt_payment", "2024-07-09 12:06:04")]).unwrap();
    assert_eq!(
        line(&notification),
        "charge T20240709A0001, alipay.notification.trade_success: \
         paid 88.88 CNY 2024070922001400000500000001 2024-07-09T04:06:04Z"
    );
    assert_eq!(notification.key, "2024070900222120731000500000000001");
    assert!(Bench::new().rail.identity().admits(&notification.claims));
}

#[test]
fn other_states_are_read_one_by_one() {
    let check = |changes: &[(&str, &str)], wanted: &str| {
        let wanted = format!("charge T20240709A0001, alipay.notification.{wanted}");
        assert_eq!(line(&notice(changes).unwrap()), wanted);
    };
    let paid = "paid 88.88 CNY 2024070922001400000500000001 2024-07-09T04:06:04Z";
    let payment = ("gmt_payment", "2024-07-09 12:06:04");
    check(&[("trade_status", "TRADE_FINISHED"), payment], &format!("trade_finished: {paid}"));
    check(&[("trade_status", "TRADE_CLOSED"), payment], &format!("trade_closed_after_payment: {paid}"));
    check(&[("trade_status", "TRADE_CLOSED"), ("gmt_close", "2024-07-09 12:06:04")], "trade_closed: closed");
    check(&[("trade_status", "WAIT_BUYER_PAY")], "wait_buyer_pay: pending");
    check(&[("trade_status", "X")], r#"unlisted_status: unknown UnlistedCode("X")"#);
    // No refund by a zero or empty field.
    check(
        &[("trade_status", "TRADE_SUCCESS"), payment, ("refund_fee", "0.00"), ("gmt_refund", "")],
        &format!("trade_success: {paid}"),
    );
}

/// I4, I8: a partial refund keeps TRADE_SUCCESS and is no second payment.
#[test]
fn a_refund_notice_is_never_a_payment() {
    let payment = ("gmt_payment", "2024-07-09 12:06:04");
    let time = ("gmt_refund", "2024-07-09 12:15:00.213");
    for status in ["TRADE_SUCCESS", "TRADE_CLOSED", "TRADE_FINISHED"] {
        for marks in [vec![("refund_fee", "8.88"), time], vec![("refund_fee", "0.01")], vec![time]] {
            let of = |number: &'static str| {
                let mut changes = vec![("trade_status", status), payment, ("out_biz_no", number)];
                changes.extend(marks.iter().copied());
                line(&notice(&changes).unwrap())
            };
            assert_eq!(of("R20240709A0001"), "refund R20240709A0001, alipay.notification.refund: pending");
            // Made in the merchant's console: without a number of its own, or with one of another form.
            for elsewhere in ["T20240709A0001", "HZ_01_2024-07", "-"] {
                assert_eq!(
                    of(elsewhere),
                    "charge T20240709A0001, alipay.notification.refund_elsewhere: pending"
                );
            }
        }
    }
}

#[test]
fn claims_are_those_of_the_message() {
    let changes = [("trade_status", "WAIT_BUYER_PAY"), ("seller_id", "2088999999999999"), ("app_id", "-")];
    let claims = notice(&changes).unwrap().claims;
    assert_eq!((claims.merchant.as_deref(), claims.app.as_deref()), (Some("2088999999999999"), None));
    assert!(!Bench::new().rail.identity().admits(&claims));
    let claims = notice(&[("trade_status", "WAIT_BUYER_PAY"), ("seller_id", "-")]).unwrap().claims;
    assert!(!Bench::new().rail.identity().admits(&claims));
}

#[test]
fn signed_but_odd_notices_are_refused_by_their_first_fault() {
    let check = |changes: &[(&str, &str)], wanted: NotificationError| {
        assert_eq!(notice(changes).map(|n| line(&n)), Err(wanted), "{changes:?}");
    };
    let paid = ("trade_status", "TRADE_SUCCESS");
    let malformed = NotificationError::Malformed;
    check(&[paid, ("notify_type", "servicemarket_order_notify")], malformed("notify_type"));
    check(&[paid, ("notify_type", "-")], malformed("notify_type"));
    check(&[paid, ("charset", "gbk")], malformed("charset"));
    check(&[paid, ("notify_id", "-")], malformed("notify_id"));
    check(&[paid, ("notify_id", &"1".repeat(129))], malformed("notify_id"));
    check(&[paid, ("out_trade_no", "-")], malformed("out_trade_no"));
    check(&[("trade_status", "-")], malformed("trade_status"));
    for amount in ["-", "", "0.00", "88.885", "-88.88", "8e1"] {
        check(&[paid, ("total_amount", amount)], malformed("total_amount"));
    }
    check(&[paid, ("notify_time", "-")], malformed("notify_time"));
    check(&[paid, ("notify_time", "yesterday")], malformed("notify_time"));
    check(&[paid, ("notify_time", "2024-07-07 12:06:07")], NotificationError::Stale);
    check(&[paid, ("notify_time", "2024-07-09 12:21:09")], NotificationError::Stale);
    for edge in ["2024-07-07 12:06:08", "2024-07-09 12:21:08"] {
        assert!(notice(&[paid, ("notify_time", edge)]).is_ok(), "{edge}");
    }
}

#[test]
fn nothing_is_read_before_the_signature_fits() {
    let bench = Bench::new();
    let body = posted(&bench, &fields(&[("trade_status", "TRADE_SUCCESS")]));
    let good = String::from_utf8(body).unwrap();
    let check = |body: String, wanted: NotificationError| {
        assert_eq!(opened(&bench, body.as_bytes()).map(|n| line(&n)), Err(wanted), "{body}");
    };
    let (unsigned, _) = good.rsplit_once("&sign=").unwrap();
    check(unsigned.to_owned(), NotificationError::Unsigned);
    check(format!("{unsigned}&sign="), NotificationError::Unsigned);
    check(format!("{unsigned}&sign=AAAA"), NotificationError::WrongSignature);
    check(format!("{unsigned}&sign=%21"), NotificationError::WrongSignature);
    check(format!("{good}&extra=1"), NotificationError::WrongSignature);
    check(good.replace("88.88", "08.88"), NotificationError::WrongSignature);
    // Doubled and odd fields fall before any key is touched.
    let malformed = NotificationError::Malformed;
    check(format!("{good}&total_amount=0.01"), malformed("a field that comes twice"));
    check(format!("{good}&%74otal_amount=0.01"), malformed("a field that comes twice"));
    check(format!("{good}&sign=AAAA"), malformed("a field that comes twice"));
    check(format!("{good}&a=%zz"), malformed("an escape in a field's value"));
    check(format!("{good}&a=%4"), malformed("an escape in a field's value"));
    check(format!("{good}&"), malformed("a field without ="));
    check(format!("{good}&=1"), malformed("a field's name"));
    check(format!("{good}&a%26b=1"), malformed("a field's name"));
    check(format!("{good}&a%5B%5D=1"), malformed("a field's name"));
    check(String::new(), malformed("a field without ="));
    let many: Vec<String> = (0..200).map(|n| format!("f{n}=1")).collect();
    check(many.join("&"), malformed("too many fields"));
    let raw = RawNotification { headers: &[], query: "sign_type=RSA", body: good.as_bytes() };
    let error = bench.rail.open_notification(&raw, &bench.cx()).map(drop);
    assert_eq!(error, Err(malformed("a query in the URL")));
    let keys = Keyring::builder().build().unwrap();
    let raw = RawNotification { query: "", ..raw };
    let error = bench.rail.open_notification(&raw, &Context { keys: &keys, ..bench.cx() }).map(drop);
    assert_eq!(error, Err(NotificationError::UnknownKey));
}

/// F47: the algorithm is the account's; what the message says of it is not even read.
#[test]
fn the_named_algorithm_is_ignored() {
    let bench = Bench::new();
    let good = String::from_utf8(posted(&bench, &fields(&[("trade_status", "TRADE_SUCCESS")]))).unwrap();
    let genuine = line(&opened(&bench, good.as_bytes()).unwrap());
    for named in ["&sign_type=RSA", "&sign_type=MD5", "&sign_type=none", "&sign_type=", ""] {
        let body = good.replace("&sign_type=RSA2", named);
        assert_eq!(line(&opened(&bench, body.as_bytes()).unwrap()), genuine, "{named}");
    }
}

/// A notice with the signature of `signed` and the fields of `shown`; both have the same signed string.
fn recut(bench: &Bench, signed: &[(&str, &str)], shown: &[(&str, &str)]) -> Vec<u8> {
    let string =
        |list: &[(&str, &str)]| signed_string(list.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())));
    assert_eq!(string(signed), string(shown), "the signature fits both");
    let sign = bench.platform_sign(&string(signed));
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(shown).append_pair("sign", &sign);
    form.finish().into_bytes()
}

fn without<'a>(list: &[(&'a str, &'a str)], names: &[&str]) -> Vec<(&'a str, &'a str)> {
    list.iter().filter(|(name, _)| !names.contains(name)).copied().collect()
}

/// F48: the signed string is the same whether `&` ends a field or stands in its value, so a genuine refund notice could be
/// cut into a close, and a description could become fields. Neither is read.
#[test]
fn fields_cannot_be_hidden_in_values_nor_come_out_of_them() {
    let bench = Bench::new();
    let hidden = Err(NotificationError::Malformed("a value that holds another field"));
    let signed = fields(&[
        ("gmt_create", "2024-07-09 12:06:00"),
        ("gmt_payment", "2024-07-09 12:06:04"),
        ("gmt_refund", "2024-07-09 12:06:05.100"),
        ("out_biz_no", "R20240709A0001"),
        ("passback_params", "k"),
        ("refund_fee", "88.88"),
        ("trade_status", "TRADE_CLOSED"),
    ]);
    let plain = opened(&bench, &recut(&bench, &signed, &signed)).map(|n| line(&n));
    assert_eq!(plain, Ok("refund R20240709A0001, alipay.notification.refund: pending".into()));
    let names = ["gmt_create", "gmt_payment", "gmt_refund", "passback_params", "refund_fee"];
    let mut cut = without(&signed, &names);
    cut.extend([
        (
            "gmt_create",
            "2024-07-09 12:06:00&gmt_payment=2024-07-09 12:06:04&gmt_refund=2024-07-09 12:06:05.100",
        ),
        ("passback_params", "k&refund_fee=88.88"),
    ]);
    assert_eq!(opened(&bench, &recut(&bench, &signed, &cut)).map(|n| line(&n)), hidden);

    let spelled = "tea&total_amount=88.88&trade_no=1&trade_status=TRADE_SUCCESS&z=";
    let signed = fields(&[("subject", spelled), ("trade_status", "TRADE_CLOSED")]);
    assert_eq!(opened(&bench, &recut(&bench, &signed, &signed)).map(|n| line(&n)), hidden);
    let names = ["subject", "total_amount", "trade_no", "trade_status", "version"];
    let mut cut = without(&signed, &names);
    cut.extend([
        ("subject", "tea"),
        ("total_amount", "88.88"),
        ("trade_no", "1"),
        ("trade_status", "TRADE_SUCCESS"),
        (
            "z",
            "&total_amount=88.88&trade_no=2024070922001400000500000001&trade_status=TRADE_CLOSED&version=1.0",
        ),
    ]);
    assert_eq!(opened(&bench, &recut(&bench, &signed, &cut)).map(|n| line(&n)), hidden);

    // Ordinary text with both signs is nobody's field.
    let subject = ("subject", "a=b&c=d&total_amount&x=refund_fee");
    assert!(notice(&[("trade_status", "TRADE_SUCCESS"), subject]).is_ok());
}

/// Clients disagree whether empty fields are signed; either way one adds no meaning.
#[test]
fn empty_fields_verify_by_both_rules_and_mean_nothing() {
    let bench = Bench::new();
    let paid = "charge T20240709A0001, alipay.notification.trade_success: paid 88.88 CNY \
                2024070922001400000500000001 -";
    let without = posted(&bench, &fields(&[("trade_status", "TRADE_SUCCESS")]));
    let added = [without.as_slice(), b"&refund_fee=&gmt_refund=&out_biz_no="].concat();
    let signed = posted(&bench, &fields(&[("trade_status", "TRADE_SUCCESS"), ("refund_fee", "")]));
    for body in [without, added, signed] {
        assert_eq!(line(&opened(&bench, &body).unwrap()), paid);
    }
}

#[test]
fn a_gbk_account_reads_gbk_notices() {
    let bench = Bench::of(Charset::Gbk);
    let mut list: Vec<(&str, Vec<u8>)> = fields(&[("charset", "GBK"), ("trade_status", "TRADE_SUCCESS")])
        .into_iter()
        .map(|(name, value)| (name, Charset::Gbk.encode(value).unwrap()))
        .collect();
    let pairs = list.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
    let sign = bench.platform_sign(&signed_string(pairs));
    list.push(("sign", sign.into_bytes()));
    let pairs: Vec<String> = list
        .iter()
        .map(|(name, value)| format!("{name}={}", form_urlencoded::byte_serialize(value).collect::<String>()))
        .collect();
    let notification = opened(&bench, pairs.join("&").as_bytes()).unwrap();
    assert!(line(&notification).contains("paid 88.88 CNY"));
}

#[test]
fn every_verdict_has_its_answer() {
    let bench = Bench::new();
    let say = |verdict| {
        let reply = bench.rail.acknowledge(verdict);
        (reply.status, reply.body)
    };
    assert_eq!(say(Verdict::Kept), (200, "success"));
    assert_eq!(say(Verdict::Orphan), (404, "fail"));
    assert_eq!(say(Verdict::Rejected), (401, "fail"));
    assert_eq!(say(Verdict::TryLater), (503, "fail"));
}

/// Each byte of a signed notice flipped: refused, or the very same fields.
#[test]
fn a_flipped_byte_of_a_notice_changes_nothing_or_everything() {
    let bench = Bench::new();
    let body = posted(&bench, &fields(&[("trade_status", "TRADE_SUCCESS")]));
    let genuine = line(&opened(&bench, &body).unwrap());
    let mut same = 0;
    for at in 0..body.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut flipped = body.clone();
            flipped[at] ^= bit;
            if let Ok(notification) = opened(&bench, &flipped) {
                assert_eq!(line(&notification), genuine, "byte {at}, bit {bit}");
                same += 1;
            }
        }
    }
    // The case of hex digits in escapes, and the unsigned sign_type.
    assert!(same < body.len(), "{same}");
}

/// The fields of a published capture of a freeze notice, with our numbers.
const FREEZE: &[(&str, &str)] = &[
    ("notify_type", "fund_auth_freeze"),
    ("out_trade_no", "-"),
    ("trade_no", "-"),
    ("seller_id", "-"),
    ("subject", "-"),
    ("total_amount", "-"),
    ("out_order_no", "T20240709A0001"),
    ("out_request_no", "T20240709A0001"),
    ("auth_no", "2024070910002001000280000001"),
    ("operation_id", "20240709025153970002"),
    ("operation_type", "FREEZE"),
    ("status", "SUCCESS"),
    ("amount", "88.88"),
    ("total_freeze_amount", "88.88"),
    ("total_unfreeze_amount", "0.00"),
    ("total_pay_amount", "0.00"),
    ("rest_amount", "88.88"),
    ("payer_logon_id", "158****7723"),
    ("gmt_create", "2024-07-09 12:06:02"),
    ("gmt_trans", "2024-07-09 12:06:04"),
];

fn fund<'a>(changes: &[(&'a str, &'a str)]) -> Result<Notification, NotificationError> {
    let mut all = FREEZE.to_vec();
    for (name, value) in changes {
        all.retain(|(known, _)| known != name);
        all.push((name, value));
    }
    notice(&all)
}

#[test]
fn notices_of_holds_are_held_released_or_a_reason_to_ask() {
    let check = |changes: &[(&str, &str)], wanted: &str| {
        assert_eq!(
            fund(changes).map(|notification| line(&notification)),
            Ok(wanted.to_owned()),
            "{changes:?}"
        );
    };
    check(
        &[],
        "charge T20240709A0001, alipay.notification.freeze_success: \
         held 88.88 CNY 2024070910002001000280000001 2024-07-09T04:06:04Z",
    );
    let asked = "charge T20240709A0001, alipay.notification.fund_operation: pending";
    check(&[("status", "INIT")], asked);
    check(&[("status", "CLOSED")], asked);
    check(&[("status", "-")], asked);
    check(&[("operation_type", "PAY")], asked);
    check(&[("notify_type", "fund_auth_operation_cancel"), ("operation_type", "-")], asked);
    let released = [
        ("notify_type", "fund_auth_unfreeze"),
        ("operation_type", "UNFREEZE"),
        ("out_request_no", "F20240709A0001"),
    ];
    check(&released, "release F20240709A0001, alipay.notification.unfreeze_success: closed");
    let elsewhere = [released[0], released[1], ("out_request_no", "HZ_01")];
    check(&elsewhere, "charge T20240709A0001, alipay.notification.unfreeze_elsewhere: pending");
    assert_eq!(fund(&[("auth_no", "-")]).map(drop), Err(NotificationError::Malformed("auth_no")));
    assert_eq!(fund(&[("amount", "0.00")]).map(drop), Err(NotificationError::Malformed("amount")));
    assert_eq!(fund(&[("out_order_no", "-")]).map(drop), Err(NotificationError::Malformed("out_order_no")));
}

/// A published capture names the application only, which stands for its one seller.
#[test]
fn claims_of_holds_are_the_payee_or_the_application() {
    let merchant = |changes: &[(&str, &str)]| fund(changes).unwrap().claims.merchant;
    assert_eq!(merchant(&[]).as_deref(), Some("2088000000000001"));
    assert_eq!(merchant(&[("payee_user_id", "2088999999999999")]).as_deref(), Some("2088999999999999"));
    assert_eq!(merchant(&[("app_id", "9021000000000002")]), None);
    let agent = Settings { app_auth_token: Some(Token::new("token".into())), ..settings(Charset::Utf8) };
    let bench = Bench::with(agent);
    let body = posted(&bench, &fields(FREEZE));
    assert_eq!(opened(&bench, &body).unwrap().claims.merchant, None);
}

/// The notice of a capture's trade carries our mark.
#[test]
fn a_captures_trade_is_told_from_a_payment() {
    let of =
        |mark: &str| line(&notice(&[("trade_status", "TRADE_SUCCESS"), ("passback_params", mark)]).unwrap());
    assert!(
        of("capture").starts_with("capture T20240709A0001, alipay.notification.trade_success: paid 88.88")
    );
    assert!(of("other").starts_with("charge T20240709A0001"));
    assert!(of("-").starts_with("charge T20240709A0001"));
}

/// Each byte of a hold's notice flipped: refused, or the very same fields.
#[test]
fn a_flipped_byte_of_a_holds_notice_changes_nothing_or_everything() {
    let bench = Bench::new();
    let body = posted(&bench, &fields(FREEZE));
    let genuine = line(&opened(&bench, &body).unwrap());
    for at in 0..body.len() {
        let mut flipped = body.clone();
        flipped[at] ^= 0x01;
        if let Ok(notification) = opened(&bench, &flipped) {
            assert_eq!(line(&notification), genuine, "byte {at}");
        }
    }
}
