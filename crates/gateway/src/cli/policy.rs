//! `paifang policy`: rules as files, before they decide anything, and changes of them over the running gateway. Only `records`
//! opens a store. `day` asks the operators' listener, `draft` and what follows it the storefronts'.
//!
//! A record of `simulate` is one line of JSON, a decision as it was recorded: what was offered, what was known, the payer's
//! pseudonym where it was known, what was decided, and of what was chosen the payment and its refunds.

mod answer;
mod change;
pub(crate) mod day;
mod look;
mod progress;
mod records;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use paifang_policy::bundle::{Bundle, TEXT_BYTES_MAX};
use paifang_policy::diff::diff;
use paifang_policy::facts::Input;
use paifang_policy::lifecycle::Overlay;
use paifang_policy::money::inputs_of_money;
use paifang_policy::opening::inputs_of;
use paifang_policy::simulate::{Record, Report, Simulation};
use paifang_policy::{Fault, Faults, Place};
use serde_json::json;

pub(crate) use self::change::RECIPES;
use self::progress::Progress;
use crate::cli::{BAD_CONFIG, Ended, say};
use crate::grpc::BUNDLE_BYTES_MAX;

/// Bytes of a record's line at most.
const LINE_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Files(Files),
    #[command(flatten)]
    Change(change::Change),
    #[command(flatten)]
    Look(look::Look),
    /// Write what a storefront's rules decided, and what became of those payments, one line of JSON each. Over a file no gateway
    /// may be running: it belongs to one process.
    Records(records::Options),
    /// Ask the running gateway who could pay with what on a past day: what held from when to when, for whom each wallet was
    /// closed, visible or accepted, what was rolled back and why, and how often each rule decided.
    Day(day::Options),
}

