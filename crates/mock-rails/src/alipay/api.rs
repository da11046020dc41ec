//! The APIs: their names in both protocols, and what one call of them carries.

use http::Method as Verb;

use super::biz::Biz;
use super::wire::Charset;
use crate::magic::On;

/// The APIs this rail has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Precreate,
    Pay,
    Create,
    PagePay,
    WapPay,
    AppPay,
    Query,
    Close,
    Cancel,
    Refund,
    RefundQuery,
    BillUrl,
    CertDownload,
    Freeze,
    VoucherCreate,
    AppFreeze,
    Unfreeze,
    OperationQuery,
    OperationCancel,
}

impl Method {
    const ALL: [Self; 19] = [
        Self::Precreate,
        Self::Pay,
        Self::Create,
        Self::PagePay,
        Self::WapPay,
        Self::AppPay,
        Self::Query,
        Self::Close,
        Self::Cancel,
        Self::Refund,
        Self::RefundQuery,
        Self::BillUrl,
        Self::CertDownload,
        Self::Freeze,
        Self::VoucherCreate,
        Self::AppFreeze,
        Self::Unfreeze,
        Self::OperationQuery,
        Self::OperationCancel,
    ];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// The API behind a v3 path. Page, wap and app interfaces have none.
    pub(super) fn of_path(verb: &Verb, path: &str) -> Option<Self> {
        let name = path.strip_prefix("/v3/")?.replace('/', ".");
        let method = Self::parse(&name).filter(|method| !method.is_form())?;
        let fits = match method {
            Self::BillUrl => *verb == Verb::GET,
            // The verb of this one was found nowhere.
            Self::CertDownload => *verb == Verb::GET || *verb == Verb::POST,
            _ => *verb == Verb::POST,
        };
        fits.then_some(method)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Precreate => "alipay.trade.precreate",
            Self::Pay => "alipay.trade.pay",
            Self::Create => "alipay.trade.create",
            Self::PagePay => "alipay.trade.page.pay",
            Self::WapPay => "alipay.trade.wap.pay",
            Self::AppPay => "alipay.trade.app.pay",
            Self::Query => "alipay.trade.query",
            Self::Close => "alipay.trade.close",
            Self::Cancel => "alipay.trade.cancel",
            Self::Refund => "alipay.trade.refund",
            Self::RefundQuery => "alipay.trade.fastpay.refund.query",
            Self::BillUrl => "alipay.data.dataservice.bill.downloadurl.query",
            Self::CertDownload => "alipay.open.app.alipaycert.download",
            Self::Freeze => "alipay.fund.auth.order.freeze",
            Self::VoucherCreate => "alipay.fund.auth.order.voucher.create",
            Self::AppFreeze => "alipay.fund.auth.order.app.freeze",
            Self::Unfreeze => "alipay.fund.auth.order.unfreeze",
            Self::OperationQuery => "alipay.fund.auth.operation.detail.query",
            Self::OperationCancel => "alipay.fund.auth.operation.cancel",
        }
    }

    /// The framework's word for it; see [`crate::faults::OPERATIONS`]. A payment out of a pre-authorisation is a
    /// `capture`, which only the business members tell.
    pub(super) fn operation(self, biz: Option<&Biz>) -> &'static str {
        match self {
            Self::Pay if biz.is_some_and(|biz| biz.text("auth_no").is_some()) => "capture",
            Self::Precreate
            | Self::Pay
            | Self::Create
            | Self::PagePay
            | Self::WapPay
            | Self::AppPay
            | Self::Freeze
            | Self::VoucherCreate
            | Self::AppFreeze => "charge",
            Self::Query | Self::OperationQuery => "query",
            Self::Close => "close",
            Self::Cancel | Self::OperationCancel => "reverse",
            Self::Refund => "refund",
            Self::RefundQuery => "refund_query",
            Self::Unfreeze => "release",
            Self::BillUrl => "bill",
            Self::CertDownload => "certificates",
        }
    }

    /// The amount that magic is looked for in, in fen.
    pub(super) fn amount(self, biz: Option<&Biz>) -> (On, Option<i64>) {
        let fen = |name| biz.and_then(|biz| biz.fen(name));
        match self {
            Self::Precreate | Self::Pay | Self::Create | Self::PagePay | Self::WapPay | Self::AppPay => {
                (On::Payment, fen("total_amount"))
            }
            Self::Freeze | Self::VoucherCreate | Self::AppFreeze => (On::Payment, fen("amount")),
            Self::Refund => (On::Refund, fen("refund_amount")),
            Self::Query
            | Self::Close
            | Self::Cancel
            | Self::RefundQuery
            | Self::BillUrl
            | Self::CertDownload
            | Self::Unfreeze
            | Self::OperationQuery
            | Self::OperationCancel => (On::Payment, None),
        }
    }

    /// Whether a browser comes here, which gets HTML.
    pub(super) fn is_page(self) -> bool {
        matches!(self, Self::PagePay | Self::WapPay)
    }

    /// Whether the merchant only signs it and hands it to the payer's app, which opens it.
    pub(super) fn is_order_string(self) -> bool {
        matches!(self, Self::AppPay | Self::AppFreeze)
    }

    fn is_form(self) -> bool {
        self.is_page() || self.is_order_string()
    }
}

/// A request that passed every check of its protocol.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) charset: Charset,
    pub(super) biz: Biz,
    pub(super) notify_url: Option<String>,
    pub(super) return_url: Option<String>,
    /// Whether the answer names the certificate that verifies it.
    pub(super) by_certificate: bool,
    /// Whether the answer is to be encrypted.
    pub(super) encrypted: bool,
    /// The string that was signed.
    pub(super) expected: String,
}
