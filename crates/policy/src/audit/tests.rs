use expect_test::expect;
use paifang_payment::intent::Ending;

use super::*;
use crate::cohort::Pseudonym;
use crate::credit::Effect;
use crate::facts::{Facts, Input};
use crate::lifecycle::{Book, Fact, Holds, Why};
use crate::opening::{Decision, decide};

const BUNDLE: &str = r#"
[bundle]
name = "walls"
version = 1
note = "a try"
effective_at = 2024-09-12T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "alipay"
wallet = "alipay"
show = true
accept = true

[[opening]]
id = "never-asked"
wallet = "alipay"
show = false
accept = false

[[opening]]
id = "big"
wallet = "wechatpay"
merchants = ["m-9", "m-1"]
show = true
accept = true

[[opening]]
id = "tried"
wallet = "wechatpay"
when = "product.category in ['books', 'toys']"
cohort = { salt = "walls", ppm = 50_000 }
until = 2024-10-08T00:00:00+08:00
show = true
accept = true

[[opening]]
id = "soon"
wallet = "wechatpay"
show = true
accept = false

[[opening]]
id = "later"
wallet = "panda"
rail = "pandapay"
from = 2025-01-01T00:00:00+08:00
show = true
accept = true

[[kill]]
id = "no-app"
wallet = "wechatpay"
presentation = "app"
note = "the app's callback fails"
"#;

/// No order of WeChat Pay can leave credit out.
fn ways_of(bundle: &Bundle, rolled_back: &Overlay) -> Vec<Way> {
    ways(bundle, rolled_back, offers().into_iter().map(|offer| configured(offer, true)))
}

fn configured(offer: Offer, enabled: bool) -> Configured {
    let can_exclude_credit = can_exclude_credit(&offer);
    Configured { offer, can_exclude_credit, enabled }
}

fn can_exclude_credit(offer: &Offer) -> bool {
    offer.wallet.as_str() != "wechatpay"
}

fn offers() -> Vec<Offer> {
    use Presentation::{App, PayerCode, QrShown};
    let of = |name: &str, presentation| Offer {
        rail: RailName::parse(name).unwrap(),
        wallet: WalletName::parse(name).unwrap(),
        presentation,
    };
    vec![
        of("wechatpay", QrShown),
        of("wechatpay", App),
        of("wechatpay", PayerCode),
        of("alipay", QrShown),
        of("alipay", App),
        of("ecny", QrShown),
    ]
}

fn overlay(openings: &[&str]) -> Overlay {
    let bundle = Bundle::read(BUNDLE).unwrap();
    let at = bundle.header().effective_at;
    let facts = [
        Fact::drafted(at, &bundle),
        Fact::Announced { at, version: 1, effective_at: at, without: BTreeSet::new(), without_kills: None },
    ];
    let closed = openings.iter().map(|opening| Fact::RolledBack {
        at,
        opening: RuleId::parse(opening).unwrap(),
        why: Why::Person { remark: Remark::parse("ops: alarms").unwrap() },
    });
    let book = facts.into_iter().chain(closed).try_fold(Book::new(bundle.header().name.clone()), Book::step);
    match book.unwrap().holds(at) {
        Holds::By(deciding) => deciding.rolled_back,
        other => panic!("{other:?}"),
    }
}

fn told(ways: &[Way]) -> String {
    let mut text = String::new();
    for Way { wallet, rail, presentations, steps, otherwise, disabled } in ways {
        let names: Vec<&str> = presentations.iter().map(|one| one.as_str()).collect();
        let rail = rail.as_ref().map_or("-", RailName::as_str);
        text.push_str(&format!("{wallet} over {rail}: {}\n", names.join(", ")));
        for Step { rule, says, whom, note, credit } in steps {
            let whom = serde_json::to_string(whom).unwrap();
            let note = note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
            let credit = credit.map(|credit| format!(", credit {credit:?}")).unwrap_or_default();
            text.push_str(&format!("  {rule}: {} {whom}{note}{credit}\n", says.as_str()));
        }
        text.push_str(&otherwise.map(|says| format!("  else {}\n", says.as_str())).unwrap_or_default());
        text.push_str(if *disabled { "  disabled\n" } else { "" });
    }
    text
}

