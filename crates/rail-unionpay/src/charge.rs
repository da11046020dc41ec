//! New orders: a code to show (01/07), a scanned code (01/06), a form for the payer's browser on a desktop or phone, and a
//! `tn` for the wallet's app (all three 01/01, or 02/01 where the money is only held).

use std::collections::BTreeMap;

use paifang_payment::{Doubt, NextAction, Pending, Presentation, Verb};
use paifang_rail::{Answer, Charge, Context, Order, OrderKind, Outcome, PayerCode, Plan, PlanError, Reply};

use crate::answer::{self, Asked, Heard, Unclear};
use crate::codes::Meaning;
use crate::descriptor::{QUICKPASS, Tells};
use crate::request::{Draft, Kind, Product};
use crate::{Settings, beijing};

/// `txnType` of a purchase.
pub(crate) const PURCHASE: &str = "01";

/// `txnType` of a hold (pre-authorisation).
pub(crate) const HOLD: &str = "02";

/// `txnSubType` of orders that wait for the payer on a page or in the app, paid or held.
const DIRECT: &str = "01";

const CODE_SCANNED: Kind = (PURCHASE, "06");
const CODE_SHOWN: Kind = (PURCHASE, "07");

/// `qrNo` has 1 to 20 digits.
const CODE_DIGITS_MAX: usize = 20;

/// Longest `tn` that is handed on, bytes. Seen are 21 digits.
const TN_BYTES_MAX: usize = 64;

/// Longest text that is shown as a code; a larger one would not fit into a legible QR code.
const QR_BYTES_MAX: usize = 512;

/// The message, or the form, that makes the order.
pub(crate) fn plan(settings: &Settings, charge: &Charge, cx: &Context<'_>) -> Result<Plan, PlanError> {
    if charge.wallet.as_str() != QUICKPASS {
        return Err(PlanError::Unsupported("this wallet"));
    }
    charge.must_allow_credit()?;
    let txn_type = txn_type(&charge.order).ok_or(PlanError::Unsupported("a charge of a capture"))?;
    match (charge.order.presentation, txn_type) {
        (Presentation::DesktopWeb | Presentation::MobileWeb, _) => {
            page(settings, charge, (txn_type, DIRECT), cx)
        }
        (Presentation::App, _) => app(settings, charge, (txn_type, DIRECT), cx),
        (Presentation::QrShown, PURCHASE) => code_shown(settings, &charge.order, cx),
        (Presentation::PayerCode, PURCHASE) => code_scanned(settings, charge, cx),
        (Presentation::QrShown | Presentation::PayerCode, _) => {
            Err(PlanError::Unsupported("a hold by this presentation"))
        }
        (Presentation::Jsapi | Presentation::MiniProgram, _) => {
            Err(PlanError::Unsupported("this presentation"))
        }
    }
}

/// What a new order of this kind is to UnionPay; captures are no orders of their own.
fn txn_type(order: &Order) -> Option<&'static str> {
    match order.kind {
        OrderKind::Payment => Some(PURCHASE),
        OrderKind::Hold => Some(HOLD),
        OrderKind::Capture => None,
    }
}

fn page(settings: &Settings, charge: &Charge, kind: Kind, cx: &Context<'_>) -> Result<Plan, PlanError> {
    allow(settings, kind)?;
    begin(settings, kind, &charge.order)?
        .put("frontUrl", cx.return_url)
        .put_back_url(cx)?
        .put("payTimeout", &beijing::text(charge.order.expires_at))
        .put("riskRateInfo", &goods(charge))
        .hand_off(cx.keys)
}

fn app(settings: &Settings, charge: &Charge, kind: Kind, cx: &Context<'_>) -> Result<Plan, PlanError> {
    allow(settings, kind)?;
    begin(settings, kind, &charge.order)?
        .put_back_url(cx)?
        .put("payTimeout", &beijing::text(charge.order.expires_at))
        .put("riskRateInfo", &goods(charge))
        .post_app(cx.keys)
}

fn allow(settings: &Settings, (txn_type, _): Kind) -> Result<(), PlanError> {
    let may = txn_type == PURCHASE || settings.holds;
    if may { Ok(()) } else { Err(PlanError::Unsupported("a hold by this account")) }
}

fn code_shown(settings: &Settings, order: &Order, cx: &Context<'_>) -> Result<Plan, PlanError> {
    begin(settings, CODE_SHOWN, order)?
        .put_back_url(cx)?
        .put("payTimeout", &beijing::text(order.expires_at))
        .post_back(cx.keys)
}

fn code_scanned(settings: &Settings, charge: &Charge, cx: &Context<'_>) -> Result<Plan, PlanError> {
    let rule = "the account's settings name no till";
    let terminal = settings.terminal_id.as_ref();
    let terminal = terminal.ok_or(PlanError::BadValue { field: "terminal_id", rule })?;
    let code = charge.payer_code.open(Tells).map(PayerCode::expose).filter(|code| is_payer_code(code));
    let rule = "the payer's code is up to 20 digits";
    let code = code.ok_or(PlanError::BadValue { field: "payer_code", rule })?;
    begin(settings, CODE_SCANNED, &charge.order)?
        .put("qrNo", code)
        .put("termId", terminal)
        .put_back_url(cx)?
        .post_back(cx.keys)
}

