//! From TOML to a checked bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use paifang_payment::{Credit, Presentation, RailName, Remark, WalletName};
use paifang_shares::fees::FeeSchedule;
use toml::de::{DeTable, DeValue};

use super::fields::{Fields, Located, Notes, kind, quoted};
use super::{Content, Header, Kill, MERCHANTS_MAX, Opening, Per, RULES_MAX, TEXT_BYTES_MAX, Unlisted};
use super::{guard_rails, rankings, terms};
use crate::cohort::{Cohort, Salt};
use crate::condition::Condition;
use crate::{BundleName, Fault, Faults, MerchantId, Place, Ppm, RuleId};

/// `is_new`: what can only be a mistake is one. Not of a bundle that was taken in before: it has to stay readable.
pub(super) fn read(text: &str, is_new: bool) -> Result<Content, Faults> {
    if text.len() > TEXT_BYTES_MAX {
        let right = format!("it must be at most {TEXT_BYTES_MAX} bytes");
        let wrong = format!("it has {} bytes", text.len());
        return Err(Faults(vec![Fault { place: Place::START, field: String::new(), wrong, right }]));
    }
    let mut notes = Notes { text, is_new, faults: Vec::new() };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        notes.add(&error.span().unwrap_or(0..0), "", error.message(), "it must be TOML 1.1");
    }
    // What was recovered from broken TOML is not what was meant: it is not judged.
    let content = if errors.is_empty() { content(&mut notes, document.into_inner()) } else { None };
    notes.faults.sort();
    match content {
        Some(content) if notes.faults.is_empty() => Ok(content),
        Some(_) | None => Err(Faults(notes.faults)),
    }
}

fn content(notes: &mut Notes<'_>, document: DeTable<'_>) -> Option<Content> {
    let mut top = Fields::new("", 0..0, document);
    let header = top.table(notes, "bundle");
    let openings = top.tables(notes, "opening");
    let kills = top.tables(notes, "kill");
    let rankings = top.tables(notes, "ranking");
    let guard_rails = top.tables(notes, "guard_rail");
    let fees = top.section(notes, "fees");
    let splits = top.section(notes, "splits");
    let refunds = top.section(notes, "refunds");
    let discounts = top.section(notes, "discounts");
    top.finish(notes);

    let count = openings.len() + kills.len() + rankings.len() + guard_rails.len();
    if count > RULES_MAX {
        notes.add(&(0..0), "", format!("it has {count} rules"), format!("it must have at most {RULES_MAX}"));
        return None;
    }
    guard_rails::check_count(notes, &guard_rails);
    let mut ids = Ids::default();
    let header = match header {
        Some(fields) => read_header(notes, fields),
        None => {
            notes.add(&(0..0), "bundle", "it is missing", "a bundle begins with a table [bundle]");
            None
        }
    };
    let openings = all(openings, |fields| opening(notes, &mut ids, fields));
    let kills = all(kills, |fields| kill(notes, &mut ids, fields));
    let has = |per| match per {
        Per::Fee => fees.is_some(),
        Per::Discount => discounts.is_some(),
    };
    let rankings = all(rankings, |fields| rankings::ranking(notes, &mut ids, has, fields));
    let guard_rails = all(guard_rails, |fields| guard_rails::guard_rail(notes, &mut ids, fields));
    ids.check_openings(notes);
    let fees = fees.map(|section| terms::fees(notes, section));
    let splits = splits.map(|section| terms::splits(notes, section));
    let refunds = refunds.map(|section| terms::refunds(notes, section));
    let discounts = discounts.map(|section| terms::discounts(notes, section));
    terms::check_currencies(
        notes,
        [
            terms::currency_of("fees.currency", fees.as_ref(), FeeSchedule::currency),
            terms::currency_of("splits.currency", splits.as_ref(), |splits| splits.rules().currency()),
            terms::currency_of("refunds.currency", refunds.as_ref(), |rules| rules.terms().currency()),
            terms::currency_of("discounts.currency", discounts.as_ref(), |found| found.rules().currency()),
        ],
    );
    Some(Content {
        header: header?,
        openings: openings?,
        kills: kills?,
        rankings: rankings?,
        guard_rails: guard_rails?,
        // A section that is there and wrong is no bundle without it: its faults are told.
        fees: fees.flatten(),
        splits: splits.flatten(),
        refunds: refunds.flatten(),
        discounts: discounts.flatten(),
    })
}

/// Reads each table, also after one that is wrong.
fn all<'t, T>(tables: Vec<Fields<'t>>, read: impl FnMut(Fields<'t>) -> Option<T>) -> Option<Vec<T>> {
    let read: Vec<Option<T>> = tables.into_iter().map(read).collect();
    read.into_iter().collect()
}

/// The ids of all rules, each with where it stands.
#[derive(Default)]
pub(super) struct Ids {
    first: BTreeMap<RuleId, (Range<usize>, bool)>,
    pub(super) guarded: Vec<Located<RuleId>>,
    /// Openings that accept nothing.
    closed: BTreeSet<RuleId>,
}

