//! Refunds, their query, and those that could not arrive.

use jiff::SignedDuration;

use super::{Asked, Done};
use crate::locked;
use crate::magic::{Mood, On, THINKING_S};
use crate::wechatpay::answers::Answer;
use crate::wechatpay::bodies::{self, AbnormalBody, RefundBody, refunds};
use crate::wechatpay::keys::KeyChoice;
use crate::wechatpay::refusals::Refusal;
use crate::wechatpay::schema::check_parameter;
use crate::wechatpay::trades::{Destination, Refund, RefundEnd, RefundPlan, RefundRequest, Refused};
use crate::wechatpay::{WechatPay, views};

/// How long a refund takes whose amount says so.
const SLOW: SignedDuration = SignedDuration::from_hours(1);

impl WechatPay {
    pub(super) fn refund(&self, asked: Asked<'_>) -> Result<Done, Refusal> {
        let (read, content) = bodies::read::<RefundBody>(&asked.request.body, refunds::REFUND)?;
        if read.transaction_id.is_none() && read.out_trade_no.is_none() {
            let message = "transaction_id和out_trade_no不能同时为空".to_owned();
            return Err(Refusal::param(message, "", "body", None));
        }
        let fen = read.amount.refund;
        let plan = self.plan(asked.end, fen);
        let paced = self.keyring.settings().refunds_paced;
        let mut state = locked(&self.state);
        let request = RefundRequest { body: read, content, plan, asked: asked.key };
        let (refund_no, is_new) = state.trades.refund(request, paced, asked.now)?;
        let mut done = Done::from(refund_answer(state.trades.refund_of(&refund_no))?);
        if !is_new {
            return Ok(done);
        }
        if self.overtaken("refund", On::Refund, fen) {
            state.trades.finish_now(&refund_no, asked.now);
            done.first = self.notices_of_refund(&state.trades, &refund_no, false);
        } else {
            self.watch(&mut state);
        }
        Ok(done)
    }

    /// What becomes of a refund: what a fault says, else what its amount says, else what is usual.
    fn plan(&self, end: Option<&str>, fen: i64) -> RefundPlan {
        let usual = RefundPlan::default();
        let told =
            self.keyring.settings().refunds_take_s.map(|seconds| SignedDuration::from_secs(seconds.into()));
        let usual = RefundPlan { takes: told.unwrap_or(usual.takes), ..usual };
        match (end, self.bench.magic.mood(On::Refund, fen)) {
            (Some("ABNORMAL"), _) => RefundPlan { end: RefundEnd::Abnormal, ..usual },
            (Some("CLOSED"), _) => RefundPlan { end: RefundEnd::Closed, ..usual },
            (_, Some(Mood::RefundNotEnough)) => RefundPlan { short: true, ..usual },
            (_, Some(Mood::RefundSlow)) => RefundPlan { takes: SLOW, ..usual },
            (_, Some(Mood::RefundFails)) => {
                let takes = SignedDuration::from_secs(THINKING_S);
                RefundPlan { end: RefundEnd::Abnormal, takes, ..usual }
            }
            (
                _,
                Some(
                    Mood::Declined
                    | Mood::Risk
                    | Mood::PendingThenPaid
                    | Mood::PendingThenDeclined
                    | Mood::Unsure
                    | Mood::RateLimited,
                )
                | None,
            ) => usual,
        }
    }

    pub(super) fn query_refund(&self, refund_no: &str) -> Result<Done, Refusal> {
        check_parameter("out_refund_no", "商户退款单号", Some(refund_no), &refunds::OUT_REFUND_NO)?;
        let state = locked(&self.state);
        Ok(refund_answer(state.trades.refund_of(refund_no))?.into())
    }

