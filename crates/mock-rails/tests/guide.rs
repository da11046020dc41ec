//! `docs/mock-rails.md` says what the code does: its tables are those of the code, and its files and scenario are real.

use std::collections::BTreeSet;

use clap::Args;
use paifang_mock_rails::cli::Arguments;
use paifang_mock_rails::faults::OPERATIONS;
use paifang_mock_rails::home::Home;
use paifang_mock_rails::magic::{On, table};
use paifang_mock_rails::scenario::Scenario;

const GUIDE: &str = include_str!("../../../docs/mock-rails.md");
const CONTROL: &str = include_str!("../src/control.rs");

/// The rows below the heading of a table, without the line of dashes.
fn rows(heading: &str) -> Vec<&'static str> {
    let mut lines = GUIDE.lines().skip_while(|line| *line != heading).skip(2);
    let rows: Vec<_> = lines.by_ref().take_while(|line| line.starts_with('|')).collect();
    assert!(!rows.is_empty(), "the guide has a table {heading}");
    rows
}

/// What stands in the first backticks of a row.
fn named(row: &str) -> &str {
    row.split('`').nth(1).expect("the row begins with a name")
}

#[test]
fn the_table_of_magic_amounts_is_that_of_the_code() {
    let written: Vec<String> = table()
        .iter()
        .map(|row| {
            let on = match row.on {
                On::Payment => "payment",
                On::Refund => "refund",
            };
            format!("| `{:04}` | {on} | {} |", row.digits, row.about)
        })
        .collect();
    assert_eq!(rows("| digits | of a | what happens |"), written);
}

#[test]
fn the_table_of_the_control_api_is_that_of_its_module() {
    let documented: Vec<String> = CONTROL
        .lines()
        .filter_map(|line| line.strip_prefix("//! "))
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.replace("[`", "`").replace("`]", "`"))
        .collect();
    assert_eq!(rows("| route | body | answer |"), documented);
    let operations = OPERATIONS.map(|operation| format!("`{operation}`")).join(", ");
    assert!(GUIDE.contains(&format!("Operations that a fault can be armed for: {operations}.")));
}

#[test]
fn the_table_of_options_names_each_option_and_no_other() {
    let command = Arguments::augment_args(clap::Command::new("paifang-mock-rails"));
    let real: BTreeSet<String> = command
        .get_arguments()
        .filter_map(|argument| argument.get_long())
        .map(|long| format!("--{long}"))
        .collect();
    let told = rows("| option | what it does |")
        .into_iter()
        .map(|row| named(row).split(' ').next().unwrap_or_default().to_owned());
    assert_eq!(told.collect::<BTreeSet<_>>(), real);
}

#[test]
fn each_file_of_the_guide_is_made_and_has_the_ids_that_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    Home::open(&home, "2026-03-01T00:00:00Z".parse().unwrap()).unwrap();
    for row in rows("| file | what for |") {
        let text = std::fs::read_to_string(home.join(named(row))).expect(row);
        assert!(!text.trim().is_empty(), "{row}");
        if named(row).ends_with("merchant.json") {
            let ids: serde_json::Value = serde_json::from_str(&text).unwrap();
            for id in row.split('`').skip(3).step_by(2) {
                assert!(ids[id].is_string(), "{row}: {id}");
            }
        }
    }
}

#[test]
fn the_scenario_of_the_guide_is_one() {
    let (_, rest) = GUIDE.split_once("```toml\n").expect("a scenario");
    let (scenario, _) = rest.split_once("```").expect("its end");
    let rails = ["alipay", "wechatpay", "unionpay"];
    Scenario::parse(scenario, &rails).expect("the rails of the guide");
    assert!(Scenario::parse(scenario, &rails[..1]).is_err(), "a rail that is not there is refused");
}
