//! TLS (F16): a certificate that is not right means that nothing was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::exchange;
use super::server::{Act, Server, ok, read_request};
use crate::{HttpTransport, Options, TransportError};

struct Authority {
    pem: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem().into_bytes();
    Authority { pem, issuer: Issuer::new(params, key) }
}

struct TlsServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    _serving: tokio::task::JoinSet<()>,
}

/// A server with a certificate for `name`, valid to the end of that year.
async fn serve(authority: &Authority, name: &str, last_year: i32) -> TlsServer {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_after = date_time_ymd(last_year, 12, 31);
    let certificate: CertificateDer<'static> =
        params.signed_by(&key, &authority.issuer).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let seen = Arc::clone(&requests);
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await
                && read_request(&mut stream, &seen).await
            {
                stream.write_all(&ok("{}")).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        }
    });
    TlsServer { address, requests, _serving: serving }
}

async fn check(server: &TlsServer, trusted: &[u8], expected: Result<u16, TransportError>) {
    let options = Options { extra_roots: vec![trusted.to_vec()], ..Options::new(["main"]) };
    let url = format!("https://localhost:{}", server.address.port());
    let said = HttpTransport::new(options).unwrap().exchange("main", exchange(&url)).await;
    assert_eq!(said.map(|reply| reply.status), expected);
    assert_eq!(server.requests.lock().unwrap().len(), usize::from(expected.is_ok()));
}

#[tokio::test]
async fn a_certificate_of_an_extra_root_is_taken() {
    let authority = authority();
    check(&serve(&authority, "localhost", 2090).await, &authority.pem, Ok(200)).await;
}

#[tokio::test]
async fn f16_bad_certificates_are_proven_unsent() {
    let (own, other) = (authority(), authority());
    let unsent = Err(TransportError::NotConnected);
    check(&serve(&own, "localhost", 2020).await, &own.pem, unsent).await;
    check(&serve(&own, "example.com", 2090).await, &own.pem, unsent).await;
    check(&serve(&own, "localhost", 2090).await, &other.pem, unsent).await;
}

#[tokio::test]
async fn f16_a_server_without_tls_is_proven_unsent() {
    let server = Server::start([Act::Greet(ok("{}"))]).await;
    let transport = HttpTransport::new(Options::new(["main"])).unwrap();
    let url = format!("https://localhost:{}", server.address.port());
    assert_eq!(transport.exchange("main", exchange(&url)).await, Err(TransportError::NotConnected));
}

/// A handshake that hangs is given up at the time for connections, well before the deadline.
#[tokio::test]
async fn f16_a_handshake_that_hangs_is_proven_unsent() {
    let server = Server::start([Act::NeverRead]).await;
    let limits = Options { connect_time: Duration::from_millis(200), ..Options::new(["main"]) };
    let transport = HttpTransport::new(limits).unwrap();
    let url = format!("https://localhost:{}", server.address.port());
    assert_eq!(transport.exchange("main", exchange(&url)).await, Err(TransportError::NotConnected));
    assert_eq!(server.requests().len(), 0);
}
