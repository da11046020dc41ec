//! What a bundle says about money: `[fees]`, `[splits]`, `[refunds]` and `[discounts]`, as `paifang_shares` reads them.
//!
//! Their rules name all that is wrong with them at once; of a table that has not even the right shape, the first thing.

use std::collections::BTreeMap;
use std::ops::Range;

use paifang_money::Currency;
use paifang_shares::WaterfallName;
use paifang_shares::discounts::{DiscountRule, DiscountRules};
use paifang_shares::fees::{FeeRule, FeeSchedule};
use paifang_shares::refund_terms::{Applies, RefundRule, RefundTerms};
use paifang_shares::splits::{ReceiverRule, SplitRules};
use paifang_shares::waterfall::BearerRule;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, ValueDeserializer};

use super::fields::{Located, Notes};
use crate::Ppm;
use crate::condition::{Condition, Verdict};
use crate::facts::{Facts, Input};

/// The refund terms of a bundle, their conditions read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RefundRules {
    terms: RefundTerms,
    #[serde(skip)]
    conditions: Conditions,
}

/// The discounts of a bundle, their conditions read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Discounts {
    rules: DiscountRules,
    #[serde(skip)]
    conditions: Conditions,
}

/// The splits of a bundle, their conditions read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Splits {
    rules: SplitRules,
    #[serde(skip)]
    conditions: Conditions,
}

/// Conditions by their text. They are the terms' own, so the digest has them already.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Conditions(BTreeMap<String, Condition>);

impl RefundRules {
    /// The terms.
    pub fn terms(&self) -> &RefundTerms {
        &self.terms
    }

    /// What a rule's condition says of these facts: what [`RefundTerms::decide`] asks for.
    pub fn applies(&self, when: &str, facts: &Facts) -> Applies {
        self.conditions.applies(when, facts)
    }

    /// The inputs that conditions name.
    pub fn names(&self) -> impl Iterator<Item = Input> {
        self.conditions.names()
    }
}

impl Discounts {
    /// The rules.
    pub fn rules(&self) -> &DiscountRules {
        &self.rules
    }

    /// What a rule's condition says of these facts: what [`DiscountRules::apply`] asks for.
    pub fn applies(&self, when: &str, facts: &Facts) -> Applies {
        self.conditions.applies(when, facts)
    }

    /// The inputs that conditions name.
    pub fn names(&self) -> impl Iterator<Item = Input> {
        self.conditions.names()
    }
}

impl Splits {
    /// The rules.
    pub fn rules(&self) -> &SplitRules {
        &self.rules
    }

    /// What a receiver's condition says of these facts: what [`SplitRules::divide`] asks for.
    pub fn applies(&self, when: &str, facts: &Facts) -> Applies {
        self.conditions.applies(when, facts)
    }

    /// The inputs that conditions name.
    pub fn names(&self) -> impl Iterator<Item = Input> {
        self.conditions.names()
    }
}

impl Conditions {
    /// Reads the conditions of a section's `list`, in their order; what is wrong with one is told.
    fn read<'a>(
        notes: &mut Notes<'_>,
        section: &Section<'_>,
        list: &str,
        texts: impl Iterator<Item = Option<&'a String>>,
    ) -> Self {
        let mut conditions = BTreeMap::new();
        for (at, text) in texts.enumerate() {
            let Some(text) = text else { continue };
            let field = format!("{list}[{at}].when");
            let span = span_of(section, &field);
            let found = Located { value: text.clone(), span, field: format!("{}.{field}", section.field) };
            if let Some(condition) = super::read::condition(notes, &found) {
                conditions.insert(text.clone(), condition);
            }
        }
        Self(conditions)
    }

    /// What is known at a refund only is never known when a payment is divided: it would never be taken.
    fn check_of_payments(&self, notes: &mut Notes<'_>, section: &Section<'_>, receivers: &[ReceiverRule]) {
        for (at, rule) in receivers.iter().enumerate() {
            let condition = rule.when.as_ref().and_then(|when| self.0.get(when));
            let Some(input) = condition.and_then(|when| when.names().find(|input| input.is_of_refunds()))
            else {
                continue;
            };
            let field = format!("receivers[{at}].when");
            let (span, path) = (span_of(section, &field), format!("{}.{field}", section.field));
            notes.add(&span, &path, format!("{input} is known at a refund only"), super::read::OF_PAYMENTS);
        }
    }

    fn names(&self) -> impl Iterator<Item = Input> {
        self.0.values().flat_map(Condition::names)
    }

    fn applies(&self, when: &str, facts: &Facts) -> Applies {
        let Some(condition) = self.0.get(when) else {
            return Applies::Failed("the condition is not one of these terms".to_owned());
        };
        match condition.evaluate(facts) {
            Ok(Verdict::Yes) => Applies::Yes,
            Ok(Verdict::No) => Applies::No,
            Ok(Verdict::Missing(inputs)) => {
                Applies::Missing(inputs.into_iter().map(|input| input.name().to_owned()).collect())
            }
            Err(failure) => Applies::Failed(failure.cause),
        }
    }
}

