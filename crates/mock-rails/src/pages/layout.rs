//! The frame that both pages share.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::{TimeZone, offset};
use maud::{DOCTYPE, Markup, html};

use crate::control::World;

/// Which page a link leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    Wallet,
    Journal,
}

impl Page {
    fn path(self) -> &'static str {
        match self {
            Self::Wallet => "wallet",
            Self::Journal => "journal",
        }
    }
}

/// A whole page.
pub(super) fn page(world: &World, current: (Page, &str), title: &str, content: &Markup) -> Response {
    let links = [Page::Wallet, Page::Journal].into_iter().flat_map(|page| {
        world.names().into_iter().map(move |rail| (page, rail, format!("/{}/{rail}", page.path())))
    });
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · mock rails" }
                link rel="stylesheet" href="/style.css";
            }
            body {
                nav {
                    @for (page, rail, href) in links {
                        a href=(href) aria-current=[((page, rail) == current).then_some("page")] {
                            (rail) " " (page.path())
                        }
                    }
                }
                h1 data-testid="title" { (title) }
                p.quiet { "The rails' time: " span data-testid="clock" { (beijing(world.now())) } " (Beijing)" }
                (content)
            }
        }
    };
    Html(page.into_string()).into_response()
}

/// A short page that says what is wrong.
pub(super) fn refusal(world: &World, status: StatusCode, rail: &str, message: &str) -> Response {
    let content = html! { p.message.bad data-testid="message" role="alert" { (message) } };
    (status, page(world, (Page::Wallet, rail), "That did not work", &content)).into_response()
}

/// A time as a payer's phone shows it.
pub(super) fn beijing(time: Timestamp) -> String {
    time.to_zoned(TimeZone::fixed(offset(8))).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Fen as yuan, exactly.
pub(super) fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let fen = fen.unsigned_abs();
    format!("{sign}¥{}.{:02}", fen / 100, fen % 100)
}
