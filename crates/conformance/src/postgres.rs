//! A throw-away PostgreSQL server: in a directory of its own, on a free loopback port, gone with the process that started
//! it, however that ends.
//!
//! The server's programs are found on the `PATH`, where Debian puts them, or in `$PAIFANG_POSTGRES`. Flushes stay on: what
//! is tested is the store as it runs. PostgreSQL refuses to run as root, so there it runs as `postgres` or `nobody`. Its log
//! is cut into files of 1 MiB, the smallest there are, so that [`Server::bound_files`] can stop the tables and not the log.

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Names the directory with the server's programs.
pub const VARIABLE: &str = "PAIFANG_POSTGRES";

/// The oldest release that the store is for.
const MAJOR_MIN: u32 = 15;

/// How long the server may take until it answers, in tenths of a second.
const START_MAX: u32 = 600;

/// The length of each file of the server's own log.
pub const LOG_FILE_BYTES: u64 = 1024 * 1024;

/// A directory in memory, and how much of it must be free for a few servers at once.
const MEMORY: &str = "/dev/shm";
const MEMORY_KB_MIN: u64 = 2 * 1024 * 1024;

/// Runs the server as long as somebody holds its standard input, and then removes its directory. The pipe closes with the
/// process that holds it, also when that is killed.
const KEEPER: &str = r#"
trap '' INT TERM HUP
bin=$1 dir=$2 port=$3; shift 3
as=
if [ "$(id -u)" = 0 ]; then
    user=postgres; id -u "$user" >/dev/null 2>&1 || user=nobody
    as="setpriv --reuid=$user --regid=$(id -g "$user") --clear-groups"
    chown "$user" "$dir"
fi
cd "$dir" || exit 1
if $as "$bin/initdb" -D "$dir/data" -U paifang -A trust -E UTF8 --no-locale --wal-segsize=1 --no-sync \
    --no-instructions; then
    $as "$bin/postgres" -D "$dir/data" -p "$port" -k "$dir" -h 127.0.0.1 "$@" &
    server=$!
    cat >/dev/null
    kill -QUIT "$server"
    wait "$server"
fi
cd / && rm -rf "$dir"
"#;

/// The server. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    /// Its directory, with the log in it.
    pub directory: PathBuf,
    port: u16,
    count: AtomicU32,
    keeper: Child,
}

impl Server {
    /// Starts a server and waits until it answers; `settings` as in `postgresql.conf`, such as `fsync=off`.
    ///
    /// # Errors
    /// When there is no PostgreSQL here, or it does not start; the error tells its log.
    pub fn start(settings: &[&str]) -> io::Result<Self> {
        let programs = programs()?;
        let directory = tempfile::Builder::new().prefix("paifang-pg-").tempdir_in(place())?.keep();
        let log = std::fs::File::create(directory.join("log"))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(&programs).arg(&directory).arg(port.to_string());
        for setting in ["max_connections=200", "shared_buffers=32MB", "log_min_messages=warning"] {
            keeper.args(["-c", setting]);
        }
        for setting in settings {
            keeper.args(["-c", setting]);
        }
        keeper.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        let keeper = keeper.spawn()?;
        let mut server = Self { programs, directory, port, count: AtomicU32::new(0), keeper };
        server.wait()?;
        Ok(server)
    }

