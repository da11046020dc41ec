//! Which key is in force: the stages of a rotation, the kinds of keys a merchant has, and what is drawn by lot (the grey
//! release, probes). Shared by answers and notifications, so that both follow a change at once.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::keys::{KeyChoice, Keys, Listed, MerchantChoice, Signer};
use super::settings::{Platform, ProbeForm, Settings};
use super::sign::Honesty;
use crate::{KeyStep, PayerError, Step, locked};

/// How far a rotation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Only the first key is known.
    #[default]
    First,
    /// Both are known, the first one is used.
    Announced,
    /// Both are known, the next one is used.
    Switched,
    /// Only the next one is known.
    Retired,
}

impl Stage {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Announced => "announced",
            Self::Switched => "switched",
            Self::Retired => "retired",
        }
    }

    fn rail_after(self, step: Step) -> Option<Self> {
        match (self, step) {
            (Self::First, Step::Announce) => Some(Self::Announced),
            (Self::Announced, Step::Switch) => Some(Self::Switched),
            (Self::Switched, Step::Retire) => Some(Self::Retired),
            (
                Self::First | Self::Announced | Self::Switched | Self::Retired,
                Step::Announce | Step::Switch | Step::Retire,
            ) => None,
        }
    }

    /// The merchant switches by itself, so the rail need not be told before the first key goes.
    fn merchant_after(self, step: Step) -> Option<Self> {
        match (self, step) {
            (Self::Announced, Step::Retire) => Some(Self::Retired),
            (stage, step) => stage.rail_after(step),
        }
    }
}

/// The stages of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stages {
    pub(crate) rail: Stage,
    pub(crate) merchant: Stage,
}

/// The keys and which of them count.
pub(crate) struct Keyring {
    pub(crate) keys: Keys,
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    settings: Settings,
    stages: Stages,
    /// How many answers were drawn for, and whether the last one became a probe.
    answers: u64,
    probed: bool,
}

impl Keyring {
    pub(crate) fn new(keys: Keys, settings: Settings) -> Self {
        Self { keys, live: Mutex::new(Live { settings, ..Live::default() }) }
    }

    pub(crate) fn settings(&self) -> Settings {
        locked(&self.live).settings
    }

    pub(crate) fn set(&self, settings: Settings) {
        locked(&self.live).settings = settings;
    }

    pub(crate) fn stages(&self) -> Stages {
        locked(&self.live).stages
    }

    /// Takes saved stages over; whether the keys that they need are here.
    pub(crate) fn resume(&self, stages: Stages) -> bool {
        let usable =
            stages.merchant == Stage::First || self.keys.merchant_serial(MerchantChoice::Next).is_some();
        if usable {
            locked(&self.live).stages = stages;
        }
        usable
    }

    /// One step of a rotation: the stage it came to, and the serial number in use.
    pub(crate) fn turn(&self, step: KeyStep) -> Result<(Stage, String), PayerError> {
        let not_now = |stage: Stage| PayerError::NotPayable { state: stage.word().to_owned() };
        let stages = {
            let mut live = locked(&self.live);
            match step {
                KeyStep::Rail(step) => {
                    let stage = live.stages.rail;
                    live.stages.rail = stage.rail_after(step).ok_or_else(|| not_now(stage))?;
                }
                KeyStep::Merchant(step) => {
                    if self.keys.merchant_serial(MerchantChoice::Next).is_none() {
                        return Err(PayerError::Unsupported);
                    }
                    let stage = live.stages.merchant;
                    live.stages.merchant = stage.merchant_after(step).ok_or_else(|| not_now(stage))?;
                }
            }
            live.stages
        };
        Ok(match step {
            KeyStep::Rail(_) => (stages.rail, self.keys.signer(certificate_at(stages.rail)).serial.clone()),
            KeyStep::Merchant(_) => {
                let choice = match stages.merchant {
                    Stage::First | Stage::Announced => MerchantChoice::Present,
                    Stage::Switched | Stage::Retired => MerchantChoice::Next,
                };
                (stages.merchant, self.keys.merchant_serial(choice).unwrap_or_default().to_owned())
            }
        })
    }

    /// The merchant's certificate of this serial number, if it is accepted now.
    pub(crate) fn merchant_certificate(&self, serial: &str) -> Option<MerchantChoice> {
        let stage = self.stages().merchant;
        self.keys.merchant_named(serial).filter(|choice| match choice {
            MerchantChoice::Present => stage != Stage::Retired,
            MerchantChoice::Next => stage != Stage::First,
        })
    }

