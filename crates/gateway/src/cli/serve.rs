//! `paifang serve`.

use anyhow::Context;

use crate::cli::{Configured, Ended};
use crate::{logging, serve};

pub(crate) async fn run(at: &Configured) -> Result<(), Ended> {
    let config = at.load()?;
    logging::start(&config.log).context("logging cannot be set up")?;
    let ended = serve::run(config, at.path()).await.context("the gateway does not start")?;
    match (ended.failed, ended.drained) {
        (true, _) => Err(anyhow::anyhow!("a part of the gateway failed; the log says which").into()),
        (false, serve::Drained::Cut(left)) => {
            Err(anyhow::anyhow!("{left} tasks did not finish in time; the next start asks the rails").into())
        }
        (false, serve::Drained::Clean) => Ok(()),
    }
}
