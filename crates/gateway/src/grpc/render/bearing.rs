//! Who bears a refund.

use paifang_money::Money;
use paifang_payment::refund::Refund;
use paifang_proto::v1;
use paifang_shares::bearing::Bearing;
use paifang_shares::refund_terms::{RefundMode, RefundReason};
use paifang_shares::waterfall::{Allocation, Bearer};
use paifang_store::Reversed;

use super::{discount, division, money, time};

/// Who bears a refund, as it stands now; `None` where that is the storefront and nobody else.
pub(super) fn bearing(refund: &Refund) -> Option<v1::RefundBearing> {
    let Bearing { granted, merchant, given_back, discounts, .. } = refund.bearing()?;
    let grant = granted.as_ref().map(|granted| &granted.grant);
    let receivers = given_back.iter().flat_map(|amounts| &amounts.receivers);
    let bearers = refund.allocation.iter().flat_map(Allocation::borne);
    let reversed = refund.allocation.as_ref().map(Allocation::reversed).filter(|amount| is_some(*amount));
    Some(v1::RefundBearing {
        policy_version: refund.terms.granted_by.map_or(0, |by| by.version),
        rule: grant.map(|grant| grant.rule.to_string()).unwrap_or_default(),
        mode: grant.map_or(v1::RefundMode::Unspecified, |grant| mode(grant.mode)).into(),
        reason: granted
            .as_ref()
            .map_or(v1::RefundReason::Unspecified, |granted| reason(granted.reason))
            .into(),
        waterfall: grant.map(|grant| grant.waterfall.to_string()).unwrap_or_default(),
        deadline_time: grant.map(|grant| time(grant.deadline)),
        appeal_until_time: grant.map(|grant| time(grant.appeal_until)),
        merchant_id: merchant.as_ref().map(ToString::to_string).unwrap_or_default(),
        receivers: receivers.map(|(receiver, amount)| division::part(receiver, *amount)).collect(),
        bearers: bearers
            .map(|borne| v1::BearerAmount {
                bearer: bearer(borne.bearer).into(),
                amount: Some(money(borne.amount)),
                limit: Some(money(borne.limit)),
            })
            .collect(),
        short_amount: refund.short().map(|short| money(short.money())),
        reversed_amount: reversed.map(money),
        discounts: discount::given_back(discounts),
    })
}

/// What a reversal gave back.
pub(super) fn reversal(reversed: &Reversed) -> v1::RefundReversal {
    let returned = reversed.back.iter().map(|(to, amount)| v1::ReturnedAmount {
        bearer: bearer(*to).into(),
        amount: Some(money(amount.money())),
    });
    v1::RefundReversal {
        version: i64::try_from(reversed.version).unwrap_or(i64::MAX),
        returned: returned.collect(),
        charged_to: reversed.from.map_or(v1::RefundBearer::Unspecified, bearer).into(),
    }
}

fn is_some(amount: Money) -> bool {
    amount.minor_units() > 0
}

fn bearer(bearer: Bearer) -> v1::RefundBearer {
    match bearer {
        Bearer::MerchantBalance => v1::RefundBearer::MerchantBalance,
        Bearer::UnsettledFunds => v1::RefundBearer::UnsettledFunds,
        Bearer::Platform => v1::RefundBearer::Platform,
        Bearer::Insurance => v1::RefundBearer::Insurance,
        Bearer::Rail => v1::RefundBearer::Rail,
    }
}

fn mode(mode: RefundMode) -> v1::RefundMode {
    match mode {
        RefundMode::ReturnAndRefund => v1::RefundMode::ReturnAndRefund,
        RefundMode::RefundWithoutReturn => v1::RefundMode::RefundWithoutReturn,
        RefundMode::AutomaticCompensation => v1::RefundMode::AutomaticCompensation,
        RefundMode::ReturnFreightCover => v1::RefundMode::ReturnFreightCover,
    }
}

fn reason(reason: RefundReason) -> v1::RefundReason {
    match reason {
        RefundReason::NoReason => v1::RefundReason::NoReason,
        RefundReason::NotShipped => v1::RefundReason::NotShipped,
        RefundReason::NotReceived => v1::RefundReason::NotReceived,
        RefundReason::Late => v1::RefundReason::Late,
        RefundReason::Damaged => v1::RefundReason::Damaged,
        RefundReason::Defective => v1::RefundReason::Defective,
        RefundReason::NotAsDescribed => v1::RefundReason::NotAsDescribed,
        RefundReason::WrongItem => v1::RefundReason::WrongItem,
        RefundReason::MissingParts => v1::RefundReason::MissingParts,
        RefundReason::Counterfeit => v1::RefundReason::Counterfeit,
        RefundReason::ServiceNotRendered => v1::RefundReason::ServiceNotRendered,
        RefundReason::PriceProtection => v1::RefundReason::PriceProtection,
        RefundReason::PaidTwice => v1::RefundReason::PaidTwice,
        RefundReason::ReturnFreight => v1::RefundReason::ReturnFreight,
    }
}
