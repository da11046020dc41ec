//! A TCP proxy that cuts bytes: between the gateway and a rail, or the gateway and its database. It knows no protocol but that
//! a question comes before its answer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::draw::Draw;

/// What happens to one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The connection ends before a byte of the question arrives (F01).
    RequestLost,
    /// It ends after so many bytes of the question.
    RequestEnds(usize),
    /// The other side has worked and answers; nothing of that arrives (F02). On a database: the fate of a commit is unknown.
    AnswerLost,
    /// It ends after so many bytes of the answer.
    AnswerEnds(usize),
    /// The other side has worked; the connection stays open and silent, as behind a dead router.
    Silent,
}

impl Cut {
    /// Any of them.
    pub fn drawn(draw: &mut Draw) -> Self {
        let bytes = usize::try_from(1 + draw.below(200)).expect("below 201");
        match draw.below(5) {
            0 => Self::RequestLost,
            1 => Self::RequestEnds(bytes),
            2 => Self::AnswerEnds(bytes),
            3 => Self::Silent,
            _ => Self::AnswerLost,
        }
    }
}

/// The proxy in front of one address.
#[derive(Clone)]
pub struct Cutter {
    /// Where it listens.
    pub address: SocketAddr,
    armed: Arc<Mutex<VecDeque<Option<Cut>>>>,
    done: Arc<AtomicU32>,
}

/// How long a silent connection is kept open: longer than the gateway's patience with a rail.
const SILENCE: Duration = Duration::from_secs(6);

impl Cutter {
    /// Listens on a free port and serves until the runtime ends.
    pub async fn start(to: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let cutter = Self { address: listener.local_addr()?, armed: Arc::default(), done: Arc::default() };
        let serving = cutter.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let cutter = serving.clone();
                tokio::spawn(async move { cutter.serve(stream, to).await });
            }
        });
        Ok(cutter)
    }

    /// Cuts an exchange after letting `spared` others pass.
    pub fn arm(&self, spared: u64, cut: Cut) {
        let mut armed = self.armed.lock().expect("no panic holds it");
        armed.extend((0..spared).map(|_| None));
        armed.push_back(Some(cut));
    }

    /// From now on everything passes.
    pub fn heal(&self) {
        self.armed.lock().expect("no panic holds it").clear();
    }

    /// How many exchanges were cut so far.
    pub fn done(&self) -> u32 {
        self.done.load(Ordering::Relaxed)
    }

    fn next(&self) -> Option<Cut> {
        let cut = self.armed.lock().expect("no panic holds it").pop_front().flatten();
        self.done.fetch_add(u32::from(cut.is_some()), Ordering::Relaxed);
        cut
    }

    /// One connection. An error ends it, as a cable would.
    async fn serve(&self, mut client: TcpStream, to: SocketAddr) {
        let Ok(mut server) = TcpStream::connect(to).await else { return };
        let (mut asked, mut answered) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
        let (mut idle, mut cut) = (true, None);
        loop {
            let passed = tokio::select! {
                read = client.read(&mut asked) => {
                    let Ok(count @ 1..) = read else { return };
                    if idle {
                        cut = self.next();
                    }
                    idle = false;
                    match cut {
                        Some(Cut::RequestLost) => return,
                        Some(Cut::RequestEnds(bytes)) => {
                            // The other side sees a part; that is all.
                            let _ = server.write_all(&asked[..bytes.min(count - 1)]).await;
                            return;
                        }
                        Some(Cut::AnswerLost | Cut::AnswerEnds(_) | Cut::Silent) | None => {
                            server.write_all(&asked[..count]).await
                        }
                    }
                }
                read = server.read(&mut answered) => {
                    let Ok(count @ 1..) = read else { return };
                    idle = true;
                    match cut {
                        Some(Cut::AnswerEnds(bytes)) => {
                            let _ = client.write_all(&answered[..bytes.min(count - 1)]).await;
                            return;
                        }
                        Some(Cut::Silent) => {
                            tokio::time::sleep(SILENCE).await;
                            return;
                        }
                        Some(Cut::AnswerLost | Cut::RequestLost | Cut::RequestEnds(_)) => return,
                        None => client.write_all(&answered[..count]).await,
                    }
                }
            };
            if passed.is_err() {
                return;
            }
        }
    }
}