    /// Sends a refund that could not arrive to a bank card.
    pub(super) fn divert(&self, refund_id: &str, asked: Asked<'_>) -> Result<Done, Refusal> {
        check_parameter("refund_id", "微信支付退款单号", Some(refund_id), &bodies::RAIL_NUMBER)?;
        let (read, _) = bodies::read::<AbnormalBody>(&asked.request.body, refunds::ABNORMAL)?;
        let key = sensitive_key(asked)?;
        let to = if read.kind == refunds::MERCHANT_BANK_CARD {
            Destination::MerchantCard
        } else {
            self.card_of(&read, key)?
        };
        let mut state = locked(&self.state);
        let refund_no = state.trades.divert(refund_id, &read.out_refund_no, to, asked.now)?;
        self.watch(&mut state);
        Ok(refund_answer(state.trades.refund_of(&refund_no))?.into())
    }

    fn card_of(&self, read: &AbnormalBody, key: KeyChoice) -> Result<Destination, Refusal> {
        let bank = read.bank_type.as_deref().ok_or_else(|| missing("bank_type", "开户银行"))?;
        let account = self.opened(key, "bank_account", "收款银行卡号", read.bank_account.as_deref())?;
        self.opened(key, "real_name", "收款用户姓名", read.real_name.as_deref())?;
        let digits = account.bytes().all(|byte| byte.is_ascii_digit());
        match account.get(account.len().saturating_sub(4)..) {
            Some(tail) if digits && (12..=19).contains(&account.len()) => {
                Ok(Destination::UserCard(format!("{}借记卡{tail}", bank_name(bank))))
            }
            Some(_) | None => {
                let message = "输入源“/body/bank_account”映射到值字段“收款银行卡号”银行卡号不正确".to_owned();
                Err(Refusal::param(message, "/bank_account", "body", None))
            }
        }
    }

    /// A required sensitive field in the clear. Its value never stands in a message.
    fn opened(
        &self,
        key: KeyChoice,
        name: &str,
        title: &str,
        field: Option<&str>,
    ) -> Result<String, Refusal> {
        let field = field.filter(|text| !text.is_empty()).ok_or_else(|| missing(name, title))?;
        let opened = self.keyring.keys.open(key, field).filter(|text| !text.is_empty());
        opened.ok_or_else(|| {
            let message = format!("输入源“/body/{name}”映射到值字段“{title}”敏感信息解密失败");
            Refusal::param(message, &format!("/{name}"), "body", None)
        })
    }
}

/// The key that sensitive fields are encrypted for: the request must name it.
fn sensitive_key(asked: Asked<'_>) -> Result<KeyChoice, Refusal> {
    let bad = |message: &str| Refusal::param(message.to_owned(), "Wechatpay-Serial", "header", None);
    match (asked.request.header("Wechatpay-Serial"), asked.key) {
        (None, _) => Err(bad("HTTP header缺少微信支付平台证书序列号(Wechatpay-Serial)")),
        (Some(_), None) => Err(bad("平台证书序列号Wechatpay-Serial错误")),
        (Some(_), Some(key)) => Ok(key),
    }
}

fn missing(name: &str, title: &str) -> Refusal {
    let message = format!("输入源“/body/{name}”映射到字段“{title}”必填性规则校验失败，此字段为必填项");
    Refusal::param(message, &format!("/{name}"), "body", None)
}

fn bank_name(bank_type: &str) -> &'static str {
    match bank_type {
        "CMB_DEBIT" => "招商银行",
        "COMM_DEBIT" => "交通银行",
        "ABC_DEBIT" => "农业银行",
        "CCB_DEBIT" => "建设银行",
        "ICBC_DEBIT" => "工商银行",
        "BOC_DEBIT" => "中国银行",
        "PAB_DEBIT" => "平安银行",
        "SPDB_DEBIT" => "浦发银行",
        "CITIC_DEBIT" => "中信银行",
        "CEB_DEBIT" => "光大银行",
        "CMBC_DEBIT" => "民生银行",
        "CIB_DEBIT" => "兴业银行",
        "GDB_DEBIT" => "广发银行",
        "PSBC_DEBIT" => "邮储银行",
        _ => "宁波银行",
    }
}

fn refund_answer(refund: Option<&Refund>) -> Result<Answer, Refusal> {
    let refund = refund.ok_or(Refused::RefundUnknown)?;
    Ok(Answer::json(&views::refund(refund)))
}
