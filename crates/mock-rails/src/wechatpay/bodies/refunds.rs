//! The fields of refunds and of refunds that could not arrive.

use super::{Any, Optional, Required, integer, list, object, text};
use crate::wechatpay::schema::{Field, Kind, Rule};

/// How a refund number looks, also in a path.
pub(crate) const OUT_REFUND_NO: Kind = Kind::Text { min: 1, max: 64, rule: Rule::RefundNo };

/// `/v3/refund/domestic/refunds`
pub(crate) const REFUND: &[Field] = &[
    text("transaction_id", "微信支付订单号", Optional, 32, Any),
    text("out_trade_no", "商户订单号", Optional, 32, Rule::OrderNo),
    REFUND_NO,
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

/// `…/{refund_id}/apply-abnormal-refund`; the last three are required for a user's card, see the call itself.
pub(crate) const ABNORMAL: &[Field] = &[
    REFUND_NO,
    text("type", "异常退款处理方式", Required, 32, Rule::OneOf(&[USER_BANK_CARD, MERCHANT_BANK_CARD])),
    text("bank_type", "开户银行", Optional, 16, Rule::OneOf(BANKS)),
    text("bank_account", "收款银行卡号", Optional, 1_024, Any),
    text("real_name", "收款用户姓名", Optional, 1_024, Any),
];

pub(crate) const USER_BANK_CARD: &str = "USER_BANK_CARD";
pub(crate) const MERCHANT_BANK_CARD: &str = "MERCHANT_BANK_CARD";

/// The fifteen banks whose debit cards are taken.
const BANKS: &[&str] = &[
    "CMB_DEBIT",
    "COMM_DEBIT",
    "ABC_DEBIT",
    "CCB_DEBIT",
    "ICBC_DEBIT",
    "BOC_DEBIT",
    "PAB_DEBIT",
    "SPDB_DEBIT",
    "CITIC_DEBIT",
    "CEB_DEBIT",
    "CMBC_DEBIT",
    "CIB_DEBIT",
    "GDB_DEBIT",
    "PSBC_DEBIT",
    "NBCB_DEBIT",
];

const REFUND_NO: Field =
    Field { name: "out_refund_no", title: "商户退款单号", need: Required, kind: OUT_REFUND_NO };
