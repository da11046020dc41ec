//! From what is written to what can be started: secrets read, keys parsed, combinations judged.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use paifang_payment::{AccountId, RailName};
use url::{Host, Url};

use super::raw::{Raw, RawRail};
use super::tls::{Peers, server_config};
use super::{Config, Limits, Listener, Lookup, Problems};
use crate::rails::NotifyToken;
use crate::registry::{self, RailAccount};

/// Rail accounts of one gateway; each has a lane and figures of its own.
const ACCOUNTS_MAX: usize = 64;

/// What computing takes beside the exchange itself, with a machine that is busy.
const LEASE_MARGIN_MS: u32 = 5_000;

pub(super) fn checked(raw: Raw, lookup: &Lookup, problems: &mut Problems) -> Option<Config> {
    let effective = problems.take("", toml::to_string_pretty(&raw))?;
    check_limits(&raw.limits, problems);
    let store = raw.store.checked(lookup, problems);
    let public_url = public_url(&raw, problems);
    let grpc_tls = raw.grpc.tls.as_ref();
    let grpc_tls =
        grpc_tls.and_then(|tls| server_config(tls, Peers::Storefronts, "grpc.tls", lookup, problems));
    let http_tls = raw.http.tls.as_ref();
    let http_tls = http_tls.and_then(|tls| server_config(tls, Peers::Anyone, "http.tls", lookup, problems));
    if raw.grpc.tls.is_none() && !raw.grpc.insecure && !raw.grpc.listen.ip().is_loopback() {
        let rule =
            "API keys would cross the network in plain text: give it tls, or insecure = true behind a proxy";
        problems.add("grpc.listen", rule);
    }
    let roots = raw.outbound.extra_roots.iter().enumerate().filter_map(|(index, path)| {
        problems.take(&format!("outbound.extra_roots[{index}]"), lookup.file(path))
    });
    let extra_roots = roots.collect();
    let accounts = accounts(&raw.rail, lookup, problems);
    check_test_keys(&raw, public_url.as_deref(), &accounts, problems);
    check_clock(&raw, public_url.as_deref(), &accounts, problems);
    if let Err(error) = crate::logging::filter(&raw.log) {
        problems.add("log.filter", error.to_string());
    }
    Some(Config {
        store: store?,
        grpc: Listener { address: raw.grpc.listen, tls: grpc_tls },
        http: Listener { address: raw.http.listen, tls: http_tls },
        public_url,
        ops: raw.ops.listen,
        clock_ahead: raw.clock.ahead_file.map(|file| lookup.path(&file)),
        limits: raw.limits,
        log: raw.log,
        extra_roots,
        accounts,
        effective,
    })
}

fn check_limits(limits: &Limits, problems: &mut Problems) {
    let positive = [
        ("intent_life_s", limits.intent_life_s),
        ("intent_life_max_s", limits.intent_life_max_s),
        ("lane_width", limits.lane_width),
        ("look_every_ms", limits.look_every_ms),
        ("guard_every_ms", limits.guard_every_ms),
        ("rail_deadline_ms", limits.rail_deadline_ms),
        ("rail_connect_ms", limits.rail_connect_ms),
        ("rail_places", limits.rail_places),
        ("notifications", limits.notifications),
    ];
    for (name, _) in positive.into_iter().filter(|(_, value)| *value == 0) {
        problems.add(format!("limits.{name}"), "must be more than 0");
    }
    if limits.intent_life_s > limits.intent_life_max_s {
        problems.add("limits.intent_life_s", "must not be more than intent_life_max_s");
    }
    // A lease that ends while its call still runs would let a second worker make the same call (I16).
    let call_ms = limits.rail_queue_ms.saturating_add(limits.rail_deadline_ms);
    if call_ms.saturating_add(LEASE_MARGIN_MS) > limits.lease_s.saturating_mul(1000) {
        let rule = format!(
            "must be at least rail_queue_ms + rail_deadline_ms + {LEASE_MARGIN_MS} ms, so that nobody takes over a call that still runs"
        );
        problems.add("limits.lease_s", rule);
    }
}

