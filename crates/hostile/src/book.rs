//! Collects cases into files, and gives each its name.

use crate::case::{About, Case, Expected};

/// A message before it is a case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    pub(crate) request: Option<String>,
    pub(crate) query: String,
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn with_body(&self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self.clone() }
    }

    pub(crate) fn with_request(&self, request: &str) -> Self {
        Self { request: Some(request.to_owned()), ..self.clone() }
    }

    pub(crate) fn with_query(&self, query: &str) -> Self {
        Self { query: query.to_owned(), ..self.clone() }
    }

    pub(crate) fn with_status(&self, status: u16) -> Self {
        Self { status: Some(status), ..self.clone() }
    }

    /// One more header, beside those that are there.
    pub(crate) fn plus_header(&self, name: &str, value: &str) -> Self {
        let mut more = self.clone();
        more.headers.push((name.to_owned(), value.to_owned()));
        more
    }

    pub(crate) fn with_header(&self, name: &str, value: &str) -> Self {
        self.without_header(name).plus_header(name, value)
    }

    pub(crate) fn without_header(&self, name: &str) -> Self {
        let mut fewer = self.clone();
        fewer.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        fewer
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}

/// The cases of one file.
pub(crate) struct Book {
    rail: &'static str,
    family: &'static str,
    from: String,
    about: About,
    account: String,
    fault: &'static str,
    kind: &'static str,
    cases: Vec<Case>,
}

impl Book {
    pub(crate) fn new(rail: &'static str, family: &'static str) -> Self {
        Self {
            rail,
            family,
            from: String::new(),
            about: About::Notification,
            account: "main".to_owned(),
            fault: "",
            kind: "",
            cases: Vec::new(),
        }
    }

    /// What the next cases are made of.
    pub(crate) fn from(&mut self, from: &str) -> &mut Self {
        from.clone_into(&mut self.from);
        self
    }

    /// The next cases answer this call.
    pub(crate) fn replies_to(&mut self, call: &str) -> &mut Self {
        self.about = About::ReplyTo(call.to_owned());
        self
    }

    pub(crate) fn for_account(&mut self, account: &str) -> &mut Self {
        account.clone_into(&mut self.account);
        self
    }

    /// The fault and kind of the next cases.
    pub(crate) fn kind(&mut self, fault: &'static str, kind: &'static str) -> &mut Self {
        (self.fault, self.kind) = (fault, kind);
        self
    }

    pub(crate) fn refused(&mut self, reason: &str, message: &Message) -> &mut Self {
        self.add(Expected::Refused, reason, message)
    }

    pub(crate) fn unknown(&mut self, reason: &str, message: &Message) -> &mut Self {
        self.add(Expected::Unknown, reason, message)
    }

    pub(crate) fn suspicious(&mut self, reason: &str, message: &Message) -> &mut Self {
        self.add(Expected::Suspicious, reason, message)
    }

    pub(crate) fn accepted(&mut self, reason: &str, message: &Message) -> &mut Self {
        self.add(Expected::Accepted, reason, message)
    }

    pub(crate) fn add(&mut self, expected: Expected, reason: &str, message: &Message) -> &mut Self {
        let name = format!("{}/{}/{:03}", self.rail, self.family, self.cases.len() + 1);
        let mut case = Case::blank(name, self.about.clone(), expected);
        case.fault = self.fault.to_owned();
        case.kind = self.kind.to_owned();
        case.reason = reason.to_owned();
        case.from = self.from.clone();
        case.account = self.account.clone();
        case.request = message.request.clone();
        case.query = message.query.clone();
        case.status = message.status;
        case.headers = message.headers.clone();
        case.set_body(message.body.clone());
        // Two ways to spoil a message may come out as the same bytes; one case of them is enough.
        if !self.cases.iter().any(|known| known.is_sent_as(&case)) {
            self.cases.push(case);
        }
        self
    }

    pub(crate) fn file(self) -> (String, Vec<Case>) {
        (format!("{}/{}.jsonl", self.rail, self.family), self.cases)
    }
}
