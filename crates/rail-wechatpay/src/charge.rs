//! Orders: a QR code to be shown (Native), or parameters for the bridge inside WeChat (JSAPI).

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use paifang_payment::{NextAction, Pending, Presentation, Verb};
use paifang_rail::{Answer, Charge, Context, Genuine, Order, Outcome, Plan, PlanError};
use serde::{Deserialize, Serialize};

use crate::descriptor::{CODE_LIFE_S, WECHATPAY};
use crate::request::{cut, fen, notify_url, plain_text, post, sign};
use crate::{Settings, answer, wire};

/// `description`, s127: characters in the pages, bytes in the live check.
const DESCRIPTION_BYTES_MAX: usize = 127;

/// Longest `code_url` that is handed on, bytes; a QR code holds little more. Seen are about 60.
const CODE_URL_BYTES_MAX: usize = 2048;

/// Documented maximum of `prepay_id`, bytes.
const PREPAY_ID_BYTES_MAX: usize = 64;

/// The body of both products. A member that one does not document is refused there, so `payer` is JSAPI's only.
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

#[derive(Serialize)]
struct Amount {
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
}

#[derive(Deserialize)]
struct Native {
    code_url: String,
}

#[derive(Deserialize)]
struct Prepaid {
    prepay_id: String,
}

/// The creation of an order. Repeated byte for byte while unpaid, it answers the same order with a fresh code.
pub(crate) fn plan(settings: &Settings, charge: &Charge, cx: &Context<'_>) -> Result<Plan, PlanError> {
    if charge.wallet.as_str() != WECHATPAY {
        return Err(PlanError::Unsupported("a charge of another wallet than wechatpay"));
    }
    let (target, payer) = match charge.order.presentation {
        Presentation::QrShown => ("/v3/pay/transactions/native", None),
        Presentation::Jsapi => {
            let rule = "the payer's openid under this appid";
            let payer = charge.payer.as_ref().ok_or(PlanError::BadValue { field: "payer", rule })?;
            ("/v3/pay/transactions/jsapi", Some(Payer { openid: payer.as_str() }))
        }
        Presentation::PayerCode
        | Presentation::MiniProgram
        | Presentation::App
        | Presentation::MobileWeb
        | Presentation::DesktopWeb => return Err(PlanError::Unsupported("a charge by this presentation")),
    };
    let order = NewOrder {
        appid: &settings.appid,
        mchid: &settings.mchid,
        description: cut(plain_text("description", &charge.description)?, DESCRIPTION_BYTES_MAX),
        out_trade_no: charge.order.order_no.as_str(),
        time_expire: wire::beijing(charge.order.expires_at),
        notify_url: notify_url(cx)?,
        amount: Amount { total: fen("amount", charge.order.amount)?, currency: "CNY" },
        payer,
        scene_info: charge.client_ip.map(|payer_client_ip| Scene { payer_client_ip }),
    };
    post(settings, target, &order, cx)
}

/// What the payer is asked to do.
pub(crate) fn read(
    settings: &Settings,
    charge: &Charge,
    body: &[u8],
    proof: Genuine,
    cx: &Context<'_>,
) -> Answer {
    let (next_action, case) = match charge.order.presentation {
        Presentation::QrShown => (show_code(&charge.order, body), "code_url"),
        Presentation::Jsapi => (invoke(settings, &charge.order, body, cx), "prepay_id"),
        Presentation::PayerCode
        | Presentation::MiniProgram
        | Presentation::App
        | Presentation::MobileWeb
        | Presentation::DesktopWeb => return answer::no_such_call(Verb::Charge),
    };
    let Some(next_action) = next_action else { return answer::unreadable(Verb::Charge) };
    let pending = Pending { next_action: Some(next_action), rail_ref: None };
    Answer::is(Outcome::pending(proof, pending), answer::rule(Verb::Charge, case))
}

fn show_code(order: &Order, body: &[u8]) -> Option<NextAction> {
    let Native { code_url } = wire::parse(body)?;
    if !visible(&code_url, CODE_URL_BYTES_MAX) {
        return None;
    }
    // Counted from our opening of the order, so never longer than the code's real life.
    let life_ends = order.opened_at.checked_add(SignedDuration::from_secs(i64::from(CODE_LIFE_S)));
    let expires_at = order.expires_at.min(life_ends.unwrap_or(Timestamp::MAX));
    Some(NextAction::ShowQr { content: code_url, expires_at })
}

/// The parameters of the bridge, signed by the merchant: app, time, nonce and package, a line each. The time is that of
/// the order, so that reading the same answer again gives the same parameters.
fn invoke(settings: &Settings, order: &Order, body: &[u8], cx: &Context<'_>) -> Option<NextAction> {
    let Prepaid { prepay_id } = wire::parse(body)?;
    if !visible(&prepay_id, PREPAY_ID_BYTES_MAX) {
        return None;
    }
    let timestamp = order.opened_at.as_second().to_string();
    let package = format!("prepay_id={prepay_id}");
    let message = format!("{}\n{timestamp}\n{}\n{package}\n", settings.appid, cx.nonce);
    let signature = sign(cx.keys, message.as_bytes()).ok()?;
    let parameters = [
        ("appId", settings.appid.clone()),
        ("timeStamp", timestamp),
        ("nonceStr", cx.nonce.to_owned()),
        ("package", package),
        ("signType", "RSA".to_owned()),
        ("paySign", signature),
    ];
    let parameters: BTreeMap<_, _> = parameters.map(|(name, value)| (name.to_owned(), value)).into();
    Some(NextAction::InvokeWallet { parameters })
}

fn visible(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, 0x21..=0x7e))
}
