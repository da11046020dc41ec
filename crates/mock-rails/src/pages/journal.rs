//! The journal of requests, for whoever wonders why a signature does not match.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Page, beijing, page, refusal};
use crate::control::World;
use crate::journal::Recorded;

/// How many requests the list shows.
const ROWS_MAX: usize = 200;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    /// Only what was refused.
    refused: Option<u8>,
}

pub(super) async fn first(State(world): State<World>) -> Redirect {
    Redirect::to(&format!("/journal/{}", world.names().first().copied().unwrap_or_default()))
}

pub(super) async fn list(
    State(world): State<World>,
    Path(rail): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let Some(mounted) = world.find(&rail) else { return no_rail(&world, &rail) };
    let only_refused = wanted.refused == Some(1);
    let rows = mounted.bench.journal.recorded().into_iter().rev();
    let rows: Vec<Recorded> = rows.filter(|row| row.entry.refused || !only_refused).take(ROWS_MAX).collect();
    let content = html! {
        p {
            @if only_refused { a href=(format!("/journal/{rail}")) { "All requests" } }
            @else { a href=(format!("/journal/{rail}?refused=1")) data-testid="only-refused" { "Only refused ones" } }
        }
        @if rows.is_empty() { p.quiet data-testid="no-requests" { "Nothing here." } }
        @else { div.scroll { (table(&rail, &rows)) } }
    };
    page(&world, (Page::Journal, &rail), &format!("{rail} requests"), &content)
}

fn table(rail: &str, rows: &[Recorded]) -> Markup {
    html! {
        table {
            thead { tr { th { "Time" } th { "Request" } th { "Operation" } th { "Order" } th { "Verdict" } } }
            tbody {
                @for Recorded { number, entry, .. } in rows {
                    tr.refused[entry.refused] data-testid="request" data-refused=(entry.refused) {
                        td { a href=(format!("/journal/{rail}/{number}")) data-testid="details" { (beijing(entry.at)) } }
                        td { (entry.method) " " (entry.path) }
                        td { (entry.operation) }
                        td { (entry.order_no.as_deref().unwrap_or("–")) }
                        td.verdict { (entry.verdict) }
                    }
                }
            }
        }
    }
}

pub(super) async fn show(State(world): State<World>, Path((rail, number)): Path<(String, u64)>) -> Response {
    let Some(mounted) = world.find(&rail) else { return no_rail(&world, &rail) };
    let row = mounted.bench.journal.recorded().into_iter().find(|row| row.number == number);
    let Some(Recorded { entry, traffic, .. }) = row else {
        return refusal(&world, StatusCode::NOT_FOUND, &rail, "this request is no longer kept");
    };
    let content = html! {
        p.message.bad[entry.refused] data-testid="verdict" {
            @if entry.refused { "Refused: " } @else { "Answered: " } (entry.verdict)
        }
        h2 { "The string that should have been signed" }
        @match &entry.expected {
            Some(expected) => {
                p.quiet { "Line breaks are shown as they are; compare byte by byte with what your client signs." }
                pre data-testid="expected" { (expected) }
            }
            None => p.quiet { "The request was judged before it came to the signature." },
        }
        h2 { "Request" }
        pre data-testid="request" { (entry.method) " " (traffic.target) "\n" (headers(&traffic.request_headers)) "\n" (traffic.request_body) }
        h2 { "Answer" }
        pre data-testid="answer" { (traffic.status) "\n" (headers(&traffic.answer_headers)) "\n" (traffic.answer_body) }
        p { a href=(format!("/journal/{rail}")) { "All requests" } }
    };
    page(&world, (Page::Journal, &rail), &format!("{rail}: {}", entry.operation), &content)
}

fn headers(headers: &[(String, String)]) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

fn no_rail(world: &World, rail: &str) -> Response {
    refusal(world, StatusCode::NOT_FOUND, rail, "there is no such rail")
}