/// A table as it stands in the file, of which nothing was read yet.
pub(super) type Section<'t> = Located<DeTable<'t>>;

pub(super) fn fees(notes: &mut Notes<'_>, section: Section<'_>) -> Option<FeeSchedule> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form {
        currency: Currency,
        rules: Vec<FeeRule>,
    }
    let Form { currency, rules } = shaped(notes, &section)?;
    told(notes, &section, FeeSchedule::new(currency, rules))
}

pub(super) fn splits(notes: &mut Notes<'_>, section: Section<'_>) -> Option<Splits> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form {
        currency: Currency,
        receivers: Vec<ReceiverRule>,
    }
    let Form { currency, receivers } = shaped(notes, &section)?;
    let texts = receivers.iter().map(|rule| rule.when.as_ref());
    let conditions = Conditions::read(notes, &section, "receivers", texts);
    conditions.check_of_payments(notes, &section, &receivers);
    let rules = told(notes, &section, SplitRules::new(currency, receivers))?;
    Some(Splits { rules, conditions })
}

pub(super) fn refunds(notes: &mut Notes<'_>, section: Section<'_>) -> Option<RefundRules> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form {
        currency: Currency,
        waterfalls: BTreeMap<WaterfallName, Vec<BearerRule>>,
        rules: Vec<RefundRule>,
    }
    let Form { currency, waterfalls, rules } = shaped(notes, &section)?;
    let conditions = Conditions::read(notes, &section, "rules", rules.iter().map(|rule| rule.when.as_ref()));
    let terms = told(notes, &section, RefundTerms::new(currency, waterfalls, rules))?;
    check_totals(notes, &section, &terms);
    Some(RefundRules { terms, conditions })
}

/// No refund ever gives back more than was paid; earlier releases took in terms that said so.
fn check_totals(notes: &mut Notes<'_>, section: &Section<'_>, terms: &RefundTerms) {
    let whole = Ppm::WHOLE.get();
    let beyond = |rule: &RefundRule| notes.is_new && rule.total_max_ppm > whole;
    let wrong: Vec<usize> =
        (0..).zip(terms.rules()).filter(|(_, rule)| beyond(rule)).map(|(at, _)| at).collect();
    for at in wrong {
        let field = format!("rules[{at}].total_max_ppm");
        let right = format!("it must be at most {whole}: a refund of any mode is part of what was paid");
        notes.add(
            &span_of(section, &field),
            &format!("{}.{field}", section.field),
            "it is more than all",
            right,
        );
    }
}

pub(super) fn discounts(notes: &mut Notes<'_>, section: Section<'_>) -> Option<Discounts> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form {
        currency: Currency,
        rules: Vec<DiscountRule>,
    }
    let Form { currency, rules } = shaped(notes, &section)?;
    let conditions = Conditions::read(notes, &section, "rules", rules.iter().map(|rule| rule.when.as_ref()));
    let rules = told(notes, &section, DiscountRules::new(currency, rules))?;
    Some(Discounts { rules, conditions })
}

