//! The payer's wallet: what is open, scanning, paying, turning away, and showing a payment code.

use axum::Form;
use axum::extract::{Multipart, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Page, beijing, page, refusal, yuan};
use super::picture;
use crate::control::World;
use crate::{CodeOutcome, PayerAct, PayerError, PayerTarget, WalletView};

/// How many orders the page lists; older ones are not payable by hand any more.
const ORDERS_MAX: usize = 50;

/// What the page was asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shown {
    /// The order that was just scanned, paid or declined.
    order: Option<String>,
    /// What came of it.
    said: Option<Said>,
}

/// What the payer just did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Scanned,
    Paid,
    Declined,
}

impl Said {
    fn word(self) -> &'static str {
        match self {
            Self::Scanned => "scanned",
            Self::Paid => "paid",
            Self::Declined => "declined",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Scanned => "Scanned: look at the order, then pay or decline.",
            Self::Paid => "Paid.",
            Self::Declined => "Declined: nothing was paid.",
        }
    }
}

pub(super) async fn first(State(world): State<World>) -> Redirect {
    Redirect::to(&format!("/wallet/{}", world.names().first().copied().unwrap_or_default()))
}

pub(super) async fn show(
    State(world): State<World>,
    Path(rail): Path<String>,
    Query(shown): Query<Shown>,
) -> Response {
    let Some(mounted) = world.find(&rail) else { return no_rail(&world, &rail) };
    mounted.rail.expire_due();
    let orders: Vec<WalletView> = mounted.rail.orders().into_iter().take(ORDERS_MAX).collect();
    let content = html! {
        @if let Some(said) = shown.said { p.message data-testid="message" role="status" { (said.text()) } }
        (scanner(&rail))
        (codes(&rail))
        h2 { "Orders" }
        @if orders.is_empty() { p.quiet data-testid="no-orders" { "No order has come to this rail yet." } }
        @for order in &orders { (card(&rail, order, shown.order.as_deref() == Some(order.order_no.as_str()))) }
    };
    page(&world, (Page::Wallet, &rail), &format!("{rail} wallet"), &content)
}

fn scanner(rail: &str) -> Markup {
    html! {
        h2 { "Scan" }
        form method="post" action=(format!("/wallet/{rail}/scan")) enctype="multipart/form-data" {
            input type="text" name="code" placeholder="the QR code's text" aria-label="the QR code's text" data-testid="scan-code";
            input type="file" name="picture" accept="image/png,image/jpeg" capture="environment" aria-label="a picture of the QR code" data-testid="scan-picture";
            button data-testid="scan" { "Scan" }
        }
    }
}

fn codes(rail: &str) -> Markup {
    let outcomes = [
        ("pays", "pays at once"),
        ("declines", "is declined"),
        ("pending_then_pays", "asks for a password, then pays"),
        ("pending_then_declines", "asks for a password, then declines"),
    ];
    html! {
        h2 { "Payment code" }
        form method="post" action=(format!("/wallet/{rail}/code")) {
            select name="outcome" aria-label="what the code does" data-testid="code-outcome" {
                @for (value, label) in outcomes { option value=(value) { (label) } }
            }
            button data-testid="code-new" { "Show a code to the cashier" }
        }
    }
}

fn card(rail: &str, order: &WalletView, found: bool) -> Markup {
    let act = |act: &str, label: &str| {
        html! {
            form method="post" action=(format!("/wallet/{rail}/{act}")) {
                input type="hidden" name="order_no" value=(order.order_no);
                button data-testid=(act) { (label) }
            }
        }
    };
    html! {
        div.card.found[found] data-testid="order" data-order=(order.order_no) data-state=(order.state) {
            div.row { strong { (order.description) } span.amount data-testid="amount" { (yuan(order.fen)) } }
            div.row.quiet { span { (order.merchant) } span data-testid="state" { (order.state) } }
            div.row.quiet {
                small { (order.order_no) }
                @if let Some(expires_at) = order.expires_at { small { "until " (beijing(expires_at)) } }
            }
            @if order.payable { div.row { (act("pay", "Pay")) (act("decline", "Decline")) } }
        }
    }
}

/// What the payer points the camera at.
pub(super) async fn scan(State(world): State<World>, Path(rail): Path<String>, form: Multipart) -> Response {
    let Some(mounted) = world.find(&rail) else { return no_rail(&world, &rail) };
    let code = match scanned(form).await {
        Ok(code) => code,
        Err(message) => return refusal(&world, StatusCode::BAD_REQUEST, &rail, &message),
    };
    match mounted.rail.payer(PayerAct::Scan(PayerTarget::Qr(code.clone()))) {
        Ok(_) => {
            let order =
                mounted.rail.orders().into_iter().find(|order| order.handle.as_deref() == Some(&code));
            back(&rail, order.map(|order| order.order_no).unwrap_or_default(), Said::Scanned)
        }
        Err(error) => failed(&world, &rail, &error),
    }
}

