//! Notifications: POSTed at once, then again on the rail's own schedule until acknowledged in the rail's own words.
//!
//! Waiting happens on the rails' [`Clock`], so that a day of retries passes in a test without a pause. Each delivery is
//! kept with its tries. The worker is one owned task; it starts at most [`IN_FLIGHT_MAX`] POSTs at a time. Plain HTTP
//! only, redirects are not followed (no rail does).

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::rt::TokioExecutor;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::{locked, tls};

/// How many deliveries are remembered; the oldest gives way.
pub const DELIVERIES_MAX: usize = 2_000;
/// How many notices may wait for the worker to pick them up.
pub const QUEUE_MAX: usize = 1_024;
/// How many POSTs run at once.
pub const IN_FLIGHT_MAX: usize = 16;
/// How long one try may take, in real time.
pub const TRY_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Renders one try of a notice: the number of the try (1 is the first) and the rails' time.
pub type Render = Box<dyn Fn(u32, Timestamp) -> HttpMessage + Send + Sync>;

/// What is POSTed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpMessage {
    /// Header fields, content type among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// One notification to deliver.
pub struct Notice {
    /// What it is about, for the record: `paid ORDER`, `refund REFUND`.
    pub key: String,
    /// Where to: an absolute `http://` URL.
    pub url: String,
    /// The gaps between one try and the next; so there are at most one more tries than gaps.
    pub schedule: &'static [Duration],
    /// Makes the message of each try, so that times and signatures can be fresh.
    pub render: Render,
    /// Whether this HTTP status and body acknowledge the notice.
    pub acknowledged: fn(u16, &[u8]) -> bool,
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notice").field("key", &self.key).field("url", &self.url).finish_non_exhaustive()
    }
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Will be tried (again).
    Pending,
    /// Acknowledged: no further try.
    Acknowledged,
    /// The schedule ran out, or the worker's queue was full.
    GivenUp,
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Try {
    /// When, in the rails' time.
    pub at: Timestamp,
    /// HTTP status of the answer, if one came.
    pub status: Option<u16>,
    /// The beginning of the answer's body, or why none came.
    pub answer: String,
    /// Whether it was an acknowledgement.
    pub acknowledged: bool,
}

/// A notice and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Number of the delivery at this rail, from 1.
    pub id: u64,
    /// See [`Notice::key`].
    pub key: String,
    /// See [`Notice::url`].
    pub url: String,
    /// How it stands.
    pub state: DeliveryState,
    /// The tries so far.
    pub tries: Vec<Try>,
    /// When the next try is due, in the rails' time; `None` when there is none.
    pub next_try_at: Option<Timestamp>,
    /// The body of the last try (lossy text), so that a test can look at what was sent.
    pub last_body: String,
}

/// The handle of a rail's notifications; clones share them.
#[derive(Clone, Debug)]
pub struct Notifier {
    records: Arc<Records>,
    queue: mpsc::Sender<Order>,
}

/// Sends what its [`Notifier`] accepts; see [`NotifierWorker::run`].
#[derive(Debug)]
pub struct NotifierWorker {
    records: Arc<Records>,
    queue: mpsc::Receiver<Order>,
    clock: Clock,
}

#[derive(Debug)]
struct Order {
    id: u64,
    notice: Notice,
    first_try_done: oneshot::Sender<()>,
}

#[derive(Debug)]
struct Records {
    clock: Clock,
    deliveries: Mutex<Deliveries>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Deliveries {
    last_id: u64,
    kept: VecDeque<Delivery>,
}

impl Notifier {
    /// A notifier and its worker.
    pub fn new(clock: Clock) -> (Self, NotifierWorker) {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        let records = Arc::new(Records {
            clock: clock.clone(),
            deliveries: Mutex::default(),
            changed: watch::Sender::new(()),
        });
        let worker = NotifierWorker { records: records.clone(), queue: receiver, clock };
        (Self { records, queue: sender }, worker)
    }

    /// Hands a notice over; the first try is made at once.
    pub fn post(&self, notice: Notice) {
        self.enqueue(notice);
    }

    /// Hands a notice over and returns when its first try is over, whatever came of it.
    pub async fn post_and_wait(&self, notice: Notice) {
        // An error means that the worker is gone or has no room; the record says so.
        let _ = self.enqueue(notice).await;
    }

    fn enqueue(&self, notice: Notice) -> oneshot::Receiver<()> {
        let (first_try_done, waiting) = oneshot::channel();
        let id = self.records.open(&notice);
        if self.queue.try_send(Order { id, notice, first_try_done }).is_err() {
            tracing::warn!(delivery = id, "notification not sent: the queue is full or closed");
            self.records.change(id, |delivery| {
                delivery.state = DeliveryState::GivenUp;
                delivery.next_try_at = None;
            });
        }
        waiting
    }

    /// All remembered deliveries, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        locked(&self.records.deliveries).kept.iter().cloned().collect()
    }

    /// Waits until the deliveries are as `wanted`, and returns them. Bound it with a timeout.
    pub async fn until(&self, wanted: impl Fn(&[Delivery]) -> bool) -> Vec<Delivery> {
        let mut changed = self.records.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let deliveries = self.deliveries();
            if wanted(&deliveries) {
                return deliveries;
            }
            // The sender lives in `self.records`, so this cannot fail while we wait.
            let _ = changed.changed().await;
        }
    }
}

