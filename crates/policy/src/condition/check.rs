//! The meaning of a parsed condition: which inputs it names and whether its types fit.
//!
//! The expression library has no type checker, so this walk is one, for the part of CEL that conditions may use. It
//! also rewrites the tree: an input becomes one name, `has(input)` the name of a flag, `timestamp("..")` a number of
//! microseconds (so that the library's calendar stays out of the build).

use std::collections::BTreeSet;
use std::fmt;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, SourceInfo, operators};
use cel::common::types::CelInt;

use super::DEPTH_MAX;
use crate::facts::{Input, Kind, Value};
use crate::{Fault, Faults, Place};

/// What stands before an input's name where only its being known is asked. No input's name begins so.
pub(super) const KNOWN: char = '?';

/// The inputs a condition names.
#[derive(Default)]
pub(super) struct Used {
    /// Those a yes needs.
    pub(super) needs: BTreeSet<Input>,
    /// Those within `has()`.
    pub(super) asks: BTreeSet<Input>,
}

/// Checks the tree and makes it ready to be evaluated.
pub(super) fn check(text: &str, places: &SourceInfo, tree: &mut IdedExpr) -> Result<Used, Faults> {
    let mut walk = Walk { text, places, used: Used::default(), faults: Vec::new() };
    let place = walk.place(tree);
    match walk.visit(tree, 0) {
        Some(Type::Flag) | None => {}
        Some(other) => {
            let fault = Fault {
                place,
                field: String::new(),
                wrong: format!("it gives {other}"),
                right: "a condition gives true or false".into(),
            };
            walk.faults.push(fault);
        }
    }
    if walk.faults.is_empty() {
        return Ok(walk.used);
    }
    walk.faults.sort();
    Err(Faults(walk.faults))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Flag,
    Number,
    Text,
    Time,
}

struct Walk<'a> {
    text: &'a str,
    places: &'a SourceInfo,
    used: Used,
    faults: Vec<Fault>,
}