/// What is done with files only.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Files {
    /// Read a bundle and tell every mistake with its place, or what the bundle is. Status 64 when it is wrong; with --json the
    /// mistakes are printed as JSON.
    Check {
        /// The bundle, in TOML.
        bundle: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tell what one bundle changes against another, rule by rule. Status 0 whether they differ or not.
    Diff {
        /// The bundle that stands.
        before: PathBuf,
        /// The bundle that may come.
        after: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run a draft over recorded decisions and tell what it would have changed: who could have paid with what, fees, splits,
    /// refunds, and who would have borne them.
    Simulate {
        /// The draft, in TOML.
        draft: PathBuf,
        /// Recorded decisions, one line of JSON each, as `paifang policy records` writes them; `-` reads standard input.
        #[arg(long)]
        records: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Tell on standard error how many were looked at so far, also where that is no terminal.
        #[arg(long)]
        progress: bool,
    },
}

pub(crate) async fn run(command: Command) -> Result<(), Ended> {
    match command {
        Command::Files(files) => say(tell(&files)?.trim_end()),
        Command::Change(change) => change::run(change).await,
        Command::Look(look) => look::run(look).await,
        Command::Records(options) => records::run(&options).await,
        Command::Day(options) => day::run(options).await,
    }
}

fn tell(command: &Files) -> Result<String, Ended> {
    Ok(match command {
        Files::Check { bundle, json } => {
            let text = text(bundle).with_context(|| bundle.display().to_string())?;
            let right = Bundle::read(&text).and_then(|read| fits(&text).map(|()| read));
            match right {
                Ok(read) => check(&read, *json)?,
                Err(faults) if *json => return Err(Ended::Told(BAD_CONFIG, pretty(&mistakes(&faults))?)),
                Err(faults) => return Err(wrong(bundle, &faults)),
            }
        }
        Files::Diff { before, after, json } => {
            let change = diff(&read_stored(before)?, &read(after)?);
            match (json, change.is_empty()) {
                (true, _) => pretty(&change)?,
                (false, true) => "they say the same".to_owned(),
                (false, false) => change.to_string(),
            }
        }
        Files::Simulate { draft, records, json, progress } => {
            let draft = read(draft)?;
            let progress = Progress::new(*progress);
            let report = match records.to_str() {
                Some("-") => simulate(&draft, std::io::stdin().lock(), progress),
                _ => File::open(records)
                    .map_err(anyhow::Error::new)
                    .and_then(|file| simulate(&draft, BufReader::new(file), progress)),
            };
            let report = report.with_context(|| records.display().to_string())?;
            if *json { pretty(&report)? } else { report.to_string() }
        }
    })
}

fn check(bundle: &Bundle, as_json: bool) -> anyhow::Result<String> {
    let header = bundle.header();
    let inputs: Vec<&str> = inputs_of(bundle).into_iter().map(|lack| lack.name()).collect();
    let money_inputs: Vec<&str> = inputs_of_money(bundle).into_iter().map(Input::name).collect();
    let digest = hex::encode(bundle.digest().0);
    let [openings, kills, rankings, guard_rails] =
        [bundle.openings().len(), bundle.kills().len(), bundle.rankings().len(), bundle.guard_rails().len()];
    let [fees, receivers, refunds, discounts] = money_rules(bundle);
    if as_json {
        return pretty(&json!({
            "name": header.name,
            "version": header.version,
            "effective_at": header.effective_at,
            "digest": digest,
            "openings": openings,
            "kills": kills,
            "rankings": rankings,
            "guard_rails": guard_rails,
            "fee_rules": fees,
            "receivers": receivers,
            "refund_rules": refunds,
            "discounts": discounts,
            "inputs": inputs,
            "money_inputs": money_inputs,
        }));
    }
    let listed = |names: &[&str]| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    let (inputs, money_inputs) = (listed(&inputs), listed(&money_inputs));
    Ok(format!(
        "{} version {}, meant from {}\n{openings} openings, {kills} kill switches, {rankings} rankings, {guard_rails} guard rails\n{fees} rules about fees, {receivers} receivers, {refunds} rules about refunds, {discounts} discounts\nlooks at {inputs}; about money, at {money_inputs}\ndigest {digest}",
        header.name, header.version, header.effective_at
    ))
}

/// How many rules about fees, receivers of splits, rules about refunds and discounts there are.
fn money_rules(bundle: &Bundle) -> [usize; 4] {
    [
        bundle.fees().map_or(0, |fees| fees.rules().len()),
        bundle.splits().map_or(0, |splits| splits.rules().receivers().len()),
        bundle.refunds().map_or(0, |refunds| refunds.terms().rules().len()),
        bundle.discounts().map_or(0, |discounts| discounts.rules().rules().len()),
    ]
}

/// Whether a bundle is short enough to be handed in.
fn fits(text: &str) -> Result<(), Faults> {
    let bytes = text.len();
    if bytes <= BUNDLE_BYTES_MAX {
        return Ok(());
    }
    Err(Faults(vec![Fault {
        place: Place::START,
        field: String::new(),
        wrong: format!("it has {bytes} bytes"),
        right: format!("DraftPolicy takes at most {BUNDLE_BYTES_MAX}"),
    }]))
}

/// A bundle's mistakes for programs.
fn mistakes(faults: &Faults) -> serde_json::Value {
    let one = |fault: &Fault| {
        let Fault { place, field, wrong, right } = fault;
        json!({ "line": place.line, "column": place.column, "field": field, "wrong": wrong, "right": right })
    };
    json!({ "mistakes": faults.0.iter().map(one).collect::<Vec<_>>() })
}

fn read(path: &Path) -> Result<Bundle, Ended> {
    let text = text(path).with_context(|| path.display().to_string())?;
    Bundle::read(&text).map_err(|faults| wrong(path, &faults))
}

/// Reads a bundle that stands: an earlier release may have let pass what is a mistake by now.
fn read_stored(path: &Path) -> Result<Bundle, Ended> {
    let text = text(path).with_context(|| path.display().to_string())?;
    Bundle::read_stored(&text).map_err(|faults| wrong(path, &faults))
}

/// What is wrong with a bundle, line by line, each with the file's name.
fn wrong(path: &Path, faults: &Faults) -> Ended {
    let told = faults.0.iter().map(|fault| format!("{}:{fault}", path.display()));
    let told = told.collect::<Vec<_>>().join("\n");
    Ended::Status(BAD_CONFIG, anyhow::anyhow!("the bundle is wrong:\n{told}"))
}

/// A byte more than a bundle may have is enough to tell that it is too long.
fn text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let most = u64::try_from(TEXT_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(most).read_to_string(&mut text)?;
    Ok(text)
}

/// All records or none: a line that is no record ends it.
fn simulate(draft: &Bundle, mut records: impl BufRead, mut progress: Progress) -> anyhow::Result<Report> {
    let nothing_rolled_back = Overlay::none();
    let mut simulation = Simulation::new(draft, &nothing_rolled_back);
    let (mut line, mut number) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        number += 1;
        records.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            progress.finish();
            return Ok(simulation.finish());
        }
        if line.last() != Some(&b'\n') && line.len() as u64 == LINE_BYTES_MAX {
            bail!("line {number}: it must have less than {LINE_BYTES_MAX} bytes");
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        // Of a record that is wrong the place is told, and nothing of what it holds: it may be about a payer.
        let record: Record = serde_json::from_slice(&line).map_err(|error| {
            let (column, what) = (error.column(), sort(&error));
            anyhow::anyhow!("line {number}, column {column}: {what}; it must be a recorded decision")
        })?;
        simulation.take(&record);
        progress.one_more();
    }
}

fn sort(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Data => "a field is missing, unknown or of another kind",
        serde_json::error::Category::Eof => "the line ends too early",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is no JSON",
    }
}

fn pretty(told: &impl serde::Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(told)?)
}

#[cfg(test)]
mod tests;