fn begin<'a>(settings: &'a Settings, kind: Kind, order: &Order) -> Result<Draft<'a>, PlanError> {
    let product = Product::of(order)?;
    let draft = Draft::of(settings, kind, product).put_channel(product);
    Ok(draft.put_name(&order.order_no, order.opened_at).put_amount(order.amount)?.put_currency())
}

fn is_payer_code(code: &str) -> bool {
    code.len() <= CODE_DIGITS_MAX && code.bytes().all(|byte| byte.is_ascii_digit())
}

/// The description as UnionPay's cashier shows it. Characters that mean something in the message become blanks, as its
/// documents advise against them and offer no escape.
fn goods(charge: &Charge) -> String {
    let description = charge.description.open(Tells).map_or("", String::as_str);
    let plain: String =
        description.chars().map(|c| if "&={}[]\"'<>".contains(c) { ' ' } else { c }).collect();
    match plain.trim() {
        "" => String::new(),
        name => format!("{{commodityName={name}}}"),
    }
}

/// What the reply to a new order means. A page has none.
pub(crate) fn read(settings: &Settings, charge: &Charge, reply: &Reply, cx: &Context<'_>) -> Answer {
    let order = &charge.order;
    let accepted = match order.presentation {
        Presentation::QrShown => show,
        Presentation::PayerCode => wait,
        Presentation::App => invoke,
        Presentation::DesktopWeb
        | Presentation::Jsapi
        | Presentation::MiniProgram
        | Presentation::MobileWeb => return no_such_call(),
    };
    let Some(txn_type) = txn_type(order) else { return no_such_call() };
    let asked = Asked { verb: Verb::Charge, order_no: &order.order_no, opened_at: order.opened_at, txn_type };
    let heard = match asked.hear(settings, reply, cx) {
        Ok(heard) => heard,
        Err(Unclear(doubt, case)) => return answer::doubt(Verb::Charge, doubt, case),
    };
    match heard.meaning {
        Meaning::Done => accepted(asked, order, heard),
        Meaning::Running if order.presentation.is_synchronous() => wait(asked, order, heard),
        Meaning::Running | Meaning::Unsure | Meaning::Depends | Meaning::Debited | Meaning::Absent => {
            asked.unsure(heard.code)
        }
        Meaning::Failed(word) | Meaning::Faulty(word) => {
            let message = heard.fields.get("respMsg").unwrap_or_default();
            asked.is(Outcome::refused(heard.proof, answer::reason(word), &heard.code, message), "refused")
        }
    }
}

fn no_such_call() -> Answer {
    answer::doubt(Verb::Charge, Doubt::Unreadable, "no_such_call")
}

/// What the wallet's SDK takes. Its answer to the merchant's app is a hint only.
fn invoke(asked: Asked<'_>, _order: &Order, heard: Heard) -> Answer {
    let plain = |tn: &&str| tn.len() <= TN_BYTES_MAX && tn.bytes().all(|byte| matches!(byte, 0x21..=0x7e));
    let Some(tn) = heard.fields.get("tn").filter(plain) else {
        return answer::doubt(Verb::Charge, Doubt::Unreadable, "no_tn");
    };
    let parameters = BTreeMap::from([("tn".to_owned(), tn.to_owned())]);
    let next_action = Some(NextAction::InvokeWallet { parameters });
    let pending = Pending { next_action, rail_ref: answer::rail_ref(&heard.fields) };
    asked.is(Outcome::pending(heard.proof, pending), "tn_made")
}

/// The code to show. It ends with the order's `payTimeout`; UnionPay states no shorter life of its own.
fn show(asked: Asked<'_>, order: &Order, heard: Heard) -> Answer {
    let content = heard.fields.get("qrCode").filter(|content| content.len() <= QR_BYTES_MAX);
    let Some(content) = content else {
        return answer::doubt(Verb::Charge, Doubt::Unreadable, "no_code");
    };
    let next_action = NextAction::ShowQr { content: content.to_owned(), expires_at: order.expires_at };
    let pending = Pending { next_action: Some(next_action), rail_ref: answer::rail_ref(&heard.fields) };
    asked.is(Outcome::pending(heard.proof, pending), "code_made")
}

/// A scanned code's charge is accepted, never done, by its reply.
fn wait(asked: Asked<'_>, _order: &Order, heard: Heard) -> Answer {
    let rail_ref = answer::rail_ref(&heard.fields);
    let pending = Pending { next_action: Some(NextAction::WaitForPayer), rail_ref };
    asked.is(Outcome::pending(heard.proof, pending), "accepted")
}
