//! The fund-flow bill: what moved the merchant's balance. Payments and refunds are told as lines; fees, withdrawals and
//! whatever else moved it belong to no order and are only counted, so that the totals can be compared.
//!
//! No row names the merchant: the file belongs to the account by its digest in the signed answer.

use paifang_money::{Currency, PositiveMoney};
use paifang_rail::StatementError::Totals;
use paifang_rail::{
    LineStanding, StatementError, StatementKind, StatementLine, StatementTotals, StatementWish,
};

use super::{Days, Summary, Table, Wrong, beijing, number, yuan};
use crate::Settings;

/// Where the columns stand that matter, and what has passed.
pub(super) struct Flow {
    time: usize,
    business_no: usize,
    business: usize,
    direction: usize,
    amount: usize,
    voucher: usize,
    remark: usize,
    sums: StatementTotals,
    days: Days,
    income: Side,
    expense: Side,
}

/// Rows of one direction.
#[derive(Default)]
struct Side {
    rows: u64,
    fen: i128,
}

impl Table for Flow {
    fn of(names: &[&str]) -> Option<Self> {
        let at = |name: &str| names.iter().position(|known| *known == name);
        Some(Self {
            time: at("记账时间")?,
            business_no: at("微信支付业务单号")?,
            business: at("业务类型")?,
            direction: at("收支类型")?,
            amount: at("收支金额(元)")?,
            voucher: at("业务凭证号")?,
            remark: at("备注")?,
            sums: StatementTotals::default(),
            days: Days::default(),
            income: Side::default(),
            expense: Side::default(),
        })
    }

    fn row(
        &mut self,
        values: &[&str],
        _settings: &Settings,
        wish: &StatementWish,
    ) -> Result<Option<StatementLine>, Wrong> {
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        let time = self.days.take(at(self.time), wish)?;
        let minor = yuan(at(self.amount)).filter(|minor| *minor >= 0);
        let minor = minor.ok_or(Wrong::Row("an amount in yuan with two decimals"))?;
        let (side, is_income) = match at(self.direction) {
            "收入" => (&mut self.income, true),
            "支出" => (&mut self.expense, false),
            _ => return Err(Wrong::Row("a direction of 收入 or 支出")),
        };
        side.rows += 1;
        side.fen += i128::from(minor);
        let kind = match (at(self.business), is_income) {
            ("交易", true) => StatementKind::Payment,
            ("退款", false) => StatementKind::Refund,
            ("交易" | "退款", _) => {
                return Err(Wrong::Row("payments that come in and refunds that go out"));
            }
            _ => return Ok(None),
        };
        // The balance is charged with a refund less the fee that comes back with it. The refund's own amount is in the
        // remark, as seen in the field; where that is of another form, the movement stands for it.
        let (whole, fee_minor) = match refunded(at(self.remark)) {
            Some((whole, fee)) if kind == StatementKind::Refund && whole.checked_sub(fee) == Some(minor) => {
                (whole, fee.checked_neg())
            }
            // Fees of payments are rows of their own.
            Some(_) | None => (minor, None),
        };
        let amount =
            PositiveMoney::new(whole, Currency::CNY).map_err(|_| Wrong::Row("an amount above zero"))?;
        let own_no = number(at(self.voucher))?;
        self.sums.lines += 1;
        match kind {
            StatementKind::Payment => self.sums.paid_minor += i128::from(whole),
            StatementKind::Refund | StatementKind::Reversal => self.sums.returned_minor += i128::from(whole),
        }
        Ok(Some(StatementLine {
            kind,
            // A refund's row names the refund and not its order, so both members have the refund's number.
            refund_no: (kind == StatementKind::Refund).then(|| own_no.clone()),
            order_no: own_no,
            rail_ref: number(at(self.business_no))?,
            amount,
            fee_minor,
            at: beijing(time),
            standing: LineStanding::Done,
        }))
    }

    fn compare(&self, summary: &Summary<'_>) -> Result<(), StatementError> {
        self.days.compare()?;
        if summary.count("资金流水总笔数")? != self.income.rows + self.expense.rows {
            return Err(Totals("the number of rows"));
        }
        let sides = [(&self.income, "收入笔数", "收入金额"), (&self.expense, "支出笔数", "支出金额")];
        for (side, rows, fen) in sides {
            if summary.count(rows)? != side.rows {
                return Err(Totals("the number of rows of a direction"));
            }
            if summary.fen(fen) != Some(side.fen) {
                return Err(Totals("what came in and went out"));
            }
        }
        Ok(())
    }

    fn totals(self) -> StatementTotals {
        self.sums
    }
}

/// `退款总金额0.30元;含手续费0.00元`: the whole refund, and the fee in it, in fen.
fn refunded(remark: &str) -> Option<(i64, i64)> {
    let (whole, fee) = remark.strip_prefix("退款总金额")?.split_once("元;含手续费")?;
    Some((yuan(whole)?, yuan(fee.strip_suffix('元')?)?))
}
