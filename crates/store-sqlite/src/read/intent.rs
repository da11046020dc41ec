//! Intents, their journals, and where an order number leads.

use paifang_money::{Currency, Money};
use paifang_payment::intent::Entry;
use paifang_payment::{AccountId, IntentId, OrderNo, TenantId};
use paifang_store::{Amounts, AttemptRef, IntentFilter, IntentRow, Page};
use rusqlite::{Connection, Row, params};

use super::{BEYOND_ALL, all, maybe, page, page_limit, scan_limit};
use crate::fault::Fault;
use crate::value::{body, damaged, get, named};

pub(crate) fn one(
    connection: &Connection,
    tenant: TenantId,
    id: IntentId,
) -> Result<Option<IntentRow>, Fault> {
    let text = "SELECT * FROM intent WHERE id = ?1 AND tenant = ?2";
    maybe(connection, text, params![id.to_string(), tenant.to_string()], intent)
}

pub(crate) fn by_order(
    connection: &Connection,
    account: &AccountId,
    order_no: &OrderNo,
) -> Result<Option<AttemptRef>, Fault> {
    let text = "SELECT tenant, intent, id FROM attempt WHERE rail_account = ?1 AND order_no = ?2
                UNION ALL SELECT tenant, intent, id FROM hold_number JOIN attempt ON attempt.id = hold_number.attempt
                WHERE hold_number.rail_account = ?1 AND number = ?2";
    maybe(connection, text, params![account.as_str(), order_no.as_str()], |row| {
        Ok(AttemptRef {
            tenant: named(row, "tenant")?,
            intent: named(row, "intent")?,
            attempt: named(row, "id")?,
        })
    })
}

pub(crate) fn list(
    connection: &Connection,
    tenant: TenantId,
    filter: &IntentFilter,
    max: usize,
) -> Result<Page<IntentRow>, Fault> {
    let (max, ask) = page_limit(max);
    let tenant = tenant.to_string();
    let before = filter.before.map_or(BEYOND_ALL.to_owned(), |id| id.to_string());
    let rows = match &filter.state {
        None => all(
            connection,
            "SELECT * FROM intent WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
            params![tenant, before, ask],
            intent,
        ),
        Some(state) => all(
            connection,
            "SELECT * FROM intent WHERE tenant = ?1 AND state = ?4 AND id < ?2 ORDER BY id DESC LIMIT ?3",
            params![tenant, before, ask, state],
            intent,
        ),
    };
    rows.map(|rows| page(rows, max))
}

pub(crate) fn scan(
    connection: &Connection,
    after: Option<IntentId>,
    max: usize,
) -> Result<Vec<IntentRow>, Fault> {
    let after = after.map_or(String::new(), |id| id.to_string());
    let text = "SELECT * FROM intent WHERE id > ?1 ORDER BY id LIMIT ?2";
    all(connection, text, params![after, scan_limit(max)], intent)
}

pub(crate) fn journal(connection: &Connection, tenant: TenantId, id: IntentId) -> Result<Vec<Entry>, Fault> {
    let text =
        "SELECT entry.form, entry.body FROM intent_journal AS entry JOIN intent ON intent.id = entry.intent
                WHERE entry.intent = ?1 AND intent.tenant = ?2 ORDER BY entry.seq";
    all(connection, text, params![id.to_string(), tenant.to_string()], body)
}

fn intent(row: &Row<'_>) -> Result<IntentRow, Fault> {
    let code: String = get(row, "currency")?;
    let currency = Currency::parse(&code).map_err(|_| damaged("currency"))?;
    let money = |column| Money::new(get(row, column)?, currency).map_err(|_| damaged(column));
    let (authorized, captured) = (money("authorized")?, money("captured")?);
    let (reserved, refunded) = (money("reserved")?, money("refunded")?);
    Ok(IntentRow { intent: body(row)?, amounts: Amounts { authorized, captured, reserved, refunded } })
}
