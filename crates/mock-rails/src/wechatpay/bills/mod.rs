//! Bills: a request names the day, the answer has a link and the file's SHA-1, the link is good for five minutes.
//!
//! A day's bill shows the day as it was at its end, in China's time; it can be had from the next day's ten o'clock on,
//! for three months.

mod flow;
mod sheet;
mod tickets;
mod trade;

pub(super) use tickets::Tickets;

use std::io::Write as _;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::json;

use super::answers::{Answer, FileKind, china};
use super::api::{Done, parameter};
use super::refusals::Refusal;
use super::schema::{Kind, Rule, check_query};
use super::trades::{Entry, Moved, RefundState};
use super::{WechatPay, ids};
use crate::{BillKind, BillLine, RailRequest, locked};

use tickets::Ticket;
use trade::TradeBill;

/// The hour of the next day from which on a bill can be had.
const READY_HOUR: i8 = 10;

/// How far back bills go, in months.
const MONTHS_MAX: i32 = 3;

const DATE: Kind = Kind::Text { min: 10, max: 10, rule: Rule::Date };
const BILL_TYPE: Kind = Kind::Text {
    min: 1,
    max: 32,
    rule: Rule::OneOf(&[
        "ALL",
        "SUCCESS",
        "REFUND",
        "RECHARGE_REFUND",
        "ALL_SPECIAL",
        "SUC_SPECIAL",
        "REF_SPECIAL",
    ]),
};
const ACCOUNT_TYPE: Kind = Kind::Text { min: 1, max: 32, rule: Rule::OneOf(&["BASIC", "OPERATION", "FEES"]) };
const TAR_TYPE: Kind = Kind::Text { min: 1, max: 32, rule: Rule::OneOf(&["GZIP"]) };

/// One of China's days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Day {
    date: Date,
    from: Timestamp,
    until: Timestamp,
}

impl Day {
    fn of(date: Date) -> Option<Self> {
        let start = |date: Date| date.to_zoned(china()).ok().map(|zoned| zoned.timestamp());
        Some(Self { date, from: start(date)?, until: start(date.tomorrow().ok()?)? })
    }
}

impl WechatPay {
    pub(super) fn trade_bill(&self, request: &RailRequest, now: Timestamp) -> Result<Done, Refusal> {
        let day = asked_day(request.query(), now)?;
        let kind = one_of(request.query(), "bill_type", "账单类型", &BILL_TYPE)?;
        let packed = is_packed(request.query())?;
        let bill = match kind.as_deref() {
            None | Some("ALL") => TradeBill::All,
            Some("SUCCESS") => TradeBill::Success,
            Some("REFUND") => TradeBill::Refund,
            // No coupons are recharged here.
            Some("RECHARGE_REFUND") => return Err(no_bill()),
            Some(_) => return Err(Refusal::new(403, "NO_AUTH", "商户无权限下载该类型账单", 0)),
        };
        let file = {
            let state = locked(&self.state);
            trade::file(bill, &state.trades.movements(day.from, day.until), &self.keyring.keys.account.mchid)
        };
        self.link(request, file.ok_or_else(no_bill)?, packed, now)
    }

    pub(super) fn fund_flow_bill(&self, request: &RailRequest, now: Timestamp) -> Result<Done, Refusal> {
        let day = asked_day(request.query(), now)?;
        let account = one_of(request.query(), "account_type", "资金账户类型", &ACCOUNT_TYPE)?;
        let packed = is_packed(request.query())?;
        // All money of this merchant is in its basic account.
        if account.is_some_and(|account| account != "BASIC") {
            return Err(no_bill());
        }
        let file = {
            let state = locked(&self.state);
            let opening = flow::balance(&state.trades.movements(Timestamp::MIN, day.from));
            let entries = state.trades.movements(day.from, day.until);
            flow::file(&entries, opening, day.date, &self.keyring.keys.account.mchid)
        };
        self.link(request, file.ok_or_else(no_bill)?, packed, now)
    }

