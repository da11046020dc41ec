//! What one bundle changes against another, rule by rule.
//!
//! A rule is the same rule where its id and its kind are. A rule that comes or goes is told with its content. Openings, and
//! rules about fees and refunds, are asked in order, so one that comes or goes is told with the one that is asked before it,
//! and one that keeps its content and changes its place among those that stay is told too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use paifang_shares::WaterfallName;
use paifang_shares::waterfall::Waterfall;
use serde::Serialize;
use serde_json::Value;

use crate::bundle::Bundle;

/// What changed between two bundles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Fields of the header.
    pub header: Vec<FieldChange>,
    /// Currencies of the tables about money, such as `fees.currency`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub currencies: Vec<FieldChange>,
    /// Rules, by kind in the order of a bundle, then as the newer bundle has them; removed ones last.
    pub rules: Vec<RuleChange>,
}

/// One rule that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleChange {
    /// Of which kind.
    pub kind: RuleKind,
    /// The rule: its id, or what stands for one: the name of a receiver or a waterfall.
    pub id: String,
    /// How it changed.
    pub change: Change,
}

/// The kinds of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    /// `[[opening]]`
    Opening,
    /// `[[kill]]`
    Kill,
    /// `[[ranking]]`
    Ranking,
    /// `[[guard_rail]]`
    GuardRail,
    /// `[[fees.rules]]`
    Fee,
    /// One of `receivers` of `[splits]`; their order breaks ties.
    Receiver,
    /// One of `[refunds.waterfalls]`
    Waterfall,
    /// `[[refunds.rules]]`
    Refund,
    /// `[[discounts.rules]]`
    Discount,
}

/// How a rule changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new, and so is what it says and where.
    Added(Placed),
    /// It is gone; this is what it said and where.
    Removed(Placed),
    /// It has other values, and perhaps another place.
    Changed(Vec<FieldChange>),
    /// It has the same values and is asked earlier or later than another one that stays.
    Moved,
}

/// What a rule says, and behind which it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Placed {
    /// All of the rule, as a JSON object.
    pub rule: Value,
    /// Of an opening, the one of the same wallet that is asked right before it; of a rule about fees, refunds or
    /// discounts, and of a receiver, the one before it; absent where it is the first. Absent of other kinds, whose order decides nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<String>,
}

/// A field with another value. Values are JSON, `null` where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// The field.
    pub field: String,
    /// What it was.
    pub before: Value,
    /// What it is.
    pub after: Value,
}

/// What `after` changes against `before`.
pub fn diff(before: &Bundle, after: &Bundle) -> Diff {
    let mut rules = Vec::new();
    let openings = |bundle: &Bundle| listed(bundle.openings(), |rule| &rule.id);
    compare(&mut rules, RuleKind::Opening, &openings(before), &openings(after));
    let kills = |bundle: &Bundle| listed(bundle.kills(), |rule| &rule.id);
    compare(&mut rules, RuleKind::Kill, &kills(before), &kills(after));
    let rankings = |bundle: &Bundle| listed(bundle.rankings(), |rule| &rule.id);
    compare(&mut rules, RuleKind::Ranking, &rankings(before), &rankings(after));
    let guard_rails = |bundle: &Bundle| listed(bundle.guard_rails(), |rule| &rule.id);
    compare(&mut rules, RuleKind::GuardRail, &guard_rails(before), &guard_rails(after));
    let [before_money, after_money] = [before, after].map(money);
    for ((kind, old), (_, new)) in before_money.iter().zip(&after_money) {
        compare(&mut rules, *kind, old, new);
    }
    let currencies = changed(&currencies(before), &currencies(after));
    Diff { header: changed(&json(before.header()), &json(after.header())), currencies, rules }
}

type Listed = Vec<(String, Value)>;

fn listed<T: Serialize, I: fmt::Display>(rules: &[T], id: impl Fn(&T) -> &I) -> Listed {
    rules.iter().map(|rule| (id(rule).to_string(), json(rule))).collect()
}

/// What stands in the tables about money, by kind.
fn money(bundle: &Bundle) -> [(RuleKind, Listed); 5] {
    let fees = bundle.fees().map_or_else(Listed::new, |fees| listed(fees.rules(), |rule| &rule.id));
    let splits = bundle.splits();
    let receivers =
        splits.map_or_else(Listed::new, |splits| listed(splits.rules().receivers(), |rule| &rule.receiver));
    let terms = bundle.refunds().map(|rules| rules.terms());
    let refunds = terms.map_or_else(Listed::new, |terms| listed(terms.rules(), |rule| &rule.id));
    let discounts = bundle.discounts().map(|discounts| discounts.rules().rules());
    let discounts = discounts.map_or_else(Listed::new, |rules| listed(rules, |rule| &rule.id));
    let waterfalls = terms.into_iter().flat_map(|terms| terms.waterfalls());
    let bearers = |(name, waterfall): (&WaterfallName, &Waterfall)| {
        (name.to_string(), json(&serde_json::json!({ "bearers": waterfall.bearers() })))
    };
    [
        (RuleKind::Fee, fees),
        (RuleKind::Receiver, receivers),
        (RuleKind::Waterfall, waterfalls.map(bearers).collect()),
        (RuleKind::Refund, refunds),
        (RuleKind::Discount, discounts),
    ]
}

