//! Bringing the schema up to date: each change in one transaction together with its version, under a lock that lets one
//! replica do it while the others wait. Killed halfway, nothing of it is there (F31).
//!
//! While replicas are replaced one by one, the new release changes the schema under the old one. So each change says the
//! oldest release (by the schema it knows) that may still run on it: a change that only adds something says an old number,
//! one that takes something away says its own. A release starts on a newer schema unless a change says that it must not.
//! What is written into journals and accounts is no schema: a new kind of fact or account has to be read by one release before
//! the next one writes it. The first release reads all there are.

use tokio_postgres::{Client, Transaction};

/// One change of the schema; number `n` leads from version `n - 1` to `n`. Never edited once released.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    pub text: &'static str,
    /// The oldest schema that a release must know to run on this one.
    pub needs: i64,
}

/// All changes, oldest first.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { text: include_str!("schema/0001_first.sql"), needs: 1 },
    Migration { text: include_str!("schema/0002_history.sql"), needs: 1 },
    Migration { text: include_str!("schema/0003_rules.sql"), needs: 1 },
    // A release that knows no divisions would take and refund divided payments without dividing them.
    Migration { text: include_str!("schema/0004_funds.sql"), needs: 4 },
    Migration { text: include_str!("schema/0005_guards.sql"), needs: 4 },
    // A release that knows no orders without credit would repeat them with it, and keep a refund's reason from its row.
    Migration { text: include_str!("schema/0006_bulk.sql"), needs: 6 },
    Migration { text: include_str!("schema/0007_accounts.sql"), needs: 6 },
    // A release that knows no events of funds cannot read a stream that has one.
    Migration { text: include_str!("schema/0008_funds_events.sql"), needs: 8 },
];

/// Why the schema could not be brought up to date. Nothing was changed by the step that failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The schema `paifang` is somebody else's.
    #[error("the database has a schema \"paifang\" that is not ours")]
    Foreign,
    /// A later release has changed the schema in a way that this one cannot live with.
    #[error(
        "the schema is {found} and needs a release that knows {needs}, this one knows {known}; use a later release"
    )]
    Newer {
        /// The database's schema.
        found: i64,
        /// What a release must know at least.
        needs: i64,
        /// The last one that we know.
        known: i64,
    },
    /// PostgreSQL refuses it.
    #[error("the schema cannot be brought up to date")]
    Postgres(#[from] tokio_postgres::Error),
}

/// "PAIF", migrate.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1346456902, 1)";

const BOOKKEEPING: &str = "
    CREATE TABLE IF NOT EXISTS paifang.migration (
        version    bigint      PRIMARY KEY CHECK (version >= 1),
        needs      bigint      NOT NULL CHECK (needs BETWEEN 1 AND version),
        applied_at timestamptz NOT NULL DEFAULT now()
    )";

/// Applies what is missing.
pub(crate) async fn migrate(client: &mut Client, migrations: &[Migration]) -> Result<(), MigrateError> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    for (version, migration) in (1..).zip(migrations) {
        if is_up_to_date(client, known).await? {
            return Ok(());
        }
        let change = client.transaction().await?;
        apply(&change, version, *migration).await?;
        change.commit().await?;
    }
    is_up_to_date(client, known).await.map(drop)
}

/// Needs no right but to read, so a role that may not change the schema can start on one that is up to date.
async fn is_up_to_date(client: &Client, known: i64) -> Result<bool, MigrateError> {
    // Of one snapshot: functions such as `to_regclass` may answer what this connection found before.
    let there =
        "SELECT EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = ours.oid AND relname = 'migration'),
                        EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = ours.oid)
                   FROM (SELECT (SELECT oid FROM pg_namespace WHERE nspname = 'paifang')) AS ours (oid)";
    let row = client.query_one(there, &[]).await?;
    match (row.try_get(0)?, row.try_get(1)?) {
        (false, true) => return Err(MigrateError::Foreign),
        (false, false) => return Ok(false),
        (true, _) => {}
    }
    let row = client
        .query_one("SELECT coalesce(max(version), 0), coalesce(max(needs), 0) FROM paifang.migration", &[])
        .await?;
    let (found, needs): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    if needs > known {
        return Err(MigrateError::Newer { found, needs, known });
    }
    Ok(found >= known)
}

