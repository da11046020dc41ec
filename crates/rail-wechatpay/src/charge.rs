//! Orders whose payer comes after their creation: a QR code to be shown (Native), parameters for the wallet (JSAPI, mini
//! programs, apps), or a page for a phone's browser (H5).

use std::net::IpAddr;

use paifang_payment::{Pending, Presentation, Verb};
use paifang_rail::{Answer, Charge, Context, Genuine, OrderKind, Outcome, Plan, PlanError};
use serde::Serialize;

use crate::descriptor::{Tells, WECHATPAY};
use crate::request::{cut, fen, notify_url, plain_text, post};
use crate::{Settings, answer, codepay, invoke, wire};

/// `description`, s127: characters in the pages, bytes in the live check.
const DESCRIPTION_BYTES_MAX: usize = 127;

/// The body of each product. A member that one does not document is refused there, so `payer` is JSAPI's only and
/// `h5_info` is H5's only.
#[derive(Serialize)]
struct NewOrder<'a> {
    appid: &'a str,
    mchid: &'a str,
    description: &'a str,
    out_trade_no: &'a str,
    time_expire: String,
    notify_url: &'a str,
    amount: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    payer: Option<Payer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scene_info: Option<Scene>,
}

/// What is charged, in fen.
#[derive(Serialize)]
pub(crate) struct Amount {
    total: i64,
    currency: &'static str,
}

#[derive(Serialize)]
struct Payer<'a> {
    openid: &'a str,
}

#[derive(Serialize)]
struct Scene {
    payer_client_ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    h5_info: Option<H5>,
}

/// The kind of browser: `Wap` is any; `iOS` and `Android` are apps that open the page.
#[derive(Serialize)]
struct H5 {
    r#type: &'static str,
}

/// The creation of an order. Repeated byte for byte while unpaid, it answers the same order with a fresh code.
pub(crate) fn plan(settings: &Settings, charge: &Charge, cx: &Context<'_>) -> Result<Plan, PlanError> {
    if charge.wallet.as_str() != WECHATPAY {
        return Err(PlanError::Unsupported("a charge of another wallet than wechatpay"));
    }
    // What is to be held must not be charged.
    if charge.order.kind != OrderKind::Payment {
        return Err(PlanError::Unsupported("hold"));
    }
    charge.must_allow_credit()?;
    let target = match charge.order.presentation {
        Presentation::QrShown => "/v3/pay/transactions/native",
        Presentation::Jsapi | Presentation::MiniProgram => "/v3/pay/transactions/jsapi",
        Presentation::App => "/v3/pay/transactions/app",
        Presentation::MobileWeb => "/v3/pay/transactions/h5",
        Presentation::PayerCode => return codepay::plan(settings, charge, cx),
        Presentation::DesktopWeb => return Err(PlanError::Unsupported("a charge by this presentation")),
    };
    let order = NewOrder {
        appid: &settings.appid,
        mchid: &settings.mchid,
        description: description(charge)?,
        out_trade_no: charge.order.order_no.as_str(),
        time_expire: wire::beijing(charge.order.expires_at),
        notify_url: notify_url(cx)?,
        amount: amount(charge)?,
        payer: payer(charge)?,
        scene_info: scene(charge)?,
    };
    post(settings, target, &order, cx)
}

/// What is bought, cut to what the rail takes.
pub(crate) fn description(charge: &Charge) -> Result<&str, PlanError> {
    let missing = PlanError::BadValue { field: "description", rule: "must be given" };
    let description = charge.description.open(Tells).ok_or(missing)?;
    Ok(cut(plain_text("description", description)?, DESCRIPTION_BYTES_MAX))
}

/// The whole amount of the order.
pub(crate) fn amount(charge: &Charge) -> Result<Amount, PlanError> {
    Ok(Amount { total: fen("amount", charge.order.amount)?, currency: "CNY" })
}

/// The order inside WeChat is made for one payer.
fn payer(charge: &Charge) -> Result<Option<Payer<'_>>, PlanError> {
    if !matches!(charge.order.presentation, Presentation::Jsapi | Presentation::MiniProgram) {
        return Ok(None);
    }
    let rule = "the payer's openid under this appid";
    let payer = charge.payer.open(Tells).ok_or(PlanError::BadValue { field: "payer", rule })?;
    Ok(Some(Payer { openid: payer.as_str() }))
}

/// Where the payer is; the page has to know, because it compares the address with the one that opens it.
fn scene(charge: &Charge) -> Result<Option<Scene>, PlanError> {
    if charge.order.presentation != Presentation::MobileWeb {
        return Ok(charge
            .client_ip
            .open(Tells)
            .map(|&payer_client_ip| Scene { payer_client_ip, h5_info: None }));
    }
    let rule = "the IP address of the payer's phone";
    let payer_client_ip =
        *charge.client_ip.open(Tells).ok_or(PlanError::BadValue { field: "client_ip", rule })?;
    Ok(Some(Scene { payer_client_ip, h5_info: Some(H5 { r#type: "Wap" }) }))
}

/// What the payer is asked to do.
pub(crate) fn read(
    settings: &Settings,
    charge: &Charge,
    body: &[u8],
    proof: Genuine,
    cx: &Context<'_>,
) -> Answer {
    let order = &charge.order;
    let (next_action, case) = match order.presentation {
        Presentation::QrShown => (invoke::show_code(order, body), "code_url"),
        Presentation::Jsapi => (invoke::bridge(settings, order, body, cx), "prepay_id"),
        Presentation::MiniProgram => (invoke::mini_program(settings, order, body, cx), "prepay_id"),
        Presentation::App => (invoke::app(settings, order, body, cx), "prepay_id"),
        Presentation::MobileWeb => (invoke::page(settings, body, cx), "h5_url"),
        Presentation::PayerCode => return codepay::read(settings, charge, body, proof),
        Presentation::DesktopWeb => return answer::no_such_call(Verb::Charge),
    };
    let Some(next_action) = next_action else { return answer::unreadable(Verb::Charge) };
    let pending = Pending { next_action: Some(next_action), rail_ref: None };
    Answer::is(Outcome::pending(proof, pending), answer::rule(Verb::Charge, case))
}
