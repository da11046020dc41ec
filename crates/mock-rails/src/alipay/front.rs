//! From a request to an answer: routes, both protocols around one set of APIs, signing, and the journal.

use std::future::Future;

use http::StatusCode;

use super::answer::{Inner, envelope};
use super::api::{Call, Method};
use super::gateway::{self, Refusal};
use super::trades::Product;
use super::wire::{Charset, Params};
use super::{AlipayMock, Done, announce, bill, certificates, freeze, orders, page, pay, refunds, v3};
use crate::clock::Clock;
use crate::faults::{self, Twist};
use crate::journal::JournalEntry;
use crate::magic::{Mood, On};
use crate::{RailReply, RailRequest, locked};

const CONTENT_TYPE_UTF8: &str = "text/html;charset=utf-8";
const CONTENT_TYPE_GBK: &str = "text/html;charset=GBK";

/// A text of `BusinessCode` for a cancel that is no code: nothing is done, and the client is to call again (F10).
const AGAIN: &str = "RETRY";
/// The same, and the cancel is carried out all the same.
const AGAIN_AFTER: &str = "RETRY:DONE";
/// Too many calls.
const LIMITED: &str = "isv.app-call-limited";
/// The rail does not know what came of it.
const UNSURE: &str = "isp.unknow-error";

/// A judged request: the call, or how it is turned away.
type Judged = Result<Call, Box<Refusal>>;

impl AlipayMock {
    pub(super) async fn route(&self, request: RailRequest) -> RailReply {
        self.settle();
        let reply = match (request.method.as_str(), request.path()) {
            ("GET" | "POST", "/gateway.do") => self.v2(&request).await,
            (_, path) if path.starts_with("/v3/") => self.v3(&request).await,
            ("GET", bill::PATH) => self.download(&request).await,
            ("GET", "/cashier") => self.cashier(&request),
            ("POST", "/cashier/pay") => self.cashier_pay(&request).await,
            ("POST", "/cashier/decline") => page::page("<h1>已取消</h1>"),
            _ => RailReply::new(StatusCode::NOT_FOUND, CONTENT_TYPE_UTF8, ""),
        };
        self.wake_when_due();
        reply
    }

