//! `paifang close-day`: has the running gateway hold a rail's bill of a day against its books. Status 0 when they are equal, 1
//! when they differ, 2 when nothing was compared: there is no bill (yet), none that can be believed, or no gateway.

use anyhow::Context;
use jiff::civil::Date;
use paifang_payment::AccountId;
use serde_json::Value;

use crate::cli::{Configured, Ended, say};

/// Status when nothing was compared.
const NOTHING_COMPARED: u8 = 2;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    at: Configured,
    /// The rail account, by its id in the config.
    #[arg(long, value_parser = account)]
    account: AccountId,
    /// The rail's day (Beijing), such as 2026-11-20.
    #[arg(long)]
    day: Date,
    /// Print the whole report as JSON.
    #[arg(long)]
    json: bool,
}

fn account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).map_err(|error| error.to_string())
}

pub(crate) async fn run(options: Options) -> Result<(), Ended> {
    let ops = options.at.load()?.ops;
    let nothing = |error| Ended::Status(NOTHING_COMPARED, error);
    let report = ask(ops, &options).await.map_err(nothing)?;
    let breaks = report["break_count"].as_u64().context("the gateway's answer is no report");
    let breaks = breaks.map_err(nothing)?;
    if options.json {
        say(format_args!("{report:#}"))?;
    } else {
        tell(&options, &report)?;
    }
    if report["equal"] == Value::Bool(true) {
        return Ok(());
    }
    if report["bill_is_empty"] == Value::Bool(true) && breaks == 0 {
        let error = "no file, by an unsigned answer: what may stand on a neighbour's bill proves nothing";
        return Err(nothing(anyhow::anyhow!(error)));
    }
    Err(anyhow::anyhow!("{breaks} breaks between the bill and the books").into())
}

async fn ask(ops: std::net::SocketAddr, options: &Options) -> anyhow::Result<Value> {
    super::ops::post(ops, &format!("/days/{}/{}", options.account, options.day), None).await
}

fn tell(options: &Options, report: &Value) -> Result<(), Ended> {
    say(format_args!("{}, {}: bill and books", options.account, options.day))?;
    let text = |of: &Value| of.as_str().unwrap_or("?").to_owned();
    let list = |of: &Value| of.as_array().cloned().unwrap_or_default();
    let accounts = list(&report["accounts_compared"]);
    if accounts.len() > 1 {
        let accounts: Vec<String> = accounts.iter().map(text).collect();
        say(format_args!("  one merchant's, so of the accounts {}", accounts.join(", ")))?;
    }
    if report["bill_is_empty"] == Value::Bool(true) {
        let by = if report["signed"] == Value::Bool(true) { "a signed" } else { "an unsigned" };
        say(format_args!("  no file, by {by} answer"))?;
    }
    for (name, of) in [("bill", "bill"), ("books", "books"), ("elsewhere", "may_be_on_a_neighbours_bill")] {
        let of = &report[of];
        say(format_args!(
            "  {name:<9} {:>8} movements, paid {:>14}, returned {:>14} (minor units)",
            of["count"].as_u64().unwrap_or_default(),
            text(&of["paid_minor"]),
            text(&of["returned_minor"]),
        ))?;
    }
    for found in list(&report["breaks"]) {
        say(format_args!("  BREAK {found}"))?;
    }
    let elsewhere = &report["may_be_on_a_neighbours_bill"];
    let count = elsewhere["count"].as_u64().unwrap_or_default();
    match (report["equal"] == Value::Bool(true), count) {
        (true, 0) => return say("equal"),
        (true, _) => say(format_args!("equal, but {count} movements may stand on a neighbour's bill:"))?,
        (false, 0) => return Ok(()),
        (false, _) => say(format_args!("{count} movements may stand on a neighbour's bill:"))?,
    }
    for movement in list(&elsewhere["movements"]) {
        let of = |key: &str| text(&movement[key]);
        say(format_args!(
            "  {} {} of {} (minor units), {}",
            of("kind"),
            of("number"),
            of("amount_minor"),
            of("payment_intent_id")
        ))?;
    }
    Ok(())
}
