//! The control API: JSON over HTTP, for the payer's acts in the demo and for tests. It is no part of any rail.
//!
//! | route | body | answer |
//! |---|---|---|
//! | `GET /v1/rails` | | `[{"name","url","https_url"}]` |
//! | `POST /v1/{rail}/payer/scan` | `{"order_no"}`, `{"qr"}` or `{"prepay_id"}` | what the payer sees |
//! | `POST /v1/{rail}/payer/pay` | the same, and optionally `"force":true` | what came of it |
//! | `POST /v1/{rail}/payer/pay_after_close` | as scan | as pay with force: money that comes late |
//! | `POST /v1/{rail}/payer/decline` | as scan | what came of it |
//! | `POST /v1/{rail}/payer/code` | `{"outcome":"pays"}`, also `declines`, `pending_then_pays`, `pending_then_declines` | `{"code"}` |
//! | `POST /v1/{rail}/faults` | `{"fault":...,"operation":null,"times":1}`, see [`crate::faults`] | what is armed |
//! | `GET`, `DELETE /v1/{rail}/faults` | | what is armed |
//! | `GET /v1/{rail}/book` | | [`BookEntry`] list |
//! | `GET /v1/{rail}/requests` | | [`Recorded`] list: what arrived, how it was judged, and what went over the wire |
//! | `GET /v1/{rail}/notifications` | | [`Delivery`] list |
//! | `GET`, `POST`, `DELETE /v1/{rail}/conditions` | POST: `{"limit":{"per_second","burst","target","operation"}}` or `{"window":{"from","until"}}` | what holds |
//! | `POST /v1/{rail}/keys` | `{"rail":"announce"}`, `{"merchant":"retire"}`; also `switch` | what is new |
//! | `GET /v1/{rail}/orders` | | what the payer's phone shows, newest first |
//! | `GET /v1/{rail}/bill?day=2026-03-01` | | [`BillLine`] list of that day |
//! | `GET /v1/clock` | | `{"now"}` |
//! | `POST /v1/clock` | `{"set":"2026-01-01T08:00:00+08:00"}`, `{"step_ms":n}`, `{"speed":n}` or `{"signatures":"wall"}` (also `"rails"`) | `{"now"}` |
//!
//! Errors are `{"error"}` with 400 (not understood), 404 (no such rail or order), 409 (not in this state) or 501 (this
//! rail has no such act).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::book::BookEntry;
use crate::clock::{Clock, SPEED_MAX, Signatures};
use crate::conditions::{Limit, Shown, Window};
use crate::faults::{Armed, Fault, OPERATIONS};
use crate::journal::Recorded;
use crate::notifier::Delivery;
use crate::pages;
use crate::{Bench, BillLine, CodeOutcome, PayerAct, PayerError, PayerTarget, RailMock, WalletView};

/// A rail with its bench.
pub(crate) struct Mounted {
    pub(crate) rail: Arc<dyn RailMock>,
    pub(crate) bench: Bench,
    /// Where it listens over TLS.
    pub(crate) https_url: String,
}

impl fmt::Debug for Mounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mounted").field("rail", &self.rail.name()).finish_non_exhaustive()
    }
}

type Mounts = Arc<BTreeMap<&'static str, Mounted>>;
type Answer<T> = Result<Json<T>, (StatusCode, Json<Value>)>;

/// The rails behind the control listener and its pages.
#[derive(Clone)]
pub(crate) struct World {
    mounts: Mounts,
    clock: Clock,
}

impl World {
    pub(crate) fn new(mounts: Mounts, clock: Clock) -> Self {
        Self { mounts, clock }
    }

    /// The rail of this name.
    pub(crate) fn find(&self, rail: &str) -> Option<&Mounted> {
        self.mounts.get(rail)
    }

    /// The names of the rails, in alphabetical order.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.mounts.keys().copied().collect()
    }

    /// The rails' time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn mounted(&self, rail: &str) -> Result<&Mounted, (StatusCode, Json<Value>)> {
        self.mounts.get(rail).ok_or_else(|| refuse(StatusCode::NOT_FOUND, "there is no such rail"))
    }
}

