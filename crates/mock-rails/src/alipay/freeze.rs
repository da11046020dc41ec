//! Pre-authorisation: freeze (by the payer's code), voucher (the payer scans), app freeze (order string), unfreeze,
//! query and cancel. Codes have no `ACQ.` before them.

use jiff::{SignedDuration, Timestamp};

use super::answer::{Inner, Sub};
use super::api::Call;
use super::biz::{Biz, yuan};
use super::holds::{Event, Hold, Kind, Operation, Status};
use super::material::Account;
use super::pay::{Wish, looks_like_code};
use super::time;
use super::trades::Pending;
use super::wallet::PAYER_TAKES;
use super::{Done, News, State};

const ILLEGAL_ARGUMENT: Sub = Sub("ILLEGAL_ARGUMENT", "参数异常");
const UNIQUE_VIOLATION: Sub = Sub("UNIQUE_VIOLATION", "请求违反幂等性校验");
const ALREADY_CLOSED: Sub = Sub("ORDER_ALREADY_CLOSED", "支付宝资金订单已经关闭");
const ALREADY_FINISH: Sub = Sub("ORDER_ALREADY_FINISH", "支付宝资金订单已经完结");
const ALREADY_SUCCESS: Sub = Sub("FREEZE_ALREADY_SUCCESS", "授权冻结已成功");
const CODE_INVALID: Sub = Sub("PAYMENT_AUTH_CODE_INVALID", "支付授权码无效");
const NOT_ENOUGH: Sub = Sub("MONEY_NOT_ENOUGH", "可用余额不足");
const USER_STATUS: Sub = Sub("PAYER_USER_STATUS_LIMIT", "付款方用户状态受限");
const NO_ORDER: Sub = Sub("AUTH_ORDER_NOT_EXIST", "支付宝资金授权订单不存在");
const NO_OPERATION: Sub = Sub("AUTH_OPERATION_NOT_EXIST", "支付宝资金操作流水不存在");
const EXCEED: Sub = Sub("REQUEST_AMOUNT_EXCEED", "请求金额超限");
const ILLEGAL_STATUS: Sub = Sub("ILLEGAL_STATUS", "状态异常");
const PAYEE_NOT_EXIST: Sub = Sub("PAYEE_NOT_EXIST", "收款方不存在");
const NO_INSTRUMENTS: Sub = Sub("NO_PAYMENT_INSTRUMENTS_AVAILABLE", "没用可用的支付工具");
const SYSTEM_ERROR: Sub = Sub("SYSTEM_ERROR", "系统繁忙");

/// How the payer gets to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Code,
    Voucher,
    App,
}

fn finish(done: Result<Done, Sub>) -> Done {
    done.unwrap_or_else(|sub| Done::only(Inner::failed(sub)))
}

/// `alipay.fund.auth.order.freeze`
pub(super) fn freeze(
    state: &mut State,
    call: &Call,
    account: &Account,
    magic: Option<Wish>,
    now: Timestamp,
) -> Done {
    finish(try_freeze(state, call, account, magic, now))
}

fn try_freeze(
    state: &mut State,
    call: &Call,
    account: &Account,
    magic: Option<Wish>,
    now: Timestamp,
) -> Result<Done, Sub> {
    let code = call.biz.text("auth_code").ok_or(ILLEGAL_ARGUMENT)?;
    let kind = call.biz.text("auth_code_type").ok_or(ILLEGAL_ARGUMENT)?;
    if !looks_like_code(&kind, &code) {
        return Err(CODE_INVALID);
    }
    let (no, fresh) = announce(state, call, account, Way::Code, now)?;
    if fresh {
        let outcome = state.codes.charge(&code, &no, now);
        match outcome.map(|outcome| magic.unwrap_or_else(|| Wish::of_code(outcome))) {
            Some(Wish::Pays) => {
                state.holds.freeze(&no, false, now).map_err(|_| ILLEGAL_STATUS)?;
            }
            Some(Wish::Thinks { pays }) => {
                state.holds.think(&no, Pending { due: now + PAYER_TAKES, pays }, now);
            }
            refused @ (None | Some(Wish::NoMoney | Wish::Risk)) => {
                state.holds.withdraw(&no);
                return Err(match refused {
                    None => CODE_INVALID,
                    Some(Wish::Risk) => USER_STATUS,
                    Some(_) => NOT_ENOUGH,
                });
            }
        }
    }
    let hold = state.holds.by_order(&no, now).ok_or(NO_ORDER)?;
    let news = (hold.frozen.is_some()).then(|| News::Hold(Box::new(hold.clone()), Event::Frozen));
    let inner = if hold.frozen.is_some() { Inner::success() } else { Inner::waiting() };
    let first = hold.operations.first().ok_or(NO_OPERATION)?;
    let inner = frozen(inner, hold, first, account);
    Ok(Done { inner, news: news.into_iter().collect() })
}

