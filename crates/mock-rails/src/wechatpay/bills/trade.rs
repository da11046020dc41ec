//! The trade bill: a row per payment, refund and reversal.
//!
//! The sign of the fee in rows of returned money is unconfirmed (negative here, what the rail gives back); so is what a
//! refund that failed within the day shows as returned (nothing here, beside what was asked for).

use super::sheet::{Sheet, fee, rate, yuan};
use crate::wechatpay::answers::china_format;
use crate::wechatpay::trades::{Entry, Moved, Refund, RefundState};

/// `bill_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TradeBill {
    All,
    /// Payments only, without the columns of refunds.
    Success,
    /// Money that went back only, with two more times.
    Refund,
}

const COLUMNS: &[&str] = &[
    "交易时间",
    "公众账号ID",
    "商户号",
    "特约商户号",
    "设备号",
    "微信订单号",
    "商户订单号",
    "用户标识",
    "交易类型",
    "交易状态",
    "付款银行",
    "货币种类",
    "应结订单金额",
    "代金券金额",
    APPLIED_AT,
    RETURNED_AT,
    "微信退款单号",
    "商户退款单号",
    "退款金额",
    "充值券退款金额",
    "退款类型",
    "退款状态",
    "商品名称",
    "商户数据包",
    "手续费",
    "费率",
    "订单金额",
    "申请退款金额",
    "费率备注",
];
/// Only in the bill of refunds.
const APPLIED_AT: &str = "退款申请时间";
const RETURNED_AT: &str = "退款成功时间";
/// Not in the bill of payments.
const REFUND_COLUMNS: &[&str] =
    &["微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态", "申请退款金额"];
const SUM_COLUMNS: &[&str] = &[
    "总交易单数",
    "应结订单总金额",
    "退款总金额",
    "充值券退款总金额",
    "手续费总金额",
    "订单总金额",
    "申请退款总金额",
];
/// As in every time of a bill: China's, without saying so.
pub(super) const TIME: &str = "%Y-%m-%d %H:%M:%S";

/// What a row says beside the order.
struct Row<'a> {
    entry: &'a Entry<'a>,
    state: &'static str,
    back: Option<Back<'a>>,
    fee_fen: i64,
}

/// Money that went back.
struct Back<'a> {
    refund_id: &'a str,
    refund_no: &'a str,
    /// What moved, in fen.
    fen: i64,
    /// What was asked for, in fen.
    asked_fen: i64,
    state: &'static str,
    done_at: String,
}

/// The file; `None` when the day has no row of this kind.
pub(super) fn file(bill: TradeBill, entries: &[Entry<'_>], mchid: &str) -> Option<Vec<u8>> {
    let rows: Vec<Row<'_>> = ordered(entries).into_iter().filter_map(row).collect();
    let rows: Vec<&Row<'_>> = rows.iter().filter(|row| bill.has(row)).collect();
    if rows.is_empty() {
        return None;
    }
    let columns: Vec<&str> = COLUMNS.iter().copied().filter(|column| bill.shows(column)).collect();
    let lines = rows.iter().map(|row| {
        let cells = COLUMNS.iter().zip(cells(row, mchid));
        cells.filter(|(column, _)| bill.shows(column)).map(|(_, cell)| cell).collect()
    });
    let sheet =
        Sheet { columns: &columns, rows: lines.collect(), sum_columns: SUM_COLUMNS, sums: sums(&rows) };
    Some(sheet.bytes())
}

/// Payments first, then what went back, each by time.
pub(super) fn ordered<'a>(entries: &'a [Entry<'a>]) -> Vec<&'a Entry<'a>> {
    let is_paid = |entry: &&Entry<'_>| matches!(entry.moved, Moved::Paid);
    let (paid, back): (Vec<_>, Vec<_>) = entries.iter().partition(is_paid);
    paid.into_iter().chain(back).collect()
}

impl TradeBill {
    fn has(self, row: &Row<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Success => row.back.is_none(),
            Self::Refund => row.back.is_some(),
        }
    }

    fn shows(self, column: &str) -> bool {
        let only_refunds = column == APPLIED_AT || column == RETURNED_AT;
        match self {
            Self::All => !only_refunds,
            Self::Success => !only_refunds && !REFUND_COLUMNS.contains(&column),
            Self::Refund => true,
        }
    }
}

