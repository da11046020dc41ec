//! The payer's code: the cashier scans it, and the charge happens in the call.
//!
//! Documented are `/v3/pay/transactions/codepay` and its answer (the object of the query: 200 with the end, 202 while the
//! payer types the password); its error codes are not confirmed, and some merchants have payers' codes in API v2 only.
//! There is no notification: the query tells.

use paifang_payment::Verb;
use paifang_rail::{Answer, Charge, Context, Genuine, Plan, PlanError};
use serde::Serialize;

use crate::charge::{Amount, amount, description};
use crate::descriptor::Tells;
use crate::request::post;
use crate::{Settings, query};

#[derive(Serialize)]
struct CodeOrder<'a> {
    appid: &'a str,
    mchid: &'a str,
    description: &'a str,
    out_trade_no: &'a str,
    payer: Payer<'a>,
    amount: Amount,
    scene_info: Scene<'a>,
}

#[derive(Serialize)]
struct Payer<'a> {
    auth_code: &'a str,
}

#[derive(Serialize)]
struct Scene<'a> {
    store_info: Store<'a>,
}

#[derive(Serialize)]
struct Store<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_id: Option<&'a str>,
}

/// The charge. It has neither an expiry nor an address for notifications.
pub(crate) fn plan(settings: &Settings, charge: &Charge, cx: &Context<'_>) -> Result<Plan, PlanError> {
    if !settings.has_store() {
        return Err(PlanError::Unsupported("a payer's code without a store in the account's settings"));
    }
    let rule = "the digits of the code on the payer's phone";
    let code = charge.payer_code.open(Tells).ok_or(PlanError::BadValue { field: "payer_code", rule })?;
    let store = Store { id: settings.store_id.as_deref(), out_id: settings.store_out_id.as_deref() };
    let order = CodeOrder {
        appid: &settings.appid,
        mchid: &settings.mchid,
        description: description(charge)?,
        out_trade_no: charge.order.order_no.as_str(),
        payer: Payer { auth_code: code.expose() },
        amount: amount(charge)?,
        scene_info: Scene { store_info: store },
    };
    post(settings, "/v3/pay/transactions/codepay", &order, cx)
}

/// The end, or that the payer has to do something first.
pub(crate) fn read(settings: &Settings, charge: &Charge, body: &[u8], proof: Genuine) -> Answer {
    query::read(Verb::Charge, settings, &charge.order, body, proof)
}
