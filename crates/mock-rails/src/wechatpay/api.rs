//! The calls themselves: from a request that is proved to be the merchant's to its answer.

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::answers::{Answer, Refusal};
use super::bodies::{self, CloseBody, OrderBody, RefundBody};
use super::ids;
use super::keys::KeyChoice;
use super::notify;
use super::payer::openid_of;
use super::route::Call;
use super::schema::check_parameter;
use super::trades::{NewOrder, Order, Product, RefundEnd, RefundRequest, Refused};
use super::{Done, Platform, WechatPay, views};
use crate::faults::Twist;
use crate::{RailRequest, locked};

/// Validity of both test certificates.
const CERTIFICATE_FROM: &str = "2020-01-01T08:00:00+08:00";
const CERTIFICATE_TO: &str = "2050-01-01T07:59:59+08:00";

impl WechatPay {
    /// Does what the request asks for.
    pub(super) fn perform(
        &self,
        call: &Call,
        request: &RailRequest,
        twist: &Twist,
        key: KeyChoice,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let end = match (call, twist) {
            (Call::Refund, Twist::BusinessCode(code)) if code == "ABNORMAL" => RefundEnd::Abnormal,
            (Call::Refund, Twist::BusinessCode(code)) if code == "CLOSED" => RefundEnd::Closed,
            (_, Twist::BusinessCode(code)) => return Err(Refusal::of_code(code)),
            (_, Twist::Plain | Twist::WrongSignature | Twist::Unsigned) => RefundEnd::Success,
        };
        match call {
            Call::Order(product) => self.order(*product, &request.body, key, now),
            Call::QueryByOrderNo(order_no) => self.query_by_order_no(order_no, request.query(), now),
            Call::QueryByTransaction(id) => self.query_by_transaction(id, request.query(), now),
            Call::Close(order_no) => self.close(order_no, &request.body, now),
            Call::Refund => self.refund(&request.body, end, key, now),
            Call::QueryRefund(refund_no) => self.query_refund(refund_no),
            Call::Certificates => self.certificates(request.query()),
        }
    }

    fn order(&self, product: Product, body: &[u8], key: KeyChoice, now: Timestamp) -> Result<Done, Refusal> {
        let fields = match product {
            Product::Native => bodies::NATIVE,
            Product::Jsapi => bodies::JSAPI,
        };
        let (read, content) = bodies::read::<OrderBody>(body, fields)?;
        if product == Product::Jsapi && read.payer.as_ref().is_none_or(|payer| payer.openid.is_empty()) {
            // The code is unconfirmed; the text and the number are not.
            return Err(Refusal::new(400, "PARAM_ERROR", "JSAPI支付必须传openid", 268_501_013));
        }
        self.check_mchid(&read.mchid)?;
        if read.appid != self.keys.appid {
            let message = "商户号mchid与appid不匹配";
            return Err(Refusal::new(400, "APPID_MCHID_NOT_MATCH", message, 268_445_527));
        }
        let order_no = read.out_trade_no.clone();
        let mut state = locked(&self.state);
        let changed_repeat = state.settings.changed_repeat;
        let new = NewOrder { product, body: read, content, key };
        let handle = state.trades.place(new, changed_repeat, now)?;
        let mut done = Done::from(match product {
            Product::Native => Answer::json(&json!({"code_url": handle})),
            Product::Jsapi => Answer::json(&json!({"prepay_id": handle})),
        });
        if self.overtaken("charge") {
            let openid = state.trades.order(&order_no, now).map(openid_of).unwrap_or_default();
            let paid = state.trades.pay(&order_no, &openid, false, now);
            if let (Ok(()), Some(order)) = (paid, state.trades.order(&order_no, now)) {
                let payment = order.payment.as_ref();
                done.first = payment
                    .map(|payment| notify::of_payment(&self.keys, order, payment, None))
                    .unwrap_or_default();
            }
        }
        Ok(done)
    }

    /// The merchant number of a body or a query must be the one of the `Authorization` header, which is ours.
    fn check_mchid(&self, mchid: &str) -> Result<(), Refusal> {
        if mchid == self.keys.mchid {
            return Ok(());
        }
        let message = "http header中的mchid与post payload中的mchid不匹配";
        Err(Refusal::new(400, "PARAM_ERROR", message, 268_447_843))
    }

    fn query_by_order_no(&self, order_no: &str, query: &str, now: Timestamp) -> Result<Done, Refusal> {
        check_parameter("out_trade_no", "商户订单号", Some(order_no), &bodies::OUT_TRADE_NO)?;
        self.check_queried_mchid(query)?;
        let mut state = locked(&self.state);
        view(state.trades.order(order_no, now))
    }

    fn query_by_transaction(&self, id: &str, query: &str, now: Timestamp) -> Result<Done, Refusal> {
        check_parameter("transaction_id", "微信支付订单号", Some(id), &bodies::TRANSACTION_ID)?;
        self.check_queried_mchid(query)?;
        let mut state = locked(&self.state);
        view(state.trades.order_of_transaction(id, now))
    }

