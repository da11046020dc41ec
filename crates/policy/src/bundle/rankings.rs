//! Rankings of a bundle: what puts a wallet further up or down, by itself or by what a payment with it costs and saves.

use std::collections::BTreeSet;

use paifang_payment::WalletName;
use paifang_shares::discounts::Funder;
use serde::{Deserialize, Serialize};
use toml::de::DeValue;

use super::WEIGHT_MAX;
use super::fields::{Fields, Notes, kind, quoted};
use super::read::{Ids, NAME, when};
use crate::condition::Condition;
use crate::{Code, RuleId};

/// A reason to put a wallet further up, or further down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ranking {
    /// The rule's id.
    pub id: RuleId,
    /// Only where this holds; absent: always.
    pub when: Option<Condition>,
    /// The wallet; absent: each one. Never absent without `per`.
    pub wallet: Option<WalletName>,
    /// What it adds to the wallet's weight, from -[`WEIGHT_MAX`] to [`WEIGHT_MAX`]; with `per`, for each ten-thousandth of the
    /// price.
    pub weight: i64,
    /// What `weight` is for; absent: it is added as it is. This and `funders` are left out of the digest where they are
    /// absent, as bundles of before they were do not have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
    /// Only discounts that one of these funds; absent: all. Never empty, and never there but with [`Per::Discount`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub funders: Option<BTreeSet<Funder>>,
    /// The reason told to the caller.
    pub reason: Code,
}

/// What a weight is multiplied by, in ten-thousandths of the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// The fee: what the merchant does not keep.
    Fee,
    /// The discounts: what the payer saves.
    Discount,
}

impl Per {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Fee, Self::Discount];

    /// The name in bundles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fee => "fee",
            Self::Discount => "discount",
        }
    }

    /// The table of a bundle that it comes from.
    fn table(self) -> &'static str {
        match self {
            Self::Fee => "fees",
            Self::Discount => "discounts",
        }
    }
}

/// `has` tells which of the tables that a ranking may go by there are.
pub(super) fn ranking(
    notes: &mut Notes<'_>,
    ids: &mut Ids,
    has: impl Fn(Per) -> bool,
    mut fields: Fields<'_>,
) -> Option<Ranking> {
    let (span, path) = fields.place();
    let id = ids.take(notes, &mut fields, false);
    let when = when(notes, &mut fields);
    let before = notes.faults.len();
    let per = fields.optional(notes, "per", PERS, |text| {
        Per::ALL.into_iter().find(|per| per.as_str() == text).ok_or_else(|| format!("it must be {PERS}"))
    });
    let is_per_wrong = notes.faults.len() > before;
    // One that goes by what each wallet costs may be about all of them; a plain weight for all of them says nothing.
    let wallet = if per.is_some() || is_per_wrong {
        fields.optional(notes, "wallet", NAME, WalletName::parse)
    } else {
        fields.required(notes, "wallet", NAME, WalletName::parse)
    };
    let weight = fields.required_number(notes, "weight", &(-WEIGHT_MAX..=WEIGHT_MAX));
    let funders = funders(notes, &mut fields);
    let reason = fields.required(notes, "reason", Code::RULE, Code::parse);
    if let Some(per) = &per
        && !has(per.value)
    {
        let wrong = format!("the bundle has no [{}], so it would never add anything", per.value.table());
        notes.add(&per.span, &per.field, wrong, "add the table, or leave out the ranking");
    }
    let of_discounts = per.as_ref().is_some_and(|per| per.value == Per::Discount);
    if funders.is_some() && !of_discounts && !is_per_wrong {
        let right = "leave it out, or write per = \"discount\"";
        notes.add(&span, &format!("{path}.funders"), "only discounts have funders", right);
    }
    fields.finish(notes);
    let per = per.map(|per| per.value);
    let wallet = wallet.map(|wallet| wallet.value);
    Some(Ranking { id: id?, when, wallet, weight: weight?.value, per, funders, reason: reason?.value })
}

/// Those that a list names; a wrong list is told, and read as absent.
fn funders(notes: &mut Notes<'_>, fields: &mut Fields<'_>) -> Option<BTreeSet<Funder>> {
    let list = fields.list(notes, "funders", "funders of discounts")?;
    if list.value.is_empty() {
        notes.add(&list.span, &list.field, "it is empty", "leave it out for all funders");
    }
    let names = Funder::ALL.map(Funder::word).join(", ");
    let mut found = BTreeSet::new();
    for item in list.value {
        let funder = match &item.value {
            DeValue::String(text) => {
                let named = Funder::ALL.into_iter().find(|funder| funder.word() == *text);
                named.ok_or_else(|| quoted(text))
            }
            other => Err(kind(other).to_owned()),
        };
        match funder {
            Ok(funder) if found.insert(funder) => {}
            Ok(_) => notes.add(&item.span, &item.field, "it is named before", "name each funder once"),
            Err(what) => {
                notes.add(
                    &item.span,
                    &item.field,
                    format!("it is {what}"),
                    format!("it must be one of {names}"),
                );
            }
        }
    }
    Some(found)
}

const PERS: &str = "\"fee\" or \"discount\"";
