//! Stands between the rails and the gateway, and keeps what the rails send: genuine notifications to tamper with.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub struct Captured {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The proxy. While `holding`, requests are kept and answered with 503, so the rail keeps trying.
#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    inner: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    captured: Vec<Captured>,
    holding: bool,
}

impl Proxy {
    pub async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let proxy = Self { address, inner: Arc::default() };
        let running = proxy.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let proxy = running.clone();
                tokio::spawn(async move { proxy.serve(stream, to).await });
            }
        });
        proxy
    }

    pub fn hold(&self, holding: bool) {
        self.inner.lock().expect("no panic holds it").holding = holding;
    }

    pub fn captured(&self) -> Vec<Captured> {
        self.inner.lock().expect("no panic holds it").captured.clone()
    }

    /// Waits for the next request whose path names this account.
    pub async fn next_for(&self, account: &str, after: usize) -> Captured {
        let deadline = tokio::time::Instant::now() + super::SOON;
        loop {
            let found = self.captured().into_iter().skip(after).find(|request| request.path.contains(account));
            if let Some(request) = found {
                return request;
            }
            assert!(tokio::time::Instant::now() < deadline, "no notification for {account}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    async fn serve(&self, mut from: TcpStream, to: SocketAddr) {
        let Some(request) = read_request(&mut from).await else { return };
        let holding = {
            let mut state = self.inner.lock().expect("no panic holds it");
            state.captured.push(request.clone());
            state.holding
        };
        let answer = if holding {
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
        } else {
            send(to, &request).await.1
        };
        // A rail that has gone away misses its answer and tries again.
        let _ = from.write_all(&answer).await;
    }
}

/// Sends a request as it is; answers the status and the raw answer.
pub async fn send(to: SocketAddr, request: &Captured) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(to).await.expect("the gateway listens");
    let mut head = format!("POST {} HTTP/1.1\r\n", request.path);
    for (name, value) in &request.headers {
        let own = ["connection", "content-length", "host"].iter().any(|own| name.eq_ignore_ascii_case(own));
        if !own {
            head += &format!("{name}: {value}\r\n");
        }
    }
    head += &format!("Host: {to}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", request.body.len());
    stream.write_all(head.as_bytes()).await.expect("it is taken");
    stream.write_all(&request.body).await.expect("it is taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    let text = String::from_utf8_lossy(&answer);
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, answer)
}

async fn read_request(stream: &mut TcpStream) -> Option<Captured> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = head_end {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut lines = head.lines();
            let path = lines.next()?.split(' ').nth(1)?.to_owned();
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect();
            let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length: usize = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let body = bytes[end + 4..end + 4 + length].to_vec();
                return Some(Captured { path, headers, body });
            }
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}
