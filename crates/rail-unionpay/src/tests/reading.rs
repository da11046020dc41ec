//! Texts into fields, and times without a year.

use crate::beijing;
use crate::fields::{Fields, Malformed};

use super::*;

#[test]
fn answers_are_split_as_the_official_sdk_splits_them() {
    let mut seen = 0;
    for case in vectors()["parser"].as_array().unwrap() {
        let fields = Fields::of_answer(text(case, "/raw_body").as_bytes()).expect("a good answer");
        for (name, value) in case["fields"].as_object().unwrap() {
            let value = value.as_str().unwrap();
            assert_eq!(fields.get(name), Some(value).filter(|value| !value.is_empty()), "{case}");
        }
        let line = case["fields"].as_object().unwrap().iter();
        let line = line.filter(|(name, _)| *name != "signature");
        let line = line.map(|(name, value)| format!("{name}={}", value.as_str().unwrap()));
        assert_eq!(fields.signed_text(), line.collect::<Vec<_>>().join("&"), "{case}");
        seen += 1;
    }
    assert_eq!(seen, 7);
}

fn answer(body: &[u8]) -> Option<Malformed> {
    Fields::of_answer(body).err()
}

fn form(body: &[u8]) -> Option<Malformed> {
    Fields::of_form(body).err()
}

/// F48: names once, no value that could be further fields.
#[test]
fn odd_messages_are_not_read() {
    assert_eq!(answer(b""), Some(Malformed::Nameless));
    assert_eq!(answer(b"a=1&"), Some(Malformed::Nameless));
    assert_eq!(answer(b"a=1&=2"), Some(Malformed::Nameless));
    assert_eq!(answer(b"a=1&a=1"), Some(Malformed::Doubled));
    assert_eq!(answer(b"a=\xff"), Some(Malformed::Text));
    assert_eq!(answer(b"a&b=1"), None);
    // The open brace stands last here and swallows "b" once the fields are sorted.
    assert_eq!(answer(b"b=1&a={x"), Some(Malformed::Ambiguous));
    assert_eq!(form(b"a=1&a=2"), Some(Malformed::Doubled));
    assert_eq!(form(b"a=1&%61=2"), Some(Malformed::Doubled));
    assert_eq!(form(b"a=&a=2"), Some(Malformed::Doubled));
    assert_eq!(form(b"a=1%26b%3D2"), Some(Malformed::Ambiguous));
    assert_eq!(form(b"a%3Db=1"), Some(Malformed::Ambiguous));
    assert_eq!(form(b"a=%7B1&b=2"), Some(Malformed::Ambiguous));
    assert_eq!(form(b"a=%7Bx%3D1%26y%3D2%7D&b=2"), None);
    assert_eq!(form(b"a=%ff"), Some(Malformed::Text));
    assert_eq!(form(b"&a=1"), Some(Malformed::Nameless));
}

#[test]
fn empty_fields_of_a_form_are_dropped_before_verification() {
    assert_eq!(
        Fields::of_form(b"b=&c=1&a=x+y%2B").ok().map(|fields| fields.signed_text()),
        Some("a=x y+&c=1".into())
    );
}

#[test]
fn a_trace_time_gets_the_year_in_which_it_makes_sense() {
    for (trace, txn, time) in [
        ("1121101530", "20261121101530", Some("2026-11-21T02:15:30Z")),
        ("0101000002", "20261231235959", Some("2026-12-31T16:00:02Z")),
        ("1231235959", "20270101000001", Some("2026-12-31T15:59:59Z")),
        ("1120101531", "20261121101530", Some("2026-11-20T02:15:31Z")),
        ("1120101529", "20261121101530", Some("2027-11-20T02:15:29Z")),
        ("1321101530", "20261121101530", None),
        ("112110153", "20261121101530", None),
        ("1121101530", "2026112110153x", None),
        ("+121101530", "20261121101530", None),
        ("1121101530", "", None),
        ("1121101530", "人民币币币", None),
    ] {
        assert_eq!(beijing::traced(trace, txn), time.map(at), "{trace} {txn}");
    }
}
