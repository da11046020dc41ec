//! A party as a fund of the contract, and by its name in statements.

use paifang_ledger::{Account, AccountKind};
use paifang_payment::TenantId;
use paifang_proto::v1;
use paifang_shares::Party;
use paifang_shares::discounts::Funder;

/// The fund that an account of the storefront's own is; `None` where it is none that funds are moved between.
pub fn fund(tenant: TenantId, account: &Account) -> Option<v1::Fund> {
    let party = paifang_store::net::party(tenant, account)?;
    let (_, of) = party.as_str().split_once(':').unwrap_or((party.as_str(), ""));
    let kind = match account.kind() {
        AccountKind::Rail
        | AccountKind::Merchant
        | AccountKind::SuspenseLate
        | AccountKind::SuspenseStray => return None,
        AccountKind::Fee => v1::FundKind::Fee,
        AccountKind::Receiver => v1::FundKind::Receiver,
        AccountKind::Unsettled => v1::FundKind::Unsettled,
        AccountKind::Balance => v1::FundKind::MerchantBalance,
        AccountKind::Platform => v1::FundKind::Platform,
        AccountKind::Insurance => v1::FundKind::Insurance,
        AccountKind::RailFund => v1::FundKind::Rail,
        AccountKind::Discount => v1::FundKind::Discount,
        AccountKind::Budget => v1::FundKind::Budget,
        AccountKind::Outside => v1::FundKind::Outside,
    };
    let named = |wanted: &[v1::FundKind]| if wanted.contains(&kind) { of.to_owned() } else { String::new() };
    let funder = Funder::ALL.into_iter().find(|funder| kind == v1::FundKind::Discount && funder.word() == of);
    Some(v1::Fund {
        kind: kind.into(),
        merchant_id: named(&[v1::FundKind::Unsettled, v1::FundKind::MerchantBalance]),
        receiver: named(&[v1::FundKind::Receiver]),
        discount_id: named(&[v1::FundKind::Budget]),
        funder: funder.map_or(v1::DiscountFunder::Unspecified, crate::grpc::funder).into(),
    })
}

/// The name of the party that a fund is; `None` where it is none of the contract's, or lacks its own name.
pub fn name(fund: &v1::Fund) -> Option<String> {
    let of = |kind: &str, name: &str| (!name.is_empty()).then(|| format!("{kind}:{name}"));
    let merchants = |kind: &str| of(kind, &fund.merchant_id).or(Some(kind.to_owned()));
    match fund.kind() {
        v1::FundKind::Unspecified => None,
        v1::FundKind::Outside => Some("outside".to_owned()),
        v1::FundKind::Fee => Some("fee".to_owned()),
        v1::FundKind::Receiver => of("receiver", &fund.receiver),
        v1::FundKind::Unsettled => merchants("unsettled"),
        v1::FundKind::MerchantBalance => merchants("balance"),
        v1::FundKind::Platform => Some("platform".to_owned()),
        v1::FundKind::Insurance => Some("insurance".to_owned()),
        v1::FundKind::Rail => Some("rail_fund".to_owned()),
        v1::FundKind::Budget => of("budget", &fund.discount_id),
        v1::FundKind::Discount => of("discount", funder_word(fund.funder())?),
    }
}

/// The fund that a party's name stands for; `None` for a name that no party has.
pub fn named(party: &Party) -> Option<v1::Fund> {
    let (_, of) = party.as_str().split_once(':').unwrap_or((party.as_str(), ""));
    let all = (1..).map_while(|kind| v1::FundKind::try_from(kind).ok());
    let fund = |kind: v1::FundKind| {
        let of = of.to_owned();
        let fund = v1::Fund { kind: kind.into(), ..Default::default() };
        match kind {
            v1::FundKind::Receiver => v1::Fund { receiver: of, ..fund },
            v1::FundKind::Unsettled | v1::FundKind::MerchantBalance => v1::Fund { merchant_id: of, ..fund },
            v1::FundKind::Budget => v1::Fund { discount_id: of, ..fund },
            v1::FundKind::Discount => {
                let mut all = (1..).map_while(|funder| v1::DiscountFunder::try_from(funder).ok());
                let funder = all.find(|funder| funder_word(*funder) == Some(of.as_str()));
                v1::Fund { funder: funder.unwrap_or_default().into(), ..fund }
            }
            v1::FundKind::Unspecified
            | v1::FundKind::Outside
            | v1::FundKind::Fee
            | v1::FundKind::Platform
            | v1::FundKind::Insurance
            | v1::FundKind::Rail => fund,
        }
    };
    let fits = |fund: &v1::Fund| name(fund).as_deref() == Some(party.as_str());
    all.map(fund).find(fits)
}

/// The word of a funder in names of parties.
pub(super) fn funder_word(funder: v1::DiscountFunder) -> Option<&'static str> {
    match funder {
        v1::DiscountFunder::Unspecified => None,
        v1::DiscountFunder::Rail => Some("rail"),
        v1::DiscountFunder::PlatformA => Some("platform_a"),
        v1::DiscountFunder::PlatformB => Some("platform_b"),
        v1::DiscountFunder::Merchant => Some("merchant"),
        v1::DiscountFunder::Creator => Some("creator"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_party_is_a_fund_and_back() {
        let tenant = TenantId::from_parts(jiff::Timestamp::UNIX_EPOCH, [1; 10]);
        for text in [
            "outside",
            "fee",
            "receiver:streamer",
            "unsettled",
            "unsettled:m/1:a",
            "balance",
            "balance:m-1",
            "platform",
            "insurance",
            "rail_fund",
            "budget:festival",
            "discount:platform_b",
        ] {
            let fund_of = named(&Party::parse(text).unwrap()).unwrap();
            assert_eq!(name(&fund_of).as_deref(), Some(text));
            let (kind, of) =
                text.split_once(':').map_or((text, String::new()), |(kind, of)| (kind, format!("/{of}")));
            let account = Account::parse(&format!("{kind}:{tenant}{of}")).unwrap();
            assert_eq!(fund(tenant, &account), Some(fund_of), "{text}");
        }
        for text in [
            "storefront",
            "merchant",
            "rail:alipay-main",
            "receiver",
            "receiver:",
            "fee:x",
            "discount:x",
            "budget",
        ] {
            assert_eq!(Party::parse(text).ok().and_then(|party| named(&party)), None, "{text}");
        }
    }
}
