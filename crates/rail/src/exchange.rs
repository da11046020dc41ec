//! HTTP as an adapter sees it: plain bytes, nothing else. Bodies and header values never print.

use std::fmt;

/// Largest body of a reply or notification that is read, in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// The methods that rails use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
}

/// A request to a rail, complete to the byte.
#[derive(Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The method.
    pub method: Method,
    /// Absolute URL; the target is sent exactly as it stands here.
    pub url: String,
    /// Headers in this order; the transport sends names in title case (`Content-Type`) and refuses others.
    pub headers: Vec<(&'static str, String)>,
    /// The body, empty for none.
    pub body: Vec<u8>,
}

/// A rail's answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers as they came.
    pub headers: Vec<(String, String)>,
    /// At most [`BODY_BYTES_MAX`] bytes.
    pub body: Vec<u8>,
}

/// Our answer to a rail's notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpReply {
    /// HTTP status.
    pub status: u16,
    /// Content type.
    pub content_type: &'static str,
    /// Body; never holds anything of the message that is answered.
    pub body: &'static str,
}

impl Method {
    /// The method in upper case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

impl Reply {
    /// A header's value; names are compared without case. `None` when it is absent or stands there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        one_header(&self.headers, name)
    }
}

/// The only value of a header: a doubled header is ambiguous and counts as absent.
pub(crate) fn one_header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    let first = found.next();
    if found.next().is_some() { None } else { first.map(|(_, value)| value.as_str()) }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.url.split('?').next().unwrap_or_default();
        write!(f, "{} {path} ({} bytes)", self.method.as_str(), self.body.len())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {} ({} bytes)", self.status, self.body.len())
    }
}
