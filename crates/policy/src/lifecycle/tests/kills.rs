//! A kill switch outlives the version that brought it, whatever is announced, recalled or retired around it.

use paifang_payment::{Presentation, RailName, WalletName};

use super::*;

fn rule(id: &str) -> RuleId {
    RuleId::parse(id).unwrap()
}

/// The scopes of the tests, by letter: `a` a wallet, `s` that wallet shown as a QR code, `r` a rail, `p` a presentation.
fn scope(letter: char) -> KillScope {
    let (wallet, rail) = (WalletName::parse("bamboo").unwrap(), RailName::parse("panda").unwrap());
    let none = KillScope { rail: None, wallet: None, presentation: None };
    match letter {
        'a' => KillScope { wallet: Some(wallet), ..none },
        's' => KillScope { wallet: Some(wallet), presentation: Some(Presentation::QrShown), ..none },
        'r' => KillScope { rail: Some(rail), ..none },
        'p' => KillScope { presentation: Some(Presentation::PayerCode), ..none },
        _ => panic!("{letter}"),
    }
}

/// A draft with kill switches `id=letter`, or just a letter for both.
fn killing(day: i64, version: u32, switches: &str) -> Fact {
    let mut fact = drafted(day, version);
    if let Fact::Drafted { kills, .. } = &mut fact {
        let read = |word: &str| {
            let (id, letter) = word.split_once('=').unwrap_or((word, word));
            (rule(id), scope(letter.chars().next().unwrap()))
        };
        *kills = switches.split_whitespace().map(read).collect();
    }
    fact
}

fn naming(day: i64, version: u32, from: i64, named: &str) -> Fact {
    let without_kills = Some(ids(&named.split_whitespace().collect::<Vec<_>>()));
    let without = BTreeSet::new();
    Fact::Announced { at: at(day), version, effective_at: at(from), without, without_kills }
}

fn recalled(day: i64, version: u32) -> Fact {
    Fact::Recalled { at: at(day), version }
}

fn lacks(version: u32, kill: &str, of: u32) -> Error {
    Error::LacksKill { version, kill: rule(kill), of }
}

/// A version without the kill takes a person's word; one that closes as much, by any name, takes none.
#[test]
fn a_later_version_has_the_kill_or_a_word_for_it() {
    let with = |switches: &str, announced: Fact| {
        let facts = vec![killing(1, 1, "a s=s"), announced_at_once(1, 1), killing(2, 2, switches), announced];
        book(facts).map(|book| version_at(&book, 3))
    };
    assert_eq!(with("", naming(2, 2, 3, "")), Err(lacks(2, "a", 1)));
    assert_eq!(with("s", naming(2, 2, 3, "")), Err(lacks(2, "a", 1)), "it closes less");
    assert_eq!(with("a=s", naming(2, 2, 3, "")), Err(lacks(2, "a", 1)), "also by the same name");
    assert_eq!(with("r p", naming(2, 2, 3, "r p")), Err(lacks(2, "a", 1)));
    assert_eq!(with("", naming(2, 2, 3, "a")), Err(lacks(2, "s", 1)), "each has a name of its own");
    for (switches, named) in [("a", ""), ("other=a", ""), ("", "a s"), ("s", "a"), ("r", "a s p")] {
        assert_eq!(with(switches, naming(2, 2, 3, named)), Ok(Some(2)), "{switches:?} {named:?}");
    }
    let error = with("", naming(2, 2, 3, "")).unwrap_err().to_string();
    assert!(error.contains("version 2 does without the kill switch a of version 1"), "{error}");
}

fn announced_at_once(day: i64, version: u32) -> Fact {
    announced(day, version, day)
}

