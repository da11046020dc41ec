//! Genuine notices that do not fit: Alipay's own key signed them, and still nothing may follow from them.

use super::{ALIPAY, genuine, held, paid, refunded};
use crate::book::Book;
use crate::case::Case;
use crate::form::{set, without};
use crate::scene::{UNIONPAY, WECHATPAY};

/// F52: the amount.
pub(super) fn money() -> (String, Vec<Case>) {
    let mut book = Book::new("alipay", "binding-money");
    book.from("the order was paid, signed anew").kind("F52", "another amount");
    for amount in ["0.01", "1.00", "99.99", "100.01", "10000", "10000.00", "1000000.00", "9999999999999.99"] {
        book.suspicious(
            &format!("{amount} yuan for an order of 100.00"),
            &genuine(&set(&paid(), "total_amount", amount)),
        );
        book.suspicious(
            &format!("a hold of {amount} yuan for 100.00"),
            &genuine(&set(&held(), "amount", amount)),
        );
    }
    book.kind("F52", "no amount");
    for amount in NO_AMOUNTS {
        book.refused(&format!("a payment of {amount:?}"), &genuine(&set(&paid(), "total_amount", amount)));
        book.refused(&format!("a hold of {amount:?}"), &genuine(&set(&held(), "amount", amount)));
    }
    book.refused("a payment without an amount", &genuine(&without(&paid(), "total_amount")));
    book.refused("a hold without an amount", &genuine(&without(&held(), "amount")));
    book.kind("F52", "only a part is right");
    let other = set(&without(&paid(), "total_amount"), "receipt_amount", "100.00");
    book.refused("what was received stands for the amount", &genuine(&other));
    let zero = set(&set(&paid(), "total_amount", "0.00"), "buyer_pay_amount", "100.00");
    book.refused("a total of nothing, paid in full", &genuine(&zero));
    book.file()
}

const NO_AMOUNTS: [&str; 21] = [
    "0.00",
    "0",
    "-100.00",
    "-0.01",
    "1e2",
    "1E2",
    "100,00",
    "100.00 ",
    " 100.00",
    "+100.00",
    "１００.００",
    "NaN",
    "Infinity",
    "0x64",
    "92233720368547758.07",
    "92233720368547758.08",
    "99999999999999999999999",
    "100.001",
    "100.00.00",
    "¥100.00",
    "",
];

/// F53, F54: whom and what it names.
pub(super) fn names() -> (String, Vec<Case>) {
    let mut book = Book::new("alipay", "binding-names");
    book.kind("F53", "another merchant or app");
    for (from, notice, merchant) in [
        ("the order was paid, signed anew", paid(), "seller_id"),
        ("the money is held, signed anew", held(), "payee_user_id"),
    ] {
        book.from(from);
        for (why, value) in [
            ("another seller", "2088999999999999"),
            ("one digit more", "20880000000000010"),
            ("a blank behind it", "2088000000000001 "),
            ("the app's id", "9021000000000001"),
        ] {
            book.suspicious(why, &genuine(&set(&notice, merchant, value)));
        }
        for value in ["9021000000000099", "9021000000000001 ", "2088000000000001"] {
            book.suspicious(&format!("app {value:?}"), &genuine(&set(&notice, "app_id", value)));
        }
    }
    book.from("the order was paid, signed anew");
    book.suspicious("no seller", &genuine(&without(&paid(), "seller_id")));
    book.suspicious("an empty seller", &genuine(&set(&paid(), "seller_id", "")));
    let nobody = without(&set(&held(), "app_id", "9021000000000099"), "payee_user_id");
    book.from("the money is held, signed anew").suspicious("no payee, another app", &genuine(&nobody));
    book.from("the refund went out, signed anew");
    book.suspicious("another seller", &genuine(&set(&refunded(), "seller_id", "2088999999999999")));
    book.suspicious("another app", &genuine(&set(&refunded(), "app_id", "9021000000000099")));
    book.kind("F54", "another order");
    orders(&mut book);
    book.file()
}