    /// The URL of a database of this server, for its owner.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://paifang@127.0.0.1:{}/{database}", self.port)
    }

    /// Its port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes a fresh database, as a copy of `template` if there is one; answers its name.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn database(&self, template: Option<&str>) -> io::Result<String> {
        let name = format!("d{}", self.count.fetch_add(1, Ordering::Relaxed));
        let like = template.map(|template| format!(" TEMPLATE {template}")).unwrap_or_default();
        self.say("postgres", &format!("CREATE DATABASE {name}{like}"))?;
        Ok(name)
    }

    /// Runs a statement, past all code of ours; answers what it prints.
    ///
    /// # Errors
    /// When the server refuses; the error is what it says.
    pub fn say(&self, database: &str, statement: &str) -> io::Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "paifang"]);
        psql.args(["-p", &self.port.to_string(), "-d", database, "-f", "-"]);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut psql = psql.spawn()?;
        if let Some(mut input) = psql.stdin.take() {
            input.write_all(statement.as_bytes())?;
        }
        let done = psql.wait_with_output()?;
        if !done.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&done.stderr).into_owned()));
        }
        Ok(String::from_utf8_lossy(&done.stdout).trim_end().to_owned())
    }

    /// No file of the server grows beyond so many bytes from now on, `None`: as far as it likes. It meets a full disk there:
    /// it is built to ignore the signal of a limit (SIGXFSZ) and to fail at the write. Not below [`LOG_FILE_BYTES`].
    ///
    /// # Errors
    /// When a process takes no limit.
    pub fn bound_files(&self, bytes: Option<u64>) -> io::Result<()> {
        let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.max(LOG_FILE_BYTES).to_string());
        let file = std::fs::read_to_string(self.directory.join("data/postmaster.pid"))?;
        // First the one whose children inherit it.
        let first = file.lines().next().unwrap_or_default().trim().to_owned();
        let children =
            || self.say("postgres", "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
        self.bound(&first, &limit)?;
        for process in children()?.lines() {
            if let Err(error) = self.bound(process, &limit)
                && Path::new("/proc").join(process).exists()
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Sets the soft limit of one process, as the user whose process it is: nobody else may.
    fn bound(&self, process: &str, limit: &str) -> io::Result<()> {
        let owner = std::fs::metadata(self.directory.join("data"))?;
        let mut command = Command::new("prlimit");
        command.uid(owner.uid()).gid(owner.gid());
        let done = command.args(["--pid", process, &format!("--fsize={limit}:")]).output()?;
        match done.status.success() {
            true => Ok(()),
            false => Err(io::Error::other(String::from_utf8_lossy(&done.stderr).into_owned())),
        }
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    fn wait(&mut self) -> io::Result<()> {
        for _ in 0..START_MAX {
            let ended = self.keeper.try_wait()?;
            if ended.is_none() && self.say("postgres", "SELECT 1").is_ok() {
                return Ok(());
            }
            if ended.is_some() {
                break;
            }
            // The bound on a level to wait for: the server's first answer.
            thread::sleep(Duration::from_millis(100));
        }
        Err(io::Error::other(format!("PostgreSQL does not start: {}", self.log())))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // It has been told; an error would mean that it has ended already.
        let _ = self.keeper.wait();
    }
}

/// Where servers lie: in memory, where there is much of it. A test sees no power cut, so a flush need not reach a disk.
fn place() -> PathBuf {
    let free_kb = |path: &str| {
        let output = Command::new("df").args(["-Pk", path]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        text.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()
    };
    match free_kb(MEMORY) {
        Some(free) if free >= MEMORY_KB_MIN => MEMORY.into(),
        Some(_) | None => std::env::temp_dir(),
    }
}

/// The directory with the programs of a PostgreSQL that is new enough.
fn programs() -> io::Result<PathBuf> {
    let named = std::env::var_os(VARIABLE).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut candidates: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    candidates.sort();
    let named = named.into_iter();
    let all = named.chain(std::env::split_paths(&path)).chain(candidates.into_iter().rev());
    let fits = |folder: &PathBuf| {
        ["initdb", "psql"].iter().all(|name| folder.join(name).exists())
            && major(&folder.join("postgres")).is_some_and(|major| major >= MAJOR_MIN)
    };
    let missing =
        "no PostgreSQL (15 or later) here: install the package postgresql, or run `cargo xtask test`";
    all.into_iter().find(fits).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, missing))
}

fn major(postgres: &Path) -> Option<u32> {
    let output = Command::new(postgres).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    // "postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)"
    let version = text.split_whitespace().nth(2)?;
    version.split(['.', 'd', 'b', 'r']).next()?.parse().ok()
}