impl Walk<'_> {
    /// The type of a node; `None` where it, or something in it, was found wrong.
    fn visit(&mut self, node: &mut IdedExpr, depth: usize) -> Option<Type> {
        if depth > DEPTH_MAX {
            let right = format!("at most {DEPTH_MAX} operators may stand within each other");
            return self.wrong(node, "it is nested too deeply", &right);
        }
        if let Some(name) = qualified(node) {
            let input = self.input(node, &name)?;
            self.used.needs.insert(input);
            node.expr = Expr::Ident(input.name().to_owned());
            return Some(type_of(input));
        }
        match &mut node.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Some(Type::Flag),
                LiteralValue::Int(_) => Some(Type::Number),
                LiteralValue::String(_) => Some(Type::Text),
                LiteralValue::Bytes(_)
                | LiteralValue::Double(_)
                | LiteralValue::UInt(_)
                | LiteralValue::Null => self.wrong(
                    node,
                    "a value of a kind that no input has",
                    "use a text, a whole number, true or false",
                ),
            },
            Expr::Call(_) => self.call(node, depth),
            Expr::List(_) => self.wrong(node, "a list", "a list stands on the right of `in` only"),
            Expr::Unspecified
            | Expr::Comprehension(_)
            | Expr::Ident(_)
            | Expr::Map(_)
            | Expr::Select(_)
            | Expr::Struct(_) => self.wrong(node, "this form is not part of conditions", ALLOWED),
        }
    }

    fn call(&mut self, node: &mut IdedExpr, depth: usize) -> Option<Type> {
        let place = self.place(node);
        let Expr::Call(call) = &mut node.expr else { return None };
        match (call.func_name.as_str(), call.target.is_some(), call.args.len()) {
            ("has", false, 1) => self.has(node),
            ("timestamp", false, 1) => self.timestamp(node),
            (operators::IN, false, 2) => self.is_in(call, depth),
            ("startsWith" | "endsWith" | "contains", true, 1) => self.part_of_text(place, call, depth),
            (name, false, count) => match operator(name, count) {
                Some(operator) => self.operands(place, operator, call, depth),
                None => self.unknown_function(place, call),
            },
            (_, true, _) => self.unknown_function(place, call),
        }
    }

    fn unknown_function(&mut self, place: Place, call: &CallExpr) -> Option<Type> {
        let name: String = call.func_name.chars().take(40).collect();
        let wrong = match call.func_name.as_str() {
            "all" | "exists" | "exists_one" | "map" | "filter" => {
                format!("{name} is a loop, and there are none")
            }
            "matches" => "there are no regular expressions".to_owned(),
            _ => format!("the function {name} is unknown, or takes other arguments"),
        };
        self.fault(place, &wrong, ALLOWED)
    }

    fn operands(
        &mut self,
        place: Place,
        operator: Operator,
        call: &mut CallExpr,
        depth: usize,
    ) -> Option<Type> {
        // All operands are looked at even if the first is wrong: every mistake is told at once.
        let types: Vec<Option<Type>> = call.args.iter_mut().map(|arg| self.visit(arg, depth + 1)).collect();
        let types: Vec<Type> = types.into_iter().collect::<Option<_>>()?;
        let fits = match (operator, types.as_slice()) {
            (Operator::Logic, all) => all.iter().all(|one| *one == Type::Flag),
            (Operator::Arithmetic, all) => all.iter().all(|one| *one == Type::Number),
            (Operator::Order, [a, b]) => a == b && matches!(a, Type::Number | Type::Time),
            (Operator::Equality, [a, b]) => a == b,
            (Operator::Choice, [Type::Flag, a, b]) => a == b,
            (Operator::Order | Operator::Equality | Operator::Choice, _) => false,
        };
        if !fits {
            let listed: Vec<String> = types.iter().map(Type::to_string).collect();
            return self.fault(place, &format!("it is given {}", listed.join(" and ")), operator.rule());
        }
        if operator == Operator::Equality {
            self.comparable(call)?;
        }
        Some(match operator {
            Operator::Logic | Operator::Order | Operator::Equality => Type::Flag,
            Operator::Arithmetic => Type::Number,
            Operator::Choice => *types.get(1)?,
        })
    }

    /// An input compared with a text that it can never hold is a slip, not a rule.
    fn comparable(&mut self, call: &CallExpr) -> Option<()> {
        let [left, right] = call.args.as_slice() else { return Some(()) };
        let fits = |input: &IdedExpr, literal: &IdedExpr| match named(input) {
            Some(input) => self.holdable(input, literal),
            None => None,
        };
        let fault = fits(left, right).or_else(|| fits(right, left));
        fault.map_or(Some(()), |fault| {
            self.faults.push(fault);
            None
        })
    }

    fn holdable(&self, input: Input, literal: &IdedExpr) -> Option<Fault> {
        let Expr::Literal(LiteralValue::String(text)) = &literal.expr else { return None };
        let holds = input.kind().admits(&Value::Text(text.inner().to_owned()));
        (!holds).then(|| Fault {
            place: self.place(literal),
            field: String::new(),
            wrong: format!("{input} never holds this text"),
            right: format!("it holds {}", input.kind().rule()),
        })
    }

    fn is_in(&mut self, call: &mut CallExpr, depth: usize) -> Option<Type> {
        let [value, list] = call.args.as_mut_slice() else { return None };
        let type_of_value = self.visit(value, depth + 1);
        let Expr::List(elements) = &list.expr else {
            return self.wrong(list, "`in` is not followed by a list", "write x in [\"a\", \"b\"]");
        };
        if elements.elements.is_empty() {
            return self.wrong(list, "the list is empty", "name at least one value");
        }
        let input = named(value);
        let faults: Vec<Fault> = elements
            .elements
            .iter()
            .filter_map(|element| match (&element.expr, type_of_value) {
                (Expr::Literal(LiteralValue::String(_)), Some(Type::Text)) => self.holdable(input?, element),
                (Expr::Literal(LiteralValue::Int(_)), Some(Type::Number)) | (_, None) => None,
                (_, Some(wanted)) => Some(Fault {
                    place: self.place(element),
                    field: String::new(),
                    wrong: format!("the left of `in` is {wanted}, this is not"),
                    right: "the list holds texts, or whole numbers, as the value on its left".into(),
                }),
            })
            .collect();
        let is_right = faults.is_empty();
        self.faults.extend(faults);
        (is_right && type_of_value.is_some()).then_some(Type::Flag)
    }

    fn part_of_text(&mut self, place: Place, call: &mut CallExpr, depth: usize) -> Option<Type> {
        let target = call.target.as_mut().map(|target| self.visit(target, depth + 1));
        let argument = call.args.first_mut().map(|argument| self.visit(argument, depth + 1));
        match (target??, argument??) {
            (Type::Text, Type::Text) => Some(Type::Flag),
            (target, argument) => {
                let wrong = format!("it is given {target} and {argument}");
                self.fault(place, &wrong, "startsWith, endsWith and contains take a text of a text")
            }
        }
    }

    fn has(&mut self, node: &mut IdedExpr) -> Option<Type> {
        let Expr::Call(call) = &node.expr else { return None };
        let argument = call.args.first()?.clone();
        let Some(name) = qualified(&argument) else {
            return self.wrong(&argument, "has() is given no input", "write has(payer.tier)");
        };
        let input = self.input(&argument, &name)?;
        self.used.asks.insert(input);
        node.expr = Expr::Ident(format!("{KNOWN}{}", input.name()));
        Some(Type::Flag)
    }

    fn timestamp(&mut self, node: &mut IdedExpr) -> Option<Type> {
        let Expr::Call(call) = &node.expr else { return None };
        let read = match &call.args.first()?.expr {
            Expr::Literal(LiteralValue::String(text)) => text.inner().parse::<jiff::Timestamp>().ok(),
            _ => None,
        };
        let Some(at) = read else {
            let right = "write timestamp(\"2024-09-26T00:00:00+08:00\"), with its offset";
            return self.wrong(node, "timestamp() is given no RFC 3339 time in quotes", right);
        };
        if at.as_nanosecond() % 1_000 != 0 {
            let right = "times are compared in microseconds: write at most six digits after the second";
            return self.wrong(node, "timestamp() is given a time finer than a microsecond", right);
        }
        node.expr = Expr::Literal(LiteralValue::Int(CelInt::from(at.as_microsecond())));
        Some(Type::Time)
    }

    fn input(&mut self, node: &IdedExpr, name: &str) -> Option<Input> {
        let found = Input::by_name(name);
        if found.is_none() {
            let names: Vec<&str> = Input::ALL.iter().map(|input| input.name()).collect();
            let short: String = name.chars().take(64).collect();
            let place = first_place(self, node);
            self.fault(
                place,
                &format!("{short} is no declared input"),
                &format!("the inputs are {}", names.join(", ")),
            )?;
        }
        found
    }

    fn wrong(&mut self, node: &IdedExpr, wrong: &str, right: &str) -> Option<Type> {
        let place = self.place(node);
        self.fault(place, wrong, right)
    }

    fn fault(&mut self, place: Place, wrong: &str, right: &str) -> Option<Type> {
        self.faults.push(Fault { place, field: String::new(), wrong: wrong.into(), right: right.into() });
        None
    }

    fn place(&self, node: &IdedExpr) -> Place {
        let offset = self.places.offset_for(node.id).and_then(|(start, _)| usize::try_from(start).ok());
        offset.map_or(Place::START, |offset| Place::of(self.text, offset))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Logic,
    Arithmetic,
    Order,
    Equality,
    Choice,
}

