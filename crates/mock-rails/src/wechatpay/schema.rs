//! A strict check of request bodies against a table of fields: unknown fields, missing fields, types, lengths in
//! bytes and patterns, refused in the rail's words.

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::refusals::Refusal;

/// One field of a body.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// The rail's name of the field, as it stands in messages.
    pub(crate) title: &'static str,
    pub(crate) need: Need,
    pub(crate) kind: Kind,
}

/// Whether a field may be left out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Required,
    Optional,
}

/// What a field holds.
pub(crate) enum Kind {
    /// A string of `min` to `max` bytes of UTF-8.
    Text {
        min: usize,
        max: usize,
        rule: Rule,
    },
    Integer {
        min: i64,
    },
    Flag,
    /// An object whose serialised form has at most this many bytes.
    Object {
        fields: &'static [Field],
        bytes_max: usize,
    },
    /// An array of objects.
    List(&'static [Field]),
}

/// What a string must look like.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    Any,
    /// `^[0-9a-zA-Z_\-\|\*]+$`
    OrderNo,
    /// `^[0-9a-zA-Z_\-\|\*@]+$`
    RefundNo,
    /// See [`is_notify_url`].
    NotifyUrl,
    /// RFC 3339 with an offset.
    Time,
    /// `yyyy-MM-dd`
    Date,
    /// A payer's code: 18 digits, the first two 10 to 15.
    AuthCode,
    /// IPv4 or IPv6.
    Address,
    OneOf(&'static [&'static str]),
}

/// The message for any field that the API does not document.
const UNKNOWN_FIELD: &str = "请求中含有未在API文档中定义的参数";

/// Reads `body` and checks it against `fields`.
pub(crate) fn check_body(body: &[u8], fields: &[Field]) -> Result<Value, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| not_three_bytes())?;
    let value: Value = serde_json::from_str(text).map_err(|_| malformed())?;
    // The rail takes characters of one to three bytes only; an escaped pair of surrogates is one of four as well.
    if has_wide_characters(&value) {
        return Err(not_three_bytes());
    }
    let Value::Object(object) = &value else { return Err(malformed()) };
    check_object(object, fields, "")?;
    Ok(value)
}

/// Checks one part of the path or the query as if it were a field.
pub(crate) fn check_parameter(
    name: &str,
    title: &str,
    value: Option<&str>,
    kind: &Kind,
) -> Result<(), Refusal> {
    check_at("uri_template", name, title, value, kind)
}

/// The same for a parameter of the query whose place is told as `query`.
pub(crate) fn check_query(name: &str, title: &str, value: Option<&str>, kind: &Kind) -> Result<(), Refusal> {
    check_at("query", name, title, value, kind)
}

fn check_at(
    location: &'static str,
    name: &str,
    title: &str,
    value: Option<&str>,
    kind: &Kind,
) -> Result<(), Refusal> {
    let place = Place { pointer: &format!("{location}/{name}"), title, location };
    match value {
        None => Err(place.missing()),
        Some(text) => check_value(&Value::from(text), kind, &place),
    }
}

/// Where a value stands, for messages.
struct Place<'a> {
    pointer: &'a str,
    title: &'a str,
    location: &'static str,
}

impl Place<'_> {
    fn refuse(&self, what: &str, value: Option<Value>) -> Refusal {
        let message = format!("输入源“/{}”映射到{what}", self.pointer);
        let field = self.pointer.strip_prefix("body").unwrap_or(self.pointer);
        Refusal::param(message, field, self.location, value)
    }

    fn missing(&self) -> Refusal {
        self.refuse(&format!("字段“{}”必填性规则校验失败，此字段为必填项", self.title), None)
    }

    fn wrong_type(&self, wanted: &str) -> Refusal {
        self.refuse(&format!("字段“{}”类型校验失败，应为{wanted}", self.title), None)
    }
}

fn check_object(object: &Map<String, Value>, fields: &[Field], path: &str) -> Result<(), Refusal> {
    let unknown = object.keys().filter(|name| fields.iter().all(|field| field.name != name.as_str()));
    let unknown: Vec<Value> = unknown.map(|name| format!("{path}/{name}").into()).collect();
    if !unknown.is_empty() {
        let refusal = Refusal::param(UNKNOWN_FIELD.to_owned(), path, "body", Some(unknown.into()));
        return Err(Refusal { internal: 270_924_358, ..refusal });
    }
    for field in fields {
        let pointer = format!("body{path}/{}", field.name);
        let place = Place { pointer: &pointer, title: field.title, location: "body" };
        match object.get(field.name) {
            None if field.need == Need::Required => return Err(place.missing()),
            None => {}
            Some(value) => {
                check_value(value, &field.kind, &place)?;
                check_inside(value, &field.kind, &format!("{path}/{}", field.name))?;
            }
        }
    }
    Ok(())
}