    fn check_queried_mchid(&self, query: &str) -> Result<(), Refusal> {
        let mchid = parameter(query, "mchid");
        check_parameter("mchid", "直连商户号", mchid.as_deref(), &bodies::MCHID)?;
        self.check_mchid(&mchid.unwrap_or_default())
    }

    fn close(&self, order_no: &str, body: &[u8], now: Timestamp) -> Result<Done, Refusal> {
        check_parameter("out_trade_no", "商户订单号", Some(order_no), &bodies::OUT_TRADE_NO)?;
        let (read, _) = bodies::read::<CloseBody>(body, bodies::CLOSE)?;
        self.check_mchid(&read.mchid)?;
        locked(&self.state).trades.close(order_no, now)?;
        Ok(Answer::DoneEmpty.into())
    }

    fn refund(&self, body: &[u8], end: RefundEnd, key: KeyChoice, now: Timestamp) -> Result<Done, Refusal> {
        let (read, content) = bodies::read::<RefundBody>(body, bodies::REFUND)?;
        if read.transaction_id.is_none() && read.out_trade_no.is_none() {
            let message = "transaction_id和out_trade_no不能同时为空".to_owned();
            return Err(Refusal::param(message, "body", None));
        }
        let mut state = locked(&self.state);
        let paced = state.settings.refunds_paced;
        let request = RefundRequest { body: read, content, end, key };
        let (refund_no, is_new) = state.trades.refund(request, paced, now)?;
        let mut done = Done::from(refund_answer(state.trades.refund_of(&refund_no))?);
        if !is_new {
            return Ok(done);
        }
        if self.overtaken("refund") {
            state.trades.finish_now(&refund_no, now);
            done.first = self.notices_of_refund(&state.trades, &refund_no, now, false);
        } else {
            self.watch_refunds(&mut state);
        }
        Ok(done)
    }

    fn query_refund(&self, refund_no: &str) -> Result<Done, Refusal> {
        check_parameter("out_refund_no", "商户退款单号", Some(refund_no), &bodies::OUT_REFUND_NO)?;
        let state = locked(&self.state);
        Ok(refund_answer(state.trades.refund_of(refund_no))?.into())
    }

    fn certificates(&self, query: &str) -> Result<Done, Refusal> {
        let none = || {
            let message = "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥。";
            Refusal::new(404, "RESOURCE_NOT_EXISTS", message, 268_435_461)
        };
        match parameter(query, "algorithm_type").as_deref() {
            None | Some("RSA" | "ALL") => {}
            // This merchant has RSA certificates only.
            Some("SM2") => return Err(none()),
            Some(_) => {
                let message =
                    "输入源“/uri_template/algorithm_type”映射到字段“证书算法”枚举校验失败".to_owned();
                return Err(Refusal::param(message, "uri_template", None));
            }
        }
        let listed = match locked(&self.state).settings.platform {
            Platform::Certificate => 1,
            Platform::Rotating | Platform::Rotated => 2,
            Platform::PublicKeyOnly => return Err(none()),
        };
        let listed = self.keys.certificates.into_iter().take(listed);
        let nonces = std::iter::repeat_with(ids::seal_nonce);
        Ok(Answer::json(&self.certificate_list(listed.zip(nonces))).into())
    }

    /// The list, each certificate sealed under its own nonce.
    pub(super) fn certificate_list(
        &self,
        certificates: impl Iterator<Item = ((&'static str, &'static str), [u8; 12])>,
    ) -> Value {
        let entry = |((serial_no, pem), nonce): ((&str, &str), _)| {
            let sealed = self.keys.seal(nonce, CERTIFICATE, pem.as_bytes());
            json!({
                "effective_time": CERTIFICATE_FROM,
                "encrypt_certificate": {
                    "algorithm": "AEAD_AES_256_GCM",
                    "associated_data": CERTIFICATE,
                    "ciphertext": sealed.ciphertext,
                    "nonce": sealed.nonce,
                },
                "expire_time": CERTIFICATE_TO,
                "serial_no": serial_no,
            })
        };
        json!({"data": certificates.map(entry).collect::<Value>()})
    }
}

/// The associated data of an encrypted certificate.
const CERTIFICATE: &str = "certificate";

fn view(order: Option<&Order>) -> Result<Done, Refusal> {
    let order = order.ok_or(Refused::OrderUnknown)?;
    Ok(Answer::json(&views::order(order)).into())
}

fn refund_answer(refund: Option<&super::trades::Refund>) -> Result<Answer, Refusal> {
    let refund = refund.ok_or(Refused::RefundUnknown)?;
    Ok(Answer::json(&views::refund(refund)))
}

/// The first parameter of this name, decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let matches = key == name;
        matches.then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
    })
}
