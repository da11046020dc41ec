//! Parameters on the wire: query and body merged, decoded once, kept as bytes until the charset is known.

use std::borrow::Cow;

use encoding_rs::{Encoding, GBK, UTF_8};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use crate::{RailRequest, gbk};

/// The charset of a request, and of its answer and notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Charset {
    Utf8,
    Gbk,
}

impl Charset {
    /// Case is ignored. `gb2312` is read as GBK, which contains it.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Some(Self::Utf8),
            "gbk" | "gb2312" => Some(Self::Gbk),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Gbk => "gbk",
        }
    }

    fn encoding(self) -> &'static Encoding {
        match self {
            Self::Utf8 => UTF_8,
            Self::Gbk => GBK,
        }
    }

    pub(super) fn decode(self, bytes: &[u8]) -> String {
        self.encoding().decode_without_bom_handling(bytes).0.into_owned()
    }

    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Gbk => gbk::encode(text),
        }
    }
}

/// All parameters of a request, by name in order of arrival; values are decoded bytes in the request's charset.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Vec<(Vec<u8>, Vec<u8>)>);

impl Params {
    /// Merges query and body. No rule is known for a name in both places; the body wins.
    pub(super) fn read(request: &RailRequest) -> Self {
        let mut params = Self(form(request.query().as_bytes()));
        let content_type = request.header("content-type").unwrap_or("");
        let body = match boundary(content_type) {
            Some(boundary) => multipart(&request.body, boundary),
            None => form(&request.body),
        };
        for (name, value) in body {
            params.0.retain(|(known, _)| *known != name);
            params.0.push((name, value));
        }
        params
    }

    /// Reads a form, or the query of a URL, by itself: an order string.
    pub(super) fn of_form(text: &str) -> Self {
        Self(form(text.as_bytes()))
    }

    /// The parameters of a query as one JSON object of texts: the members of a v3 GET.
    pub(super) fn object_of_query(query: &str) -> String {
        let text = |bytes: &[u8]| Charset::Utf8.decode(bytes);
        let pairs = form(query.as_bytes()).into_iter();
        let members: serde_json::Map<String, serde_json::Value> =
            pairs.map(|(name, value)| (text(&name), text(&value).into())).collect();
        serde_json::Value::Object(members).to_string()
    }

    /// The value of a parameter in ASCII (or UTF-8) text; `None` when it is absent or blank.
    pub(super) fn ascii(&self, name: &str) -> Option<&str> {
        let value = std::str::from_utf8(self.bytes(name)?).ok()?;
        (!value.trim().is_empty()).then_some(value)
    }

    /// The value of a parameter as text; `None` when it is absent or blank.
    pub(super) fn text(&self, name: &str, charset: Charset) -> Option<String> {
        let value = charset.decode(self.bytes(name)?);
        (!value.trim().is_empty()).then_some(value)
    }

    fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| value.as_slice())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }
}

/// Reads `a=b&c=d`; `+` and `%20` are both a space, a broken escape stands for itself.
fn form(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let decode = |part: &[u8]| {
        let spaced: Vec<u8> = part.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
        percent_decode(&spaced).collect()
    };
    let pair = |pair: &[u8]| match pair.iter().position(|&b| b == b'=') {
        Some(at) => (decode(&pair[..at]), decode(&pair[at + 1..])),
        None => (decode(pair), Vec::new()),
    };
    text.split(|&b| b == b'&').filter(|part| !part.is_empty()).map(pair).collect()
}

pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let mut parts = content_type.split(';').map(str::trim);
    parts.next().filter(|kind| kind.eq_ignore_ascii_case("multipart/form-data"))?;
    let value =
        parts.find_map(|p| p.get(..9).filter(|n| n.eq_ignore_ascii_case("boundary=")).and(p.get(9..)))?;
    Some(value.trim_matches('"')).filter(|value| !value.is_empty())
}

/// The text fields of a multipart body; files are left out, as they are not part of the signed string.
pub(super) fn multipart(body: &[u8], boundary: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let line = format!("--{boundary}");
    let mut fields = Vec::new();
    let mut rest = body;
    while let Some(at) = find(rest, line.as_bytes()) {
        rest = &rest[at + line.len()..];
        let Some(end) = find(rest, line.as_bytes()) else { break };
        let part = rest[..end].strip_prefix(b"\r\n").unwrap_or(&rest[..end]);
        let Some(gap) = find(part, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&part[..gap]);
        let value = part[gap + 4..].strip_suffix(b"\r\n").unwrap_or(&part[gap + 4..]);
        let name =
            head.split(';').find_map(|p| p.trim().strip_prefix("name=\"")).and_then(|p| p.split('"').next());
        if let Some(name) = name.filter(|_| !head.contains("filename=")) {
            fields.push((name.as_bytes().to_vec(), value.to_vec()));
        }
    }
    fields
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// What may stand unescaped in a form value that the rail writes; a space becomes `+`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b' ');

/// Writes `a=b&c=d` in a charset, as the rail does in notices and on return URLs.
pub(super) fn write_form<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>, charset: Charset) -> String {
    let escape = |text: &str| percent_encode(&charset.encode(text), ESCAPED).to_string().replace(' ', "+");
    pairs.map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect::<Vec<_>>().join("&")
}

/// Text inside HTML.
pub(super) fn html(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Cow::Owned(escaped.replace('"', "&quot;").replace('\'', "&#39;"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};

    fn params(target: &str, content_type: &'static str, body: &[u8]) -> Params {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(content_type));
        let body = Bytes::copy_from_slice(body);
        Params::read(&RailRequest { method: Method::POST, target: target.into(), headers, body })
    }

    fn text(params: &Params) -> String {
        let utf8 = |b: &[u8]| Charset::Utf8.decode(b);
        params.iter().map(|(n, v)| format!("{}={};", utf8(n), utf8(v))).collect()
    }

    #[test]
    fn query_and_body_are_merged_and_the_body_wins() {
        let form = "application/x-www-form-urlencoded;charset=utf-8";
        let read = params("/gateway.do?a=1+2&b=%E5%A5%B6&c=x", form, b"c=a%2Bb&d=%20&e");
        assert_eq!(text(&read), "a=1 2;b=奶;c=a+b;d= ;e=;");
        assert_eq!((read.ascii("c"), read.ascii("d"), read.ascii("z")), (Some("a+b"), None, None));
    }

    #[test]
    fn multipart_fields_count_and_files_do_not() {
        let body = b"--x1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1+1 %20\r\n--x1\r\n\
            Content-Disposition: form-data; name=\"f\"; filename=\"f.bin\"\r\n\r\n\x00\x01\r\n--x1--\r\n";
        let read = params("/gateway.do?q=1", "multipart/form-data; boundary=x1", body);
        assert_eq!(text(&read), "q=1;a=1+1 %20;");
    }

    #[test]
    fn gbk_text_is_read_and_written() {
        let read = params("/gateway.do?s=%B2%E2%CA%D4", "text/plain", b"");
        assert_eq!(read.text("s", Charset::Gbk).unwrap(), "测试");
        assert_eq!(write_form([("s", "测 *~")].into_iter(), Charset::Gbk), "s=%B2%E2+%2A~");
        assert_eq!(Charset::parse("GB2312"), Some(Charset::Gbk));
        assert_eq!(Charset::parse("latin1"), None);
    }
}
