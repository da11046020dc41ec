//! `alipay.trade.pay`: the merchant charges a code that the payer shows, or money that was set aside before.
//!
//! What comes of a code is decided when it is issued ([`crate::CodeOutcome`]): paid at once (10000), refused, or the
//! payer is asked (10003) and pays or turns away after [`PAYER_TAKES`]; then the trade is paid or closed.

use jiff::Timestamp;

use super::announce::{announce, number};
use super::answer::{Inner, Sub, acq};
use super::api::Call;
use super::biz::yuan;
use super::holds;
use super::material::Account;
use super::notify::Event;
use super::orders::with_four_amounts;
use super::time;
use super::trades::{Order, Pending, Product, Trade};
use super::wallet::PAYER_TAKES;
use super::{Done, News, State};
use crate::CodeOutcome;
use crate::magic::Mood;

/// What comes of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Paid at once.
    Pays,
    /// Refused: there is no money.
    NoMoney,
    /// Refused by risk control.
    Risk,
    /// The payer is asked first.
    Thinks { pays: bool },
}

impl Wish {
    /// What an amount asks for, whatever the code was issued for.
    pub(super) fn of_mood(mood: Mood) -> Option<Self> {
        match mood {
            Mood::Declined => Some(Self::NoMoney),
            Mood::Risk => Some(Self::Risk),
            Mood::PendingThenPaid => Some(Self::Thinks { pays: true }),
            Mood::PendingThenDeclined => Some(Self::Thinks { pays: false }),
            // The work is done as usual, or not at all; the answer says otherwise.
            Mood::Unsure | Mood::RateLimited => None,
            Mood::RefundNotEnough | Mood::RefundSlow | Mood::RefundFails => None,
        }
    }

    pub(super) fn of_code(outcome: CodeOutcome) -> Self {
        match outcome {
            CodeOutcome::Pays => Self::Pays,
            CodeOutcome::Declines => Self::NoMoney,
            CodeOutcome::PendingThenPays => Self::Thinks { pays: true },
            CodeOutcome::PendingThenDeclines => Self::Thinks { pays: false },
        }
    }
}

/// `alipay.trade.pay`; `magic` is what the amount alone asks for.
pub(super) fn pay(
    state: &mut State,
    call: &Call,
    account: &Account,
    magic: Option<Wish>,
    now: Timestamp,
) -> Done {
    let done = if call.biz.text("auth_no").is_some() {
        capture(state, call, account, now)
    } else {
        charge(state, call, account, magic, now)
    };
    done.unwrap_or_else(|sub| Done::only(failed(sub, call)))
}

/// A refusal carries the order's number and four amounts of nothing.
fn failed(sub: Sub, call: &Call) -> Inner {
    let inner = Inner::failed(sub).with_some("out_trade_no", call.biz.text("out_trade_no"));
    if inner.is_business() { with_four_amounts(inner, "0.00".to_owned()) } else { Inner::failed(sub) }
}

/// Whether a text has the shape of a payer's code for the scene.
pub(super) fn looks_like_code(scene: &str, code: &str) -> bool {
    match scene {
        "bar_code" => {
            let head = code.get(..2).is_some_and(|head| ("25"..="30").contains(&head));
            head && (16..=24).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit())
        }
        "security_code" => code.len() == 35 && code.starts_with("fp"),
        _ => false,
    }
}

