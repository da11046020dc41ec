//! `paifang serve`.

use anyhow::Context;
use paifang_store_sqlite::SqliteStore;

use crate::cli::{Configured, Ended};
use crate::grpc::GrpcOptions;
use crate::serve::{Drained, start_over, terminated};
use crate::{grpc, logging, world};

pub(crate) async fn run(at: &Configured) -> Result<(), Ended> {
    let config = at.load()?;
    logging::start(&config.log).context("logging cannot be set up")?;
    let store = SqliteStore::open(&config.store_path, world::now);
    let store = store.with_context(|| format!("cannot open {}", config.store_path.display()))?;
    let wait_ms_max = config.limits.wait_ms_max;
    let services = |core: &crate::core::Over<SqliteStore>, drain| {
        let options = GrpcOptions { wait_ms_max, ..GrpcOptions::new(drain) };
        grpc::router(core.clone(), options).map_err(Into::into)
    };
    let gateway = start_over(config, store, services).await.context("the gateway does not start")?;
    let failed = tokio::select! {
        stopped = terminated() => {
            stopped.context("signals are not handed over")?;
            false
        }
        () = gateway.failed() => true,
    };
    let drained = gateway.drain().await;
    match (failed, drained) {
        (true, _) => Err(anyhow::anyhow!("a server ended by itself").into()),
        (false, Drained::Cut(left)) => Err(anyhow::anyhow!("{left} tasks did not finish in time").into()),
        (false, Drained::Clean) => Ok(()),
    }
}