fn orders(book: &mut Book) {
    book.from("the order was paid, signed anew");
    for (why, number) in [
        ("an order that is not here", "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ"),
        ("the order at WeChat Pay", WECHATPAY.charge),
        ("the order at UnionPay", UNIONPAY.charge),
        ("a refund's number", ALIPAY.refund),
        ("one character less", &ALIPAY.charge[1..]),
        ("in lower case", &ALIPAY.charge.to_lowercase()),
    ] {
        book.unknown(why, &genuine(&set(&paid(), "out_trade_no", number)));
        book.unknown(&format!("a hold: {why}"), &genuine(&set(&held(), "out_order_no", number)));
    }
    for (why, number) in [
        ("a refund that is not here", "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ"),
        ("the refund at WeChat Pay", WECHATPAY.refund),
        ("the refund at UnionPay", UNIONPAY.refund),
    ] {
        book.unknown(why, &genuine(&set(&refunded(), "out_biz_no", number)));
    }
    for (why, number) in [
        ("no number", ""),
        ("a blank behind it", &format!("{} ", ALIPAY.charge)),
        ("a NUL behind it", &format!("{}\0", ALIPAY.charge)),
        ("300 characters", &"A".repeat(300)),
        ("marks that turn the text around", &format!("\u{202e}{}", ALIPAY.charge)),
        ("letters that look the same", &ALIPAY.charge.replace('A', "\u{0391}").replace('0', "\u{041e}")),
        ("a path", &format!("../{}", ALIPAY.charge)),
        ("a quote", &format!("{}' OR '1'='1", ALIPAY.charge)),
    ] {
        book.refused(why, &genuine(&set(&paid(), "out_trade_no", number)));
    }
}

/// F58, F59: news of another kind, or against what is known.
pub(super) fn kinds() -> (String, Vec<Case>) {
    let mut book = Book::new("alipay", "binding-kinds");
    book.from("the order was paid, signed anew").kind("F58", "another kind of message");
    for kind in [
        "open_app_auth_notify",
        "dut_user_sign",
        "trade_status_sync ",
        "TRADE_STATUS_SYNC",
        "",
        "fund_auth",
        "user_agreement",
    ] {
        book.refused(&format!("notify_type {kind:?}"), &genuine(&set(&paid(), "notify_type", kind)));
    }
    book.refused("no notify_type", &genuine(&without(&paid(), "notify_type")));
    book.refused(
        "a trade's notice that says it is a hold's",
        &genuine(&set(&paid(), "notify_type", "fund_auth_freeze")),
    );
    book.refused("no trade_status", &genuine(&without(&paid(), "trade_status")));
    book.refused("no notify_id", &genuine(&without(&paid(), "notify_id")));
    book.refused("a notify_id of 200 characters", &genuine(&set(&paid(), "notify_id", &"9".repeat(200))));
    book.from("the money is held, signed anew");
    book.refused(
        "a hold's notice that says it is a trade's",
        &genuine(&set(&held(), "notify_type", "trade_status_sync")),
    );
    book.refused("a hold without its number", &genuine(&without(&held(), "auth_no")));
    book.refused("a hold whose number is a text", &genuine(&set(&held(), "auth_no", "\u{202e}no number")));
    for (name, value) in [
        ("status", "FAIL"),
        ("status", "success"),
        ("status", ""),
        ("operation_type", "PAY"),
        ("operation_type", "freeze"),
        ("operation_type", ""),
        ("operation_type", "UNFREEZE"),
    ] {
        book.unknown(&format!("{name} {value:?}"), &genuine(&set(&held(), name, value)));
    }
    book.from("the order was paid, signed anew").kind("F59", "a status that proves nothing");
    let waiting = set(&without(&paid(), "trade_no"), "trade_status", "WAIT_BUYER_PAY");
    book.unknown("the payer has not paid yet", &genuine(&waiting));
    book.kind("F59", "against what is known");
    let closed = without(
        &set(&set(&paid(), "out_trade_no", ALIPAY.paid), "trade_status", "TRADE_CLOSED"),
        "gmt_payment",
    );
    book.unknown("closed unpaid, after it was paid", &genuine(&closed));
    let less = set(&set(&paid(), "out_trade_no", ALIPAY.paid), "total_amount", "0.01");
    book.suspicious("paid again with one fen", &genuine(&less));
    book.file()
}
