//! Bills: every movement of money with its fee, by day or month in Beijing time, asked for by
//! `alipay.data.dataservice.bill.downloadurl.query` and fetched as a zip from an address that soon dies.
//!
//! A fee is the merchant's rate of the amount, half-up to the fen; refunds give it back in proportion, so that a trade
//! refunded in full costs nothing.

mod archive;
mod files;

use std::collections::VecDeque;

use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::Done;
use super::answer::{Inner, Sub};
use super::biz::Biz;
use super::material::Account;
use super::trades::{Order, RefundState, Trade, Trades};

/// One movement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) trade_no: String,
    pub(super) out_trade_no: String,
    /// The refund's number, when it is a refund.
    pub(super) out_request_no: Option<String>,
    pub(super) subject: String,
    pub(super) created: Timestamp,
    pub(super) done: Timestamp,
    pub(super) store_id: String,
    pub(super) operator_id: String,
    pub(super) terminal_id: String,
    /// More than zero for a payment, less for a refund.
    pub(super) fen: i64,
    /// Less than zero when it is charged, more when it is given back.
    pub(super) fee_fen: i64,
    pub(super) note: String,
}

/// All movements of the book, oldest first.
pub(super) fn lines(trades: &Trades, account: &Account) -> Vec<Line> {
    let mut all = Vec::new();
    for order in trades.orders() {
        if let Some(trade) = &order.trade {
            of_trade(order, trade, account, &mut all);
        }
    }
    all.sort_by_key(|line| line.done);
    all
}

fn of_trade(order: &Order, trade: &Trade, account: &Account, all: &mut Vec<Line>) {
    let Some(paid) = trade.paid else { return };
    let fee = share(order.total_fen, account.fee_per_10_000, 10_000);
    let line = Line {
        trade_no: trade.trade_no.clone(),
        out_trade_no: order.out_trade_no.clone(),
        out_request_no: None,
        subject: order.subject.clone(),
        created: trade.created,
        done: paid,
        store_id: order.store_id.clone().unwrap_or_default(),
        operator_id: order.operator_id.clone().unwrap_or_default(),
        terminal_id: order.terminal_id.clone().unwrap_or_default(),
        fen: order.total_fen,
        fee_fen: -fee,
        note: String::new(),
    };
    let (mut refunded, mut returned) = (0, 0);
    let moved = trade.refunds.iter().filter(|refund| refund.state == RefundState::Done);
    let refunds = moved.map(|refund| {
        refunded += refund.fen;
        let back = share(fee, refunded, order.total_fen);
        let fee_fen = back - returned;
        returned = back;
        Line {
            out_request_no: Some(refund.out_request_no.clone()),
            created: refund.at,
            done: refund.at,
            fen: -refund.fen,
            fee_fen,
            note: refund.reason.clone().unwrap_or_default(),
            ..line.clone()
        }
    });
    let refunds: Vec<Line> = refunds.collect();
    all.push(line);
    all.extend(refunds);
}

/// `amount * part / whole`, half-up.
fn share(amount: i64, part: i64, whole: i64) -> i64 {
    let exact = i128::from(amount) * i128::from(part);
    let whole = i128::from(whole.max(1));
    i64::try_from((exact * 2 + whole) / (whole * 2)).unwrap_or(i64::MAX)
}

/// What a bill covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    first: Date,
    /// The first day that is no longer in it.
    end: Date,
    monthly: bool,
}

/// Midnight at the start of a day in China.
fn midnight(day: Date) -> Option<Timestamp> {
    Offset::constant(8).to_timestamp(day.to_datetime(Time::midnight())).ok()
}

impl Period {
    /// One day.
    pub(super) fn day(first: Date) -> Option<Self> {
        Some(Self { first, end: first.tomorrow().ok()?, monthly: false })
    }

    /// `yyyy-MM-dd` or `yyyy-MM`, nothing looser.
    fn parse(text: &str) -> Option<Self> {
        if text.len() == 7 {
            let first: Date = format!("{text}-01").parse().ok()?;
            return Some(Self { first, end: first.checked_add(1.month()).ok()?, monthly: true });
        }
        let shape = text.len() == 10 && text.as_bytes().get(4) == Some(&b'-');
        Self::day(text.parse::<Date>().ok().filter(|_| shape)?)
    }

    fn holds(&self, at: Timestamp) -> bool {
        midnight(self.first).is_some_and(|from| at >= from) && midnight(self.end).is_some_and(|end| at < end)
    }

    /// A daily bill is ready at 09:00 of the next day, a monthly one at 09:00 of the third.
    fn ready(&self) -> Option<Timestamp> {
        let wait = SignedDuration::from_hours(if self.monthly { 2 * 24 + 9 } else { 9 });
        Some(midnight(self.end)? + wait)
    }

    /// `20240708` or `202407`.
    fn digits(&self) -> String {
        let format = if self.monthly { "%Y%m" } else { "%Y%m%d" };
        self.first.strftime(format).to_string()
    }
}

/// The movements of a period.
pub(super) fn lines_of(trades: &Trades, account: &Account, period: Period) -> Vec<Line> {
    lines(trades, account).into_iter().filter(|line| period.holds(line.done)).collect()
}

/// Which bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    /// Payments and refunds.
    Trade,
    /// Movements of the account.
    SignCustomer,
}

/// Addresses given out.
#[derive(Debug, Default)]
pub(super) struct Tickets(VecDeque<Ticket>);

#[derive(Debug)]
struct Ticket {
    token: String,
    kind: Type,
    period: Period,
    until: Timestamp,
}

