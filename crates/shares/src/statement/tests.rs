//! Net statements: an example that is recomputed by hand, and the laws for any entries in any order.

use proptest::prelude::*;

use super::*;
use crate::testing::{at, jpy, paid};

fn party(name: &str) -> Party {
    Party::parse(name).unwrap()
}

/// June 2026 in Shanghai.
fn june() -> Period {
    Period { from: at("2026-06-01T00:00:00+08:00"), until: at("2026-07-01T00:00:00+08:00") }
}

fn entry(id: &str, time: &str, from_a: bool, fen: i64) -> Entry {
    let (from, to) = if from_a { ("platform-a", "platform-b") } else { ("platform-b", "platform-a") };
    Entry {
        id: EntryId::parse(id).unwrap(),
        at: at(time),
        from: party(from),
        to: party(to),
        amount: paid(fen),
        kind: EntryKind::parse("subsidy").unwrap(),
    }
}

fn fold(opening: i128, entries: &[Entry]) -> Result<NetStatement, StatementError> {
    let opening = [(Currency::CNY, opening)].into();
    NetStatement::fold(party("platform-b"), party("platform-a"), june(), opening, entries.to_vec())
}

fn example() -> Vec<Entry> {
    vec![
        entry("e1", "2026-06-01T00:00:00+08:00", true, 1_000),
        entry("e2", "2026-06-15T12:00:00Z", false, 250),
        entry("e3", "2026-06-30T23:59:59+08:00", false, 900),
        entry("next-month", "2026-07-01T00:00:00+08:00", true, 7),
        entry("last-month", "2026-05-31T23:59:59+08:00", true, 9),
    ]
}

#[test]
fn a_month_is_netted_from_its_own_entries() {
    let statement = fold(100, &example()).unwrap();
    assert_eq!(statement.parties(), (&party("platform-a"), &party("platform-b")));
    let line = Line { opening: 100, net: -150, closing: -50, entries: 3 };
    assert_eq!(statement.lines(), [(Currency::CNY, line)].into());
    assert_eq!(statement.closing(), [(Currency::CNY, -50)].into());
    let turned = Line { opening: -100, net: 150, closing: 50, entries: 3 };
    assert_eq!(statement.lines_of(&party("platform-a")), statement.lines());
    assert_eq!(statement.lines_of(&party("platform-b")), [(Currency::CNY, turned)].into());
    let mut more = statement.clone();
    assert_eq!(more.add(entry("e2", "2026-06-15T20:00:00+08:00", false, 250)), Ok(Added::Repeated));
    assert_eq!(more.add(entry("late", "2026-07-02T00:00:00Z", true, 5)), Ok(Added::OtherPeriod));
    assert_eq!(more.digest(), statement.digest());
    let yen = Entry { amount: jpy(30).try_into().unwrap(), ..entry("yen", "2026-06-02T00:00:00Z", true, 1) };
    assert_eq!(more.add(yen), Ok(Added::New));
    assert_eq!((more.lines().len(), more.closing().len()), (2, 2), "currencies never mix");
}

/// The digest is compared between releases and between companies: it never changes.
#[test]
fn the_digest_of_a_statement_is_the_same_for_ever() {
    let digest = fold(100, &example()).unwrap().digest();
    assert_eq!(digest.to_string(), "029197993b133245b3965641621009240d436c39828a36c05e04d1ab41cd39b0");
    let text = serde_json::to_string(&digest).unwrap();
    assert_eq!(serde_json::from_str::<StatementDigest>(&text).unwrap(), digest);
}

#[test]
fn what_contradicts_is_an_error_and_changes_nothing() {
    let mut statement = fold(0, &example()).unwrap();
    let before = statement.clone();
    for (id, time, from_a, fen) in [
        ("e1", "2026-06-01T00:00:00+08:00", true, 1_001),
        ("e1", "2026-06-01T00:00:00+08:00", false, 1_000),
        ("next-month", "2026-06-30T00:00:00+08:00", true, 7),
    ] {
        let contradiction = statement.add(entry(id, time, from_a, fen));
        assert_eq!(contradiction, Err(StatementError::Contradiction(EntryId::parse(id).unwrap())));
    }
    let mut other = entry("e9", "2026-06-01T00:00:00+08:00", true, 1);
    other.to = party("rail");
    let said = statement.add(other.clone()).unwrap_err().to_string();
    assert_eq!(said, "entry e9 must be between platform-a and platform-b, is from platform-a to rail");
    other.to = party("platform-a");
    assert!(statement.add(other).is_err(), "nobody owes themselves");
    assert_eq!(statement, before);

    let open = |a, b, period, opening| NetStatement::open(party(a), party(b), period, opening);
    assert!(open("a", "a", june(), Balances::new()).is_err());
    let empty = Period { until: june().from, ..june() };
    assert!(open("a", "b", empty, Balances::new()).is_err());
    for balance in [OPENING_MAX + 1, -OPENING_MAX - 1, i128::MIN] {
        assert_eq!(fold(balance, &[]), Err(StatementError::Opening));
    }
}

