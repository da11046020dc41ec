//! The book of versions: one active at a time, and a past that stays.

mod kills;
mod unchanged;

use proptest::prelude::*;

use super::*;

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(1_725_000_000 + day * 86_400).unwrap()
}

fn reference(version: u32) -> BundleRef {
    let mut digest = [0; 32];
    digest[0] = u8::try_from(version % 256).unwrap();
    BundleRef { name: BundleName::parse("walls").unwrap(), version, digest: paifang_payment::Digest(digest) }
}

fn ids(openings: &[&str]) -> BTreeSet<RuleId> {
    openings.iter().map(|id| RuleId::parse(id).unwrap()).collect()
}

fn drafted(day: i64, version: u32) -> Fact {
    drafted_with(day, version, &["o", "ramp"])
}

fn drafted_with(day: i64, version: u32, openings: &[&str]) -> Fact {
    let (bundle, openings) = (reference(version), ids(openings));
    let (contents, kills) = (BTreeMap::new(), BTreeMap::new());
    Fact::Drafted { at: at(day), bundle, effective_at: at(0), openings, contents, kills }
}

fn announced(day: i64, version: u32, from: i64) -> Fact {
    announced_without(day, version, from, &[])
}

fn announced_without(day: i64, version: u32, from: i64, without: &[&str]) -> Fact {
    let (without, without_kills) = (ids(without), Some(BTreeSet::new()));
    Fact::Announced { at: at(day), version, effective_at: at(from), without, without_kills }
}

fn remark(text: &str) -> Remark {
    Remark::parse(text).unwrap()
}

fn rolled_back(day: i64, opening: &str) -> Fact {
    let why = Why::Person { remark: remark("ops: alarms") };
    Fact::RolledBack { at: at(day), opening: RuleId::parse(opening).unwrap(), why }
}

fn reopened(day: i64, opening: &str) -> Fact {
    Fact::Reopened { at: at(day), opening: RuleId::parse(opening).unwrap(), by: remark("ops: fixed") }
}

fn book(facts: Vec<Fact>) -> Result<Book, Error> {
    facts.into_iter().try_fold(Book::new(BundleName::parse("walls").unwrap()), Book::step)
}

fn version_at(book: &Book, day: i64) -> Option<u32> {
    book.deciding(at(day)).map(|deciding| deciding.bundle.version)
}

#[test]
fn versions_take_over_at_their_time() {
    let facts = vec![
        drafted(1, 1),
        announced(2, 1, 5),
        drafted(3, 2),
        drafted(4, 2),
        announced(4, 2, 10),
        drafted(6, 3),
        announced(6, 3, 7),
        Fact::Recalled { at: at(8), version: 2 },
        announced(9, 2, 12),
        Fact::Retired { at: at(14), version: 2 },
        drafted(15, 4),
        announced(15, 4, 15),
    ];
    let book = book(facts).unwrap();
    let decided: Vec<(i64, Option<u32>)> = (0..17).map(|day| (day, version_at(&book, day))).collect();
    let by_day = |day: i64| match day {
        5..7 => Some(1),
        7..12 => Some(3),
        12 | 13 => Some(2),
        15.. => Some(4),
        _ => None,
    };
    assert_eq!(decided, (0..17).map(|day| (day, by_day(day))).collect::<Vec<_>>());
    let states = |version| [0, 4, 8, 9, 13, 16].map(|day| book.state(version, at(day)));
    use State::{Active, Announced, Draft, Retired};
    let two =
        [None, Some(Announced(at(10))), Some(Draft), Some(Announced(at(12))), Some(Active), Some(Retired)];
    assert_eq!(states(2), two);
    assert_eq!(
        states(1),
        [None, Some(Announced(at(5))), Some(Retired), Some(Retired), Some(Retired), Some(Retired)]
    );
}

