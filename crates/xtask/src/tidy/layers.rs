//! Which crate may import which, held against the manifests.

use cargo_metadata::{DependencyKind, Package};

use super::{Violation, relative};
use crate::repo::Repo;

/// What a crate may name under `[dependencies]` of ours.
#[derive(Debug, Clone, Copy)]
enum Imports {
    Only(&'static [&'static str]),
    Any,
}

use Imports::{Any, Only};

/// The layers. A name that ends in `*` stands for all crates that begin so; the first row that fits counts.
const LAYERS: &[(&str, Imports)] = &[
    ("money", Only(&[])),
    ("name", Only(&[])),
    ("marks", Only(&[])),
    ("boundary", Only(&["marks"])),
    ("payment", Only(&["money", "name", "shares"])),
    ("ledger", Only(&["money"])),
    ("policy", Only(&["money", "name", "payment", "shares"])),
    ("shares", Only(&["money", "name"])),
    ("interop", Only(&["name", "payment"])),
    ("rail", Only(&["boundary", "money", "payment"])),
    ("store", Only(&["money", "payment", "ledger", "policy", "shares"])),
    ("rail-*", Only(&["money", "payment", "rail"])),
    ("store-*", Only(&["money", "payment", "ledger", "policy", "shares", "store"])),
    ("transport", Only(&["money", "rail"])),
    ("conformance", Only(&["boundary", "money", "payment", "ledger", "policy", "rail", "shares", "store"])),
    ("mock-rails", Only(&["money"])),
    ("hostile", Only(&[])),
    (
        "engine",
        Only(&["boundary", "money", "payment", "ledger", "policy", "interop", "rail", "shares", "store"]),
    ),
    ("proto", Only(&["boundary", "marks"])),
    ("client", Only(&["money", "proto"])),
    ("gateway", Any),
    ("sim", Any),
    ("fuzz", Any),
    ("tests", Any),
    ("xtask", Any),
];

/// What tests of any crate may use besides.
const FOR_TESTS: &[&str] = &["conformance", "mock-rails", "transport"];

/// Layers 0 to 2, the adapters and the engine: they get time, entropy and sockets handed in.
pub(super) const PURE: &[&str] = &[
    "boundary", "money", "name", "payment", "ledger", "policy", "shares", "interop", "rail", "store",
    "rail-*", "engine",
];

/// Foreign crates that only some of ours may name outside of tests: (the foreign one, who may, why).
const FOREIGN: &[(&[&str], Who, &str)] = &[
    (
        &["tokio", "tokio-stream", "tokio-util", "hyper", "hyper-util", "axum", "reqwest", "async-std"],
        Who::NotIn(PURE),
        "layers 0 to 2, adapters and the engine know no runtime and no socket",
    ),
    (
        &["rand", "getrandom", "fastrand"],
        Who::NotIn(PURE),
        "layers 0 to 2, adapters and the engine get entropy handed in",
    ),
    (
        &["tonic", "tonic-prost", "tonic-types", "prost", "prost-types", "prost-reflect"],
        Who::In(&["proto", "client", "gateway", "fuzz", "tests"]),
        "only gateway and client know protobuf",
    ),
    (
        &["rusqlite", "tokio-postgres", "sqlx"],
        Who::In(&["store-*", "tests"]),
        "only the stores know the stored form",
    ),
    (
        &["aws-lc-rs", "aws-lc-sys"],
        Who::In(&["mock-rails", "hostile"]),
        "the library of the mock rails and of the hostile corpus; the product signs with ring",
    ),
    (
        &["ring"],
        Who::NotIn(&["mock-rails", "hostile"]),
        "the mock rails use another library than the adapters",
    ),
];

#[derive(Debug, Clone, Copy)]
enum Who {
    In(&'static [&'static str]),
    NotIn(&'static [&'static str]),
}

/// One dependency of a manifest.
struct Edge<'a> {
    from: &'a str,
    to: &'a str,
    for_tests: bool,
}

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for package in repo.packages() {
        let path = relative(&repo.root, package.manifest_path.as_std_path());
        let mut broken = |text: String| found.push(Violation { path: path.clone(), line: 0, text });
        let Some(from) = own_name(&package.name) else {
            broken(format!("the package {} is not named paifang-...", package.name));
            continue;
        };
        if imports_of(from).is_none() {
            broken(format!("the crate {from} is in no layer; add it to crates/xtask/src/tidy/layers.rs"));
        }
        edges(from, package).into_iter().filter_map(|edge| complaint(&edge)).for_each(broken);
    }
    found
}

