//! The request bodies: the table of fields of each call, and the few values that the mock acts on.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answers::Refusal;
use super::schema::{Field, Kind, Need, Rule, check_body};

use Need::{Optional, Required};
use Rule::Any;

/// What is read of an order. No `Debug`: it may name the payer.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OrderBody {
    pub(crate) appid: String,
    pub(crate) mchid: String,
    pub(crate) description: String,
    pub(crate) out_trade_no: String,
    /// Payer's codes have none: nothing is notified.
    #[serde(default)]
    pub(crate) notify_url: String,
    #[serde(default)]
    pub(crate) time_expire: Option<String>,
    #[serde(default)]
    pub(crate) attach: String,
    pub(crate) amount: OrderAmount,
    #[serde(default)]
    pub(crate) payer: Option<Payer>,
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

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Payer {
    #[serde(default)]
    pub(crate) openid: String,
    #[serde(default, skip_serializing)]
    pub(crate) auth_code: String,
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

/// What is read of a refund.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RefundBody {
    #[serde(default)]
    pub(crate) funds_account: Option<String>,
    #[serde(default)]
    pub(crate) transaction_id: Option<String>,
    #[serde(default)]
    pub(crate) out_trade_no: Option<String>,
    pub(crate) out_refund_no: String,
    #[serde(default)]
    pub(crate) notify_url: Option<String>,
    pub(crate) amount: RefundAmount,
}

/// In fen.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RefundAmount {
    pub(crate) refund: i64,
    pub(crate) total: i64,
    #[serde(default)]
    pub(crate) from: Vec<RefundFrom>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RefundFrom {
    pub(crate) account: String,
    pub(crate) amount: i64,
}

/// Checks `body` against `fields`; gives what is read of it and all of it, for comparison with a repeat.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8], fields: &[Field]) -> Result<(T, Value), Refusal> {
    let value = check_body(body, fields)?;
    let read = T::deserialize(&value).map_err(|_| {
        // The table is at least as strict as the types; this keeps a mistake in it from passing unseen.
        Refusal::param("请求参数错误".to_owned(), "body", None)
    })?;
    Ok((read, value))
}

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

/// How an order number looks, also in a path.
pub(crate) const OUT_TRADE_NO: Kind = Kind::Text { min: 6, max: 32, rule: Rule::OrderNo };

/// How a refund number looks, also in a path.
pub(crate) const OUT_REFUND_NO: Kind = Kind::Text { min: 1, max: 64, rule: Rule::RefundNo };

/// How the merchant number looks in a query.
pub(crate) const MCHID: Kind = Kind::Text { min: 1, max: 32, rule: Any };

/// How a transaction id looks in a path.
pub(crate) const TRANSACTION_ID: Kind = Kind::Text { min: 1, max: 32, rule: Any };

/// `/v3/pay/transactions/native`
pub(crate) const NATIVE: &[Field] = &[
    APPID,
    MCHID_FIELD,
    DESCRIPTION,
    ORDER_NO,
    TIME_EXPIRE,
    ATTACH,
    NOTIFY_URL,
    GOODS_TAG,
    SUPPORT_FAPIAO,
    AMOUNT,
    DETAIL,
    SCENE,
    SETTLE,
];

/// `/v3/pay/transactions/jsapi`
pub(crate) const JSAPI: &[Field] = &[
    APPID,
    MCHID_FIELD,
    DESCRIPTION,
    ORDER_NO,
    TIME_EXPIRE,
    ATTACH,
    NOTIFY_URL,
    GOODS_TAG,
    SUPPORT_FAPIAO,
    AMOUNT,
    // Required, but refused by the rail with a text of its own: see `orders`.
    object("payer", "支付者", Optional, &[text("openid", "用户标识", Optional, 128, Any)]),
    DETAIL,
    SCENE,
    SETTLE,
];

/// `/v3/pay/transactions/app`
pub(crate) const APP: &[Field] = NATIVE;

