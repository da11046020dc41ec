//! `paifang statement`: one side's net statement of a month, and where the other side's differs. Status 0 when they are equal or
//! none was compared, 1 when they differ, 2 when there is no statement.

mod sources;
mod told;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use paifang_money::Currency;
use paifang_shares::Party;
use paifang_shares::statement::{Balances, NetStatement, Period};
use paifang_store::net::storefront;
use serde::{Deserialize, Serialize};

use crate::cli::{Ended, say, storefront as reached};
use crate::net;

/// Status when there is no statement.
const NO_STATEMENT: u8 = 2;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Whose statement: fee, receiver:NAME, unsettled[:MERCHANT], balance[:MERCHANT], platform, insurance, rail_fund, budget:DISCOUNT,
    /// discount:FUNDER or outside.
    #[arg(long)]
    party: String,
    /// The month, such as 2026-11.
    #[arg(long)]
    month: String,
    /// Where the month begins and ends: an IANA name, or an offset such as +08:00.
    #[arg(long, default_value = net::DEFAULT_ZONE)]
    zone: String,
    /// What the storefront owed the party when the month began: CUR=AMOUNT in minor units, below zero what the party owed, once
    /// per currency; or the --json of the month before. Without it, it is what all that happened before the month comes to.
    #[arg(long)]
    opening: Vec<String>,
    /// The other side's statement, as its --json wrote it.
    #[arg(long)]
    compare: Option<PathBuf>,
    /// Print each entry, too.
    #[arg(long)]
    entries: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// The events, one line of JSON each, as `paifang events` writes them, in any order; `-` reads standard input.
    events: Option<PathBuf>,
    /// In place of events: the gateway's address for storefronts, such as http://127.0.0.1:7443, whose book is asked. The API key is
    /// read from $PAIFANG_API_KEY.
    #[arg(long, conflicts_with = "events", required_unless_present = "events")]
    gateway: Option<String>,
    /// The certificate of the gateway's CA, in PEM; an https address needs it.
    #[arg(long, requires = "gateway")]
    ca: Option<PathBuf>,
}

/// Whose statement of which month.
pub(super) struct Asked {
    pub party: Party,
    pub year: i32,
    pub month: i32,
    pub zone: String,
    pub period: Period,
    pub opening: Option<Balances>,
}

/// What `--json` writes and `--compare` reads. `lines` follow from the statement and are for whoever reads it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub statement: NetStatement,
    pub digest: String,
    #[serde(default)]
    pub lines: serde_json::Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differences: Option<serde_json::Value>,
}

pub(crate) async fn run(options: Options) -> Result<(), Ended> {
    let none = |error| Ended::Status(NO_STATEMENT, error);
    let (text, differences) = make(&options).await.map_err(none)?;
    say(text)?;
    match differences {
        0 => Ok(()),
        1 => Err(anyhow::anyhow!("the statements differ in 1 place").into()),
        many => Err(anyhow::anyhow!("the statements differ in {many} places").into()),
    }
}

/// What to print, and in how many places the other side's differs.
async fn make(options: &Options) -> anyhow::Result<(String, usize)> {
    let asked = asked(options)?;
    let statement = match (&options.events, &options.gateway) {
        (Some(file), _) => sources::of_file(file, &asked)?,
        (None, Some(gateway)) => {
            let client = reached::client(gateway, options.ca.as_deref()).await?;
            sources::of_gateway(&client, &asked).await?
        }
        (None, None) => bail!("there are neither events nor a gateway to make it from"),
    };
    let theirs = options.compare.as_deref().map(read).transpose()?;
    let differences = theirs.map(|theirs| statement.differences(&theirs));
    let count = differences.as_ref().map_or(0, Vec::len);
    let text = match options.json {
        true => told::json(statement, differences.as_deref())?,
        false => told::table(&statement, &asked.party, options.entries, differences.as_deref()),
    };
    Ok((text, count))
}

fn asked(options: &Options) -> anyhow::Result<Asked> {
    let party = Party::parse(&options.party).context("--party")?;
    ensure!(net::named(&party).is_some(), "--party: there is no party {party}; see --help for all there are");
    let (year, month) = options.month.split_once('-').context("--month must be such as 2026-11")?;
    let number = |text: &str| text.parse::<i32>().context("--month must be such as 2026-11");
    let (year, month) = (number(year)?, number(month)?);
    let period = net::period(year, month, &options.zone);
    let flag = |error: &net::MonthError| if *error == net::MonthError::Zone { "--zone" } else { "--month" };
    let period =
        period.map_err(|error| anyhow::anyhow!("{}: the {} {error}", flag(&error), error.field()))?;
    ensure!(period.from <= crate::world::now(), "--month: it begins at {} only", period.from);
    let opening = opening(&options.opening, &party, period).context("--opening")?;
    Ok(Asked { party, year, month, zone: options.zone.clone(), period, opening })
}

/// What the storefront owed; nothing where it was not given.
fn opening(given: &[String], party: &Party, period: Period) -> anyhow::Result<Option<Balances>> {
    let mut owed = Balances::new();
    for one in given {
        if let Some((currency, amount)) = one.split_once('=') {
            let currency = Currency::parse(currency)?;
            let amount = amount.parse().with_context(|| format!("{one}: an amount is whole minor units"))?;
            ensure!(owed.insert(currency, amount).is_none(), "{currency} is given twice");
            continue;
        }
        ensure!(given.len() == 1, "a file is given alone");
        let before = read(Path::new(one))?;
        let (first, second) = before.parties();
        ensure!([first, second].contains(&party), "{one} is not of {party}");
        ensure!(before.period().until == period.from, "{one} ends at {}", before.period().until);
        let lines = before.lines_of(&storefront());
        owed.extend(lines.into_iter().map(|(currency, line)| (currency, line.closing)));
    }
    Ok((!given.is_empty()).then_some(owed))
}

/// A statement that somebody wrote, whose digest has to be its own.
fn read(file: &Path) -> anyhow::Result<NetStatement> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let written: Written = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
    let digest = written.statement.digest().to_string();
    ensure!(digest == written.digest, "{}: its digest is not that of its entries", file.display());
    Ok(written.statement)
}

#[cfg(test)]
mod tests;
