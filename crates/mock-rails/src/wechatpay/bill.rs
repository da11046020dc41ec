//! The bills: trade and fund flow, by the calendar day in China, ready at ten on the next one.
//!
//! UTF-8 with a byte order mark, CRLF, a backtick before every value of a row; header rows are bare. A comma in a value is a
//! backslash and a space, a line break is escaped.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::answers::china_format;
use super::files::Account;
use super::trades::{Order, Refund, RefundState, Trades};
use crate::{BillKind, BillLine};

/// Bills of more days ago are gone: three months.
const DAYS_MAX: i64 = 92;
/// The hour of the next day from which on a bill is there.
const READY_HOUR: i64 = 10;
/// How long a download address lives.
pub(super) const ADDRESS_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// Which bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    All,
    Success,
    Refund,
    Funds,
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoBill {
    /// Today, the future, or too long ago.
    BadDay,
    /// Before ten o'clock.
    NotYet,
    /// Nothing moved.
    Empty,
}

/// The file as it is downloaded, before packing.
pub(super) fn file(
    trades: &Trades,
    account: &Account,
    kind: Kind,
    day: Date,
    now: Timestamp,
) -> Result<Vec<u8>, NoBill> {
    let today = now.to_zoned(china()).date();
    let age = day.until(today).map_or(0, |span| i64::from(span.get_days()));
    if !(1..=DAYS_MAX).contains(&age) {
        return Err(NoBill::BadDay);
    }
    let next = day.tomorrow().map_err(|_| NoBill::BadDay)?;
    let ready = midnight(next) + SignedDuration::from_hours(READY_HOUR);
    if now < ready {
        return Err(NoBill::NotYet);
    }
    let moved = movements(trades, account, day);
    let rows: Vec<&Movement<'_>> = moved.iter().filter(|movement| movement.is_on(kind)).collect();
    if rows.is_empty() {
        return Err(NoBill::Empty);
    }
    Ok(match kind {
        Kind::Funds => funds(&rows, account, day),
        Kind::All | Kind::Success | Kind::Refund => trade(&rows, account, kind),
    })
}

/// The lines behind the bills of a day.
pub(super) fn lines(trades: &Trades, account: &Account, day: Date) -> Vec<BillLine> {
    movements(trades, account, day).into_iter().map(|movement| movement.line()).collect()
}

/// SHA-1 of the unpacked file, lower-case hex.
pub(super) fn sha1(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes))
}

/// As `tar_type=GZIP` delivers it.
pub(super) fn packed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    use std::io::Write as _;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes)?;
    gzip.finish()
}

/// Money that moved.
enum Movement<'a> {
    Paid(&'a Order, i64),
    Back(&'a Refund, &'a Order, i64),
    Reversed(&'a Order, i64),
}

fn china() -> TimeZone {
    TimeZone::fixed(Offset::constant(8))
}

fn midnight(day: Date) -> Timestamp {
    day.to_zoned(china()).map_or(Timestamp::MAX, |at| at.timestamp())
}

fn movements<'a>(trades: &'a Trades, account: &Account, day: Date) -> Vec<Movement<'a>> {
    let on_day = |at: Timestamp| at.to_zoned(china()).date() == day;
    let mut moved = Vec::new();
    for order in trades.all() {
        let Some(payment) = &order.payment else { continue };
        let fee = fee_of(order.body.amount.total, account);
        if on_day(payment.paid_at) {
            moved.push(Movement::Paid(order, fee));
        }
        if order.reversed_at.is_some_and(on_day) {
            moved.push(Movement::Reversed(order, -fee));
        }
        let mut refunds: Vec<&Refund> = trades.refunds_of(order).collect();
        refunds.sort_by_key(|refund| refund.created_at);
        let (mut back, mut returned) = (0, 0);
        for refund in refunds.into_iter().filter(|refund| refund.state != RefundState::Closed) {
            back += refund.fen;
            let share = part(fee, back, order.body.amount.total);
            // A refund stands on the bill of the day on which it was accepted.
            if on_day(refund.created_at) {
                moved.push(Movement::Back(refund, order, returned - share));
            }
            returned = share;
        }
    }
    moved.sort_by_key(Movement::at);
    moved
}

fn fee_of(fen: i64, account: &Account) -> i64 {
    part(fen, account.fee_per_10_000, 10_000)
}

/// `amount * share / whole`, half-up.
fn part(amount: i64, share: i64, whole: i64) -> i64 {
    let (exact, whole) = (i128::from(amount) * i128::from(share), i128::from(whole.max(1)));
    i64::try_from((exact * 2 + whole) / (whole * 2)).unwrap_or(i64::MAX)
}

