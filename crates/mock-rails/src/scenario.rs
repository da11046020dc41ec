//! Scenarios: what goes wrong and when, as a TOML file.
//!
//! ```toml
//! [[step]]                       # at the start
//! clock_speed = 60               # a minute a second
//!
//! [[step]]
//! at_s = 30                      # on the rails' clock, counted from the start
//! rail = "wechatpay"
//! fault = "answer_lost"          # as in the control API
//! operation = "charge"
//! times = 3
//!
//! [[step]]
//! at_s = 60
//! rail = "alipay"
//! maintenance_s = 120
//!
//! [[step]]
//! at_s = 60
//! rail = "unionpay"
//! limit = { per_second = 5, burst = 5, operation = "refund" }
//!
//! [[step]]
//! at_s = 300
//! rail = "wechatpay"
//! keys = { rail = "announce" }
//!
//! [[payers]]                     # payers who come by themselves
//! rail = "alipay"
//! after_s = 30
//! decline_percent = 10
//! seed = 1
//! ```
//!
//! A step does exactly one thing. A file with a mistake is refused with its line, and nothing of it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use toml::Spanned;

use crate::clock::{Clock, SPEED_MAX};
use crate::conditions::{ConditionError, Limit, Window};
use crate::control::Mounted;
use crate::faults::{Fault, OPERATIONS};
use crate::{KeyStep, PayerAct, PayerTarget};

/// A scenario that was read and makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    steps: Vec<Step>,
    payers: Vec<Payers>,
}

/// A file is no scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// It is not TOML of this shape; the message names the line.
    #[error("{0}")]
    Unreadable(String),
    /// A step that cannot be.
    #[error("line {line}: step {number}: {why}")]
    Step {
        /// The line of its `[[step]]`, counted from 1.
        line: usize,
        /// Which step it is, counted from 1.
        number: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Payers that cannot be.
    #[error("line {line}: payers {number}: {why}")]
    Payers {
        /// The line of their `[[payers]]`, counted from 1.
        line: usize,
        /// Which payers they are, counted from 1.
        number: usize,
        /// What is wrong with them.
        why: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    step: Vec<Spanned<RawStep>>,
    #[serde(default)]
    payers: Vec<Spanned<Payers>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    #[serde(default)]
    at_s: u32,
    rail: Option<String>,
    fault: Option<Fault>,
    operation: Option<String>,
    times: Option<u32>,
    clock_speed: Option<u32>,
    maintenance_s: Option<u32>,
    limit: Option<Limit>,
    keys: Option<KeyStep>,
    #[serde(default)]
    clear: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    at: SignedDuration,
    rail: Option<String>,
    act: Act,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Act {
    Speed(u32),
    Fault { fault: Fault, operation: Option<String>, times: u32 },
    Maintenance(SignedDuration),
    Limit(Limit),
    Keys(KeyStep),
    Clear,
}

/// Payers of one rail who come by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payers {
    rail: String,
    /// How long after an order appeared, in seconds of the rails' clock.
    after_s: u32,
    /// How many of a hundred turn away.
    #[serde(default)]
    decline_percent: u32,
    /// Who turns away: the same seed and order number decide the same way.
    #[serde(default)]
    seed: u64,
}

impl Scenario {
    /// Reads a scenario for these rails.
    ///
    /// # Errors
    /// The first mistake, with its line.
    pub fn parse(text: &str, rails: &[&str]) -> Result<Self, ScenarioError> {
        let raw: Raw = toml::from_str(text).map_err(|error| ScenarioError::Unreadable(error.to_string()))?;
        let known = |rail: &str| rails.contains(&rail);
        let (mut steps, mut all_payers) = (Vec::new(), Vec::new());
        for (number, step) in (1..).zip(raw.step) {
            let line = line_of(text, step.span().start);
            let step = step.into_inner().checked(known);
            steps.push(step.map_err(|why| ScenarioError::Step { line, number, why })?);
        }
        for (number, payers) in (1..).zip(raw.payers) {
            let line = line_of(text, payers.span().start);
            let payers = payers.into_inner().checked(known);
            all_payers.push(payers.map_err(|why| ScenarioError::Payers { line, number, why })?);
        }
        steps.sort_by_key(|step| step.at);
        Ok(Self { steps, payers: all_payers })
    }

    /// Plays it from now on; ends when nothing is left to come.
    pub(crate) async fn play(self, clock: Clock, mounts: Arc<BTreeMap<&'static str, Mounted>>) {
        let start = clock.now();
        let payers = futures::future::join_all(self.payers.iter().map(|payers| payers.come(&clock, &mounts)));
        let steps = async {
            for step in &self.steps {
                clock.sleep_until(start.saturating_add(step.at).unwrap_or(Timestamp::MAX)).await;
                step.take(&clock, &mounts);
            }
        };
        futures::join!(steps, payers);
    }
}

/// The line, counted from 1, of the byte at this place.
fn line_of(text: &str, place: usize) -> usize {
    text.bytes().take(place).filter(|byte| *byte == b'\n').count() + 1
}

impl RawStep {
    fn checked(self, known: impl Fn(&str) -> bool) -> Result<Step, &'static str> {
        let told = (self.operation.is_some() || self.times.is_some()) && self.fault.is_none();
        if told {
            return Err("operation and times belong to a fault");
        }
        if self.operation.as_deref().is_some_and(|operation| !OPERATIONS.contains(&operation)) {
            return Err("operation must be one of those in the control API");
        }
        let (operation, times) = (self.operation, self.times.unwrap_or(1));
        let seconds = |s: u32| SignedDuration::from_secs(i64::from(s));
        let acts = [
            self.clock_speed.map(Act::Speed),
            self.fault.map(|fault| Act::Fault { fault, operation, times }),
            self.maintenance_s.map(|s| Act::Maintenance(seconds(s))),
            self.limit.map(Act::Limit),
            self.keys.map(Act::Keys),
            self.clear.then_some(Act::Clear),
        ];
        let mut acts = acts.into_iter().flatten();
        let (Some(act), None) = (acts.next(), acts.next()) else {
            return Err("must have exactly one of clock_speed, fault, maintenance_s, limit, keys, clear");
        };
        match (&act, &self.rail) {
            (Act::Speed(speed), None) if !(1..=SPEED_MAX).contains(speed) => {
                Err("clock_speed must be 1 to 100000")
            }
            (Act::Speed(_), Some(_)) => Err("the clock is that of all rails: leave rail out"),
            (Act::Speed(_), None) => Ok(()),
            (_, None) => Err("rail is missing"),
            (_, Some(rail)) if !known(rail) => Err("there is no such rail"),
            (Act::Maintenance(SignedDuration::ZERO), _) => Err("maintenance_s must be 1 or more"),
            (Act::Limit(limit), _) => limit.check().map_err(|error| match error {
                ConditionError::NoRate => "limit.per_second and limit.burst must be 1 or more",
                ConditionError::NoOperation => "limit.operation must be one of those in the control API",
                ConditionError::NoWindow | ConditionError::TooMany => "the limit cannot be",
            }),
            _ => Ok(()),
        }?;
        Ok(Step { at: seconds(self.at_s), rail: self.rail, act })
    }
}

