//! HTTP/1.1 over loopback by hand: requests go out exactly as the adapter wrote them, names of headers arrive in the case
//! in which they were sent, and a connection that was dropped is told apart from an answer.

use std::time::Duration;

use paifang_rail::{Exchange, HttpReply, RawNotification, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

/// How long anything may take before a check fails, in real time.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Largest message that is read, bytes.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// How many notifications wait for a check to look at them.
const INBOX_MAX: usize = 64;

/// No answer came: the connection ended first. Whether the request was carried out is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

/// Sends an exchange, over plain HTTP and to this machine only.
///
/// # Errors
/// When the connection ends without an answer.
///
/// # Panics
/// When the URL is not `http://HOST:PORT/...`, or nobody listens there.
pub async fn send(exchange: &Exchange) -> Result<Reply, Lost> {
    let headers: Vec<_> = exchange.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    round_trip(exchange.method.as_str(), &exchange.url, &headers, &exchange.body).await
}

pub(super) async fn round_trip(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Reply, Lost> {
    let rest = url.strip_prefix("http://").expect("the kit speaks plain HTTP");
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(at);
    let slash = if target.starts_with('/') { "" } else { "/" };
    let mut head = format!("{method} {slash}{target} HTTP/1.1\r\nHost: {authority}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len()));
    let exchange = async {
        let mut stream = TcpStream::connect(authority).await.expect("somebody listens");
        stream.write_all(&[head.as_bytes(), body].concat()).await.map_err(|_| Lost)?;
        let message = Message::read(&mut stream).await.ok_or(Lost)?;
        let status = message.start.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(Lost)?;
        Ok(Reply { status, headers: message.headers, body: message.body })
    };
    tokio::time::timeout(PATIENCE, exchange).await.expect("an answer or the end of the connection in time")
}

/// The head and body of a request or an answer.
struct Message {
    start: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Message {
    /// `None` when the connection ends before the message does.
    async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            more(stream, &mut bytes).await?;
        };
        let head = String::from_utf8(bytes[..head_end].to_vec()).expect("headers are ASCII");
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
        let mut body = bytes.split_off(head_end + 4);
        while body.len() < length {
            more(stream, &mut body).await?;
        }
        Some(Self { start, headers, body })
    }
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    assert!(bytes.len() <= MESSAGE_BYTES_MAX, "a message of more than {MESSAGE_BYTES_MAX} bytes");
    let read = stream.read_buf(bytes).await.ok()?;
    (read > 0).then_some(())
}

/// The door for notifications: keeps each message until a check has looked at it and answered.
#[derive(Debug)]
pub struct Listener {
    url: String,
    inbox: Mutex<mpsc::Receiver<Delivery>>,
    serving: JoinHandle<()>,
}

/// A message that waits for its answer. Dropped without one, its connection ends.
#[derive(Debug)]
pub struct Delivery {
    /// Headers as they came, names in the case in which they were sent.
    pub headers: Vec<(String, String)>,
    /// The query string, without `?`.
    pub query: String,
    /// The raw body.
    pub body: Vec<u8>,
    answer: oneshot::Sender<HttpReply>,
}

impl Listener {
    /// Opens a door on any free port of this machine.
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/notify", listener.local_addr().expect("a bound port"));
        let (sender, inbox) = mpsc::channel(INBOX_MAX);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, sender.clone()));
            }
        });
        Self { url, inbox: Mutex::new(inbox), serving }
    }

    /// Where messages go.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The next message.
    ///
    /// # Panics
    /// When none comes in time.
    pub async fn next(&self) -> Delivery {
        let mut inbox = self.inbox.lock().await;
        let next = tokio::time::timeout(PATIENCE, inbox.recv()).await;
        next.expect("a notification in time").expect("the door is open")
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(mut stream: TcpStream, inbox: mpsc::Sender<Delivery>) {
    let Some(message) = Message::read(&mut stream).await else { return };
    let target = message.start.split(' ').nth(1).unwrap_or_default();
    let query = target.split_once('?').map_or("", |(_, query)| query).to_owned();
    let (answer, answered) = oneshot::channel();
    let delivery = Delivery { headers: message.headers, query, body: message.body, answer };
    if inbox.send(delivery).await.is_err() {
        return;
    }
    let Ok(HttpReply { status, content_type, body }) = answered.await else { return };
    let head = format!(
        "HTTP/1.1 {status} -\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // The other side may be gone; then there is nobody to tell.
    let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await;
    let _ = stream.shutdown().await;
}

impl Delivery {
    /// The message as an adapter takes it.
    pub fn raw(&self) -> RawNotification<'_> {
        RawNotification { headers: &self.headers, query: &self.query, body: &self.body }
    }

    /// Sends the answer.
    pub fn answer(self, reply: HttpReply) {
        // The other side may have given up waiting; the check sees that in what it records.
        let _ = self.answer.send(reply);
    }
}