fn check_inside(value: &Value, kind: &Kind, path: &str) -> Result<(), Refusal> {
    match (kind, value) {
        (Kind::Object { fields, .. }, Value::Object(inner)) => check_object(inner, fields, path),
        (Kind::List(fields), Value::Array(items)) => {
            items.iter().enumerate().try_for_each(|(at, item)| match item {
                Value::Object(inner) => check_object(inner, fields, &format!("{path}/{at}")),
                _ => {
                    let pointer = format!("body{path}/{at}");
                    Err(Place { pointer: &pointer, title: "", location: "body" }.wrong_type("对象"))
                }
            })
        }
        _ => Ok(()),
    }
}

fn check_value(value: &Value, kind: &Kind, place: &Place<'_>) -> Result<(), Refusal> {
    match kind {
        Kind::Text { min, max, rule } => {
            let text = value.as_str().ok_or_else(|| place.wrong_type("字符串"))?;
            check_text(text, *min, *max, *rule, place)
        }
        Kind::Integer { min } => {
            let number = value.as_i64().ok_or_else(|| place.wrong_type("整数"))?;
            if number < *min {
                let what = format!("数值字段“{}”规则校验失败，值低于最小值 {min}", place.title);
                return Err(place.refuse(&what, Some(json!(number))));
            }
            Ok(())
        }
        Kind::Flag => value.as_bool().map(|_| ()).ok_or_else(|| place.wrong_type("布尔值")),
        Kind::Object { bytes_max, .. } => {
            let Value::Object(_) = value else { return Err(place.wrong_type("对象")) };
            let bytes = value.to_string().len();
            if bytes > *bytes_max {
                return Err(too_long(place, bytes, *bytes_max));
            }
            Ok(())
        }
        Kind::List(_) => value.as_array().map(|_| ()).ok_or_else(|| place.wrong_type("数组")),
    }
}

fn check_text(text: &str, min: usize, max: usize, rule: Rule, place: &Place<'_>) -> Result<(), Refusal> {
    if text.len() > max {
        return Err(too_long(place, text.len(), max));
    }
    if text.len() < min {
        let bytes = text.len();
        let what = format!("值字段“{}”字符串规则校验失败，字节数 {bytes}，小于最小值 {min}", place.title);
        return Err(place.refuse(&what, Some(json!(text))));
    }
    if !follows(text, rule) {
        let what = format!("值字段“{}”字符串规则校验失败，字符串不符合正则表达式", place.title);
        return Err(place.refuse(&what, Some(json!(text))));
    }
    Ok(())
}

fn too_long(place: &Place<'_>, bytes: usize, max: usize) -> Refusal {
    let what = format!("值字段“{}”字符串规则校验失败，字节数 {bytes}，大于最大值 {max}", place.title);
    place.refuse(&what, None)
}

fn follows(text: &str, rule: Rule) -> bool {
    let order_no = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'|' | b'*');
    match rule {
        Rule::Any => true,
        Rule::OrderNo => text.bytes().all(order_no),
        Rule::RefundNo => text.bytes().all(|byte| order_no(byte) || byte == b'@'),
        Rule::NotifyUrl => is_notify_url(text),
        Rule::Time => is_rfc3339(text),
        Rule::Date => text.len() == 10 && text.parse::<Date>().is_ok(),
        Rule::AuthCode => is_auth_code(text),
        Rule::Address => text.parse::<IpAddr>().is_ok(),
        Rule::OneOf(words) => words.contains(&text),
    }
}

/// `http://` or `https://`, a host, an optional port of two to five digits, and a path without white space, `?`, `#`
/// or brackets: the live pattern, as far as it has been seen.
fn is_notify_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let forbidden = |c: char| c.is_whitespace() || matches!(c, '?' | '#' | '[' | ']' | '(' | ')' | '{' | '}');
    if rest.contains(forbidden) {
        return false;
    }
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    match authority.split_once(':') {
        None => !authority.is_empty(),
        Some((host, port)) => {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            !host.is_empty() && digits && (2..=5).contains(&port.len())
        }
    }
}

/// `2026-01-01T08:30:00+08:00`, with an optional fraction; jiff alone would take looser forms as well.
fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let has_offset =
        text.ends_with('Z') || bytes.iter().rev().nth(5).is_some_and(|b| matches!(b, b'+' | b'-'));
    bytes.get(10) == Some(&b'T') && has_offset && text.parse::<Timestamp>().is_ok()
}

fn is_auth_code(text: &str) -> bool {
    let digits = text.len() == 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && text.get(..2).is_some_and(|kind| ("10"..="15").contains(&kind))
}

fn has_wide_characters(value: &Value) -> bool {
    let wide = |text: &str| text.chars().any(|c| c.len_utf8() > 3);
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => wide(text),
        Value::Array(items) => items.iter().any(has_wide_characters),
        Value::Object(object) => object.iter().any(|(name, inner)| wide(name) || has_wide_characters(inner)),
    }
}

fn malformed() -> Refusal {
    Refusal::param("请求体不是合法的JSON对象".to_owned(), "", "body", None)
}

fn not_three_bytes() -> Refusal {
    Refusal::invalid("请求含有不支持的字符，仅支持1至3字节的UTF-8字符")
}
