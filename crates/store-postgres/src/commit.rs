//! One commit: `BEGIN` and all statements are sent without waiting for each other, the answers are looked at in order,
//! and then it is `COMMIT` or `ROLLBACK`: two round trips, however many statements.
//!
//! The first statement that does not do what it should decides the answer; what was sent behind it is rolled back with it.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use futures::future::{MaybeDone, maybe_done, try_join_all};
use paifang_store::{Committed, StoreError};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Statement};

use crate::fault::{self, Reach, reach};
use crate::step::{Step, Value, Wants};
use crate::value::{bytes, resource};

/// A transaction is tried so often before its caller is told that the store is not available.
const TRIES: u32 = 6;
/// The pause before the second try; each further one waits longer by as much.
const PAUSE: Duration = Duration::from_millis(4);

/// How one try ended.
enum Ended {
    /// With an answer.
    With(Result<Committed, StoreError>),
    /// Nothing was changed, and it may go through now.
    Again(Error),
}

/// Commits these statements.
pub(crate) async fn commit(pool: &Pool, steps: &[Step]) -> Result<Committed, StoreError> {
    let mut pause = Duration::ZERO;
    let mut tries = 1;
    loop {
        match try_once(pool, steps).await {
            Ended::With(answer) => return answer,
            Ended::Again(error) if tries == TRIES => return Err(fault::unavailable(error)),
            Ended::Again(_) => tries += 1,
        }
        pause += PAUSE;
        tokio::time::sleep(pause).await;
    }
}

/// A connection inside a transaction. Unless the transaction has ended, dropping it closes the connection: nobody else may
/// get one that is in the middle of something.
struct Busy(Option<Object>);

impl Busy {
    fn client(&self) -> Result<&Object, StoreError> {
        self.0.as_ref().ok_or(StoreError::Unavailable(None))
    }

