//! `paifang events`: a storefront's events, a line each, as a subscriber keeps them, or what of them one party is handed.

use std::io::{BufWriter, Write};

use anyhow::{Context, ensure};
use paifang_client::{Client, v1};
use paifang_shares::Party;

use crate::cli::Ended;
use crate::cli::storefront::Reached;
use crate::net;

/// Events of a page.
const PAGE: i32 = 200;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    at: Reached,
    /// Only what comes after the event with this cursor; without it from the oldest on.
    #[arg(long, default_value = "")]
    after: String,
    /// Only what this party's statement is made of, to be handed to it: of the events that are about it, its own parts. Neither
    /// what was sold and to whom nor anybody else's name or amount. Parties are named as in `paifang statement`.
    #[arg(long)]
    party: Option<String>,
}

pub(crate) async fn run(options: Options) -> Result<(), Ended> {
    let party = options.party.as_deref().map(party).transpose()?;
    let client = options.at.client().await?;
    let mut out = BufWriter::new(std::io::stdout());
    let told = write(&client, options.after, party.as_ref(), &mut out).await?;
    if party.is_some() {
        // What is handed over has no cursors. Nobody is left to tell when standard error is gone.
        let Told { written, read, cursor } = told;
        let _ = writeln!(
            std::io::stderr(),
            "{written} of {read} events are about it; the next ones: --after {cursor:?}"
        );
    }
    Ok(())
}

fn party(text: &str) -> anyhow::Result<Party> {
    let party = Party::parse(text).context("--party")?;
    ensure!(
        net::named(&party).is_some(),
        "--party: there is no party {party}; see `paifang statement --help`"
    );
    Ok(party)
}

/// How many events there were, how many were written, and where to go on.
struct Told {
    read: u64,
    written: u64,
    cursor: String,
}

async fn write(
    client: &Client,
    cursor: String,
    party: Option<&Party>,
    out: &mut impl Write,
) -> anyhow::Result<Told> {
    let mut told = Told { read: 0, written: 0, cursor };
    loop {
        let request = v1::ListEventsRequest { after_cursor: told.cursor.clone(), page_size: PAGE };
        let page = client.list_events(request).await.context("the gateway did not tell its events")?;
        if page.events.is_empty() {
            out.flush().context("standard output is gone")?;
            return Ok(told);
        }
        told.cursor = page.next_cursor;
        for event in page.events {
            told.read += 1;
            let cursor = event.cursor.clone();
            let event = match party {
                Some(party) => net::handed_to(party, &event).with_context(|| {
                    format!("no such event is handed on; go on behind it with --after {cursor}")
                })?,
                None => Some(event),
            };
            let Some(event) = event else { continue };
            told.written += 1;
            writeln!(out, "{}", net::write_line(&event)?).context("standard output is gone")?;
        }
    }
}