/// What freeze answers, and what the payer's app gets.
pub(super) fn frozen(inner: Inner, hold: &Hold, operation: &Operation, account: &Account) -> Inner {
    moved(inner, hold, operation)
        .with("payer_logon_id", account.buyer_logon_id.as_str())
        .with("payer_user_id", account.buyer_id.as_str())
}

fn moved(inner: Inner, hold: &Hold, operation: &Operation) -> Inner {
    let status = hold.outcome(operation);
    let at = if operation.kind == Kind::Freeze { hold.frozen } else { Some(operation.created) };
    inner
        .with("auth_no", hold.auth_no.as_str())
        .with("out_order_no", hold.out_order_no.as_str())
        .with("operation_id", operation.operation_id.as_str())
        .with("out_request_no", operation.out_request_no.as_str())
        .with("amount", yuan(operation.fen))
        .with("status", status)
        .with_some("gmt_trans", at.map(time::text))
        // Everybody's own money: nobody here has a credit line for deposits.
        .with("fund_amount", yuan(operation.fen))
        .with("credit_amount", "0.00")
}

/// Announces a pre-authorisation, or finds it when the same request comes again; says whether it is a new one.
pub(super) fn announce(
    state: &mut State,
    call: &Call,
    account: &Account,
    way: Way,
    now: Timestamp,
) -> Result<(String, bool), Sub> {
    let biz = &call.biz;
    let fits = |no: &String| no.len() <= 64 && no.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let no = biz.text("out_order_no").filter(fits).ok_or(ILLEGAL_ARGUMENT)?;
    let out_request_no = biz.text("out_request_no").filter(fits).ok_or(ILLEGAL_ARGUMENT)?;
    let fen = biz.fen("amount").ok_or(ILLEGAL_ARGUMENT)?;
    let title = biz.text("order_title").filter(|t| t.chars().count() <= 100).ok_or(ILLEGAL_ARGUMENT)?;
    let product_code = product(biz, way)?;
    if biz.text("payee_user_id").is_some_and(|payee| payee != account.seller_id) {
        return Err(PAYEE_NOT_EXIST);
    }
    channels(biz)?;
    if let Some(hold) = state.holds.by_order(&no, now) {
        return repeated(hold, biz).map(|()| (no, false));
    }
    if state.holds.is_full() {
        return Err(SYSTEM_ERROR);
    }
    let numbers = &mut state.trades.numbers;
    let entrance = (way == Way::Voucher).then(|| format!("https://qr.alipay.com/{}", numbers.token()));
    let first = Operation {
        operation_id: numbers.operation_id(now),
        out_request_no,
        kind: Kind::Freeze,
        fen,
        created: now,
        remark: None,
        notify_url: call.notify_url.clone(),
    };
    state.holds.put(Hold {
        auth_no: numbers.auth_no(now),
        out_order_no: no.clone(),
        product_code,
        title,
        extra_param: biz.text("extra_param"),
        members: terms(biz),
        fen,
        charset: call.charset,
        entrance,
        expires: expiry(biz, now)?,
        status: Status::Init,
        opened: way == Way::Code,
        frozen: None,
        pending: None,
        operations: vec![first],
        told: Vec::new(),
    });
    Ok((no, true))
}

/// What a deposit may come from: JSON text of `[{"payChannelType":…}]`. The payer of this world has a money fund and
/// Huabei, but no credit that stands for a deposit.
fn channels(biz: &Biz) -> Result<(), Sub> {
    let (enabled, disabled) = (biz.text("enable_pay_channels"), biz.text("disable_pay_channels"));
    if enabled.is_some() && disabled.is_some() {
        return Err(ILLEGAL_ARGUMENT);
    }
    let Some(text) = enabled else { return Ok(()) };
    let list: Vec<serde_json::Value> = serde_json::from_str(&text).map_err(|_| ILLEGAL_ARGUMENT)?;
    let usable = |channel: &serde_json::Value| {
        matches!(channel["payChannelType"].as_str(), Some("MONEY_FUND" | "PCREDIT_PAY"))
    };
    if list.iter().any(usable) { Ok(()) } else { Err(NO_INSTRUMENTS) }
}