/// The routes over these rails.
pub(crate) fn routes(mounts: Mounts, clock: Clock) -> Router {
    let world = World::new(mounts, clock);
    let pages = pages::routes(world.clone());
    let api = Router::new()
        .route("/v1/rails", get(rails))
        .route("/v1/clock", get(clock_now).post(clock_move))
        .route("/v1/{rail}/payer/{act}", post(payer))
        .route("/v1/{rail}/faults", get(faults).post(arm).delete(disarm))
        .route("/v1/{rail}/conditions", get(conditions).post(worsen).delete(clear_up))
        .route("/v1/{rail}/keys", post(keys))
        .route("/v1/{rail}/orders", get(orders))
        .route("/v1/{rail}/bill", get(bill))
        .route("/v1/{rail}/book", get(book))
        .route("/v1/{rail}/requests", get(requests))
        .route("/v1/{rail}/notifications", get(notifications))
        .with_state(world);
    api.merge(pages)
}

fn refuse(status: StatusCode, error: impl fmt::Display) -> (StatusCode, Json<Value>) {
    (status, Json(json!({ "error": error.to_string() })))
}

async fn rails(State(world): State<World>) -> Json<Value> {
    let one = |(name, mounted): (&&str, &Mounted)| json!({ "name": name, "url": mounted.bench.origin, "https_url": mounted.https_url });
    Json(world.mounts.iter().map(one).collect())
}

async fn book(State(world): State<World>, Path(rail): Path<String>) -> Answer<Vec<BookEntry>> {
    let mounted = world.mounted(&rail)?;
    mounted.rail.expire_due();
    Ok(Json(mounted.rail.book()))
}

async fn conditions(State(world): State<World>, Path(rail): Path<String>) -> Answer<Shown> {
    Ok(Json(world.mounted(&rail)?.bench.conditions.shown()))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Worse {
    Limit(Limit),
    Window(Window),
}

async fn worsen(State(world): State<World>, Path(rail): Path<String>, body: String) -> Answer<Shown> {
    let conditions = &world.mounted(&rail)?.bench.conditions;
    let done = match parse(&body)? {
        Worse::Limit(limit) => conditions.limit(limit),
        Worse::Window(window) => conditions.close(window),
    };
    done.map_err(|error| refuse(StatusCode::BAD_REQUEST, error))?;
    Ok(Json(conditions.shown()))
}

async fn clear_up(State(world): State<World>, Path(rail): Path<String>) -> Answer<Shown> {
    let conditions = &world.mounted(&rail)?.bench.conditions;
    conditions.clear();
    Ok(Json(conditions.shown()))
}

async fn keys(State(world): State<World>, Path(rail): Path<String>, body: String) -> Answer<Value> {
    let mounted = world.mounted(&rail)?;
    mounted.rail.keys(parse(&body)?).map(Json).map_err(|error| in_vain(&error))
}

async fn orders(State(world): State<World>, Path(rail): Path<String>) -> Answer<Vec<WalletView>> {
    let mounted = world.mounted(&rail)?;
    mounted.rail.expire_due();
    Ok(Json(mounted.rail.orders()))
}

async fn bill(
    State(world): State<World>,
    Path(rail): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer<Vec<BillLine>> {
    let mounted = world.mounted(&rail)?;
    let day = query.get("day").and_then(|day| day.parse().ok());
    let day: Date =
        day.ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "day must be a date, such as 2026-03-01"))?;
    mounted.rail.bill(day).map(Json).map_err(|error| in_vain(&error))
}

async fn requests(State(world): State<World>, Path(rail): Path<String>) -> Answer<Vec<Recorded>> {
    Ok(Json(world.mounted(&rail)?.bench.journal.recorded()))
}

async fn notifications(State(world): State<World>, Path(rail): Path<String>) -> Answer<Vec<Delivery>> {
    Ok(Json(world.mounted(&rail)?.bench.notifier.deliveries()))
}

