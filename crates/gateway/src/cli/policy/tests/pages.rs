//! What the pages about rules show in TOML is right, and their tables have just the keys and words that are read.

use std::collections::BTreeSet;

use paifang_policy::bundle::Bundle;
use paifang_policy::facts::Input;
use paifang_shares::discounts::Funder;
use paifang_shares::refund_terms::RefundReason;
use paifang_shares::waterfall::Bearer;

use crate::testing::Keys;

const POLICIES: &str = include_str!("../../../../../../docs/policies.md");
const BEARERS: &str = include_str!("../../../../../../docs/bearers.md");
const CONSULTING: &str = include_str!("../../../../../../docs/consulting.md");
const BULK_REFUNDS: &str = include_str!("../../../../../../docs/bulk-refunds.md");
const DATA_BOUNDARY: &str = include_str!("../../../../../../docs/data-boundary.md");

const LOOPBACK: &str = "http://127.0.0.1:1";

/// What makes a bundle of a part of one: the head before it, and what rankings of the part may go by behind it.
const HEAD: &str = "[bundle]\nname = 'page'\nversion = 1\nnote = 'a part of a page'\n\
    effective_at = 2026-11-22T00:00:00+08:00\nunlisted = 'open'\n";
const FEES: &str = "[fees]\ncurrency = 'CNY'\nrules = [{ id = 'least', rate_ppm = 0, on_refund = 'keep' }]\n";
const DISCOUNTS: &str = "[discounts]\ncurrency = 'CNY'\nrules = []\n";

/// A block of a page: `info` is what stands behind its backticks.
struct Block<'a> {
    line: usize,
    info: &'a str,
    text: String,
}

/// The blocks of a page that are TOML.
fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut lines = page.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let inside: Vec<&str> =
            lines.by_ref().map(|(line, _)| line).take_while(|line| *line != "```").collect();
        if info.starts_with("toml") {
            found.push(Block { line: number, info, text: inside.join("\n") + "\n" });
        }
    }
    found
}

/// The bundle that a block is, or is a part of.
fn bundle(block: &str) -> String {
    let has = |table: &str| block.lines().any(|line| line.starts_with(table));
    if has("[bundle]") {
        return block.to_owned();
    }
    let fees = if has("[fees]") { "" } else { FEES };
    let discounts = if has("[discounts]") { "" } else { DISCOUNTS };
    [HEAD, block, fees, discounts].join("\n")
}

/// The config that a block is a part of: what its rail accounts lack is taken from those of the tests.
fn config(block: &str) -> String {
    let read = |text: &str| toml::from_str::<toml::Table>(text).unwrap();
    let mut shown = read(block);
    let least = read(&Keys::rails(LOOPBACK, LOOPBACK, LOOPBACK));
    let least: Vec<&toml::Table> =
        least["rail"].as_array().unwrap().iter().filter_map(toml::Value::as_table).collect();
    let rails = shown.get_mut("rail").and_then(toml::Value::as_array_mut).unwrap();
    for rail in rails.iter_mut().filter_map(toml::Value::as_table_mut) {
        let like = least.iter().find(|one| one.get("rail") == rail.get("rail")).unwrap();
        for (key, value) in like.iter() {
            if !rail.contains_key(key) {
                rail.insert(key.clone(), value.clone());
            }
        }
    }
    toml::to_string_pretty(&shown).unwrap()
}

