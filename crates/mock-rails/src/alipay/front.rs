//! From a request to an answer: routes, the gateway's call of an API, signing, and the journal.

use http::StatusCode;

use super::answer::{Inner, envelope};
use super::gateway::{self, Call, Method, Refusal};
use super::trades::Product;
use super::wire::{Charset, Params};
use super::{AlipayMock, Done, orders, page, refunds};
use crate::faults::{self, Twist};
use crate::journal::JournalEntry;
use crate::{RailReply, RailRequest, locked};

/// How an answer is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signature {
    Right,
    Wrong,
    Missing,
}

const CONTENT_TYPE_UTF8: &str = "text/html;charset=utf-8";
const CONTENT_TYPE_GBK: &str = "text/html;charset=GBK";

impl AlipayMock {
    pub(super) async fn route(&self, request: RailRequest) -> RailReply {
        match (request.method.as_str(), request.path()) {
            ("GET" | "POST", "/gateway.do") => {
                let params = Params::read(&request);
                let method = params.ascii("method").and_then(Method::parse);
                let fault = method.and_then(|method| self.bench.faults.take(method.operation()));
                faults::around(fault, |twist| self.gateway(&request, params, twist)).await
            }
            ("GET", "/cashier") => self.cashier(&request),
            ("POST", "/cashier/pay") => self.cashier_pay(&request).await,
            ("POST", "/cashier/decline") => page::page("<h1>已取消</h1>"),
            _ => RailReply::new(StatusCode::NOT_FOUND, CONTENT_TYPE_UTF8, ""),
        }
    }

    async fn gateway(&self, request: &RailRequest, params: Params, twist: Twist) -> RailReply {
        let call = match gateway::check(&params, &self.keys, &self.merchant) {
            Ok(call) => call,
            Err(refusal) => return self.refuse(request, &params, &refusal, twist),
        };
        if call.method.is_page() {
            return self.page_pay(request, &call, twist);
        }
        let done = match &twist {
            Twist::BusinessCode(code) => Done::only(Inner::on_demand(code)),
            Twist::Plain | Twist::WrongSignature | Twist::Unsigned => self.run(&call),
        };
        self.write_down(request, call.method.name(), &call, &done.inner);
        if let Some((order, event)) = &done.event {
            self.announce(order, event).await;
        }
        let cert_sn = call.by_certificate.then_some(self.merchant.alipay_cert_sn);
        let key = gateway::response_key(Some(call.method.name()));
        self.answer(&key, &done.inner, cert_sn, signature(&twist), call.charset)
    }

    fn run(&self, call: &Call) -> Done {
        let (now, biz) = (self.bench.clock.now(), &call.biz);
        let mut trades = locked(&self.trades);
        match call.method {
            Method::Precreate => {
                orders::precreate(&mut trades, call, &self.merchant, &self.bench.origin, now)
            }
            Method::Query => orders::query(&mut trades, biz, &self.merchant, now),
            Method::Close => orders::close(&mut trades, biz, now),
            Method::Cancel => orders::cancel(&mut trades, biz, now),
            Method::Refund => refunds::refund(&mut trades, biz, &self.merchant, now),
            Method::RefundQuery => refunds::refund_query(&mut trades, biz, now),
            // Answered as a page before it comes here.
            Method::PagePay | Method::WapPay => {
                Done::only(Inner::coded("isv.invalid-method", "不存在的方法名"))
            }
        }
    }

    fn page_pay(&self, request: &RailRequest, call: &Call, twist: Twist) -> RailReply {
        let product = if call.method == Method::WapPay { Product::Wap } else { Product::Page };
        let announced = match &twist {
            Twist::BusinessCode(code) => Err(Inner::on_demand(code)),
            Twist::Plain | Twist::WrongSignature | Twist::Unsigned => {
                let (now, origin) = (self.bench.clock.now(), &self.bench.origin);
                let mut trades = locked(&self.trades);
                orders::announce(&mut trades, call, product, &self.merchant, origin, now)
                    .map_err(Inner::failed)
            }
        };
        match announced {
            Ok(entrance) => {
                self.write_down(request, call.method.name(), call, &Inner::success());
                page::to_cashier(&entrance)
            }
            Err(inner) => {
                self.write_down(request, call.method.name(), call, &inner);
                RailReply::new(StatusCode::OK, CONTENT_TYPE_GBK, gateway::error_page(&inner))
            }
        }
    }

    /// Turns a request away; the page interfaces do it with a page.
    fn refuse(&self, request: &RailRequest, params: &Params, refusal: &Refusal, twist: Twist) -> RailReply {
        let name = params.ascii("method");
        self.bench.journal.record(JournalEntry {
            at: self.bench.clock.now(),
            method: request.method.to_string(),
            path: request.path().to_owned(),
            operation: name.unwrap_or("").to_owned(),
            order_no: None,
            verdict: refusal.inner.verdict(),
            refused: true,
            expected: refusal.expected.clone(),
        });
        if name.and_then(Method::parse).is_some_and(Method::is_page) {
            return RailReply::new(StatusCode::OK, CONTENT_TYPE_GBK, gateway::error_page(&refusal.inner));
        }
        let charset = params.ascii("charset").and_then(Charset::parse).unwrap_or(Charset::Utf8);
        let signature = if refusal.signed { signature(&twist) } else { Signature::Missing };
        self.answer(&gateway::response_key(name), &refusal.inner, None, signature, charset)
    }

    fn answer(
        &self,
        key: &str,
        inner: &Inner,
        cert_sn: Option<&str>,
        signature: Signature,
        charset: Charset,
    ) -> RailReply {
        let json = inner.json();
        let signed = charset.encode(&json);
        let sign = match signature {
            Signature::Right => Some(self.keys.sign(&signed)),
            Signature::Wrong => Some(self.keys.sign(&[signed.as_slice(), b"!"].concat())),
            Signature::Missing => None,
        };
        let content_type = match charset {
            Charset::Utf8 => CONTENT_TYPE_UTF8,
            Charset::Gbk => CONTENT_TYPE_GBK,
        };
        RailReply::new(StatusCode::OK, content_type, envelope(key, &json, cert_sn, sign.as_deref(), charset))
            .with_header("trace_id", &trace_id())
    }

    fn write_down(&self, request: &RailRequest, operation: &str, call: &Call, inner: &Inner) {
        self.bench.journal.record(JournalEntry {
            at: self.bench.clock.now(),
            method: request.method.to_string(),
            path: request.path().to_owned(),
            operation: operation.to_owned(),
            order_no: call.biz.text("out_trade_no"),
            verdict: inner.verdict(),
            refused: inner.is_refusal(),
            expected: Some(call.expected.clone()),
        });
    }
}

fn signature(twist: &Twist) -> Signature {
    match twist {
        Twist::Plain | Twist::BusinessCode(_) => Signature::Right,
        Twist::WrongSignature => Signature::Wrong,
        Twist::Unsigned => Signature::Missing,
    }
}

fn trace_id() -> String {
    let mut bytes = [0; 15];
    // Nobody relies on its uniqueness; without random numbers it is all zeros.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    hex::encode(bytes)
}