    /// The transaction has ended; the connection may serve others.
    fn free(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

async fn try_once(pool: &Pool, steps: &[Step]) -> Ended {
    let object = match pool.get().await {
        Ok(object) => object,
        Err(error) => return Ended::With(Err(fault::unavailable(error))),
    };
    let busy = Busy(Some(object));
    match run(&busy, steps).await {
        Ok(()) => finish(busy).await,
        Err(Stop::Answer(answer)) => roll_back(busy, Ended::With(Ok(answer))).await,
        Err(Stop::Request(insert)) => known_request(busy, insert).await,
        Err(Stop::Error(error)) => match reach(&error) {
            Reach::Connection => Ended::Again(error),
            Reach::Again => roll_back(busy, Ended::Again(error)).await,
            Reach::Rule => roll_back(busy, Ended::With(Err(fault::broken(&error)))).await,
            Reach::Damage => roll_back(busy, Ended::With(Err(fault::of_read(error)))).await,
            Reach::Server => roll_back(busy, Ended::With(Err(fault::unavailable(error)))).await,
        },
        Err(Stop::Store(error)) => roll_back(busy, Ended::With(Err(error))).await,
    }
}

/// Why a batch is not committed.
enum Stop<'a> {
    /// The port has a word for it.
    Answer(Committed),
    /// The request id that this statement inserts was there before.
    Request(&'a Step),
    Error(Error),
    Store(StoreError),
}

impl From<Error> for Stop<'_> {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<StoreError> for Stop<'_> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Sends everything, and looks whether all of it did what it should.
async fn run<'a>(busy: &Busy, steps: &'a [Step]) -> Result<(), Stop<'a>> {
    let client = busy.client()?;
    let mut texts: Vec<&'static str> = steps.iter().map(|step| step.text).collect();
    texts.sort_unstable();
    texts.dedup();
    let prepared = try_join_all(texts.iter().map(|text| client.prepare_cached(text))).await?;
    let prepared: HashMap<&str, Statement> = texts.into_iter().zip(prepared).collect();
    let begin = Box::pin(async {
        client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED").await.map(|()| 0_u64)
    });
    let mut sent: Vec<Sent<'_>> = vec![Box::pin(maybe_done(begin as Running<'_>))];
    for step in steps {
        let Some(statement) = prepared.get(step.text) else { continue };
        let running = Box::pin(async move {
            let values: Vec<&(dyn ToSql + Sync)> = step.values.iter().map(as_sql).collect();
            client.execute(statement, &values).await
        });
        sent.push(Box::pin(maybe_done(running as Running<'_>)));
    }
    send(&mut sent).await;
    let mut answers = sent.into_iter();
    if let Some(begun) = answers.next() {
        taken(begun).await?;
    }
    for (step, answer) in steps.iter().zip(answers) {
        let rows = taken(answer).await?;
        match &step.wants {
            Wants::Anything => {}
            Wants::RowOr(_) | Wants::NewRequest | Wants::RowOrBroken(_) if rows > 0 => {}
            Wants::RowOr(answer) => return Err(Stop::Answer(answer.clone())),
            Wants::RowOrBroken(rule) => return Err(StoreError::Broken((*rule).to_owned()).into()),
            Wants::NewRequest => return Err(Stop::Request(step)),
        }
    }
    Ok(())
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<u64, Error>> + Send + 'a>>;
type Sent<'a> = Pin<Box<MaybeDone<Running<'a>>>>;

fn as_sql(value: &Value) -> &(dyn ToSql + Sync) {
    value
}

/// Polls each once, in order: that is when the driver sends it.
async fn send(sent: &mut [Sent<'_>]) {
    poll_fn(|context| {
        for one in sent.iter_mut() {
            let _ = one.as_mut().poll(context);
        }
        Poll::Ready(())
    })
    .await;
}

async fn taken(mut sent: Sent<'_>) -> Result<u64, Error> {
    sent.as_mut().await;
    sent.as_mut().take_output().unwrap_or(Ok(0))
}

/// What a request id that was there before stands for. Its row never changes, so it is read after the transaction, which
/// some statement behind the insert may have broken; the insert has waited for the row to be committed.
async fn known_request(busy: Busy, insert: &Step) -> Ended {
    match read_request(&busy, insert).await {
        Ok(answer) => {
            busy.free();
            Ended::With(Ok(answer))
        }
        Err(Stop::Error(error)) => match reach(&error) {
            Reach::Connection | Reach::Again => Ended::Again(error),
            Reach::Rule | Reach::Damage | Reach::Server => Ended::With(Err(fault::of_read(error))),
        },
        Err(Stop::Answer(answer)) => Ended::With(Ok(answer)),
        Err(Stop::Store(error)) => Ended::With(Err(error)),
        Err(Stop::Request(_)) => Ended::With(Err(StoreError::Unavailable(None))),
    }
}

async fn read_request<'a>(busy: &Busy, insert: &'a Step) -> Result<Committed, Stop<'a>> {
    let client = busy.client()?;
    // The values of the insert: tenant, operation, request id, fingerprint, resource.
    let [tenant, operation, request_id, fingerprint, ..] = insert.values.as_slice() else {
        return Err(StoreError::Broken("a request without its values".to_owned()).into());
    };
    client.batch_execute("ROLLBACK").await?;
    let text =
        "SELECT fingerprint, resource FROM request WHERE tenant = $1 AND operation = $2 AND request_id = $3";
    let statement = client.prepare_cached(text).await?;
    let row = client.query_one(&statement, &[tenant, operation, request_id]).await?;
    let first = bytes(&row, "fingerprint")?;
    match fingerprint {
        Value::Bytes(asked) if *asked == first => Ok(Committed::Replayed(resource(&row)?)),
        _ => Ok(Committed::RequestReused),
    }
}

async fn finish(busy: Busy) -> Ended {
    let client = match busy.client() {
        Ok(client) => client,
        Err(error) => return Ended::With(Err(error)),
    };
    match client.batch_execute("COMMIT").await {
        Ok(()) => {
            busy.free();
            Ended::With(Ok(Committed::Done))
        }
        // Only these say that the transaction was not committed; whatever else comes back, or nothing, may have followed
        // the commit (F24). The connection is not used again.
        Err(error) => match (error.code().is_some(), reach(&error)) {
            (true, Reach::Again) => Ended::Again(error),
            (true, Reach::Rule) => Ended::With(Err(fault::broken(&error))),
            _ => Ended::With(Err(fault::unknown(error))),
        },
    }
}

/// Ends a transaction that leaves no trace. Where that does not work, the connection is closed, which does it as well.
async fn roll_back(busy: Busy, ended: Ended) -> Ended {
    let rolled_back = match busy.client() {
        Ok(client) => client.batch_execute("ROLLBACK").await.is_ok(),
        Err(_) => false,
    };
    if rolled_back {
        busy.free();
    }
    ended
}
