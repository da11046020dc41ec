//! `paifang policy day`: who could pay with what on a past day, as the running gateway tells it.

use std::fmt::Write;

use anyhow::Context;
use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use paifang_payment::TenantId;
use serde_json::Value;

use crate::cli::ops::{list, text};
use crate::cli::{Configured, Ended, ops, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    at: Configured,
    /// The day, such as 2024-09-12.
    #[arg(long)]
    date: Date,
    /// The day's time zone, as its distance from UTC.
    #[arg(long, default_value = "+08:00", allow_hyphen_values = true)]
    zone: String,
    /// The storefront, by its id; may be left out where there is only one.
    #[arg(long, value_parser = tenant)]
    tenant: Option<TenantId>,
    /// Print JSON, with times in UTC.
    #[arg(long)]
    json: bool,
}

fn tenant(text: &str) -> Result<TenantId, String> {
    TenantId::parse(text).map_err(|error| error.to_string())
}

pub(crate) async fn run(options: Options) -> Result<(), Ended> {
    let Options { at, date, zone, tenant, json } = options;
    let day = Day::of(date, &zone)?;
    let tenant = tenant.map_or_else(|| "-".to_owned(), |tenant| tenant.to_string());
    let told = ops::get(at.load()?.ops, &day.path(&tenant)).await?;
    if json { say(format_args!("{told:#}")) } else { say(day.table(&told).trim_end()) }
}

/// A day in a time zone.
pub(crate) struct Day {
    date: Date,
    zone: String,
    offset: Offset,
    begins: Timestamp,
    ends: Timestamp,
}

