//! `paifang fsck`: proof that the store is whole. Status 1 when anything is wrong.

use anyhow::Context;
use paifang_store::{Store, fsck};

use crate::cli::opened::Opened;
use crate::cli::{Configured, Ended, say};

pub(crate) async fn run(at: &Configured) -> Result<(), Ended> {
    match Opened::at(at).await? {
        Opened::File(store) => check(&store).await,
        Opened::Database(store) => check(&store).await,
    }
}

async fn check(store: &impl Store) -> Result<(), Ended> {
    let report = fsck::run(store).await.context("the store did not answer")?;
    say(format_args!(
        "{} intents and {} refunds equal the folds of {} journal entries",
        report.intents, report.refunds, report.entries
    ))?;
    say(format_args!(
        "{} transfers balance, {} pieces of work belong to something",
        report.transfers, report.work
    ))?;
    say(format_args!("{} bulk refunds equal their entries", report.bulks))?;
    say(format_args!(
        "{} entries of books of rules follow each other, {} decisions come out the same again",
        report.rules, report.decisions
    ))?;
    let heads = report.heads.map_or("none".to_owned(), hex::encode);
    say(format_args!("{} journal entries are chained to their heads; all heads: {heads}", report.sealed))?;
    if report.is_clean() {
        return say("clean");
    }
    for finding in &report.findings {
        say(format_args!("WRONG: {finding}"))?;
    }
    Err(Ended::from(anyhow::anyhow!("{} findings", report.findings.len())))
}
