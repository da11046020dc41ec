//! `paifang tenant`: storefronts and their API keys.

use anyhow::Context;
use paifang_payment::TenantId;
use paifang_store::{Store, Tenant};
use ring::rand::{SecureRandom, SystemRandom};

use crate::apikey::ApiKey;
use crate::cli::opened::Opened;
use crate::cli::{Configured, Ended, say};
use crate::world::now;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a storefront; its API key is printed once, and only a hash of it is kept.
    New {
        /// What people call it; 1 to 100 characters.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        at: Configured,
    },
    /// List the storefronts.
    List(Configured),
}

pub(crate) async fn run(command: Command) -> Result<(), Ended> {
    match command {
        Command::New { name, at } => match Opened::at(&at).await? {
            Opened::File(store) => new(&store, &name).await,
            Opened::Database(store) => new(&store, &name).await,
        },
        Command::List(at) => match Opened::at(&at).await? {
            Opened::File(store) => list(&store).await,
            Opened::Database(store) => list(&store).await,
        },
    }
}

async fn new(store: &impl Store, name: &str) -> Result<(), Ended> {
    if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Ended::from(anyhow::anyhow!(
            "--name must be 1 to 100 characters without control characters"
        )));
    }
    let key = ApiKey::generate().context("no key could be made")?;
    let mut entropy = [0; 10];
    SystemRandom::new().fill(&mut entropy).map_err(|_| anyhow::anyhow!("the system gave no random bytes"))?;
    let created_at = now();
    let id = TenantId::from_parts(created_at, entropy);
    let tenant = Tenant { id, name: name.to_owned(), key_hash: key.hash(), created_at };
    let kept = store.add_tenant(&tenant).await.context("the store did not keep the tenant")?;
    if !kept {
        return Err(Ended::from(anyhow::anyhow!("this tenant exists already; nothing was changed")));
    }
    say(format_args!("{id}  {name}\n{}", key.expose()))
}

async fn list(store: &impl Store) -> Result<(), Ended> {
    for tenant in store.tenants().await.context("the store did not answer")? {
        say(format_args!("{}  {}  {}", tenant.id, tenant.created_at, tenant.name))?;
    }
    Ok(())
}
