//! `paifang events`: a storefront's events, a line each, as a subscriber keeps them.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use paifang_client::{Client, v1};

use crate::cli::Ended;
use crate::net;

/// Where the API key is read from; a key on a command line would be seen by everybody on the machine.
const KEY: &str = "PAIFANG_API_KEY";

/// Events of a page.
const PAGE: i32 = 200;

/// The gateway, as a storefront reaches it.
pub(super) async fn client(gateway: &str, ca: Option<&Path>) -> anyhow::Result<Client> {
    let key = std::env::var(KEY).with_context(|| format!("${KEY} must hold the storefront's API key"))?;
    let read =
        |file: &Path| std::fs::read_to_string(file).with_context(|| format!("--ca {}", file.display()));
    let ca = ca.map(read).transpose()?;
    Client::connect(gateway, &key, ca.as_deref()).await.context("--gateway")
}

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The gateway's address for storefronts, such as http://127.0.0.1:7443. The API key is read from $PAIFANG_API_KEY.
    #[arg(long)]
    gateway: String,
    /// The certificate of the gateway's CA, in PEM; an https address needs it.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Only what comes after the event with this cursor; without it from the oldest on.
    #[arg(long, default_value = "")]
    after: String,
}

pub(crate) async fn run(options: Options) -> Result<(), Ended> {
    let client = client(&options.gateway, options.ca.as_deref()).await?;
    let mut out = BufWriter::new(std::io::stdout());
    Ok(write(&client, options.after, &mut out).await?)
}

async fn write(client: &Client, mut after_cursor: String, out: &mut impl Write) -> anyhow::Result<()> {
    loop {
        let request = v1::ListEventsRequest { after_cursor: after_cursor.clone(), page_size: PAGE };
        let page = client.list_events(request).await.context("the gateway did not tell its events")?;
        if page.events.is_empty() {
            return out.flush().context("standard output is gone");
        }
        after_cursor = page.next_cursor;
        for event in &page.events {
            writeln!(out, "{}", net::write_line(event)?).context("standard output is gone")?;
        }
    }
}
