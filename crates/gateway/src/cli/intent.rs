//! `paifang intent explain`: why an intent stands where it stands, with the evidence of every state and every fen.

use paifang_payment::IntentId;
use serde_json::Value;

use crate::cli::ops::{list, text};
use crate::cli::{Configured, Ended, ops, say};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Tell each change with its source, the ledger rows and events that were written with it, and its place in the chain.
    Explain {
        /// The intent.
        #[arg(value_parser = intent)]
        id: IntentId,
        #[command(flatten)]
        at: Configured,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

fn intent(text: &str) -> Result<IntentId, String> {
    IntentId::parse(text).map_err(|error| error.to_string())
}

pub(crate) async fn run(command: Command) -> Result<(), Ended> {
    let Command::Explain { id, at, json } = command;
    let told = ops::get(at.load()?.ops, &format!("/intents/{id}/explain")).await?;
    if json { say(format_args!("{told:#}")) } else { say(table(&told)) }
}

/// Digits of a digest that people compare.
const DIGEST_CHARS: usize = 16;

/// For people: what stands, then each change with what belongs to it below.
pub(crate) fn table(told: &Value) -> String {
    let mut lines = vec![
        format!(
            "{} of {} is {}",
            text(&told["payment_intent_id"]),
            text(&told["tenant"]),
            text(&told["state"])
        ),
        format!(
            "  amount {}, authorized {}, captured {}, refunded {}, on its way back {}",
            text(&told["amount"]),
            text(&told["authorized"]),
            text(&told["captured"]),
            text(&told["refunded"]),
            text(&told["reserved"])
        ),
    ];
    list(&told["entries"]).iter().for_each(|entry| describe(entry, &mut lines));
    let others = list(&told["other_transfers"]);
    if !others.is_empty() {
        lines.push("booked with entries that do not name it:".to_owned());
        lines.extend(others.iter().map(booked));
    }
    if told["truncated"] == Value::Bool(true) {
        lines.push("and more".to_owned());
    }
    lines.join("\n")
}

fn describe(entry: &Value, lines: &mut Vec<String>) {
    let what = match entry["subject"].as_str() {
        Some("payment_intent") | None => "intent".to_owned(),
        Some(kind) => format!("{kind} {}", text(&entry["subject_id"])),
    };
    let moved = match (entry["from"].as_str(), entry["to"].as_str()) {
        (Some(from), Some(to)) if from == to => to.to_owned(),
        (from, to) => format!("{} -> {}", from.unwrap_or("-"), to.unwrap_or("-")),
    };
    let amount = entry["amount"].as_str().map(|amount| format!("  {amount}")).unwrap_or_default();
    lines.push(format!(
        "{}  #{} {what}: {}, {moved}{amount}",
        text(&entry["time"]),
        entry["sequence"],
        text(&entry["change"])
    ));
    let mut because = format!("      by {} ({})", text(&entry["rule"]), text(&entry["source"]));
    for (name, key) in [
        ("request", "request_id"),
        ("notification", "notification_key"),
        ("code", "rail_code"),
        ("key", "key_serial"),
        ("decided by", "decided_by"),
        ("because", "decided_why"),
    ] {
        if entry[key].is_string() {
            because.push_str(&format!(", {name} {}", text(&entry[key])));
        }
    }
    if let Some(digest) = entry["message_digest"].as_str() {
        because.push_str(&format!(", message {}", short(digest)));
    }
    lines.push(because);
    lines.extend(list(&entry["transfers"]).iter().map(booked));
    for event in list(&entry["events"]) {
        lines.push(format!(
            "      told {} {} (#{})",
            text(&event["type"]),
            text(&event["event_id"]),
            event["sequence"]
        ));
    }
    if let Some(digest) = entry["digest"].as_str() {
        let previous = entry["previous_digest"].as_str().map_or("the begin", short);
        lines.push(format!("      chain {} after {previous}", short(digest)));
    }
}

fn booked(row: &Value) -> String {
    format!(
        "      booked {} {}: {} from {} to {}",
        text(&row["phase"]),
        text(&row["key"]),
        text(&row["amount"]),
        text(&row["debit"]),
        text(&row["credit"])
    )
}

fn short(digest: &str) -> &str {
    digest.get(..DIGEST_CHARS).unwrap_or(digest)
}
