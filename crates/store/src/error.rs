//! Why a store did not answer.

/// The store failed; whether a commit took place is unknown only where the variant says so.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is not reachable or is shutting down; nothing was changed.
    #[error("the store is not available")]
    Unavailable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// The commit may or may not have taken place: read again before deciding anything.
    #[error("the outcome of the commit is unknown")]
    CommitUnknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Stored bytes do not make sense; a fault to look at, never to skip.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    /// A rule of the schema refused the batch, which the caller should have kept; a fault of ours.
    #[error("the batch breaks a rule of the store: {0}")]
    Broken(String),
}
