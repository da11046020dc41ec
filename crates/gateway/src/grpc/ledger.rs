//! `LedgerService`: the tenant's book, read only.

use paifang_engine::ports::{Environment, Rails, Transport};
use paifang_ledger::Account;
use paifang_money::Currency;
use paifang_payment::TenantId;
use paifang_proto::v1;
use paifang_proto::v1::ledger_service_server::LedgerService;
use paifang_store::{AccountBalance, Store};
use tonic::{Request, Response, Status};

use super::call::{Call, fitting};
use super::parse::{self, Fields};
use super::status::{self, Named};
use super::token::{self, Scope};
use super::{Api, render};

#[tonic::async_trait]
impl<S: Store, R: Rails, T: Transport, E: Environment> LedgerService for Api<S, R, T, E> {
    async fn list_accounts(
        &self,
        request: Request<v1::ListAccountsRequest>,
    ) -> Result<Response<v1::ListAccountsResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let mut fields = Fields::default();
        let max = parse::page_size(&mut fields, call.message.page_size);
        let scope = Scope::new(self.engine.names(), call.tenant, "accounts", "");
        let after = parse::page_token(&mut fields, &scope, &call.message.page_token, |bytes| {
            String::from_utf8(bytes.to_vec()).ok()
        });
        fields.check()?;
        let mut rows = self.balances(call.tenant).await?;
        rows.sort_by_key(place);
        rows.retain(|row| after.as_ref().is_none_or(|after| place(row) > *after));
        let last = rows.get(max.saturating_sub(1)).filter(|_| rows.len() > max);
        let next_page_token = last.map(|last| scope.seal(place(last).as_bytes())).unwrap_or_default();
        let accounts = rows.iter().take(max).map(|row| render::account(&row.account, row.currency));
        let accounts = accounts.collect();
        Ok(Response::new(v1::ListAccountsResponse { accounts, next_page_token }))
    }

    async fn get_balance(
        &self,
        request: Request<v1::GetBalanceRequest>,
    ) -> Result<Response<v1::GetBalanceResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::GetBalanceRequest { account_name, currency_code } = call.message;
        let mut fields = Fields::default();
        let account = fields.keep("account_name", Account::parse(&account_name));
        let currency = Currency::parse(&currency_code);
        let currency = currency.map_err(|_| "must be an ISO 4217 currency code in capitals, such as CNY");
        let currency = fields.keep("currency_code", currency);
        let (account, currency) = fields.finish(account.zip(currency))?;
        let rows = self.balances(call.tenant).await?;
        let row = rows.iter().find(|row| row.account == account && row.currency == currency);
        let about = Named { kind: "paifang.v1.Account", id: &account_name };
        let row = row.ok_or_else(|| status::not_found(about))?;
        let Some(balance) = render::balance(row) else {
            tracing::error!(%account, %currency, "a balance is larger than the contract's integer");
            return Err(status::internal());
        };
        Ok(Response::new(v1::GetBalanceResponse { balance: Some(balance) }))
    }

    async fn list_transfers(
        &self,
        request: Request<v1::ListTransfersRequest>,
    ) -> Result<Response<v1::ListTransfersResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let mut fields = Fields::default();
        let max = parse::page_size(&mut fields, call.message.page_size);
        let scope = Scope::new(self.engine.names(), call.tenant, "transfers", "");
        let after = parse::page_token(&mut fields, &scope, &call.message.page_token, token::position);
        fields.check()?;
        let rows = self.engine.store().transfers_after(Some(call.tenant), after.unwrap_or(0), max).await;
        let rows = rows.map_err(|error| status::store(&error))?;
        let full = rows.len() >= max;
        let (transfers, cut) = fitting(rows.iter().map(render::transfer).collect());
        // A full page may be the last one; the page after it is empty then.
        let last = transfers.len().checked_sub(1).and_then(|last| rows.get(last)).filter(|_| cut || full);
        let next_page_token = last.map(|last| scope.seal(&last.position.to_be_bytes())).unwrap_or_default();
        Ok(Response::new(v1::ListTransfersResponse { transfers, next_page_token }))
    }
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Api<S, R, T, E> {
    async fn balances(&self, tenant: TenantId) -> Result<Vec<AccountBalance>, Status> {
        self.engine.store().balances(tenant).await.map_err(|error| status::store(&error))
    }
}

/// Where an account stands in the list: by name, then by currency.
fn place(row: &AccountBalance) -> String {
    format!("{} {}", row.account, row.currency)
}
