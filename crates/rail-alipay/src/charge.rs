//! New orders: a QR code by `alipay.trade.precreate`, or a signed URL of `alipay.trade.page.pay`.

use jiff::SignedDuration;
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{Doubt, NextAction, Pending, Presentation, Verb};
use paifang_rail::{Answer, Charge, Context, Genuine, Order, Outcome, Plan, PlanError};
use serde::Serialize;

use crate::answer::{Body, doubt, rule};
use crate::request::{self, Parameters};
use crate::{Settings, beijing, descriptor};

pub(crate) const METHOD_PRECREATE: &str = "alipay.trade.precreate";
const METHOD_PAGE: &str = "alipay.trade.page.pay";

#[derive(Serialize)]
struct Content<'a> {
    out_trade_no: &'a str,
    total_amount: String,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_code: Option<&'static str>,
    seller_id: &'a str,
    /// Absolute, so that a late copy of the request never lives longer than the order.
    time_expire: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    business_params: Option<BusinessParams>,
}

#[derive(Serialize)]
struct BusinessParams {
    mc_create_trade_ip: String,
}

/// Precreate goes to the gateway; a page is a URL for the payer's browser, and nothing is sent by us.
pub(crate) fn plan(settings: &Settings, charge: &Charge, cx: &Context<'_>) -> Result<Plan, PlanError> {
    if charge.wallet.as_str() != descriptor::ALIPAY {
        return Err(PlanError::Unsupported("this wallet"));
    }
    match charge.order.presentation {
        Presentation::QrShown => {
            let mut parameters = Parameters::common(settings, METHOD_PRECREATE, cx)?;
            parameters.push_url("notify_url", cx.notify_url)?;
            // Without a product code precreate means FACE_TO_FACE_PAYMENT.
            let content = content(settings, charge, None)?;
            Ok(Plan::Send(parameters.post(&settings.gateway, &content, cx)?))
        }
        Presentation::DesktopWeb => {
            let mut parameters = Parameters::common(settings, METHOD_PAGE, cx)?;
            parameters.push_url("notify_url", cx.notify_url)?;
            parameters.push_url("return_url", cx.return_url)?;
            let content = content(settings, charge, Some("FAST_INSTANT_TRADE_PAY"))?;
            let url = parameters.link(&settings.gateway, &content, cx)?;
            Ok(Plan::HandOff(NextAction::Redirect { url }))
        }
        Presentation::PayerCode
        | Presentation::Jsapi
        | Presentation::MiniProgram
        | Presentation::App
        | Presentation::MobileWeb => Err(PlanError::Unsupported("this presentation")),
    }
}

fn content(
    settings: &Settings,
    charge: &Charge,
    product_code: Option<&'static str>,
) -> Result<String, PlanError> {
    let order = &charge.order;
    let rule = "every character must exist in the account's charset";
    settings.charset.encode(&charge.description).ok_or(PlanError::BadValue { field: "description", rule })?;
    request::content(&Content {
        out_trade_no: order.order_no.as_str(),
        total_amount: yuan_text(order.amount, descriptor::AMOUNT_MAX_FEN)?,
        subject: &charge.description,
        product_code,
        seller_id: &settings.seller_id,
        time_expire: beijing::text(order.expires_at),
        business_params: charge
            .client_ip
            .map(|address| BusinessParams { mc_create_trade_ip: address.to_string() }),
    })
}

/// An amount in yuan with two decimals.
pub(crate) fn yuan_text(amount: PositiveMoney, fen_max: i64) -> Result<String, PlanError> {
    if amount.currency() != Currency::CNY {
        return Err(PlanError::BadValue { field: "amount", rule: "only CNY" });
    }
    if amount.minor_units() > fen_max {
        return Err(PlanError::BadValue { field: "amount", rule: "at most 100000000.00 CNY" });
    }
    Ok(amount.to_decimal())
}

/// A precreate that succeeded: a code to show. There is no trade until somebody scans it.
pub(crate) fn read(order: &Order, body: Body, proof: Genuine) -> Answer {
    let Some(content) = body.qr_code else {
        return doubt(Verb::Charge, Doubt::Unreadable, "no_qr_code");
    };
    let life = SignedDuration::from_secs(i64::from(descriptor::QR_LIFE_S));
    let code_ends = order.opened_at.checked_add(life).unwrap_or(order.expires_at);
    let next_action = NextAction::ShowQr { content, expires_at: order.expires_at.min(code_ends) };
    let pending = Pending { next_action: Some(next_action), rail_ref: None };
    Answer::is(Outcome::pending(proof, pending), rule(Verb::Charge, "qr_code"))
}
