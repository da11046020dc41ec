//! `paifang tenant`: storefronts and their API keys.

use anyhow::Context;
use paifang_payment::TenantId;
use paifang_store::{Store, Tenant};
use paifang_store_sqlite::SqliteStore;
use ring::rand::{SecureRandom, SystemRandom};

use crate::apikey::ApiKey;
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
        Command::New { name, at } => new(&at, &name).await,
        Command::List(at) => list(&at).await,
    }
}

async fn new(at: &Configured, name: &str) -> Result<(), Ended> {
    if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Ended::from(anyhow::anyhow!(
            "--name must be 1 to 100 characters without control characters"
        )));
    }
    let store = open(at)?;
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

async fn list(at: &Configured) -> Result<(), Ended> {
    for tenant in open(at)?.tenants().await.context("the store did not answer")? {
        say(format_args!("{}  {}  {}", tenant.id, tenant.created_at, tenant.name))?;
    }
    Ok(())
}

/// The store, for a command that runs beside no gateway.
pub(crate) fn open(at: &Configured) -> Result<SqliteStore, Ended> {
    let config = at.load()?;
    let store = SqliteStore::open(&config.store_path, now);
    Ok(store.with_context(|| format!("cannot open {}", config.store_path.display()))?)
}
