//! Notifications: whatever opens was signed as a whole by the rail, so its signed bytes are those of an authentic one.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use paifang_hostile::{About, Case, load};
use paifang_payment::{Digest, Evidence, Source, Verb};
use paifang_rail::RawNotification;

use crate::bench::Bench;

pub(super) fn alipay(input: &[u8]) {
    check("alipay", input);
}

pub(super) fn wechatpay(input: &[u8]) {
    check("wechatpay", input);
}

pub(super) fn unionpay(input: &[u8]) {
    check("unionpay", input);
}

pub(super) fn alipay_seeds() -> Vec<Vec<u8>> {
    seeds("alipay")
}

pub(super) fn wechatpay_seeds() -> Vec<Vec<u8>> {
    seeds("wechatpay")
}

pub(super) fn unionpay_seeds() -> Vec<Vec<u8>> {
    seeds("unionpay")
}

fn check(rail: &str, input: &[u8]) {
    let (headers, body) = split(input);
    if let Some(evidence) = opened(rail, &headers, "", body) {
        assert!(evidence.key_serial.is_some(), "opened without a key");
        assert!(
            authentic(rail).contains(&signed_bytes(&evidence)),
            "opened, and never signed so: {:?}",
            evidence.rule
        );
    }
}

pub(super) fn opened(rail: &str, headers: &[(String, String)], query: &str, body: &[u8]) -> Option<Evidence> {
    let bench = Bench::of(rail, "main");
    let raw = RawNotification { headers, query, body };
    let opened = bench.rail.open_notification(&raw, &bench.context()).ok()?.into_inner();
    let seen =
        opened.outcome.into_observation(Verb::Query, Source::Notification, Digest([0; 32]), opened.rule);
    // A doubt carries no proof; that the message is genuine was shown before.
    let evidence = seen.evidence;
    evidence.key_serial.is_some().then_some(evidence)
}

/// The digests of what the rail's key signed in the corpus.
fn authentic(rail: &str) -> &'static BTreeSet<[u8; 32]> {
    static ALL: [OnceLock<BTreeSet<[u8; 32]>>; 3] = [const { OnceLock::new() }; 3];
    let place = ["alipay", "wechatpay"].iter().position(|known| *known == rail).unwrap_or(2);
    ALL[place].get_or_init(|| {
        let digest =
            |case: &Case| opened(rail, &case.headers, &case.query, &case.body()).as_ref().map(signed_bytes);
        cases(rail).iter().filter(|case| case.about == About::Notification).filter_map(digest).collect()
    })
}

/// The digest of what a proof covers.
pub(super) fn signed_bytes(evidence: &Evidence) -> [u8; 32] {
    evidence.digest.map_or([0; 32], |digest| digest.0)
}

/// The corpus of a rail, read once per caller.
pub(super) fn cases(rail: &str) -> Vec<Case> {
    let files = load().expect("the corpus is committed, and its own test reads it");
    files.into_iter().filter(|(name, _)| name.starts_with(rail)).flat_map(|(_, cases)| cases).collect()
}

fn seeds(rail: &str) -> Vec<Vec<u8>> {
    let notifications = cases(rail).into_iter().filter(|case| case.about == About::Notification);
    notifications.map(|case| joined(&case.headers, &case.body())).collect()
}

/// `name: value` lines, an empty line, the body.
pub(super) fn joined(headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let head: String = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    [head.as_bytes(), b"\n", body].concat()
}

/// The reverse; a line without a colon is left out, as a listener would.
pub(super) fn split(input: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let mut headers = Vec::new();
    let mut rest = input;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, tail) = rest.split_at(end);
        rest = tail.get(1..).unwrap_or_default();
        if line.is_empty() {
            break;
        }
        let line = String::from_utf8_lossy(line).into_owned();
        if let Some((name, value)) = line.split_once(": ") {
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    (headers, rest)
}
