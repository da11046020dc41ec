//! What the mock can do beside answering: its book saved and loaded, keys turned while traffic flows, requests turned
//! away before anybody looks at them, the payer's phone, and the bill behind the file.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::clearing;
use super::codes::Code;
use super::keyring::{NotTurned, Stage};
use super::trade::{Follow, State, Trade};
use super::trades::Trades;
use super::{Core, UnionPayMock};
use crate::{BillKind, BillLine, KeyStep, PayerError, RailReply, RailRequest, Refusal, WalletView, locked};

impl UnionPayMock {
    /// Turns a key. The answer has the `stage` that this came to, and the serial number (`cert_id`) of what is used now.
    pub(super) fn turn(&self, step: KeyStep) -> Result<Value, PayerError> {
        let keys = &self.core.registry.keys;
        let turned = match step {
            KeyStep::Rail(step) => keys.turn_rail(step),
            KeyStep::Merchant(step) => keys.turn_merchant(step),
        };
        let used = || match step {
            KeyStep::Rail(_) => keys.signer().cert_id().to_owned(),
            KeyStep::Merchant(_) => keys.merchant_for(None).serial().to_owned(),
        };
        match turned {
            Ok(stage) => Ok(json!({ "stage": stage.word(), "cert_id": used() })),
            Err(NotTurned::NoNext) => Err(PayerError::Unsupported),
            Err(NotTurned::Now(stage)) => Err(PayerError::NotPayable { state: stage.word().to_owned() }),
        }
    }
}

impl Core {
    /// The answer to a request that is turned away unread, signed like any other; browsers get the error page.
    pub(super) fn turn_away_unread(&self, request: &RailRequest, why: Refusal) -> RailReply {
        self.refuse_with(request, |query| match why {
            Refusal::RateLimited if query => Code::TOO_OFTEN,
            Refusal::RateLimited => Code::BUSY,
            Refusal::Maintenance => Code::CLOSED,
        })
    }

    /// What the payer's phone shows, newest first.
    pub(super) fn wallet(&self) -> Vec<WalletView> {
        let trades = locked(&self.trades);
        let mut orders: Vec<WalletView> = trades
            .iter()
            .filter(|trade| trade.order.what.payment().is_some())
            .map(|trade| wallet_view(&trades, trade))
            .collect();
        orders.reverse();
        orders
    }

    /// The lines of a clearing day, of all merchant numbers.
    pub(super) fn bill(&self, day: Date) -> Vec<BillLine> {
        let trades = locked(&self.trades);
        clearing::lines(&trades, None, day).iter().map(|line| bill_line(&trades, line)).collect()
    }
}

fn wallet_view(trades: &Trades, trade: &Trade) -> WalletView {
    let order = &trade.order;
    let handle = [&trade.qr_code, &trade.tn, &trade.cashier].into_iter().flatten().next().cloned();
    WalletView {
        order_no: order.key.order_id.clone(),
        handle,
        merchant: format!("商户 {}", order.key.mer_id),
        description: order.description.clone().unwrap_or_else(|| order.key.order_id.clone()),
        fen: order.fen,
        state: trades.reported(trade).digits.into_owned(),
        payable: matches!(trade.state, State::Open { .. }),
        expires_at: order.what.pay_timeout(),
    }
}

fn bill_line(trades: &Trades, line: &clearing::Line<'_>) -> BillLine {
    let own = line.trade;
    let taken = match own.original {
        Some(id) if !line.incoming => trades.trade(id),
        Some(_) | None => own,
    };
    BillLine {
        kind: match own.order.what.follow() {
            None | Some(Follow::Complete) => BillKind::Payment,
            Some(Follow::Refund) => BillKind::Refund,
            Some(Follow::Undo | Follow::VoidCompletion | Follow::VoidHold) => BillKind::Reversal,
        },
        order_no: taken.order.key.order_id.clone(),
        refund_no: (!line.incoming).then(|| own.order.key.order_id.clone()),
        rail_ref: own.query_id(),
        fen: line.fen,
        fee_fen: if line.incoming { line.fee_fen } else { -line.fee_fen },
        at: line.at,
    }
}

impl Stage {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Announced => "announced",
            Self::Switched => "switched",
            Self::Retired => "retired",
        }
    }
}
