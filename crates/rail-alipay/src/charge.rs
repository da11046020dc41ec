//! New orders: what is sent, or what the payer is handed.
//!
//! A QR code is `alipay.trade.precreate`, a payer's code `alipay.trade.pay`, the wallet's browser and mini programs
//! `alipay.trade.create`. Pages (`page.pay`, `wap.pay`) and the app's order string (`app.pay`) are signed texts for the
//! payer, in the form of v2 under either protocol: nothing is sent, and there is no trade until the payer comes.

mod channels;
mod replies;

use std::collections::BTreeMap;

use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{NextAction, PayerId, Presentation};
use paifang_rail::{Charge, Context, OrderKind, Plan, PlanError, Told, told};
use serde::Serialize;

use crate::api::Api;
use crate::descriptor::Tells;
use crate::request::{self, Parameters};
use crate::settings::Huabei;
use crate::{Settings, beijing, descriptor, hold};

pub(crate) use replies::{code, created, paid, shown, waiting};

/// The parameter of the wallet's bridge, and of the app's SDK, that takes an order string.
const ORDER_STRING: &str = "orderStr";

/// What `quit_url` may have at most (documentation of wap.pay).
const QUIT_URL_BYTES_MAX: usize = 400;

#[derive(Serialize, Default)]
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
    scene: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buyer_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buyer_open_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    op_app_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quit_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    business_params: Option<BusinessParams>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extend_params: Option<ExtendParams>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_pay_channels: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_pay_channels: Option<String>,
}

#[derive(Serialize)]
struct BusinessParams {
    mc_create_trade_ip: String,
}

/// Instalments; both are texts on the wire.
#[derive(Serialize)]
struct ExtendParams {
    hb_fq_num: String,
    hb_fq_seller_percent: String,
}

/// A call to the gateway, or a signed text for the payer.
pub(crate) fn plan(settings: &Settings, charge: &Charge, cx: &Context<'_>) -> Result<Plan, PlanError> {
    if charge.order.kind == OrderKind::Hold {
        return hold::plan(settings, charge, cx);
    }
    let base = content(settings, charge)?;
    let send = |api, content: &Content<'_>| Ok(Plan::Send(request::exchange(settings, api, content, cx)?));
    match charge.order.presentation {
        // Without a product code precreate means FACE_TO_FACE_PAYMENT.
        Presentation::QrShown => send(Api::Precreate, &base),
        Presentation::PayerCode => {
            let auth_code = Some(payer_code(charge)?);
            let product_code = Some("FACE_TO_FACE_PAYMENT");
            send(Api::Pay, &Content { scene: Some("bar_code"), auth_code, product_code, ..base })
        }
        Presentation::Jsapi | Presentation::MiniProgram => {
            let (buyer_id, buyer_open_id) = buyer(charge)?;
            let op_app_id = settings.op_app_id.as_deref();
            let product_code = op_app_id.map(|_| "JSAPI_PAY");
            send(Api::Create, &Content { buyer_id, buyer_open_id, op_app_id, product_code, ..base })
        }
        Presentation::DesktopWeb => {
            let content = Content { product_code: Some("FAST_INSTANT_TRADE_PAY"), ..base };
            page(settings, "alipay.trade.page.pay", &content, cx)
        }
        Presentation::MobileWeb => {
            let quit_url = Some(cx.return_url).filter(|url| (1..=QUIT_URL_BYTES_MAX).contains(&url.len()));
            let content = Content { product_code: Some("QUICK_WAP_WAY"), quit_url, ..base };
            page(settings, "alipay.trade.wap.pay", &content, cx)
        }
        Presentation::App => {
            let content = Content { product_code: Some("QUICK_MSECURITY_PAY"), ..base };
            order_string(settings, "alipay.trade.app.pay", &content, cx)
        }
    }
}

