//! Our ledger and the rails' own books, side by side.

use std::collections::BTreeMap;

use anyhow::Context;
use paifang_mock_rails::MockRails;
use paifang_proto::v1;

use super::Shop;

/// What a rail believes in all, in fen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RailTotals {
    /// Charged to payers.
    pub paid: i64,
    /// Given back.
    pub refunded: i64,
    /// Set aside by holds that stand.
    pub held: i64,
    /// The largest number of times one order was charged; more than 1 is a double charge.
    pub charges_max: u32,
}

/// What a rail's own books say.
pub fn rail_totals(mocks: &MockRails, rail: &str) -> RailTotals {
    let mut totals = RailTotals::default();
    for entry in mocks.rail(rail).book() {
        totals.paid += match (entry.paid, entry.held_fen) {
            (false, _) => 0,
            (true, 0) => entry.total_fen,
            // Of a hold, what was taken.
            (true, _) => entry.captured_fen,
        };
        totals.held += entry.held_fen - entry.captured_fen - entry.released_fen;
        totals.refunded += entry.refunded_fen;
        totals.charges_max = totals.charges_max.max(entry.charges);
    }
    totals
}

/// Every account of our ledger with its posted balance on its growing side, and what is set aside.
pub async fn ledger_totals(shop: &mut Shop) -> anyhow::Result<BTreeMap<String, (i64, i64)>> {
    let request = v1::ListAccountsRequest { page_size: 200, page_token: String::new() };
    let accounts = shop.ledger.list_accounts(request).await?.into_inner().accounts;
    let mut totals = BTreeMap::new();
    for account in accounts {
        let (account_name, currency_code) = (account.account_name.clone(), account.currency_code.clone());
        let request = v1::GetBalanceRequest { account_name, currency_code };
        let balance = shop.ledger.get_balance(request).await?.into_inner().balance.context("no balance")?;
        let fen = |money: &Option<v1::Money>| money.as_ref().map_or(0, |money| money.minor_units);
        let grown = fen(&balance.debits_posted) - fen(&balance.credits_posted);
        let (posted, pending) = match account.kind() {
            v1::AccountKind::Rail | v1::AccountKind::Outside => (grown, fen(&balance.credits_pending)),
            v1::AccountKind::Merchant
            | v1::AccountKind::SuspenseLate
            | v1::AccountKind::SuspenseStray
            | v1::AccountKind::Fee
            | v1::AccountKind::Receiver
            | v1::AccountKind::Unsettled
            | v1::AccountKind::Balance
            | v1::AccountKind::Platform
            | v1::AccountKind::Insurance
            | v1::AccountKind::RailFund
            | v1::AccountKind::Discount
            | v1::AccountKind::Budget
            | v1::AccountKind::Unspecified => (-grown, fen(&balance.debits_pending)),
        };
        totals.insert(account.account_name, (posted, pending));
    }
    Ok(totals)
}
