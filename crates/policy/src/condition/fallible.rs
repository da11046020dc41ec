//! Which conditions may fail while they run: a division by zero, a number beyond 64 bits.
//!
//! Known before anything runs, from the ranges that inputs have by their kind: `order.amount_fen / 100` never fails,
//! `100 / order.amount_fen` does for an amount of zero. Nothing but arithmetic fails in a checked condition.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators as op};

use crate::facts::Input;

/// Whether some values of the inputs make it fail. A yes may be too careful; a no is certain.
pub(super) fn may_fail(node: &IdedExpr) -> bool {
    let Expr::Call(call) = &node.expr else { return false };
    if is_arithmetic(call) {
        return range(node).is_none();
    }
    call.target.as_deref().is_some_and(may_fail) || call.args.iter().any(may_fail)
}

/// The least and the greatest number that a node gives; `None` where it may fail.
type Range = Option<(i128, i128)>;

fn range(node: &IdedExpr) -> Range {
    match &node.expr {
        Expr::Literal(LiteralValue::Int(number)) => {
            let number = i128::from(*number.inner());
            Some((number, number))
        }
        Expr::Ident(name) => {
            let (least, greatest) = Input::by_name(name)?.kind().numbers()?.into_inner();
            Some((i128::from(least), i128::from(greatest)))
        }
        Expr::Call(call) => range_of_call(call),
        _ => None,
    }
}

fn range_of_call(call: &CallExpr) -> Range {
    let found = match (call.func_name.as_str(), call.args.as_slice()) {
        (op::NEGATE, [number]) => {
            let (least, greatest) = range(number)?;
            (-greatest, -least)
        }
        (op::CONDITIONAL, [condition, a, b]) if !may_fail(condition) => {
            let (a, b) = (range(a)?, range(b)?);
            (a.0.min(b.0), a.1.max(b.1))
        }
        (name, [a, b]) => of_two(name, range(a)?, range(b)?)?,
        _ => return None,
    };
    let fits = |number: i128| i64::try_from(number).is_ok();
    (fits(found.0) && fits(found.1)).then_some(found)
}

/// Both are within 64 bits, so nothing here leaves 128.
fn of_two(name: &str, a: (i128, i128), b: (i128, i128)) -> Range {
    let corners = |of: fn(i128, i128) -> i128| {
        let all = [of(a.0, b.0), of(a.0, b.1), of(a.1, b.0), of(a.1, b.1)];
        let first = (all[0], all[0]);
        all.into_iter().fold(first, |(least, greatest), one| (least.min(one), greatest.max(one)))
    };
    let b_holds = |number: i128| (b.0..=b.1).contains(&number);
    match name {
        op::ADD => Some((a.0 + b.0, a.1 + b.1)),
        op::SUBSTRACT => Some((a.0 - b.1, a.1 - b.0)),
        op::MULTIPLY => Some(corners(|a, b| a * b)),
        op::DIVIDE if !b_holds(0) => Some(corners(|a, b| a / b)),
        // The least number by -1 has no quotient in 64 bits, so libraries fail on its remainder, too.
        op::MODULO if !b_holds(0) && !b_holds(-1) => {
            let most = b.0.abs().max(b.1.abs()) - 1;
            Some((-most, most))
        }
        _ => None,
    }
}

fn is_arithmetic(call: &CallExpr) -> bool {
    let name = call.func_name.as_str();
    [op::ADD, op::SUBSTRACT, op::MULTIPLY, op::DIVIDE, op::MODULO, op::NEGATE].contains(&name)
}
