//! One cycle: trade, a disturbance in the middle of it, a restart, and nothing that was acknowledged is lost.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use jiff::SignedDuration;
use rustix::process::Signal;
use tokio::task::{JoinHandle, JoinSet, block_in_place};
use tokio::time::{Instant, sleep, timeout};

use crate::bot::{Bot, PATIENCE};
use crate::cells::Cell;
use crate::cut::Cut;
use crate::draw::Draw;
use crate::flows::Flow;
use crate::gateway::{Gateway, killed};
use crate::ground::Ground;
use crate::plan::{Kind, Plan};
use crate::support::{RAILS, browser};

/// The gateways and what was done to them.
pub struct Run {
    pub ground: Arc<Ground>,
    pub gateways: Vec<Gateway>,
    pub figures: Figures,
    /// How often the server's disk was full before.
    pub refused: usize,
}

/// Counted for the report.
#[derive(Debug, Default)]
pub struct Figures {
    pub cycles: u64,
    pub kills: BTreeMap<&'static str, u32>,
    pub covered: Vec<String>,
    pub missed: Vec<String>,
    pub flows: u32,
    /// The cell that took longest since this was taken.
    pub slowest: Option<(Duration, String)>,
}

/// So many writes find the disk full, by then, before there is room again.
const REFUSED_MAX: u64 = 100;
const FULL_MAX: Duration = Duration::from_secs(20);
/// Rounds of trade until the journal is the largest table.
const FILLINGS_MAX: u64 = 20;
/// Flows beside each other in mixed trade.
const TRADES: u64 = 5;
/// Points that a gateway comes by when it takes up what the dead one left.
const RECOVERY: &[&str] = &[
    "query.sending",
    "query.answered",
    "query_refund.sending",
    "resend.written_ahead",
    "refund_resend.written_ahead",
    "charge.sending",
    "refund.answered",
    "observe.committed",
    "observe_refund.committed",
];
/// A point that was not reached by then is not on the way.
const REACHED_MAX: Duration = Duration::from_secs(20);
/// So long the worker may take once the storefront has its last word.
const AFTER_MAX: Duration = Duration::from_secs(4);
/// The same while it recovers; then it is killed where it is.
const RECOVERY_MAX: Duration = Duration::from_millis(600);

impl Run {
    /// Runs one cycle.
    pub async fn cycle(&mut self, plan: Plan) -> anyhow::Result<()> {
        let Plan { number, kind, ruled, again, mut draw } = plan;
        self.figures.cycles += 1;
        for gateway in self.gateways.iter_mut().filter(|gateway| !gateway.is_running()) {
            gateway.start().await?;
        }
        let mut clerk = Bot::new(self.ground.clone(), format!("c{number}-clerk"), None, "never.crash".into());
        clerk.trade_under(ruled).await?;
        match kind {
            Kind::Points(cells) => {
                for (n, cell) in cells.into_iter().enumerate() {
                    self.point(&format!("c{number}-{n}"), cell, again, &mut draw).await?;
                }
                Ok(())
            }
            Kind::Random => self.random(number, again, &mut draw).await,
            Kind::Stop => self.stop(number, &mut draw).await,
            Kind::Cuts => self.cuts(number, &mut draw).await,
            Kind::Full if self.gateways.len() > 1 => self.full_server(number, &mut draw).await,
            Kind::Full => self.full(number, &mut draw).await,
            Kind::Drain => self.drain(number, &mut draw).await,
        }
    }

    /// Dies at a point of a flow; the storefront goes on with the next life.
    async fn point(&mut self, name: &str, cell: Cell, again: bool, draw: &mut Draw) -> anyhow::Result<()> {
        let begun = Instant::now();
        let file = self.crash_file()?;
        let bot = Bot::new(self.ground.clone(), name.to_owned(), Some(cell.point), file.clone());
        let flow = tokio::spawn(cell.flow.run(bot));
        let mut over = None;
        let died = loop {
            if self.died()? > 0 {
                break true;
            }
            // What the worker does may come after the storefront's last word.
            if flow.is_finished() {
                over.get_or_insert_with(Instant::now);
            }
            let waited_enough = over.is_some_and(|over: Instant| over.elapsed() > AFTER_MAX);
            if waited_enough || begun.elapsed() > REACHED_MAX {
                break false;
            }
            sleep(Duration::from_millis(3)).await;
        };
        // Not there when the flow did not come so far.
        let _ = std::fs::remove_file(file);
        if died {
            let more = self.died_as_well().await?;
            self.figures.covered.push(cell.to_string());
            *self.figures.kills.entry("at a point").or_default() += 1 + more;
        } else {
            self.figures.missed.push(cell.to_string());
            for gateway in &mut self.gateways {
                gateway.kill().await?;
            }
        }
        self.revive(again, draw).await?;
        self.finish(vec![flow]).await.with_context(|| cell.to_string())?;
        self.figures.slowest = self.figures.slowest.take().max(Some((begun.elapsed(), cell.to_string())));
        Ok(())
    }