impl Day {
    pub(crate) fn of(date: Date, zone: &str) -> anyhow::Result<Self> {
        let midnight = |date: Date| format!("{date}T00:00:00{zone}").parse::<Timestamp>();
        let rule = "--zone must be a distance from UTC such as +08:00";
        let begins = midnight(date).context(rule)?;
        let ends = midnight(date.tomorrow().context("--date has no day after it")?).context(rule)?;
        let here = date.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).context(rule)?.timestamp();
        let east = here.duration_since(begins).as_secs();
        let offset = Offset::from_seconds(i32::try_from(east).context(rule)?).context(rule)?;
        Ok(Self { date, zone: zone.to_owned(), offset, begins, ends })
    }

    /// Where the gateway tells it of a tenant; `-` is the only one that there is.
    pub(crate) fn path(&self, tenant: &str) -> String {
        format!("/policy/{tenant}/{}/{}", self.begins, self.ends)
    }

    /// For people: what was changed, what held from when to when, who could pay with what, and how often each rule decided.
    pub(crate) fn table(&self, told: &Value) -> String {
        let mut out = String::new();
        let zone = &self.zone;
        // Writing into a String never fails.
        let _ = writeln!(out, "Who could pay with what on {} ({zone}), {}", self.date, text(&told["tenant"]));
        let rules = match told["rules"].as_str() {
            Some(name) => format!("by the rules {name}; times are of {zone}"),
            None => "there are no rules: everything that works is open".to_owned(),
        };
        let _ = writeln!(out, "{rules}");
        if told["is_over"] == Value::Bool(false) {
            let asked_at = self.clock(&told["asked_at"]);
            let _ = writeln!(
                out,
                "THE DAY IS NOT OVER: asked at {asked_at}; what is told of later is as if nothing else happens, and the counts go on"
            );
        }
        self.changes(&mut out, told);
        self.spans(&mut out, told);
        counts(&mut out, told);
        out
    }

    fn changes(&self, out: &mut String, told: &Value) {
        let changes = list(&told["changes"]);
        let none = if changes.is_empty() { ": none" } else { "" };
        let _ = writeln!(out, "\nWhat was changed on that day{none}");
        for change in changes {
            let fact = &change["fact"];
            let by = match change["request_id"].as_str() {
                Some(_) => format!("by call {}", text(&change["request_id"])),
                None => "by itself".to_owned(),
            };
            let (at, what) = (self.clock(&fact["at"]), self.change(fact));
            let _ = writeln!(out, "  {at}  #{:<4} {what}, {by}", change["position"]);
        }
        if told["more_changes"] == Value::Bool(true) {
            let _ = writeln!(out, "  and more; ListPolicyChanges has all");
        }
    }

    fn change(&self, fact: &Value) -> String {
        let version = &fact["version"];
        match fact["kind"].as_str() {
            Some("drafted") => format!("version {} was written", fact["bundle"]["version"]),
            Some("announced") => {
                format!("version {version} was announced from {} on", self.time(&fact["effective_at"]))
            }
            Some("recalled") => format!("version {version} was recalled"),
            Some("retired") => format!("version {version} was retired"),
            Some("rolled_back") => format!("{} was rolled back{}", text(&fact["opening"]), why(&fact["why"])),
            Some("reopened") => {
                format!("{} was opened again ({})", text(&fact["opening"]), text(&fact["by"]))
            }
            Some(_) | None => text(&fact["kind"]),
        }
    }

    fn spans(&self, out: &mut String, told: &Value) {
        for span in list(&told["spans"]) {
            let (from, until) = (self.clock(&span["begins"]), self.until(&span["ends"]));
            let held = match span["held"].as_str() {
                Some("by") => format!("version {}, \"{}\"", span["bundle"]["version"], text(&span["note"])),
                Some("unruled") => "no rules yet; everything that worked was open".to_owned(),
                Some(_) | None => "nothing decided any more; everything was closed".to_owned(),
            };
            let _ = writeln!(out, "\n{from} to {until}: {held}");
            if span["held"] == "by" {
                self.rules(out, span);
            }
        }
        if told["more_spans"] == Value::Bool(true) {
            let _ = writeln!(out, "\nand more; ListPolicySpans has all");
        }
    }

    fn rules(&self, out: &mut String, span: &Value) {
        let digest = span["bundle"]["digest"].as_str().and_then(|digest| digest.get(..16));
        let _ = writeln!(out, "  since {}, digest {}", self.time(&span["since"]), digest.unwrap_or("-"));
        for back in list(&span["rolled_back"]) {
            let (opening, since) = (text(&back["opening"]), self.time(&back["since"]));
            let _ = writeln!(out, "  rolled back since {since}: {opening}{}", why(&back["why"]));
        }
        let _ = writeln!(out, "  {:<12} {:<11} {:<22} for whom", "wallet", "", "rule");
        for way in list(&span["ways"]) {
            let how: Vec<String> = list(&way["presentations"]).iter().map(text).collect();
            let mut wallet = text(&way["wallet"]);
            if way["disabled"] == Value::Bool(true) {
                let _ = writeln!(
                    out,
                    "  {wallet:<12} {:<11} {:<22} everybody, by the config as it is now; the rules alone say:",
                    "disabled", "-"
                );
                wallet.clear();
            }
            for step in list(&way["steps"]) {
                let (says, rule) = (words(&step["says"]), text(&step["rule"]));
                let _ = writeln!(out, "  {wallet:<12} {says:<11} {rule:<22} {}", self.whom(step));
                wallet.clear();
            }
            if way["otherwise"].is_string() {
                let says = words(&way["otherwise"]);
                let whom = if list(&way["steps"]).is_empty() { "everybody" } else { "everybody else" };
                let _ = writeln!(out, "  {wallet:<12} {says:<11} {:<22} {whom}", "-");
            }
            let how = if how.is_empty() { "configured nowhere".to_owned() } else { how.join(", ") };
            let _ = writeln!(out, "  {:<12} as {how}", "");
        }
    }

    fn whom(&self, step: &Value) -> String {
        let mut parts = Vec::new();
        if let Some(ppm) = step["cohort"]["ppm"].as_u64() {
            parts.push(format!("{} of the payers (draw {})", percent(ppm), text(&step["cohort"]["salt"])));
        }
        let merchants: Vec<String> = list(&step["merchants"]).iter().map(text).collect();
        if !merchants.is_empty() {
            parts.push(format!("of merchants {}", merchants.join(", ")));
        }
        if step["when"].is_string() {
            parts.push(format!("where {}", text(&step["when"])));
        }
        if step["from"].is_string() {
            parts.push(format!("from {} on", self.time(&step["from"])));
        }
        if step["until"].is_string() {
            parts.push(format!("before {}", self.time(&step["until"])));
        }
        let note = notes(step);
        if parts.is_empty() { format!("everybody{note}") } else { parts.join(", ") + &note }
    }

    /// The time of day.
    fn clock(&self, at: &Value) -> String {
        self.civil(at).map_or_else(|| text(at), |at| at.strftime("%H:%M:%S").to_string())
    }

    /// The time of day at which something ended; the day's own end is 24:00.
    fn until(&self, at: &Value) -> String {
        let is_end = parsed(at) == Some(self.ends);
        if is_end { "24:00:00".to_owned() } else { self.clock(at) }
    }

    fn time(&self, at: &Value) -> String {
        self.civil(at).map_or_else(|| text(at), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
    }

    fn civil(&self, at: &Value) -> Option<jiff::civil::DateTime> {
        Some(self.offset.to_datetime(parsed(at)?))
    }
}

