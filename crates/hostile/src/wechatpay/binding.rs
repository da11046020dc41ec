//! Genuine notifications that do not fit what was agreed.

use serde_json::{Value, json};

use super::{PAID, REFUNDED, genuine, less, paid, refunded, told_text, with};
use crate::book::Book;
use crate::case::Case;
use crate::scene::{ALIPAY, UNIONPAY, WECHATPAY};

/// F43, F52: the amount and its currency.
pub(super) fn money() -> (String, Vec<Case>) {
    let mut book = Book::new("wechatpay", "binding-money");
    for (from, event, content, place) in [
        ("the order was paid, signed anew", PAID, paid(), "/amount/total"),
        ("the refund went out, signed anew", REFUNDED, refunded(), "/amount/refund"),
    ] {
        book.from(from).kind("F52", "another amount");
        for fen in [1_i64, 100, 2_999, 3_001, 9_999, 10_001, 1_000_000, 999_999_999_999_999] {
            book.suspicious(&format!("{fen} fen"), &genuine(event, &with(&content, place, fen.into())));
        }
        book.kind("F43", "no amount");
        let plain = content.to_string();
        let name = place.rsplit('/').next().unwrap_or_default();
        let old = format!("\"{name}\":{}", content.pointer(place).unwrap_or(&Value::Null));
        for value in [
            "0",
            "-1",
            "-10000",
            "10000.0",
            "10000.5",
            "1e4",
            "1e400",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775809",
            "\"10000\"",
            "null",
            "true",
            "[10000]",
            "{}",
            "0x2710",
            "010000",
            "+10000",
            "NaN",
            "Infinity",
            "1e-1",
            "9007199254740993.0",
        ] {
            let odd = plain.replacen(&old, &format!("\"{name}\":{value}"), 1);
            book.refused(&format!("{value} fen"), &told_text(event, odd.as_bytes()).message());
        }
        book.refused("no amount in the amounts", &genuine(event, &less(&content, place)));
        book.refused("no amounts", &genuine(event, &less(&content, "/amount")));
        book.refused("the amounts are a number", &genuine(event, &with(&content, "/amount", json!(10_000))));
        book.kind("F52", "another currency");
        for code in ["USD", "JPY", "HKD"] {
            book.suspicious(
                &format!("the same number of {code}"),
                &genuine(event, &with(&content, "/amount/currency", code.into())),
            );
        }
        for code in ["cny", "RMB", "", "XXX", "CNYCNY", "¥"] {
            book.refused(
                &format!("currency {code:?}"),
                &genuine(event, &with(&content, "/amount/currency", code.into())),
            );
        }
    }
    book.from("the order was paid, signed anew").kind("F52", "only a part is right");
    let coupon = with(&with(&paid(), "/amount/total", 1.into()), "/amount/payer_total", 10_000.into());
    book.suspicious("the payer's part is right, the order's amount is not", &genuine(PAID, &coupon));
    book.file()
}

/// F53, F54: whom and what it names.
pub(super) fn names() -> (String, Vec<Case>) {
    let mut book = Book::new("wechatpay", "binding-names");
    for (from, event, content) in [
        ("the order was paid, signed anew", PAID, paid()),
        ("the refund went out, signed anew", REFUNDED, refunded()),
    ] {
        book.from(from).kind("F53", "another merchant or app");
        for value in ["1900000999", "190000010", "19000001090", "1900000109 ", "01900000109", ""] {
            book.suspicious(
                &format!("merchant {value:?}"),
                &genuine(event, &with(&content, "/mchid", value.into())),
            );
        }
        for value in [json!(1_900_000_109), json!(["1900000109"])] {
            book.refused(
                &format!("the merchant is {value}"),
                &genuine(event, &with(&content, "/mchid", value)),
            );
        }
    }
    book.suspicious("no merchant", &genuine(REFUNDED, &less(&refunded(), "/mchid")));
    book.from("the order was paid, signed anew");
    for value in ["wxd678efh567hg6788", "WXD678EFH567HG6787", "wxd678efh567hg6787 ", "", "1900000109"] {
        book.suspicious(&format!("app {value:?}"), &genuine(PAID, &with(&paid(), "/appid", value.into())));
    }
    book.refused("no merchant", &genuine(PAID, &less(&paid(), "/mchid")));
    book.refused("no app", &genuine(PAID, &less(&paid(), "/appid")));
    orders(&mut book);
    refunded_payments(&mut book);
    book.file()
}

fn orders(book: &mut Book) {
    book.kind("F54", "another order");
    for (from, event, content, place, own) in [
        ("the order was paid, signed anew", PAID, paid(), "/out_trade_no", WECHATPAY.charge),
        ("the refund went out, signed anew", REFUNDED, refunded(), "/out_refund_no", WECHATPAY.refund),
    ] {
        book.from(from);
        let swapped = if event == PAID { WECHATPAY.refund } else { WECHATPAY.paid };
        let others =
            if event == PAID { [ALIPAY.charge, UNIONPAY.charge] } else { [ALIPAY.refund, UNIONPAY.refund] };
        for (why, number) in [
            ("one that is not here", "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ"),
            ("Alipay's", others[0]),
            ("UnionPay's", others[1]),
            ("a refund's for an order's, or an order's for a refund's", swapped),
            ("one character less", &own[1..]),
            ("in lower case", &own.to_lowercase()),
        ] {
            book.unknown(why, &genuine(event, &with(&content, place, number.into())));
        }
        for (why, number) in [
            ("no number", json!("")),
            ("a number of JSON", json!(1)),
            ("a blank behind it", json!(format!("{own} "))),
            ("a NUL behind it", json!(format!("{own}\0"))),
            ("300 characters", json!("A".repeat(300))),
            ("marks that turn the text around", json!(format!("\u{202e}{own}"))),
            ("a path", json!(format!("../{own}"))),
            ("a list", json!([own])),
        ] {
            book.refused(why, &genuine(event, &with(&content, place, number)));
        }
        book.refused("without", &genuine(event, &less(&content, place)));
    }
}