/// A version for midnight, a kill at noon: midnight does not undo it, and whoever asks is told why.
#[test]
fn a_kill_recalls_what_was_announced_without_it() {
    let mut facts = vec![
        drafted(1, 1),
        announced_at_once(1, 1),
        drafted(2, 2),
        announced(2, 2, 9),
        killing(3, 3, "r"),
        announced(3, 3, 8),
        killing(4, 4, "r a"),
        announced_at_once(4, 4),
    ];
    let after = book(facts.clone()).unwrap();
    let recall = |version, kill: &str| KillRecall { at: at(4), version, kill: rule(kill), by: 4 };
    assert_eq!(
        after.kill_recalls(),
        [KillRecall { at: at(3), version: 2, kill: rule("r"), by: 3 }, recall(3, "a"),]
    );
    assert_eq!(after.recalled_for_kill(3, at(4)), Some(&recall(3, "a")));
    assert_eq!(after.recalled_for_kill(3, at(3)), None, "it was announced then");
    assert_eq!([3, 4, 9, 12].map(|day| version_at(&after, day)), [Some(1), Some(4), Some(4), Some(4)]);
    assert_eq!(after.kills(at(5)), ids(&["a", "r"]));

    let anew = [&facts[..], &[killing(5, 3, "r a")]].concat();
    assert_eq!(book(anew).unwrap().recalled_for_kill(3, at(5)), None, "it was written anew");
    facts.push(announced(5, 3, 8));
    assert_eq!(book(facts.clone()), Err(lacks(3, "a", 4)));
    *facts.last_mut().unwrap() = naming(5, 3, 8, "a");
    let again = book(facts.clone()).unwrap();
    assert_eq!((version_at(&again, 9), again.recalled_for_kill(3, at(5))), (Some(3), None));
    facts.push(recalled(6, 3));
    assert_eq!(book(facts).unwrap().recalled_for_kill(3, at(6)), None, "a person did");
}

/// A word is for the kills that there were when it was given: not for one that comes later under the same name.
#[test]
fn a_word_is_for_what_could_be_known() {
    let begun = |first: &str| {
        vec![killing(1, 1, first), announced_at_once(1, 1), drafted(2, 2), naming(2, 2, 9, "a")]
    };
    let with = |first: &str, switches: &str| {
        let facts = begun(first).into_iter().chain([killing(3, 3, switches), announced_at_once(3, 3)]);
        version_at(&book(facts.collect()).unwrap(), 9)
    };
    assert_eq!(with("a", "a"), Some(2), "the kill goes on, and is given up as announced");
    assert_eq!(with("", "a"), Some(3));
    assert_eq!(with("a=s", "a"), Some(3), "it closes more than was known");
}

/// Neither the end of the version that has the kill nor that of one between makes it go.
#[test]
fn no_end_of_a_version_loses_a_kill() {
    let begun = || vec![killing(1, 1, "a"), announced_at_once(1, 1)];
    let with = |facts: Vec<Fact>| book(begun().into_iter().chain(facts).collect());
    let retired = Fact::Retired { at: at(2), version: 1 };
    assert_eq!(with(vec![retired, drafted(3, 2), announced(3, 2, 4)]), Err(lacks(2, "a", 1)));
    let between = || vec![drafted(2, 2), naming(2, 2, 5, "a"), drafted(3, 3)];
    let named = with(between().into_iter().chain([naming(3, 3, 6, "a"), recalled(4, 2)]).collect());
    assert_eq!(version_at(&named.unwrap(), 6), Some(3));
    let silent = with(between().into_iter().chain([naming(3, 3, 6, "")]).collect());
    assert_eq!(silent, Err(lacks(3, "a", 1)), "version 2 may be recalled");
    let over = vec![drafted(2, 2), naming(2, 2, 5, "a"), drafted(6, 3), naming(6, 3, 6, "")];
    assert_eq!(version_at(&with(over).unwrap(), 6), Some(3), "it was given up, and that has happened");
}

