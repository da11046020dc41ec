//! Questions to the running gateway over the operators' listener: JSON there, JSON back.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Largest answer, in bytes: ten thousand breaks of a day and as many movements fit.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Reads.
pub(crate) async fn get(ops: SocketAddr, path: &str) -> anyhow::Result<Value> {
    ask(ops, Method::GET, path, None).await
}

/// Has something done.
pub(crate) async fn post(ops: SocketAddr, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    ask(ops, Method::POST, path, body).await
}

/// A text of an answer as it is safe on a terminal: a rail's words may hold control characters.
pub(crate) fn text(of: &Value) -> String {
    of.as_str().map_or("-".to_owned(), plain)
}

fn plain(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '?' } else { char }).collect()
}

/// The items of a list in an answer.
pub(crate) fn list(of: &Value) -> &[Value] {
    of.as_array().map_or(&[], Vec::as_slice)
}

async fn ask(ops: SocketAddr, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    let stream = TcpStream::connect(ops).await;
    let stream = stream.with_context(|| format!("no gateway answers on {ops} (ops.listen)"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Its errors come back from the request, too.
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, ops.to_string());
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let body = body.map(Value::to_string).unwrap_or_default();
    let response = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await;
    let response = response.context("the gateway did not answer")?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("the gateway's answer was cut: {error}"))?.to_bytes();
    let told: Value = serde_json::from_slice(&body).context("the gateway's answer is no JSON")?;
    ensure!(status == StatusCode::OK, "{}", told["error"].as_str().unwrap_or("the gateway refuses"));
    Ok(told)
}