#[test]
fn what_would_rewrite_the_past_is_refused() {
    let begun = || vec![drafted(1, 2), announced(2, 2, 5)];
    for (fact, wanted) in [
        (drafted(1, 3), "before the last fact"),
        (drafted(3, 2), "version 2 must be higher than 2"),
        (drafted(3, 1), "version 1 must be higher than 2"),
        (announced(3, 9, 5), "version 9 is not in the book"),
        (announced(3, 2, 6), "it must be a draft"),
        (Fact::Retired { at: at(3), version: 2 }, "it must be active"),
        (Fact::Recalled { at: at(5), version: 2 }, "its time not come"),
        (reopened(3, "o"), "is not rolled back"),
    ] {
        let error = begun().into_iter().chain([fact.clone()]).collect::<Vec<_>>();
        let error = book(error).expect_err(wanted).to_string();
        assert!(error.contains(wanted), "{error}");
    }
    let two = |facts: [Fact; 2]| book(begun().into_iter().chain(facts).collect()).map(|_| ());
    assert_eq!(two([drafted(3, 3), announced(3, 3, 5)]), Err(Error::SameMoment { other: 2 }));
    assert_eq!(
        two([drafted(3, 3), announced(4, 3, 3)]),
        Err(Error::TooEarly { effective_at: at(3), earliest: at(4) })
    );
    let other = BundleRef { name: BundleName::parse("other").unwrap(), ..reference(3) };
    let (openings, contents, kills) = (ids(&[]), BTreeMap::new(), BTreeMap::new());
    let fact = Fact::Drafted { at: at(3), bundle: other, effective_at: at(3), openings, contents, kills };
    assert!(matches!(book(vec![fact]), Err(Error::OtherBundle { .. })));
    let twice = book(vec![drafted(1, 1), rolled_back(1, "o"), rolled_back(2, "o")]);
    assert!(matches!(twice, Err(Error::RolledBackAlready(_))));
}

/// A version that was announced before a roll-back does not undo it.
#[test]
fn a_roll_back_outlives_versions_until_a_person_ends_it() {
    let facts = vec![
        drafted(1, 1),
        announced(1, 1, 1),
        drafted(2, 2),
        announced(2, 2, 6),
        rolled_back(4, "ramp"),
        reopened(8, "ramp"),
        rolled_back(9, "ramp"),
    ];
    let book = book(facts).unwrap();
    let ramp = RuleId::parse("ramp").unwrap();
    let closed: Vec<i64> = (1..12)
        .filter(|day| book.deciding(at(*day)).is_some_and(|deciding| deciding.rolled_back.holds(&ramp)))
        .collect();
    assert_eq!(closed, [4, 5, 6, 7, 9, 10, 11]);
    assert_eq!(book.roll_backs().len(), 2);
}

fn closed_at(book: &Book, opening: &str, days: std::ops::Range<i64>) -> Vec<i64> {
    let opening = RuleId::parse(opening).unwrap();
    days.filter(|day| book.overlay(at(*day)).holds(&opening)).collect()
}

/// A slip in an opening's id would leave open what was to be closed.
#[test]
fn a_roll_back_names_an_opening_that_decides_or_may() {
    let begun = || vec![drafted(1, 1), announced(1, 1, 2), drafted_with(2, 2, &["o"]), announced(2, 2, 6)];
    let with = |fact: Fact| book(begun().into_iter().chain([fact]).collect());
    assert_eq!(with(rolled_back(3, "ramps")), Err(Error::UnknownOpening(RuleId::parse("ramps").unwrap())));
    assert_eq!(
        with(rolled_back(7, "ramp")),
        Err(Error::UnknownOpening(RuleId::parse("ramp").unwrap())),
        "only the version that was superseded has it"
    );
    assert!(with(rolled_back(3, "ramp")).is_ok() && with(rolled_back(7, "o")).is_ok());
    assert!(book(vec![drafted(1, 1), rolled_back(1, "o")]).is_ok(), "a draft may decide later");
}

/// A later version that names a rolled back opening otherwise takes a person's word.
#[test]
fn no_version_opens_what_is_rolled_back_by_another_name() {
    let begun = || vec![drafted(1, 1), announced(1, 1, 1), rolled_back(2, "ramp")];
    let renamed = || begun().into_iter().chain([drafted_with(3, 2, &["o", "ramp-2"])]);
    let lacks = Error::LacksRolledBack { version: 2, opening: RuleId::parse("ramp").unwrap() };
    assert_eq!(book(renamed().chain([announced(3, 2, 4)]).collect()), Err(lacks.clone()));
    let other = announced_without(3, 2, 4, &["o"]);
    assert_eq!(book(renamed().chain([other]).collect()), Err(lacks));
    let confirmed = book(renamed().chain([announced_without(3, 2, 4, &["ramp"])]).collect()).unwrap();
    assert_eq!((version_at(&confirmed, 4), closed_at(&confirmed, "ramp", 0..6)), (Some(2), vec![2, 3, 4, 5]));
    let reopened = book(renamed().chain([reopened(3, "ramp"), announced(3, 2, 4)]).collect()).unwrap();
    assert_eq!(version_at(&reopened, 4), Some(2));
}

