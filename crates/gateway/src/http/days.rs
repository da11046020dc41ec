//! `POST /days/{account}/{date}` for operators: closes a day and answers the comparison as JSON. Nothing is changed by it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use paifang_engine::statement::{Break, DayReport, Movement, Totals};
use paifang_payment::AccountId;
use paifang_rail::{StatementError, StatementKind, StatementLine};
use paifang_store::Store;
use serde_json::{Value, json};

use crate::bills::{Bills, Closed, NotClosed};

/// Closes the day.
pub(crate) async fn close<S: Store>(
    State(bills): State<Arc<Bills<S>>>,
    Path((account, date)): Path<(String, String)>,
) -> Response {
    let Ok(account) = AccountId::parse(&account) else {
        return refuse(StatusCode::BAD_REQUEST, "account: must be the id of a rail account");
    };
    let Ok(date) = date.parse::<Date>() else {
        return refuse(StatusCode::BAD_REQUEST, "day: must be a date such as 2026-11-20");
    };
    match bills.close(&account, date).await {
        Ok(closed) => Json(shown(&account, &closed)).into_response(),
        Err(error) => {
            tracing::warn!(%account, %date, %error, "a day was not closed");
            refuse(status(&error), &error.to_string())
        }
    }
}

fn status(error: &NotClosed) -> StatusCode {
    match error {
        NotClosed::NoAccount(_) | NotClosed::NoBills(_) => StatusCode::NOT_FOUND,
        NotClosed::NoDay => StatusCode::BAD_REQUEST,
        NotClosed::Busy => StatusCode::TOO_MANY_REQUESTS,
        // At UnionPay the answer with the bill itself may say so.
        NotClosed::NotYet(_) | NotClosed::Bill(StatementError::Code(_)) => StatusCode::CONFLICT,
        NotClosed::Rail(_) | NotClosed::Download(_) | NotClosed::Bill(_) => StatusCode::BAD_GATEWAY,
        NotClosed::File(_) | NotClosed::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

fn shown(account: &AccountId, closed: &Closed) -> Value {
    let DayReport { day, bill, books, elsewhere, breaks, break_count } = &closed.report;
    json!({
        "account": account.as_str(),
        "date": day.date.to_string(),
        "begin_time": day.begins.to_string(),
        "end_time": day.ends.to_string(),
        "bill_kind": closed.kind,
        "bill_is_empty": closed.empty,
        "equal": closed.report.is_equal(),
        "bill": totals(bill),
        "books": totals(books),
        "may_be_on_a_neighbours_bill": totals(elsewhere),
        "break_count": break_count,
        "breaks": breaks.iter().map(found).collect::<Vec<_>>(),
    })
}

/// Sums are texts: a JSON number is a float to many readers.
fn totals(totals: &Totals) -> Value {
    json!({
        "count": totals.count,
        "paid_minor": totals.paid_minor.to_string(),
        "returned_minor": totals.returned_minor.to_string(),
    })
}

fn found(found: &Break) -> Value {
    match found {
        Break::NotInBooks(on_bill) => json!({ "break": "not_in_books", "bill": line(on_bill) }),
        Break::NotOnBill(booked) => json!({ "break": "not_on_bill", "books": movement(booked) }),
        Break::AmountDiffers { line: on_bill, booked } => json!({
            "break": "amount_differs",
            "bill": line(on_bill),
            "books": { "amount_minor": booked.minor_units().to_string() },
        }),
        Break::Twice(on_bill) => json!({ "break": "twice", "bill": line(on_bill) }),
    }
}

fn line(line: &StatementLine) -> Value {
    json!({
        "kind": kind(line.kind),
        "order_no": line.order_no,
        "refund_no": line.refund_no,
        "rail_ref": line.rail_ref,
        "amount_minor": line.amount.minor_units().to_string(),
        "currency": line.amount.currency().to_string(),
        "time": line.at.map(|at| at.to_string()),
    })
}

fn movement(movement: &Movement) -> Value {
    json!({
        "kind": kind(movement.kind),
        "number": movement.number,
        "amount_minor": movement.amount.minor_units().to_string(),
        "currency": movement.amount.currency().to_string(),
        "not_before_time": movement.earliest.to_string(),
        "done_by_time": movement.latest.map(|latest| latest.to_string()),
    })
}

fn kind(kind: StatementKind) -> &'static str {
    match kind {
        StatementKind::Payment => "payment",
        StatementKind::Refund => "refund",
        StatementKind::Reversal => "reversal",
    }
}
