//! The fields of every message that the gateway sends: answers, refusals and notifications. Unsealed.
//!
//! The sets are those of genuine captures (the vectors hold to them): a refusal echoes less than an acceptance, a
//! query answers with the types of the original, and an undecided query has no `queryId`.

use super::codes::{Code, Refusal};
use super::time;
use super::trade::{State, Trade, What};
use super::wire::Fields;

/// The payer of this world.
const CARD: &str = "6226********0048";

/// An answer to a request that did not become a transaction.
pub(super) fn refusal(request: &Fields, refusal: &Refusal) -> Fields {
    spoken(request, &refusal.code.digits, &refusal.text())
}

/// The answer to a new transaction.
pub(super) fn placed(request: &Fields, trade: &Trade) -> Fields {
    let code = match &trade.state {
        State::Refused { code } => code.clone(),
        State::Open { .. } | State::Running { .. } | State::Done { .. } | State::Failed { .. } => {
            Code::SUCCESS
        }
    };
    let accepted = code == Code::SUCCESS;
    let mut fields = spoken(request, &code.digits, &code.text);
    match &trade.order.what {
        What::Front { .. } => {}
        What::MerchantCode { .. } => fields.put("qrCode", trade.qr_code.clone().unwrap_or_default()),
        What::PayerCode { .. } => {
            fields.put("txnAmt", trade.order.fen.to_string());
            fields.put("currencyCode", CURRENCY);
        }
        What::Refund { .. } | What::Undo { .. } => {
            fields.put("txnAmt", trade.order.fen.to_string());
            fields.put("origQryId", trade.orig_query_id().unwrap_or_default());
        }
    }
    let decided_later = !matches!(trade.order.what, What::Front { .. } | What::MerchantCode { .. });
    if accepted && decided_later {
        fields.put("queryId", trade.query_id());
    }
    fields
}

/// The answer to a query about a transaction that was found.
pub(super) fn found(request: &Fields, trade: &Trade) -> Fields {
    let (txn_type, txn_sub_type) = trade.order.what.types();
    let code = trade.state.code();
    let mut fields = spoken(request, &Code::SUCCESS.digits, &Code::SUCCESS.text).with([
        ("txnType", txn_type.to_owned()),
        ("txnSubType", txn_sub_type.to_owned()),
        ("txnAmt", trade.order.fen.to_string()),
        ("currencyCode", CURRENCY.to_owned()),
        ("origRespCode", code.digits.into_owned()),
        ("origRespMsg", code.text.into_owned()),
    ]);
    match &trade.state {
        State::Open { declined: None } | State::Running { .. } => {
            fields.put("settleAmt", "0");
            fields.put("settleCurrencyCode", CURRENCY);
        }
        State::Open { declined: Some(_) } | State::Failed { .. } | State::Refused { .. } => {}
        State::Done { at, .. } => {
            fields = settled(fields, trade, *at, trade.order.fen);
            fields.put("issuerIdentifyMode", "0");
            fields.put("reqReserved", trade.order.echo.req_reserved.clone().unwrap_or_default());
            if trade.order.what.is_payment() {
                fields.put("payCardType", "01");
            }
        }
    }
    fields
}

/// A notification; `fen` is the amount it names.
pub(super) fn notification(trade: &Trade, fen: i64) -> Fields {
    let order = &trade.order;
    let (txn_type, txn_sub_type) = order.what.types();
    let code = trade.state.code();
    let fields = Fields::default().with([
        ("version", "5.1.0".to_owned()),
        ("signMethod", "01".to_owned()),
        ("encoding", order.echo.encoding.clone()),
        ("accessType", order.echo.access_type.clone()),
        ("bizType", order.echo.biz_type.clone()),
        ("merId", order.key.mer_id.clone()),
        ("orderId", order.key.order_id.clone()),
        ("txnTime", order.key.txn_time.clone()),
        ("txnType", txn_type.to_owned()),
        ("txnSubType", txn_sub_type.to_owned()),
        ("txnAmt", fen.to_string()),
        ("currencyCode", CURRENCY.to_owned()),
        ("origQryId", trade.orig_query_id().unwrap_or_default().to_owned()),
        ("reqReserved", order.echo.req_reserved.clone().unwrap_or_default()),
        ("respCode", code.digits.into_owned()),
        ("respMsg", code.text.into_owned()),
    ]);
    let fields = match &trade.state {
        State::Done { at, .. } => settled(fields, trade, *at, fen).with([("exchangeRate", "0".to_owned())]),
        State::Open { .. } | State::Running { .. } | State::Failed { .. } | State::Refused { .. } => {
            fields.with([("queryId", trade.query_id())])
        }
    };
    match &order.what {
        What::Front { .. } => fields.with([
            ("accNo", CARD.to_owned()),
            ("payCardType", "01".to_owned()),
            ("payType", "0001".to_owned()),
        ]),
        What::MerchantCode { .. } | What::PayerCode { .. } | What::Refund { .. } | What::Undo { .. } => {
            fields
        }
    }
}

const CURRENCY: &str = "156";

fn settled(fields: Fields, trade: &Trade, at: jiff::Timestamp, fen: i64) -> Fields {
    fields.with([
        ("queryId", trade.query_id()),
        ("traceNo", trade.trace_no.clone()),
        ("traceTime", time::trace_text(trade.created)),
        ("settleAmt", fen.to_string()),
        ("settleCurrencyCode", CURRENCY.to_owned()),
        ("settleDate", time::settle_date(time::clearing_day(at))),
    ])
}

/// What every synchronous answer repeats, with the code. Only plain values are repeated, so that a broken request
/// cannot break the answer, and the version and method are those that sign it.
fn spoken(request: &Fields, digits: &str, text: &str) -> Fields {
    const ECHOED: [&str; 9] = [
        "encoding",
        "accessType",
        "merId",
        "txnType",
        "txnSubType",
        "bizType",
        "orderId",
        "txnTime",
        "settleDate",
    ];
    let mut fields = Fields::default();
    for name in ECHOED {
        let plain = |value: &&str| value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        fields.put(name, request.value(name).filter(plain).unwrap_or_default());
    }
    fields.with([
        ("version", "5.1.0".to_owned()),
        ("signMethod", "01".to_owned()),
        ("respCode", digits.to_owned()),
        ("respMsg", text.to_owned()),
    ])
}
