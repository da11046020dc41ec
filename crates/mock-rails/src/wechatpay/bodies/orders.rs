//! The fields of order creations, and of close and reverse.

use super::{APPID, Any, MCHID_FIELD, Optional, Required, flag, integer, list, object, text};
use crate::wechatpay::schema::{Field, Kind, Need, Rule};

/// How an order number looks, also in a path.
pub(crate) const OUT_TRADE_NO: Kind = Kind::Text { min: 6, max: 32, rule: Rule::OrderNo };

/// `/v3/pay/transactions/native` and `…/app`
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
    // Required, but refused by the rail with a text of its own: see the call itself.
    object("payer", "支付者", Optional, &[text("openid", "用户标识", Optional, 128, Any)]),
    DETAIL,
    SCENE,
    SETTLE,
];

/// `/v3/pay/transactions/h5`
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
            CLIENT_IP,
            DEVICE_ID,
            STORE,
            // The lengths inside are unconfirmed.
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
    object("payer", "支付者", Required, &[text("auth_code", "付款码", Required, 32, Rule::AuthCode)]),
    AMOUNT,
    object(
        "scene_info",
        "场景信息",
        Required,
        &[
            DEVICE_ID,
            text("device_ip", "商户端设备IP", Optional, 45, Rule::Address),
            object(
                "store_info",
                "商户门店信息",
                Required,
                &[
                    text("id", "门店编号", Optional, 32, Any),
                    text("out_id", "商户侧门店编码", Optional, 32, Any),
                ],
            ),
        ],
    ),
    Field {
        name: "detail",
        title: "优惠功能",
        need: Optional,
        kind: Kind::Object {
            fields: &[COST_PRICE, INVOICE, list("goods_detail", "单品列表", &goods("wxpay_goods_id"))],
            bytes_max: DETAIL_BYTES_MAX,
        },
    },
    SETTLE,
];

/// `…/close`
pub(crate) const CLOSE: &[Field] = &[MCHID_FIELD];

/// `…/reverse`
pub(crate) const REVERSE: &[Field] = &[APPID, MCHID_FIELD];

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
/// Of `detail` as a whole.
const DETAIL_BYTES_MAX: usize = 6_144;
const COST_PRICE: Field = integer("cost_price", "订单原价", Optional, 0);
const INVOICE: Field = text("invoice_id", "商品小票ID", Optional, 32, Any);
const DETAIL: Field = Field {
    name: "detail",
    title: "优惠功能",
    need: Optional,
    kind: Kind::Object {
        fields: &[COST_PRICE, INVOICE, list("goods_detail", "单品列表", &goods("wechatpay_goods_id"))],
        bytes_max: DETAIL_BYTES_MAX,
    },
};
const CLIENT_IP: Field = text("payer_client_ip", "用户终端IP", Required, 45, Rule::Address);
const DEVICE_ID: Field = text("device_id", "商户端设备号", Optional, 32, Any);
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
const SCENE: Field = object("scene_info", "场景信息", Optional, &[CLIENT_IP, DEVICE_ID, STORE]);
const SETTLE: Field = object("settle_info", "结算信息", Optional, &[flag("profit_sharing", "是否指定分账")]);

/// The goods of an order; the rail's own number of them goes by two names.
const fn goods(rails_number: &'static str) -> [Field; 5] {
    [
        text("merchant_goods_id", "商户侧商品编码", Need::Required, 32, Any),
        text(rails_number, "微信支付商品编码", Optional, 32, Any),
        text("goods_name", "商品名称", Optional, 256, Any),
        integer("quantity", "商品数量", Required, 1),
        integer("unit_price", "商品单价", Required, 0),
    ]
}
