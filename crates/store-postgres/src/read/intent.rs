//! Intents, their journals, and where an order number leads.

use deadpool_postgres::Pool;
use paifang_money::{Currency, Money};
use paifang_payment::intent::Entry;
use paifang_payment::{AccountId, IntentId, OrderNo, TenantId};
use paifang_store::{Amounts, AttemptRef, IntentFilter, IntentRow, Page};
use tokio_postgres::Row;

use super::{Answer, BEYOND_ALL, all, maybe, page, page_limit, scan_limit};
use crate::value::{body, damaged, get, named};

pub(crate) async fn one(pool: &Pool, tenant: TenantId, id: IntentId) -> Answer<Option<IntentRow>> {
    let text = "SELECT currency, authorized, captured, reserved, refunded, form, body
                  FROM intent WHERE id = $1 AND tenant = $2";
    maybe(pool, text, &[id.to_string().into(), tenant.to_string().into()], intent).await
}

pub(crate) async fn by_order(
    pool: &Pool,
    account: &AccountId,
    order_no: &OrderNo,
) -> Answer<Option<AttemptRef>> {
    let text = "SELECT tenant, intent, id FROM rail_number JOIN attempt ON attempt.id = rail_number.attempt
                 WHERE rail_number.rail_account = $1 AND number = $2";
    maybe(pool, text, &[account.as_str().into(), order_no.as_str().into()], |row| {
        Ok(AttemptRef {
            tenant: named(row, "tenant")?,
            intent: named(row, "intent")?,
            attempt: named(row, "id")?,
        })
    })
    .await
}

pub(crate) async fn list(
    pool: &Pool,
    tenant: TenantId,
    filter: &IntentFilter,
    max: usize,
) -> Answer<Page<IntentRow>> {
    let (max, ask) = page_limit(max);
    let tenant = tenant.to_string().into();
    let before = filter.before.map_or(BEYOND_ALL.to_owned(), |id| id.to_string()).into();
    let rows = match &filter.state {
        None => {
            let text = "SELECT currency, authorized, captured, reserved, refunded, form, body
                          FROM intent WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
            all(pool, text, &[tenant, before, ask.into()], intent).await
        }
        Some(state) => {
            let text = "SELECT currency, authorized, captured, reserved, refunded, form, body
                          FROM intent WHERE tenant = $1 AND state = $4 AND id < $2 ORDER BY id DESC LIMIT $3";
            all(pool, text, &[tenant, before, ask.into(), state.as_str().into()], intent).await
        }
    };
    rows.map(|rows| page(rows, max))
}

pub(crate) async fn scan(pool: &Pool, after: Option<IntentId>, max: usize) -> Answer<Vec<IntentRow>> {
    let after = after.map_or(String::new(), |id| id.to_string());
    let text = "SELECT currency, authorized, captured, reserved, refunded, form, body
                  FROM intent WHERE id > $1 ORDER BY id LIMIT $2";
    all(pool, text, &[after.into(), scan_limit(max).into()], intent).await
}

pub(crate) async fn journal(pool: &Pool, tenant: TenantId, id: IntentId) -> Answer<Vec<Entry>> {
    let text = "SELECT entry.form, entry.body
                  FROM intent_journal AS entry JOIN intent ON intent.id = entry.intent
                 WHERE entry.intent = $1 AND intent.tenant = $2 ORDER BY entry.seq";
    all(pool, text, &[id.to_string().into(), tenant.to_string().into()], body).await
}

fn intent(row: &Row) -> Answer<IntentRow> {
    let code: String = get(row, "currency")?;
    let currency = Currency::parse(&code).map_err(|_| damaged("currency"))?;
    let money = |column| Money::new(get(row, column)?, currency).map_err(|_| damaged(column));
    let (authorized, captured) = (money("authorized")?, money("captured")?);
    let (reserved, refunded) = (money("reserved")?, money("refunded")?);
    Ok(IntentRow { intent: body(row)?, amounts: Amounts { authorized, captured, reserved, refunded } })
}
