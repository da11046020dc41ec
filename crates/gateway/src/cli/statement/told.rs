//! A statement and its differences, for people and for programs.

use paifang_money::{Currency, Money};
use paifang_shares::Party;
use paifang_shares::statement::{Difference, Entry, NetStatement};
use paifang_store::net::storefront;
use serde_json::json;

use super::Written;

/// What another run reads with `--compare` or `--opening`.
pub(super) fn json(statement: NetStatement, differences: Option<&[Difference]>) -> anyhow::Result<String> {
    let lines = statement.lines_of(&storefront()).into_iter();
    let lines = lines.map(|(currency, line)| {
        let line = json!({
            "opening": line.opening.to_string(),
            "net": line.net.to_string(),
            "closing": line.closing.to_string(),
            "entries": line.entries,
        });
        (currency.code().to_owned(), line)
    });
    let written = Written {
        digest: statement.digest().to_string(),
        lines: serde_json::Value::Object(lines.collect()),
        differences: differences.map(serde_json::to_value).transpose()?,
        statement,
    };
    Ok(serde_json::to_string_pretty(&written)?)
}

pub(super) fn table(
    statement: &NetStatement,
    party: &Party,
    entries: bool,
    differences: Option<&[Difference]>,
) -> String {
    let period = statement.period();
    let mut lines = vec![
        format!("{party} and storefront, from {} until before {}", period.from, period.until),
        format!("{:<4} {:>18} {:>18} {:>18} {:>8}", "", "opening", "net", "closing", "entries"),
    ];
    for (currency, line) in statement.lines_of(&storefront()) {
        let [opening, net, closing] = [line.opening, line.net, line.closing].map(|sum| amount(sum, currency));
        lines.push(format!("{currency:<4} {opening:>18} {net:>18} {closing:>18} {:>8}", line.entries));
    }
    lines.push(format!("above zero the storefront owes {party}"));
    if entries {
        lines.extend(statement.entries().map(shown));
    }
    lines.push(format!("digest {}", statement.digest()));
    match differences {
        None => {}
        Some([]) => lines.push("the other side has the same".to_owned()),
        Some(differences) => lines.extend(differences.iter().map(differing)),
    }
    lines.join("\n")
}

fn shown(entry: &Entry) -> String {
    let Entry { id, at, from, to, amount, kind } = entry;
    format!("  {at} {id} {kind}: {from} owes {to} {amount}")
}

fn differing(difference: &Difference) -> String {
    match difference {
        Difference::Parties => "DIFFERS: the other side's statement is of other parties".to_owned(),
        Difference::Period { ours, theirs } => format!(
            "DIFFERS: here from {} until {}, there from {} until {}",
            ours.from, ours.until, theirs.from, theirs.until
        ),
        Difference::Opening { currency, ours, theirs } => {
            format!(
                "DIFFERS: the opening of {currency} is here {ours}, there {theirs} (minor units, as first and second)"
            )
        }
        Difference::OnlyOurs(entry) => format!("ONLY HERE: {}", shown(entry).trim_start()),
        Difference::OnlyTheirs(entry) => format!("ONLY THERE: {}", shown(entry).trim_start()),
        Difference::Differs { ours, theirs } => {
            format!("DIFFERS: here {}, there {}", shown(ours).trim_start(), shown(theirs).trim_start())
        }
    }
}

/// As people write it; what is beyond any amount of money, in minor units.
fn amount(sum: i128, currency: Currency) -> String {
    let sign = if sum < 0 { "-" } else { "" };
    let money = i64::try_from(sum.unsigned_abs()).ok().and_then(|sum| Money::new(sum, currency).ok());
    money.map_or_else(|| format!("{sum} minor"), |money| format!("{sign}{}", money.to_decimal()))
}