fn edges<'a>(from: &'a str, package: &'a Package) -> Vec<Edge<'a>> {
    let edge = |dependency: &'a cargo_metadata::Dependency| Edge {
        from,
        to: &dependency.name,
        for_tests: dependency.kind == DependencyKind::Development,
    };
    package.dependencies.iter().map(edge).collect()
}

fn complaint(edge: &Edge<'_>) -> Option<String> {
    let Edge { from, to, for_tests } = *edge;
    match own_name(to) {
        Some(to) => {
            let free = for_tests && (FOR_TESTS.contains(&to) || to == from);
            let allowed = match imports_of(from)? {
                Only(names) => names.contains(&to),
                Any => true,
            };
            (!free && !allowed).then(|| format!("{from} may not import {to}: it is not in a layer below it"))
        }
        None if for_tests => None,
        None => {
            let (_, who, why) = FOREIGN.iter().find(|(names, ..)| names.contains(&to))?;
            let allowed = match who {
                Who::In(names) => names.iter().any(|name| fits(name, from)),
                Who::NotIn(names) => !names.iter().any(|name| fits(name, from)),
            };
            (!allowed).then(|| format!("{from} may not use {to}: {why}"))
        }
    }
}

fn imports_of(name: &str) -> Option<Imports> {
    LAYERS.iter().find(|(pattern, _)| fits(pattern, name)).map(|(_, imports)| *imports)
}

/// Whether a crate's short name fits a name or a `prefix*` of the tables.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
}

fn own_name(package: &str) -> Option<&str> {
    package.strip_prefix("paifang-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(from: &str, to: &str, for_tests: bool) -> bool {
        complaint(&Edge { from, to, for_tests }).is_none()
    }

    #[test]
    fn lower_layers_do_not_import_higher_ones_nor_their_neighbours() {
        for (from, to) in [
            ("money", "paifang-payment"),
            ("payment", "paifang-ledger"),
            ("ledger", "paifang-payment"),
            ("rail", "paifang-store"),
            ("rail-alipay", "paifang-rail-wechatpay"),
            ("rail-alipay", "paifang-ledger"),
            ("mock-rails", "paifang-rail"),
            ("mock-rails", "paifang-rail-alipay"),
            ("engine", "paifang-rail-alipay"),
            ("engine", "paifang-transport"),
            ("client", "paifang-gateway"),
        ] {
            assert!(!is_allowed(from, to, false), "{from} -> {to}");
        }
        for (from, to) in [
            ("payment", "paifang-money"),
            ("rail-anything", "paifang-rail"),
            ("engine", "paifang-store"),
            ("gateway", "paifang-rail-unionpay"),
        ] {
            assert!(is_allowed(from, to, false), "{from} -> {to}");
        }
    }

    #[test]
    fn tests_may_use_the_kit_the_mocks_and_the_transport_but_no_other_crate() {
        for to in ["paifang-conformance", "paifang-mock-rails", "paifang-transport"] {
            assert!(is_allowed("rail-alipay", to, true), "{to}");
            assert!(!is_allowed("rail-alipay", to, false), "{to}");
        }
        assert!(!is_allowed("rail-alipay", "paifang-engine", true));
    }

    #[test]
    fn foreign_crates_stay_where_they_belong() {
        for (from, to) in [
            ("engine", "tokio"),
            ("rail-wechatpay", "hyper"),
            ("payment", "rand"),
            ("engine", "tonic"),
            ("store", "rusqlite"),
            ("rail-alipay", "aws-lc-rs"),
            ("gateway", "aws-lc-rs"),
            ("mock-rails", "ring"),
        ] {
            assert!(!is_allowed(from, to, false), "{from} -> {to}");
        }
        for (from, to) in [
            ("transport", "tokio"),
            ("store-sqlite", "rusqlite"),
            ("mock-rails", "aws-lc-rs"),
            ("client", "tonic"),
            ("rail", "ring"),
        ] {
            assert!(is_allowed(from, to, false), "{from} -> {to}");
        }
        assert!(is_allowed("engine", "tokio", true), "tests bring their own runtime");
    }

    #[test]
    fn a_crate_without_a_layer_is_noticed() {
        assert!(imports_of("surprise").is_none());
        assert!(imports_of("rail-new").is_some());
    }
}
