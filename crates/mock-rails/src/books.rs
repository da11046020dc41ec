//! Trade books that survive a restart: each rail's book in a file of its own, written whole whenever it has changed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::control::Mounted;
use crate::home::write_whole;
use crate::locked;

/// How often the books are looked at, in real time. What happened since is lost when the process is killed.
const EVERY: Duration = Duration::from_millis(500);

/// The files of the books.
#[derive(Debug)]
pub(crate) struct Books {
    dir: PathBuf,
    mounts: Arc<BTreeMap<&'static str, Mounted>>,
    written: Mutex<BTreeMap<&'static str, String>>,
}

impl Books {
    /// Gives each rail its saved book, where there is one.
    ///
    /// # Errors
    /// When a book cannot be read; nothing is served then.
    pub(crate) fn open(dir: &Path, mounts: Arc<BTreeMap<&'static str, Mounted>>) -> io::Result<Self> {
        for (name, mounted) in mounts.iter() {
            let path = file(dir, name);
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(named(&path, &error)),
            };
            let saved = serde_json::from_str(&text).map_err(|error| named(&path, &error))?;
            mounted.rail.load(saved).map_err(|error| named(&path, &error))?;
        }
        Ok(Self { dir: dir.to_owned(), mounts, written: Mutex::default() })
    }

    /// Writes every book that differs from what was written last.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn save(&self) -> io::Result<()> {
        // One writer at a time: the last look at the end may meet one that is still at work.
        let mut written = locked(&self.written);
        for (name, mounted) in self.mounts.iter() {
            let text = mounted.rail.save().to_string();
            if written.get(name) != Some(&text) {
                let path = file(&self.dir, name);
                write_whole(&path, text.as_bytes(), true).map_err(|error| named(&path, &error))?;
                written.insert(name, text);
            }
        }
        Ok(())
    }

    /// Saves for ever.
    pub(crate) async fn keep(self: Arc<Self>) {
        loop {
            let books = Arc::clone(&self);
            // A large book takes a while to write out; the thread that serves connections goes on.
            match tokio::task::spawn_blocking(move || books.save()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a trade book is not saved"),
                Err(error) => {
                    tracing::error!(%error, "saving the trade books ended");
                    return;
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

fn file(dir: &Path, rail: &str) -> PathBuf {
    dir.join(format!("{rail}-book.json"))
}

fn named(path: &Path, error: &impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}
