//! `paifang bulk`: bulk refunds of the running gateway, for operators.

use paifang_payment::{BulkId, TenantId};
use serde_json::Value;

use crate::cli::ops::text;
use crate::cli::{Configured, Ended, ops, say};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List those of all storefronts that were started and have not ended, oldest first.
    List {
        #[command(flatten)]
        at: Configured,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tell how many entries of one are where, and how much that is.
    Show {
        /// Its id, as it is listed.
        id: BulkId,
        /// Whose it is: the storefront's id in `paifang tenant list`.
        #[arg(long)]
        tenant: TenantId,
        #[command(flatten)]
        at: Configured,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) async fn run(command: Command) -> Result<(), Ended> {
    match command {
        Command::List { at, json } => {
            let told = ops::get(at.load()?.ops, "/bulk-refunds").await?;
            if json { say(format_args!("{told:#}")) } else { say(table(&told)) }
        }
        Command::Show { id, tenant, at, json } => {
            let told = ops::get(at.load()?.ops, &format!("/bulk-refunds/{tenant}/{id}")).await?;
            if json { say(format_args!("{told:#}")) } else { say(totals(&told)) }
        }
    }
}

/// For people: a line each.
fn table(told: &Value) -> String {
    let list = ops::list(&told["bulk_refunds"]);
    let mut lines = vec![format!("bulk refunds that have not ended: {}", list.len())];
    lines.extend(list.iter().map(line));
    if told["more"] == Value::Bool(true) {
        lines.push("and more".to_owned());
    }
    lines.join("\n")
}

/// For people: the line of the bulk refund, then one for each state of its entries.
fn totals(told: &Value) -> String {
    let total = |one: &Value| {
        let reason = one["refused_reason"].as_str().map(|_| format!(" {}", text(&one["refused_reason"])));
        let amount = match one["currency"].as_str() {
            Some(_) => format!(", {} minor units of {}", one["minor_units"], text(&one["currency"])),
            None => String::new(),
        };
        format!("    {}{}: {}{amount}", text(&one["state"]), reason.unwrap_or_default(), one["count"])
    };
    let totals = ops::list(&told["totals"]).iter().map(total);
    std::iter::once(line(told)).chain(totals).collect::<Vec<_>>().join("\n")
}

fn line(one: &Value) -> String {
    format!(
        "{}  {} of {}: {}, {} entries, {} a second, created {}, started {}, ended {}",
        text(&one["bulk_refund_id"]),
        text(&one["name"]),
        text(&one["tenant"]),
        text(&one["state"]),
        one["entries"],
        one["refunds_per_second"],
        text(&one["created"]),
        text(&one["started"]),
        text(&one["ended"]),
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    fn told() -> Value {
        json!({
            "bulk_refund_id": "br_1", "tenant": "tn_1", "name": "room\u{1b} 7", "state": "running", "entries": 3,
            "refunds_per_second": 10, "created": "2026-11-22T04:00:00Z", "started": "2026-11-22T04:00:01Z", "ended": null,
            "totals": [
                { "state": "succeeded", "refused_reason": null, "currency": "CNY", "count": 2, "minor_units": 20_000 },
                { "state": "refused", "refused_reason": "REFUND_CLOSED_BY_POLICY", "currency": null, "count": 1, "minor_units": 0 },
            ],
        })
    }

    #[test]
    fn bulk_refunds_are_told_for_people() {
        expect![[r#"
            br_1  room? 7 of tn_1: running, 3 entries, 10 a second, created 2026-11-22T04:00:00Z, started 2026-11-22T04:00:01Z, ended -
                succeeded: 2, 20000 minor units of CNY
                refused REFUND_CLOSED_BY_POLICY: 1"#]]
        .assert_eq(&totals(&told()));
        let many = json!({ "bulk_refunds": [told()], "more": true });
        let lines: Vec<String> = table(&many).lines().map(str::to_owned).collect();
        assert_eq!(
            (lines[0].as_str(), lines[2].as_str()),
            ("bulk refunds that have not ended: 1", "and more")
        );
    }
}
