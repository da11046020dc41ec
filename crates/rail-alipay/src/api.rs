//! The API calls of the rail, and which of them carries out a call of ours.

use paifang_payment::Presentation;
use paifang_rail::{Call, Charge, Order, OrderKind};

/// One API of the rail. Pages and order strings are not here: nothing is sent for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    Precreate,
    Create,
    Pay,
    Query,
    Close,
    Cancel,
    Refund,
    RefundQuery,
    Freeze,
    Voucher,
    FreezeQuery,
    FreezeCancel,
    Unfreeze,
    BillUrl,
    Certificate,
}

/// The numbers by which an answer names what it is about.
pub(crate) struct Named<'a> {
    /// `out_trade_no`, or `out_order_no` for holds.
    pub number: &'a str,
    /// `out_request_no`, where the call has one.
    pub request: Option<&'a str>,
}

impl Api {
    /// Which API carries out this call; `None` where the payer is handed something instead.
    pub fn of(call: &Call<'_>) -> Option<Self> {
        let held = |order: &Order| order.kind == OrderKind::Hold;
        Some(match call {
            Call::Charge(charge) => return Self::of_charge(charge),
            Call::Query(order) if held(order) => Self::FreezeQuery,
            Call::Query(_) | Call::QueryCapture(_) => Self::Query,
            Call::Close(order) if held(order) => Self::FreezeCancel,
            Call::Close(_) => Self::Close,
            Call::Reverse(reversal) if held(&reversal.order) => Self::FreezeCancel,
            Call::Reverse(_) => Self::Cancel,
            Call::QueryReverse(reversal) if held(&reversal.order) => Self::FreezeQuery,
            Call::QueryReverse(_) => Self::Query,
            Call::Refund(_) => Self::Refund,
            Call::QueryRefund(_) => Self::RefundQuery,
            Call::Capture(_) => Self::Pay,
            Call::Release(_) => Self::Unfreeze,
            Call::QueryRelease(_) => Self::FreezeQuery,
        })
    }

    fn of_charge(charge: &Charge) -> Option<Self> {
        let held = charge.order.kind == OrderKind::Hold;
        match (charge.order.presentation, held) {
            (Presentation::QrShown, false) => Some(Self::Precreate),
            (Presentation::QrShown, true) => Some(Self::Voucher),
            (Presentation::PayerCode, false) => Some(Self::Pay),
            (Presentation::PayerCode, true) => Some(Self::Freeze),
            (Presentation::Jsapi | Presentation::MiniProgram, false) => Some(Self::Create),
            (Presentation::Jsapi | Presentation::MiniProgram, true) => None,
            (Presentation::App | Presentation::MobileWeb | Presentation::DesktopWeb, _) => None,
        }
    }

    /// The dotted name; v3 turns the dots into slashes.
    pub fn method(self) -> &'static str {
        match self {
            Self::Precreate => "alipay.trade.precreate",
            Self::Create => "alipay.trade.create",
            Self::Pay => "alipay.trade.pay",
            Self::Query => "alipay.trade.query",
            Self::Close => "alipay.trade.close",
            Self::Cancel => "alipay.trade.cancel",
            Self::Refund => "alipay.trade.refund",
            Self::RefundQuery => "alipay.trade.fastpay.refund.query",
            Self::Freeze => "alipay.fund.auth.order.freeze",
            Self::Voucher => "alipay.fund.auth.order.voucher.create",
            Self::FreezeQuery => "alipay.fund.auth.operation.detail.query",
            Self::FreezeCancel => "alipay.fund.auth.operation.cancel",
            Self::Unfreeze => "alipay.fund.auth.order.unfreeze",
            Self::BillUrl => "alipay.data.dataservice.bill.downloadurl.query",
            Self::Certificate => "alipay.open.app.alipaycert.download",
        }
    }

    /// Whether its answers name a hold (`out_order_no`) instead of a trade.
    pub fn is_of_hold(self) -> bool {
        matches!(self, Self::Freeze | Self::Voucher | Self::FreezeQuery | Self::FreezeCancel | Self::Unfreeze)
    }

    /// Whether what is made or moved by it is notified to an address that goes with the request.
    pub fn is_notified(self) -> bool {
        match self {
            Self::Precreate | Self::Create | Self::Pay | Self::Freeze | Self::Voucher | Self::Unfreeze => {
                true
            }
            Self::Query
            | Self::Close
            | Self::Cancel
            | Self::Refund
            | Self::RefundQuery
            | Self::FreezeQuery
            | Self::FreezeCancel
            | Self::BillUrl
            | Self::Certificate => false,
        }
    }
}

/// What an answer to this call must name.
pub(crate) fn named<'a>(call: &Call<'a>) -> Named<'a> {
    let of_order = |order: &'a Order| {
        let number = order.order_no.as_str();
        // The holding itself is an operation of the hold, and has the hold's own number.
        Named { number, request: (order.kind == OrderKind::Hold).then_some(number) }
    };
    match call {
        Call::Charge(charge) => of_order(&charge.order),
        Call::Query(order) | Call::Close(order) => of_order(order),
        Call::Reverse(reversal) | Call::QueryReverse(reversal) => of_order(&reversal.order),
        Call::Refund(refund) | Call::QueryRefund(refund) => {
            Named { number: refund.order.order_no.as_str(), request: Some(refund.refund_no.as_str()) }
        }
        Call::Capture(capture) | Call::QueryCapture(capture) => {
            Named { number: capture.capture_no.as_str(), request: None }
        }
        Call::Release(release) | Call::QueryRelease(release) => {
            Named { number: release.hold.order_no.as_str(), request: Some(release.release_no.as_str()) }
        }
    }
}