/// An address lives half a minute.
const URL_LIFE: SignedDuration = SignedDuration::from_secs(30);
const TICKETS_MAX: usize = 1_000;
const YEARS_KEPT: i64 = 6;
const NOT_EXIST: Sub = Sub("isp.bill_not_exist", "账单不存在");
const BAD: Sub = Sub("isv.invalid_arguments", "参数不合法");

/// `alipay.data.dataservice.bill.downloadurl.query`. There is no bill of a day that is not over, nor of one before the
/// merchant's account was opened (`opened`); a day without movements has an empty file.
pub(super) fn url(
    tickets: &mut Tickets,
    trades: &Trades,
    biz: &Biz,
    account: &Account,
    (origin, opened): (&str, Timestamp),
    now: Timestamp,
) -> Done {
    Done::only(match issue(tickets, biz, opened, now) {
        Ok((kind, period, token)) => {
            let empty = lines_of(trades, account, period).is_empty();
            Inner::success()
                .with("bill_download_url", address(origin, account, kind, period, &token))
                .with_some("bill_file_code", empty.then_some("EMPTY_DATA_WITH_BILL_FILE"))
        }
        Err(sub) => Inner::failed(sub),
    })
}

fn issue(
    tickets: &mut Tickets,
    biz: &Biz,
    opened: Timestamp,
    now: Timestamp,
) -> Result<(Type, Period, String), Sub> {
    let kind = match biz.text("bill_type").as_deref() {
        Some("trade") => Type::Trade,
        Some("signcustomer") => Type::SignCustomer,
        // Documented types that this merchant has nothing of.
        Some("merchant_act" | "trade_zft_merchant" | "zft_acc" | "settlementMerge") => return Err(NOT_EXIST),
        Some(_) | None => return Err(BAD),
    };
    let period = biz.text("bill_date").and_then(|date| Period::parse(&date)).ok_or(BAD)?;
    let ready = period.ready().is_some_and(|ready| now >= ready);
    let begun = midnight(period.end).is_some_and(|end| end > opened);
    let kept = now.to_zoned(TimeZone::fixed(Offset::constant(8))).date().checked_sub(YEARS_KEPT.years());
    if !ready || !begun || kept.is_ok_and(|oldest| period.first < oldest) {
        return Err(NOT_EXIST);
    }
    let mut bytes = [0; 16];
    // The address must not be guessed; without random numbers there is none.
    crate::chance::fill(&mut bytes).map_err(|_| Sub("isp.unknow-error", "系统繁忙"))?;
    let token = hex::encode(bytes);
    if tickets.0.len() == TICKETS_MAX {
        tickets.0.pop_front();
    }
    tickets.0.push_back(Ticket { token: token.clone(), kind, period, until: now + URL_LIFE });
    Ok((kind, period, token))
}

/// The pid followed by `0156`: how bills name the account.
fn account_no(account: &Account) -> String {
    format!("{}0156", account.seller_id)
}

fn file_name(account: &Account, period: Period) -> String {
    format!("{}_{}.csv.zip", account_no(account), period.digits())
}

/// Imitates the parameters of the real address; only the token counts.
fn address(origin: &str, account: &Account, kind: Type, period: Period, token: &str) -> String {
    let word = match kind {
        Type::Trade => "trade",
        Type::SignCustomer => "signcustomer",
    };
    let (account_no, digits, name) = (account_no(account), period.digits(), file_name(account, period));
    format!(
        "{origin}{PATH}?bizType={word}&userId={account_no}&fileType=csv.zip&bizDates={digits}\
         &downloadFileName={name}&token={token}"
    )
}

/// Where bills are fetched.
pub(super) const PATH: &str = "/downloadBillFile.resource";

/// A bill's file name and bytes. `None` when the address is unknown or has died.
pub(super) fn download(
    tickets: &Tickets,
    trades: &Trades,
    account: &Account,
    token: &str,
    now: Timestamp,
) -> Option<(String, Vec<u8>)> {
    let ticket = tickets.0.iter().find(|ticket| ticket.token == token && now < ticket.until)?;
    let period = ticket.period;
    let frame =
        files::Frame { account_no: account_no(account), period, exported: period.ready().unwrap_or(now) };
    let entries = match ticket.kind {
        Type::Trade => files::trade(&frame, &lines_of(trades, account, period), account),
        Type::SignCustomer => files::signcustomer(&frame, &lines(trades, account), account),
    };
    Some((file_name(account, period), archive::zip(&entries, frame.exported)))
}

#[cfg(test)]
pub(super) use files::{Frame, trade};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_half_up() {
        for (amount, part, whole, wanted) in [
            (8888, 60, 10_000, 53),
            (53, 888, 8888, 5),
            (25, 60, 10_000, 0),
            (84, 60, 10_000, 1),
            (1, 1, 0, 1),
        ] {
            assert_eq!(share(amount, part, whole), wanted, "{amount} {part} {whole}");
        }
    }

    #[test]
    fn periods_are_days_or_months_and_ready_in_the_morning() {
        let at =
            |text: &str| Period::parse(text).and_then(|period| period.ready()).map(super::super::time::text);
        assert_eq!(at("2024-07-08").as_deref(), Some("2024-07-09 09:00:00"));
        assert_eq!(at("2024-12-31").as_deref(), Some("2025-01-01 09:00:00"));
        assert_eq!(at("2024-12").as_deref(), Some("2025-01-03 09:00:00"));
        for bad in ["", "2024", "20240708", "2024-7-8", "2024-02-30", "2024-13", "2024-07-08T", "+02024-7-"] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }
}
