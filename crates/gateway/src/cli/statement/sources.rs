//! Where a statement is made from: a file of events, or the running gateway's book.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use paifang_client::{Client, v1};
use paifang_money::{Currency, PositiveMoney};
use paifang_shares::statement::{Balances, Entry, NetStatement};
use paifang_shares::{EntryId, EntryKind, Party};
use paifang_store::net::storefront;
use tonic_types::StatusExt;

use super::Asked;
use crate::net::{self, Heard};
use crate::reasons::STATEMENT_TOO_LARGE;

/// Bytes of an event's line at most. One with all of an intent's attempts has some hundred kilobytes.
const LINE_BYTES_MAX: u64 = 4 << 20;

/// Entries of a page.
const PAGE: i32 = 200;
/// How long the gateway may take to sum a month.
const SUMMED_WITHIN: Duration = Duration::from_secs(120);

pub(super) fn of_file(file: &Path, asked: &Asked) -> anyhow::Result<NetStatement> {
    let heard = match file.to_str() {
        Some("-") => hear(std::io::stdin().lock(), &asked.party),
        _ => File::open(file)
            .map_err(anyhow::Error::new)
            .and_then(|file| hear(BufReader::new(file), &asked.party)),
    };
    of_events(&heard.with_context(|| file.display().to_string())?, asked)
}

/// Everything that lines of events tell of a party.
pub(super) fn hear(mut from: impl BufRead, party: &Party) -> anyhow::Result<Heard> {
    let mut heard = Heard::of(party.clone());
    let (mut line, mut number) = (String::new(), 0_u64);
    loop {
        line.clear();
        number += 1;
        let read = from.by_ref().take(LINE_BYTES_MAX).read_line(&mut line);
        if read.with_context(|| format!("line {number}"))? == 0 {
            return Ok(heard);
        }
        let whole = line.ends_with('\n') || u64::try_from(line.len()).unwrap_or(u64::MAX) < LINE_BYTES_MAX;
        ensure!(whole, "line {number} has more than {LINE_BYTES_MAX} bytes");
        if line.trim().is_empty() {
            continue;
        }
        let event = net::read_line(line.trim()).with_context(|| format!("line {number}"))?;
        heard.hear(&event).with_context(|| format!("line {number}"))?;
    }
}

/// The statement of what was heard. What the storefront owed before is what was given, or what came before the month.
pub(super) fn of_events(heard: &Heard, asked: &Asked) -> anyhow::Result<NetStatement> {
    let Asked { party, period, .. } = asked;
    if asked.opening.is_none() && !heard.is_known() {
        bail!(
            "--party: no event is about {party}; where it had none so far, say what it opens with (--opening)"
        );
    }
    let mut before = Balances::new();
    for entry in heard.entries().filter(|entry| entry.at < period.from) {
        let amount = i128::from(entry.amount.minor_units());
        *before.entry(entry.amount.currency()).or_default() +=
            if entry.to == *party { amount } else { -amount };
    }
    let opening = asked.opening.clone().unwrap_or(before);
    let mut statement = NetStatement::open_owing(storefront(), party.clone(), *period, opening)?;
    for entry in heard.entries().filter(|entry| period.has(entry.at)) {
        statement.add(entry.clone())?;
    }
    Ok(statement)
}

