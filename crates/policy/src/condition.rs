//! A condition: an expression in CEL over the declared inputs, checked when it is loaded.
//!
//! What may be written, all of it by name and type: the inputs of [`crate::facts`]; texts in quotes, whole numbers,
//! `true` and `false`; `&& || !`, `a ? b : c`; `== !=` between two of a kind; `< <= > >=` between numbers or times;
//! `+ - * / %` between numbers; `x in [..]`; `startsWith`, `endsWith`, `contains`; `has(input)`, which asks whether an
//! input is known; `timestamp("..")`, RFC 3339, to compare `order.at` with. There are no loops, no regular expressions,
//! no clock and no floats. Times are compared in whole microseconds: what is finer of `order.at` is cut off, and a time in
//! a condition has nothing finer.
//!
//! The answer is yes, no, or the names of the inputs that it lacked ([`Verdict`]). A yes needs every input that the
//! condition names outside of `has()`. A no is given although an input is missing where CEL itself decides without it
//! (`false && missing` is false, whichever way round).
//!
//! Limits: [`CHARS_MAX`] characters, [`NESTING_MAX`] brackets deep, [`BRACKETS_MAX`] brackets, [`CHOICES_MAX`] `?`,
//! [`EXPRESSIONS_MAX`] of brackets and `?` within each other, [`DEPTH_MAX`] operators deep. They hold before the parser
//! and the evaluation recurse, by far more stack than a text shows (sixteen brackets overflow 2 MiB in an unoptimised
//! build), and a stack that overflows ends the process. The parser has a bound of its own, too, for what its recovery
//! from errors makes of a broken text shows no bracket. Within the limits the worst text that was found takes 1.3 MiB
//! there to read, and 0.7 MiB to evaluate; the parser without the scan takes 1.7 MiB for the worst.

mod check;
mod fallible;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use cel::common::ast::SourceInfo;
use cel::common::types::{CelBool, CelInt, CelString};
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::{Context, Env, IdedExpr};
use serde::{Serialize, Serializer};

use crate::facts::{Facts, Input, Value};
use crate::{Fault, Faults, Place};

/// Characters of a condition at most.
pub const CHARS_MAX: usize = 1_000;
/// Brackets within brackets at most.
pub const NESTING_MAX: usize = 5;
/// Opening brackets at most.
pub const BRACKETS_MAX: usize = 64;
/// `?` of `a ? b : c` at most.
pub const CHOICES_MAX: usize = 4;
/// Brackets and `?` within each other at most, counted together: each begins an expression of its own for the parser.
pub const EXPRESSIONS_MAX: u16 = 7;
/// Operators within operators at most, after parsing. A row of `&&` or of `||` counts by its logarithm.
pub const DEPTH_MAX: usize = 16;

/// A checked condition.
#[derive(Clone)]
pub struct Condition {
    text: String,
    tree: IdedExpr,
    needs: BTreeSet<Input>,
    asks: BTreeSet<Input>,
    may_fail: bool,
}

/// What a condition says of some facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Yes,
    /// It does not hold, whatever the missing inputs are.
    No,
    /// It cannot be said without these inputs, in the order of the table. Never empty.
    Missing(Vec<Input>),
}

/// A condition that was checked and still could not be evaluated: a division by zero, an overflow, a fault of the
/// library. Whoever asks closes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the condition {condition:?} failed: {cause}")]
pub struct Failure {
    /// The condition's text.
    pub condition: String,
    /// Why, in the library's words.
    pub cause: String,
}

impl Condition {
    /// Reads and checks a condition. All mistakes of meaning are told at once; of a syntax error only the first, for
    /// the others follow from it. Places are in the condition's own text.
    pub fn compile(text: &str) -> Result<Self, Faults> {
        scan::check(text).map_err(|fault| Faults(vec![fault]))?;
        let (mut tree, places) = parse(text).map_err(|fault| Faults(vec![fault]))?;
        let used = check::check(text, &places, &mut tree)?;
        let may_fail = fallible::may_fail(&tree);
        Ok(Self { text: text.to_owned(), tree, needs: used.needs, asks: used.asks, may_fail })
    }

