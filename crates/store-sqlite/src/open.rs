//! Opening the file: one process, settings that make a commit durable, a schema that we know.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

/// Why a store cannot be opened. The file was not changed, but for the schema of an earlier release.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its lock file cannot be made or opened.
    #[error("{path} cannot be opened")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process, or another store in this one, has it.
    #[error("{path} is in use by another process; one file serves one gateway")]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// SQLite cannot read or prepare it.
    #[error("SQLite cannot open the store")]
    Sqlite(#[from] rusqlite::Error),
    /// A database of something else.
    #[error("the file is a database of another program")]
    Foreign,
    /// Written by a later release.
    #[error("the file has schema {found}, this release knows {known}; use a later release")]
    Newer {
        /// The file's schema.
        found: i64,
        /// The last one that we know.
        known: i64,
    },
    /// A setting without which a commit would not survive did not take.
    #[error("{setting} is {found}; commits would not be durable")]
    NotDurable {
        /// Which setting.
        setting: &'static str,
        /// What it is instead.
        found: String,
    },
    /// Rows of an earlier release refer to rows that are not there, so its schema was not changed.
    #[error("{rows} rows refer to rows that are not there")]
    Dangling {
        /// How many.
        rows: i64,
    },
    /// A thread could not be started.
    #[error("a thread of the store cannot be started")]
    Thread(#[source] io::Error),
}

/// Every schema, oldest first; number `n` leads from version `n - 1` to `n`. Never edited once released.
const SCHEMAS: &[&str] = &[
    include_str!("schema/0001_first.sql"),
    include_str!("schema/0002_holds.sql"),
    include_str!("schema/0003_history.sql"),
    include_str!("schema/0004_rules.sql"),
    include_str!("schema/0005_funds.sql"),
    include_str!("schema/0006_guards.sql"),
    include_str!("schema/0007_bulk.sql"),
    include_str!("schema/0008_accounts.sql"),
    include_str!("schema/0009_funds_events.sql"),
];

/// "PAIF": tells our files from other databases.
const APPLICATION_ID: i64 = 0x5041_4946;

/// WAL pages between checkpoints; 1,000, SQLite's default, makes commits wait far more often.
const CHECKPOINT_PAGES: i64 = 16_000;

/// A log that has grown beyond this is cut back once it is empty.
const LOG_BYTES: i64 = 128 * 1024 * 1024;

/// How long a statement waits for a lock of somebody who looks into the file by hand.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Prepared statements kept per connection.
const STATEMENTS: usize = 96;

/// Keeps the file ours until the last thread has closed its connection.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// A file that is ours, with its schema up to date and all leases free.
pub(crate) struct Opened {
    pub path: PathBuf,
    pub lock: Lock,
    pub writer: Connection,
}

pub(crate) fn open(path: &Path) -> Result<Opened, OpenError> {
    let path = create(path)?;
    let lock = lock(&path)?;
    let mut writer = Connection::open_with_flags(
        &path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    writer.busy_timeout(BUSY_WAIT)?;
    check_ours(&writer)?;
    make_durable(&writer)?;
    migrate(&mut writer, SCHEMAS)?;
    writer.execute(
        "UPDATE work SET leased_until = NULL, owner = NULL, epoch = epoch + 1 WHERE leased_until IS NOT NULL",
        [],
    )?;
    writer.execute(
        "UPDATE bulk SET leased_until = NULL, owner = NULL, epoch = epoch + 1 WHERE leased_until IS NOT NULL",
        [],
    )?;
    Ok(Opened { path, lock, writer })
}

pub(crate) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = Connection::open_with_flags(path, flags)?;
    reader.busy_timeout(BUSY_WAIT)?;
    reader.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(reader)
}

/// Makes the file if it is not there, readable for us only, and answers its one true path.
fn create(path: &Path) -> Result<PathBuf, OpenError> {
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    let is_new = !path.exists();
    owned().open(path).map_err(failed)?;
    let path = path.canonicalize().map_err(failed)?;
    if let (true, Some(directory)) = (is_new, path.parent()) {
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
    }
    Ok(path)
}

fn lock(path: &Path) -> Result<Lock, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let failed = |source| OpenError::File { path: lock_path.clone(), source };
    let file = owned().open(&lock_path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(OpenError::Taken { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn owned() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Looked at before anything is set, so that a foreign file stays as it is.
fn check_ours(connection: &Connection) -> Result<(), OpenError> {
    let version = pragma(connection, "user_version")?;
    let application = pragma(connection, "application_id")?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_empty = version == 0 && application == 0 && tables == 0;
    if !is_empty && application != APPLICATION_ID {
        return Err(OpenError::Foreign);
    }
    if version > known() {
        return Err(OpenError::Newer { found: version, known: known() });
    }
    Ok(())
}

fn make_durable(connection: &Connection) -> Result<(), OpenError> {
    let journal: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if journal != "wal" {
        return Err(OpenError::NotDurable { setting: "journal_mode", found: journal });
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    for (setting, wanted) in [("synchronous", 2), ("foreign_keys", 1)] {
        let found = pragma(connection, setting)?;
        if found != wanted {
            return Err(OpenError::NotDurable { setting, found: found.to_string() });
        }
    }
    // On systems where a plain fsync does not reach the medium, SQLite has a stronger one.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
    // A savepoint that outgrows its memory would need a file, and the lack of one would look like a failing disk.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A removed submission speaks of a payer: its bytes are overwritten where that costs no further page.
    connection.pragma_update_and_check(None, "secure_delete", "FAST", |_| Ok(()))?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// Whole or not at all, the version included (F31). A table that is made anew is away for a moment, so references between
/// tables are checked at the end of the change instead of in it.
fn migrate(connection: &mut Connection, schemas: &[&str]) -> Result<(), OpenError> {
    let last = i64::try_from(schemas.len()).unwrap_or(i64::MAX);
    if pragma(connection, "user_version")? >= last {
        return Ok(());
    }
    connection.pragma_update(None, "foreign_keys", false)?;
    let changed = change_schema(connection, schemas, last);
    connection.pragma_update(None, "foreign_keys", true)?;
    let found = pragma(connection, "foreign_keys")?;
    if found != 1 {
        return Err(OpenError::NotDurable { setting: "foreign_keys", found: found.to_string() });
    }
    changed
}

fn change_schema(connection: &mut Connection, schemas: &[&str], last: i64) -> Result<(), OpenError> {
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = pragma(&change, "user_version")?;
    let done = usize::try_from(version).unwrap_or(0);
    for schema in schemas.iter().skip(done) {
        change.execute_batch(schema)?;
    }
    let broken: i64 =
        change.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
    if broken > 0 {
        return Err(OpenError::Dangling { rows: broken });
    }
    change.pragma_update(None, "application_id", APPLICATION_ID)?;
    change.pragma_update(None, "user_version", last)?;
    Ok(change.commit()?)
}

fn known() -> i64 {
    i64::try_from(SCHEMAS.len()).unwrap_or(i64::MAX)
}

fn pragma(connection: &Connection, name: &str) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(connection: &Connection) -> i64 {
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap()
    }

    /// F31: a migration that ends halfway leaves the file as it was; the next one goes on from there.
    #[test]
    fn a_migration_is_whole_or_not_at_all() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert!(migrate(&mut connection, &["CREATE TABLE a (b)", "CREATE TABLE a (b)"]).is_err());
        assert_eq!((tables(&connection), pragma(&connection, "user_version").unwrap()), (0, 0));
        migrate(&mut connection, &["CREATE TABLE a (b)"]).unwrap();
        assert_eq!((tables(&connection), pragma(&connection, "user_version").unwrap()), (1, 1));
        migrate(&mut connection, &["CREATE TABLE a (b)", "ALTER TABLE a ADD COLUMN c"]).unwrap();
        migrate(&mut connection, &["CREATE TABLE a (b)", "ALTER TABLE a ADD COLUMN c"]).unwrap();
        assert_eq!((tables(&connection), pragma(&connection, "user_version").unwrap()), (1, 2));
    }

    /// A commit is durable or the store does not open.
    #[test]
    fn a_store_without_a_log_is_not_durable() {
        let refused = make_durable(&Connection::open_in_memory().unwrap());
        assert!(matches!(refused, Err(OpenError::NotDurable { setting: "journal_mode", .. })), "{refused:?}");
    }
}
