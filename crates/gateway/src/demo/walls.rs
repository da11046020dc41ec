//! September 2024: a storefront on which only Alipay and Cloud QuickPass could be paid with lets WeChat Pay in, step by step.
//!
//! The clock of this process's mock rails and of the gateway is set to those days; what is signed is signed and verified by it. The
//! rules are the five bundles beside this file, each with [`MONEY`] below it. What fails fails at the mock rail, what is
//! measured is measured by the gateway's own guard rail, and everything is asked for over the public contract.

mod acts;
mod later;
mod market;

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use paifang_proto::v1;

use super::tell::Teller;
use super::{Options, Shop, Stage, story};

/// The bundles, by version.
const BUNDLES: [&str; 5] = [
    include_str!("walls/1.toml"),
    include_str!("walls/2.toml"),
    include_str!("walls/3.toml"),
    include_str!("walls/4.toml"),
    include_str!("walls/5.toml"),
];

/// What every version says of money.
const MONEY: &str = include_str!("walls/money.toml");

/// Payers whom the storefront asks about: enough for some to be among 5 %.
const PAYERS: u32 = 300;

/// Pause between two looks at the guard rails, so that nobody waits for ten seconds.
const LIMITS: &str = "[limits]\nguard_every_ms = 200";

/// The story as it stands.
struct Play<'a, W> {
    tell: &'a mut Teller<W>,
    stage: Stage,
    shop: Shop,
    /// Calls so far: each has an id of its own.
    calls: u32,
    /// The last change of the rules that was seen.
    seen: i64,
    /// Payers among the 5 %.
    tried: BTreeSet<String>,
    /// One of them, and one who is not among the 20 % either.
    inside: String,
    outside: String,
}

/// Plays it; answers the stage as it is at the end, and the storefront's key.
pub(super) async fn play<W: Write>(
    tell: &mut Teller<W>,
    options: &Options,
) -> anyhow::Result<(Stage, String)> {
    tell.title("September 2024: a wall comes down, a step at a time")?;
    let mut stage = Stage::prepare(std::env::current_exe()?, options.dir.clone()).await?;
    stage.configure(LIMITS)?;
    stage.set_clock(beijing("2024-09-02T09:00:00")?)?;
    let key = stage.new_tenant("storefront").await?;
    stage.start_gateway().await?;
    let shop = Shop::connect(stage.grpc, &key)?;
    tell.fact("mock rails and gateway run on loopback, and their clock is set to those days; all times are Beijing's")?;
    let (inside, outside) = (String::new(), String::new());
    let mut play = Play { tell, stage, shop, calls: 0, seen: 0, tried: BTreeSet::new(), inside, outside };
    play.before().await?;
    play.announce().await?;
    play.try_it().await?;
    let kept = play.ramp().await?;
    let counted = play.fall(&kept).await?;
    play.open_again().await?;
    play.open_for_all().await?;
    play.audit(counted).await?;
    let Play { tell, mut stage, mut shop, .. } = play;
    story::compare_books(tell, &stage, &mut shop).await?;
    story::check_store(tell, &mut stage).await?;
    tell.title("Everything was as told.")?;
    Ok((stage, key))
}

impl<W: Write> Play<'_, W> {
    /// Another day: the clock goes there, and what happens is told.
    fn day(&mut self, at: &str, text: &str) -> anyhow::Result<()> {
        let to = beijing(at)?;
        ensure!(to > self.stage.mocks.clock().now(), "the story goes backwards to {at}");
        self.stage.set_clock(to)?;
        let shown = at.get(..16).unwrap_or(at).replace('T', " ");
        self.tell.step(&format!("{shown}. {text}"))
    }

    /// An id for the next call.
    fn request_id(&mut self) -> String {
        self.calls += 1;
        format!("walls-{}", self.calls)
    }

    /// Writes a version, and has it decide: at once, or from a time on.
    async fn write(&mut self, version: u32, from: Option<&str>) -> anyhow::Result<()> {
        let at = usize::try_from(version)?.checked_sub(1).and_then(|index| BUNDLES.get(index));
        let bundle = format!("{}{MONEY}", at.context("no such bundle")?);
        let request_id = self.request_id();
        self.shop.policies.draft_policy(v1::DraftPolicyRequest { request_id, bundle }).await?;
        let effective_time = from.map(beijing).transpose()?.map(market::wire);
        let request_id = self.request_id();
        let request = v1::AnnouncePolicyRequest { request_id, version, effective_time, ..Default::default() };
        self.shop.policies.announce_policy(request).await?;
        self.changes().await
    }

    /// Tells what was changed since the last look.
    async fn changes(&mut self) -> anyhow::Result<()> {
        for change in self.news().await? {
            self.tell.fact(format!("#{} {}", change.position, market::change(&change)))?;
        }
        Ok(())
    }

    /// What was changed since the last look.
    async fn news(&mut self) -> anyhow::Result<Vec<v1::PolicyChange>> {
        let request = v1::ListPolicyChangesRequest { after_position: self.seen, page_size: 200 };
        let changes = self.shop.policies.list_policy_changes(request).await?.into_inner().changes;
        self.seen = changes.last().map_or(self.seen, |last| last.position);
        Ok(changes)
    }
}

/// A time of those days.
fn beijing(at: &str) -> anyhow::Result<Timestamp> {
    format!("{at}+08:00").parse().with_context(|| format!("{at} is no time"))
}
