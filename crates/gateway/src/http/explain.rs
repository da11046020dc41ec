//! `GET /intents/{payment_intent_id}/explain` for operators, who see every tenant's: the chain of evidence of an intent, as
//! `ExplainPaymentIntent` has it, with what only operators see beside it. No payer is named in it.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use paifang_money::{Currency, Money};
use paifang_payment::IntentId;
use paifang_proto::v1;
use paifang_store::{IntentRow, Store, StoreError};
use serde_json::{Value, json};

use crate::core::Over;
use crate::grpc::{Line, Story, Told};

/// Tells it.
pub(crate) async fn explain<S: Store>(State(engine): State<Over<S>>, Path(id): Path<String>) -> Response {
    let Ok(id) = IntentId::parse(&id) else {
        return refuse(StatusCode::BAD_REQUEST, "payment_intent_id: must be the id of a payment intent");
    };
    match told(engine.store(), id).await {
        Ok(Some(told)) => Json(told).into_response(),
        Ok(None) => refuse(StatusCode::NOT_FOUND, "no such payment intent"),
        Err(error) => {
            tracing::error!(%id, %error, "an intent cannot be explained");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer; the log says how")
        }
    }
}

async fn told(store: &impl Store, id: IntentId) -> Result<Option<Value>, StoreError> {
    let Some(row) = find(store, id).await? else { return Ok(None) };
    let told = Story::read(store, row.intent.terms.tenant, id).await?.tell();
    Ok(Some(shown(&row, &told)))
}

/// Whosever it is: the one that follows the id right before it.
async fn find(store: &impl Store, id: IntentId) -> Result<Option<IntentRow>, StoreError> {
    let text = id.to_string();
    let number = text.strip_prefix("pi_").and_then(|hex| u128::from_str_radix(hex, 16).ok());
    let before = number.and_then(|number| number.checked_sub(1));
    let before = before.and_then(|before| IntentId::parse(&format!("pi_{before:032x}")).ok());
    let rows = store.scan_intents(before, 1).await?;
    Ok(rows.into_iter().find(|row| row.intent.terms.id == id))
}

fn shown(row: &IntentRow, told: &Told) -> Value {
    let IntentRow { intent, amounts } = row;
    json!({
        "payment_intent_id": intent.terms.id.to_string(),
        "tenant": intent.terms.tenant.to_string(),
        "state": intent.state.name(),
        "amount": intent.terms.amount.to_string(),
        "authorized": amounts.authorized.to_string(),
        "captured": amounts.captured.to_string(),
        "reserved": amounts.reserved.to_string(),
        "refunded": amounts.refunded.to_string(),
        "head": intent.head.map(String::from),
        "entries": told.lines.iter().map(line).collect::<Vec<_>>(),
        "other_transfers": told.other_transfers.iter().map(transfer).collect::<Vec<_>>(),
        "truncated": told.truncated,
    })
}

fn line(line: &Line) -> Value {
    let entry = &line.entry;
    let kind = match entry.subject() {
        v1::JournalSubject::PaymentIntent => "payment_intent",
        v1::JournalSubject::Attempt => "attempt",
        v1::JournalSubject::Refund => "refund",
        v1::JournalSubject::Unspecified => "",
    };
    let mut shown = json!({
        "sequence": entry.sequence,
        "time": entry.decide_time.as_ref().and_then(moment),
        "subject": kind,
        "subject_id": entry.subject_id,
        "from": state(&entry.from_state),
        "to": state(&entry.to_state),
        "change": entry.change,
        "source": entry.source().as_str_name().trim_start_matches("EVIDENCE_SOURCE_").to_lowercase(),
        "rule": entry.rule,
        "events": entry.events.iter().map(event).collect::<Vec<_>>(),
        "transfers": entry.transfers.iter().map(transfer).collect::<Vec<_>>(),
    });
    let decided = line.decided.as_ref();
    let optional = [
        ("amount", entry.amount.as_ref().and_then(money)),
        ("rail_code", some(&entry.rail_code)),
        ("message_digest", some(&entry.message_digest)),
        ("key_serial", some(&entry.key_serial)),
        ("request_id", some(&entry.request_id)),
        ("notification_key", some(&entry.notification_key)),
        ("previous_digest", some(&entry.previous_digest)),
        ("digest", some(&entry.digest)),
        ("decided_by", decided.map(|(by, _)| by.to_string())),
        ("decided_why", decided.map(|(_, why)| why.to_string())),
    ];
    for (name, text) in optional {
        if let Some(text) = text {
            shown[name] = text.into();
        }
    }
    shown
}

fn transfer(row: &v1::Transfer) -> Value {
    json!({
        "key": row.transfer_key,
        "phase": row.phase().as_str_name().trim_start_matches("TRANSFER_PHASE_").to_lowercase(),
        "debit": row.debit_account_name,
        "credit": row.credit_account_name,
        "amount": row.amount.as_ref().and_then(money),
    })
}

fn event(event: &v1::JournalEvent) -> Value {
    json!({ "event_id": event.event_id, "type": event.r#type, "sequence": event.sequence })
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// `AWAITING_PAYER` of whatever kind of state it is; `null` for none.
fn state(name: &str) -> Option<&str> {
    let prefixes = ["PAYMENT_INTENT_STATE_", "ATTEMPT_STATE_", "REFUND_STATE_"];
    let short = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
    short.or(Some(name)).filter(|name| !name.is_empty())
}

fn moment(time: &prost_types::Timestamp) -> Option<String> {
    Timestamp::new(time.seconds, time.nanos).ok().map(|time| time.to_string())
}

fn money(money: &v1::Money) -> Option<String> {
    let currency = Currency::parse(&money.currency_code).ok()?;
    Money::new(money.minor_units, currency).ok().map(|money| money.to_string())
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
