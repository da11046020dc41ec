//! From the names and files under `[rail.keys]` to a key ring, by what the rail's descriptor asks for.

use std::collections::BTreeMap;

use paifang_rail::{KeyKind, KeySpec, Keyring, KeyringBuilder, Secret};

use crate::config::{Keys, Lookup, Problems, RawKey};
use crate::registry::Built;
use crate::test_keys;

/// Keys of one name at most.
const KEYS_MAX: usize = 8;

/// Builds the key ring of an account; also answers the names of those keys that stand in the public test vectors.
pub(crate) fn build(
    built: &Built,
    configured: &BTreeMap<String, Keys>,
    path: &str,
    lookup: &Lookup,
    problems: &mut Problems,
) -> Option<(Keyring, Vec<String>)> {
    let specs = built.adapter.descriptor().keys;
    for name in configured.keys().filter(|name| specs.iter().all(|spec| spec.name != name.as_str())) {
        let known = specs.iter().map(|spec| spec.name).collect::<Vec<_>>().join(", ");
        problems.add(format!("{path}.{name}"), format!("is no key of this rail; there are {known}"));
    }
    let (mut ring, mut sound) = (Keyring::builder(), true);
    let mut test_keys = Vec::new();
    for spec in specs {
        let keys = configured.get(spec.name).map(Keys::all).unwrap_or_default();
        check_count(spec, keys.len(), path, problems);
        for key in keys {
            let at = format!("{path}.{}", spec.name);
            let Some(secret) = problems.take(&at, lookup.secret(&key.secret)) else {
                sound = false;
                continue;
            };
            if test_keys::is_public(spec.kind, secret.expose()) {
                test_keys.push(spec.name.to_owned());
            }
            let added = add(ring, spec, key, &secret, built, &at, problems);
            // A key that is not taken is a problem that is noted; the rest is still looked at.
            sound &= added.is_some();
            ring = added.unwrap_or_default();
        }
    }
    check_verifies(specs, built.adapter.descriptor().serves_keys, configured, path, problems);
    if !sound {
        return None;
    }
    if let Some(rule) = &built.certificates {
        ring = ring.certificate_rule(rule.clone());
    }
    if let Some(naming) = built.naming {
        ring = ring.naming(naming);
    }
    test_keys.dedup();
    Some((problems.take(path, ring.build())?, test_keys))
}

fn add(
    ring: KeyringBuilder,
    spec: &KeySpec,
    key: &RawKey,
    secret: &Secret,
    built: &Built,
    path: &str,
    problems: &mut Problems,
) -> Option<KeyringBuilder> {
    let text = || std::str::from_utf8(secret.expose()).map_err(|_| "must be text");
    let id = key.id.as_deref().or(built.key_id.as_deref());
    if key.id.is_some() && spec.kind != KeyKind::VerifyKey {
        problems.add(path, "has an id, which only a public key of the rail can have");
    }
    let added = match spec.kind {
        KeyKind::SigningKey => ring.signer(secret),
        KeyKind::SymmetricKey => ring.symmetric(secret),
        KeyKind::ContentKey => ring.content(secret),
        KeyKind::SigningCertificate => ring.signer_certificate(problems.take(path, text())?),
        KeyKind::VerifyKey => ring.verifier(id, problems.take(path, text())?),
        KeyKind::RootCertificate => ring.root(problems.take(path, text())?),
        KeyKind::IntermediateCertificate => ring.intermediate(problems.take(path, text())?),
    };
    problems.take(path, added)
}

fn check_count(spec: &KeySpec, count: usize, path: &str, problems: &mut Problems) {
    let max = match spec.kind {
        KeyKind::VerifyKey | KeyKind::IntermediateCertificate => KEYS_MAX,
        KeyKind::SigningKey
        | KeyKind::SigningCertificate
        | KeyKind::SymmetricKey
        | KeyKind::ContentKey
        | KeyKind::RootCertificate => 1,
    };
    if count > max {
        problems.add(format!("{path}.{}", spec.name), format!("there can be at most {max}"));
    }
    if count == 0 && spec.required {
        problems.add(format!("{path}.{}", spec.name), format!("is missing: {}", spec.about));
    }
}

/// Where every public key is optional by itself, one of them is needed all the same: else nothing would ever be believed.
fn check_verifies(
    specs: &[KeySpec],
    serves_keys: bool,
    configured: &BTreeMap<String, Keys>,
    path: &str,
    problems: &mut Problems,
) {
    let mut verifiers = specs.iter().filter(|spec| spec.kind == KeyKind::VerifyKey).peekable();
    let names: Vec<&str> = verifiers.clone().map(|spec| spec.name).collect();
    // A rail that hands its keys out vouches for them with another key of the account.
    if !serves_keys
        && verifiers.peek().is_some()
        && !verifiers.any(|spec| spec.required || configured.contains_key(spec.name))
    {
        problems.add(path, format!("one of {} is needed", names.join(", ")));
    }
}
