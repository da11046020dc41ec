//! A stage to play on: mock rails in this process, a config and keys in a directory, and the gateway as a child process
//! of the same binary, so that it can be killed.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::civil::Date;
use jiff::tz::{TimeZone, offset};
use paifang_mock_rails::{MockRails, Options};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::process::{Child, Command};

use super::{Shop, files};

/// See the module.
pub struct Stage {
    /// The rails' world.
    pub mocks: MockRails,
    /// Where config, keys, store and logs lie.
    pub dir: PathBuf,
    /// The gateway's gRPC address.
    pub grpc: SocketAddr,
    /// The gateway's address for rails and browsers.
    pub http: SocketAddr,
    /// The gateway's address for operators.
    pub ops: SocketAddr,
    binary: PathBuf,
    child: Option<Child>,
    temporary: bool,
    extra_env: Vec<(String, String)>,
    ahead: AtomicI64,
}

/// How long the gateway may take until it serves.
const START_MAX: Duration = Duration::from_secs(20);

impl Stage {
    /// Starts mock rails and writes a config for them; `binary` is the gateway to run.
    pub async fn prepare(binary: PathBuf, dir: Option<PathBuf>) -> anyhow::Result<Self> {
        Self::prepare_with(binary, dir, Options::default()).await
    }

    /// The same over mock rails started with these options.
    pub async fn prepare_with(
        binary: PathBuf,
        dir: Option<PathBuf>,
        options: Options,
    ) -> anyhow::Result<Self> {
        let temporary = dir.is_none();
        let dir = match dir {
            Some(dir) => dir,
            None => std::env::temp_dir().join(format!("paifang-demo-{}", std::process::id())),
        };
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let mocks = MockRails::start_with(options).await.context("the mock rails did not start")?;
        let (grpc, http, ops) = (free_port()?, free_port()?, free_port()?);
        files::write(&dir, [grpc, http, ops], &mocks)?;
        Ok(Self {
            mocks,
            dir,
            grpc,
            http,
            ops,
            binary,
            child: None,
            temporary,
            extra_env: Vec::new(),
            ahead: AtomicI64::new(0),
        })
    }

    /// The config file.
    pub fn config(&self) -> PathBuf {
        self.dir.join("paifang.toml")
    }