    /// How many gateways have died by SIGKILL since the last look; another end is none that was asked for.
    fn died(&mut self) -> anyhow::Result<u32> {
        let mut died = 0;
        for gateway in &mut self.gateways {
            match gateway.ended()? {
                Some(status) if killed(status) => died += 1,
                Some(status) => bail!("a gateway ended with {status}\n{}", gateway.log_tail()),
                None => {}
            }
        }
        Ok(died)
    }

    /// What somebody needs who looks for the fault: the directory, what the rails answered, and the last lines of the logs.
    pub async fn scene(&self) -> String {
        let mut scene = format!("everything is in {}\n", self.ground.stage.dir.display());
        for gateway in &self.gateways {
            let metrics = format!("http://{}/metrics", gateway.ops);
            if let Ok(page) = browser::attempt("GET", &metrics, "", &[]).await {
                let told = page.body.lines().filter(|line| line.starts_with("paifang_rail_answers_total"));
                scene.extend(told.map(|line| format!("{line}\n")));
            }
            scene += &gateway.log_tail();
            scene += "\n===\n";
        }
        scene
    }

    fn crash_file(&self) -> anyhow::Result<PathBuf> {
        Ok(self.gateways.first().context("a gateway")?.crash_file())
    }

    /// Starts the dead gateways; with `again` each of them is killed once more while it recovers. A replica that lives may come
    /// by the same point and die with it.
    async fn revive(&mut self, again: bool, draw: &mut Draw) -> anyhow::Result<()> {
        if again {
            for gateway in self.gateways.iter_mut().filter(|gateway| !gateway.is_running()) {
                let how = kill_in_recovery(gateway, draw).await?;
                *self.figures.kills.entry(how).or_default() += 1;
            }
            let more = self.died_as_well().await?;
            *self.figures.kills.entry("again, at a point of its recovery").or_default() += more;
        }
        for gateway in self.gateways.iter_mut().filter(|gateway| !gateway.is_running()) {
            gateway.start().await?;
        }
        Ok(())
    }

    /// How many others have died at the point that stood in the file until now: whoever read it there dies in a moment.
    async fn died_as_well(&mut self) -> anyhow::Result<u32> {
        if self.gateways.len() > 1 {
            sleep(Duration::from_millis(50)).await;
        }
        self.died()
    }

    /// Mixed trade, and SIGKILL at any moment.
    async fn random(&mut self, number: u64, again: bool, draw: &mut Draw) -> anyhow::Result<()> {
        // Every other time the wire fails as well.
        if draw.below(2) == 0 {
            self.ground.cuts[draw.one_of(&RAILS)].arm(draw.below(6), Cut::drawn(draw));
        }
        let flows = self.trade(number, draw);
        sleep(Duration::from_millis(draw.below(600))).await;
        // Of several replicas one dies, or all at once.
        let dying = usize::try_from(draw.below(2))? * self.gateways.len() + 1;
        for gateway in self.gateways.iter_mut().take(dying) {
            gateway.kill().await?;
            *self.figures.kills.entry("at random").or_default() += 1;
        }
        self.revive(again, draw).await?;
        let finished = self.finish(flows).await;
        self.ground.heal();
        finished
    }

    /// SIGSTOP in the middle of trade, all leases end, SIGCONT: the one who wakes up must not write what others have taken
    /// over (F21, I16).
    async fn stop(&mut self, number: u64, draw: &mut Draw) -> anyhow::Result<()> {
        let flows = self.trade(number, draw);
        sleep(Duration::from_millis(draw.below(400))).await;
        let Some(gateway) = self.gateways.first() else { bail!("no gateway") };
        gateway.signal(Signal::STOP)?;
        self.ground.step(SignedDuration::from_secs(45))?;
        sleep(Duration::from_millis(300)).await;
        gateway.signal(Signal::CONT)?;
        *self.figures.kills.entry("stopped past the lease").or_default() += 1;
        self.finish(flows).await
    }

    /// Questions and answers are lost and cut, on each rail and on the way to the database (F01, F02, F07).
    async fn cuts(&mut self, number: u64, draw: &mut Draw) -> anyhow::Result<()> {
        let before: u32 = self.ground.cuts.values().map(|cutter| cutter.done()).sum();
        let database_before = self.ground.database.cuts();
        for rail in RAILS {
            for _ in 0..4 {
                self.ground.cuts[rail].arm(draw.below(3), Cut::drawn(draw));
            }
        }
        let flows = self.trade(number, draw);
        for _ in 0..4 {
            sleep(Duration::from_millis(draw.below(150))).await;
            self.ground.database.cut(draw);
        }
        let finished = self.finish(flows).await;
        self.ground.heal();
        let after: u32 = self.ground.cuts.values().map(|cutter| cutter.done()).sum();
        *self.figures.kills.entry("cuts to a rail").or_default() += after - before;
        let cuts = self.ground.database.cuts() - database_before;
        if cuts > 0 {
            *self.figures.kills.entry("cuts to the database").or_default() += cuts;
        }
        finished
    }