fn content<'a>(settings: &'a Settings, charge: &'a Charge) -> Result<Content<'a>, PlanError> {
    let order = &charge.order;
    let base = Content {
        out_trade_no: order.order_no.as_str(),
        total_amount: yuan_text(order.amount, descriptor::AMOUNT_MAX_FEN)?,
        subject: subject(settings, &charge.description)?,
        seller_id: &settings.seller_id,
        time_expire: beijing::text(order.expires_at),
        business_params: charge
            .client_ip
            .open(Tells)
            .map(|address| BusinessParams { mc_create_trade_ip: address.to_string() }),
        ..Content::default()
    };
    match (charge.wallet.as_str(), &settings.huabei) {
        (descriptor::ALIPAY, _) => {
            let (enable_pay_channels, disable_pay_channels) = channels::of(settings, charge.credit)?;
            Ok(Content { enable_pay_channels, disable_pay_channels, ..base })
        }
        // The two lists exclude each other, so the account's own cannot be sent beside this one.
        (descriptor::HUABEI, Some(terms)) => {
            charge.must_allow_credit()?;
            Ok(Content {
                extend_params: Some(ExtendParams::of(*terms)),
                enable_pay_channels: Some(channels::INSTALMENTS.to_owned()),
                ..base
            })
        }
        _ => Err(PlanError::Unsupported("this wallet")),
    }
}

impl ExtendParams {
    fn of(terms: Huabei) -> Self {
        Self {
            hb_fq_num: terms.instalments.to_string(),
            hb_fq_seller_percent: terms.seller_percent.to_string(),
        }
    }
}

/// One URL for the payer's browser.
fn page(
    settings: &Settings,
    method: &'static str,
    content: &Content<'_>,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    let mut parameters = Parameters::common(settings, method, cx)?;
    parameters.push_url("notify_url", cx.notify_url)?;
    parameters.push_url("return_url", cx.return_url)?;
    let url = parameters.link(&settings.gateway, &request::content(content)?, cx)?;
    Ok(Plan::HandOff(NextAction::Redirect { url }))
}

/// One text for the app's SDK.
pub(crate) fn order_string(
    settings: &Settings,
    method: &'static str,
    content: &impl Serialize,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    let mut parameters = Parameters::common(settings, method, cx)?;
    parameters.push_url("notify_url", cx.notify_url)?;
    let text = parameters.order_string(&request::content(content)?, cx)?;
    let parameters = BTreeMap::from([(ORDER_STRING.to_owned(), text)]);
    Ok(Plan::HandOff(NextAction::InvokeWallet { parameters }))
}

/// The code that the cashier scanned.
pub(crate) fn payer_code(charge: &Charge) -> Result<&str, PlanError> {
    let missing = PlanError::BadValue { field: "payer_code", rule: "must be given for this presentation" };
    charge.payer_code.open(Tells).map(|code| code.expose()).ok_or(missing)
}

/// The buyer as `buyer_id` (a uid: `2088` and 12 more digits) or as `buyer_open_id`.
fn buyer(charge: &Charge) -> Result<(Option<&str>, Option<&str>), PlanError> {
    let missing = PlanError::BadValue { field: "payer", rule: "must be given for this presentation" };
    let payer = charge.payer.open(Tells).map(PayerId::as_str).ok_or(missing)?;
    let uid = payer.len() == 16 && payer.starts_with("2088") && payer.bytes().all(|b| b.is_ascii_digit());
    Ok(if uid { (Some(payer), None) } else { (None, Some(payer)) })
}

/// What is bought, which the account's charset must have.
pub(crate) fn subject<'a>(
    settings: &Settings,
    description: &'a Told<told::PaymentIntentDescription, String>,
) -> Result<&'a str, PlanError> {
    let missing = PlanError::BadValue { field: "description", rule: "must be given" };
    let text = description.open(Tells).ok_or(missing)?;
    let rule = "every character must exist in the account's charset";
    match settings.charset.encode(text) {
        Some(_) => Ok(text),
        None => Err(PlanError::BadValue { field: "description", rule }),
    }
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
