//! Holds (pre-authorisation, `alipay.fund.auth.*`): a code that is shown or scanned, or an order string for the app.
//!
//! A hold has the number that the order has (`out_order_no`); the holding itself is an operation of it and has the same
//! number as `out_request_no`, its release one of its own. Later calls need Alipay's number of the hold, `auth_no`, which
//! is therefore the rail's reference. A capture is `alipay.trade.pay` out of the hold, a trade with a number of its own; it
//! ends the hold (`COMPLETE`), and what was not taken goes back with it.

mod replies;

use paifang_payment::Presentation;
use paifang_payment::planted::{self, Defect};
use paifang_rail::{CaptureOrder, Charge, Context, Order, Plan, PlanError, ReleaseOrder};
use serde::Serialize;

use crate::api::Api;
use crate::charge::{order_string, payer_code, subject, yuan_text};
use crate::{Settings, descriptor, request};

pub(crate) use replies::{cancelled, frozen, query, query_release, query_reverse, unfrozen, voucher};

/// What a capture sends as `passback_params`. Alipay repeats it in notices of the trade, so that they are told from those
/// of payments.
pub(crate) const CAPTURE_MARK: &str = "capture";

/// `operation_type` of the holding and of its release.
const FREEZE: &str = "FREEZE";
const UNFREEZE: &str = "UNFREEZE";

#[derive(Serialize)]
struct Freeze<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_code_type: Option<&'static str>,
    out_order_no: &'a str,
    out_request_no: &'a str,
    order_title: &'a str,
    amount: String,
    payee_user_id: &'a str,
    product_code: &'static str,
    /// Relative: there is no absolute form.
    timeout_express: String,
}

#[derive(Serialize)]
struct Operation<'a> {
    out_order_no: &'a str,
    out_request_no: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<&'static str>,
}

#[derive(Serialize)]
struct Capture<'a> {
    out_trade_no: &'a str,
    total_amount: String,
    subject: &'a str,
    product_code: &'static str,
    seller_id: &'a str,
    auth_no: &'a str,
    auth_confirm_mode: &'static str,
    passback_params: &'static str,
}

#[derive(Serialize)]
struct Unfreeze<'a> {
    auth_no: &'a str,
    out_request_no: &'a str,
    amount: String,
    remark: &'static str,
}

/// A new hold.
pub(crate) fn plan(settings: &Settings, charge: &Charge, cx: &Context<'_>) -> Result<Plan, PlanError> {
    if charge.wallet.as_str() != descriptor::ALIPAY {
        return Err(PlanError::Unsupported("a hold on this wallet"));
    }
    // A hold names its channels otherwise, and which of them are credit is not documented.
    charge.must_allow_credit()?;
    let order = &charge.order;
    let product_code = product_code(order)?;
    let base = Freeze {
        auth_code: None,
        auth_code_type: None,
        out_order_no: order.order_no.as_str(),
        out_request_no: order.order_no.as_str(),
        order_title: subject(settings, &charge.description)?,
        amount: yuan_text(order.amount, descriptor::AMOUNT_MAX_FEN)?,
        payee_user_id: &settings.seller_id,
        product_code,
        timeout_express: minutes(order),
    };
    let send = |api, content: &Freeze<'_>| Ok(Plan::Send(request::exchange(settings, api, content, cx)?));
    match order.presentation {
        Presentation::QrShown => send(Api::Voucher, &base),
        Presentation::PayerCode => {
            let auth_code = Some(payer_code(charge)?);
            send(Api::Freeze, &Freeze { auth_code, auth_code_type: Some("bar_code"), ..base })
        }
        Presentation::App => order_string(settings, "alipay.fund.auth.order.app.freeze", &base, cx),
        Presentation::Jsapi
        | Presentation::MiniProgram
        | Presentation::MobileWeb
        | Presentation::DesktopWeb => Err(PlanError::Unsupported("a hold by this presentation")),
    }
}

/// The hold's own operation, or its release.
fn operation(
    settings: &Settings,
    api: Api,
    content: &Operation<'_>,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    Ok(Plan::Send(request::exchange(settings, api, content, cx)?))
}

/// Asks what became of a hold.
pub(crate) fn plan_query(settings: &Settings, hold: &Order, cx: &Context<'_>) -> Result<Plan, PlanError> {
    let number = hold.order_no.as_str();
    let content = Operation {
        out_order_no: number,
        out_request_no: number,
        operation_type: Some(FREEZE),
        remark: None,
    };
    operation(settings, Api::FreezeQuery, &content, cx)
}

/// Ends a hold that may not stand yet, giving back what it holds.
pub(crate) fn plan_cancel(settings: &Settings, hold: &Order, cx: &Context<'_>) -> Result<Plan, PlanError> {
    let number = hold.order_no.as_str();
    let content = Operation {
        out_order_no: number,
        out_request_no: number,
        operation_type: None,
        remark: Some("cancel"),
    };
    operation(settings, Api::FreezeCancel, &content, cx)
}

/// Takes money out of a hold.
pub(crate) fn plan_capture(
    settings: &Settings,
    capture: &CaptureOrder,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    let content = Capture {
        out_trade_no: capture.capture_no.as_str(),
        total_amount: yuan_text(capture.amount, descriptor::AMOUNT_MAX_FEN)?,
        subject: subject(settings, &capture.description)?,
        product_code: product_code(&capture.hold)?,
        seller_id: &settings.seller_id,
        auth_no: auth_no(&capture.hold)?,
        auth_confirm_mode: if planted::is(Defect::RestForgotten) { "NOT_COMPLETE" } else { "COMPLETE" },
        passback_params: CAPTURE_MARK,
    };
    Ok(Plan::Send(request::exchange(settings, Api::Pay, &content, cx)?))
}

/// Gives a hold back in full.
pub(crate) fn plan_release(
    settings: &Settings,
    release: &ReleaseOrder,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    let content = Unfreeze {
        auth_no: auth_no(&release.hold)?,
        out_request_no: release.release_no.as_str(),
        amount: yuan_text(release.hold.amount, descriptor::AMOUNT_MAX_FEN)?,
        remark: "release",
    };
    Ok(Plan::Send(request::exchange(settings, Api::Unfreeze, &content, cx)?))
}

/// Asks what became of a release.
pub(crate) fn plan_query_release(
    settings: &Settings,
    release: &ReleaseOrder,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    let content = Operation {
        out_order_no: release.hold.order_no.as_str(),
        out_request_no: release.release_no.as_str(),
        operation_type: Some(UNFREEZE),
        remark: None,
    };
    operation(settings, Api::FreezeQuery, &content, cx)
}

/// Holds of the app are another product than those at a till; a capture names the product of its hold.
fn product_code(hold: &Order) -> Result<&'static str, PlanError> {
    match hold.presentation {
        Presentation::QrShown | Presentation::PayerCode => Ok("PRE_AUTH"),
        Presentation::App => Ok("PRE_AUTH_ONLINE"),
        Presentation::Jsapi
        | Presentation::MiniProgram
        | Presentation::MobileWeb
        | Presentation::DesktopWeb => Err(PlanError::Unsupported("a hold by this presentation")),
    }
}

fn auth_no(hold: &Order) -> Result<&str, PlanError> {
    let rule = "the rail's number of the hold must be known";
    hold.rail_ref
        .as_ref()
        .map(|reference| reference.as_str())
        .ok_or(PlanError::BadValue { field: "hold.rail_ref", rule })
}

/// The order's life in whole minutes, at least one.
fn minutes(order: &Order) -> String {
    let life = order.expires_at.duration_since(order.opened_at);
    format!("{}m", life.as_mins().max(1))
}