/// `/v3/pay/transactions/h5`: who pays, and where.
pub(crate) const H5: &[Field] = &[
    APPID,
    MCHID_FIELD,
    DESCRIPTION,
    ORDER_NO,
    TIME_EXPIRE,
    ATTACH,
    NOTIFY_URL,
    GOODS_TAG,
    SUPPORT_FAPIAO,
    AMOUNT,
    DETAIL,
    object(
        "scene_info",
        "场景信息",
        Required,
        &[
            text("payer_client_ip", "用户终端IP", Required, 45, Rule::Address),
            text("device_id", "商户端设备号", Optional, 32, Any),
            STORE,
            object(
                "h5_info",
                "H5场景信息",
                Required,
                &[
                    text("type", "场景类型", Required, 32, Rule::OneOf(&["Wap", "iOS", "Android"])),
                    text("app_name", "应用名称", Optional, 64, Any),
                    text("app_url", "网站URL", Optional, 128, Any),
                    text("bundle_id", "iOS平台BundleID", Optional, 128, Any),
                    text("package_name", "Android平台PackageName", Optional, 128, Any),
                ],
            ),
        ],
    ),
    SETTLE,
];

/// `/v3/pay/transactions/codepay`
pub(crate) const CODEPAY: &[Field] = &[
    APPID,
    MCHID_FIELD,
    DESCRIPTION,
    ORDER_NO,
    ATTACH,
    GOODS_TAG,
    SUPPORT_FAPIAO,
    object("payer", "支付者", Required, &[text("auth_code", "付款码", Required, 32, Any)]),
    AMOUNT,
    object(
        "scene_info",
        "场景信息",
        Required,
        &[
            text("device_id", "商户端设备号", Optional, 32, Any),
            text("device_ip", "商户端设备IP", Optional, 45, Rule::Address),
            object(
                "store_info",
                "商户门店信息",
                Required,
                &[
                    text("id", "门店编号", Optional, 32, Any),
                    text("out_id", "商家自定义编码", Optional, 256, Any),
                ],
            ),
        ],
    ),
    Field {
        name: "detail",
        title: "优惠功能",
        need: Optional,
        kind: Kind::Object {
            fields: &[
                integer("cost_price", "订单原价", Optional, 0),
                text("invoice_id", "商品小票ID", Optional, 32, Any),
                list(
                    "goods_detail",
                    "单品列表",
                    &[
                        text("merchant_goods_id", "商户侧商品编码", Required, 32, Any),
                        text("wxpay_goods_id", "微信支付商品编码", Optional, 32, Any),
                        text("goods_name", "商品名称", Optional, 256, Any),
                        integer("quantity", "商品数量", Required, 1),
                        integer("unit_price", "商品单价", Required, 0),
                    ],
                ),
            ],
            bytes_max: 6_144,
        },
    },
    SETTLE,
];

/// `…/reverse`
pub(crate) const REVERSE: &[Field] = &[APPID, MCHID_FIELD];

/// What is read of a reverse.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ReverseBody {
    pub(crate) mchid: String,
}

/// `…/apply-abnormal-refund`; the sealed fields are up to 1,024 bytes of Base64.
pub(crate) const ABNORMAL: &[Field] = &[
    Field { name: "out_refund_no", title: "商户退款单号", need: Required, kind: OUT_REFUND_NO },
    text("type", "异常退款处理方式", Required, 32, Rule::OneOf(&["USER_BANK_CARD", "MERCHANT_BANK_CARD"])),
    text("bank_type", "开户银行", Optional, 16, Any),
    text("bank_account", "收款银行卡号", Optional, 1_024, Any),
    text("real_name", "收款用户姓名", Optional, 1_024, Any),
];

/// What is read of it. No `Debug`: sealed or not, it names a person.
#[derive(Deserialize)]
pub(crate) struct AbnormalBody {
    pub(crate) out_refund_no: String,
    #[serde(rename = "type")]
    pub(crate) way: String,
    #[serde(default)]
    pub(crate) bank_type: Option<String>,
    #[serde(default)]
    pub(crate) bank_account: Option<String>,
    #[serde(default)]
    pub(crate) real_name: Option<String>,
}

/// `…/close`
pub(crate) const CLOSE: &[Field] = &[MCHID_FIELD];

