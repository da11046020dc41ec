//! What went wrong inside, and what the port calls it.

use paifang_store::StoreError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// How far an error of PostgreSQL reaches, before the commit was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The statement broke a rule of the schema.
    Rule,
    /// Somebody else was in the way: the same transaction may go through now.
    Again,
    /// The connection is gone, or its prepared statements no longer fit: a fresh one may do.
    Connection,
    /// Stored pages do not make sense.
    Damage,
    /// Anything else: the server is full, or we may not do this.
    Server,
}

/// Sorts an error of a statement.
pub(crate) fn reach(error: &Error) -> Reach {
    let Some(code) = error.code() else { return Reach::Connection };
    if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code) {
        return Reach::Again;
    }
    if [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED].contains(code) {
        return Reach::Damage;
    }
    // A cached plan whose result would have another type, and a statement that a pooler between us has forgotten.
    if [SqlState::FEATURE_NOT_SUPPORTED, SqlState::INVALID_SQL_STATEMENT_NAME].contains(code) {
        return Reach::Connection;
    }
    match code.code().get(..2) {
        // Broken constraints (our triggers among them), and values that do not fit their type.
        Some("23" | "22") => Reach::Rule,
        // Connection faults, and a server that goes down or has just come up.
        Some("08" | "57") if *code != SqlState::QUERY_CANCELED => Reach::Connection,
        _ => Reach::Server,
    }
}

/// Nothing was changed.
pub(crate) fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Some(Box::new(error)))
}

/// It may have been changed.
pub(crate) fn unknown(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::CommitUnknown(Box::new(error))
}

/// A broken rule in words that repeat no row: the server's detail does, its message names the rule.
pub(crate) fn broken(error: &Error) -> StoreError {
    let said = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    StoreError::Broken(said)
}

/// A read's error.
pub(crate) fn of_read(error: Error) -> StoreError {
    match reach(&error) {
        Reach::Damage => StoreError::Damaged("the server finds its pages damaged".to_owned()),
        Reach::Rule | Reach::Again | Reach::Connection | Reach::Server => unavailable(error),
    }
}

/// Something took longer than [`crate::PATIENCE`].
#[derive(Debug, thiserror::Error)]
#[error("the database did not answer in time")]
pub(crate) struct TooSlow;
