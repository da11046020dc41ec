//! Refunds, who bears them, and a storefront's own funds.

use paifang_engine::{CancelRefund, CreateRefund, Fund, RefundCase, ReverseRefund, TransferFunds};
use paifang_payment::{IntentId, RefundId, Remark, RequestId};
use paifang_proto::v1;
use paifang_shares::discounts::Funder;
use paifang_shares::refund_terms::{RefundMode, RefundReason};
use paifang_shares::waterfall::Bearer;
use paifang_shares::{DiscountId, Merchant, Receiver};
use tonic::Status;

use super::{Fields, REASON_CHARS_MAX, check_text, positive};

/// What a refund asks for.
pub(crate) fn create_refund(request: v1::CreateRefundRequest) -> Result<CreateRefund, Status> {
    let mut fields = Fields::default();
    let request_id = fields.keep("request_id", RequestId::parse(&request.request_id));
    let intent = fields.keep("payment_intent_id", IntentId::parse(&request.payment_intent_id));
    let amount = positive(&mut fields, "amount", request.amount.as_ref());
    check_text(&mut fields, "reason", &request.reason, 0, REASON_CHARS_MAX);
    let reason = Some(request.reason).filter(|reason| !reason.is_empty());
    let case = match request.refund_case {
        Some(case) => refund_case(&mut fields, case).map(Some),
        None => Some(None),
    };
    let whole = (|| {
        let (request_id, intent) = (request_id?, intent?);
        Some(CreateRefund { request_id, intent, amount: Some(amount?), reason, case: case? })
    })();
    fields.finish(whole)
}

pub(super) fn refund_case(fields: &mut Fields, case: v1::RefundCase) -> Option<RefundCase> {
    let reason = v1::RefundReason::try_from(case.reason).ok().and_then(reason_of);
    let reason =
        fields.keep("refund_case.reason", reason.ok_or("must be one of the reasons of the contract"));
    let mode = v1::RefundMode::try_from(case.mode).map(mode_of);
    let mode = fields
        .keep("refund_case.mode", mode.map_err(|_| "must be one of the modes of the contract, or unset"));
    Some(RefundCase { reason: reason?, mode: mode?, consented: case.merchant_consented })
}

/// Which refund is given up.
pub(crate) fn cancel_refund(request: v1::CancelRefundRequest) -> Result<CancelRefund, Status> {
    let mut fields = Fields::default();
    let request_id = fields.keep("request_id", RequestId::parse(&request.request_id));
    let refund = fields.keep("refund_id", RefundId::parse(&request.refund_id));
    let whole = (|| Some(CancelRefund { request_id: request_id?, refund: refund? }))();
    fields.finish(whole)
}

/// Who is to bear a refund instead.
pub(crate) fn reverse_refund(request: v1::ReverseRefundDecisionRequest) -> Result<ReverseRefund, Status> {
    let mut fields = Fields::default();
    let request_id = fields.keep("request_id", RequestId::parse(&request.request_id));
    let refund = fields.keep("refund_id", RefundId::parse(&request.refund_id));
    let amount = match &request.amount {
        Some(amount) => positive(&mut fields, "amount", Some(amount)).map(Some),
        None => Some(None),
    };
    let from = v1::RefundBearer::try_from(request.charged_to).map(bearer_of);
    let from =
        fields.keep("charged_to", from.map_err(|_| "must be one of the bearers of the contract, or unset"));
    let why = fields.keep("remark", Remark::parse(&request.remark));
    let whole = (|| {
        let (request_id, refund) = (request_id?, refund?);
        Some(ReverseRefund { request_id, refund, amount: amount?, from: from?, why: why? })
    })();
    fields.finish(whole)
}

/// Which funds move where.
pub(crate) fn transfer_funds(request: v1::TransferFundsRequest) -> Result<TransferFunds, Status> {
    let mut fields = Fields::default();
    let request_id = fields.keep("request_id", RequestId::parse(&request.request_id));
    let from = fund(&mut fields, "from", request.from);
    let to = fund(&mut fields, "to", request.to);
    let amount = positive(&mut fields, "amount", request.amount.as_ref());
    let whole = (|| Some(TransferFunds { request_id: request_id?, from: from?, to: to?, amount: amount? }))();
    fields.finish(whole)
}