#[test]
fn differences_are_listed_entry_by_entry() {
    let ours = fold(100, &example()).unwrap();
    let mut entries = example();
    entries.remove(0);
    entries[0].amount = paid(251);
    entries.push(entry("e4", "2026-06-20T00:00:00Z", true, 3));
    // On the other side it happened in June.
    entries[2].at = at("2026-06-30T23:00:00+08:00");
    let theirs = fold(0, &entries).unwrap();
    let said: Vec<String> = ours.differences(&theirs).iter().map(name).collect();
    assert_eq!(said, ["opening CNY 100 0", "ours e1", "differs e2", "theirs e4", "differs next-month"]);
    let period = Period { until: at("2026-08-01T00:00:00Z"), ..june() };
    let longer =
        NetStatement::open(party("platform-a"), party("platform-b"), period, Balances::new()).unwrap();
    assert_eq!(name(&fold(0, &[]).unwrap().differences(&longer)[0]), "period");
    let others = NetStatement::open(party("x"), party("y"), june(), Balances::new()).unwrap();
    assert_eq!(ours.differences(&others), [Difference::Parties]);
}

fn name(difference: &Difference) -> String {
    match difference {
        Difference::Parties => "parties".to_owned(),
        Difference::Period { .. } => "period".to_owned(),
        Difference::Opening { currency, ours, theirs } => format!("opening {currency} {ours} {theirs}"),
        Difference::OnlyOurs(entry) => format!("ours {}", entry.id),
        Difference::OnlyTheirs(entry) => format!("theirs {}", entry.id),
        Difference::Differs { ours, .. } => format!("differs {}", ours.id),
    }
}

/// Entries around June with few ids, so that repetitions and contradictions happen.
fn any_entries() -> impl Strategy<Value = Vec<Entry>> {
    let one = (0..40u32, 0..45 * 86_400i64, any::<bool>(), 1..1_000_000i64);
    prop::collection::vec(one, 0..20).prop_map(|entries| {
        let entries = entries.into_iter().map(|(id, after, from_a, fen)| Entry {
            at: at("2026-05-25T00:00:00Z") + jiff::SignedDuration::from_secs(after),
            ..entry(&format!("e{id}"), "2026-06-01T00:00:00Z", from_a, fen)
        });
        entries.collect()
    })
}

/// One entry per id.
fn distinct(entries: Vec<Entry>) -> Vec<Entry> {
    let by_id: BTreeMap<EntryId, Entry> =
        entries.into_iter().map(|entry| (entry.id.clone(), entry)).collect();
    by_id.into_values().collect()
}

proptest! {
    #[test]
    fn order_and_repetition_change_nothing(
        entries in any_entries().prop_map(distinct),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        shuffled in any_entries().prop_map(distinct).prop_flat_map(|entries| {
            (Just(entries.clone()), Just(entries).prop_shuffle())
        }),
    ) {
        let (plain, shuffled) = shuffled;
        let statement = fold(5, &plain).unwrap();
        prop_assert_eq!(&fold(5, &shuffled).unwrap(), &statement);
        prop_assert_eq!(fold(5, &shuffled).unwrap().digest(), statement.digest());
        let mut repeated = entries.clone();
        if !entries.is_empty() {
            repeated.extend(order.iter().map(|index| index.get(&entries).clone()));
        }
        prop_assert_eq!(fold(0, &repeated), fold(0, &entries));
    }

    /// Whether a set of entries contradicts itself does not depend on which came first.
    #[test]
    fn a_contradiction_is_found_in_any_order(
        (plain, shuffled) in any_entries().prop_flat_map(|entries| (Just(entries.clone()), Just(entries).prop_shuffle())),
    ) {
        let contradicts = plain.iter().any(|a| plain.iter().any(|b| a.id == b.id && a != b));
        prop_assert_eq!(fold(0, &plain).is_err(), contradicts);
        prop_assert_eq!(fold(0, &shuffled).is_err(), contradicts);
    }

    #[test]
    fn digests_are_equal_exactly_where_nothing_differs(
        entries in any_entries().prop_map(distinct),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..4u8), 0..3),
        openings in (0..2i128, 0..2i128),
    ) {
        let mut theirs = entries.clone();
        for (index, change) in changes {
            if theirs.is_empty() {
                break;
            }
            let at = index.index(theirs.len());
            match change {
                0 => drop(theirs.remove(at)),
                1 => theirs[at].kind = EntryKind::parse("fee").unwrap(),
                2 => theirs[at].amount = paid(theirs[at].amount.minor_units() + 1),
                _ => theirs[at].at = crate::testing::at("2026-06-30T16:00:00Z"),
            }
        }
        let (ours, theirs) = (fold(openings.0, &entries).unwrap(), fold(openings.1, &theirs).unwrap());
        let same = ours.differences(&theirs).is_empty();
        prop_assert_eq!(ours.digest() == theirs.digest(), same);
        prop_assert_eq!(theirs.differences(&ours).len(), ours.differences(&theirs).len());
        if same {
            prop_assert_eq!(ours.lines(), theirs.lines());
        }
    }

    /// Two halves of a month, chained, close as the whole month does; and the stored form is the statement.
    #[test]
    fn periods_chain(entries in any_entries().prop_map(distinct), opening in -1_000_000..1_000_000i128) {
        let whole = fold(opening, &entries).unwrap();
        let middle = at("2026-06-15T00:00:00Z");
        let (a, b) = (party("platform-a"), party("platform-b"));
        let half = |period, opening| NetStatement::fold(a.clone(), b.clone(), period, opening, entries.clone()).unwrap();
        let first = half(Period { until: middle, ..june() }, [(Currency::CNY, opening)].into());
        let second = half(Period { from: middle, ..june() }, first.closing());
        prop_assert_eq!(second.closing(), whole.closing());
        prop_assert_eq!(first.entries().count() + second.entries().count(), whole.entries().count());
        let text = serde_json::to_string(&whole).unwrap();
        prop_assert_eq!(serde_json::from_str::<NetStatement>(&text).unwrap(), whole);
    }
}
