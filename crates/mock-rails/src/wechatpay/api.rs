//! The calls themselves: from a request that is proved to be the merchant's to its answer.

use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::answers::{Answer, Refusal};
use super::bodies::{self, AbnormalBody, CloseBody, OrderBody, RefundBody, ReverseBody};
use super::ids;
use super::keys::KeyChoice;
use super::notify;
use super::payer::{SCANNER, openid_of};
use super::route::Call;
use super::schema::check_parameter;
use super::trades::{Charged, NewOrder, Order, Product, REFUND_TAKES, RefundEnd, RefundRequest, Refused};
use super::{Codepay, Done, Platform, WechatPay, views};
use crate::faults::Twist;
use crate::magic::{Mood, On, THINKING_S};
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
            Call::Codepay => self.charge_code(&request.body, key, now),
            Call::Reverse(order_no) => self.reverse(order_no, &request.body, now),
            Call::AbnormalRefund(id) => self.another_way(id, request, now),
            Call::TradeBill => self.bill_address(request, false, now),
            Call::FundFlowBill => self.bill_address(request, true, now),
            Call::BillFile => self.bill_file(request.query(), now),
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
            Product::App => bodies::APP,
            Product::H5 => bodies::H5,
            Product::Micropay => bodies::CODEPAY,
        };
        let (read, content) = bodies::read::<OrderBody>(body, fields)?;
        if product == Product::Jsapi && read.payer.as_ref().is_none_or(|payer| payer.openid.is_empty()) {
            // The code is unconfirmed; the text and the number are not.
            return Err(Refusal::new(400, "PARAM_ERROR", "JSAPI支付必须传openid", 268_501_013));
        }
        self.check_mchid(&read.mchid)?;
        self.check_appid(&read.appid)?;
        self.check_mood(&read)?;
        let order_no = read.out_trade_no.clone();
        let mut state = locked(&self.state);
        let changed_repeat = state.settings.changed_repeat;
        let new = NewOrder { product, body: read, content, key };
        let handle = state.trades.place(new, changed_repeat, now)?;
        let mut done = Done::from(match product {
            Product::Native => Answer::json(&json!({"code_url": handle})),
            Product::Jsapi | Product::App | Product::Micropay => Answer::json(&json!({"prepay_id": handle})),
            Product::H5 => Answer::json(&json!({"h5_url": h5_url(&handle)})),
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

    /// A payer's code: no notification ever, so the answer and queries tell.
    fn charge_code(&self, body: &[u8], key: KeyChoice, now: Timestamp) -> Result<Done, Refusal> {
        if locked(&self.state).settings.codepay == Codepay::Missing {
            return Err(Refusal::new(403, "NO_AUTH", "商户号未开通此产品权限", 268_435_461));
        }
        let (read, content) = bodies::read::<OrderBody>(body, bodies::CODEPAY)?;
        self.check_mchid(&read.mchid)?;
        self.check_appid(&read.appid)?;
        let (order_no, mood) =
            (read.out_trade_no.clone(), self.bench.magic.mood(On::Payment, read.amount.total));
        if mood == Some(Mood::RateLimited) {
            return Err(Refusal::of_code("FREQUENCY_LIMITED"));
        }
        let new = NewOrder { product: Product::Micropay, body: read, content, key };
        let mut state = locked(&self.state);
        let charged = state.trades.charge_code(new, SCANNER, mood, now)?;
        if mood == Some(Mood::Unsure) {
            return Err(Refusal::of_code("SYSTEM_ERROR"));
        }
        let order = state.trades.order(&order_no, now).ok_or(Refused::OrderUnknown)?;
        let view = views::order(order).to_string().into_bytes();
        Ok(match charged {
            Charged::Paid => Answer::Done(view),
            Charged::Thinking => Answer::Accepted(view),
        }
        .into())
    }

    fn reverse(&self, order_no: &str, body: &[u8], now: Timestamp) -> Result<Done, Refusal> {
        check_parameter("out_trade_no", "商户订单号", Some(order_no), &bodies::OUT_TRADE_NO)?;
        let (read, _) = bodies::read::<ReverseBody>(body, bodies::REVERSE)?;
        self.check_mchid(&read.mchid)?;
        locked(&self.state).trades.reverse(order_no, now)?;
        let account = &self.keys.account;
        let body = json!({ "appid": account.appid, "mchid": account.mchid, "out_trade_no": order_no });
        Ok(Answer::json(&body).into())
    }

    /// An abnormal refund goes to a bank card: the payer's, with sealed fields, or the merchant's.
    fn another_way(&self, refund_id: &str, request: &RailRequest, now: Timestamp) -> Result<Done, Refusal> {
        let (read, _) = bodies::read::<AbnormalBody>(&request.body, bodies::ABNORMAL)?;
        if read.way == "USER_BANK_CARD" {
            self.check_sealed(&read, request)?;
        }
        let mut state = locked(&self.state);
        state.trades.send_another_way(refund_id, &read.out_refund_no, read.way, now)?;
        let answer = refund_answer(state.trades.refund_of(&read.out_refund_no))?;
        self.watch_refunds(&mut state);
        Ok(answer.into())
    }

    fn check_sealed(&self, read: &AbnormalBody, request: &RailRequest) -> Result<(), Refusal> {
        let bad = |message: &str| Refusal::new(400, "PARAM_ERROR", message, 268_435_461);
        let serial = request.header("Wechatpay-Serial");
        let serial = serial.ok_or_else(|| bad("HTTP header缺少微信支付平台证书序列号(Wechatpay-Serial)"))?;
        let key = self.keys.named(serial).ok_or_else(|| bad("平台证书序列号Wechatpay-Serial错误"))?;
        let (Some(_), Some(account), Some(name)) = (&read.bank_type, &read.bank_account, &read.real_name)
        else {
            return Err(bad("bank_type、bank_account、real_name为必填项"));
        };
        let signer = self.keys.signer(key);
        let open = |sealed: &str| signer.open(sealed).and_then(|plain| String::from_utf8(plain).ok());
        let (account, name) = (open(account), open(name));
        let readable = account
            .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty());
        if readable && name.is_some_and(|name| !name.is_empty()) {
            Ok(())
        } else {
            Err(bad("敏感信息解密失败"))
        }
    }

    fn check_appid(&self, appid: &str) -> Result<(), Refusal> {
        if appid == self.keys.account.appid {
            return Ok(());
        }
        Err(Refusal::new(400, "APPID_MCHID_NOT_MATCH", "商户号mchid与appid不匹配", 268_445_527))
    }

    /// What a magic amount does to the creation of an order, where nobody pays yet.
    fn check_mood(&self, body: &OrderBody) -> Result<(), Refusal> {
        match self.bench.magic.mood(On::Payment, body.amount.total) {
            Some(Mood::Risk) => Err(Refused::Risk.into()),
            Some(Mood::Unsure) => Err(Refusal::of_code("SYSTEM_ERROR")),
            Some(Mood::RateLimited) => Err(Refusal::of_code("FREQUENCY_LIMITED")),
            // A payer whose funds do not suffice just does not pay.
            Some(Mood::Declined | Mood::PendingThenPaid | Mood::PendingThenDeclined) => Ok(()),
            Some(Mood::RefundNotEnough | Mood::RefundSlow | Mood::RefundFails) | None => Ok(()),
        }
    }

    /// The merchant number of a body or a query must be the one of the `Authorization` header, which is ours.
    fn check_mchid(&self, mchid: &str) -> Result<(), Refusal> {
        if mchid == self.keys.account.mchid {
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
        let mood = self.bench.magic.mood(On::Refund, read.amount.refund);
        let (end, takes) = match mood {
            Some(Mood::RefundNotEnough) => return Err(Refused::RefundNotEnough.into()),
            Some(Mood::RefundSlow) => (end, SignedDuration::from_hours(1)),
            Some(Mood::RefundFails) => (RefundEnd::Abnormal, SignedDuration::from_secs(THINKING_S)),
            _ => (end, REFUND_TAKES),
        };
        let mut state = locked(&self.state);
        let paced = state.settings.refunds_paced;
        let request = RefundRequest { body: read, content, end, key, takes };
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
            Platform::Certificate => 0..1,
            Platform::Rotating | Platform::Rotated => 0..2,
            Platform::Next => 1..2,
            Platform::PublicKeyOnly => return Err(none()),
        };
        let listed = self.keys.certificates.get(listed).unwrap_or_default();
        let listed = listed.iter().map(|(serial, pem)| (serial.as_str(), pem.as_str()));
        let nonces = std::iter::repeat_with(ids::seal_nonce);
        Ok(Answer::json(&self.certificate_list(listed.zip(nonces))).into())
    }

    /// The list, each certificate sealed under its own nonce.
    pub(super) fn certificate_list<'a>(
        &self,
        certificates: impl Iterator<Item = ((&'a str, &'a str), [u8; 12])>,
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

/// Where a payer's browser is sent: the intermediate page of the wallet.
fn h5_url(prepay_id: &str) -> String {
    format!(
        "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={prepay_id}&package={}",
        ids::package()
    )
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
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let matches = key == name;
        matches.then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
    })
}