/// Nor does one that was announced before the roll-back: it waits as a draft for somebody to announce it anew.
#[test]
fn a_roll_back_recalls_announced_versions_without_its_opening() {
    let mut facts = vec![
        drafted(1, 1),
        announced(1, 1, 1),
        drafted_with(2, 2, &["ramp-2"]),
        announced(2, 2, 6),
        drafted(3, 3),
        announced(3, 3, 9),
        rolled_back(4, "ramp"),
    ];
    let after = book(facts.clone()).unwrap();
    assert_eq!(after.state(2, at(5)), Some(State::Draft));
    assert_eq!([3, 5, 7, 9].map(|day| version_at(&after, day)), [Some(1), Some(1), Some(1), Some(3)]);
    assert_eq!(after.roll_backs()[0].recalled, [2], "and whoever asks is told");
    facts.push(announced_without(5, 2, 6, &["ramp"]));
    assert_eq!(version_at(&book(facts).unwrap(), 7), Some(2));
}

/// A guard rail looks by one replica's clock, which may be slow: what may decide already by another one's is left alone.
#[test]
fn a_guard_rail_spares_what_may_decide_already() {
    let ppm = |parts| crate::Ppm::new(parts).unwrap();
    let crossed = |spares_until| {
        let why = Why::GuardRail {
            rule: RuleId::parse("g").unwrap(),
            measure: Measure::SuccessRate,
            window_s: 60,
            counts: Counts { hits: 0, samples: 4 },
            measured: ppm(0),
            bound: Bound::Min(ppm(900_000)),
            cut: None,
            spares_until,
        };
        let facts = vec![
            drafted(1, 1),
            announced(1, 1, 1),
            drafted_with(2, 2, &["ramp-2"]),
            announced(2, 2, 5),
            drafted_with(2, 3, &["ramp-2"]),
            announced(2, 3, 6),
            Fact::RolledBack { at: at(4), opening: RuleId::parse("ramp").unwrap(), why },
        ];
        let book = book(facts).unwrap();
        (book.roll_backs()[0].recalled.clone(), version_at(&book, 5), version_at(&book, 6))
    };
    assert_eq!(crossed(None), (vec![2, 3], Some(1), Some(1)), "as it was written before");
    assert_eq!(crossed(Some(at(5))), (vec![3], Some(2), Some(2)));
    assert_eq!(crossed(Some(at(3))), (vec![2, 3], Some(1), Some(1)), "never less than what is in the book");
}

/// A clock that runs ahead wrote the last fact; the roll-back closes at once all the same.
#[test]
fn a_roll_back_is_not_kept_out_by_a_clock() {
    let facts = vec![drafted(1, 1), announced(1, 1, 1), drafted(9, 2), rolled_back(3, "o")];
    let after = book(facts.clone()).unwrap();
    assert_eq!(closed_at(&after, "o", 0..12), (3..12).collect::<Vec<_>>());
    let more = |fact: Fact| book(facts.iter().cloned().chain([fact]).collect());
    assert_eq!(more(reopened(5, "o")), Err(Error::Backwards { at: at(5), last: at(9) }));
    assert_eq!(more(drafted(8, 3)), Err(Error::Backwards { at: at(8), last: at(9) }));
    let again = [reopened(10, "o"), rolled_back(4, "o")];
    let again = book(facts.iter().cloned().chain(again).collect()).unwrap();
    assert_eq!(again.roll_backs()[1].at, at(10), "not before it was opened again");
    assert_eq!(closed_at(&again, "o", 0..12), (3..12).collect::<Vec<_>>());
}

/// A full book opens nothing again, so that it always has room to close.
#[test]
fn a_full_book_still_closes() {
    let mut full = book(vec![drafted(1, 1), announced(1, 1, 1)]).unwrap();
    for _ in 1..ROLL_BACKS_MAX {
        full = full.step(rolled_back(2, "o")).unwrap().step(reopened(2, "o")).unwrap();
    }
    full = full.step(rolled_back(3, "o")).unwrap();
    assert_eq!(full.clone().step(reopened(4, "o")), Err(Error::Full));
    full = full.step(rolled_back(4, "ramp")).unwrap();
    assert_eq!(full.roll_backs().len(), ROLL_BACKS_MAX + 1);
    assert_eq!((closed_at(&full, "o", 3..6), closed_at(&full, "ramp", 3..6)), (vec![3, 4, 5], vec![4, 5]));
}

