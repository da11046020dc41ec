//! Connecting: a server that keeps what it has acknowledged, a schema that we know, and the pool.

use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::address::Address;
use crate::grants;
use crate::migrate::{self, MIGRATIONS, MigrateError, Migration};

/// Connections of one gateway unless it is told otherwise.
pub const CONNECTIONS: usize = 16;

/// How long a connection is waited for, made, or looked at before it is used again.
const POOL_TIME: Duration = Duration::from_secs(10);

/// The oldest PostgreSQL whose behaviour this store is tested with.
const VERSION_MIN: u64 = 15_00_00;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The server does not answer, or does not let us in.
    #[error("{address} cannot be connected to")]
    Connect {
        /// Which one, without its password.
        address: String,
        /// Why.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The server's settings cannot be read.
    #[error("the server's settings cannot be read")]
    Unreadable(#[from] tokio_postgres::Error),
    /// A setting without which an acknowledged commit could be lost, or that we cannot work with.
    #[error("{setting} is {found}, must be {wanted}: {why}")]
    Unfit {
        /// Which setting.
        setting: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        wanted: &'static str,
        /// What would go wrong.
        why: &'static str,
    },
    /// The role may not do what a gateway does.
    #[error(
        "the role {role} lacks {lacking}: run grants.sql of this release for it, as the owner of the schema paifang"
    )]
    Lacks {
        /// The role that connects.
        role: String,
        /// Each grant that is missing.
        lacking: String,
    },
    /// The schema is not what we know.
    #[error(transparent)]
    Schema(#[from] MigrateError),
    /// The pool cannot be made; a fault of the build.
    #[error("the pool of connections cannot be made")]
    Pool(#[from] deadpool_postgres::BuildError),
    /// Called outside of a tokio runtime.
    #[error("the store needs a tokio runtime")]
    NoRuntime(#[from] tokio::runtime::TryCurrentError),
}

/// Checks the server, brings the schema up to date, and makes the pool.
pub(crate) async fn open(
    address: &Address,
    connections: usize,
    migrations: &[Migration],
) -> Result<Pool, OpenError> {
    let connected = address.config.connect(address.tls.clone()).await;
    let failed = |source| OpenError::Connect { address: address.to_string(), source };
    let (mut client, connection) = connected.map_err(failed)?;
    // It ends when the client is dropped; what it ends with, the client's calls have told.
    let driver = tokio::spawn(async move { drop(connection.await) });
    prepare(&client).await?;
    migrate::migrate(&mut client, migrations).await?;
    grants::check(&client).await?;
    drop(client);
    drop(driver.await);
    let manager = Manager::from_config(
        address.config.clone(),
        address.tls.clone(),
        ManagerConfig { recycling_method: RecyclingMethod::Fast },
    );
    let fit = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move { prepare(client).await.map_err(|error| HookError::message(error.to_string())) })
    });
    let pool = Pool::builder(manager)
        .max_size(connections.max(1))
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(POOL_TIME))
        .create_timeout(Some(POOL_TIME))
        .recycle_timeout(Some(POOL_TIME))
        .post_create(fit)
        .build()?;
    Ok(pool)
}

/// Bounds on the server's side, so that what a lost gateway has locked is free again soon, and the names that the
/// statements of this store mean.
const SESSION: &str = "
    SET search_path TO paifang;
    SET default_transaction_isolation TO 'read committed';
    SET statement_timeout TO '20s';
    SET lock_timeout TO '10s';
    SET idle_in_transaction_session_timeout TO '20s'";

const SETTINGS: &str = "
    SELECT current_setting('server_version_num'), current_setting('server_encoding'),
           pg_is_in_recovery()::text, current_setting('transaction_read_only'),
           current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')";

/// Looks at a fresh connection. Each one is looked at, since settings change while a server runs.
async fn prepare(client: &Client) -> Result<(), OpenError> {
    let answer = client.simple_query(SETTINGS).await?;
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let found: Vec<String> = (0..7)
        .map(|n| row.and_then(|row| row.try_get(n).ok().flatten()).unwrap_or_default().to_owned())
        .collect();
    judge(&found)?;
    client.batch_execute(SESSION).await?;
    Ok(())
}

fn judge(found: &[String]) -> Result<(), OpenError> {
    type Rule = (&'static str, &'static [&'static str], &'static str, &'static str);
    const RULES: [Rule; 6] = [
        ("server_encoding", &["UTF8"], "UTF8", "texts of rails are Chinese"),
        ("pg_is_in_recovery()", &["false"], "false", "a standby takes no writes and lags behind"),
        ("transaction_read_only", &["off"], "off", "the session takes no writes"),
        ("fsync", &["on"], "on", "a commit would not survive a power cut"),
        ("full_page_writes", &["on"], "on", "a page that is half written would stay so"),
        // The stronger value waits for a standby as well.
        (
            "synchronous_commit",
            &["on", "remote_apply"],
            "on",
            "a commit would be acknowledged before it is durable",
        ),
    ];
    let text = |n: usize| found.get(n).cloned().unwrap_or_default();
    if text(0).parse().unwrap_or(0) < VERSION_MIN {
        let why = "this store is made for it and later ones";
        return Err(OpenError::Unfit {
            setting: "server_version_num",
            found: text(0),
            wanted: "150000",
            why,
        });
    }
    for (n, (setting, allowed, wanted, why)) in RULES.into_iter().enumerate() {
        if !allowed.contains(&text(n + 1).as_str()) {
            return Err(OpenError::Unfit { setting, found: text(n + 1), wanted, why });
        }
    }
    Ok(())
}

/// The changes of this release.
pub(crate) const fn migrations() -> &'static [Migration] {
    MIGRATIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIT: [&str; 7] = ["150008", "UTF8", "false", "off", "on", "on", "on"];

    fn judged(changed: usize, to: &str) -> Result<(), OpenError> {
        let mut found = FIT.map(str::to_owned);
        found[changed] = to.to_owned();
        judge(&found)
    }

    /// F25, I3: a server that may lose what it acknowledged is not used, and neither is one that we do not understand.
    #[test]
    fn f25_every_setting_is_judged() {
        assert!(judged(0, "170002").is_ok() && judged(6, "remote_apply").is_ok());
        let unfit = [
            (0, "140011"),
            (0, ""),
            (1, "SQL_ASCII"),
            (2, "true"),
            (3, "on"),
            (4, "off"),
            (5, "off"),
            (6, "off"),
            (6, "local"),
            (6, "remote_write"),
            (6, ""),
        ];
        for (n, value) in unfit {
            assert!(matches!(judged(n, value), Err(OpenError::Unfit { .. })), "{n} {value}");
        }
        assert!(judge(&[]).is_err());
    }
}