fn product(biz: &Biz, way: Way) -> Result<String, Sub> {
    let default = if way == Way::App { "PRE_AUTH_ONLINE" } else { "PRE_AUTH" };
    let code = biz.text("product_code").unwrap_or_else(|| default.to_owned());
    if code == default { Ok(code) } else { Err(ILLEGAL_ARGUMENT) }
}

fn terms(biz: &Biz) -> serde_json::Value {
    let mut members = biz.whole().clone();
    if let Some(members) = members.as_object_mut() {
        members.remove("auth_code");
        members.remove("auth_code_type");
        members.remove("notify_url");
    }
    members
}

fn repeated(hold: &Hold, biz: &Biz) -> Result<(), Sub> {
    if hold.members != terms(biz) {
        return Err(UNIQUE_VIOLATION);
    }
    match hold.status {
        Status::Init => Ok(()),
        Status::Authorized => Err(ALREADY_SUCCESS),
        Status::Finish => Err(ALREADY_FINISH),
        Status::Closed => Err(ALREADY_CLOSED),
    }
}

fn expiry(biz: &Biz, now: Timestamp) -> Result<Timestamp, Sub> {
    match biz.text("pay_timeout").or_else(|| biz.text("timeout_express")) {
        Some(written) => time::timeout(&written, now).ok_or(ILLEGAL_ARGUMENT),
        None => Ok(now + SignedDuration::from_mins(15)),
    }
}

/// `alipay.fund.auth.order.voucher.create`
pub(super) fn voucher(state: &mut State, call: &Call, account: &Account, now: Timestamp) -> Done {
    let made = announce(state, call, account, Way::Voucher, now).and_then(|(no, _)| {
        let hold = state.holds.by_order(&no, now).ok_or(NO_ORDER)?;
        let code = hold.entrance.clone().ok_or(NO_ORDER)?;
        // The picture's address is documented as an example only.
        let picture =
            format!("https://mobilecodec.alipay.com/show.htm?code={}", code.rsplit('/').next().unwrap_or(""));
        Ok(Done::only(
            Inner::success()
                .with("out_order_no", no)
                .with_some("out_request_no", call.biz.text("out_request_no"))
                .with("code_type", "qrCode")
                .with("code_value", code)
                .with("code_url", picture),
        ))
    });
    finish(made)
}

/// `alipay.fund.auth.order.unfreeze`: idempotent by out_request_no.
pub(super) fn unfreeze(state: &mut State, call: &Call, now: Timestamp) -> Done {
    finish(try_unfreeze(state, call, now))
}

fn try_unfreeze(state: &mut State, call: &Call, now: Timestamp) -> Result<Done, Sub> {
    let biz = &call.biz;
    let out_request_no = biz.text("out_request_no").filter(|no| no.len() <= 64).ok_or(ILLEGAL_ARGUMENT)?;
    let fen = biz.fen("amount").ok_or(ILLEGAL_ARGUMENT)?;
    let auth_no = biz.text("auth_no").ok_or(ILLEGAL_ARGUMENT)?;
    let operation_id = state.trades.numbers.operation_id(now);
    let hold = state.holds.by_auth(&auth_no, now).filter(|hold| hold.opened).ok_or(NO_ORDER)?;
    if let Some(before) = hold.operations.iter().find(|operation| operation.out_request_no == out_request_no)
    {
        if before.kind != Kind::Unfreeze || before.fen != fen {
            return Err(UNIQUE_VIOLATION);
        }
        return Ok(Done::only(moved(Inner::success(), hold, before)));
    }
    match hold.status {
        Status::Authorized => {}
        Status::Init => return Err(ILLEGAL_STATUS),
        Status::Finish => return Err(ALREADY_FINISH),
        Status::Closed => return Err(ALREADY_CLOSED),
    }
    if fen > hold.rest_fen() {
        return Err(EXCEED);
    }
    let operation = Operation {
        operation_id,
        out_request_no,
        kind: Kind::Unfreeze,
        fen,
        created: now,
        remark: biz.text("remark"),
        notify_url: call.notify_url.clone(),
    };
    hold.release(operation.clone());
    let inner = moved(Inner::success(), hold, &operation);
    let event = Event::Unfrozen { operation_id: operation.operation_id };
    Ok(Done { inner, news: vec![News::Hold(Box::new(hold.clone()), event)] })
}