/// The currency of a table that is there and right, by its field.
pub(super) fn currency_of<T>(
    field: &'static str,
    table: Option<&Option<T>>,
    currency: impl Fn(&T) -> Currency,
) -> Option<(&'static str, Currency)> {
    table.and_then(Option::as_ref).map(|table| (field, currency(table)))
}

/// All tables about money speak of one currency: what one of them lets in, another must not keep from ever being refunded.
pub(super) fn check_currencies(notes: &mut Notes<'_>, all: [Option<(&'static str, Currency)>; 4]) {
    let mut all = all.into_iter().flatten();
    let Some((first, wanted)) = all.next() else { return };
    for (field, given) in all.filter(|(_, given)| *given != wanted) {
        notes.add(&(0..0), field, format!("it is {given}"), format!("it must be {wanted}, as {first} is"));
    }
}

/// Reads the shape; what does not fit is told where it stands.
fn shaped<T: DeserializeOwned>(notes: &mut Notes<'_>, section: &Section<'_>) -> Option<T> {
    let table = Spanned::new(section.span.clone(), DeValue::Table(with_times_as_texts(&section.value)));
    match serde_path_to_error::deserialize(ValueDeserializer::from(table)) {
        Ok(read) => Some(read),
        Err(error) => {
            let path = error.path().to_string();
            let span = error.inner().span().unwrap_or_else(|| section.span.clone());
            let field = if path == "." { section.field.clone() } else { format!("{}.{path}", section.field) };
            notes.add(
                &span,
                &field,
                error.inner().message(),
                "see the example of this table in the documentation",
            );
            None
        }
    }
}

/// Tells every fault of rules at its place.
fn told<T>(
    notes: &mut Notes<'_>,
    section: &Section<'_>,
    made: Result<T, paifang_shares::Faults>,
) -> Option<T> {
    match made {
        Ok(made) => Some(made),
        Err(faults) => {
            for fault in faults.all() {
                let span = span_of(section, &fault.field);
                notes.add(
                    &span,
                    &format!("{}.{}", section.field, fault.field),
                    "it is wrong",
                    fault.rule.clone(),
                );
            }
            None
        }
    }
}

/// Where a field stands: `rules[2].until`. Where it is not there, what would hold it.
fn span_of(section: &Section<'_>, field: &str) -> Range<usize> {
    let mut span = section.span.clone();
    let mut steps = field.split('.').flat_map(|part| {
        let (name, index) = part
            .split_once('[')
            .map_or((part, None), |(name, index)| (name, index.trim_end_matches(']').parse::<usize>().ok()));
        [Some(Step::Name(name)), index.map(Step::Index)].into_iter().flatten()
    });
    let mut at = steps.next().and_then(|step| match step {
        Step::Name(name) => section.value.get(name),
        Step::Index(_) => None,
    });
    while let Some(value) = at {
        span = value.span();
        at = steps.next().and_then(|step| match (step, value.get_ref()) {
            (Step::Name(name), DeValue::Table(table)) => table.get(name),
            (Step::Index(index), DeValue::Array(array)) => array.get(index),
            _ => None,
        });
    }
    span
}

enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

/// A time may be written as TOML has it, or as a text; the rules read texts.
fn with_times_as_texts<'t>(table: &DeTable<'t>) -> DeTable<'t> {
    table.iter().map(|(key, value)| (key.clone(), as_text(value))).collect()
}

fn as_text<'t>(value: &Spanned<DeValue<'t>>) -> Spanned<DeValue<'t>> {
    let inner = match value.get_ref() {
        DeValue::Datetime(time) => DeValue::String(time.to_string().into()),
        DeValue::Table(table) => DeValue::Table(with_times_as_texts(table)),
        DeValue::Array(array) => DeValue::Array(array.iter().map(as_text).collect::<DeArray<'t>>()),
        other => other.clone(),
    };
    Spanned::new(value.span(), inner)
}

#[cfg(test)]
mod tests;
