//! `StatementService`: net statements of the storefront and its parties, out of the book.

use jiff::Timestamp;
use paifang_engine::ports::{Environment, Rails, Transport};
use paifang_ledger::Account;
use paifang_payment::TenantId;
use paifang_proto::v1;
use paifang_proto::v1::statement_service_server::StatementService;
use paifang_shares::Party;
use paifang_shares::statement::Period;
use paifang_store::net::{self, NetError};
use paifang_store::{BookedFrom, Store};
use tonic::{Request, Response, Status};

use super::call::{Call, fitting};
use super::parse::{self, Fields};
use super::status::{self, Named};
use super::token::Scope;
use super::{Api, render};

/// Entries that are folded for one call at most: some 40 MB. Whoever has more lists them.
const ENTRIES_MAX: usize = 100_000;

/// Statements that are folded at once, one for each storefront; a further one is turned away.
pub(crate) const FOLDS_MAX: usize = 4;

#[tonic::async_trait]
impl<S: Store, R: Rails, T: Transport, E: Environment> StatementService for Api<S, R, T, E> {
    async fn get_net_statement(
        &self,
        request: Request<v1::GetNetStatementRequest>,
    ) -> Result<Response<v1::GetNetStatementResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::GetNetStatementRequest { party, year, month, time_zone } = call.message;
        let mut fields = Fields::default();
        let now = self.engine.now();
        let asked = parse::statement(&mut fields, party, (year, month, &time_zone), now);
        let asked = fields.finish(asked)?;
        let account = asked.party.account(call.tenant);
        let party = self.known_party(call.tenant, &account).await?;
        let fold = self.statements.enter(false).and_then(|fold| self.statements.admit(fold, call.tenant));
        let Some(_fold) = fold else { return Err(status::overloaded()) };
        let folded =
            net::statement(self.engine.store(), call.tenant, &account, asked.period, ENTRIES_MAX).await;
        let statement = folded.map_err(|error| refused(&error))?;
        let Some(statement) = render::statement(&statement, &party, now) else {
            tracing::error!(%account, "a balance is larger than the contract's integer");
            return Err(status::internal());
        };
        Ok(Response::new(v1::GetNetStatementResponse { statement: Some(statement) }))
    }

    async fn list_net_statement_entries(
        &self,
        request: Request<v1::ListNetStatementEntriesRequest>,
    ) -> Result<Response<v1::ListNetStatementEntriesResponse>, Status> {
        let call = Call::of(request, self.options.wait_ms_max)?;
        let v1::ListNetStatementEntriesRequest { party, year, month, time_zone, page_size, page_token } =
            call.message;
        let mut fields = Fields::default();
        let max = parse::page_size(&mut fields, page_size);
        let asked = parse::statement(&mut fields, party, (year, month, &time_zone), self.engine.now());
        let asked = fields.finish(asked)?;
        let account = asked.party.account(call.tenant);
        let Period { from, until } = asked.period;
        let filter = format!("{account} {from} {until}");
        let scope = Scope::new(self.engine.names(), call.tenant, "net statement", &filter);
        let mut fields = Fields::default();
        let after = parse::page_token(&mut fields, &scope, &page_token, place_of);
        fields.check()?;
        let party = self.known_party(call.tenant, &account).await?;
        let after = after.unwrap_or(BookedFrom::start(from));
        let rows = self.engine.store().account_transfers(call.tenant, &account, &after, until, max).await;
        let rows = rows.map_err(|error| status::store(&error))?;
        let entries: Result<Vec<_>, NetError> =
            rows.iter().map(|row| Ok(render::statement_entry(&net::entry(row, &account, &party)?))).collect();
        let (entries, cut) = fitting(entries.map_err(|error| refused(&error))?);
        let full = rows.len() >= max;
        // A full page may be the last one; the page after it is empty then.
        let last = entries.len().checked_sub(1).and_then(|last| rows.get(last)).filter(|_| cut || full);
        let next_page_token =
            last.map(|last| scope.seal(&place(&BookedFrom::after(last)))).unwrap_or_default();
        Ok(Response::new(v1::ListNetStatementEntriesResponse { entries, next_page_token }))
    }
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Api<S, R, T, E> {
    /// The party that an account is, where anything that counts was ever booked for it.
    async fn known_party(&self, tenant: TenantId, account: &Account) -> Result<Party, Status> {
        let party = net::party(tenant, account).ok_or_else(|| {
            tracing::error!(%account, "a fund is no party");
            status::internal()
        })?;
        let ever = BookedFrom::start(Timestamp::UNIX_EPOCH);
        let first = self.engine.store().account_transfers(tenant, account, &ever, Timestamp::MAX, 1).await;
        match first.map_err(|error| status::store(&error))?.is_empty() {
            true => Err(status::not_found(Named { kind: "paifang.v1.Fund", id: party.as_str() })),
            false => Ok(party),
        }
    }
}

fn refused(error: &NetError) -> Status {
    match error {
        NetError::TooMany(max) => status::statement_too_large(*max),
        NetError::Store(error) => status::store(error),
        NetError::NoParty(_) | NetError::Odd(..) | NetError::Statement(_) => {
            tracing::error!(%error, "the book makes no net statement");
            status::internal()
        }
    }
}

/// Where a page begins, as a payload: nanoseconds since 1970, then the key.
fn place(from: &BookedFrom) -> Vec<u8> {
    let nanos = i64::try_from(from.at.as_nanosecond()).unwrap_or(i64::MAX);
    [nanos.to_be_bytes().as_slice(), from.after.as_bytes()].concat()
}

fn place_of(bytes: &[u8]) -> Option<BookedFrom> {
    let (nanos, after) = bytes.split_first_chunk::<8>()?;
    let at = Timestamp::from_nanosecond(i64::from_be_bytes(*nanos).into()).ok()?;
    Some(BookedFrom { at, after: String::from_utf8(after.to_vec()).ok()? })
}
