//! What the matrix says, and matrices that cannot be.

use expect_test::{Expect, expect};

use super::*;

fn accepted(code: &str, rail: &str, on: &str) -> String {
    let issuer = codes::published().identify(code);
    let rail = RailName::parse(rail).unwrap();
    tell(published().payer_code(issuer, &rail, on.parse().unwrap()))
}

fn tell(acceptance: Acceptance<'_>) -> String {
    match acceptance {
        Acceptance::Taken(row) => format!("taken: {}", row.id),
        Acceptance::Open(Some(row)) => format!("open: {}", row.id),
        Acceptance::Open(None) => "open".to_owned(),
        Acceptance::Refused(closed) => format!("refused: {}", closed.id),
    }
}

const WECHATPAY: &str = "130000000000000001";
const ALIPAY: &str = "280000000000000001";
const UNIONPAY: &str = "6200000000000000001";
const BESTPAY: &str = "510000000000000001";
const ECNY: &str = "0100000000000000001";
const QQ: &str = "910000000000000001";
const UNKNOWN: &str = "770000000000000001";

#[test]
fn each_rail_takes_its_own_and_refuses_only_what_its_documents_leave_out() {
    let now = "2026-11-21";
    for (code, at_alipay, at_wechatpay, at_unionpay, at_another) in [
        (ALIPAY, "taken: alipay-code", "refused: wechatpay-codes", "open", "open"),
        (WECHATPAY, "refused: alipay-codes", "taken: wechatpay-code", "open", "open"),
        (UNIONPAY, "refused: alipay-codes", "refused: wechatpay-codes", "taken: unionpay-code", "open"),
        (BESTPAY, "refused: alipay-codes", "refused: wechatpay-codes", "open", "open"),
        (ECNY, "refused: alipay-codes", "refused: wechatpay-codes", "open: ecny-code-at-unionpay", "open"),
        (QQ, "open", "open", "open", "open"),
        (UNKNOWN, "open", "open", "open", "open"),
    ] {
        let told = ["alipay", "wechatpay", "unionpay", "panda"].map(|rail| accepted(code, rail, now));
        assert_eq!(told, [at_alipay, at_wechatpay, at_unionpay, at_another], "{}", &code[..2]);
    }
}

const LATER: &str = r#"
[[row]]
id = "tried"
issuer = "quickpass"
acceptor = "wechatpay"
kind = "payer_code"
direction = "domestic"
since = "2027-02"
confidence = "unconfirmed"
source = "a test"

[[row]]
id = "opened"
issuer = "quickpass"
acceptor = "wechatpay"
kind = "payer_code"
direction = "domestic"
since = "2027-03-15"
confidence = "reported"
source = "a test"

[[row]]
id = "abroad"
issuer = "alipay"
acceptor = "wechatpay"
kind = "payer_code"
direction = "outbound"
confidence = "documented"
source = "a test"

[[closed]]
id = "own"
acceptor = "wechatpay"
kind = "payer_code"
source = "a test"
"#;

/// A foreign code is refused until the day from which the rail takes it, and what nobody confirmed refuses nothing.
#[test]
fn a_row_holds_from_its_date_on() {
    let matrix = Matrix::read(LATER).unwrap();
    let rail = RailName::parse("wechatpay").unwrap();
    let on = |code, day: &str| {
        tell(matrix.payer_code(codes::published().identify(code), &rail, day.parse().unwrap()))
    };
    assert_eq!(on(UNIONPAY, "2027-01-31"), "refused: own");
    assert_eq!(on(UNIONPAY, "2027-02-01"), "open: tried");
    assert_eq!(on(UNIONPAY, "2027-03-14"), "open: tried");
    assert_eq!(on(UNIONPAY, "2027-03-15"), "taken: opened");
    assert_eq!(on(ALIPAY, "2027-03-15"), "refused: own", "it pays abroad only");
}

#[test]
fn dates_are_as_exact_as_they_were_published() {
    for (text, from) in [("2022", "2022-01-01"), ("2021-10", "2021-10-01"), ("2021-09-30", "2021-09-30")] {
        let since = Since::parse(text).unwrap();
        assert_eq!((since.to_string().as_str(), since.from.to_string().as_str()), (text, from));
    }
    for text in ["", "22", "2022-13", "2022-1", "2022-02-30", "2022-2-03", "20220203", "later", "+022"] {
        assert_eq!(Since::parse(text), Err(SinceError), "{text}");
    }
}

fn check(text: &str, says: Expect) {
    says.assert_eq(&Matrix::read(text).unwrap_err().to_string());
}

#[test]
fn a_matrix_that_says_a_thing_twice_is_refused() {
    check(
        &LATER.replace("2027-03-15", "2027-02"),
        expect!["opened: since must be another one than in tried, or the row one with it"],
    );
    let twice = LATER.to_owned()
        + "[[closed]]\nid = \"again\"\nacceptor = \"wechatpay\"\nkind = \"payer_code\"\nsource = \"x\"\n";
    check(&twice, expect!["again: acceptor must be another rail or kind than in own"]);
    check(&LATER.replace("\"opened\"", "\"tried\""), expect!["tried: id must be another one in each row"]);
    let odd = Matrix::read(&LATER.replace("2027-02", "soon")).unwrap_err().to_string();
    assert!(odd.contains("such as 2022, 2021-10 or 2021-09-30"), "{odd}");
    assert!(Matrix::read(&LATER.replace("outbound", "sideways")).is_err());
}

/// A wallet is called the same in both tables, and what is closed takes its own.
#[test]
fn both_tables_speak_of_the_same_wallets() {
    for row in codes::published().rows().iter().filter(|row| row.confidence == Confidence::Documented) {
        assert!(published().rows().iter().any(|known| known.issuer == row.wallet), "{}", row.id);
    }
    for closed in published().closed() {
        let own = |row: &Row| (&row.acceptor, row.kind) == (&closed.acceptor, closed.kind);
        assert!(published().rows().iter().any(own), "{} takes nothing", closed.id);
    }
}