/// Each block is a bundle or a part of one, unless it says that it is of a config.
#[test]
fn what_the_pages_show_is_right() {
    let pages = [
        ("policies.md", POLICIES, "toml"),
        ("bearers.md", BEARERS, "toml"),
        ("consulting.md", CONSULTING, "toml"),
        ("data-boundary.md", DATA_BOUNDARY, "toml,config"),
        ("bulk-refunds.md", BULK_REFUNDS, ""),
    ];
    let keys = Keys::new();
    for (name, page, wanted) in pages {
        let blocks = blocks(page);
        for Block { line, info, text } in &blocks {
            match *info {
                "toml" => {
                    Bundle::read(&bundle(text)).unwrap_or_else(|faults| panic!("{name}:{line}:\n{faults}"));
                }
                "toml,config" => {
                    let told = keys.parse(&config(text)).map(|_| ());
                    told.unwrap_or_else(|problems| panic!("{name}:{line}:\n{problems}"));
                }
                other => {
                    panic!("{name}:{line}: write toml of bundles and toml,config of configs, not {other}")
                }
            }
        }
        let is_shown = wanted.is_empty() || blocks.iter().any(|block| block.info == wanted);
        assert!(is_shown, "{name} has no example any more");
    }
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    words.map(str::to_owned).collect()
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// What the first column names of the table that the line which begins with `marker` introduces, or begins.
fn named(page: &str, marker: &str) -> BTreeSet<String> {
    let from = page.lines().skip_while(|line| !line.starts_with(marker));
    let table = from.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    words(table.skip(2).filter_map(|row| row.split('|').nth(1)).flat_map(quoted))
}

/// The keys of a table, which the reader tells of a key that it does not know.
fn read(text: &str) -> BTreeSet<String> {
    let faults = Bundle::read(text).unwrap_err().0;
    let told = faults.iter().find_map(|fault| {
        let ours = fault.right.strip_prefix("the fields here are ").map(|keys| words(keys.split(", ")));
        let serdes = fault.wrong.strip_prefix("unknown field `nonsense`, expected one of ");
        ours.or_else(|| serdes.map(|keys| words(quoted(keys))))
    });
    told.unwrap_or_else(|| panic!("{text}\n{faults:?}"))
}

#[test]
fn the_tables_have_the_keys_that_are_read() {
    let of_money = |table: &str, rest: &str| format!("[{table}]\ncurrency = 'CNY'\n{rest}");
    let rules = "rules = [{ nonsense = 1 }]";
    for (page, marker, text) in [
        (POLICIES, "`[bundle]`", "[bundle]\nnonsense = 1".to_owned()),
        (POLICIES, "`[[opening]]`", "[[opening]]\nnonsense = 1".to_owned()),
        (POLICIES, "`[[kill]]`", "[[kill]]\nnonsense = 1".to_owned()),
        (POLICIES, "`[[ranking]]`", "[[ranking]]\nnonsense = 1".to_owned()),
        (POLICIES, "`[[guard_rail]]`", "[[guard_rail]]\nnonsense = 1".to_owned()),
        (BEARERS, "`[fees]`", of_money("fees", rules)),
        (BEARERS, "`[splits]`", of_money("splits", "receivers = [{ nonsense = 1 }]")),
        (BEARERS, "`[refunds]`", of_money("refunds", &format!("waterfalls = {{}}\n{rules}"))),
        (
            BEARERS,
            "`[refunds.waterfalls]`",
            of_money("refunds", "rules = []\nwaterfalls = { w = [{ nonsense = 1 }] }"),
        ),
        (BEARERS, "`[discounts]`", of_money("discounts", rules)),
    ] {
        assert_eq!(named(page, marker), read(&text), "{marker}");
    }
}

#[test]
fn the_tables_have_the_words_that_are_read() {
    let (of_refunds, of_payments): (Vec<Input>, Vec<Input>) =
        Input::ALL.iter().copied().partition(|input| input.is_of_refunds());
    let names = |inputs: Vec<Input>| words(inputs.into_iter().map(Input::name));
    assert_eq!(named(POLICIES, "| input |"), names(of_payments));
    assert_eq!(named(BEARERS, "| input |"), names(of_refunds));
    let reasons = words(RefundReason::ALL.into_iter().map(RefundReason::word));
    assert_eq!(named(BEARERS, "| reason "), reasons);
    for word in Bearer::ALL.map(Bearer::word).into_iter().chain(Funder::ALL.map(Funder::word)) {
        assert!(BEARERS.contains(&format!("`{word}`")), "{word} is not documented");
    }
}
