//! The detail of a trade bill: a head that names account and day, a table, totals, and the time of its making.
//!
//! Read strictly: a line that fits nowhere, an amount that is not exact, totals that differ, or an end that is missing makes
//! the whole bill void.

use jiff::civil::Date;
use paifang_money::{Currency, Money, PositiveMoney};
use paifang_rail::{LineStanding, StatementError, StatementKind, StatementLine, StatementTotals};

use super::archive::Lines;
use super::csv::cells;
use crate::beijing;

/// Follows the pid in the account's name.
const ACCOUNT_SUFFIX: &str = "0156";

const PAYMENT: &str = "交易";
/// A refund has a number of its own. A trade that was paid and then canceled is on the bill under this word, too, with
/// no refund number or the order's own: a refund request cannot be told apart there otherwise.
const REFUND: &str = "退款";

/// Where the columns stand that are read.
struct Columns {
    count: usize,
    trade_no: usize,
    order_no: usize,
    kind: usize,
    done_at: usize,
    amount: usize,
    received: usize,
    discount: usize,
    refund_no: usize,
    fee: usize,
}

/// Count and sums of one kind, in fen. Refunds are negative here, as on the bill.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Sums {
    count: u64,
    received: i128,
    discount: i128,
}

/// A row, with what its kind's totals count.
struct Row {
    line: StatementLine,
    received: i128,
    discount: i128,
}

/// Reads a bill of this seller and day.
pub(super) fn read(
    seller_id: &str,
    day: Date,
    lines: &mut Lines<'_>,
    line: &mut dyn FnMut(StatementLine),
) -> Result<StatementTotals, StatementError> {
    head(seller_id, day, lines)?;
    let header = wanted(lines)?;
    let columns =
        Columns::of(&header).ok_or_else(|| lines.malformed("a header with the columns of a trade bill"))?;
    let (mut payments, mut refunds) = (Sums::default(), Sums::default());
    let mut totals = StatementTotals::default();
    loop {
        let text = wanted(lines)?;
        if text.starts_with('#') {
            frame(&text, "业务明细列表结束", lines)?;
            break;
        }
        let row = columns.row(&text).map_err(|rule| lines.malformed(rule))?;
        let minor = i128::from(row.line.amount.minor_units());
        let sums = match row.line.kind {
            StatementKind::Payment => {
                totals.paid_minor += minor;
                &mut payments
            }
            StatementKind::Refund | StatementKind::Reversal => {
                totals.returned_minor += minor;
                &mut refunds
            }
        };
        sums.count += 1;
        sums.received += row.received;
        sums.discount += row.discount;
        totals.lines += 1;
        line(row.line);
    }
    same(payments, "#交易合计：", ["商家实收共", "商家优惠共"], "payments", lines)?;
    same(refunds, "#退款合计：", ["商家实收退款共", "商家优惠退款共"], "refunds", lines)?;
    tail(lines)?;
    Ok(totals)
}

fn head(seller_id: &str, day: Date, lines: &mut Lines<'_>) -> Result<(), StatementError> {
    if wanted(lines)?.trim() != "#支付宝业务明细查询" {
        return Err(lines.malformed("#支付宝业务明细查询"));
    }
    let account = wanted(lines)?;
    let account = bracketed(account.trim(), "#账号：").ok_or_else(|| lines.malformed("#账号：[...]"))?;
    if account.strip_suffix(ACCOUNT_SUFFIX) != Some(seller_id) {
        return Err(StatementError::Mismatch("merchant"));
    }
    let days = wanted(lines)?;
    let rule = "#起始日期：[...]   终止日期：[...]";
    let (from, until) = days.split_once("终止日期：").ok_or_else(|| lines.malformed(rule))?;
    let from = bracketed(from.trim(), "#起始日期：").ok_or_else(|| lines.malformed(rule))?;
    let until = bracketed(until.trim(), "").ok_or_else(|| lines.malformed(rule))?;
    let midnight = |day: Date| day.strftime("%Y年%m月%d日 00:00:00").to_string();
    let next = day.tomorrow().map_err(|_| StatementError::Mismatch("day"))?;
    if from != midnight(day) || until != midnight(next) {
        return Err(StatementError::Mismatch("day"));
    }
    let text = wanted(lines)?;
    frame(&text, "业务明细列表", lines)
}

fn tail(lines: &mut Lines<'_>) -> Result<(), StatementError> {
    if !wanted(lines)?.starts_with("#导出时间：") {
        return Err(lines.malformed("#导出时间：[...]"));
    }
    while let Some(text) = lines.next()? {
        if !text.trim().is_empty() {
            return Err(lines.malformed("nothing after the end"));
        }
    }
    Ok(())
}

