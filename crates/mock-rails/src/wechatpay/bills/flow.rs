//! The fund-flow bill of the basic account: a row per change of its balance. What a refund takes is booked when the
//! refund is accepted, less the fee that goes with it. The names of rows for reversed payments and for refunds that came
//! back are unconfirmed.

use jiff::civil::Date;

use super::sheet::{Sheet, yuan};
use super::trade::TIME;
use crate::wechatpay::answers::china_format;
use crate::wechatpay::trades::{Entry, Moved};

const COLUMNS: &[&str] = &[
    "记账时间",
    "微信支付业务单号",
    "资金流水单号",
    "业务名称",
    "业务类型",
    "收支类型",
    "收支金额(元)",
    "账户结余(元)",
    "资金变更提交申请人",
    "备注",
    "业务凭证号",
];
const SUM_COLUMNS: &[&str] = &["资金流水总笔数", "收入笔数", "收入金额", "支出笔数", "支出金额"];

/// One change of the balance.
struct Change<'a> {
    rail_ref: &'a str,
    name: &'static str,
    /// Positive when the balance grows.
    fen: i64,
    by_api: bool,
    remark: String,
    voucher: &'a str,
}

/// What these movements leave in the account, in fen.
pub(super) fn balance(entries: &[Entry<'_>]) -> i64 {
    entries.iter().flat_map(changes).fold(0, |sum, change| sum.saturating_add(change.fen))
}

/// The file; `None` when the day has no row.
pub(super) fn file(entries: &[Entry<'_>], opening: i64, date: Date, mchid: &str) -> Option<Vec<u8>> {
    let mut balance = opening;
    let (mut incoming, mut outgoing) = ((0_usize, 0_i64), (0_usize, 0_i64));
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (entry, change) in
        entries.iter().flat_map(|entry| changes(entry).into_iter().map(move |it| (entry, it)))
    {
        balance = balance.saturating_add(change.fen);
        let (side, word) = if change.fen < 0 { (&mut outgoing, "支出") } else { (&mut incoming, "收入") };
        let fen = change.fen.saturating_abs();
        *side = (side.0 + 1, side.1.saturating_add(fen));
        rows.push(vec![
            china_format(entry.at, TIME),
            change.rail_ref.to_owned(),
            format!("{mchid}{}{:04}", date.strftime("%Y%m%d"), rows.len() + 1),
            change.name.to_owned(),
            change.name.to_owned(),
            word.to_owned(),
            yuan(fen),
            yuan(balance),
            if change.by_api { format!("{mchid}API") } else { "system".to_owned() },
            change.remark,
            change.voucher.to_owned(),
        ]);
    }
    if rows.is_empty() {
        return None;
    }
    let sums = vec![
        rows.len().to_string(),
        incoming.0.to_string(),
        yuan(incoming.1),
        outgoing.0.to_string(),
        yuan(outgoing.1),
    ];
    Some(Sheet { columns: COLUMNS, rows, sum_columns: SUM_COLUMNS, sums }.bytes())
}

fn changes<'a>(entry: &Entry<'a>) -> Vec<Change<'a>> {
    let (order_no, payment) = (entry.order.body.out_trade_no.as_str(), entry.payment);
    let total = entry.order.body.amount.total;
    let back = |rail_ref, name, by_api, fen: i64, fee: i64, voucher| Change {
        rail_ref,
        name,
        fen: fee - fen,
        by_api,
        remark: format!("退款总金额{}元;含手续费{}元", yuan(fen), yuan(fee)),
        voucher,
    };
    match entry.moved {
        Moved::Paid => {
            let change = |name, fen| Change {
                rail_ref: &payment.transaction_id,
                name,
                fen,
                by_api: false,
                remark: String::new(),
                voucher: order_no,
            };
            let fee = (payment.fee_fen != 0).then(|| change("扣除交易手续费", -payment.fee_fen));
            std::iter::once(change("交易", total)).chain(fee).collect()
        }
        Moved::Refunded(it, _) => {
            vec![back(&it.refund_id, "退款", true, it.fen, it.fee_back_fen, &it.out_refund_no)]
        }
        Moved::Returned(it) => {
            let taken = back(&it.refund_id, "退款退回", false, it.fen, it.fee_back_fen, &it.out_refund_no);
            vec![Change { fen: -taken.fen, ..taken }]
        }
        Moved::Reversed(refund_id) => vec![back(refund_id, "撤销", true, total, payment.fee_fen, order_no)],
    }
}