fn public_url(raw: &Raw, problems: &mut Problems) -> Option<String> {
    const PATH: &str = "http.public_url";
    let Some(text) = &raw.http.public_url else {
        if !raw.rail.is_empty() && !raw.http.listen.ip().is_loopback() {
            problems.add(PATH, "is needed: rails send their notifications there");
        }
        return None;
    };
    let url = problems.take(PATH, Url::parse(text))?;
    let plain = url.scheme() == "http" && is_loopback(&url);
    let bare = url.query().is_none() && url.fragment().is_none();
    if !(url.scheme() == "https" || plain) || !bare || !url.username().is_empty() {
        let rule = "must be an https URL (http only to this machine) without a query, a fragment or a user";
        problems.add(PATH, rule);
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}

fn accounts(rails: &[RawRail], lookup: &Lookup, problems: &mut Problems) -> Vec<RailAccount> {
    let mut seen = BTreeSet::new();
    if rails.len() > ACCOUNTS_MAX {
        problems.add("rail", format!("there can be at most {ACCOUNTS_MAX} accounts"));
    }
    let mut built = Vec::new();
    for (index, rail) in rails.iter().enumerate() {
        let path = format!("rail[{index}]");
        if !seen.insert(&rail.id) {
            problems.add(format!("{path}.id"), "another account has this id");
        }
        built.extend(account(rail, &path, lookup, problems));
    }
    built
}

fn account(rail: &RawRail, path: &str, lookup: &Lookup, problems: &mut Problems) -> Option<RailAccount> {
    let id = problems.take(&format!("{path}.id"), AccountId::parse(&rail.id));
    let token_path = format!("{path}.notify_token");
    let token = problems.take(&token_path, lookup.secret(&rail.notify_token));
    let token = token.and_then(|token| problems.take(&token_path, NotifyToken::new(token)));
    let built = registry::configure(&rail.rail, rail.settings.clone(), path, problems);
    let keys = built.as_ref().and_then(|built| {
        let at = format!("{path}.keys");
        crate::keys::build(built, &rail.keys, &at, lookup, problems)
    });
    let (built, (keys, test_keys)) = (built?, keys?);
    registry::probe(&built, &keys, path, problems)?;
    let name = problems.take(&format!("{path}.rail"), RailName::parse(&rail.rail))?;
    let shares = super::share::checked(rail, built.adapter.descriptor(), path, problems);
    let (enabled, keys) = (rail.enabled, keys.into());
    Some(RailAccount { id: id?, rail: name, enabled, token: token?, shares, built, keys, test_keys })
}

/// The keys of the test vectors are in every copy of the source. With them, whoever can reach a listener can sign a
/// notification, and whatever is sent to a real rail can be forged: they stay on this machine.
fn check_test_keys(raw: &Raw, public_url: Option<&str>, accounts: &[RailAccount], problems: &mut Problems) {
    let door = door_beyond(raw, public_url);
    for account in accounts.iter().filter(|account| !account.test_keys.is_empty()) {
        let Some(reach) = door.or(is_beyond(account).then_some("an endpoint of its rail")) else {
            continue;
        };
        let index = raw.rail.iter().position(|rail| rail.id == account.id.as_str()).unwrap_or_default();
        for key in &account.test_keys {
            let rule = format!(
                "is a key of the public test vectors, and {reach} is beyond this machine: use your own key"
            );
            problems.add(format!("rail[{index}].keys.{key}"), rule);
        }
    }
}

/// Whoever can set the clock can make old messages fresh, and let certificates that have expired pass.
fn check_clock(raw: &Raw, public_url: Option<&str>, accounts: &[RailAccount], problems: &mut Problems) {
    if raw.clock.ahead_file.is_none() {
        return;
    }
    let rail = accounts.iter().find(|account| is_beyond(account)).map(|account| {
        let index = raw.rail.iter().position(|rail| rail.id == account.id.as_str()).unwrap_or_default();
        format!("an endpoint of rail[{index}]")
    });
    if let Some(reach) = door_beyond(raw, public_url).map(str::to_owned).or(rail) {
        let rule = format!("is for mock rails on this machine, and {reach} is beyond it");
        problems.add("clock.ahead_file", rule);
    }
}

/// A listener or URL that others than this machine reach.
fn door_beyond(raw: &Raw, public_url: Option<&str>) -> Option<&'static str> {
    let listeners =
        [("grpc.listen", raw.grpc.listen), ("http.listen", raw.http.listen), ("ops.listen", raw.ops.listen)];
    let beyond = |address: SocketAddr| !address.ip().is_loopback();
    let listener = listeners.into_iter().find(|(_, address)| beyond(*address)).map(|(name, _)| name);
    let public = public_url.is_some_and(|url| !is_loopback_text(url)).then_some("http.public_url");
    listener.or(public)
}

fn is_beyond(account: &RailAccount) -> bool {
    account.built.endpoints.iter().any(|url| !is_loopback_text(url))
}

fn is_loopback_text(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| is_loopback(&url))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
