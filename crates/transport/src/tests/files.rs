//! Files: whole, or an error that says why not.

use paifang_rail::BODY_BYTES_MAX;

use super::exchange;
use super::server::{Act, Server, ok};
use crate::{DownloadError, HttpTransport, Options, TransportError};

async fn download(answer: Vec<u8>, options: Options) -> (Result<u64, DownloadError>, Vec<u8>) {
    let server = Server::start([Act::Say(answer)]).await;
    let transport = HttpTransport::new(options).unwrap();
    let mut file = Vec::new();
    let done = transport.download("main", exchange(&server.url()), &mut file).await;
    (done, file)
}

fn main() -> Options {
    Options::new(["main"])
}

#[tokio::test]
async fn a_file_may_be_larger_than_an_answer() {
    let bill = "0123456789".repeat(BODY_BYTES_MAX);
    let (done, file) = download(ok(&bill), main()).await;
    assert_eq!(done.unwrap(), bill.len() as u64);
    assert!(file == bill.as_bytes());
}

#[tokio::test]
async fn a_file_that_is_cut_is_an_error() {
    let mut cut = ok(&"bill".repeat(1_000));
    cut.truncate(cut.len() - 1);
    let (done, _) = download(cut, main()).await;
    assert!(matches!(done, Err(DownloadError::Transport(TransportError::Lost))), "{done:?}");
}

#[tokio::test]
async fn a_file_has_a_bound_and_a_time() {
    let (done, file) = download(ok("12345"), Options { file_bytes_max: 4, ..main() }).await;
    assert!(matches!(done, Err(DownloadError::TooLarge(4))), "{done:?}");
    assert!(file.len() <= 4);

    let silent = Server::start([Act::Silence]).await;
    let transport =
        HttpTransport::new(Options { file_time: std::time::Duration::from_millis(50), ..main() }).unwrap();
    let done = transport.download("main", exchange(&silent.url()), &mut Vec::new()).await;
    assert!(matches!(done, Err(DownloadError::Transport(TransportError::TimedOut))), "{done:?}");
}

/// A redirect is not followed, and the page of an error is no bill.
#[tokio::test]
async fn only_200_is_a_file() {
    for status in [204, 206, 302, 403, 404, 500] {
        let answer = format!("HTTP/1.1 {status} X\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
        let (done, file) = download(answer.into_bytes(), main()).await;
        assert!(matches!(done, Err(DownloadError::Status(told)) if told == status), "{done:?}");
        assert!(file.is_empty());
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_an_error() {
    let server = Server::start([Act::Say(ok("12345"))]).await;
    let transport = HttpTransport::new(main()).unwrap();
    let mut room = [0; 3];
    let done =
        transport.download("main", exchange(&server.url()), &mut std::io::Cursor::new(&mut room[..])).await;
    assert!(matches!(done, Err(DownloadError::Write(_))), "{done:?}");
}