    /// Makes a tenant; answers its API key. The gateway must not be running.
    pub async fn new_tenant(&self, name: &str) -> anyhow::Result<String> {
        let output = self.command(&["tenant", "new", "--name", name]).output().await?;
        ensure!(output.status.success(), "tenant new failed: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        let key =
            text.split_whitespace().find(|word| word.starts_with("pf_")).context("no key was printed")?;
        Ok(key.to_owned())
    }

    /// Environment variables of the next gateway process, such as a crash point.
    pub fn set_env(&mut self, name: &str, value: Option<&str>) {
        self.extra_env.retain(|(known, _)| known != name);
        self.extra_env.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }

    /// Starts the gateway and waits until it serves.
    pub async fn start_gateway(&mut self) -> anyhow::Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(self.dir.join("gateway.log"))?;
        let mut command = self.command(&["serve"]);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.child = Some(command.spawn().with_context(|| format!("cannot run {}", self.binary.display()))?);
        let deadline = tokio::time::Instant::now() + START_MAX;
        loop {
            if let Some(status) = self.exited()? {
                anyhow::bail!("the gateway ended with {status}: {}", self.log_tail());
            }
            if Shop::serves(self.grpc).await {
                return Ok(());
            }
            ensure!(
                tokio::time::Instant::now() < deadline,
                "the gateway does not serve: {}",
                self.log_tail()
            );
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Ends the gateway with SIGKILL, as a power cut would.
    pub async fn kill_gateway(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("no gateway is running")?;
        child.kill().await?;
        Ok(())
    }

    /// Has the gateway read its keys again, and waits until it says that it did (or that it cannot).
    pub async fn renew_keys(&self) -> anyhow::Result<()> {
        const DONE: &str = "the keys of all rail accounts were read again";
        const FAILED: &str = "all stay as they were";
        const FAILED_ALL: &str = "all keys stay as they were";
        let pid = self.child.as_ref().and_then(Child::id).context("no gateway is running")?;
        let count = |text: &str| self.log().matches(text).count();
        let (done, failed) = (count(DONE), count(FAILED) + count(FAILED_ALL));
        let sent = Command::new("kill").args(["-HUP", &pid.to_string()]).status().await?;
        ensure!(sent.success(), "the gateway took no SIGHUP");
        let deadline = tokio::time::Instant::now() + START_MAX;
        while count(DONE) == done {
            ensure!(
                count(FAILED) + count(FAILED_ALL) == failed,
                "the keys cannot be used: {}",
                self.log_tail()
            );
            ensure!(
                tokio::time::Instant::now() < deadline,
                "the keys were not read again: {}",
                self.log_tail()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Ends the gateway with SIGTERM and waits until it has drained.
    pub async fn stop_gateway(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        let mut child = self.child.take().context("no gateway is running")?;
        let pid = child.id().context("the gateway has already ended")?;
        let sent = Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        ensure!(sent.success(), "the gateway took no SIGTERM");
        let ended = tokio::time::timeout(Duration::from_secs(25), child.wait()).await;
        ended.context("the gateway did not drain within 25 s")?.context("the gateway was lost")
    }

    /// Waits until the gateway has ended by itself, at a crash point say.
    pub async fn gateway_ended(&mut self, within: Duration) -> anyhow::Result<()> {
        let mut child = self.child.take().context("no gateway is running")?;
        match tokio::time::timeout(within, child.wait()).await {
            Ok(_) => Ok(()),
            Err(_) => {
                self.child = Some(child);
                anyhow::bail!("the gateway is still running after {within:?}")
            }
        }
    }

    /// Lets time pass, at the rails and in the gateway.
    pub fn step_clock(&self, by: jiff::SignedDuration) -> anyhow::Result<()> {
        let millis = i64::try_from(by.as_millis()).unwrap_or(0);
        let ahead = self.ahead.fetch_add(millis, Ordering::SeqCst) + millis;
        // Renamed into place: the gateway never reads half a number.
        let (file, new) = (self.dir.join("clock.ahead-ms"), self.dir.join("clock.ahead-ms.new"));
        std::fs::write(&new, ahead.to_string()).context("cannot set the clock")?;
        std::fs::rename(new, file).context("cannot set the clock")?;
        self.mocks.clock().step(by);
        Ok(())
    }

    /// Lets time pass until it is noon of the next day in Beijing; answers that day. No rail's day ends near noon.
    pub fn to_noon(&self) -> anyhow::Result<Date> {
        let zone = TimeZone::fixed(offset(8));
        let now = self.mocks.clock().now();
        let day = now.to_zoned(zone.clone()).date().tomorrow()?;
        let noon = day.at(12, 0, 0, 0).to_zoned(zone)?.timestamp();
        self.step_clock(noon.duration_since(now))?;
        Ok(day)
    }

    /// Makes it that time, at the rails and in the gateway.
    pub fn set_clock(&self, at: jiff::Timestamp) -> anyhow::Result<()> {
        self.step_clock(at.duration_since(self.mocks.clock().now()))
    }

    /// Adds to the config of the next gateway process.
    pub fn configure(&self, toml: &str) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(self.config()).context("cannot read the config")?;
        std::fs::write(self.config(), format!("{text}\n{toml}\n")).context("cannot write the config")
    }

    /// Runs `paifang policy day`; answers what it printed. The gateway must be running.
    pub async fn policy_day(&self, day: Date, zone: &str) -> anyhow::Result<String> {
        self.run(&["policy", "day", "--date", &day.to_string(), "--zone", zone]).await
    }

    /// Runs `paifang fsck`; answers what it printed. The gateway must not be running.
    pub async fn fsck(&self) -> anyhow::Result<String> {
        self.run(&["fsck"]).await
    }

    /// Runs `paifang close-day`; answers what it printed, when bill and books are equal. The gateway must be running.
    pub async fn close_day(&self, account: &str, day: Date) -> anyhow::Result<String> {
        self.run(&["close-day", "--account", account, "--day", &day.to_string()]).await
    }

    /// Runs a command of the gateway that reads its config; answers what it printed.
    ///
    /// # Errors
    /// When it fails; the error has what it said.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command(arguments).output().await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {text}{said}", arguments.join(" "));
        Ok(text)
    }

    /// The gateway's log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("gateway.log")).unwrap_or_default()
    }

    /// Ends everything and removes a temporary directory.
    pub async fn close(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Either it ends by this or it has ended already.
            let _ = child.kill().await;
        }
        if self.temporary {
            // A directory that cannot be removed does no harm.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).arg("--config").arg(self.config()).kill_on_drop(true);
        command.envs(self.extra_env.iter().map(|(name, value)| (name, value)));
        command
    }

    fn exited(&mut self) -> anyhow::Result<Option<std::process::ExitStatus>> {
        Ok(match &mut self.child {
            Some(child) => child.try_wait()?,
            None => None,
        })
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().rev().take(15).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

/// Below the range from which the system draws ports for outgoing connections: a gateway that is started again must find
/// its own port free.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// A free address on loopback for a gateway that may be started again.
///
/// # Errors
/// When no port of the range is free.
pub fn free_port() -> anyhow::Result<SocketAddr> {
    let mut drawn = [0; 2];
    for _ in 0..1_000 {
        SystemRandom::new()
            .fill(&mut drawn)
            .map_err(|_| anyhow::anyhow!("the system gave no random bytes"))?;
        let port = PORTS.start + u16::from_be_bytes(drawn) % (PORTS.end - PORTS.start);
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok(listener.local_addr()?);
        }
    }
    anyhow::bail!("no port is free from {} to {}", PORTS.start, PORTS.end)
}
