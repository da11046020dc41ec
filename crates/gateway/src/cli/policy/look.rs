//! `paifang policy list` and `show`: the versions of a storefront's rules, and the text of one.

use std::io::Write;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use paifang_client::v1;
use serde_json::json;

use super::answer;
use crate::cli::storefront::Reached;
use crate::cli::{Ended, say};
use crate::net;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Look {
    /// Tell which version decides, where each of them stands, and which openings are rolled back.
    List {
        /// What held at this time, such as 2024-09-26T00:00:00+08:00; without it now.
        #[arg(long)]
        at: Option<Timestamp>,
        #[command(flatten)]
        gateway: Reached,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a version as it was written last, in TOML.
    Show {
        /// The version; without it the one that decides now.
        #[arg(id = "number", value_name = "VERSION")]
        version: Option<u32>,
        #[command(flatten)]
        gateway: Reached,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(look: Look) -> Result<(), Ended> {
    match look {
        Look::List { at, gateway, json } => {
            let time = |at: Timestamp| prost_types::Timestamp {
                seconds: at.as_second(),
                nanos: at.subsec_nanosecond(),
            };
            let policy = policy(&gateway, at.map(time), json).await?;
            if json {
                let policy = net::to_json("paifang.v1.Policy", &policy).context("the answer")?;
                return say(format_args!("{policy:#}"));
            }
            say(answer::table(&policy))
        }
        Look::Show { version, gateway, json } => {
            let version = match version {
                Some(version) => version,
                None => policy(&gateway, None, json).await?.active_version,
            };
            named(version)?;
            let request = v1::GetPolicyVersionRequest { version };
            let told = gateway.client().await?.get_policy_version(request).await;
            let bundle = told.map_err(|status| answer::refused(&status, None, 1, json))?.bundle;
            if json {
                return say(format_args!("{:#}", json!({ "version": version, "bundle": bundle })));
            }
            let mut out = std::io::stdout();
            let written = out.write_all(bundle.as_bytes()).and_then(|()| out.flush());
            Ok(written.context("standard output is gone")?)
        }
    }
}

fn named(version: u32) -> anyhow::Result<()> {
    ensure!(version > 0, "no version decides now: name one of those that `paifang policy list` tells");
    Ok(())
}

async fn policy(
    gateway: &Reached,
    time: Option<prost_types::Timestamp>,
    as_json: bool,
) -> Result<v1::Policy, Ended> {
    let told = gateway.client().await?.get_policy(v1::GetPolicyRequest { time }).await;
    let told = told.map_err(|status| answer::refused(&status, None, 1, as_json))?;
    Ok(told.policy.unwrap_or_default())
}
