//! What happened, as one running hash: the same seed and build give the same hash (I20). The last lines are kept for
//! reading; with `tell` all of them are printed as they come.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use ring::digest::{Context, SHA256};

use crate::exec::{Exec, locked};

/// Lines that are kept.
const KEPT: usize = 400;

/// The record of a run; clones share it.
#[derive(Clone)]
pub struct Trace {
    exec: Exec,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    hash: Context,
    lines: VecDeque<String>,
    tell: bool,
    cells: BTreeMap<String, u64>,
    faults: BTreeMap<String, u64>,
    /// When a replica or its store failed.
    disturbed: BTreeSet<Timestamp>,
}

/// The faults of replicas and of their store.
const OURS: [&str; 5] = ["F19", "F22", "F23", "F24", "F27"];

impl Trace {
    /// An empty record.
    pub fn new(exec: Exec, tell: bool) -> Self {
        let (lines, cells, faults) = (VecDeque::new(), BTreeMap::new(), BTreeMap::new());
        let disturbed = BTreeSet::new();
        let inner = Inner { hash: Context::new(&SHA256), lines, tell, cells, faults, disturbed };
        Self { exec, inner: Arc::new(Mutex::new(inner)) }
    }

    /// Something happened.
    pub fn note(&self, what: std::fmt::Arguments<'_>) {
        let line = format!("{:>12} ms {what}", self.exec.passed().as_millis());
        let mut inner = locked(&self.inner);
        inner.hash.update(line.as_bytes());
        inner.hash.update(b"\n");
        if inner.tell {
            println!("{line}");
        }
        if inner.lines.len() == KEPT {
            inner.lines.pop_front();
        }
        inner.lines.push_back(line);
    }

    /// A fault struck.
    pub fn fault(&self, name: &str, at: &str) {
        {
            let mut inner = locked(&self.inner);
            *inner.faults.entry(name.to_owned()).or_default() += 1;
            if OURS.iter().any(|ours| name.starts_with(ours)) {
                inner.disturbed.insert(self.exec.now());
            }
        }
        self.note(format_args!("fault {name} at {at}"));
    }

    /// Whether a replica or its store failed at that time or so long after it.
    pub fn disturbed_within(&self, at: Timestamp, time: SignedDuration) -> bool {
        let until = at.saturating_add(time).unwrap_or(at);
        locked(&self.inner).disturbed.range(at..=until).next().is_some()
    }

    /// A cell of the coverage lists was hit.
    pub fn cover(&self, cell: String) {
        *locked(&self.inner).cells.entry(cell).or_default() += 1;
    }

    /// The last lines.
    pub fn tail(&self, lines: usize) -> Vec<String> {
        let inner = locked(&self.inner);
        inner.lines.iter().skip(inner.lines.len().saturating_sub(lines)).cloned().collect()
    }

    /// The cells that were hit and the faults that struck, with their counts.
    pub fn counts(&self) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
        let inner = locked(&self.inner);
        (inner.cells.clone(), inner.faults.clone())
    }

    /// The hash over everything so far, 16 hex digits of it.
    pub fn hash(&self) -> String {
        let sum = locked(&self.inner).hash.clone().finish();
        sum.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}
