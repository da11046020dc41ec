//! Order strings: what a merchant's server signs and its app hands to the wallet. Nothing reaches the gateway before the
//! wallet opens the cashier with it, and the wallet's own result goes back to the app, signed.

use jiff::Timestamp;
use serde_json::Value;

use super::State;
use super::announce;
use super::answer::Inner;
use super::api::Method;
use super::biz::yuan;
use super::freeze::{self, Way};
use super::gateway;
use super::holds::Hold;
use super::keys::Keys;
use super::material::{Account, Material};
use super::time;
use super::trades::{Order, Product, Trade};
use super::wire::Params;

/// What an order string leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    Trade(String),
    Hold(String),
}

/// Whether a scanned text is an order string.
pub(super) fn is_order_string(text: &str) -> bool {
    let method = Params::of_form(text).ascii("method").and_then(Method::parse);
    method.is_some_and(Method::is_order_string)
}

/// Opens the cashier with an order string; refused with the sub_code that the wallet would show.
pub(super) fn open(
    state: &mut State,
    text: &str,
    material: &Material,
    now: Timestamp,
) -> Result<Opened, String> {
    let call = gateway::check(&Params::of_form(text), material, now).map_err(|refusal| {
        let (_, sub_code, _) = refusal.inner.texts();
        sub_code.to_owned()
    })?;
    let account = &material.account;
    match call.method {
        Method::AppPay => {
            let no = call.biz.text("out_trade_no").unwrap_or_default();
            announce::announce(&mut state.trades, &call, Product::App, account, "", now)
                .map(|_| Opened::Trade(no))
                .map_err(|sub| sub.0.to_owned())
        }
        Method::AppFreeze => freeze::announce(state, &call, account, Way::App, now)
            .map(|(no, _)| Opened::Hold(no))
            .map_err(|sub| sub.0.to_owned()),
        _ => Err("isv.invalid-method".to_owned()),
    }
}

/// What the app gets after a payment: the member `result` of resultStatus 9000.
pub(super) fn paid(order: &Order, trade: &Trade, account: &Account, keys: &Keys, now: Timestamp) -> String {
    let members = [
        ("code", "10000".to_owned()),
        ("msg", "Success".to_owned()),
        ("app_id", account.app_id.clone()),
        ("auth_app_id", account.app_id.clone()),
        ("charset", order.charset.name().to_owned()),
        ("timestamp", time::text(now)),
        ("out_trade_no", order.out_trade_no.clone()),
        ("total_amount", yuan(order.total_fen)),
        ("trade_no", trade.trade_no.clone()),
        ("seller_id", account.seller_id.clone()),
    ];
    let texts: Vec<String> =
        members.iter().map(|(name, value)| format!("\"{name}\":{}", Value::from(value.as_str()))).collect();
    signed(Method::AppPay, &format!("{{{}}}", texts.join(",")), keys)
}

/// What the app gets after its payer agreed to set money aside.
pub(super) fn frozen(hold: &Hold, account: &Account, keys: &Keys) -> Option<String> {
    let inner = freeze::frozen(Inner::success(), hold, hold.operations.first()?, account);
    Some(signed(Method::AppFreeze, &inner.json(), keys))
}

fn signed(method: Method, inner: &str, keys: &Keys) -> String {
    let (key, sign) = (gateway::response_key(Some(method.name())), keys.sign(inner.as_bytes()));
    format!("{{\"{key}\":{inner},\"sign\":\"{sign}\",\"sign_type\":\"RSA2\"}}")
}
