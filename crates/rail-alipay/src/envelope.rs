//! Cuts the signed bytes out of an answer.
//!
//! An answer is `{"alipay_trade_query_response":{...},"sign":"..."}`, and the signature covers the very bytes of the
//! inner object. So they are found by a tokenizer that works on bytes and knows strings, never by searching for text
//! and never by parsing and writing again: values may hold braces, quotes, `"sign"` and the response's own key.

use std::borrow::Cow;

use crate::Charset;

/// An answer has three or four members; this many are read.
const MEMBERS_MAX: usize = 16;

/// The parts of an answer, unverified.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Envelope<'a> {
    /// The inner object byte for byte, or the inner string with its quotes where the content is encrypted.
    pub content: &'a [u8],
    /// The signature as text, where there is one.
    pub sign: Option<String>,
    /// Which certificate verifies it, in certificate mode.
    pub certificate: Option<String>,
    /// Whether it stands under `error_response`, which never carries a success.
    pub is_error: bool,
}

/// Finds the parts; `None` for anything that is not exactly one object with one response in it.
pub(crate) fn cut<'a>(body: &'a [u8], method: &str, charset: Charset) -> Option<Envelope<'a>> {
    let members = Scanner { bytes: body, at: 0, charset }.document()?;
    let one = |name: &str| members.iter().find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| *value);
    let own = one(&response_key(method));
    let error = one("error_response");
    let (content, is_error) = match (own, error) {
        (Some(content), None) => (content, false),
        (None, Some(content)) => (content, true),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    if !content.starts_with(b"{") && !content.starts_with(b"\"") {
        return None;
    }
    let certificate = optional(one("alipay_cert_sn"))?;
    Some(Envelope { content, sign: optional(one("sign"))?, certificate, is_error })
}

/// A member that may be absent but must be a string. Some encoders write `\/` inside the signature, so it is read as the
/// JSON string that it is.
fn optional(text: Option<&[u8]>) -> Option<Option<String>> {
    match text {
        Some(text) => Some(Some(serde_json::from_slice::<Cow<'_, str>>(text).ok()?.into_owned())),
        None => Some(None),
    }
}

/// `alipay.trade.query` answers under `alipay_trade_query_response`.
fn response_key(method: &str) -> String {
    format!("{}_response", method.replace('.', "_"))
}

type Members<'a> = Vec<(&'a [u8], &'a [u8])>;

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    charset: Charset,
}

impl<'a> Scanner<'a> {
    /// The members of the outermost object: keys without quotes, values as they stand. A key twice is ambiguous.
    fn document(mut self) -> Option<Members<'a>> {
        let mut members = Members::new();
        self.blanks();
        self.token(b'{')?;
        loop {
            self.blanks();
            let quoted = self.string()?;
            let key = quoted.get(1..quoted.len().checked_sub(1)?)?;
            self.blanks();
            self.token(b':')?;
            self.blanks();
            let value = self.value()?;
            if members.len() == MEMBERS_MAX || members.iter().any(|(known, _)| *known == key) {
                return None;
            }
            members.push((key, value));
            self.blanks();
            match self.next()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        self.blanks();
        (self.at == self.bytes.len()).then_some(members)
    }

    fn value(&mut self) -> Option<&'a [u8]> {
        match self.peek()? {
            b'"' => self.string(),
            b'{' | b'[' => self.composite(),
            _ => self.scalar(),
        }
    }

    /// An object or array with all that is in it. Only brackets are counted here; the grammar is the parser's matter.
    fn composite(&mut self) -> Option<&'a [u8]> {
        let from = self.at;
        let mut depth = 0usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return self.bytes.get(from..self.at);
            }
        }
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        let from = self.at;
        self.token(b'"')?;
        loop {
            match self.next()? {
                b'"' => return self.bytes.get(from..self.at),
                b'\\' => drop(self.next()?),
                byte if byte < 0x20 => return None,
                byte if self.charset.leads(byte) => drop(self.next()?),
                _ => {}
            }
        }
    }

    /// A number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Option<&'a [u8]> {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
            self.at += 1;
        }
        self.bytes.get(from..self.at).filter(|text| !text.is_empty())
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| b" \t\r\n".contains(&byte)) {
            self.at += 1;
        }
    }

    fn token(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }
}