    /// The disk is full in the middle of trade; somebody makes room, and the gateway is started anew (F22, F23).
    async fn full(&mut self, number: u64, draw: &mut Draw) -> anyhow::Result<()> {
        let Some(kib) = self.ground.database.log_kib() else { bail!("no file to fill") };
        let Some(gateway) = self.gateways.first_mut() else { bail!("no gateway") };
        gateway.kill().await?;
        gateway.spawn(Some(kib + 64 + draw.below(192)))?;
        ensure!(gateway.serving().await?, "the gateway died at its start");
        let flows = self.trade(number, draw);
        let Some(gateway) = self.gateways.first_mut() else { bail!("no gateway") };
        match gateway.ends(Duration::from_secs(3)).await? {
            // It lost its footing and said so.
            Some(status) => {
                ensure!(!status.success() && !killed(status), "a full disk ended it with {status}");
                *self.figures.kills.entry("full disk, ended by itself").or_default() += 1;
            }
            None => {
                gateway.kill().await?;
                *self.figures.kills.entry("full disk, killed").or_default() += 1;
            }
        }
        self.revive(false, draw).await?;
        self.finish(flows).await
    }

    /// The database's disk is full in the middle of trade: what finds no room is refused as a whole, the gateways live on, and
    /// take up everything when there is room again (F23).
    async fn full_server(&mut self, number: u64, draw: &mut Draw) -> anyhow::Result<()> {
        let ground = self.ground.clone();
        let mut fillings = 0;
        while !block_in_place(|| ground.database.fill())? {
            fillings += 1;
            ensure!(fillings <= FILLINGS_MAX, "the journal does not become the largest table");
            let flows = self.trade(number * 100 + fillings, draw);
            self.finish(flows).await?;
        }
        let flows = self.trade(number, draw);
        let wanted = self.refused + usize::try_from(1 + draw.below(REFUSED_MAX))?;
        let deadline = Instant::now() + FULL_MAX;
        while ground.database.refused()? < wanted && Instant::now() < deadline {
            sleep(Duration::from_millis(20)).await;
        }
        block_in_place(|| ground.database.make_room())?;
        let refused = ground.database.refused()?;
        ensure!(refused >= wanted, "{refused} writes in all found the disk full, of {wanted}");
        let times = u32::try_from(refused - self.refused)?;
        self.refused = refused;
        *self.figures.kills.entry("writes that found the server's disk full").or_default() += times;
        self.finish(flows).await
    }

    /// SIGTERM in the middle of trade: status 0 within its bound, and nothing is lost (F42).
    async fn drain(&mut self, number: u64, draw: &mut Draw) -> anyhow::Result<()> {
        let flows = self.trade(number, draw);
        sleep(Duration::from_millis(draw.below(500))).await;
        for gateway in &mut self.gateways {
            gateway.drain().await?;
            *self.figures.kills.entry("drained").or_default() += 1;
        }
        self.revive(false, draw).await?;
        self.finish(flows).await
    }

    fn trade(&self, number: u64, draw: &mut Draw) -> Vec<JoinHandle<anyhow::Result<()>>> {
        let flow = |n| {
            let flow = Flow::drawn(draw);
            let never = self.ground.stage.dir.join("never.crash");
            tokio::spawn(flow.run(Bot::new(self.ground.clone(), format!("c{number}-t{n}"), None, never)))
        };
        (0..TRADES).map(flow).collect()
    }

    /// Waits for the flows; no gateway may end meanwhile, and no acknowledged state may have fallen.
    async fn finish(&mut self, flows: Vec<JoinHandle<anyhow::Result<()>>>) -> anyhow::Result<()> {
        self.figures.flows += u32::try_from(flows.len())?;
        let mut running = JoinSet::new();
        for flow in flows {
            running.spawn(flow);
        }
        while !running.is_empty() {
            for gateway in &mut self.gateways {
                if let Some(status) = gateway.ended()? {
                    bail!("a gateway ended by itself with {status}\n{}", gateway.log_tail());
                }
            }
            if let Ok(Some(flow)) = timeout(Duration::from_millis(50), running.join_next()).await {
                flow???;
            }
        }
        let broken = self.ground.journal.broken();
        ensure!(broken.is_empty(), "acknowledged states were lost: {broken:#?}");
        Ok(())
    }
}

/// Starts it and kills it before it has recovered: at its start, or at the first of the points that it comes by.
async fn kill_in_recovery(gateway: &mut Gateway, draw: &mut Draw) -> anyhow::Result<&'static str> {
    if draw.below(3) == 0 {
        gateway.spawn(None)?;
        sleep(Duration::from_millis(draw.below(200))).await;
        gateway.kill().await?;
        return Ok("again, at its start");
    }
    std::fs::write(gateway.crash_file(), draw.one_of(RECOVERY))?;
    gateway.spawn(None)?;
    let died = timeout(PATIENCE, gateway.serving()).await?? && gateway.ends(RECOVERY_MAX).await?.is_none();
    std::fs::remove_file(gateway.crash_file())?;
    if died {
        gateway.kill().await?;
        return Ok("again, while it recovers");
    }
    Ok("again, at a point of its recovery")
}
