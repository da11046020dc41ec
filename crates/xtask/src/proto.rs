//! The protos: their style, and that no change breaks a client that was built against the baseline.

use std::process::Command;

use anyhow::{Context, Result};

use crate::repo::Repo;
use crate::{shell, tools};

/// The contract as it was last accepted, without comments: a compiled image, made by [`renew_baseline`] only.
const BASELINE: &str = "proto/baseline.binpb";

/// Lints the protos and holds them against the baseline.
pub(crate) fn check(repo: &Repo) -> Result<()> {
    buf(repo, &["lint"]).context("the protos break a rule of buf.yaml")?;
    buf(repo, &["breaking", "--against", BASELINE]).context(
        "clients of the contract would break; if that is wanted, run `cargo xtask proto --renew-baseline` and say \
         why in the commit",
    )
}

/// Accepts the protos of now. New calls and fields need this too, or a later change could remove them unseen.
pub(crate) fn renew_baseline(repo: &Repo) -> Result<()> {
    buf(repo, &["lint"]).context("the protos break a rule of buf.yaml")?;
    buf(repo, &["build", "--exclude-source-info", "--output", BASELINE])?;
    println!("{BASELINE} is the contract of now; commit it together with the protos");
    Ok(())
}

fn buf(repo: &Repo, args: &[&str]) -> Result<()> {
    shell::run(Command::new(tools::buf(repo)?).current_dir(&repo.root).args(args))
}
