//! Closes days of rail accounts for operators: fetches the rail's bill into a file without a name and holds it against our
//! books. It changes nothing.

use jiff::Timestamp;
use jiff::civil::Date;
use paifang_engine::statement::{DayReport, RailDay};
use paifang_payment::{AccountId, OrderNo};
use paifang_rail::{Exchange, StatementError, StatementWish};
use paifang_store::{Store, StoreError};
use paifang_transport::DownloadError;
use tokio::io::AsyncSeekExt;
use tokio::sync::Semaphore;

use crate::core::Over;
use crate::inquiries::{self, Found, Question};
use crate::outbound::RailTransport;
use crate::rails::{Bill, LocalRails, fresh_nonce};

/// What closing days needs. One day is closed at a time.
pub(crate) struct Bills<S> {
    engine: Over<S>,
    rails: LocalRails,
    transport: RailTransport,
    now: fn() -> Timestamp,
    turn: Semaphore,
}

/// A day that was closed.
#[derive(Debug)]
pub(crate) struct Closed {
    /// Which of the rail's bills.
    pub kind: &'static str,
    /// By the rail's word nothing moved that day, and there is no file.
    pub empty: bool,
    /// The comparison.
    pub report: DayReport,
}

/// Why a day was not closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotClosed {
    /// No such account.
    #[error("account: there is no rail account {0}")]
    NoAccount(AccountId),
    /// The adapter reads no bill.
    #[error("account: the bills of {0} cannot be read")]
    NoBills(AccountId),
    /// It is at an end of the calendar.
    #[error("day: there is no such day")]
    NoDay,
    /// Somebody else closes one.
    #[error("another day is being closed; try again when it is done")]
    Busy,
    /// The rail has no bill of it yet.
    #[error("the rail has no bill of that day yet: {0}")]
    NotYet(String),
    /// The rail could not be asked, or refused.
    #[error("the rail gave no bill: {0}")]
    Rail(String),
    /// It was asked, and the file did not come.
    #[error("the bill did not come: {0}")]
    Download(#[from] DownloadError),
    /// It came, and cannot be believed or read.
    #[error("the bill cannot be used: {0}")]
    Bill(#[from] StatementError),
    /// The file it is kept in.
    #[error("the bill cannot be kept: {0}")]
    File(#[from] std::io::Error),
    /// Our own store.
    #[error("the store does not answer")]
    Store(#[from] StoreError),
}

impl<S: Store> Bills<S> {
    pub(crate) fn new(
        engine: Over<S>,
        rails: LocalRails,
        transport: RailTransport,
        now: fn() -> Timestamp,
    ) -> Self {
        Self { engine, rails, transport, now, turn: Semaphore::new(1) }
    }

    /// Fetches the bill of a day and compares it with our books.
    ///
    /// # Errors
    /// When there is no bill that can be believed; nothing was changed.
    pub(crate) async fn close(&self, account: &AccountId, date: Date) -> Result<Closed, NotClosed> {
        let Ok(_turn) = self.turn.try_acquire() else { return Err(NotClosed::Busy) };
        let specs = self.rails.statements(account).ok_or_else(|| NotClosed::NoAccount(account.clone()))?;
        // The first one lists every movement of the account; those after it are other views.
        let spec = specs.first().ok_or_else(|| NotClosed::NoBills(account.clone()))?;
        let now = (self.now)();
        let day = RailDay::of(date, spec.cut_before_midnight_s).ok_or(NotClosed::NoDay)?;
        let inquiry_no =
            OrderNo::parse(&fresh_nonce()).map_err(|_| NotClosed::Rail("no inquiry number".into()))?;
        let wish = StatementWish { kind: spec.kind, day: date, inquiry_no };
        let question = Question::Statement(wish.clone());
        let asked = inquiries::ask(&self.rails, &self.transport, account, &question, now).await;
        let bill = match asked.map_err(NotClosed::Rail)? {
            Found::File { exchange, digest } => {
                Some(Bill { wish, file: self.fetch(account, exchange).await?, digest })
            }
            Found::NoMovements => None,
            Found::NotYet(code) => return Err(NotClosed::NotYet(code)),
            Found::Unsupported | Found::Keys(_) => return Err(NotClosed::NoBills(account.clone())),
        };
        // Our books after the bill: what it lists had its time to reach them.
        let closing = self.engine.close_day(account, day).await?;
        let empty = bill.is_none();
        let closing = match bill {
            Some(bill) => self.rails.read_statement(account, bill, closing, now).await?,
            None => closing,
        };
        let report = closing.finish();
        tracing::info!(%account, %date, breaks = report.break_count, lines = report.bill.count, "a day was closed");
        Ok(Closed { kind: spec.kind, empty, report })
    }

    /// The file, from its first byte; it has no name and is gone when it is dropped.
    async fn fetch(&self, account: &AccountId, exchange: Exchange) -> Result<std::fs::File, NotClosed> {
        let made = tokio::task::spawn_blocking(tempfile::tempfile).await.map_err(std::io::Error::other)?;
        let mut file = tokio::fs::File::from_std(made?);
        self.transport.download(account, exchange, &mut file).await?;
        file.rewind().await?;
        Ok(file.into_std().await)
    }
}
