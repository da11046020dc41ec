//! The running gateway as a storefront reaches it: its address, its CA, and the storefront's key.

use std::path::{Path, PathBuf};

use anyhow::Context;
use paifang_client::Client;

/// Where the API key is read from; a key on a command line would be seen by everybody on the machine.
const KEY: &str = "PAIFANG_API_KEY";

/// Where the gateway is.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Reached {
    /// The gateway's address for storefronts, such as http://127.0.0.1:7443. The API key is read from $PAIFANG_API_KEY.
    #[arg(long)]
    gateway: String,
    /// The certificate of the gateway's CA, in PEM; an https address needs it.
    #[arg(long)]
    ca: Option<PathBuf>,
}

impl Reached {
    pub(super) async fn client(&self) -> anyhow::Result<Client> {
        client(&self.gateway, self.ca.as_deref()).await
    }
}

/// The gateway, as a storefront reaches it.
pub(super) async fn client(gateway: &str, ca: Option<&Path>) -> anyhow::Result<Client> {
    let key = std::env::var(KEY).with_context(|| format!("${KEY} must hold the storefront's API key"))?;
    let read =
        |file: &Path| std::fs::read_to_string(file).with_context(|| format!("--ca {}", file.display()));
    let ca = ca.map(read).transpose()?;
    Client::connect(gateway, &key, ca.as_deref()).await.context("--gateway")
}
