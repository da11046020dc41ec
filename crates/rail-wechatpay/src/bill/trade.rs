//! The trade bill: payments, refunds and reverses of a day, with fees. Columns are found by their names, because older files
//! lack some.

use paifang_money::{Currency, PositiveMoney};
use paifang_rail::StatementError::Totals;
use paifang_rail::{
    LineStanding, StatementError, StatementKind, StatementLine, StatementTotals, StatementWish,
};

use super::{Days, Summary, Table, Wrong, beijing, number, yuan};
use crate::Settings;

/// Where the columns stand that matter.
pub(super) struct Trade {
    sums: StatementTotals,
    days: Days,
    time: usize,
    mchid: usize,
    transaction: usize,
    order: usize,
    state: usize,
    refund: usize,
    refund_order: usize,
    /// Older files lack it.
    refund_state: Option<usize>,
    paid: usize,
    back: usize,
    fee: usize,
}

impl Table for Trade {
    fn of(names: &[&str]) -> Option<Self> {
        let at = |name: &str| names.iter().position(|known| *known == name);
        Some(Self {
            sums: StatementTotals::default(),
            days: Days::default(),
            time: at("交易时间")?,
            mchid: at("商户号")?,
            transaction: at("微信订单号")?,
            order: at("商户订单号")?,
            state: at("交易状态")?,
            refund: at("微信退款单号")?,
            refund_order: at("商户退款单号")?,
            refund_state: at("退款状态"),
            // The order's amount and the refund's, coupons included: what the ledger has.
            paid: at("订单金额").or_else(|| at("应结订单金额"))?,
            back: at("申请退款金额").or_else(|| at("退款金额"))?,
            fee: at("手续费")?,
        })
    }

    fn row(
        &mut self,
        values: &[&str],
        settings: &Settings,
        wish: &StatementWish,
    ) -> Result<Option<StatementLine>, Wrong> {
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        if at(self.mchid) != settings.mchid {
            return Err(Wrong::Merchant);
        }
        let time = self.days.take(at(self.time), wish)?;
        let (kind, amount, rail_ref) = match at(self.state) {
            "SUCCESS" => (StatementKind::Payment, at(self.paid), at(self.transaction)),
            "REFUND" => (StatementKind::Refund, at(self.back), at(self.refund)),
            "REVOKED" => (StatementKind::Reversal, at(self.back), at(self.transaction)),
            _ => return Err(Wrong::Row("a state of SUCCESS, REFUND or REVOKED")),
        };
        let standing = match kind {
            StatementKind::Payment => LineStanding::Done,
            StatementKind::Refund | StatementKind::Reversal => standing(self.refund_state.map(at))?,
        };
        let minor = yuan(amount).ok_or(Wrong::Row("an amount in yuan with two decimals"))?;
        let amount =
            PositiveMoney::new(minor, Currency::CNY).map_err(|_| Wrong::Row("an amount above zero"))?;
        let refund_no = Some(at(self.refund_order)).filter(|no| kind == StatementKind::Refund && *no != "0");
        let fen = i128::from(minor);
        self.sums.lines += 1;
        match kind {
            StatementKind::Payment => self.sums.paid_minor += fen,
            StatementKind::Refund | StatementKind::Reversal => self.sums.returned_minor += fen,
        }
        Ok(Some(StatementLine {
            kind,
            order_no: number(at(self.order))?,
            refund_no: refund_no.map(number).transpose()?,
            rail_ref: number(rail_ref)?,
            amount,
            // Five decimals; a fee finer than a fen is left out, because the ledger has none.
            fee_minor: yuan(at(self.fee)),
            at: beijing(time),
            standing,
        }))
    }

    fn compare(&self, summary: &Summary<'_>) -> Result<(), StatementError> {
        self.days.compare()?;
        if summary.count("总交易单数")? != self.sums.lines {
            return Err(Totals("the number of rows"));
        }
        let paid = summary.fen("订单总金额").or_else(|| summary.fen("应结订单总金额"));
        if paid != Some(self.sums.paid_minor) {
            return Err(Totals("the payments"));
        }
        let back = summary.fen("申请退款总金额").or_else(|| summary.fen("退款总金额"));
        if back != Some(self.sums.returned_minor) {
            return Err(Totals("the refunds"));
        }
        Ok(())
    }

    fn totals(self) -> StatementTotals {
        self.sums
    }
}

/// The state of a refund when the bill was made. `CHANGE` is money that the payer's account did not take: it left the
/// merchant's, and somebody has to decide where it goes.
fn standing(state: Option<&str>) -> Result<LineStanding, Wrong> {
    match state {
        Some("SUCCESS" | "") | None => Ok(LineStanding::Done),
        Some("PROCESSING" | "CHANGE") => Ok(LineStanding::Underway),
        Some("FAIL") => Ok(LineStanding::Failed),
        Some(_) => Err(Wrong::Row("a refund that is SUCCESS, PROCESSING, FAIL or CHANGE")),
    }
}