    /// What the condition says of these facts.
    pub fn evaluate(&self, facts: &Facts) -> Result<Verdict, Failure> {
        let missing: Vec<Input> =
            self.needs.iter().copied().filter(|input| facts.value(*input).is_none()).collect();
        let lookup = Lookup(facts);
        // Nothing of ours is changed in there, so nothing can be left half done by a panic.
        let answer = catch_unwind(AssertUnwindSafe(|| {
            let mut context = Context::with_env(Arc::clone(language()));
            context.set_variable_resolver(&lookup);
            cel::Value::resolve(&self.tree, &context)
        }));
        match answer {
            Ok(Ok(cel::Value::Bool(false))) => Ok(Verdict::No),
            Ok(Ok(cel::Value::Bool(true))) if missing.is_empty() => Ok(Verdict::Yes),
            Ok(Ok(_) | Err(_)) if !missing.is_empty() => Ok(Verdict::Missing(missing)),
            Ok(Ok(other)) => {
                Err(self.failure(format!("it gave {:?} in place of true or false", other.type_of())))
            }
            Ok(Err(error)) => Err(self.failure(error.to_string())),
            Err(_) => Err(self.failure("the expression library panicked".to_owned())),
        }
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The inputs that a yes needs, in the order of the table.
    pub fn needs(&self) -> impl Iterator<Item = Input> {
        self.needs.iter().copied()
    }

    /// All inputs that it names, also those it only asks about with `has()`, in the order of the table.
    pub fn names(&self) -> impl Iterator<Item = Input> {
        self.needs.union(&self.asks).copied()
    }

    /// Whether it fails for some values of its inputs: it divides by what may be zero, or its numbers may grow beyond 64
    /// bits. Of such a condition [`Verdict::Missing`] leaves open whether it fails, too.
    pub fn may_fail(&self) -> bool {
        self.may_fail
    }

    fn failure(&self, cause: String) -> Failure {
        Failure { condition: self.text.clone(), cause }
    }
}

/// The facts as the expression library looks them up. `?name` is what `has(name)` became.
struct Lookup<'a>(&'a Facts);

impl VariableResolver for Lookup<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        if let Some(name) = variable.strip_prefix(check::KNOWN) {
            let known = self.0.value(Input::by_name(name)?).is_some();
            return Some(CowVal::owned(CelBool::from(known)));
        }
        Some(match self.0.value(Input::by_name(variable)?)? {
            Value::Flag(flag) => CowVal::owned(CelBool::from(*flag)),
            Value::Number(number) => CowVal::owned(CelInt::from(*number)),
            Value::Time(at) => CowVal::owned(CelInt::from(at.as_microsecond())),
            Value::Text(text) => CowVal::owned(CelString::from(text.as_str())),
        })
    }
}

/// The parser's tree of a text. The parser ends at its first error that it would have to recover from (it would guess
/// brackets, and nest by its guesses), and never goes deeper than [`EXPRESSIONS_MAX`].
fn parse(text: &str) -> Result<(IdedExpr, SourceInfo), Fault> {
    let parser = || language().parser().error_recovery_limit(0).max_recursion_depth(EXPRESSIONS_MAX);
    match catch_unwind(|| parser().parse_with_source_info(text)) {
        Ok(Ok(parsed)) => Ok(parsed),
        Ok(Err(errors)) => Err(syntax_fault(&errors)),
        Err(_) => Err(unreadable()),
    }
}

/// CEL's standard functions without its macros: a loop stays a call of a function that nobody declared.
fn language() -> &'static Arc<Env> {
    static LANGUAGE: OnceLock<Arc<Env>> = OnceLock::new();
    LANGUAGE.get_or_init(|| Arc::new(Env::default().with_optional_support(false).with_stdlib()))
}

fn syntax_fault(errors: &cel::ParseErrors) -> Fault {
    // Where the parser gives up it says so beside the error itself, at times in its place.
    let gives_up = |error: &&cel::ParseError| error.msg.contains("error recovery attempt limit");
    let mut all = errors.errors.iter();
    let Some(first) = all.clone().find(|error| !gives_up(error)).or_else(|| all.next()) else {
        return unreadable();
    };
    let (line, column) = first.pos;
    let at_least_one = |number: isize| u32::try_from(number).unwrap_or(1).max(1);
    let said = first.msg.strip_prefix("Syntax error: ").unwrap_or(&first.msg);
    let wrong = match said {
        _ if gives_up(&first) => "the expression does not go on so",
        _ if said.contains("Recursion limit") => "it is nested too deeply",
        _ => said,
    };
    let wrong = wrong.split(" expecting ").next().unwrap_or(wrong).chars().take(120).collect();
    Fault {
        place: Place { line: at_least_one(line), column: at_least_one(column) },
        field: String::new(),
        wrong,
        right: "it must be one expression in CEL, such as payer.tier == \"gold\" && order.amount_fen < 10000"
            .into(),
    }
}

fn unreadable() -> Fault {
    Fault {
        place: Place::START,
        field: String::new(),
        wrong: "the expression library cannot read it".into(),
        right: "write it in a simpler form".into(),
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Condition {}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}
