//! Refunds, their journals, and where a refund number leads.

use paifang_payment::refund::{Entry, Refund};
use paifang_payment::{AccountId, IntentId, OrderNo, RefundId, TenantId};
use paifang_store::{Page, RefundRef};
use rusqlite::{Connection, params};

use super::{BEYOND_ALL, all, maybe, page, page_limit, scan_limit};
use crate::fault::Fault;
use crate::value::{body, named};

pub(crate) fn one(connection: &Connection, tenant: TenantId, id: RefundId) -> Result<Option<Refund>, Fault> {
    let text = "SELECT form, body FROM refund WHERE id = ?1 AND tenant = ?2";
    maybe(connection, text, params![id.to_string(), tenant.to_string()], body)
}

pub(crate) fn tenant(connection: &Connection, id: RefundId) -> Result<Option<TenantId>, Fault> {
    maybe(connection, "SELECT tenant FROM refund WHERE id = ?1", params![id.to_string()], |row| {
        named(row, "tenant")
    })
}

pub(crate) fn by_number(
    connection: &Connection,
    account: &AccountId,
    refund_no: &OrderNo,
) -> Result<Option<RefundRef>, Fault> {
    let text = "SELECT tenant, intent, id FROM refund WHERE rail_account = ?1 AND refund_no = ?2";
    maybe(connection, text, params![account.as_str(), refund_no.as_str()], |row| {
        Ok(RefundRef {
            tenant: named(row, "tenant")?,
            intent: named(row, "intent")?,
            refund: named(row, "id")?,
        })
    })
}

pub(crate) fn list(
    connection: &Connection,
    tenant: TenantId,
    intent: Option<IntentId>,
    before: Option<RefundId>,
    max: usize,
) -> Result<Page<Refund>, Fault> {
    let (max, ask) = page_limit(max);
    let tenant = tenant.to_string();
    let before = before.map_or(BEYOND_ALL.to_owned(), |id| id.to_string());
    let rows = match intent {
        None => all(
            connection,
            "SELECT form, body FROM refund WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
            params![tenant, before, ask],
            body,
        ),
        Some(intent) => all(
            connection,
            "SELECT form, body FROM refund WHERE tenant = ?1 AND intent = ?4 AND id < ?2
             ORDER BY id DESC LIMIT ?3",
            params![tenant, before, ask, intent.to_string()],
            body,
        ),
    };
    rows.map(|rows| page(rows, max))
}

pub(crate) fn scan(
    connection: &Connection,
    after: Option<RefundId>,
    max: usize,
) -> Result<Vec<Refund>, Fault> {
    let after = after.map_or(String::new(), |id| id.to_string());
    let text = "SELECT form, body FROM refund WHERE id > ?1 ORDER BY id LIMIT ?2";
    all(connection, text, params![after, scan_limit(max)], body)
}

pub(crate) fn journal(connection: &Connection, tenant: TenantId, id: RefundId) -> Result<Vec<Entry>, Fault> {
    let text =
        "SELECT entry.form, entry.body FROM refund_journal AS entry JOIN refund ON refund.id = entry.refund
                WHERE entry.refund = ?1 AND refund.tenant = ?2 ORDER BY entry.seq";
    all(connection, text, params![id.to_string(), tenant.to_string()], body)
}