    /// The key that a `Wechatpay-Serial` names, if the merchant has it now.
    pub(crate) fn named(&self, serial: &str) -> Option<KeyChoice> {
        let choice = self.keys.named(serial)?;
        locked(&self.live).has(choice).then_some(choice)
    }

    /// The key that signs: the one that was asked for while the merchant has it, else the default.
    pub(crate) fn signing(&self, asked: Option<KeyChoice>) -> KeyChoice {
        let live = locked(&self.live);
        asked.filter(|choice| live.has(*choice)).unwrap_or_else(|| live.default_key())
    }

    /// The key that signs a notification. `what` names the notification, for the lot.
    pub(crate) fn signing_notice(&self, asked: Option<KeyChoice>, what: &str) -> KeyChoice {
        let live = locked(&self.live);
        let both = live.has(KeyChoice::PublicKey) && live.settings.platform != Platform::PublicKeyOnly;
        match live.settings.grey_release.filter(|_| both) {
            Some(grey) if draw(grey.seed, what, 100) < u64::from(grey.percent) => KeyChoice::PublicKey,
            Some(_) => certificate_at(live.stages.rail),
            None => asked.filter(|choice| live.has(*choice)).unwrap_or_else(|| live.default_key()),
        }
    }

    pub(crate) fn signer(&self, choice: KeyChoice) -> &Signer {
        self.keys.signer(choice)
    }

    /// The certificates that are listed now.
    pub(crate) fn listed(&self) -> Vec<&Listed> {
        let (platform, stage) = {
            let live = locked(&self.live);
            (live.settings.platform, live.stages.rail)
        };
        if platform == Platform::PublicKeyOnly {
            return Vec::new();
        }
        let [first, next] = &self.keys.certificates;
        match stage {
            Stage::First => vec![first],
            Stage::Announced | Stage::Switched => vec![first, next],
            Stage::Retired => vec![next],
        }
    }

    /// Whether the next answer is signed truly.
    pub(crate) fn honesty_of_answer(&self) -> Honesty {
        let mut live = locked(&self.live);
        let Some(probes) = live.settings.probes else { return Honesty::True };
        live.answers += 1;
        let what = format!("answer {}", live.answers);
        let drawn = draw(probes.seed, &what, 1_000) < u64::from(probes.answers_per_mille);
        live.probed = drawn && !live.probed;
        if live.probed { lot(probes.seed, &what, probes.broken_percent) } else { Honesty::True }
    }

    /// Whether the first try of this notification is signed truly.
    pub(crate) fn honesty_of_notice(&self, what: &str) -> Honesty {
        match locked(&self.live).settings.probes {
            Some(probes) if draw(probes.seed, what, 1_000) < u64::from(probes.notices_per_mille) => {
                lot(probes.seed, what, probes.broken_percent)
            }
            Some(_) | None => Honesty::True,
        }
    }

    /// What a fault's probe looks like.
    pub(crate) fn probe(&self) -> Honesty {
        match self.settings().probe_form {
            ProbeForm::Decodable => Honesty::Probe,
            ProbeForm::Broken => Honesty::BrokenProbe,
        }
    }
}

impl Live {
    fn has(&self, choice: KeyChoice) -> bool {
        let certificates = self.settings.platform != Platform::PublicKeyOnly;
        match choice {
            KeyChoice::PublicKey => self.settings.platform != Platform::CertificatesOnly,
            KeyChoice::Certificate => certificates && self.stages.rail != Stage::Retired,
            KeyChoice::NextCertificate => certificates && self.stages.rail != Stage::First,
        }
    }

    fn default_key(&self) -> KeyChoice {
        match self.settings.platform {
            Platform::CertificatesOnly | Platform::Both => certificate_at(self.stages.rail),
            Platform::BothPublicKeyFirst | Platform::PublicKeyOnly => KeyChoice::PublicKey,
        }
    }
}

fn certificate_at(stage: Stage) -> KeyChoice {
    match stage {
        Stage::First | Stage::Announced => KeyChoice::Certificate,
        Stage::Switched | Stage::Retired => KeyChoice::NextCertificate,
    }
}

fn lot(seed: u64, what: &str, broken_percent: u8) -> Honesty {
    let form = format!("form of {what}");
    if draw(seed, &form, 100) < u64::from(broken_percent) { Honesty::BrokenProbe } else { Honesty::Probe }
}

/// A number below `bound` that the same seed and text always draw: FNV-1a, then the finish of SplitMix64.
fn draw(seed: u64, text: &str, bound: u64) -> u64 {
    let start = seed ^ 0xCBF2_9CE4_8422_2325;
    let hash = text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)) % bound
}