/// What an earlier release wrote has no kill switches, and what it announced is not asked for any.
#[test]
fn facts_of_earlier_releases_stand_as_they_were() {
    let text = |fact: &Fact| serde_json::to_value(fact).unwrap();
    let plain = text(&drafted(1, 1));
    assert!(plain.get("kills").is_none() && plain.get("contents").is_none(), "{plain}");
    let mut old = text(&announced(3, 2, 4));
    assert!(old.as_object_mut().unwrap().remove("without_kills").is_some());
    let old: Fact = serde_json::from_value(old).unwrap();
    let facts = vec![killing(1, 1, "a"), announced_at_once(1, 1), drafted(2, 2), old];
    assert_eq!(version_at(&book(facts.clone()).unwrap(), 4), Some(2));
    let more = [killing(3, 3, "a"), announced_at_once(3, 3)];
    let more = book(facts.into_iter().chain(more).collect()).unwrap();
    assert_eq!(version_at(&more, 4), Some(3), "of what is announced now it is");
    for fact in [killing(1, 1, "a s r p"), naming(2, 1, 5, "a")] {
        let text = serde_json::to_string(&fact).unwrap();
        assert_eq!(serde_json::from_str::<Fact>(&text).unwrap(), fact, "{text}");
    }
}

/// All ways to pay that the tests' scopes tell apart, and which of them a scope closes.
fn closes(scope: &KillScope) -> BTreeSet<(bool, bool, Presentation)> {
    let mut all = BTreeSet::new();
    for (own_rail, own_wallet) in [(true, true), (true, false), (false, true), (false, false)] {
        for presentation in [Presentation::QrShown, Presentation::PayerCode, Presentation::App] {
            let fits = (scope.rail.is_none() || own_rail)
                && (scope.wallet.is_none() || own_wallet)
                && scope.presentation.is_none_or(|only| only == presentation);
            if fits {
                all.insert((own_rail, own_wallet, presentation));
            }
        }
    }
    all
}

const SWITCHES: [&str; 8] = ["", "a", "s", "a=s", "r", "p r", "a p", "s=a"];
const NAMED: [&str; 6] = ["", "", "a", "s", "a s", "a s r p"];

#[derive(Default)]
struct Taken {
    kills: BTreeMap<u32, BTreeMap<RuleId, KillScope>>,
    named: BTreeMap<u32, BTreeSet<RuleId>>,
}

impl Taken {
    fn note(&mut self, fact: &Fact) {
        match fact {
            Fact::Drafted { bundle, kills, .. } => {
                self.kills.insert(bundle.version, kills.clone());
            }
            Fact::Announced { version, without_kills, .. } => {
                self.named.insert(*version, without_kills.clone().unwrap());
            }
            _ => {}
        }
    }

    /// What the later one lets in again that the earlier one killed, without a word.
    fn lost(&self, before: u32, after: u32) -> Option<&RuleId> {
        let left: BTreeSet<_> = self.kills[&after].values().flat_map(closes).collect();
        let lost = self.kills[&before].iter().filter(|(_, scope)| !closes(scope).is_subset(&left));
        lost.map(|(kill, _)| kill).find(|kill| !self.named[&after].contains(*kill))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever is called in whatever order: of two versions that decide one behind the other, the later one closes what the
    /// earlier one killed, or its announcement named the kill.
    #[test]
    fn no_sequence_of_calls_loses_a_kill(
        steps in proptest::collection::vec((0..3_i64, 0..9_u8, 1..7_u32, 0..6_i64, 0..8_usize), 1..60),
    ) {
        let mut book = Book::new(BundleName::parse("walls").unwrap());
        let (mut taken, mut day) = (Taken::default(), 0);
        for (later, kind, version, ahead, choice) in steps {
            day += later;
            let fact = match kind {
                0..=2 => killing(day, version, SWITCHES[choice]),
                3..=5 => naming(day, version, day + ahead, NAMED[choice % NAMED.len()]),
                6 => recalled(day, version),
                7 => Fact::Retired { at: at(day), version },
                _ if ahead % 2 == 0 => rolled_back(day, "o"),
                _ => reopened(day, "o"),
            };
            let Ok(after) = book.clone().step(fact.clone()) else { continue };
            for past in 0..day {
                prop_assert_eq!(book.deciding(at(past)), after.deciding(at(past)));
            }
            taken.note(&fact);
            book = after;
        }
        let decided: Vec<u32> = (0..day + 10).filter_map(|day| version_at(&book, day)).collect();
        for pair in decided.windows(2).filter(|pair| pair[0] != pair[1]) {
            prop_assert_eq!(taken.lost(pair[0], pair[1]), None, "{:?} {:?}", decided, book.kill_recalls());
        }
    }
}