impl Ids {
    /// Takes the id of a rule; a second rule of that id is told.
    pub(super) fn take(
        &mut self,
        notes: &mut Notes<'_>,
        fields: &mut Fields<'_>,
        is_opening: bool,
    ) -> Option<RuleId> {
        let id = fields.required(notes, "id", RuleId::RULE, RuleId::parse)?;
        match self.first.get(&id.value) {
            Some(_) if notes.is_full() => {}
            Some((first, _)) => {
                let place = Place::of(notes.text, first.start);
                let wrong = format!("the rule at {place} has the id {} too", id.value);
                notes.add(&id.span, &id.field, wrong, "each rule of a bundle has an id of its own");
            }
            None => {
                self.first.insert(id.value.clone(), (id.span, is_opening));
            }
        }
        Some(id.value)
    }

    /// A guard rail must watch an opening of this bundle that lets something in. Openings that are wrong elsewhere still count.
    fn check_openings(&self, notes: &mut Notes<'_>) {
        for guarded in &self.guarded {
            let is_opening = self.first.get(&guarded.value).is_some_and(|(_, is_opening)| *is_opening);
            if !is_opening {
                let wrong = format!("no opening has the id {}", guarded.value);
                notes.add(
                    &guarded.span,
                    &guarded.field,
                    wrong,
                    "it must be the id of an opening of this bundle",
                );
            } else if notes.is_new && self.closed.contains(&guarded.value) {
                let wrong = format!("the opening {} accepts nothing that could be measured", guarded.value);
                notes.add(&guarded.span, &guarded.field, wrong, "watch an opening with accept = true");
            }
        }
    }
}

fn read_header(notes: &mut Notes<'_>, mut fields: Fields<'_>) -> Option<Header> {
    let name = fields.required(notes, "name", BundleName::RULE, BundleName::parse);
    let version = fields.required_number(notes, "version", &(1..=i64::from(u32::MAX)));
    let note = fields.required(notes, "note", "1 to 200 characters of why this version is", Remark::parse);
    let effective_at = fields.required_time(notes, "effective_at");
    let unlisted = fields.required(notes, "unlisted", "\"open\" or \"closed\"", |text| match text {
        "open" => Ok(Unlisted::Open),
        "closed" => Ok(Unlisted::Closed),
        _ => Err("it must be \"open\" or \"closed\": what holds for a wallet that no opening names"),
    });
    fields.finish(notes);
    Some(Header {
        name: name?.value,
        version: u32::try_from(version?.value).ok()?,
        note: note?.value,
        effective_at: effective_at?.value,
        unlisted: unlisted?.value,
    })
}

fn opening(notes: &mut Notes<'_>, ids: &mut Ids, mut fields: Fields<'_>) -> Option<Opening> {
    let id = ids.take(notes, &mut fields, true);
    let wallet = fields.required(notes, "wallet", NAME, WalletName::parse);
    let presentation = presentation(notes, &mut fields);
    let rail = fields.optional(notes, "rail", NAME, RailName::parse);
    let when = when(notes, &mut fields);
    let from = fields.time(notes, "from");
    let until = fields.time(notes, "until");
    if let (Some(from), Some(until)) = (&from, &until)
        && from.value >= until.value
    {
        notes.add(
            &until.span,
            &until.field,
            "it is not after `from`",
            "the opening must last: make it later",
        );
    }
    let cohort = fields.table(notes, "cohort").map(|table| cohort(notes, table));
    let merchants = merchants(notes, &mut fields);
    let show = fields.flag(notes, "show");
    let accept = fields.flag(notes, "accept");
    let credit = fields.optional_flag(notes, "credit");
    fields.finish(notes);
    if accept == Some(false) {
        ids.closed.extend(id.clone());
    }
    Some(Opening {
        id: id?,
        wallet: wallet?.value,
        presentation,
        rail: rail.map(|rail| rail.value),
        when,
        from: from.map(|from| from.value),
        until: until.map(|until| until.value),
        cohort: cohort.flatten(),
        merchants,
        show: show?,
        accept: accept?,
        credit: if credit?.unwrap_or(true) { Credit::Allowed } else { Credit::Excluded },
    })
}

fn kill(notes: &mut Notes<'_>, ids: &mut Ids, mut fields: Fields<'_>) -> Option<Kill> {
    let (span, path) = fields.place();
    let id = ids.take(notes, &mut fields, false);
    let before = notes.faults.len();
    let rail = fields.optional(notes, "rail", NAME, RailName::parse);
    let wallet = fields.optional(notes, "wallet", NAME, WalletName::parse);
    let presentation = presentation(notes, &mut fields);
    if rail.is_none() && wallet.is_none() && presentation.is_none() && notes.faults.len() == before {
        notes.add(
            &span,
            &path,
            "it names nothing to close",
            "name a rail, a wallet, a presentation, or several",
        );
    }
    let note = fields.required(notes, "note", "1 to 200 characters of why", Remark::parse);
    fields.finish(notes);
    Some(Kill {
        id: id?,
        rail: rail.map(|rail| rail.value),
        wallet: wallet.map(|wallet| wallet.value),
        presentation,
        note: note?.value,
    })
}

