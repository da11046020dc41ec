//! Where secrets are: in a file or in an environment variable, never in the config itself (S18).

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use paifang_rail::Secret;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use toml::Value;

use super::raw::{Keys, RawKey};

/// Largest secret or key file, in bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// In this file; relative paths are relative to the config.
    File(PathBuf),
    /// In this environment variable.
    Env(String),
}

/// Finds what a config refers to.
pub struct Lookup {
    base: PathBuf,
    env: fn(&str) -> Option<String>,
}

/// A reference leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The file cannot be read.
    #[error("the file {0} cannot be read: {1}")]
    File(String, String),
    /// The variable is not there.
    #[error("the environment variable {0} is not set")]
    Env(String),
    /// Nothing is in it.
    #[error("is empty")]
    Empty,
}

impl Lookup {
    /// Relative to the directory of the config file at `path`.
    pub fn beside(path: &Path) -> Self {
        Self::within(path.parent().unwrap_or(Path::new("")))
    }

    /// Relative to this directory.
    pub fn within(directory: &Path) -> Self {
        Self { base: directory.to_owned(), env: |name| std::env::var(name).ok() }
    }

    /// The path as seen from the config.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    /// Reads a file, 64 KiB at most.
    ///
    /// # Errors
    /// When there is none, or it is larger.
    pub fn file(&self, path: &Path) -> Result<Vec<u8>, LookupError> {
        let path = self.path(path);
        let failed = |why: String| LookupError::File(path.display().to_string(), why);
        let file = std::fs::File::open(&path).map_err(|error| failed(error.to_string()))?;
        let mut content = Vec::new();
        file.take(SECRET_BYTES_MAX + 1)
            .read_to_end(&mut content)
            .map_err(|error| failed(error.to_string()))?;
        if u64::try_from(content.len()).is_ok_and(|length| length <= SECRET_BYTES_MAX) {
            Ok(content)
        } else {
            Err(failed(format!("it is larger than {SECRET_BYTES_MAX} bytes")))
        }
    }

    /// Reads a secret, without the white space at its end that editors leave.
    ///
    /// # Errors
    /// When the reference leads nowhere or to nothing.
    pub fn secret(&self, reference: &SecretRef) -> Result<Secret, LookupError> {
        let mut content = match reference {
            SecretRef::File(path) => self.file(path)?,
            SecretRef::Env(name) => {
                (self.env)(name).ok_or_else(|| LookupError::Env(name.clone()))?.into_bytes()
            }
        };
        content.truncate(content.trim_ascii_end().len());
        if content.is_empty() { Err(LookupError::Empty) } else { Ok(Secret::new(content)) }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// By hand, because derived code would repeat a secret that stands where a reference should.
const RULE: &str =
    "must say where the secret is: { file = \"...\" } or { env = \"NAME\" }, not the secret itself";

fn reference(mut value: Value) -> Result<(SecretRef, Option<String>), &'static str> {
    let table = value.as_table_mut().ok_or(RULE)?;
    let mut text = |name| match table.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(RULE),
    };
    let (file, env, id) = (text("file")?, text("env")?, text("id")?);
    let secret = match (file, env) {
        (Some(file), None) => SecretRef::File(file.into()),
        (None, Some(env)) => SecretRef::Env(env),
        (Some(_), Some(_)) | (None, None) => return Err(RULE),
    };
    if table.is_empty() { Ok((secret, id)) } else { Err(RULE) }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match reference(Value::deserialize(deserializer)?).map_err(D::Error::custom)? {
            (secret, None) => Ok(secret),
            (_, Some(_)) => Err(D::Error::custom(RULE)),
        }
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = |value| reference(value).map(|(secret, id)| RawKey { secret, id });
        let keys = match Value::deserialize(deserializer)? {
            Value::Array(many) => many.into_iter().map(key).collect::<Result<_, _>>().map(Self::Many),
            one => key(one).map(Self::One),
        };
        keys.map_err(D::Error::custom)
    }
}