/// F53: the refund's own number is right, the payment that it is said to be made of is not.
fn refunded_payments(book: &mut Book) {
    book.from("the refund went out, signed anew").kind("F53", "a refund of another payment");
    let own = WECHATPAY.paid_ref.unwrap_or_default();
    for (why, place, value) in [
        ("another order that is here", "/out_trade_no", WECHATPAY.charge),
        ("Alipay's order", "/out_trade_no", ALIPAY.paid),
        ("an order that is not here", "/out_trade_no", "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ"),
        ("the refund's own number for the order's", "/out_trade_no", WECHATPAY.refund),
        ("the order in lower case", "/out_trade_no", &WECHATPAY.paid.to_lowercase()),
        ("the order without its last character", "/out_trade_no", &WECHATPAY.paid[..31]),
        ("the transaction of another order", "/transaction_id", "4200000000202603010000000002"),
        ("the transaction without its last digit", "/transaction_id", &own[..own.len() - 1]),
        ("the transaction and one digit", "/transaction_id", &format!("{own}0")),
        ("the refund's number for the transaction's", "/transaction_id", "50000000000202603010000000001"),
    ] {
        book.suspicious(why, &genuine(REFUNDED, &with(&refunded(), place, value.into())));
    }
    let other = with(&refunded(), "/out_trade_no", WECHATPAY.charge.into());
    let other = with(&other, "/transaction_id", "4200000000202603010000000002".into());
    book.suspicious("order and transaction of another payment", &genuine(REFUNDED, &other));
    for (why, value) in [
        ("empty", json!("")),
        ("a blank behind it", json!(format!("{own} "))),
        ("a number of JSON", json!(42)),
        ("nothing", Value::Null),
        ("a list", json!([own])),
        ("100 characters", json!("4".repeat(100))),
        ("marks that turn the text around", json!(format!("\u{202e}{own}"))),
    ] {
        for (what, place) in [("order", "/out_trade_no"), ("transaction", "/transaction_id")] {
            let value = if what == "order" && why == "a blank behind it" {
                json!(format!("{} ", WECHATPAY.paid))
            } else {
                value.clone()
            };
            book.refused(&format!("{what}: {why}"), &genuine(REFUNDED, &with(&refunded(), place, value)));
        }
    }
}

/// F58, F59: another state than a payment's, and news against what is known.
pub(super) fn kinds() -> (String, Vec<Case>) {
    let mut book = Book::new("wechatpay", "binding-kinds");
    book.from("the order was paid, signed anew").kind("F58", "a state that is not told");
    for state in ["NOTPAY", "CLOSED", "USERPAYING", "PAYERROR", "REVOKED", "success", "SUCCESS ", "PAID", ""]
    {
        book.refused(
            &format!("state {state:?}"),
            &genuine(PAID, &with(&paid(), "/trade_state", state.into())),
        );
    }
    for place in ["/trade_state", "/transaction_id"] {
        book.refused(&format!("without {place}"), &genuine(PAID, &less(&paid(), place)));
    }
    for value in ["", "\u{202e}42", "4 2"] {
        book.refused(
            &format!("transaction {value:?}"),
            &genuine(PAID, &with(&paid(), "/transaction_id", value.into())),
        );
    }
    book.from("the refund went out, signed anew");
    for state in ["PROCESSING", "ABNORMAL", "CLOSED", "FAIL", "success", ""] {
        book.refused(
            &format!("state {state:?} under the event of a success"),
            &genuine(REFUNDED, &with(&refunded(), "/refund_status", state.into())),
        );
    }
    for place in ["/refund_status", "/refund_id", "/transaction_id", "/out_trade_no"] {
        book.refused(&format!("without {place}"), &genuine(REFUNDED, &less(&refunded(), place)));
    }
    book.refused(
        "both names of the state",
        &told_text(
            REFUNDED,
            refunded()
                .to_string()
                .replacen("\"refund_status\":", "\"status\":\"CLOSED\",\"refund_status\":", 1)
                .as_bytes(),
        )
        .message(),
    );
    book.from("the order was paid, signed anew").kind("F59", "against what is known");
    let paid_before = with(&paid(), "/out_trade_no", WECHATPAY.paid.into());
    let paid_before = with(&paid_before, "/transaction_id", WECHATPAY.paid_ref.into());
    book.suspicious(
        "paid again with one fen",
        &genuine(PAID, &with(&paid_before, "/amount/total", 1.into())),
    );
    book.file()
}
