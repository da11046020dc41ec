//! What the command line refuses, by the flag that is wrong.

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

async fn refused(arguments: &[&str]) -> String {
    let given = ["paifang"].iter().chain(arguments);
    let line = match Line::try_parse_from(given) {
        Ok(line) => line,
        Err(error) => return error.to_string(),
    };
    match make(&line.options).await {
        Ok((text, _)) => panic!("{text}"),
        Err(error) => format!("{error:#}"),
    }
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_flag() {
    let (no_events, directory) = ("/dev/null", tempfile::tempdir().unwrap());
    let odd = directory.path().join("odd.jsonl");
    std::fs::write(&odd, "\n{\"eventId\": 1}\n").unwrap();
    let odd = odd.to_str().unwrap();
    for (party, month, more, wanted) in [
        ("merchant", "2026-01", vec![no_events], "--party: there is no party merchant"),
        ("fee x", "2026-01", vec![no_events], "--party"),
        ("fee", "2026", vec![no_events], "--month must be such as 2026-11"),
        ("fee", "2026-13", vec![no_events], "--month: the month must be 1 to 12"),
        ("fee", "2199-01", vec![no_events], "--month: it begins at 2198-12-31T16:00:00Z only"),
        ("fee", "2026-01", vec![no_events, "--zone", "Mars"], "--zone: the time_zone must be a zone"),
        ("fee", "2026-01", vec![no_events, "--opening", "CNY=1.5"], "--opening: CNY=1.5: an amount is whole"),
        ("fee", "2026-01", vec![no_events, "--opening", "CNY=1", "--opening", "CNY=2"], "CNY is given twice"),
        ("fee", "2026-01", vec![no_events], "--party: no event is about fee"),
        ("fee", "2026-01", vec![odd], "line 2: it is no event in protobuf's JSON form"),
        ("fee", "2026-01", vec![no_events, "--gateway", "http://127.0.0.1:1"], "cannot be used with"),
        ("fee", "2026-01", vec![], "required"),
    ] {
        let arguments = ["--party", party, "--month", month].into_iter().chain(more).collect::<Vec<_>>();
        let said = refused(&arguments).await;
        assert!(said.contains(wanted), "{arguments:?}: {said}");
    }
}

/// With an opening of one's own the gateway's sum still tells whether its list is whole.
#[test]
fn what_the_gateway_sums_is_what_it_lists() {
    use paifang_client::v1;
    use paifang_money::PositiveMoney;
    use paifang_shares::statement::Entry;
    use paifang_shares::{EntryId, EntryKind};

    let party = Party::parse("fee").unwrap();
    let period = net::period(2026, 1, "").unwrap();
    let mut statement = NetStatement::open(storefront(), party.clone(), period, Balances::new()).unwrap();
    let entry = |id: &str, minor| Entry {
        id: EntryId::parse(id).unwrap(),
        at: period.from,
        from: storefront(),
        to: party.clone(),
        amount: PositiveMoney::new(minor, Currency::CNY).unwrap(),
        kind: EntryKind::parse("share").unwrap(),
    };
    statement.add(entry("share:at_1:0", 5)).unwrap();
    statement.add(entry("share:at_2:0", 7)).unwrap();
    let line = |currency: &str, net_minor_units, entry_count| v1::NetStatementLine {
        currency_code: currency.into(),
        opening_minor_units: 3,
        net_minor_units,
        closing_minor_units: 3 + net_minor_units,
        entry_count,
    };
    let told = |lines: Vec<v1::NetStatementLine>| v1::NetStatement {
        lines,
        digest: statement.digest().to_string(),
        ..Default::default()
    };
    let is_same = |lines, is_opened| sources::is_same(&told(lines), &statement, is_opened);
    assert!(is_same(vec![line("CNY", 12, 2)], true));
    assert!(is_same(vec![line("CNY", 12, 2), line("USD", 0, 0)], true), "USD has an opening only");
    for lines in [
        vec![line("CNY", 12, 3)],
        vec![line("CNY", 13, 2)],
        vec![],
        vec![line("CNY", 12, 2), line("USD", 1, 1)],
    ] {
        assert!(!is_same(lines.clone(), true), "{lines:?}");
    }
    assert!(is_same(vec![], false), "the digest tells it where the opening is the gateway's");
}