/// The statement out of the gateway's book, made anew from its entries and held against the gateway's own digest; with an opening
/// of the caller's against what its entries come to. Where the gateway has no sum, that more may come is said on standard error.
pub(super) async fn of_gateway(client: &Client, asked: &Asked) -> anyhow::Result<NetStatement> {
    let Asked { party, period, .. } = asked;
    let told = told(client, asked).await?;
    let opening = match (&asked.opening, &told) {
        (Some(opening), _) => opening.clone(),
        (None, Some(told)) => opening_of(told)?,
        (None, None) => {
            bail!("the month has too many entries for the gateway to sum: say what it opens with (--opening)")
        }
    };
    let mut statement = NetStatement::open_owing(storefront(), party.clone(), *period, opening)?;
    let mut page_token = String::new();
    loop {
        let request = v1::ListNetStatementEntriesRequest {
            party: net::named(party),
            year: asked.year,
            month: asked.month,
            time_zone: asked.zone.clone(),
            page_size: PAGE,
            page_token,
        };
        let page = client.list_net_statement_entries(request).await;
        let page = page.context("the gateway did not list the entries")?;
        for told in &page.entries {
            statement.add(entry(told)?)?;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let same = told.as_ref().is_none_or(|told| is_same(told, &statement, asked.opening.is_some()));
    ensure!(same, "the book has moved while it was read, or the gateway's sum is another one; ask again");
    if told.is_none() && crate::world::now() < period.until {
        // Nobody is left to tell when standard error is gone.
        let _ = writeln!(
            std::io::stderr(),
            "the month is not over until {}, and the gateway has no sum to hold this against: more may come",
            period.until
        );
    }
    Ok(statement)
}

/// Whether the gateway's sum is that of its entries. With an opening of the caller's the digest may be another one; what the
/// month's entries come to is not.
pub(super) fn is_same(told: &v1::NetStatement, statement: &NetStatement, is_opened: bool) -> bool {
    match is_opened {
        true => sums_of(told) == sums(statement),
        false => told.digest == statement.digest().to_string(),
    }
}

/// What the month's entries come to and how many there are, per currency that has any.
type Sums = BTreeMap<String, (i128, u64)>;

fn sums(statement: &NetStatement) -> Sums {
    let lines = statement.lines_of(&storefront()).into_iter().filter(|(_, line)| line.entries > 0);
    lines.map(|(code, line)| (code.code().to_owned(), (line.net, line.entries as u64))).collect()
}

fn sums_of(told: &v1::NetStatement) -> Sums {
    let lines = told.lines.iter().filter(|line| line.entry_count != 0);
    lines
        .map(|line| {
            let count = u64::try_from(line.entry_count).unwrap_or(u64::MAX);
            (line.currency_code.clone(), (i128::from(line.net_minor_units), count))
        })
        .collect()
}

/// The gateway's own sum; `None` where there are too many entries for it.
async fn told(client: &Client, asked: &Asked) -> anyhow::Result<Option<v1::NetStatement>> {
    let request = v1::GetNetStatementRequest {
        party: net::named(&asked.party),
        year: asked.year,
        month: asked.month,
        time_zone: asked.zone.clone(),
    };
    match client.clone().with_deadline(SUMMED_WITHIN).get_net_statement(request).await {
        Ok(told) => Ok(Some(told.statement.context("the gateway answered no statement")?)),
        Err(error)
            if error.get_details_error_info().is_some_and(|info| info.reason == STATEMENT_TOO_LARGE) =>
        {
            Ok(None)
        }
        Err(error) => Err(error).context("the gateway told no statement"),
    }
}

fn opening_of(told: &v1::NetStatement) -> anyhow::Result<Balances> {
    let line = |line: &v1::NetStatementLine| {
        Ok((Currency::parse(&line.currency_code)?, i128::from(line.opening_minor_units)))
    };
    told.lines.iter().map(line).collect()
}

fn entry(told: &v1::NetStatementEntry) -> anyhow::Result<Entry> {
    let money = told.amount.as_ref().context("an entry has no amount")?;
    let time = told.create_time.as_ref().context("an entry has no time")?;
    Ok(Entry {
        id: EntryId::parse(&told.entry_id)?,
        at: Timestamp::new(time.seconds, time.nanos)?,
        from: Party::parse(&told.debtor_name)?,
        to: Party::parse(&told.creditor_name)?,
        amount: PositiveMoney::new(money.minor_units, Currency::parse(&money.currency_code)?)?,
        kind: EntryKind::parse(&told.kind)?,
    })
}
