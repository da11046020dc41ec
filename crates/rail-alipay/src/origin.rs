//! Where calls go: which URLs are taken, and what stands before their path.

/// Unsigned refusals rest on the channel, so a plain one is taken to this machine only.
pub(crate) fn is_trusted_gateway(gateway: &str) -> bool {
    !gateway.contains('?') && is_trusted(gateway)
}

/// Whether a bill may be fetched from there: from a host of Alipay's by TLS at its usual port, or from where the account's
/// gateway is. The answer that names the address is signed, but nothing else holds it back from leading into the
/// operator's own network.
pub(crate) fn has_bills(url: &str, gateway: &str) -> bool {
    if !is_trusted(url) {
        return false;
    }
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let alipays = origin(url).strip_prefix("https://").is_some_and(|host| {
        let name = host.strip_suffix(".alipay.com").or(host.strip_suffix(".alipaydev.com"));
        name.is_some_and(|name| !name.is_empty() && name.bytes().all(plain))
    });
    alipays || origin(url) == origin(gateway)
}

/// Whether this is an address that anything may be sent to, or a file be fetched from, at all.
fn is_trusted(url: &str) -> bool {
    let plain = |byte: u8| matches!(byte, 0x21..=0x7e) && !matches!(byte, b'#' | b'@' | b'"' | b'\\');
    if !url.bytes().all(plain) {
        return false;
    }
    if let Some(rest) = url.strip_prefix("https://") {
        return !host(rest).is_empty();
    }
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let host = host(rest);
    let loopback = host.parse().is_ok_and(|address: std::net::Ipv4Addr| address.is_loopback());
    loopback || host == "localhost" || host == "[::1]"
}

/// Scheme and authority of a URL, without a slash at the end.
pub(crate) fn origin(url: &str) -> &str {
    let from = url.find("://").map_or(0, |at| at + 3);
    let length = url[from..].find(['/', '?']).unwrap_or(url.len() - from);
    &url[..from + length]
}

fn host(rest: &str) -> &str {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let end = match authority.rfind(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    &authority[..end]
}
