//! `paifang policy draft`, `announce`, `recall`, `retire`, `roll-back` and `reopen`: changes of a storefront's rules over the
//! running gateway, each at most once.

use std::path::PathBuf;

use anyhow::Context;
use jiff::Timestamp;
use paifang_client::{Client, v1};
use paifang_policy::bundle::Bundle;
use prost::Message;
use ring::digest::{SHA256, digest};
use serde_json::json;
use tonic::Status;

use super::answer;
use crate::cli::storefront::Reached;
use crate::cli::{BAD_CONFIG, Ended, say};
use crate::net;
use crate::reasons;

/// Changes of a page.
const PAGE: i32 = 200;

/// How to close something now, at the end of the help.
pub(crate) const RECIPES: &str = r#"To close a wallet, a rail or a presentation now, whatever the openings say, write a version with a kill switch:

  paifang policy show --gateway ADDRESS > next.toml    # what decides now
      then in next.toml: another `version`, and
      [[kill]]
      id = "no-wechat"
      wallet = "wechatpay"          # or rail, or presentation, or several of them
      note = "why"
  paifang policy check next.toml
  paifang policy draft next.toml --gateway ADDRESS
  paifang policy announce VERSION --gateway ADDRESS

To close one opening now, in later versions too, without a new version:

  paifang policy roll-back OPENING --remark "who: why" --gateway ADDRESS

To end a kill switch, announce a version that does not have it, with --without-kill ID: without that word the announcement is refused.

With --request-id ID of your own, unused so far, a change asks nothing beforehand, so it gets through where much is read.
Where it is not known whether it was taken, send it again with the request id that is told.

Both are for new payments. What is under way goes on, and so do queries and refunds."#;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Change {
    /// Write a version, or its draft anew. It decides nothing yet. Status 64 when the bundle is wrong.
    Draft {
        /// The bundle, in TOML.
        bundle: PathBuf,
        #[command(flatten)]
        call: Call,
    },
    /// Have a draft decide, at once or from a time on.
    #[command(after_long_help = RECIPES)]
    Announce {
        /// The version, a draft.
        #[arg(id = "number", value_name = "VERSION")]
        version: u32,
        /// From when it decides, such as 2024-09-26T00:00:00+08:00; without it at once.
        #[arg(long)]
        at: Option<Timestamp>,
        /// An opening that is rolled back and that this version does not have, so that what it opened may be open again under
        /// another name; once per opening.
        #[arg(long = "without-opening", alias = "without", value_name = "OPENING")]
        without_openings: Vec<String>,
        /// A kill switch that holds now, or will before this version decides, and that this version does not have: what it closes
        /// is let in again; once per kill.
        #[arg(long = "without-kill", value_name = "KILL")]
        without_kills: Vec<String>,
        #[command(flatten)]
        call: Call,
    },
    /// Make an announced version whose time has not come a draft again.
    Recall {
        /// The version, announced.
        #[arg(id = "number", value_name = "VERSION")]
        version: u32,
        #[command(flatten)]
        call: Call,
    },
    /// End the version that decides. Without another one everything is closed from now on.
    Retire {
        /// The version that decides.
        #[arg(id = "number", value_name = "VERSION")]
        version: u32,
        #[command(flatten)]
        call: Call,
    },
    /// Close an opening for every choice from now on, in later versions too, until it is opened again.
    #[command(after_long_help = RECIPES)]
    RollBack {
        /// The opening, by its id in the rules.
        opening: String,
        /// Who does it, and why.
        #[arg(long)]
        remark: String,
        #[command(flatten)]
        call: Call,
    },
    /// Open an opening again that was rolled back.
    Reopen {
        /// The opening, by its id in the rules.
        opening: String,
        /// Who does it, and why.
        #[arg(long)]
        remark: String,
        #[command(flatten)]
        call: Call,
    },
}