fn currencies(bundle: &Bundle) -> Value {
    let all = [
        ("fees.currency", bundle.fees().map(|rules| rules.currency())),
        ("splits.currency", bundle.splits().map(|splits| splits.rules().currency())),
        ("refunds.currency", bundle.refunds().map(|rules| rules.terms().currency())),
        ("discounts.currency", bundle.discounts().map(|discounts| discounts.rules().currency())),
    ];
    let known =
        all.into_iter().filter_map(|(field, currency)| Some((field.to_owned(), json(&currency?.code()))));
    Value::Object(known.collect())
}

fn json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("structs of texts and numbers always have a JSON form")
}

fn compare(found: &mut Vec<RuleChange>, kind: RuleKind, before: &Listed, after: &Listed) {
    let old: BTreeMap<&String, &Value> = before.iter().map(|(id, value)| (id, value)).collect();
    let new: BTreeSet<&String> = after.iter().map(|(id, _)| id).collect();
    let moved = if kind.is_ordered() { moved(before, after) } else { BTreeSet::new() };
    let mut add = |id: &String, change| found.push(RuleChange { kind, id: id.clone(), change });
    for (id, value) in after {
        let Some(earlier) = old.get(id) else {
            add(id, Change::Added(placed(kind, after, id, value)));
            continue;
        };
        let fields = changed(earlier, value);
        if !fields.is_empty() {
            add(id, Change::Changed(fields));
        } else if moved.contains(id) {
            add(id, Change::Moved);
        }
    }
    for (id, value) in before.iter().filter(|(id, _)| !new.contains(id)) {
        add(id, Change::Removed(placed(kind, before, id, value)));
    }
}

fn placed(kind: RuleKind, list: &Listed, id: &str, rule: &Value) -> Placed {
    let of_wallet =
        |other: &&(String, Value)| kind != RuleKind::Opening || other.1.get("wallet") == rule.get("wallet");
    let before = list.iter().take_while(|(other, _)| other != id);
    let behind = if kind.is_ordered() { before.filter(of_wallet).last() } else { None };
    Placed { rule: rule.clone(), behind: behind.map(|(other, _)| other.clone()) }
}

/// The rules whose place among those in both lists is another.
fn moved(before: &Listed, after: &Listed) -> BTreeSet<String> {
    let ids = |list: &Listed| list.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
    let (old, new) = (ids(before), ids(after));
    let (in_old, in_new): (BTreeSet<_>, BTreeSet<_>) = (old.iter().collect(), new.iter().collect());
    let old = old.iter().filter(|id| in_new.contains(id));
    let new = new.iter().filter(|id| in_old.contains(id));
    old.zip(new).filter(|(old, new)| old != new).flat_map(|(old, new)| [old.clone(), new.clone()]).collect()
}

fn changed(before: &Value, after: &Value) -> Vec<FieldChange> {
    let (Value::Object(before), Value::Object(after)) = (before, after) else { return Vec::new() };
    let fields: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let value =
        |of: &serde_json::Map<String, Value>, field: &String| of.get(field).cloned().unwrap_or(Value::Null);
    let pairs = fields.into_iter().map(|field| (field, value(before, field), value(after, field)));
    pairs
        .filter(|(_, before, after)| before != after)
        .map(|(field, before, after)| FieldChange { field: field.clone(), before, after })
        .collect()
}

impl Diff {
    /// Whether the two say the same. Versions and notes are part of the header.
    pub fn is_empty(&self) -> bool {
        self.header.is_empty() && self.currencies.is_empty() && self.rules.is_empty()
    }
}

/// One line per header field and rule, or field of a rule, for people.
impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for FieldChange { field, before, after } in &self.header {
            writeln!(f, "bundle.{field}: {before} -> {after}")?;
        }
        for FieldChange { field, before, after } in &self.currencies {
            writeln!(f, "{field}: {before} -> {after}")?;
        }
        for RuleChange { kind, id, change } in &self.rules {
            let kind = kind.as_str();
            match change {
                Change::Added(placed) => placed.write(f, '+', kind, id)?,
                Change::Removed(placed) => placed.write(f, '-', kind, id)?,
                Change::Moved => writeln!(f, "~ {kind} {id}: moved")?,
                Change::Changed(fields) => {
                    for FieldChange { field, before, after } in fields {
                        writeln!(f, "~ {kind} {id}.{field}: {before} -> {after}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Placed {
    /// The rule's line, then one for each field that it gives.
    fn write(&self, f: &mut fmt::Formatter<'_>, sign: char, kind: &str, id: &str) -> fmt::Result {
        match &self.behind {
            Some(behind) => writeln!(f, "{sign} {kind} {id}, behind {behind}")?,
            None => writeln!(f, "{sign} {kind} {id}")?,
        }
        let Value::Object(fields) = &self.rule else { return Ok(()) };
        for (field, value) in
            fields.iter().filter(|(field, value)| *field != "id" && *field != "receiver" && !value.is_null())
        {
            writeln!(f, "{sign} {kind} {id}.{field}: {value}")?;
        }
        Ok(())
    }
}

impl RuleKind {
    /// The name of its tables in a bundle.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Kill => "kill",
            Self::Ranking => "ranking",
            Self::GuardRail => "guard_rail",
            Self::Fee => "fees.rules",
            Self::Receiver => "splits.receivers",
            Self::Waterfall => "refunds.waterfalls",
            Self::Refund => "refunds.rules",
            Self::Discount => "discounts.rules",
        }
    }

    /// Whether the order of its rules decides something.
    fn is_ordered(self) -> bool {
        match self {
            Self::Opening | Self::Fee | Self::Receiver | Self::Refund | Self::Discount => true,
            Self::Kill | Self::Ranking | Self::GuardRail | Self::Waterfall => false,
        }
    }
}