fn operator(name: &str, count: usize) -> Option<Operator> {
    use operators as op;
    Some(match (name, count) {
        (op::LOGICAL_AND | op::LOGICAL_OR, 2) | (op::LOGICAL_NOT, 1) => Operator::Logic,
        (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO, 2) | (op::NEGATE, 1) => {
            Operator::Arithmetic
        }
        (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, 2) => Operator::Order,
        (op::EQUALS | op::NOT_EQUALS, 2) => Operator::Equality,
        (op::CONDITIONAL, 3) => Operator::Choice,
        _ => return None,
    })
}

impl Operator {
    fn rule(self) -> &'static str {
        match self {
            Self::Logic => "&&, || and ! take what is true or false",
            Self::Arithmetic => "+ - * / % take whole numbers",
            Self::Order => "< <= > >= take two whole numbers or two times",
            Self::Equality => "== and != take two of the same kind",
            Self::Choice => "a ? b : c takes true or false, and two of the same kind",
        }
    }
}

/// The name that a node spells, such as `payer.tier`.
fn qualified(node: &IdedExpr) -> Option<String> {
    let mut parts = Vec::new();
    let mut at = node;
    loop {
        match &at.expr {
            Expr::Ident(name) => {
                parts.push(name.as_str());
                parts.reverse();
                return Some(parts.join("."));
            }
            Expr::Select(select) if !select.test => {
                parts.push(&select.field);
                at = &select.operand;
            }
            _ => return None,
        }
    }
}

/// Where a name begins: the place of a selection is its dot.
fn first_place(walk: &Walk<'_>, node: &IdedExpr) -> Place {
    let mut at = node;
    while let Expr::Select(select) = &at.expr {
        at = &select.operand;
    }
    walk.place(at)
}

/// The input that a rewritten node stands for.
fn named(node: &IdedExpr) -> Option<Input> {
    match &node.expr {
        Expr::Ident(name) => Input::by_name(name),
        _ => None,
    }
}

fn type_of(input: Input) -> Type {
    match input.kind() {
        Kind::Word | Kind::Id | Kind::Region | Kind::Currency => Type::Text,
        Kind::Amount | Kind::Days => Type::Number,
        Kind::Flag => Type::Flag,
        Kind::Time => Type::Time,
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "true or false",
            Self::Number => "a whole number",
            Self::Text => "a text",
            Self::Time => "a time",
        })
    }
}

const ALLOWED: &str = "conditions have && || ! ?: == != < <= > >= + - * / % in, has(), timestamp(), startsWith, endsWith, contains";