impl Records {
    fn open(&self, notice: &Notice) -> u64 {
        let id = {
            let mut all = locked(&self.deliveries);
            all.last_id += 1;
            let id = all.last_id;
            if all.kept.len() == DELIVERIES_MAX {
                all.kept.pop_front();
            }
            all.kept.push_back(Delivery {
                id,
                key: notice.key.clone(),
                url: notice.url.clone(),
                state: DeliveryState::Pending,
                tries: Vec::new(),
                next_try_at: Some(self.clock.now()),
                last_body: String::new(),
            });
            id
        };
        self.changed.send_replace(());
        id
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Delivery)) {
        if let Some(delivery) = locked(&self.deliveries).kept.iter_mut().find(|d| d.id == id) {
            change(delivery);
        }
        self.changed.send_replace(());
    }
}

impl NotifierWorker {
    /// The next notice that waits to be sent, which it then leaves to the caller: a simulator carries notices itself, and
    /// keeps to their schedules in its own time.
    pub fn take(&mut self) -> Option<Notice> {
        self.queue.try_recv().ok().map(|order| order.notice)
    }

    /// Runs until its notifier and all clones are gone. Dropping this future ends all deliveries.
    ///
    /// Over https it trusts nobody; [`crate::MockRails`] trusts its own CA.
    pub async fn run(self) {
        match tls::connector(&[]) {
            Ok(connector) => self.run_with(connector).await,
            Err(error) => tracing::error!(%error, "notifications cannot be sent"),
        }
    }

    /// The same over these connections.
    pub async fn run_with<C: Connect + Clone + Send + Sync + 'static>(mut self, connector: C) {
        let http = Client::builder(TokioExecutor::new()).http1_title_case_headers(true).build(connector);
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                order = self.queue.recv() => match order {
                    Some(order) => {
                        let courier = Courier {
                            records: self.records.clone(),
                            clock: self.clock.clone(),
                            http: http.clone(),
                            in_flight: in_flight.clone(),
                        };
                        running.spawn(courier.deliver(order));
                    }
                    None => return,
                },
                Some(_) = running.join_next() => {}
            }
        }
    }
}

/// Delivers one notice, try by try.
struct Courier<C> {
    records: Arc<Records>,
    clock: Clock,
    http: Client<C, Full<Bytes>>,
    in_flight: Arc<Semaphore>,
}

impl<C: Connect + Clone + Send + Sync + 'static> Courier<C> {
    async fn deliver(self, order: Order) {
        let Order { id, notice, first_try_done } = order;
        let mut first_try_done = Some(first_try_done);
        let mut gaps = notice.schedule.iter();
        let mut number: u32 = 0;
        loop {
            number = number.saturating_add(1);
            let at = self.clock.now();
            let message = (notice.render)(number, self.clock.signing_now());
            let body = String::from_utf8_lossy(&message.body).into_owned();
            let answer = self.send(&notice.url, message).await;
            let made = judge(at, answer, notice.acknowledged);
            let done = made.acknowledged;
            // Counted from the end of the try, so that a standing clock that jumps a day finds the tries one by one.
            let next = gaps.next().filter(|_| !done).map(|gap| after(self.clock.now(), *gap));
            self.records.change(id, |delivery| {
                delivery.tries.push(made);
                delivery.last_body = body;
                delivery.next_try_at = next;
                delivery.state = match (done, next) {
                    (true, _) => DeliveryState::Acknowledged,
                    (false, Some(_)) => DeliveryState::Pending,
                    (false, None) => DeliveryState::GivenUp,
                };
            });
            if let Some(waiting) = first_try_done.take() {
                // Nobody waits for a notice that was only posted.
                let _ = waiting.send(());
            }
            match next {
                Some(due) => self.clock.sleep_until(due).await,
                None => return,
            }
        }
    }

    async fn send(&self, url: &str, message: HttpMessage) -> Result<(u16, Bytes), String> {
        let request = post_request(url, message)?;
        let _slot = self.in_flight.acquire().await.map_err(|e| e.to_string())?;
        let exchange = async {
            let response = self.http.request(request).await.map_err(|e| format!("no answer: {e}"))?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            Ok((status, body.map_err(|e| format!("answer cut short: {e}"))?.to_bytes()))
        };
        match tokio::time::timeout(TRY_TIMEOUT, exchange).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {} s", TRY_TIMEOUT.as_secs())),
        }
    }
}

fn post_request(url: &str, message: HttpMessage) -> Result<Request<Full<Bytes>>, String> {
    let uri: Uri = url.parse().map_err(|e| format!("not a URL: {e}"))?;
    let mut request = Request::new(Full::new(Bytes::from(message.body)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    for (name, value) in message.headers {
        let name = HeaderName::try_from(name).map_err(|e| format!("header name: {e}"))?;
        let value = HeaderValue::from_str(&value).map_err(|e| format!("header value: {e}"))?;
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

fn judge(at: Timestamp, answer: Result<(u16, Bytes), String>, acknowledged: fn(u16, &[u8]) -> bool) -> Try {
    match answer {
        Ok((status, body)) => Try {
            at,
            status: Some(status),
            answer: String::from_utf8_lossy(&body).chars().take(200).collect(),
            acknowledged: acknowledged(status, &body),
        },
        Err(why) => Try { at, status: None, answer: why, acknowledged: false },
    }
}

fn after(t: Timestamp, gap: Duration) -> Timestamp {
    let gap = SignedDuration::try_from(gap).unwrap_or(SignedDuration::MAX);
    t.saturating_add(gap).unwrap_or(Timestamp::MAX)
}