async fn clock_now(State(world): State<World>) -> Json<Value> {
    Json(json!({ "now": world.clock.now() }))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ClockMove {
    Set(Timestamp),
    StepMs(i64),
    Speed(u32),
    Signatures(Signatures),
}

async fn clock_move(State(world): State<World>, body: String) -> Answer<Value> {
    match parse(&body)? {
        ClockMove::Set(t) => world.clock.set(t),
        ClockMove::Speed(speed) if (1..=SPEED_MAX).contains(&speed) => world.clock.run(speed),
        ClockMove::Speed(_) => {
            return Err(refuse(StatusCode::BAD_REQUEST, format!("speed must be 1 to {SPEED_MAX}")));
        }
        ClockMove::Signatures(signatures) => world.clock.sign_by(signatures),
        ClockMove::StepMs(ms) => world.clock.step(SignedDuration::from_millis(ms)),
    }
    for mounted in world.mounts.values() {
        mounted.rail.expire_due();
    }
    Ok(Json(json!({ "now": world.clock.now() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arm {
    fault: Fault,
    #[serde(default)]
    operation: Option<String>,
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

async fn faults(State(world): State<World>, Path(rail): Path<String>) -> Answer<Vec<Armed>> {
    Ok(Json(world.mounted(&rail)?.bench.faults.armed()))
}

async fn arm(State(world): State<World>, Path(rail): Path<String>, body: String) -> Answer<Vec<Armed>> {
    let faults = &world.mounted(&rail)?.bench.faults;
    let wanted: Arm = parse(&body)?;
    if let Some(operation) = wanted.operation.as_deref()
        && !OPERATIONS.contains(&operation)
    {
        let error = format!("operation must be one of {}", OPERATIONS.join(", "));
        return Err(refuse(StatusCode::BAD_REQUEST, error));
    }
    faults.arm(wanted.operation.as_deref(), wanted.fault, wanted.times);
    Ok(Json(faults.armed()))
}

async fn disarm(State(world): State<World>, Path(rail): Path<String>) -> Answer<Vec<Armed>> {
    let faults = &world.mounted(&rail)?.bench.faults;
    faults.clear();
    Ok(Json(faults.armed()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    order_no: Option<String>,
    qr: Option<String>,
    prepay_id: Option<String>,
    #[serde(default)]
    force: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    outcome: CodeOutcome,
}

async fn payer(
    State(world): State<World>,
    Path((rail, act)): Path<(String, String)>,
    body: String,
) -> Answer<Value> {
    let mounted = world.mounted(&rail)?;
    let act = match act.as_str() {
        "scan" => PayerAct::Scan(target(&body)?.0),
        "pay" => {
            let (target, force) = target(&body)?;
            PayerAct::Pay { target, force }
        }
        "pay_after_close" => PayerAct::Pay { target: target(&body)?.0, force: true },
        "decline" => PayerAct::Decline(target(&body)?.0),
        "code" => PayerAct::IssueCode(parse::<Code>(&body)?.outcome),
        _ => {
            return Err(refuse(
                StatusCode::NOT_FOUND,
                "a payer can scan, pay, pay_after_close, decline, code",
            ));
        }
    };
    mounted.rail.payer(act).map(Json).map_err(|error| in_vain(&error))
}

fn in_vain(error: &PayerError) -> (StatusCode, Json<Value>) {
    let status = match error {
        PayerError::NoSuchOrder => StatusCode::NOT_FOUND,
        PayerError::NotPayable { .. } => StatusCode::CONFLICT,
        PayerError::Unsupported => StatusCode::NOT_IMPLEMENTED,
    };
    refuse(status, error)
}

fn target(body: &str) -> Result<(PayerTarget, bool), (StatusCode, Json<Value>)> {
    let Target { order_no, qr, prepay_id, force } = parse(body)?;
    let target = match (order_no, qr, prepay_id) {
        (Some(order_no), None, None) => PayerTarget::OrderNo(order_no),
        (None, Some(qr), None) => PayerTarget::Qr(qr),
        (None, None, Some(prepay_id)) => PayerTarget::PrepayId(prepay_id),
        _ => return Err(refuse(StatusCode::BAD_REQUEST, "give one of order_no, qr, prepay_id")),
    };
    Ok((target, force))
}

fn parse<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, (StatusCode, Json<Value>)> {
    serde_json::from_str(body).map_err(|error| refuse(StatusCode::BAD_REQUEST, error))
}