pub(super) fn fund(fields: &mut Fields, field: &str, fund: Option<v1::Fund>) -> Option<Fund> {
    let Some(v1::Fund { kind, merchant_id, receiver, discount_id, funder }) = fund else {
        fields.wrong(field, "is required");
        return None;
    };
    let merchant = match merchant_id.as_str() {
        "" => Some(None),
        text => fields.keep(&format!("{field}.merchant_id"), Merchant::parse(text)).map(Some),
    }?;
    let named = match receiver.as_str() {
        "" => Some(None),
        text => fields.keep(&format!("{field}.receiver"), Receiver::parse(text)).map(Some),
    }?;
    let kind = v1::FundKind::try_from(kind).unwrap_or_default();
    let takes_merchant = matches!(kind, v1::FundKind::Unsettled | v1::FundKind::MerchantBalance);
    if merchant.is_some() && !takes_merchant {
        fields.wrong(format!("{field}.merchant_id"), "goes with UNSETTLED and MERCHANT_BALANCE only");
        return None;
    }
    if named.is_some() != (kind == v1::FundKind::Receiver) {
        fields.wrong(format!("{field}.receiver"), "is required with RECEIVER, and goes with nothing else");
        return None;
    }
    let discount = match discount_id.as_str() {
        "" => Some(None),
        text => fields.keep(&format!("{field}.discount_id"), DiscountId::parse(text)).map(Some),
    }?;
    if discount.is_some() != (kind == v1::FundKind::Budget) {
        fields.wrong(format!("{field}.discount_id"), "is required with BUDGET, and goes with nothing else");
        return None;
    }
    let funder = funder_of(v1::DiscountFunder::try_from(funder).unwrap_or_default());
    if funder.is_some() != (kind == v1::FundKind::Discount) {
        fields.wrong(format!("{field}.funder"), "is required with DISCOUNT, and goes with nothing else");
        return None;
    }
    match (kind, named) {
        (v1::FundKind::Unspecified, _) => {
            fields.wrong(format!("{field}.kind"), "must be one of the kinds of the contract");
            None
        }
        (_, Some(receiver)) => Some(Fund::Receiver(receiver)),
        (v1::FundKind::Outside, _) => Some(Fund::Outside),
        (v1::FundKind::Fee | v1::FundKind::Receiver, _) => Some(Fund::Fees),
        (v1::FundKind::Unsettled, _) => Some(Fund::Bearer(Bearer::UnsettledFunds, merchant)),
        (v1::FundKind::MerchantBalance, _) => Some(Fund::Bearer(Bearer::MerchantBalance, merchant)),
        (v1::FundKind::Platform, _) => Some(Fund::Bearer(Bearer::Platform, None)),
        (v1::FundKind::Insurance, _) => Some(Fund::Bearer(Bearer::Insurance, None)),
        (v1::FundKind::Rail, _) => Some(Fund::Bearer(Bearer::Rail, None)),
        (v1::FundKind::Budget, _) => discount.map(Fund::Budget),
        (v1::FundKind::Discount, _) => funder.map(Fund::Discounts),
    }
}

fn funder_of(funder: v1::DiscountFunder) -> Option<Funder> {
    Some(match funder {
        v1::DiscountFunder::Unspecified => return None,
        v1::DiscountFunder::Rail => Funder::Rail,
        v1::DiscountFunder::PlatformA => Funder::PlatformA,
        v1::DiscountFunder::PlatformB => Funder::PlatformB,
        v1::DiscountFunder::Merchant => Funder::Merchant,
        v1::DiscountFunder::Creator => Funder::Creator,
    })
}

fn reason_of(reason: v1::RefundReason) -> Option<RefundReason> {
    Some(match reason {
        v1::RefundReason::Unspecified => return None,
        v1::RefundReason::NoReason => RefundReason::NoReason,
        v1::RefundReason::NotShipped => RefundReason::NotShipped,
        v1::RefundReason::NotReceived => RefundReason::NotReceived,
        v1::RefundReason::Late => RefundReason::Late,
        v1::RefundReason::Damaged => RefundReason::Damaged,
        v1::RefundReason::Defective => RefundReason::Defective,
        v1::RefundReason::NotAsDescribed => RefundReason::NotAsDescribed,
        v1::RefundReason::WrongItem => RefundReason::WrongItem,
        v1::RefundReason::MissingParts => RefundReason::MissingParts,
        v1::RefundReason::Counterfeit => RefundReason::Counterfeit,
        v1::RefundReason::ServiceNotRendered => RefundReason::ServiceNotRendered,
        v1::RefundReason::PriceProtection => RefundReason::PriceProtection,
        v1::RefundReason::PaidTwice => RefundReason::PaidTwice,
        v1::RefundReason::ReturnFreight => RefundReason::ReturnFreight,
    })
}

fn mode_of(mode: v1::RefundMode) -> Option<RefundMode> {
    Some(match mode {
        v1::RefundMode::Unspecified => return None,
        v1::RefundMode::ReturnAndRefund => RefundMode::ReturnAndRefund,
        v1::RefundMode::RefundWithoutReturn => RefundMode::RefundWithoutReturn,
        v1::RefundMode::AutomaticCompensation => RefundMode::AutomaticCompensation,
        v1::RefundMode::ReturnFreightCover => RefundMode::ReturnFreightCover,
    })
}

fn bearer_of(bearer: v1::RefundBearer) -> Option<Bearer> {
    Some(match bearer {
        v1::RefundBearer::Unspecified => return None,
        v1::RefundBearer::MerchantBalance => Bearer::MerchantBalance,
        v1::RefundBearer::UnsettledFunds => Bearer::UnsettledFunds,
        v1::RefundBearer::Platform => Bearer::Platform,
        v1::RefundBearer::Insurance => Bearer::Insurance,
        v1::RefundBearer::Rail => Bearer::Rail,
    })
}
