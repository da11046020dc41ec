//! Whatever comes in, nothing panics, and nothing but doubt comes out of what nobody signed.

use std::sync::LazyLock;

use paifang_payment::Doubt;
use paifang_rail::{Finding, Inquiry};
use proptest::prelude::*;

use super::kinds::{each_query, each_reply};
use super::notices::{form, opened};
use super::*;
use crate::fields::Fields;

static BENCH: LazyLock<Bench> = LazyLock::new(Bench::new);

fn read_by_every_call(body: &[u8]) -> Result<(), TestCaseError> {
    let mut harmful = Vec::new();
    let mut check = |name: &str, call: Call<'_>| {
        let answer = BENCH.read_raw(&call, body.to_vec());
        let harmless = [Doubt::Unreadable, Doubt::BadSignature].map(Outcome::Unknown);
        if !answer.outcome().is_some_and(|outcome| harmless.contains(outcome)) {
            harmful.push(format!("{name}: {answer:?}"));
        }
    };
    each_reply(|name, call, _| check(name, call));
    each_query(|name, call, _| check(name, call));
    check("a close", Call::Close(&order(Presentation::QrShown)));
    prop_assert!(harmful.is_empty(), "{harmful:?}");
    let certificate =
        BENCH.rail.read_inquiry(&Inquiry::Keys { unknown: None }, &reply(200, body.to_vec()), &BENCH.cx());
    prop_assert!(matches!(certificate, Finding::Unknown(_)), "{certificate:?}");
    let file = super::files::read_by(&BENCH, body.to_vec());
    prop_assert!(file.is_err(), "{file:?}");
    Ok(())
}

/// Every byte of a genuine message, changed once: refused, or the very same fields.
#[test]
fn no_byte_of_a_message_can_be_changed() {
    let page = order(Presentation::DesktopWeb);
    let good = text(&vector("responses", "query_success"), "/raw_body").as_bytes().to_vec();
    let expected = told(&BENCH.read_raw(&Call::Query(&page), good.clone()));
    assert!(expected.contains("paid 10.00"), "{expected}");
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1;
        let answer = BENCH.read_raw(&Call::Query(&page), bad);
        assert!(matches!(answer.outcome(), Some(Outcome::Unknown(_))), "{place}: {}", told(&answer));
    }
    let good = text(&vector("notifications", "pay_success"), "/form_body").as_bytes().to_vec();
    let fields = Fields::of_form(&good).expect("the vector is a form");
    let mut same = 0;
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= if bad[place].is_ascii_uppercase() { 0x20 } else { 1 };
        if opened(&BENCH, &bad).is_ok() {
            assert!(Fields::of_form(&bad).ok().as_ref() == Some(&fields), "{place}");
            same += 1;
        }
    }
    // Hex digits of percent-encoded bytes may be of either case.
    assert!(same > 0 && same < good.len() / 4, "{same}");
}

proptest! {
    #[test]
    fn unsigned_bytes_are_doubt(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_by_every_call(&body)?;
        prop_assert!(opened(&BENCH, &body).is_err());
    }

    #[test]
    fn unsigned_messages_are_doubt(
        tail in "(&[a-zA-Z]{1,8}=[\\PC{}\\[\\]=]{0,9}){0,6}",
        code in "(00|34|05|64|A6|\\PC{0,3})",
        signature in "(&signature=[A-Za-z0-9+/=]{0,344})?",
    ) {
        let merchant = MERCHANT;
        let body = format!(
            "merId={merchant}&orderId=T20261121101530001&txnTime=20261121101530&txnType=01&txnAmt=1000&respCode={code}\
             &origRespCode=00{tail}{signature}"
        );
        read_by_every_call(body.as_bytes())?;
        prop_assert!(opened(&BENCH, body.as_bytes()).is_err());
    }

    /// Signed nonsense may mean anything, but it is read without a panic.
    #[test]
    fn signed_nonsense_is_read_calmly(
        orig in "\\PC{0,4}", amount in "[0-9.+-]{0,20}", currency in "\\PC{0,4}", trace in "[0-9\\PC]{0,12}", reference in "\\PC{0,80}",
    ) {
        let changes = [
            ("origRespCode", orig.as_str()), ("txnAmt", &amount), ("currencyCode", &currency), ("traceTime", &trace),
            ("queryId", &reference), ("respMsg", &reference),
        ];
        let fields = told_of(FOUND, &changes);
        let order = order(Presentation::QrShown);
        let answer = BENCH.read(&Call::Query(&order), &fields);
        prop_assert!(!answer.rule().is_empty());
        drop(opened(&BENCH, &form(&BENCH.signed("upsign", &fields))));
    }

    /// F48: the signed text of whatever is taken has one reading, the very fields; so no other fields share it.
    #[test]
    fn the_signed_text_has_one_reading(pairs in proptest::collection::btree_map("[abz]{1,2}", "[ab&={}\\[\\] ]{1,5}", 1..5)) {
        let pairs: Vec<(String, String)> = pairs.into_iter().collect();
        if let Ok(fields) = Fields::of_form(&form(&pairs)) {
            let again = Fields::of_answer(fields.signed_text().as_bytes());
            prop_assert!(again.is_ok_and(|again| again == fields));
        } else {
            // Only a value with one of these can be mistaken.
            let doubtful = pairs.iter().any(|(_, value)| value.contains(['&', '{', '[']));
            prop_assert!(doubtful, "{pairs:?}");
        }
    }

    /// F69: a file of anything, signed by UnionPay, is read without a panic, and never as other money than stands there.
    #[test]
    fn signed_files_of_nonsense_are_read_calmly(
        bytes in proptest::collection::vec(any::<u8>(), 0..700),
        place in 0_usize..609,
        byte in any::<u8>(),
    ) {
        let read = super::files::read_lines(&bytes);
        prop_assert!(read.is_err() || bytes.is_empty(), "{read:?}");
        let mut line = super::files::row(0, &[]);
        line[place] = byte;
        if let Ok((lines, totals)) = super::files::read_lines(&line) {
            prop_assert_eq!((lines.len(), totals.paid_minor, totals.returned_minor), (1, 1000, 0));
        }
        drop(super::files::read_zip(&bytes));
        let cut = super::files::zipped(&[("a", &bytes)]);
        drop(super::files::read_zip(&cut[..place.min(cut.len())]));
    }
}
