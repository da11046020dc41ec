//! An exchange as a request of the HTTP library, or why it cannot be one. Nothing is sent here.

use http::header::{HeaderName, HeaderValue};
use http::uri::Scheme;
use http::{Request, Uri};
use paifang_rail::{Exchange, Method};

use crate::TransportError;
use crate::witness::{Witness, WitnessedBody};

/// Builds the request. The target is kept byte for byte; header names keep their order.
pub(crate) fn build(exchange: Exchange) -> Result<(Request<WitnessedBody>, Witness), TransportError> {
    let unsendable = TransportError::Unsendable;
    let Exchange { method, url, headers, body } = exchange;
    let target: Uri = url.parse().map_err(|_| unsendable("its URL cannot be read"))?;
    check_target(&target, &url)?;
    let (body, witness) = WitnessedBody::new(body);
    let mut request = Request::new(body);
    *request.method_mut() = match method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
    };
    *request.uri_mut() = target;
    for (name, value) in headers {
        if !is_title_case(name) {
            // The connection writes names in title case; any other case could not be kept as the exchange promises.
            return Err(unsendable("a header name is not in title case"));
        }
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| unsendable("a header name cannot be sent"))?;
        let mut value =
            HeaderValue::from_str(&value).map_err(|_| unsendable("a header value cannot be sent"))?;
        value.set_sensitive(true);
        request.headers_mut().append(name, value);
    }
    Ok((request, witness))
}

/// Plain text only stays on this machine (mock rails): unsigned refusals rest on the channel.
fn check_target(target: &Uri, url: &str) -> Result<(), TransportError> {
    let unsendable = TransportError::Unsendable;
    let Some(host) = target.host() else { return Err(unsendable("its URL names no host")) };
    if url.contains('#') || target.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(unsendable("its URL has a fragment or a user"));
    }
    match target.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => Ok(()),
        Some(scheme) if *scheme == Scheme::HTTP && is_this_machine(host) => Ok(()),
        _ => Err(unsendable("it would leave this machine in plain text")),
    }
}

fn is_this_machine(host: &str) -> bool {
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// Each word begins with a capital and goes on in small letters, as `Content-Type`.
fn is_title_case(name: &str) -> bool {
    name.split('-').all(|word| {
        let mut bytes = word.bytes();
        bytes.next().is_none_or(|first| !first.is_ascii_lowercase())
            && bytes.all(|byte| !byte.is_ascii_uppercase())
    })
}
