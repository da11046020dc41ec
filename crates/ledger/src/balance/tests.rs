//! The laws of the books, over stories that a random hand writes.

use jiff::Timestamp;
use paifang_money::{Currency, PositiveMoney};
use proptest::prelude::*;

use super::*;

fn transfer(key: &str, debit: Account, credit: Account, fen: i64, kind: Kind) -> Transfer {
    let amount = PositiveMoney::new(fen, Currency::CNY).unwrap();
    let (key, subject) = (PostingKey::of(&[key]), "test".to_owned());
    Transfer { key, debit, credit, amount, kind, subject, at: Timestamp::UNIX_EPOCH }
}

fn rail() -> Account {
    Account::rail("alipay-main")
}

fn merchant() -> Account {
    Account::merchant("tn_1")
}

fn late() -> Account {
    Account::suspense_late("alipay-main")
}

#[test]
fn a_capture_and_its_refund_leave_nothing() {
    let mut books = Books::default();
    let refund = transfer("refund", merchant(), rail(), 100, Kind::Pending);
    let done =
        refund.resolved(Kind::Posts(refund.key.clone()), PostingKey::of(&["refund", "post"]), refund.at);
    books.append(&[transfer("capture", rail(), merchant(), 100, Kind::Posted), refund]).unwrap();
    assert_eq!(books.balance(&merchant(), Currency::CNY).available(&merchant()), 0);
    assert_eq!(books.balance(&merchant(), Currency::CNY).posted(&merchant()), 100);
    books.append(&[done]).unwrap();
    assert_eq!(books.balance(&rail(), Currency::CNY).posted(&rail()), 0);
    assert_eq!(books.pending().count(), 0);
}

/// I8: a key is posted once; a second try changes nothing, not even by the rows beside it.
#[test]
fn a_key_is_posted_once_and_a_refused_entry_leaves_no_trace() {
    let mut books = Books::default();
    let capture = transfer("capture", rail(), merchant(), 100, Kind::Posted);
    books.append([&capture]).unwrap();
    let other = transfer("other", rail(), merchant(), 7, Kind::Posted);
    assert_eq!(books.append([&other, &capture]), Err(PostError::Twice(capture.key.clone())));
    assert_eq!(books.balance(&rail(), Currency::CNY).posted(&rail()), 100);
}

/// I5: late money cannot be given back twice.
#[test]
fn suspense_never_falls_below_zero() {
    let mut books = Books::default();
    books.append(&[transfer("late", rail(), late(), 100, Kind::Posted)]).unwrap();
    books.append(&[transfer("back", late(), rail(), 100, Kind::Pending)]).unwrap();
    let again = transfer("again", late(), rail(), 1, Kind::Pending);
    assert_eq!(books.append([&again]), Err(PostError::Overdrawn(again.key.clone(), late())));
}

#[test]
fn only_a_pending_transfer_is_resolved_and_only_in_full_and_once() {
    let mut books = Books::default();
    let hold = transfer("hold", merchant(), rail(), 50, Kind::Pending);
    books.append([&transfer("capture", rail(), merchant(), 50, Kind::Posted), &hold]).unwrap();
    let part = transfer("part", merchant(), rail(), 49, Kind::Posts(hold.key.clone()));
    assert_eq!(books.append([&part]), Err(PostError::NothingPending(part.key.clone())));
    let void = hold.resolved(Kind::Voids(hold.key.clone()), PostingKey::of(&["void"]), hold.at);
    books.append([&void]).unwrap();
    let post = hold.resolved(Kind::Posts(hold.key.clone()), PostingKey::of(&["post"]), hold.at);
    assert_eq!(books.append([&post]), Err(PostError::NothingPending(post.key.clone())));
    assert_eq!(books.balance(&merchant(), Currency::CNY).available(&merchant()), 50);
}

#[test]
fn account_names_survive_their_text() {
    for account in [rail(), merchant(), late()] {
        assert_eq!(Account::parse(&account.to_string()), Ok(account));
    }
    for text in ["", "rail", "rail:", "cash:1", &format!("rail:{}", "x".repeat(200))] {
        assert!(Account::parse(text).is_err(), "{text}");
    }
}

proptest! {
    /// Whatever is appended or refused: debits equal credits, posted and pending, and no bound is crossed; what is refused leaves no
    /// trace, nor do those before it in the same entry.
    #[test]
    fn books_always_balance(story in prop::collection::vec((0..6u8, 0..3usize, 0..3usize, 1..500i64, 0..4u8), 0..60)) {
        let accounts = [rail(), merchant(), late()];
        let mut books = Books::default();
        for (step, (key, debit, credit, fen, kind)) in story.into_iter().enumerate() {
            let of = PostingKey::of(&[&format!("k{key}")]);
            let (key, kind) = match kind {
                0 => (format!("k{key}"), Kind::Posted),
                1 => (format!("k{key}"), Kind::Pending),
                2 => (format!("r{step}"), Kind::Posts(of)),
                _ => (format!("r{step}"), Kind::Voids(of)),
            };
            let row = transfer(&key, accounts[debit].clone(), accounts[credit].clone(), fen, kind);
            let before = books.clone();
            prop_assert!(books.append([&row, &row]).is_err(), "the second one is posted already");
            prop_assert_eq!(&books, &before);
            if books.append([&row]).is_err() {
                prop_assert_eq!(&books, &before);
            }
            let sums = books.balances().fold(Balance::default(), |sum, (_, _, balance)| Balance {
                debits_posted: sum.debits_posted + balance.debits_posted,
                credits_posted: sum.credits_posted + balance.credits_posted,
                debits_pending: sum.debits_pending + balance.debits_pending,
                credits_pending: sum.credits_pending + balance.credits_pending,
            });
            prop_assert_eq!(sums.debits_posted, sums.credits_posted);
            prop_assert_eq!(sums.debits_pending, sums.credits_pending);
            prop_assert!(books.balance(&late(), Currency::CNY).available(&late()) >= 0);
        }
    }
}