/// `/v3/refund/domestic/refunds`
pub(crate) const REFUND: &[Field] = &[
    text("transaction_id", "微信支付订单号", Optional, 32, Any),
    text("out_trade_no", "商户订单号", Optional, 32, Rule::OrderNo),
    Field { name: "out_refund_no", title: "商户退款单号", need: Required, kind: OUT_REFUND_NO },
    text("reason", "退款原因", Optional, 80, Any),
    text("notify_url", "退款结果回调url", Optional, 256, Rule::NotifyUrl),
    text("funds_account", "退款资金来源", Optional, 32, Rule::OneOf(&["AVAILABLE", "UNSETTLED"])),
    object(
        "amount",
        "金额信息",
        Required,
        &[
            integer("refund", "退款金额", Required, 1),
            list(
                "from",
                "退款出资账户及金额",
                &[
                    text("account", "出资账户类型", Required, 32, Rule::OneOf(&["AVAILABLE", "UNAVAILABLE"])),
                    integer("amount", "出资金额", Required, 1),
                ],
            ),
            integer("total", "原订单金额", Required, 1),
            text("currency", "退款币种", Required, 16, Rule::OneOf(&["CNY"])),
        ],
    ),
    list(
        "goods_detail",
        "退款商品",
        &[
            text("merchant_goods_id", "商户侧商品编码", Required, 32, Any),
            text("wechatpay_goods_id", "微信支付商品编码", Optional, 32, Any),
            text("goods_name", "商品名称", Optional, 256, Any),
            integer("unit_price", "商品单价", Required, 0),
            integer("refund_amount", "商品退款金额", Required, 0),
            integer("refund_quantity", "商品退货数量", Required, 0),
        ],
    ),
];

const APPID: Field = text("appid", "公众号ID", Required, 32, Any);
const MCHID_FIELD: Field = text("mchid", "直连商户号", Required, 32, Any);
const DESCRIPTION: Field = text("description", "商品描述", Required, 127, Any);
const ORDER_NO: Field =
    Field { name: "out_trade_no", title: "商户订单号", need: Required, kind: OUT_TRADE_NO };
const TIME_EXPIRE: Field = text("time_expire", "交易结束时间", Optional, 64, Rule::Time);
const ATTACH: Field = text("attach", "附加数据", Optional, 128, Any);
const NOTIFY_URL: Field = text("notify_url", "通知地址", Required, 255, Rule::NotifyUrl);
const GOODS_TAG: Field = text("goods_tag", "订单优惠标记", Optional, 32, Any);
const SUPPORT_FAPIAO: Field = flag("support_fapiao", "电子发票入口开放标识");
const AMOUNT: Field = object(
    "amount",
    "订单金额",
    Required,
    &[
        integer("total", "总金额", Required, 1),
        text("currency", "货币类型", Optional, 16, Rule::OneOf(&["CNY"])),
    ],
);
/// As a whole at most 6,144 bytes.
const DETAIL: Field = Field {
    name: "detail",
    title: "优惠功能",
    need: Optional,
    kind: Kind::Object {
        fields: &[
            integer("cost_price", "订单原价", Optional, 0),
            text("invoice_id", "商品小票ID", Optional, 32, Any),
            list(
                "goods_detail",
                "单品列表",
                &[
                    text("merchant_goods_id", "商户侧商品编码", Required, 32, Any),
                    text("wechatpay_goods_id", "微信支付商品编码", Optional, 32, Any),
                    text("goods_name", "商品名称", Optional, 256, Any),
                    integer("quantity", "商品数量", Required, 1),
                    integer("unit_price", "商品单价", Required, 0),
                ],
            ),
        ],
        bytes_max: 6_144,
    },
};
const SCENE: Field = object(
    "scene_info",
    "场景信息",
    Optional,
    &[
        text("payer_client_ip", "用户终端IP", Required, 45, Rule::Address),
        text("device_id", "商户端设备号", Optional, 32, Any),
        STORE,
    ],
);
const STORE: Field = object(
    "store_info",
    "商户门店信息",
    Optional,
    &[
        text("id", "门店编号", Required, 32, Any),
        text("name", "门店名称", Optional, 256, Any),
        text("area_code", "地区编码", Optional, 32, Any),
        text("address", "详细地址", Optional, 512, Any),
    ],
);
const SETTLE: Field = object("settle_info", "结算信息", Optional, &[flag("profit_sharing", "是否指定分账")]);
