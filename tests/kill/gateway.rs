//! A gateway as a process of its own: started, killed, stopped, drained.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use paifang_gateway::demo::Shop;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// One replica, running or not.
pub struct Gateway {
    /// Where storefronts call it.
    pub grpc: SocketAddr,
    /// Where operators call it.
    pub ops: SocketAddr,
    binary: PathBuf,
    config: PathBuf,
    child: Option<Child>,
    lives: u32,
}

/// How long it may take until it serves, with a build beside it.
const START_MAX: Duration = Duration::from_secs(30);
/// Beyond this a drain has not kept its bound: `drain_ms` of the config and the time to notice.
const DRAIN_MAX: Duration = Duration::from_secs(12);
/// The test hook of the gateway that names the point at which it dies.
const CRASH_FILE: &str = "PAIFANG_CRASH_FILE";

impl Gateway {
    /// Not running yet.
    pub fn new(binary: PathBuf, config: PathBuf, grpc: SocketAddr, ops: SocketAddr) -> Self {
        Self { grpc, ops, binary, config, child: None, lives: 0 }
    }

    /// Begins a life, without waiting for anything. With a limit no file may grow beyond so many KiB: a write beyond it
    /// fails as on a full disk.
    pub fn spawn(&mut self, file_kib_max: Option<u64>) -> anyhow::Result<()> {
        ensure!(self.child.is_none(), "a gateway is running");
        self.lives += 1;
        let log = std::fs::File::create(self.log_path(self.lives))?;
        let mut command = match file_kib_max {
            None => Command::new(&self.binary),
            Some(kib) => {
                let mut shell = Command::new("prlimit");
                // A write beyond the limit is told as an error, and not by a signal that ends the process.
                let script = "trap '' XFSZ; exec \"$0\" \"$@\"";
                shell.arg(format!("--fsize={}:", kib * 1024)).args(["sh", "-c", script]).arg(&self.binary);
                shell
            }
        };
        command.arg("serve").arg("--config").arg(&self.config).kill_on_drop(true);
        command.env(CRASH_FILE, self.crash_file());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.child = Some(command.spawn().with_context(|| format!("cannot run {}", self.binary.display()))?);
        Ok(())
    }

    /// Waits until it serves. `false`: it died before, at a crash point.
    pub async fn serving(&mut self) -> anyhow::Result<bool> {
        let deadline = Instant::now() + START_MAX;
        loop {
            if let Some(status) = self.ended()? {
                if killed(status) {
                    return Ok(false);
                }
                bail!("the gateway ended with {status} at its start\n{}", self.log_tail());
            }
            if Shop::serves(self.grpc).await {
                return Ok(true);
            }
            ensure!(Instant::now() < deadline, "the gateway does not serve\n{}", self.log_tail());
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Begins a life and waits until it serves.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        self.spawn(None)?;
        ensure!(self.serving().await?, "the gateway died at its start although no point was named");
        Ok(())
    }

    /// SIGKILL.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("no gateway is running")?;
        child.kill().await?;
        Ok(())
    }

    /// SIGSTOP, SIGCONT or SIGTERM.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = self.child.as_ref().and_then(Child::id).context("no gateway is running")?;
        let pid = Pid::from_raw(i32::try_from(id)?).context("a process has an id")?;
        kill_process(pid, signal).context("the gateway took no signal")
    }

    /// SIGTERM: it must finish what is under way and end with status 0 within its bound.
    pub async fn drain(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)?;
        match self.ends(DRAIN_MAX).await? {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("the drain ended with {status}\n{}", self.log_tail()),
            None => bail!("the gateway did not drain within {DRAIN_MAX:?}\n{}", self.log_tail()),
        }
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let status = child.try_wait()?;
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }

    /// Waits for its end.
    pub async fn ends(&mut self, within: Duration) -> anyhow::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + within;
        loop {
            let status = self.ended()?;
            if status.is_some() || Instant::now() > deadline {
                return Ok(status);
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether a process is there.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Where the name of the point stands at which every gateway of this directory dies.
    pub fn crash_file(&self) -> PathBuf {
        self.config.with_file_name("crash.point")
    }

    /// What all its lives have logged with this word in it.
    pub fn log_lines(&self, word: &str) -> anyhow::Result<Vec<String>> {
        let mut found = Vec::new();
        for life in 1..=self.lives {
            let text = std::fs::read(self.log_path(life))?;
            let text = String::from_utf8_lossy(&text).into_owned();
            found.extend(text.lines().filter(|line| line.contains(word)).map(str::to_owned));
        }
        Ok(found)
    }

    /// What the last lives said.
    pub fn log_tail(&self) -> String {
        let lives = [self.lives.saturating_sub(1), self.lives];
        let logs = lives.map(|life| std::fs::read_to_string(self.log_path(life)).unwrap_or_default());
        let text = logs.join("--- the next life\n");
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    fn log_path(&self, life: u32) -> PathBuf {
        self.config.with_extension(format!("{life}.log"))
    }
}

/// Whether SIGKILL ended it.
pub fn killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(9)
}
