//! The keys of this gateway and of its merchant, and their change while traffic flows.
//!
//! The gateway publishes nothing: each answer carries the certificate that it is signed with, so a client must trust
//! the chain and not one certificate. A signer that was retired is gone and never signs again.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::certificate::Certificate;
use super::conduct::{Conduct, SigningCertificate};
use super::files;
use super::sensitive::Vault;
use super::sign::{self, Dialect, Seal, Signer, crlf_pem};
use super::wire::{Charset, Fields};
use crate::{Files, Step, locked};

/// All keys.
pub(super) struct Keyring {
    turning: Mutex<Turning>,
    wrong: Vec<(SigningCertificate, Arc<Signer>)>,
    secure_key: String,
    vault: Vault,
    encryption_certificate: String,
}

/// What changes when keys are rotated.
struct Turning {
    rail: Rotation<Arc<Signer>>,
    merchant: Rotation<Certificate>,
}

struct Rotation<K> {
    stage: Stage,
    first: K,
    next: Option<K>,
}

/// How far a rotation has come; each step comes once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// The first key alone.
    #[default]
    First,
    /// The next one is known beside it.
    Announced,
    /// The next one is used, the first still known.
    Switched,
    /// The first one is gone.
    Retired,
}

impl Stage {
    fn after(self, turn: Step) -> Option<Self> {
        match (self, turn) {
            (Self::First, Step::Announce) => Some(Self::Announced),
            (Self::Announced, Step::Switch) => Some(Self::Switched),
            (Self::Switched, Step::Retire) => Some(Self::Retired),
            (Self::First | Self::Announced | Self::Switched | Self::Retired, _) => None,
        }
    }
}

/// Why a key was not turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTurned {
    /// The files have no next key.
    NoNext,
    /// Another step comes first.
    Now(Stage),
}

impl<K: Clone> Rotation<K> {
    fn turn(&mut self, turn: Step) -> Result<Stage, NotTurned> {
        if self.next.is_none() {
            return Err(NotTurned::NoNext);
        }
        self.stage = self.stage.after(turn).ok_or(NotTurned::Now(self.stage))?;
        Ok(self.stage)
    }

    /// The key that is used.
    fn used(&self) -> K {
        match (self.stage, &self.next) {
            (Stage::Switched | Stage::Retired, Some(next)) => next.clone(),
            (Stage::Switched | Stage::Retired, None) | (Stage::First | Stage::Announced, _) => {
                self.first.clone()
            }
        }
    }

    /// The keys that count.
    fn known(&self) -> Vec<K> {
        let next = || self.next.iter().cloned();
        match self.stage {
            Stage::First => vec![self.first.clone()],
            Stage::Announced | Stage::Switched => std::iter::once(self.first.clone()).chain(next()).collect(),
            Stage::Retired => next().collect(),
        }
    }
}

impl Keyring {
    /// From the files of [`super::of_vectors`] or [`super::forge`]; `Err` names the file that cannot be used.
    pub(super) fn new(files: &Files) -> Result<Self, String> {
        let signer = |name: &str| -> Result<Option<Arc<Signer>>, String> {
            let Some((key, certificate)) = files::pair(files, name)? else { return Ok(None) };
            let signer = Signer::new(key, certificate)
                .ok_or_else(|| format!("{name} is no key with its certificate"))?;
            Ok(Some(Arc::new(signer)))
        };
        let certificate = |name: &str| {
            let Some(pem) = files.get(name) else { return Ok(None) };
            Certificate::parse(pem).map(Some).ok_or_else(|| format!("{name} is no certificate"))
        };
        let missing = |name: &str| format!("{name} is missing");
        let mut wrong = Vec::new();
        for which in SigningCertificate::ALL {
            if let Some(signer) = which.file().map(signer).transpose()?.flatten() {
                wrong.push((which, signer));
            }
        }
        let rail = Rotation {
            stage: Stage::First,
            first: signer("gateway")?.ok_or_else(|| missing("gateway"))?,
            next: signer("gateway_next")?,
        };
        let merchant = Rotation {
            stage: Stage::First,
            first: certificate(files::MERCHANT)?.ok_or_else(|| missing(files::MERCHANT))?,
            next: certificate(files::MERCHANT_NEXT)?,
        };
        let (key, encryption) = files::pair(files, "encryption")?.ok_or_else(|| missing("encryption"))?;
        Ok(Self {
            turning: Mutex::new(Turning { rail, merchant }),
            wrong,
            secure_key: files.get(files::SECURE_KEY).cloned().ok_or_else(|| missing(files::SECURE_KEY))?,
            vault: Vault::new(key, encryption)
                .ok_or_else(|| "encryption is no key with its certificate".to_owned())?,
            encryption_certificate: crlf_pem(encryption),
        })
    }

