//! The request bodies: what the mock reads of each call. The tables of fields that they are checked against stand in
//! [`orders`] and [`refunds`].

pub(crate) mod orders;
pub(crate) mod refunds;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::refusals::Refusal;
use super::schema::{Field, Kind, Need, Rule, check_body};

use Need::{Optional, Required};
use Rule::Any;

/// What is read of an order. No `Debug`: it may name the payer.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OrderBody {
    pub(crate) appid: String,
    pub(crate) mchid: String,
    pub(crate) out_trade_no: String,
    pub(crate) description: String,
    /// Absent where a payer's code is charged: nothing is notified then.
    #[serde(default)]
    pub(crate) notify_url: Option<String>,
    #[serde(default)]
    pub(crate) time_expire: Option<String>,
    #[serde(default)]
    pub(crate) attach: String,
    pub(crate) amount: OrderAmount,
    #[serde(default)]
    pub(crate) payer: Option<Payer>,
    #[serde(default)]
    pub(crate) detail: Option<OrderDetail>,
    #[serde(default)]
    pub(crate) scene_info: Option<SceneInfo>,
    #[serde(default)]
    pub(crate) settle_info: Option<SettleInfo>,
}

/// In fen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OrderAmount {
    pub(crate) total: i64,
}

/// Who pays: a user, or a code that a user showed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Payer {
    #[serde(default)]
    pub(crate) openid: Option<String>,
    #[serde(default)]
    pub(crate) auth_code: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OrderDetail {
    #[serde(default)]
    pub(crate) goods_detail: Vec<OrderGoods>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OrderGoods {
    pub(crate) merchant_goods_id: String,
    pub(crate) quantity: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SceneInfo {
    #[serde(default)]
    pub(crate) device_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SettleInfo {
    #[serde(default)]
    pub(crate) profit_sharing: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CloseBody {
    pub(crate) mchid: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ReverseBody {
    pub(crate) appid: String,
    pub(crate) mchid: String,
}

/// What is read of a refund.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RefundBody {
    #[serde(default)]
    pub(crate) transaction_id: Option<String>,
    #[serde(default)]
    pub(crate) out_trade_no: Option<String>,
    pub(crate) out_refund_no: String,
    #[serde(default)]
    pub(crate) notify_url: Option<String>,
    #[serde(default)]
    pub(crate) funds_account: Option<String>,
    pub(crate) amount: RefundAmount,
    #[serde(default)]
    pub(crate) goods_detail: Vec<RefundGoods>,
}

/// In fen.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RefundAmount {
    pub(crate) refund: i64,
    pub(crate) total: i64,
    #[serde(default)]
    pub(crate) from: Vec<RefundFrom>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefundFrom {
    pub(crate) account: String,
    pub(crate) amount: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RefundGoods {
    pub(crate) merchant_goods_id: String,
    /// In fen.
    pub(crate) refund_amount: i64,
    pub(crate) refund_quantity: i64,
}

/// A refund that could not arrive goes elsewhere. No `Debug`: it names a bank account.
#[derive(Clone, Deserialize)]
pub(crate) struct AbnormalBody {
    pub(crate) out_refund_no: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) bank_type: Option<String>,
    /// Encrypted.
    #[serde(default)]
    pub(crate) bank_account: Option<String>,
    /// Encrypted.
    #[serde(default)]
    pub(crate) real_name: Option<String>,
}

/// Checks `body` against `fields`; gives what is read of it and all of it, for comparison with a repeat.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8], fields: &[Field]) -> Result<(T, Value), Refusal> {
    let value = check_body(body, fields)?;
    let read = T::deserialize(&value).map_err(|_| {
        // The table is at least as strict as the types; this keeps a mistake in it from passing unseen.
        Refusal::param("请求参数错误".to_owned(), "", "body", None)
    })?;
    Ok((read, value))
}

/// How the merchant number looks in a query.
pub(crate) const MCHID: Kind = Kind::Text { min: 1, max: 32, rule: Any };

/// How a transaction id or the rail's number of a refund looks in a path.
pub(crate) const RAIL_NUMBER: Kind = Kind::Text { min: 1, max: 32, rule: Any };

const APPID: Field = text("appid", "公众号ID", Required, 32, Any);
const MCHID_FIELD: Field = text("mchid", "直连商户号", Required, 32, Any);

const fn text(name: &'static str, title: &'static str, need: Need, max: usize, rule: Rule) -> Field {
    let min = match need {
        Required => 1,
        Optional => 0,
    };
    Field { name, title, need, kind: Kind::Text { min, max, rule } }
}

const fn integer(name: &'static str, title: &'static str, need: Need, min: i64) -> Field {
    Field { name, title, need, kind: Kind::Integer { min } }
}

const fn flag(name: &'static str, title: &'static str) -> Field {
    Field { name, title, need: Optional, kind: Kind::Flag }
}

const fn object(name: &'static str, title: &'static str, need: Need, fields: &'static [Field]) -> Field {
    Field { name, title, need, kind: Kind::Object { fields, bytes_max: usize::MAX } }
}

const fn list(name: &'static str, title: &'static str, fields: &'static [Field]) -> Field {
    Field { name, title, need: Optional, kind: Kind::List(fields) }
}
