//! Guard rails of a bundle, and what makes one a mistake.

use super::fields::{Fields, Located, Notes};
use super::read::{Ids, PPM, ppm};
use super::{AT_LEAST_MAX, Action, Bound, GUARD_RAILS_MAX, GuardRail, Measure, WINDOW_S};
use crate::RuleId;

const MEASURES: &str = "\"success_rate\", \"refund_rate\" or \"complaint_rate\"";

pub(super) fn guard_rail(notes: &mut Notes<'_>, ids: &mut Ids, mut fields: Fields<'_>) -> Option<GuardRail> {
    let (span, path) = fields.place();
    let id = ids.take(notes, &mut fields, false);
    let opening = fields.required(notes, "opening", "the id of an opening", RuleId::parse);
    ids.guarded.extend(opening.clone());
    let measure = fields.required(notes, "measure", MEASURES, |text| match text {
        "success_rate" => Ok(Measure::SuccessRate),
        "refund_rate" => Ok(Measure::RefundRate),
        "complaint_rate" => Ok(Measure::ComplaintRate),
        _ => Err(format!("it must be {MEASURES}")),
    });
    let window_s = fields.required_number(notes, "window_s", &WINDOW_S);
    let at_least = fields.required_number(notes, "at_least", &(1..=i64::from(AT_LEAST_MAX)));
    let before = notes.faults.len();
    let min = fields.number(notes, "min", &PPM);
    let max = fields.number(notes, "max", &PPM);
    if min.is_some() == max.is_some() && notes.faults.len() == before {
        let wrong =
            if min.is_some() { "it has both `min` and `max`" } else { "it has neither `min` nor `max`" };
        notes.add(
            &span,
            &path,
            wrong,
            "name one bound, in parts per million; make two guard rails for two bounds",
        );
    }
    let action = fields.required(notes, "action", "\"roll_back\"", |text| match text {
        "roll_back" => Ok(Action::RollBack),
        _ => Err("it must be \"roll_back\""),
    });
    fields.finish(notes);
    if notes.is_new && min.is_some() != max.is_some() {
        check_bound(notes, measure.as_ref().map(|measure| measure.value), min.as_ref(), max.as_ref());
    }
    let bound = match (min, max) {
        (Some(min), _) => Bound::Min(ppm(&min)?),
        (None, max) => Bound::Max(ppm(&max?)?),
    };
    Some(GuardRail {
        id: id?,
        opening: opening?.value,
        measure: measure?.value,
        window_s: window_s?.value,
        at_least: u32::try_from(at_least?.value).ok()?,
        bound,
        action: action?.value,
    })
}

/// Each is a count over its window, every time that one looks.
pub(super) fn check_count(notes: &mut Notes<'_>, guard_rails: &[Fields<'_>]) {
    if let Some(first) = guard_rails.get(GUARD_RAILS_MAX).filter(|_| notes.is_new) {
        let (span, path) = first.place();
        let wrong = format!("there are {} guard rails", guard_rails.len());
        notes.add(&span, &path, wrong, format!("a bundle has at most {GUARD_RAILS_MAX} of them"));
    }
}

/// A bound on the wrong side closes an opening for being good.
fn check_bound(
    notes: &mut Notes<'_>,
    measure: Option<Measure>,
    min: Option<&Located<i64>>,
    max: Option<&Located<i64>>,
) {
    let (found, wrong, right) = match measure {
        Some(Measure::SuccessRate) => (max, "it would close an opening for its successes", "name a `min`"),
        Some(Measure::RefundRate | Measure::ComplaintRate) => {
            (min, "it would close an opening for having too few of them", "name a `max`")
        }
        None => return,
    };
    if let Some(found) = found {
        notes.add(&found.span, &found.field, wrong, right);
    }
}