impl Step {
    fn take(&self, clock: &Clock, mounts: &BTreeMap<&'static str, Mounted>) {
        let mounted = self.rail.as_deref().and_then(|rail| mounts.get(rail));
        let trouble = match (&self.act, mounted) {
            (Act::Speed(speed), _) => {
                clock.run(*speed);
                None
            }
            (_, None) => Some("there is no such rail".to_owned()),
            (Act::Fault { fault, operation, times }, Some(mounted)) => {
                mounted.bench.faults.arm(operation.as_deref(), fault.clone(), *times);
                None
            }
            (Act::Maintenance(time), Some(mounted)) => {
                let from = clock.now();
                let until = from.saturating_add(*time).unwrap_or(Timestamp::MAX);
                mounted.bench.conditions.close(Window { from, until }).err().map(|error| error.to_string())
            }
            (Act::Limit(limit), Some(mounted)) => {
                mounted.bench.conditions.limit(limit.clone()).err().map(|error| error.to_string())
            }
            (Act::Keys(step), Some(mounted)) => mounted.rail.keys(*step).err().map(|error| error.to_string()),
            (Act::Clear, Some(mounted)) => {
                mounted.bench.faults.clear();
                mounted.bench.conditions.clear();
                None
            }
        };
        if let Some(trouble) = trouble {
            tracing::warn!(step = ?self, trouble, "a step of the scenario came to nothing");
        }
    }
}