    /// Turns the gateway's own signing key.
    pub(super) fn turn_rail(&self, turn: Step) -> Result<Stage, NotTurned> {
        locked(&self.turning).rail.turn(turn)
    }

    /// Turns the merchant's signing certificate.
    pub(super) fn turn_merchant(&self, turn: Step) -> Result<Stage, NotTurned> {
        locked(&self.turning).merchant.turn(turn)
    }

    /// How far both rotations have come: the gateway's, the merchant's.
    pub(super) fn stages(&self) -> (Stage, Stage) {
        let turning = locked(&self.turning);
        (turning.rail.stage, turning.merchant.stage)
    }

    /// Takes up both rotations where a saved book left them. `false` when there is no next key to be at.
    pub(super) fn resume(&self, rail: Stage, merchant: Stage) -> bool {
        let mut turning = locked(&self.turning);
        let possible = |stage, next: bool| stage == Stage::First || next;
        if !possible(rail, turning.rail.next.is_some())
            || !possible(merchant, turning.merchant.next.is_some())
        {
            return false;
        }
        (turning.rail.stage, turning.merchant.stage) = (rail, merchant);
        true
    }

    /// The key that good messages are signed with now.
    pub(super) fn signer(&self) -> Arc<Signer> {
        locked(&self.turning).rail.used()
    }

    /// The merchant's certificate of that serial number, if it counts now.
    pub(super) fn merchant_of(&self, cert_id: &str) -> Option<Certificate> {
        let known = locked(&self.turning).merchant.known();
        known.into_iter().find(|certificate| certificate.serial() == cert_id)
    }

    /// The certificate to encrypt to: that of the request, or the one in use where a request names none.
    pub(super) fn merchant_for(&self, cert_id: Option<&str>) -> Certificate {
        cert_id.and_then(|id| self.merchant_of(id)).unwrap_or_else(|| locked(&self.turning).merchant.used())
    }

    /// Decrypts what merchants encrypt to this gateway.
    pub(super) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The certificate that merchants encrypt to, as messages carry it.
    pub(super) fn encryption_certificate(&self) -> &str {
        &self.encryption_certificate
    }

    /// Signs a message in its dialect, with the certificate that `which` asks for (the good one where the files have no
    /// such pair, so that a test sees that nothing went wrong).
    pub(super) fn seal(
        &self,
        mut fields: Fields,
        dialect: Dialect,
        charset: Charset,
        seal: Seal,
        which: SigningCertificate,
    ) -> Fields {
        let sm3 = match dialect {
            Dialect::Rsa | Dialect::LegacyRsa => {
                let wrong =
                    self.wrong.iter().find(|(wrong, _)| *wrong == which).map(|(_, signer)| signer.clone());
                let signer = wrong.unwrap_or_else(|| self.signer());
                return signer.seal(fields, dialect == Dialect::LegacyRsa, charset, seal);
            }
            Dialect::Sha256Key => false,
            Dialect::Sm3Key => true,
        };
        let signature = match seal {
            Seal::Good => sign::keyed_hex(&fields, charset, &self.secure_key, sm3),
            Seal::Wrong => sign::keyed_hex(&fields, charset, "another key", sm3),
            Seal::Missing => return fields,
        };
        fields.put("signature", signature);
        fields
    }

    /// Whether the merchant signed this message in its dialect.
    pub(super) fn is_genuine(&self, fields: &Fields, dialect: Dialect, charset: Charset) -> bool {
        let certificate = || self.merchant_of(fields.value("certId")?);
        let keyed =
            |sm3| fields.value("signature") == Some(&sign::keyed_hex(fields, charset, &self.secure_key, sm3));
        match dialect {
            Dialect::Rsa => certificate().is_some_and(|by| sign::signed_by(&by, fields, charset)),
            Dialect::LegacyRsa => {
                certificate().is_some_and(|by| sign::signed_by_legacy(&by, fields, charset))
            }
            Dialect::Sha256Key => keyed(false),
            Dialect::Sm3Key => keyed(true),
        }
    }
}

impl Dialect {
    /// Whether the merchant may speak it.
    pub(super) fn opened(self, conduct: &Conduct) -> bool {
        match self {
            Self::Rsa => true,
            Self::Sha256Key | Self::Sm3Key => conduct.shared_key,
            Self::LegacyRsa => conduct.legacy_version,
        }
    }
}