#[test]
fn facts_are_stored_and_read_back() {
    let confirmed = announced_without(2, 1, 5, &["o"]);
    for fact in [drafted(1, 1), announced(2, 1, 5), confirmed, rolled_back(3, "o"), reopened(4, "o")] {
        let text = serde_json::to_string(&fact).unwrap();
        assert_eq!(serde_json::from_str::<Fact>(&text).unwrap(), fact, "{text}");
    }
}

fn any_fact() -> impl Strategy<Value = (i64, u8, u32, i64)> {
    (0..4_i64, 0..7_u8, 1..6_u32, 0..8_i64)
}

proptest! {
    /// At most one version is active at a time, it is the one that decides, and no fact changes an earlier answer.
    #[test]
    fn one_is_active_and_the_past_stays(steps in proptest::collection::vec(any_fact(), 1..40)) {
        let mut book = Book::new(BundleName::parse("walls").unwrap());
        let mut day = 0;
        for (later, kind, version, ahead) in steps {
            day += later;
            let fact = match kind {
                0 | 1 => drafted(day, version),
                2 | 3 => announced(day, version, day + ahead),
                4 => Fact::Recalled { at: at(day), version },
                5 => Fact::Retired { at: at(day), version },
                _ if ahead % 2 == 0 => rolled_back(day, "o"),
                _ => reopened(day, "o"),
            };
            let Ok(after) = book.clone().step(fact) else { continue };
            for past in 0..day {
                prop_assert_eq!(book.deciding(at(past)), after.deciding(at(past)));
                for version in 1..6 {
                    prop_assert_eq!(book.state(version, at(past)), after.state(version, at(past)));
                }
            }
            book = after;
        }
        for day in 0..day + 10 {
            let active: Vec<u32> = (1..6).filter(|one| book.state(*one, at(day)) == Some(State::Active)).collect();
            let deciding: Vec<u32> = version_at(&book, day).into_iter().collect();
            prop_assert_eq!(active, deciding);
        }
    }
}

/// The stretches of a time say for each moment what the book says of that moment, and are cut only where that changes.
#[test]
fn stretches_are_cut_where_what_holds_changes() {
    let facts = vec![
        drafted(1, 1),
        announced(2, 1, 5),
        rolled_back(6, "ramp"),
        drafted(6, 2),
        announced(7, 2, 9),
        reopened(8, "ramp"),
        drafted(8, 3),
        announced(8, 3, 11),
        Fact::Recalled { at: at(10), version: 3 },
        Fact::Retired { at: at(12), version: 2 },
    ];
    let book = book(facts).unwrap();
    let told = |begins: i64, ends: i64| -> Vec<(i64, i64, String)> {
        let day = |time: Timestamp| (time.as_second() - 1_725_000_000) / 86_400;
        let spans = book.spans(at(begins), at(ends));
        let told = spans.map(|span| {
            let holds = match span.holds {
                Holds::Unruled => "open".to_owned(),
                Holds::Nothing => "closed".to_owned(),
                Holds::By(by) => format!("{} less {}", by.bundle.version, by.rolled_back.iter().count()),
            };
            (day(span.begins), day(span.ends), holds)
        });
        told.collect()
    };
    let of = |begins, ends, holds: &str| (begins, ends, holds.to_owned());
    let all = [
        of(0, 5, "open"),
        of(5, 6, "1 less 0"),
        of(6, 8, "1 less 1"),
        of(8, 9, "1 less 0"),
        of(9, 12, "2 less 0"),
        of(12, 20, "closed"),
    ];
    assert_eq!(told(0, 20), all);
    assert_eq!(told(6, 7), [of(6, 7, "1 less 1")]);
    assert_eq!((told(3, 3), told(4, 3)), (vec![], vec![]));
    assert_eq!(book.next(at(8)).map(|(bundle, from)| (bundle.version, from)), Some((2, at(9))));
    assert_eq!(book.next(at(9)), None, "version 3 was recalled");
}