/// What each change takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Call {
    #[command(flatten)]
    at: Reached,
    /// The id of the call, 1 to 64 visible ASCII characters: the same one never changes anything twice. Without it, it is made of
    /// the command and of what the rules were before, so that the same command again, right after itself, changes nothing.
    #[arg(long)]
    request_id: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A change as the contract has it, without its id.
enum Wanted {
    Draft(v1::DraftPolicyRequest),
    Announce(v1::AnnouncePolicyRequest),
    Recall(v1::RecallPolicyRequest),
    Retire(v1::RetirePolicyRequest),
    RollBack(v1::RollBackOpeningRequest),
    Reopen(v1::ReopenOpeningRequest),
}

/// What a change came to.
struct Done {
    request_id: String,
    policy: v1::Policy,
    /// It was there before.
    replayed: bool,
}

pub(super) async fn run(change: Change) -> Result<(), Ended> {
    let (wanted, call) = wanted(change)?;
    let client = call.at.client().await?;
    let id = match &call.request_id {
        Some(id) => id.clone(),
        None => {
            let made = request_id(&client, &wanted).await;
            made.map_err(|status| wanted.refused(&status, None, call.json))?
        }
    };
    let made = wanted.send(&client, id.clone()).await;
    let done = made.map_err(|status| wanted.refused(&status, Some(&id), call.json))?;
    if call.json {
        let policy = net::to_json("paifang.v1.Policy", &done.policy).context("the answer")?;
        let Done { request_id, replayed, .. } = done;
        return say(format_args!(
            "{:#}",
            json!({ "request_id": request_id, "replayed": replayed, "policy": policy })
        ));
    }
    let told = match done.replayed {
        true => format!("call {} was there before: nothing was changed now", done.request_id),
        false => wanted.told(&done.policy),
    };
    say([told, answer::table(&done.policy)].join("\n"))
}

fn wanted(change: Change) -> anyhow::Result<(Wanted, Call)> {
    let request_id = String::new();
    Ok(match change {
        Change::Draft { bundle, call } => {
            let text = super::text(&bundle).with_context(|| bundle.display().to_string())?;
            (Wanted::Draft(v1::DraftPolicyRequest { request_id, bundle: text }), call)
        }
        Change::Announce { version, at, without_openings, without_kills, call } => {
            let time = |at: Timestamp| prost_types::Timestamp {
                seconds: at.as_second(),
                nanos: at.subsec_nanosecond(),
            };
            let request = v1::AnnouncePolicyRequest {
                version,
                effective_time: at.map(time),
                without_openings,
                without_kills,
                request_id,
            };
            (Wanted::Announce(request), call)
        }
        Change::Recall { version, call } => {
            (Wanted::Recall(v1::RecallPolicyRequest { request_id, version }), call)
        }
        Change::Retire { version, call } => {
            (Wanted::Retire(v1::RetirePolicyRequest { request_id, version }), call)
        }
        Change::RollBack { opening, remark, call } => {
            (Wanted::RollBack(v1::RollBackOpeningRequest { request_id, opening, remark }), call)
        }
        Change::Reopen { opening, remark, call } => {
            (Wanted::Reopen(v1::ReopenOpeningRequest { request_id, opening, remark }), call)
        }
    })
}

/// The id of a change: of what it is, and of the last change before it. Where the book's last change is this very one, it is a
/// repeat, and has the id that it had.
async fn request_id(client: &Client, wanted: &Wanted) -> Result<String, Status> {
    let (position, last) = last_change(client).await?;
    let as_last = wanted.id_after(position.saturating_sub(1));
    Ok(if last == as_last { as_last } else { wanted.id_after(position) })
}

/// The position of the book's last change, and the id of the call that made it.
async fn last_change(client: &Client) -> Result<(i64, String), Status> {
    let mut last = (0, String::new());
    loop {
        let request = v1::ListPolicyChangesRequest { after_position: last.0, page_size: PAGE };
        let page = client.list_policy_changes(request).await?;
        match page.changes.into_iter().next_back() {
            Some(change) => last = (change.position, change.request_id),
            None => return Ok(last),
        }
    }
}

