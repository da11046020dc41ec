//! Genuine notifications that do not fit what was agreed.

use super::{UNIONPAY, genuine, held, paid, refunded};
use crate::book::Book;
use crate::case::Case;
use crate::form::{Fields, set, without};
use crate::scene::{ALIPAY, WECHATPAY};

fn all() -> [(&'static str, Fields); 3] {
    [
        ("the order was paid, signed anew", paid()),
        ("the refund went out, signed anew", refunded()),
        ("the money is held, signed anew", held()),
    ]
}

/// F43, F52: the amount and its currency.
pub(super) fn money() -> (String, Vec<Case>) {
    let mut book = Book::new("unionpay", "binding-money");
    for (from, news) in all() {
        book.from(from).kind("F52", "another amount");
        for fen in ["1", "100", "2999", "3001", "9999", "10001", "1000000", "999999999999"] {
            book.suspicious(&format!("{fen} fen"), &genuine(&set(&news, "txnAmt", fen)));
        }
        book.kind("F43", "no amount");
        for fen in [
            "0",
            "-1",
            "-10000",
            "100.00",
            "1e4",
            "10000 ",
            "+10000",
            "１００００",
            "0x2710",
            "9223372036854775807",
            "99999999999999999999",
            "NaN",
            "",
        ] {
            book.refused(&format!("txnAmt {fen:?}"), &genuine(&set(&news, "txnAmt", fen)));
        }
        book.refused("no txnAmt, only settleAmt", &genuine(&without(&news, "txnAmt")));
        book.kind("F52", "another currency");
        for code in ["840", "392", "344"] {
            book.suspicious(
                &format!("the same number of {code}"),
                &genuine(&set(&news, "currencyCode", code)),
            );
        }
        for code in ["999", "000", "CNY", "1560", "-156", "15 6"] {
            book.refused(&format!("currency {code:?}"), &genuine(&set(&news, "currencyCode", code)));
        }
    }
    book.file()
}

/// F53, F54: whom and what it names.
pub(super) fn names() -> (String, Vec<Case>) {
    let mut book = Book::new("unionpay", "binding-names");
    for (from, news) in all() {
        book.from(from).kind("F53", "another merchant");
        for value in
            ["777290058110999", "77729005811004", "7772900581100480", "777290058110048 ", "0777290058110048"]
        {
            book.suspicious(&format!("merchant {value:?}"), &genuine(&set(&news, "merId", value)));
        }
        book.suspicious("no merchant", &genuine(&without(&news, "merId")));
        // Fields without a value are no part of what is signed.
        book.refused("an empty merchant", &genuine(&set(&news, "merId", "")));
    }
    book.kind("F54", "another order");
    for (from, news, own, swapped, others) in [
        (
            "the order was paid, signed anew",
            paid(),
            UNIONPAY.charge,
            UNIONPAY.refund,
            [ALIPAY.charge, WECHATPAY.charge],
        ),
        (
            "the refund went out, signed anew",
            refunded(),
            UNIONPAY.refund,
            UNIONPAY.paid,
            [ALIPAY.refund, WECHATPAY.refund],
        ),
    ] {
        book.from(from);
        for (why, number) in [
            ("one that is not here", "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ"),
            ("Alipay's", others[0]),
            ("WeChat Pay's", others[1]),
            ("a refund's for an order's, or an order's for a refund's", swapped),
            ("one character less", &own[1..]),
            ("in lower case", &own.to_lowercase()),
        ] {
            book.unknown(why, &genuine(&set(&news, "orderId", number)));
        }
        for (why, number) in [
            ("no number", String::new()),
            ("a blank behind it", format!("{own} ")),
            ("a NUL behind it", format!("{own}\0")),
            ("300 characters", "A".repeat(300)),
            ("marks that turn the text around", format!("\u{202e}{own}")),
            ("a path", format!("../{own}")),
            ("a quote", format!("{own}'--")),
        ] {
            book.refused(why, &genuine(&set(&news, "orderId", &number)));
        }
        book.refused("without", &genuine(&without(&news, "orderId")));
    }
    book.file()
}

/// F06, F58, F59: other kinds, codes that are no success, and news against what is known.
pub(super) fn kinds() -> (String, Vec<Case>) {
    let mut book = Book::new("unionpay", "binding-kinds");
    book.from("the order was paid, signed anew").kind("F58", "another kind of message");
    for kind in ["00", "95", "76", "1", "001", "01 ", "XX", "21", "73"] {
        book.refused(&format!("txnType {kind:?}"), &genuine(&set(&paid(), "txnType", kind)));
    }
    book.refused("no txnType", &genuine(&without(&paid(), "txnType")));
    book.refused("no respCode", &genuine(&without(&paid(), "respCode")));
    book.refused(
        "origRespCode in place of respCode",
        &genuine(&set(&without(&paid(), "respCode"), "origRespCode", "00")),
    );
    book.suspicious("the hold's news for the order", &genuine(&set(&paid(), "txnType", "02")));
    book.unknown("the undo of an order that is not one", &genuine(&set(&paid(), "txnType", "31")));
    book.unknown("a refund's news under the order's number", &genuine(&set(&paid(), "txnType", "04")));
    book.from("the money is held, signed anew");
    book.suspicious("the payment's news for the hold", &genuine(&set(&held(), "txnType", "01")));
    book.kind("F06", "a code that is no success");
    for (from, news) in [all()[0].clone(), all()[2].clone()] {
        book.from(from);
        let news = without(&news, "queryId");
        for code in ["01", "03", "05", "34", "42", "64", "74", "99", "PR05"] {
            book.unknown(&format!("respCode {code}"), &genuine(&set(&news, "respCode", code)));
        }
    }
    book.from("the order was paid, signed anew").kind("F59", "against what is known");
    let again = set(&set(&paid(), "orderId", UNIONPAY.paid), "txnAmt", "1");
    book.suspicious("paid again with one fen", &genuine(&again));
    book.file()
}