/// The text of the form, or of the picture in it.
async fn scanned(mut form: Multipart) -> Result<String, String> {
    let (mut code, mut picture) = (String::new(), Vec::new());
    while let Some(field) = form.next_field().await.map_err(|error| error.to_string())? {
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(|error| error.to_string())?;
        match name.as_str() {
            "code" => {
                code = String::from_utf8(bytes.to_vec()).map_err(|_| "the code is not text".to_owned())?
            }
            "picture" => picture = bytes.to_vec(),
            other => return Err(format!("there is no field {other}: send code or picture")),
        }
    }
    let code = code.trim().to_owned();
    if !code.is_empty() || picture.is_empty() {
        return if code.is_empty() {
            Err("give the code's text, or a picture of it".into())
        } else {
            Ok(code)
        };
    }
    // Reading a large picture takes a while; the thread that serves connections goes on.
    let read = tokio::task::spawn_blocking(move || picture::read(&picture)).await;
    read.map_err(|_| "the picture could not be read".to_owned())?.map_err(|error| error.to_string())
}

#[derive(Deserialize)]
pub(super) struct OrderForm {
    order_no: String,
}

pub(super) async fn pay(
    State(world): State<World>,
    Path(rail): Path<String>,
    Form(form): Form<OrderForm>,
) -> Response {
    let target = PayerTarget::OrderNo(form.order_no.clone());
    act(&world, &rail, form.order_no, PayerAct::Pay { target, force: false }, Said::Paid)
}

pub(super) async fn decline(
    State(world): State<World>,
    Path(rail): Path<String>,
    Form(form): Form<OrderForm>,
) -> Response {
    let target = PayerTarget::OrderNo(form.order_no.clone());
    act(&world, &rail, form.order_no, PayerAct::Decline(target), Said::Declined)
}

fn act(world: &World, rail: &str, order_no: String, act: PayerAct, said: Said) -> Response {
    let Some(mounted) = world.find(rail) else { return no_rail(world, rail) };
    match mounted.rail.payer(act) {
        Ok(_) => back(rail, order_no, said),
        Err(error) => failed(world, rail, &error),
    }
}

#[derive(Deserialize)]
pub(super) struct CodeForm {
    outcome: CodeOutcome,
}

pub(super) async fn code(
    State(world): State<World>,
    Path(rail): Path<String>,
    Form(form): Form<CodeForm>,
) -> Response {
    let Some(mounted) = world.find(&rail) else { return no_rail(&world, &rail) };
    let issued = match mounted.rail.payer(PayerAct::IssueCode(form.outcome)) {
        Ok(issued) => issued,
        Err(error) => return failed(&world, &rail, &error),
    };
    let code = issued["code"].as_str().unwrap_or_default().to_owned();
    let picture =
        picture::draw(&code).map(|svg| format!("data:image/svg+xml;base64,{}", STANDARD.encode(svg)));
    let content = html! {
        p { "The cashier scans this, or types it:" }
        p.code data-testid="code" { (code) }
        @if let Some(picture) = picture { img.qr src=(picture) alt="the payment code as a QR code"; }
        p { a href=(format!("/wallet/{rail}")) { "Back to the wallet" } }
    };
    page(&world, (Page::Wallet, &rail), &format!("{rail} payment code"), &content)
}

fn back(rail: &str, order_no: String, said: Said) -> Response {
    let order: String =
        percent_encoding::utf8_percent_encode(&order_no, percent_encoding::NON_ALPHANUMERIC).collect();
    Redirect::to(&format!("/wallet/{rail}?order={order}&said={}", said.word())).into_response()
}

fn failed(world: &World, rail: &str, error: &PayerError) -> Response {
    let status = match error {
        PayerError::NoSuchOrder => StatusCode::NOT_FOUND,
        PayerError::NotPayable { .. } => StatusCode::CONFLICT,
        PayerError::Unsupported => StatusCode::NOT_IMPLEMENTED,
    };
    refusal(world, status, rail, &error.to_string())
}

fn no_rail(world: &World, rail: &str) -> Response {
    refusal(world, StatusCode::NOT_FOUND, rail, "there is no such rail")
}
