//! Closes days of rail accounts for operators: fetches the rail's bill into a file without a name and holds it against our
//! books. It changes nothing.

use std::sync::Arc;

use jiff::civil::{Date, Time};
use jiff::tz::{TimeZone, offset};
use jiff::{Timestamp, ToSpan};
use paifang_engine::statement::{DayReport, RailDay};
use paifang_payment::{AccountId, OrderNo};
use paifang_rail::{Exchange, StatementError, StatementSpec, StatementWish};
use paifang_store::{Store, StoreError};
use paifang_transport::DownloadError;
use tokio::io::AsyncSeekExt;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::core::Over;
use crate::inquiries::{self, Found, Question, Unanswered};
use crate::outbound::RailTransport;
use crate::rails::{Bill, LocalRails, fresh_nonce};

/// What closing days needs. One day is closed at a time.
pub(crate) struct Bills<S> {
    engine: Over<S>,
    rails: LocalRails,
    transport: RailTransport,
    now: fn() -> Timestamp,
    turn: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// A day that was closed.
#[derive(Debug)]
pub(crate) struct Closed {
    /// Which of the rail's bills.
    pub kind: &'static str,
    /// By the rail's word nothing moved that day, and there is no file.
    pub empty: bool,
    /// Whether a signature of the rail stands behind the bill, or behind the word that there is none.
    pub signed: bool,
    /// The comparison.
    pub report: DayReport,
}

impl Closed {
    /// Whether bill and books say the same. That there is no file proves nothing by an unsigned word, unless the books
    /// have nothing either.
    pub fn is_equal(&self) -> bool {
        let believed = !self.empty || self.signed || self.report.is_complete();
        self.report.is_equal() && believed
    }
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
    /// The rail has no bill before this time.
    #[error("not yet: the rail has no bill of that day before {0}")]
    TooEarly(Timestamp),
    /// The rail keeps bills for so many days.
    #[error("day: the rail keeps bills for {0} days")]
    TooOld(u32),
    /// Somebody else closes one.
    #[error("another day is being closed; try again when it is done")]
    Busy,
    /// The rail has no bill of it yet.
    #[error("the rail has no bill of that day yet: {0}")]
    NotYet(String),
    /// The rail could not be asked, or refused.
    #[error("the rail gave no bill: {0}")]
    Rail(#[from] Unanswered),
    /// The adapter, or the closing itself, ended in a panic.
    #[error("the closing failed; the log says how")]
    Broken,
    /// The gateway goes down.
    #[error("the gateway is stopping; nothing was compared")]
    Stopping,
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
    /// Closings are counted among `tasks` and end when `stop` says so.
    pub(crate) fn new(
        engine: Over<S>,
        rails: LocalRails,
        transport: RailTransport,
        now: fn() -> Timestamp,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self { engine, rails, transport, now, turn: Arc::new(Semaphore::new(1)), tasks, stop }
    }

    /// Fetches the bill of a day and compares it with our books. Goes on to its end although nobody waits for it any more,
    /// and nobody else closes a day meanwhile.
    ///
    /// # Errors
    /// When there is no bill that can be believed; nothing was changed.
    pub(crate) async fn close(
        self: &Arc<Self>,
        account: &AccountId,
        date: Date,
    ) -> Result<Closed, NotClosed> {
        let turn = Arc::clone(&self.turn).try_acquire_owned().map_err(|_| NotClosed::Busy)?;
        let (bills, account) = (Arc::clone(self), account.clone());
        let work = self.tasks.spawn(async move {
            let _turn = turn;
            let closed = bills.stop.run_until_cancelled(bills.compare(&account, date)).await;
            closed.unwrap_or(Err(NotClosed::Stopping))
        });
        work.await.unwrap_or(Err(NotClosed::Broken))
    }

    async fn compare(&self, account: &AccountId, date: Date) -> Result<Closed, NotClosed> {
        let specs = self.rails.statements(account).ok_or_else(|| NotClosed::NoAccount(account.clone()))?;
        // The first one lists every movement of the account; those after it are other views.
        let spec = specs.first().ok_or_else(|| NotClosed::NoBills(account.clone()))?;
        let now = (self.now)();
        let day = RailDay::of(date, spec.cut_before_midnight_s).ok_or(NotClosed::NoDay)?;
        in_time(spec, date, now)?;
        let no_number = |_| Unanswered::Rail("no inquiry number".into());
        let inquiry_no = OrderNo::parse(&fresh_nonce()).map_err(no_number)?;
        let wish = StatementWish { kind: spec.kind, day: date, inquiry_no };
        let question = Question::Statement(wish.clone());
        let (bill, signed) =
            match inquiries::ask(&self.rails, &self.transport, account, &question, now).await? {
                Found::File { exchange, digest } => {
                    let signed = digest.is_some();
                    (Some(Bill { wish, file: self.fetch(account, exchange).await?, digest }), signed)
                }
                Found::NoMovements { signed } => (None, signed),
                Found::NotYet(code) => return Err(NotClosed::NotYet(code)),
                Found::Unsupported | Found::Keys(_) => return Err(NotClosed::NoBills(account.clone())),
            };
        // Our books after the bill: what it lists had its time to reach them.
        let closing = self.engine.close_day(account, day).await?;
        let empty = bill.is_none();
        let (closing, signed) = match bill {
            Some(bill) => {
                let read = self.rails.read_statement(account, bill, closing, now, self.stop.clone()).await;
                let (closing, proof) = read.ok_or(NotClosed::Broken)??;
                (closing, signed || proof.genuine.is_some())
            }
            None => (closing, signed),
        };
        let mut report = closing.finish();
        self.engine.look_up_breaks(&mut report).await?;
        tracing::info!(%account, %date, breaks = report.break_count, lines = report.bill.count, "a day was closed");
        Ok(Closed { kind: spec.kind, empty, signed, report })
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

/// Whether the rail has a bill of that day now: asking too early or too late only costs the account's rate.
fn in_time(spec: &StatementSpec, date: Date, now: Timestamp) -> Result<(), NotClosed> {
    let beijing = || TimeZone::fixed(offset(8));
    let hour = i8::try_from(spec.ready_hour).map_err(|_| NotClosed::NoDay)?;
    let ready = Time::new(hour, 0, 0, 0).and_then(|at| date.tomorrow()?.to_datetime(at).to_zoned(beijing()));
    let ready = ready.map_err(|_| NotClosed::NoDay)?.timestamp();
    if now < ready {
        return Err(NotClosed::TooEarly(ready));
    }
    let oldest = now.to_zoned(beijing()).date().checked_sub(i64::from(spec.window_days).days());
    match oldest {
        Ok(oldest) if date < oldest => Err(NotClosed::TooOld(spec.window_days)),
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use super::*;

    /// A bill is there from an hour of the next day on (Beijing), for so many days.
    #[test]
    fn a_bill_is_asked_for_in_its_time_only() {
        let spec = StatementSpec {
            kind: "trade",
            about: "",
            ready_hour: 9,
            cut_before_midnight_s: 0,
            window_days: 90,
        };
        let date: Date = "2026-11-20".parse().unwrap();
        let at = |now: &str| in_time(&spec, date, now.parse().unwrap());
        assert!(matches!(at("2026-11-20T04:00:00Z"), Err(NotClosed::TooEarly(_))));
        let told = at("2026-11-21T00:59:59Z").unwrap_err().to_string();
        assert_eq!(told, "not yet: the rail has no bill of that day before 2026-11-21T01:00:00Z");
        assert!(at("2026-11-21T01:00:00Z").is_ok());
        assert!(at("2027-02-18T15:59:59Z").is_ok());
        assert!(matches!(at("2027-02-18T16:00:00Z"), Err(NotClosed::TooOld(90))));
    }
}