fn charge(
    state: &mut State,
    call: &Call,
    account: &Account,
    magic: Option<Wish>,
    now: Timestamp,
) -> Result<Done, Sub> {
    let biz = &call.biz;
    let no = number(biz)?;
    let scene = biz.text("scene").unwrap_or_else(|| "bar_code".to_owned());
    if !matches!(scene.as_str(), "bar_code" | "security_code") {
        return Err(acq::INVALID_PARAMETER);
    }
    let code = biz.text("auth_code").ok_or(acq::INVALID_PARAMETER)?;
    if !looks_like_code(&scene, &code) {
        return Err(acq::CODE_INVALID);
    }
    let fresh = announce(&mut state.trades, call, Product::Code, account, "", now)?;
    // The same request again, while the payer is still asked: the same answer, and no second charge of a code.
    if !fresh && state.trades.by_number(&no, now).is_some_and(|order| order.pending.is_some()) {
        return answered(state, &no, account, Vec::new(), now);
    }
    let outcome = state.codes.charge(&code, &no, now);
    let wish = outcome.map(|outcome| magic.unwrap_or_else(|| Wish::of_code(outcome)));
    match wish {
        None => {
            state.trades.withdraw(&no);
            Err(acq::CODE_INVALID)
        }
        Some(Wish::NoMoney) => {
            state.trades.withdraw(&no);
            Err(acq::BALANCE_NOT_ENOUGH)
        }
        Some(Wish::Risk) => {
            state.trades.withdraw(&no);
            Err(acq::HAS_RISK)
        }
        Some(Wish::Pays) => {
            let order = state.trades.pay(&no, false, now).map_err(|_| acq::TRADE_STATUS_ERROR)?.clone();
            answered(state, &no, account, vec![News::Trade(Box::new(order), Event::Paid)], now)
        }
        Some(Wish::Thinks { pays }) => {
            ask(state, &no, pays, now)?;
            answered(state, &no, account, Vec::new(), now)
        }
    }
}

fn ask(state: &mut State, no: &str, pays: bool, now: Timestamp) -> Result<(), Sub> {
    state.trades.open(no, now).map_err(|_| acq::TRADE_STATUS_ERROR)?;
    state.trades.think(no, Pending { due: now + PAYER_TAKES, pays });
    Ok(())
}

/// 10000 for a paid order, 10003 for one whose payer is asked.
fn answered(
    state: &mut State,
    no: &str,
    account: &Account,
    news: Vec<News>,
    now: Timestamp,
) -> Result<Done, Sub> {
    let order = state.trades.by_number(no, now).ok_or(acq::TRADE_NOT_EXIST)?;
    let trade = order.trade.clone().ok_or(acq::TRADE_NOT_EXIST)?;
    Ok(Done { inner: paid_or_waiting(order, &trade, account), news })
}

fn paid_or_waiting(order: &Order, trade: &Trade, account: &Account) -> Inner {
    let total = yuan(order.total_fen);
    let (inner, told) = match trade.paid {
        Some(_) => (Inner::success(), total.clone()),
        None => (Inner::waiting(), "0.00".to_owned()),
    };
    with_four_amounts(inner, told)
        .with("buyer_logon_id", account.buyer_logon_id.as_str())
        .with("buyer_user_id", order.buyer_id(account))
        .with("out_trade_no", order.out_trade_no.as_str())
        .with("total_amount", total)
        .with("trade_no", trade.trade_no.as_str())
        .with_some("gmt_payment", trade.paid.map(time::text))
        .with_some("fund_bill_list", trade.paid.map(|_| order.funds.bill_list(order.total_fen)))
}

/// Pays out of a pre-authorisation; `auth_confirm_mode` COMPLETE sets the rest free.
fn capture(state: &mut State, call: &Call, account: &Account, now: Timestamp) -> Result<Done, Sub> {
    let biz = &call.biz;
    let no = number(biz)?;
    let auth_no = biz.text("auth_no").ok_or(acq::INVALID_PARAMETER)?;
    let fen = biz.fen("total_amount").ok_or(acq::INVALID_PARAMETER)?;
    let complete = match biz.text("auth_confirm_mode").as_deref() {
        Some("COMPLETE") => true,
        None | Some("NOT_COMPLETE") => false,
        Some(_) => return Err(acq::INVALID_PARAMETER),
    };
    // A number that was paid before is told so, whatever became of the hold since.
    let known = state.trades.by_number(&no, now).is_some();
    let fits = state.holds.capturable(&auth_no, fen, biz, account, now);
    if !known {
        fits?;
    }
    announce(&mut state.trades, call, Product::Hold, account, "", now)?;
    let order = state.trades.pay(&no, false, now).map_err(|_| acq::TRADE_STATUS_ERROR)?.clone();
    let mut news = vec![News::Trade(Box::new(order), Event::Paid)];
    let released = state.holds.capture(&auth_no, &no, fen, complete, &mut state.trades.numbers, now);
    if let Some((hold, operation_id)) = released {
        news.push(News::Hold(Box::new(hold), holds::Event::Unfrozen { operation_id }));
    }
    answered(state, &no, account, news, now)
}