/// Why a rule kills, and what it says of credit.
fn notes(step: &Value) -> String {
    let note = if step["note"].is_string() { format!(" ({})", text(&step["note"])) } else { String::new() };
    note + match step["credit"].as_str() {
        Some("left_out") => " (not on credit)",
        Some("not_excludable") => " (credit is to be left out, and no order can)",
        Some(_) | None => "",
    }
}

fn parsed(at: &Value) -> Option<Timestamp> {
    at.as_str()?.parse().ok()
}

fn words(of: &Value) -> String {
    text(of).replace('_', " ")
}

fn why(why: &Value) -> String {
    if why["remark"].is_string() {
        return format!(" ({})", text(&why["remark"]));
    }
    let number = |of: &Value| of.as_u64().unwrap_or_default();
    let (rule, measure) = (text(&why["rule"]), words(&why["measure"]));
    let (hits, samples) = (number(&why["counts"]["hits"]), number(&why["counts"]["samples"]));
    let bound = match (why["bound"]["min"].as_u64(), why["bound"]["max"].as_u64()) {
        (Some(min), _) => format!(", at least {}", percent(min)),
        (None, Some(max)) => format!(", at most {}", percent(max)),
        (None, None) => String::new(),
    };
    let window = SignedDuration::from_secs(why["window_s"].as_i64().unwrap_or_default());
    let measured = percent(number(&why["measured"]));
    format!(" (guard rail {rule}: {measure} {hits} of {samples} in {window:#}, {measured}{bound})")
}

/// Parts per million as percent, exactly.
fn percent(ppm: u64) -> String {
    let (whole, rest) = (ppm / 10_000, ppm % 10_000);
    let rest = format!("{rest:04}");
    let rest = rest.trim_end_matches('0');
    if rest.is_empty() { format!("{whole} %") } else { format!("{whole}.{rest} %") }
}

fn counts(out: &mut String, told: &Value) {
    let payments = &told["payments"];
    let _ = writeln!(out, "\nWhat was decided about the {payments} payments that were let in on that day");
    let lines = list(&told["counts"]);
    if !lines.is_empty() {
        let _ = writeln!(
            out,
            "  {:<12} {:<12} {:>7} {:<22} {:<16} {:>6} {:>8} {:>7} {:>6} {:>5} {:>6}",
            "wallet",
            "as",
            "version",
            "rule",
            "because",
            "shown",
            "accepted",
            "refused",
            "chosen",
            "paid",
            "failed"
        );
    }
    for line in lines {
        let number = |key: &str| line[key].as_u64().unwrap_or_default();
        let _ = writeln!(
            out,
            "  {:<12} {:<12} {:>7} {:<22} {:<16} {:>6} {:>8} {:>7} {:>6} {:>5} {:>6}",
            text(&line["wallet"]),
            text(&line["presentation"]),
            number("version"),
            text(&line["rule"]),
            words(&line["because"]),
            number("shown"),
            number("accepted"),
            number("refused"),
            number("chosen"),
            number("paid"),
            number("failed"),
        );
    }
    if told["beyond_counts"].as_u64().is_some_and(|beyond| beyond > 0) {
        let _ = writeln!(out, "  and {} decisions of further lines", told["beyond_counts"]);
    }
    let _ = writeln!(out, "  a choice that was refused opened no payment and is not counted");
}

#[cfg(test)]
mod tests;