/// The hold and the movement that a query or a cancel names.
fn find<'a>(state: &'a mut State, biz: &Biz, now: Timestamp) -> Result<(&'a mut Hold, Operation), Sub> {
    let hold = match (biz.text("auth_no"), biz.text("out_order_no")) {
        (Some(auth_no), _) => state.holds.by_auth(&auth_no, now),
        (None, Some(no)) => state.holds.by_order(&no, now),
        (None, None) => return Err(ILLEGAL_ARGUMENT),
    };
    let hold = hold.filter(|hold| hold.opened).ok_or(NO_OPERATION)?;
    let kind = biz.text("operation_type");
    let (id, request) = (biz.text("operation_id"), biz.text("out_request_no"));
    let named = |operation: &&Operation| match (&id, &request) {
        (Some(id), _) => operation.operation_id == *id,
        (None, Some(no)) => operation.out_request_no == *no,
        (None, None) => false,
    };
    if id.is_none() && request.is_none() {
        return Err(ILLEGAL_ARGUMENT);
    }
    let fits = |operation: &&Operation| kind.as_deref().is_none_or(|kind| kind == operation.kind.word());
    let operation = hold.operations.iter().filter(fits).find(named).cloned().ok_or(NO_OPERATION)?;
    Ok((hold, operation))
}

/// `alipay.fund.auth.operation.detail.query`
pub(super) fn query(state: &mut State, biz: &Biz, account: &Account, now: Timestamp) -> Done {
    finish(find(state, biz, now).map(|(hold, operation)| {
        Done::only(
            frozen(Inner::success(), hold, &operation, account)
                .with("order_title", hold.title.as_str())
                .with("order_status", hold.status.word())
                .with("operation_type", operation.kind.word())
                .with("total_freeze_amount", yuan(hold.held_fen()))
                .with("total_unfreeze_amount", yuan(hold.released_fen()))
                .with("total_pay_amount", yuan(hold.captured_fen()))
                .with("rest_amount", yuan(hold.rest_fen()))
                .with("gmt_create", time::text(operation.created))
                .with_some("extra_param", hold.extra_param.as_deref())
                .with_some("remark", operation.remark.as_deref()),
        )
    }))
}

/// `alipay.fund.auth.operation.cancel`: closes what is not authorised, sets free what is. Once something was paid out of
/// it, it can no longer be undone (unconfirmed, but it follows from the name).
pub(super) fn cancel(state: &mut State, call: &Call, now: Timestamp) -> Done {
    finish(try_cancel(state, call, now))
}

fn try_cancel(state: &mut State, call: &Call, now: Timestamp) -> Result<Done, Sub> {
    let operation_id = state.trades.numbers.operation_id(now);
    let (hold, first) = find(state, &call.biz, now)?;
    if first.kind != Kind::Freeze {
        return Err(ILLEGAL_ARGUMENT);
    }
    let told = |action: &'static str| {
        Inner::success()
            .with("action", action)
            .with("auth_no", hold.auth_no.as_str())
            .with("out_order_no", hold.out_order_no.as_str())
            .with("operation_id", first.operation_id.as_str())
            .with("out_request_no", first.out_request_no.as_str())
    };
    let (close, unfreeze) = (told("close"), told("unfreeze"));
    let undone = hold.released_fen() == hold.fen && hold.captured_fen() == 0;
    match hold.status {
        Status::Init | Status::Closed => {
            (hold.status, hold.pending) = (Status::Closed, None);
            Ok(Done::only(close))
        }
        Status::Finish if undone => Ok(Done::only(unfreeze)),
        Status::Authorized if hold.operations.len() == 1 => {
            let release = Operation {
                operation_id: operation_id.clone(),
                out_request_no: operation_id.clone(),
                kind: Kind::Unfreeze,
                fen: hold.fen,
                created: now,
                remark: call.biz.text("remark"),
                notify_url: call.notify_url.clone(),
            };
            hold.release(release);
            let news = vec![News::Hold(Box::new(hold.clone()), Event::Unfrozen { operation_id })];
            Ok(Done { inner: unfreeze, news })
        }
        Status::Authorized => Err(ILLEGAL_STATUS),
        Status::Finish => Err(ALREADY_FINISH),
    }
}
