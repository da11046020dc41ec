//! A directory of one's own: keys, certificates and a test CA, made at first start and kept.
//!
//! ```text
//! DIR/made            written last: without it the directory is half made and not used
//! DIR/ca.pem          trust this to speak https with the mock rails
//! DIR/ca_key.pem
//! DIR/alipay/...      ids, keys and certificates; each rail's module says which
//! DIR/wechatpay/...
//! DIR/unionpay/...
//! ```
//!
//! Private keys are readable by their owner only. Deleting the directory makes a new world at the next start.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::forge::{Authority, Files, Forge, ForgeError, Name, Pem};
use crate::start::RAILS;

/// What lies in the directory.
#[derive(Clone, Debug)]
pub struct Home {
    /// The files of each rail.
    pub files: BTreeMap<String, Files>,
    /// What issues the servers' certificates.
    pub(crate) authority: Authority,
}

/// The directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// It has files but was never finished.
    #[error("{} was only half made; delete it, or name another one", .0.display())]
    HalfMade(PathBuf),
    /// A file is missing or no text.
    #[error("{}: {error}", .path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Keys could not be made.
    #[error(transparent)]
    Forge(#[from] ForgeError),
}

const MARK: &str = "made";
const CA: &str = "ca.pem";
const CA_KEY: &str = "ca_key.pem";

/// The name of the test CA, as clients show it.
pub(crate) const CA_NAME: Name<'static> = Name {
    country: "",
    organization: "Paifang mock rails",
    unit: "",
    common_name: "Paifang mock rails test CA",
};

impl Home {
    /// Reads the directory, or makes it when it is not there or empty.
    ///
    /// # Errors
    /// When it was half made, a file cannot be read or written, or keys cannot be made.
    pub fn open(dir: &Path, now: Timestamp) -> Result<Self, HomeError> {
        if dir.join(MARK).is_file() {
            return Self::read(dir);
        }
        let used = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
        if used {
            return Err(HomeError::HalfMade(dir.to_owned()));
        }
        let made = Self::make(now)?;
        made.write(dir, now)?;
        Ok(made)
    }

    fn make(now: Timestamp) -> Result<Self, HomeError> {
        let forge = Forge::at(now);
        let mut files = BTreeMap::new();
        for rail in RAILS {
            files.insert(rail.name.to_owned(), (rail.forge)(&forge, now)?);
        }
        Ok(Self { files, authority: forge.tls_root(&CA_NAME)? })
    }

    fn write(&self, dir: &Path, now: Timestamp) -> Result<(), HomeError> {
        put(&dir.join(CA), &self.authority.certificate_pem)?;
        put(&dir.join(CA_KEY), &self.authority.key_pem.0)?;
        for (rail, files) in &self.files {
            for (name, text) in files {
                put(&dir.join(rail).join(name), text)?;
            }
        }
        put(&dir.join(MARK), &format!("made by paifang mock-rails at {now}\n"))
    }

    fn read(dir: &Path) -> Result<Self, HomeError> {
        let authority =
            Authority { certificate_pem: get(&dir.join(CA))?, key_pem: Pem(get(&dir.join(CA_KEY))?) };
        let mut all = BTreeMap::new();
        for rail in RAILS {
            let folder = dir.join(rail.name);
            let entries = fs::read_dir(&folder).map_err(|error| at(&folder, error))?;
            let mut files = Files::new();
            for entry in entries {
                let path = entry.map_err(|error| at(&folder, error))?.path();
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                files.insert(name.unwrap_or_default(), get(&path)?);
            }
            all.insert(rail.name.to_owned(), files);
        }
        Ok(Self { files: all, authority })
    }
}

fn get(path: &Path) -> Result<String, HomeError> {
    fs::read_to_string(path).map_err(|error| at(path, error))
}

fn at(path: &Path, error: io::Error) -> HomeError {
    HomeError::File { path: path.to_owned(), error }
}

fn put(path: &Path, text: &str) -> Result<(), HomeError> {
    write_whole(path, text.as_bytes(), text.contains("PRIVATE KEY") || text.len() < 64)
        .map_err(|error| at(path, error))
}

/// Writes a file under another name first, so that it is there in whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8], private: bool) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let draft = folder.join(format!(".{name}.draft"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if private {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = private;
    let mut file = options.open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_home_is_made_once_and_read_ever_after() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        let made = Home::open(&home, now()).unwrap();
        let read = Home::open(&home, now()).unwrap();
        assert_eq!(made.files, read.files);
        assert_eq!(made.authority, read.authority);
        assert!(made.files["alipay"].values().any(|text| text.contains("PRIVATE KEY")));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let key = home.join(CA_KEY);
            assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_half_made_home_is_named_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(CA), "x").unwrap();
        let error = Home::open(dir.path(), now()).unwrap_err();
        assert!(matches!(&error, HomeError::HalfMade(path) if path == dir.path()), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        Home::open(dir.path(), now()).unwrap();
        fs::remove_file(dir.path().join(CA_KEY)).unwrap();
        assert!(Home::open(dir.path(), now()).unwrap_err().to_string().contains(CA_KEY));
    }
}
