//! A server that misbehaves as told, and keeps the bytes that it read.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// What the server does with one connection.
#[derive(Clone)]
pub enum Act {
    /// Closes it at once, without reading.
    CloseAtOnce,
    /// Reads one request and closes.
    CloseAfterRequest,
    /// Reads one request and resets the connection.
    ResetAfterRequest,
    /// Writes these bytes without reading anything, closes.
    Greet(Vec<u8>),
    /// Reads one request, writes these bytes, closes.
    Say(Vec<u8>),
    /// Reads one request, writes these bytes, waits for the gate, closes: a pooled connection that goes away.
    SayThenCloseAt(Vec<u8>, Arc<Semaphore>),
    /// Reads requests and answers each, as long as the peer likes.
    Serve(Vec<u8>),
    /// Reads one request and says nothing.
    Silence,
    /// Accepts and never reads: no TLS handshake comes about.
    NeverRead,
}

/// A good answer.
pub fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Sign: s\r\n\r\n{body}", body.len()).into_bytes()
}

pub struct Server {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    accepted: Arc<Mutex<usize>>,
    _serving: tokio::task::JoinSet<()>,
}

impl Server {
    /// Listens; each connection takes the next act, the last one for ever.
    pub async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, accepted) = (Arc::<Mutex<Vec<Vec<u8>>>>::default(), Arc::<Mutex<usize>>::default());
        let mut acts: VecDeque<Act> = acts.into_iter().collect();
        let mut serving = tokio::task::JoinSet::new();
        let (seen, count) = (Arc::clone(&requests), Arc::clone(&accepted));
        serving.spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *count.lock().unwrap() += 1;
                let act = if acts.len() > 1 { acts.pop_front() } else { acts.front().cloned() };
                connections.spawn(play(stream, act.unwrap(), Arc::clone(&seen)));
            }
        });
        Self { address, requests, accepted, _serving: serving }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was read so far, one entry per request.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.requests.lock().unwrap().clone()
    }

    pub fn accepted(&self) -> usize {
        *self.accepted.lock().unwrap()
    }
}

async fn play(mut stream: TcpStream, act: Act, seen: Arc<Mutex<Vec<Vec<u8>>>>) {
    match act {
        Act::CloseAtOnce => {}
        Act::CloseAfterRequest => {
            read_request(&mut stream, &seen).await;
        }
        Act::ResetAfterRequest => {
            read_request(&mut stream, &seen).await;
            stream.set_zero_linger().unwrap();
        }
        Act::Greet(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Act::Say(bytes) => {
            read_request(&mut stream, &seen).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Act::SayThenCloseAt(bytes, gate) => {
            read_request(&mut stream, &seen).await;
            let _ = stream.write_all(&bytes).await;
            let _ = gate.acquire().await;
        }
        Act::Serve(bytes) => {
            while read_request(&mut stream, &seen).await {
                let _ = stream.write_all(&bytes).await;
            }
        }
        Act::Silence => {
            read_request(&mut stream, &seen).await;
            std::future::pending::<()>().await;
        }
        Act::NeverRead => std::future::pending::<()>().await,
    }
}

/// Reads one request with a `Content-Length`; `false` at the end of the connection.
pub async fn read_request<S>(stream: &mut S, seen: &Mutex<Vec<Vec<u8>>>) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return false,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            seen.lock().unwrap().push(bytes);
            return true;
        }
    }
}

/// Waits until `ready` holds, ten seconds at most.
pub async fn until(what: &str, ready: impl Fn() -> bool) {
    let waiting = async {
        while !ready() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}
