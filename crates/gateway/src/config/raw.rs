//! The file as it is written. Each section is read by itself, so that a slip in one does not hide those in the others.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::{Problems, SecretRef};

#[derive(Debug, Default, Serialize)]
pub(super) struct Raw {
    pub store: Store,
    pub grpc: Grpc,
    pub http: Http,
    pub ops: Ops,
    pub clock: Clock,
    pub limits: Limits,
    pub log: Log,
    pub outbound: Outbound,
    pub rail: Vec<RawRail>,
}

/// Either a file or a database.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Store {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Grpc {
    pub listen: SocketAddr,
    /// Allows plain text beyond loopback, where something in front speaks TLS.
    pub insecure: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Http {
    pub listen: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Ops {
    pub listen: SocketAddr,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Clock {
    /// A file with the number of milliseconds by which this gateway's clock runs ahead of the machine's; none or no number is
    /// 0. For playing whole days against mock rails, and refused as soon as anything is beyond this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ahead_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    /// PEM: the certificate and its intermediates.
    pub certificate: PathBuf,
    /// PEM: its private key.
    pub key: SecretRef,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Outbound {
    pub extra_roots: Vec<PathBuf>,
}

/// Bounds of the gateway. All have defaults.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How long an intent lives that names no end, in seconds.
    pub intent_life_s: u32,
    /// How long an intent may live at most, in seconds.
    pub intent_life_max_s: u32,
    /// How long an RPC waits for a rail's word, in milliseconds.
    pub wait_ms_max: u32,
    /// How long a claim on work lasts, in seconds; longer than a call to a rail can take.
    pub lease_s: u32,
    /// Claims per lane at once.
    pub lane_width: u32,
    /// Pause between two looks at a lane where nothing wakes it, in milliseconds.
    pub look_every_ms: u32,
    /// How long an exchange with a rail may take, in milliseconds.
    pub rail_deadline_ms: u32,
    /// How long connecting to a rail may take, in milliseconds.
    pub rail_connect_ms: u32,
    /// How long an exchange may wait for a place, in milliseconds.
    pub rail_queue_ms: u32,
    /// Exchanges of one rail account at once.
    pub rail_places: u32,
    /// Notifications that are worked on at once.
    pub notifications: u32,
    /// How long the end of the process waits for what is under way, in milliseconds.
    pub drain_ms: u32,
    /// Pause between two looks at the guard rails of storefronts' rules, in milliseconds.
    pub guard_every_ms: u32,
}

/// Logs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// Which lines are written, in the form of `RUST_LOG`.
    pub filter: Filter,
}

/// Which log lines are written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Filter(pub String);

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRail {
    pub id: String,
    pub rail: String,
    #[serde(default = "yes")]
    pub enabled: bool,
    pub notify_token: SecretRef,
    /// Fields that the account may be told, beside the terms of orders; absent: all that its adapter uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Vec<String>>,
    #[serde(default)]
    pub settings: Table,
    #[serde(default)]
    pub keys: BTreeMap<String, Keys>,
    /// Storefronts of which it may be told less.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenant: Vec<RawShare>,
}

/// What a rail account may be told of one storefront's orders.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawShare {
    pub id: String,
    pub share: Vec<String>,
}

/// One key, or several of one name (for rotation).
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Keys {
    One(RawKey),
    Many(Vec<RawKey>),
}

/// A key and, where it carries none itself, its id.
#[derive(Debug, Serialize)]
pub(crate) struct RawKey {
    #[serde(flatten)]
    pub secret: SecretRef,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Keys {
    /// All of them.
    pub fn all(&self) -> &[RawKey] {
        match self {
            Self::One(key) => std::slice::from_ref(key),
            Self::Many(keys) => keys,
        }
    }
}

fn yes() -> bool {
    true
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl Default for Grpc {
    fn default() -> Self {
        Self { listen: loopback(7443), insecure: false, tls: None }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: loopback(7480), public_url: None, tls: None }
    }
}

impl Default for Ops {
    fn default() -> Self {
        Self { listen: loopback(7481) }
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self("info".into())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            intent_life_s: 15 * 60,
            intent_life_max_s: 24 * 60 * 60,
            wait_ms_max: 8_000,
            lease_s: 30,
            lane_width: 32,
            look_every_ms: 500,
            rail_deadline_ms: 10_000,
            rail_connect_ms: 3_000,
            rail_queue_ms: 1_000,
            rail_places: 64,
            notifications: 256,
            drain_ms: 20_000,
            guard_every_ms: 10_000,
        }
    }
}

/// Reads every section; those that cannot be read are noted and left at their defaults.
pub(super) fn read(text: &str, problems: &mut Problems) -> Raw {
    let mut file: Table = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            // The library's own text shows the line, in which a secret may stand by mistake.
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            problems.add("", format!("line {line} is no TOML: {}", error.message()));
            return Raw::default();
        }
    };
    let rails = file.remove("rail");
    let mut raw = Raw {
        store: section(&mut file, "store", problems),
        grpc: section(&mut file, "grpc", problems),
        http: section(&mut file, "http", problems),
        ops: section(&mut file, "ops", problems),
        clock: section(&mut file, "clock", problems),
        limits: section(&mut file, "limits", problems),
        log: section(&mut file, "log", problems),
        outbound: section(&mut file, "outbound", problems),
        rail: rails.map(|rails| rail_sections(rails, problems)).unwrap_or_default(),
    };
    raw.store.complete();
    for name in file.keys() {
        let rule =
            "is not a section; there are store, grpc, http, ops, clock, limits, log, outbound and rail";
        problems.add(name, rule);
    }
    raw
}

fn section<T: DeserializeOwned + Default>(file: &mut Table, name: &str, problems: &mut Problems) -> T {
    file.remove(name).and_then(|value| part(value, name, problems)).unwrap_or_default()
}

fn rail_sections(rails: Value, problems: &mut Problems) -> Vec<RawRail> {
    let Value::Array(rails) = rails else {
        problems.add("rail", "must be written [[rail]]");
        return Vec::new();
    };
    let read = |(index, rail)| part(rail, &format!("rail[{index}]"), problems);
    rails.into_iter().enumerate().filter_map(read).collect()
}

/// One value, read by its type; the path of a slip inside is put behind `path`.
pub(crate) fn part<T: DeserializeOwned>(value: Value, path: &str, problems: &mut Problems) -> Option<T> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| {
            let inner = error.path().to_string();
            let dot = if inner == "." { String::new() } else { format!(".{inner}") };
            problems.add(format!("{path}{dot}"), error.inner().message());
        })
        .ok()
}
