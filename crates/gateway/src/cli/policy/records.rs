//! `paifang policy records`: what was decided and what became of it, a line each, for `simulate` to read. What left the store is
//! told on standard error, by name and number.

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};

use anyhow::Context;
use jiff::Timestamp;
use paifang_payment::TenantId;
use paifang_policy::simulate::{REFUNDS_MAX, Record};
use paifang_store::{PAGE_MAX, Store, records};

use super::LINE_BYTES_MAX;
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
    let mut written = Written::default();
    let ended = match Opened::at(&options.at).await? {
        Opened::File(store) => write(&store, options, &mut out, &mut written).await,
        Opened::Database(store) => write(&store, options, &mut out, &mut written).await,
    };
    let ended = ended.and_then(|()| Ok(out.flush()?));
    // What left is told, also where not all of it did.
    let Written { records, fields, left_out } = written;
    let fields = fields.into_iter().collect::<Vec<_>>().join(",");
    let mut errors = std::io::stderr();
    // Nobody is left to tell when standard error is gone.
    let _ = writeln!(errors, "wrote tenant={} records={records} fields={fields:?}", options.tenant);
    let _ = left_out.say(&mut errors);
    match ended {
        // Whoever closes the pipe has seen enough.
        Err(error) if is_closed(&error) => Ok(()),
        ended => Ok(ended?),
    }
}

/// What was written: how many records, and which inputs they have, by name and without a value.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub records: u64,
    pub fields: BTreeSet<&'static str>,
    pub left_out: LeftOut,
}

/// What was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct LeftOut {
    /// The last refunds of payments.
    pub refunds: u64,
    /// Whole records.
    pub records: u64,
}

impl LeftOut {
    /// Nothing where nothing was left out.
    pub(super) fn say(self, to: &mut impl Write) -> std::io::Result<()> {
        let Self { refunds, records } = self;
        if self == Self::default() {
            return Ok(());
        }
        writeln!(
            to,
            "left out: {refunds} refunds and {records} records; a line has at most {REFUNDS_MAX} refunds and {LINE_BYTES_MAX} bytes"
        )
    }

    /// The line of a record as `simulate` reads it, with as many of its refunds as fit; `None` where it does not fit at all.
    pub(super) fn line(&mut self, mut record: Record) -> anyhow::Result<Option<Vec<u8>>> {
        loop {
            let mut line = serde_json::to_vec(&record)?;
            line.push(b'\n');
            let kept = record.payment.as_ref().map_or(0, |payment| payment.refunds.len());
            if line.len() as u64 <= LINE_BYTES_MAX {
                self.refunds += record.payment.map_or(0, |payment| payment.refunds_left_out);
                return Ok(Some(line));
            }
            match &mut record.payment {
                Some(payment) if kept > 0 => payment.keep_refunds(kept / 2),
                Some(_) | None => {
                    self.records += 1;
                    return Ok(None);
                }
            }
        }
    }
}

fn is_closed(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// One page at a time, oldest first. What is decided meanwhile may be passed.
pub(super) async fn write(
    store: &impl Store,
    options: &Options,
    out: &mut impl Write,
    written: &mut Written,
) -> anyhow::Result<()> {
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
                let Some(line) = written.left_out.line(record)? else { continue };
                out.write_all(&line)?;
                written.records += 1;
                written.fields.extend(stored.decided.fields());
                progress.one_more();
            }
        }
    }
}