    /// The answer that leads to a file. The hash is of the file as it is before it is packed.
    fn link(
        &self,
        request: &RailRequest,
        file: Vec<u8>,
        packed: bool,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let hash = hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &file));
        let (bytes, kind) = if packed { (gzip(&file), FileKind::Gzip) } else { (file, FileKind::Text) };
        let token = ids::bill_token();
        let ticket = Ticket::new(self.keyring.keys.account.mchid.clone(), Bytes::from(bytes), kind, now);
        locked(&self.state).tickets.put(token.clone(), ticket, now);
        let suffix = if packed { "&tartype=gzip" } else { "" };
        let url = format!("{}/v3/billdownload/file?token={token}{suffix}", self.bench.base_of(request));
        Ok(Answer::json(&json!({"download_url": url, "hash_type": "SHA1", "hash_value": hash})).into())
    }

    pub(super) fn bill_file(&self, query: &str, now: Timestamp) -> Result<Done, Refusal> {
        let token = parameter(query, "token");
        check_query(
            "token",
            "账单下载token",
            token.as_deref(),
            &Kind::Text { min: 1, max: 6_000, rule: Rule::Any },
        )?;
        let (bytes, kind) = {
            let mut state = locked(&self.state);
            let ticket = state.tickets.find(&token.unwrap_or_default(), now);
            let ticket = ticket.ok_or_else(|| Refusal::invalid("账单下载token已失效，请重新申请账单"))?;
            if !ticket.is_of(&self.keyring.keys.account.mchid) {
                return Err(Refusal::new(403, "NO_AUTH", "无权限下载其他商户的账单", 0));
            }
            ticket.file()
        };
        Ok(Answer::File(bytes, kind).into())
    }

    /// The movements of a day as plain lines: those that the day's bill has as money.
    pub(super) fn plain_bill(&self, date: Date) -> Vec<BillLine> {
        self.settle(self.bench.clock.now());
        let Some(day) = Day::of(date) else { return Vec::new() };
        let state = locked(&self.state);
        let entries = state.trades.movements(day.from, day.until);
        trade::ordered(&entries).into_iter().filter_map(plain_line).collect()
    }
}

fn plain_line(entry: &Entry<'_>) -> Option<BillLine> {
    let (kind, refund_no, rail_ref, fen, fee_fen) = match entry.moved {
        Moved::Paid => {
            let fen = entry.order.body.amount.total;
            (BillKind::Payment, None, entry.payment.transaction_id.clone(), fen, entry.payment.fee_fen)
        }
        Moved::Refunded(_, RefundState::Closed) | Moved::Returned(_) => return None,
        Moved::Refunded(refund, RefundState::Processing | RefundState::Success | RefundState::Abnormal) => (
            BillKind::Refund,
            Some(refund.out_refund_no.clone()),
            refund.refund_id.clone(),
            refund.fen,
            -refund.fee_back_fen,
        ),
        Moved::Reversed(refund_id) => {
            let fen = entry.order.body.amount.total;
            (BillKind::Reversal, None, refund_id.to_owned(), fen, -entry.payment.fee_fen)
        }
    };
    let order_no = entry.order.body.out_trade_no.clone();
    Some(BillLine { kind, order_no, refund_no, rail_ref, fen, fee_fen, at: entry.at })
}

/// The day that is asked for, once its bill can be had.
fn asked_day(query: &str, now: Timestamp) -> Result<Day, Refusal> {
    let text = parameter(query, "bill_date");
    check_query("bill_date", "账单日期", text.as_deref(), &DATE)?;
    let day = text.and_then(|text| text.parse().ok()).and_then(Day::of);
    let out_of_range = || Refusal::invalid("账单日期超出可下载范围");
    let day = day.ok_or_else(out_of_range)?;
    let here = now.to_zoned(china());
    let oldest = here.date().checked_sub(MONTHS_MAX.months()).unwrap_or(Date::MIN);
    if day.date >= here.date() || day.date < oldest {
        return Err(out_of_range());
    }
    if day.date.tomorrow().is_ok_and(|next| next == here.date()) && here.hour() < READY_HOUR {
        return Err(Refusal::new(400, "STATEMENT_CREATING", "账单生成中，请稍后再试", 0));
    }
    Ok(day)
}

fn is_packed(query: &str) -> Result<bool, Refusal> {
    Ok(one_of(query, "tar_type", "压缩类型", &TAR_TYPE)?.is_some())
}

/// A parameter that may be left out.
fn one_of(query: &str, name: &str, title: &str, kind: &Kind) -> Result<Option<String>, Refusal> {
    let text = parameter(query, name);
    if text.is_some() {
        check_query(name, title, text.as_deref(), kind)?;
    }
    Ok(text)
}

fn no_bill() -> Refusal {
    Refusal::new(400, "NO_STATEMENT_EXIST", "账单文件不存在", 0)
}

fn gzip(file: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(file).and_then(|()| encoder.finish()).expect("memory takes every write")
}