fn row<'a>(entry: &'a Entry<'a>) -> Option<Row<'a>> {
    let (state, back, fee_fen) = match entry.moved {
        Moved::Paid => ("SUCCESS", None, entry.payment.fee_fen),
        Moved::Refunded(refund, state) => {
            let fee_fen = if state == RefundState::Closed { 0 } else { -refund.fee_back_fen };
            ("REFUND", Some(refunded(refund, state)), fee_fen)
        }
        // Only the flow of funds shows it.
        Moved::Returned(_) => return None,
        Moved::Reversed(refund_id) => {
            let fen = entry.order.body.amount.total;
            let back = Back {
                refund_id,
                refund_no: &entry.order.body.out_trade_no,
                fen,
                asked_fen: fen,
                state: "SUCCESS",
                done_at: china_format(entry.at, TIME),
            };
            ("REVOKED", Some(back), -entry.payment.fee_fen)
        }
    };
    Some(Row { entry, state, back, fee_fen })
}

fn refunded(refund: &Refund, state: RefundState) -> Back<'_> {
    let (fen, word) = match state {
        RefundState::Processing => (refund.fen, "PROCESSING"),
        RefundState::Success => (refund.fen, "SUCCESS"),
        RefundState::Abnormal => (refund.fen, "CHANGE"),
        RefundState::Closed => (0, "FAIL"),
    };
    let done_at = refund.success_at.filter(|_| state == RefundState::Success);
    Back {
        refund_id: &refund.refund_id,
        refund_no: &refund.out_refund_no,
        fen,
        asked_fen: refund.fen,
        state: word,
        done_at: done_at.map(|at| china_format(at, TIME)).unwrap_or_default(),
    }
}

/// One value per column of [`COLUMNS`].
fn cells(row: &Row<'_>, mchid: &str) -> [String; 29] {
    let (order, payment, back) = (row.entry.order, row.entry.payment, row.back.as_ref());
    let text = |text: &str| text.to_owned();
    let device = order.body.scene_info.as_ref().and_then(|scene| scene.device_id.clone());
    let paid_fen = if back.is_some() { 0 } else { order.body.amount.total };
    let of_back = |of: fn(&Back<'_>) -> String, none: &str| back.map_or_else(|| none.to_owned(), of);
    [
        china_format(row.entry.at, TIME),
        order.body.appid.clone(),
        text(mchid),
        text("0"),
        device.unwrap_or_default(),
        payment.transaction_id.clone(),
        order.body.out_trade_no.clone(),
        payment.openid.clone(),
        text(order.product.word()),
        text(row.state),
        payment.bank_type.clone(),
        text("CNY"),
        yuan(paid_fen),
        yuan(0),
        back.map(|_| china_format(row.entry.at, TIME)).unwrap_or_default(),
        of_back(|back| back.done_at.clone(), ""),
        of_back(|back| back.refund_id.to_owned(), "0"),
        of_back(|back| back.refund_no.to_owned(), "0"),
        of_back(|back| yuan(back.fen), "0.00"),
        yuan(0),
        of_back(|_| "ORIGINAL".to_owned(), ""),
        of_back(|back| back.state.to_owned(), ""),
        order.body.description.clone(),
        order.body.attach.clone(),
        fee(row.fee_fen),
        rate(payment.fee_basis_points),
        yuan(paid_fen),
        of_back(|back| yuan(back.asked_fen), "0.00"),
        String::new(),
    ]
}

fn sums(rows: &[&Row<'_>]) -> Vec<String> {
    let sum = |of: fn(&Row<'_>) -> i64| rows.iter().map(|row| of(row)).fold(0, i64::saturating_add);
    let paid = sum(|row| if row.back.is_some() { 0 } else { row.entry.order.body.amount.total });
    let back = sum(|row| row.back.as_ref().map_or(0, |back| back.fen));
    let asked = sum(|row| row.back.as_ref().map_or(0, |back| back.asked_fen));
    vec![
        rows.len().to_string(),
        yuan(paid),
        yuan(back),
        yuan(0),
        fee(sum(|row| row.fee_fen)),
        yuan(paid),
        yuan(asked),
    ]
}