fn presentation(notes: &mut Notes<'_>, fields: &mut Fields<'_>) -> Option<Presentation> {
    let names = PRESENTATIONS.map(Presentation::as_str).join(", ");
    let right = format!("one of {names}");
    let parse = |text: &str| {
        let found = PRESENTATIONS.into_iter().find(|presentation| presentation.as_str() == text);
        found.ok_or_else(|| format!("it must be {right}"))
    };
    fields.optional(notes, "presentation", &right, parse).map(|presentation| presentation.value)
}

pub(super) fn when(notes: &mut Notes<'_>, fields: &mut Fields<'_>) -> Option<Condition> {
    let found =
        fields.optional(notes, "when", "a condition in CEL", |text| Ok::<_, String>(text.to_owned()))?;
    let condition = condition(notes, &found)?;
    let of_refunds = condition.names().find(|input| input.is_of_refunds());
    let Some(input) = of_refunds else { return Some(condition) };
    // It would never be known, so the rule would close without anybody seeing why.
    notes.add(&found.span, &found.field, format!("{input} is known at a refund only"), OF_PAYMENTS);
    None
}

/// What conditions of payments may name.
pub(super) const OF_PAYMENTS: &str = "rules about payments name payer, merchant, product, order and client";

/// A condition's mistakes are told at their place in the bundle, where its text stands there as it is read.
pub(super) fn condition(notes: &mut Notes<'_>, found: &Located<String>) -> Option<Condition> {
    if notes.is_full() {
        return None;
    }
    let faults = match Condition::compile(&found.value) {
        Ok(condition) => return Some(condition),
        Err(faults) => faults,
    };
    let raw = notes.text.get(found.span.clone()).unwrap_or_default();
    let inside = raw.find(&found.value);
    let start = Place::of(notes.text, found.span.start + inside.unwrap_or(0));
    for fault in faults.0 {
        let place = match inside {
            None => start,
            Some(_) if fault.place.line == 1 => {
                Place { line: start.line, column: start.column + fault.place.column - 1 }
            }
            Some(_) => Place { line: start.line + fault.place.line - 1, column: fault.place.column },
        };
        notes.push(Fault { place, field: found.field.clone(), ..fault });
    }
    None
}

fn cohort(notes: &mut Notes<'_>, mut fields: Fields<'_>) -> Option<Cohort> {
    let salt = fields.required(notes, "salt", Salt::RULE, Salt::parse);
    let parts = fields.required_number(notes, "ppm", &PPM);
    fields.finish(notes);
    Some(Cohort { salt: salt?.value, ppm: ppm(&parts?)? })
}

fn merchants(notes: &mut Notes<'_>, fields: &mut Fields<'_>) -> Option<Vec<MerchantId>> {
    let list = fields.list(notes, "merchants", "merchants' ids")?;
    if list.value.is_empty() || list.value.len() > MERCHANTS_MAX {
        let right = format!("it must list 1 to {MERCHANTS_MAX}; leave it out for all merchants");
        notes.add(&list.span, &list.field, format!("it lists {} merchants", list.value.len()), right);
    }
    let mut found = BTreeMap::new();
    for item in list.value {
        let read = match &item.value {
            DeValue::String(text) => {
                MerchantId::parse(text).map_err(|error| (quoted(text), error.to_string()))
            }
            other => Err((kind(other).to_owned(), "it must be a text, the merchant's id".to_owned())),
        };
        match read {
            Err((what, right)) => notes.add(&item.span, &item.field, format!("it is {what}"), right),
            Ok(merchant) => {
                if let Some(first) = found.insert(merchant, item.field.clone()) {
                    notes.add(
                        &item.span,
                        &item.field,
                        format!("{first} is the same"),
                        "list each merchant once",
                    );
                }
            }
        }
    }
    Some(found.into_keys().collect())
}

pub(super) fn ppm(number: &Located<i64>) -> Option<Ppm> {
    u32::try_from(number.value).ok().and_then(|parts| Ppm::new(parts).ok())
}

pub(super) const PPM: std::ops::RangeInclusive<i64> = 0..=1_000_000;
pub(super) const NAME: &str = "1 to 32 of a-z, 0-9, _ and -";
const PRESENTATIONS: [Presentation; 7] = [
    Presentation::QrShown,
    Presentation::PayerCode,
    Presentation::Jsapi,
    Presentation::MiniProgram,
    Presentation::App,
    Presentation::MobileWeb,
    Presentation::DesktopWeb,
];
