//! `paifang quarantine`: work that nobody touches any more, and its way back to the workers.

use paifang_payment::Remark;
use serde_json::{Value, json};

use crate::cli::ops::text;
use crate::cli::{Configured, Ended, ops, say};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List it, with reason and evidence.
    List {
        #[command(flatten)]
        at: Configured,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give one piece back to the workers, due at once; who and why goes into the journal. Refused when somebody was faster.
    Redrive {
        /// The key, as it is listed.
        key: String,
        /// Who decides it; 1 to 200 characters.
        #[arg(long, value_parser = remark)]
        by: Remark,
        /// Why; 1 to 200 characters.
        #[arg(long, value_parser = remark)]
        why: Remark,
        /// Only if it still has this epoch, as it was listed.
        #[arg(long)]
        epoch: Option<u64>,
        #[command(flatten)]
        at: Configured,
    },
}

fn remark(text: &str) -> Result<Remark, String> {
    Remark::parse(text).map_err(|error| error.to_string())
}

pub(crate) async fn run(command: Command) -> Result<(), Ended> {
    match command {
        Command::List { at, json } => {
            let told = ops::get(at.load()?.ops, "/quarantine").await?;
            if json { say(format_args!("{told:#}")) } else { say(table(&told)) }
        }
        Command::Redrive { key, by, why, epoch, at } => {
            // Letters, digits and `_`: whatever else it is would be another path.
            if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(anyhow::anyhow!("KEY must be a key of the list").into());
            }
            let mut body = json!({ "by": by.as_str(), "why": why.as_str() });
            if let Some(epoch) = epoch {
                body["epoch"] = epoch.into();
            }
            ops::post(at.load()?.ops, &format!("/quarantine/{key}/redrive"), Some(&body)).await?;
            say(format_args!("{key} is given back to the workers"))
        }
    }
}

/// For people: two lines per piece.
pub(crate) fn table(told: &Value) -> String {
    let list = ops::list(&told["quarantine"]);
    let mut lines = vec![format!("{} in quarantine", list.len())];
    for one in list {
        lines.push(format!(
            "{}  epoch {}  {} {} of {}  on {}",
            text(&one["key"]),
            one["epoch"],
            text(&one["kind"]),
            text(&one["state"]),
            text(&one["payment_intent_id"]),
            text(&one["account"]),
        ));
        lines.push(format!(
            "    since {}, {} tries: {}; last {}",
            text(&one["since"]),
            one["tries"],
            text(&one["reason"]),
            text(&one["rule"]),
        ));
    }
    if told["more"] == Value::Bool(true) {
        lines.push("and more".to_owned());
    }
    lines.join("\n")
}