    /// See [`crate::RailMock::operation`].
    pub(super) fn operation_of(&self, request: &RailRequest) -> Option<&'static str> {
        match request.path() {
            "/gateway.do" => {
                let params = Params::read(request);
                let charset = params.ascii("charset").and_then(Charset::parse).unwrap_or(Charset::Utf8);
                let biz = gateway::biz_content(&params, &self.material, charset).ok().map(|(biz, _)| biz);
                Some(Method::parse(params.ascii("method")?)?.operation(biz.as_ref()))
            }
            bill::PATH => Some(Method::BillUrl.operation(None)),
            path if path.starts_with("/v3/") => {
                let biz = v3::members(request, &self.material).ok().map(|(biz, _)| biz);
                Some(v3::method_of(request)?.operation(biz.as_ref()))
            }
            _ => None,
        }
    }

    async fn v2(&self, request: &RailRequest) -> RailReply {
        let params = Params::read(request);
        let method = params.ascii("method").and_then(Method::parse);
        let judged = gateway::check(&params, &self.material, self.bench.clock.now());
        self.faulty(method, judged, |judged, twist| self.answer_v2(request, &params, judged, twist)).await
    }

    async fn v3(&self, request: &RailRequest) -> RailReply {
        let times = v3::Times { now: self.bench.clock.now(), wall: Clock::wall().now() };
        let judged = v3::check(request, &self.material, &mut locked(&self.state).nonces, times);
        let method = v3::method_of(request);
        self.faulty(method, judged, |judged, twist| self.answer_v3(request, judged, twist)).await
    }

    /// Answers under the fault that is armed for this operation.
    async fn faulty<W, F>(&self, method: Option<Method>, judged: Judged, work: W) -> RailReply
    where
        W: FnOnce(Judged, Twist) -> F,
        F: Future<Output = RailReply>,
    {
        let biz = judged.as_ref().ok().map(|call| &call.biz);
        let fault = method.and_then(|method| {
            let (on, fen) = method.amount(biz);
            self.bench.fault(method.operation(biz), on, fen)
        });
        faults::around(fault, |twist| work(judged, twist)).await
    }

    async fn answer_v2(
        &self,
        request: &RailRequest,
        params: &Params,
        judged: Judged,
        twist: Twist,
    ) -> RailReply {
        let name = params.ascii("method");
        let call = match judged {
            Ok(call) => call,
            Err(refusal) => return self.turn_away(request, params, &refusal, &twist),
        };
        if call.method.is_page() {
            return self.page_pay(request, &call, twist);
        }
        let inner = self.perform(request, &call, &twist).await;
        let cert_sn = self.material.keys.alipay_cert_sn().filter(|_| call.by_certificate);
        let content = Content { inner: &inner, encrypted: call.encrypted && inner.is_business() };
        self.envelope(&gateway::response_key(name), &content, cert_sn, Some(&twist), call.charset)
    }

    async fn answer_v3(&self, request: &RailRequest, judged: Judged, twist: Twist) -> RailReply {
        let trace_id = trace_id();
        let (inner, signed, by_certificate, encrypted) = match judged {
            Ok(call) => {
                let inner = self.perform(request, &call, &twist).await;
                (inner, true, call.by_certificate, call.encrypted)
            }
            Err(refusal) => {
                let name = v3::method_of(request).map_or("", Method::name);
                self.write_down(request, name, None, refusal.inner.judgement(), refusal.expected.clone());
                (refusal.inner, refusal.signed, v3::by_certificate(request), false)
            }
        };
        let (status, mut body) = inner.v3(&trace_id, self.v3_waiting());
        // Clients read an error as plain JSON, so only what succeeds is encrypted.
        if encrypted
            && status.is_success()
            && let Some(cipher) = self.material.aes.as_ref().and_then(|key| key.encrypt(&body))
        {
            body = cipher;
        }
        let wrong = twist == Twist::WrongSignature;
        let signing = v3::Signing { keys: &self.material.keys, wrong, by_certificate };
        let signing = (signed && twist != Twist::Unsigned).then_some(signing);
        v3::reply(status, body, &trace_id, signing, self.bench.clock.now())
    }

    /// Does what a call asks for, unless a fault wants a code instead; then tells the merchant.
    async fn perform(&self, request: &RailRequest, call: &Call, twist: &Twist) -> Inner {
        let mood = self.mood(call);
        let mut done = match (twist, mood) {
            (Twist::BusinessCode(code), _) if call.method == Method::Cancel && code == AGAIN => {
                orders::cancel_again(call.biz.text("out_trade_no"))
            }
            (Twist::BusinessCode(code), mood) if call.method == Method::Cancel && code == AGAIN_AFTER => {
                let done = self.run(request, call, mood);
                Done { inner: orders::cancel_again(call.biz.text("out_trade_no")).inner, ..done }
            }
            (Twist::BusinessCode(code), _) => Done::only(Inner::on_demand(code)),
            (_, Some(Mood::RateLimited)) => Done::only(Inner::on_demand(LIMITED)),
            (Twist::Plain | Twist::WrongSignature | Twist::Unsigned, mood) => self.run(request, call, mood),
        };
        if mood == Some(Mood::Unsure) && !done.inner.is_refusal() {
            done.inner = Inner::on_demand(UNSURE);
        }
        let order_no = call.biz.text("out_trade_no").or_else(|| call.biz.text("out_order_no"));
        let verdict = done.inner.judgement();
        self.write_down(request, call.method.name(), order_no, verdict, Some(call.expected.clone()));
        for news in &done.news {
            self.announce(news).await;
        }
        done.inner
    }

    /// What the amount of a call asks for, when magic amounts are on.
    fn mood(&self, call: &Call) -> Option<Mood> {
        let (on, fen) = call.method.amount(Some(&call.biz));
        self.bench.magic.mood(on, fen?)
    }

    fn run(&self, request: &RailRequest, call: &Call, mood: Option<Mood>) -> Done {
        let (now, biz, origin) = (self.bench.clock.now(), &call.biz, self.bench.origin.as_str());
        let account = &self.material.account;
        let charge = mood.and_then(pay::Wish::of_mood);
        let mut locked = locked(&self.state);
        let state = &mut *locked;
        let trades = &mut state.trades;
        match call.method {
            Method::Precreate => announce::precreate(trades, call, account, origin, now),
            Method::Pay => pay::pay(state, call, account, charge, now),
            Method::Create => announce::create(trades, call, account, origin, now),
            Method::Query => orders::query(trades, biz, account, now),
            Method::Close => orders::close(trades, biz, now),
            Method::Cancel => orders::cancel(trades, biz, now),
            Method::Refund => {
                refunds::refund(trades, biz, account, mood.and_then(refunds::Wish::of_mood), now)
            }
            Method::RefundQuery => refunds::refund_query(trades, biz, now),
            Method::BillUrl => {
                let base = self.bench.base_of(request);
                bill::url(&mut state.tickets, trades, biz, account, (&base, state.opened), now)
            }
            Method::CertDownload => Done::only(certificates::download(&self.material.keys, biz)),
            Method::Freeze => freeze::freeze(state, call, account, charge, now),
            Method::VoucherCreate => freeze::voucher(state, call, account, now),
            Method::Unfreeze => freeze::unfreeze(state, call, now),
            Method::OperationQuery => freeze::query(state, biz, account, now),
            Method::OperationCancel => freeze::cancel(state, call, now),
            // Pages are answered before they come here; order strings are for the wallet, not for the gateway.
            Method::PagePay | Method::WapPay | Method::AppPay | Method::AppFreeze => {
                Done::only(Inner::coded("isv.invalid-method", "不存在的方法名"))
            }
        }
    }

    fn page_pay(&self, request: &RailRequest, call: &Call, twist: Twist) -> RailReply {
        let product = if call.method == Method::WapPay { Product::Wap } else { Product::Page };
        let mood = self.mood(call);
        let announced = match &twist {
            Twist::BusinessCode(code) => Err(Inner::on_demand(code)),
            _ if mood == Some(Mood::RateLimited) => Err(Inner::on_demand(LIMITED)),
            Twist::Plain | Twist::WrongSignature | Twist::Unsigned => {
                let (now, origin) = (self.bench.clock.now(), &self.bench.origin);
                let no = call.biz.text("out_trade_no").unwrap_or_default();
                let trades = &mut locked(&self.state).trades;
                announce::announce(trades, call, product, &self.material.account, origin, now)
                    .map(|_| trades.by_number(&no, now).and_then(|order| order.entrance.clone()))
                    .map_err(Inner::failed)
            }
        };
        let announced = announced.and_then(|entrance| match mood {
            Some(Mood::Unsure) => Err(Inner::on_demand(UNSURE)),
            Some(_) | None => Ok(entrance),
        });
        let verdict = announced.as_ref().map_or_else(Inner::judgement, |_| Inner::success().judgement());
        let order_no = call.biz.text("out_trade_no");
        self.write_down(request, call.method.name(), order_no, verdict, Some(call.expected.clone()));
        match announced {
            Ok(entrance) => {
                let path =
                    entrance.as_deref().and_then(|it| it.strip_prefix(&self.bench.origin)).unwrap_or("/");
                page::to_cashier(&format!("{}{path}", self.bench.base_of(request)))
            }
            Err(inner) => RailReply::new(StatusCode::OK, CONTENT_TYPE_GBK, gateway::error_page(&inner)),
        }
    }

    /// Turns a request away; the page interfaces do it with a page.
    fn turn_away(
        &self,
        request: &RailRequest,
        params: &Params,
        refusal: &Refusal,
        twist: &Twist,
    ) -> RailReply {
        let name = params.ascii("method");
        let verdict = refusal.inner.judgement();
        self.write_down(request, name.unwrap_or(""), None, verdict, refusal.expected.clone());
        if name.and_then(Method::parse).is_some_and(Method::is_page) {
            return RailReply::new(StatusCode::OK, CONTENT_TYPE_GBK, gateway::error_page(&refusal.inner));
        }
        let charset = params.ascii("charset").and_then(Charset::parse).unwrap_or(Charset::Utf8);
        let content = Content { inner: &refusal.inner, encrypted: false };
        // A client in certificate mode finds the key for an answer by this number, also for a refusal.
        let asked = refusal.signed && params.ascii("app_cert_sn").is_some();
        let cert_sn = self.material.keys.alipay_cert_sn().filter(|_| asked);
        self.envelope(
            &gateway::response_key(name),
            &content,
            cert_sn,
            refusal.signed.then_some(twist),
            charset,
        )
    }

    /// A v2 answer; unsigned without a twist that says how it is signed.
    pub(super) fn envelope(
        &self,
        key: &str,
        content: &Content<'_>,
        cert_sn: Option<&str>,
        twist: Option<&Twist>,
        charset: Charset,
    ) -> RailReply {
        let plain = content.inner.json();
        let cipher =
            self.material.aes.as_ref().filter(|_| content.encrypted).and_then(|aes| aes.encrypt(&plain));
        let json = cipher.map_or(plain, |cipher| format!("\"{cipher}\""));
        let signed = charset.encode(&json);
        let sign = match twist {
            Some(Twist::Plain | Twist::BusinessCode(_)) => Some(self.material.keys.sign(&signed)),
            Some(Twist::WrongSignature) => Some(self.material.keys.sign(&[signed.as_slice(), b"!"].concat())),
            Some(Twist::Unsigned) | None => None,
        };
        let content_type = match charset {
            Charset::Utf8 => CONTENT_TYPE_UTF8,
            Charset::Gbk => CONTENT_TYPE_GBK,
        };
        RailReply::new(StatusCode::OK, content_type, envelope(key, &json, cert_sn, sign.as_deref(), charset))
            .with_header("trace_id", &trace_id())
    }

    /// The file behind an address that was given out.
    async fn download(&self, request: &RailRequest) -> RailReply {
        let fault = self.bench.fault(Method::BillUrl.operation(None), On::Payment, None);
        let found = {
            let state = locked(&self.state);
            let params = Params::of_form(request.query());
            let token = params.ascii("token").unwrap_or("");
            let now = self.bench.clock.now();
            bill::download(&state.tickets, &state.trades, &self.material.account, token, now)
        };
        let verdict = if found.is_some() { "200" } else { "403" };
        self.write_down(request, "bill download", None, (verdict.to_owned(), found.is_none()), None);
        let reply = match found {
            Some((name, bytes)) => RailReply::new(StatusCode::OK, "application/zip", bytes)
                .with_header("content-disposition", &format!("attachment; filename={name}")),
            // What the real one answers after its time was found nowhere.
            None => RailReply::new(
                StatusCode::FORBIDDEN,
                CONTENT_TYPE_UTF8,
                "<html><body>下载链接已失效</body></html>",
            ),
        };
        faults::around(fault, |_| std::future::ready(reply)).await
    }

    /// Turns a request away before it is looked at, in the rail's words.
    pub(super) fn turned_away(&self, request: &RailRequest, why: crate::Refusal) -> RailReply {
        let sub_code = match why {
            crate::Refusal::RateLimited => LIMITED,
            crate::Refusal::Maintenance => UNSURE,
        };
        let refusal = |signed| Refusal { inner: Inner::on_demand(sub_code), signed, expected: None };
        if request.path().starts_with("/v3/") {
            let name = v3::method_of(request).map_or("", Method::name);
            let refusal = refusal(v3::names_app(request, &self.material.account.app_id));
            self.write_down(request, name, None, refusal.inner.judgement(), None);
            let trace_id = trace_id();
            let (status, body) = refusal.inner.v3(&trace_id, self.v3_waiting());
            let signing = refusal.signed.then_some(v3::Signing {
                keys: &self.material.keys,
                wrong: false,
                by_certificate: v3::by_certificate(request),
            });
            return v3::reply(status, body, &trace_id, signing, self.bench.clock.now());
        }
        let params = Params::read(request);
        let known = params.ascii("app_id") == Some(self.material.account.app_id.as_str());
        self.turn_away(request, &params, &refusal(known), &Twist::Plain)
    }

    fn v3_waiting(&self) -> StatusCode {
        if self.material.account.v3_waiting_is_202 { StatusCode::ACCEPTED } else { StatusCode::OK }
    }

    fn write_down(
        &self,
        request: &RailRequest,
        operation: &str,
        order_no: Option<String>,
        (verdict, refused): (String, bool),
        expected: Option<String>,
    ) {
        self.bench.journal.record(JournalEntry {
            at: self.bench.clock.now(),
            method: request.method.to_string(),
            path: request.path().to_owned(),
            operation: operation.to_owned(),
            order_no,
            verdict,
            refused,
            expected,
        });
    }
}

/// What goes into an envelope.
pub(super) struct Content<'a> {
    pub(super) inner: &'a Inner,
    pub(super) encrypted: bool,
}

pub(super) fn trace_id() -> String {
    let mut bytes = [0; 15];
    // Nobody relies on its uniqueness; without random numbers it is all zeros.
    let _ = crate::chance::fill(&mut bytes);
    hex::encode(bytes)
}
