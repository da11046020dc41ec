//! Clients that are not ours: Python with stock grpcio and nothing but reflection, and the README's first programs as
//! they are printed. `cargo xtask test` prepares a Python with the stock packages and names it in `PAIFANG_PYTHON`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use paifang_mock_rails::{PayerAct, PayerTarget};
use support::{SOON, World};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("crates/gateway lies two below")
        .to_owned()
}

fn python() -> String {
    std::env::var("PAIFANG_PYTHON")
        .expect("PAIFANG_PYTHON names a Python with grpcio: run `cargo xtask test`")
}

#[tokio::test]
async fn python_with_nothing_but_reflection() {
    let world = World::start().await;
    let mut command = Command::new(python());
    command
        .arg(repository().join("tests/python_client.py"))
        .arg(world.stage.grpc.to_string())
        .arg(&world.key);
    let output = command.arg(world.stage.mocks.control_url()).output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}\n{}", world.stage.log());
    assert!(out.contains("watched to success, refunded, and refused more"), "{out}");
    world.end().await;
}

/// Runs a first program; pays what it asks to be scanned; it ends by itself.
async fn first_program(mut command: Command) {
    let world = World::start().await;
    command.arg(world.stage.grpc.to_string()).arg(&world.key).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first =
        tokio::time::timeout(SOON, lines.next_line()).await.expect("it speaks in time").unwrap().unwrap();
    let content = first.strip_prefix("let the payer scan: ").unwrap_or_else(|| panic!("{first}"));
    let target = PayerTarget::Qr(content.to_owned());
    world.stage.mocks.rail("wechatpay").payer(PayerAct::Pay { target, force: false }).unwrap();
    let status = tokio::time::timeout(Duration::from_secs(30), child.wait()).await.expect("it ends").unwrap();
    assert!(status.success(), "{status}");
    world.end().await;
}

#[tokio::test]
async fn the_first_program_in_python() {
    let mut command = Command::new(python());
    command.arg(repository().join("tests/first.py"));
    first_program(command).await;
}

#[tokio::test]
async fn the_first_program_in_rust() {
    let built = Path::new(env!("CARGO_BIN_EXE_paifang")).with_file_name("examples").join("first");
    assert!(built.exists(), "build the examples of the workspace first, as `cargo xtask test` does");
    first_program(Command::new(built)).await;
}

/// The README prints exactly the files that these tests run.
#[test]
fn the_readme_prints_the_programs_that_run() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    for (name, file) in [("first.rs", "crates/client/examples/first.rs"), ("first.py", "tests/first.py")] {
        let printed = readme.split(&format!("<!-- {name} -->")).nth(1).unwrap();
        let printed = printed.split(&format!("<!-- /{name} -->")).next().unwrap().trim();
        let printed = printed.split_once('\n').unwrap().1.strip_suffix("```").unwrap();
        let program = std::fs::read_to_string(repository().join(file)).unwrap();
        assert_eq!(printed, program, "{file} and README.md differ");
    }
}
