//! `POST /days/{account}/{date}` for operators: closes a day and answers the comparison as JSON. Nothing is changed by it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use paifang_engine::statement::{Break, DayReport, Known, Movement, Part, Row, Totals};
use paifang_payment::AccountId;
use paifang_rail::{LineStanding, StatementError, StatementKind, StatementLine};
use paifang_store::Store;
use paifang_transport::{DownloadError, TransportError};
use serde_json::{Value, json};

use crate::bills::{Bills, Closed, NotClosed};
use crate::inquiries::Unanswered;

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
        NotClosed::NoDay | NotClosed::TooOld(_) => StatusCode::BAD_REQUEST,
        NotClosed::Busy => StatusCode::TOO_MANY_REQUESTS,
        // At UnionPay the answer with the bill itself may say so.
        NotClosed::TooEarly(_) | NotClosed::NotYet(_) | NotClosed::Bill(StatementError::Code(_)) => {
            StatusCode::CONFLICT
        }
        NotClosed::Stopping
        | NotClosed::Rail(Unanswered::HeldBack)
        | NotClosed::Download(DownloadError::Transport(TransportError::HeldBack)) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        NotClosed::Broken
        | NotClosed::Rail(Unanswered::Broken)
        | NotClosed::Download(DownloadError::Write(_))
        | NotClosed::Bill(StatementError::Io(_))
        | NotClosed::File(_)
        | NotClosed::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        NotClosed::Rail(Unanswered::Rail(_)) | NotClosed::Download(_) | NotClosed::Bill(_) => {
            StatusCode::BAD_GATEWAY
        }
    }
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

fn shown(account: &AccountId, closed: &Closed) -> Value {
    let DayReport { day, accounts, bill, books, elsewhere, neighbours, breaks, break_count } = &closed.report;
    let mut may_be_elsewhere = totals(elsewhere);
    may_be_elsewhere["movements"] = neighbours.iter().map(movement).collect();
    json!({
        "account": account.as_str(),
        "accounts_compared": accounts.iter().map(AccountId::as_str).collect::<Vec<_>>(),
        "date": day.date.to_string(),
        "begin_time": day.begins.to_string(),
        "end_time": day.ends.to_string(),
        "bill_kind": closed.kind,
        "bill_is_empty": closed.empty,
        "signed": closed.signed,
        "equal": closed.is_equal(),
        "complete": closed.report.is_complete(),
        "bill": totals(bill),
        "books": totals(books),
        "may_be_on_a_neighbours_bill": may_be_elsewhere,
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
        Break::KnownNotSettled(on_bill, ours) => {
            json!({ "break": "known_not_settled", "bill": line(on_bill), "books": known(ours) })
        }
        Break::OnAnotherDay(on_bill, ours) => {
            json!({ "break": "booked_on_another_day", "bill": line(on_bill), "books": known(ours) })
        }
        Break::FailedOnBill(on_bill, booked) => {
            json!({ "break": "failed_on_bill", "bill": line(on_bill), "books": movement(booked) })
        }
        Break::NotOnBill(booked) => json!({ "break": "not_on_bill", "books": movement(booked) }),
        Break::AmountDiffers(on_bill, booked) => {
            json!({ "break": "amount_differs", "bill": line(on_bill), "books": movement(booked) })
        }
        Break::Twice { line: on_bill, first_rail_ref } => {
            json!({ "break": "twice", "bill": line(on_bill), "first_rail_ref": first_rail_ref })
        }
    }
}

fn known(ours: &Known) -> Value {
    let mut shown = ids(ours.row);
    shown["state"] = ours.state.into();
    shown
}

fn ids(row: Row) -> Value {
    let intent = row.intent.to_string();
    match row.part {
        Part::Attempt(id) => json!({ "payment_intent_id": intent, "attempt_id": id.to_string() }),
        Part::Refund(id) => json!({ "payment_intent_id": intent, "refund_id": id.to_string() }),
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
        "standing": match line.standing {
            LineStanding::Done => "done",
            LineStanding::Underway => "underway",
            LineStanding::Failed => "failed",
        },
    })
}

fn movement(movement: &Movement) -> Value {
    let mut shown = ids(movement.row);
    shown["kind"] = kind(movement.kind).into();
    shown["number"] = movement.number.as_str().into();
    shown["amount_minor"] = movement.amount.minor_units().to_string().into();
    shown["currency"] = movement.amount.currency().to_string().into();
    shown["not_before_time"] = movement.earliest.to_string().into();
    shown["done_by_time"] = movement.latest.map(|latest| latest.to_string()).into();
    shown
}

fn kind(kind: StatementKind) -> &'static str {
    match kind {
        StatementKind::Payment => "payment",
        StatementKind::Refund => "refund",
        StatementKind::Reversal => "reversal",
    }
}
