//! The fields of every message that the gateway sends: answers, refusals and notifications. Unsealed.
//!
//! The sets are those of genuine captures (the vectors hold to them): a refusal echoes less than an acceptance, a
//! query answers with the types of the original, and an undecided query has no `queryId`.

use super::codes::{Code, Refusal};
use super::sign::Dialect;
use super::time;
use super::trade::{Payment, State, Trade, Way, What};
use super::wire::Fields;

/// An answer to a request that did not become a transaction.
pub(super) fn refusal(request: &Fields, dialect: Dialect, refusal: &Refusal) -> Fields {
    spoken(request, dialect, &refusal.code.digits, &refusal.text())
}

/// The answer to a new transaction: the code `armed`, if it says that nothing is certain, in place of 00.
pub(super) fn placed(request: &Fields, trade: &Trade, armed: Option<&Code>, pages: &str) -> Fields {
    let code = match &trade.state {
        State::Refused { code } => code.clone(),
        State::Open { .. } | State::Running { .. } | State::Done { .. } | State::Failed { .. } => {
            armed.cloned().unwrap_or(Code::SUCCESS)
        }
    };
    let accepted = code == Code::SUCCESS;
    let mut fields = spoken(request, trade.order.echo.dialect, &code.digits, &code.text);
    match &trade.order.what {
        What::Payment(Payment { way: Way::PayerCode { .. }, .. }) => {
            fields.put("txnAmt", trade.order.fen.to_string());
            fields.put("currencyCode", CURRENCY);
        }
        What::Payment(_) if !accepted => {}
        What::Payment(Payment { way: Way::Front { .. } | Way::PreOrder { .. }, .. }) => {
            let page = trade.cashier.as_ref().map(|token| format!("{pages}{token}"));
            fields.put("payUrl", page.unwrap_or_default());
        }
        What::Payment(Payment { way: Way::App, .. }) => {
            fields.put("tn", trade.tn.clone().unwrap_or_default())
        }
        What::Payment(Payment { way: Way::MerchantCode, .. }) => {
            fields.put("qrCode", trade.qr_code.clone().unwrap_or_default());
        }
        What::Follow { .. } => {
            fields.put("txnAmt", trade.order.fen.to_string());
            fields.put("origQryId", trade.orig_query_id().unwrap_or_default());
        }
    }
    if accepted && trade.order.what.is_back_end() {
        fields.put("queryId", trade.query_id());
    }
    fields
}

/// The answer to a query about a transaction that was found, which stands at `code`.
pub(super) fn found(request: &Fields, dialect: Dialect, trade: &Trade, code: &Code) -> Fields {
    let (txn_type, txn_sub_type) = trade.order.what.types();
    let mut fields = spoken(request, dialect, &Code::SUCCESS.digits, &Code::SUCCESS.text).with([
        ("orderId", trade.order.key.order_id.clone()),
        ("txnTime", trade.order.key.txn_time.clone()),
        ("txnType", txn_type.to_owned()),
        ("txnSubType", txn_sub_type.to_owned()),
        ("txnAmt", trade.order.fen.to_string()),
        ("currencyCode", CURRENCY.to_owned()),
        ("origRespCode", code.digits.clone().into_owned()),
        ("origRespMsg", code.text.clone().into_owned()),
    ]);
    match &trade.state {
        State::Open { declined: None } | State::Running { .. } => {
            fields.put("settleAmt", "0");
            fields.put("settleCurrencyCode", CURRENCY);
        }
        State::Open { declined: Some(_) } | State::Failed { .. } | State::Refused { .. } => {}
        // A success that is none any more, which only pre-authorisations come to.
        State::Done { .. } if !code.is_success() => {}
        State::Done { at, .. } => {
            fields = settled(fields, trade, *at, trade.order.fen);
            fields.put("issuerIdentifyMode", "0");
            fields.put("reqReserved", trade.order.echo.req_reserved.clone().unwrap_or_default());
            fields.put("origQryId", trade.orig_query_id().unwrap_or_default());
            if trade.order.what.payment().is_some() {
                fields.put("payCardType", "01");
            }
            if trade.order.card.is_some() {
                fields.put("accNo", account(trade));
            }
        }
    }
    fields
}

/// The answer with the certificate that merchants encrypt to.
pub(super) fn certificate(request: &Fields, dialect: Dialect, pem: &str) -> Fields {
    spoken(request, dialect, &Code::SUCCESS.digits, &Code::SUCCESS.text)
        .with([("encryptPubKeyCert", pem.to_owned())])
}

/// The answer with a reconciliation file. Which fields of the request are echoed is unconfirmed.
pub(super) fn file(request: &Fields, dialect: Dialect, name: &str, content: &str) -> Fields {
    spoken(request, dialect, &Code::SUCCESS.digits, &Code::SUCCESS.text)
        .with([("fileName", name.to_owned()), ("fileContent", content.to_owned())])
}

/// A notification; `fen` is the amount it names.
pub(super) fn notification(trade: &Trade, fen: i64) -> Fields {
    let order = &trade.order;
    let (txn_type, txn_sub_type) = order.what.types();
    let code = trade.state.code();
    let fields = Fields::default().with([
        ("version", order.echo.dialect.version().to_owned()),
        ("signMethod", order.echo.dialect.sign_method().to_owned()),
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
        What::Payment(Payment { way: Way::Front { .. } | Way::PreOrder { .. } | Way::App, .. }) => fields
            .with([
                ("accNo", account(trade)),
                ("payCardType", "01".to_owned()),
                ("payType", "0001".to_owned()),
            ]),
        What::Payment(Payment { way: Way::MerchantCode | Way::PayerCode { .. }, .. })
        | What::Follow { .. } => fields,
    }
}

/// Encrypted to the merchant when it came encrypted, otherwise masked.
fn account(trade: &Trade) -> String {
    let card = trade.card();
    card.sealed.unwrap_or(card.masked)
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
fn spoken(request: &Fields, dialect: Dialect, digits: &str, text: &str) -> Fields {
    const ECHOED: [&str; 11] = [
        "encoding",
        "accessType",
        "merId",
        "txnType",
        "txnSubType",
        "bizType",
        "orderId",
        "txnTime",
        "settleDate",
        "fileType",
        "certType",
    ];
    let mut fields = Fields::default();
    for name in ECHOED {
        let plain = |value: &&str| value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        fields.put(name, request.value(name).filter(plain).unwrap_or_default());
    }
    fields.with([
        ("version", dialect.version().to_owned()),
        ("signMethod", dialect.sign_method().to_owned()),
        ("respCode", digits.to_owned()),
        ("respMsg", text.to_owned()),
    ])
}