impl Payers {
    fn checked(self, known: impl Fn(&str) -> bool) -> Result<Self, &'static str> {
        match (known(&self.rail), self.decline_percent) {
            (false, _) => Err("there is no such rail"),
            (true, 101..) => Err("decline_percent must be 0 to 100"),
            (true, _) => Ok(self),
        }
    }

    /// Looks every second of the rails' clock; each order is decided once.
    async fn come(&self, clock: &Clock, mounts: &BTreeMap<&'static str, Mounted>) {
        let Some(mounted) = mounts.get(self.rail.as_str()) else { return };
        let mut seen: BTreeMap<String, Timestamp> = BTreeMap::new();
        let mut decided: BTreeSet<String> = BTreeSet::new();
        loop {
            let now = clock.now();
            let open: Vec<_> = mounted.rail.orders().into_iter().filter(|order| order.payable).collect();
            let numbers: BTreeSet<&str> = open.iter().map(|order| order.order_no.as_str()).collect();
            seen.retain(|number, _| numbers.contains(number.as_str()));
            decided.retain(|number| numbers.contains(number.as_str()));
            for order in &open {
                if decided.contains(&order.order_no) {
                    continue;
                }
                let first = *seen.entry(order.order_no.clone()).or_insert(now);
                if now.duration_since(first) < SignedDuration::from_secs(i64::from(self.after_s)) {
                    continue;
                }
                let target = PayerTarget::OrderNo(order.order_no.clone());
                let act = match self.turns_away(&order.order_no) {
                    true => PayerAct::Decline(target),
                    false => PayerAct::Pay { target, force: false },
                };
                if let Err(error) = mounted.rail.payer(act) {
                    tracing::debug!(order = order.order_no, %error, "a payer came in vain");
                }
                decided.insert(order.order_no.clone());
            }
            clock
                .sleep_until(now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX))
                .await;
        }
    }

    fn turns_away(&self, order_no: &str) -> bool {
        // FNV-1a: any mix of seed and number will do, as long as it stays the same.
        let start = 0xcbf2_9ce4_8422_2325_u64 ^ self.seed;
        let mix =
            order_no.bytes().fold(start, |mix, byte| (mix ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        (mix >> 32) % 100 < u64::from(self.decline_percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAILS: [&str; 2] = ["alipay", "wechatpay"];

    fn error(text: &str) -> String {
        Scenario::parse(text, &RAILS).unwrap_err().to_string()
    }

    #[test]
    fn the_documented_scenario_reads() {
        let text = include_str!("scenario.rs");
        let example: String = text
            .lines()
            .skip_while(|line| *line != "//! ```toml")
            .skip(1)
            .take_while(|line| *line != "//! ```")
            .map(|line| format!("{}\n", line.trim_start_matches("//!")))
            .collect();
        let scenario = Scenario::parse(&example, &["alipay", "wechatpay", "unionpay"]).unwrap();
        assert_eq!((scenario.steps.len(), scenario.payers.len()), (5, 1));
        assert_eq!(scenario.steps[4].act, Act::Keys(KeyStep::Rail(crate::Step::Announce)));
    }

    #[test]
    fn mistakes_are_named_and_nothing_of_the_file_happens() {
        assert!(error("[[step]]\nfalt = \"x\"").contains("line 2"), "{}", error("[[step]]\nfalt = \"x\""));
        for (text, told) in [
            ("[[step]]\n", "step 1: must have exactly one of"),
            ("[[step]]\nclear = true\nclock_speed = 2", "exactly one of"),
            ("[[step]]\nclear = true", "step 1: rail is missing"),
            ("[[step]]\nclear = true\nrail = \"x\"", "step 1: there is no such rail"),
            ("[[step]]\nclock_speed = 0", "clock_speed must be"),
            ("[[step]]\nclock_speed = 2\nrail = \"alipay\"", "leave rail out"),
            ("[[step]]\nclear = true\ntimes = 2\nrail = \"alipay\"", "belong to a fault"),
            ("[[step]]\nfault = \"unsigned\"\noperation = \"pay\"\nrail = \"alipay\"", "operation must be"),
            ("[[step]]\nlimit = { per_second = 0 }\nrail = \"alipay\"", "1 or more"),
            (
                "[[step]]\nlimit = { per_second = 1, operation = \"pay\" }\nrail = \"alipay\"",
                "limit.operation must",
            ),
            (
                "# a\n\n[[step]]\nclock_speed = 2\n\n[[step]]\nat_s = 3\nclear = true",
                "line 6: step 2: rail is missing",
            ),
            (
                "[[step]]\nclock_speed = 2\n[[payers]]\nrail = \"x\"\nafter_s = 1",
                "line 3: payers 1: there is no such rail",
            ),
            ("[[payers]]\nrail = \"x\"\nafter_s = 1", "payers 1: there is no such rail"),
            ("[[payers]]\nrail = \"alipay\"\nafter_s = 1\ndecline_percent = 101", "0 to 100"),
        ] {
            assert!(error(text).contains(told), "{text}: {}", error(text));
        }
    }

    #[test]
    fn who_turns_away_is_the_same_each_time_and_about_as_many_as_wanted() {
        let payers = Payers { rail: "alipay".into(), after_s: 1, decline_percent: 10, seed: 7 };
        let away = |payers: &Payers| (0..10_000).filter(|n| payers.turns_away(&format!("ORDER{n}"))).count();
        assert_eq!(away(&payers), away(&payers));
        assert!((800..1_200).contains(&away(&payers)), "{}", away(&payers));
        assert_eq!(away(&Payers { decline_percent: 0, ..payers.clone() }), 0);
        assert_eq!(away(&Payers { decline_percent: 100, ..payers }), 10_000);
    }
}