impl Wanted {
    fn id_after(&self, position: i64) -> String {
        let (call, content) = match self {
            Self::Draft(request) => ("draft", request.encode_to_vec()),
            Self::Announce(request) => ("announce", request.encode_to_vec()),
            Self::Recall(request) => ("recall", request.encode_to_vec()),
            Self::Retire(request) => ("retire", request.encode_to_vec()),
            Self::RollBack(request) => ("roll-back", request.encode_to_vec()),
            Self::Reopen(request) => ("reopen", request.encode_to_vec()),
        };
        let whole = [format!("{call} after {position}: ").as_bytes(), &content].concat();
        let hash = hex::encode(digest(&SHA256, &whole));
        format!("cli-{call}-{}", &hash[..32])
    }

    async fn send(&self, client: &Client, request_id: String) -> Result<Done, Status> {
        let id = request_id.clone();
        let (policy, replayed) = match self {
            Self::Draft(request) => {
                let made = client.draft_policy(v1::DraftPolicyRequest { request_id, ..request.clone() });
                made.await.map(|made| (made.policy, made.replayed))
            }
            Self::Announce(request) => {
                let made =
                    client.announce_policy(v1::AnnouncePolicyRequest { request_id, ..request.clone() });
                made.await.map(|made| (made.policy, made.replayed))
            }
            Self::Recall(request) => {
                let made = client.recall_policy(v1::RecallPolicyRequest { request_id, ..request.clone() });
                made.await.map(|made| (made.policy, made.replayed))
            }
            Self::Retire(request) => {
                let made = client.retire_policy(v1::RetirePolicyRequest { request_id, ..request.clone() });
                made.await.map(|made| (made.policy, made.replayed))
            }
            Self::RollBack(request) => {
                let made =
                    client.roll_back_opening(v1::RollBackOpeningRequest { request_id, ..request.clone() });
                made.await.map(|made| (made.policy, made.replayed))
            }
            Self::Reopen(request) => {
                let made = client.reopen_opening(v1::ReopenOpeningRequest { request_id, ..request.clone() });
                made.await.map(|made| (made.policy, made.replayed))
            }
        }?;
        Ok(Done { request_id: id, policy: policy.unwrap_or_default(), replayed })
    }

    /// A bundle's mistakes have the status that `check` gives them.
    fn refused(&self, status: &Status, request_id: Option<&str>, as_json: bool) -> Ended {
        let is_wrong = paifang_client::reason(status).as_deref() == Some(reasons::INVALID_REQUEST);
        let ends = if matches!(self, Self::Draft(_)) && is_wrong { BAD_CONFIG } else { 1 };
        answer::refused(status, request_id, ends, as_json)
    }

    /// What it did, in a sentence.
    fn told(&self, policy: &v1::Policy) -> String {
        match self {
            Self::Draft(request) => match Bundle::read(&request.bundle) {
                Ok(bundle) => format!("version {} is written", bundle.header().version),
                Err(_) => "the version is written".to_owned(),
            },
            Self::Announce(request) => {
                let version = request.version;
                match policy.versions.iter().find(|one| one.version == version) {
                    Some(one) if one.state() == v1::PolicyVersionState::Announced => {
                        format!("version {version} decides from {} on", answer::time(&one.effective_time))
                    }
                    Some(one) if one.state() == v1::PolicyVersionState::Active => {
                        format!("version {version} decides now")
                    }
                    Some(_) | None => format!("version {version} was announced"),
                }
            }
            Self::Recall(request) => format!("version {} is a draft again", request.version),
            Self::Retire(request) => format!("version {} is retired", request.version),
            Self::RollBack(request) => format!("{} is closed for new payments", request.opening),
            Self::Reopen(request) => format!("{} is open again, as far as its version says", request.opening),
        }
    }
}