/// What is disabled is not told with what works, and an account of two that works is enough.
#[test]
fn a_way_to_pay_is_disabled_where_no_account_offers_it() {
    let bundle = Bundle::read(BUNDLE).unwrap_or_else(|faults| panic!("{faults}"));
    let wechat = || offers().into_iter().filter(|offer| offer.wallet.as_str() == "wechatpay");
    let (first, rest) = (wechat().next().unwrap(), wechat().skip(1));
    let all = [configured(first.clone(), false), configured(first.clone(), true)].into_iter();
    let all = all.chain(rest.map(|offer| configured(offer, false)));
    for way in ways(&bundle, &Overlay::none(), all).iter().filter(|way| way.rail.is_some()) {
        assert_eq!(way.presentations.contains(&first.presentation), !way.disabled, "{way:?}");
    }
    let all = wechat().map(|offer| configured(offer, false));
    let told = ways(&bundle, &Overlay::none(), all);
    assert!(told.iter().all(|way| way.rail.is_none() || way.disabled), "{told:?}");
}

#[test]
fn each_way_has_the_rules_that_can_speak_of_it() {
    let bundle = Bundle::read(BUNDLE).unwrap();
    expect![[r#"
        alipay over alipay: qr_shown, app
          alipay: accepted {}
        ecny over ecny: qr_shown
          else closed
        panda over -: 
          later: accepted {"from":"2024-12-31T16:00:00Z"}
          else closed
        wechatpay over wechatpay: qr_shown, payer_code
          big: accepted {"merchants":["m-1","m-9"]}
          tried: rolled_back {"cohort":{"salt":"walls","ppm":50000},"when":"product.category in ['books', 'toys']","until":"2024-10-07T16:00:00Z"}
          soon: visible {}
        wechatpay over wechatpay: app
          no-app: killed {} (the app's callback fails)
    "#]]
    .assert_eq(&told(&ways_of(&bundle, &overlay(&["tried"]))));
}

/// The table says what a decision says: of whom it is clear by the table alone, the decision is that.
#[test]
fn the_first_rule_for_everybody_is_what_is_decided() {
    for bundle in [BUNDLE.to_owned(), without_credit()] {
        says_what_is_decided(&Bundle::read(&bundle).unwrap());
    }
}

/// Nobody pays on credit, and what the kill switches name is not every way to pay.
fn without_credit() -> String {
    let bundle = BUNDLE.replace("accept = true", "accept = true\ncredit = false");
    format!(
        "{bundle}\n[[kill]]\nid = \"no-codes\"\npresentation = \"payer_code\"\nnote = \"torn\"\n[[kill]]\nid = \"no-panda\"\nrail = \"pandapay\"\nnote = \"asleep\"\n"
    )
}

/// What is closed because credit stays is told so, as is what is accepted without; and a kill switch that names a rail or a
/// presentation says nothing of a wallet that is configured nowhere.
#[test]
fn credit_that_is_left_out_is_told() {
    let bundle = Bundle::read(&without_credit()).unwrap();
    expect![[r#"
        alipay over alipay: qr_shown, app
          alipay: accepted {}, credit LeftOut
        ecny over ecny: qr_shown
          else closed
        panda over -: 
          later: accepted {"from":"2024-12-31T16:00:00Z"}, credit LeftOut
          else closed
        wechatpay over wechatpay: qr_shown
          big: closed {"merchants":["m-1","m-9"]}, credit NotExcludable
          tried: rolled_back {"cohort":{"salt":"walls","ppm":50000},"when":"product.category in ['books', 'toys']","until":"2024-10-07T16:00:00Z"}
          soon: visible {}
        wechatpay over wechatpay: payer_code
          no-codes: killed {} (torn)
        wechatpay over wechatpay: app
          no-app: killed {} (the app's callback fails)
    "#]].assert_eq(&told(&ways_of(&bundle, &overlay(&["tried"]))));
}

fn says_what_is_decided(bundle: &Bundle) {
    for rolled_back in [overlay(&[]), overlay(&["soon", "alipay"])] {
        let ways = ways_of(bundle, &rolled_back);
        // Out of every cohort, merchant and category: only rules for everybody are left.
        let facts = Facts::new()
            .with(Input::MerchantId, "m-0")
            .and_then(|facts| facts.with(Input::ProductCategory, "tea"))
            .and_then(|facts| facts.with(Input::OrderAt, bundle.header().effective_at))
            .unwrap();
        let payer = Pseudonym::parse("payer-1").unwrap();
        for offer in offers() {
            let decision = decide(bundle, &rolled_back, &offer, &facts, Some(&payer));
            let decision = Effect::of(&decision, Some(can_exclude_credit(&offer)));
            let way = ways
                .iter()
                .find(|way| way.wallet == offer.wallet && way.presentations.contains(&offer.presentation));
            let way = way.unwrap();
            let last = way.otherwise.or(way.steps.last().map(|step| step.says)).unwrap();
            let expected = match last {
                Says::Closed | Says::Killed | Says::RolledBack => (false, false),
                Says::Visible => (true, false),
                Says::Hidden => (false, true),
                Says::Accepted => (true, true),
            };
            assert_eq!((decision.shown, decision.accepted), expected, "{offer:?}");
        }
    }
}

#[test]
fn a_tally_counts_by_rule_and_says_what_it_left_out() {
    let bundle = Bundle::read(BUNDLE).unwrap();
    let rolled_back = overlay(&[]);
    let all: Vec<(Offer, Decision)> = offers()
        .into_iter()
        .map(|offer| (offer.clone(), decide(&bundle, &rolled_back, &offer, &Facts::new(), None)))
        .collect();
    let of = |at: usize| of(&all[at].0, &all[at].1);
    let (wechat, alipay) = (of(0), of(3));
    let mut tally = Tally::default();
    for ended in [Some(Ending::Paid), Some(Ending::Failed), None] {
        tally.take(alipay, ended, [wechat]);
    }
    assert_eq!((tally.payments, tally.beyond_lines), (3, 0));
    let lines = tally.clone().lines();
    let told: Vec<String> = lines.iter().map(|line| serde_json::to_string(line).unwrap()).collect();
    expect![[r#"
        {"wallet":"alipay","presentation":"qr_shown","version":1,"rule":"alipay","because":"opening_fits","shown":3,"accepted":3,"refused":0,"chosen":3,"paid":1,"failed":1}
        {"wallet":"wechatpay","presentation":"qr_shown","version":1,"rule":"big","because":"input_missing","shown":3,"accepted":0,"refused":3,"chosen":0,"paid":0,"failed":0}"#]]
    .assert_eq(&told.join("\n"));

    for number in 0..LINES_MAX {
        let wallet = WalletName::parse(&format!("w{number}")).unwrap();
        let offer = Offer { wallet, ..alipay.offer.clone() };
        tally.take(Told { offer: &offer, ..alipay }, None, []);
    }
    assert_eq!((tally.beyond_lines, tally.payments), (2, 3 + LINES_MAX as u64));
    assert_eq!(tally.lines().len(), LINES_MAX);
}

fn of<'a>(offer: &'a Offer, decision: &'a Decision) -> Told<'a> {
    Told { offer, decision, effect: Effect::of(decision, Some(can_exclude_credit(offer))) }
}

/// What the openings take, and what is closed because credit stays, is counted as refused.
#[test]
fn a_tally_counts_what_was_taken() {
    let bundle = Bundle::read(&BUNDLE.replace("accept = false", "accept = true\ncredit = false")).unwrap();
    let facts = Facts::new().with(Input::MerchantId, "m-0").unwrap();
    let facts = facts.with(Input::ProductCategory, "tea").unwrap();
    let (wechat, alipay) = (&offers()[0], &offers()[3]);
    let [wechat_decision, alipay_decision] =
        [wechat, alipay].map(|offer| decide(&bundle, &Overlay::none(), offer, &facts, None));
    assert!(wechat_decision.accepted, "{wechat_decision:?}");
    let mut tally = Tally::default();
    tally.take(of(alipay, &alipay_decision), None, [of(wechat, &wechat_decision)]);
    let lines = tally.lines();
    let counted: Vec<_> = lines.iter().map(|line| (line.wallet.as_str(), line.counts)).collect();
    let accepted = Counts { shown: 1, accepted: 1, chosen: 1, ..Counts::default() };
    assert_eq!(counted, [("alipay", accepted), ("wechatpay", Counts { refused: 1, ..Counts::default() })]);
}
