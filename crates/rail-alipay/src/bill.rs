//! The daily trade bill: where it lies (`alipay.data.dataservice.bill.downloadurl.query`), and what is in it.
//!
//! The answer is signed and names a URL that lives for about half a minute; the file itself is not signed. It is a zip of two
//! CSV files in GBK, of which the detail is read, line by line, and held against its own totals.

mod archive;
mod csv;
mod table;

use paifang_payment::Doubt;
use paifang_rail::{
    Context, Exchange, Finding, Method, PlanError, Reply, StatementError, StatementFile, StatementLine,
    StatementProof, StatementWish,
};
use serde::Serialize;

use crate::answer::{self, Heard};
use crate::api::Api;
use crate::body::Body;
use crate::settings::Protocol;
use crate::{Settings, codes, descriptor, origin, request, v3};

/// `bill_file_code` of a day on which nothing moved.
const EMPTY: &str = "EMPTY_DATA_WITH_BILL_FILE";

/// Documented maximum of `bill_download_url`.
const URL_BYTES_MAX: usize = 2048;

#[derive(Serialize)]
struct Content<'a> {
    bill_type: &'a str,
    bill_date: &'a str,
}

/// Asks where the bill of a day lies.
pub(crate) fn plan(
    settings: &Settings,
    wish: &StatementWish,
    cx: &Context<'_>,
) -> Result<Exchange, PlanError> {
    if wish.kind != descriptor::TRADE_BILL {
        return Err(PlanError::Unsupported("this bill"));
    }
    let day = wish.day.to_string();
    match settings.protocol {
        Protocol::V2 => {
            let content = Content { bill_type: wish.kind, bill_date: &day };
            request::exchange(settings, Api::BillUrl, &content, cx)
        }
        Protocol::V3 => v3::get(settings, Api::BillUrl, &[("bill_type", wish.kind), ("bill_date", &day)], cx),
    }
}

/// What the answer says: an address, no movements, not yet, or no. It does not name the day; the file does.
pub(crate) fn read(settings: &Settings, reply: &Reply, cx: &Context<'_>) -> Finding {
    match answer::open(settings, Api::BillUrl, reply, cx).and_then(answer::sorted) {
        Ok(Heard::Success(body, _)) => found(settings, &body),
        Ok(Heard::InProcess(body, _) | Heard::Failure(body, _)) => codes::finding(Api::BillUrl, &body),
        Err(unclear) => Finding::Unknown(unclear.doubt),
    }
}

fn found(settings: &Settings, body: &Body) -> Finding {
    if body.bill_file_code.as_deref() == Some(EMPTY) {
        return Finding::NoMovements { signed: true };
    }
    let url = body.bill_download_url.as_deref().unwrap_or_default();
    if url.len() > URL_BYTES_MAX || !origin::has_bills(url, &settings.gateway) {
        return Finding::Unknown(Doubt::Unreadable);
    }
    let exchange =
        Exchange { method: Method::Get, url: url.to_owned(), headers: Vec::new(), body: Vec::new() };
    Finding::Download { exchange, digest: None }
}

/// Reads the file.
pub(crate) fn read_file(
    settings: &Settings,
    wish: &StatementWish,
    file: &mut dyn StatementFile,
    line: &mut dyn FnMut(StatementLine),
) -> Result<StatementProof, StatementError> {
    if wish.kind != descriptor::TRADE_BILL {
        return Err(StatementError::Unsupported);
    }
    let totals = archive::with_detail(file, |lines| table::read(&settings.seller_id, wish.day, lines, line))?;
    Ok(StatementProof { genuine: None, totals })
}
