//! Refunds, their journals, and where a refund number leads.

use deadpool_postgres::Pool;
use paifang_payment::refund::{Entry, Refund};
use paifang_payment::{AccountId, IntentId, OrderNo, RefundId, TenantId};
use paifang_store::{Page, RefundRef};

use super::{Answer, BEYOND_ALL, all, maybe, page, page_limit, scan_limit};
use crate::value::{body, named};

pub(crate) async fn one(pool: &Pool, tenant: TenantId, id: RefundId) -> Answer<Option<Refund>> {
    let text = "SELECT form, body FROM refund WHERE id = $1 AND tenant = $2";
    maybe(pool, text, &[id.to_string().into(), tenant.to_string().into()], body).await
}

pub(crate) async fn tenant(pool: &Pool, id: RefundId) -> Answer<Option<TenantId>> {
    let text = "SELECT tenant FROM refund WHERE id = $1";
    maybe(pool, text, &[id.to_string().into()], |row| named(row, "tenant")).await
}

pub(crate) async fn by_number(
    pool: &Pool,
    account: &AccountId,
    refund_no: &OrderNo,
) -> Answer<Option<RefundRef>> {
    let text = "SELECT tenant, intent, id FROM refund WHERE rail_account = $1 AND refund_no = $2";
    maybe(pool, text, &[account.as_str().into(), refund_no.as_str().into()], |row| {
        Ok(RefundRef {
            tenant: named(row, "tenant")?,
            intent: named(row, "intent")?,
            refund: named(row, "id")?,
        })
    })
    .await
}

pub(crate) async fn list(
    pool: &Pool,
    tenant: TenantId,
    intent: Option<IntentId>,
    before: Option<RefundId>,
    max: usize,
) -> Answer<Page<Refund>> {
    let (max, ask) = page_limit(max);
    let tenant = tenant.to_string().into();
    let before = before.map_or(BEYOND_ALL.to_owned(), |id| id.to_string()).into();
    let rows = match intent {
        None => {
            let text =
                "SELECT form, body FROM refund WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
            all(pool, text, &[tenant, before, ask.into()], body).await
        }
        Some(intent) => {
            let text = "SELECT form, body FROM refund WHERE tenant = $1 AND intent = $4 AND id < $2
                         ORDER BY id DESC LIMIT $3";
            all(pool, text, &[tenant, before, ask.into(), intent.to_string().into()], body).await
        }
    };
    rows.map(|rows| page(rows, max))
}

pub(crate) async fn scan(pool: &Pool, after: Option<RefundId>, max: usize) -> Answer<Vec<Refund>> {
    let after = after.map_or(String::new(), |id| id.to_string());
    let text = "SELECT form, body FROM refund WHERE id > $1 ORDER BY id LIMIT $2";
    all(pool, text, &[after.into(), scan_limit(max).into()], body).await
}

pub(crate) async fn journal(pool: &Pool, tenant: TenantId, id: RefundId) -> Answer<Vec<Entry>> {
    let text = "SELECT entry.form, entry.body
                  FROM refund_journal AS entry JOIN refund ON refund.id = entry.refund
                 WHERE entry.refund = $1 AND refund.tenant = $2 ORDER BY entry.seq";
    all(pool, text, &[id.to_string().into(), tenant.to_string().into()], body).await
}
