//! What went wrong inside, and what the port calls it.

use std::error::Error;
use std::sync::Arc;

use paifang_store::StoreError;
use rusqlite::ErrorCode;

/// Why a statement or a row gave no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// SQLite said no.
    Sqlite(rusqlite::Error),
    /// What it said does not make sense, or a rule that the caller should have kept.
    Store(StoreError),
}

/// How far an error of SQLite reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The statement alone: it broke a rule.
    Statement,
    /// The transaction: nothing of it will be kept, the next one may go through.
    Transaction,
    /// The file: what is on the disk is no longer known.
    File,
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// A read's error in the port's words.
    pub fn of_read(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Sqlite(error) if is_decoding(&error) => StoreError::Damaged(error.to_string()),
            Self::Sqlite(error) => match reach(&error) {
                Reach::File if is_corruption(&error) => StoreError::Damaged(error.to_string()),
                Reach::Statement | Reach::Transaction | Reach::File => unavailable(error),
            },
        }
    }

    /// A write's error: the answer to its caller alone, or `Err` where the whole transaction is lost.
    pub fn of_write(self) -> Result<StoreError, rusqlite::Error> {
        match self {
            Self::Store(error) => Ok(error),
            Self::Sqlite(error) if is_decoding(&error) => Ok(StoreError::Damaged(error.to_string())),
            Self::Sqlite(error) => match reach(&error) {
                Reach::Statement => Ok(StoreError::Broken(error.to_string())),
                Reach::Transaction | Reach::File => Err(error),
            },
        }
    }
}

pub(crate) fn unavailable(error: impl Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Some(Box::new(error)))
}

pub(crate) fn unknown(error: &Arc<rusqlite::Error>) -> StoreError {
    StoreError::CommitUnknown(Box::new(Arc::clone(error)))
}

/// How far it reaches. What is not known to be harmless is taken for the worst (I15).
pub(crate) fn reach(error: &rusqlite::Error) -> Reach {
    let Some(code) = error.sqlite_error_code() else { return Reach::Statement };
    match code {
        ErrorCode::ConstraintViolation
        | ErrorCode::TooBig
        | ErrorCode::TypeMismatch
        | ErrorCode::ParameterOutOfRange
        | ErrorCode::Unknown => Reach::Statement,
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::OutOfMemory
        | ErrorCode::OperationAborted
        | ErrorCode::OperationInterrupted
        | ErrorCode::SchemaChanged
        | ErrorCode::DiskFull => Reach::Transaction,
        _ => Reach::File,
    }
}

fn is_decoding(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
    )
}

fn is_corruption(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}