impl Movement<'_> {
    fn at(&self) -> Timestamp {
        match self {
            Self::Paid(order, _) => order.payment.as_ref().map_or(Timestamp::MIN, |payment| payment.paid_at),
            Self::Back(refund, _, _) => refund.created_at,
            Self::Reversed(order, _) => order.reversed_at.unwrap_or(Timestamp::MIN),
        }
    }

    fn order(&self) -> &Order {
        match self {
            Self::Paid(order, _) | Self::Back(_, order, _) | Self::Reversed(order, _) => order,
        }
    }

    /// Positive when charged, negative when given back.
    fn fee(&self) -> i64 {
        match self {
            Self::Paid(_, fee) | Self::Back(_, _, fee) | Self::Reversed(_, fee) => *fee,
        }
    }

    fn fen(&self) -> i64 {
        match self {
            Self::Paid(order, _) | Self::Reversed(order, _) => order.body.amount.total,
            Self::Back(refund, _, _) => refund.fen,
        }
    }

    fn is_on(&self, kind: Kind) -> bool {
        match (kind, self) {
            (Kind::All | Kind::Funds, _) => true,
            (Kind::Success, Self::Paid(..)) => true,
            (Kind::Success, Self::Back(..) | Self::Reversed(..)) => false,
            (Kind::Refund, Self::Paid(..)) => false,
            (Kind::Refund, Self::Back(..) | Self::Reversed(..)) => true,
        }
    }

    fn transaction_id(&self) -> String {
        self.order().payment.as_ref().map(|payment| payment.transaction_id.clone()).unwrap_or_default()
    }

    fn line(&self) -> BillLine {
        let (kind, refund_no, rail_ref) = match self {
            Self::Paid(..) => (BillKind::Payment, None, self.transaction_id()),
            Self::Back(refund, _, _) => {
                (BillKind::Refund, Some(refund.out_refund_no.clone()), refund.refund_id.clone())
            }
            Self::Reversed(..) => (BillKind::Reversal, None, self.transaction_id()),
        };
        BillLine {
            kind,
            order_no: self.order().body.out_trade_no.clone(),
            refund_no,
            rail_ref,
            fen: self.fen(),
            fee_fen: self.fee(),
            at: self.at(),
        }
    }

    /// The 27 values of the trade bill.
    fn row(&self, account: &Account) -> Vec<String> {
        let order = self.order();
        let yuan = |fen: i64| yuan(fen);
        let (state, settled, back, refund) = match self {
            Self::Paid(..) => ("SUCCESS", self.fen(), 0, None),
            Self::Back(refund, _, _) => ("REFUND", 0, refund.fen, Some(*refund)),
            Self::Reversed(..) => ("REVOKED", 0, self.fen(), None),
        };
        let openid = order.payment.as_ref().map(|payment| payment.openid.clone()).unwrap_or_default();
        let device = order.body.scene_info.as_ref().and_then(|scene| scene.device_id.clone());
        let values = [
            china_format(self.at(), "%Y-%m-%d %H:%M:%S"),
            order.body.appid.clone(),
            order.body.mchid.clone(),
            "0".to_owned(),
            device.unwrap_or_default(),
            self.transaction_id(),
            order.body.out_trade_no.clone(),
            openid,
            order.product.word().to_owned(),
            state.to_owned(),
            "OTHERS".to_owned(),
            "CNY".to_owned(),
            yuan(settled),
            "0.00".to_owned(),
            refund.map_or("0".to_owned(), |refund| refund.refund_id.clone()),
            refund.map_or("0".to_owned(), |refund| refund.out_refund_no.clone()),
            yuan(back),
            "0.00".to_owned(),
            refund.map_or(String::new(), |_| "ORIGINAL".to_owned()),
            refund.map_or(String::new(), |refund| status(refund.state).to_owned()),
            order.body.description.clone(),
            order.body.attach.clone(),
            format!("{}000", yuan(self.fee())),
            format!("{}%", yuan(account.fee_per_10_000)),
            yuan(settled),
            yuan(back),
            String::new(),
        ];
        values.into_iter().map(|value| escaped(&value)).collect()
    }
}

/// The word of the bill, which is not that of the API.
fn status(state: RefundState) -> &'static str {
    match state {
        RefundState::Processing => "PROCESSING",
        RefundState::Success => "SUCCESS",
        RefundState::Abnormal => "CHANGE",
        RefundState::Closed => "FAIL",
    }
}

const TRADE: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,\
                     货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,\
                     商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const TRADE_SUM: &str =
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";
const FUNDS: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号";
const FUNDS_SUM: &str = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额";

/// Columns that `SUCCESS` drops, from 0: those about refunds.
const REFUND_COLUMNS: [usize; 7] = [14, 15, 16, 17, 18, 19, 25];

