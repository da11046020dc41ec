//! Rotation of keys and certificates: announce, switch, retire; of the rail or of the merchant.

use serde_json::{Value, json};

use super::keys::{Keys, Stage};
use crate::{KeyStep, PayerError, Step, locked};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Rail,
    Merchant,
}

/// Goes one step, in order; the answer names the next generation.
///
/// # Errors
/// Out of order, or the files have no next generation.
pub(super) fn step(keys: &Keys, step: KeyStep) -> Result<Value, PayerError> {
    let (side, to) = match step {
        KeyStep::Rail(step) => (Side::Rail, stage(step)),
        KeyStep::Merchant(step) => (Side::Merchant, stage(step)),
    };
    let exists = match side {
        Side::Rail => keys.rail_next.is_some(),
        Side::Merchant => keys.app_next.is_some(),
    };
    if !exists {
        return Err(PayerError::Unsupported);
    }
    let mut stages = locked(&keys.stages);
    let now = match side {
        Side::Rail => &mut stages.rail,
        Side::Merchant => &mut stages.merchant,
    };
    if !follows(*now, to) {
        return Err(PayerError::NotPayable { state: word(*now).to_owned() });
    }
    *now = to;
    drop(stages);
    Ok(match side {
        Side::Rail => json!({
            "stage": word(to),
            "alipay_public_key": keys.rail_next.as_ref().and_then(Keys::rail_public_pem),
            "alipay_cert_sn": keys.rail_next.as_ref().and_then(|next| next.cert.as_ref()).map(|cert| cert.sn.as_str()),
        }),
        Side::Merchant => json!({
            "stage": word(to),
            "app_cert_sn": keys.app_next.as_ref().and_then(|next| next.cert.as_ref()).map(|cert| cert.sn.as_str()),
        }),
    })
}

fn stage(step: Step) -> Stage {
    match step {
        Step::Announce => Stage::Announced,
        Step::Switch => Stage::Switched,
        Step::Retire => Stage::Retired,
    }
}

fn follows(now: Stage, to: Stage) -> bool {
    match now {
        Stage::First => to == Stage::Announced,
        Stage::Announced => to == Stage::Switched,
        Stage::Switched => to == Stage::Retired,
        Stage::Retired => false,
    }
}

fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::First => "first",
        Stage::Announced => "announced",
        Stage::Switched => "switched",
        Stage::Retired => "retired",
    }
}
