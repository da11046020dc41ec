//! Where calls go: which URLs are taken, and what stands before their path.

/// Unsigned refusals rest on the channel, so a plain one is taken to this machine only.
pub(crate) fn is_trusted_gateway(gateway: &str) -> bool {
    !gateway.contains('?') && is_trusted(gateway)
}

/// Whether a file may be fetched from there: by the same rule, with a query.
pub(crate) fn is_trusted(url: &str) -> bool {
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
