//! The bytes of calls: fields in a fixed order, signed, and posted as a form or handed to the payer's browser.

use jiff::Timestamp;
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{FormField, NextAction, OrderNo, Presentation, RailRef};
use paifang_rail::{Context, Exchange, Keyring, Method, Order, Plan, PlanError};

use crate::descriptor::AMOUNT_MAX_FEN;
use crate::{Settings, beijing, sign};

const FRONT_PATH: &str = "/gateway/api/frontTransReq.do";
const APP_PATH: &str = "/gateway/api/appTransReq.do";
const BACK_PATH: &str = "/gateway/api/backTransReq.do";
const QUERY_PATH: &str = "/gateway/api/queryTrans.do";

/// Numeric code of the yuan.
const YUAN: &str = "156";

/// `txnType` and `txnSubType`.
pub(crate) type Kind = (&'static str, &'static str);

/// A message in the making. Fields keep the order in which they are put.
pub(crate) struct Draft<'a> {
    settings: &'a Settings,
    fields: Vec<(&'static str, String)>,
}

/// UnionPay's product behind a presentation.
#[derive(Clone, Copy)]
pub(crate) struct Product {
    biz_type: &'static str,
    channel_type: &'static str,
}

impl Product {
    /// Files belong to the merchant, not to a product; they have no channel.
    pub(crate) const FILES: Self = Self { biz_type: "000000", channel_type: "" };

    /// Nor do certificates, but those are asked for by a channel.
    pub(crate) const CERTIFICATES: Self = Self { biz_type: "000000", channel_type: "07" };

    /// The product that an order was made with; its undo, refunds and queries name the same.
    pub(crate) fn of(order: &Order) -> Result<Self, PlanError> {
        match order.presentation {
            Presentation::DesktopWeb => Ok(Self { biz_type: "000201", channel_type: "07" }),
            Presentation::QrShown | Presentation::PayerCode => {
                Ok(Self { biz_type: "000000", channel_type: "08" })
            }
            Presentation::App | Presentation::MobileWeb => {
                Ok(Self { biz_type: "000201", channel_type: "08" })
            }
            Presentation::Jsapi | Presentation::MiniProgram => {
                Err(PlanError::Unsupported("this presentation"))
            }
        }
    }
}

impl<'a> Draft<'a> {
    /// The fields that every message has.
    pub(crate) fn of(settings: &'a Settings, (txn_type, txn_sub_type): Kind, product: Product) -> Self {
        let draft = Self { settings, fields: Vec::with_capacity(24) };
        draft
            .put("version", "5.1.0")
            .put("encoding", "UTF-8")
            .put("signMethod", "01")
            .put("accessType", "0")
            .put("merId", &settings.merchant_id)
            .put("txnType", txn_type)
            .put("txnSubType", txn_sub_type)
            .put("bizType", product.biz_type)
    }

    /// Adds a field; an empty value is left out, since verifiers disagree about empty fields.
    pub(crate) fn put(mut self, name: &'static str, value: &str) -> Self {
        let value = value.trim();
        if !value.is_empty() {
            self.fields.push((name, value.to_owned()));
        }
        self
    }

    /// The channel of the product; queries have none.
    pub(crate) fn put_channel(self, product: Product) -> Self {
        self.put("channelType", product.channel_type)
    }

    /// The transaction's name.
    pub(crate) fn put_name(self, order_no: &OrderNo, opened_at: Timestamp) -> Self {
        self.put("orderId", order_no.as_str()).put("txnTime", &beijing::text(opened_at))
    }

    /// Digits of fen.
    pub(crate) fn put_amount(self, amount: PositiveMoney) -> Result<Self, PlanError> {
        if amount.currency() != Currency::CNY {
            return Err(PlanError::BadValue { field: "amount", rule: "the currency must be CNY" });
        }
        if amount.minor_units() > AMOUNT_MAX_FEN {
            return Err(PlanError::BadValue { field: "amount", rule: "at most 12 digits of fen" });
        }
        Ok(self.put("txnAmt", &amount.minor_units().to_string()))
    }

    pub(crate) fn put_currency(self) -> Self {
        self.put("currencyCode", YUAN)
    }

    /// Where the notifications go. A query in it would come back among the fields of the notification.
    pub(crate) fn put_back_url(self, cx: &Context<'_>) -> Result<Self, PlanError> {
        if cx.notify_url.contains(['?', '#']) {
            return Err(PlanError::BadValue { field: "notify_url", rule: "must have no query or fragment" });
        }
        Ok(self.put("backUrl", cx.notify_url))
    }

    /// The handle of the transaction that goes back, is taken, or is let go.
    pub(crate) fn put_original(self, order: &Order) -> Result<Self, PlanError> {
        let rule = "UnionPay's queryId of the order must be known before it is taken or goes back";
        let missing = PlanError::BadValue { field: "rail_ref", rule };
        Ok(self.put("origQryId", order.rail_ref.as_ref().map(RailRef::as_str).ok_or(missing)?))
    }

    /// Signed, as a form for the payer's browser.
    pub(crate) fn hand_off(self, keys: &Keyring) -> Result<Plan, PlanError> {
        let url = address(&self.settings.front_url, FRONT_PATH);
        let fields = sign::sign(self.fields, keys)?;
        let fields = fields.into_iter().map(|(name, value)| FormField { name: name.to_owned(), value });
        Ok(Plan::HandOff(NextAction::PostForm { url, fields: fields.collect() }))
    }

    /// Signed, to the address of charges, undos and refunds.
    pub(crate) fn post_back(self, keys: &Keyring) -> Result<Plan, PlanError> {
        self.ask_back(keys).map(Plan::Send)
    }

    /// The same for what is no call about an order.
    pub(crate) fn ask_back(self, keys: &Keyring) -> Result<Exchange, PlanError> {
        let url = address(&self.settings.back_url, BACK_PATH);
        post(url, self.fields, keys)
    }

    /// Signed, to the address of orders for the wallet's app.
    pub(crate) fn post_app(self, keys: &Keyring) -> Result<Plan, PlanError> {
        let url = address(self.settings.app_host(), APP_PATH);
        post(url, self.fields, keys).map(Plan::Send)
    }

    /// Signed, to the root of the host of files.
    pub(crate) fn post_file(self, keys: &Keyring) -> Result<Exchange, PlanError> {
        let url = address(self.settings.file_host(), "/");
        post(url, self.fields, keys)
    }

    /// Signed, to the address of queries.
    pub(crate) fn post_query(self, keys: &Keyring) -> Result<Plan, PlanError> {
        let url = address(&self.settings.query_url, QUERY_PATH);
        post(url, self.fields, keys).map(Plan::Send)
    }
}

fn address(base: &str, path: &str) -> String {
    format!("{}{path}", base.trim_end_matches('/'))
}

fn post(url: String, fields: Vec<(&'static str, String)>, keys: &Keyring) -> Result<Exchange, PlanError> {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(sign::sign(fields, keys)?);
    let content_type = "application/x-www-form-urlencoded;charset=UTF-8".to_owned();
    Ok(Exchange {
        method: Method::Post,
        url,
        headers: vec![("Content-Type", content_type)],
        body: body.finish().into_bytes(),
    })
}
