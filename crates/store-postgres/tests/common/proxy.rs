//! A TCP proxy before the server that cuts a connection at the message it is told to.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Where a connection is cut, once the client has sent a certain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The server does not get it.
    Before,
    /// The server gets it and answers, and the client does not get the answer.
    After,
}

type Armed = (Cut, &'static [u8]);

/// The proxy.
#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    armed: Arc<Mutex<Option<Armed>>>,
    cuts: Arc<AtomicU32>,
}

impl Proxy {
    /// Listens before the server at this port.
    pub async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let proxy = Self { port, armed: Arc::default(), cuts: Arc::default() };
        let running = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { continue };
                tokio::spawn(running.clone().carry(client, server));
            }
        });
        proxy
    }

    /// Cuts the next connection whose client sends this text.
    pub fn arm(&self, cut: Cut, text: &'static [u8]) {
        *self.armed.lock().expect("no panic holds it") = Some((cut, text));
    }

    /// How often it has cut.
    pub fn cuts(&self) -> u32 {
        self.cuts.load(Ordering::SeqCst)
    }

    fn disarm(&self, bytes: &[u8]) -> Option<Cut> {
        let mut armed = self.armed.lock().expect("no panic holds it");
        let (cut, text) = (*armed)?;
        if !bytes.windows(text.len()).any(|window| window == text) {
            return None;
        }
        *armed = None;
        self.cuts.fetch_add(1, Ordering::SeqCst);
        Some(cut)
    }

    async fn carry(self, mut client: TcpStream, mut server: TcpStream) {
        let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
        loop {
            tokio::select! {
                read = client.read(&mut up) => {
                    let Ok(length @ 1..) = read else { return };
                    let cut = self.disarm(&up[..length]);
                    if cut == Some(Cut::Before) || server.write_all(&up[..length]).await.is_err() {
                        return;
                    }
                    if cut == Some(Cut::After) {
                        // Its first word comes when it has done what it was told.
                        let _ = server.read(&mut down).await;
                        return;
                    }
                }
                read = server.read(&mut down) => {
                    let Ok(length @ 1..) = read else { return };
                    if client.write_all(&down[..length]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
