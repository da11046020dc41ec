//! `paifang policy records`: what was decided and what became of it, a line each, for `simulate` to read.

use std::io::{BufWriter, Write};

use anyhow::Context;
use jiff::Timestamp;
use paifang_payment::TenantId;
use paifang_store::{PAGE_MAX, Store, records};

use super::progress::Progress;
use crate::cli::opened::Opened;
use crate::cli::{Configured, Ended};

/// What `paifang policy records` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The storefront, by its id in `paifang tenant list`.
    #[arg(long)]
    tenant: TenantId,
    /// Only what was decided at this time or later, such as 2024-09-26T00:00:00+08:00.
    #[arg(long)]
    since: Option<Timestamp>,
    /// Tell on standard error how many there are so far, also where that is no terminal.
    #[arg(long)]
    progress: bool,
    #[command(flatten)]
    at: Configured,
}

pub(super) async fn run(options: &Options) -> Result<(), Ended> {
    let mut out = BufWriter::new(std::io::stdout());
    let told = match Opened::at(&options.at).await? {
        Opened::File(store) => write(&store, options, &mut out).await,
        Opened::Database(store) => write(&store, options, &mut out).await,
    };
    // Whoever closes the pipe has seen enough.
    match told.and_then(|()| Ok(out.flush()?)) {
        Err(error) if is_closed(&error) => Ok(()),
        told => Ok(told?),
    }
}

fn is_closed(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// One page at a time, oldest first. What is decided meanwhile may be passed.
pub(super) async fn write(store: &impl Store, options: &Options, out: &mut impl Write) -> anyhow::Result<()> {
    let mut progress = Progress::new(options.progress);
    let mut after = None;
    loop {
        let page =
            store.decisions(options.tenant, after, PAGE_MAX).await.context("the store did not answer")?;
        let Some(last) = page.last() else {
            progress.finish();
            return Ok(());
        };
        after = Some(last.attempt);
        for stored in page.iter().filter(|one| options.since.is_none_or(|since| since <= one.at)) {
            for record in records(store, stored).await.context("the store did not answer")? {
                serde_json::to_writer(&mut *out, &record).map_err(std::io::Error::from)?;
                out.write_all(b"\n")?;
                progress.one_more();
            }
        }
    }
}