async fn apply(change: &Transaction<'_>, version: i64, migration: Migration) -> Result<(), MigrateError> {
    change.batch_execute("SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = 0").await?;
    change.batch_execute(LOCK).await?;
    // A read of the table: `to_regnamespace` may still answer what this connection found before it waited for the lock.
    let there = "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'paifang')";
    let row = change.query_one(there, &[]).await?;
    if !row.try_get::<_, bool>(0)? {
        change.batch_execute("CREATE SCHEMA paifang").await?;
    }
    change.batch_execute(BOOKKEEPING).await?;
    let done = "SELECT EXISTS (SELECT 1 FROM paifang.migration WHERE version = $1)";
    if change.query_one(done, &[&version]).await?.try_get(0)? {
        // Another replica was first.
        return Ok(());
    }
    change.batch_execute(migration.text).await?;
    let keep = "INSERT INTO paifang.migration (version, needs) VALUES ($1, $2)";
    change.execute(keep, &[&version, &migration.needs]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use paifang_conformance::postgres::Server;
    use tokio_postgres::NoTls;

    use super::*;

    async fn connect(server: &Server, database: &str) -> Client {
        let (client, connection) = tokio_postgres::connect(&server.url(database), NoTls).await.unwrap();
        tokio::spawn(async move { drop(connection.await) });
        client
    }

    const FIRST: Migration = Migration { text: "CREATE TABLE paifang.a (b int)", needs: 1 };
    const SECOND: Migration = Migration { text: "ALTER TABLE paifang.a ADD COLUMN c int", needs: 1 };
    const BROKEN: Migration = Migration {
        text: "ALTER TABLE paifang.a ADD COLUMN c int; ALTER TABLE paifang.a ADD COLUMN c int",
        needs: 1,
    };

    /// F31: a change that ends halfway leaves what was there before it; the next start goes on from there.
    #[tokio::test]
    async fn f31_a_change_is_whole_or_not_at_all() {
        let server = Server::start(&[]).unwrap();
        let name = server.database(None).unwrap();
        let mut client = connect(&server, &name).await;
        let state = || {
            let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'a'";
            let version = "SELECT max(version) FROM paifang.migration";
            (server.say(&name, columns).unwrap(), server.say(&name, version).unwrap())
        };
        assert!(migrate(&mut client, &[FIRST, BROKEN]).await.is_err());
        assert_eq!(state(), ("1".to_owned(), "1".to_owned()));
        migrate(&mut client, &[FIRST]).await.unwrap();
        migrate(&mut client, &[FIRST, SECOND]).await.unwrap();
        migrate(&mut client, &[FIRST, SECOND]).await.unwrap();
        assert_eq!(state(), ("2".to_owned(), "2".to_owned()));
        migrate(&mut client, &[FIRST]).await.expect("an older release lives with what was only added");
    }

    /// F31: the process that makes the change is killed in the middle of it.
    #[tokio::test]
    async fn f31_killed_in_the_middle_leaves_nothing() {
        let server = Server::start(&[]).unwrap();
        let name = server.database(None).unwrap();
        let mut client = connect(&server, &name).await;
        migrate(&mut client, &[FIRST]).await.unwrap();
        let blocker = connect(&server, &name).await;
        blocker.batch_execute("BEGIN; LOCK TABLE paifang.a").await.unwrap();
        let stuck = Migration {
            text: "CREATE TABLE paifang.d (e int); ALTER TABLE paifang.a ADD COLUMN c int",
            needs: 2,
        };
        let changing = tokio::spawn(async move { migrate(&mut client, &[FIRST, stuck]).await.map_err(drop) });
        let waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        let pid = loop {
            let pid = server.say(&name, waiting).unwrap();
            if !pid.is_empty() {
                break pid;
            }
            tokio::task::yield_now().await;
        };
        server.say(&name, &format!("SELECT pg_terminate_backend({pid})")).unwrap();
        assert_eq!(changing.await.unwrap(), Err(()));
        blocker.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(server.say(&name, "SELECT to_regclass('paifang.d') IS NULL").unwrap(), "t");
        let mut client = connect(&server, &name).await;
        migrate(&mut client, &[FIRST, stuck]).await.unwrap();
        let version = "SELECT max(version), max(needs) FROM paifang.migration";
        assert_eq!(server.say(&name, version).unwrap(), "2|2");
        let refused = migrate(&mut client, &[FIRST]).await;
        assert!(matches!(refused, Err(MigrateError::Newer { found: 2, needs: 2, known: 1 })), "{refused:?}");
    }
}