/// The totals of one kind, and the same by our own count.
fn same(
    own: Sums,
    name: &str,
    [received, discount]: [&str; 2],
    what: &'static str,
    lines: &mut Lines<'_>,
) -> Result<(), StatementError> {
    let text = wanted(lines)?;
    let told = || {
        let mut parts = text.trim().strip_prefix(name)?.split('，');
        let count = parts.next()?.strip_suffix('笔')?.parse().ok()?;
        let received = fen(parts.next()?.strip_prefix(received)?.strip_suffix('元')?)?;
        let discount = fen(parts.next()?.strip_prefix(discount)?.strip_suffix('元')?)?;
        parts.next().is_none().then_some(Sums { count, received, discount })
    };
    match told() {
        None => Err(lines.malformed("the totals of payments and then of refunds")),
        Some(told) if told != own => Err(StatementError::Totals(what)),
        Some(_) => Ok(()),
    }
}

impl Columns {
    fn of(header: &str) -> Option<Self> {
        let names = cells(header)?;
        let at = |name: &str| {
            let mut found = names.iter().enumerate().filter(|(_, known)| *known == name).map(|(at, _)| at);
            let first = found.next();
            if found.next().is_some() { None } else { first }
        };
        Some(Self {
            count: names.len(),
            trade_no: at("支付宝交易号")?,
            order_no: at("商户订单号")?,
            kind: at("业务类型")?,
            done_at: at("完成时间")?,
            amount: at("订单金额（元）")?,
            received: at("商家实收（元）")?,
            discount: at("商家优惠（元）")?,
            refund_no: at("退款批次号/请求号")?,
            fee: at("服务费（元）")?,
        })
    }

    fn row(&self, text: &str) -> Result<Row, &'static str> {
        let cells = cells(text).ok_or("quotes that are closed")?;
        if cells.len() != self.count {
            return Err("as many cells as the header");
        }
        let cell = |at: usize| cells.get(at).map(String::as_str).unwrap_or_default();
        let money = |at: usize| fen(cell(at)).ok_or("amounts in yuan with at most two decimals");
        let amount = money(self.amount)?;
        let (order_no, trade_no) = (number(cell(self.order_no))?, number(cell(self.trade_no))?);
        let refund_no = Some(cell(self.refund_no)).filter(|no| !no.is_empty()).map(number).transpose()?;
        let (kind, amount) = match cell(self.kind) {
            PAYMENT => (StatementKind::Payment, amount),
            REFUND if refund_no.is_none_or(|no| no == order_no) => (StatementKind::Reversal, -amount),
            REFUND => (StatementKind::Refund, -amount),
            _ => return Err("交易 or 退款"),
        };
        let positive = i64::try_from(amount).ok().and_then(|fen| PositiveMoney::new(fen, Currency::CNY).ok());
        let amount = positive.ok_or("a payment above zero, or a refund below it")?;
        let done_at = beijing::read(cell(self.done_at)).ok_or("the time of completion")?;
        // Charged fees are negative on the bill.
        let fee = i64::try_from(-money(self.fee)?).map_err(|_| "a fee of less than a world's money")?;
        let line = StatementLine {
            kind,
            order_no: order_no.to_owned(),
            refund_no: refund_no.filter(|_| kind == StatementKind::Refund).map(str::to_owned),
            rail_ref: trade_no.to_owned(),
            amount,
            fee_minor: Some(fee),
            at: Some(done_at),
            standing: LineStanding::Done,
        };
        Ok(Row { line, received: money(self.received)?, discount: money(self.discount)? })
    }
}

/// Exact fen of a decimal in yuan, which may be negative.
fn fen(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if digits.starts_with(['-', '+']) {
        return None;
    }
    let minor = i128::from(Money::from_decimal(digits, Currency::CNY).ok()?.minor_units());
    Some(if negative { -minor } else { minor })
}

/// A number of ours or of the rail: visible ASCII, of documented length.
fn number(text: &str) -> Result<&str, &'static str> {
    let plain = (1..=64).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, 0x21..=0x7e));
    if plain { Ok(text) } else { Err("numbers of the trade, 1 to 64 visible characters of ASCII") }
}

fn bracketed<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')
}

/// A line of dashes around a name; how many there are differs between files.
fn frame(text: &str, name: &str, lines: &Lines<'_>) -> Result<(), StatementError> {
    let inner = text.trim().strip_prefix('#').map(|rest| rest.trim_matches('-'));
    if inner == Some(name) { Ok(()) } else { Err(lines.malformed("the frame of the table")) }
}

/// The next line; a bill that ends here was cut.
fn wanted(lines: &mut Lines<'_>) -> Result<String, StatementError> {
    lines.next()?.ok_or_else(|| lines.malformed("more lines: the bill is cut"))
}
