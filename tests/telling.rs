//! The demo itself, and the command line's manners, by the binary.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

use std::process::{Command, Output};

fn paifang(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_paifang")).args(arguments).output().expect("the binary runs")
}

/// The story is told to its end, with status 0.
#[test]
fn the_demo_is_as_told() {
    let told = paifang(&["demo"]);
    let (out, err) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success(), "{out}\n{err}");
    assert!(out.contains("Everything was as told."), "{out}");
    assert!(out.contains("equal to the fen"), "{out}");
}

/// A wrong config ends with status 64 and names every mistake with its path; nothing is started.
#[test]
fn a_wrong_config_is_named_with_status_64() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("paifang.toml");
    std::fs::write(&path, "[store]\npath = \"x.db\"\n[grpc]\nlisten_on = \"127.0.0.1:1\"\n[nonsense]\n")
        .unwrap();
    for command in ["check-config", "serve", "fsck"] {
        let told = paifang(&[command, "--config", path.to_str().unwrap()]);
        let err = String::from_utf8_lossy(&told.stderr);
        assert_eq!(told.status.code(), Some(64), "{command}: {err}");
        assert!(err.contains("listen_on") && err.contains("nonsense"), "{command}: {err}");
    }
}

/// The story of the walls is told to its end: what the guard rail did by itself, and the report of that day.
#[test]
fn the_walls_are_as_told() {
    let told = paifang(&["demo", "--story", "walls"]);
    let (out, err) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success(), "{out}\n{err}");
    for expected in [
        "not yet, from 2024-09-12 00:00 by version 3",
        "wechat-merchants is rolled back by merchants-well: 6 of",
        "Who could pay with what on 2024-09-20 (+08:00)",
        "14:00:",
        "equal to the fen",
        "Everything was as told.",
    ] {
        assert!(out.contains(expected), "{expected} in\n{out}");
    }
}