fn trade(rows: &[&Movement<'_>], account: &Account, kind: Kind) -> Vec<u8> {
    let kept = |index: usize| kind != Kind::Success || !REFUND_COLUMNS.contains(&index);
    let mut header: Vec<&str> =
        TRADE.split(',').enumerate().filter(|(index, _)| kept(*index)).map(|(_, name)| name).collect();
    let times = kind == Kind::Refund;
    if times {
        header.extend(["退款申请时间", "退款成功时间"]);
    }
    let body = rows.iter().map(|movement| {
        let values = movement.row(account).into_iter().enumerate().filter(|(index, _)| kept(*index));
        let mut values: Vec<String> = values.map(|(_, value)| value).collect();
        if times {
            let done = match movement {
                Movement::Back(refund, _, _) => refund.success_at,
                Movement::Paid(..) | Movement::Reversed(..) => Some(movement.at()),
            };
            let text = |at: Timestamp| china_format(at, "%Y-%m-%d %H:%M:%S");
            values.extend([text(movement.at()), done.map(text).unwrap_or_default()]);
        }
        values
    });
    let sum = |wanted: fn(&Movement<'_>) -> bool| -> i64 {
        rows.iter().filter(|movement| wanted(movement)).map(|movement| movement.fen()).sum()
    };
    let paid = sum(|movement| matches!(movement, Movement::Paid(..)));
    let back = sum(|movement| !matches!(movement, Movement::Paid(..)));
    let fees: i64 = rows.iter().map(|movement| movement.fee()).sum();
    let totals = vec![
        rows.len().to_string(),
        yuan(paid),
        yuan(back),
        "0.00".to_owned(),
        format!("{}000", yuan(fees)),
        yuan(paid),
        yuan(back),
    ];
    written(&header.join(","), body, TRADE_SUM, totals)
}

/// One entry of the account.
struct Entry {
    at: Timestamp,
    reference: String,
    name: &'static str,
    income: bool,
    fen: i64,
    by: String,
    note: String,
    voucher: String,
}

fn funds(rows: &[&Movement<'_>], account: &Account, day: Date) -> Vec<u8> {
    let entries: Vec<Entry> = rows.iter().flat_map(|movement| entries(movement, account)).collect();
    let mut balance = 0;
    let (mut income, mut expense) = ((0, 0), (0, 0));
    let body: Vec<Vec<String>> = entries
        .iter()
        .enumerate()
        .map(|(index, entry)| {
            let side = if entry.income { &mut income } else { &mut expense };
            (side.0, side.1) = (side.0 + 1, side.1 + entry.fen);
            balance += if entry.income { entry.fen } else { -entry.fen };
            vec![
                china_format(entry.at, "%Y-%m-%d %H:%M:%S"),
                entry.reference.clone(),
                format!("{}{}{:04}", account.mchid, day.strftime("%Y%m%d"), index + 1),
                entry.name.to_owned(),
                entry.name.to_owned(),
                if entry.income { "收入" } else { "支出" }.to_owned(),
                yuan(entry.fen),
                yuan(balance),
                entry.by.clone(),
                entry.note.clone(),
                entry.voucher.clone(),
            ]
        })
        .collect();
    let totals = vec![
        body.len().to_string(),
        income.0.to_string(),
        yuan(income.1),
        expense.0.to_string(),
        yuan(expense.1),
    ];
    written(FUNDS, body.into_iter(), FUNDS_SUM, totals)
}

fn entries(movement: &Movement<'_>, account: &Account) -> Vec<Entry> {
    let order_no = movement.order().body.out_trade_no.clone();
    let entry = |name, income, fen, reference: String, by: &str, note: String, voucher: String| Entry {
        at: movement.at(),
        reference,
        name,
        income,
        fen,
        by: by.to_owned(),
        note,
        voucher,
    };
    match movement {
        Movement::Paid(_, fee) => {
            let id = movement.transaction_id();
            let mut both = vec![entry(
                "交易",
                true,
                movement.fen(),
                id.clone(),
                "system",
                String::new(),
                order_no.clone(),
            )];
            if *fee > 0 {
                both.push(entry("扣除交易手续费", false, *fee, id, "system", String::new(), order_no));
            }
            both
        }
        Movement::Back(refund, _, fee) => {
            let note = format!("退款总金额{}元;含手续费{}元", yuan(refund.fen), yuan(-fee));
            let by = format!("{}API", account.mchid);
            let voucher = refund.out_refund_no.clone();
            vec![entry("退款", false, refund.fen + fee, refund.refund_id.clone(), &by, note, voucher)]
        }
        Movement::Reversed(_, fee) => {
            let by = format!("{}API", account.mchid);
            let note = "撤销".to_owned();
            vec![entry("退款", false, movement.fen() + fee, movement.transaction_id(), &by, note, order_no)]
        }
    }
}

fn written(
    header: &str,
    rows: impl Iterator<Item = Vec<String>>,
    sum_header: &str,
    totals: Vec<String>,
) -> Vec<u8> {
    let line = |values: Vec<String>| format!("`{}\r\n", values.join(",`"));
    let rows: String = rows.map(line).collect();
    format!("\u{feff}{header}\r\n{rows}{sum_header}\r\n{}", line(totals)).into_bytes()
}

fn escaped(value: &str) -> String {
    value.replace(',', "\\ ").replace('\r', "\\r").replace('\n', "\\n")
}

/// Fen as yuan with two decimals.
fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let fen = fen.unsigned_abs();
    format!("{sign}{}.{:02}", fen / 100, fen % 100)
}
